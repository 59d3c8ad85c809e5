/* amend_internal.h - what amend.c (which attributes change, and the file with them in it) and amend_write.c (how they and what they were
 * are written) share. */
#ifndef KH_DICOM_AMEND_INTERNAL_H
#define KH_DICOM_AMEND_INTERNAL_H

#include "dicom/amend.h"
#include "dicom/splice.h"
#include "dicom/text.h"

#define KH_AMEND_BYTES_MAX 65536 /* of all bytes that are not the file's */
#define KH_TAG_ORIGINAL_ATTRIBUTES KH_TAG(0x0400, 0x0561)

/* An attribute of the main data set that takes another value. */
typedef struct kh_edit {
    kh_tag tag;
    kh_vr vr;
    const char *utf8;
    const kh_element *element; /* NULL: the file has none */
    uint64_t begin, end;       /* of the element in the base, header included */
} kh_edit;

struct kh_amended {
    kh_splice splice;
    kh_source inflated; /* the base of a deflated file */
    kh_dataset *dataset;
    bool explicit_vr, big_endian;
    uint64_t base_main;  /* where the data set begins in the base */
    uint64_t main_offset;
    char transfer_syntax[KH_UID_SIZE];
    char charset[KH_CHARSET_SIZE]; /* in which the new values are written */
    unsigned edit_count;           /* ascending by tag; Specific Character Set counts as one */
    kh_edit edits[KH_AMENDMENTS_MAX + 1];
};

/* Numbers as this file writes them. */
void kh_amend_put(uint8_t *at, uint32_t value, unsigned bytes, bool big_endian);
/* The element that an edit makes, appended to out. */
KH_MUST_USE kh_status kh_amend_element(const kh_amended *amended, kh_buf *out, const kh_edit *edit, kh_error *err);
/* The Original Attributes Sequence, added to the splice. present: as the file has it, or NULL; its items stay, ours comes behind them. */
KH_MUST_USE kh_status kh_amend_original(kh_amended *amended, const kh_element *present, const kh_amend_note *note, kh_error *err);

#endif
