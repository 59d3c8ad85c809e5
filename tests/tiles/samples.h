/* samples.h - a cache in a directory of its own, filled with hand-made objects and with files of the data folder. */
#ifndef KH_TESTS_TILES_SAMPLES_H
#define KH_TESTS_TILES_SAMPLES_H

#include <stdbool.h>
#include "cache/cache.h"
#include "cache/ingest.h"

typedef struct samples {
    char dir[64];
    kh_page *page;
    kh_cache *cache; /* the owner */
    unsigned next_uid;
} samples;

/* A CT slice, 16 bits, MONOCHROME2, rescale -1024, window 40/400: every pixel has the value `value` + column / 64 HU. */
typedef struct sample_image {
    unsigned study, series, instance; /* numbers of ours; UIDs are made from them */
    uint16_t rows, columns;
    int value;              /* HU, -1024 to 3000 */
    double z_mm;
    const char *patient_id; /* NULL: "P-1" */
    const char *name;       /* UTF-8; NULL: "Test^Sample" */
    const char *date;       /* NULL: "20261103" */
    bool broken;            /* BitsAllocated 13: described in the index, not to be shown */
    bool no_pixels;         /* an object without a picture */
    const char *facility;   /* whose it is; NULL: "city-hospital" */
} sample_image;

void samples_open(samples *s);
void samples_close(samples *s);
/* Ends the test when it fails. */
kh_ingest_result samples_add(samples *s, const sample_image *image);
/* Every regular file of a folder below the data folder, at most max; false, having said so, when the folder is not there. */
bool samples_add_folder(samples *s, const char *folder, int max, kh_ingest_result *last);
/* One file of the data folder; the same. */
bool samples_add_file(samples *s, const char *file, kh_ingest_result *last);

/* Does jpeg hold a baseline JPEG? Its sides, and the gray value in its middle. */
bool sample_jpeg_read(const uint8_t *jpeg, size_t size, int *width, int *height, int *middle);
/* PS3.3 C.11.2.1.2.1 */
int sample_linear_window(double value, double center, double width);

#endif
