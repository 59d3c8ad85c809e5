#include "access/prefetch.h"

#include <string.h>
#include "access/grants.h"
#include "access/internal.h"
#include "access/linking.h"
#include "access/lookup.h"
#include "base/clock.h"

/* Looks at the grants that were never open: those that wait for a number. */
kh_status kh_prefetch_note(kh_sql *sql, int64_t now_ms, kh_error *err)
{
    kh_status status =
        kh_sql_run(sql,
                   "INSERT INTO prefetch_due (grant_ref, due_ms, made_ms) SELECT g.id, max(g.from_ms, ?1), ?1 FROM access_grant g"
                   " WHERE g.noted = 0 AND g.ended_ms = 0 AND g.to_ms > ?1 AND g.patient_ref IS NOT NULL AND (" KH_GRANT_ANYBODY ")",
                   &KH_SQL_I(now_ms), 1, NULL, err);

    if (status == KH_OK)
        status = kh_sql_run(
            sql, "UPDATE access_grant SET noted = 1 WHERE noted = 0 AND id IN (SELECT grant_ref FROM prefetch_due WHERE done_ms = 0)", NULL,
            0, NULL, err);
    return status;
}

typedef struct taking {
    kh_prefetch *out;
    bool found;
} taking;

static void take(kh_sql_row *row, void *context)
{
    kh_prefetch *out = context;

    out->id = kh_sql_int(row, 0);
    out->grant_id = kh_sql_int(row, 1);
    KH_COPY(out->facility, kh_sql_text(row, 2));
    KH_COPY(out->number, kh_sql_text(row, 3));
    KH_COPY(out->floor, kh_sql_text(row, 4));
    KH_COPY(out->modalities, kh_sql_text(row, 5));
    out->tries = kh_sql_int(row, 6);
}

static kh_status read_next(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    taking *t = context;
    kh_error none = KH_ERROR_INIT;
    kh_status status =
        kh_access_one(sql,
                      "SELECT d.id, g.id, f.code, p.number, g.floor, g.modalities, d.tries FROM prefetch_due d"
                      " JOIN access_grant g ON g.id = d.grant_ref JOIN patient p ON p.id = g.patient_ref"
                      " JOIN facility f ON f.id = p.facility_ref"
                      " WHERE d.done_ms = 0 AND d.due_ms <= ?1 AND g.ended_ms = 0 AND g.to_ms > ?1 AND (" KH_GRANT_ANYBODY ")"
                      " ORDER BY d.due_ms, d.id LIMIT 1",
                      &KH_SQL_I(kh_clock_wall_ms()), 1, take, t->out, "prefetch", &none);

    (void)access;
    t->found = status == KH_OK;
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", none.message);
}

kh_status kh_prefetch_next(kh_access *access, kh_prefetch *out, bool *found, kh_error *err)
{
    taking t = {out, false};
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_access_read(access, read_next, &t, err);
    *found = t.found;
    return status;
}

typedef struct settling {
    int64_t id, retry_ms;
    const char *result; /* NULL: later */
} settling;

static kh_status settle(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    settling *s = context;
    int64_t now_ms = kh_clock_wall_ms(), changed = 0;
    const kh_sql_value values[] = {KH_SQL_I(s->id), KH_SQL_I(s->result ? now_ms : now_ms + s->retry_ms), KH_SQL_T(s->result)};
    kh_status status = s->result ? kh_sql_run(sql, "UPDATE prefetch_due SET done_ms = ?2, result = ?3 WHERE id = ?1 AND done_ms = 0",
                                              values, 3, &changed, err)
                                 : kh_sql_run(sql, "UPDATE prefetch_due SET due_ms = ?2, tries = tries + 1 WHERE id = ?1 AND done_ms = 0",
                                              values, 2, &changed, err);

    (void)access;
    return status == KH_OK && changed == 0 ? kh_error_set(err, KH_E_NOT_FOUND, "no such prefetch is due") : status;
}

kh_status kh_prefetch_done(kh_access *access, int64_t id, const char *result, kh_error *err)
{
    settling s = {.id = id, .result = result};
    kh_status status = kh_access_check_text("result", result, 129, false, err);

    return status == KH_OK ? kh_access_change(access, settle, &s, err) : status;
}

kh_status kh_prefetch_later(kh_access *access, int64_t id, int64_t retry_ms, kh_error *err)
{
    settling s = {.id = id, .retry_ms = retry_ms};

    return kh_access_change(access, settle, &s, err);
}

static kh_status count(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_lookup_int(sql, "SELECT count(*) FROM prefetch_due WHERE done_ms = 0", NULL, 0, context, err);
}

kh_status kh_prefetch_count(kh_access *access, int64_t *out, kh_error *err)
{
    return kh_access_read(access, count, out, err);
}
