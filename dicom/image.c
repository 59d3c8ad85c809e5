/* image.c - pixel format, geometry and display attributes of an image object. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "dicom/dictionary.h"
#include "dicom/display.h"
#include "dicom/image_internal.h"
#include "dicom/text.h"

#define FRAMES_MAX 1000000 /* of one object: a whole slide has 100,000 */
#define LOSSY_STEPS_MAX 16 /* lossy compressions, one after the other, whose ratios are looked at */

static const struct {
    const char *text;
    kh_photometric photometric;
} photometrics[] = {
    {"MONOCHROME1", KH_PHOTOMETRIC_MONOCHROME1}, {"MONOCHROME2", KH_PHOTOMETRIC_MONOCHROME2},
    {"PALETTE COLOR", KH_PHOTOMETRIC_PALETTE},   {"RGB", KH_PHOTOMETRIC_RGB},
    {"YBR_FULL", KH_PHOTOMETRIC_YBR_FULL},       {"YBR_FULL_422", KH_PHOTOMETRIC_YBR_FULL_422},
    {"YBR_RCT", KH_PHOTOMETRIC_YBR_RCT},         {"YBR_ICT", KH_PHOTOMETRIC_YBR_ICT},
};

const char *kh_photometric_text(kh_photometric photometric)
{
    for (size_t i = 0; i < sizeof(photometrics) / sizeof(photometrics[0]); i++) {
        if (photometrics[i].photometric == photometric)
            return photometrics[i].text;
    }
    return "OTHER";
}

kh_status kh_image_fault(kh_status status, kh_tag tag, int64_t got, int64_t low, int64_t high, kh_error *err)
{
    return kh_error_set(err, status, "%s (%04X,%04X) %" PRId64 ", expected %" PRId64 " to %" PRId64,
                        kh_dictionary_keyword(tag), KH_TAG_ARGS(tag), got, low, high);
}

/* An integer attribute between low and high; fallback when absent, or an error when fallback is below low. */
static kh_status read_int(int64_t *out, const kh_item *item, kh_tag tag, int64_t low, int64_t high, int64_t fallback,
                          kh_error *err)
{
    if (!kh_item_int(item, tag, 0, out)) {
        if (fallback < low)
            return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) absent or not a number", kh_dictionary_keyword(tag),
                                KH_TAG_ARGS(tag));
        *out = fallback;
    }
    if (*out < low || *out > high)
        return kh_image_fault(KH_E_FORMAT, tag, *out, low, high, err);
    return KH_OK;
}

static kh_photometric read_photometric(const kh_item *item, unsigned samples)
{
    char text[17];

    if (!kh_item_string(item, KH_TAG_PHOTOMETRIC_INTERPRETATION, 0, text, sizeof(text)))
        return samples == 1 ? KH_PHOTOMETRIC_MONOCHROME2 : KH_PHOTOMETRIC_RGB;
    for (size_t i = 0; i < sizeof(photometrics) / sizeof(photometrics[0]); i++) {
        if (strcmp(photometrics[i].text, text) == 0)
            return photometrics[i].photometric;
    }
    return KH_PHOTOMETRIC_OTHER;
}

static kh_status read_samples(kh_pixel_format *format, const kh_item *item, kh_error *err)
{
    int64_t samples = 0, planar = 0;
    kh_status status = read_int(&samples, item, KH_TAG_SAMPLES_PER_PIXEL, 1, UINT16_MAX, 1, err);

    if (status == KH_OK && samples != 1 && samples != 3)
        status =
            kh_error_set(err, KH_E_UNSUPPORTED, "SamplesPerPixel (0028,0002) %" PRId64 ", expected 1 or 3", samples);
    if (status == KH_OK && samples == 3)
        status = read_int(&planar, item, KH_TAG_PLANAR_CONFIGURATION, 0, 1, 0, err);
    format->samples = (uint16_t)samples;
    format->planar = planar == 1;
    format->photometric = read_photometric(item, format->samples);
    return status;
}

/* PS3.5 8.1.1: stored bits lie inside the allocated ones, up to the high bit. */
static kh_status read_bits(kh_pixel_format *format, const kh_item *item, kh_error *err)
{
    int64_t allocated = 0, stored = 0, high = 0, is_signed = 0;
    kh_status status = read_int(&allocated, item, KH_TAG_BITS_ALLOCATED, 1, UINT16_MAX, 0, err);

    if (status == KH_OK && allocated != 1 && allocated != 8 && allocated != 16 && allocated != 32 && allocated != 64)
        status = kh_error_set(err, KH_E_UNSUPPORTED,
                              "BitsAllocated (0028,0100) %" PRId64 ", expected 1, 8, 16, 32 or 64", allocated);
    if (status == KH_OK)
        status = read_int(&stored, item, KH_TAG_BITS_STORED, 1, allocated, allocated, err);
    if (status == KH_OK)
        status = read_int(&high, item, KH_TAG_HIGH_BIT, stored - 1, allocated - 1, stored - 1, err);
    if (status == KH_OK)
        status = read_int(&is_signed, item, KH_TAG_PIXEL_REPRESENTATION, 0, 1, 0, err);
    format->bits_allocated = (uint16_t)allocated;
    format->bits_stored = (uint16_t)stored;
    format->high_bit = (uint16_t)high;
    format->is_signed = is_signed == 1;
    return status;
}

static kh_status read_format(kh_pixel_format *format, const kh_item *item, kh_error *err)
{
    bool is_float = kh_item_find(item, KH_TAG_FLOAT_PIXEL_DATA),
         is_double = kh_item_find(item, KH_TAG_DOUBLE_FLOAT_PIXEL_DATA);
    int64_t rows = 0, columns = 0;
    kh_status status;

    if (!kh_item_find(item, KH_TAG_PIXEL_DATA) && !is_float && !is_double)
        return kh_error_set(err, KH_E_NOT_FOUND, "no PixelData (7FE0,0010)");
    is_float = is_float && !kh_item_find(item, KH_TAG_PIXEL_DATA);
    is_double = is_double && !kh_item_find(item, KH_TAG_PIXEL_DATA) && !is_float;
    status = read_int(&rows, item, KH_TAG_ROWS, 1, UINT16_MAX, 0, err);
    if (status == KH_OK)
        status = read_int(&columns, item, KH_TAG_COLUMNS, 1, UINT16_MAX, 0, err);
    if (status == KH_OK)
        status = read_samples(format, item, err);
    if (status != KH_OK)
        return status;
    format->rows = (uint32_t)rows;
    format->columns = (uint32_t)columns;
    if (!is_float && !is_double)
        return read_bits(format, item, err);
    format->is_float = true;
    format->bits_allocated = format->bits_stored = is_float ? 32 : 64;
    format->high_bit = (uint16_t)(format->bits_stored - 1);
    return KH_OK;
}

/* US or SS as the pixels are, whatever VR was written: the bits are the same (PS3.3 C.7.5.1.1.2). */
static bool read_stored_value(int64_t *out, const kh_item *item, kh_tag tag, bool is_signed)
{
    if (!kh_item_int(item, tag, 0, out))
        return false;
    if (is_signed && *out > INT16_MAX)
        *out -= 65536;
    if (!is_signed && *out < 0)
        *out += 65536;
    return true;
}

static void read_padding(kh_image_info *info, const kh_item *item)
{
    int64_t limit;

    if (info->format.samples != 1 || info->format.is_float ||
        !read_stored_value(&info->padding_low, item, KH_TAG_PIXEL_PADDING_VALUE, info->format.is_signed))
        return;
    info->has_padding = true;
    info->padding_high = info->padding_low;
    if (!read_stored_value(&limit, item, KH_TAG_PIXEL_PADDING_RANGE_LIMIT, info->format.is_signed))
        return;
    if (limit < info->padding_low)
        info->padding_low = limit;
    else
        info->padding_high = limit;
}

void kh_image_read_values(char *out, size_t out_size, const kh_item *item, kh_tag tag)
{
    const kh_element *element = kh_item_find(item, tag);
    size_t size = element && element->value ? (size_t)element->length : 0;

    if (size >= out_size)
        size = out_size - 1;
    if (size > 0)
        memcpy(out, element->value, size);
    out[size] = '\0';
    for (size = strlen(out); size > 0 && out[size - 1] == ' '; size--)
        out[size - 1] = '\0';
}

static void read_lossy(kh_image_info *info, const kh_dataset *dataset, const kh_item *item)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    char text[17];

    info->lossy_source =
        (syntax && syntax->lossy) ||
        (kh_item_string(item, KH_TAG_LOSSY_IMAGE_COMPRESSION, 0, text, sizeof(text)) && strcmp(text, "01") == 0);
    for (uint32_t i = 0; i < LOSSY_STEPS_MAX; i++) {
        double ratio;

        if (kh_item_double(item, KH_TAG_LOSSY_IMAGE_COMPRESSION_RATIO, i, &ratio) && ratio > info->lossy_ratio)
            info->lossy_ratio = ratio;
    }
    kh_image_read_values(info->lossy_method, sizeof info->lossy_method, item, KH_TAG(0x0028, 0x2114));
}

static void read_aspect(kh_image_info *info, const kh_item *item)
{
    const kh_slice_info *slice = &info->slices[0];
    double ratio[2];

    info->pixel_aspect = 1;
    if (slice->spacing_source != KH_SPACING_NONE)
        info->pixel_aspect = slice->row_spacing_mm / slice->column_spacing_mm;
    else if (kh_slice_doubles(ratio, 2, item, KH_TAG_PIXEL_ASPECT_RATIO) && ratio[0] > 0 && ratio[1] > 0)
        info->pixel_aspect = ratio[0] / ratio[1]; /* vertical \ horizontal (PS3.3 C.7.6.3.1.7) */
}

static int32_t read_number(const kh_item *item, kh_tag tag)
{
    int64_t number;

    if (!kh_item_int(item, tag, 0, &number) || number <= INT32_MIN || number > INT32_MAX)
        return INT32_MIN;
    return (int32_t)number;
}

static double read_time(const kh_item *item, kh_tag tag)
{
    double value;

    return kh_item_double(item, tag, 0, &value) && value > 0 ? value : 0;
}

/* Mammograms since Digital Mammography tell the view as a code (PS3.16 CID 4014), in SNOMED's old form or its present one. */
static void read_view(kh_image_info *info, const kh_item *item)
{
    static const struct {
        const char *code, *view;
    } views[] = {{"R-10242", "CC"}, {"399162004", "CC"}, {"R-10226", "MLO"}, {"399368009", "MLO"},
                 {"R-10224", "ML"}, {"399260004", "ML"}, {"R-10228", "LM"},  {"399352003", "LM"}};
    const kh_item *coded = kh_item_first(item, KH_TAG(0x0054, 0x0220));
    char code[17];

    if (kh_item_string(item, KH_TAG(0x0018, 0x5101), 0, info->view_position, sizeof info->view_position) || !coded ||
        !kh_item_string(coded, KH_TAG(0x0008, 0x0100), 0, code, sizeof code))
        return;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (strcmp(views[i].code, code) == 0)
            snprintf(info->view_position, sizeof info->view_position, "%s", views[i].view);
}

static void read_texts(kh_image_info *info, const kh_item *item)
{
    char shape[17];
    const kh_item *anatomy = kh_item_first(item, KH_TAG(0x0020, 0x9071));

    (void)kh_item_string(item, KH_TAG_MODALITY, 0, info->modality, sizeof(info->modality));
    (void)kh_item_string(item, KH_TAG_FRAME_OF_REFERENCE_UID, 0, info->frame_of_reference_uid,
                         sizeof(info->frame_of_reference_uid));
    if (!kh_item_string(item, KH_TAG(0x0020, 0x0062), 0, info->laterality, sizeof(info->laterality)) &&
        !kh_item_string(item, KH_TAG_LATERALITY, 0, info->laterality, sizeof(info->laterality)) && anatomy)
        (void)kh_item_string(anatomy, KH_TAG(0x0020, 0x9072), 0, info->laterality, sizeof(info->laterality));
    read_view(info, item);
    kh_image_read_values(info->image_type, sizeof info->image_type, item, KH_TAG_IMAGE_TYPE);
    if (kh_item_find(item, KH_TAG(0x0020, 0x0020))) /* else a functional group may have told */
        kh_image_read_values(info->patient_orientation, sizeof info->patient_orientation, item, KH_TAG(0x0020, 0x0020));
    /* CT values are Hounsfield units without saying so, except in localizers (PS3.3 C.8.2.1.1.2). */
    if (!info->rescale_type[0] &&
        !kh_item_string(item, KH_TAG_RESCALE_TYPE, 0, info->rescale_type, sizeof(info->rescale_type)) &&
        strcmp(info->modality, "CT") == 0 && kh_item_find(item, KH_TAG_RESCALE_SLOPE) &&
        !strstr(info->image_type, "LOCALIZER"))
        memcpy(info->rescale_type, "HU", 3);
    if (!info->rescale_type[0] && strcmp(info->modality, "PT") == 0) /* whose unit has a place of its own (PS3.3 C.8.9.1) */
        (void)kh_item_string(item, KH_TAG(0x0054, 0x1001), 0, info->rescale_type, sizeof(info->rescale_type));
    info->inverse =
        kh_item_string(item, KH_TAG_PRESENTATION_LUT_SHAPE, 0, shape, sizeof(shape)) && strcmp(shape, "INVERSE") == 0;
}

static kh_status read_frame_count(kh_image_info *info, const kh_item *item, kh_error *err)
{
    int64_t count;

    if (!kh_item_int(item, KH_TAG_NUMBER_OF_FRAMES, 0, &count) || count == 0)
        count = 1; /* absent, or empty as some writers leave it */
    if (count < 1)
        return kh_image_fault(KH_E_FORMAT, KH_TAG_NUMBER_OF_FRAMES, count, 1, FRAMES_MAX, err);
    if (count > FRAMES_MAX)
        return kh_image_fault(KH_E_LIMIT, KH_TAG_NUMBER_OF_FRAMES, count, 1, FRAMES_MAX, err);
    info->frame_count = (uint32_t)count;
    return KH_OK;
}

static kh_status read_info(kh_image_info *info, const kh_dataset *dataset, kh_error *err)
{
    const kh_item *item = kh_dataset_main(dataset);
    kh_slice_info base = {.rescale_slope = 1};
    kh_status status = read_format(&info->format, item, err);

    if (status == KH_OK)
        status = read_frame_count(info, item, err);
    if (status != KH_OK)
        return status;
    kh_slice_read_position(&base, item);
    kh_slice_read_orientation(&base, item);
    kh_slice_read_measures(&base, item);
    kh_slice_read_windows(&base, item);
    kh_slice_read_rescale(&base, item);
    info->echo_time_ms = read_time(item, KH_TAG_ECHO_TIME);
    info->repetition_time_ms = read_time(item, KH_TAG_REPETITION_TIME);
    status = kh_image_read_slices(info, item, &base, err);
    if (status == KH_OK)
        status = kh_image_read_voi_luts(info, dataset, err);
    if (status == KH_OK)
        status = kh_us_regions_read(&info->us_regions, &info->us_region_count, item, err);
    if (status != KH_OK)
        return status;
    info->format.overlay_bits = kh_overlay_bits(item, &info->format);
    info->instance_number = read_number(item, KH_TAG_INSTANCE_NUMBER);
    info->acquisition_number = read_number(item, KH_TAG_ACQUISITION_NUMBER);
    info->display = (uint8_t)kh_display_parts(item, info->frame_count);
    read_padding(info, item);
    read_lossy(info, dataset, item);
    read_aspect(info, item);
    read_texts(info, item);
    return kh_cine_read(&info->cine, item, info->frame_count, err);
}

kh_status kh_image_info_read(kh_image_info *out, const kh_dataset *dataset, kh_error *err)
{
    kh_image_info info = {0};
    kh_status status = read_info(&info, dataset, err);

    *out = (kh_image_info){0};
    if (status == KH_OK)
        *out = info;
    else
        kh_image_info_release(&info);
    return status;
}

void kh_image_info_release(kh_image_info *info)
{
    free(info->slices);
    free(info->voi_luts);
    free(info->us_regions);
    kh_cine_release(&info->cine);
    info->slices = NULL;
    info->voi_luts = NULL;
    info->us_regions = NULL;
    info->slice_count = info->voi_lut_count = info->us_region_count = 0;
}

const kh_slice_info *kh_image_info_slice(const kh_image_info *info, uint32_t frame)
{
    return &info->slices[info->slice_count == 1 ? 0 : frame];
}

bool kh_pixel_format_frame_bytes(const kh_pixel_format *format, size_t *out)
{
    size_t values, bits;

    if (!kh_size_mul(&values, format->rows, format->columns))
        return false;
    if (format->photometric == KH_PHOTOMETRIC_YBR_FULL_422 && format->samples == 3 && format->bits_allocated == 8)
        return kh_size_mul(out, values, 2);
    if (!kh_size_mul(&values, values, format->samples) || !kh_size_mul(&bits, values, format->bits_allocated) ||
        !kh_size_add(&bits, bits, 7))
        return false;
    *out = bits / 8;
    return true;
}
