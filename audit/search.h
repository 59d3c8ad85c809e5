/* search.h - who looked at what: the chains of all roles, merged by time, record by record. Nothing is verified here. Memory: 64 KiB a
 * role.
 * Threads: one at a time. */
#ifndef KH_AUDIT_SEARCH_H
#define KH_AUDIT_SEARCH_H

#include "audit/line.h"
#include "base/json.h"

/* The roles that write one, and the commands that change access.db themselves. NULL behind the last. */
extern const char *const kh_audit_roles[];
#define KH_AUDIT_ROLES 3

typedef struct kh_audit_query {
    const char *dir;
    const char *from, *to; /* UTC, as the records say it, or the beginning of it ("2026-11-21"); both inclusive; NULL: open */
    const char *who;       /* name, address or AE title; NULL: anybody. Those below likewise; all compare whole texts */
    const char *who_facility, *terminal, *purpose, *reason;
    const char *facility, *patient, *study, *series, *action, *result;
    void (*progress)(void *context, uint64_t records); /* NULL */
    void *progress_context;
} kh_audit_query;

typedef struct kh_audit_found {
    const char *role;
    uint64_t seq;
    const char *record; /* its JSON, size bytes and a NUL */
    size_t size;
    const kh_json *json;
} kh_audit_found;

/* KH_E_ARG when from or to is no such time. */
KH_MUST_USE kh_status kh_audit_time_check(const char *text, kh_error *err);
/* A status of visit's that is not KH_OK ends it and is returned. unreadable: lines that are no records. */
KH_MUST_USE kh_status kh_audit_search(const kh_audit_query *query, kh_status (*visit)(void *context, const kh_audit_found *found),
                                      void *context, uint64_t *unreadable, kh_error *err);

#endif
