/* Marks and settings as they are kept: versions, who may change them, bounds, a file that is not ours, several threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reading/check.h"
#include "reading/mark_json.h"
#include "reading/marks.h"
#include "reading/schema.h"
#include "reading/settings.h"
#include "store/sql.h"
#include "tests/cmocka_all.h"

#define ID "0a1b2c3d-4e5f-4a6b-8c7d-0123456789ab"
#define STUDY "1.2.3.4"

typedef struct desk {
    char dir[64], path[96];
    kh_reading *reading;
} desk;

static void open_desk(desk *d, unsigned marks_max)
{
    const kh_reading_options options = {.dir = d->dir, .marks_max = marks_max};

    assert_int_equal(kh_reading_open(&d->reading, &options, NULL), KH_OK);
}

static int set_up(void **state)
{
    desk *d = calloc(1, sizeof *d);

    strcpy(d->dir, "/tmp/kh-reading-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->path, sizeof d->path, "%s/reading.db", d->dir);
    open_desk(d, 0);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    desk *d = *state;
    char command[160];

    kh_reading_close(d->reading);
    snprintf(command, sizeof command, "rm -rf %s", d->dir);
    assert_int_equal(system(command), 0);
    free(d);
    return 0;
}

/* Of person 7, a length. */
static kh_stored_mark a_mark(const char *id, kh_point *points, char *text)
{
    kh_stored_mark mark = {.facility = "city",
                           .study_uid = STUDY,
                           .sop_uid = "1.2.3.4.5",
                           .frame = 2,
                           .kind = KH_MARK_LENGTH,
                           .point_count = 2,
                           .points = points,
                           .text = text,
                           .person_id = 7,
                           .author = "Sato",
                           .author_facility = "Clinic"};

    strcpy(mark.id, id);
    return mark;
}

static kh_status save(desk *d, const kh_stored_mark *mark, int64_t *version)
{
    kh_stored_mark now;
    kh_status status = kh_mark_save(d->reading, mark, &now, NULL);

    if (version)
        *version = now.version;
    kh_stored_mark_release(&now);
    return status;
}

static kh_status count_mark(void *context, kh_stored_mark *mark)
{
    (void)mark;
    ++*(size_t *)context;
    return KH_OK;
}

static size_t marks_of(desk *d)
{
    size_t count = 0;

    assert_int_equal(kh_marks_of_study(d->reading, "city", STUDY, count_mark, &count, NULL), KH_OK);
    return count;
}

static kh_status keep_first(void *context, kh_stored_mark *mark)
{
    kh_stored_mark *out = context;

    if (!out->id[0]) {
        *out = *mark;
        *mark = (kh_stored_mark){.id = ""};
    }
    return KH_OK;
}

static void kept_as_it_was_made(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1.5, 2.25}, {511.999999999, 0}};
    char text[] = "結節 ≥ 5 mm \xf0\x9f\xab\x81";
    kh_stored_mark mark = a_mark(ID, points, text), got = {.id = ""};
    int64_t version = 0;

    mark.measured = (char[]){"{\"length_px\":3}"};
    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(version, 1);
    kh_reading_close(d->reading); /* and read by another process */
    open_desk(d, 0);
    assert_int_equal(kh_marks_of_study(d->reading, "city", STUDY, keep_first, &got, NULL), KH_OK);
    assert_string_equal(got.id, ID);
    assert_string_equal(got.sop_uid, "1.2.3.4.5");
    assert_int_equal(got.frame, 2);
    assert_int_equal(got.kind, KH_MARK_LENGTH);
    assert_int_equal(got.point_count, 2);
    assert_memory_equal(got.points, points, sizeof points);
    assert_string_equal(got.text, text);
    assert_string_equal(got.measured, "{\"length_px\":3}");
    assert_string_equal(got.author, "Sato");
    assert_string_equal(got.author_facility, "Clinic");
    assert_true(got.made_ms > 0 && got.at_ms == got.made_ms && got.deleted_ms == 0);
    kh_stored_mark_release(&got);
    got = (kh_stored_mark){.id = ""};
    assert_int_equal(kh_marks_of_study(d->reading, "other", STUDY, keep_first, &got, NULL), KH_OK);
    assert_string_equal(got.id, ""); /* the same UID at another hospital */
}

static void twice_is_once(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL);
    int64_t version;

    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(save(d, &mark, &version), KH_OK); /* its answer was lost */
    assert_int_equal(version, 1);
    mark.version = 1;
    assert_int_equal(save(d, &mark, &version), KH_OK); /* nothing is new */
    assert_int_equal(version, 1);
    points[1].x = 3;
    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(version, 2);
    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(version, 2);
    points[1].x = 4;
    assert_int_equal(save(d, &mark, &version), KH_E_CONFLICT); /* of version 1 */
    assert_int_equal(version, 2); /* what is there is told */
    mark.version = 3;
    assert_int_equal(save(d, &mark, NULL), KH_E_CONFLICT);
    assert_int_equal(marks_of(d), 1);
}

typedef struct history {
    int64_t versions[8];
    bool deleted[8];
    double x[8];
    size_t count;
} history;

static kh_status keep_version(void *context, kh_stored_mark *mark)
{
    history *h = context;

    assert_true(h->count < 8);
    h->versions[h->count] = mark->version;
    h->deleted[h->count] = mark->deleted_ms != 0;
    h->x[h->count++] = mark->points[0].x;
    return KH_OK;
}

static void what_was_before_stays(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL), now;
    history h = {.count = 0};
    int64_t version;

    assert_int_equal(save(d, &mark, &version), KH_OK);
    points[0].x = 5;
    mark.version = 1;
    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, ID, 1, 7, &now, NULL), KH_E_CONFLICT);
    assert_int_equal(now.version, 2);
    kh_stored_mark_release(&now);
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, ID, 2, 7, &now, NULL), KH_OK);
    assert_true(now.version == 3 && now.deleted_ms > 0);
    kh_stored_mark_release(&now);
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, ID, 2, 7, &now, NULL), KH_OK); /* once more */
    assert_int_equal(now.version, 3);
    kh_stored_mark_release(&now);
    assert_int_equal(marks_of(d), 0);
    mark.version = 3; /* undone */
    points[0].x = 6;
    assert_int_equal(save(d, &mark, &version), KH_OK);
    assert_int_equal(version, 4);
    assert_int_equal(marks_of(d), 1);
    assert_int_equal(kh_mark_versions(d->reading, "city", STUDY, ID, keep_version, &h, NULL), KH_OK);
    assert_int_equal(h.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(h.versions[i], i + 1);
    assert_true(h.x[0] == 1 && h.x[1] == 5 && h.x[2] == 5 && h.x[3] == 6);
    assert_true(!h.deleted[0] && !h.deleted[1] && h.deleted[2] && !h.deleted[3]);
    assert_int_equal(kh_mark_versions(d->reading, "city", "1.2.3", ID, keep_version, &h, NULL), KH_E_NOT_FOUND);
}

static void only_its_author(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL), now;

    assert_int_equal(save(d, &mark, NULL), KH_OK);
    mark.person_id = 8;
    mark.version = 1;
    points[0].x = 3;
    assert_int_equal(save(d, &mark, NULL), KH_E_DENIED);
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, ID, 1, 8, &now, NULL), KH_E_DENIED);
    kh_stored_mark_release(&now);
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, ID, 1, 0, &now, NULL), KH_E_DENIED); /* accounts are off meanwhile */
    kh_stored_mark_release(&now);
    mark.person_id = 7;
    strcpy(mark.study_uid, "1.2.3.9");
    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_E_CONFLICT);
    assert_string_equal(now.id, ""); /* nothing of the other study is told */
    assert_int_equal(kh_mark_delete(d->reading, "city", "1.2.3.9", ID, 1, 7, &now, NULL), KH_E_CONFLICT);
    assert_string_equal(now.id, "");
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, "0a1b2c3d-4e5f-4a6b-8c7d-0123456789ac", 1, 7, &now, NULL), KH_E_NOT_FOUND);
    assert_int_equal(marks_of(d), 1);
}

static void a_study_holds_so_many(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    char id[] = ID;
    kh_stored_mark mark, now;

    kh_reading_close(d->reading);
    open_desk(d, 2);
    for (int i = 0; i < 10; i++) { /* two stand, eight are deleted */
        id[0] = (char)('0' + i);
        mark = a_mark(id, points, NULL);
        if (i >= 2) {
            char before[] = ID;

            assert_int_equal(save(d, &mark, NULL), KH_E_LIMIT);
            before[0] = (char)('0' + i - 2);
            assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, before, 1, 7, &now, NULL), KH_OK);
            kh_stored_mark_release(&now);
        }
        assert_int_equal(save(d, &mark, NULL), KH_OK);
    }
    assert_int_equal(marks_of(d), 2);
    id[0] = '8';
    assert_int_equal(kh_mark_delete(d->reading, "city", STUDY, id, 1, 7, &now, NULL), KH_OK);
    kh_stored_mark_release(&now);
    id[0] = 'a';
    mark = a_mark(id, points, NULL);
    assert_int_equal(save(d, &mark, NULL), KH_E_LIMIT); /* ten in all */
    id[0] = '8';
    mark = a_mark(id, points, NULL);
    mark.version = 2;
    assert_int_equal(save(d, &mark, NULL), KH_OK); /* back again */
    strcpy(mark.study_uid, "1.2.3.5");
    mark.id[0] = 'b';
    mark.version = 0;
    assert_int_equal(save(d, &mark, NULL), KH_OK); /* another study */
}

static void so_many_versions(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL);
    kh_sql *sql = NULL;

    assert_int_equal(save(d, &mark, NULL), KH_OK);
    assert_int_equal(kh_sql_open(&sql, d->path, KH_SQL_WRITER, NULL), KH_OK);
    assert_int_equal(kh_sql_run(sql, "UPDATE mark SET version = 999", NULL, 0, NULL, NULL), KH_OK);
    kh_sql_close(sql);
    points[0].x = 5;
    mark.version = 999;
    assert_int_equal(save(d, &mark, NULL), KH_OK);
    points[0].x = 6;
    mark.version = 1000;
    assert_int_equal(save(d, &mark, NULL), KH_E_LIMIT);
}

/* --- settings --- */

static void settings_have_versions(void **state)
{
    desk *d = *state;
    char *large = malloc(KH_SETTINGS_BYTES_MAX + 2);
    int64_t version = -1;
    kh_buf body;

    kh_buf_init(&body, 1u << 20);
    assert_int_equal(kh_person_settings_get(d->reading, 7, &body, &version, NULL), KH_OK);
    assert_string_equal(kh_buf_text(&body), "{}");
    assert_int_equal(version, 0);
    assert_int_equal(kh_person_settings_set(d->reading, 7, "{\"a\":1}", &version, NULL), KH_OK);
    assert_int_equal(version, 1);
    version = 0;
    assert_int_equal(kh_person_settings_set(d->reading, 7, "{\"a\":1}", &version, NULL), KH_OK); /* twice */
    assert_int_equal(version, 1);
    version = 0;
    assert_int_equal(kh_person_settings_set(d->reading, 7, "{\"a\":2}", &version, NULL), KH_E_CONFLICT);
    assert_int_equal(version, 1);
    assert_int_equal(kh_person_settings_set(d->reading, 7, "{\"a\":2}", &version, NULL), KH_OK);
    assert_int_equal(version, 2);
    version = 0;
    assert_int_equal(kh_person_settings_set(d->reading, 0, "{\"b\":1}", &version, NULL), KH_OK); /* nobody's */
    kh_buf_clear(&body);
    assert_int_equal(kh_person_settings_get(d->reading, 7, &body, &version, NULL), KH_OK);
    assert_string_equal(kh_buf_text(&body), "{\"a\":2}");
    memset(large, ' ', KH_SETTINGS_BYTES_MAX + 1);
    large[KH_SETTINGS_BYTES_MAX + 1] = '\0';
    assert_int_equal(kh_person_settings_set(d->reading, 7, large, &version, NULL), KH_E_LIMIT);
    large[KH_SETTINGS_BYTES_MAX] = '\0';
    assert_int_equal(kh_person_settings_set(d->reading, 7, large, &version, NULL), KH_OK);
    kh_buf_release(&body);
    free(large);
}

/* --- the file --- */

static void nobody_else_reads_it(void **state)
{
    desk *d = *state;
    struct stat st;

    assert_int_equal(marks_of(d), 0);
    assert_int_equal(stat(d->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void one_process_writes(void **state)
{
    desk *d = *state;
    const kh_reading_options options = {.dir = d->dir};
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL), now;
    kh_reading *second = NULL;

    assert_int_equal(save(d, &mark, NULL), KH_OK);
    assert_int_equal(kh_reading_open(&second, &options, NULL), KH_OK);
    assert_int_equal(kh_mark_save(second, &mark, &now, NULL), KH_E_BUSY);
    kh_reading_close(second);
}

static void tell_nothing(void *context, const char *line)
{
    (void)line;
    ++*(size_t *)context;
}

static void one_that_is_none(void **state)
{
    desk *d = *state;
    FILE *file = fopen(d->path, "w");
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL);
    kh_reading_report report;
    size_t told = 0;

    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", file);
    fclose(file);
    assert_int_equal(save(d, &mark, NULL), KH_E_CORRUPT);
    assert_int_equal(save(d, &mark, NULL), KH_E_CORRUPT);
    assert_int_equal(kh_reading_check(d->dir, &report, tell_nothing, &told, NULL), KH_OK);
    assert_false(report.sound);
    assert_int_equal(told, 1);
    assert_int_equal(unlink(d->path), 0); /* mended: a second later it is tried again */
    usleep(1100000);
    assert_int_equal(save(d, &mark, NULL), KH_OK);
}

static void checked(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 1}, {2, 2}};
    kh_stored_mark mark = a_mark(ID, points, NULL);
    kh_reading_report report;
    kh_sql *sql = NULL;
    size_t told = 0;

    assert_int_equal(kh_reading_check(d->dir, &report, tell_nothing, &told, NULL), KH_OK); /* nothing yet */
    assert_true(report.sound && report.marks == 0);
    assert_int_equal(save(d, &mark, NULL), KH_OK);
    points[0].x = 3;
    mark.version = 1;
    assert_int_equal(save(d, &mark, NULL), KH_OK);
    assert_int_equal(kh_reading_check(d->dir, &report, tell_nothing, &told, NULL), KH_OK);
    assert_true(report.sound && report.marks == 1 && report.versions == 1 && report.unsound == 0 && told == 0);
    assert_int_equal(kh_sql_open(&sql, d->path, KH_SQL_WRITER, NULL), KH_OK);
    assert_int_equal(kh_sql_run(sql, "DELETE FROM mark_version", NULL, 0, NULL, NULL), KH_OK);
    kh_sql_close(sql);
    assert_int_equal(kh_reading_check(d->dir, &report, tell_nothing, &told, NULL), KH_OK);
    assert_true(report.unsound == 1 && told == 1);
}

/* --- several at once --- */

#define THREADS 4
#define EACH 25

typedef struct maker {
    desk *d;
    unsigned number;
} maker;

static void *make_marks(void *argument)
{
    const maker *m = argument;
    kh_point points[2] = {{1, 1}, {2, 2}};

    for (unsigned i = 0; i < EACH; i++) {
        char id[KH_MARK_ID_SIZE];
        kh_stored_mark mark;

        snprintf(id, sizeof id, "%08x-0000-4000-8000-%012x", m->number, i);
        mark = a_mark(id, points, NULL);
        assert_int_equal(save(m->d, &mark, NULL), KH_OK);
        assert_true(marks_of(m->d) >= i + 1);
    }
    return NULL;
}

static void at_once(void **state)
{
    pthread_t threads[THREADS];
    maker makers[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        makers[i] = (maker){*state, i};
        assert_int_equal(pthread_create(&threads[i], NULL, make_marks, &makers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(marks_of(*state), THREADS * EACH);
}

/* --- as a browser sends it --- */

static const struct {
    const char *name, *id;
    bool good;
} ids[] = {
    {"version 4", ID, true},
    {"version 1", "0a1b2c3d-4e5f-1a6b-8c7d-0123456789ab", false},
    {"another variant", "0a1b2c3d-4e5f-4a6b-cc7d-0123456789ab", false},
    {"capitals", "0A1b2c3d-4e5f-4a6b-8c7d-0123456789ab", false},
    {"shorter", "0a1b2c3d-4e5f-4a6b-8c7d-0123456789a", false},
    {"longer", "0a1b2c3d-4e5f-4a6b-8c7d-0123456789abc", false},
    {"nothing", "", false},
};

static void ids_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if ((kh_mark_check_id(ids[i].id, NULL) == KH_OK) != ids[i].good)
            fail_msg("%s", ids[i].name);
    assert_int_equal(kh_mark_check_id(NULL, NULL), KH_E_ARG);
}

static void texts_are_checked(void **state)
{
    static char text[4 * KH_MARK_CHARACTERS_MAX + 8];

    (void)state;
    assert_int_equal(kh_mark_check_text("", NULL), KH_OK);
    assert_int_equal(kh_mark_check_text("<b>\"x\"</b> 山 \xe2\x80\x8e\xf0\x9f\xab\x81", NULL), KH_OK);
    assert_int_equal(kh_mark_check_text("a\nb", NULL), KH_E_ARG);
    assert_int_equal(kh_mark_check_text("\x7f", NULL), KH_E_ARG);
    assert_int_equal(kh_mark_check_text("\xc2\x9b", NULL), KH_E_ARG);     /* U+009B */
    assert_int_equal(kh_mark_check_text("\xc0\x80", NULL), KH_E_ARG);     /* too long a form */
    assert_int_equal(kh_mark_check_text("\xed\xa0\x80", NULL), KH_E_ARG); /* half of a pair */
    assert_int_equal(kh_mark_check_text("\xe5\xb1", NULL), KH_E_ARG);     /* cut */
    for (size_t i = 0; i < KH_MARK_CHARACTERS_MAX; i++)
        memcpy(text + 4 * i, "\xf0\x9f\xab\x81", 4);
    assert_int_equal(kh_mark_check_text(text, NULL), KH_OK);
    strcpy(text + 4 * KH_MARK_CHARACTERS_MAX, "a");
    assert_int_equal(kh_mark_check_text(text, NULL), KH_E_ARG);
}

#define GOOD "{\"kind\":\"length\",\"sop_uid\":\"1.2.3\",\"frame\":0,\"version\":0,\"points\":[[1,2],[3.5,4]]}"

static const struct {
    const char *name, *json, *words; /* NULL: taken */
} sent[] = {
    {"as it should be", GOOD, NULL},
    {"with text", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"text\":\"x\",\"more\":{}}",
     NULL},
    {"with a label", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"label\":[-131070,131070]}",
     NULL},
    {"without a label", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"label\":null}", NULL},
    {"a label too far", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"label\":[0,131070.5]}",
     "label"},
    {"a label of one", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"label\":[0]}", "label"},
    {"a label of words", "{\"kind\":\"text\",\"sop_uid\":\"1.2.3\",\"frame\":1,\"version\":3,\"points\":[[1,2]],\"label\":[\"0\",1]}",
     "label"},
    {"no kind", "{\"sop_uid\":\"1.2.3\",\"frame\":0,\"version\":0,\"points\":[]}", "kind"},
    {"no UID", "{\"kind\":\"key\",\"frame\":0,\"version\":0,\"points\":[]}", "sop_uid"},
    {"letters in the UID", "{\"kind\":\"key\",\"sop_uid\":\"1.2.a\",\"frame\":0,\"version\":0,\"points\":[]}", "sop_uid"},
    {"no frame", "{\"kind\":\"key\",\"sop_uid\":\"1.2\",\"version\":0,\"points\":[]}", "frame"},
    {"a frame below 0", "{\"kind\":\"key\",\"sop_uid\":\"1.2\",\"frame\":-1,\"version\":0,\"points\":[]}", "frame"},
    {"half a frame", "{\"kind\":\"key\",\"sop_uid\":\"1.2\",\"frame\":0.5,\"version\":0,\"points\":[]}", "frame"},
    {"no version", "{\"kind\":\"key\",\"sop_uid\":\"1.2\",\"frame\":0,\"points\":[]}", "version"},
    {"no points", "{\"kind\":\"key\",\"sop_uid\":\"1.2\",\"frame\":0,\"version\":0}", "points"},
    {"points of one", "{\"kind\":\"text\",\"sop_uid\":\"1.2\",\"frame\":0,\"version\":0,\"points\":[[1]]}", "points: number 1"},
    {"points of words", "{\"kind\":\"text\",\"sop_uid\":\"1.2\",\"frame\":0,\"version\":0,\"points\":[[\"1\",2]]}", "points: number 1"},
    {"a number as text", "{\"kind\":\"text\",\"sop_uid\":\"1.2\",\"frame\":0,\"version\":0,\"points\":[[1,2]],\"text\":5}", "text"},
    {"a new line in the text", "{\"kind\":\"text\",\"sop_uid\":\"1.2\",\"frame\":0,\"version\":0,\"points\":[[1,2]],\"text\":\"a\\nb\"}",
     "text: character 2"},
};

static void members_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        kh_error err = KH_ERROR_INIT;
        kh_stored_mark mark;
        kh_json *json = NULL;
        kh_status status;

        assert_int_equal(kh_json_parse_object(&json, sent[i].json, strlen(sent[i].json), 65536, NULL), KH_OK);
        status = kh_mark_from_json(&mark, json, &err);
        kh_json_free(json);
        if (status != (sent[i].words ? KH_E_ARG : KH_OK) ||
            (sent[i].words && strncmp(err.message, sent[i].words, strlen(sent[i].words)) != 0))
            fail_msg("%s: %s", sent[i].name, err.message);
        if (status == KH_OK)
            kh_stored_mark_release(&mark);
    }
}

static kh_status take_over(void *context, kh_stored_mark *mark)
{
    *(kh_stored_mark *)context = *mark;
    *mark = (kh_stored_mark){.id = ""};
    return KH_OK;
}

/* Where its label was put is a version of the mark like any other. */
static void labels_are_kept(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 2}, {3, 4}};
    kh_stored_mark mark = a_mark(ID, points, NULL), now, found;

    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_OK);
    assert_false(now.has_label);
    kh_stored_mark_release(&now);
    mark.version = 1;
    mark.has_label = true;
    mark.label = (kh_point){-7.25, 0};
    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_OK);
    assert_true(now.version == 2 && now.has_label && now.label.x == -7.25 && now.label.y == 0);
    kh_stored_mark_release(&now);
    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_OK); /* the same again */
    assert_int_equal(now.version, 2);
    kh_stored_mark_release(&now);
    mark.version = 2;
    mark.has_label = false;
    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_OK);
    assert_true(now.version == 3 && !now.has_label);
    kh_stored_mark_release(&now);
    kh_reading_close(d->reading);
    open_desk(d, 0);
    assert_int_equal(kh_marks_of_study(d->reading, "city", STUDY, take_over, &found, NULL), KH_OK);
    assert_true(found.version == 3 && !found.has_label);
    kh_stored_mark_release(&found);
}

/* A file as the release before left it. */
static void a_file_without_labels(void **state)
{
    desk *d = *state;
    kh_point points[2] = {{1, 2}, {3, 4}};
    kh_stored_mark mark = a_mark(ID, points, NULL), now, found = {.id = ""};
    kh_reading_report report;
    size_t told = 0;
    kh_sql *sql = NULL;

    kh_reading_close(d->reading);
    assert_int_equal(kh_sql_open(&sql, d->path, KH_SQL_WRITER, NULL), KH_OK);
    assert_int_equal(kh_sql_migrate(sql, kh_reading_scripts, 1, NULL), KH_OK);
    assert_int_equal(kh_sql_run(sql,
                                "INSERT INTO mark VALUES ('" ID "', 'city', '" STUDY
                                "', '1.2.3.4.5', 2, 'length', zeroblob(32), '', '{}', 2, 7, 'Sato', 'Clinic', 1,"
                                " 2, 0)",
                                NULL, 0, NULL, NULL),
                     KH_OK);
    assert_int_equal(kh_sql_run(sql,
                                "INSERT INTO mark_version VALUES ('" ID "', 1, '1.2.3.4.5', 2, 'length', zeroblob(32), '', '{}', 7, 1, 0)",
                                NULL, 0, NULL, NULL),
                     KH_OK);
    kh_sql_close(sql);
    open_desk(d, 0);
    assert_int_equal(kh_marks_of_study(d->reading, "city", STUDY, take_over, &found, NULL), KH_OK);
    assert_string_equal(found.id, ID);
    assert_true(found.version == 2 && !found.has_label);
    kh_stored_mark_release(&found);
    mark.version = 2;
    mark.has_label = true;
    mark.label = (kh_point){5, 6};
    assert_int_equal(kh_mark_save(d->reading, &mark, &now, NULL), KH_OK);
    assert_true(now.version == 3 && now.has_label && now.label.y == 6);
    kh_stored_mark_release(&now);
    assert_int_equal(kh_reading_check(d->dir, &report, tell_nothing, &told, NULL), KH_OK);
    assert_true(report.sound && report.unsound == 0 && report.versions == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(kept_as_it_was_made),
                                       TEST(twice_is_once),
                                       TEST(what_was_before_stays),
                                       TEST(only_its_author),
                                       TEST(a_study_holds_so_many),
                                       TEST(so_many_versions),
                                       TEST(settings_have_versions),
                                       TEST(nobody_else_reads_it),
                                       TEST(one_process_writes),
                                       TEST(one_that_is_none),
                                       TEST(checked),
                                       TEST(at_once),
                                       TEST(labels_are_kept),
                                       TEST(a_file_without_labels),
                                       cmocka_unit_test(ids_are_checked),
                                       cmocka_unit_test(texts_are_checked),
                                       cmocka_unit_test(members_are_checked)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
