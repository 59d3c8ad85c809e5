/* Every real file read and written again (dicom/recode.h), in both VRs of little endian: the bytes are those it was read from, but for what
 * a rule with a name says of them (rewrite_rules.h); where no rule is needed they are equal. Files that are no data sets as the standard
 * has them, which our reader tolerates with a warning, are named here: of these what they say, as DICOM JSON, must stay what it was.
 * Skipped where the files are not. */
#include "tests/dicom/support.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dicom/json_model.h"
#include "dicom/recode.h"
#include "tests/dicom/rewrite_rules.h"

#define BYTES_MAX ((size_t)256 << 20)

static struct {
    unsigned files, unreadable, written, equal, tolerated, not_written, rules[RULES];
} seen;

static kh_status put_uri(void *context, kh_buf *out, const char *path, kh_error *err)
{
    (void)context;
    return kh_buf_append_text(out, path, err);
}

static void put_json(kh_buf *out, const kh_dataset *dataset)
{
    const kh_json_model_options options = {.inline_bytes_max = 1 << 18, .value_bytes_max = 1 << 18, .uri = put_uri};

    kh_buf_init(out, BYTES_MAX);
    assert_int_equal(kh_json_model_write(out, dataset, &options, NULL), KH_OK);
}

static kh_status keep(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    return kh_buf_append(context, bytes, size, err);
}

/* Of a file that our reader tolerates: what it says, as DICOM JSON, but for what implicit VR has no word for. */
static void compare_words(const char *path, const kh_dataset *before, const kh_buf *written, bool explicit_vr)
{
    const kh_element *pixels = kh_item_find(kh_dataset_main(before), KH_TAG_PIXEL_DATA);
    bool compressed = pixels && pixels->undefined_length;
    kh_buf said, says;
    kh_dataset *after;
    kh_source memory;
    kh_error err = KH_ERROR_INIT;

    kh_source_init_memory(&memory, written->data, written->size);
    if (kh_dataset_read(&after, &memory, explicit_vr ? KH_TS_EXPLICIT_LE : KH_TS_IMPLICIT_LE, &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s: written again it cannot be read: %s", path, err.message);
    if (strcmp(kh_dataset_warnings(after), "") != 0)
        fail_msg("%s: written again it is read with a warning: %s", path, kh_dataset_warnings(after));
    put_json(&said, before);
    put_json(&says, after);
    if (explicit_vr && !compressed && strcmp(kh_buf_text(&said), kh_buf_text(&says)) != 0)
        fail_msg("%s: says other things", path);
    kh_dataset_free(after);
    kh_buf_release(&said);
    kh_buf_release(&says);
}

static kh_status blank_frame(void *context, uint8_t **pixels, size_t *size, const char *transfer_syntax_uid, kh_pixel_format *format,
                             const void *codestream, size_t codestream_size, kh_error *err)
{
    (void)context;
    (void)transfer_syntax_uid;
    (void)codestream;
    (void)codestream_size;
    if (format->photometric == KH_PHOTOMETRIC_YBR_FULL_422) /* as a decoder would */
        format->photometric = KH_PHOTOMETRIC_RGB;
    if (!kh_pixel_format_frame_bytes(format, size) || !(*pixels = calloc(1, *size)))
        return kh_error_set(err, KH_E_MEMORY, "no memory");
    return KH_OK;
}

/* False: it cannot be written so, *why tells. */
static bool write_again(kh_buf *out, const kh_source *source, bool explicit_vr, kh_error *why)
{
    const kh_recode_options options = {.explicit_vr = explicit_vr, .codestream_bytes_max = BYTES_MAX, .decode = blank_frame};
    kh_recode *recode = NULL;
    kh_status status = kh_recode_open(&recode, source, &options, why);

    kh_buf_init(out, BYTES_MAX);
    if (status == KH_OK)
        status = kh_recode_write(recode, keep, out, why);
    kh_recode_free(recode);
    return status == KH_OK;
}

/* ---- files for which there are no rules ---- */

/* No data sets as the standard has them; our reader tolerates them, with these words. */
static const struct {
    const char *file, *problem, *warning;
} tolerated[] = {
    {"/fo-dicom/GH179A.dcm", "letters that are no VR", "(0028,0120): unknown VR"},
    {"/pydicom/SC_rgb_jpeg.dcm", "letters that are no VR at byte 0", "read as 1.2.840.10008.1.2"},
};
/* What cannot be written natively, and why. */
static const struct {
    const char *file, *why;
} unwritten[] = {
    {"/fo-dicom/GH133.dcm", "(07A3,10CE): holds compressed pixel data"},
};

static bool ends(const char *text, const char *with)
{
    size_t size = strlen(text), end = strlen(with);

    return size >= end && strcmp(text + size - end, with) == 0;
}

static void take_tolerated(const char *path, const char *problem, const kh_dataset *dataset, const kh_buf *written, bool explicit_vr)
{
    const char *warnings = kh_dataset_warnings(dataset);
    bool known = false;

    for (size_t i = 0; !known && i < KH_COUNT(tolerated); i++)
        known = ends(path, tolerated[i].file) && strstr(problem, tolerated[i].problem) && strstr(warnings, tolerated[i].warning);
    if (!known)
        fail_msg("%s: %s; our reader: %s", path, problem, warnings);
    compare_words(path, dataset, written, explicit_vr);
    seen.tolerated++;
}

static void take_unwritten(const char *path, const char *why)
{
    bool known = false;

    for (size_t i = 0; !known && i < KH_COUNT(unwritten); i++)
        known = ends(path, unwritten[i].file) && strstr(why, unwritten[i].why);
    if (!known)
        fail_msg("%s: not written: %s", path, why);
    seen.not_written++;
}

/* ---- one file ---- */

typedef struct file_bytes {
    const uint8_t *bytes; /* of the data set, inflated */
    size_t size;
    uint8_t *held;
    bool inflated;
} file_bytes;

static void load(file_bytes *out, const kh_dataset *dataset, const kh_source *source)
{
    size_t inflated_size = 0, at = (size_t)kh_dataset_main_offset(dataset);
    const uint8_t *inflated = kh_dataset_inflated(dataset, &inflated_size);

    out->held = malloc((size_t)source->size + 1);
    assert_int_equal(source->read_at(source, 0, out->held, (size_t)source->size, NULL), KH_OK);
    out->inflated = inflated != NULL;
    out->bytes = inflated ? inflated : out->held + at;
    out->size = inflated ? inflated_size : (size_t)source->size - at;
}

static void expect_same(const char *path, const kh_buf *expected, const kh_buf *written)
{
    size_t at = 0;

    while (at < expected->size && at < written->size && expected->data[at] == written->data[at])
        at++;
    if (at < expected->size || at < written->size)
        fail_msg("%s: written as %zu bytes, by the rules %zu; the first other one is at %zu", path, written->size, expected->size, at);
}

/* By the rules, which leave out of both what the decoder made. */
static void expect_rules(const char *path, rewrite *expected, const kh_buf *written)
{
    rewrite again = {.from = expected->to, .to = expected->to, .decoded = true, .verbatim = true, .is_signed = expected->is_signed};

    if (!expected->decoded) {
        expect_same(path, &expected->out, written);
        return;
    }
    if (!rewrite_run(&again, written->data, written->size))
        fail_msg("%s: what is written is no data set: %s", path, again.problem);
    for (size_t i = 0; i < RULES; i++)
        if (again.used[i] && i != RULE_DECODED)
            fail_msg("%s: what is written needs the rule \"%s\"", path, rewrite_rule_names[i]);
    expect_same(path, &expected->out, &again.out);
    kh_buf_release(&again.out);
}

static void count_rules(const char *path, const rewrite *r, const file_bytes *file, const kh_buf *written)
{
    bool any = file->inflated;

    for (size_t i = 0; i < RULES; i++) {
        seen.rules[i] += r->used[i] > 0;
        any = any || r->used[i] > 0;
    }
    seen.written++;
    if (any)
        return;
    if (written->size != file->size || memcmp(written->data, file->bytes, file->size) != 0)
        fail_msg("%s: no rule is needed, and its bytes are others", path);
    seen.equal++;
}

static void rewrite_file(const char *path, const kh_dataset *dataset, const kh_source *source, const kh_transfer_syntax *syntax,
                         bool explicit_vr)
{
    const kh_element *pixels = kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA);
    rewrite r = {
        .from = {syntax->explicit_vr, syntax->big_endian}, .to = {explicit_vr, false}, .decoded = pixels && pixels->undefined_length};
    kh_error why = KH_ERROR_INIT;
    int64_t representation;
    file_bytes file;
    kh_buf written;

    r.is_signed = kh_item_int(kh_dataset_main(dataset), KH_TAG_PIXEL_REPRESENTATION, 0, &representation) && representation == 1;
    load(&file, dataset, source);
    if (!write_again(&written, source, explicit_vr, &why)) {
        take_unwritten(path, why.message);
    } else {
        if (!rewrite_run(&r, file.bytes, file.size)) {
            take_tolerated(path, r.problem, dataset, &written, explicit_vr);
        } else {
            expect_rules(path, &r, &written);
            count_rules(path, &r, &file, &written);
        }
        kh_buf_release(&r.out);
    }
    kh_buf_release(&written);
    free(file.held);
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    int fd = kind == FTW_F && !strstr(path, "/licences/") ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const kh_transfer_syntax *syntax;
    kh_dataset *dataset = NULL;
    kh_source source;

    (void)st;
    (void)walk;
    if (fd < 0)
        return 0;
    seen.files++;
    if (kh_source_init_fd(&source, fd, NULL) != KH_OK ||
        kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, NULL) != KH_OK) {
        seen.unreadable++;
    } else if ((syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset))) == NULL) {
        take_unwritten(path, "unknown transfer syntax");
    } else {
        rewrite_file(path, dataset, &source, syntax, true);
        rewrite_file(path, dataset, &source, syntax, false);
    }
    kh_dataset_free(dataset);
    close(fd);
    return 0;
}

static void every_file(void **state)
{
    const char *folder = test_data_folder();

    (void)state;
    if (!folder)
        skip();
    assert_int_equal(nftw(folder, visit, 16, FTW_PHYS), 0);
    printf(
        "%u files, %u of them unreadable; written twice each: %u by the rules, %u of these without one and equal; %u tolerated; %u not written\n",
        seen.files, seen.unreadable, seen.written, seen.equal, seen.tolerated, seen.not_written);
    for (size_t i = 0; i < RULES; i++)
        printf("  %-18s %u\n", rewrite_rule_names[i], seen.rules[i]);
    assert_true(seen.equal > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
