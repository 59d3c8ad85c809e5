/* bench_people.h - who reads in benchmarks of decisions. */
#ifndef KH_BENCH_PEOPLE_H
#define KH_BENCH_PEOPLE_H

#include "access/access.h"
#include "access/subject.h"
#include "store/sql.h"

/* A hospital, the facility "clinic", and its doctor, trained and active, as who decisions are made for. */
KH_MUST_USE kh_status bench_add_people(kh_access *access, const char *hospital, kh_subject *doctor, kh_error *err);

/* Puts patients 1 to `patients` of the hospital, in the transaction of sql. */
typedef kh_status bench_put_patients(kh_sql *sql, void *context, int64_t patients, kh_error *err);
/* Into access.db in dir, in one transaction: the patients that put() puts; each at the clinic too, linked, with a consent of the hospital to
 * the clinic; and what of it is open, by the statement `grants` (?1: how many patients). */
KH_MUST_USE kh_status bench_add_consents(const char *dir, int64_t patients, bench_put_patients *put, void *context, const char *grants,
                                         kh_error *err);

#endif
