#include "support.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/check.h"
#include "dicom/syntax.h"
#include "dicom/writer.h"

void temp_dir_make(temp_dir *dir)
{
    const char *base = getenv("TMPDIR");

    snprintf(dir->path, sizeof dir->path, "%s/kh-test-XXXXXX", base && base[0] ? base : ".");
    if (!mkdtemp(dir->path))
        fail_msg("mkdtemp %s", dir->path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_dir_remove(temp_dir *dir)
{
    nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int temp_dir_count(const temp_dir *dir, const char *name)
{
    char path[1024];
    struct dirent *entry;
    int count = 0;
    DIR *open_dir;

    snprintf(path, sizeof path, "%s/%s", dir->path, name);
    open_dir = opendir(path);
    assert_non_null(open_dir);
    while ((entry = readdir(open_dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(open_dir);
    return count;
}

static kh_cache *open_with(const kh_cache_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;

    if (kh_cache_open(&cache, options, &err) != KH_OK)
        fail_msg("cache does not open: %s", err.message);
    return cache;
}

kh_cache *cache_open(const temp_dir *dir)
{
    kh_cache_options options = kh_cache_options_default;

    options.dir = dir->path;
    options.owner = true;
    options.reserve_bytes = 0;
    options.frames_bytes_max = 16 << 20;
    return open_with(&options);
}

kh_cache *cache_open_reader(const temp_dir *dir, kh_page *page)
{
    kh_cache_options options = kh_cache_options_default;

    options.dir = dir->path;
    options.page = page;
    options.frames_bytes_max = 16 << 20;
    return open_with(&options);
}

uint16_t sample_pixel(const sample *s, int frame, int i)
{
    return (uint16_t)(((unsigned)i * 2654435761u + (unsigned)frame * 40503u + s->seed * 69069u) >> 7 & 0xfff);
}

static void write_pixels(kh_writer *writer, const sample *s, int rows, int columns, int bits)
{
    size_t per_frame = (size_t)rows * (size_t)columns, frames = s->frames > 1 ? (size_t)s->frames : 1;
    size_t size = bits == 1 ? (per_frame * frames + 7) / 8 : per_frame * frames * (size_t)bits / 8;
    uint8_t *bytes = calloc(size + 2, 1);

    for (size_t frame = 0; frame < frames; frame++)
        for (size_t i = 0; i < per_frame; i++) {
            uint16_t value = sample_pixel(s, (int)frame, (int)i);
            size_t at = frame * per_frame + i;

            if (bits == 1) {
                bytes[at / 8] |= (uint8_t)((value & 1) << at % 8);
            } else if (bits == 8) {
                bytes[at] = (uint8_t)value;
            } else {
                bytes[2 * at] = (uint8_t)value;
                bytes[2 * at + 1] = (uint8_t)(value >> 8);
            }
        }
    kh_writer_bytes(writer, KH_TAG_PIXEL_DATA, KH_VR('O', 'W'), bytes, size - (size_t)s->pixel_bytes_short);
    free(bytes);
}

static bool has(const sample *s, const char *name)
{
    return !s->skip || strcmp(s->skip, name) != 0;
}

static void put(kh_writer *writer, kh_tag tag, const char *vr, const char *text)
{
    kh_writer_text(writer, tag, KH_VR(vr[0], vr[1]), text ? text : "");
}

static void write_image(kh_writer *writer, const sample *s)
{
    const uint16_t one = 1, zero = 0, rows = s->rows ? (uint16_t)s->rows : 16, columns = s->columns ? (uint16_t)s->columns : 16,
                   bits = s->bits_allocated ? (uint16_t)s->bits_allocated : 16, stored = bits == 16 ? 12 : bits,
                   high = (uint16_t)(stored - 1);
    const double spacing[] = {0.5, 0.5};

    kh_writer_us(writer, KH_TAG_SAMPLES_PER_PIXEL, &one, 1);
    put(writer, KH_TAG_PHOTOMETRIC_INTERPRETATION, "CS", "MONOCHROME2");
    if (s->frames > 1)
        kh_writer_is(writer, KH_TAG_NUMBER_OF_FRAMES, s->frames);
    if (has(s, "rows"))
        kh_writer_us(writer, KH_TAG_ROWS, &rows, 1);
    kh_writer_us(writer, KH_TAG_COLUMNS, &columns, 1);
    kh_writer_ds(writer, KH_TAG_PIXEL_SPACING, spacing, 2);
    kh_writer_us(writer, KH_TAG_BITS_ALLOCATED, &bits, 1);
    kh_writer_us(writer, KH_TAG_BITS_STORED, &stored, 1);
    kh_writer_us(writer, KH_TAG_HIGH_BIT, &high, 1);
    kh_writer_us(writer, KH_TAG_PIXEL_REPRESENTATION, &zero, 1);
    if (has(s, "pixels"))
        write_pixels(writer, s, rows, columns, bits);
}

void sample_write(kh_buf *out, const sample *s)
{
    const double position[] = {0, 0, s->z_mm}, orientation[] = {1, 0, 0, 0, 1, 0};
    const char *sop_class = s->sop_class ? s->sop_class : KH_SOP_CT_IMAGE;
    const char *syntax = s->transfer_syntax ? s->transfer_syntax : KH_TS_EXPLICIT_LE;
    kh_writer *writer;

    assert_ok(kh_part10_header(out, sop_class, s->sop_uid && kh_uid_valid(s->sop_uid) ? s->sop_uid : "1.2.3", syntax, "TEST", err));
    assert_ok(kh_writer_create(&writer, out, true, "ISO_IR 192", err));
    put(writer, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 192");
    if (has(s, "class"))
        put(writer, KH_TAG_SOP_CLASS_UID, "UI", sop_class);
    if (has(s, "sop"))
        put(writer, KH_TAG_SOP_INSTANCE_UID, "UI", s->sop_uid);
    put(writer, KH_TAG_STUDY_DATE, "DA", s->study_date);
    put(writer, KH_TAG_MODALITY, "CS", s->modality ? s->modality : "CT");
    put(writer, KH_TAG_STUDY_DESCRIPTION, "LO", s->description);
    if (s->department)
        put(writer, KH_TAG_INSTITUTIONAL_DEPARTMENT_NAME, "LO", s->department);
    put(writer, KH_TAG_PATIENT_NAME, "PN", s->patient_name);
    put(writer, KH_TAG_PATIENT_ID, "LO", s->patient_id ? s->patient_id : "P1");
    if (s->issuer)
        put(writer, KH_TAG_ISSUER_OF_PATIENT_ID, "LO", s->issuer);
    if (has(s, "study"))
        put(writer, KH_TAG_STUDY_INSTANCE_UID, "UI", s->study_uid);
    if (has(s, "series"))
        put(writer, KH_TAG_SERIES_INSTANCE_UID, "UI", s->series_uid);
    if (s->acquisition)
        kh_writer_is(writer, KH_TAG_ACQUISITION_NUMBER, s->acquisition);
    if (s->instance)
        kh_writer_is(writer, KH_TAG_INSTANCE_NUMBER, s->instance);
    kh_writer_ds(writer, KH_TAG_IMAGE_POSITION_PATIENT, position, 3);
    kh_writer_ds(writer, KH_TAG_IMAGE_ORIENTATION_PATIENT, orientation, 6);
    write_image(writer, s);
    assert_ok(kh_writer_finish(writer, err));
    kh_writer_free(writer);
}

const kh_origin origin_north = {.facility = "north", .source = "TEST", .pull_id = 0};

kh_status ingest_bytes(kh_cache *cache, const kh_buf *bytes, const kh_origin *origin, kh_ingest_result *result, kh_error *err)
{
    kh_incoming *incoming;
    kh_status status = kh_ingest_begin(&incoming, cache, bytes->size, err);

    if (status != KH_OK)
        return status;
    for (size_t done = 0; done < bytes->size && status == KH_OK; done += 65536)
        status = kh_ingest_write(incoming, bytes->data + done, bytes->size - done < 65536 ? bytes->size - done : 65536, err);
    if (status == KH_OK)
        return kh_ingest_commit(incoming, origin, NULL, result, err);
    kh_ingest_abort(incoming);
    return status;
}

kh_status ingest_sample(kh_cache *cache, const sample *s, kh_ingest_result *result, kh_error *err)
{
    kh_status status;
    kh_buf bytes;

    kh_buf_init(&bytes, 64 << 20);
    sample_write(&bytes, s);
    status = ingest_bytes(cache, &bytes, &origin_north, result, err);
    kh_buf_release(&bytes);
    return status;
}

const char *data_dir(void)
{
    const char *dir = getenv("KH_DATA");

    if (!dir || !dir[0])
        dir = KH_PROJECT_DIR "/../shared/data";
    if (access(dir, R_OK) == 0)
        return dir;
    printf("no real files: set KH_DATA to their folder\n");
    return NULL;
}

static void first_line(void *context, const char *line)
{
    char *first = context;

    if (!first[0])
        snprintf(first, 512, "%s", line);
}

void assert_clean(kh_cache *cache, int64_t objects)
{
    kh_check_report report;
    char first[512] = "";

    assert_ok(kh_cache_check(cache, &report, first_line, NULL, first, err));
    if (!kh_check_clean(&report))
        fail_msg("check: %s (missing %lld, damaged %lld, unindexed %lld, incoming %lld)", first, (long long)report.missing,
                 (long long)report.damaged, (long long)report.unindexed, (long long)report.incoming_left);
    assert_int_equal(report.objects, objects);
}

int cache_set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    temp_dir_make(&f->dir);
    f->cache = cache_open(&f->dir);
    *state = f;
    return 0;
}

int cache_tear_down(void **state)
{
    fixture *f = *state;

    kh_cache_close(f->cache);
    temp_dir_remove(&f->dir);
    free(f);
    return 0;
}
