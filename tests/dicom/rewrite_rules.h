/* rewrite_rules.h - what a data set written anew must be, byte for byte: made from the bytes it was read from by rules that have names,
 * without our reader or our writers (of the house only the dictionary and the table of VRs are used). */
#ifndef KH_TESTS_DICOM_REWRITE_RULES_H
#define KH_TESTS_DICOM_REWRITE_RULES_H

#include <stdbool.h>
#include "base/buf.h"
#include "dicom/tag.h"

/* Each: where the written bytes may differ, and by what. */
typedef enum rewrite_rule {
    RULE_GROUP_LENGTH,   /* (gggg,0000) is left out (PS3.5 7.2) */
    RULE_DELIMITED,      /* a sequence or item of explicit length gets undefined length and its delimiter; the bytes inside stay (PS3.5 7.5) */
    RULE_EMPTY,          /* a sequence without items has length 0 in explicit VR, a delimiter in implicit VR */
    RULE_EVEN,           /* a value of odd length gets one more byte: blank for text, else 0 (PS3.5 6.2, 7.1.1) */
    RULE_SWAPPED,        /* headers and numbers of a big endian data set, unit by unit (PS3.5 7.3) */
    RULE_HEADER,         /* implicit VR written as explicit VR or the other way: another header, the same value */
    RULE_SIGN,           /* "US or SS" of implicit VR is SS where Pixel Representation is 1 */
    RULE_UN_SEQUENCE,    /* UN of undefined length, implicit VR inside, is a sequence in the syntax that is written (PS3.5 6.2.2) */
    RULE_DECODED,        /* compressed pixel data become native ones: they, and the attributes of Image Pixel Module that describe them, are others */
    RULE_UNENDED,        /* compressed pixel data that end with the file, without their delimiter */
    RULE_CUT,            /* native pixel data that end with the file have the length that is there */
    RULE_BEHIND,         /* bytes behind the pixel data that are no element are left out */
    RULES
} rewrite_rule;
extern const char *const rewrite_rule_names[RULES];

typedef struct rewrite_form {
    bool explicit_vr, big_endian;
} rewrite_form;

typedef struct rewrite {
    rewrite_form from, to; /* to is little endian */
    bool decoded;          /* leave out what RULE_DECODED covers */
    bool verbatim;         /* what has a length is copied, whatever is in it */
    bool is_signed;        /* Pixel Representation */
    unsigned used[RULES];
    kh_buf out;
    /* while at it */
    const uint8_t *bytes;
    size_t size;
    bool seen_pixels;
    char problem[120]; /* why the bytes are not a data set as PS3.5 has it */
} rewrite;

/* out is what the data set of these bytes is when it is written in the form `to`. False: they are no strict data set, see problem. */
bool rewrite_run(rewrite *rewrite, const uint8_t *bytes, size_t size);

#endif
