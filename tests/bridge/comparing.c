#include "tests/bridge/comparing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/arrivals.h"
#include "tests/bridge/support.h"

/* --- what is held --- */

void study_uid(char out[65], int number)
{
    snprintf(out, 65, UID "%d", number);
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

kh_study find_study(fixture *f, int number)
{
    kh_study study = {.id = 0};
    char uid[65];

    study_uid(uid, number);
    assert_int_equal(kh_browse_study_uid(f->it.cache, uid, keep_study, &study, NULL), KH_OK);
    return study;
}

void hold_object(fixture *f, int number, const char *patient_id, int object, const kh_origin *origin)
{
    char path[120], uid[100], series[110], sop[120], patient[90];
    const char *argv[] = {"dcmodify", "-nb", "-i", uid, "-i", series, "-i", sop, "-i", patient, path, NULL};
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result result;

    snprintf(path, sizeof(path), "%s/made.dcm", f->it.dir);
    snprintf(uid, sizeof(uid), "(0020,000d)=" UID "%d", number);
    snprintf(series, sizeof(series), "(0020,000e)=" UID "%d.1", number);
    snprintf(sop, sizeof(sop), "(0008,0018)=" UID "%d.1.%d", number, object);
    snprintf(patient, sizeof(patient), "(0010,0020)=%s", patient_id);
    support_write_object(path, 1, 64, NULL, NULL);
    assert_int_equal(support_run(NULL, argv), 0);
    if (kh_ingest_file(f->it.cache, path, origin, &result, &err) != KH_OK)
        fail_msg("%s", err.message);
}

void settle(fixture *f, int number)
{
    kh_study study = find_study(f, number);

    assert_int_equal(kh_arriving_settle(f->it.cache, study.id, study.revision, NULL), KH_OK);
}

int64_t note_pull(fixture *f, int64_t node_id, int number, kh_pull_state state, int64_t bytes)
{
    kh_pull pull;
    int64_t pull_id;
    char uid[65];

    study_uid(uid, number);
    assert_int_equal(kh_pull_file(f->it.cache, node_id, uid, 1, "test", &pull_id, NULL), KH_OK);
    assert_int_equal(kh_pull_find(f->it.cache, pull_id, &pull, NULL), KH_OK);
    pull.state = state;
    pull.bytes = bytes;
    pull.received = 1;
    assert_int_equal(kh_pull_update(f->it.cache, &pull, NULL), KH_OK);
    return pull_id;
}

void hold(fixture *f, int number, const char *patient_id, int objects)
{
    kh_origin origin = {.facility = "north", .source = "pacs", .pull_id = note_pull(f, f->node.id, number, KH_PULL_COMPLETE, 1000)};
    char uid[65];

    for (int i = 1; i <= objects; i++)
        hold_object(f, number, patient_id, i, &origin);
    settle(f, number);
    study_uid(uid, number);
    hospital_set_study(&f->pacs, uid, patient_id, (unsigned)objects);
}

void there(fixture *f, int number, const char *patient_id, unsigned objects)
{
    char uid[65];

    study_uid(uid, number);
    hospital_set_study(&f->pacs, uid, patient_id, objects);
}

int compare_setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    kh_log_set_level(KH_LOG_ERROR);
    world_make(&f->it);
    hospital_start(&f->pacs, 1, f->it.port);
    (void)world_add_node(&f->it, "pacs", "HOSPITAL", f->pacs.port, true);
    assert_int_equal(kh_node_find(f->it.cache, "pacs", &f->node, NULL), KH_OK);
    kh_scu_init(&f->scu, "KAKEHASHI");
    f->scu.limits.pdu_ms = f->scu.limits.idle_ms = 1000;
    f->limits = (kh_compare_limits){.every_ms = DAY_MS, .apart_ms = 12 * HOUR_MS, .studies_per_hour = 1000000, .differences_max = 3};
    f->work = (kh_compare_work){f->it.cache, &f->scu, "local", &f->limits, 10, 50};
    for (int i = 1; i <= 3; i++)
        hold(f, i, i == 3 ? "P-3" : "P-1", 1);
    *state = f;
    return 0;
}

int compare_teardown(void **state)
{
    fixture *f = *state;

    hospital_stop(&f->pacs);
    world_free(&f->it);
    free(f);
    return 0;
}

/* --- rounds --- */

kh_compare compare_of(fixture *f)
{
    kh_compare at;

    (void)!kh_compare_find(f->it.cache, f->node.id, &at, NULL);
    return at;
}

size_t step(fixture *f)
{
    kh_error err = KH_ERROR_INIT;
    size_t asked;
    bool more;

    if (kh_compare_step(&f->work, &f->node, &asked, &more, &err) != KH_OK)
        fail_msg("%s", err.message);
    return asked;
}

kh_compare round_after(fixture *f, int64_t wall_ms)
{
    int64_t began_ms = compare_of(f).began_ms;

    kh_clock_shift_for_test(0, wall_ms);
    for (int i = 0; i < 100; i++) {
        kh_compare at;

        (void)step(f);
        at = compare_of(f);
        if (at.began_ms > began_ms && at.ended_ms > 0)
            return at;
    }
    fail_msg("the round does not end: %s", compare_of(f).reason);
    return compare_of(f);
}

static kh_status keep_finding(void *context, const kh_finding *finding)
{
    found *all = context;

    if (all->count++ == 0)
        all->newest = *finding;
    return KH_OK;
}

found findings(fixture *f, bool open_only)
{
    found all = {0};

    assert_int_equal(kh_finding_list(f->it.cache, open_only, INT64_MAX, 100, keep_finding, &all, NULL), KH_OK);
    return all;
}

bool is_shown(fixture *f, int number)
{
    return find_study(f, number).object_count > 0;
}

bool shows(fixture *f, int number, int object)
{
    char uid[65], sop[65];
    bool hidden = true;

    study_uid(uid, number);
    snprintf(sop, sizeof(sop), UID "%d.1.%d", number, object);
    assert_int_equal(kh_change_hides(f->it.cache, uid, "", sop, &hidden, NULL), KH_OK);
    return !hidden;
}
