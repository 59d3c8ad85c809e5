/* stow.h - what the files of STOW-RS share (PS3.18 10.5).
 *   stow.c          one request: who may, which type, its parts; the answer
 *   assembly.h      objects that come as metadata and bulk data
 *   stow_object.c   one Part 10 object: kept in a file of incoming/, looked at, handed to the owner of the cache
 *   stow_answer.c   the result of each, as the Store Instances Response Module (PS3.18 10.5.3.2, table I.1-1) */
#ifndef KH_VIEWER_DICOMWEB_STOW_H
#define KH_VIEWER_DICOMWEB_STOW_H

#include "base/buf.h"
#include "base/json.h"
#include "dicom/syntax.h"
#include "viewer/dicomweb/internal.h"

/* Failure Reason (0008,1197) and Warning Reason (0008,1196): PS3.18 10.5.3.2. */
enum {
    KH_STOW_STORED = 0,
    KH_STOW_PROCESSING = 0x0110,
    KH_STOW_CLASS_NOT_SUPPORTED = 0x0122,
    KH_STOW_NOT_AUTHORISED = 0x0124,
    KH_STOW_OUT_OF_RESOURCES = 0xa700,
    KH_STOW_MISMATCH = 0xa900,        /* what was said of the object and what it is differ */
    KH_STOW_OTHER_STUDY = 0xa901,     /* not of the study of the address */
    KH_STOW_NOT_UNDERSTOOD = 0xc000,
    KH_STOW_OTHER_BYTES = 0xb00e,     /* a warning: its UID is known here with other bytes, both are kept */
};

typedef struct kh_stow_object {
    char sop_class_uid[KH_UID_SIZE], sop_instance_uid[KH_UID_SIZE];
    char study_uid[KH_UID_SIZE], series_uid[KH_UID_SIZE]; /* "" where it could not be read */
    unsigned failure, warning;                            /* KH_STOW_, 0: none */
} kh_stow_object;

/* ---- stow_object.c ---- */

/* A file of incoming/ that is being written. */
typedef struct kh_stow_file {
    int fd; /* -1: none */
    char name[64];
} kh_stow_file;

KH_MUST_USE kh_status kh_stow_file_create(kh_stow_file *file, kh_dicomweb *dicomweb, kh_error *err);
KH_MUST_USE kh_status kh_stow_file_write(kh_stow_file *file, const uint8_t *bytes, size_t size, kh_error *err);
/* Looks at the object and, when it is of study_uid ("": any), gives it to the owner of the cache; the result is in *out in every case, and
 * the file is gone. facility: whose it becomes; NULL: as the settings say. */
void kh_stow_file_keep(kh_stow_file *file, kh_dicomweb *dicomweb, const char *study_uid, const char *facility, kh_stow_object *out);
/* The Failure Reason of a call that failed. */
unsigned kh_stow_reason(kh_status status);
/* Away with it. None is welcome. */
void kh_stow_file_drop(kh_stow_file *file, kh_dicomweb *dicomweb);
/* What a process that died left behind. */
void kh_stow_files_clear(kh_dicomweb *dicomweb);

/* ---- stow_record.c ---- */

struct kh_stow_results;
/* What of each study was stored, recorded and durable. person, token and peer as in viewer/record/record.h. */
KH_MUST_USE kh_status kh_stow_record(kh_recorder *recorder, const struct kh_stow_results *results, const kh_subject *person,
                                     const char *token, const char *peer, kh_error *err);

/* ---- stow_answer.c ---- */

typedef struct kh_stow_results {
    kh_stow_object *objects; /* in the order of the parts */
    size_t count, capacity, failed_count, warning_count;
    char address[KH_DICOMWEB_ADDRESS_SIZE]; /* of the service */
} kh_stow_results;

void kh_stow_results_release(kh_stow_results *results);
KH_MUST_USE kh_status kh_stow_results_add(kh_stow_results *results, const kh_stow_object *object, kh_error *err);
/* study_uid: of the address, or "". xml: as application/dicom+xml, else application/dicom+json. */
void kh_stow_results_answer(const kh_stow_results *results, const char *study_uid, bool xml, kh_http_request *request);

#endif
