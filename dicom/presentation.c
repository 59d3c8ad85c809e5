/* presentation.c - a presentation state read into its block. */
#include "dicom/presentation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"
#include "dicom/presentation_internal.h"
#include "dicom/text.h"

#define IMAGES KH_TAG(0x0008, 0x1140)
#define SERIES KH_TAG(0x0008, 0x1115)
#define VOIS KH_TAG(0x0028, 0x3110)
#define VOIS_MAX 65536u

static const struct {
    const char *sop_class_uid;
    bool color, palette;
} classes[] = {
    {"1.2.840.10008.5.1.4.1.1.11.1", false, false}, /* Grayscale Softcopy Presentation State */
    {"1.2.840.10008.5.1.4.1.1.11.2", true, false},  /* Color */
    {"1.2.840.10008.5.1.4.1.1.11.3", false, true},  /* Pseudo-Color */
    {"1.2.840.10008.5.1.4.1.1.11.5", false, false}, /* XA/XRF Grayscale */
};

static int class_of(const char *sop_class_uid)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i].sop_class_uid, sop_class_uid) == 0)
            return (int)i;
    return -1;
}

bool kh_is_presentation(const char *sop_class_uid)
{
    return class_of(sop_class_uid) >= 0;
}

const char *kh_presentation_class(size_t index)
{
    return index < sizeof classes / sizeof classes[0] ? classes[index].sop_class_uid : NULL;
}

/* --- which pictures --- */

static kh_status add_reference(kh_presentation_draft *draft, const char *uid, uint32_t frame, kh_error *err)
{
    kh_presentation_reference reference = {.frame = frame};

    if (draft->references.size / sizeof reference >= KH_PRESENTATION_REFERENCES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "a presentation state that names more than %d images", KH_PRESENTATION_REFERENCES_MAX);
    snprintf(reference.sop_uid, sizeof reference.sop_uid, "%s", uid);
    return kh_buf_append(&draft->references, &reference, sizeof reference, err);
}

static kh_status add_image(kh_presentation_draft *draft, const kh_item *image, kh_error *err)
{
    const kh_tag frames = KH_TAG(0x0008, 0x1160);
    uint32_t count = kh_item_value_count(image, frames);
    char uid[KH_UID_SIZE];
    kh_status status = KH_OK;

    if (!kh_item_string(image, KH_TAG(0x0008, 0x1155), 0, uid, sizeof uid))
        return KH_OK;
    if (count == 0)
        return add_reference(draft, uid, UINT32_MAX, err);
    for (uint32_t i = 0; status == KH_OK && i < count; i++) {
        int64_t frame;

        if (kh_item_int(image, frames, i, &frame) && frame >= 1 && frame < UINT32_MAX)
            status = add_reference(draft, uid, (uint32_t)frame - 1, err);
    }
    return status;
}

static uint32_t count_references(const kh_presentation_draft *draft)
{
    return (uint32_t)(draft->references.size / sizeof(kh_presentation_reference));
}

static kh_status add_images(kh_presentation_draft *draft, const kh_item *item, kh_error *err)
{
    const kh_element *images = kh_item_find(item, IMAGES);
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && images && i < images->item_count; i++)
        status = add_image(draft, kh_element_item(images, i), err);
    return status;
}

/* Of an item that names images of which none can be read nothing holds: not all of them. */
kh_status kh_presentation_read_scope(kh_presentation_scope *out, bool *any, kh_presentation_draft *draft, const kh_item *item,
                                     kh_error *err)
{
    kh_status status;

    out->first = count_references(draft);
    status = add_images(draft, item, err);
    out->count = count_references(draft) - out->first;
    *any = out->count > 0 || !kh_item_first(item, IMAGES);
    return status;
}

static kh_status read_images(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    const kh_element *series = kh_item_find(main, SERIES);
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && series && i < series->item_count; i++)
        status = add_images(draft, kh_element_item(series, i), err);
    if (status == KH_OK && count_references(draft) == 0)
        status = kh_error_set(err, KH_E_FORMAT, "ReferencedSeriesSequence (0008,1115) names no image");
    draft->state.image_count = count_references(draft);
    return status;
}

/* --- grey --- */

static kh_status read_modality(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    kh_presentation *state = &draft->state;
    const kh_item *table = kh_item_first(main, KH_TAG_MODALITY_LUT_SEQUENCE);
    double slope = 1;

    state->slope = 1;
    if (table)
        return kh_draft_lookup(&state->modality, &draft->modality_at, &draft->display, table, false, err);
    if (!kh_item_find(main, KH_TAG(0x0028, 0x1053)))
        return KH_OK;
    if (!kh_item_double(main, KH_TAG(0x0028, 0x1053), 0, &slope) || !isfinite(slope) || slope == 0 ||
        !kh_item_double(main, KH_TAG(0x0028, 0x1052), 0, &state->intercept) || !isfinite(state->intercept))
        return kh_error_set(err, KH_E_FORMAT, "RescaleSlope (0028,1053), expected a number that is not 0 and an intercept");
    state->slope = slope;
    return KH_OK;
}

static bool read_window(kh_presentation_voi *voi, const kh_item *item)
{
    char function[17] = "";

    kh_item_string(item, KH_TAG(0x0028, 0x1056), 0, function, sizeof function);
    voi->function = strcmp(function, "SIGMOID") == 0        ? KH_VOI_SIGMOID
                    : strcmp(function, "LINEAR_EXACT") == 0 ? KH_VOI_LINEAR_EXACT
                                                            : KH_VOI_LINEAR;
    return kh_item_double(item, KH_TAG(0x0028, 0x1050), 0, &voi->center) && kh_item_double(item, KH_TAG(0x0028, 0x1051), 0, &voi->width) &&
           isfinite(voi->center) && isfinite(voi->width) && (voi->function == KH_VOI_LINEAR ? voi->width >= 1 : voi->width > 0);
}

static kh_status read_voi(kh_presentation_draft *draft, const kh_item *item, kh_error *err)
{
    const kh_item *table = kh_item_first(item, KH_TAG(0x0028, 0x3010));
    kh_presentation_voi voi = {.function = KH_VOI_LINEAR};
    size_t at = 0;
    bool any;
    kh_status status = kh_presentation_read_scope(&voi.scope, &any, draft, item, err);

    if (status == KH_OK && !any)
        return KH_OK;
    if (status == KH_OK && table)
        status = kh_draft_lookup(&voi.lookup, &at, &draft->display, table, false, err);
    else if (status == KH_OK && !read_window(&voi, item))
        status = kh_error_set(err, KH_E_FORMAT, "SoftcopyVOILUTSequence (0028,3110), expected a window that can be used, or a table");
    if (status == KH_OK)
        status = kh_buf_append(&draft->vois, &voi, sizeof voi, err);
    return status == KH_OK ? kh_buf_append(&draft->voi_tables, &at, sizeof at, err) : status;
}

static kh_status read_vois(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    const kh_element *items = kh_item_find(main, VOIS);
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && items && i < items->item_count; i++)
        status = read_voi(draft, kh_element_item(items, i), err);
    return status;
}

static kh_status read_output(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    const kh_item *table = kh_item_first(main, KH_TAG(0x2050, 0x0010));
    char shape[17] = "";

    if (table)
        return kh_draft_lookup(&draft->state.output, &draft->output_at, &draft->display, table, false, err);
    kh_item_string(main, KH_TAG_PRESENTATION_LUT_SHAPE, 0, shape, sizeof shape);
    draft->state.inverse = strcmp(shape, "INVERSE") == 0;
    return KH_OK;
}

/* --- the rest --- */

static void read_turn(kh_presentation *state, const kh_item *main)
{
    char flip[17] = "";
    int64_t degrees = 0;

    kh_item_int(main, KH_TAG(0x0070, 0x0042), 0, &degrees);
    kh_item_string(main, KH_TAG(0x0070, 0x0041), 0, flip, sizeof flip);
    state->quarter_turns = degrees == 90 ? 1 : degrees == 180 ? 2 : degrees == 270 ? 3 : 0;
    state->flipped = strcmp(flip, "Y") == 0;
}

static void read_activation(kh_presentation *state, const kh_item *main)
{
    char layer[65];

    for (unsigned group = 0; group < KH_OVERLAYS_MAX; group++)
        if (kh_item_string(main, KH_TAG((uint16_t)(0x6000 + 2 * group), 0x1001), 0, layer, sizeof layer))
            state->overlays_on |= (uint16_t)(1u << group);
}

static bool is_in_any(const kh_item *main, kh_tag sequence, kh_tag inner, kh_tag below)
{
    const kh_element *items = kh_item_find(main, sequence);

    for (uint32_t i = 0; items && i < items->item_count; i++) {
        const kh_element *inside = kh_item_find(kh_element_item(items, i), inner);

        for (uint32_t j = 0; inside && j < inside->item_count; j++)
            if (below == 0 || kh_item_find(kh_element_item(inside, j), below))
                return true;
    }
    return false;
}

static bool has_bitmap_shutter(const kh_item *main)
{
    char shape[17];

    for (uint32_t i = 0; i < 4 && kh_item_string(main, KH_TAG(0x0018, 0x1600), i, shape, sizeof shape); i++)
        if (strcmp(shape, "BITMAP") == 0)
            return true;
    return false;
}

static unsigned read_untold(const kh_item *main, bool palette)
{
    const kh_tag annotations = KH_TAG(0x0070, 0x0001), graphics = KH_TAG(0x0070, 0x0009), texts = KH_TAG(0x0070, 0x0008);
    unsigned untold = palette ? KH_UNTOLD_PALETTE : 0;
    char layer[65];

    if (kh_item_first(main, KH_TAG(0x0028, 0x6100)))
        untold |= KH_UNTOLD_MASK;
    if (has_bitmap_shutter(main))
        untold |= KH_UNTOLD_BITMAP_SHUTTER;
    if (kh_item_find(main, KH_TAG(0x0028, 0x2000)))
        untold |= KH_UNTOLD_PROFILE;
    if (is_in_any(main, annotations, KH_TAG(0x0070, 0x0209), 0))
        untold |= KH_UNTOLD_COMPOUND;
    if (is_in_any(main, annotations, graphics, KH_TAG(0x0070, 0x0232)) || is_in_any(main, annotations, graphics, KH_TAG(0x0070, 0x0233)) ||
        is_in_any(main, annotations, texts, KH_TAG(0x0070, 0x0231)))
        untold |= KH_UNTOLD_STYLES;
    for (unsigned group = 0; group < KH_OVERLAYS_MAX; group++)
        if (kh_item_string(main, KH_TAG((uint16_t)(0x5000 + 2 * group), 0x1001), 0, layer, sizeof layer))
            untold |= KH_UNTOLD_CURVES;
    return untold;
}

static void read_identity(kh_presentation *state, const kh_item *main)
{
    char manufacturer[65] = "";
    kh_person_name name;

    kh_item_text(main, KH_TAG(0x0070, 0x0080), 0, state->label, sizeof state->label);
    kh_item_text(main, KH_TAG(0x0070, 0x0081), 0, state->words, sizeof state->words);
    kh_item_person_name(main, KH_TAG(0x0070, 0x0084), &name);
    snprintf(state->creator, sizeof state->creator, "%s", name.ideographic[0] ? name.ideographic : name.alphabetic);
    for (char *p = state->creator; *p; p++)
        *p = *p == '^' ? ' ' : *p;
    kh_item_text(main, KH_TAG_INSTITUTION_NAME, 0, state->institution, sizeof state->institution);
    kh_item_string(main, KH_TAG(0x0070, 0x0082), 0, state->date, sizeof state->date);
    kh_item_string(main, KH_TAG(0x0070, 0x0083), 0, state->time, sizeof state->time);
    state->ours = kh_item_string(main, KH_TAG_MANUFACTURER, 0, manufacturer, sizeof manufacturer) && strcmp(manufacturer, "Kakehashi") == 0;
}

static kh_status read_planes(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    kh_display_draft *display = &draft->display;
    kh_status status = kh_draft_overlays(display, draft->overlays_at, main, err);

    if (status == KH_OK && kh_item_has_shutter(main, 1))
        status = kh_draft_shutters(display, main, err);
    if (status == KH_OK && display->shutter_count > 0)
        draft->state.shutter = display->shutters[0];
    draft->state.overlay_count = display->display.overlay_count;
    memcpy(draft->state.overlays, display->display.overlays, sizeof draft->state.overlays);
    return status;
}

static kh_status read_grey(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    kh_status status = read_modality(draft, main, err);

    if (status == KH_OK)
        status = read_vois(draft, main, err);
    return status == KH_OK ? read_output(draft, main, err) : status;
}

static kh_status read_parts(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = read_images(draft, main, err), grey = KH_OK;

    if (status == KH_OK && !draft->state.color)
        grey = read_grey(draft, main, &why);
    if (grey == KH_E_FORMAT)
        snprintf(draft->state.problem, sizeof draft->state.problem, "%s", why.message);
    else if (grey != KH_OK)
        return kh_error_set(err, grey, "%s", why.message);
    if (status == KH_OK)
        status = read_planes(draft, main, err);
    if (status == KH_OK)
        status = kh_presentation_read_areas(draft, main, err);
    if (status == KH_OK)
        status = kh_presentation_read_layers(draft, main, err);
    read_turn(&draft->state, main);
    read_activation(&draft->state, main);
    read_identity(&draft->state, main);
    return status;
}

/* --- the block --- */

static uint8_t *put(uint8_t **at, const kh_buf *part)
{
    uint8_t *begin = *at;

    if (part->size > 0)
        memcpy(begin, part->data, part->size);
    *at += (part->size + 7) / 8 * 8;
    return begin;
}

static const uint16_t *entries(const uint8_t *tail, size_t at)
{
    return (const uint16_t *)(const void *)(tail + at);
}

static kh_status settle(kh_presentation **out, size_t *size, const kh_presentation_draft *draft, kh_error *err)
{
    const kh_buf *parts[] = {&draft->references, &draft->vois, &draft->areas, &draft->layers, &draft->display.tail};
    size_t bytes = (sizeof(kh_presentation) + 7) / 8 * 8;
    kh_presentation *state;
    kh_presentation_voi *vois;
    uint8_t *at, *tail;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        bytes += (parts[i]->size + 7) / 8 * 8;
    state = malloc(bytes);
    if (!state)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a presentation state of %zu bytes", bytes);
    *state = draft->state;
    at = (uint8_t *)state + (sizeof *state + 7) / 8 * 8;
    state->references = (const kh_presentation_reference *)(const void *)put(&at, &draft->references);
    vois = (kh_presentation_voi *)(void *)put(&at, &draft->vois);
    state->areas = (const kh_presentation_area *)(const void *)put(&at, &draft->areas);
    state->layers = (const kh_presentation_layer *)(const void *)put(&at, &draft->layers);
    tail = put(&at, &draft->display.tail);
    state->vois = vois;
    state->reference_count = count_references(draft);
    state->voi_count = (uint32_t)(draft->vois.size / sizeof *vois);
    for (uint32_t i = 0; i < state->voi_count; i++)
        vois[i].lookup.values = entries(tail, ((const size_t *)(const void *)draft->voi_tables.data)[i]);
    state->modality.values = entries(tail, draft->modality_at);
    state->output.values = entries(tail, draft->output_at);
    state->shutter.vertices =
        (const int32_t *)(const void *)(tail + (draft->display.shutter_count > 0 ? draft->display.vertices_at[0] : 0));
    for (uint32_t i = 0; i < state->overlay_count; i++)
        state->overlays[i].bits = tail + draft->overlays_at[i];
    state->id = kh_display_take_ids(state->voi_count + 1);
    *out = state;
    *size = bytes;
    return KH_OK;
}

kh_status kh_presentation_read(kh_presentation **out, size_t *size, const kh_dataset *dataset, kh_error *err)
{
    static const kh_image_info of_none = {.frame_count = 1};
    const kh_item *main = kh_dataset_main(dataset);
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    kh_presentation_draft *draft;
    char sop_class[KH_UID_SIZE] = "";
    int class;
    kh_status status;

    *out = NULL;
    kh_item_string(main, KH_TAG_SOP_CLASS_UID, 0, sop_class, sizeof sop_class);
    class = class_of(sop_class);
    if (class < 0)
        return kh_error_set(err, KH_E_UNSUPPORTED, "SOPClassUID (0008,0016) %s, expected a presentation state", sop_class);
    draft = calloc(1, sizeof *draft);
    if (!draft)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a presentation state");
    draft->display.info = &of_none;
    draft->display.big_endian = syntax && syntax->big_endian;
    draft->state.color = classes[class].color;
    draft->state.untold = read_untold(main, classes[class].palette);
    kh_buf_init(&draft->display.tail, KH_DISPLAY_BYTES_MAX);
    kh_buf_init(&draft->references, KH_PRESENTATION_REFERENCES_MAX * sizeof(kh_presentation_reference));
    kh_buf_init(&draft->vois, VOIS_MAX * sizeof(kh_presentation_voi));
    kh_buf_init(&draft->voi_tables, VOIS_MAX * sizeof(size_t));
    kh_buf_init(&draft->areas, VOIS_MAX * sizeof(kh_presentation_area));
    kh_buf_init(&draft->layers, KH_PRESENTATION_LAYERS_MAX * sizeof(kh_presentation_layer));
    status = read_parts(draft, main, err);
    if (status == KH_OK)
        status = settle(out, size, draft, err);
    kh_buf_release(&draft->display.tail);
    kh_buf_release(&draft->references);
    kh_buf_release(&draft->vois);
    kh_buf_release(&draft->voi_tables);
    kh_buf_release(&draft->areas);
    kh_buf_release(&draft->layers);
    free(draft->display.shutters);
    free(draft->display.vertices_at);
    free(draft);
    return status;
}
