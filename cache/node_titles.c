#include <string.h>
#include "cache/internal.h"
#include "cache/node_check.h"

static kh_status insert_title(kh_write *write, void *context, kh_error *err)
{
    const char *const *texts = context;
    const kh_sql_value values[] = {KH_SQL_T(texts[0]), KH_SQL_T(texts[1])};
    kh_error why = KH_ERROR_INIT;
    kh_status status =
        kh_sql_run(kh_write_sql(write), "INSERT INTO facility_title (ae_title, facility) VALUES (?1, ?2)", values, 2, NULL, &why);

    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "the title %s is taken already", texts[0]);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_NODE, 0, err) : kh_error_set(err, status, "%s", why.message);
}

kh_status kh_title_add(kh_cache *cache, const char *ae_title, const char *facility, kh_error *err)
{
    const char *texts[] = {ae_title, facility};

    if (!kh_ae_title_valid(ae_title))
        return kh_error_set(err, KH_E_ARG, "AE title must be 1 to 16 printable characters without a backslash or outer spaces");
    if (!kh_name_valid(facility))
        return kh_error_set(err, KH_E_ARG, "facility must be 1 to 64 of [A-Za-z0-9_.-]");
    return kh_nodes_write(cache, insert_title, texts, err);
}

static kh_status delete_title(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T((const char *)context);
    int64_t changed = 0;
    kh_status status = kh_sql_run(kh_write_sql(write), "DELETE FROM facility_title WHERE ae_title = ?1", &value, 1, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such title");
    return status == KH_OK ? kh_write_event(write, KH_EVENT_NODE, 0, err) : status;
}

kh_status kh_title_remove(kh_cache *cache, const char *ae_title, kh_error *err)
{
    return kh_nodes_write(cache, delete_title, (void *)(uintptr_t)ae_title, err);
}

typedef struct text {
    char *out;
    size_t size;
} text;

static void take_text(kh_sql_row *row, void *context)
{
    const text *to = context;

    kh_copy_text(to->out, to->size, kh_sql_text(row, 0));
}

/* The first row's only column. */
static kh_status first_text(kh_cache *cache, const char *query, const char *key, char *out, size_t out_size, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(key);
    text to = {out, out_size};
    kh_status status;

    out[0] = '\0';
    status = kh_cache_first(cache, query, &value, 1, take_text, &to, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no such title") : status;
}

kh_status kh_title_facility(kh_cache *cache, const char *ae_title, char facility[65], kh_error *err)
{
    return first_text(cache, "SELECT facility FROM facility_title WHERE ae_title = ?1", ae_title, facility, 65, err);
}

kh_status kh_title_of_facility(kh_cache *cache, const char *facility, char ae_title[KH_AE_TITLE_SIZE], kh_error *err)
{
    return first_text(cache, "SELECT ae_title FROM facility_title WHERE facility = ?1 ORDER BY rowid LIMIT 1", facility, ae_title,
                      KH_AE_TITLE_SIZE, err);
}

typedef struct telling {
    kh_title_visit *visit;
    void *context;
} telling;

static kh_status tell_title(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;

    (void)err;
    return of->visit(of->context, kh_sql_text(row, 0), kh_sql_text(row, 1));
}

kh_status kh_title_list(kh_cache *cache, kh_title_visit *visit, void *context, kh_error *err)
{
    telling of = {visit, context};

    return kh_cache_each(cache, "SELECT ae_title, facility FROM facility_title ORDER BY facility, rowid", NULL, 0, tell_title, &of, err);
}
