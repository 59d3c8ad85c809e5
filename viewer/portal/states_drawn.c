/* What a presentation state draws: graphics and texts of its layers (PS3.3 C.10.5, C.10.7), as they stand in its object. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/browse.h"
#include "dicom/text.h"
#include "viewer/portal/states.h"

#define IMAGES KH_TAG(0x0008, 0x1140)
#define PLACE_MAX 1e7
#define TEXT_SIZE 1024

typedef struct drawing {
    kh_json_writer *json;
    const kh_named_objects *objects;
    size_t count, points; /* so far */
} drawing;

static bool is(const kh_item *item, kh_tag tag, const char *value)
{
    char text[65];

    return kh_item_string(item, tag, 0, text, sizeof text) && strcmp(text, value) == 0;
}

static void put_layers(kh_json_writer *json, const kh_presentation *state)
{
    kh_json_key(json, "layers");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < state->layer_count; i++) {
        const kh_presentation_layer *layer = &state->layers[i];

        kh_json_object_begin(json);
        kh_json_put_text(json, "name", layer->name);
        kh_json_put_text(json, "description", layer->words);
        kh_json_put_int(json, "order", layer->order);
        kh_json_key(json, "rgb");
        if (layer->has_color) {
            kh_json_array_begin(json);
            for (size_t j = 0; j < 3; j++)
                kh_json_int(json, layer->rgb[j]);
            kh_json_array_end(json);
        } else {
            kh_json_null(json);
        }
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

/* null: all that the state names. Else [object, frame] of this series, frame null: all of them. */
static void put_images(drawing *d, const kh_item *annotation)
{
    const kh_element *images = kh_item_find(annotation, IMAGES);

    kh_json_key(d->json, "images");
    if (!images || images->item_count == 0) {
        kh_json_null(d->json);
        return;
    }
    kh_json_array_begin(d->json);
    for (uint32_t i = 0; i < images->item_count; i++) {
        const kh_item *image = kh_element_item(images, i);
        uint32_t frames = kh_item_value_count(image, KH_TAG(0x0008, 0x1160));
        const kh_stack_object *object = NULL;
        char uid[KH_UID_SIZE];

        if (kh_item_string(image, KH_TAG(0x0008, 0x1155), 0, uid, sizeof uid))
            object = kh_named_object(d->objects, uid);
        for (uint32_t j = 0; object && j < (frames > 0 ? frames : 1); j++) {
            int64_t frame = 0;

            if (frames > 0 && (!kh_item_int(image, KH_TAG(0x0008, 0x1160), j, &frame) || frame < 1))
                continue;
            kh_json_array_begin(d->json);
            kh_json_int(d->json, object->object_id);
            if (frames > 0)
                kh_json_int(d->json, frame - 1);
            else
                kh_json_null(d->json);
            kh_json_array_end(d->json);
        }
    }
    kh_json_array_end(d->json);
}

static const char *units_of(const kh_item *item, kh_tag tag)
{
    return is(item, tag, "PIXEL") ? "pixel" : is(item, tag, "DISPLAY") ? "display" : NULL;
}

static bool read_place(kh_point *out, const kh_item *item, kh_tag tag, uint32_t index)
{
    return kh_item_double(item, tag, 2 * index, &out->x) && kh_item_double(item, tag, 2 * index + 1, &out->y) &&
           fabs(out->x) <= PLACE_MAX && fabs(out->y) <= PLACE_MAX;
}

static void put_place(kh_json_writer *json, const kh_point *place)
{
    kh_json_array_begin(json);
    kh_json_double(json, place->x);
    kh_json_double(json, place->y);
    kh_json_array_end(json);
}

static bool takes(drawing *d, size_t points)
{
    if (d->count >= KH_STATE_DRAWN_MAX || d->points + points > KH_STATE_POINTS_MAX)
        return false;
    d->count++;
    d->points += points;
    return true;
}

static void put_graphic(drawing *d, const kh_item *graphic)
{
    static const struct {
        const char *type, *name;
        uint32_t least, most;
    } types[] = {
        {"POINT", "point", 1, 1},
        {"POLYLINE", "polyline", 2, KH_STATE_POINTS_MAX},
        {"INTERPOLATED", "interpolated", 2, KH_STATE_POINTS_MAX},
        {"CIRCLE", "circle", 2, 2},
        {"ELLIPSE", "ellipse", 4, 4},
    };
    const kh_tag data = KH_TAG(0x0070, 0x0022);
    const char *units = units_of(graphic, KH_TAG(0x0070, 0x0005));
    uint32_t count = kh_item_value_count(graphic, data) / 2;
    size_t type = 0;
    kh_point place;

    while (type < sizeof types / sizeof types[0] && !is(graphic, KH_TAG(0x0070, 0x0023), types[type].type))
        type++;
    if (!units || type == sizeof types / sizeof types[0] || count < types[type].least || count > types[type].most)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (!read_place(&place, graphic, data, i))
            return;
    if (!takes(d, count))
        return;
    kh_json_object_begin(d->json);
    kh_json_put_text(d->json, "type", types[type].name);
    kh_json_put_text(d->json, "units", units);
    kh_json_put_bool(d->json, "filled", is(graphic, KH_TAG(0x0070, 0x0024), "Y"));
    kh_json_key(d->json, "points");
    kh_json_array_begin(d->json);
    for (uint32_t i = 0; i < count && read_place(&place, graphic, data, i); i++)
        put_place(d->json, &place);
    kh_json_array_end(d->json);
    kh_json_object_end(d->json);
}

/* Words of several lines stay so. */
static void clean(char *text)
{
    char *to = text;

    for (const unsigned char *from = (const unsigned char *)text; *from; from++)
        if (*from >= 0x20 ? *from != 0x7f : *from == '\n')
            *to++ = (char)*from;
    *to = '\0';
}

static void put_text(drawing *d, const kh_item *text)
{
    const char *anchored = units_of(text, KH_TAG(0x0070, 0x0004)), *boxed = units_of(text, KH_TAG(0x0070, 0x0003));
    kh_point anchor = {0}, corners[2] = {{0}};
    bool has_anchor = anchored && read_place(&anchor, text, KH_TAG(0x0070, 0x0014), 0);
    bool has_box =
        boxed && read_place(&corners[0], text, KH_TAG(0x0070, 0x0010), 0) && read_place(&corners[1], text, KH_TAG(0x0070, 0x0011), 0);
    char words[TEXT_SIZE] = "", align[17] = "";

    kh_item_text(text, KH_TAG(0x0070, 0x0006), 0, words, sizeof words);
    clean(words);
    kh_item_string(text, KH_TAG(0x0070, 0x0012), 0, align, sizeof align);
    if ((!has_anchor && !has_box) || !words[0] || !takes(d, 1))
        return;
    kh_json_object_begin(d->json);
    kh_json_put_text(d->json, "type", "text");
    kh_json_put_text(d->json, "text", words);
    kh_json_key(d->json, "anchor");
    if (has_anchor)
        put_place(d->json, &anchor);
    else
        kh_json_null(d->json);
    kh_json_put_text(d->json, "anchor_units", has_anchor ? anchored : NULL);
    kh_json_put_bool(d->json, "anchor_visible", has_anchor && is(text, KH_TAG(0x0070, 0x0015), "Y"));
    kh_json_key(d->json, "box");
    if (has_box) {
        kh_json_array_begin(d->json);
        put_place(d->json, &corners[0]);
        put_place(d->json, &corners[1]);
        kh_json_array_end(d->json);
    } else {
        kh_json_null(d->json);
    }
    kh_json_put_text(d->json, "box_units", has_box ? boxed : NULL);
    kh_json_put_text(d->json, "align", strcmp(align, "CENTER") == 0 ? "center" : strcmp(align, "RIGHT") == 0 ? "right" : "left");
    kh_json_object_end(d->json);
}

static void put_annotation(drawing *d, const kh_item *annotation)
{
    const kh_element *graphics = kh_item_find(annotation, KH_TAG(0x0070, 0x0009)),
                     *texts = kh_item_find(annotation, KH_TAG(0x0070, 0x0008));
    char layer[KH_PRESENTATION_LAYER_SIZE];

    kh_item_text(annotation, KH_TAG(0x0070, 0x0002), 0, layer, sizeof layer);
    kh_json_object_begin(d->json);
    kh_json_put_text(d->json, "layer", layer);
    put_images(d, annotation);
    kh_json_key(d->json, "shapes");
    kh_json_array_begin(d->json);
    for (uint32_t i = 0; graphics && i < graphics->item_count; i++)
        put_graphic(d, kh_element_item(graphics, i));
    for (uint32_t i = 0; texts && i < texts->item_count; i++)
        put_text(d, kh_element_item(texts, i));
    kh_json_array_end(d->json);
    kh_json_object_end(d->json);
}

static kh_status open_dataset(kh_dataset **out, kh_cache *cache, int64_t object_id, kh_error *err)
{
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, object_id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(out, &source, &kh_display_limits, err);
    if (fd >= 0)
        close(fd);
    return status;
}

/* Our own are drawn already: the marks that they were made from are kept. */
kh_status kh_portal_put_drawn(kh_json_writer *json, kh_cache *cache, const kh_presentation *state, int64_t state_id,
                              const kh_named_objects *objects, kh_error *err)
{
    drawing d = {.json = json, .objects = objects};
    kh_dataset *dataset = NULL;
    kh_status status = open_dataset(&dataset, cache, state_id, err);
    const kh_element *annotations = status == KH_OK && !state->ours ? kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0070, 0x0001)) : NULL;

    put_layers(json, state);
    kh_json_key(json, "drawn");
    kh_json_array_begin(json);
    for (uint32_t i = 0; annotations && i < annotations->item_count; i++)
        put_annotation(&d, kh_element_item(annotations, i));
    kh_json_array_end(json);
    kh_dataset_free(dataset);
    return status;
}
