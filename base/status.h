/* status.h - what a failed call means to its caller.
 * A kh_status says what can be done about it; the words are in a kh_error (error.h). One table turns a status into an
 * HTTP code (viewer/http/answer.h), one into a DIMSE code (pacs-bridge/dimse_status.h). */
#ifndef KH_BASE_STATUS_H
#define KH_BASE_STATUS_H

#define KH_MUST_USE __attribute__((warn_unused_result))
#define KH_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

typedef enum kh_status {
    KH_OK = 0,
    KH_E_ARG,         /* the caller's value is outside what the function or the request allows */
    KH_E_FORMAT,      /* the input breaks its format; sending it again will not help */
    KH_E_UNSUPPORTED, /* well-formed, but of a kind that is not served */
    KH_E_LIMIT,       /* larger or deeper than a configured limit */
    KH_E_NOT_FOUND,   /* no such thing */
    KH_E_CONFLICT,    /* clashes with what is already held */
    KH_E_BUSY,        /* a bounded queue, pool or lock is full; try again later */
    KH_E_FULL,        /* no space left on the disk, or over quota */
    KH_E_IO,          /* the disk or the operating system failed */
    KH_E_MEMORY,      /* an allocation failed */
    KH_E_TIMEOUT,     /* a deadline passed */
    KH_E_PEER,        /* the other side broke the protocol, refused, or went away */
    KH_E_DENIED,      /* not allowed */
    KH_E_CANCELLED,   /* stopped on request */
    KH_E_CORRUPT,     /* what we hold is not what was stored */
    KH_E_INTERNAL     /* our own mistake */
} kh_status;

/* A short lower-case English word for the status ("not found"). Never NULL. */
const char *kh_status_text(kh_status status);

#endif
