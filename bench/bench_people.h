/* bench_people.h - who reads in benchmarks of decisions. */
#ifndef KH_BENCH_PEOPLE_H
#define KH_BENCH_PEOPLE_H

#include "access/access.h"
#include "access/subject.h"

/* A hospital, the facility "clinic", and its doctor, trained and active, as who decisions are made for. */
KH_MUST_USE kh_status bench_add_people(kh_access *access, const char *hospital, kh_subject *doctor, kh_error *err);

#endif
