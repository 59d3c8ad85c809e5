/* bench_lists.c - what a list costs whose scope are many patients of another facility.
 * Usage: bench_lists DATA PATIENTS DIR. DATA holds an index of bench_fill, which is brought to this release's schema; DIR is new, for
 * access.db: a doctor of a clinic, to which so many patients of `north` consented. Prints milliseconds: the scope made anew, and again; a
 * page of 50 with the total for the first time, again at once, and after a second, when no verdict is kept any more; the page alone; and
 * how many studies the total is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/reach.h"
#include "base/clock.h"
#include "bench/bench_people.h"

#define PAGE 50

static int failed(const kh_error *err)
{
    fprintf(stderr, "bench_lists: %s\n", err->message);
    return 1;
}

/* The first patients of `north` in the index of the folder `data`. */
static kh_status copy_patients(kh_sql *to, void *data, int64_t patients, kh_error *err)
{
    char path[1100];
    kh_sql *from = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    int64_t id = 0;
    kh_status status;

    snprintf(path, sizeof path, "%s/index.db", (const char *)data);
    status = kh_sql_open(&from, path, KH_SQL_READER, err);
    if (status == KH_OK)
        status = kh_sql_query(&row, from,
                              "SELECT DISTINCT p.patient_id FROM patient p JOIN facility f ON f.id = p.facility_id WHERE f.name = 'north'"
                              " AND p.patient_id <> '' LIMIT ?1",
                              &KH_SQL_I(patients), 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = kh_sql_run(
            to,
            "INSERT INTO patient (id, facility_ref, number, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex,"
            " address, address_key, card, made_ms, by_whom) VALUES (?1, 1, ?2, '', '', '', '', '', '', '', '', '', 1, 'b')",
            (kh_sql_value[]){KH_SQL_I(++id), KH_SQL_T(kh_sql_text(row, 0))}, 2, NULL, err);
    kh_sql_end(row);
    kh_sql_close(from);
    return status;
}

/* Without a floor. */
#define GRANTS                                                                                                                             \
    "INSERT INTO access_grant (consent_ref, discloser_ref, patient_ref, target, site_ref, team, from_ms, to_ms, floor, items, modalities," \
    " noted) SELECT id, 1, id, 1, 2, '', 1, 9223372036854775807, '', 7, '', 1 FROM patient WHERE id <= ?1"

static kh_status count_one(void *context, const kh_study *study)
{
    (void)study;
    ++*(int *)context;
    return KH_OK;
}

/* total NULL: the page alone. */
static kh_status list(kh_cache *cache, kh_rights *rights, const kh_subject *doctor, int64_t *total, double *ms, kh_error *err)
{
    int64_t begun_us = kh_clock_monotonic_us();
    kh_study_filter filter = {.limit = PAGE};
    kh_reach *reach = NULL;
    int rows = 0;
    kh_status status = kh_reach_open(&reach, rights, doctor, KH_VERB_FIND, KH_REACH_LIST, err);

    filter.scope = kh_reach_scope(reach);
    if (status == KH_OK)
        status = kh_browse_studies(cache, &filter, count_one, &rows, total, err);
    kh_reach_close(reach);
    *ms = (double)(kh_clock_monotonic_us() - begun_us) / 1000;
    return status == KH_OK && rows != PAGE ? kh_error_set(err, KH_E_INTERNAL, "%d rows", rows) : status;
}

static kh_status open_reach(kh_rights *rights, const kh_subject *doctor, double *ms, kh_error *err)
{
    int64_t begun_us = kh_clock_monotonic_us();
    kh_reach *reach = NULL;
    kh_status status = kh_reach_open(&reach, rights, doctor, KH_VERB_FIND, KH_REACH_LIST, err);

    *ms = (double)(kh_clock_monotonic_us() - begun_us) / 1000;
    kh_reach_close(reach);
    return status;
}

static kh_status measure(kh_cache *cache, kh_rights *rights, const kh_subject *doctor, kh_error *err)
{
    double ms[6] = {0};
    int64_t total = 0;
    kh_status status = open_reach(rights, doctor, &ms[0], err);

    if (status == KH_OK)
        status = open_reach(rights, doctor, &ms[1], err);
    if (status == KH_OK)
        status = list(cache, rights, doctor, &total, &ms[2], err);
    if (status == KH_OK)
        status = list(cache, rights, doctor, &total, &ms[3], err);
    kh_clock_sleep_ms(1100);
    if (status == KH_OK)
        status = list(cache, rights, doctor, &total, &ms[4], err);
    if (status == KH_OK)
        status = list(cache, rights, doctor, NULL, &ms[5], err);
    if (status == KH_OK)
        printf("%.1f %.3f %.1f %.1f %.1f %.1f %lld\n", ms[0], ms[1], ms[2], ms[3], ms[4], ms[5], (long long)total);
    return status;
}

static kh_status open_cache(kh_cache **out, const char *dir, kh_error *err)
{
    kh_cache_options options = kh_cache_options_default;
    kh_status status;

    options.dir = dir;
    options.owner = true; /* brings it to this release's schema */
    status = kh_cache_open(out, &options, err);
    kh_cache_close(*out);
    options.owner = false;
    return status == KH_OK ? kh_cache_open(out, &options, err) : status;
}

int main(int argc, char **argv)
{
    int64_t patients = argc == 4 ? atoll(argv[2]) : 0;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_access *access = NULL;
    kh_rights *rights = NULL;
    kh_subject doctor;
    kh_status status;

    if (patients < 1 || patients > 1000000) {
        fputs("usage: bench_lists DATA PATIENTS DIR\n", stderr);
        return 2;
    }
    status = open_cache(&cache, argv[1], &err);
    if (status == KH_OK)
        status = kh_access_open(&access, &(kh_access_options){.dir = argv[3]}, &err);
    if (status == KH_OK)
        status = bench_add_people(access, "north", &doctor, &err);
    if (status == KH_OK)
        status = bench_add_consents(argv[3], patients, copy_patients, argv[1], GRANTS, &err);
    if (status == KH_OK)
        status = kh_rights_create(&rights, access, &err);
    if (status == KH_OK)
        status = measure(cache, rights, &doctor, &err);
    kh_rights_free(rights);
    kh_access_close(access);
    kh_cache_close(cache);
    return status == KH_OK ? 0 : failed(&err);
}
