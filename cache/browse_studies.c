#include "cache/browse.h"

#include <stdlib.h>
#include <string.h>
#include "cache/fold.h"
#include "cache/grams.h"
#include "cache/internal.h"
#include "cache/scope_internal.h"
#include "cache/text_index.h"

#define STUDY_COLUMNS                                                                                                          \
    "SELECT s.id, s.study_uid, f.name, p.patient_id, p.name_alphabetic, p.name_ideographic, p.name_phonetic, p.birth_date,"    \
    " p.sex, s.date, s.time, s.description, s.accession, s.referring_physician, s.institution, s.study_id, s.modalities,"      \
    " s.series_count, s.object_count, s.image_count, s.frame_count, s.bytes, s.first_arrival_ms, s.last_arrival_ms,"           \
    " coalesce((SELECT max(id) FROM pull WHERE pull.study_uid = s.study_uid AND pull.facility = f.name), 0), s.revision,"      \
    " EXISTS (SELECT 1 FROM arrival WHERE arrival.study_ref = s.id),"                                                          \
    " s.away_count, s.last_used_ms"
#define TO_PATIENT " CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
#define STUDY_SELECT STUDY_COLUMNS " FROM study s" TO_PATIENT

#define WORDS_MAX 8
#define SEARCH_BYTES_MAX 1024
#define LIMIT_MAX 1000
#define PIECES_BYTES_MAX ((size_t)64 << 10)
/* Words that leave more studies than that are met soon by looking at one after the other. */
#define TEXT_STUDIES_MAX 100000

static void read_study(kh_sql_row *row, kh_study *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->study_uid, kh_sql_text(row, 1));
    KH_COPY(out->patient.facility, kh_sql_text(row, 2));
    KH_COPY(out->patient.patient_id, kh_sql_text(row, 3));
    KH_COPY(out->patient.name.alphabetic, kh_sql_text(row, 4));
    KH_COPY(out->patient.name.ideographic, kh_sql_text(row, 5));
    KH_COPY(out->patient.name.phonetic, kh_sql_text(row, 6));
    KH_COPY(out->patient.birth_date, kh_sql_text(row, 7));
    KH_COPY(out->patient.sex, kh_sql_text(row, 8));
    KH_COPY(out->date, kh_sql_text(row, 9));
    KH_COPY(out->time, kh_sql_text(row, 10));
    KH_COPY(out->description, kh_sql_text(row, 11));
    KH_COPY(out->accession, kh_sql_text(row, 12));
    KH_COPY(out->referring_physician, kh_sql_text(row, 13));
    KH_COPY(out->institution, kh_sql_text(row, 14));
    KH_COPY(out->study_id, kh_sql_text(row, 15));
    KH_COPY(out->modalities, kh_sql_text(row, 16));
    out->series_count = kh_sql_int(row, 17);
    out->object_count = kh_sql_int(row, 18);
    out->image_count = kh_sql_int(row, 19);
    out->frame_count = kh_sql_int(row, 20);
    out->bytes = kh_sql_int(row, 21);
    out->first_arrival_ms = kh_sql_int(row, 22);
    out->last_arrival_ms = kh_sql_int(row, 23);
    out->pull_id = kh_sql_int(row, 24);
    out->revision = kh_sql_int(row, 25);
    out->arriving = kh_sql_int(row, 26) != 0;
    out->away_count = kh_sql_int(row, 27);
    out->last_used_ms = kh_sql_int(row, 28);
}

static kh_status visit_studies(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, kh_study_visit *visit,
                               void *context, kh_error *err)
{
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql, query, values, count, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_study study;

        read_study(row, &study);
        status = visit(context, &study);
    }
    kh_sql_end(row);
    return status;
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

/* The words of a search, folded, each in place in `text`. */
typedef struct search {
    kh_buf text;
    const char *words[WORDS_MAX];
    size_t count;
} search;

static kh_status read_search(search *out, const char *text, kh_error *err)
{
    kh_status status;
    char *rest, *word;

    if (!text)
        return KH_OK;
    if (strlen(text) > SEARCH_BYTES_MAX)
        return kh_error_set(err, KH_E_ARG, "search text of %zu bytes, expected at most %d", strlen(text), SEARCH_BYTES_MAX);
    status = kh_fold_append(&out->text, text, err);
    if (status != KH_OK || out->text.size == 0)
        return status;
    for (word = strtok_r((char *)out->text.data, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (out->count == WORDS_MAX)
            return kh_error_set(err, KH_E_ARG, "more than %d search words", WORDS_MAX);
        out->words[out->count++] = word;
    }
    return KH_OK;
}

static bool date_valid(const char *date)
{
    return !date || (strlen(date) == 8 && strspn(date, "0123456789") == 8);
}

static kh_status check_filter(const kh_study_filter *filter, kh_error *err)
{
    if (filter->limit < 1 || filter->limit > LIMIT_MAX)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 to %d", (long long)filter->limit, LIMIT_MAX);
    if (filter->offset < 0)
        return kh_error_set(err, KH_E_ARG, "offset %lld, expected 0 or more", (long long)filter->offset);
    if (!date_valid(filter->date_from) || !date_valid(filter->date_to))
        return kh_error_set(err, KH_E_ARG, "study dates must be YYYYMMDD");
    if (filter->modality && (strlen(filter->modality) > 16 || strchr(filter->modality, ',')))
        return kh_error_set(err, KH_E_ARG, "modality must be one code of at most 16 characters");
    return KH_OK;
}

#define STUDY_WHERE                                                                                                            \
    " WHERE s.object_count > 0 AND (?1 IS NULL OR s.date >= ?1) AND (?2 IS NULL OR (s.date <= ?2 AND s.date <> ''))"                                  \
    " AND (?3 IS NULL OR instr(',' || s.modalities || ',', ',' || ?3 || ',') > 0)"                                             \
    " AND (?4 IS NULL OR instr(s.search, ?4) > 0) AND (?5 IS NULL OR instr(s.search, ?5) > 0)"                                 \
    " AND (?6 IS NULL OR instr(s.search, ?6) > 0) AND (?7 IS NULL OR instr(s.search, ?7) > 0)"                                 \
    " AND (?8 IS NULL OR instr(s.search, ?8) > 0) AND (?9 IS NULL OR instr(s.search, ?9) > 0)"                                 \
    " AND (?10 IS NULL OR instr(s.search, ?10) > 0) AND (?11 IS NULL OR instr(s.search, ?11) > 0)"
#define WHERE_VALUES (3 + WORDS_MAX)
/* The text index says which studies may have the words. */
#define FROM_TEXT " FROM study_text g CROSS JOIN study s ON s.id = " KH_TEXT_STUDY_ID

/* pieces: of the text index, NULL to look at every study; values has room for them. */
static kh_status count_studies(kh_sql *sql, kh_sql_value *values, const char *pieces, int64_t *total, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status;

    values[WHERE_VALUES] = KH_SQL_T(pieces);
    status = pieces ? kh_sql_query(&row, sql, "SELECT count(*)" FROM_TEXT STUDY_WHERE " AND g.study_text MATCH ?12", values,
                                   WHERE_VALUES + 1, err)
                    : kh_sql_query(&row, sql, "SELECT count(*) FROM study s" STUDY_WHERE, values, WHERE_VALUES, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK)
        *total = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status list_studies(kh_sql *sql, const kh_sql_value *values, const char *pieces, kh_study_visit *visit, void *context,
                              kh_error *err)
{
    if (!pieces)
        return visit_studies(sql, STUDY_SELECT STUDY_WHERE " ORDER BY s.date DESC, s.time DESC, s.id DESC LIMIT ?12 OFFSET ?13",
                             values, WHERE_VALUES + 2, visit, context, err);
    return visit_studies(sql,
                         STUDY_COLUMNS FROM_TEXT TO_PATIENT STUDY_WHERE " AND g.study_text MATCH ?14"
                                                                        " ORDER BY g.rowid DESC LIMIT ?12 OFFSET ?13",
                         values, WHERE_VALUES + 3, visit, context, err);
}

/* --- within a scope --- */

#define REF_IN(values) " AND (f.name = ?12 OR s.patient_ref IN (SELECT value FROM json_each(" values ")))"
#define BRIEF "SELECT s.id, s.study_uid, f.name, p.patient_id, s.date, s.modalities, s.first_arrival_ms, s.series_count"
/* The same of patients that are known by their rows (kh_scope_map). */
#define BRIEF_OF_REF "SELECT s.id, s.study_uid, s.patient_ref, s.date, s.modalities, s.first_arrival_ms, s.series_count"
#define BY_DATE " ORDER BY s.date DESC, s.time DESC, s.id DESC"
#define SCOPED_VALUES (WHERE_VALUES + 3)

/* What is left of the pages before the one that is asked for, that page, and how many there are. */
typedef struct scoped {
    kh_sql *sql;
    const kh_study_filter *filter;
    const kh_scope_map *map; /* of the rows' patients; NULL: the rows tell */
    int64_t ids[LIMIT_MAX];
    int64_t count, listed;
    bool own_is_counted; /* by a statement of its own: only others are counted row by row */
    bool to_the_end;     /* else until the page is full */
} scoped;

static bool has_modality(const kh_study *study, const char *modality)
{
    size_t size = strlen(modality);

    for (const char *at = study->modalities; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == size && strncmp(at, modality, size) == 0)
            return true;
    return false;
}

static void read_brief(kh_sql_row *row, kh_study *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->study_uid, kh_sql_text(row, 1));
    KH_COPY(out->patient.facility, kh_sql_text(row, 2));
    KH_COPY(out->patient.patient_id, kh_sql_text(row, 3));
    KH_COPY(out->date, kh_sql_text(row, 4));
    KH_COPY(out->modalities, kh_sql_text(row, 5));
    out->first_arrival_ms = kh_sql_int(row, 6);
    out->series_count = kh_sql_int(row, 7);
}

static kh_status read_brief_of_ref(kh_sql_row *row, const scoped *s, kh_study *out, kh_error *err)
{
    memset(out, 0, sizeof *out);
    if (!kh_scope_map_find(s->map, s->filter->scope, kh_sql_int(row, 2), &out->patient))
        return kh_error_set(err, KH_E_INTERNAL, "a study of a patient that was not asked for");
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->study_uid, kh_sql_text(row, 1));
    KH_COPY(out->date, kh_sql_text(row, 3));
    KH_COPY(out->modalities, kh_sql_text(row, 4));
    out->first_arrival_ms = kh_sql_int(row, 5);
    out->series_count = kh_sql_int(row, 6);
    return KH_OK;
}

/* A modality that only a series has which is not shown finds nothing. */
static kh_status is_listed(const scoped *s, kh_study *study, bool *listed, kh_error *err)
{
    const char *modality = s->filter->modality;
    kh_status status = kh_scope_decide(s->sql, s->filter->scope, study, listed, err);

    if (status != KH_OK || !*listed || !modality || !kh_scope_is_foreign(s->filter->scope, study))
        return status;
    status = kh_scope_trim(s->sql, s->filter->scope, study, err);
    *listed = status == KH_OK && has_modality(study, modality);
    return status;
}

static kh_status go_through(scoped *s, const char *query, const kh_sql_value *values, size_t value_count, kh_error *err)
{
    const int64_t offset = s->filter->offset, limit = s->filter->limit;
    bool has_row = true, listed = false;
    int64_t seen = 0;
    kh_sql_row *row;
    kh_study study;
    kh_status status = kh_sql_query(&row, s->sql, query, values, value_count, err);

    while (status == KH_OK && (s->to_the_end || s->listed < limit) && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        if (s->map)
            status = read_brief_of_ref(row, s, &study, err);
        else
            read_brief(row, &study);
        if (status == KH_OK)
            status = is_listed(s, &study, &listed, err);
        if (status != KH_OK || !listed)
            continue;
        if (!s->own_is_counted || kh_scope_is_foreign(s->filter->scope, &study))
            s->count++;
        if (seen++ >= offset && s->listed < limit)
            s->ids[s->listed++] = study.id;
    }
    kh_sql_end(row);
    return status;
}

static kh_status show_page(const scoped *s, kh_study_visit *visit, void *context, kh_error *err)
{
    kh_study study;
    kh_status status = KH_OK;

    for (int64_t i = 0; status == KH_OK && i < s->listed; i++) {
        const kh_sql_value id = KH_SQL_I(s->ids[i]);

        status = visit_studies(s->sql, STUDY_SELECT " WHERE s.id = ?1", &id, 1, keep_study, &study, err);
        if (status == KH_OK)
            status = kh_scope_trim(s->sql, s->filter->scope, &study, err);
        if (status == KH_OK)
            status = visit(context, &study);
    }
    return status;
}

/* Few patients: all of their studies are looked at. */
static kh_status list_of_few(scoped *s, kh_sql_value *values, const char *refs, const kh_scope_map *map, kh_error *err)
{
    values[WHERE_VALUES] = KH_SQL_T(refs);
    s->map = map;
    return go_through(s,
                      BRIEF_OF_REF " FROM study s INDEXED BY study_by_patient" STUDY_WHERE
                                   " AND s.patient_ref IN (SELECT value FROM json_each(?12))" BY_DATE,
                      values, WHERE_VALUES + 1, err);
}

static kh_status count_own(scoped *s, const kh_sql_value *values, const char *pieces, kh_error *err)
{
    bool has_row = false;
    kh_sql_row *row;
    kh_status status;

    if (pieces)
        status =
            kh_sql_query(&row, s->sql, "SELECT count(*)" FROM_TEXT TO_PATIENT STUDY_WHERE " AND f.name = ?12 AND g.study_text MATCH ?14",
                         values, SCOPED_VALUES, err);
    else
        status = kh_sql_query(&row, s->sql,
                              "SELECT count(*) FROM facility f CROSS JOIN patient p ON p.facility_id = f.id"
                              " CROSS JOIN study s ON s.patient_ref = p.id" STUDY_WHERE " AND f.name = ?12",
                              values, WHERE_VALUES + 1, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        s->count += kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

/* The own facility has many: they are met soon on the way that a list of everything has, and counted by themselves. */
static kh_status list_of_many(scoped *s, kh_sql_value *values, const char *others, const kh_scope_map *map, const char *pieces,
                              bool with_total, kh_error *err)
{
    scoped *theirs = NULL;
    kh_status status;

    values[WHERE_VALUES] = KH_SQL_T(s->filter->scope->own_facility);
    values[WHERE_VALUES + 1] = KH_SQL_T(others);
    values[WHERE_VALUES + 2] = KH_SQL_T(pieces);
    s->to_the_end = false;
    if (pieces)
        status = go_through(s, BRIEF FROM_TEXT TO_PATIENT STUDY_WHERE REF_IN("?13") " AND g.study_text MATCH ?14 ORDER BY g.rowid DESC",
                            values, SCOPED_VALUES, err);
    else
        status = go_through(s, BRIEF " FROM study s" TO_PATIENT STUDY_WHERE REF_IN("?13") BY_DATE, values, WHERE_VALUES + 2, err);
    if (status != KH_OK || !with_total)
        return status;
    theirs = calloc(1, sizeof *theirs);
    if (!theirs)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list");
    *theirs = (scoped){.sql = s->sql, .filter = s->filter, .own_is_counted = true, .to_the_end = true};
    s->count = 0;
    status = count_own(s, values, pieces, err);
    if (status == KH_OK)
        status = list_of_few(theirs, values, others, map, err);
    s->count += theirs->count;
    free(theirs);
    return status;
}

/* Within the read transaction of ask_text(). */
static kh_status list_scoped(kh_sql *sql, const kh_study_filter *filter, kh_sql_value *values, const char *pieces, kh_study_visit *visit,
                             void *context, int64_t *total, kh_error *err)
{
    scoped *s = calloc(1, sizeof *s);
    kh_scope_map map = {.places = NULL};
    bool few = false;
    kh_buf refs;
    kh_status status;

    if (!s)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list");
    *s = (scoped){.sql = sql, .filter = filter, .to_the_end = total != NULL};
    kh_buf_init(&refs, KH_SCOPE_REFS_BYTES_MAX);
    status = kh_scope_refs(sql, filter->scope, true, filter->scope->few ? filter->scope->few : KH_SCOPE_FEW, &refs, &map, &few, err);
    if (status == KH_OK && few) {
        status = list_of_few(s, values, kh_buf_text(&refs), &map, err);
    } else if (status == KH_OK) {
        kh_buf_clear(&refs);
        status = kh_scope_refs(sql, filter->scope, false, KH_SCOPE_OTHERS_MAX, &refs, &map, &few, err);
        if (status == KH_OK && !few)
            status = kh_error_set(err, KH_E_LIMIT, "patients of more than %d rows", KH_SCOPE_OTHERS_MAX);
        if (status == KH_OK)
            status = list_of_many(s, values, kh_buf_text(&refs), &map, pieces, total != NULL, err);
    }
    if (status == KH_OK)
        status = show_page(s, visit, context, err);
    if (status == KH_OK && total)
        *total = s->count;
    kh_scope_map_release(&map);
    kh_buf_release(&refs);
    free(s);
    return status;
}

/* Can the text index help? *usable until the caller ends the read transaction that this begins. */
static kh_status ask_text(kh_sql *sql, const search *words, kh_buf *pieces, bool *usable, kh_error *err)
{
    int64_t count = 0;
    kh_status status = kh_sql_begin(sql, err);

    *usable = false;
    for (size_t i = 0; i < words->count && status == KH_OK; i++)
        status = kh_grams_of_word(pieces, words->words[i], err);
    if (status == KH_OK && words->count > 0)
        status = kh_text_index_is_complete(sql, usable, err);
    if (status == KH_OK && *usable)
        status = kh_text_index_count(sql, kh_buf_text(pieces), TEXT_STUDIES_MAX + 1, &count, err);
    *usable = *usable && count <= TEXT_STUDIES_MAX;
    return status;
}

kh_status kh_browse_studies(kh_cache *cache, const kh_study_filter *filter, kh_study_visit *visit, void *context, int64_t *total,
                            kh_error *err)
{
    kh_sql_value values[WHERE_VALUES + 3] = {KH_SQL_T(filter->date_from), KH_SQL_T(filter->date_to), KH_SQL_T(filter->modality)};
    kh_sql *sql = NULL;
    search words = {0};
    bool usable = false;
    kh_buf pieces;
    kh_status status;

    kh_buf_init(&words.text, (size_t)4 * SEARCH_BYTES_MAX);
    kh_buf_init(&pieces, PIECES_BYTES_MAX);
    status = check_filter(filter, err);
    if (status == KH_OK)
        status = read_search(&words, filter->text, err);
    if (status == KH_OK)
        status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = ask_text(sql, &words, &pieces, &usable, err);
    if (status != KH_OK)
        goto out;
    for (size_t i = 0; i < words.count; i++)
        values[3 + i] = KH_SQL_T(words.words[i]);
    if (filter->scope) {
        status = list_scoped(sql, filter, values, usable ? kh_buf_text(&pieces) : NULL, visit, context, total, err);
        goto out;
    }
    values[WHERE_VALUES] = KH_SQL_I(filter->limit);
    values[WHERE_VALUES + 1] = KH_SQL_I(filter->offset);
    values[WHERE_VALUES + 2] = KH_SQL_T(kh_buf_text(&pieces));
    status = list_studies(sql, values, usable ? kh_buf_text(&pieces) : NULL, visit, context, err);
    if (status == KH_OK && total)
        status = count_studies(sql, values, usable ? kh_buf_text(&pieces) : NULL, total, err);
out:
    if (sql)
        kh_sql_rollback(sql);
    kh_reader_release(cache->readers, sql);
    kh_buf_release(&pieces);
    kh_buf_release(&words.text);
    return status;
}

kh_status kh_browse_study(kh_cache *cache, int64_t study_id, kh_study *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = visit_studies(sql, STUDY_SELECT " WHERE s.id = ?1", &value, 1, keep_study, out, err);
    kh_reader_release(cache->readers, sql);
    if (status == KH_OK && out->id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no study %lld", (long long)study_id);
    return status;
}

kh_status kh_browse_study_uid(kh_cache *cache, const char *study_uid, kh_study_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(study_uid);
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = visit_studies(sql, STUDY_SELECT " WHERE s.study_uid = ?1 ORDER BY s.id", &value, 1, visit, context, err);
    kh_reader_release(cache->readers, sql);
    return status;
}
