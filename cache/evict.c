#include "cache/evict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/internal.h"
#include "cache/pulls.h"
#include "cache/removal.h"
#include "cache/use.h"

#define CANDIDATES 64
#define LOOKED_AT_MAX 20000 /* of one search */

/* ---- may it go? ---- */

typedef struct looked {
    kh_evictable answer;
    char study_uid[KH_UID_SIZE], owner[65];
    int64_t known_node, back_node, away_count;
    bool open_pull, had_pull, arriving;
} looked;

static void say(looked *l, const char *format, ...) KH_PRINTF(2, 3);

static void say(looked *l, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(l->answer.reason, sizeof l->answer.reason, format, list);
    va_end(list);
}

/* A time of arrival that is still to come says nothing: the clock was set back. */
static kh_status read_study(kh_sql *sql, int64_t study_id, looked *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(kh_clock_wall_ms())};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT s.study_uid, s.object_count - s.away_count, s.bytes - s.away_bytes,"
        " iif(s.last_arrival_ms > ?2, s.last_used_ms, max(s.last_used_ms, s.last_arrival_ms)), s.known_node,"
        " s.back_node, s.away_count, (SELECT owner FROM pin WHERE study_ref = s.id LIMIT 1),"
        " EXISTS (SELECT 1 FROM pull WHERE study_uid = s.study_uid AND state < 2)"
        " OR EXISTS (SELECT 1 FROM send WHERE study_ref = s.id AND state < 2),"
        " EXISTS (SELECT 1 FROM pull WHERE study_uid = s.study_uid), EXISTS (SELECT 1 FROM arrival WHERE study_ref = s.id)"
        " FROM study s WHERE s.id = ?1",
        values, 2, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no study %" PRId64, study_id);
    if (status == KH_OK) {
        KH_COPY(out->study_uid, kh_sql_text(row, 0));
        out->answer.objects = kh_sql_int(row, 1);
        out->answer.bytes = kh_sql_int(row, 2);
        out->answer.last_used_ms = kh_sql_int(row, 3);
        out->known_node = kh_sql_int(row, 4);
        out->back_node = kh_sql_int(row, 5);
        out->away_count = kh_sql_int(row, 6);
        KH_COPY(out->owner, kh_sql_text(row, 7));
        out->answer.pinned = out->owner[0] != '\0';
        out->open_pull = kh_sql_int(row, 8) != 0;
        out->had_pull = kh_sql_int(row, 9) != 0;
        out->arriving = kh_sql_int(row, 10) != 0;
    }
    kh_sql_end(row);
    return status;
}

/* The node all objects were pulled from, 0 when they were not, or not from one. */
static kh_status pulled_from(kh_sql *sql, int64_t study_id, int64_t *node_id, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT count(*), count(p.node_id), min(p.node_id), max(p.node_id) FROM series r"
                                    " JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"
                                    " LEFT JOIN pull p ON p.id = g.pull_id WHERE r.study_ref = ?1",
                                    &value, 1, err);

    *node_id = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row && kh_sql_int(row, 0) == kh_sql_int(row, 1) && kh_sql_int(row, 2) == kh_sql_int(row, 3))
        *node_id = kh_sql_int(row, 2);
    kh_sql_end(row);
    return status;
}

/* It is there, and has not said that it no longer has the study, or a part of it (cache/compares.h): once is enough to doubt. */
static kh_status node_gives(kh_sql *sql, int64_t node_id, int64_t study_id, bool *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_I(study_id)};
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT 1 FROM node WHERE id = ?1 AND host <> ''"
                                    " AND NOT EXISTS (SELECT 1 FROM compare_study WHERE node_id = ?1 AND study_ref = ?2"
                                    " AND (told IN (1, 3) OR kind IN (1, 3)))"
                                    " AND NOT EXISTS (SELECT 1 FROM finding WHERE study_ref = ?2 AND node_id = ?1 AND kind IN (1, 3)"
                                    " AND state <> 3)",
                                    values, 2, err);

    *out = false;
    if (status == KH_OK)
        status = kh_sql_next(row, out, err);
    kh_sql_end(row);
    return status;
}

static kh_status find_way_back(kh_sql *sql, int64_t study_id, looked *l, kh_error *err)
{
    int64_t node_id = l->known_node;
    bool answers = false;
    kh_status status = KH_OK;

    if (node_id == 0 && l->had_pull)
        status = pulled_from(sql, study_id, &node_id, err);
    if (status == KH_OK && node_id != 0)
        status = node_gives(sql, node_id, study_id, &answers, err);
    /* What is away already must come from the same. */
    l->answer.node_id = answers && (l->away_count == 0 || l->back_node == node_id) ? node_id : 0;
    return status;
}

/* whole: who gives it back is found out even when it may not go. */
static kh_status look(const kh_cache *cache, kh_sql *sql, int64_t study_id, int64_t idle_ms, bool whole, looked *l, kh_error *err)
{
    kh_status status = read_study(sql, study_id, l, err);
    int64_t used_s;

    if (status != KH_OK)
        return status;
    used_s = (kh_clock_wall_ms() - l->answer.last_used_ms) / 1000; /* less than 0: the clock was set back */
    if (l->answer.pinned)
        say(l, "pinned by %s", l->owner);
    else if (l->open_pull)
        say(l, "a pull of it is open");
    else if (idle_ms > 0 && l->arriving)
        say(l, "it is still arriving");
    else if (idle_ms > 0 && used_s * 1000 < idle_ms && used_s * 1000 > -idle_ms)
        say(l, "used %" PRId64 " s ago, [storage] evict_idle is %" PRId64 " s", used_s, idle_ms / 1000);
    if (l->answer.reason[0])
        return whole ? find_way_back(sql, study_id, l, err) : KH_OK;
    status = find_way_back(sql, study_id, l, err);
    if (status == KH_OK && l->answer.node_id == 0 && !cache->options.evict_pushed)
        say(l, "no node is known that gives all of it back");
    l->answer.no_return = l->answer.reason[0] != '\0';
    l->answer.may = status == KH_OK && !l->answer.reason[0];
    return status;
}

kh_status kh_evict_look(kh_cache *cache, int64_t study_id, int64_t idle_ms, kh_evictable *out, kh_error *err)
{
    looked l = {.open_pull = false};
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = look(cache, sql, study_id, idle_ms, true, &l, err);
    kh_reader_release(cache->readers, sql);
    *out = l.answer;
    return status;
}

/* ---- one study ---- */

typedef struct evicting {
    const kh_cache *cache;
    int64_t study_id, idle_ms;
    looked looked;
    kh_evicted out;
} evicting;

static kh_status write_eviction(kh_write *write, void *context, kh_error *err)
{
    evicting *e = context;
    const kh_sql_value id = KH_SQL_I(e->study_id);
    kh_status status = look(e->cache, kh_write_sql(write), e->study_id, e->idle_ms, false, &e->looked, err);

    memset(&e->out, 0, sizeof e->out);
    if (status != KH_OK || e->looked.answer.objects == 0)
        return status;
    if (!e->looked.answer.may)
        return kh_error_set(err, KH_E_CONFLICT, "study %" PRId64 " stays: %s", e->study_id, e->looked.answer.reason);
    e->out.studies = 1;
    status = kh_sql_run(kh_write_sql(write), "DELETE FROM arrival WHERE study_ref = ?1", &id, 1, NULL, err); /* or it would be asked for */
    if (status != KH_OK)
        return status;
    return kh_removal_study_files(write, e->study_id, e->looked.answer.node_id, &e->out.objects, &e->out.bytes, err);
}

kh_status kh_evict_study(kh_cache *cache, int64_t study_id, int64_t idle_ms, const char *why, kh_evicted *out, kh_error *err)
{
    evicting e = {.cache = cache, .study_id = study_id, .idle_ms = idle_ms};
    char used[KH_CLOCK_TEXT_SIZE];
    kh_status status = kh_removal_run(cache, write_eviction, &e, err);

    memset(out, 0, sizeof *out);
    if (status != KH_OK || e.out.studies == 0)
        return status;
    *out = e.out;
    kh_clock_format(used, e.looked.answer.last_used_ms);
    kh_log(KH_LOG_INFO, "evict", "study %s is at the hospital now: %" PRId64 " objects, %" PRId64 " bytes, last used %s, %s",
           e.looked.study_uid, out->objects, out->bytes, used, why);
    return KH_OK;
}

/* ---- the least recently used ---- */

typedef struct search {
    int64_t last_used_ms, last_id; /* looked at up to here */
    int64_t looked_at;
    size_t count;
    int64_t ids[CANDIDATES];
    bool ended;
} search;

static kh_status read_candidates(kh_sql *sql, search *s, size_t *read, int64_t ids[CANDIDATES], kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(s->last_used_ms), KH_SQL_I(s->last_id), KH_SQL_I(CANDIDATES)};
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT last_used_ms, id FROM study INDEXED BY study_by_use WHERE here = 1"
                                    " AND (last_used_ms, id) > (?1, ?2) ORDER BY last_used_ms, id LIMIT ?3",
                                    values, 3, err);

    *read = 0;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        s->last_used_ms = kh_sql_int(row, 0);
        ids[(*read)++] = s->last_id = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status;
}

/* What was used lately stays; what a clock since set back says was used later than now comes last. */
static void pass_over_used(search *s, int64_t idle_ms)
{
    int64_t now_ms = kh_clock_wall_ms();

    if (s->last_used_ms > now_ms - idle_ms && s->last_used_ms < now_ms + idle_ms) {
        s->last_used_ms = now_ms + idle_ms;
        s->last_id = 0;
    }
}

/* The next few that may go. */
static kh_status next_candidates(kh_cache *cache, search *s, kh_error *err)
{
    int64_t ids[CANDIDATES];
    size_t read = 0;
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    s->count = 0;
    if (status == KH_OK)
        status = read_candidates(sql, s, &read, ids, err);
    for (size_t i = 0; i < read && status == KH_OK; i++) {
        looked l;

        status = look(cache, sql, ids[i], cache->options.evict_idle_ms, false, &l, err);
        if (status == KH_OK && l.answer.may && l.answer.objects > 0)
            s->ids[s->count++] = ids[i];
    }
    kh_reader_release(cache->readers, sql);
    s->looked_at += (int64_t)read;
    s->ended = read < CANDIDATES || s->looked_at >= LOOKED_AT_MAX;
    pass_over_used(s, cache->options.evict_idle_ms);
    return status;
}

kh_status kh_evict_bytes(kh_cache *cache, int64_t bytes, const char *why, kh_evicted *out, kh_error *err)
{
    search s = {.last_used_ms = INT64_MIN};
    kh_status status = kh_use_write(cache, err);

    memset(out, 0, sizeof *out);
    while (status == KH_OK && !s.ended && out->bytes < bytes) {
        status = next_candidates(cache, &s, err);
        for (size_t i = 0; i < s.count && status == KH_OK && out->bytes < bytes; i++) {
            kh_error refused = KH_ERROR_INIT;
            kh_evicted one;

            status = kh_evict_study(cache, s.ids[i], cache->options.evict_idle_ms, why, &one, &refused);
            if (status == KH_E_CONFLICT || status == KH_E_NOT_FOUND) /* changed since it was looked at */
                status = KH_OK;
            else if (status != KH_OK)
                return kh_error_set(err, status, "%s", refused.message);
            out->studies += one.studies;
            out->objects += one.objects;
            out->bytes += one.bytes;
        }
    }
    return status;
}

/* ---- the way back ---- */

typedef struct known {
    const char *facility, *study_uid;
    int64_t node_id;
} known;

static kh_status write_known(kh_write *write, void *context, kh_error *err)
{
    const known *k = context;
    const kh_sql_value values[] = {KH_SQL_T(k->facility), KH_SQL_T(k->study_uid), KH_SQL_I(k->node_id)};

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE study SET known_node = ?3 WHERE study_uid = ?2 AND patient_ref IN (SELECT p.id FROM patient p"
                      " JOIN facility f ON f.id = p.facility_id WHERE f.name = ?1)",
                      values, 3, NULL, err);
}

kh_status kh_evict_note_known(kh_cache *cache, const char *facility, const char *study_uid, int64_t node_id, kh_error *err)
{
    known k = {facility, study_uid, node_id};

    return kh_cache_write(cache, write_known, &k, err);
}

kh_status kh_evict_recall(kh_cache *cache, int64_t study_id, const char *asked_by, int64_t *pull_id, kh_error *err)
{
    looked l;
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *pull_id = 0;
    if (status == KH_OK)
        status = read_study(sql, study_id, &l, err);
    kh_reader_release(cache->readers, sql);
    if (status != KH_OK || l.away_count == 0)
        return status;
    if (l.back_node == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "study %" PRId64 " is not here, and no node is known that gives it back", study_id);
    return kh_pull_file(cache, l.back_node, l.study_uid, 0, asked_by, pull_id, err);
}
