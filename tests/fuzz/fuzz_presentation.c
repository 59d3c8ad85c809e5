/* Presentation states: whatever is read keeps to its bounds, and can be applied to a picture or says why not. */
#include <stdlib.h>
#include <string.h>
#include "dicom/presentation.h"
#include "tests/fuzz/fuzz.h"

static void check_table(const kh_lookup *table)
{
    if (table->count > 65536 || (table->count > 0 && (table->bits < 1 || table->bits > 16)))
        abort();
    for (uint32_t i = 0; i < table->count; i++)
        if (table->values[i] >> table->bits)
            abort();
}

static void check_state(const kh_presentation *state)
{
    static kh_slice_info slice;
    kh_pixel_format format = {
        .rows = 4, .columns = 4, .samples = 1, .bits_allocated = 16, .bits_stored = 12, .high_bit = 11, .is_signed = true};
    kh_image_info info = {.format = format, .frame_count = 1, .slice_count = 1, .slices = &slice};
    kh_presented *out = malloc(sizeof *out);

    if (!out || state->image_count < 1 || state->image_count > state->reference_count || state->quarter_turns > 3 ||
        !memchr(state->problem, 0, sizeof state->problem))
        abort();
    check_table(&state->modality);
    check_table(&state->output);
    for (uint32_t i = 0; i < state->voi_count; i++)
        check_table(&state->vois[i].lookup);
    for (uint32_t i = 0; i < state->overlay_count; i++)
        if (state->overlays[i].bit >= 0 || state->overlays[i].group >= KH_OVERLAYS_MAX)
            abort();
    for (uint32_t i = 0; i < state->reference_count && i < 64; i++) {
        const kh_presentation_reference *reference = &state->references[i];
        kh_status status = kh_presentation_apply(out, state, reference->sop_uid, reference->frame == UINT32_MAX ? 0 : reference->frame,
                                                 &info, &format, NULL, NULL);

        if (i < state->image_count && reference->frame == UINT32_MAX && (status == KH_OK) == (state->problem[0] != '\0'))
            abort();
        (void)kh_presentation_area_of(state, reference->sop_uid, 0);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_dataset *dataset = NULL;
    kh_presentation *state = NULL;
    kh_source source;
    size_t block = 0;

    kh_source_init_memory(&source, bytes, size);
    if (kh_dataset_read_file(&dataset, &source, &kh_display_limits, NULL) == KH_OK &&
        kh_presentation_read(&state, &block, dataset, NULL) == KH_OK)
        check_state(state);
    free(state);
    kh_dataset_free(dataset);
    return 0;
}
