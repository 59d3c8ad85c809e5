#include "store/sql.h"

kh_status kh_sql_first(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take, void *context,
                       kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, statement, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        take(row, context);
    else if (status == KH_OK)
        status = KH_E_NOT_FOUND;
    kh_sql_end(row);
    return status;
}

kh_status kh_sql_each(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_sql_visit *visit, void *context,
                      kh_error *err)
{
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql, statement, values, count, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = visit(row, context, err);
    kh_sql_end(row);
    return status;
}
