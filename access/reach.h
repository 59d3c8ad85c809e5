/* reach.h - a subject's rights as a scope of the cache (cache/scope.h): what a list, a search or an address of UIDs finds for it, and
 * nothing else.
 * Each row is decided by itself (rights.h). Threads: one at a time; opening and using it may wait for access.db: not on an HTTP thread. */
#ifndef KH_ACCESS_REACH_H
#define KH_ACCESS_REACH_H

#include "access/rights.h"
#include "cache/scope.h"

typedef struct kh_reach kh_reach;

typedef enum kh_reach_kind {
    KH_REACH_LIST, /* the patients of the subject's horizon lead to the rows */
    KH_REACH_NAMED /* UIDs or an ID lead to them */
} kh_reach_kind;

/* rights NULL: accounts are off, *out is NULL, everything is found. subject NULL while they are on: KH_E_DENIED. subject is copied, rights
 * borrowed until close. */
KH_MUST_USE kh_status kh_reach_open(kh_reach **out, kh_rights *rights, const kh_subject *subject, kh_verb verb, kh_reach_kind kind,
                                    kh_error *err);
/* NULL of NULL. */
const kh_scope *kh_reach_scope(const kh_reach *reach);
/* NULL is welcome. */
void kh_reach_close(kh_reach *reach);

/* May the subject do this with a study, or with a series of it (NULL: the study)? The facts are those of the index. */
KH_MUST_USE kh_status kh_reach_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_study *study,
                                      const kh_series *series, kh_verdict *out, kh_error *err);

#endif
