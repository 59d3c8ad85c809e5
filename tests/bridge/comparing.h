/* comparing.h - a hospital and what is held of it, and rounds of comparing the two. Studies are numbers, their objects too.
 * Threads: one. */
#ifndef KH_TESTS_BRIDGE_COMPARING_H
#define KH_TESTS_BRIDGE_COMPARING_H

#include "cache/browse.h"
#include "cache/compares.h"
#include "cache/ingest.h"
#include "cache/pulls.h"
#include "pacs-bridge/compare.h"
#include "tests/bridge/hospital.h"
#include "tests/bridge/world.h"

#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)
#define UID "1.2.826.0.1.3680043.10.9."
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct fixture {
    world it;
    hospital pacs;
    kh_node node;
    kh_scu scu;
    kh_compare_limits limits;
    kh_compare_work work;
} fixture;

typedef struct found {
    int count;
    kh_finding newest;
} found;

/* With study 1 and 2 of patient P-1 and 3 of P-3, one object each, held and at the hospital. */
int compare_setup(void **state);
int compare_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, compare_setup, compare_teardown)

/* --- what is held --- */

void study_uid(char out[65], int number);
kh_study find_study(fixture *f, int number);
void hold_object(fixture *f, int number, const char *patient_id, int object, const kh_origin *origin);
void settle(fixture *f, int number);
/* A pull of the study that ended so; bytes: that came by it. */
int64_t note_pull(fixture *f, int64_t node_id, int number, kh_pull_state state, int64_t bytes);
/* Pulled from the hospital, which has it as well. */
void hold(fixture *f, int number, const char *patient_id, int objects);
/* The hospital has so many objects of it. */
void there(fixture *f, int number, const char *patient_id, unsigned objects);
#define gone(f, number) there(f, number, "", 0)
bool is_shown(fixture *f, int number);
bool shows(fixture *f, int number, int object);

/* --- rounds --- */

kh_compare compare_of(fixture *f);
/* One batch; how many studies were asked for. */
size_t step(fixture *f);
/* The round that is due after so long, to its end. */
kh_compare round_after(fixture *f, int64_t wall_ms);
#define next_round(f) round_after(f, DAY_MS)
found findings(fixture *f, bool open_only);
#define open_findings(f) findings(f, true).count
#define all_findings(f) findings(f, false).count

#endif
