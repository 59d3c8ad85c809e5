/* Which rules are about a study, and which earlier studies they want: the table of conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "pacs-bridge/rule_match.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static kh_study study_of(const char *date)
{
    kh_study study = {.id = 1};

    strcpy(study.patient.facility, "north");
    strcpy(study.description, "CT Thorax 胸部");
    strcpy(study.date, date);
    return study;
}

static const kh_series two_series[2] = {
    {.id = 11, .modality = "CT", .body_part = "CHEST", .description = "Lung 1.0"},
    {.id = 12, .modality = "SR", .body_part = "", .description = "Dose report"},
};

static void conditions(void **state)
{
    static const struct {
        const char *name, *source, *facility, *modality, *body_part, *description;
        bool fits;
    } cases[] = {
        {"none", "", "", "", "", "", true},
        {"source", "ct-1", "", "", "", "", true},
        {"source pattern", "ct-*", "", "", "", "", true},
        {"the second source", "import", "", "", "", "", true},
        {"part of a source's name", "ct", "", "", "", "", false},
        {"other source", "mr-*", "", "", "", "", false},
        {"facility", "", "north", "", "", "", true},
        {"other facility", "", "south", "", "", "", false},
        {"modality", "", "", "CT", "", "", true},
        {"one of several", "", "", "MR, CT", "", "", true},
        {"other modality", "", "", "MR", "", "", false},
        {"part of a code", "", "", "C", "", "", false},
        {"body part", "", "", "", "CHEST", "", true},
        {"other body part", "", "", "", "HEAD", "", false},
        {"both of one series", "", "", "CT", "CHEST", "", true},
        {"one each of two series", "", "", "SR", "CHEST", "", false},
        {"study description", "", "", "", "", "*thorax*", true},
        {"series description", "", "", "", "", "lung*", true},
        {"in Japanese", "", "", "", "", "*胸部", true},
        {"full-width letters", "", "", "", "", "ＣＴ*", true},
        {"one character each", "", "", "", "", "lung ?.?", true},
        {"other description", "", "", "", "", "*abdomen*", false},
        {"all at once", "ct-1", "north", "CT", "CHEST", "*lung*", true},
    };
    kh_study study = study_of("20261121");
    const kh_rule_subject subject = {&study, two_series, 2, "ct-1,import"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char why[KH_WHY_SIZE] = "";
        kh_rule rule;

        kh_rule_init(&rule, KH_RULE_FORWARD);
        strcpy(rule.source, cases[i].source);
        strcpy(rule.facility, cases[i].facility);
        strcpy(rule.modality, cases[i].modality);
        strcpy(rule.body_part, cases[i].body_part);
        strcpy(rule.description, cases[i].description);
        if (kh_rule_fits(&rule, &subject, NULL, why) != cases[i].fits)
            fail_msg("%s: %s", cases[i].name, why);
        assert_true(why[0] != '\0');
        rule.enabled = false;
        assert_false(kh_rule_fits(&rule, &subject, NULL, why));
    }
}

static void which_series(void **state)
{
    kh_study study = study_of("20261121");
    const kh_rule_subject subject = {&study, two_series, 2, "ct-1"};
    char why[KH_WHY_SIZE];
    bool fits[2] = {false, true};
    kh_rule rule;

    (void)state;
    kh_rule_init(&rule, KH_RULE_FORWARD);
    strcpy(rule.modality, "CT");
    assert_true(kh_rule_fits(&rule, &subject, fits, why));
    assert_true(fits[0]);
    assert_false(fits[1]);
    assert_string_equal(why, "1 of 2 series fit");
}

static void earlier_studies(void **state)
{
    static const struct {
        const char *name, *prior_modality, *prior_body_part, *date, *modalities, *body_parts;
        bool fits, needs_series;
    } cases[] = {
        {"same modality", "same", "", "20260101", "CT", "", true, false},
        {"one of its modalities", "same", "", "20260101", "MR,CT", "", true, false},
        {"other modality", "same", "", "20260101", "MR", "", false, false},
        {"named modality", "CR,DX", "", "20260101", "DX", "", true, false},
        {"any modality", "", "", "20260101", "", "", true, false},
        {"modality not told", "same", "", "20260101", "", "", false, true},
        {"same body part", "", "same", "20260101", "CT", "CHEST", true, false},
        {"other body part", "", "same", "20260101", "CT", "HEAD", false, false},
        {"body part not told", "", "same", "20260101", "CT", "", true, true},
        {"named body part", "", "HEAD,NECK", "20260101", "CT", "NECK", true, false},
        {"the same day", "", "", "20261121", "", "", true, false},
        {"a day later", "", "", "20261122", "", "", false, false},
        {"as old as allowed", "", "", "20261022", "", "", true, false},
        {"a day too old", "", "", "20261021", "", "", false, false},
        {"no day", "", "", "", "", "", false, false},
        {"no such day", "", "", "20260230", "", "", false, false},
    };
    kh_study study = study_of("20261121");
    const kh_rule_subject subject = {&study, two_series, 2, "ct-1"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const kh_prior prior = {cases[i].date, cases[i].modalities, cases[i].body_parts};
        char why[KH_WHY_SIZE] = "";
        kh_rule rule;

        kh_rule_init(&rule, KH_RULE_PREFETCH);
        rule.age_days = strncmp(cases[i].date, "202610", 6) == 0 ? 30 : 3650;
        strcpy(rule.prior_modality, cases[i].prior_modality);
        strcpy(rule.prior_body_part, cases[i].prior_body_part);
        if (kh_prior_fits(&rule, &subject, &prior, why) != cases[i].fits)
            fail_msg("%s: %s", cases[i].name, why);
        assert_int_equal(kh_prior_needs_series(&rule, &prior), cases[i].needs_series);
    }
}

static void codes(void **state)
{
    static const struct {
        const char *list, *codes;
        bool meet;
    } cases[] = {{"CT", "CT", true},    {"CT,MR", "MR", true}, {" CT , MR ", "MR", true}, {"CT", "C", false}, {"C", "CT", false},
                 {"", "CT", false},     {"CT", "", false},     {"", "", false},           {",,CT", "CT", true}, {"CT", ",,", false}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (kh_rule_codes_meet(cases[i].list, cases[i].codes) != cases[i].meet)
            fail_msg("\"%s\" and \"%s\"", cases[i].list, cases[i].codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(conditions), cmocka_unit_test(which_series), cmocka_unit_test(earlier_studies),
                                       cmocka_unit_test(codes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
