/* access_fill DIR - fills access.db for tests of the whole: one order a line of standard input, words between spaces, "-" for an empty one.
 *   facility CODE discloser|viewer|both
 *   patient FACILITY NUMBER
 *   link FACILITY NUMBER FACILITY NUMBER
 *   consent FACILITY NUMBER SITE ITEMS YEARS MODALITIES    shows the first one's images to the site; prints its id
 *   withdraw CONSENT
 *   suspend FACILITY
 * Beside a running service, as commands do it. Exit status 1 with the line that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "access/consents.h"
#include "access/facilities.h"
#include "access/links.h"

#define WORDS 8
#define BY "test"

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

static kh_status add_consent(kh_access *access, char **w, kh_error *err)
{
    const kh_consent_place place = {w[3], ""};
    char today[9];
    time_t now = time(NULL);
    struct tm local;
    kh_consent_sheet sheet = {.facility = w[1], .number = w[2], .form = KH_CONSENT_SITES, .direction = KH_CONSENT_SHOW, .signer = KH_SIGNER_PATIENT,
                              .proxy_name = "", .proxy_relation = "", .explained = true, .explainer = "Test", .department = "", .fax = "", .holder = "",
                              .author = "", .places = &place, .place_count = 1, .person = "", .team = "", .look_back_years = atoi(w[5]),
                              .modalities = plain(w[6]), .signed_date = today};
    int64_t id = 0;
    kh_status status;

    localtime_r(&now, &local);
    strftime(today, sizeof today, "%Y%m%d", &local);
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
    if (strcmp(w[0], "consent") == 0 && count == 7)
        return add_consent(access, w, err);
    if (strcmp(w[0], "withdraw") == 0 && count == 2)
        return kh_consent_withdraw(access, atoll(w[1]), "", "", BY, err);
    if (strcmp(w[0], "suspend") == 0 && count == 2)
        return kh_facility_suspend(access, w[1], "test", BY, 0, err);
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
            kh_access_close(access);
            return 1;
        }
    }
    kh_access_close(access);
    return fflush(stdout) == 0 ? 0 : 1;
}
