/* The objects of a study that are no images and belong to it as marks, reports and presentation states do. */
#include <stdio.h>
#include <string.h>
#include "viewer/portal/marks.h"

typedef struct finding {
    kh_study_objects *out;
    kh_is_wanted *wanted;
    int64_t series_ids[KH_STUDY_OBJECTS_MAX];
    size_t series_count;
} finding;

static kh_status keep_series(void *context, const kh_series *series)
{
    finding *f = context;

    /* what is no image: some writers put their report into the series of its images, whose modality the series keeps */
    if (f->series_count < KH_STUDY_OBJECTS_MAX && series->object_count > series->image_count)
        f->series_ids[f->series_count++] = series->id;
    return KH_OK;
}

static kh_status keep_object(void *context, const kh_object *object)
{
    finding *f = context;

    if (f->out->count < KH_STUDY_OBJECTS_MAX && !object->away && f->wanted(object->sop_class_uid))
        f->out->all[f->out->count++] = (kh_study_object){object->series_id, object->id};
    return KH_OK;
}

kh_status kh_marked_study_objects(kh_study_objects *out, kh_marked_study *marked, kh_is_wanted *wanted, kh_error *err)
{
    kh_cache *cache = marked->portal->cache;
    finding f = {.out = out, .wanted = wanted};
    kh_status status = kh_browse_series_of(cache, marked->study->id, keep_series, &f, err);

    out->count = 0;
    for (size_t i = 0; status == KH_OK && i < f.series_count; i++) {
        bool open = false;

        status = kh_marked_study_decide(marked, f.series_ids[i], &open, err);
        if (status == KH_OK && open)
            status = kh_browse_objects_of(cache, f.series_ids[i], keep_object, &f, err);
    }
    return status;
}

void kh_portal_put_written(kh_json_writer *json, const char *date, const char *time)
{
    size_t digits = strspn(time, "0123456789");
    char text[32] = "";

    if (strlen(date) == 8 && strspn(date, "0123456789") == 8)
        snprintf(text, sizeof text, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
    if (text[0] && digits >= 4)
        snprintf(text + 10, sizeof text - 10, "T%.2s:%.2s:%.2s", time, time + 2, digits >= 6 ? time + 4 : "00");
    kh_json_put_text(json, "at", text[0] ? text : NULL);
}
