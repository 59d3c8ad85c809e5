/* GET /api/series/{id}/states: the presentation states of the study that name images of the series, and with state= what one of them draws.
 */
#include "viewer/portal/states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cache/presentation.h"

#define ANSWER_BYTES_MAX (64u << 20)

/* --- images by their UIDs --- */

static int by_uid(const void *a, const void *b)
{
    const kh_stack_object *const *x = a, *const *y = b;

    return strcmp((*x)->sop_instance_uid, (*y)->sop_instance_uid);
}

static kh_status name_objects(kh_named_objects *out, const kh_stack *stack, kh_error *err)
{
    out->by_uid = malloc((stack->object_count + 1) * sizeof *out->by_uid);
    if (!out->by_uid)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the images of a series");
    out->count = stack->object_count;
    for (uint32_t i = 0; i < out->count; i++)
        out->by_uid[i] = &stack->objects[i];
    qsort(out->by_uid, out->count, sizeof *out->by_uid, by_uid);
    return KH_OK;
}

const kh_stack_object *kh_named_object(const kh_named_objects *objects, const char *sop_uid)
{
    uint32_t low = 0, high = objects->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(sop_uid, objects->by_uid[middle]->sop_instance_uid);

        if (order == 0)
            return objects->by_uid[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* --- one state --- */

static void put_untold(kh_json_writer *json, unsigned untold)
{
    static const char *const names[] = {"mask", "bitmap_shutter", "profile", "palette", "compound", "styles", "curves"};

    kh_json_key(json, "not_applied");
    kh_json_array_begin(json);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (untold >> i & 1)
            kh_json_text(json, names[i]);
    kh_json_array_end(json);
}

/* Each image of the series that is named, with the number of its area. */
static void put_images(kh_json_writer *json, const kh_presentation *state, const kh_named_objects *objects)
{
    kh_json_key(json, "images");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < state->image_count; i++) {
        const kh_presentation_reference *reference = &state->references[i];
        const kh_stack_object *object = kh_named_object(objects, reference->sop_uid);
        const kh_presentation_area *area;

        if (!object)
            continue;
        area = kh_presentation_area_of(state, reference->sop_uid, reference->frame == UINT32_MAX ? 0 : reference->frame);
        kh_json_object_begin(json);
        kh_json_put_int(json, "object", object->object_id);
        kh_portal_put_int_or_null(json, "frame", reference->frame, UINT32_MAX);
        kh_portal_put_int_or_null(json, "area", area ? (int64_t)(area - state->areas) : -1, -1);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

static void put_pair(kh_json_writer *json, const char *key, int32_t a, int32_t b)
{
    kh_json_key(json, key);
    kh_json_array_begin(json);
    kh_json_int(json, a);
    kh_json_int(json, b);
    kh_json_array_end(json);
}

static void put_areas(kh_json_writer *json, const kh_presentation *state)
{
    static const char *const sizes[] = {"fit", "true", "magnify"};

    kh_json_key(json, "areas");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < state->area_count; i++) {
        const kh_presentation_area *area = &state->areas[i];

        kh_json_object_begin(json);
        put_pair(json, "first", area->first[0], area->first[1]);
        put_pair(json, "last", area->last[0], area->last[1]);
        kh_json_put_text(json, "size", sizes[area->size]);
        kh_portal_put_double_or_null(json, "magnification", area->magnification, 0);
        kh_portal_put_double_or_null(json, "column_spacing_mm", area->column_spacing_mm, 0);
        kh_portal_put_double_or_null(json, "aspect", area->aspect, 0);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

static bool names_any(const kh_presentation *state, const kh_named_objects *objects)
{
    for (uint32_t i = 0; i < state->image_count; i++)
        if (kh_named_object(objects, state->references[i].sop_uid))
            return true;
    return false;
}

static void put_state(kh_json_writer *json, const kh_presentation *state, const kh_study_object *at, const kh_named_objects *objects)
{
    char id[48];

    snprintf(id, sizeof id, "%lld-%lld", (long long)at->series_id, (long long)at->object_id);
    kh_json_put_text(json, "id", id);
    kh_json_put_text(json, "label", state->label);
    kh_json_put_text(json, "description", state->words);
    kh_json_put_text(json, "creator", state->creator);
    kh_json_put_text(json, "facility", state->institution);
    kh_portal_put_written(json, state->date, state->time);
    kh_json_put_bool(json, "ours", state->ours);
    kh_json_put_text(json, "problem", state->problem[0] ? state->problem : NULL);
    put_untold(json, state->untold);
    kh_json_put_int(json, "turns", state->quarter_turns);
    kh_json_put_bool(json, "flipped", state->flipped);
    put_areas(json, state);
    put_images(json, state, objects);
}

/* --- the answer --- */

typedef struct asked {
    kh_portal *portal;
    kh_marked_study marked;
    const kh_stack *stack;
    kh_named_objects objects;
} asked;

static kh_status put_list(kh_json_writer *json, asked *a, kh_error *err)
{
    kh_study_objects states;
    kh_status status = kh_marked_study_objects(&states, &a->marked, kh_is_presentation, err);

    kh_json_object_begin(json);
    kh_json_key(json, "states");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < states.count; i++) {
        const kh_presentation *state;
        const kh_blob *hold;
        kh_error why = KH_ERROR_INIT;

        if (kh_presentation_acquire(&state, &hold, a->portal->cache, states.all[i].series_id, states.all[i].object_id, &why) != KH_OK) {
            kh_log(KH_LOG_DEBUG, "portal", "%s", why.message);
        } else if (names_any(state, &a->objects)) {
            kh_json_object_begin(json);
            put_state(json, state, &states.all[i], &a->objects);
            kh_json_object_end(json);
        }
        kh_presentation_release(a->portal->cache, hold);
    }
    kh_json_array_end(json);
    kh_json_object_end(json);
    return status;
}

static kh_status put_one(kh_json_writer *json, asked *a, const kh_study_object *at, kh_error *err)
{
    const kh_presentation *state = NULL;
    const kh_blob *hold = NULL;
    kh_status status = kh_presentation_acquire(&state, &hold, a->portal->cache, at->series_id, at->object_id, err);

    if (status == KH_OK && !names_any(state, &a->objects))
        status = kh_error_set(err, KH_E_NOT_FOUND, "the presentation state names no image of this series");
    kh_json_object_begin(json);
    kh_json_key(json, "state");
    kh_json_object_begin(json);
    if (status == KH_OK) {
        put_state(json, state, at, &a->objects);
        status = kh_portal_put_drawn(json, a->portal->cache, state, at->object_id, &a->objects, err);
    }
    kh_json_object_end(json);
    kh_json_object_end(json);
    kh_presentation_release(a->portal->cache, hold);
    return status;
}

static kh_status open_series(asked *a, const kh_http_request *request, kh_error *err)
{
    int64_t series_id = 0;
    kh_status status = kh_http_segment_int(request, "id", 1, INT64_MAX, &series_id, err);

    if (status == KH_OK)
        status = kh_stack_acquire(&a->stack, a->portal->cache, series_id, err);
    if (status == KH_OK)
        status = kh_marked_study_begin(&a->marked, a->portal, request, a->stack->study_id, err);
    return status == KH_OK ? name_objects(&a->objects, a->stack, err) : status;
}

static void list_states(void *context, kh_http_request *request)
{
    asked a = {.portal = context};
    kh_study_object at;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status = kh_portal_tile_state(request, &at.series_id, &at.object_id, &err);

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (status == KH_OK)
        status = open_series(&a, request, &err);
    if (status == KH_OK)
        status = at.object_id > 0 ? put_one(&answer.json, &a, &at, &err) : put_list(&answer.json, &a, &err);
    kh_portal_answer_end(&answer, request, status, &err);
    free(a.objects.by_uid);
    kh_marked_study_close(&a.marked);
    kh_stack_release(a.portal->cache, a.stack);
}

void kh_portal_states(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list_states);
}
