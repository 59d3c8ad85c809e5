/* access_fill DIR - fills access.db for tests of the whole: one order a line of standard input, words between spaces, "-" for an empty one.
 *   facility CODE discloser|viewer|both
 *   patient FACILITY NUMBER
 *   link FACILITY NUMBER FACILITY NUMBER
 *   consent FACILITY NUMBER SITE ITEMS YEARS MODALITIES    shows the first one's images to the site; prints its id
 *   consent FACILITY NUMBER SITE ITEMS YEARS MODALITIES FROM_S TO_S    the same, from and to so many seconds from now; 0: no such bound
 *   withdraw CONSENT
 *   suspend FACILITY
 *   leave FACILITY DATE
 *   person LOGIN FACILITY ROLE    trained and active
 *   password LOGIN PASSWORD
 *   token LOGIN SCOPES    prints it
 * Beside a running service, as commands do it. Exit status 1 with the line that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "access/consents.h"
#include "access/facilities.h"
#include "access/invitations.h"
#include "access/links.h"
#include "access/people.h"
#include "access/tokens.h"
#include "base/clock.h"

#define WORDS 10
#define BY "test"
#define DAY_MS (24 * 3600 * (int64_t)1000)

static kh_accounts *accounts; /* what hashes and secrets need; made with the first order that does */

static const char *plain(const char *word)
{
    return strcmp(word, "-") == 0 ? "" : word;
}

static kh_status add_facility(kh_access *access, char **w, kh_error *err)
{
    kh_facility facility = {.kind = KH_FACILITY_HOSPITAL, .part = kh_facility_part_of(w[2])};

    snprintf(facility.code, sizeof facility.code, "%s", w[1]);
    snprintf(facility.name, sizeof facility.name, "%s", w[1]);
    return kh_facility_add(access, &facility, err);
}

static kh_status add_patient(kh_access *access, char **w, kh_error *err)
{
    kh_registered patient = {.id = 0};

    snprintf(patient.facility, sizeof patient.facility, "%s", w[1]);
    snprintf(patient.number, sizeof patient.number, "%s", w[2]);
    snprintf(patient.name_alphabetic, sizeof patient.name_alphabetic, "Test^%s", w[2]);
    snprintf(patient.name_phonetic, sizeof patient.name_phonetic, "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88");
    snprintf(patient.birth_date, sizeof patient.birth_date, "19500101");
    snprintf(patient.sex, sizeof patient.sex, "O");
    return kh_registered_add(access, &patient, BY, true, err);
}

static kh_status add_person(kh_access *access, char **w, kh_error *err)
{
    kh_person person = {.birth_date = "19700101", .role = kh_role_of(w[3])};
    kh_status status;

    snprintf(person.login, sizeof person.login, "%s", w[1]);
    snprintf(person.name, sizeof person.name, "Test %s", w[1]);
    snprintf(person.kana, sizeof person.kana, "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88");
    snprintf(person.facility, sizeof person.facility, "%s", w[2]);
    status = kh_person_add(access, &person, err);
    if (status == KH_OK)
        status = kh_person_train(access, w[1], "20260401", err);
    return status == KH_OK ? kh_person_activate(access, w[1], err) : status;
}

static kh_status find_person(kh_access *access, const char *login, kh_person *out, kh_error *err)
{
    kh_status status = accounts ? KH_OK : kh_accounts_create(&accounts, access, &kh_accounts_options_default, err);

    return status == KH_OK ? kh_person_find(access, login, out, err) : status;
}

static kh_status set_password(kh_access *access, char **w, kh_error *err)
{
    kh_person person;
    char secret[KH_SECRET_SIZE];
    kh_password_fault fault = KH_PASSWORD_GOOD;
    kh_status status = find_person(access, w[1], &person, err);

    if (status == KH_OK)
        status = kh_invitation_make(access, person.id, secret, err);
    return status == KH_OK ? kh_invitation_accept(accounts, secret, w[2], &fault, err) : status;
}

static kh_status add_token(kh_access *access, char **w, kh_error *err)
{
    kh_person person;
    kh_token token = {.name = "test", .scopes = kh_scopes_of(w[2]), .expires_ms = kh_clock_wall_ms() + DAY_MS};
    char text[KH_TOKEN_SIZE];
    kh_status status = find_person(access, w[1], &person, err);

    token.person_id = person.id;
    if (status == KH_OK)
        status = kh_token_add(accounts, &token, text, err);
    if (status == KH_OK)
        printf("%s\n", text);
    return status;
}

static kh_status leave(kh_access *access, char **w, kh_error *err)
{
    kh_facility facility;
    kh_status status = kh_facility_find(access, w[1], &facility, err);

    snprintf(facility.left, sizeof facility.left, "%s", w[2]);
    return status == KH_OK ? kh_facility_set(access, &facility, err) : status;
}

/* So many seconds from now; 0: no such bound. */
static int64_t moment(const char *word)
{
    return atoll(word) ? kh_clock_wall_ms() + atoll(word) * 1000 : 0;
}

static kh_status add_consent(kh_access *access, char **w, size_t count, kh_error *err)
{
    const kh_consent_place place = {w[3], ""};
    char today[9];
    time_t now = time(NULL);
    struct tm local;
    kh_consent_sheet sheet = kh_consent_of_sites(w[1], w[2], today, &place, 1);
    int64_t id = 0;
    kh_status status;

    localtime_r(&now, &local);
    strftime(today, sizeof today, "%Y%m%d", &local);
    sheet.explained = true;
    sheet.explainer = "Test";
    sheet.look_back_years = atoi(w[5]);
    sheet.modalities = plain(w[6]);
    if (count == 9) {
        sheet.from_ms = moment(w[7]);
        sheet.to_ms = moment(w[8]);
    }
    if (!kh_items_of(&sheet.items, w[4]))
        return kh_error_set(err, KH_E_ARG, "items \"%s\"", w[4]);
    status = kh_consent_add(access, &kh_consent_rules_default, &sheet, BY, &id, err);
    if (status == KH_OK)
        printf("%lld\n", (long long)id);
    return status;
}

static kh_status obey(kh_access *access, char **w, size_t count, kh_error *err)
{
    if (strcmp(w[0], "facility") == 0 && count == 3)
        return add_facility(access, w, err);
    if (strcmp(w[0], "patient") == 0 && count == 3)
        return add_patient(access, w, err);
    if (strcmp(w[0], "link") == 0 && count == 5)
        return kh_link_make(access, &(kh_link_end){w[1], w[2]}, &(kh_link_end){w[3], w[4]}, BY, err);
    if (strcmp(w[0], "consent") == 0 && (count == 7 || count == 9))
        return add_consent(access, w, count, err);
    if (strcmp(w[0], "withdraw") == 0 && count == 2)
        return kh_consent_withdraw(access, atoll(w[1]), "", "", BY, err);
    if (strcmp(w[0], "suspend") == 0 && count == 2)
        return kh_facility_suspend(access, w[1], "test", BY, 0, err);
    if (strcmp(w[0], "leave") == 0 && count == 3)
        return leave(access, w, err);
    if (strcmp(w[0], "person") == 0 && count == 4)
        return add_person(access, w, err);
    if (strcmp(w[0], "password") == 0 && count == 3)
        return set_password(access, w, err);
    if (strcmp(w[0], "token") == 0 && count == 3)
        return add_token(access, w, err);
    return kh_error_set(err, KH_E_ARG, "not understood");
}

int main(int argc, char **argv)
{
    const kh_access_options options = {.dir = argc == 2 ? argv[1] : ""};
    kh_error err = KH_ERROR_INIT;
    kh_access *access;
    char line[1000];

    if (argc != 2 || kh_access_open(&access, &options, &err) != KH_OK) {
        fprintf(stderr, "access_fill: %s\n", argc == 2 ? err.message : "expected a folder");
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS], *state = NULL;
        size_t count = 0;

        for (char *word = strtok_r(line, " \n", &state); word && count < WORDS; word = strtok_r(NULL, " \n", &state))
            words[count++] = word;
        if (count > 0 && obey(access, words, count, &err) != KH_OK) {
            fprintf(stderr, "access_fill: %s: %s\n", words[0], err.message);
            kh_accounts_free(accounts);
            kh_access_close(access);
            return 1;
        }
    }
    kh_accounts_free(accounts);
    kh_access_close(access);
    return fflush(stdout) == 0 ? 0 : 1;
}
