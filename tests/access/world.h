/* world.h - two hospitals (north, south), two clinics (east, west), their people and one patient who has a number at each: 1001 at north,
 * 2001 at south, 3001 at east, 4001 at west. Nothing is linked, nobody consented. */
#ifndef KH_TESTS_ACCESS_WORLD_H
#define KH_TESTS_ACCESS_WORLD_H

#include "access/consents.h"
#include "access/links.h"
#include "access/rights.h"
#include "tests/access/support.h"

extern kh_rights *world_rights;
int world_set_up(void **state);
int world_tear_down(void **state);

/* Of a login made by the set-up: "north.doctor", "east.nurse", ... */
kh_subject world_person(const char *login);
/* A sheet of the patient taken at north, signed today, showing north's to the sites; to be changed. */
kh_consent_sheet world_sheet(const kh_consent_place *places, size_t count);
int64_t world_consent(const kh_consent_sheet *sheet);
/* Links north's 1001 with the number at the facility: "east" and 3001. */
void world_link(const char *facility, const char *number);
void world_unlink(const char *facility, const char *number);
/* The patient's study at north: CT, of today, arrived now. */
kh_matter world_study(void);
/* What is decided; fails the test when nothing can be read. */
kh_verdict world_ask(const char *login, kh_verb verb, const kh_matter *matter);
/* The reason for viewing world_study(). */
kh_reason world_view(const char *login);

#endif
