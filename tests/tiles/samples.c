#include "tests/tiles/samples.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include "base/log.h"
#include "dicom/tag.h"
#include "dicom/writer.h"

#define CT_IMAGE_STORAGE "1.2.840.10008.5.1.4.1.1.2"
#define REPORT_STORAGE "1.2.840.10008.5.1.4.1.1.88.11"
#define UID_ROOT "1.2.392.200036.9999.77"

#define MUST(call)                                                                                                             \
    do {                                                                                                                       \
        kh_error must_err = KH_ERROR_INIT, *err = &must_err;                                                                   \
        if ((call) != KH_OK) {                                                                                                 \
            fprintf(stderr, "%s: %s\n", #call, must_err.message);                                                              \
            abort();                                                                                                           \
        }                                                                                                                      \
    } while (0)

void samples_open(samples *s)
{
    kh_cache_options options = kh_cache_options_default;

    *s = (samples){.next_uid = 1};
    kh_log_set_level(KH_LOG_ERROR);
    snprintf(s->dir, sizeof s->dir, "samples-XXXXXX");
    if (!mkdtemp(s->dir))
        abort();
    MUST(kh_page_create(&s->page, err));
    options.dir = s->dir;
    options.owner = true;
    options.page = s->page;
    options.reserve_bytes = 0;
    options.frames_bytes_max = 64u << 20;
    MUST(kh_cache_open(&s->cache, &options, err));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void samples_close(samples *s)
{
    kh_cache_close(s->cache);
    kh_page_free(s->page);
    nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_identity(kh_writer *w, const sample_image *image, const char *sop_class, const char *sop_uid)
{
    char uid[65];

    kh_writer_text(w, KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), "ISO_IR 192");
    kh_writer_text(w, KH_TAG_IMAGE_TYPE, KH_VR('C', 'S'), "ORIGINAL\\PRIMARY\\AXIAL");
    kh_writer_text(w, KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), sop_class);
    kh_writer_text(w, KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), sop_uid);
    kh_writer_text(w, KH_TAG_STUDY_DATE, KH_VR('D', 'A'), image->date ? image->date : "20261103");
    kh_writer_text(w, KH_TAG_STUDY_TIME, KH_VR('T', 'M'), "101500");
    kh_writer_text(w, KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), "A1001");
    kh_writer_text(w, KH_TAG_MODALITY, KH_VR('C', 'S'), image->no_pixels ? "SR" : "CT");
    kh_writer_text(w, KH_TAG_STUDY_DESCRIPTION, KH_VR('L', 'O'), "\xe8\x83\xb8\xe8\x85\xb9\xe9\x83\xa8" "CT");
    kh_writer_text(w, KH_TAG_SERIES_DESCRIPTION, KH_VR('L', 'O'), "5mm axial");
    kh_writer_text(w, KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), image->name ? image->name : "Test^Sample");
    kh_writer_text(w, KH_TAG_PATIENT_ID, KH_VR('L', 'O'), image->patient_id ? image->patient_id : "P-1");
    kh_writer_text(w, KH_TAG_PATIENT_BIRTH_DATE, KH_VR('D', 'A'), "19560214");
    kh_writer_text(w, KH_TAG_PATIENT_SEX, KH_VR('C', 'S'), "F");
    snprintf(uid, sizeof uid, UID_ROOT ".1.%u", image->study);
    kh_writer_text(w, KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), uid);
    snprintf(uid, sizeof uid, UID_ROOT ".2.%u.%u", image->study, image->series);
    kh_writer_text(w, KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), uid);
    kh_writer_is(w, KH_TAG_SERIES_NUMBER, image->series);
    kh_writer_is(w, KH_TAG_INSTANCE_NUMBER, image->instance);
}

static void write_pixels(kh_writer *w, const sample_image *image)
{
    size_t count = (size_t)image->rows * image->columns;
    uint16_t *pixels = malloc(count * sizeof *pixels);

    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint16_t)(image->value + 1024 + (int)(i % image->columns) / 64);
    kh_writer_bytes(w, KH_TAG(0x7fe0, 0x0010), KH_VR('O', 'W'), pixels, count * sizeof *pixels);
    free(pixels);
}

static void write_image(kh_writer *w, const sample_image *image)
{
    const double position[3] = {-180, -180, image->z_mm}, orientation[6] = {1, 0, 0, 0, 1, 0}, spacing[2] = {0.7, 0.7};
    const uint16_t one = 1, zero = 0, allocated = image->broken ? 13 : 16, stored = 12, high = 11;

    kh_writer_ds(w, KH_TAG_IMAGE_POSITION_PATIENT, position, 3);
    kh_writer_ds(w, KH_TAG_IMAGE_ORIENTATION_PATIENT, orientation, 6);
    kh_writer_us(w, KH_TAG_SAMPLES_PER_PIXEL, &one, 1);
    kh_writer_text(w, KH_TAG_PHOTOMETRIC_INTERPRETATION, KH_VR('C', 'S'), "MONOCHROME2");
    kh_writer_us(w, KH_TAG_ROWS, &image->rows, 1);
    kh_writer_us(w, KH_TAG_COLUMNS, &image->columns, 1);
    kh_writer_ds(w, KH_TAG_PIXEL_SPACING, spacing, 2);
    kh_writer_us(w, KH_TAG_BITS_ALLOCATED, &allocated, 1);
    kh_writer_us(w, KH_TAG_BITS_STORED, &stored, 1);
    kh_writer_us(w, KH_TAG_HIGH_BIT, &high, 1);
    kh_writer_us(w, KH_TAG_PIXEL_REPRESENTATION, &zero, 1);
    kh_writer_text(w, KH_TAG_WINDOW_CENTER, KH_VR('D', 'S'), "40");
    kh_writer_text(w, KH_TAG(0x0028, 0x1051), KH_VR('D', 'S'), "400");
    kh_writer_text(w, KH_TAG(0x0028, 0x1052), KH_VR('D', 'S'), "-1024");
    kh_writer_text(w, KH_TAG(0x0028, 0x1053), KH_VR('D', 'S'), "1");
    write_pixels(w, image);
}

static void write_object(kh_buf *out, const sample_image *image, const char *sop_uid)
{
    const char *sop_class = image->no_pixels ? REPORT_STORAGE : CT_IMAGE_STORAGE;
    kh_writer *w;

    MUST(kh_part10_header(out, sop_class, sop_uid, "1.2.840.10008.1.2.1", "TEST", err));
    MUST(kh_writer_create(&w, out, true, "ISO_IR 192", err));
    write_identity(w, image, sop_class, sop_uid);
    if (!image->no_pixels)
        write_image(w, image);
    MUST(kh_writer_finish(w, err));
    kh_writer_free(w);
}

kh_ingest_result samples_add(samples *s, const sample_image *image)
{
    const kh_origin origin = {.facility = image->facility ? image->facility : "city-hospital", .source = "test"};
    kh_ingest_result result;
    kh_incoming *incoming;
    char sop_uid[65];
    kh_buf file;

    kh_buf_init(&file, 256u << 20);
    snprintf(sop_uid, sizeof sop_uid, UID_ROOT ".3.%u", s->next_uid++);
    write_object(&file, image, sop_uid);
    MUST(kh_ingest_begin(&incoming, s->cache, file.size, err));
    MUST(kh_ingest_write(incoming, file.data, file.size, err));
    MUST(kh_ingest_commit(incoming, &origin, NULL, &result, err));
    kh_buf_release(&file);
    return result;
}

bool samples_add_file(samples *s, const char *file, kh_ingest_result *last)
{
    static const kh_origin origin = {.facility = "city-hospital", .source = "test"};
    const char *data = getenv("KH_DATA");
    char path[1024];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", data ? data : KH_PROJECT_DIR "/../shared/data", file);
    if (stat(path, &info) != 0) {
        printf("no test data at %s: not tested\n", path);
        return false;
    }
    MUST(kh_ingest_file(s->cache, path, &origin, last, err));
    return true;
}

bool samples_add_folder(samples *s, const char *folder, int max, kh_ingest_result *last)
{
    static const kh_origin origin = {.facility = "city-hospital", .source = "test"};
    const char *data = getenv("KH_DATA");
    char path[1024];
    DIR *dir;
    struct dirent *entry;
    int added = 0;

    snprintf(path, sizeof path, "%s/%s", data ? data : KH_PROJECT_DIR "/../shared/data", folder);
    dir = opendir(path);
    if (!dir) {
        printf("no test data at %s: not tested\n", path);
        return false;
    }
    while (added < max && (entry = readdir(dir)) != NULL) {
        struct stat info;
        size_t used = strlen(path);

        snprintf(path + used, sizeof path - used, "/%s", entry->d_name);
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && strcmp(entry->d_name, "DICOMDIR") != 0) {
            MUST(kh_ingest_file(s->cache, path, &origin, last, err));
            added++;
        }
        path[used] = '\0';
    }
    closedir(dir);
    return added > 0;
}

bool sample_jpeg_read(const uint8_t *jpeg, size_t size, int *width, int *height, int *middle)
{
    tjhandle decoder = tjInitDecompress();
    int subsampling, colour;
    uint8_t *pixels = NULL;
    bool read = tjDecompressHeader3(decoder, jpeg, size, width, height, &subsampling, &colour) == 0;

    if (read) {
        pixels = malloc((size_t)*width * (size_t)*height);
        read = tjDecompress2(decoder, jpeg, size, pixels, *width, 0, *height, TJPF_GRAY, 0) == 0;
    }
    if (read)
        *middle = pixels[(size_t)(*height / 2) * (size_t)*width + (size_t)(*width / 2)];
    free(pixels);
    tjDestroy(decoder);
    return read;
}

int sample_linear_window(double value, double center, double width)
{
    double y = ((value - (center - 0.5)) / (width - 1) + 0.5) * 255;

    return (int)lround(y < 0 ? 0 : y > 255 ? 255 : y);
}
