/* Every real file: our list of the main data set beside dcmdump's, image attributes and frame 0 beside expected.tsv,
 * fragments beside dcmdump's, and the broken ones refused with the attribute's name. Skipped where the files are not.
 */
#include "tests/dicom/support.h"

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dicom/dictionary.h"
#include "dicom/frames.h"
#include "dicom/image.h"

#define LINE_MAX_BYTES 65536

/* An open file with what we read of it. */
typedef struct real_file {
    const char *name;
    char path[4096];
    int fd;
    kh_source source;
    kh_dataset *dataset;
    kh_error err;
    kh_status status;
} real_file;

static void open_file(real_file *file, const char *name)
{
    *file = (real_file){.name = name, .err = KH_ERROR_INIT};
    snprintf(file->path, sizeof(file->path), "%s/%s", test_data_folder(), name);
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        fail_msg("%s cannot be opened", name);
    assert_int_equal(kh_source_init_fd(&file->source, file->fd, &file->err), KH_OK);
    file->status = kh_dataset_read_file(&file->dataset, &file->source, &kh_dataset_limits_default, &file->err);
}

static void close_file(real_file *file)
{
    kh_dataset_free(file->dataset);
    close(file->fd);
}

/* For each line of a table in the data folder but the first, its fields. */
typedef void table_row(char **fields, size_t count, void *context);

static void each_row(const char *table, table_row *row, void *context)
{
    char path[4096], *line = malloc(LINE_MAX_BYTES);
    FILE *stream;
    bool first = true;

    snprintf(path, sizeof(path), "%s/%s", test_data_folder(), table);
    stream = fopen(path, "re");
    assert_non_null(stream);
    while (fgets(line, LINE_MAX_BYTES, stream)) {
        char *fields[32] = {NULL}, *rest = line;
        size_t count = 0;
        line[strcspn(line, "\n")] = '\0';
        while (rest && count < KH_COUNT(fields))
            fields[count++] = strsep(&rest, "\t");
        if (!first)
            row(fields, count, context);
        first = false;
    }
    fclose(stream);
    free(line);
}

static FILE *open_dump(const char *options, const char *path)
{
    char command[8192];
    FILE *stream;

    snprintf(command, sizeof(command), "LC_ALL=C dcmdump -q -Un %s '%s' 2>/dev/null", options, path);
    stream = popen(command, "re");
    assert_non_null(stream);
    return stream;
}

/* One top-level line of dcmdump. */
typedef struct dump_line {
    kh_tag tag;
    char vr[3];
    bool incomplete, undefined;
    unsigned length, item_count;
    bool is_sequence, has_text;
    char *text; /* between the brackets, in the line */
} dump_line;

static bool parse_line(dump_line *out, char *line)
{
    unsigned group, element;
    char *comment = strrchr(line, '#'), *count = strstr(line, "length #="), *end;

    *out = (dump_line){0};
    if (sscanf(line, "(%4x,%4x) %2s", &group, &element, out->vr) != 3 || group == 0xfffe)
        return false;
    out->tag = KH_TAG(group, element);
    out->incomplete = !comment; /* a value with line ends: the rest is on other lines */
    if (!comment)
        return true;
    out->undefined = strncmp(comment, "# u/l", 5) == 0;
    if (!out->undefined && sscanf(comment, "# %u", &out->length) != 1)
        return false;
    out->is_sequence = count != NULL;
    if (count)
        out->item_count = (unsigned)strtoul(count + 9, NULL, 10);
    *comment = '\0';
    if (line[15] != '[')
        return true;
    end = strrchr(line, ']');
    if (!end || end[1 + strspn(end + 1, " ")] != '\0') /* cut by dcmdump */
        return true;
    out->has_text = true;
    out->text = line + 16;
    while (end > out->text && end[-1] == ' ')
        end--;
    *end = '\0';
    out->text += strspn(out->text, " ");
    return true;
}

/* All differences are told, then the test fails. */
static unsigned complaints;
#define complain(...) (complaints++, print_error(__VA_ARGS__), print_error("\n"))

typedef struct dump_tally {
    unsigned compared, elements, rejected, refused;
} dump_tally;

static void compare_text(const real_file *file, const kh_element *element, const dump_line *line)
{
    const char *begin = (const char *)element->value;
    size_t size = (size_t)element->length;

    if (!begin || memchr(begin, '\n', size) || memchr(begin, '\r', size))
        return;
    while (size > 0 && (begin[size - 1] == ' ' || begin[size - 1] == '\0'))
        size--;
    while (size > 0 && *begin == ' ') {
        begin++;
        size--;
    }
    if (size != strlen(line->text) || memcmp(begin, line->text, size) != 0)
        complain("%s: (%04X,%04X): \"%.*s\", dcmdump has \"%s\"", file->name, KH_TAG_ARGS(element->tag), (int)size,
                 begin, line->text);
}

static bool is_implicit(const real_file *file)
{
    return strcmp(kh_dataset_transfer_syntax(file->dataset), KH_TS_IMPLICIT_LE) == 0;
}

/* Rules of comparison, each a known difference:
 * - dcmdump gives an odd length as the next even one (it pads when it reads);
 * - a length of sequences of defined length is calculated by dcmdump, not read: only the item count is compared;
 * - VR letters are compared where they are written: not in implicit data sets, not of unknown ones, and dcmdump calls
 *   encapsulated pixel data OB whatever was written. */
static void compare_element(const real_file *file, const kh_element *element, const dump_line *line)
{
    bool pixels = element->tag == KH_TAG_PIXEL_DATA;
    kh_vr vr = KH_VR(line->vr[0], line->vr[1]);

    if (element->tag != line->tag)
        complain("%s: (%04X,%04X), dcmdump has (%04X,%04X)", file->name, KH_TAG_ARGS(element->tag),
                 KH_TAG_ARGS(line->tag));
    if (line->incomplete)
        return;
    if (element->undefined_length != line->undefined)
        complain("%s: (%04X,%04X): undefined length %d", file->name, KH_TAG_ARGS(element->tag),
                 element->undefined_length);
    if (!line->undefined && !line->is_sequence && !pixels &&
        element->length + (element->length & 1) != line->length + (line->length & 1))
        complain("%s: (%04X,%04X): length %u, dcmdump has %u", file->name, KH_TAG_ARGS(element->tag),
                 (unsigned)element->length, line->length);
    if (line->is_sequence && !pixels && element->item_count != line->item_count)
        complain("%s: (%04X,%04X): %u items, dcmdump has %u", file->name, KH_TAG_ARGS(element->tag),
                 element->item_count, line->item_count);
    if (kh_vr_known(vr) && vr != element->vr && !(pixels && line->undefined) && !is_implicit(file) &&
        element->vr != KH_VR('U', 'N') && vr != KH_VR('U', 'N'))
        complain("%s: (%04X,%04X): VR %c%c, dcmdump has %s", file->name, KH_TAG_ARGS(element->tag), element->vr >> 8,
                 element->vr & 0xff, line->vr);
    if (line->has_text)
        compare_text(file, element, line);
}

/* The element that comes next in the dump: meta information, then the main data set. */
static const kh_element *next_element(const real_file *file, size_t *index)
{
    const kh_item *meta = kh_dataset_meta(file->dataset), *item = kh_dataset_main(file->dataset);
    size_t meta_count = kh_item_element_count(meta), i = (*index)++;

    if (i < meta_count)
        return kh_item_element(meta, i);
    return i - meta_count < kh_item_element_count(item) ? kh_item_element(item, i - meta_count) : NULL;
}

/* Files where we and dcmdump differ for a reason. */
static const struct {
    const char *file, *why;
} exceptions[] = {
    {"generated/deep_sequence.dcm", "2,000 nested sequences: over our limit of 16"},
    {"generated/pixel_length_odd.dcm", "the last byte of frame 0 is not there, so the frame is not"},
    {"pydicom/dicomdirtests/DICOMDIR-nooffset", "an item longer than its sequence"},
    {"fo-dicom/FreezePattern.dcm", "items behind a sequence of length 0; dcmdump does not read it either"},
};

static const char *exception_for(const char *name)
{
    for (size_t i = 0; i < KH_COUNT(exceptions); i++) {
        if (strcmp(exceptions[i].file, name) == 0)
            return exceptions[i].why;
    }
    return NULL;
}

static void compare_dump(char **fields, size_t count, void *context)
{
    dump_tally *tally = context;
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool encapsulated_seen = false;
    const kh_element *element;
    size_t index = 0, lines = 0;
    dump_line parsed;
    real_file file;
    FILE *dump;
    (void)count;

    open_file(&file, fields[0]);
    dump = open_dump("-M", file.path);
    while ((size = getline(&line, &room, dump)) > 0) {
        for (ssize_t i = 0; i < size; i++)
            line[i] = line[i] ? line[i] : ' '; /* padding by NULs */
        if (encapsulated_seen || file.status != KH_OK || exception_for(file.name) || !parse_line(&parsed, line))
            continue;
        element = next_element(&file, &index);
        if (!element) {
            complain("%s: nothing, dcmdump has (%04X,%04X)", file.name, KH_TAG_ARGS(parsed.tag));
            break;
        }
        compare_element(&file, element, &parsed);
        /* What is behind encapsulated pixel data is not read by us. */
        encapsulated_seen = element->tag == KH_TAG_PIXEL_DATA && element->undefined_length;
        lines++;
        tally->elements++;
    }
    if (pclose(dump) != 0) {
        tally->rejected++;
    } else if (file.status != KH_OK) {
        if (!exception_for(file.name))
            complain("%s: %s; dcmdump reads it", file.name, file.err.message);
        tally->refused++;
    } else {
        if (!exception_for(file.name) && !encapsulated_seen && next_element(&file, &index))
            complain("%s: more elements than dcmdump's %zu", file.name, lines);
        tally->compared++;
    }
    close_file(&file);
    free(line);
}

static void test_against_dcmdump(void **state)
{
    dump_tally tally = {0};
    (void)state;

    complaints = 0;
    if (system("dcmdump --version >/dev/null 2>&1") != 0) {
        print_message("no dcmdump: skipped\n");
        skip();
    }
    each_row("index.tsv", compare_dump, &tally);
    print_message("%u files and %u elements as dcmdump has them, %u files it rejects, %u we refuse\n", tally.compared,
                  tally.elements, tally.rejected, tally.refused);
    assert_true(tally.compared > 300);
    assert_int_equal(complaints, 0);
}

/* Samples as the table's README says: by pixel, masked to the stored bits, sign-extended, little endian. */
static uint8_t *normalised(size_t *size, const uint8_t *frame, const kh_pixel_format *format)
{
    size_t pixels = (size_t)format->rows * format->columns, values = pixels * format->samples;
    unsigned bytes = format->bits_allocated == 1 ? 1 : format->bits_allocated / 8;
    uint8_t *out = malloc(values * bytes);

    for (size_t i = 0; i < values; i++) {
        size_t from = format->planar && format->samples == 3 ? i % 3 * pixels + i / 3 : i;
        uint64_t value = 0;
        if (format->bits_allocated == 1) {
            value = frame[from / 8] >> (from % 8) & 1;
        } else {
            for (unsigned b = 0; b < bytes; b++)
                value |= (uint64_t)frame[from * bytes + b] << (8 * b);
            if (!format->is_float && format->bits_stored < 64) {
                value = value >> (format->high_bit + 1 - format->bits_stored) & ((1ull << format->bits_stored) - 1);
                if (format->is_signed && value >> (format->bits_stored - 1))
                    value |= ~0ull << format->bits_stored;
            }
        }
        for (unsigned b = 0; b < bytes; b++)
            out[i * bytes + b] = (uint8_t)(value >> (8 * b));
    }
    *size = values * bytes;
    return out;
}

static void expect_hash(const char *name, const uint8_t *bytes, size_t size, const char *expected)
{
    uint8_t digest[32];
    char text[65];

    assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, digest), 0);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (strcmp(text, expected) != 0)
        complain("%s: frame 0 has other samples than expected", name);
}

static void compare_frame(const real_file *file, const kh_image_info *info, const char *sha256)
{
    kh_source source = file->source;
    kh_error err = KH_ERROR_INIT;
    kh_frame_table table;
    size_t size, inflated_size;
    const uint8_t *inflated = kh_dataset_inflated(file->dataset, &inflated_size);
    uint8_t *frame, *samples;

    if (inflated)
        kh_source_init_memory(&source, inflated, inflated_size);
    if (kh_frame_table_read(&table, file->dataset, info, &file->source, &err) != KH_OK)
        complain("%s: %s", file->name, err.message);
    size = (size_t)kh_frame_table_bytes(&table, 0);
    frame = malloc(size + 1);
    assert_int_equal(source.read_at(&source, table.extents[0].offset, frame, size, &err), KH_OK);
    if (info->format.photometric == KH_PHOTOMETRIC_YBR_FULL_422) {
        expect_hash(file->name, frame, size, sha256);
    } else {
        samples = normalised(&size, frame, &info->format);
        expect_hash(file->name, samples, size, sha256);
        free(samples);
    }
    free(frame);
    kh_frame_table_release(&table);
}

static void compare_number(const char *name, const char *what, unsigned got, const char *expected)
{
    if (got != strtoul(expected, NULL, 10))
        complain("%s: %s %u, expected %s", name, what, got, expected);
}

static void compare_image(char **fields, size_t count, void *context)
{
    unsigned *compared = context;
    const kh_transfer_syntax *syntax;
    kh_image_info info;
    real_file file;

    assert_true(count >= 19);
    /* none: no tool makes an image of it; without a syntax or rows the table has nothing to compare. */
    if (strcmp(fields[18], "none") == 0 || !fields[2][0])
        return;
    open_file(&file, fields[0]);
    if (file.status == KH_OK && kh_image_info_read(&info, file.dataset, &file.err) == KH_OK) {
        compare_number(file.name, "rows", info.format.rows, fields[2]);
        compare_number(file.name, "columns", info.format.columns, fields[3]);
        compare_number(file.name, "frames", info.frame_count, fields[4]);
        compare_number(file.name, "samples", info.format.samples, fields[5]);
        compare_number(file.name, "bits allocated", info.format.bits_allocated, fields[6]);
        compare_number(file.name, "bits stored", info.format.bits_stored, fields[7]);
        compare_number(file.name, "signed", info.format.is_signed, fields[8]);
        assert_string_equal(kh_photometric_text(info.format.photometric), fields[9]);
        syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(file.dataset));
        if (syntax && syntax->codec == KH_CODEC_NATIVE && !syntax->big_endian && strcmp(fields[11], "yes") == 0 &&
            !exception_for(file.name)) {
            compare_frame(&file, &info, fields[16]);
            ++*compared;
        }
        kh_image_info_release(&info);
    } else if (!exception_for(file.name)) {
        complain("%s: %s", file.name, file.err.message);
    }
    close_file(&file);
}

static void test_against_expected(void **state)
{
    unsigned compared = 0;
    (void)state;

    complaints = 0;
    each_row("expected.tsv", compare_image, &compared);
    print_message("%u frames with the expected samples\n", compared);
    assert_true(compared > 150);
    assert_int_equal(complaints, 0);
}

/* Lengths of the fragments, as dcmdump lists them below Pixel Data. */
static size_t dump_fragments(unsigned *lengths, size_t room, const char *path)
{
    char *line = malloc(LINE_MAX_BYTES), *comment;
    bool inside = false;
    size_t count = 0;
    FILE *dump = open_dump("-M", path);

    while (fgets(line, LINE_MAX_BYTES, dump)) {
        if (line[0] == '(')
            inside = strncmp(line, "(7fe0,0010)", 11) == 0;
        comment = strrchr(line, '#');
        if (inside && strncmp(line, "  (fffe,e000) pi", 16) == 0 && comment && count < room)
            count += sscanf(comment, "# %u", &lengths[count]) == 1;
    }
    if (pclose(dump) != 0)
        count = 0;
    free(line);
    return count;
}

static void compare_fragments(char **fields, size_t count, void *context)
{
    unsigned *compared = context, lengths[4096];
    kh_frame_table table = {0};
    kh_image_info info = {0};
    const kh_element *pixels;
    size_t listed;
    real_file file;
    (void)count;

    open_file(&file, fields[0]);
    pixels = file.status == KH_OK ? kh_item_find(kh_dataset_main(file.dataset), KH_TAG_PIXEL_DATA) : NULL;
    if (pixels && pixels->undefined_length && kh_image_info_read(&info, file.dataset, &file.err) == KH_OK) {
        listed = dump_fragments(lengths, KH_COUNT(lengths), file.path);
        if (kh_frame_table_read(&table, file.dataset, &info, &file.source, &file.err) != KH_OK)
            complain("%s: %s", file.name, file.err.message);
        if (listed > 0) {
            if (table.extent_count != listed - 1)
                complain("%s: %u fragments, dcmdump has %zu", file.name, table.extent_count, listed - 1);
            for (size_t i = 1; i < listed; i++) {
                if (table.extents[i - 1].length != lengths[i])
                    complain("%s: fragment %zu of %u bytes, dcmdump has %u", file.name, i,
                             (unsigned)table.extents[i - 1].length, lengths[i]);
            }
            ++*compared;
        }
    }
    kh_frame_table_release(&table);
    kh_image_info_release(&info);
    close_file(&file);
}

static void test_fragments(void **state)
{
    unsigned compared = 0;
    (void)state;

    complaints = 0;
    if (system("dcmdump --version >/dev/null 2>&1") != 0)
        skip();
    each_row("index.tsv", compare_fragments, &compared);
    print_message("%u fragment lists as dcmdump has them\n", compared);
    assert_true(compared > 60);
    assert_int_equal(complaints, 0);
}

/* What cannot be read, or not as an image, and the words that say why. */
static void test_broken(void **state)
{
    static const struct {
        const char *file;
        kh_status status;
        const char *words;
    } rows[] = {
        {"generated/empty.dcm", KH_E_FORMAT, "the file is empty"},
        {"generated/only_preamble.dcm", KH_E_FORMAT, "expected a data set there"},
        {"generated/text_not_dicom.dcm", KH_E_FORMAT, "not a DICOM file"},
        {"generated/deep_sequence.dcm", KH_E_LIMIT, "ReferencedImageSequence (0008,1140): nested deeper than 16"},
        {"generated/trunc_in_header.dcm", KH_E_FORMAT, "length 644, expected at most"},
        {"generated/trunc_at_pixel_tag.dcm", KH_E_FORMAT, "followed by 6 bytes, expected an attribute"},
        {"fo-dicom/GH340.dcm", KH_E_UNSUPPORTED, "BitsAllocated (0028,0100) 12"},
        {"fo-dicom/FreezePattern.dcm", KH_E_FORMAT, "(0055,040E): followed by (FFFE,E000)"},
        {"pydicom/rtplan_truncated.dcm", KH_E_FORMAT, "BeamSequence (300A,00B0): length"},
        {"pydicom/no_meta.dcm", KH_E_FORMAT, "not a DICOM file"},
        {"broken/no-meta-length-test.dcm", KH_E_NOT_FOUND, "no PixelData (7FE0,0010)"},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_image_info info;
        real_file file;
        open_file(&file, rows[i].file);
        if (file.status == KH_OK) {
            file.status = kh_image_info_read(&info, file.dataset, &file.err);
            kh_image_info_release(&info);
        }
        if (file.status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].file, kh_status_text(file.status), file.err.message);
        test_words(rows[i].file, file.err.message, rows[i].words);
        close_file(&file);
    }
}

/* Readable, but frame 0 is not there. */
static void test_cut_pixels(void **state)
{
    static const char *const files[] = {"generated/trunc_in_pixels.dcm", "generated/pixel_length_odd.dcm",
                                        "generated/rows_lie.dcm", "pydicom/MR_truncated.dcm"};
    (void)state;

    for (size_t i = 0; i < KH_COUNT(files); i++) {
        kh_frame_table table;
        kh_image_info info;
        real_file file;
        open_file(&file, files[i]);
        assert_int_equal(file.status, KH_OK);
        assert_int_equal(kh_image_info_read(&info, file.dataset, &file.err), KH_OK);
        assert_int_equal(kh_frame_table_read(&table, file.dataset, &info, &file.source, &file.err), KH_OK);
        assert_int_equal(kh_frame_table_bytes(&table, 0), 0);
        kh_frame_table_release(&table);
        kh_image_info_release(&info);
        close_file(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_dcmdump), cmocka_unit_test(test_against_expected),
        cmocka_unit_test(test_fragments),       cmocka_unit_test(test_broken),
        cmocka_unit_test(test_cut_pixels),
    };

    if (!test_data_folder()) {
        printf("no folder of real files (KH_DATA): skipped\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
