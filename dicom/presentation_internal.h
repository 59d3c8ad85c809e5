/* presentation_internal.h - what the files that read a kh_presentation share. */
#ifndef KH_DICOM_PRESENTATION_INTERNAL_H
#define KH_DICOM_PRESENTATION_INTERNAL_H

#include "dicom/display_internal.h"
#include "dicom/presentation.h"

/* A state while it is read: tables stand in display.tail. */
typedef struct kh_presentation_draft {
    kh_presentation state;
    kh_display_draft display;
    kh_buf references, vois, voi_tables, areas, layers; /* arrays; voi_tables: a size_t each, the place of its table in the tail */
    size_t modality_at, output_at, overlays_at[KH_OVERLAYS_MAX];
} kh_presentation_draft;

/* The images that an item of a sequence is for. *any false: it names some, and none that can be read. */
KH_MUST_USE kh_status kh_presentation_read_scope(kh_presentation_scope *out, bool *any, kh_presentation_draft *draft, const kh_item *item,
                                                 kh_error *err);
KH_MUST_USE kh_status kh_presentation_read_areas(kh_presentation_draft *draft, const kh_item *main, kh_error *err);
KH_MUST_USE kh_status kh_presentation_read_layers(kh_presentation_draft *draft, const kh_item *main, kh_error *err);

#endif
