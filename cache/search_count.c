/* search_count.c - how many matches are left. Studies of some days, of a modality, or of a name whose beginning is told, are counted along
 * indices that hold nothing else; whatever else is asked for, each row has to be read and compared. */
#include <string.h>
#include "cache/internal.h"
#include "cache/search_internal.h"

/* Behind the last row given, from the earliest day on. */
#define DAYS_LEFT " AND s.date >= ?4 AND (s.date, s.time, s.id) < (?1, ?2, ?3)"
#define OF_MODALITY " AND instr(',' || s.modalities || ',', ',' || ?6 || ',') > 0"

static const char days[] = "SELECT count(*) FROM (SELECT 1 FROM study s WHERE ?6 = ?6" DAYS_LEFT
                           " ORDER BY s.date DESC, s.time DESC, s.id DESC LIMIT ?5)";
static const char days_hidden[] =
    "SELECT count(*) FROM (SELECT 1 FROM study s INDEXED BY study_hidden WHERE s.object_count = 0 AND ?6 = ?6" DAYS_LEFT " LIMIT ?5)";
static const char modality[] =
    "SELECT count(*) FROM (SELECT 1 FROM study_modality m WHERE m.modality = ?6 AND m.date >= ?4"
    " AND (m.date, m.time, m.study_ref) < (?1, ?2, ?3) ORDER BY m.date DESC, m.time DESC, m.study_ref DESC LIMIT ?5)";
static const char modality_hidden[] =
    "SELECT count(*) FROM (SELECT 1 FROM study s INDEXED BY study_hidden WHERE s.object_count = 0" OF_MODALITY DAYS_LEFT " LIMIT ?5)";

static kh_status count_rows(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t value_count, int64_t *count,
                            kh_error *err)
{
    bool has_row = false;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, statement, values, value_count, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *count = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

/* Behind the last row given. */
static kh_status count_by(const kh_search *search, kh_sql *sql, const char *statement, int64_t most, int64_t *count, kh_error *err)
{
    bool by_day = false;

    for (size_t i = 0; i < search->condition_count; i++)
        by_day = by_day || search->conditions[i].attribute->tag == KH_TAG_STUDY_DATE;
    return count_rows(sql, statement,
                      (kh_sql_value[]){KH_SQL_T(search->date), KH_SQL_T(search->time), KH_SQL_I(search->id),
                                       KH_SQL_T(by_day && !search->earliest[0] ? "0" : search->earliest), KH_SQL_I(most),
                                       KH_SQL_T(search->lead)},
                      6, count, err);
}

/* What is hidden stands in the index too, and is taken off: so many are counted more. */
static kh_status count_along(const kh_search *search, kh_sql *sql, const char *all, const char *hidden, int64_t most, int64_t *count,
                             kh_error *err)
{
    int64_t off = 0;
    kh_status status = kh_sql_begin(sql, err);

    if (status != KH_OK)
        return status;
    status = count_by(search, sql, hidden, INT64_MAX, &off, err);
    if (status == KH_OK)
        status = count_by(search, sql, all, most + off, count, err);
    kh_sql_rollback(sql);
    *count = *count > off ? *count - off : 0;
    return status;
}

/* Patient by patient: all of their studies, those that were given taken off. */
static kh_status count_named(const kh_search *search, kh_sql *sql, int64_t most, int64_t *count, kh_error *err)
{
    char from[KH_SEARCH_NAME_SIZE] = "", to[KH_SEARCH_NAME_SIZE] = "";
    const kh_sql_value values[] = {KH_SQL_T(from), KH_SQL_T(to)};
    bool has_row = true;
    kh_sql_row *row;
    kh_status status;

    kh_search_name_range(search, from, to);
    *count = -search->taken;
    status = kh_sql_query(&row, sql, "SELECT DISTINCT patient_ref, studies FROM patient_name WHERE key >= ?1 AND key < ?2", values, 2, err);
    while (status == KH_OK && *count < most && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        *count += kh_sql_int(row, 1);
    kh_sql_end(row);
    *count = *count < 0 ? 0 : *count > most ? most : *count; /* others came or went meanwhile */
    return status;
}

/* Is nothing asked for but this key and, when days, of some days? */
static bool is_bare(const kh_search *search, kh_tag key, bool days_too)
{
    for (size_t i = 0; i < search->condition_count; i++)
        if (search->conditions[i].attribute->tag != key && !(days_too && search->conditions[i].attribute->tag == KH_TAG_STUDY_DATE))
            return false;
    return search->level == KH_LEVEL_STUDY;
}

typedef enum counts { COUNTS_ROWS, COUNTS_DAYS, COUNTS_MODALITY, COUNTS_NAMED } counts;

static counts counts_along(const kh_search *search)
{
    if (search->scope)
        return COUNTS_ROWS;
    if (search->named && !search->readings[0] && is_bare(search, KH_TAG_PATIENT_NAME, false))
        return COUNTS_NAMED;
    if (search->way == KH_BY_MODALITY && is_bare(search, KH_TAG_MODALITIES_IN_STUDY, true))
        return COUNTS_MODALITY;
    return search->way == KH_BY_ALL && is_bare(search, 0, true) ? COUNTS_DAYS : COUNTS_ROWS;
}

static kh_status count_with(kh_search *search, counts how, int64_t most, int64_t *count, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, search->cache->readers, err);

    if (status == KH_OK && how == COUNTS_NAMED)
        status = count_named(search, sql, most, count, err);
    else if (status == KH_OK && how == COUNTS_MODALITY)
        status = count_along(search, sql, modality, modality_hidden, most, count, err);
    else if (status == KH_OK)
        status = count_along(search, sql, days, days_hidden, most, count, err);
    kh_reader_release(search->cache->readers, sql);
    return status;
}

/* --- one by one; until there is one: that nothing is left must be true --- */

typedef struct counting {
    int64_t count, most;
} counting;

static kh_status take_one(void *context, const kh_search_row *row, bool *enough, kh_error *err)
{
    counting *c = context;

    (void)row;
    (void)err;
    *enough = ++c->count == c->most;
    return KH_OK;
}

kh_status kh_search_count(kh_search *search, const kh_search_counting *how, int64_t *count, bool *exact, kh_error *err)
{
    counting c = {.most = how->most};
    counts along = counts_along(search);
    bool more = true;
    int64_t compared = 0, compared_max = search->way <= KH_BY_ACCESSION ? INT64_MAX : how->compared_max; /* few, where the way is told */
    kh_status status = KH_OK;

    *count = 0;
    *exact = false;
    if (along != COUNTS_ROWS) {
        status = count_with(search, along, how->most, count, err);
        *exact = status == KH_OK && *count < how->most;
        return status;
    }
    search->formats = false;
    while (status == KH_OK && more && c.count < c.most && (compared < compared_max || c.count == 0) && !how->stop(how->context)) {
        int64_t rest = compared_max - compared, now = rest > 0 && rest < KH_SEARCH_SCANNED_MAX ? rest : KH_SEARCH_SCANNED_MAX;

        status = kh_search_read_some(search, now, take_one, &c, &more, err);
        compared += now;
    }
    *count = c.count;
    *exact = status == KH_OK && !more;
    return status;
}
