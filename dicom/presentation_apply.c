/* presentation_apply.c - a picture as a presentation state has it (PS3.4 N.2). */
#include <string.h>
#include "dicom/presentation.h"

static bool is_named(const kh_presentation *state, uint32_t first, uint32_t count, const char *sop_uid, uint32_t frame)
{
    for (uint32_t i = first; i < first + count; i++) {
        const kh_presentation_reference *reference = &state->references[i];

        if ((reference->frame == UINT32_MAX || reference->frame == frame) && strcmp(reference->sop_uid, sop_uid) == 0)
            return true;
    }
    return false;
}

bool kh_presentation_names(const kh_presentation *state, const char *sop_uid, uint32_t frame)
{
    return is_named(state, 0, state->image_count, sop_uid, frame);
}

bool kh_presentation_scope_has(const kh_presentation *state, const kh_presentation_scope *scope, const char *sop_uid, uint32_t frame)
{
    return scope->count == 0 || is_named(state, scope->first, scope->count, sop_uid, frame);
}

const kh_presentation_area *kh_presentation_area_of(const kh_presentation *state, const char *sop_uid, uint32_t frame)
{
    for (uint32_t i = 0; i < state->area_count; i++)
        if (kh_presentation_scope_has(state, &state->areas[i].scope, sop_uid, frame))
            return &state->areas[i];
    return NULL;
}

static const kh_presentation_voi *voi_of(const kh_presentation *state, const char *sop_uid, uint32_t frame)
{
    for (uint32_t i = 0; i < state->voi_count; i++)
        if (kh_presentation_scope_has(state, &state->vois[i].scope, sop_uid, frame))
            return &state->vois[i];
    return NULL;
}

/* The first input of a table was read without knowing whether inputs have a sign. */
static kh_lookup table_for(const kh_lookup *from, bool is_signed)
{
    kh_lookup table = *from;

    if (is_signed && table.first > INT16_MAX)
        table.first -= 65536;
    return table;
}

/* Without a window all that the modality transform can give is shown, its ends black and white (PS3.4 N.2.1.2: identity). */
static void whole_range(kh_slice_info *slice, const kh_presented *out)
{
    const kh_pixel_format *format = &out->format;
    double entries = (double)(UINT64_C(1) << (format->bits_stored < 32 ? format->bits_stored : 32)),
           first = format->is_signed ? -entries / 2 : 0;
    double low = first * slice->rescale_slope + slice->rescale_intercept,
           high = (first + entries - 1) * slice->rescale_slope + slice->rescale_intercept;

    if (out->display.modality.count > 0) {
        low = 0;
        high = (double)((1u << out->display.modality.bits) - 1);
    }
    if (low > high) {
        double swap = low;

        low = high;
        high = swap;
    }
    slice->voi_function = KH_VOI_LINEAR_EXACT;
    slice->window_count = 1;
    slice->windows[0].center = (low + high) / 2;
    slice->windows[0].width = high - low;
}

static void set_voi(kh_presented *out, const kh_presentation_voi *voi)
{
    bool is_signed = out->display.modality.count == 0 && (out->format.is_signed || out->slice.rescale_intercept < 0);

    out->slice.window_count = 0;
    out->slice.voi_lut_count = 0;
    out->slice.voi_lut_first = 0;
    out->display.voi_count = 0;
    if (!voi) {
        whole_range(&out->slice, out);
    } else if (voi->lookup.count > 0) {
        out->slice.voi_function = KH_VOI_LINEAR;
        out->slice.voi_lut_count = 1;
        out->voi = table_for(&voi->lookup, is_signed);
        out->display.voi = &out->voi;
        out->display.voi_count = 1;
    } else {
        out->slice.voi_function = voi->function;
        out->slice.window_count = 1;
        out->slice.windows[0].center = voi->center;
        out->slice.windows[0].width = voi->width;
    }
}

/* Photometric Interpretation says nothing any more: what windows give are P-values, unless the state turns them (C.11.6). */
static void set_grey(kh_presented *out, const kh_presentation *state, const char *sop_uid, uint32_t frame)
{
    const kh_presentation_voi *voi = voi_of(state, sop_uid, frame);

    out->format.photometric = KH_PHOTOMETRIC_MONOCHROME2;
    out->info.inverse = state->inverse;
    out->info.modality[0] = out->info.rescale_type[0] =
        '\0'; /* windows are behind the state's transform, whatever the machine (modality.h) */
    out->slice.rescale_slope = state->slope;
    out->slice.rescale_intercept = state->intercept;
    out->display.modality = table_for(&state->modality, out->format.is_signed);
    out->display.output = state->output;
    out->display.id = state->id + (voi ? 1 + (uint64_t)(voi - state->vois) : 0);
    set_voi(out, voi);
}

/* Those that are activated; a plane of the state's own stands for that of the image in the same group. */
static void set_overlays(kh_display *display, const kh_presentation *state)
{
    uint32_t count = 0;
    uint16_t own = 0;

    for (uint32_t i = 0; i < state->overlay_count; i++)
        own |= (uint16_t)(1u << state->overlays[i].group);
    for (uint32_t i = 0; i < display->overlay_count; i++)
        if ((state->overlays_on & ~own) >> display->overlays[i].group & 1)
            display->overlays[count++] = display->overlays[i];
    for (uint32_t i = 0; i < state->overlay_count && count < KH_OVERLAYS_MAX; i++)
        if (state->overlays_on >> state->overlays[i].group & 1)
            display->overlays[count++] = state->overlays[i];
    display->overlay_count = count;
}

kh_status kh_presentation_apply(kh_presented *out, const kh_presentation *state, const char *sop_uid, uint32_t frame,
                                const kh_image_info *info, const kh_pixel_format *format, const kh_display *display, kh_error *err)
{
    if (!kh_presentation_names(state, sop_uid, frame))
        return kh_error_set(err, KH_E_NOT_FOUND, "the presentation state does not name this picture");
    if (state->problem[0])
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s", state->problem);
    out->format = *format;
    out->info = *info;
    out->slice = *kh_image_info_slice(info, frame);
    if (display)
        out->display = *display;
    else
        memset(&out->display, 0, sizeof out->display);
    out->display.id = state->id;
    out->display.shutter = state->shutter;
    out->display.frame_shutter_count = 0;
    set_overlays(&out->display, state);
    if (!state->color && format->samples == 1 && format->photometric != KH_PHOTOMETRIC_PALETTE)
        set_grey(out, state, sop_uid, frame);
    out->info.display = KH_DISPLAY_ANY;
    return KH_OK;
}
