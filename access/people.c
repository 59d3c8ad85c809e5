#include "access/people.h"

#include <string.h>
#include "access/bans.h"
#include "access/leaving.h"
#include "base/clock.h"

#define COLUMNS                                                                                                                        \
    "p.id, p.login, p.name, p.kana, p.birth_date, p.facility_ref, f.code, p.role, p.profession, p.trained, p.activated_ms, p.left_ms,"  \
    " p.suspended_ms, p.suspended_until_ms, p.suspended_reason, p.suspended_by FROM person p JOIN facility f ON f.id = p.facility_ref"

kh_person_state kh_person_state_at(const kh_person *person, int64_t wall_ms)
{
    if (person->left_ms > 0)
        return KH_PERSON_LEFT;
    if (person->activated_ms == 0)
        return KH_PERSON_PENDING;
    return kh_suspension_at(&person->suspended, wall_ms) ? KH_PERSON_SUSPENDED : KH_PERSON_ACTIVE;
}

const char *kh_person_state_text(kh_person_state state)
{
    static const char *const texts[] = {"pending", "active", "suspended", "left"};

    return texts[state];
}

static bool login_valid(const char *login)
{
    size_t length = strlen(login);

    return length >= 2 && length <= 64 && strspn(login, "abcdefghijklmnopqrstuvwxyz0123456789_.@-") == length;
}

static kh_status check(const kh_person *person, kh_error *err)
{
    kh_status status;

    if (!login_valid(person->login))
        return kh_error_set(err, KH_E_ARG, "login is none, expected 2 to 64 of a-z 0-9 _ . @ -");
    if (!kh_role_text(person->role))
        return kh_error_set(err, KH_E_ARG,
                            "role is none, expected doctor, nurse, radiologist, radiographer, registrar, manager, office or auditor");
    status = kh_access_check_text("name", person->name, sizeof person->name, true, err);
    if (status == KH_OK)
        status = kh_access_check_text("kana", person->kana, sizeof person->kana, true, err);
    if (status == KH_OK)
        status = kh_access_check_day("birth date", person->birth_date, true, err);
    return status == KH_OK ? kh_access_check_text("profession", person->profession, sizeof person->profession, false, err) : status;
}

static void take_id(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status add(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    char key[KH_KANA_KEY_SIZE];
    kh_person *person = context;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_kana_key(key, person->kana, err);

    if (status == KH_OK)
        status = kh_access_one(sql, "SELECT id FROM facility WHERE code = ?1", KH_ACCESS_TEXT(person->facility), take_id,
                               &person->facility_id, "facility", err);
    if (status == KH_OK)
        status = kh_ban_consult(sql, key, person->birth_date, err);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_T(person->login), KH_SQL_T(person->name),       KH_SQL_T(person->kana),
                                       KH_SQL_T(key),           KH_SQL_T(person->birth_date), KH_SQL_I(person->facility_id),
                                       KH_SQL_I(person->role),  KH_SQL_T(person->profession)};

        status = kh_sql_run(sql,
                            "INSERT INTO person (login, name, kana, kana_key, birth_date, facility_ref, role, profession)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                            KH_ACCESS_VALUES(values), NULL, &why);
        if (status == KH_E_CONFLICT)
            return kh_error_set(err, KH_E_CONFLICT, "this login is or was somebody's");
        if (status != KH_OK)
            return kh_error_set(err, status, "%s", why.message);
        person->id = kh_sql_last_id(sql);
    }
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_person_add(kh_access *access, kh_person *person, kh_error *err)
{
    kh_status status = check(person, err);

    return status == KH_OK ? kh_access_change(access, add, person, err) : status;
}

static kh_status end_sessions(kh_sql *sql, const char *login, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(login)};

    return kh_sql_run(sql, "UPDATE session SET ended_ms = ?1 WHERE ended_ms = 0 AND person_ref = (SELECT id FROM person WHERE login = ?2)",
                      KH_ACCESS_VALUES(values), NULL, err);
}

/* Of another facility or role one is somebody else: what was opened before ends. */
static kh_status end_rights(kh_sql *sql, const char *login, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_T(login)};
    kh_status status = end_sessions(sql, login, err);

    if (status == KH_OK)
        status = kh_sql_run(
            sql, "UPDATE token SET revoked_ms = ?1 WHERE revoked_ms = 0 AND person_ref = (SELECT id FROM person WHERE login = ?2)",
            KH_ACCESS_VALUES(values), NULL, err);
    return status;
}

static void take(kh_sql_row *row, void *context)
{
    kh_person *p = context;

    *p = (kh_person){.id = kh_sql_int(row, 0),
                     .facility_id = kh_sql_int(row, 5),
                     .role = (kh_person_role)kh_sql_int(row, 7),
                     .activated_ms = kh_sql_int(row, 10),
                     .left_ms = kh_sql_int(row, 11),
                     .suspended = {.since_ms = kh_sql_int(row, 12), .until_ms = kh_sql_int(row, 13)}};
    KH_COPY(p->login, kh_sql_text(row, 1));
    KH_COPY(p->name, kh_sql_text(row, 2));
    KH_COPY(p->kana, kh_sql_text(row, 3));
    KH_COPY(p->birth_date, kh_sql_text(row, 4));
    KH_COPY(p->facility, kh_sql_text(row, 6));
    KH_COPY(p->profession, kh_sql_text(row, 8));
    KH_COPY(p->trained, kh_sql_text(row, 9));
    KH_COPY(p->suspended.reason, kh_sql_text(row, 14));
    KH_COPY(p->suspended.by, kh_sql_text(row, 15));
}

static kh_status find(kh_sql *sql, const char *login, kh_person *out, kh_error *err)
{
    return kh_access_one(sql, "SELECT " COLUMNS " WHERE p.login = ?1", KH_ACCESS_TEXT(login), take, out, "person", err);
}

static kh_status set(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    char key[KH_KANA_KEY_SIZE];
    kh_person *person = context, before;
    kh_status status = kh_kana_key(key, person->kana, err);

    if (status == KH_OK)
        status = find(sql, person->login, &before, err);
    if (status == KH_OK)
        status = kh_access_one(sql, "SELECT id FROM facility WHERE code = ?1", KH_ACCESS_TEXT(person->facility), take_id,
                               &person->facility_id, "facility", err);
    if (status == KH_OK)
        status = kh_ban_consult(sql, key, person->birth_date, err);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_T(person->login), KH_SQL_T(person->name),       KH_SQL_T(person->kana),
                                       KH_SQL_T(key),           KH_SQL_T(person->birth_date), KH_SQL_I(person->facility_id),
                                       KH_SQL_I(person->role),  KH_SQL_T(person->profession)};

        person->id = before.id;
        status = kh_sql_run(
            sql,
            "UPDATE person SET name = ?2, kana = ?3, kana_key = ?4, birth_date = ?5, facility_ref = ?6, role = ?7, profession = ?8"
            " WHERE login = ?1",
            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK && (before.facility_id != person->facility_id || before.role != person->role))
        status = end_rights(sql, person->login, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_person_set(kh_access *access, kh_person *person, kh_error *err)
{
    kh_status status = check(person, err);

    return status == KH_OK ? kh_access_change(access, set, person, err) : status;
}

typedef struct wanted {
    const char *login, *facility;
    int64_t id;
    kh_person *out;
    kh_person_visit *visit;
    void *context;
} wanted;

static kh_status read_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const wanted *of = context;

    (void)access;
    if (of->login)
        return find(sql, of->login, of->out, err);
    return kh_access_one(sql, "SELECT " COLUMNS " WHERE p.id = ?1", &KH_SQL_I(of->id), 1, take, of->out, "person", err);
}

kh_status kh_person_find(kh_access *access, const char *login, kh_person *out, kh_error *err)
{
    return kh_access_read(access, read_one, &(wanted){.login = login, .out = out}, err);
}

kh_status kh_person_by_id(kh_access *access, int64_t id, kh_person *out, kh_error *err)
{
    return kh_access_read(access, read_one, &(wanted){.id = id, .out = out}, err);
}

static kh_status read_all(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const wanted *of = context;
    kh_person person;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql, "SELECT " COLUMNS " WHERE ?1 = '' OR f.code = ?1 ORDER BY p.login", KH_ACCESS_TEXT(of->facility), err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take(row, &person);
        status = of->visit(of->context, &person);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_person_list(kh_access *access, const char *facility, kh_person_visit *visit, void *context, kh_error *err)
{
    return kh_access_read(access, read_all, &(wanted){.facility = facility ? facility : "", .visit = visit, .context = context}, err);
}

/* ---- from application to leaving ---- */

typedef struct step {
    const char *login, *date, *reason, *by;
    int64_t now_ms, until_ms;
    enum { TRAIN, ACTIVATE, SUSPEND, RESUME, LEAVE } what;
} step;

static kh_status admit(kh_sql *sql, const step *of, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(of->login), KH_SQL_I(of->now_ms)};
    char key[KH_KANA_KEY_SIZE];
    kh_person person;
    kh_status status = find(sql, of->login, &person, err);

    if (status == KH_OK && person.left_ms > 0)
        return kh_error_set(err, KH_E_CONFLICT, "the person has left, expected a new account");
    if (status == KH_OK && person.trained[0] == '\0')
        return kh_error_set(err, KH_E_DENIED,
                            "no training in safe handling is recorded, expected its date before the account is activated");
    if (status == KH_OK)
        status = kh_kana_key(key, person.kana, err);
    if (status == KH_OK)
        status = kh_ban_consult(sql, key, person.birth_date, err);
    return status == KH_OK ? kh_sql_run(sql, "UPDATE person SET activated_ms = ?2 WHERE login = ?1 AND activated_ms = 0",
                                        KH_ACCESS_VALUES(values), NULL, err)
                           : status;
}

static kh_status take_step(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    static const char *const statements[] = {
        [TRAIN] = "UPDATE person SET trained = ?2 WHERE login = ?1",
        [SUSPEND] =
            "UPDATE person SET suspended_ms = ?3, suspended_until_ms = ?4, suspended_reason = ?5, suspended_by = ?6 WHERE login = ?1",
        [RESUME] = "UPDATE person SET suspended_ms = 0, suspended_until_ms = 0, suspended_reason = '', suspended_by = '' WHERE login = ?1",
        [LEAVE] = "UPDATE person SET left_ms = ?3 WHERE login = ?1 AND left_ms = 0",
    };
    const step *of = context;
    const kh_sql_value values[] = {KH_SQL_T(of->login),    KH_SQL_T(of->date),   KH_SQL_I(of->now_ms),
                                   KH_SQL_I(of->until_ms), KH_SQL_T(of->reason), KH_SQL_T(of->by)};
    kh_person person;
    kh_status status = find(sql, of->login, &person, err);

    if (status == KH_OK && of->what == ACTIVATE)
        status = admit(sql, of, err);
    else if (status == KH_OK)
        status = kh_sql_run(sql, statements[of->what], values,
                            of->what == TRAIN     ? 2
                            : of->what == SUSPEND ? 6
                            : of->what == LEAVE   ? 3
                                                  : 1,
                            NULL, err);
    if (status == KH_OK && of->until_ms > 0)
        status = kh_access_moves_at(sql, of->until_ms, err);
    if (status == KH_OK && of->what == SUSPEND)
        status = end_sessions(sql, of->login, err);
    if (status == KH_OK && of->what == LEAVE)
        status = end_rights(sql, of->login, err);
    if (status == KH_OK && of->what == LEAVE)
        status = kh_leaving_person(sql, person.id, of->now_ms, err);
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_person_train(kh_access *access, const char *login, const char *date, kh_error *err)
{
    kh_status status = kh_access_check_day("training date", date, true, err);
    char today[9];

    kh_access_today(today);
    if (status == KH_OK && strcmp(date, today) > 0)
        return kh_error_set(err, KH_E_ARG, "the training date is still to come");
    return status == KH_OK ? kh_access_change(access, take_step, &(step){.login = login, .date = date, .what = TRAIN}, err) : status;
}

kh_status kh_person_activate(kh_access *access, const char *login, kh_error *err)
{
    return kh_access_change(access, take_step, &(step){.login = login, .now_ms = kh_clock_wall_ms(), .what = ACTIVATE}, err);
}

kh_status kh_person_suspend(kh_access *access, const char *login, const char *reason, const char *by, int64_t until_ms, kh_error *err)
{
    step of = {.login = login, .reason = reason, .by = by, .now_ms = kh_clock_wall_ms(), .until_ms = until_ms, .what = SUSPEND};
    kh_status status = kh_access_check_stop(reason, by, until_ms, err);

    return status == KH_OK ? kh_access_change(access, take_step, &of, err) : status;
}

kh_status kh_person_resume(kh_access *access, const char *login, kh_error *err)
{
    return kh_access_change(access, take_step, &(step){.login = login, .what = RESUME}, err);
}

kh_status kh_person_leave(kh_access *access, const char *login, kh_error *err)
{
    return kh_access_change(access, take_step, &(step){.login = login, .now_ms = kh_clock_wall_ms(), .what = LEAVE}, err);
}

static kh_status look_for_office(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_access_one(sql,
                         "SELECT count(*) FROM person p WHERE role = 7 AND activated_ms > 0 AND left_ms = 0"
                         " AND EXISTS (SELECT 1 FROM password w WHERE w.person_ref = p.id)",
                         NULL, 0, take_id, context, "person", err);
}

kh_status kh_person_any_office(kh_access *access, bool *out, kh_error *err)
{
    int64_t count = 0;
    kh_status status = kh_access_read(access, look_for_office, &count, err);

    *out = count > 0;
    return status;
}
