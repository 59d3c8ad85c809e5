/* display.c - what of the display attributes is there, and the block they are read into. */
#include "dicom/dataset_internal.h"
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 8

_Static_assert(sizeof(kh_display) % ALIGNMENT == 0 && sizeof(kh_lookup) % ALIGNMENT == 0 && sizeof(kh_shutter) % ALIGNMENT == 0,
               "they stand right behind each other, and the tail behind them");

const kh_dataset_limits kh_display_limits = {
    .depth = 16, .elements = 1000000, .value_bytes = 32u << 20, .held_bytes = 64u << 20, .inflated_bytes = (uint64_t)1 << 30};

static bool has_overlay(const kh_item *main)
{
    for (unsigned group = 0; group < KH_OVERLAYS_MAX; group++)
        if (kh_item_find(main, KH_TAG((uint16_t)(0x6000 + 2 * group), 0x0010)))
            return true;
    return false;
}

static bool has_voi_luts(const kh_item *main, uint32_t frame_count)
{
    kh_voi_lut_list *list = malloc(sizeof *list);
    bool any = true;

    if (list) {
        kh_voi_lut_list_read(list, main, main->big_endian, frame_count, NULL, 0);
        any = list->count > 0;
    }
    free(list);
    return any;
}

static bool has_supplemental_palette(const kh_item *main)
{
    char text[17];

    return kh_item_string(main, KH_TAG_PHOTOMETRIC_INTERPRETATION, 0, text, sizeof text) && strcmp(text, "MONOCHROME2") == 0 &&
           kh_item_string(main, KH_TAG(0x0008, 0x9205), 0, text, sizeof text) &&
           (strcmp(text, "COLOR") == 0 || strcmp(text, "MIXED") == 0) && kh_item_find(main, KH_TAG(0x0028, 0x1101));
}

unsigned kh_display_parts(const kh_item *main, uint32_t frame_count)
{
    char photometric[17];
    unsigned parts = 0;

    if (has_supplemental_palette(main) ||
        (kh_item_string(main, KH_TAG_PHOTOMETRIC_INTERPRETATION, 0, photometric, sizeof photometric) &&
         strcmp(photometric, "PALETTE COLOR") == 0))
        parts |= KH_DISPLAY_PALETTE;
    if (kh_item_first(main, KH_TAG_MODALITY_LUT_SEQUENCE))
        parts |= KH_DISPLAY_MODALITY_LUT;
    if (has_voi_luts(main, frame_count))
        parts |= KH_DISPLAY_VOI_LUT;
    if (has_overlay(main))
        parts |= KH_DISPLAY_OVERLAY;
    if (kh_item_has_shutter(main, frame_count))
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
    size_t palette, modality, overlays[KH_OVERLAYS_MAX];
} places;

static kh_status read_parts(kh_display_draft *draft, places *at, const kh_dataset *dataset, kh_error *err)
{
    const kh_item *main = kh_dataset_main(dataset);
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    unsigned parts = kh_display_parts(main, draft->info->frame_count);
    kh_status status = KH_OK;

    draft->big_endian = syntax && syntax->big_endian;
    draft->display.supplemental = has_supplemental_palette(main);
    if (parts & KH_DISPLAY_PALETTE)
        status = kh_draft_palette(draft, &at->palette, main, err);
    if (status == KH_OK && parts & KH_DISPLAY_MODALITY_LUT)
        status = kh_draft_lookup(&draft->display.modality, &at->modality, draft, kh_item_first(main, KH_TAG_MODALITY_LUT_SEQUENCE),
                                 draft->info->format.is_signed, err);
    if (status == KH_OK && parts & KH_DISPLAY_VOI_LUT)
        status = kh_draft_voi_luts(draft, main, err);
    if (status == KH_OK && parts & KH_DISPLAY_OVERLAY)
        status = kh_draft_overlays(draft, at->overlays, main, err);
    if (status == KH_OK && parts & KH_DISPLAY_SHUTTER)
        status = kh_draft_shutters(draft, main, err);
    return status;
}

uint64_t kh_display_take_ids(uint32_t count)
{
    static atomic_ullong last_id;

    return atomic_fetch_add(&last_id, count) + 1;
}

/* The block as it stays: display, VOI LUTs, shutters of the frames, tail, and then the pointers from one to the other. */
static kh_status settle(kh_display **out, size_t *size, const kh_display_draft *draft, const places *at, kh_error *err)
{
    uint32_t voi_count = draft->display.voi_count, frame_count = draft->shutter_count > 1 ? draft->shutter_count - 1 : 0;
    size_t fixed = sizeof(kh_display) + voi_count * sizeof(kh_lookup) + frame_count * sizeof(kh_shutter);
    kh_display *display = malloc(fixed + draft->tail.size);
    const uint8_t *tail = (const uint8_t *)display + fixed;
    kh_lookup *voi = (kh_lookup *)(void *)(display + 1);
    kh_shutter *shutters = (kh_shutter *)(void *)(voi + voi_count);

    if (!display)
        return kh_error_set(err, KH_E_MEMORY, "no memory for display tables of %zu bytes", fixed + draft->tail.size);
    *display = draft->display;
    if (draft->tail.size > 0)
        memcpy((uint8_t *)display + fixed, draft->tail.data, draft->tail.size);
    display->id = kh_display_take_ids(1);
    display->palette.rgb = tail + at->palette;
    display->modality.values = (const uint16_t *)(const void *)(tail + at->modality);
    display->voi = voi;
    for (uint32_t i = 0; i < voi_count; i++) {
        voi[i] = draft->voi[i];
        voi[i].values = (const uint16_t *)(const void *)(tail + draft->voi_at[i]);
    }
    for (uint32_t i = 0; i < display->overlay_count; i++)
        display->overlays[i].bits = tail + at->overlays[i];
    for (uint32_t i = 0; i < draft->shutter_count; i++) {
        kh_shutter *shutter = i == 0 ? &display->shutter : &shutters[i - 1];

        *shutter = draft->shutters[i];
        shutter->vertices = (const int32_t *)(const void *)(tail + draft->vertices_at[i]);
    }
    display->frame_shutters = shutters;
    display->frame_shutter_count = frame_count;
    *out = display;
    *size = fixed + draft->tail.size;
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
    free(draft.voi);
    free(draft.voi_at);
    free(draft.shutters);
    free(draft.vertices_at);
    return status;
}

const kh_shutter *kh_display_shutter(const kh_display *display, uint32_t frame)
{
    return frame < display->frame_shutter_count ? &display->frame_shutters[frame] : &display->shutter;
}

const kh_lookup *kh_display_voi_lut(const kh_display *display, const kh_slice_info *slice, uint32_t index)
{
    uint32_t number = slice->voi_lut_first + index;

    return index < slice->voi_lut_count && number < display->voi_count && display->voi[number].count > 0 ? &display->voi[number] : NULL;
}
