/* display.h - what an object carries for its display beside windows and rescale: palette (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2),
 * supplemental palette (C.7.6.19), Modality LUT (C.11.1), VOI LUTs (C.11.2), overlays (C.9.2), display shutters (C.7.6.11). These are
 * tables and bit planes, up to megabytes an object, so they are read from the object itself; kh_image_info says which are there
 * (kh_display_part), so that most objects are never asked. One block of memory with pointers into itself: free() it, never copy it.
 * Immutable: any threads may read it. */
#ifndef KH_DICOM_DISPLAY_H
#define KH_DICOM_DISPLAY_H

#include "dicom/image.h"

#define KH_OVERLAYS_MAX 16          /* groups 6000 to 601E */
#define KH_SHUTTER_VERTICES_MAX 1024
#define KH_DISPLAY_BYTES_MAX 67108864

/* How a value element holds its entries: at most 65,536 of 16 bits. Below first the first entry stands, above the last the last. */
typedef struct kh_lookup {
    int32_t first;  /* input of entry 0 */
    uint32_t count; /* 0: there is no such table */
    uint16_t bits;  /* 1 to 16; entries are 0 .. 2^bits - 1 */
    const uint16_t *values;
} kh_lookup;

/* 8 bits each. Entries of 16 bits keep their high byte, as writers fill the low one in different ways. */
typedef struct kh_palette {
    int32_t first;
    uint32_t count;     /* 0: no palette */
    const uint8_t *rgb; /* 3 * count bytes */
} kh_palette;

typedef struct kh_overlay {
    int32_t row, column;  /* of its first pixel in the image, from 0; may be negative */
    uint32_t rows, columns;
    uint32_t frame_first; /* the image frame, from 0, that its first frame belongs to */
    uint32_t frame_count; /* 0: one plane for every frame of the image */
    int bit;              /* of each stored pixel word that is its plane; -1: bits holds the plane */
    uint8_t group;        /* 0 for 6000, 1 for 6002, ... */
    const uint8_t *bits;  /* row by row, frame by frame without gap, lowest bit first */
} kh_overlay;

typedef enum kh_shutter_shape { KH_SHUTTER_RECTANGULAR = 1, KH_SHUTTER_CIRCULAR = 2, KH_SHUTTER_POLYGONAL = 4 } kh_shutter_shape;

/* Rows and columns count from 1 as in the attributes; what is outside of any shape is hidden. */
typedef struct kh_shutter {
    unsigned shapes;                   /* kh_shutter_shape; 0: none */
    int32_t left, right, upper, lower; /* the last that are seen */
    int32_t center_row, center_column, radius;
    uint32_t vertex_count;
    const int32_t *vertices; /* row, column, row, column ... */
    uint16_t value;          /* shown instead: 0 black to 65,535 white */
} kh_shutter;

typedef struct kh_display {
    uint64_t id; /* another one for every kh_display of this process, also for the same object read again */
    kh_palette palette;
    bool supplemental; /* the palette is for stored values from its first input on; those below are grey */
    kh_lookup modality;
    kh_lookup output; /* Presentation LUT of a presentation state (PS3.3 C.11.4): from what windows give to what is seen */
    uint32_t voi_count;
    const kh_lookup *voi; /* by kh_slice_info.voi_lut_first; count 0 where one could not be read */
    uint32_t overlay_count;
    kh_overlay overlays[KH_OVERLAYS_MAX];
    kh_shutter shutter;               /* of all frames */
    uint32_t frame_shutter_count;     /* 0, or one for each frame: then these count */
    const kh_shutter *frame_shutters;
} kh_display;

/* The first of so many numbers that no other kh_display or kh_presentation of this process has. */
uint64_t kh_display_take_ids(uint32_t count);
/* The parts (kh_display_part of image.h, or'ed) that the data set has, for all frames or for any. */
unsigned kh_display_parts(const kh_item *main, uint32_t frame_count);
/* The shutter of a frame; its shapes are 0 when there is none. */
const kh_shutter *kh_display_shutter(const kh_display *display, uint32_t frame);
/* VOI LUT number index of a slice; NULL when there is none, or none that can be used. */
const kh_lookup *kh_display_voi_lut(const kh_display *display, const kh_slice_info *slice, uint32_t index);
/* The LINEAR window over the inputs between the table's first run of equal entries and its last one. */
void kh_lookup_rise(const kh_lookup *lookup, double *center, double *width);
/* data set and info of one object; the data set must have been read with kh_display_limits, or longer tables are missing.
 * KH_E_FORMAT with the attribute when palette or Modality LUT are not what they say: without them the picture would be another one.
 * VOI LUTs, overlays and shutters that are not are left out. KH_E_LIMIT past KH_DISPLAY_BYTES_MAX. */
KH_MUST_USE kh_status kh_display_read(kh_display **out, size_t *size, const kh_dataset *dataset, const kh_image_info *info,
                                      kh_error *err);
/* kh_dataset_limits_default with values of up to 32 MiB. */
extern const kh_dataset_limits kh_display_limits;

#endif
