/* phantom.h - demonstration data: invented patients whose pictures are computed from a model of the body.
 * A man with two contrast CTs of chest, abdomen and pelvis (the earlier one has a smaller lung nodule) with their
 * scouts, and a woman with an MR of the head (T1 axial, T2 axial, T1 sagittal). Names are in romaji, kanji and kana
 * ("\ISO 2022 IR 87"); every name, number and institution is made up. The same options give the same bytes. Files:
 * DIR/<study UID>/<series UID>/IMnnnn.dcm, explicit VR little endian, each renamed into place when it is whole.
 * Threads: one call at a time per directory; it runs its own pool. */
#ifndef KH_PHANTOM_PHANTOM_H
#define KH_PHANTOM_PHANTOM_H

#include <stdint.h>
#include "base/error.h"

#define KH_PHANTOM_CT_SLICES_MAX 1280 /* 0.5 mm apart */
#define KH_PHANTOM_MR_SLICES_MAX 128  /* per series */
#define KH_PHANTOM_THREADS_MAX 64

typedef void kh_phantom_progress(void *context, uint32_t files_done, uint32_t files_total);

typedef struct kh_phantom_options {
    const char *dir;               /* made when missing */
    uint64_t seed;                 /* of UIDs, noise and the finer anatomy */
    uint32_t ct_slices;            /* over 640 mm from shoulders to pelvis; 1 to KH_PHANTOM_CT_SLICES_MAX */
    uint32_t ct_earlier_slices;    /* of the earlier CT, as above; 0: no earlier CT */
    uint32_t mr_slices;            /* per series, over 150 mm; 0: no MR; at most KH_PHANTOM_MR_SLICES_MAX */
    uint32_t threads;              /* 1 to KH_PHANTOM_THREADS_MAX */
    kh_phantom_progress *progress; /* may be NULL; called from any thread, one call at a time */
    void *context;
} kh_phantom_options;
/* 320, 160 and 26 slices, seed 1, 2 threads; dir is NULL. */
extern const kh_phantom_options kh_phantom_options_default;

/* KH_E_ARG when an option is outside its range; KH_E_IO, KH_E_FULL from the disk. What was written stays. */
KH_MUST_USE kh_status kh_phantom_generate(const kh_phantom_options *options, kh_error *err);

/* What the CT model says, for whoever measures the pictures: means in HU and noise. */
#define KH_PHANTOM_HU_AIR (-1000)
#define KH_PHANTOM_HU_LUNG (-850)
#define KH_PHANTOM_HU_FAT (-104)
#define KH_PHANTOM_HU_WATER 4
#define KH_PHANTOM_HU_MUSCLE 56
#define KH_PHANTOM_HU_LIVER 110
#define KH_PHANTOM_HU_BLOOD 185 /* aorta and heart, portal venous phase */
#define KH_PHANTOM_HU_TRABECULAR 240
#define KH_PHANTOM_HU_CORTICAL 950
#define KH_PHANTOM_NOISE_SD_HU 13.0 /* inside the body; stands for a soft kernel */
/* Correlation of the noise of two pixels beside each other in a row or column; slices are independent. */
#define KH_PHANTOM_NOISE_LAG1 0.5

#endif
