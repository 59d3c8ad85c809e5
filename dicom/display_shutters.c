/* display_shutters.c - the display shutter, of an object or of each of its frames. */
#include <stdlib.h>
#include <string.h>
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"

#define PLACE_MAX 1000000 /* of a shutter's edge, either side */
#define SHAPE_TAG KH_TAG(0x0018, 0x1600)
#define SHUTTER_GROUP_TAG KH_TAG(0x0018, 0x9472) /* Frame Display Shutter Sequence (PS3.3 C.7.6.16.2.16) */

static bool read_edge(int32_t *out, const kh_item *main, kh_tag tag, uint32_t index)
{
    int64_t value;

    if (!kh_item_int(main, tag, index, &value) || value < -PLACE_MAX || value > PLACE_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

static bool read_rectangle(kh_shutter *shutter, const kh_item *main)
{
    return read_edge(&shutter->left, main, KH_TAG(0x0018, 0x1602), 0) &&
           read_edge(&shutter->right, main, KH_TAG(0x0018, 0x1604), 0) &&
           read_edge(&shutter->upper, main, KH_TAG(0x0018, 0x1606), 0) &&
           read_edge(&shutter->lower, main, KH_TAG(0x0018, 0x1608), 0);
}

static bool read_circle(kh_shutter *shutter, const kh_item *main)
{
    return read_edge(&shutter->center_row, main, KH_TAG(0x0018, 0x1610), 0) &&
           read_edge(&shutter->center_column, main, KH_TAG(0x0018, 0x1610), 1) &&
           read_edge(&shutter->radius, main, KH_TAG(0x0018, 0x1612), 0) && shutter->radius >= 0;
}

/* Row and column of each corner; *vertices is malloc'ed. */
static bool read_polygon(kh_shutter *shutter, int32_t **vertices, const kh_item *main)
{
    const kh_tag tag = KH_TAG(0x0018, 0x1620);
    uint32_t count = kh_item_value_count(main, tag) / 2;

    if (count < 3 || count > KH_SHUTTER_VERTICES_MAX)
        return false;
    *vertices = malloc((size_t)count * 2 * sizeof(int32_t));
    if (!*vertices)
        return false;
    for (uint32_t i = 0; i < 2 * count; i++)
        if (!read_edge(&(*vertices)[i], main, tag, i))
            return false;
    shutter->vertex_count = count;
    return true;
}

/* *vertices is malloc'ed, NULL without a polygon. */
static void read_shutter(kh_shutter *shutter, int32_t **vertices, const kh_item *item)
{
    int64_t value = 0;
    char shape[17];

    *vertices = NULL;
    for (uint32_t i = 0; i < 3 && kh_item_string(item, SHAPE_TAG, i, shape, sizeof shape); i++) {
        if (strcmp(shape, "RECTANGULAR") == 0 && read_rectangle(shutter, item))
            shutter->shapes |= KH_SHUTTER_RECTANGULAR;
        else if (strcmp(shape, "CIRCULAR") == 0 && read_circle(shutter, item))
            shutter->shapes |= KH_SHUTTER_CIRCULAR;
        else if (strcmp(shape, "POLYGONAL") == 0 && !*vertices && read_polygon(shutter, vertices, item))
            shutter->shapes |= KH_SHUTTER_POLYGONAL;
    }
    if (kh_item_int(item, KH_TAG(0x0018, 0x1622), 0, &value) && value >= 0 && value <= UINT16_MAX)
        shutter->value = (uint16_t)value;
}

static kh_status append_shutter(kh_shutter *shutter, size_t *at, kh_display_draft *draft, const kh_item *item, kh_error *err)
{
    int32_t *vertices;
    kh_status status = KH_OK;

    read_shutter(shutter, &vertices, item);
    if (shutter->shapes & KH_SHUTTER_POLYGONAL)
        status = kh_draft_append(draft, vertices, (size_t)shutter->vertex_count * 2 * sizeof(int32_t), at, err);
    free(vertices);
    return status;
}

static const kh_item *shutter_group(const kh_item *groups)
{
    const kh_item *item = groups ? kh_item_first(groups, SHUTTER_GROUP_TAG) : NULL;

    return item && kh_item_find(item, SHAPE_TAG) ? item : NULL;
}

static bool any_frame_has_shutter(const kh_element *frames, uint32_t frame_count)
{
    for (uint32_t i = 0; frames && i < frame_count; i++)
        if (shutter_group(kh_element_item(frames, i)))
            return true;
    return false;
}

static const kh_item *common_shutter(const kh_item *main)
{
    const kh_item *shared = shutter_group(kh_item_first(main, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE));

    return shared ? shared : kh_item_find(main, SHAPE_TAG) ? main : NULL;
}

bool kh_item_has_shutter(const kh_item *main, uint32_t frame_count)
{
    return common_shutter(main) || any_frame_has_shutter(kh_frame_groups(main, frame_count), frame_count);
}

kh_status kh_draft_shutters(kh_display_draft *draft, const kh_item *main, kh_error *err)
{
    uint32_t frame_count = draft->info->frame_count;
    const kh_element *frames = kh_frame_groups(main, frame_count);
    const kh_item *common = common_shutter(main);
    kh_status status = KH_OK;

    if (!any_frame_has_shutter(frames, frame_count))
        frame_count = 0;
    draft->shutters = calloc(frame_count + 1, sizeof draft->shutters[0]);
    draft->vertices_at = calloc(frame_count + 1, sizeof draft->vertices_at[0]);
    if (!draft->shutters || !draft->vertices_at)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %u shutters", (unsigned)frame_count + 1);
    draft->shutter_count = frame_count + 1;
    if (common)
        status = append_shutter(&draft->shutters[0], &draft->vertices_at[0], draft, common, err);
    for (uint32_t i = 1; i <= frame_count && status == KH_OK; i++) {
        const kh_item *own = shutter_group(kh_element_item(frames, i - 1));

        draft->shutters[i] = draft->shutters[0];
        draft->vertices_at[i] = draft->vertices_at[0];
        if (own) {
            draft->shutters[i] = (kh_shutter){.shapes = 0};
            status = append_shutter(&draft->shutters[i], &draft->vertices_at[i], draft, own, err);
        }
    }
    return status;
}
