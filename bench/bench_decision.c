/* bench_decision.c - what a decision costs: known ones, and new ones in a region of so many patients.
 * Usage: bench_decision DIR PATIENTS. DIR is new. Prints microseconds: median of known decisions, median and 99th percentile of new ones,
 * and milliseconds for the horizon of a doctor at the site that all of them consented to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/rights.h"
#include "base/clock.h"
#include "bench/bench_people.h"

#define NEW_COUNT 4000
#define KNOWN_ROUNDS 2000
#define KNOWN_IN_ROUND 500

static int failed(const kh_error *err)
{
    fprintf(stderr, "bench_decision: %s\n", err->message);
    return 1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static kh_status put_patients(kh_sql *sql, void *context, int64_t patients, kh_error *err)
{
    (void)context;
    return kh_sql_run(sql,
                      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO patient (id, facility_ref, number,"
                      " name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex, address, address_key, card, made_ms,"
                      " by_whom) SELECT i, 1, i, '', '', '', '', '', '', '', '', '', 1, 'b' FROM n",
                      &KH_SQL_I(patients), 1, NULL, err);
}

/* Of each patient one that is open, and three that ended. */
#define GRANTS                                                                                                                             \
    "INSERT INTO access_grant (consent_ref, discloser_ref, patient_ref, target, site_ref, team, from_ms, to_ms, floor, items, modalities," \
    " ended_ms, noted) SELECT p.id, 1, p.id, 1, 2, '', 1, 9223372036854775807, '20250401', 7, '', k.column1, 1"                            \
    " FROM patient p, (VALUES (0), (5), (6), (7)) k WHERE p.id <= ?1"

static kh_status decide(kh_rights *rights, const kh_subject *doctor, int64_t patient, int64_t key, kh_error *err)
{
    char number[24];
    const kh_matter matter = {.kind = KH_KIND_FRAME,
                              .facility = "hospital",
                              .patient_id = number,
                              .study_uid = "1.2.3",
                              .series_uid = "1.2.3.4",
                              .study_date = "20260601",
                              .modalities = "CT",
                              .arrived_ms = 1,
                              .key = key};
    kh_verdict verdict;
    kh_status status;

    snprintf(number, sizeof number, "%lld", (long long)patient);
    status = kh_rights_decide(rights, doctor, KH_VERB_VIEW, &matter, &verdict, err);
    return status == KH_OK && !verdict.allowed ? kh_error_set(err, KH_E_INTERNAL, "refused: %s", kh_reason_text(verdict.reason)) : status;
}

static kh_status measure(kh_rights *rights, const kh_subject *doctor, int64_t patients, kh_error *err)
{
    static double fresh[NEW_COUNT], known[KNOWN_ROUNDS];
    kh_status status = KH_OK;
    kh_horizon horizon;
    kh_verdict verdict;
    int64_t begun_us;

    for (int64_t i = 0; status == KH_OK && i < NEW_COUNT; i++) {
        begun_us = kh_clock_monotonic_us();
        status = decide(rights, doctor, 1 + i * 7919 % patients, i + 1, err);
        fresh[i] = (double)(kh_clock_monotonic_us() - begun_us);
    }
    for (size_t i = 0; status == KH_OK && i < KNOWN_ROUNDS; i++) {
        status = decide(rights, doctor, 1, 1, err);
        begun_us = kh_clock_monotonic_us();
        for (size_t k = 0; k < KNOWN_IN_ROUND; k++)
            if (!kh_rights_known(rights, doctor, KH_VERB_VIEW, KH_KIND_FRAME, 1, &verdict))
                status = status == KH_OK && k > 0 ? decide(rights, doctor, 1, 1, err) : status; /* its second was over */
        known[i] = (double)(kh_clock_monotonic_us() - begun_us) / KNOWN_IN_ROUND;
    }
    if (status != KH_OK)
        return status;
    begun_us = kh_clock_monotonic_us();
    status = kh_rights_horizon(rights, doctor, &horizon, err);
    begun_us = kh_clock_monotonic_us() - begun_us;
    qsort(fresh, NEW_COUNT, sizeof fresh[0], by_value);
    qsort(known, KNOWN_ROUNDS, sizeof known[0], by_value);
    if (status == KH_OK)
        printf("%.3f %.1f %.1f %.1f\n", known[KNOWN_ROUNDS / 2], fresh[NEW_COUNT / 2], fresh[NEW_COUNT * 99 / 100],
               (double)begun_us / 1000);
    kh_horizon_release(&horizon);
    return status;
}

int main(int argc, char **argv)
{
    int64_t patients = argc == 3 ? atoll(argv[2]) : 0;
    kh_error err = KH_ERROR_INIT;
    kh_access *access = NULL;
    kh_rights *rights = NULL;
    kh_subject doctor;
    kh_status status;

    if (patients < 1 || patients > 1000000) {
        fputs("usage: bench_decision DIR PATIENTS\n", stderr);
        return 2;
    }
    status = kh_access_open(&access, &(kh_access_options){.dir = argv[1]}, &err);
    if (status == KH_OK)
        status = bench_add_people(access, "hospital", &doctor, &err);
    if (status == KH_OK)
        status = bench_add_consents(argv[1], patients, put_patients, NULL, GRANTS, &err);
    if (status == KH_OK)
        status = kh_rights_create(&rights, access, &err);
    if (status == KH_OK)
        status = measure(rights, &doctor, patients, &err);
    kh_rights_free(rights);
    kh_access_close(access);
    return status == KH_OK ? 0 : failed(&err);
}
