/* docs/decisions/015 as cases, each with its neighbour on the other side of the limit. The whole matrix is another test's, with an oracle
 * of its own. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include "access/decide_facts.h"

#define NOW 1000000
#define NEVER INT64_MAX

typedef enum where { OWN, OTHER } where;
enum { REFUSED, ALLOWED };

#define NODE 0

static const kh_grant_fact standing = {
    .id = 7, .to_site = true, .from_ms = NOW - 1000, .to_ms = NOW + 1000, .floor = "20250401", .items = KH_ITEM_ALL};

static kh_decision_facts usual(where place)
{
    return (kh_decision_facts){.now_ms = NOW,
                               .known_subject = true,
                               .admitted = true,
                               .admitted_until_ms = NEVER,
                               .facility_open = true,
                               .facility_views = true,
                               .network_open = true,
                               .known = true,
                               .own = place == OWN,
                               .discloser_open = true,
                               .linked = true,
                               .study_day = "20250401",
                               .modalities = "CT",
                               .body_parts = "CHEST",
                               .departments = "放射線科,Cardiology",
                               .arrived_ms = NOW - 5000,
                               .policy = {.items = KH_ITEM_ALL}};
}

static kh_subject subject_of(int role)
{
    return (kh_subject){.person_id = role == NODE ? 0 : 5, .facility_id = 3, .role = (kh_person_role)role, .scopes = KH_SCOPE_ALL};
}

/* --- roles --- */

typedef struct role_row {
    int role;
    kh_kind kind;
    /* per verb find, view, take, change: 1 allowed */
    int own[4], granted[4], without[4];
} role_row;

static const role_row role_rows[] = {
    {KH_ROLE_DOCTOR, KH_KIND_STUDY, {1, 1, 1, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_SERIES, {1, 1, 1, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_INSTANCE, {1, 1, 1, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_FRAME, {1, 1, 1, 0}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_THUMBNAIL, {1, 1, 1, 0}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_REPORT, {1, 1, 1, 0}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_PATIENT, {1, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_AUDIT, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_DOCTOR, KH_KIND_OPERATION, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_RADIOLOGIST, KH_KIND_STUDY, {1, 1, 1, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_RADIOLOGIST, KH_KIND_FRAME, {1, 1, 1, 0}, {1, 1, 1, 0}, {0, 0, 0, 0}},
    {KH_ROLE_RADIOLOGIST, KH_KIND_PATIENT, {1, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_NURSE, KH_KIND_STUDY, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_NURSE, KH_KIND_REPORT, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_NURSE, KH_KIND_PATIENT, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_RADIOGRAPHER, KH_KIND_STUDY, {1, 1, 0, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_RADIOGRAPHER, KH_KIND_FRAME, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_REGISTRAR, KH_KIND_STUDY, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_REGISTRAR, KH_KIND_THUMBNAIL, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_REGISTRAR, KH_KIND_PATIENT, {1, 1, 0, 1}, {1, 1, 0, 1}, {1, 1, 0, 1}},
    {KH_ROLE_REGISTRAR, KH_KIND_AUDIT, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_MANAGER, KH_KIND_STUDY, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_MANAGER, KH_KIND_PATIENT, {1, 1, 0, 1}, {1, 1, 0, 1}, {1, 1, 0, 1}},
    {KH_ROLE_MANAGER, KH_KIND_AUDIT, {1, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_MANAGER, KH_KIND_OPERATION, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_OFFICE, KH_KIND_STUDY, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_OFFICE, KH_KIND_PATIENT, {1, 1, 0, 1}, {1, 1, 0, 1}, {1, 1, 0, 1}},
    {KH_ROLE_OFFICE, KH_KIND_AUDIT, {1, 1, 1, 0}, {1, 1, 1, 0}, {1, 1, 1, 0}},
    {KH_ROLE_OFFICE, KH_KIND_OPERATION, {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}},
    {KH_ROLE_AUDITOR, KH_KIND_STUDY, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_AUDITOR, KH_KIND_PATIENT, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_AUDITOR, KH_KIND_AUDIT, {1, 1, 1, 0}, {1, 1, 1, 0}, {1, 1, 1, 0}},
    {NODE, KH_KIND_STUDY, {1, 0, 1, 0}, {1, 0, 1, 0}, {0, 0, 0, 0}},
    {NODE, KH_KIND_INSTANCE, {1, 0, 1, 0}, {1, 0, 1, 0}, {0, 0, 0, 0}},
    {NODE, KH_KIND_PATIENT, {1, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}},
    {NODE, KH_KIND_AUDIT, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {NODE, KH_KIND_OPERATION, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_LAST + 1, KH_KIND_STUDY, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
    {KH_ROLE_LAST + 1, KH_KIND_OPERATION, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
};

static void test_roles(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(role_rows); i++)
        for (int verb = 0; verb < 4; verb++) {
            const role_row *row = &role_rows[i];
            kh_subject subject = subject_of(row->role);
            kh_decision_facts own = usual(OWN), granted = usual(OTHER), without = usual(OTHER);

            granted.grants = &standing;
            granted.grant_count = 1;
            print_message("role %d, %s, %s\n", row->role, kh_kind_text(row->kind), kh_verb_text((kh_verb)verb));
            assert_int_equal(kh_decide(&own, &subject, (kh_verb)verb, row->kind).allowed, row->own[verb]);
            assert_int_equal(kh_decide(&granted, &subject, (kh_verb)verb, row->kind).allowed, row->granted[verb]);
            assert_int_equal(kh_decide(&without, &subject, (kh_verb)verb, row->kind).allowed, row->without[verb]);
        }
}

/* --- what comes before the table, and what a grant needs: one thing changed in a case that is allowed --- */

typedef struct changed_row {
    const char *name;
    void (*change)(kh_decision_facts *facts, kh_grant_fact *grant, kh_subject *subject);
    kh_verb verb;
    kh_kind kind;
    int allowed;
    kh_reason reason;
    int64_t until_ms;
} changed_row;

#define CHANGE(name) static void name(kh_decision_facts *f, kh_grant_fact *g, kh_subject *s)
#define UNUSED (void)f, (void)g, (void)s

CHANGE(nothing) { UNUSED; }
CHANGE(nobody) { UNUSED; f->known_subject = false; }
CHANGE(not_admitted) { UNUSED; f->admitted = false; }
CHANGE(password_out) { UNUSED; f->admitted_until_ms = NOW; }
CHANGE(password_last_ms) { UNUSED; f->admitted_until_ms = NOW + 1; }
CHANGE(facility_shut) { UNUSED; f->facility_open = false; }
CHANGE(facility_no_viewer) { UNUSED; f->facility_views = false; }
CHANGE(network_shut) { UNUSED; f->network_open = false; }
CHANGE(scope_without_view) { UNUSED; s->scopes = KH_SCOPE_ALL & ~KH_SCOPE_VIEW; }
CHANGE(scope_view_only) { UNUSED; s->scopes = KH_SCOPE_VIEW; }
CHANGE(unknown_place) { UNUSED; f->known = false; }
CHANGE(discloser_shut) { UNUSED; f->discloser_open = false; }
CHANGE(withdrawn) { UNUSED; g->withdrawn = true; }
CHANGE(last_ms) { UNUSED; g->to_ms = NOW + 1; }
CHANGE(ended) { UNUSED; g->to_ms = NOW; }
CHANGE(first_ms) { UNUSED; g->from_ms = NOW; }
CHANGE(not_yet) { UNUSED; g->from_ms = NOW + 1; }
CHANGE(unlinked) { UNUSED; f->linked = false; }
CHANGE(day_before) { UNUSED; f->study_day = "20250331"; }
CHANGE(no_day) { UNUSED; f->study_day = ""; }
CHANGE(no_floor) { UNUSED; g->floor[0] = '\0'; f->study_day = "19000101"; }
CHANGE(no_reports) { UNUSED; g->items = KH_ITEM_IMAGES | KH_ITEM_TAKE; }
CHANGE(policy_no_reports) { UNUSED; f->policy.items = KH_ITEM_IMAGES | KH_ITEM_TAKE; }
CHANGE(no_images) { UNUSED; g->items = KH_ITEM_REPORTS | KH_ITEM_TAKE; }
CHANGE(no_items) { UNUSED; g->items = 0; }
CHANGE(no_take) { UNUSED; g->items = KH_ITEM_IMAGES | KH_ITEM_REPORTS; }
CHANGE(policy_no_take) { UNUSED; f->policy.items = KH_ITEM_IMAGES | KH_ITEM_REPORTS; }
CHANGE(only_mr) { UNUSED; strcpy(g->modalities, "MR"); }
CHANGE(ct_or_mr) { UNUSED; strcpy(g->modalities, "MR,CT"); }
CHANGE(policy_only_mr) { UNUSED; strcpy(f->policy.modalities, "MR"); }
CHANGE(sr_of_mixed) { UNUSED; strcpy(g->modalities, "SR"); f->modalities = "CT,SR"; }
CHANGE(code_that_begins_alike) { UNUSED; strcpy(g->modalities, "CTX"); }
CHANGE(no_modality_told) { UNUSED; strcpy(g->modalities, "CT"); f->modalities = ""; }
CHANGE(policy_chest) { UNUSED; strcpy(f->policy.body_parts, "HEAD,CHEST"); }
CHANGE(policy_head) { UNUSED; strcpy(f->policy.body_parts, "HEAD"); }
CHANGE(policy_department) { UNUSED; strcpy(f->policy.departments, "Surgery,放射線科"); }
CHANGE(policy_other_department) { UNUSED; strcpy(f->policy.departments, "Surgery,放射線"); }
CHANGE(department_not_told) { UNUSED; strcpy(f->policy.departments, "放射線科"); f->departments = ""; }
CHANGE(body_part_not_told) { UNUSED; strcpy(f->policy.body_parts, "CHEST"); f->body_parts = NULL; }
CHANGE(delay_over) { UNUSED; f->policy.delay_ms = 5000; }
CHANGE(delayed) { UNUSED; f->policy.delay_ms = 5001; }
CHANGE(hidden) { UNUSED; f->hidden = true; }
CHANGE(to_person) { UNUSED; g->to_site = false; }
CHANGE(node) { UNUSED; *s = subject_of(NODE); }
CHANGE(node_to_person) { UNUSED; *s = subject_of(NODE); g->to_site = false; }
CHANGE(node_no_take) { UNUSED; *s = subject_of(NODE); g->items = KH_ITEM_IMAGES; }
CHANGE(nurse) { UNUSED; *s = subject_of(KH_ROLE_NURSE); }
CHANGE(nurse_named) { UNUSED; *s = subject_of(KH_ROLE_NURSE); f->reader_roles = 1u << KH_ROLE_NURSE; }
CHANGE(radiographer_while_nurses) { UNUSED; *s = subject_of(KH_ROLE_RADIOGRAPHER); f->reader_roles = 1u << KH_ROLE_NURSE; }
CHANGE(registrar_named) { UNUSED; *s = subject_of(KH_ROLE_REGISTRAR); f->reader_roles = 1u << KH_ROLE_REGISTRAR; }
CHANGE(emergency)
{
    UNUSED;
    f->grant_count = 0;
    f->linked = false;
    f->study_day = "";
    f->emergency_id = 9;
    f->emergency_until_ms = NOW + 1;
}
CHANGE(emergency_over) { emergency(f, g, s); f->emergency_until_ms = NOW; }
CHANGE(emergency_hidden) { emergency(f, g, s); f->hidden = true; }
CHANGE(emergency_nurse_named) { emergency(f, g, s); nurse_named(f, g, s); }
CHANGE(emergency_nurse) { emergency(f, g, s); *s = subject_of(KH_ROLE_NURSE); }
CHANGE(emergency_radiographer) { emergency(f, g, s); *s = subject_of(KH_ROLE_RADIOGRAPHER); }
CHANGE(emergency_delayed) { emergency(f, g, s); f->policy.delay_ms = 100000; }
CHANGE(emergency_shut) { emergency(f, g, s); f->discloser_open = false; }
CHANGE(emergency_beside_grant) { UNUSED; f->emergency_id = 9; f->emergency_until_ms = NOW + 500; }
CHANGE(registrar_linked) { UNUSED; *s = subject_of(KH_ROLE_REGISTRAR); }
CHANGE(registrar_of_nowhere) { UNUSED; *s = subject_of(KH_ROLE_REGISTRAR); f->linked = f->known = false; }
CHANGE(person_without_role) { UNUSED; s->role = (kh_person_role)0; }
CHANGE(registrar_unlinked) { UNUSED; *s = subject_of(KH_ROLE_REGISTRAR); f->linked = false; }

static const changed_row changed_rows[] = {
    {"as it is", nothing, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"nobody", nobody, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_NOBODY, NEVER},
    {"not trained or suspended [KN-2, TB-16]", not_admitted, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"password ran out [KN-13]", password_out, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"its last millisecond", password_last_ms, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1},
    {"facility suspended", facility_shut, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"facility is no viewer", facility_no_viewer, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"network stopped", network_shut, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"token without view", scope_without_view, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_SCOPE, NEVER},
    {"token with view only: view", scope_view_only, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"token with view only: find", scope_view_only, KH_VERB_FIND, KH_KIND_STUDY, REFUSED, KH_REASON_SCOPE, NEVER},
    {"token with view only: take", scope_view_only, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_SCOPE, NEVER},
    {"a facility nobody knows", unknown_place, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_UNKNOWN, NEVER},
    {"discloser suspended", discloser_shut, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"withdrawn [AZ-23]", withdrawn, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_WITHDRAWN, NEVER},
    {"withdrawn, the patient", withdrawn, KH_VERB_FIND, KH_KIND_PATIENT, REFUSED, KH_REASON_WITHDRAWN, NEVER},
    {"last millisecond", last_ms, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1},
    {"ended", ended, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_EXPIRED, NEVER},
    {"first millisecond", first_ms, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"not yet: to be asked again then", not_yet, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_NOT_YET, NOW + 1},
    {"no number at the site [AZ-16]", unlinked, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_NO_LINK, NEVER},
    {"no number, the patient", unlinked, KH_VERB_FIND, KH_KIND_PATIENT, REFUSED, KH_REASON_NO_LINK, NEVER},
    {"the day before the floor [KN-6]", day_before, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_BEFORE_FLOOR, NEVER},
    {"the day before, the patient is there", day_before, KH_VERB_FIND, KH_KIND_PATIENT, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"a date that is none", no_day, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_BEFORE_FLOOR, NEVER},
    {"no floor", no_floor, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"reports not in the grant", no_reports, KH_VERB_VIEW, KH_KIND_REPORT, REFUSED, KH_REASON_ITEM, NEVER},
    {"reports not in the grant: images", no_reports, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"reports not in the policy [AZ-26]", policy_no_reports, KH_VERB_VIEW, KH_KIND_REPORT, REFUSED, KH_REASON_ITEM, NEVER},
    {"images not in the grant", no_images, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"images not in the grant: report", no_images, KH_VERB_VIEW, KH_KIND_REPORT, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"images not in the grant: the study is there for its report", no_images, KH_VERB_FIND, KH_KIND_STUDY, ALLOWED, KH_REASON_GRANT,
     NOW + 1000},
    {"nothing in the grant", no_items, KH_VERB_FIND, KH_KIND_STUDY, REFUSED, KH_REASON_ITEM, NEVER},
    {"take not in the grant [AZ-35]", no_take, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_ITEM, NEVER},
    {"take not in the grant: view", no_take, KH_VERB_VIEW, KH_KIND_INSTANCE, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"take not in the policy", policy_no_take, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_ITEM, NEVER},
    {"another modality", only_mr, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"one of its modalities", ct_or_mr, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"another modality by policy", policy_only_mr, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"a study of two, one is in", sr_of_mixed, KH_VERB_FIND, KH_KIND_STUDY, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"a code that begins alike", code_that_begins_alike, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"modality not told", no_modality_told, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"a body part the discloser opens", policy_chest, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"one it does not open", policy_head, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"body part not told", body_part_not_told, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"a department the discloser opens [AZ-26]", policy_department, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"the beginning of its name", policy_other_department, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"department not told", department_not_told, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ITEM, NEVER},
    {"delay just over [AZ-26]", delay_over, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"delay not over: to be asked again then", delayed, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_DELAYED, NOW + 1},
    {"hidden", hidden, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_HIDDEN, NEVER},
    {"to the person [KN-7]", to_person, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"a node by a grant to its site", node, KH_VERB_TAKE, KH_KIND_INSTANCE, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"a node by a grant to a person", node_to_person, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_NO_CONSENT, NEVER},
    {"a node finds with take only", node_no_take, KH_VERB_FIND, KH_KIND_STUDY, REFUSED, KH_REASON_ITEM, NEVER},
    {"a node finds the patient with take only", node_no_take, KH_VERB_FIND, KH_KIND_PATIENT, REFUSED, KH_REASON_ITEM, NEVER},
    {"a node does not view", node, KH_VERB_VIEW, KH_KIND_STUDY, REFUSED, KH_REASON_ROLE, NEVER},
    {"nurses are not named [AZ-9]", nurse, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ROLE, NEVER},
    {"nurses are", nurse_named, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"radiographers are not", radiographer_while_nurses, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ROLE, NEVER},
    {"no setting makes a registrar read", registrar_named, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ROLE, NEVER},
    {"emergency, last millisecond [R11]", emergency, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_EMERGENCY, NOW + 1},
    {"emergency, the patient", emergency, KH_VERB_FIND, KH_KIND_PATIENT, ALLOWED, KH_REASON_EMERGENCY, NOW + 1},
    {"emergency, over", emergency_over, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_NO_CONSENT, NEVER},
    {"emergency takes nothing", emergency, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_NO_CONSENT, NEVER},
    {"emergency, hidden", emergency_hidden, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_HIDDEN, NEVER},
    {"emergency, not published yet", emergency_delayed, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_EMERGENCY, NOW + 1},
    {"emergency, a nurse where nurses read [AZ-9]", emergency_nurse_named, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_EMERGENCY,
     NOW + 1},
    {"emergency, a nurse where they do not", emergency_nurse, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ROLE, NEVER},
    {"emergency, a radiographer", emergency_radiographer, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_ROLE, NEVER},
    {"emergency, discloser suspended", emergency_shut, KH_VERB_VIEW, KH_KIND_FRAME, REFUSED, KH_REASON_STOPPED, NEVER},
    {"a grant comes before an emergency", emergency_beside_grant, KH_VERB_VIEW, KH_KIND_FRAME, ALLOWED, KH_REASON_GRANT, NOW + 1000},
    {"the registrar of a linked number", registrar_linked, KH_VERB_CHANGE, KH_KIND_PATIENT, ALLOWED, KH_REASON_DUTY, NEVER},
    {"the registrar of none", registrar_unlinked, KH_VERB_FIND, KH_KIND_PATIENT, REFUSED, KH_REASON_NO_LINK, NEVER},
    {"the registrar, a facility nobody knows", registrar_of_nowhere, KH_VERB_FIND, KH_KIND_PATIENT, REFUSED, KH_REASON_UNKNOWN, NEVER},
    {"a person without a role is no node", person_without_role, KH_VERB_TAKE, KH_KIND_INSTANCE, REFUSED, KH_REASON_ROLE, NEVER},
    {"a kind that is none", nothing, KH_VERB_FIND, (kh_kind)99, REFUSED, KH_REASON_UNKNOWN, NEVER},
    {"a verb that is none", nothing, (kh_verb)99, KH_KIND_STUDY, REFUSED, KH_REASON_SCOPE, NEVER},
};

static void test_one_thing_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(changed_rows); i++) {
        const changed_row *row = &changed_rows[i];
        kh_grant_fact grant = standing;
        kh_subject subject = subject_of(KH_ROLE_DOCTOR);
        kh_decision_facts facts = usual(OTHER);
        kh_verdict verdict;

        facts.grants = &grant;
        facts.grant_count = 1;
        row->change(&facts, &grant, &subject);
        verdict = kh_decide(&facts, &subject, row->verb, row->kind);
        print_message("%s: %s\n", row->name, kh_reason_text(verdict.reason));
        assert_int_equal(verdict.allowed, row->allowed);
        assert_int_equal(verdict.reason, row->reason);
        assert_true(verdict.until_ms == row->until_ms);
        assert_true(verdict.allowed == (verdict.grant_id != 0) || verdict.reason == KH_REASON_DUTY);
    }
}

/* --- several grants --- */

static void test_of_several_grants(void **state)
{
    kh_grant_fact grants[4] = {standing, standing, standing, standing};
    kh_subject subject = subject_of(KH_ROLE_DOCTOR);
    kh_decision_facts facts = usual(OTHER);
    kh_verdict verdict;

    (void)state;
    facts.grants = grants;
    facts.grant_count = 3;
    for (int i = 0; i < 4; i++)
        grants[i].id = 10 + i;
    /* the one that lasts longest opens, wherever it stands */
    grants[0].to_ms = NOW + 10;
    grants[1].to_ms = NOW + 30;
    grants[2].to_ms = NOW + 20;
    verdict = kh_decide(&facts, &subject, KH_VERB_VIEW, KH_KIND_FRAME);
    assert_true(verdict.allowed && verdict.grant_id == 11 && verdict.until_ms == NOW + 30);
    /* one is enough, whatever the others lack */
    grants[1].withdrawn = true;
    grants[2].to_ms = NOW;
    verdict = kh_decide(&facts, &subject, KH_VERB_VIEW, KH_KIND_FRAME);
    assert_true(verdict.allowed && verdict.grant_id == 10);
    /* what one lacks another does not lend: floor and items count within one grant */
    strcpy(grants[0].floor, "20250402");
    grants[1] = standing;
    grants[1].items = KH_ITEM_REPORTS;
    verdict = kh_decide(&facts, &subject, KH_VERB_VIEW, KH_KIND_FRAME);
    assert_false(verdict.allowed);
    assert_int_equal(verdict.reason, KH_REASON_ITEM); /* the furthest */
    /* the earliest opening is when to ask again */
    facts.grant_count = 4;
    grants[2].from_ms = NOW + 9;
    grants[2].to_ms = NOW + 90;
    grants[3].from_ms = NOW + 5;
    assert_true(kh_decide(&facts, &subject, KH_VERB_VIEW, KH_KIND_FRAME).until_ms == NOW + 5);
}

static void test_own_needs_no_policy(void **state)
{
    kh_subject subject = subject_of(KH_ROLE_DOCTOR);
    kh_decision_facts facts = usual(OWN);

    (void)state;
    facts.policy = (kh_policy_fact){.items = 0, .delay_ms = 1000000};
    facts.hidden = true;
    facts.study_day = "";
    facts.linked = facts.facility_views = facts.discloser_open = false;
    assert_int_equal(kh_decide(&facts, &subject, KH_VERB_TAKE, KH_KIND_STUDY).reason, KH_REASON_OWN);
    assert_true(kh_decide(&facts, &subject, KH_VERB_TAKE, KH_KIND_STUDY).allowed);
    facts.facility_open = false;
    assert_false(kh_decide(&facts, &subject, KH_VERB_FIND, KH_KIND_STUDY).allowed);
}

/* Nothing is known: nothing is allowed, whoever asks for whatever. */
static void test_without_facts(void **state)
{
    kh_decision_facts facts = {.study_day = "", .modalities = ""};

    (void)state;
    for (int known = 0; known < 2; known++)
        for (int role = 0; role <= KH_ROLE_LAST + 1; role++)
            for (int verb = 0; verb <= 4; verb++)
                for (int kind = 0; kind <= 9; kind++) {
                    kh_subject subject = subject_of(role);

                    facts.known_subject = known;
                    assert_false(kh_decide(&facts, &subject, (kh_verb)verb, (kh_kind)kind).allowed);
                }
}

static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i <= KH_REASON_UNKNOWN; i++)
        assert_non_null(kh_reason_text((kh_reason)i));
    for (int i = 0; i <= KH_VERB_CHANGE; i++)
        assert_non_null(kh_verb_text((kh_verb)i));
    for (int i = 0; i <= KH_KIND_OPERATION; i++)
        assert_non_null(kh_kind_text((kh_kind)i));
    assert_null(kh_reason_text((kh_reason)(KH_REASON_UNKNOWN + 1)));
    assert_null(kh_verb_text((kh_verb)4));
    assert_null(kh_kind_text((kh_kind)9));
}

static void test_codes(void **state)
{
    static const struct {
        const char *allowed, *list;
        bool meet;
    } rows[] = {{"", "", true},      {"", NULL, true},      {"CT", "CT", true},     {"CT", "MR", false},    {"CT", "", false},
                {"CT", NULL, false}, {"CT,MR", "MR", true}, {"CT", "SR,CT", true},  {"CT", "C", false},     {"C", "CT", false},
                {"CT", ",", false},  {",", "", false},      {"CT,,MR", "MR", true}, {"CT", "SR,,CT", true}, {"CT", "ct", false}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++)
        assert_int_equal(kh_decide_codes_meet(rows[i].allowed, rows[i].list), rows[i].meet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_one_thing_changed),
        cmocka_unit_test(test_of_several_grants),
        cmocka_unit_test(test_own_needs_no_policy),
        cmocka_unit_test(test_without_facts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
