#include "bench/bench_frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dicom/frames.h"

void bench_check(kh_status status, const kh_error *err)
{
    if (status == KH_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static void read_extents(bench_frame *out, const kh_frame_table *table, uint32_t frame, const kh_source *source)
{
    const kh_extent *extent = &table->extents[table->first_extent[frame]], *end = &table->extents[table->first_extent[frame + 1]];
    kh_error err = KH_ERROR_INIT;

    out->offset = extent->offset;
    out->bytes = malloc(kh_frame_table_bytes(table, frame) + 1);
    if (!out->bytes)
        exit(1);
    for (; extent < end; extent++) {
        bench_check(source->read_at(source, extent->offset, out->bytes + out->size, (size_t)extent->length, &err), &err);
        out->size += (size_t)extent->length;
    }
}

void bench_frame_read(bench_frame *out, const char *path, uint32_t frame)
{
    kh_dataset *dataset = NULL;
    kh_frame_table table = {0};
    kh_error err = KH_ERROR_INIT;
    kh_source source;

    *out = (bench_frame){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (out->fd < 0) {
        fprintf(stderr, "bench: %s cannot be opened\n", path);
        exit(1);
    }
    bench_check(kh_source_init_fd(&source, out->fd, &err), &err);
    bench_check(kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err), &err);
    bench_check(kh_image_info_read(&out->info, dataset, &err), &err);
    bench_check(kh_frame_table_read(&table, dataset, &out->info, &source, &err), &err);
    snprintf(out->syntax, sizeof out->syntax, "%s", kh_dataset_transfer_syntax(dataset));
    if (frame >= table.frame_count) {
        fprintf(stderr, "bench: %s has %u frames\n", path, table.frame_count);
        exit(1);
    }
    read_extents(out, &table, frame, &source);
    kh_frame_table_release(&table);
    kh_dataset_free(dataset);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}
