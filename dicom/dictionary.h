/* dictionary.h - the data dictionary (PS3.6): tag to value representation and keyword, and back.
 * Threads: constant tables. */
#ifndef KH_DICOM_DICTIONARY_H
#define KH_DICOM_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include "dicom/tag.h"

typedef struct kh_dictionary_entry {
    kh_tag tag;
    kh_vr vr;
    const char *keyword; /* "PatientName" */
} kh_dictionary_entry;

/* The VR that implicit VR implies (PS3.5 A.1): group lengths UL, private creators LO, what is not known UN. */
kh_vr kh_dictionary_vr(kh_tag tag);
/* NULL when not known. Repeating groups 50xx and 60xx give the entry of their first group. */
const kh_dictionary_entry *kh_dictionary_find(kh_tag tag);
/* "PatientName", or "" when not known: for messages. */
const char *kh_dictionary_keyword(kh_tag tag);
/* 0 when no attribute has this keyword. Case matters. */
kh_tag kh_dictionary_tag(const char *keyword);

/* "US or SS" (PS3.6): implicit VR does not say which, Pixel Representation does. */
bool kh_dictionary_follows_sign(kh_tag tag);

/* The two letters are one of PS3.5 table 6.2-1. */
bool kh_vr_known(kh_vr vr);
/* Explicit VR writes its length in 32 bits after two reserved bytes (PS3.5 7.1.2). */
bool kh_vr_long_form(kh_vr vr);
/* Bytes of one binary number of the VR, AT too; 0 for text and the rest. */
size_t kh_vr_number_bytes(kh_vr vr);

#endif
