/* Key objects, presentation states and reports: what is read of any data set keeps to its bounds. */
#include <stdlib.h>
#include <string.h>
#include "dicom/marks_read.h"
#include "tests/fuzz/fuzz.h"

#define MARKS_MAX 20000 /* then it is enough */

static kh_status look(void *context, const kh_read_source *source, const kh_read_mark *mark)
{
    size_t *count = context;

    if (mark->point_count > KH_MARK_POINTS_MAX || !memchr(mark->text, 0, sizeof mark->text) ||
        !memchr(mark->sop_uid, 0, sizeof mark->sop_uid) || !source->form || !kh_mark_text(mark->kind))
        abort();
    for (const unsigned char *p = (const unsigned char *)mark->text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            abort();
    (void)!kh_mark_check(mark->kind, mark->points, mark->point_count, 512, 512, NULL);
    return ++*count < MARKS_MAX ? KH_OK : KH_E_LIMIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    size_t count = 0;

    kh_source_init_memory(&source, bytes, size);
    if (kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, NULL) == KH_OK)
        (void)!kh_marks_read(dataset, look, &count, NULL);
    kh_dataset_free(dataset);
    return 0;
}
