#include "access/admission.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

static void take(kh_sql_row *row, void *context)
{
    kh_admission *a = context;

    *a = (kh_admission){.person_id = kh_sql_int(row, 0),
                        .facility_id = kh_sql_int(row, 1),
                        .role = (kh_person_role)kh_sql_int(row, 2),
                        .activated_ms = kh_sql_int(row, 7),
                        .left_ms = kh_sql_int(row, 8),
                        .person = {.since_ms = kh_sql_int(row, 9), .until_ms = kh_sql_int(row, 10)},
                        .site = {.since_ms = kh_sql_int(row, 11), .until_ms = kh_sql_int(row, 12)},
                        .network = {.since_ms = kh_sql_int(row, 13)},
                        .password = !kh_sql_is_null(row, 15),
                        .changed_ms = kh_sql_int(row, 17),
                        .one_time = kh_sql_int(row, 18) != 0,
                        .used_ms = kh_sql_int(row, 19),
                        .second = kh_sql_int(row, 20) > 0};
    KH_COPY(a->login, kh_sql_text(row, 3));
    KH_COPY(a->name, kh_sql_text(row, 4));
    KH_COPY(a->facility, kh_sql_text(row, 5));
    KH_COPY(a->facility_name, kh_sql_text(row, 6));
    KH_COPY(a->site_left, kh_sql_text(row, 14));
    KH_COPY(a->hash, kh_sql_text(row, 15));
    KH_COPY(a->previous, kh_sql_text(row, 16));
}

#define COLUMNS                                                                                                                        \
    "SELECT p.id, p.facility_ref, p.role, p.login, p.name, f.code, f.name, p.activated_ms, p.left_ms, p.suspended_ms, p.suspended_until_ms," \
    " f.suspended_ms, f.suspended_until_ms, n.stopped_ms, f.left_on, w.hash, w.previous, w.changed_ms, w.one_time, w.used_ms, s.confirmed_ms" \
    " FROM person p JOIN facility f ON f.id = p.facility_ref JOIN network n LEFT JOIN password w ON w.person_ref = p.id"                \
    " LEFT JOIN second_factor s ON s.person_ref = p.id"

kh_status kh_admission_read(kh_sql *sql, int64_t person_id, const char *login, kh_admission *out, kh_error *err)
{
    if (login)
        return kh_access_one(sql, COLUMNS " WHERE p.login = ?1", KH_ACCESS_TEXT(login), take, out, "person", err);
    return kh_access_one(sql, COLUMNS " WHERE p.id = ?1", &KH_SQL_I(person_id), 1, take, out, "person", err);
}

bool kh_admission_good(const kh_admission *a, int64_t wall_ms, int64_t *until_ms)
{
    char today[9];

    kh_access_today(today);
    *until_ms = INT64_MAX;
    if (a->activated_ms == 0 || a->left_ms > 0 || (a->site_left[0] && strcmp(a->site_left, today) <= 0))
        return false;
    if (a->site_left[0]) /* some midnight to come: looked at again every hour */
        *until_ms = wall_ms + DAY_MS / 24;
    return !kh_suspension_at(&a->person, wall_ms) && !kh_suspension_at(&a->site, wall_ms) &&
           (a->role == KH_ROLE_OFFICE || !kh_suspension_at(&a->network, wall_ms));
}

int64_t kh_admission_password_ends(const kh_admission *a, const kh_accounts_options *options)
{
    return options->rule == KH_PASSWORD_NETWORKS && options->days > 0 ? a->changed_ms + (int64_t)options->days * DAY_MS : INT64_MAX;
}

int kh_admission_days_left(const kh_admission *a, const kh_accounts_options *options, int64_t wall_ms)
{
    int64_t ends_ms = kh_admission_password_ends(a, options);
    int64_t left_ms = ends_ms - wall_ms;

    if (ends_ms == INT64_MAX || left_ms > (int64_t)options->warn_days * DAY_MS)
        return -1;
    return left_ms <= 0 ? 0 : (int)((left_ms + DAY_MS - 1) / DAY_MS); /* a day that has begun counts */
}
