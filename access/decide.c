#include "access/decide_facts.h"

#include <string.h>

/* docs/decisions/015, line by line. Every function here answers no unless a line of it says yes. */

#define BIT(role) (1u << (role))
#define ALWAYS_READ (BIT(KH_ROLE_DOCTOR) | BIT(KH_ROLE_RADIOLOGIST))
#define OWN_READ (ALWAYS_READ | BIT(KH_ROLE_NURSE) | BIT(KH_ROLE_RADIOGRAPHER))
#define OWN_STORE (ALWAYS_READ | BIT(KH_ROLE_RADIOGRAPHER))
#define MAY_BREAK_GLASS (ALWAYS_READ | BIT(KH_ROLE_NURSE))

const char *kh_reason_text(kh_reason reason)
{
    static const char *const texts[] = {"own facility",
                                        "grant",
                                        "emergency access",
                                        "duty",
                                        "not signed in",
                                        "stopped",
                                        "role",
                                        "scope",
                                        "no consent",
                                        "no link",
                                        "withdrawn",
                                        "expired",
                                        "not yet in force",
                                        "before the floor",
                                        "item not opened",
                                        "not published yet",
                                        "hidden by the discloser",
                                        "unknown"};

    return (size_t)reason < sizeof texts / sizeof texts[0] ? texts[reason] : NULL;
}

const char *kh_verb_text(kh_verb verb)
{
    static const char *const texts[] = {"find", "view", "take", "change"};

    return (size_t)verb < sizeof texts / sizeof texts[0] ? texts[verb] : NULL;
}

const char *kh_kind_text(kh_kind kind)
{
    static const char *const texts[] = {"patient", "study", "series", "instance", "frame", "thumbnail", "report", "audit", "operation"};

    return (size_t)kind < sizeof texts / sizeof texts[0] ? texts[kind] : NULL;
}

bool kh_decide_codes_meet(const char *allowed, const char *list)
{
    if (!allowed[0])
        return true;
    for (const char *p = list ? list : ""; *p;) {
        size_t size = strcspn(p, ",");

        for (const char *a = allowed; size > 0 && *a;) {
            size_t allowed_size = strcspn(a, ",");

            if (allowed_size == size && memcmp(a, p, size) == 0)
                return true;
            a += allowed_size + (a[allowed_size] == ',');
        }
        p += size + (p[size] == ',');
    }
    return false;
}

static kh_verdict refuse(kh_reason reason)
{
    return (kh_verdict){false, reason, 0, INT64_MAX};
}

static kh_verdict allow(kh_reason reason, int64_t grant_id, int64_t until_ms)
{
    return (kh_verdict){true, reason, grant_id, until_ms};
}

static bool is_one_of(const kh_subject *subject, unsigned roles)
{
    return subject->role >= KH_ROLE_DOCTOR && subject->role <= KH_ROLE_LAST && (roles & BIT(subject->role)) != 0;
}

static bool is_node(const kh_subject *subject)
{
    return subject->role == 0 && subject->person_id == 0;
}

static unsigned scope_for(kh_verb verb)
{
    switch (verb) {
    case KH_VERB_FIND: return KH_SCOPE_FIND;
    case KH_VERB_VIEW: return KH_SCOPE_VIEW;
    case KH_VERB_TAKE: return KH_SCOPE_TAKE;
    case KH_VERB_CHANGE: return KH_SCOPE_STORE;
    }
    return ~KH_SCOPE_ALL;
}

static unsigned items_for(kh_kind kind)
{
    switch (kind) {
    case KH_KIND_STUDY: return KH_ITEM_IMAGES | KH_ITEM_REPORTS; /* one of them */
    case KH_KIND_REPORT: return KH_ITEM_REPORTS;
    default: return KH_ITEM_IMAGES;
    }
}

/* --- a grant --- */

/* KH_REASON_GRANT when the consent stands, now is its time and the patient is linked: what opens the patient as an entry. */
static kh_reason grant_stands(const kh_decision_facts *facts, const kh_grant_fact *grant)
{
    if (grant->withdrawn)
        return KH_REASON_WITHDRAWN;
    if (facts->now_ms >= grant->to_ms)
        return KH_REASON_EXPIRED;
    if (facts->now_ms < grant->from_ms)
        return KH_REASON_NOT_YET;
    return facts->linked ? KH_REASON_GRANT : KH_REASON_NO_LINK;
}

/* The same of what is in the study. */
static kh_reason grant_reaches(const kh_decision_facts *facts, const kh_grant_fact *grant, bool taken, kh_kind kind)
{
    const kh_policy_fact *policy = &facts->policy;
    unsigned items = grant->items & policy->items;

    if (strcmp(facts->study_day, grant->floor) < 0)
        return KH_REASON_BEFORE_FLOOR;
    if ((items & items_for(kind)) == 0 || (taken && !(items & KH_ITEM_TAKE)))
        return KH_REASON_ITEM;
    if (!kh_decide_codes_meet(grant->modalities, facts->modalities) || !kh_decide_codes_meet(policy->modalities, facts->modalities) ||
        !kh_decide_codes_meet(policy->body_parts, facts->body_parts) || !kh_decide_codes_meet(policy->departments, facts->departments))
        return KH_REASON_ITEM;
    if (policy->delay_ms > 0 && facts->now_ms - facts->arrived_ms < policy->delay_ms)
        return KH_REASON_DELAYED;
    return facts->hidden ? KH_REASON_HIDDEN : KH_REASON_GRANT;
}

/* How far a grant that does not open came: of several the furthest is told. */
static int how_far(kh_reason reason)
{
    static const kh_reason order[] = {KH_REASON_NO_CONSENT,   KH_REASON_WITHDRAWN, KH_REASON_EXPIRED, KH_REASON_NOT_YET, KH_REASON_NO_LINK,
                                      KH_REASON_BEFORE_FLOOR, KH_REASON_ITEM,      KH_REASON_DELAYED, KH_REASON_HIDDEN};
    int far = 0;

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (order[i] == reason)
            far = (int)i;
    return far;
}

/* When a grant that is shut may be open by itself. */
static int64_t opens_ms(const kh_decision_facts *facts, const kh_grant_fact *grant, kh_reason reason)
{
    if (reason == KH_REASON_NOT_YET)
        return grant->from_ms;
    if (reason == KH_REASON_DELAYED)
        return facts->arrived_ms + facts->policy.delay_ms;
    return INT64_MAX;
}

static kh_verdict by_grants(const kh_decision_facts *facts, bool node, bool taken, kh_kind kind)
{
    kh_verdict best = refuse(KH_REASON_NO_CONSENT);

    for (size_t i = 0; i < facts->grant_count; i++) {
        const kh_grant_fact *grant = &facts->grants[i];
        kh_reason reason;
        int64_t opens;

        if (node && !grant->to_site)
            continue;
        reason = grant_stands(facts, grant);
        if (reason == KH_REASON_GRANT && kind != KH_KIND_PATIENT)
            reason = grant_reaches(facts, grant, taken, kind);
        else if (reason == KH_REASON_GRANT && taken && !(grant->items & facts->policy.items & KH_ITEM_TAKE))
            reason = KH_REASON_ITEM;
        if (reason == KH_REASON_GRANT) {
            if (!best.allowed || best.until_ms < grant->to_ms)
                best = allow(KH_REASON_GRANT, grant->id, grant->to_ms);
            continue;
        }
        opens = opens_ms(facts, grant, reason);
        if (!best.allowed && how_far(reason) > how_far(best.reason))
            best.reason = reason;
        if (!best.allowed && opens < best.until_ms)
            best.until_ms = opens;
    }
    return best;
}

bool kh_decide_emergency(kh_person_role role, unsigned reader_roles)
{
    const kh_subject subject = {.role = role};

    return is_one_of(&subject, MAY_BREAK_GLASS & (ALWAYS_READ | reader_roles));
}

static kh_verdict by_emergency(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_verdict otherwise)
{
    if (facts->emergency_id == 0 || facts->now_ms >= facts->emergency_until_ms ||
        !kh_decide_emergency(subject->role, facts->reader_roles) || (verb != KH_VERB_FIND && verb != KH_VERB_VIEW))
        return otherwise;
    return facts->hidden ? refuse(KH_REASON_HIDDEN) : allow(KH_REASON_EMERGENCY, facts->emergency_id, facts->emergency_until_ms);
}

/* Of another facility: a reader's or a node's way to it. */
static kh_verdict others(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_kind kind)
{
    bool node = is_node(subject);
    kh_verdict verdict = refuse(KH_REASON_ROLE);

    if (!facts->known)
        return refuse(KH_REASON_UNKNOWN);
    if (!facts->discloser_open || !facts->facility_views)
        return refuse(KH_REASON_STOPPED);
    if (node || is_one_of(subject, ALWAYS_READ | (facts->reader_roles & OWN_READ)))
        verdict = by_grants(facts, node, node || verb == KH_VERB_TAKE, kind);
    return verdict.allowed ? verdict : by_emergency(facts, subject, verb, verdict);
}

/* --- the kinds --- */

static kh_verdict images(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_kind kind)
{
    bool reads = is_one_of(subject, OWN_READ), node = is_node(subject);

    if (verb == KH_VERB_CHANGE) {
        bool storable = kind == KH_KIND_STUDY || kind == KH_KIND_SERIES || kind == KH_KIND_INSTANCE;

        return storable && facts->own && is_one_of(subject, OWN_STORE) ? allow(KH_REASON_OWN, 0, INT64_MAX) : refuse(KH_REASON_ROLE);
    }
    if ((!reads && !node) || (node && verb == KH_VERB_VIEW))
        return refuse(KH_REASON_ROLE);
    if (!facts->own)
        return others(facts, subject, verb, kind);
    return verb != KH_VERB_TAKE || node || is_one_of(subject, ALWAYS_READ) ? allow(KH_REASON_OWN, 0, INT64_MAX) : refuse(KH_REASON_ROLE);
}

static kh_verdict patients(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb)
{
    if (verb == KH_VERB_TAKE)
        return refuse(KH_REASON_ROLE);
    if (is_one_of(subject, BIT(KH_ROLE_OFFICE)))
        return allow(KH_REASON_DUTY, 0, INT64_MAX);
    if (is_one_of(subject, BIT(KH_ROLE_REGISTRAR) | BIT(KH_ROLE_MANAGER)))
        return facts->own || facts->linked ? allow(KH_REASON_DUTY, 0, INT64_MAX)
                                           : refuse(facts->known ? KH_REASON_NO_LINK : KH_REASON_UNKNOWN);
    if (verb == KH_VERB_CHANGE || (is_node(subject) && verb != KH_VERB_FIND) || (!is_node(subject) && !is_one_of(subject, OWN_READ)))
        return refuse(KH_REASON_ROLE);
    return facts->own ? allow(KH_REASON_OWN, 0, INT64_MAX) : others(facts, subject, verb, KH_KIND_PATIENT);
}

static kh_verdict record_of_access(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb)
{
    if (verb == KH_VERB_CHANGE)
        return refuse(KH_REASON_ROLE);
    if (is_one_of(subject, BIT(KH_ROLE_OFFICE) | BIT(KH_ROLE_AUDITOR)))
        return allow(KH_REASON_DUTY, 0, INT64_MAX);
    return is_one_of(subject, BIT(KH_ROLE_MANAGER)) && facts->own && verb != KH_VERB_TAKE ? allow(KH_REASON_DUTY, 0, INT64_MAX)
                                                                                         : refuse(KH_REASON_ROLE);
}

static kh_verdict of_kind(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_kind kind)
{
    switch (kind) {
    case KH_KIND_STUDY:
    case KH_KIND_SERIES:
    case KH_KIND_INSTANCE:
    case KH_KIND_FRAME:
    case KH_KIND_THUMBNAIL:
    case KH_KIND_REPORT: return images(facts, subject, verb, kind);
    case KH_KIND_PATIENT: return patients(facts, subject, verb);
    case KH_KIND_AUDIT: return record_of_access(facts, subject, verb);
    case KH_KIND_OPERATION:
        return is_one_of(subject, BIT(KH_ROLE_OFFICE)) ? allow(KH_REASON_DUTY, 0, INT64_MAX) : refuse(KH_REASON_ROLE);
    }
    return refuse(KH_REASON_UNKNOWN);
}

kh_verdict kh_decide(const kh_decision_facts *facts, const kh_subject *subject, kh_verb verb, kh_kind kind)
{
    kh_verdict verdict;

    if (!facts->known_subject)
        return refuse(KH_REASON_NOBODY);
    if (!facts->network_open || !facts->facility_open || !facts->admitted || facts->now_ms >= facts->admitted_until_ms)
        return refuse(KH_REASON_STOPPED);
    if (!(subject->scopes & scope_for(verb)))
        return refuse(KH_REASON_SCOPE);
    verdict = of_kind(facts, subject, verb, kind);
    if (verdict.until_ms > facts->admitted_until_ms)
        verdict.until_ms = facts->admitted_until_ms;
    return verdict;
}
