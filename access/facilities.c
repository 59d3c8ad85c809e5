#include "access/facilities.h"

#include <string.h>
#include "access/internal.h"
#include "base/clock.h"

#define COLUMNS                                                                                                                        \
    "id, code, name, kana, kind, part, published, address, representative, association, department, post, contact, phone, fax, email,"  \
    " beds, joined, left_on, suspended_ms, suspended_until_ms, suspended_reason, suspended_by, member, main_discloser"
#define BEDS_MAX 100000

static const char *const kinds[] = {[KH_FACILITY_HOSPITAL] = "hospital", [KH_FACILITY_CLINIC] = "clinic",
                                    [KH_FACILITY_DENTAL] = "dental",     [KH_FACILITY_PHARMACY] = "pharmacy",
                                    [KH_FACILITY_VISITING_NURSE] = "visiting-nurse", [KH_FACILITY_CARE] = "care",
                                    [KH_FACILITY_OTHER] = "other"};
static const char *const parts[] = {[KH_PART_DISCLOSER] = "discloser", [KH_PART_VIEWER] = "viewer", [KH_PART_BOTH] = "both"};

const char *kh_facility_kind_text(kh_facility_kind kind)
{
    return kind >= KH_FACILITY_HOSPITAL && kind <= KH_FACILITY_KIND_LAST ? kinds[kind] : NULL;
}

kh_facility_kind kh_facility_kind_of(const char *text)
{
    for (int kind = KH_FACILITY_HOSPITAL; kind <= KH_FACILITY_KIND_LAST; kind++)
        if (strcmp(kinds[kind], text) == 0)
            return (kh_facility_kind)kind;
    return (kh_facility_kind)0;
}

const char *kh_facility_part_text(kh_facility_part part)
{
    return part >= KH_PART_DISCLOSER && part <= KH_PART_BOTH ? parts[part] : NULL;
}

kh_facility_part kh_facility_part_of(const char *text)
{
    for (int part = KH_PART_DISCLOSER; part <= KH_PART_BOTH; part++)
        if (strcmp(parts[part], text) == 0)
            return (kh_facility_part)part;
    return (kh_facility_part)0;
}

bool kh_suspension_at(const kh_suspension *suspension, int64_t wall_ms)
{
    return suspension->since_ms > 0 && (suspension->until_ms == 0 || wall_ms < suspension->until_ms);
}

static kh_status check(const kh_facility *facility, kh_error *err)
{
    const struct { const char *field, *text; size_t size; bool demanded; } texts[] = {
        {"name", facility->name, sizeof facility->name, true},
        {"kana", facility->kana, sizeof facility->kana, false},
        {"address", facility->address, sizeof facility->address, false},
        {"representative", facility->representative, sizeof facility->representative, false},
        {"association", facility->association, sizeof facility->association, false},
        {"department", facility->department, sizeof facility->department, false},
        {"post", facility->post, sizeof facility->post, false},
        {"contact", facility->contact, sizeof facility->contact, false},
        {"phone", facility->phone, sizeof facility->phone, false},
        {"fax", facility->fax, sizeof facility->fax, false},
        {"email", facility->email, sizeof facility->email, false},
    };
    kh_status status = KH_OK;

    if (!kh_name_valid(facility->code))
        return kh_error_set(err, KH_E_ARG, "code is no name, expected 1 to 64 of A-Z a-z 0-9 _ . -");
    if (facility->main_discloser[0] && !kh_name_valid(facility->main_discloser))
        return kh_error_set(err, KH_E_ARG, "main discloser is no code, expected 1 to 64 of A-Z a-z 0-9 _ . -");
    if (!kh_facility_kind_text(facility->kind))
        return kh_error_set(err, KH_E_ARG, "kind is none, expected hospital, clinic, dental, pharmacy, visiting-nurse, care or other");
    if (!kh_facility_part_text(facility->part))
        return kh_error_set(err, KH_E_ARG, "part is none, expected discloser, viewer or both");
    if (facility->beds < 0 || facility->beds > BEDS_MAX)
        return kh_error_set(err, KH_E_ARG, "beds is %d, expected 0 to %d", facility->beds, BEDS_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == KH_OK; i++)
        status = kh_access_check_text(texts[i].field, texts[i].text, texts[i].size, texts[i].demanded, err);
    if (status == KH_OK)
        status = kh_access_check_day("joined", facility->joined, false, err);
    return status == KH_OK ? kh_access_check_day("left", facility->left, false, err) : status;
}

#define FIELDS(f)                                                                                                                      \
    KH_SQL_T((f)->code), KH_SQL_T((f)->name), KH_SQL_T((f)->kana), KH_SQL_I((f)->kind), KH_SQL_I((f)->part), KH_SQL_I((f)->published),  \
        KH_SQL_T((f)->address), KH_SQL_T((f)->representative), KH_SQL_T((f)->association), KH_SQL_T((f)->department),                   \
        KH_SQL_T((f)->post), KH_SQL_T((f)->contact), KH_SQL_T((f)->phone), KH_SQL_T((f)->fax), KH_SQL_T((f)->email),                    \
        KH_SQL_I((f)->beds), KH_SQL_T((f)->joined), KH_SQL_T((f)->left), KH_SQL_I((f)->member), KH_SQL_T((f)->main_discloser)

/* With these days it begins and ceases to take part, at local midnight: who is connected then is asked anew. */
static kh_status note_days(kh_sql *sql, const kh_facility *facility, kh_error *err)
{
    const int64_t at_ms[] = {kh_access_day_begins(facility->joined), kh_access_day_begins(facility->left)};
    kh_status status = KH_OK;

    for (size_t i = 0; i < 2 && status == KH_OK; i++)
        if (at_ms[i] > kh_clock_wall_ms())
            status = kh_access_moves_at(sql, at_ms[i], err);
    return status;
}

static kh_status add(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_facility *facility = context;
    const kh_sql_value values[] = {FIELDS(facility)};
    kh_status status =
        kh_sql_run(sql,
                   "INSERT INTO facility (code, name, kana, kind, part, published, address, representative, association, department,"
                   " post, contact, phone, fax, email, beds, joined, left_on, member, main_discloser)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
                   KH_ACCESS_VALUES(values), NULL, err);

    if (status == KH_OK)
        facility->id = kh_sql_last_id(sql);
    if (status == KH_OK)
        status = note_days(sql, facility, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_facility_add(kh_access *access, kh_facility *facility, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = check(facility, err);

    if (status != KH_OK)
        return status;
    status = kh_access_change(access, add, facility, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, KH_E_CONFLICT, "there is a facility of this code already");
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

static kh_status set(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_facility *facility = context;
    const kh_sql_value values[] = {FIELDS(facility)};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(sql,
                   "UPDATE facility SET name = ?2, kana = ?3, kind = ?4, part = ?5, published = ?6, address = ?7,"
                   " representative = ?8, association = ?9, department = ?10, post = ?11, contact = ?12, phone = ?13, fax = ?14,"
                   " email = ?15, beds = ?16, joined = ?17, left_on = ?18, member = ?19, main_discloser = ?20 WHERE code = ?1",
                   KH_ACCESS_VALUES(values), &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such facility");
    if (status == KH_OK)
        status = note_days(sql, facility, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_facility_set(kh_access *access, kh_facility *facility, kh_error *err)
{
    kh_status status = check(facility, err);

    return status == KH_OK ? kh_access_change(access, set, facility, err) : status;
}

static void take(kh_sql_row *row, void *context)
{
    kh_facility *f = context;

    *f = (kh_facility){.id = kh_sql_int(row, 0),
                       .kind = (kh_facility_kind)kh_sql_int(row, 4),
                       .part = (kh_facility_part)kh_sql_int(row, 5),
                       .published = kh_sql_int(row, 6) != 0,
                       .beds = (int)kh_sql_int(row, 16),
                       .suspended = {.since_ms = kh_sql_int(row, 19), .until_ms = kh_sql_int(row, 20)}};
    KH_COPY(f->code, kh_sql_text(row, 1));
    KH_COPY(f->name, kh_sql_text(row, 2));
    KH_COPY(f->kana, kh_sql_text(row, 3));
    KH_COPY(f->address, kh_sql_text(row, 7));
    KH_COPY(f->representative, kh_sql_text(row, 8));
    KH_COPY(f->association, kh_sql_text(row, 9));
    KH_COPY(f->department, kh_sql_text(row, 10));
    KH_COPY(f->post, kh_sql_text(row, 11));
    KH_COPY(f->contact, kh_sql_text(row, 12));
    KH_COPY(f->phone, kh_sql_text(row, 13));
    KH_COPY(f->fax, kh_sql_text(row, 14));
    KH_COPY(f->email, kh_sql_text(row, 15));
    KH_COPY(f->joined, kh_sql_text(row, 17));
    KH_COPY(f->left, kh_sql_text(row, 18));
    KH_COPY(f->suspended.reason, kh_sql_text(row, 21));
    KH_COPY(f->suspended.by, kh_sql_text(row, 22));
    f->member = kh_sql_int(row, 23) != 0;
    KH_COPY(f->main_discloser, kh_sql_text(row, 24));
}

typedef struct wanted {
    const char *code;
    int64_t id;
    kh_facility *out;
    kh_facility_visit *visit;
    void *context;
} wanted;

static kh_status read_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const wanted *of = context;

    (void)access;
    if (of->code)
        return kh_access_one(sql, "SELECT " COLUMNS " FROM facility WHERE code = ?1", KH_ACCESS_TEXT(of->code), take, of->out, "facility",
                             err);
    return kh_access_one(sql, "SELECT " COLUMNS " FROM facility WHERE id = ?1", &KH_SQL_I(of->id), 1, take, of->out, "facility", err);
}

kh_status kh_facility_find(kh_access *access, const char *code, kh_facility *out, kh_error *err)
{
    return kh_access_read(access, read_one, &(wanted){.code = code, .out = out}, err);
}

kh_status kh_facility_by_id(kh_access *access, int64_t id, kh_facility *out, kh_error *err)
{
    return kh_access_read(access, read_one, &(wanted){.id = id, .out = out}, err);
}

static kh_status read_all(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const wanted *of = context;
    kh_facility facility;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT " COLUMNS " FROM facility ORDER BY code", NULL, 0, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take(row, &facility);
        status = of->visit(of->context, &facility);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_facility_list(kh_access *access, kh_facility_visit *visit, void *context, kh_error *err)
{
    return kh_access_read(access, read_all, &(wanted){.visit = visit, .context = context}, err);
}

/* ---- suspended and resumed ---- */

/* Of the facility, or of all but the office. */
static kh_status end_sessions(kh_sql *sql, const char *code, int64_t now_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_T(code)};

    return code
               ? kh_sql_run(sql,
                            "UPDATE session SET ended_ms = ?1 WHERE ended_ms = 0 AND person_ref IN"
                            " (SELECT p.id FROM person p JOIN facility f ON f.id = p.facility_ref WHERE f.code = ?2)",
                            KH_ACCESS_VALUES(values), NULL, err)
               : kh_sql_run(sql,
                            "UPDATE session SET ended_ms = ?1 WHERE ended_ms = 0 AND person_ref IN (SELECT id FROM person WHERE role <> 7)",
                            values, 1, NULL, err);
}

typedef struct stopping {
    const char *code; /* of the facility; NULL: the network */
    const char *reason, *by;
    int64_t since_ms, until_ms; /* since 0: it is resumed */
} stopping;

static kh_status stop(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const stopping *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->since_ms), KH_SQL_I(of->until_ms), KH_SQL_T(of->reason), KH_SQL_T(of->by),
                                   KH_SQL_T(of->code)};
    const kh_sql_value network[] = {KH_SQL_I(of->since_ms), KH_SQL_T(of->reason), KH_SQL_T(of->by)};
    int64_t changed = 0;
    kh_status status =
        of->code
            ? kh_sql_run(
                  sql,
                  "UPDATE facility SET suspended_ms = ?1, suspended_until_ms = ?2, suspended_reason = ?3, suspended_by = ?4 WHERE code = ?5",
                  KH_ACCESS_VALUES(values), &changed, err)
            : kh_sql_run(sql, "UPDATE network SET stopped_ms = ?1, reason = ?2, by_whom = ?3", KH_ACCESS_VALUES(network), &changed, err);

    if (status == KH_OK && changed == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such facility");
    if (status == KH_OK && of->until_ms > 0)
        status = kh_access_moves_at(sql, of->until_ms, err);
    if (status == KH_OK && of->since_ms > 0)
        status = end_sessions(sql, of->code, of->since_ms, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_access_check_stop(const char *reason, const char *by, int64_t until_ms, kh_error *err)
{
    kh_status status = kh_access_check_text("reason", reason, sizeof((kh_suspension *)0)->reason, true, err);

    if (status == KH_OK)
        status = kh_access_check_text("by", by, sizeof((kh_suspension *)0)->by, true, err);
    if (status == KH_OK && until_ms != 0 && until_ms <= kh_clock_wall_ms())
        return kh_error_set(err, KH_E_ARG, "until is past");
    return status;
}

kh_status kh_facility_suspend(kh_access *access, const char *code, const char *reason, const char *by, int64_t until_ms, kh_error *err)
{
    kh_status status = kh_access_check_stop(reason, by, until_ms, err);

    return status == KH_OK ? kh_access_change(access, stop, &(stopping){code, reason, by, kh_clock_wall_ms(), until_ms}, err) : status;
}

kh_status kh_facility_resume(kh_access *access, const char *code, kh_error *err)
{
    return kh_access_change(access, stop, &(stopping){code, "", "", 0, 0}, err);
}

kh_status kh_network_stop(kh_access *access, const char *reason, const char *by, kh_error *err)
{
    kh_status status = kh_access_check_stop(reason, by, 0, err);

    return status == KH_OK ? kh_access_change(access, stop, &(stopping){NULL, reason, by, kh_clock_wall_ms(), 0}, err) : status;
}

kh_status kh_network_resume(kh_access *access, kh_error *err)
{
    return kh_access_change(access, stop, &(stopping){NULL, "", "", 0, 0}, err);
}

static void take_network(kh_sql_row *row, void *context)
{
    kh_suspension *out = context;

    *out = (kh_suspension){.since_ms = kh_sql_int(row, 0)};
    KH_COPY(out->reason, kh_sql_text(row, 1));
    KH_COPY(out->by, kh_sql_text(row, 2));
}

static kh_status read_network(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_access_one(sql, "SELECT stopped_ms, reason, by_whom FROM network", NULL, 0, take_network, context, "network", err);
}

kh_status kh_network_state(kh_access *access, kh_suspension *out, kh_error *err)
{
    return kh_access_read(access, read_network, out, err);
}
