/* Issuing and revoking. The authority is the caller's and locked: rows and list are changed by one process at a time. */
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/internal.h"
#include "access/terminals_internal.h"
#include "base/clock.h"

typedef struct issuing {
    const kh_terminal_order *order;
    const kh_ca_issued *certificate;
    kh_terminal_issued *out;
} issuing;

static void take_id(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status add_terminal(kh_sql *sql, const kh_terminal_order *order, int64_t *id, kh_error *err)
{
    int64_t facility = 0;
    kh_status status = kh_access_one(sql, "SELECT id FROM facility WHERE code = ?1", KH_ACCESS_TEXT(order->facility), take_id, &facility,
                                     "facility", err);

    if (status == KH_OK)
        status = kh_sql_run(sql, "INSERT INTO terminal (facility_ref, name) VALUES (?1, ?2)",
                            KH_ACCESS_VALUES(((const kh_sql_value[]){KH_SQL_I(facility), KH_SQL_T(order->name)})), NULL, err);
    *id = kh_sql_last_id(sql);
    return status;
}

/* The terminal that the certificate is for. A new one may have the name of one whose certificates are all over. */
static kh_status prepare_terminal(kh_sql *sql, const kh_terminal_order *order, int64_t *id, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_terminal there;
    kh_status status = kh_terminal_read(sql, order->facility, order->name, &there, &why);
    bool good;

    if (status == KH_E_NOT_FOUND && !order->renew)
        return add_terminal(sql, order, id, err);
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    *id = there.id;
    good = there.revoked_ms == 0 && there.not_after_ms > kh_clock_wall_ms();
    if (good && !order->renew)
        return kh_error_set(err, KH_E_CONFLICT, "the terminal has a certificate that is good: it can be renewed, or revoked first");
    if (there.revoked_ms > 0 && order->renew)
        return kh_error_set(err, KH_E_DENIED, "the terminal is revoked: it can be issued a new certificate");
    return KH_OK;
}

static kh_status write_certificate(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    issuing *i = context;
    int64_t id = 0;
    kh_status status = prepare_terminal(sql, i->order, &id, err);
    const kh_sql_value values[] = {KH_SQL_I(id), KH_SQL_T(i->certificate->serial), KH_SQL_T(i->certificate->fingerprint),
                                   KH_SQL_I(i->certificate->issued_ms), KH_SQL_I(i->certificate->not_after_ms)};

    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "INSERT INTO terminal_certificate (terminal_ref, serial, fingerprint, issued_ms, not_after_ms)"
                            " VALUES (?1, ?2, ?3, ?4, ?5)",
                            KH_ACCESS_VALUES(values), NULL, err);
    i->out->certificate_id = kh_sql_last_id(sql);
    if (status == KH_OK && i->order->antivirus)
        status = kh_terminal_write_antivirus(sql, id, i->order->antivirus, err);
    if (status == KH_OK)
        status = kh_terminal_read(sql, i->order->facility, i->order->name, &i->out->terminal, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status; /* who was unknown a moment ago is known now */
}

kh_status kh_terminal_issue(kh_access *access, kh_ca *ca, const kh_terminal_order *order, kh_terminal_issued *out, kh_error *err)
{
    kh_ca_issued certificate;
    issuing i = {.order = order, .certificate = &certificate, .out = out};
    kh_status status;

    memset(out, 0, sizeof *out);
    kh_buf_init(&out->pkcs12, 16384);
    if (!kh_name_valid(order->facility))
        return kh_error_set(err, KH_E_ARG, "facility is no code, expected 1 to 64 of A-Z a-z 0-9 _ . -");
    status = kh_access_check_text("name", order->name, KH_TERMINAL_NAME_SIZE, true, err);
    if (status == KH_OK)
        status = kh_ca_password(out->password, err);
    if (status == KH_OK)
        status = kh_ca_issue_terminal(ca, order->facility, order->name, order->days, out->password, order->aes, &out->pkcs12, &certificate,
                                       err);
    if (status == KH_OK)
        status = kh_access_change(access, write_certificate, &i, err);
    if (status != KH_OK) {
        kh_buf_release(&out->pkcs12);
        gnutls_memset(out->password, 0, sizeof out->password);
    }
    return status;
}

typedef struct revoking {
    const char *facility, *name, *reason, *by;
} revoking;

static kh_status write_revoked(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const revoking *r = context;
    int64_t now_ms = kh_clock_wall_ms();
    kh_terminal terminal;
    kh_status status = kh_terminal_read(sql, r->facility, r->name, &terminal, err);
    const kh_sql_value values[] = {KH_SQL_I(status == KH_OK ? terminal.id : 0), KH_SQL_I(now_ms), KH_SQL_T(r->reason), KH_SQL_T(r->by)};

    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE terminal_certificate SET revoked_ms = ?2, revoked_reason = ?3, revoked_by = ?4"
                            " WHERE terminal_ref = ?1 AND revoked_ms = 0",
                            KH_ACCESS_VALUES(values), NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "DELETE FROM install_link"
                            " WHERE certificate_ref IN (SELECT id FROM terminal_certificate WHERE terminal_ref = ?1)",
                            values, 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE session SET ended_ms = ?2 WHERE terminal_ref = ?1 AND ended_ms = 0", values, 2, NULL, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_terminal_revoke(kh_access *access, kh_ca *ca, const char *facility, const char *name, const char *reason, const char *by,
                             kh_error *err)
{
    revoking r = {.facility = facility, .name = name, .reason = reason, .by = by};
    kh_status status = kh_access_check_text("reason", reason, sizeof(((kh_terminal *)0)->revoked_reason), true, err);

    if (status == KH_OK)
        status = kh_access_check_text("by", by, sizeof(((kh_terminal *)0)->revoked_by), true, err);
    if (status == KH_OK)
        status = kh_access_change(access, write_revoked, &r, err);
    if (status == KH_OK && kh_terminal_write_list(access, ca, err) != KH_OK)
        status = kh_error_prefix(err, "revoked, but not in the revocation list yet");
    return status;
}

/* ---- the revocation list ---- */

typedef struct revoked_list {
    kh_ca_revoked *rows;
    size_t count, room;
} revoked_list;

static kh_status read_revoked(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    revoked_list *list = context;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql, "SELECT serial, revoked_ms FROM terminal_certificate WHERE revoked_ms > 0 ORDER BY id", NULL, 0, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        if (list->count == list->room) {
            size_t room = list->room ? 2 * list->room : 64;
            kh_ca_revoked *more = realloc(list->rows, room * sizeof *more);
            if (!more) {
                status = kh_error_set(err, KH_E_MEMORY, "no memory for the revocation list");
                break;
            }
            list->rows = more;
            list->room = room;
        }
        list->rows[list->count].revoked_ms = kh_sql_int(row, 1);
        snprintf(list->rows[list->count++].serial, KH_CA_SERIAL_SIZE, "%s", kh_sql_text(row, 0));
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_terminal_write_list(kh_access *access, kh_ca *ca, kh_error *err)
{
    revoked_list list = {0};
    kh_status status = kh_access_read(access, read_revoked, &list, err);

    if (status == KH_OK)
        status = kh_ca_write_list(ca, list.rows, list.count, err);
    free(list.rows);
    return status;
}
