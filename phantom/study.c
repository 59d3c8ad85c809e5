#include "phantom/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/writer.h"
#include "phantom/random.h"

#define CHARSET "\\ISO 2022 IR 87"
#define CT_INTERCEPT (-1024)
#define AE KH_VR('A', 'E')
#define AS KH_VR('A', 'S')
#define CS KH_VR('C', 'S')
#define DA KH_VR('D', 'A')
#define LO KH_VR('L', 'O')
#define PN KH_VR('P', 'N')
#define SH KH_VR('S', 'H')
#define TM KH_VR('T', 'M')
#define UI KH_VR('U', 'I')

void ph_uid(char out[KH_UID_SIZE], uint64_t seed, ph_uid_kind kind, unsigned study, unsigned series, unsigned instance)
{
    uint64_t state = seed ^ (uint64_t)kind << 56 ^ (uint64_t)study << 44 ^ (uint64_t)series << 32 ^ instance;
    unsigned __int128 value;
    char digits[40];
    size_t at = sizeof digits;

    /* Two rounds of mixing keep near seeds and near numbers apart; version and variant are those of a UUID of
     * version 4. */
    state = ph_random(&state);
    value = (unsigned __int128)((ph_random(&state) & ~(uint64_t)0xf000) | 0x4000) << 64;
    value |= (ph_random(&state) >> 2) | 0x8000000000000000u;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    snprintf(out, KH_UID_SIZE, "2.25.%s", digits + at);
}

static const char *image_type(const ph_image *image)
{
    return image->series->kind == PH_KIND_SCOUT ? "ORIGINAL\\PRIMARY\\LOCALIZER"
           : image->series->kind == PH_KIND_CT  ? "ORIGINAL\\PRIMARY\\AXIAL"
                                                : "ORIGINAL\\PRIMARY\\M\\SE";
}

static const char *sop_class(const ph_image *image)
{
    return image->series->kind == PH_KIND_MR ? KH_SOP_MR_IMAGE : KH_SOP_CT_IMAGE;
}

static void write_general(kh_writer *w, const ph_image *image, const char *instance_uid)
{
    const ph_study *study = image->series->study;

    kh_writer_text(w, KH_TAG_SPECIFIC_CHARACTER_SET, CS, CHARSET);
    kh_writer_text(w, KH_TAG_IMAGE_TYPE, CS, image_type(image));
    kh_writer_text(w, KH_TAG_SOP_CLASS_UID, UI, sop_class(image));
    kh_writer_text(w, KH_TAG_SOP_INSTANCE_UID, UI, instance_uid);
    kh_writer_text(w, KH_TAG_STUDY_DATE, DA, study->date);
    kh_writer_text(w, KH_TAG_SERIES_DATE, DA, study->date);
    kh_writer_text(w, KH_TAG_ACQUISITION_DATE, DA, study->date);
    kh_writer_text(w, KH_TAG_CONTENT_DATE, DA, study->date);
    kh_writer_text(w, KH_TAG_STUDY_TIME, TM, study->time);
    kh_writer_text(w, KH_TAG_SERIES_TIME, TM, study->time);
    kh_writer_text(w, KH_TAG_ACQUISITION_TIME, TM, study->time);
    kh_writer_text(w, KH_TAG_CONTENT_TIME, TM, study->time);
    kh_writer_text(w, KH_TAG_ACCESSION_NUMBER, SH, study->accession);
    kh_writer_text(w, KH_TAG_MODALITY, CS, study->modality);
    kh_writer_text(w, KH_TAG_MANUFACTURER, LO, "KAKEHASHI PHANTOM");
    kh_writer_text(w, KH_TAG_INSTITUTION_NAME, LO, "架空総合病院");
    kh_writer_text(w, KH_TAG_REFERRING_PHYSICIAN_NAME, PN, "Tameshi^Ichirou=試^一郎=ためし^いちろう");
    kh_writer_text(w, KH_TAG_STUDY_DESCRIPTION, LO, study->description);
    kh_writer_text(w, KH_TAG_SERIES_DESCRIPTION, LO, image->series->description);
    kh_writer_text(w, KH_TAG_MANUFACTURER_MODEL_NAME, LO, study->model);
}

static void write_patient(kh_writer *w, const ph_study *study)
{
    const ph_patient *patient = study->patient;

    kh_writer_text(w, KH_TAG_PATIENT_NAME, PN, patient->name);
    kh_writer_text(w, KH_TAG_PATIENT_ID, LO, patient->id);
    kh_writer_text(w, KH_TAG_ISSUER_OF_PATIENT_ID, LO, "KAKUU");
    kh_writer_text(w, KH_TAG_PATIENT_BIRTH_DATE, DA, patient->birth_date);
    kh_writer_text(w, KH_TAG_PATIENT_SEX, CS, patient->sex);
    kh_writer_text(w, KH_TAG_PATIENT_AGE, AS, study->age);
}

static void put_ds(kh_writer *w, kh_tag tag, double value)
{
    kh_writer_ds(w, tag, &value, 1);
}

static void write_ct_acquisition(kh_writer *w, const ph_series *series)
{
    bool scout = series->kind == PH_KIND_SCOUT;

    kh_writer_text(w, KH_TAG(0x0018, 0x0010), LO, scout ? "" : "IV");
    kh_writer_text(w, KH_TAG_BODY_PART_EXAMINED, CS, series->study->body_part);
    kh_writer_text(w, KH_TAG(0x0018, 0x0022), CS, scout ? "SCOUT MODE" : "HELICAL MODE");
    put_ds(w, KH_TAG_SLICE_THICKNESS, series->thickness_mm);
    put_ds(w, KH_TAG_KVP, 120);
    put_ds(w, KH_TAG(0x0018, 0x0090), 500);
    kh_writer_text(w, KH_TAG(0x0018, 0x1020), LO, "KAKEHASHI_0_1");
    kh_writer_text(w, KH_TAG_PROTOCOL_NAME, LO, series->protocol);
    put_ds(w, KH_TAG(0x0018, 0x1100), series->columns * series->spacing_mm);
    put_ds(w, KH_TAG_GANTRY_TILT, 0);
    put_ds(w, KH_TAG(0x0018, 0x1130), 118);
    kh_writer_is(w, KH_TAG(0x0018, 0x1150), 500);
    kh_writer_is(w, KH_TAG_X_RAY_TUBE_CURRENT, scout ? 20 : 260);
    kh_writer_is(w, KH_TAG(0x0018, 0x1152), scout ? 80 : 130);
    kh_writer_text(w, KH_TAG_CONVOLUTION_KERNEL, SH, scout ? "SCOUT" : "SOFT");
    kh_writer_text(w, KH_TAG_PATIENT_POSITION, CS, "HFS");
}

static void write_mr_acquisition(kh_writer *w, const ph_series *series)
{
    const uint16_t matrix[4] = {0, series->columns, series->rows, 0};

    kh_writer_text(w, KH_TAG_BODY_PART_EXAMINED, CS, series->study->body_part);
    kh_writer_text(w, KH_TAG(0x0018, 0x0020), CS, "SE");
    kh_writer_text(w, KH_TAG(0x0018, 0x0021), CS, series->echo_ms > 50 ? "SK" : "NONE");
    kh_writer_text(w, KH_TAG(0x0018, 0x0022), CS, "");
    kh_writer_text(w, KH_TAG(0x0018, 0x0023), CS, "2D");
    put_ds(w, KH_TAG_SLICE_THICKNESS, series->thickness_mm);
    put_ds(w, KH_TAG_REPETITION_TIME, series->repetition_ms);
    put_ds(w, KH_TAG_ECHO_TIME, series->echo_ms);
    put_ds(w, KH_TAG(0x0018, 0x0083), 1);
    kh_writer_text(w, KH_TAG(0x0018, 0x0085), SH, "1H");
    put_ds(w, KH_TAG(0x0018, 0x0087), 1.5);
    put_ds(w, KH_TAG_SPACING_BETWEEN_SLICES, series->gap_mm);
    kh_writer_is(w, KH_TAG(0x0018, 0x0091), series->echo_ms > 50 ? 16 : 1);
    kh_writer_text(w, KH_TAG(0x0018, 0x1020), LO, "KAKEHASHI_0_1");
    kh_writer_text(w, KH_TAG_PROTOCOL_NAME, LO, series->protocol);
    kh_writer_us(w, KH_TAG(0x0018, 0x1310), matrix, 4);
    put_ds(w, KH_TAG(0x0018, 0x1314), 90);
    kh_writer_text(w, KH_TAG_PATIENT_POSITION, CS, "HFS");
}

static void write_relation(kh_writer *w, const ph_image *image, const char *study_uid)
{
    const ph_series *series = image->series;
    char uid[KH_UID_SIZE];

    kh_writer_text(w, KH_TAG_STUDY_INSTANCE_UID, UI, study_uid);
    ph_uid(uid, image->seed, PH_UID_SERIES, series->study->number, series->number, 0);
    kh_writer_text(w, KH_TAG_SERIES_INSTANCE_UID, UI, uid);
    kh_writer_text(w, KH_TAG_STUDY_ID, SH, series->study->id);
    kh_writer_is(w, KH_TAG_SERIES_NUMBER, series->number);
    kh_writer_is(w, KH_TAG_ACQUISITION_NUMBER, 1);
    kh_writer_is(w, KH_TAG_INSTANCE_NUMBER, image->instance);
    kh_writer_ds(w, KH_TAG_IMAGE_POSITION_PATIENT, image->position_mm, 3);
    kh_writer_ds(w, KH_TAG_IMAGE_ORIENTATION_PATIENT, series->orientation, 6);
    ph_uid(uid, image->seed, PH_UID_FRAME, series->study->number, 0, 0);
    kh_writer_text(w, KH_TAG_FRAME_OF_REFERENCE_UID, UI, uid);
    kh_writer_text(w, KH_TAG(0x0020, 0x1040), LO, "");
    put_ds(w, KH_TAG_SLICE_LOCATION, image->location_mm);
}

static void write_windows(kh_writer *w, const ph_series *series)
{
    static const double ct_centers[] = {40, -600, 400}, ct_widths[] = {400, 1500, 1800};

    if (series->kind == PH_KIND_CT) {
        kh_writer_ds(w, KH_TAG_WINDOW_CENTER, ct_centers, 3);
        kh_writer_ds(w, KH_TAG_WINDOW_WIDTH, ct_widths, 3);
    } else {
        put_ds(w, KH_TAG_WINDOW_CENTER, series->window_center);
        put_ds(w, KH_TAG_WINDOW_WIDTH, series->window_width);
    }
    if (series->kind != PH_KIND_MR) {
        put_ds(w, KH_TAG_RESCALE_INTERCEPT, CT_INTERCEPT);
        put_ds(w, KH_TAG_RESCALE_SLOPE, 1);
        kh_writer_text(w, KH_TAG_RESCALE_TYPE, LO, "HU");
    }
    if (series->kind == PH_KIND_CT)
        kh_writer_text(w, KH_TAG_WINDOW_EXPLANATION, LO, "腹部\\肺野\\骨");
}

static void put_us(kh_writer *w, kh_tag tag, uint16_t value)
{
    kh_writer_us(w, tag, &value, 1);
}

static kh_status write_pixels(kh_writer *w, const ph_image *image, kh_error *err)
{
    const ph_series *series = image->series;
    const double spacing[2] = {series->spacing_mm, series->spacing_mm};
    size_t count = (size_t)series->rows * series->columns;
    uint8_t *bytes = malloc(count * 2);

    if (!bytes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu pixels", count);
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (uint8_t)image->pixels[i];
        bytes[2 * i + 1] = (uint8_t)(image->pixels[i] >> 8);
    }
    put_us(w, KH_TAG_SAMPLES_PER_PIXEL, 1);
    kh_writer_text(w, KH_TAG_PHOTOMETRIC_INTERPRETATION, CS, "MONOCHROME2");
    put_us(w, KH_TAG_ROWS, series->rows);
    put_us(w, KH_TAG_COLUMNS, series->columns);
    kh_writer_ds(w, KH_TAG_PIXEL_SPACING, spacing, 2);
    put_us(w, KH_TAG_BITS_ALLOCATED, 16);
    put_us(w, KH_TAG_BITS_STORED, 12);
    put_us(w, KH_TAG_HIGH_BIT, 11);
    put_us(w, KH_TAG_PIXEL_REPRESENTATION, 0);
    write_windows(w, series);
    kh_writer_bytes(w, KH_TAG_PIXEL_DATA, KH_VR('O', 'W'), bytes, count * 2);
    free(bytes);
    return KH_OK;
}

kh_status ph_image_write(kh_buf *out, const ph_image *image, kh_error *err)
{
    const ph_series *series = image->series;
    char study_uid[KH_UID_SIZE], instance_uid[KH_UID_SIZE];
    kh_writer *w = NULL;
    kh_status status;

    ph_uid(study_uid, image->seed, PH_UID_STUDY, series->study->number, 0, 0);
    ph_uid(instance_uid, image->seed, PH_UID_INSTANCE, series->study->number, series->number, image->instance);
    status = kh_part10_header(out, sop_class(image), instance_uid, KH_TS_EXPLICIT_LE, "PHANTOM", err);
    if (status == KH_OK)
        status = kh_writer_create(&w, out, true, CHARSET, err);
    if (status != KH_OK)
        return status;
    write_general(w, image, instance_uid);
    write_patient(w, series->study);
    if (series->kind == PH_KIND_MR)
        write_mr_acquisition(w, series);
    else
        write_ct_acquisition(w, series);
    write_relation(w, image, study_uid);
    status = write_pixels(w, image, err);
    if (status == KH_OK)
        status = kh_writer_finish(w, err);
    kh_writer_free(w);
    return status;
}
