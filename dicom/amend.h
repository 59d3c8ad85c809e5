/* amend.h - an object as it leaves with corrected attributes: the file stays as it came, and is read as if the attributes had other values
 * and the Original Attributes Sequence (0400,0561) told what they were (PS3.3 C.12.1.1.9). Everything else is byte for byte the file's.
 * Only attributes of the main data set; their text may need a larger character set than the object declares: then code extensions
 * are added to Specific Character Set (PS3.5 6.1.2.4), so that all its other text stays as it is.
 * A deflated data set is read as explicit VR little endian. Threads: opening one at a time; the source may be read by many at once. */
#ifndef KH_DICOM_AMEND_H
#define KH_DICOM_AMEND_H

#include "dicom/dataset.h"

#define KH_AMENDMENTS_MAX 16

typedef struct kh_amendment {
    kh_tag tag;       /* a text attribute, in no group below 0008 */
    kh_vr vr;
    const char *utf8; /* the value it shall have: a name as "alphabetic=ideographic=phonetic"; "" empties it */
    kh_tag only_with; /* only when the object's value of this one is another than the amendment's; 0: always */
} kh_amendment;

/* What the item of Original Attributes says of the change. */
typedef struct kh_amend_note {
    const char *datetime; /* DT: when it was changed */
    const char *system;   /* LO: who changed it */
    const char *source;   /* LO: who sent the previous values, "" when not known */
    const char *reason;   /* CS: "COERCE" or "CORRECT" */
} kh_amend_note;

typedef struct kh_amended kh_amended;

/* file must outlive it. Amendments in any order, each tag once; values that the object has already change nothing.
 * KH_E_UNSUPPORTED names the attribute whose text no extension of the object's character set can write; KH_E_ARG; KH_E_LIMIT; what
 * kh_dataset_read_file() says of the file. */
KH_MUST_USE kh_status kh_amended_open(kh_amended **out, const kh_source *file, const kh_amendment *amendments, size_t count,
                                      const kh_amend_note *note, kh_error *err);
void kh_amended_free(kh_amended *amended);

/* A Part 10 file when the file is one. Borrowed. */
const kh_source *kh_amended_source(const kh_amended *amended);
/* Where its data set begins. */
uint64_t kh_amended_main_offset(const kh_amended *amended);
const char *kh_amended_transfer_syntax(const kh_amended *amended);
/* How many attributes differ from the file's. */
unsigned kh_amended_count(const kh_amended *amended);

#endif
