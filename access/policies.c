#include "access/policies.h"

#include <string.h>
#include "access/consent_check.h"
#include "access/consents.h"
#include "access/internal.h"
#include "access/lookup.h"
#include "base/clock.h"

typedef struct setting {
    const kh_policy *policy;
    const char *by;
} setting;

static kh_status set(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    setting *s = context;
    const kh_policy *p = s->policy;
    int64_t facility = 0;
    kh_status status = kh_lookup_facility(sql, p->facility, &facility, NULL, err);
    const kh_sql_value values[] = {
        KH_SQL_I(facility),           KH_SQL_I(p->items),
        KH_SQL_T(p->modalities),      KH_SQL_T(p->body_parts),
        KH_SQL_I(p->delay_ms),        p->look_back_years == KH_LOOK_BACK_SETTING ? KH_SQL_N : KH_SQL_I(p->look_back_years),
        KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(s->by),
        KH_SQL_T(p->departments)};

    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE policy SET ended_ms = ?7 WHERE facility_ref = ?1 AND ended_ms = 0", values, 7, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(
            sql,
            "INSERT INTO policy (facility_ref, items, modalities, body_parts, delay_ms, look_back_years, made_ms, by_whom, departments)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            KH_ACCESS_VALUES(values), NULL, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

/* Names as DICOM's LO, in any script; none is empty or has spaces around it: what objects tell has none either. */
static kh_status check_names(const char *field, const char *text, kh_error *err)
{
    kh_status status = kh_access_check_text(field, text, KH_CODES_SIZE, false, err);

    if (status != KH_OK || !text[0])
        return status;
    for (const char *p = text;; p++) {
        size_t size = strcspn(p, ",");

        if (size == 0 || p[0] == ' ' || p[size - 1] == ' ')
            return kh_error_set(err, KH_E_ARG, "%s: expected names separated by commas, without spaces around them", field);
        p += size;
        if (!*p)
            return KH_OK;
    }
}

kh_status kh_policy_set(kh_access *access, const kh_policy *policy, const char *by, kh_error *err)
{
    setting s = {policy, by};
    kh_status status = kh_access_check_text("who does it", by, 65, true, err);

    if (status == KH_OK && (policy->items & ~KH_ITEM_ALL))
        status = kh_error_set(err, KH_E_ARG, "items: expected images, reports, take");
    if (status == KH_OK)
        status = kh_check_codes("modalities", policy->modalities, err);
    if (status == KH_OK)
        status = kh_check_codes("body parts", policy->body_parts, err);
    if (status == KH_OK)
        status = check_names("departments", policy->departments, err);
    if (status == KH_OK && (policy->delay_ms < 0 || policy->delay_ms > KH_POLICY_DELAY_MAX_MS))
        status = kh_error_set(err, KH_E_ARG, "delay: expected 0 to 366 days");
    if (status == KH_OK && (policy->look_back_years < KH_LOOK_BACK_SETTING || policy->look_back_years > KH_LOOK_BACK_YEARS_MAX))
        status = kh_error_set(err, KH_E_ARG, "look-back: %d years, expected 0 to %d", policy->look_back_years, KH_LOOK_BACK_YEARS_MAX);
    return status == KH_OK ? kh_access_change(access, set, &s, err) : status;
}

static void take_policy(kh_sql_row *row, void *context)
{
    kh_policy *out = context;

    out->items = (unsigned)kh_sql_int(row, 0);
    KH_COPY(out->modalities, kh_sql_text(row, 1));
    KH_COPY(out->body_parts, kh_sql_text(row, 2));
    out->delay_ms = kh_sql_int(row, 3);
    out->look_back_years = kh_sql_is_null(row, 4) ? KH_LOOK_BACK_SETTING : (int)kh_sql_int(row, 4);
    out->made_ms = kh_sql_int(row, 5);
    KH_COPY(out->by, kh_sql_text(row, 6));
    KH_COPY(out->departments, kh_sql_text(row, 7));
}

static kh_status get(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_policy *out = context;
    kh_error none = KH_ERROR_INIT;
    int64_t facility = 0;
    kh_status status = kh_lookup_facility(sql, out->facility, &facility, NULL, err);

    (void)access;
    if (status != KH_OK)
        return status;
    status = kh_access_one(sql,
                           "SELECT items, modalities, body_parts, delay_ms, look_back_years, made_ms, by_whom, departments FROM policy"
                           " WHERE facility_ref = ?1 AND ended_ms = 0",
                           &KH_SQL_I(facility), 1, take_policy, out, "policy", &none);
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", none.message);
}

kh_status kh_policy_get(kh_access *access, const char *facility, kh_policy *out, kh_error *err)
{
    *out = (kh_policy){.items = KH_ITEM_ALL, .look_back_years = KH_LOOK_BACK_SETTING};
    KH_COPY(out->facility, facility);
    return kh_access_read(access, get, out, err);
}

/* --- hidden --- */

typedef struct hiding {
    const char *facility, *study_uid, *series_uid, *reason, *by;
    bool hide;
    kh_hidden_visit *visit;
    void *context;
} hiding;

static kh_status change(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    hiding *h = context;
    int64_t facility = 0, changed = 0;
    kh_status status = kh_lookup_facility(sql, h->facility, &facility, NULL, err);
    const kh_sql_value values[] = {KH_SQL_I(facility), KH_SQL_T(h->study_uid), KH_SQL_T(h->series_uid), KH_SQL_I(kh_clock_wall_ms()),
                                   KH_SQL_T(h->by), KH_SQL_T(h->reason)};

    if (status == KH_OK && h->hide)
        status = kh_sql_run(sql,
                            "INSERT OR IGNORE INTO hidden (facility_ref, study_uid, series_uid, made_ms, by_whom, reason)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            values, 6, NULL, err);
    if (status == KH_OK && !h->hide)
        status = kh_sql_run(
            sql,
            "UPDATE hidden SET ended_ms = ?4, ended_by = ?5 WHERE facility_ref = ?1 AND study_uid = ?2 AND series_uid = ?3 AND ended_ms = 0",
            values, 5, &changed, err);
    if (status == KH_OK && !h->hide && changed == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "it is not hidden");
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

static kh_status check_uid(const char *field, const char *uid, bool demanded, kh_error *err)
{
    size_t size = strlen(uid);

    return (size == 0 && !demanded) || (size > 0 && size <= 64 && strspn(uid, "0123456789.") == size)
               ? KH_OK
               : kh_error_set(err, KH_E_ARG, "%s: expected 1 to 64 of 0-9 and .", field);
}

static kh_status check_and_change(kh_access *access, hiding *h, kh_error *err)
{
    kh_status status = check_uid("study UID", h->study_uid, true, err);

    if (status == KH_OK)
        status = check_uid("series UID", h->series_uid, false, err);
    if (status == KH_OK)
        status = kh_access_check_text("who does it", h->by, 65, true, err);
    if (status == KH_OK && h->hide)
        status = kh_access_check_text("reason", h->reason, 257, true, err);
    return status == KH_OK ? kh_access_change(access, change, h, err) : status;
}

kh_status kh_hide(kh_access *access, const char *facility, const char *study_uid, const char *series_uid, const char *reason,
                  const char *by, kh_error *err)
{
    hiding h = {.facility = facility, .study_uid = study_uid, .series_uid = series_uid, .reason = reason, .by = by, .hide = true};

    return check_and_change(access, &h, err);
}

kh_status kh_unhide(kh_access *access, const char *facility, const char *study_uid, const char *series_uid, const char *by, kh_error *err)
{
    hiding h = {.facility = facility, .study_uid = study_uid, .series_uid = series_uid, .by = by};

    return check_and_change(access, &h, err);
}

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    hiding *h = context;
    kh_hidden hidden;
    kh_sql_row *row = NULL;
    bool has_row = false;
    int64_t facility = 0;
    kh_status status = h->facility ? kh_lookup_facility(sql, h->facility, &facility, NULL, err) : KH_OK;

    (void)access;
    if (status == KH_OK)
        status = kh_sql_query(
            &row, sql,
            "SELECT h.study_uid, h.series_uid, h.reason, h.by_whom, h.made_ms, f.code FROM hidden h JOIN facility f ON f.id = h.facility_ref"
            " WHERE (?1 = 0 OR h.facility_ref = ?1) AND h.ended_ms = 0 ORDER BY h.id",
            &KH_SQL_I(facility), 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        KH_COPY(hidden.study_uid, kh_sql_text(row, 0));
        KH_COPY(hidden.series_uid, kh_sql_text(row, 1));
        KH_COPY(hidden.reason, kh_sql_text(row, 2));
        KH_COPY(hidden.by, kh_sql_text(row, 3));
        hidden.made_ms = kh_sql_int(row, 4);
        KH_COPY(hidden.facility, kh_sql_text(row, 5));
        status = h->visit(h->context, &hidden);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_hidden_list(kh_access *access, const char *facility, kh_hidden_visit *visit, void *context, kh_error *err)
{
    hiding h = {.facility = facility, .visit = visit, .context = context};

    return kh_access_read(access, list, &h, err);
}
