#include "audit/dicom_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "audit/event.h"
#include "audit/xml.h"

#define STUDY_ROOT_FIND "1.2.840.10008.5.1.4.1.2.2.1"
#define US "kakehashi"

/* A code of PS3.16 annex D (DCM). */
typedef struct code {
    const char *value, *meaning;
} code;

static const code role_application = {"110150", "Application"};
static const code role_destination = {"110152", "Destination Role ID"}, role_source = {"110153", "Source Role ID"};
static const code media_destination = {"110154", "Destination Media"}, media_source = {"110155", "Source Media"};
static const code media_uri = {"110037", "URI"};

typedef enum shape { ACTIVITY, NETWORK, LOG_USED, QUERY, ACCESSED, BEGIN, TRANSFERRED, EXPORT, IMPORT, DELETED, PATIENT, AUTHENTICATION, ALERT } shape;

/* PS3.16 CID 400. */
static const code event_ids[] = {
    [ACTIVITY] = {"110100", "Application Activity"},
    [NETWORK] = {"110108", "Network Entry"},
    [LOG_USED] = {"110101", "Audit Log Used"},
    [QUERY] = {"110112", "Query"},
    [ACCESSED] = {"110103", "DICOM Instances Accessed"},
    [BEGIN] = {"110102", "Begin Transferring DICOM Instances"},
    [TRANSFERRED] = {"110104", "DICOM Instances Transferred"},
    [EXPORT] = {"110106", "Export"},
    [IMPORT] = {"110107", "Import"},
    [DELETED] = {"110105", "DICOM Study Deleted"},
    [PATIENT] = {"110110", "Patient Record"},
    [AUTHENTICATION] = {"110114", "User Authentication"},
    [ALERT] = {"110113", "Security Alert"},
};

/* CID 401 to 403. */
static const code none = {NULL, NULL}, attach = {"110124", "Attach"}, detach = {"110125", "Detach"},
                  emergency = {"110127", "Emergency Override Started"}, network_configuration = {"110128", "Network Configuration"},
                  security_configuration = {"110129", "Security Configuration"}, restricted_function = {"110132", "Use of Restricted Function"},
                  object_changed = {"110135", "Object Security Attributes Changed"}, user_changed = {"110137", "User Security Attributes Changed"};

typedef struct kind {
    shape shape;
    char action; /* EventActionCode: C, R, U, D, E */
    code type;
} kind;

typedef struct writing {
    kh_xml xml;
    const kh_json *record;
    const kh_audit_source *source;
    kind kind;
} writing;

static const char *text_of(const kh_json *record, const char *key)
{
    const char *text = kh_json_get_text(record, key);

    return text ? text : "";
}

static bool is(const kh_json *record, const char *key, const char *value)
{
    return strcmp(text_of(record, key), value) == 0;
}

static bool has(const kh_json *record, const char *key)
{
    return text_of(record, key)[0] != '\0';
}

/* --- which event it is --- */

static kind kind_of_operation(const kh_json *record)
{
    const char *text = text_of(record, "text");

    if (has(record, "study"))
        return (kind){ACCESSED, 'R', none}; /* promised to be kept, let go of */
    if (strncmp(text, "node.", 5) == 0 || strncmp(text, "rule.", 5) == 0)
        return (kind){ALERT, 'E', network_configuration};
    return (kind){ALERT, 'E', restricted_function};
}

/* Objects that go out: to a node they are transferred, to whoever asked over HTTP exported. */
static kind kind_of_retrieval(const kh_json *record)
{
    const char *way = text_of(record, "way");

    if (strcmp(way, "DICOMweb") == 0 || strcmp(way, "portal") == 0 || strcmp(way, "HTTP") == 0)
        return (kind){EXPORT, 'R', none};
    return is(record, "result", "allowed") ? (kind){BEGIN, 'E', none} : (kind){TRANSFERRED, 'R', none};
}

static kind kind_of_work(const kh_json *record, const char *action)
{
    if (strcmp(action, "store") == 0)
        return is(record, "way", "import") ? (kind){IMPORT, 'C', none} : (kind){TRANSFERRED, 'C', none};
    if (strcmp(action, "fetch") == 0)
        return is(record, "result", "allowed") ? (kind){BEGIN, 'E', none} : (kind){TRANSFERRED, 'C', none};
    if (strcmp(action, "correct") == 0 || strcmp(action, "undo") == 0)
        return has(record, "study") ? (kind){ACCESSED, 'U', none} : (kind){PATIENT, 'U', none};
    if (strcmp(action, "delete") == 0)
        return (kind){DELETED, 'D', none};
    if (strcmp(action, "rights") == 0)
        return (kind){ALERT, 'E', has(record, "patient") ? object_changed : user_changed};
    if (strcmp(action, "alert") == 0)
        return (kind){ALERT, 'E', is(record, "purpose", "emergency") ? emergency : security_configuration};
    return kind_of_operation(record);
}

static kind kind_of(const kh_json *record, size_t index)
{
    static const struct {
        const char *action;
        kind kind;
    } plain[] = {
        {"begin", {ALERT, 'E', {"110134", "Audit Recording Started"}}},
        {"start", {ACTIVITY, 'E', {"110120", "Application Start"}}},
        {"stop", {ACTIVITY, 'E', {"110121", "Application Stop"}}},
        {"checkpoint", {LOG_USED, 'R', {NULL, NULL}}},
        {"broken", {ALERT, 'E', {"110135", "Object Security Attributes Changed"}}},
        {"search", {QUERY, 'E', {NULL, NULL}}},
        {"open", {ACCESSED, 'R', {NULL, NULL}}},
        {"view", {ACCESSED, 'R', {NULL, NULL}}},
        {"connect", {ALERT, 'E', {"110126", "Node Authentication"}}},
        {"sign_in", {AUTHENTICATION, 'E', {"110122", "Login"}}},
        {"sign_out", {AUTHENTICATION, 'E', {"110123", "Logout"}}},
    };
    const char *action = text_of(record, "action");

    if (index == 1)
        return (kind){NETWORK, 'E', strcmp(action, "start") == 0 ? attach : detach};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(plain[i].action, action) == 0)
            return plain[i].kind;
    if (strcmp(action, "retrieve") == 0 || strcmp(action, "send") == 0)
        return kind_of_retrieval(record);
    return kind_of_work(record, action);
}

/* --- parts of a message --- */

static void put_code(writing *w, const char *element, const char *value, const char *system, const char *meaning)
{
    kh_xml_begin(&w->xml, element);
    kh_xml_attribute(&w->xml, "csd-code", value);
    kh_xml_attribute(&w->xml, "codeSystemName", system);
    kh_xml_attribute(&w->xml, "originalText", meaning);
    kh_xml_end(&w->xml);
}

static void put_dcm(writing *w, const char *element, code one)
{
    if (one.value)
        put_code(w, element, one.value, "DCM", one.meaning);
}

/* EventOutcomeIndicator: 4, minor failure; 8, serious failure. */
static const char *outcome_of(const kh_json *record)
{
    if (is(record, "result", "allowed") || is(record, "result", "done"))
        return "0";
    return is(record, "action", "broken") || is(record, "result", "refused") ? "8" : "4";
}

static void put_event(writing *w)
{
    const kh_json *record = w->record;
    const char action[2] = {w->kind.action, '\0'};
    char words[KH_AUDIT_TEXT_MAX * 2];

    snprintf(words, sizeof(words), "%s%s%s%s%s", text_of(record, "result"), has(record, "reason") ? ": " : "", text_of(record, "reason"),
             has(record, "purpose") ? "; for " : "", text_of(record, "purpose"));
    kh_xml_begin(&w->xml, "EventIdentification");
    kh_xml_attribute(&w->xml, "EventActionCode", action);
    kh_xml_attribute(&w->xml, "EventDateTime", text_of(record, "time"));
    kh_xml_attribute(&w->xml, "EventOutcomeIndicator", outcome_of(record));
    put_dcm(w, "EventID", event_ids[w->kind.shape]);
    put_dcm(w, "EventTypeCode", w->kind.type);
    kh_xml_begin(&w->xml, "EventOutcomeDescription");
    kh_xml_text(&w->xml, words);
    kh_xml_end(&w->xml);
    kh_xml_end(&w->xml);
}

typedef struct participant {
    const char *user, *title; /* title: AE title */
    bool requestor;
    const char *address;
    bool is_machine; /* the address is a name */
    code role, media;
} participant;

static void put_participant(writing *w, const participant *one)
{
    char titles[200];

    snprintf(titles, sizeof(titles), "AETITLES=%s", one->title ? one->title : ""); /* A.5.2.2 */
    kh_xml_begin(&w->xml, "ActiveParticipant");
    kh_xml_attribute(&w->xml, "UserID", one->user && one->user[0] ? one->user : "unknown");
    kh_xml_attribute(&w->xml, "AlternativeUserID", one->title && one->title[0] ? titles : NULL);
    kh_xml_attribute(&w->xml, "UserIsRequestor", one->requestor ? "true" : "false");
    if (one->address && one->address[0]) {
        kh_xml_attribute(&w->xml, "NetworkAccessPointID", one->address);
        kh_xml_attribute(&w->xml, "NetworkAccessPointTypeCode", one->is_machine ? "1" : "2");
    }
    put_dcm(w, "RoleIDCode", one->role);
    if (one->media.value) {
        kh_xml_begin(&w->xml, "MediaIdentifier");
        put_dcm(w, "MediaType", one->media);
        kh_xml_end(&w->xml);
    }
    kh_xml_end(&w->xml);
}

static participant us(const writing *w, code role)
{
    return (participant){.user = US, .address = w->source->id, .is_machine = true, .role = role, .media = none};
}

/* Who did it; a person with the facility and terminal behind the login. */
static void put_who(writing *w, code role)
{
    const kh_json *record = w->record;
    char user[KH_AUDIT_TEXT_MAX * 2];

    snprintf(user, sizeof(user), "%s%s%s%s%s", has(record, "who") ? text_of(record, "who") : text_of(record, "address"),
             has(record, "who_facility") ? "@" : "", text_of(record, "who_facility"), has(record, "terminal") ? " at " : "",
             text_of(record, "terminal"));
    put_participant(w, &(participant){.user = user, .title = text_of(record, "ae_title"), .requestor = true, .address = text_of(record, "address"),
                                      .role = role, .media = none});
}

static void put_node(writing *w, const char *title, code role)
{
    put_participant(w, &(participant){.user = title, .title = title, .role = role, .media = none});
}

/* A.5.3.3, A.5.3.7, A.5.3.10: who sends or asks, who takes or answers, and who wanted it. */
static void put_two_sides(writing *w)
{
    const kh_json *record = w->record;
    const participant source = us(w, role_source), destination = us(w, role_destination);

    if (is(record, "action", "fetch") || is(record, "way", "C-FIND of ours")) {
        const char *hospital = has(record, "to") ? text_of(record, "to") : text_of(record, "ae_title");
        bool asks = w->kind.shape == QUERY;

        put_participant(w, asks ? &source : &destination);
        put_node(w, hospital, asks ? role_destination : role_source);
        put_participant(w, &(participant){.user = text_of(record, "who"), .requestor = true, .role = none, .media = none});
        return;
    }
    if (is(record, "action", "store") || w->kind.shape == QUERY) {
        put_who(w, role_source);
        put_participant(w, &destination);
        return;
    }
    put_participant(w, &source);
    put_who(w, has(record, "to") ? none : role_destination);
    if (has(record, "to"))
        put_node(w, text_of(record, "to"), role_destination);
}

static void put_participants(writing *w)
{
    const participant self = us(w, w->kind.shape == ACTIVITY ? role_application : none);

    switch (w->kind.shape) {
    case ACTIVITY:
    case NETWORK:
    case LOG_USED:
        put_participant(w, &self);
        break;
    case QUERY:
    case BEGIN:
    case TRANSFERRED:
        put_two_sides(w);
        break;
    case EXPORT:
        put_who(w, role_source);
        put_participant(w, &(participant){.user = text_of(w->record, "address"), .role = media_destination, .media = media_uri});
        break;
    case IMPORT:
        put_who(w, role_destination);
        put_participant(w, &(participant){.user = "file", .role = media_source, .media = media_uri});
        break;
    default:
        put_who(w, none);
        put_participant(w, &self);
    }
}

typedef struct object {
    const char *id, *type, *role;
    const char *id_code, *id_system, *id_meaning;
    const char *name, *query; /* one of them */
    const char *detail, *value; /* NULL: none */
} object;

static void begin_object(writing *w, const object *one)
{
    kh_xml_begin(&w->xml, "ParticipantObjectIdentification");
    kh_xml_attribute(&w->xml, "ParticipantObjectID", one->id);
    kh_xml_attribute(&w->xml, "ParticipantObjectTypeCode", one->type);
    kh_xml_attribute(&w->xml, "ParticipantObjectTypeCodeRole", one->role);
    put_code(w, "ParticipantObjectIDTypeCode", one->id_code, one->id_system, one->id_meaning);
    kh_xml_begin(&w->xml, one->query ? "ParticipantObjectQuery" : "ParticipantObjectName");
    if (one->query)
        kh_xml_text_base64(&w->xml, one->query);
    else
        kh_xml_text(&w->xml, one->name ? one->name : "");
    kh_xml_end(&w->xml);
    if (one->detail && one->value && one->value[0]) {
        kh_xml_begin(&w->xml, "ParticipantObjectDetail");
        kh_xml_attribute(&w->xml, "type", one->detail);
        kh_xml_attribute_base64(&w->xml, "value", one->value);
        kh_xml_end(&w->xml);
    }
}

static void put_object(writing *w, const object *one)
{
    begin_object(w, one);
    kh_xml_end(&w->xml);
}

/* What is not told is left out: series and object as details, how many as its description. */
static void put_study(writing *w)
{
    const kh_json *record = w->record;
    const char *series = has(record, "series") ? text_of(record, "series") : NULL;

    begin_object(w, &(object){.id = text_of(record, "study"), .type = "2", .role = "3", .id_code = "110180", .id_system = "DCM",
                              .id_meaning = "Study Instance UID", .detail = "SeriesInstanceUID", .value = series});
    if (has(record, "object")) {
        kh_xml_begin(&w->xml, "ParticipantObjectDetail");
        kh_xml_attribute(&w->xml, "type", "SOPInstanceUID");
        kh_xml_attribute_base64(&w->xml, "value", text_of(record, "object"));
        kh_xml_end(&w->xml);
    }
    if (kh_json_get_int(record, "count", -1) >= 0) {
        char count[24];

        snprintf(count, sizeof(count), "%" PRId64, kh_json_get_int(record, "count", 0));
        kh_xml_begin(&w->xml, "ParticipantObjectDescription");
        kh_xml_begin(&w->xml, "SOPClass");
        kh_xml_attribute(&w->xml, "NumberOfInstances", count);
        kh_xml_end(&w->xml);
        kh_xml_end(&w->xml);
    }
    kh_xml_end(&w->xml);
}

/* The ID as HL7 CX, with the facility that gave it. */
static void put_patient(writing *w)
{
    char id[KH_AUDIT_TEXT_MAX * 2];

    snprintf(id, sizeof(id), "%s^^^%s", text_of(w->record, "patient"), text_of(w->record, "facility"));
    put_object(w, &(object){.id = id, .type = "1", .role = "1", .id_code = "2", .id_system = "RFC-3881", .id_meaning = "Patient Number"});
}

static void put_query(writing *w)
{
    const char *way = text_of(w->record, "way"), *words = text_of(w->record, "text");

    if (strncmp(way, "C-FIND", 6) == 0)
        put_object(w, &(object){.id = STUDY_ROOT_FIND, .type = "2", .role = "3", .id_code = "110181", .id_system = "DCM", .id_meaning = "SOP Class UID",
                                .query = words, .detail = "TransferSyntax", .value = "1.2.840.10008.1.2.1"});
    else
        put_object(w, &(object){.id = way, .type = "2", .role = "24", .id_code = "10", .id_system = "RFC-3881", .id_meaning = "Search Criteria",
                                .query = words});
}

static void put_alert(writing *w)
{
    put_object(w, &(object){.id = has(w->record, "way") ? text_of(w->record, "way") : text_of(w->record, "action"), .type = "2", .role = "13",
                            .id_code = "12", .id_system = "RFC-3881", .id_meaning = "URI", .name = text_of(w->record, "action"),
                            .detail = "Alert Description", .value = text_of(w->record, "text")});
}

/* The record itself: which one it is, and the hash it has in its chain. A checkpoint tells its signature. */
static void put_record(writing *w)
{
    char id[80];

    snprintf(id, sizeof(id), "urn:kakehashi:audit:%.16s:%" PRIu64, w->source->chain, w->source->seq);
    begin_object(w, &(object){.id = id, .type = "2", .role = "13", .id_code = "12", .id_system = "RFC-3881", .id_meaning = "URI",
                              .name = "Security Audit Log", .detail = "hash", .value = w->source->hash});
    if (w->kind.shape == LOG_USED) {
        kh_xml_begin(&w->xml, "ParticipantObjectDetail");
        kh_xml_attribute(&w->xml, "type", "checkpoint");
        kh_xml_attribute_base64(&w->xml, "value", text_of(w->record, "text"));
        kh_xml_end(&w->xml);
    }
    kh_xml_end(&w->xml);
}

static void put_objects(writing *w)
{
    if (w->kind.shape == QUERY)
        put_query(w);
    if (w->kind.shape == ALERT)
        put_alert(w);
    if (has(w->record, "study") && w->kind.shape != QUERY)
        put_study(w);
    if (has(w->record, "patient"))
        put_patient(w);
    put_record(w);
}

static void put_source(writing *w)
{
    kh_xml_begin(&w->xml, "AuditSourceIdentification");
    kh_xml_attribute(&w->xml, "AuditSourceID", w->source->id);
    kh_xml_begin(&w->xml, "AuditSourceTypeCode");
    kh_xml_attribute(&w->xml, "csd-code", strcmp(w->source->chain, "web") == 0 ? "3" : "4"); /* web server; application server */
    kh_xml_end(&w->xml);
    kh_xml_end(&w->xml);
}

kh_status kh_audit_dicom_event(kh_buf *xml, const kh_json *record, const kh_audit_source *source, size_t index, size_t *count, bool *failure,
                               kh_error *err)
{
    bool of_network = strcmp(source->chain, "bridge") == 0 && (is(record, "action", "start") || is(record, "action", "stop"));
    writing w = {.record = record, .source = source, .kind = kind_of(record, index)};

    *count = of_network ? 2 : 1;
    *failure = strcmp(outcome_of(record), "0") != 0;
    kh_xml_init(&w.xml, xml);
    kh_xml_begin(&w.xml, "AuditMessage");
    put_event(&w);
    put_participants(&w);
    put_source(&w);
    put_objects(&w);
    kh_xml_end(&w.xml);
    return kh_xml_status(&w.xml, err);
}
