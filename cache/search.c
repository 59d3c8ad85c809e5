#include "cache/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/image_record.h"
#include "cache/internal.h"
#include "cache/search_internal.h"
#include "cache/match.h"
#include "cache/text_index.h"

/* Rows looked at in one page before others get their turn. */
#define SCANNED_MAX 4000
#define LATEST "~" /* sorts behind every date and time */
/* A list of patients is sorted anew for each page: with more studies to look at than that, going through all is as good. */
#define TEXT_PATIENTS_MAX 20000
#define PIECES_BYTES_MAX ((size_t)64 << 10)
#define IN_LIST " IN (SELECT value FROM json_each(?2))"

#define PATIENT_COLUMNS "p.id, f.name, p.patient_id, p.name_alphabetic, p.name_ideographic, p.name_phonetic, p.birth_date, p.sex"
#define STUDY_COLUMNS                                                                                                          \
    PATIENT_COLUMNS ", s.id, s.study_uid, s.date, s.time, s.description, s.accession, s.referring_physician, s.institution,"   \
                    " s.study_id, s.modalities, s.series_count, s.object_count, s.away_count"
#define SERIES_COLUMNS                                                                                                         \
    STUDY_COLUMNS ", r.id, r.series_uid, r.number, r.modality, r.description, r.body_part, r.protocol, r.laterality, r.object_count,"    \
                  " r.away_count"
#define IMAGE_COLUMNS                                                                                                          \
    SERIES_COLUMNS ", o.id, o.sop_uid, o.sop_class_uid, o.transfer_syntax_uid, o.instance_number, o.bytes, o.frame_count, o.main_offset," \
                   " o.file_id IS 0, o.origin_id, ifnull(o.file_id, o.id)"

/* CROSS JOIN: in this order, which follows the index named by the condition. */
#define FROM_PATIENT " FROM patient p CROSS JOIN facility f ON f.id = p.facility_id"
#define STUDY_TO_PATIENT " CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
#define PATIENT_TO_STUDY FROM_PATIENT " CROSS JOIN study s ON s.patient_ref = p.id"
#define FROM_STUDY " FROM study s" STUDY_TO_PATIENT
#define FROM_SERIES " FROM series r CROSS JOIN study s ON s.id = r.study_ref" STUDY_TO_PATIENT
#define FROM_OBJECT " FROM object o CROSS JOIN series r ON r.id = o.series_ref AND o.hidden = 0 CROSS JOIN study s ON s.id = r.study_ref" STUDY_TO_PATIENT
#define FROM_TEXT " FROM study_text g CROSS JOIN study s ON s.id = " KH_TEXT_STUDY_ID
#define TO_SERIES " CROSS JOIN series r ON r.study_ref = s.id"
#define TO_OBJECT " CROSS JOIN object o ON o.series_ref = r.id AND o.hidden = 0"

#define PATIENT_TAIL " AND p.id < ?1 ORDER BY p.id DESC LIMIT ?3"
#define STUDY_TAIL " AND (s.date, s.time, s.id) < (?3, ?4, ?1) ORDER BY s.date DESC, s.time DESC, s.id DESC LIMIT ?5"
#define SERIES_TAIL " AND r.id > ?1 ORDER BY r.id LIMIT ?3"
#define IMAGE_TAIL " AND o.id > ?1 ORDER BY o.id LIMIT ?3"

#define TEXT_TAIL " WHERE g.study_text MATCH ?2 AND g.rowid < ?1 AND g.rowid >= ?3 ORDER BY g.rowid DESC LIMIT ?4"

/* Which key leads to the rows; the others are matched on each. The most telling that the query has is taken. */
typedef enum path { BY_OBJECT, BY_SERIES, BY_STUDY, BY_PATIENT, BY_ACCESSION, BY_TEXT, BY_ALL, PATHS } path;

static const char *const queries[4][PATHS] = {
    [KH_LEVEL_PATIENT] = {[BY_PATIENT] = "SELECT " PATIENT_COLUMNS FROM_PATIENT " WHERE p.patient_id = ?2" PATIENT_TAIL,
                          [BY_TEXT] = "SELECT " PATIENT_COLUMNS FROM_PATIENT
                                      " WHERE p.id IN (SELECT s.patient_ref" FROM_TEXT " WHERE g.study_text MATCH ?2)" PATIENT_TAIL,
                          [BY_ALL] = "SELECT " PATIENT_COLUMNS FROM_PATIENT " WHERE ?2 = ?2" PATIENT_TAIL},
    [KH_LEVEL_STUDY] = {[BY_STUDY] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.study_uid" IN_LIST STUDY_TAIL,
                        [BY_PATIENT] = "SELECT " STUDY_COLUMNS PATIENT_TO_STUDY " WHERE p.patient_id = ?2" STUDY_TAIL,
                        [BY_ACCESSION] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.accession = ?2" STUDY_TAIL,
                        [BY_TEXT] = "SELECT " STUDY_COLUMNS FROM_TEXT STUDY_TO_PATIENT TEXT_TAIL,
                        /* ?2: the earliest day; the latest is where it begins */
                        [BY_ALL] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.date >= ?2" STUDY_TAIL},
    [KH_LEVEL_SERIES] = {[BY_SERIES] = "SELECT " SERIES_COLUMNS FROM_SERIES " WHERE r.series_uid" IN_LIST SERIES_TAIL,
                         [BY_STUDY] = "SELECT " SERIES_COLUMNS FROM_STUDY TO_SERIES " WHERE s.study_uid" IN_LIST SERIES_TAIL,
                         [BY_PATIENT] = "SELECT " SERIES_COLUMNS PATIENT_TO_STUDY TO_SERIES " WHERE p.patient_id = ?2" SERIES_TAIL,
                         [BY_ALL] = "SELECT " SERIES_COLUMNS FROM_SERIES " WHERE ?2 = ?2" SERIES_TAIL},
    [KH_LEVEL_IMAGE] = {[BY_OBJECT] = "SELECT " IMAGE_COLUMNS FROM_OBJECT
                                      " WHERE o.facility_id IN (SELECT id FROM facility) AND o.sop_uid" IN_LIST IMAGE_TAIL,
                        [BY_SERIES] = "SELECT " IMAGE_COLUMNS FROM_SERIES TO_OBJECT " WHERE r.series_uid" IN_LIST IMAGE_TAIL,
                        [BY_STUDY] = "SELECT " IMAGE_COLUMNS FROM_STUDY TO_SERIES TO_OBJECT " WHERE s.study_uid" IN_LIST IMAGE_TAIL,
                        [BY_PATIENT] = "SELECT " IMAGE_COLUMNS PATIENT_TO_STUDY TO_SERIES TO_OBJECT
                                       " WHERE p.patient_id = ?2" IMAGE_TAIL,
                        [BY_ALL] = "SELECT " IMAGE_COLUMNS FROM_OBJECT " WHERE ?2 = ?2" IMAGE_TAIL},
};

typedef struct condition {
    const kh_search_attribute *attribute;
    kh_match *match;
} condition;

struct kh_search {
    kh_cache *cache;
    kh_level level;
    path path;
    const char *lead;          /* ?2: what the path's key must be; of a match, or the pieces */
    const char *earliest;      /* day; "" when open; of a match */
    kh_buf pieces;             /* of the text index */
    bool settled;              /* a page was read: the path stays */
    condition conditions[KH_SEARCH_KEYS_MAX];
    size_t condition_count;
    char date[17], time[17];   /* where the next page begins, with id */
    int64_t id;
    bool fuzzy;
    size_t row_count;
    kh_search_row rows[KH_SEARCH_PAGE];
};

/* --- opening --- */

static const kh_match *match_of(const kh_search *search, kh_tag tag)
{
    for (size_t i = 0; i < search->condition_count; i++)
        if (search->conditions[i].attribute->tag == tag)
            return search->conditions[i].match;
    return NULL;
}

static bool try_path(kh_search *search, path way, kh_tag tag, bool list)
{
    const kh_match *match = match_of(search, tag);
    const char *lead = !match ? NULL : list ? kh_match_uids_json(match) : kh_match_exact(match);

    if (!lead || !queries[search->level][way])
        return false;
    search->path = way;
    search->lead = lead;
    return true;
}

static void take_days(kh_search *search)
{
    const kh_match *days = match_of(search, KH_TAG_STUDY_DATE);
    const char *from, *to;

    if (search->level == KH_LEVEL_STUDY && days && kh_match_days(days, &from, &to)) {
        search->earliest = from;
        if (to[0])
            snprintf(search->date, sizeof(search->date), "%s", to);
    }
}

static kh_status choose_path(kh_search *search, kh_error *err)
{
    const kh_match *name = match_of(search, KH_TAG_PATIENT_NAME);
    kh_status status = KH_OK;

    if (try_path(search, BY_OBJECT, KH_TAG_SOP_INSTANCE_UID, true) || try_path(search, BY_SERIES, KH_TAG_SERIES_INSTANCE_UID, true) ||
        try_path(search, BY_STUDY, KH_TAG_STUDY_INSTANCE_UID, true) || try_path(search, BY_PATIENT, KH_TAG_PATIENT_ID, false) ||
        try_path(search, BY_ACCESSION, KH_TAG_ACCESSION_NUMBER, false))
        return KH_OK;
    take_days(search);
    if (name && queries[search->level][BY_TEXT])
        status = kh_match_pieces(name, &search->pieces, err);
    search->path = search->pieces.size > 0 ? BY_TEXT : BY_ALL;
    search->lead = search->path == BY_TEXT ? kh_buf_text(&search->pieces) : search->earliest;
    return status;
}

static kh_status add_condition(kh_search *search, const kh_search_key *key, kh_error *err)
{
    const kh_search_attribute *attribute = kh_search_attribute_find(key->tag);
    condition *to = &search->conditions[search->condition_count];
    kh_status status;

    if (!attribute || attribute->level > search->level)
        return KH_OK;
    if (search->condition_count == KH_SEARCH_KEYS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "more than %d keys", KH_SEARCH_KEYS_MAX);
    status = search->fuzzy && attribute->vr == KH_VR('P', 'N') ? kh_match_create_words(&to->match, attribute->tag, key->value, err)
                                                               : kh_match_create(&to->match, attribute->tag, attribute->vr, key->value, err);
    if (status != KH_OK)
        return status;
    to->attribute = attribute;
    if (kh_match_is_universal(to->match))
        kh_match_free(to->match);
    else
        search->condition_count++;
    return KH_OK;
}

static kh_status open_with(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, bool fuzzy,
                           kh_error *err)
{
    kh_search *search = calloc(1, sizeof(*search));
    kh_status status = KH_OK;

    *out = NULL;
    if (!search)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a query");
    search->cache = cache;
    search->level = level;
    search->fuzzy = fuzzy;
    search->earliest = "";
    kh_buf_init(&search->pieces, PIECES_BYTES_MAX);
    search->id = level <= KH_LEVEL_STUDY ? INT64_MAX : 0;
    snprintf(search->date, sizeof(search->date), LATEST);
    snprintf(search->time, sizeof(search->time), LATEST);
    for (size_t i = 0; status == KH_OK && i < key_count; i++)
        status = add_condition(search, &keys[i], err);
    if (status == KH_OK)
        status = choose_path(search, err);
    if (status != KH_OK) {
        kh_search_free(search);
        return status;
    }
    *out = search;
    return KH_OK;
}

kh_status kh_search_open(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, kh_error *err)
{
    return open_with(out, cache, level, keys, key_count, false, err);
}

kh_status kh_search_open_fuzzy(kh_search **out, kh_cache *cache, kh_level level, const kh_search_key *keys, size_t key_count, kh_error *err)
{
    return open_with(out, cache, level, keys, key_count, true, err);
}

void kh_search_free(kh_search *search)
{
    if (!search)
        return;
    for (size_t i = 0; i < search->condition_count; i++)
        kh_match_free(search->conditions[i].match);
    kh_buf_release(&search->pieces);
    free(search);
}

bool kh_search_is_single(const kh_search_attribute *attribute, const char *value)
{
    kh_match *match = NULL;
    bool single = kh_match_create(&match, attribute->tag, attribute->vr, value, NULL) == KH_OK && kh_match_is_single(match);

    kh_match_free(match);
    return single;
}

/* --- reading --- */

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

static bool matches(const kh_search *search, const kh_search_row *row)
{
    char value[KH_SEARCH_VALUE_SIZE];
    kh_person_name name;

    for (size_t i = 0; i < search->condition_count; i++) {
        const condition *of = &search->conditions[i];

        if (kh_search_name(row, of->attribute, &name)) {
            if (!kh_match_name(of->match, &name))
                return false;
            continue;
        }
        kh_search_text(row, of->attribute, value);
        if (!kh_match_text(of->match, value))
            return false;
    }
    return true;
}

static kh_status count_patient(kh_sql *sql, kh_search_row *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(out->patient_row);
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT count(*), total(series_count), total(object_count), total(away_count) FROM study WHERE patient_ref = ?1 AND object_count > 0",
        &value, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        out->patient_studies = kh_sql_int(row, 0);
        out->patient_series = kh_sql_int(row, 1);
        out->patient_objects = kh_sql_int(row, 2);
        out->patient_away = kh_sql_int(row, 3);
    }
    kh_sql_end(row);
    return status;
}

/* The rows of one statement; the text values are copies, as rows advance the originals. */
typedef struct reading {
    kh_sql *sql;
    kh_sql_row *row;
    char date[17], time[17];
} reading;

/* Where the next page begins in the text index. */
static int64_t text_before(const kh_search *search)
{
    if (search->id < INT64_MAX)
        return kh_text_key(search->date, search->time, search->id);
    return strcmp(search->date, LATEST) == 0 ? INT64_MAX : kh_text_key(search->date, "235959", KH_TEXT_STUDY_ID_MAX) + 1;
}

/* The text index is asked only while it is complete, and for patients when it leaves few to look at. */
static kh_status settle_path(kh_search *search, kh_sql *sql, kh_error *err)
{
    bool complete = false;
    int64_t count = 0;
    kh_status status;

    search->settled = true;
    if (search->path != BY_TEXT)
        return KH_OK;
    status = kh_sql_begin(sql, err); /* what is found complete is what is read */
    if (status == KH_OK)
        status = kh_text_index_is_complete(sql, &complete, err);
    if (status == KH_OK && complete && search->level == KH_LEVEL_PATIENT)
        status = kh_text_index_count(sql, search->lead, TEXT_PATIENTS_MAX + 1, &count, err);
    if (!complete || count > TEXT_PATIENTS_MAX) {
        search->path = BY_ALL;
        search->lead = search->earliest;
    }
    return status;
}

static kh_status begin_reading(reading *of, kh_search *search, kh_sql *sql, int64_t limit, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(search->id), most = KH_SQL_I(limit);
    kh_status status = search->settled ? KH_OK : settle_path(search, sql, err);
    const char *query = queries[search->level][search->path];
    const kh_sql_value lead = KH_SQL_T(search->lead);

    of->sql = sql;
    of->row = NULL;
    memcpy(of->date, search->date, sizeof(of->date));
    memcpy(of->time, search->time, sizeof(of->time));
    if (status != KH_OK)
        return status;
    if (search->level != KH_LEVEL_STUDY)
        return kh_sql_query(&of->row, sql, query, (kh_sql_value[]){id, lead, most}, 3, err);
    if (search->path == BY_TEXT)
        return kh_sql_query(&of->row, sql, query,
                            (kh_sql_value[]){KH_SQL_I(text_before(search)), lead, KH_SQL_I(kh_text_key(search->earliest, "", 0)), most}, 4, err);
    return kh_sql_query(&of->row, sql, query, (kh_sql_value[]){id, lead, KH_SQL_T(of->date), KH_SQL_T(of->time), most}, 5, err);
}

static void end_reading(reading *of, kh_sql *sql)
{
    kh_sql_end(of->row);
    if (sql)
        kh_sql_rollback(sql);
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

/* *is_match when the row just read is one. */
static kh_status take_row(kh_search *search, const reading *of, kh_search_row *to, bool *is_match, kh_error *err)
{
    kh_status status = KH_OK;

    kh_search_read_row(of->row, search->level, to);
    advance(search, to);
    if (search->level == KH_LEVEL_PATIENT)
        status = count_patient(of->sql, to, err);
    *is_match = status == KH_OK && is_shown(search, to) && matches(search, to);
    return status;
}

static kh_status read_page(kh_search *search, kh_sql *sql, bool *more, kh_error *err)
{
    size_t scanned = 0;
    bool has_row = true, is_match;
    reading of;
    kh_status status = begin_reading(&of, search, sql, SCANNED_MAX, err);

    while (status == KH_OK && search->row_count < KH_SEARCH_PAGE && (status = kh_sql_next(of.row, &has_row, err)) == KH_OK && has_row) {
        status = take_row(search, &of, &search->rows[search->row_count], &is_match, err);
        search->row_count += is_match;
        scanned++;
    }
    end_reading(&of, sql);
    *more = search->row_count == KH_SEARCH_PAGE || scanned == SCANNED_MAX;
    return status;
}

kh_status kh_search_all(kh_search *search, int64_t rows_max, kh_search_visit *visit, void *context, kh_error *err)
{
    int64_t count = 0;
    bool has_row, is_match;
    reading of = {0};
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, search->cache->readers, err);

    if (status == KH_OK)
        status = begin_reading(&of, search, sql, INT64_MAX, err);
    while (status == KH_OK && (status = kh_sql_next(of.row, &has_row, err)) == KH_OK && has_row) {
        status = take_row(search, &of, &search->rows[0], &is_match, err);
        if (status == KH_OK && is_match && ++count > rows_max)
            status = kh_error_set(err, KH_E_LIMIT, "more than %lld matches", (long long)rows_max);
        if (status == KH_OK && is_match)
            status = visit(context, &search->rows[0], err);
    }
    end_reading(&of, sql);
    kh_reader_release(search->cache->readers, sql);
    return status;
}

kh_status kh_search_page(kh_search *search, const kh_search_row **rows, size_t *count, bool *more, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, search->cache->readers, err);

    *rows = search->rows;
    *more = false;
    search->row_count = 0;
    if (status == KH_OK)
        status = read_page(search, sql, more, err);
    kh_reader_release(search->cache->readers, sql);
    *count = status == KH_OK ? search->row_count : 0;
    return status;
}

/* Is the day the only thing asked for? Then the index on it counts without looking at a row. */
static bool counts_by_day(const kh_search *search)
{
    if (search->level != KH_LEVEL_STUDY || search->path != BY_ALL)
        return false;
    return search->condition_count == 0 || (search->condition_count == 1 && search->conditions[0].attribute->tag == KH_TAG_STUDY_DATE);
}

static kh_status count_days(kh_search *search, kh_sql *sql, int64_t most, int64_t *count, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(search->date), KH_SQL_T(search->time), KH_SQL_I(search->id),
                                   KH_SQL_T(search->condition_count > 0 && !search->earliest[0] ? "0" : search->earliest), KH_SQL_I(most)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT count(*) FROM (SELECT 1 FROM study s WHERE s.object_count > 0 AND (s.date, s.time, s.id) < (?1, ?2, ?3)"
                                    " AND s.date >= ?4 ORDER BY s.date DESC, s.time DESC, s.id DESC LIMIT ?5)",
                                    values, 5, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *count = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

kh_status kh_search_count(kh_search *search, int64_t most, bool (*stop)(const void *context), const void *context, int64_t *count,
                          kh_error *err)
{
    const kh_search_row *rows;
    size_t found;
    bool more = true;
    kh_sql *sql = NULL;
    kh_status status = KH_OK;

    *count = 0;
    if (counts_by_day(search)) {
        status = kh_reader_acquire(&sql, search->cache->readers, err);
        if (status == KH_OK)
            status = count_days(search, sql, most, count, err);
        kh_reader_release(search->cache->readers, sql);
        return status;
    }
    while (status == KH_OK && more && *count < most && !stop(context)) {
        status = kh_search_page(search, &rows, &found, &more, err);
        *count += (int64_t)found;
    }
    *count = *count > most ? most : *count;
    return status;
}

static kh_status take_format(kh_sql_row *row, const kh_search_row *rows, size_t count, kh_pixel_format *out)
{
    const int64_t id = kh_sql_int(row, 0);
    size_t size;
    const void *image = kh_sql_blob(row, 1, &size);

    for (size_t i = 0; i < count; i++)
        if (rows[i].object.id == id && kh_image_record_format(&out[i], image, size, NULL) != KH_OK)
            memset(&out[i], 0, sizeof out[i]);
    return KH_OK;
}

kh_status kh_search_formats(kh_cache *cache, const kh_search_row *rows, size_t count, kh_pixel_format *out, kh_error *err)
{
    kh_buf ids;
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = true;
    kh_status status;

    memset(out, 0, count * sizeof *out);
    kh_buf_init(&ids, KH_SEARCH_PAGE * 24);
    status = kh_buf_append(&ids, "[", 1, err);
    for (size_t i = 0; status == KH_OK && i < count; i++)
        status = kh_buf_appendf(&ids, err, "%s%lld", i ? "," : "", (long long)rows[i].object.id);
    if (status == KH_OK)
        status = kh_buf_append(&ids, "]", 1, err);
    if (status == KH_OK)
        status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT o.id, o.image FROM object o WHERE o.image IS NOT NULL AND o.id IN (SELECT value FROM json_each(?1))",
                              (kh_sql_value[]){KH_SQL_T(kh_buf_text(&ids))}, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = take_format(row, rows, count, out);
    kh_sql_end(row);
    if (sql)
        kh_reader_release(cache->readers, sql);
    kh_buf_release(&ids);
    return status;
}
