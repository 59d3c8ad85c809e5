/* presentation.h - what a Softcopy Presentation State has for the pictures that it names (PS3.3 A.33.1, A.33.2, A.33.3, A.33.6; PS3.4 N.2):
 * modality transform (C.11.1), VOI (C.11.8), presentation LUT (C.11.6), shutter (C.7.6.11), overlays (C.11.7), turn (C.10.6), displayed
 * areas (C.10.4), layers (C.10.7). What is drawn is read from the data set itself (viewer/portal/states_drawn.c). All of it takes the place
 * of what the image has: a state without a modality transform or without a window means none, not that of the image. One block of memory
 * with pointers into itself: free() it, never copy it. Immutable: any threads may read it. Of input from outside: a grey transform that is
 * not what it says makes the state one that is not applied, and says why; shutters and overlays that are not are left out, as those of
 * images are. */
#ifndef KH_DICOM_PRESENTATION_H
#define KH_DICOM_PRESENTATION_H

#include "dicom/display.h"

#define KH_PRESENTATION_REFERENCES_MAX 16384 /* images and frames that its parts name, together; more is KH_E_LIMIT */
#define KH_PRESENTATION_LAYERS_MAX 64
#define KH_PRESENTATION_LAYER_SIZE 65
#define KH_PRESENTATION_WORDS_SIZE 260

/* What a state has and is not applied; each is told to who looks at it. */
typedef enum kh_presentation_untold {
    KH_UNTOLD_MASK = 1,           /* mask subtraction (C.11.13) */
    KH_UNTOLD_BITMAP_SHUTTER = 2, /* C.7.6.15 */
    KH_UNTOLD_PROFILE = 4,        /* ICC profile (C.11.15) */
    KH_UNTOLD_PALETTE = 8,        /* of a pseudo-colour state (C.7.9) */
    KH_UNTOLD_COMPOUND = 16,      /* compound graphics (C.10.5) */
    KH_UNTOLD_STYLES = 32,        /* styles of lines and texts */
    KH_UNTOLD_CURVES = 64         /* 50xx, retired */
} kh_presentation_untold;

typedef struct kh_presentation_reference {
    char sop_uid[KH_UID_SIZE];
    uint32_t frame; /* from 0; UINT32_MAX: all of them */
} kh_presentation_reference;

/* References first .. first + count - 1; count 0: every picture that the state names. */
typedef struct kh_presentation_scope {
    uint32_t first, count;
} kh_presentation_scope;

typedef struct kh_presentation_voi {
    kh_presentation_scope scope;
    kh_voi_function function;
    double center, width;
    kh_lookup lookup; /* count 0: the window; else the table, its first input as an unsigned number */
} kh_presentation_voi;

typedef enum kh_presentation_size { KH_SIZE_FIT, KH_SIZE_TRUE, KH_SIZE_MAGNIFY } kh_presentation_size;

/* Pixels of the stored frame, counted from 1: those that are seen upper left and lower right when it is turned. */
typedef struct kh_presentation_area {
    kh_presentation_scope scope;
    int32_t first[2], last[2]; /* column, row */
    kh_presentation_size size;
    double magnification;                     /* pixels of the screen for one of the image; of KH_SIZE_MAGNIFY */
    double row_spacing_mm, column_spacing_mm; /* 0 when not told */
    double aspect;                            /* height of a pixel over its width; 0 when not told */
} kh_presentation_area;

typedef struct kh_presentation_layer {
    char name[KH_PRESENTATION_LAYER_SIZE], words[KH_PRESENTATION_WORDS_SIZE]; /* UTF-8 */
    int32_t order;
    bool has_color;
    uint8_t rgb[3];
} kh_presentation_layer;

typedef struct kh_presentation {
    uint64_t id;       /* of the pictures without a VOI; those of vois[i] have id + 1 + i. Nothing else of this process has these numbers */
    bool color;        /* a state of colour pictures: no grey transforms */
    bool ours;         /* made by us, from marks that are kept anyway */
    unsigned untold;   /* kh_presentation_untold, or'ed */
    char problem[160]; /* why it cannot be applied; "": it can */
    char label[KH_PRESENTATION_LAYER_SIZE], words[KH_PRESENTATION_WORDS_SIZE], creator[200], institution[200]; /* UTF-8; "" when not told */
    char date[9], time[17];
    double slope, intercept; /* 1 and 0 when there is no rescale */
    kh_lookup modality;      /* count 0: none; its first input as an unsigned number */
    bool inverse;            /* Presentation LUT Shape INVERSE */
    kh_lookup output;        /* Presentation LUT Sequence; count 0: none */
    kh_shutter shutter;
    uint16_t overlays_on;   /* bit n: group 6000 + 2 n is shown */
    uint32_t overlay_count; /* planes that the state has itself */
    kh_overlay overlays[KH_OVERLAYS_MAX];
    unsigned quarter_turns;                /* clockwise, then */
    bool flipped;                          /* left and right as seen */
    uint32_t reference_count, image_count; /* the first image_count references are the pictures that it is for */
    const kh_presentation_reference *references;
    uint32_t voi_count, area_count, layer_count;
    const kh_presentation_voi *vois;
    const kh_presentation_area *areas;
    const kh_presentation_layer *layers;
} kh_presentation;

bool kh_is_presentation(const char *sop_class_uid);
/* The UID of each class that is read; NULL behind the last. */
const char *kh_presentation_class(size_t index);
/* The data set must have been read with kh_display_limits. KH_E_FORMAT when it names no image, KH_E_UNSUPPORTED for another class,
 * KH_E_LIMIT. */
KH_MUST_USE kh_status kh_presentation_read(kh_presentation **out, size_t *size, const kh_dataset *dataset, kh_error *err);
/* Does the state name the picture? Does a part of it hold for it? */
bool kh_presentation_names(const kh_presentation *state, const char *sop_uid, uint32_t frame);
bool kh_presentation_scope_has(const kh_presentation *state, const kh_presentation_scope *scope, const char *sop_uid, uint32_t frame);
/* That of the picture; NULL without one. */
const kh_presentation_area *kh_presentation_area_of(const kh_presentation *state, const char *sop_uid, uint32_t frame);

/* A frame as a state has it: to be rendered with these in place of its own. Borrows from both; display points into it, so that it stays
 * where it is. */
typedef struct kh_presented {
    kh_pixel_format format;
    kh_image_info info; /* never kh_image_info_release() it */
    kh_slice_info slice;
    kh_lookup voi; /* that display.voi points to */
    kh_display display;
} kh_presented;
/* format is that of the decoded frame, display NULL when the image has none. KH_E_NOT_FOUND when the state does not name the picture,
 * KH_E_UNSUPPORTED with its problem. */
KH_MUST_USE kh_status kh_presentation_apply(kh_presented *out, const kh_presentation *state, const char *sop_uid, uint32_t frame,
                                            const kh_image_info *info, const kh_pixel_format *format, const kh_display *display,
                                            kh_error *err);

#endif
