/* bench_decision.c - what a decision costs: known ones, and new ones in a region of so many patients.
 * Usage: bench_decision DIR PATIENTS. DIR is new. Prints microseconds: median of known decisions, median and 99th percentile of new ones,
 * and milliseconds for the horizon of a doctor at the site that all of them consented to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/rights.h"
#include "base/clock.h"
#include "bench/bench_people.h"
#include "store/sql.h"

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

/* Patients at both, linked, each with a consent of the hospital to the clinic, and three that ended: in one transaction. */
static kh_status add_patients(const char *dir, int64_t patients, kh_error *err)
{
    static const char *const statements[] = {
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO patient (id, facility_ref, number, name_alphabetic,"
        " name_ideographic, name_phonetic, kana_key, birth_date, sex, address, address_key, card, made_ms, by_whom)"
        " SELECT i, 1, i, '', '', '', '', '', '', '', '', '', 1, 'b' FROM n",
        "INSERT INTO patient (id, facility_ref, number, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex, address,"
        " address_key, card, made_ms, by_whom) SELECT id + ?1, 2, number, '', '', '', '', '', '', '', '', '', 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO link (from_ref, to_ref, to_facility_ref, made_ms, by_whom) SELECT id, id + ?1, 2, 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO link (from_ref, to_ref, to_facility_ref, made_ms, by_whom) SELECT id + ?1, id, 1, 1, 'b' FROM patient WHERE id <= ?1",
        "INSERT INTO consent (id, patient_ref, form, direction, signed_date, signer, proxy_name, proxy_relation, explainer, department, fax, holder_ref,"
        " author, made_ms, by_whom, from_ms, to_ms) SELECT id, id, 1, 2, '20260401', 1, '', '', 'A', '', '', 1, 'b', 1, 'b', 1, 9223372036854775807"
        " FROM patient WHERE id <= ?1",
        "INSERT INTO access_grant (consent_ref, discloser_ref, patient_ref, target, site_ref, team, from_ms, to_ms, floor, items, modalities, ended_ms, noted)"
        " SELECT p.id, 1, p.id, 1, 2, '', 1, 9223372036854775807, '20250401', 7, '', k.column1, 1 FROM patient p, (VALUES (0), (5), (6), (7)) k WHERE p.id <= ?1",
    };
    char path[1100];
    kh_sql *sql = NULL;
    kh_status status;

    snprintf(path, sizeof path, "%s/access.db", dir);
    status = kh_sql_open(&sql, path, KH_SQL_WRITER, err);
    if (status == KH_OK)
        status = kh_sql_begin(sql, err);
    for (size_t i = 0; status == KH_OK && i < sizeof statements / sizeof statements[0]; i++)
        status = kh_sql_run(sql, statements[i], &KH_SQL_I(patients), 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_commit(sql, err);
    kh_sql_close(sql);
    return status;
}

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
        status = add_patients(argv[1], patients, &err);
    if (status == KH_OK)
        status = kh_rights_create(&rights, access, &err);
    if (status == KH_OK)
        status = measure(rights, &doctor, patients, &err);
    kh_rights_free(rights);
    kh_access_close(access);
    return status == KH_OK ? 0 : failed(&err);
}
