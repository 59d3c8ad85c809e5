/* What others have drawn, from objects of the study: shown beside the readers' marks, and changed by nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "dicom/marks_read.h"
#include "viewer/portal/marks.h"
#include "viewer/tiles/shown.h"

typedef struct putting {
    kh_json_writer *json;
    kh_marked_study *marked;
    int64_t object_id;
    uint32_t number; /* of the mark in its object */
    size_t count;    /* of all */
} putting;

static bool fits_image(const putting *p, const kh_frame_place *place, const kh_read_mark *mark)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    bool fits;

    if (kh_shown_object_acquire(&stack, &object, p->marked->portal->cache, place->series_id, place->object_id, place->frame, NULL) != KH_OK)
        return false;
    fits = kh_mark_check(mark->kind, mark->points, mark->point_count, object->info.format.columns, object->info.format.rows, NULL) == KH_OK;
    kh_stack_release(p->marked->portal->cache, stack);
    return fits;
}

/* The same for the same object and place in it: a UUID of version 8 (RFC 9562). */
static void make_id(char out[KH_MARK_ID_SIZE], const putting *p)
{
    snprintf(out, KH_MARK_ID_SIZE, "%08x-0000-8000-8000-%012llx", p->number, (unsigned long long)p->object_id & 0xffffffffffffULL);
}

static void put_mark(const putting *p, const kh_read_source *source, const kh_read_mark *mark, int64_t series_id)
{
    kh_json_writer *json = p->json;
    char id[KH_MARK_ID_SIZE];

    make_id(id, p);
    kh_json_object_begin(json);
    kh_json_put_text(json, "id", id);
    kh_json_put_text(json, "kind", kh_mark_text(mark->kind));
    kh_json_put_int(json, "series", series_id);
    kh_json_put_text(json, "sop_uid", mark->sop_uid);
    kh_json_put_int(json, "frame", mark->frame);
    kh_portal_put_points(json, mark->points, mark->point_count);
    kh_json_put_text(json, "text", mark->text);
    kh_json_key(json, "measured");
    kh_json_raw(json, "{}");
    kh_json_put_int(json, "version", 1);
    kh_json_key(json, "author");
    kh_json_object_begin(json);
    kh_json_put_text(json, "name", source->author);
    kh_json_put_text(json, "facility", source->institution);
    kh_json_put_bool(json, "mine", false);
    kh_json_object_end(json);
    kh_portal_put_written(json, source->date, source->time);
    kh_json_put_bool(json, "deleted", false);
    kh_json_put_bool(json, "editable", false);
    kh_json_put_text(json, "form", source->form);
    kh_json_object_end(json);
}

static kh_status show(void *context, const kh_read_source *source, const kh_read_mark *mark)
{
    putting *p = context;
    kh_frame_place place = {.frame = mark->frame};

    p->number++;
    if (p->count >= KH_OTHERS_MARKS)
        return KH_E_LIMIT;
    if (kh_marked_study_find(p->marked, mark->sop_uid, &place, NULL) == KH_OK && fits_image(p, &place, mark)) {
        put_mark(p, source, mark, place.series_id);
        p->count++;
    }
    return KH_OK;
}

/* What we exported ourselves is among the marks already. */
static bool is_ours(const kh_dataset *dataset)
{
    char manufacturer[65];

    return kh_item_string(kh_dataset_main(dataset), KH_TAG_MANUFACTURER, 0, manufacturer, sizeof manufacturer) &&
           strcmp(manufacturer, "Kakehashi") == 0;
}

static kh_status read_object(putting *p, kh_error *err)
{
    kh_cache *cache = p->marked->portal->cache;
    kh_dataset *dataset = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, p->object_id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK && !is_ours(dataset))
        status = kh_marks_read(dataset, show, p, err);
    kh_dataset_free(dataset);
    if (fd >= 0)
        close(fd);
    return status;
}

kh_status kh_portal_put_others(kh_json_writer *json, kh_marked_study *marked, kh_error *err)
{
    kh_study_objects objects;
    putting p = {.json = json, .marked = marked};
    kh_status status = kh_marked_study_objects(&objects, marked, kh_marks_are_read, err);

    for (size_t i = 0; status == KH_OK && i < objects.count; i++) {
        kh_error why = KH_ERROR_INIT;

        p.object_id = objects.all[i].object_id;
        p.number = 0;
        if (read_object(&p, &why) != KH_OK)
            kh_log(KH_LOG_DEBUG, "portal", "marks of object %lld are left out: %s", (long long)p.object_id, why.message);
    }
    return status;
}
