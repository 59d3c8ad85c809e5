/* "My patients" over HTTP, over a real access.db and the real rights; only who asks is told by a header, X-Test-Person. TB-6, TB-7, AZ-16,
 * AZ-17, AZ-27. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "access/consents.h"
#include "access/links.h"
#include "access/patients.h"
#include "access/people.h"
#include "access/rights.h"
#include "base/clock.h"
#include "tests/portal/fixture.h"
#include "viewer/guard/guard.h"

#define BY "test"

struct kh_guard {
    int unused;
};

static struct kh_guard door;
static kh_access *access_db;
static kh_rights *rights;
static kh_watch *watch;
static int64_t consent_id;

#define must(call)                                                                 \
    do {                                                                           \
        kh_error failed_ = KH_ERROR_INIT, *err = &failed_;                         \
        if ((call) != KH_OK)                                                       \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, failed_.message); \
    } while (0)

/* ---- the door ---- */

void kh_guard_then(kh_guard *guard, kh_http_request *request, const kh_guarded *about, kh_http_handler *handler, void *context)
{
    const char *login = kh_http_header(request, "X-Test-Person");
    kh_subject *subject = login ? calloc(1, sizeof *subject) : NULL;
    kh_person person;

    (void)guard;
    (void)about;
    if (!subject || kh_person_find(access_db, login, &person, NULL) != KH_OK) {
        free(subject);
        kh_http_answer_code(request, 401, "nobody is signed in");
        return;
    }
    *subject = (kh_subject){.person_id = person.id, .facility_id = person.facility_id, .role = person.role, .scopes = KH_SCOPE_ALL, .session_id = 1};
    snprintf(subject->facility, sizeof subject->facility, "%s", person.facility);
    kh_http_attach(request, subject, free);
    handler(request, context);
}

void kh_guard_page_then(kh_guard *guard, kh_http_request *request, kh_http_handler *handler, void *context)
{
    kh_guard_then(guard, request, &(kh_guarded){.listing = true}, handler, context);
}

void kh_guard_drain(kh_guard *guard)
{
    (void)guard;
}

const kh_subject *kh_guard_subject(const kh_http_request *request)
{
    return kh_http_attached(request);
}

static void answer_off(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer_code(request, 404, "not here");
}

const kh_http_route kh_guard_off = {.method = "GET", .pattern = "/api/session", .handler = answer_off};

void kh_guard_routes(kh_guard *guard, kh_http_route routes[KH_GUARD_ROUTES])
{
    (void)guard;
    for (size_t i = 0; i < KH_GUARD_ROUTES; i++)
        routes[i] = kh_guard_off;
}

static bool session_goes_on(void *context, const kh_subject *subject)
{
    (void)context;
    (void)subject;
    return true;
}

/* ---- the region ---- */

static void add_facility(const char *code, kh_facility_part part)
{
    kh_facility facility = {.kind = KH_FACILITY_HOSPITAL, .part = part};
    static const struct {
        const char *word;
        kh_person_role role;
    } roles[] = {{"doctor", KH_ROLE_DOCTOR}, {"registrar", KH_ROLE_REGISTRAR}};

    snprintf(facility.code, sizeof facility.code, "%s", code);
    snprintf(facility.name, sizeof facility.name, "The %s", code);
    must(kh_facility_add(access_db, &facility, err));
    for (size_t i = 0; i < KH_COUNT(roles); i++) {
        kh_person person = {.role = roles[i].role, .name = "N", .kana = "ナ ナ", .birth_date = "19700101"};

        snprintf(person.login, sizeof person.login, "%s.%s", code, roles[i].word);
        snprintf(person.facility, sizeof person.facility, "%s", code);
        must(kh_person_add(access_db, &person, err));
        must(kh_person_train(access_db, person.login, "20260101", err));
        must(kh_person_activate(access_db, person.login, err));
    }
}

static void add_patient(const char *facility, const char *number, const char *kana, const char *card)
{
    kh_registered patient = {.name_alphabetic = "Yamada^Hanako", .name_ideographic = "山田^花子", .birth_date = "19560214", .sex = "F"};

    snprintf(patient.facility, sizeof patient.facility, "%s", facility);
    snprintf(patient.number, sizeof patient.number, "%s", number);
    snprintf(patient.name_phonetic, sizeof patient.name_phonetic, "%s", kana);
    snprintf(patient.card, sizeof patient.card, "%s", card);
    must(kh_registered_add(access_db, &patient, BY, true, err));
}

static void consent(const char *hospital, const char *number, const char *site, const char *there)
{
    const kh_consent_place place = {site, there};
    time_t now = time(NULL);
    struct tm local;
    char today[9];
    kh_consent_sheet sheet = kh_consent_of_sites(hospital, number, today, &place, 1);

    sheet.explained = true;
    sheet.explainer = "E";
    sheet.look_back_years = KH_LOOK_BACK_NONE;
    sheet.items = KH_ITEM_IMAGES;
    assert_non_null(localtime_r(&now, &local));
    assert_int_equal(strftime(today, sizeof today, "%Y%m%d", &local), 8);
    must(kh_link_make(access_db, &(kh_link_end){hospital, number}, &(kh_link_end){site, there}, BY, err));
    must(kh_consent_add(access_db, &kh_consent_rules_default, &sheet, BY, &consent_id, err));
}

static int open_region(void **state)
{
    kh_watch_options watching = {.session_goes_on = session_goes_on};
    fixture *f;

    fixture_open(state);
    f = *state;
    watching.page = f->samples.page;
    must(kh_access_open(&access_db, &(kh_access_options){.dir = f->samples.dir, .page = f->samples.page}, err));
    add_facility("city-hospital", KH_PART_BOTH);
    add_facility("south", KH_PART_BOTH);
    add_facility("clinic", KH_PART_VIEWER);
    add_facility("other", KH_PART_VIEWER);
    add_patient("city-hospital", "P-1", "やまだ^はなこ", "77");
    add_patient("south", "S-1", "やまだ^はなこ", "77");
    add_patient("clinic", "K-1", "やまだ^はなこ", "77");
    add_patient("clinic", "K-2", "やまだ^はなえ", "");
    add_patient("other", "O-1", "やまだ^はなこ", "77");
    consent("city-hospital", "P-1", "clinic", "K-1");
    consent("south", "S-1", "clinic", "K-1");
    samples_add(&f->samples, &(sample_image){.study = 9,
                                             .series = 9,
                                             .instance = 1,
                                             .rows = 16,
                                             .columns = 16,
                                             .patient_id = "S-1",
                                             .facility = "south",
                                             .date = "20261201"});
    must(kh_rights_create(&rights, access_db, err));
    must(kh_watch_create(&watch, &watching, err));
    f->options.guard = &door;
    f->options.rights = rights;
    f->options.access = access_db;
    f->options.watch = watch;
    fixture_restart(f);
    return 0;
}

static int close_region(void **state)
{
    fixture_close(state);
    kh_watch_free(watch);
    kh_rights_free(rights);
    kh_access_close(access_db);
    return 0;
}

/* ---- asking ---- */

static json_t *ask(fixture *f, const char *login, const char *target, unsigned expected)
{
    char header[100];
    client_answer answer;
    json_t *json;

    snprintf(header, sizeof header, "X-Test-Person: %s\r\n", login);
    answer = get(f, target, header);
    if (answer.code != expected)
        fail_msg("%s asks %s: %u, expected %u", login, target, answer.code, expected);
    json = json_loadb((char *)answer.body, answer.body_size, 0, NULL);
    client_answer_free(&answer);
    assert_non_null(json);
    return json;
}

/* The numbers that were found, "K-1 K-2". */
static void found(char out[200], fixture *f, const char *login, const char *target)
{
    json_t *json = ask(f, login, target, 200), *patient;
    size_t i;

    out[0] = '\0';
    json_array_foreach(json_object_get(json, "patients"), i, patient)
        snprintf(out + strlen(out), 200 - strlen(out), "%s%s", i ? " " : "", json_string_value(json_object_get(patient, "number")));
    json_decref(json);
}

static int64_t id_of(fixture *f, const char *login, const char *target)
{
    json_t *json = ask(f, login, target, 200);
    int64_t id = json_integer_value(json_object_get(json_array_get(json_object_get(json, "patients"), 0), "id"));

    json_decref(json);
    assert_true(id > 0);
    return id;
}

#define KANA "%e3%82%84%e3%81%be%e3%81%a0%20%e3%81%af%e3%81%aa%e3%81%93"         /* やまだ はなこ */
#define KATAKANA "%e3%83%a4%e3%83%9e%e3%83%80%e3%83%8f%e3%83%8a%e3%82%b3"         /* ヤマダハナコ */

static const struct {
    const char *name, *login, *query, *expected; /* NULL: 400 */
} searches[] = {
    {"own number", "clinic.doctor", "number=K-1", "K-1"},
    {"a hospital's number is not the site's own [TB-7]", "clinic.doctor", "number=P-1", ""},
    {"part of a number", "clinic.doctor", "number=K-", ""},
    {"card", "clinic.doctor", "card=77", "K-1"},
    {"kana and birth date", "clinic.doctor", "kana=" KANA "&birth=19560214", "K-1"},
    {"kana as others write it", "clinic.doctor", "kana=" KATAKANA "&birth=19560214", "K-1"},
    {"kana, another birth date", "clinic.doctor", "kana=" KANA "&birth=19560215", ""},
    {"kana alone [TB-6]", "clinic.doctor", "kana=" KANA, NULL},
    {"kana, an empty birth date", "clinic.doctor", "kana=" KANA "&birth=", NULL},
    {"a birth date alone", "clinic.doctor", "birth=19560214", NULL},
    {"nothing", "clinic.doctor", "", NULL},
    {"two ways at once", "clinic.doctor", "number=K-1&card=77", NULL},
    {"no consent for anybody [AZ-16]", "clinic.doctor", "number=K-2", ""},
    {"a number, linked to nothing [AZ-16]", "other.doctor", "number=O-1", ""},
    {"a hospital's own", "city-hospital.doctor", "number=P-1", "P-1"},
    {"who keeps the entry", "clinic.registrar", "number=K-2", "K-2"},
    {"a hospital's liaison office", "city-hospital.registrar", "number=P-1", "P-1"},
};

static void searched(void **state)
{
    fixture *f = *state;
    char target[300], numbers[200];

    for (size_t i = 0; i < KH_COUNT(searches); i++) {
        snprintf(target, sizeof target, "/api/patients?%s", searches[i].query);
        if (!searches[i].expected) {
            json_decref(ask(f, searches[i].login, target, 400));
            continue;
        }
        found(numbers, f, searches[i].login, target);
        if (strcmp(numbers, searches[i].expected) != 0)
            fail_msg("%s: found \"%s\", expected \"%s\"", searches[i].name, numbers, searches[i].expected);
    }
}

static void the_time_line(void **state)
{
    fixture *f = *state;
    char target[64];
    json_t *json, *studies, *sources;

    snprintf(target, sizeof target, "/api/patients/%lld", (long long)id_of(f, "clinic.doctor", "/api/patients?number=K-1"));
    json = ask(f, "clinic.doctor", target, 200);
    studies = json_object_get(json, "studies");
    sources = json_object_get(json, "sources");
    assert_int_equal(json_array_size(studies), 2); /* of both hospitals, and of nobody else there */
    assert_string_equal(json_string_value(json_object_get(json_array_get(studies, 0), "facility")), "south"); /* the newest first */
    assert_string_equal(json_string_value(json_object_get(json_array_get(studies, 1), "facility")), "city-hospital");
    assert_int_equal(json_array_size(sources), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(sources, 0), "by")), "grant");
    json_decref(json);
}

static bool still_open(fixture *f, json_int_t study)
{
    char target[64];
    client_answer answer;
    bool open;

    snprintf(target, sizeof target, "/api/studies/%lld", (long long)study);
    answer = get(f, target, "X-Test-Person: clinic.doctor\r\n");
    open = answer.code == 200;
    client_answer_free(&answer);
    return open;
}

/* Of a study at one hospital the studies at the other, and what shuts one of them shuts it here, too. */
static void priors_of_a_study(void **state)
{
    fixture *f = *state;
    char target[64];
    json_t *json, *studies;
    json_int_t south, city, left;

    snprintf(target, sizeof target, "/api/patients/%lld", (long long)id_of(f, "clinic.doctor", "/api/patients?number=K-1"));
    json = ask(f, "clinic.doctor", target, 200);
    studies = json_object_get(json, "studies");
    south = json_integer_value(json_object_get(json_array_get(studies, 0), "id"));
    city = json_integer_value(json_object_get(json_array_get(studies, 1), "id"));
    json_decref(json);
    snprintf(target, sizeof target, "/api/studies/%lld/priors", (long long)city);
    json = ask(f, "clinic.doctor", target, 200);
    studies = json_object_get(json, "studies");
    assert_int_equal(json_array_size(studies), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(studies, 0), "id")), south);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(studies, 1), "id")), city);
    json_decref(json);
    json = ask(f, "city-hospital.doctor", target, 200); /* its own, and nothing of the other hospital's */
    studies = json_object_get(json, "studies");
    assert_int_equal(json_array_size(studies), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(studies, 0), "id")), city);
    json_decref(json);
    json_decref(ask(f, "other.doctor", target, 404));
    json_decref(ask(f, "other.doctor", "/api/studies/999999/priors", 404));
    must(kh_consent_withdraw(access_db, consent_id, "clinic", "none is needed", BY, err)); /* of one hospital: south or city */
    left = (still_open(f, city) ? city : 0) + (still_open(f, south) ? south : 0);
    assert_true(left == city || left == south);
    snprintf(target, sizeof target, "/api/studies/%lld/priors", (long long)left);
    json = ask(f, "clinic.doctor", target, 200);
    assert_int_equal(json_array_size(json_object_get(json, "studies")), 1);
    json_decref(json);
}

static void sees_no_images(void **state)
{
    fixture *f = *state;
    char target[64];
    json_t *json;

    snprintf(target, sizeof target, "/api/patients/%lld", (long long)id_of(f, "city-hospital.registrar", "/api/patients?number=P-1"));
    json = ask(f, "city-hospital.registrar", target, 200); /* AZ-9 */
    assert_int_equal(json_array_size(json_object_get(json, "studies")), 0);
    json_decref(json);
}

/* A withdrawal takes one hospital off the line; with the last one the patient is not there any more, as one that never was. */
static void withdrawn(void **state)
{
    fixture *f = *state;
    char target[64];
    json_t *json, *absent;
    int64_t id = id_of(f, "clinic.doctor", "/api/patients?number=K-1");

    snprintf(target, sizeof target, "/api/patients/%lld", (long long)id);
    must(kh_consent_withdraw(access_db, consent_id, "clinic", "none is needed", BY, err));
    json = ask(f, "clinic.doctor", target, 200);
    assert_int_equal(json_array_size(json_object_get(json, "studies")), 1);
    json_decref(json);
    must(kh_consent_withdraw(access_db, consent_id - 1, "clinic", "none is needed", BY, err));
    json = ask(f, "clinic.doctor", target, 404);
    absent = ask(f, "clinic.doctor", "/api/patients/999999", 404);
    assert_true(json_equal(json, absent));
    json_decref(json);
    json = ask(f, "other.doctor", target, 404);
    assert_true(json_equal(json, absent));
    json_decref(json);
    json_decref(absent);
}

static void without_accounts(void **state)
{
    fixture *f = *state;

    f->options.guard = NULL;
    f->options.rights = NULL;
    f->options.access = NULL;
    f->options.watch = NULL;
    fixture_restart(f);
    assert_int_equal(get_code(f, "/api/patients?number=K-1"), 404);
    assert_int_equal(get_code(f, "/api/patients/1"), 404);
    assert_int_equal(get_code(f, "/patients/1"), 200); /* the page, which says so */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_region, close_region)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(searched),       TEST(the_time_line), TEST(priors_of_a_study),
                                       TEST(sees_no_images), TEST(withdrawn),     TEST(without_accounts)};

    return cmocka_run_group_tests_name("patients", tests, NULL, NULL);
}
