/* fixture.h - a portal over a cache of hand-made studies. */
#ifndef KH_TESTS_PORTAL_FIXTURE_H
#define KH_TESTS_PORTAL_FIXTURE_H

#include <jansson.h>
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "tests/tiles/samples.h"
#include "cache/pulls.h"
#include "viewer/portal/portal.h"

#define SLICES 5

typedef struct fixture {
    samples samples;
    kh_ingest_result slices[SLICES]; /* study 1, series 1, by instance; z falls as instances rise */
    kh_ingest_result broken, report; /* study 1, series 2 and 3 */
    kh_ingest_result other;          /* study 2, of a patient with a Japanese name */
    kh_portal *portal;
    kh_portal_options options;       /* as started; change and restart */
    uint16_t port;
} fixture;

int fixture_open(void **state);
int fixture_close(void **state);
/* Stops the portal and starts it with f->options, on a new port. */
void fixture_restart(fixture *f);

client_answer get(fixture *f, const char *target, const char *headers);
/* One GET, its code only. */
unsigned get_code(fixture *f, const char *target);
/* GET, 200, strict JSON; json_decref() it. */
json_t *get_json(fixture *f, const char *target);
/* The value of a metric without labels; fails the test when there is none. */
double get_metric(fixture *f, const char *name);
/* "/tiles/S/O-0/0/0/0.jpg" and the query. */
const char *tile_target(const kh_ingest_result *object, const char *query);

#endif
