/* associations.h - which associations others have with us now, and the newest of those that ended with objects refused: for people who
 * look after the service. In memory: what was refused before a restart stands in the log.
 * Threads: any. Limits: KH_ASSOCIATIONS_MAX in progress, KH_REFUSALS_KEPT refusals; what is more is not told of. */
#ifndef KH_PACS_BRIDGE_ASSOCIATIONS_H
#define KH_PACS_BRIDGE_ASSOCIATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_ASSOCIATIONS_MAX 256
#define KH_REFUSALS_KEPT 50

typedef struct kh_associations kh_associations;

typedef struct kh_association_counts {
    uint64_t stored, known, refused; /* objects; known: of those stored, that were here already */
    uint64_t echoes, queries, retrievals;
    uint64_t bytes;                  /* both directions */
} kh_association_counts;

typedef struct kh_association {
    uint64_t number;                 /* as in the log */
    char peer[65];                   /* name of the node */
    char address[64];
    char calling[17], called[17];
    bool tls;
    int64_t since_ms, ended_ms;      /* wall clock; ended_ms 0: in progress */
    kh_association_counts counts;
    uint16_t refused_status;         /* DIMSE, of the newest refused object */
    char refused_words[200];
} kh_association;

KH_MUST_USE kh_status kh_associations_create(kh_associations **out, kh_error *err);
/* NULL is welcome, here and below. */
void kh_associations_free(kh_associations *associations);

/* Its place, -1 when all are taken. */
int kh_associations_enter(kh_associations *associations, const kh_association *association);
/* Never waits for I/O. place -1 does nothing. */
void kh_associations_note(kh_associations *associations, int place, const kh_association_counts *counts);
void kh_associations_leave(kh_associations *associations, int place, uint16_t refused_status, const char *refused_words);

/* Copies of at most max, newest first; so many were copied, and *active are in progress. */
size_t kh_associations_list(kh_associations *associations, kh_association *out, size_t max, unsigned *active);
/* The same of those with refused objects, the one that ended last first. */
size_t kh_associations_refusals(kh_associations *associations, kh_association *out, size_t max);

#endif
