#include "access/terminals.h"

#include <stdio.h>
#include <string.h>
#include "access/internal.h"
#include "access/terminals_internal.h"
#include "base/clock.h"

#define SEEN_APART_MS 3600000

void kh_terminal_take(kh_sql_row *row, void *context)
{
    kh_terminal *out = context;

    *out = (kh_terminal){.id = kh_sql_int(row, 0),
                         .facility_id = kh_sql_int(row, 1),
                         .seen_ms = kh_sql_int(row, 6),
                         .issued_ms = kh_sql_int(row, 9),
                         .not_after_ms = kh_sql_int(row, 10),
                         .revoked_ms = kh_sql_int(row, 11)};
    snprintf(out->facility, sizeof out->facility, "%s", kh_sql_text(row, 2));
    snprintf(out->name, sizeof out->name, "%s", kh_sql_text(row, 3));
    snprintf(out->antivirus, sizeof out->antivirus, "%s", kh_sql_text(row, 4));
    snprintf(out->antivirus_day, sizeof out->antivirus_day, "%s", kh_sql_text(row, 5));
    snprintf(out->serial, sizeof out->serial, "%s", kh_sql_text(row, 7));
    snprintf(out->fingerprint, sizeof out->fingerprint, "%s", kh_sql_text(row, 8));
    snprintf(out->revoked_reason, sizeof out->revoked_reason, "%s", kh_sql_text(row, 12));
    snprintf(out->revoked_by, sizeof out->revoked_by, "%s", kh_sql_text(row, 13));
}

/* ---- reading ---- */

typedef struct lookup {
    const char *first, *second;
    kh_terminal *out;
} lookup;

static kh_status read_by_certificate(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    lookup *l = context;

    (void)access;
    return kh_access_one(sql, KH_TERMINAL_SELECT KH_TERMINAL_ANY_CERTIFICATE " WHERE c.fingerprint = ?1", KH_ACCESS_TEXT(l->first),
                         kh_terminal_take, l->out, "certificate", err);
}

kh_status kh_terminal_by_certificate(kh_access *access, const char *fingerprint, kh_terminal *out, kh_error *err)
{
    lookup l = {.first = fingerprint, .out = out};
    kh_status status = kh_access_read(access, read_by_certificate, &l, err);

    if (status == KH_OK && out->revoked_ms > 0)
        return kh_error_set(err, KH_E_DENIED, "the terminal's certificate is revoked");
    if (status == KH_OK && out->not_after_ms <= kh_clock_wall_ms())
        return kh_error_set(err, KH_E_DENIED, "the terminal's certificate has run out");
    return status;
}

typedef struct counting {
    int64_t id, count;
} counting;

static void take_count(kh_sql_row *row, void *context)
{
    ((counting *)context)->count = kh_sql_int(row, 0);
}

static kh_status count_good(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    counting *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(kh_clock_wall_ms())};

    (void)access;
    return kh_access_one(sql, "SELECT count(*) FROM terminal_certificate WHERE terminal_ref = ?1 AND revoked_ms = 0 AND not_after_ms > ?2",
                         KH_ACCESS_VALUES(values), take_count, of, "certificate", err);
}

bool kh_terminal_is_good(kh_access *access, int64_t id)
{
    counting of = {.id = id};

    return kh_access_read(access, count_good, &of, NULL) == KH_OK && of.count > 0;
}

kh_status kh_terminal_read(kh_sql *sql, const char *facility, const char *name, kh_terminal *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(name)};

    return kh_access_one(sql, KH_TERMINAL_SELECT KH_TERMINAL_NEWEST " WHERE f.code = ?1 AND t.name = ?2", KH_ACCESS_VALUES(values),
                         kh_terminal_take, out, "terminal", err);
}

static kh_status read_named(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    lookup *l = context;

    (void)access;
    return kh_terminal_read(sql, l->first, l->second, l->out, err);
}

kh_status kh_terminal_find(kh_access *access, const char *facility, const char *name, kh_terminal *out, kh_error *err)
{
    lookup l = {.first = facility, .second = name, .out = out};

    return kh_access_read(access, read_named, &l, err);
}

typedef struct listing {
    const char *facility;
    int64_t before_ms;
    kh_terminal_visit *visit;
    void *context;
} listing;

static kh_status read_list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const listing *l = context;
    const kh_sql_value values[] = {KH_SQL_T(l->facility), KH_SQL_I(l->before_ms), KH_SQL_I(kh_clock_wall_ms())};
    kh_sql_row *row;
    kh_terminal terminal;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    KH_TERMINAL_SELECT KH_TERMINAL_NEWEST
                                    " WHERE (?1 IS NULL OR f.code = ?1)"
                                    " AND (?2 = 0 OR (c.revoked_ms = 0 AND c.not_after_ms > ?3 AND c.not_after_ms < ?2))"
                                    " ORDER BY f.code, t.name",
                                    KH_ACCESS_VALUES(values), err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_terminal_take(row, &terminal);
        status = l->visit(l->context, &terminal);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_terminal_list(kh_access *access, const char *facility, int64_t before_ms, kh_terminal_visit *visit, void *context,
                           kh_error *err)
{
    listing l = {.facility = facility, .before_ms = before_ms, .visit = visit, .context = context};

    return kh_access_read(access, read_list, &l, err);
}

/* ---- small changes ---- */

static kh_status write_seen(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(*(const int64_t *)context), KH_SQL_I(kh_clock_wall_ms()), KH_SQL_I(SEEN_APART_MS)};

    (void)access;
    return kh_sql_run(sql, "UPDATE terminal SET seen_ms = ?2 WHERE id = ?1 AND abs(?2 - seen_ms) >= ?3", KH_ACCESS_VALUES(values), NULL,
                      err);
}

kh_status kh_terminal_seen(kh_access *access, int64_t id, kh_error *err)
{
    return kh_access_change(access, write_seen, &id, err);
}

typedef struct declaration {
    const char *facility, *name, *antivirus;
} declaration;

static kh_status write_declaration(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const declaration *d = context;
    kh_terminal terminal;
    kh_status status = kh_terminal_read(sql, d->facility, d->name, &terminal, err);

    (void)access;
    return status == KH_OK ? kh_terminal_write_antivirus(sql, terminal.id, d->antivirus, err) : status;
}

kh_status kh_terminal_write_antivirus(kh_sql *sql, int64_t id, const char *antivirus, kh_error *err)
{
    char today[9];
    kh_status status = kh_access_check_text("antivirus", antivirus, sizeof(((kh_terminal *)0)->antivirus), false, err);

    if (status != KH_OK)
        return status;
    kh_access_today(today);
    return kh_sql_run(sql, "UPDATE terminal SET antivirus = ?2, antivirus_day = ?3 WHERE id = ?1",
                      KH_ACCESS_VALUES(((const kh_sql_value[]){KH_SQL_I(id), KH_SQL_T(antivirus), KH_SQL_T(antivirus[0] ? today : "")})),
                      NULL, err);
}

kh_status kh_terminal_declare(kh_access *access, const char *facility, const char *name, const char *antivirus, kh_error *err)
{
    declaration d = {.facility = facility, .name = name, .antivirus = antivirus};

    return kh_access_change(access, write_declaration, &d, err);
}
