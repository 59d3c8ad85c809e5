/* image.h - what a viewer has to know of an image object without its pixels: format, geometry, windows (PS3.3 C.7.6,
 * C.11). Plain values, filled from a parsed data set; enhanced multi-frame objects give one kh_slice_info per frame. */
#ifndef KH_DICOM_IMAGE_H
#define KH_DICOM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "dicom/cine.h"
#include "dicom/ultrasound.h"

typedef enum kh_photometric {
    KH_PHOTOMETRIC_MONOCHROME1,
    KH_PHOTOMETRIC_MONOCHROME2,
    KH_PHOTOMETRIC_PALETTE,
    KH_PHOTOMETRIC_RGB,
    KH_PHOTOMETRIC_YBR_FULL,
    KH_PHOTOMETRIC_YBR_FULL_422,
    KH_PHOTOMETRIC_YBR_RCT,
    KH_PHOTOMETRIC_YBR_ICT,
    KH_PHOTOMETRIC_OTHER
} kh_photometric;

/* The form of one decoded frame: rows x columns pixels of `samples` values each, little endian, bits_allocated bits a
 * value. */
typedef struct kh_pixel_format {
    uint32_t rows, columns;  /* 1 to 65,535 */
    uint16_t samples;        /* 1 or 3 */
    uint16_t bits_allocated; /* 1, 8, 16, 32 or 64 */
    uint16_t bits_stored;    /* 1 to bits_allocated */
    uint16_t high_bit;       /* bits_stored - 1 nearly always */
    bool is_signed;          /* two's complement in bits_stored */
    bool is_float;           /* float (32) or double (64) pixel data */
    bool planar;             /* planes one after the other instead of by pixel; samples 3 only */
    bool lossy;              /* of a decoded frame: its codestream says that it is not exact */
    /* Bits of each word beside the value, as a mask. In a header: those that overlays are said to be in (PS3.3 C.9.2). Of a frame:
     * those that are as the sender wrote them, which a codestream of numbers or of cosines does not carry. */
    uint16_t overlay_bits;
    kh_photometric photometric;
} kh_pixel_format;

typedef enum kh_voi_function { KH_VOI_LINEAR, KH_VOI_LINEAR_EXACT, KH_VOI_SIGMOID } kh_voi_function;

typedef struct kh_window {
    double center, width; /* modality units */
    char explanation[64]; /* UTF-8 */
} kh_window;

#define KH_WINDOWS_MAX 4 /* of one slice; further ones are dropped */

/* A table of VOI LUT Sequence; its entries are in kh_display (display.h). */
typedef struct kh_voi_lut {
    double center, width; /* the LINEAR window over the inputs between which the table rises: modality units */
    char explanation[64]; /* UTF-8 */
} kh_voi_lut;

#define KH_VOI_LUTS_MAX 4           /* of one slice; further ones are left out */
#define KH_VOI_LUTS_OBJECT_MAX 4096 /* of all frames; further ones are left out */

typedef enum kh_spacing_source {
    KH_SPACING_NONE,    /* no millimetres can be told */
    KH_SPACING_PATIENT, /* Pixel Spacing of a cross-sectional or calibrated image */
    KH_SPACING_DETECTOR, /* Imager Pixel Spacing: at the detector, not in the patient */
    /* Of what is measured on an image with ultrasound regions, never of a slice. Millimetres are told by the first of these only. */
    KH_SPACING_ULTRASOUND,         /* of the region that it lies in */
    KH_SPACING_ULTRASOUND_OTHER,   /* its region has other units than lengths, or none */
    KH_SPACING_ULTRASOUND_OUTSIDE, /* it lies in none, or in several: kh_us_place */
    KH_SPACING_ULTRASOUND_ACROSS,
    KH_SPACING_ULTRASOUND_UNFIT
} kh_spacing_source;

typedef struct kh_slice_info {
    bool has_position, has_orientation;
    double position_mm[3]; /* Image Position (Patient): centre of the first pixel */
    double orientation[6]; /* direction cosines of a row, then of a column */
    kh_spacing_source spacing_source;
    double row_spacing_mm, column_spacing_mm; /* between rows, between columns */
    double thickness_mm;                      /* 0 when not told */
    double rescale_slope, rescale_intercept;  /* 1 and 0 when not told */
    kh_voi_function voi_function;
    uint32_t window_count;
    kh_window windows[KH_WINDOWS_MAX];
    uint16_t voi_lut_first, voi_lut_count; /* of kh_image_info.voi_luts and kh_display.voi: up to KH_VOI_LUTS_MAX */
    bool monochrome;                       /* Pixel Presentation of the frame: no supplemental palette (PS3.3 C.8.13.2) */
} kh_slice_info;

/* What display.h reads from the object, told here so that nobody looks in vain. */
typedef enum kh_display_part {
    KH_DISPLAY_PALETTE = 1,
    KH_DISPLAY_MODALITY_LUT = 2,
    KH_DISPLAY_VOI_LUT = 4,
    KH_DISPLAY_OVERLAY = 8,
    KH_DISPLAY_SHUTTER = 16,
    KH_DISPLAY_ANY = 31 /* also: nobody has looked */
} kh_display_part;

typedef struct kh_image_info {
    kh_pixel_format format;
    uint8_t display; /* kh_display_part, or'ed */
    uint32_t frame_count; /* 1 to 1,000,000 */
    uint32_t
        slice_count; /* 1 when one kh_slice_info holds for every frame (or there are over 100,000), else frame_count */
    kh_slice_info *slices; /* slice_count of them, owned */
    uint32_t voi_lut_count;
    kh_voi_lut *voi_luts; /* voi_lut_count of them, owned */
    uint32_t us_region_count; /* 0: it tells none, else these say what a pixel is, and no spacing does */
    kh_us_region *us_regions; /* us_region_count of them, owned */
    bool has_padding;
    int64_t padding_low, padding_high;           /* stored values that are background, inclusive (PS3.3 C.7.5.1.1.2) */
    bool lossy_source;                           /* (0028,2110) is 01, or the transfer syntax is lossy */
    double lossy_ratio;                          /* the largest of those told (0028,2112); 0 when not told */
    char lossy_method[65];                       /* (0028,2114) as stored, with backslashes; "" when not told */
    bool inverse;                                /* Presentation LUT Shape INVERSE */
    double pixel_aspect;                         /* height of a pixel over its width; 1 when square or not told */
    kh_cine cine;                                /* owned */
    int32_t instance_number, acquisition_number; /* INT32_MIN when not told */
    double echo_time_ms, repetition_time_ms;     /* 0 when not told */
    char modality[17];
    char rescale_type[17]; /* "HU", "US", ...; "HU" of a CT that does not say (PS3.3 C.8.2.1.1.2), Units of a PET image; "" when not told */
    char laterality[3];    /* "R", "L", "B", or "" */
    char patient_orientation[33]; /* (0020,0020) as stored: where rows and columns run, as "L\\FP"; "" when not told */
    char view_position[17]; /* (0018,5101), else of a mammogram by its View Code Sequence: "CC", "MLO", "PA", ...; "" when not told */
    char image_type[65];   /* as stored, with backslashes */
    char frame_of_reference_uid[KH_UID_SIZE];
} kh_image_info;

/* KH_E_NOT_FOUND when the object has no pixel data (a report, a document); KH_E_FORMAT, KH_E_UNSUPPORTED or KH_E_LIMIT
 * with the attribute when it has but they cannot be described. *out is owned: kh_image_info_release(). */
KH_MUST_USE kh_status kh_image_info_read(kh_image_info *out, const kh_dataset *dataset, kh_error *err);
void kh_image_info_release(kh_image_info *info);
/* The slice info of a frame, frame < frame_count. */
const kh_slice_info *kh_image_info_slice(const kh_image_info *info, uint32_t frame);

/* Bytes of one decoded frame as kh_pixel_format says; false when it does not fit a size_t. YBR_FULL_422 native: 2 bytes
 * a pixel. */
bool kh_pixel_format_frame_bytes(const kh_pixel_format *format, size_t *out);
const char *kh_photometric_text(kh_photometric photometric);

#endif
