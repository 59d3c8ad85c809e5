#include "access/lookup.h"

#include "access/internal.h"

static void take_two(kh_sql_row *row, void *context)
{
    int64_t *two = context;

    two[0] = kh_sql_int(row, 0);
    two[1] = kh_sql_int(row, 1);
}

static kh_status find_two(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, const char *what, int64_t *first,
                          int64_t *second, kh_error *err)
{
    int64_t two[2] = {0, 0};
    kh_status status = kh_access_one(sql, statement, values, count, take_two, two, what, err);

    *first = two[0];
    if (second)
        *second = two[1];
    return status;
}

kh_status kh_lookup_facility(kh_sql *sql, const char *code, int64_t *id, int64_t *part, kh_error *err)
{
    return find_two(sql, "SELECT id, part FROM facility WHERE code = ?1", (kh_sql_value[]){KH_SQL_T(code)}, 1, "facility", id, part, err);
}

kh_status kh_lookup_patient(kh_sql *sql, const char *facility, const char *number, int64_t *id, int64_t *facility_id, kh_error *err)
{
    int64_t ignored;
    kh_sql_value values[] = {KH_SQL_I(0), KH_SQL_T(number)};
    kh_status status = kh_lookup_facility(sql, facility, facility_id ? facility_id : &ignored, NULL, err);

    *id = 0;
    if (status != KH_OK)
        return status;
    values[0] = KH_SQL_I(facility_id ? *facility_id : ignored);
    return find_two(sql, "SELECT id, 0 FROM patient WHERE facility_ref = ?1 AND number = ?2", values, 2, "patient at that facility", id,
                    NULL, err);
}

kh_status kh_lookup_person(kh_sql *sql, const char *login, int64_t *id, int64_t *facility_id, kh_error *err)
{
    return find_two(sql, "SELECT id, facility_ref FROM person WHERE login = ?1", (kh_sql_value[]){KH_SQL_T(login)}, 1, "person", id,
                    facility_id, err);
}

static void take_int(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

kh_status kh_lookup_int(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, int64_t *out, kh_error *err)
{
    kh_status status;

    *out = 0;
    status = kh_sql_first(sql, statement, values, count, take_int, out, err);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}
