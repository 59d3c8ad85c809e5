#include "tests/codec/support.h"

#include <fcntl.h>
#include <gnutls/crypto.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dicom/frames.h"

const char *test_data_dir(void)
{
    static char dir[1024];
    const char *given = getenv("KH_DATA");

    snprintf(dir, sizeof dir, "%s", given ? given : KH_PROJECT_DIR "/../shared/data");
    return access(dir, R_OK) == 0 ? dir : NULL;
}

static kh_status read_extents(test_frame *out, const kh_frame_table *table, const kh_source *source, kh_error *err)
{
    uint64_t bytes = kh_frame_table_bytes(table, 0);
    kh_status status = KH_OK;

    out->bytes = malloc(bytes ? bytes : 1);
    assert_non_null(out->bytes);
    for (uint32_t i = table->first_extent[0]; i < table->first_extent[1] && status == KH_OK; i++) {
        status = source->read_at(source, table->extents[i].offset, out->bytes + out->size, table->extents[i].length, err);
        out->size += table->extents[i].length;
    }
    return status;
}

static kh_status read_dataset(test_frame *out, const kh_dataset *dataset, const kh_source *source, kh_error *err)
{
    kh_image_info info = {0};
    kh_frame_table table = {0};
    kh_status status = kh_image_info_read(&info, dataset, err);

    if (status == KH_OK)
        status = kh_frame_table_read(&table, dataset, &info, source, err);
    if (status == KH_OK) {
        out->format = info.format;
        snprintf(out->syntax, sizeof out->syntax, "%s", kh_dataset_transfer_syntax(dataset));
        status = read_extents(out, &table, source, err);
    }
    kh_frame_table_release(&table);
    kh_image_info_release(&info);
    return status;
}

kh_status test_frame_read(test_frame *out, const char *file, kh_error *err)
{
    char path[1400];
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status;
    int fd;

    *out = (test_frame){0};
    snprintf(path, sizeof path, "%s/%s", test_data_dir(), file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = read_dataset(out, dataset, &source, err);
    kh_dataset_free(dataset);
    close(fd);
    return status;
}

void test_frame_release(test_frame *frame)
{
    free(frame->bytes);
    *frame = (test_frame){0};
}

/* The text of column number `column`, cut at size. */
static void field(char *out, size_t size, const char *line, unsigned column)
{
    size_t length;

    while (column-- > 0) {
        line = strchr(line, '\t');
        line = line ? line + 1 : "";
    }
    length = strcspn(line, "\t\n");
    snprintf(out, size, "%.*s", (int)length, line);
}

static double number(const char *line, unsigned column)
{
    char text[64];

    field(text, sizeof text, line, column);
    return atof(text);
}

static void parse_expected(test_expected *out, const char *line)
{
    char exact[8];

    field(out->file, sizeof out->file, line, 0);
    field(out->syntax, sizeof out->syntax, line, 1);
    out->rows = (unsigned)number(line, 2);
    out->columns = (unsigned)number(line, 3);
    out->samples = (unsigned)number(line, 5);
    out->allocated = (unsigned)number(line, 6);
    out->stored = (unsigned)number(line, 7);
    out->is_signed = number(line, 8) != 0;
    field(out->space, sizeof out->space, line, 10);
    field(exact, sizeof exact, line, 11);
    out->exact = strcmp(exact, "yes") == 0;
    out->min = number(line, 12);
    out->max = number(line, 13);
    out->mean = number(line, 14);
    field(out->sha256, sizeof out->sha256, line, 16);
    field(out->status, sizeof out->status, line, 18);
}

size_t test_each_expected(void (*each)(const test_expected *expected, void *context), void *context)
{
    char path[1100], line[4096];
    size_t count = 0;
    FILE *in;

    snprintf(path, sizeof path, "%s/expected.tsv", test_data_dir());
    in = fopen(path, "re");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof line, in)); /* column names */
    while (fgets(line, sizeof line, in)) {
        test_expected expected = {0};

        parse_expected(&expected, line);
        each(&expected, context);
        count++;
    }
    fclose(in);
    return count;
}

static int64_t sample_at(const uint8_t *pixels, const kh_pixel_format *format, size_t index)
{
    size_t bytes = format->bits_allocated / 8u;
    uint64_t word = 0;

    if (format->bits_allocated == 1)
        return (pixels[index / 8] >> (index % 8)) & 1;
    for (size_t i = 0; i < bytes; i++)
        word |= (uint64_t)pixels[index * bytes + i] << (8 * i);
    word = word << (63 - format->high_bit);
    return format->is_signed ? (int64_t)word >> (64 - format->bits_stored) : (int64_t)(word >> (64 - format->bits_stored));
}

void test_digest_of(test_digest *out, const uint8_t *pixels, size_t size, const kh_pixel_format *format, unsigned allocated)
{
    size_t count = (size_t)format->rows * format->columns * format->samples, bytes = allocated == 1 ? 1 : allocated / 8;
    uint8_t *samples = malloc(count * bytes), digest[32];
    double sum = 0;

    assert_non_null(samples);
    assert_true(count * format->bits_allocated <= size * 8);
    *out = (test_digest){.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        int64_t value = sample_at(pixels, format, i);

        for (size_t k = 0; k < bytes; k++)
            samples[i * bytes + k] = (uint8_t)((uint64_t)value >> (8 * k));
        out->min = fmin(out->min, (double)value);
        out->max = fmax(out->max, (double)value);
        sum += (double)value;
    }
    out->mean = sum / (double)count;
    assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, samples, count * bytes, digest), 0);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out->sha256 + 2 * i, 3, "%02x", digest[i]);
    free(samples);
}
