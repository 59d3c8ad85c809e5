/* facts.h - what the index notes of one object, read from its file. */
#ifndef KH_CACHE_FACTS_H
#define KH_CACHE_FACTS_H

#include "base/buf.h"
#include "cache/browse.h"
#include "cache/rejection.h"
#include "store/digest.h"

typedef struct kh_facts {
    char sop_class_uid[KH_UID_SIZE], sop_instance_uid[KH_UID_SIZE], transfer_syntax_uid[KH_UID_SIZE];
    char study_uid[KH_UID_SIZE], series_uid[KH_UID_SIZE];
    char patient_id[260]; /* whole: it is part of a key */
    char issuer[65], issuer_universal[65]; /* of the patient ID: (0010,0021), and the universal ID in (0010,0024); "" when not told */
    bool foreign;         /* they are none of the hospital's, and patient_id is empty therefore: kh_issuers_judge() */
    kh_person_name name;
    char birth_date[9], sex[2];
    char study_date[9], study_time[17], study_description[200], accession[65], institution[200], study_id[65];
    char referring_physician[200];
    char modality[17], series_description[200], body_part[65], protocol[200], laterality[3];
    char department[200];             /* Institutional Department Name: of a series, as the equipment it is from (PS3.3 C.7.5.1) */
    kh_person_name referring;         /* all of its groups */
    char timezone[17];                /* Timezone Offset From UTC */
    char pps_date[9], pps_time[17];   /* when the performed procedure step began */
    char request[KH_REQUEST_SIZE];    /* what asked for it: of each item a line "scheduled procedure step ID, TAB, requested procedure" */
    int64_t series_number, instance_number; /* INT64_MIN when not told */
    uint64_t bytes, main_offset;            /* of the file; of its data set in it */
    uint8_t sha256[KH_SHA256_SIZE];         /* set by the caller */
    bool described;     /* pixels that image info and frame table describe */
    int64_t frame_count; /* as shown: 1 for pixels that cannot be described (a placeholder), 0 without pixels */
    char problem[200];  /* why it cannot be shown, "" when it can or has no pixels */
    kh_rejection rejection; /* what it takes back, when it is a rejection note */
    kh_buf image;       /* kh_image_record, empty when there is no image info */
} kh_facts;

/* Read a whole object. KH_E_FORMAT names the attribute that is missing or wrong, KH_E_UNSUPPORTED what is no
 * object to be stored; whatever ails the pixels alone goes into `problem`. kh_facts_release() in every case. */
KH_MUST_USE kh_status kh_facts_read(kh_facts *out, const kh_source *source, kh_error *err);
KH_MUST_USE kh_status kh_facts_read_file(kh_facts *out, int fd, kh_error *err);
/* Of a file, but for the pixels: nothing is said of them. */
KH_MUST_USE kh_status kh_facts_read_texts(kh_facts *out, int fd, kh_error *err);
void kh_facts_release(kh_facts *facts);

#endif
