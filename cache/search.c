#include "cache/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/internal.h"
#include "cache/search_internal.h"

#define PIECES_BYTES_MAX ((size_t)64 << 10)
#define NAMES_BYTES_MAX ((size_t)512 << 10)

static kh_status add_condition(kh_search *search, const kh_search_key *key, kh_error *err)
{
    const kh_search_attribute *known = kh_search_attribute_find(key->tag);
    const kh_search_attribute *attribute = known ? known : kh_search_attribute_within(KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE, key->tag);
    kh_search_condition *to = &search->conditions[search->condition_count];
    kh_status status;

    if (!attribute || attribute->level > search->level)
        return KH_OK;
    if (search->condition_count == KH_SEARCH_KEYS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "more than %d keys", KH_SEARCH_KEYS_MAX);
    if ((search->flags & KH_SEARCH_EMPTY) && strcmp(key->value, "\"\"") == 0)
        status = kh_match_create_empty(&to->match, attribute->tag, attribute->vr, err);
    else if ((search->flags & KH_SEARCH_FUZZY) && attribute->vr == KH_VR('P', 'N'))
        status = kh_match_create_words(&to->match, attribute->tag, key->value, err);
    else
        status = kh_match_create(&to->match, attribute->tag, attribute->vr, key->value, err);
    if (status != KH_OK)
        return status;
    if (search->flags & KH_SEARCH_EVERY)
        kh_match_require_every(to->match);
    to->attribute = attribute;
    if (kh_match_is_universal(to->match))
        kh_match_free(to->match);
    else
        search->condition_count++;
    return KH_OK;
}

kh_status kh_search_open_with(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, unsigned flags,
                              kh_error *err)
{
    kh_search *search = calloc(1, sizeof(*search));
    kh_status status = KH_OK;

    *out = NULL;
    if (!search)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a query");
    search->cache = cache;
    search->level = level;
    search->flags = flags;
    search->formats = (flags & KH_SEARCH_FORMATS) != 0;
    search->earliest = "";
    kh_buf_init(&search->pieces, PIECES_BYTES_MAX);
    kh_buf_init(&search->names, NAMES_BYTES_MAX);
    kh_search_begin_at_latest(search);
    for (size_t i = 0; status == KH_OK && i < key_count; i++)
        status = add_condition(search, &keys[i], err);
    if (status == KH_OK)
        status = kh_search_choose_way(search, err);
    if (status != KH_OK) {
        kh_search_free(search);
        return status;
    }
    *out = search;
    return KH_OK;
}

kh_status kh_search_open(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, kh_error *err)
{
    return kh_search_open_with(out, cache, level, keys, key_count, 0, err);
}

void kh_search_within(kh_search *search, const kh_scope *scope)
{
    search->scope = scope;
}

void kh_search_free(kh_search *search)
{
    if (!search)
        return;
    for (size_t i = 0; i < search->condition_count; i++)
        kh_match_free(search->conditions[i].match);
    kh_buf_release(&search->pieces);
    kh_buf_release(&search->names);
    free(search);
}

bool kh_search_is_single(const kh_search_attribute *attribute, const char *value)
{
    kh_match *match = NULL;
    bool single = kh_match_create(&match, attribute->tag, attribute->vr, value, NULL) == KH_OK && kh_match_is_single(match);

    kh_match_free(match);
    return single;
}

/* The next page begins behind this row. */
static void advance(kh_search *search, const kh_search_row *row)
{
    search->id = search->level == KH_LEVEL_PATIENT  ? row->patient_row
                 : search->level == KH_LEVEL_STUDY  ? row->study.id
                 : search->level == KH_LEVEL_SERIES ? row->series.id
                                                    : row->object.id;
    memcpy(search->date, row->study.date, sizeof(row->study.date));
    memcpy(search->time, row->study.time, sizeof(row->study.time));
}

/* One item that has all that is asked for within the sequence. */
static bool request_matches(const kh_search *search, const kh_search_row *row)
{
    char value[KH_SEARCH_VALUE_SIZE];
    bool all = false;

    for (const char *item = row->request; !all && *item; item += strcspn(item, "\n") + 1) {
        all = true;
        for (size_t i = 0; i < search->condition_count && all; i++) {
            if (search->conditions[i].attribute->within == 0)
                continue;
            kh_search_item_text(item, search->conditions[i].attribute, value);
            all = kh_match_text(search->conditions[i].match, value);
        }
    }
    return all;
}

static bool matches(const kh_search *search, const kh_search_row *row)
{
    char value[KH_SEARCH_VALUE_SIZE];
    kh_person_name name;
    bool of_request = false;

    for (size_t i = 0; i < search->condition_count; i++) {
        const kh_search_condition *of = &search->conditions[i];

        if (of->attribute->within != 0) {
            of_request = true;
            continue;
        }
        if (kh_search_name(row, of->attribute, &name)) {
            if (!kh_match_name(of->match, &name))
                return false;
            continue;
        }
        kh_search_text(row, of->attribute, value);
        if (!kh_match_text(of->match, value))
            return false;
    }
    return !of_request || request_matches(search, row);
}

/* Something of it is left when what is hidden (cache/changes.h) is left out. */
static bool is_shown(const kh_search *search, const kh_search_row *row)
{
    switch (search->level) {
    case KH_LEVEL_PATIENT: return row->patient_objects > 0;
    case KH_LEVEL_STUDY: return row->study.object_count > 0;
    case KH_LEVEL_SERIES: return row->series.object_count > 0;
    case KH_LEVEL_IMAGE: break;
    }
    return true;
}

static void keep_counts(kh_study *to, const kh_study *from)
{
    memcpy(to->modalities, from->modalities, sizeof to->modalities);
    to->series_count = from->series_count;
    to->object_count = from->object_count;
    to->away_count = from->away_count;
}

/* The study of the row as the scope leaves it; the rows of one study come together. */
static kh_status trim_study(kh_search *search, kh_sql *sql, kh_study *study, kh_error *err)
{
    kh_status status = KH_OK;

    if (search->trimmed.id != study->id) {
        search->trimmed = *study;
        status = kh_scope_trim(sql, search->scope, &search->trimmed, err);
    }
    if (status == KH_OK)
        keep_counts(study, &search->trimmed);
    else
        search->trimmed.id = 0;
    return status;
}

/* Does the scope allow the row? Its counts are then of what is allowed. */
static kh_status is_in_scope(kh_search *search, kh_sql *sql, kh_search_row *row, bool *in, kh_error *err)
{
    kh_status status = KH_OK;

    *in = true;
    if (search->level == KH_LEVEL_PATIENT || !kh_scope_is_foreign(search->scope, &row->study))
        return KH_OK; /* a patient is counted by what is allowed of it */
    if (search->level == KH_LEVEL_STUDY)
        status = kh_scope_decide(sql, search->scope, &row->study, in, err);
    else if (row->series.id != search->allowed_series)
        status = kh_scope_series(search->scope, &row->study, &row->series, in, err);
    if (status != KH_OK || !*in)
        return status;
    search->allowed_series = search->level == KH_LEVEL_STUDY ? 0 : row->series.id;
    return trim_study(search, sql, &row->study, err);
}

/* search->row is the row just read; *is_match when it is one that was asked for. */
static kh_status take_row(kh_search *search, const kh_search_reading *of, bool *is_match, kh_error *err)
{
    kh_search_row *row = &search->row;
    kh_status status = KH_OK;

    kh_search_read_row(of->row, search->level, row);
    advance(search, row);
    if (search->level == KH_LEVEL_PATIENT)
        status = kh_search_count_patient(of->sql, search->scope, row, err);
    *is_match = status == KH_OK && is_shown(search, row) && matches(search, row);
    if (*is_match && search->scope) {
        status = is_in_scope(search, of->sql, row, is_match, err);
        *is_match = status == KH_OK && *is_match && is_shown(search, row) && matches(search, row); /* of the modalities that are left */
    }
    if (*is_match && search->formats && search->level == KH_LEVEL_IMAGE)
        status = kh_search_read_format(of->sql, row, err);
    return status;
}

kh_status kh_search_read_some(kh_search *search, int64_t scanned_max, kh_search_take *take, void *context, bool *more, kh_error *err)
{
    int64_t scanned = 0;
    bool has_row = true, is_match, enough = false;
    kh_search_reading of = {0};
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, search->cache->readers, err);

    if (status == KH_OK)
        status = kh_search_begin_reading(&of, search, sql, scanned_max, err);
    while (status == KH_OK && !enough && (status = kh_sql_next(of.row, &has_row, err)) == KH_OK && has_row) {
        scanned++;
        status = take_row(search, &of, &is_match, err);
        if (status == KH_OK && is_match)
            status = take(context, &search->row, &enough, err);
        search->taken += is_match;
    }
    kh_search_end_reading(&of, sql);
    kh_reader_release(search->cache->readers, sql);
    *more = status == KH_OK && (enough || scanned == scanned_max);
    return status;
}

kh_status kh_search_some(kh_search *search, kh_search_take *take, void *context, bool *more, kh_error *err)
{
    return kh_search_read_some(search, KH_SEARCH_SCANNED_MAX, take, context, more, err);
}

/* --- all of them --- */

typedef struct all {
    kh_search_visit *visit;
    void *context;
    int64_t count, rows_max;
} all;

static kh_status take_all(void *context, const kh_search_row *row, bool *enough, kh_error *err)
{
    all *a = context;

    *enough = false;
    if (++a->count > a->rows_max)
        return kh_error_set(err, KH_E_LIMIT, "more than %lld matches", (long long)a->rows_max);
    return a->visit(a->context, row, err);
}

kh_status kh_search_all(kh_search *search, int64_t rows_max, kh_search_visit *visit, void *context, kh_error *err)
{
    all a = {.visit = visit, .context = context, .rows_max = rows_max};
    bool more;

    return kh_search_read_some(search, INT64_MAX, take_all, &a, &more, err);
}

/* --- page by page --- */

static kh_status take_into_page(void *context, const kh_search_row *row, bool *enough, kh_error *err)
{
    kh_search *search = context;

    (void)err;
    search->rows[search->row_count++] = *row;
    *enough = search->row_count == KH_SEARCH_PAGE;
    return KH_OK;
}

kh_status kh_search_page(kh_search *search, const kh_search_row **rows, size_t *count, bool *more, kh_error *err)
{
    kh_status status;

    *rows = search->rows;
    search->row_count = 0;
    status = kh_search_some(search, take_into_page, search, more, err);
    *count = status == KH_OK ? search->row_count : 0;
    return status;
}
