#include "reading/marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "reading/internal.h"

#define MARK_COLUMNS                                                                                                                       \
    "id, facility, study_uid, sop_uid, frame, kind, points, text, measured, version, person_ref, author, author_facility, made_ms, at_ms, deleted_ms, label"

void kh_stored_mark_release(kh_stored_mark *mark)
{
    free(mark->points);
    free(mark->text);
    free(mark->measured);
    *mark = (kh_stored_mark){.id = ""};
}

static kh_status take_points(kh_stored_mark *out, const void *bytes, size_t size, kh_error *err)
{
    if (size % sizeof(kh_point) != 0 || size / sizeof(kh_point) > KH_MARK_POINTS_MAX)
        return kh_error_set(err, KH_E_CORRUPT, "reading.db: a mark with %zu bytes of points", size);
    out->point_count = size / sizeof(kh_point);
    out->points = malloc(size > 0 ? size : 1);
    if (!out->points)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a mark");
    memcpy(out->points, bytes ? bytes : "", bytes ? size : 0);
    return KH_OK;
}

static kh_status take_label(kh_stored_mark *out, kh_sql_row *row, kh_error *err)
{
    size_t size = 0;
    const void *bytes = kh_sql_blob(row, 16, &size);

    if (size != 0 && size != sizeof out->label)
        return kh_error_set(err, KH_E_CORRUPT, "reading.db: a mark with %zu bytes of label", size);
    out->has_label = size > 0;
    if (size > 0)
        memcpy(&out->label, bytes, size);
    return KH_OK;
}

static kh_status take_mark(kh_stored_mark *out, kh_sql_row *row, kh_error *err)
{
    size_t size = 0;
    const void *points = kh_sql_blob(row, 6, &size);
    kh_status status;

    *out = (kh_stored_mark){.frame = (uint32_t)kh_sql_int(row, 4), .version = kh_sql_int(row, 9), .person_id = kh_sql_int(row, 10),
                            .made_ms = kh_sql_int(row, 13), .at_ms = kh_sql_int(row, 14), .deleted_ms = kh_sql_int(row, 15)};
    snprintf(out->id, sizeof out->id, "%s", kh_sql_text(row, 0));
    snprintf(out->facility, sizeof out->facility, "%s", kh_sql_text(row, 1));
    snprintf(out->study_uid, sizeof out->study_uid, "%s", kh_sql_text(row, 2));
    snprintf(out->sop_uid, sizeof out->sop_uid, "%s", kh_sql_text(row, 3));
    snprintf(out->author, sizeof out->author, "%s", kh_sql_text(row, 11));
    snprintf(out->author_facility, sizeof out->author_facility, "%s", kh_sql_text(row, 12));
    status = kh_mark_kind_of(&out->kind, kh_sql_text(row, 5), NULL) == KH_OK
                 ? take_points(out, points, size, err)
                 : kh_error_set(err, KH_E_CORRUPT, "reading.db: a mark of no kind");
    if (status == KH_OK)
        status = take_label(out, row, err);
    if (status == KH_OK) {
        out->text = strdup(kh_sql_text(row, 7));
        out->measured = strdup(kh_sql_text(row, 8));
        if (!out->text || !out->measured)
            status = kh_error_set(err, KH_E_MEMORY, "no memory for a mark");
    }
    if (status != KH_OK)
        kh_stored_mark_release(out);
    return status;
}

static kh_status visit_marks(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, kh_stored_mark_visit *visit,
                             void *context, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, statement, values, count, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_stored_mark mark;

        status = take_mark(&mark, row, err);
        if (status != KH_OK)
            break;
        status = visit(context, &mark);
        kh_stored_mark_release(&mark);
    }
    kh_sql_end(row);
    return status;
}

/* --- reading --- */

typedef struct asked {
    const char *facility, *study_uid, *id;
    kh_stored_mark_visit *visit;
    void *context;
} asked;

static kh_status read_study(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    const asked *a = context;
    const kh_sql_value values[] = {KH_SQL_T(a->facility), KH_SQL_T(a->study_uid)};

    (void)reading;
    return visit_marks(sql,
                       "SELECT " MARK_COLUMNS " FROM mark WHERE facility = ?1 AND study_uid = ?2 AND deleted_ms = 0 ORDER BY made_ms, id",
                       values, 2, a->visit, a->context, err);
}

kh_status kh_marks_of_study(kh_reading *reading, const char *facility, const char *study_uid, kh_stored_mark_visit *visit, void *context,
                            kh_error *err)
{
    asked a = {.facility = facility, .study_uid = study_uid, .visit = visit, .context = context};

    return kh_reading_read(reading, read_study, &a, err);
}

typedef struct counted {
    const asked *asked;
    size_t count;
} counted;

static kh_status count_and_visit(void *context, kh_stored_mark *mark)
{
    counted *c = context;

    c->count++;
    return c->asked->visit(c->asked->context, mark);
}

static kh_status read_versions(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    const asked *a = context;
    const kh_sql_value values[] = {KH_SQL_T(a->id), KH_SQL_T(a->facility), KH_SQL_T(a->study_uid)};
    counted c = {.asked = a};
    kh_status status =
        visit_marks(sql,
                    "SELECT v.mark_ref, m.facility, m.study_uid, v.sop_uid, v.frame, v.kind, v.points, v.text, v.measured, v.version,"
                    " v.person_ref, m.author, m.author_facility, m.made_ms, v.at_ms, v.deleted_ms, v.label"
                    " FROM mark m JOIN mark_version v ON v.mark_ref = m.id WHERE m.id = ?1 AND m.facility = ?2 AND m.study_uid = ?3"
                    " UNION ALL SELECT " MARK_COLUMNS " FROM mark WHERE id = ?1 AND facility = ?2 AND study_uid = ?3 ORDER BY 10",
                    values, 3, count_and_visit, &c, err);

    (void)reading;
    return status == KH_OK && c.count == 0 ? kh_error_set(err, KH_E_NOT_FOUND, "no such mark") : status;
}

kh_status kh_mark_versions(kh_reading *reading, const char *facility, const char *study_uid, const char *id, kh_stored_mark_visit *visit,
                           void *context, kh_error *err)
{
    asked a = {.facility = facility, .study_uid = study_uid, .id = id, .visit = visit, .context = context};

    return kh_reading_read(reading, read_versions, &a, err);
}

/* --- changing --- */

/* *out is the caller's; its id is "" when there is none. */
static kh_status find_mark(kh_stored_mark *out, kh_sql *sql, const char *id, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    const kh_sql_value value = KH_SQL_T(id);
    kh_status status = kh_sql_query(&row, sql, "SELECT " MARK_COLUMNS " FROM mark WHERE id = ?1", &value, 1, err);

    *out = (kh_stored_mark){.id = ""};
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        status = take_mark(out, row, err);
    kh_sql_end(row);
    return status;
}

/* The mark of this id, if it is one of the study and of the person. */
static kh_status find_own(kh_stored_mark *out, kh_sql *sql, const kh_stored_mark *mark, kh_error *err)
{
    kh_status status = find_mark(out, sql, mark->id, err);

    if (status != KH_OK || !out->id[0])
        return status;
    if (strcmp(out->facility, mark->facility) != 0 || strcmp(out->study_uid, mark->study_uid) != 0) {
        kh_stored_mark_release(out);
        return kh_error_set(err, KH_E_CONFLICT, "id is that of another mark");
    }
    if (out->person_id != mark->person_id)
        return kh_error_set(err, KH_E_DENIED, "the mark is somebody else's");
    return KH_OK;
}

static kh_status count_marks(kh_sql *sql, const kh_stored_mark *mark, int64_t *standing, int64_t *all, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(mark->facility), KH_SQL_T(mark->study_uid)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT count(*), ifnull(sum(deleted_ms = 0), 0) FROM mark WHERE facility = ?1 AND study_uid = ?2", values, 2, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    *all = status == KH_OK && has_row ? kh_sql_int(row, 0) : 0;
    *standing = status == KH_OK && has_row ? kh_sql_int(row, 1) : 0;
    kh_sql_end(row);
    return status;
}

/* Is there room for one more that stands; for one more at all, when it is new? */
static kh_status check_room(const kh_reading *reading, kh_sql *sql, const kh_stored_mark *mark, bool is_new, kh_error *err)
{
    int64_t most = kh_reading_marks_max(reading), standing = 0, all = 0;
    kh_status status = count_marks(sql, mark, &standing, &all, err);

    if (status == KH_OK && (standing >= most || (is_new && all >= most * (1 + KH_READING_DELETED_FOLD))))
        status = kh_error_set(err, KH_E_LIMIT, "the study has %lld marks, and %lld deleted ones: no more are kept", (long long)standing,
                              (long long)(all - standing));
    return status;
}

static kh_sql_value text_or_empty(const char *text)
{
    return KH_SQL_T(text ? text : "");
}

static kh_sql_value label_of(const kh_stored_mark *mark)
{
    return mark->has_label ? KH_SQL_B((const void *)&mark->label, sizeof mark->label) : KH_SQL_B((const void *)"", 0);
}

static kh_status insert_mark(kh_sql *sql, const kh_stored_mark *mark, int64_t now_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(mark->id),
                                   KH_SQL_T(mark->facility),
                                   KH_SQL_T(mark->study_uid),
                                   KH_SQL_T(mark->sop_uid),
                                   KH_SQL_I(mark->frame),
                                   KH_SQL_T(kh_mark_text(mark->kind)),
                                   KH_SQL_B(mark->points ? (const void *)mark->points : "", mark->point_count * sizeof(kh_point)),
                                   text_or_empty(mark->text),
                                   text_or_empty(mark->measured),
                                   KH_SQL_I(mark->person_id),
                                   KH_SQL_T(mark->author),
                                   KH_SQL_T(mark->author_facility),
                                   KH_SQL_I(now_ms),
                                   label_of(mark)};

    return kh_sql_run(sql,
                      "INSERT INTO mark (" MARK_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12, ?13, ?13, 0, ?14)",
                      values, 14, NULL, err);
}

/* What is kept becomes what was. */
static kh_status keep_version(kh_sql *sql, const kh_stored_mark *kept, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(kept->id);

    if (kept->version >= KH_READING_VERSIONS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "the mark has %lld versions: no more are kept", (long long)kept->version);
    return kh_sql_run(
        sql,
        "INSERT INTO mark_version SELECT id, version, sop_uid, frame, kind, points, text, measured, person_ref, at_ms, deleted_ms, label"
        " FROM mark WHERE id = ?1",
        &value, 1, NULL, err);
}

static kh_status update_mark(kh_sql *sql, const kh_stored_mark *mark, int64_t now_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(mark->id),
                                   KH_SQL_T(mark->sop_uid),
                                   KH_SQL_I(mark->frame),
                                   KH_SQL_T(kh_mark_text(mark->kind)),
                                   KH_SQL_B(mark->points ? (const void *)mark->points : "", mark->point_count * sizeof(kh_point)),
                                   text_or_empty(mark->text),
                                   text_or_empty(mark->measured),
                                   KH_SQL_I(now_ms),
                                   label_of(mark)};

    return kh_sql_run(
        sql,
        "UPDATE mark SET sop_uid = ?2, frame = ?3, kind = ?4, points = ?5, text = ?6, measured = ?7, version = version + 1, at_ms = ?8,"
        " deleted_ms = 0, label = ?9 WHERE id = ?1",
        values, 9, NULL, err);
}

/* What its author said; measured follows from that. */
static bool says_the_same(const kh_stored_mark *a, const kh_stored_mark *b)
{
    return strcmp(a->sop_uid, b->sop_uid) == 0 && a->frame == b->frame && a->kind == b->kind && a->point_count == b->point_count &&
           (a->point_count == 0 || memcmp(a->points, b->points, a->point_count * sizeof(kh_point)) == 0) &&
           strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0 && a->has_label == b->has_label &&
           (!a->has_label || memcmp(&a->label, &b->label, sizeof a->label) == 0);
}

typedef struct change {
    const kh_stored_mark *mark;
    kh_stored_mark *now;
} change;

/* now holds what is kept; afterwards what is kept then. */
static kh_status replace(const kh_reading *reading, kh_sql *sql, const change *c, kh_error *err)
{
    const kh_stored_mark *mark = c->mark;
    int64_t behind = c->now->version - mark->version;
    kh_status status = KH_OK;

    if ((behind == 0 || behind == 1) && c->now->deleted_ms == 0 && says_the_same(c->now, mark))
        return KH_OK;
    if (behind != 0)
        return kh_error_set(err, KH_E_CONFLICT, "version %lld, the mark is at %lld", (long long)mark->version, (long long)c->now->version);
    if (c->now->deleted_ms != 0)
        status = check_room(reading, sql, mark, false, err);
    if (status == KH_OK)
        status = keep_version(sql, c->now, err);
    if (status == KH_OK)
        status = update_mark(sql, mark, kh_clock_wall_ms(), err);
    kh_stored_mark_release(c->now);
    return status == KH_OK ? find_mark(c->now, sql, mark->id, err) : status;
}

static kh_status save(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    const change *c = context;
    kh_status status = find_own(c->now, sql, c->mark, err);

    if (status != KH_OK || c->now->id[0])
        return status == KH_OK ? replace(reading, sql, c, err) : status;
    if (c->mark->version != 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such mark");
    status = check_room(reading, sql, c->mark, true, err);
    if (status == KH_OK)
        status = insert_mark(sql, c->mark, kh_clock_wall_ms(), err);
    return status == KH_OK ? find_mark(c->now, sql, c->mark->id, err) : status;
}

kh_status kh_mark_save(kh_reading *reading, const kh_stored_mark *mark, kh_stored_mark *now, kh_error *err)
{
    change c = {mark, now};

    *now = (kh_stored_mark){.id = ""};
    return kh_reading_change(reading, save, &c, err);
}

static kh_status end_mark(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    const change *c = context;
    const kh_sql_value values[] = {KH_SQL_T(c->mark->id), KH_SQL_I(kh_clock_wall_ms())};
    kh_status status = find_own(c->now, sql, c->mark, err);

    (void)reading;
    if (status == KH_OK && !c->now->id[0])
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such mark");
    if (status != KH_OK || c->now->deleted_ms != 0)
        return status;
    if (c->now->version != c->mark->version)
        return kh_error_set(err, KH_E_CONFLICT, "version %lld, the mark is at %lld", (long long)c->mark->version,
                            (long long)c->now->version);
    status = keep_version(sql, c->now, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "UPDATE mark SET version = version + 1, at_ms = ?2, deleted_ms = ?2 WHERE id = ?1", values, 2, NULL, err);
    kh_stored_mark_release(c->now);
    return status == KH_OK ? find_mark(c->now, sql, c->mark->id, err) : status;
}

kh_status kh_mark_delete(kh_reading *reading, const char *facility, const char *study_uid, const char *id, int64_t version,
                         int64_t person_id, kh_stored_mark *now, kh_error *err)
{
    kh_stored_mark mark = {.version = version, .person_id = person_id};
    change c = {&mark, now};

    *now = (kh_stored_mark){.id = ""};
    snprintf(mark.id, sizeof mark.id, "%s", id);
    snprintf(mark.facility, sizeof mark.facility, "%s", facility);
    snprintf(mark.study_uid, sizeof mark.study_uid, "%s", study_uid);
    return kh_reading_change(reading, end_mark, &c, err);
}
