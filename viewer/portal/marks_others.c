/* What others have drawn, from objects of the study: shown beside the readers' marks, and changed by nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "dicom/marks_read.h"
#include "viewer/portal/marks.h"
#include "viewer/tiles/shown.h"

typedef struct found {
    int64_t series_ids[KH_OTHERS_OBJECTS]; /* with objects that may hold marks */
    size_t series_count;
    int64_t object_ids[KH_OTHERS_OBJECTS];
    size_t object_count;
} found;

static kh_status keep_series(void *context, const kh_series *series)
{
    found *f = context;

    /* what is no image: some writers put their report into the series of its images, whose modality the series keeps */
    if (f->series_count < KH_OTHERS_OBJECTS && series->object_count > series->image_count)
        f->series_ids[f->series_count++] = series->id;
    return KH_OK;
}

static kh_status keep_object(void *context, const kh_object *object)
{
    found *f = context;

    if (f->object_count < KH_OTHERS_OBJECTS && !object->away && kh_marks_are_read(object->sop_class_uid))
        f->object_ids[f->object_count++] = object->id;
    return KH_OK;
}

static kh_status find_objects(found *f, kh_marked_study *marked, kh_error *err)
{
    kh_status status = kh_browse_series_of(marked->portal->cache, marked->study->id, keep_series, f, err);

    for (size_t i = 0; status == KH_OK && i < f->series_count; i++) {
        bool open = false;

        status = kh_marked_study_decide(marked, f->series_ids[i], &open, err);
        if (status == KH_OK && open)
            status = kh_browse_objects_of(marked->portal->cache, f->series_ids[i], keep_object, f, err);
    }
    return status;
}

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

/* DA and TM as ISO time, in the local time of who wrote them. */
static void put_time(kh_json_writer *json, const kh_read_source *source)
{
    const char *d = source->date, *t = source->time;
    char text[32] = "";

    if (strlen(d) == 8 && strspn(d, "0123456789") == 8)
        snprintf(text, sizeof text, "%.4s-%.2s-%.2s", d, d + 4, d + 6);
    if (text[0] && strspn(t, "0123456789") >= 4)
        snprintf(text + 10, sizeof text - 10, "T%.2s:%.2s:%.2s", t, t + 2, strspn(t, "0123456789") >= 6 ? t + 4 : "00");
    kh_json_put_text(json, "at", text[0] ? text : NULL);
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
    put_time(json, source);
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
    found *f = calloc(1, sizeof *f);
    putting p = {.json = json, .marked = marked};
    kh_status status = f ? find_objects(f, marked, err) : kh_error_set(err, KH_E_MEMORY, "no memory for marks");

    for (size_t i = 0; status == KH_OK && i < f->object_count; i++) {
        kh_error why = KH_ERROR_INIT;

        p.object_id = f->object_ids[i];
        p.number = 0;
        if (read_object(&p, &why) != KH_OK)
            kh_log(KH_LOG_DEBUG, "portal", "marks of object %lld are left out: %s", (long long)p.object_id, why.message);
    }
    free(f);
    return status;
}
