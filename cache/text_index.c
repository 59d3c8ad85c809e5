#include "cache/text_index.h"

#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cache/grams.h"

#define FIELDS_BYTES_MAX ((size_t)32 << 20) /* of the studies that are brought up to date at once */
#define PIECES_BYTES_MAX ((size_t)1 << 20)  /* of one study */
#define ID_BITS 29
#define SECOND_BITS 17
#define DAY_MAX 131071
#define YEAR_FIRST 1800 /* as much as fits; earlier and later ones are the first and the last day */

/* A study that is due: offsets into the texts, NONE when it is not in the index or not in the table. */
typedef struct due {
    int64_t id, was_key, key;
    size_t was, now;
} due;
#define NONE SIZE_MAX

/* --- the key --- */

/* count digits at text, or -1. */
static int64_t digits(const char *text, size_t count)
{
    int64_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* In the order of the texts: months have 31 days here, years 12 months. */
static int64_t day_of(const char *date)
{
    int64_t number = strlen(date) == 8 ? digits(date, 8) : -1, day;

    if (number < 0)
        return 0;
    day = (number / 10000 - YEAR_FIRST) * 372 + number / 100 % 100 * 31 + number % 100 + 1;
    return day < 1 ? 1 : day > DAY_MAX ? DAY_MAX : day;
}

static int64_t second_of(const char *time)
{
    static const int64_t worth[] = {3600, 60, 1};
    int64_t second = 0;

    for (size_t i = 0; i < 3; i++) {
        int64_t value = digits(time, 2);

        if (value < 0)
            break;
        second += (value > 59 ? 59 : value) * worth[i] + (i == 0); /* from 1 on: 0 is not told */
        time += 2;
    }
    return second;
}

int64_t kh_text_key(const char *date, const char *time, int64_t study_id)
{
    return (day_of(date) << SECOND_BITS | second_of(time)) << ID_BITS | study_id;
}

/* --- bringing it up to date --- */

static kh_status keep_text(kh_buf *texts, kh_sql_row *row, int column, size_t *at, kh_error *err)
{
    const char *text = kh_sql_text(row, column);

    *at = NONE;
    if (kh_sql_is_null(row, column))
        return KH_OK;
    *at = texts->size;
    return kh_buf_append(texts, text, strlen(text) + 1, err);
}

static kh_status keep_due(kh_buf *list, kh_buf *texts, kh_sql_row *row, kh_error *err)
{
    due one = {.id = kh_sql_int(row, 0)};
    kh_status status = keep_text(texts, row, 3, &one.was, err);

    if (one.id < 1 || one.id > KH_TEXT_STUDY_ID_MAX)
        return kh_error_set(err, KH_E_LIMIT, "study %lld, expected at most %lld", (long long)one.id, (long long)KH_TEXT_STUDY_ID_MAX);
    one.was_key = kh_text_key(kh_sql_text(row, 1), kh_sql_text(row, 2), one.id);
    if (status == KH_OK)
        status = keep_text(texts, row, 6, &one.now, err);
    one.key = kh_text_key(kh_sql_text(row, 4), kh_sql_text(row, 5), one.id);
    return status == KH_OK ? kh_buf_append(list, &one, sizeof one, err) : status;
}

static kh_status read_due(kh_buf *list, kh_buf *texts, kh_sql *sql, size_t limit, kh_error *err)
{
    const kh_sql_value most = KH_SQL_I(limit);
    bool has_row = true;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT d.study_id, d.was_date, d.was_time, d.was_search, s.date, s.time, s.search"
                                    " FROM study_text_due d LEFT JOIN study s ON s.id = d.study_id ORDER BY d.study_id LIMIT ?1",
                                    &most, 1, err);

    while (status == KH_OK && texts->size < FIELDS_BYTES_MAX / 2 && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = keep_due(list, texts, row, err);
    kh_sql_end(row);
    return status;
}

static int compare_due(const void *a, const void *b)
{
    const due *one = a, *other = b;

    return one->key < other->key ? -1 : one->key > other->key;
}

/* fts5 keeps no text of ours: to take a row out it is told the pieces again. */
static kh_status write_row(kh_sql *sql, const char *statement, int64_t key, const char *fields, kh_buf *pieces, kh_error *err)
{
    kh_sql_value values[2] = {KH_SQL_I(key)};
    kh_status status;

    kh_buf_clear(pieces);
    status = kh_grams_of_fields(pieces, fields, err);
    values[1] = KH_SQL_T(kh_buf_text(pieces));
    return status == KH_OK ? kh_sql_run(sql, statement, values, 2, NULL, err) : status;
}

/* The taken out first, then the new in the order of their keys: fts5 writes a run that ascends at once. */
static kh_status write_due(kh_sql *sql, kh_buf *list, const kh_buf *texts, kh_error *err)
{
    due *all = (due *)(void *)list->data; /* malloc'ed */
    const char *text = (const char *)texts->data;
    size_t count = list->size / sizeof(due);
    kh_status status = KH_OK;
    kh_buf pieces;

    kh_buf_init(&pieces, PIECES_BYTES_MAX);
    for (size_t i = 0; i < count && status == KH_OK; i++)
        if (all[i].was != NONE)
            status = write_row(sql, "INSERT INTO study_text (study_text, rowid, grams) VALUES ('delete', ?1, ?2)", all[i].was_key,
                               text + all[i].was, &pieces, err);
    if (count > 0)
        qsort(all, count, sizeof *all, compare_due);
    for (size_t i = 0; i < count && status == KH_OK; i++)
        if (all[i].now != NONE)
            status = write_row(sql, "INSERT INTO study_text (rowid, grams) VALUES (?1, ?2)", all[i].key, text + all[i].now, &pieces, err);
    for (size_t i = 0; i < count && status == KH_OK; i++) {
        const kh_sql_value id = KH_SQL_I(all[i].id);

        status = kh_sql_run(sql, "DELETE FROM study_text_due WHERE study_id = ?1", &id, 1, NULL, err);
    }
    kh_buf_release(&pieces);
    return status;
}

/* What fts5 holds makes no sense: an empty one, every study due. */
static kh_status begin_anew(kh_sql *sql, kh_error *err)
{
    static const char *const statements[] = {
        "INSERT INTO study_text (study_text) VALUES ('delete-all')",
        "DELETE FROM study_text_due",
        "INSERT INTO study_text_due (study_id) SELECT id FROM study",
    };
    kh_status status = KH_OK;

    kh_log(KH_LOG_ERROR, "cache", "the text index is damaged and is made anew");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && status == KH_OK; i++)
        status = kh_sql_run(sql, statements[i], NULL, 0, NULL, err);
    return status;
}

static kh_status update(kh_sql *sql, kh_buf *list, const kh_buf *texts, bool *more, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    bool complete = false;
    kh_status status = kh_sql_savepoint(sql, err);

    if (status != KH_OK)
        return status;
    status = write_due(sql, list, texts, &why);
    if (status == KH_OK)
        status = kh_sql_savepoint_release(sql, &why);
    if (status != KH_OK)
        kh_sql_savepoint_rollback(sql);
    if (status == KH_E_CORRUPT && kh_sql_in_transaction(sql)) /* no reason to take no images */
        status = begin_anew(sql, err);
    else if (status != KH_OK)
        return kh_error_set(err, status, "text %s", why.message);
    if (status == KH_OK)
        status = kh_text_index_is_complete(sql, &complete, err);
    *more = status == KH_OK && !complete;
    return status;
}

kh_status kh_text_index_update(kh_sql *sql, size_t limit, bool *more, kh_error *err)
{
    kh_buf list, texts;
    kh_status status;

    *more = false;
    kh_buf_init(&list, (limit + 1) * sizeof(due));
    kh_buf_init(&texts, FIELDS_BYTES_MAX);
    status = read_due(&list, &texts, sql, limit, err);
    if (status == KH_OK && list.size > 0)
        status = update(sql, &list, &texts, more, err);
    kh_buf_release(&list);
    kh_buf_release(&texts);
    return status;
}

/* --- asking --- */

static kh_status read_number(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, int64_t *number, kh_error *err)
{
    bool has_row = false;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, query, values, count, err);

    *number = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *number = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

kh_status kh_text_index_is_complete(kh_sql *sql, bool *complete, kh_error *err)
{
    int64_t due_count;
    kh_status status = read_number(sql, "SELECT EXISTS (SELECT 1 FROM study_text_due)", NULL, 0, &due_count, err);

    *complete = status == KH_OK && due_count == 0;
    return status;
}

kh_status kh_text_index_count(kh_sql *sql, const char *pieces, int64_t limit, int64_t *count, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(pieces), KH_SQL_I(limit)};

    return read_number(sql, "SELECT count(*) FROM (SELECT 1 FROM study_text WHERE study_text MATCH ?1 LIMIT ?2)", values, 2, count, err);
}
