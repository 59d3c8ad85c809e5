/* user.h - the services as their user (SCU): C-ECHO, C-STORE, C-FIND, C-MOVE over an association (PS3.7 9.1, PS3.4 C.4).
 * A status the peer answers with is no error of the call: it is given back. Errors: those of the association. Identifiers are
 * data sets in the transfer syntax of the context used. Threads: that of the association. */
#ifndef KH_DICOM_SHIM_USER_H
#define KH_DICOM_SHIM_USER_H

#include "dicom/shim/assoc.h"
#include "dicom/source.h"

#define KH_IDENTIFIER_BYTES_MAX 1048576

KH_MUST_USE kh_status kh_user_echo(kh_assoc *assoc, uint16_t *status, kh_error *err);

/* Send size bytes of data set as they are. KH_E_UNSUPPORTED when no context was accepted for class and syntax. */
KH_MUST_USE kh_status kh_user_store(kh_assoc *assoc, const char *sop_class_uid, const char *sop_instance_uid,
                                    const char *transfer_syntax_uid, const void *bytes, size_t size, uint16_t *status,
                                    kh_error *err);

/* Hands the whole data set to put (whose own context is into), in order, in parts of any size; what put returns other than KH_OK is
 * given back. */
typedef kh_status kh_user_produce(void *context, kh_data_sink *put, void *into, kh_error *err);

/* An object to send: what source holds from offset on is its data set, sent as it stands, through a bounded buffer. */
typedef struct kh_user_object {
    const char *sop_class_uid, *sop_instance_uid;
    const kh_source *source;
    uint64_t offset;
    kh_user_produce *produce; /* not NULL: makes the data set instead of source */
    void *produce_context;
    const char *originator;  /* AE title of who asked for it by C-MOVE, "" when nobody did */
    uint16_t originator_id;  /* of that C-MOVE */
    uint16_t cancel_id;      /* message ID of the C-GET this belongs to, 0: none; its C-CANCEL may come instead of the response */
    bool *cancelled;         /* set when it does */
    bool (*may_go_on)(void *context); /* asked before each part that leaves; false: KH_E_DENIED. NULL: it may */
    void *go_on_context;
} kh_user_object;
/* After a failure the association is not to be used again. */
KH_MUST_USE kh_status kh_user_store_object(kh_assoc *assoc, const kh_context *with, const kh_user_object *object, uint16_t *status,
                                           kh_error *err);

/* One match: size bytes of identifier. Anything but KH_OK cancels the query and is given back by kh_user_find(). */
typedef kh_status kh_user_match(void *context, const uint8_t *identifier, size_t size, const char *transfer_syntax_uid,
                                kh_error *err);
KH_MUST_USE kh_status kh_user_find(kh_assoc *assoc, const kh_context *with, const void *identifier, size_t size,
                                   kh_user_match *match, void *context, kh_dimse *final, kh_error *err);

/* Called with each response, and with NULL at least every 250 ms while none comes. Set *alive when sub-operations are seen to go on: the
 * peer is given up when for idle_ms there was neither. Anything but KH_OK cancels, once, and is given back when the peer has ended. */
typedef kh_status kh_user_progress(void *context, const kh_dimse *response, bool *alive, kh_error *err);
/* message_id: from kh_assoc_next_message_id(); the peer repeats it in its sub-operations (0000,1031). final: the last response, its counts
 * included; failed (may be NULL): its identifier, where the Failed SOP Instance UID List stands. */
KH_MUST_USE kh_status kh_user_move(kh_assoc *assoc, const kh_context *with, uint16_t message_id, const char *destination,
                                   const void *identifier, size_t size, kh_user_progress *progress, void *context, kh_dimse *final,
                                   kh_buf *failed, kh_error *err);

/* A C-STORE request that belongs to our C-GET: read its data set from the association and answer it. A failure ends the C-GET and the
 * association; a refused object does not. */
typedef kh_status kh_user_stored(void *context, uint8_t context_id, const kh_dimse *request, kh_error *err);
/* As kh_user_move(), but the objects come on this association, in contexts proposed with as_scp. */
KH_MUST_USE kh_status kh_user_get(kh_assoc *assoc, const kh_context *with, uint16_t message_id, const void *identifier, size_t size,
                                  kh_user_stored *stored, kh_user_progress *progress, void *context, kh_dimse *final, kh_buf *failed,
                                  kh_error *err);

#endif
