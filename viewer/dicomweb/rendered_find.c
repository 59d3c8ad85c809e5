/* Which picture an address means. */
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include "dicom/dataset.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/rendered_profile.h"

#define TAG_ICC_PROFILE KH_TAG(0x0028, 0x2000)
#define TAG_OPTICAL_PATHS KH_TAG(0x0048, 0x0105)

#define SERIES_MAX 10000
#define COPIES_MAX 64 /* of an instance: at several hospitals */

typedef struct finding {
    kh_rendered_target *target;
    bool found, found_here;
} finding;

/* The first that is here, else the first. */
static kh_status note_row(void *context, const kh_search_row *row, kh_error *err)
{
    finding *f = context;
    bool here = row->object.id > 0 ? !row->object.away : row->series.image_count > 0 && row->series.away_count < row->series.object_count;

    (void)err;
    if (!f->found || (here && !f->found_here))
        f->target->row = *row;
    f->found = true;
    f->found_here = f->found_here || here;
    return KH_OK;
}

static kh_status search(kh_rendered_target *target, kh_cache *cache, const kh_scope *scope, const kh_retrieve_uids *uids, bool *here,
                        kh_error *err)
{
    const kh_search_key keys[] = {{KH_TAG_STUDY_INSTANCE_UID, uids->study},
                                  {KH_TAG_SERIES_INSTANCE_UID, uids->series},
                                  {KH_TAG_SOP_INSTANCE_UID, uids->instance}};
    size_t key_count = uids->instance[0] ? 3 : uids->series[0] ? 2 : 1;
    finding f = {.target = target};
    kh_search *s = NULL;
    kh_status status = kh_search_open(&s, cache, key_count == 3 ? KH_LEVEL_IMAGE : KH_LEVEL_SERIES, keys, key_count, err);

    if (status == KH_OK)
        kh_search_within(s, scope);
    if (status == KH_OK)
        status = kh_search_all(s, key_count == 3 ? COPIES_MAX : SERIES_MAX, note_row, &f, err);
    kh_search_free(s);
    if (status == KH_OK && !f.found)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such %s", key_count == 3 ? "instance" : key_count == 2 ? "series" : "study");
    *here = f.found_here;
    return status;
}

/* The slice in the middle, or the next one that can be shown. */
static const kh_stack_slice *middle_slice(const kh_stack *stack)
{
    for (uint32_t i = 0; i < stack->slice_count; i++) {
        const kh_stack_slice *slice = &stack->slices[(stack->slice_count / 2 + i) % stack->slice_count];

        if (!stack->objects[slice->object_index].problem[0])
            return slice;
    }
    return NULL;
}

static kh_status choose_middle(kh_rendered_target *target, kh_error *err)
{
    const kh_stack_slice *slice = middle_slice(target->stack);

    if (!slice)
        return kh_error_set(err, KH_E_UNSUPPORTED, "nothing of it is a picture that can be shown");
    target->object = &target->stack->objects[slice->object_index];
    target->frames[0] = slice->frame;
    target->frame_count = 1;
    return KH_OK;
}

static kh_status choose_frames(kh_rendered_target *target, const char *frames, kh_error *err)
{
    uint32_t have = target->object->info.frame_count;
    kh_status status;

    if (!frames) {
        target->whole_object = true;
        target->frames[0] = have / 2;
        target->frame_count = have;
        return KH_OK;
    }
    status = kh_frame_list_parse(target->frames, &target->frame_count, frames, err);
    for (size_t i = 0; status == KH_OK && i < target->frame_count; i++)
        if (target->frames[i]-- > have) /* from here on from 0 */
            status = kh_error_set(err, KH_E_NOT_FOUND, "frame %u, the instance has %u", target->frames[i] + 1, have);
    return status;
}

static kh_status choose_object(kh_rendered_target *target, const char *frames, kh_error *err)
{
    target->object = kh_stack_find_object(target->stack, target->row.object.id);
    if (!target->object)
        return kh_error_set(err, KH_E_UNSUPPORTED, "the instance is no picture");
    if (target->object->problem[0])
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s", target->object->problem);
    return choose_frames(target, frames, err);
}

kh_status kh_rendered_find(kh_rendered_target *out, kh_dicomweb *dicomweb, const kh_http_request *request, const kh_retrieve_uids *uids,
                           const char *frames, kh_error *err)
{
    kh_cache *cache = dicomweb->cache;
    kh_reach *reach = NULL;
    bool here = false;
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_dicomweb_reach(dicomweb, request, KH_VERB_VIEW, KH_REACH_NAMED, &reach, err);
    if (status == KH_OK)
        status = search(out, cache, kh_reach_scope(reach), uids, &here, err);
    kh_reach_close(reach);
    if (status == KH_OK && !here && (uids->instance[0] || out->row.series.away_count > 0))
        return kh_error_set(err, KH_E_BUSY, "it is at its hospital");
    if (status == KH_OK)
        status = kh_stack_acquire(&out->stack, cache, out->row.series.id, err);
    if (status != KH_OK)
        return status;
    return uids->instance[0] ? choose_object(out, frames, err) : choose_middle(out, err);
}

void kh_rendered_target_release(kh_rendered_target *target, kh_cache *cache)
{
    if (target->stack)
        kh_stack_release(cache, target->stack);
    target->stack = NULL;
}

/* Of the object itself, or of the first of its optical paths. */
static kh_status read_profile(kh_buf *out, const kh_dataset *dataset, const kh_source *source, kh_error *err)
{
    const kh_element *paths = kh_item_find(kh_dataset_main(dataset), TAG_OPTICAL_PATHS);
    const kh_element *profile = kh_item_find(kh_dataset_main(dataset), TAG_ICC_PROFILE);
    kh_source inflated;
    size_t size;
    const uint8_t *bytes = kh_dataset_inflated(dataset, &size);
    kh_status status;

    if (!profile && paths && paths->item_count > 0)
        profile = kh_item_find(kh_element_item(paths, 0), TAG_ICC_PROFILE);
    if (!profile || profile->length == 0 || profile->length > KH_PROFILE_BYTES_MAX)
        return KH_OK;
    if (bytes)
        kh_source_init_memory(&inflated, bytes, size);
    status = kh_buf_reserve(out, (size_t)profile->length, err);
    if (status == KH_OK)
        status = (bytes ? &inflated : source)
                     ->read_at(bytes ? &inflated : source, profile->offset, out->data + out->size, (size_t)profile->length, err);
    if (status == KH_OK)
        out->size += (size_t)profile->length;
    return status;
}

static kh_status open_profile(kh_buf *out, kh_cache *cache, int64_t object_id, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, object_id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = read_profile(out, dataset, &source, err);
    kh_dataset_free(dataset);
    if (fd >= 0)
        close(fd);
    /* the padding of an odd length is not the profile's */
    if (status == KH_OK && out->size > 4 && !kh_profile_is_rgb(out->data, out->size) && kh_profile_is_rgb(out->data, out->size - 1))
        out->size--;
    return status;
}

kh_status kh_rendered_find_profile(kh_buf *out, kh_rendered_wish *wish, kh_cache *cache, const kh_rendered_target *target, kh_error *err)
{
    static const char none[] = "299 " KH_DICOMWEB_PATH ": The picture has no profile, as ";
    bool colour = target->object->info.format.photometric >= KH_PHOTOMETRIC_PALETTE;
    kh_status status;

    if (wish->profile == KH_PROFILE_NONE)
        return KH_OK;
    if (!colour) {
        snprintf(wish->warnings[1], sizeof wish->warnings[1], "%sgrey values have none", none);
        return KH_OK;
    }
    status = open_profile(out, cache, target->object->object_id, err);
    if (status != KH_OK)
        return status;
    if (out->size > 0 && !kh_profile_is_rgb(out->data, out->size))
        kh_buf_clear(out);
    if (wish->profile == KH_PROFILE_SRGB && out->size > 0 && !kh_profile_is_srgb(out->data, out->size))
        return kh_error_set(err, KH_E_ARG,
                            "iccprofile \"srgb\": the instance has another profile and colours are not converted here, expected yes or no");
    /* Colours without a profile are taken for sRGB wherever they are shown. */
    if (wish->profile == KH_PROFILE_SRGB && out->size == 0)
        return kh_profile_write_srgb(out, err);
    if (out->size == 0)
        snprintf(wish->warnings[1], sizeof wish->warnings[1], "%sthe instance has none", none);
    return KH_OK;
}
