/* search_ways.c - which index leads to the rows of a search, and the statement that reads along it. */
#include <stdio.h>
#include <string.h>
#include "cache/internal.h"
#include "cache/search_internal.h"
#include "cache/text_index.h"

#define LATEST "~" /* sorts behind every date and time */
/* A list of patients is sorted anew for each page: with more studies to look at than that, going through all is as good. */
#define TEXT_PATIENTS_MAX 20000
#define NAMED_MAX 500       /* patients of a name whose studies are sorted; the text index finds more of them as fast */
#define SOUNDING_MAX 5000   /* of names that sound so: no other index finds them */
#define SCOPED_IMAGES_MAX 500 /* patients of a scope whose images are sorted for each page */
#define IN_LIST " IN (SELECT value FROM json_each(?2))"

#define PATIENT_COLUMNS "p.id, f.name, p.patient_id, p.name_alphabetic, p.name_ideographic, p.name_phonetic, p.birth_date, p.sex"
#define STUDY_COLUMNS                                                                                                          \
    PATIENT_COLUMNS ", s.id, s.study_uid, s.date, s.time, s.description, s.accession, s.referring_physician, s.institution,"   \
                    " s.study_id, s.modalities, s.series_count, s.object_count, s.away_count, s.timezone, s.referring,"  \
                    " s.first_arrival_ms"
#define SERIES_COLUMNS                                                                                                         \
    STUDY_COLUMNS ", r.id, r.series_uid, r.number, r.modality, r.description, r.body_part, r.protocol, r.laterality, r.object_count,"    \
                  " r.away_count, r.pps_date, r.pps_time, r.request, r.department, r.image_count"
#define IMAGE_COLUMNS                                                                                                          \
    SERIES_COLUMNS ", o.id, o.sop_uid, o.sop_class_uid, o.transfer_syntax_uid, o.instance_number, o.bytes, o.frame_count, o.main_offset," \
                   " o.file_id IS 0, o.origin_id, ifnull(o.file_id, o.id)"

/* CROSS JOIN: in this order, which follows the index named by the condition. */
#define FROM_PATIENT " FROM patient p CROSS JOIN facility f ON f.id = p.facility_id"
#define STUDY_TO_PATIENT " CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
#define PATIENT_TO_STUDY FROM_PATIENT " CROSS JOIN study s ON s.patient_ref = p.id"
#define FROM_STUDY " FROM study s" STUDY_TO_PATIENT
#define FROM_SERIES " FROM series r CROSS JOIN study s ON s.id = r.study_ref" STUDY_TO_PATIENT
#define FROM_OBJECT                                                                                                                        \
    " FROM object o CROSS JOIN series r ON r.id = o.series_ref AND o.hidden = 0 CROSS JOIN study s ON s.id = r.study_ref" STUDY_TO_PATIENT
#define FROM_TEXT " FROM study_text g CROSS JOIN study s ON s.id = " KH_TEXT_STUDY_ID
#define FROM_MODALITY " FROM study_modality m CROSS JOIN study s ON s.id = m.study_ref"
/* Sorted before the rows are read; the outermost loop keeps that order. */
#define FROM_NAMED                                                                                                                         \
    " FROM (SELECT s.id FROM study s INDEXED BY study_by_patient WHERE s.patient_ref" IN_LIST STUDY_TAIL                                   \
    ") k CROSS JOIN study s ON s.id = k.id"
#define TO_SERIES " CROSS JOIN series r ON r.study_ref = s.id"
#define TO_OBJECT " CROSS JOIN object o ON o.series_ref = r.id AND o.hidden = 0"

#define PATIENT_TAIL " AND p.id < ?1 ORDER BY p.id DESC LIMIT ?3"
#define STUDY_TAIL " AND (s.date, s.time, s.id) < (?3, ?4, ?1) ORDER BY s.date DESC, s.time DESC, s.id DESC LIMIT ?5"
#define MODALITY_TAIL                                                                                                          \
    " AND m.date >= ?6 AND (m.date, m.time, m.study_ref) < (?3, ?4, ?1) ORDER BY m.date DESC, m.time DESC, m.study_ref DESC LIMIT ?5"
#define SERIES_TAIL " AND r.id > ?1 ORDER BY r.id LIMIT ?3"
#define IMAGE_TAIL " AND o.id > ?1 ORDER BY o.id LIMIT ?3"

#define TEXT_TAIL " WHERE g.study_text MATCH ?2 AND g.rowid < ?1 AND g.rowid >= ?3 ORDER BY g.rowid DESC LIMIT ?4"

static const char *const statements[4][KH_SEARCH_WAYS] = {
    [KH_LEVEL_PATIENT] = {[KH_BY_PATIENT] = "SELECT " PATIENT_COLUMNS FROM_PATIENT " WHERE p.patient_id" IN_LIST PATIENT_TAIL,
                          [KH_BY_NAME] = "SELECT " PATIENT_COLUMNS FROM_PATIENT " WHERE p.id" IN_LIST PATIENT_TAIL,
                          [KH_BY_TEXT] = "SELECT " PATIENT_COLUMNS FROM_PATIENT
                                      " WHERE p.id IN (SELECT s.patient_ref" FROM_TEXT " WHERE g.study_text MATCH ?2)" PATIENT_TAIL,
                          [KH_BY_ALL] = "SELECT " PATIENT_COLUMNS FROM_PATIENT " WHERE ?2 = ?2" PATIENT_TAIL},
    [KH_LEVEL_STUDY] = {[KH_BY_STUDY] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.study_uid" IN_LIST STUDY_TAIL,
                        [KH_BY_PATIENT] = "SELECT " STUDY_COLUMNS PATIENT_TO_STUDY " WHERE p.patient_id" IN_LIST STUDY_TAIL,
                        [KH_BY_ACCESSION] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.accession" IN_LIST STUDY_TAIL,
                        [KH_BY_NAME] = "SELECT " STUDY_COLUMNS FROM_NAMED STUDY_TO_PATIENT,
                        [KH_BY_TEXT] = "SELECT " STUDY_COLUMNS FROM_TEXT STUDY_TO_PATIENT TEXT_TAIL,
                        [KH_BY_MODALITY] = "SELECT " STUDY_COLUMNS FROM_MODALITY STUDY_TO_PATIENT " WHERE m.modality = ?2" MODALITY_TAIL,
                        /* ?2: the earliest day; the latest is where it begins */
                        [KH_BY_ALL] = "SELECT " STUDY_COLUMNS FROM_STUDY " WHERE s.date >= ?2" STUDY_TAIL},
    [KH_LEVEL_SERIES] = {[KH_BY_SERIES] = "SELECT " SERIES_COLUMNS FROM_SERIES " WHERE r.series_uid" IN_LIST SERIES_TAIL,
                         [KH_BY_STUDY] = "SELECT " SERIES_COLUMNS FROM_STUDY TO_SERIES " WHERE s.study_uid" IN_LIST SERIES_TAIL,
                         [KH_BY_PATIENT] = "SELECT " SERIES_COLUMNS PATIENT_TO_STUDY TO_SERIES " WHERE p.patient_id" IN_LIST SERIES_TAIL,
                         [KH_BY_NAME] = "SELECT " SERIES_COLUMNS PATIENT_TO_STUDY TO_SERIES " WHERE p.id" IN_LIST SERIES_TAIL,
                         [KH_BY_ALL] = "SELECT " SERIES_COLUMNS FROM_SERIES " WHERE ?2 = ?2" SERIES_TAIL},
    [KH_LEVEL_IMAGE] = {[KH_BY_OBJECT] = "SELECT " IMAGE_COLUMNS FROM_OBJECT
                                      " WHERE o.facility_id IN (SELECT id FROM facility) AND o.sop_uid" IN_LIST IMAGE_TAIL,
                        [KH_BY_SERIES] = "SELECT " IMAGE_COLUMNS FROM_SERIES TO_OBJECT " WHERE r.series_uid" IN_LIST IMAGE_TAIL,
                        [KH_BY_STUDY] = "SELECT " IMAGE_COLUMNS FROM_STUDY TO_SERIES TO_OBJECT " WHERE s.study_uid" IN_LIST IMAGE_TAIL,
                        [KH_BY_PATIENT] = "SELECT " IMAGE_COLUMNS PATIENT_TO_STUDY TO_SERIES TO_OBJECT
                                       " WHERE p.patient_id" IN_LIST IMAGE_TAIL,
                        [KH_BY_NAME] = "SELECT " IMAGE_COLUMNS PATIENT_TO_STUDY TO_SERIES TO_OBJECT " WHERE p.id" IN_LIST IMAGE_TAIL,
                        [KH_BY_ALL] = "SELECT " IMAGE_COLUMNS FROM_OBJECT " WHERE ?2 = ?2" IMAGE_TAIL},
};

/* --- choosing --- */

static const kh_match *match_of(const kh_search *search, kh_tag tag)
{
    for (size_t i = 0; i < search->condition_count; i++)
        if (search->conditions[i].attribute->tag == tag)
            return search->conditions[i].match;
    return NULL;
}

static bool try_way(kh_search *search, kh_search_way way, kh_tag tag, bool list)
{
    const kh_match *match = match_of(search, tag);
    const char *lead = !match ? NULL : list ? kh_match_list_json(match) : kh_match_exact(match);

    if (!lead || !statements[search->level][way])
        return false;
    search->way = way;
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

kh_status kh_search_choose_way(kh_search *search, kh_error *err)
{
    const kh_match *name = match_of(search, KH_TAG_PATIENT_NAME);
    kh_match_beginning beginning;
    kh_status status = KH_OK;

    if (try_way(search, KH_BY_OBJECT, KH_TAG_SOP_INSTANCE_UID, true) || try_way(search, KH_BY_SERIES, KH_TAG_SERIES_INSTANCE_UID, true) ||
        try_way(search, KH_BY_STUDY, KH_TAG_STUDY_INSTANCE_UID, true) || try_way(search, KH_BY_PATIENT, KH_TAG_PATIENT_ID, true) ||
        try_way(search, KH_BY_ACCESSION, KH_TAG_ACCESSION_NUMBER, true))
        return KH_OK;
    take_days(search);
    if (name)
        kh_match_readings(name, search->readings);
    search->named = name && (search->readings[0] || kh_match_begins(name, &beginning)) ? name : NULL;
    if (name && statements[search->level][KH_BY_TEXT])
        status = kh_match_pieces(name, &search->pieces, err);
    if (search->pieces.size > 0) {
        search->way = KH_BY_TEXT;
        search->lead = kh_buf_text(&search->pieces);
    } else if (!try_way(search, KH_BY_MODALITY, KH_TAG_MODALITIES_IN_STUDY, false)) {
        search->way = KH_BY_ALL;
        search->lead = search->earliest;
    }
    return status;
}

void kh_search_begin_at_latest(kh_search *search)
{
    search->id = search->level <= KH_LEVEL_STUDY ? INT64_MAX : 0;
    snprintf(search->date, sizeof(search->date), LATEST);
    snprintf(search->time, sizeof(search->time), LATEST);
}

/* --- reading --- */

/* Where the next page begins in the text index. */
static int64_t text_before(const kh_search *search)
{
    if (search->id < INT64_MAX)
        return kh_text_key(search->date, search->time, search->id);
    return strcmp(search->date, LATEST) == 0 ? INT64_MAX : kh_text_key(search->date, "235959", KH_TEXT_STUDY_ID_MAX) + 1;
}

void kh_search_name_range(const kh_search *search, char from[KH_SEARCH_NAME_SIZE], char to[KH_SEARCH_NAME_SIZE])
{
    kh_match_beginning of;

    if (search->readings[0]) { /* small letters */
        snprintf(from, KH_SEARCH_NAME_SIZE, "%s", search->readings[0]);
        snprintf(to, KH_SEARCH_NAME_SIZE, "%s~", from);
        return;
    }
    (void)kh_match_begins(search->named, &of);
    snprintf(from, KH_SEARCH_NAME_SIZE, "%.*s", (int)of.size, of.text);
    snprintf(to, KH_SEARCH_NAME_SIZE, of.whole ? "%s\x01" : "%s\xf4\x8f\xbf\xbf", from); /* folded text has no control characters; U+10FFFF is none */
}

/* The patients of the name, when they are few: *few. More of them are met soon enough on the way that the search has without. */
static kh_status list_patients(kh_search *search, kh_sql *sql, bool *few, kh_error *err)
{
    char from[KH_SEARCH_NAME_SIZE] = "", to[KH_SEARCH_NAME_SIZE] = "", second[KH_SEARCH_NAME_SIZE] = "";
    const char *of_second = search->readings[1] ? search->readings[1] : "";
    const int64_t most = search->readings[0] ? SOUNDING_MAX : NAMED_MAX;
    const kh_sql_value values[] = {KH_SQL_T(from), KH_SQL_T(to), KH_SQL_I(most + 1), KH_SQL_T(of_second), KH_SQL_T(second)};
    bool has_row = true;
    int64_t count = 0;
    kh_sql_row *row;
    kh_status status;

    kh_search_name_range(search, from, to);
    snprintf(second, sizeof second, "%s~", of_second);
    if (search->readings[1])
        status = kh_sql_query(&row, sql, "SELECT patient_ref FROM patient_name WHERE key >= ?1 AND key < ?2"
                              " INTERSECT SELECT patient_ref FROM patient_name WHERE key >= ?4 AND key < ?5 LIMIT ?3", values, 5, err);
    else
        status =
            kh_sql_query(&row, sql, "SELECT DISTINCT patient_ref FROM patient_name WHERE key >= ?1 AND key < ?2 LIMIT ?3", values, 3, err);
    if (status == KH_OK)
        status = kh_buf_append(&search->names, "[", 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = kh_buf_appendf(&search->names, err, "%s%lld", count++ ? "," : "", (long long)kh_sql_int(row, 0));
    kh_sql_end(row);
    *few = count <= most;
    return status == KH_OK ? kh_buf_append(&search->names, "]", 1, err) : status;
}

/* Where no unique key leads, the patients of the scope do, when they are few. */
static kh_status settle_by_scope(kh_search *search, kh_sql *sql, bool *few, kh_error *err)
{
    const kh_scope *scope = search->scope;
    int64_t most;
    kh_status status;

    *few = false;
    if (!scope || search->way <= KH_BY_ACCESSION)
        return KH_OK;
    most = search->level == KH_LEVEL_IMAGE ? SCOPED_IMAGES_MAX : scope->few ? scope->few : KH_SCOPE_FEW;
    status = kh_scope_refs(sql, scope, true, most, &search->names, NULL, few, err);
    if (status == KH_OK && *few) {
        search->way = KH_BY_NAME;
        search->lead = kh_buf_text(&search->names);
    } else {
        kh_buf_clear(&search->names);
    }
    return status;
}

/* The text index is asked only while it is complete, and for patients when it leaves few to look at. */
static kh_status settle_way(kh_search *search, kh_sql *sql, kh_error *err)
{
    bool complete = false, few = false;
    int64_t count = 0;
    kh_status status;

    search->settled = true;
    if (search->way != KH_BY_TEXT && !search->named && !search->scope)
        return KH_OK;
    status = kh_sql_begin(sql, err); /* what is found complete is what is read */
    if (status == KH_OK)
        status = settle_by_scope(search, sql, &few, err);
    if (status != KH_OK || few)
        return status;
    if (search->named)
        status = list_patients(search, sql, &few, err);
    if (few) {
        search->way = KH_BY_NAME;
        search->lead = kh_buf_text(&search->names);
    }
    if (status != KH_OK || search->way != KH_BY_TEXT)
        return status;
    status = kh_text_index_is_complete(sql, &complete, err);
    if (status == KH_OK && complete && search->level == KH_LEVEL_PATIENT)
        status = kh_text_index_count(sql, search->lead, TEXT_PATIENTS_MAX + 1, &count, err);
    if (!complete || count > TEXT_PATIENTS_MAX) {
        search->way = KH_BY_ALL;
        search->lead = search->earliest;
    }
    return status;
}

kh_status kh_search_begin_reading(kh_search_reading *of, kh_search *search, kh_sql *sql, int64_t limit, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(search->id), most = KH_SQL_I(limit);
    kh_status status = search->settled ? KH_OK : settle_way(search, sql, err);
    const char *query = statements[search->level][search->way];
    const kh_sql_value lead = KH_SQL_T(search->lead);

    of->sql = sql;
    of->row = NULL;
    search->trimmed.id = search->allowed_series = 0; /* rights may have moved since the last page */
    memcpy(of->date, search->date, sizeof(of->date));
    memcpy(of->time, search->time, sizeof(of->time));
    if (status != KH_OK)
        return status;
    if (search->level != KH_LEVEL_STUDY)
        return kh_sql_query(&of->row, sql, query, (kh_sql_value[]){id, lead, most}, 3, err);
    if (search->way == KH_BY_TEXT)
        return kh_sql_query(&of->row, sql, query,
                            (kh_sql_value[]){KH_SQL_I(text_before(search)), lead, KH_SQL_I(kh_text_key(search->earliest, "", 0)), most}, 4,
                            err);
    return kh_sql_query(&of->row, sql, query,
                        (kh_sql_value[]){id, lead, KH_SQL_T(of->date), KH_SQL_T(of->time), most, KH_SQL_T(search->earliest)},
                        search->way == KH_BY_MODALITY ? 6 : 5, err);
}

void kh_search_end_reading(kh_search_reading *of, kh_sql *sql)
{
    kh_sql_end(of->row);
    if (sql)
        kh_sql_rollback(sql);
}
