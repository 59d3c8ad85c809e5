/* Every cell of the oracle, asked of kh_rights_decide() over a real access.db: once, again (what was kept), as what is known without
 * waiting, and as two rows of a list, the second of which reads nothing any more [RELIABILITY S1]. Which of our names a word of the oracle is, is spelled out here and nowhere
 * else. */
#include "tests/cmocka_all.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "access/consents.h"
#include "access/facilities.h"
#include "access/internal.h"
#include "access/links.h"
#include "access/patients.h"
#include "access/people.h"
#include "access/policies.h"
#include "access/rights.h"
#include "base/clock.h"
#include "tests/access/oracle.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)
#define BY "test"
#define SOON_MS 3000 /* a consent is written down well within it */
#define SHOWN_MAX 60

static const struct {
    const char *word;
    kh_person_role role;
} roles[] = {{"doctor", KH_ROLE_DOCTOR},       {"radiologist", KH_ROLE_RADIOLOGIST},
             {"nurse", KH_ROLE_NURSE},         {"radiographer", KH_ROLE_RADIOGRAPHER},
             {"registrar", KH_ROLE_REGISTRAR}, {"manager", KH_ROLE_MANAGER},
             {"office", KH_ROLE_OFFICE},       {"auditor", KH_ROLE_AUDITOR}};

static const struct {
    const char *word;
    kh_kind kind;
} kinds[] = {{"patient", KH_KIND_PATIENT},   {"study", KH_KIND_STUDY}, {"series", KH_KIND_SERIES},       {"instance", KH_KIND_INSTANCE},
             {"frame", KH_KIND_FRAME}, {"thumbnail", KH_KIND_THUMBNAIL}, {"report", KH_KIND_REPORT}, {"audit", KH_KIND_AUDIT}};

static const struct {
    const char *word;
    kh_verb verb;
} verbs[] = {{"find", KH_VERB_FIND}, {"view", KH_VERB_VIEW}, {"take", KH_VERB_TAKE}, {"change", KH_VERB_CHANGE}};

/* What the policy opens and the images tell. */
static const struct {
    const char *word, *policy, *images;
} departments[] = {{"any", "", "Cardiology"},
                   {"opened", "Radiology,放射線科", "Cardiology,放射線科"},
                   {"other", "Radiology,放射線科", "Radiology 2"},
                   {"untold", "Radiology,放射線科", ""}};

/* Two ways not to belong any more are one word of the oracle. */
enum { HOSPITAL, NAMED, OTHER, SUSPENDED, LEFT, SITES };
static const struct {
    const char *code, *word, *number; /* number: of the patient there; NULL: has none */
    kh_facility_part part;
} sites[SITES] = {{"hospital", "own", "P-1", KH_PART_BOTH},
                  {"clinic", "named", "K-1", KH_PART_VIEWER},
                  {"other-clinic", "not_named", NULL, KH_PART_VIEWER},
                  {"stopped-clinic", "left", "S-1", KH_PART_VIEWER},
                  {"former-clinic", "left", "F-1", KH_PART_VIEWER}};

typedef struct world {
    const char *state;
    bool take;
    char dir[64];
    kh_access *access;
    kh_rights *rights[2]; /* [1]: nurses and radiographers are readers */
    kh_subject people[SITES][KH_COUNT(roles)];
} world;

static oracle table;
static world worlds[7];
static int64_t over_ms; /* when the consent that expires has done so */

static void must(kh_status status, const kh_error *err, const char *what)
{
    if (status != KH_OK)
        fail_msg("%s: %s", what, err->message);
}

static void day_of(char out[9], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;

    assert_non_null(localtime_r(&seconds, &local));
    assert_int_equal(strftime(out, 9, "%Y%m%d", &local), 8);
}

static void add_person(world *w, size_t site, size_t role, int64_t facility_id)
{
    kh_subject *subject = &w->people[site][role];
    kh_error err = KH_ERROR_INIT;
    kh_person person = {.birth_date = "19700101", .role = roles[role].role};

    snprintf(person.login, sizeof person.login, "%s.%zu", roles[role].word, site);
    snprintf(person.name, sizeof person.name, "Person %zu %zu", site, role);
    snprintf(person.kana, sizeof person.kana, "%s", "テスト タロウ");
    snprintf(person.facility, sizeof person.facility, "%s", sites[site].code);
    must(kh_person_add(w->access, &person, &err), &err, "person");
    must(kh_person_train(w->access, person.login, "20260101", &err), &err, "training");
    must(kh_person_activate(w->access, person.login, &err), &err, "activation");
    *subject = (kh_subject){.person_id = person.id, .facility_id = facility_id, .role = roles[role].role, .scopes = KH_SCOPE_ALL, .session_id = 1};
    snprintf(subject->facility, sizeof subject->facility, "%s", sites[site].code);
    snprintf(subject->name, sizeof subject->name, "%s", person.login);
}

static void add_site(world *w, size_t site)
{
    kh_error err = KH_ERROR_INIT;
    kh_facility facility = {
        .kind = site == HOSPITAL ? KH_FACILITY_HOSPITAL : KH_FACILITY_CLINIC, .part = sites[site].part, .joined = "20200101"};
    kh_registered patient = {.name_alphabetic = "Yamada^Hanako", .name_phonetic = "やまだ^はなこ", .birth_date = "19560214", .sex = "F"};

    snprintf(facility.code, sizeof facility.code, "%s", sites[site].code);
    snprintf(facility.name, sizeof facility.name, "%s", sites[site].code);
    must(kh_facility_add(w->access, &facility, &err), &err, "facility");
    for (size_t role = 0; role < KH_COUNT(roles); role++)
        add_person(w, site, role, facility.id);
    if (!sites[site].number)
        return;
    snprintf(patient.facility, sizeof patient.facility, "%s", sites[site].code);
    snprintf(patient.number, sizeof patient.number, "%s", sites[site].number);
    must(kh_registered_add(w->access, &patient, BY, false, &err), &err, "patient");
    if (site != HOSPITAL)
        must(kh_link_make(w->access, &(kh_link_end){sites[HOSPITAL].code, sites[HOSPITAL].number},
                          &(kh_link_end){sites[site].code, sites[site].number}, BY, &err),
             &err, "link");
}

static void add_consent(world *w)
{
    static const kh_consent_place places[] = {{"clinic", "K-1"}, {"stopped-clinic", "S-1"}, {"former-clinic", "F-1"}};
    int64_t now_ms = kh_clock_wall_ms(), id;
    kh_error err = KH_ERROR_INIT;
    char today[9];
    kh_consent_sheet sheet = kh_consent_of_sites("hospital", "P-1", today, places, KH_COUNT(places));

    sheet.explained = true;
    sheet.explainer = "E";
    sheet.items = KH_ITEM_IMAGES | KH_ITEM_REPORTS | (w->take ? KH_ITEM_TAKE : 0);
    day_of(today, now_ms);
    if (strcmp(w->state, "expired") == 0) {
        sheet.to_ms = over_ms = now_ms + SOON_MS; /* what is over already is no consent to anything: it has to become so */
    } else if (strcmp(w->state, "not_yet") == 0) {
        sheet.from_ms = now_ms + DAY_MS;
    }
    must(kh_consent_add(w->access, &kh_consent_rules_default, &sheet, BY, &id, &err), &err, "consent");
    if (strcmp(w->state, "withdrawn") == 0)
        must(kh_consent_withdraw(w->access, id, "clinic", "no reason is needed", BY, &err), &err, "withdrawal");
}

/* Emergency access that runs: even who may not take any would have some. That must not open anything to them. */
static kh_status insert_emergency(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const kh_subject *subject = context;
    int64_t now_ms = kh_clock_wall_ms();
    const kh_sql_value values[] = {KH_SQL_I(subject->person_id), KH_SQL_I(subject->facility_id), KH_SQL_I(now_ms),
                                   KH_SQL_I(now_ms + DAY_MS)};
    kh_status status = kh_sql_run(sql,
                                  "INSERT INTO emergency (person_ref, facility_ref, discloser_ref, number, reason, made_ms, until_ms)"
                                  " SELECT ?1, ?2, id, 'P-1', 'accident', ?3, ?4 FROM facility WHERE code = 'hospital'",
                                  KH_ACCESS_VALUES(values), NULL, err);

    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

static void take_emergency(world *w)
{
    kh_error err = KH_ERROR_INIT;

    for (size_t site = 0; site < SITES; site++)
        for (size_t role = 0; role < KH_COUNT(roles); role++)
            must(kh_access_change(w->access, insert_emergency, &w->people[site][role], &err), &err, "emergency");
}

static void make_world(world *w, const char *state, bool take)
{
    kh_error err = KH_ERROR_INIT;
    kh_facility facility;

    *w = (world){.state = state, .take = take, .dir = "./kh-matrix-XXXXXX"};
    assert_non_null(mkdtemp(w->dir));
    must(kh_access_open(&w->access, &(kh_access_options){.dir = w->dir}, &err), &err, "access.db");
    for (size_t site = 0; site < SITES; site++)
        add_site(w, site);
    if (strcmp(state, "emergency") == 0)
        take_emergency(w);
    else if (strcmp(state, "none") != 0)
        add_consent(w);
    must(kh_facility_suspend(w->access, sites[SUSPENDED].code, "misuse", BY, 0, &err), &err, "suspension");
    must(kh_facility_find(w->access, sites[LEFT].code, &facility, &err), &err, "facility");
    snprintf(facility.left, sizeof facility.left, "%s", "20260601");
    must(kh_facility_set(w->access, &facility, &err), &err, "leaving");
    for (size_t i = 0; i < 2; i++)
        must(kh_rights_create(&w->rights[i], w->access, &err), &err, "rights");
    kh_rights_set_readers(w->rights[0], 0);
    kh_rights_set_readers(w->rights[1], 1u << KH_ROLE_NURSE | 1u << KH_ROLE_RADIOGRAPHER);
}

static int make_worlds(void **state)
{
    static const char *const states[] = {"none", "granted", "withdrawn", "expired", "not_yet", "emergency"};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(states); i++)
        make_world(&worlds[i], states[i], true);
    make_world(&worlds[KH_COUNT(states)], "granted", false);
    while (kh_clock_wall_ms() <= over_ms)
        usleep(10000);
    return 0;
}

static int free_worlds(void **state)
{
    char command[100];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(worlds); i++) {
        kh_rights_free(worlds[i].rights[0]);
        kh_rights_free(worlds[i].rights[1]);
        kh_access_close(worlds[i].access);
        snprintf(command, sizeof command, "rm -r '%s'", worlds[i].dir);
        assert_int_equal(system(command), 0);
    }
    return 0;
}

static world *world_of(const char *state, bool take)
{
    for (size_t i = 0; i < KH_COUNT(worlds); i++)
        if (strcmp(worlds[i].state, state) == 0 && (worlds[i].take == take || strcmp(state, "granted") != 0))
            return &worlds[i];
    fail_msg("no world of %s", state);
    return NULL;
}

/* Of our lists of names, the one of that word. */
#define FIND(out, list, text)                                                                                                               \
    do {                                                                                                                                    \
        size_t at_ = 0;                                                                                                                     \
        while (at_ < KH_COUNT(list) && strcmp((list)[at_].word, text) != 0)                                                                 \
            at_++;                                                                                                                          \
        assert_true(at_ < KH_COUNT(list));                                                                                                  \
        *(out) = at_;                                                                                                                       \
    } while (0)

typedef struct asked {
    world *w;
    kh_rights *rights;
    size_t role, kind, verb, department;
} asked;

/* What a list decides: with what its horizon knows of the patients, and what was read for the row before. Not kept. */
static kh_verdict decide_in_list(const asked *a, size_t site, kh_matter matter)
{
    const kh_subject *subject = &a->w->people[site][a->role];
    kh_rights_shared *shared = NULL;
    kh_error err = KH_ERROR_INIT;
    kh_verdict row[2] = {{0}};
    kh_horizon horizon;

    matter.key = 0;
    must(kh_rights_horizon(a->rights, subject, &horizon, &err), &err, "horizon");
    must(kh_rights_shared_create(&shared, &err), &err, "shared");
    kh_rights_shared_within(shared, &horizon);
    for (size_t i = 0; i < 2; i++)
        must(kh_rights_decide_with(a->rights, shared, subject, verbs[a->verb].verb, &matter, &row[i], &err), &err, "decision of a row");
    kh_rights_shared_free(shared);
    kh_horizon_release(&horizon);
    assert_true(row[0].allowed == row[1].allowed && row[0].reason == row[1].reason);
    assert_true(row[0].grant_id == row[1].grant_id && row[0].until_ms == row[1].until_ms);
    return row[1];
}

static bool decide(const asked *a, size_t site, int64_t key, kh_reason *reason)
{
    static char today[9];
    kh_kind kind = kinds[a->kind].kind;
    bool entry = kind == KH_KIND_PATIENT || kind == KH_KIND_AUDIT, of_series = !entry && kind != KH_KIND_STUDY;
    kh_matter matter = {.kind = kind,
                        .facility = "hospital",
                        .patient_id = "P-1",
                        .study_uid = entry ? NULL : "1.2.3",
                        .series_uid = of_series ? "1.2.3.4" : NULL,
                        .study_date = today,
                        .modalities = "CT",
                        .departments = departments[a->department].images,
                        .arrived_ms = kh_clock_wall_ms() - DAY_MS,
                        .key = key};
    kh_error err = KH_ERROR_INIT;
    kh_verdict verdict = {0}, listed;

    day_of(today, kh_clock_wall_ms());
    must(kh_rights_decide(a->rights, &a->w->people[site][a->role], verbs[a->verb].verb, &matter, &verdict, &err), &err, "decision");
    listed = decide_in_list(a, site, matter);
    assert_true(listed.allowed == verdict.allowed && listed.reason == verdict.reason && listed.grant_id == verdict.grant_id);
    *reason = verdict.reason;
    return verdict.allowed;
}

/* What was kept must say what was decided. */
static bool agrees(const asked *a, size_t site, int64_t key, bool allowed)
{
    kh_verdict known;

    return !kh_rights_known(a->rights, &a->w->people[site][a->role], verbs[a->verb].verb, kinds[a->kind].kind, key, &known) ||
           known.allowed == allowed;
}

static unsigned check_cell(const oracle_cell *cell, unsigned shown)
{
    const oracle_rule *rule = oracle_allows(&table, cell);
    unsigned readers = 1u << oracle_index(&table, ORACLE_SWITCH, "readers"), take = 1u << oracle_index(&table, ORACLE_SWITCH, "take"),
             wrong = 0;
    asked a = {.w = world_of(oracle_word(&table, cell, ORACLE_STATE), (cell->at[ORACLE_SWITCH] & take) != 0)};

    a.rights = a.w->rights[(cell->at[ORACLE_SWITCH] & readers) != 0];
    FIND(&a.role, roles, oracle_word(&table, cell, ORACLE_ROLE));
    FIND(&a.kind, kinds, oracle_word(&table, cell, ORACLE_KIND));
    FIND(&a.verb, verbs, oracle_word(&table, cell, ORACLE_VERB));
    FIND(&a.department, departments, oracle_word(&table, cell, ORACLE_DEPARTMENT));
    for (size_t site = 0; site < SITES; site++) {
        int64_t of = 7 + (int64_t)a.department; /* another thing, not the same one changed */
        int64_t key = kinds[a.kind].kind == KH_KIND_STUDY                                            ? of
                      : kinds[a.kind].kind == KH_KIND_PATIENT || kinds[a.kind].kind == KH_KIND_AUDIT ? 0
                                                                                                     : -of;
        kh_reason reason, again;
        bool first, second;

        if (strcmp(sites[site].word, oracle_word(&table, cell, ORACLE_RELATION)) != 0)
            continue;
        first = decide(&a, site, key, &reason);
        second = decide(&a, site, key, &again);
        if (first == (rule != NULL) && first == second && reason == again && (key == 0 || agrees(&a, site, key, first)))
            continue;
        if (shown + wrong++ < SHOWN_MAX)
            print_message("%-12s %-14s %-9s %-9s %-6s %-6s %s%s: expected %s (%s%.*u), got %s (%s), then %s\n", roles[a.role].word,
                          sites[site].code, a.w->state, kinds[a.kind].word, verbs[a.verb].word, departments[a.department].word,
                          cell->at[ORACLE_SWITCH] & readers ? "readers " : "", cell->at[ORACLE_SWITCH] & take ? "take" : "",
                          rule ? "allowed" : "refused", rule ? "oracle.txt:" : "no rule", rule ? 1 : 0, rule ? rule->line : 0,
                          first ? "allowed" : "refused", kh_reason_text(reason), second ? "allowed" : "refused");
    }
    return wrong;
}

static void open_departments(const char *names)
{
    kh_error err = KH_ERROR_INIT;

    for (size_t i = 0; i < KH_COUNT(worlds); i++) {
        kh_policy policy;

        must(kh_policy_get(worlds[i].access, "hospital", &policy, &err), &err, "policy");
        snprintf(policy.departments, sizeof policy.departments, "%s", names);
        must(kh_policy_set(worlds[i].access, &policy, BY, &err), &err, "policy");
    }
}

static void test_matrix(void **state)
{
    unsigned wrong = 0, cells = 0;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(departments); i++) {
        oracle_cell cell = {.at = {[ORACLE_DEPARTMENT] = oracle_index(&table, ORACLE_DEPARTMENT, departments[i].word)}};

        open_departments(departments[i].policy);
        do {
            wrong += check_cell(&cell, wrong);
            cells++;
        } while (oracle_next(&table, &cell));
    }
    print_message("%u cells, %u differ from the oracle\n", cells, wrong);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matrix)};

    oracle_read(&table, ORACLE_FILE);
    return cmocka_run_group_tests_name("matrix", tests, make_worlds, free_worlds);
}
