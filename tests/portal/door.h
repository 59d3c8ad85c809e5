/* door.h - a door and rights of the tests' own, in the place of viewer/guard and access/rights: a header "X-Test-Person: reader" or
 * "office" says who asks. What is tested with them is that nothing goes past the door. */
#ifndef KH_TESTS_PORTAL_DOOR_H
#define KH_TESTS_PORTAL_DOOR_H

#include <stdatomic.h>
#include "cache/cache.h"
#include "access/subject.h"

struct kh_guard {
    kh_cache *cache;
};

/* The reader, a doctor of "clinic", may find and view one study of "city-hospital" but one series of it. */
typedef struct door_rules {
    _Atomic int64_t open_study;  /* 0: nothing */
    _Atomic int64_t shut_series; /* 0: none */
    atomic_bool may_take, may_store, signed_in;
} door_rules;
extern door_rules rules;

bool door_session_goes_on(void *context, const kh_subject *subject);

#define READER "X-Test-Person: reader\r\n"
#define TOKEN "X-Test-Person: token\r\n" /* the reader's */
#define OFFICE "X-Test-Person: office\r\n"

#endif
