/* associations.h - which associations others have with us now, the newest of those that ended with objects refused, and who was turned
 * away before there was one: for people who look after the service. In memory: what was refused before a restart stands in the log.
 * Threads: any. Limits: KH_ASSOCIATIONS_MAX in progress, KH_REFUSALS_KEPT refusals, KH_TURNED_AWAY_KEPT callers; what is more is not told
 * of. */
#ifndef KH_PACS_BRIDGE_ASSOCIATIONS_H
#define KH_PACS_BRIDGE_ASSOCIATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_ASSOCIATIONS_MAX 256
#define KH_REFUSALS_KEPT 50
#define KH_TURNED_AWAY_KEPT 50

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

/* Calls that were not let in. */
typedef struct kh_turned_away {
    char address[64];
    char calling[17], called[17];
    bool tls;
    char words[200];  /* why */
    int64_t last_ms;  /* wall clock */
    uint64_t times;
} kh_turned_away;

KH_MUST_USE kh_status kh_associations_create(kh_associations **out, kh_error *err);
/* NULL is welcome, here and below. */
void kh_associations_free(kh_associations *associations);

/* Its place, -1 when all are taken. */
int kh_associations_enter(kh_associations *associations, const kh_association *association);
/* Never waits for I/O. place -1 does nothing. */
void kh_associations_note(kh_associations *associations, int place, const kh_association_counts *counts);
void kh_associations_leave(kh_associations *associations, int place, uint16_t refused_status, const char *refused_words);

/* Once more: the same caller for the same reason is one entry, a new one takes the place of the one that called longest ago. last_ms and
 * times of who are not looked at. */
void kh_associations_turn_away(kh_associations *associations, const kh_turned_away *who);

/* Copies of at most max, newest first; so many were copied, and *active are in progress. */
size_t kh_associations_list(kh_associations *associations, kh_association *out, size_t max, unsigned *active);
/* The same of those with refused objects, the one that ended last first. */
size_t kh_associations_refusals(kh_associations *associations, kh_association *out, size_t max);
/* The same of those who were turned away, who called last first. */
size_t kh_associations_turned_away(kh_associations *associations, kh_turned_away *out, size_t max);

#endif
