/* display.c - what of the display attributes is there, and the block they are read into. */
#include "dicom/display_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 8

_Static_assert(sizeof(kh_display) % ALIGNMENT == 0, "the tail stands right behind the display");

const kh_dataset_limits kh_display_limits = {
    .depth = 16, .elements = 1000000, .value_bytes = 32u << 20, .held_bytes = 64u << 20, .inflated_bytes = (uint64_t)1 << 30};

static bool has_overlay(const kh_item *main)
{
    for (unsigned group = 0; group < KH_OVERLAYS_MAX; group++)
        if (kh_item_find(main, KH_TAG((uint16_t)(0x6000 + 2 * group), 0x0010)))
            return true;
    return false;
}

/* VOI LUTs of the data set, or of its shared functional groups (PS3.3 C.7.6.16.2.10b). */
static const kh_element *find_voi_luts(const kh_item *main)
{
    const kh_element *luts = kh_item_find(main, KH_TAG_VOI_LUT_SEQUENCE);
    const kh_item *shared = kh_item_first(main, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    const kh_item *voi = shared ? kh_item_first(shared, KH_TAG_FRAME_VOI_LUT_SEQUENCE) : NULL;

    return luts || !voi ? luts : kh_item_find(voi, KH_TAG_VOI_LUT_SEQUENCE);
}

unsigned kh_display_parts(const kh_item *main)
{
    char photometric[17];
    const kh_element *voi = find_voi_luts(main);
    unsigned parts = 0;

    if (kh_item_string(main, KH_TAG_PHOTOMETRIC_INTERPRETATION, 0, photometric, sizeof photometric) &&
        strcmp(photometric, "PALETTE COLOR") == 0)
        parts |= KH_DISPLAY_PALETTE;
    if (kh_item_first(main, KH_TAG_MODALITY_LUT_SEQUENCE))
        parts |= KH_DISPLAY_MODALITY_LUT;
    if (voi && voi->item_count > 0)
        parts |= KH_DISPLAY_VOI_LUT;
    if (has_overlay(main))
        parts |= KH_DISPLAY_OVERLAY;
    if (kh_item_find(main, KH_TAG(0x0018, 0x1600)))
        parts |= KH_DISPLAY_SHUTTER;
    return parts;
}

kh_status kh_draft_append(kh_display_draft *draft, const void *bytes, size_t size, size_t *at, kh_error *err)
{
    static const uint8_t zeros[ALIGNMENT];
    kh_status status = kh_buf_append(&draft->tail, zeros, (ALIGNMENT - draft->tail.size % ALIGNMENT) % ALIGNMENT, err);

    *at = draft->tail.size;
    return status == KH_OK ? kh_buf_append(&draft->tail, bytes, size, err) : status;
}

typedef struct places { /* of the tables in the tail */
    size_t palette, modality, voi[KH_VOI_LUTS_MAX], overlays[KH_OVERLAYS_MAX], vertices;
} places;

/* Inputs of a VOI LUT are signed where the modality transform can give less than 0. */
static bool voi_input_is_signed(const kh_image_info *info)
{
    return info->format.is_signed || info->slices[0].rescale_intercept < 0;
}

static kh_status read_voi_luts(kh_display_draft *draft, places *at, const kh_element *luts, kh_error *err)
{
    kh_display *display = &draft->display;
    kh_status status = KH_OK;

    for (uint32_t i = 0; i < luts->item_count && display->voi_count < KH_VOI_LUTS_MAX && status == KH_OK; i++) {
        kh_error why = KH_ERROR_INIT;

        status = kh_draft_lookup(&display->voi[display->voi_count], &at->voi[display->voi_count], draft, kh_element_item(luts, i),
                                 voi_input_is_signed(draft->info), &why);
        if (status == KH_OK)
            display->voi_count++;
        status = status == KH_E_FORMAT ? KH_OK : status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
    }
    return status;
}

static kh_status read_parts(kh_display_draft *draft, places *at, const kh_dataset *dataset, kh_error *err)
{
    const kh_item *main = kh_dataset_main(dataset);
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    bool pixels_whole = syntax && syntax->codec == KH_CODEC_NATIVE; /* decoders give stored bits and no others */
    unsigned parts = kh_display_parts(main);
    kh_status status = KH_OK;

    draft->big_endian = syntax && syntax->big_endian;
    if (parts & KH_DISPLAY_PALETTE)
        status = kh_draft_palette(draft, &at->palette, main, err);
    if (status == KH_OK && parts & KH_DISPLAY_MODALITY_LUT)
        status = kh_draft_lookup(&draft->display.modality, &at->modality, draft, kh_item_first(main, KH_TAG_MODALITY_LUT_SEQUENCE),
                                 draft->info->format.is_signed, err);
    if (status == KH_OK && parts & KH_DISPLAY_VOI_LUT)
        status = read_voi_luts(draft, at, find_voi_luts(main), err);
    if (status == KH_OK && parts & KH_DISPLAY_OVERLAY)
        status = kh_draft_overlays(draft, at->overlays, main, pixels_whole, err);
    if (status == KH_OK && parts & KH_DISPLAY_SHUTTER)
        status = kh_draft_shutter(draft, &at->vertices, main, err);
    return status;
}

/* The block as it stays: the display, then its tail, then the pointers from one to the other. */
static kh_status settle(kh_display **out, size_t *size, const kh_display_draft *draft, const places *at, kh_error *err)
{
    static atomic_ullong last_id;
    kh_display *display = malloc(sizeof *display + draft->tail.size);
    const uint8_t *tail = (const uint8_t *)(display + 1);

    if (!display)
        return kh_error_set(err, KH_E_MEMORY, "no memory for display tables of %zu bytes", draft->tail.size);
    *display = draft->display;
    if (draft->tail.size > 0)
        memcpy(display + 1, draft->tail.data, draft->tail.size);
    display->id = atomic_fetch_add(&last_id, 1) + 1;
    display->palette.rgb = tail + at->palette;
    display->modality.values = (const uint16_t *)(const void *)(tail + at->modality);
    for (uint32_t i = 0; i < display->voi_count; i++)
        display->voi[i].values = (const uint16_t *)(const void *)(tail + at->voi[i]);
    for (uint32_t i = 0; i < display->overlay_count; i++)
        display->overlays[i].bits = tail + at->overlays[i];
    display->shutter.vertices = (const int32_t *)(const void *)(tail + at->vertices);
    *out = display;
    *size = sizeof *display + draft->tail.size;
    return KH_OK;
}

kh_status kh_display_read(kh_display **out, size_t *size, const kh_dataset *dataset, const kh_image_info *info, kh_error *err)
{
    kh_display_draft draft = {.info = info};
    places at = {.palette = 0};
    kh_status status;

    *out = NULL;
    kh_buf_init(&draft.tail, KH_DISPLAY_BYTES_MAX);
    status = read_parts(&draft, &at, dataset, err);
    if (status == KH_OK)
        status = settle(out, size, &draft, &at, err);
    kh_buf_release(&draft.tail);
    return status;
}
