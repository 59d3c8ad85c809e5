/* study.h - the invented people and their studies, and one image of them as a DICOM file. */
#ifndef KH_PHANTOM_STUDY_H
#define KH_PHANTOM_STUDY_H

#include <stdint.h>
#include "base/buf.h"
#include "dicom/syntax.h"

typedef struct ph_patient {
    const char *name; /* romaji=kanji=kana, UTF-8 */
    const char *id, *birth_date, *sex;
} ph_patient;

typedef struct ph_study {
    const ph_patient *patient;
    unsigned number; /* makes its UIDs */
    const char *id, *accession, *date, *time, *age, *description, *modality, *body_part, *model;
} ph_study;

typedef enum ph_kind { PH_KIND_SCOUT, PH_KIND_CT, PH_KIND_MR } ph_kind;

typedef struct ph_series {
    const ph_study *study;
    ph_kind kind;
    unsigned number;
    const char *description, *protocol;
    double spacing_mm, thickness_mm, gap_mm; /* of pixels; of slices; from slice to slice */
    double orientation[6];
    uint16_t columns, rows;
    double repetition_ms, echo_ms; /* MR */
    double window_center, window_width;
} ph_series;

typedef struct ph_image {
    const ph_series *series;
    uint64_t seed;
    unsigned instance;
    double position_mm[3];
    double location_mm;
    const uint16_t *pixels; /* rows x columns, 12 bits used */
} ph_image;

/* UIDs: 2.25 and a number of 128 bits drawn from the seed and from what is named (PS3.5 B.2). */
typedef enum ph_uid_kind { PH_UID_STUDY, PH_UID_SERIES, PH_UID_INSTANCE, PH_UID_FRAME } ph_uid_kind;
void ph_uid(char out[KH_UID_SIZE], uint64_t seed, ph_uid_kind kind, unsigned study, unsigned series, unsigned instance);

/* The whole file appended to out. */
KH_MUST_USE kh_status ph_image_write(kh_buf *out, const ph_image *image, kh_error *err);

#endif
