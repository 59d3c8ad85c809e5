/* support.h - a cache in a directory of its own, and objects to put into it. */
#ifndef KH_TESTS_CACHE_SUPPORT_H
#define KH_TESTS_CACHE_SUPPORT_H

#include "tests/cmocka_all.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "cache/cache.h"
#include "cache/ingest.h"

typedef struct temp_dir {
    char path[512];
} temp_dir;

/* Below $TMPDIR, or the working directory when it is not set. */
void temp_dir_make(temp_dir *dir);
void temp_dir_remove(temp_dir *dir);
/* Number of files in DIR/name, not counting those below deeper directories. */
int temp_dir_count(const temp_dir *dir, const char *name);

/* As the owner with small limits; fails the test when it does not open. */
kh_cache *cache_open(const temp_dir *dir);
kh_cache *cache_open_reader(const temp_dir *dir, kh_page *page);

/* An empty cache for one test, its owner open; cmocka's set-up and tear-down. */
typedef struct fixture {
    temp_dir dir;
    kh_cache *cache;
} fixture;
int cache_set_up(void **state);
int cache_tear_down(void **state);

/* An object as a scanner would send it; what is NULL or 0 is left out or has a plain value. */
typedef struct sample {
    const char *patient_id; /* "" leaves the value empty */
    const char *issuer;     /* of it */
    const char *patient_name, *study_uid, *series_uid, *sop_uid;
    const char *sop_class;  /* CT when NULL */
    const char *transfer_syntax;
    const char *study_date, *description, *modality, *department;
    const char *skip;       /* name of an attribute left out: "study", "series", "sop", "class", "rows", "pixels" */
    int instance, acquisition, frames;
    int rows, columns, bits_allocated; /* 16 x 16, 16 bits when 0 */
    double z_mm;
    int pixel_bytes_short;  /* leave out so many bytes at the end of the pixels */
    unsigned seed;          /* of the pixels */
} sample;

/* The whole Part 10 file, appended to out. */
void sample_write(kh_buf *out, const sample *s);
/* Its pixel data as sample_write() makes it, one frame; for comparing. 16 bits: value of pixel i of frame f. */
uint16_t sample_pixel(const sample *s, int frame, int i);
extern const kh_origin origin_north;
kh_status ingest_bytes(kh_cache *cache, const kh_buf *bytes, const kh_origin *origin, kh_ingest_result *result, kh_error *err);
kh_status ingest_sample(kh_cache *cache, const sample *s, kh_ingest_result *result, kh_error *err);
/* The folder of real files, or NULL: $KH_DATA, else ../shared/data beside the project. */
const char *data_dir(void);
/* No finding; the first is shown otherwise. */
void assert_clean(kh_cache *cache, int64_t objects);

/* Inside the call `err` is a fresh kh_error; its message is shown when the call fails. */
#define assert_ok(call)                                                                                                        \
    do {                                                                                                                       \
        kh_error ok_err = KH_ERROR_INIT, *err = &ok_err;                                                                       \
        if ((call) != KH_OK)                                                                                                   \
            fail_msg("%s: %s", #call, ok_err.message);                                                                         \
    } while (0)

#endif
