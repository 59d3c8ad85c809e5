#include "audit/dicom_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "audit/dicom_event_kind.h"
#include "audit/event.h"
#include "audit/xml.h"

#define STUDY_ROOT_FIND "1.2.840.10008.5.1.4.1.2.2.1"
#define US "kakehashi"

static const kh_message_code role_application = {"110150", "Application"};
static const kh_message_code role_destination = {"110152", "Destination Role ID"}, role_source = {"110153", "Source Role ID"};
static const kh_message_code media_destination = {"110154", "Destination Media"}, media_source = {"110155", "Source Media"};
static const kh_message_code media_uri = {"110037", "URI"};
static const kh_message_code none = {NULL, NULL};

typedef struct writing {
    kh_xml xml;
    const kh_json *record;
    const kh_audit_source *source;
    kh_message_kind kind;
} writing;

/* --- parts of a message --- */

static void put_code(writing *w, const char *element, const char *value, const char *system, const char *meaning)
{
    kh_xml_begin(&w->xml, element);
    kh_xml_attribute(&w->xml, "csd-code", value);
    kh_xml_attribute(&w->xml, "codeSystemName", system);
    kh_xml_attribute(&w->xml, "originalText", meaning);
    kh_xml_end(&w->xml);
}

static void put_dcm(writing *w, const char *element, kh_message_code one)
{
    if (one.value)
        put_code(w, element, one.value, "DCM", one.meaning);
}

/* EventOutcomeIndicator: 4, minor failure; 8, serious failure. */
static const char *outcome_of(const kh_json *record)
{
    if (kh_message_is(record, "result", "allowed") || kh_message_is(record, "result", "done"))
        return "0";
    return kh_message_is(record, "action", "broken") || kh_message_is(record, "result", "refused") ? "8" : "4";
}

static void put_event(writing *w)
{
    const kh_json *record = w->record;
    const char action[2] = {w->kind.action, '\0'};
    char words[KH_AUDIT_TEXT_MAX * 2];

    snprintf(words, sizeof(words), "%s%s%s%s%s", kh_message_text(record, "result"), kh_message_has(record, "reason") ? ": " : "",
             kh_message_text(record, "reason"), kh_message_has(record, "purpose") ? "; for " : "", kh_message_text(record, "purpose"));
    kh_xml_begin(&w->xml, "EventIdentification");
    kh_xml_attribute(&w->xml, "EventActionCode", action);
    kh_xml_attribute(&w->xml, "EventDateTime", kh_message_text(record, "time"));
    kh_xml_attribute(&w->xml, "EventOutcomeIndicator", outcome_of(record));
    put_dcm(w, "EventID", kh_message_id(w->kind.shape));
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
    kh_message_code role, media;
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

static participant us(const writing *w, kh_message_code role)
{
    return (participant){.user = US, .address = w->source->id, .is_machine = true, .role = role, .media = none};
}

/* Who did it; a person with the facility and terminal behind the login. */
static void put_who(writing *w, kh_message_code role)
{
    const kh_json *record = w->record;
    char user[KH_AUDIT_TEXT_MAX * 2];

    snprintf(user, sizeof(user), "%s%s%s%s%s",
             kh_message_has(record, "who") ? kh_message_text(record, "who") : kh_message_text(record, "address"),
             kh_message_has(record, "who_facility") ? "@" : "", kh_message_text(record, "who_facility"),
             kh_message_has(record, "terminal") ? " at " : "", kh_message_text(record, "terminal"));
    put_participant(w, &(participant){.user = user,
                                      .title = kh_message_text(record, "ae_title"),
                                      .requestor = true,
                                      .address = kh_message_text(record, "address"),
                                      .role = role,
                                      .media = none});
}

static void put_node(writing *w, const char *title, kh_message_code role)
{
    put_participant(w, &(participant){.user = title, .title = title, .role = role, .media = none});
}

/* A.5.3.3, A.5.3.7, A.5.3.10: who sends or asks, who takes or answers, and who wanted it. */
static void put_two_sides(writing *w)
{
    const kh_json *record = w->record;
    const participant source = us(w, role_source), destination = us(w, role_destination);

    if (kh_message_is(record, "action", "fetch") || kh_message_is(record, "way", "C-FIND of ours")) {
        const char *hospital = kh_message_has(record, "to") ? kh_message_text(record, "to") : kh_message_text(record, "ae_title");
        bool asks = w->kind.shape == KH_MESSAGE_QUERY;

        put_participant(w, asks ? &source : &destination);
        put_node(w, hospital, asks ? role_destination : role_source);
        put_participant(w, &(participant){.user = kh_message_text(record, "who"), .requestor = true, .role = none, .media = none});
        return;
    }
    if (kh_message_is(record, "action", "store") || w->kind.shape == KH_MESSAGE_QUERY) {
        put_who(w, role_source);
        put_participant(w, &destination);
        return;
    }
    put_participant(w, &source);
    put_who(w, kh_message_has(record, "to") ? none : role_destination);
    if (kh_message_has(record, "to"))
        put_node(w, kh_message_text(record, "to"), role_destination);
}

static void put_participants(writing *w)
{
    const participant self = us(w, w->kind.shape == KH_MESSAGE_ACTIVITY ? role_application : none);

    switch (w->kind.shape) {
    case KH_MESSAGE_ACTIVITY:
    case KH_MESSAGE_NETWORK:
    case KH_MESSAGE_LOG_USED:
        put_participant(w, &self);
        break;
    case KH_MESSAGE_QUERY:
    case KH_MESSAGE_BEGIN:
    case KH_MESSAGE_TRANSFERRED:
        put_two_sides(w);
        break;
    case KH_MESSAGE_EXPORT:
        put_who(w, role_source);
        put_participant(w, &(participant){.user = kh_message_text(w->record, "address"), .role = media_destination, .media = media_uri});
        break;
    case KH_MESSAGE_IMPORT:
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
    const char *name, *query;   /* one of them */
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
    const char *series = kh_message_has(record, "series") ? kh_message_text(record, "series") : NULL;

    begin_object(w, &(object){.id = kh_message_text(record, "study"),
                              .type = "2",
                              .role = "3",
                              .id_code = "110180",
                              .id_system = "DCM",
                              .id_meaning = "Study Instance UID",
                              .detail = "SeriesInstanceUID",
                              .value = series});
    if (kh_message_has(record, "object")) {
        kh_xml_begin(&w->xml, "ParticipantObjectDetail");
        kh_xml_attribute(&w->xml, "type", "SOPInstanceUID");
        kh_xml_attribute_base64(&w->xml, "value", kh_message_text(record, "object"));
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

    snprintf(id, sizeof(id), "%s^^^%s", kh_message_text(w->record, "patient"), kh_message_text(w->record, "facility"));
    put_object(w, &(object){.id = id, .type = "1", .role = "1", .id_code = "2", .id_system = "RFC-3881", .id_meaning = "Patient Number"});
}

static void put_query(writing *w)
{
    const char *way = kh_message_text(w->record, "way"), *words = kh_message_text(w->record, "text");

    if (strncmp(way, "C-FIND", 6) == 0)
        put_object(w, &(object){.id = STUDY_ROOT_FIND,
                                .type = "2",
                                .role = "3",
                                .id_code = "110181",
                                .id_system = "DCM",
                                .id_meaning = "SOP Class UID",
                                .query = words,
                                .detail = "TransferSyntax",
                                .value = "1.2.840.10008.1.2.1"});
    else
        put_object(w, &(object){.id = way,
                                .type = "2",
                                .role = "24",
                                .id_code = "10",
                                .id_system = "RFC-3881",
                                .id_meaning = "Search Criteria",
                                .query = words});
}

static void put_alert(writing *w)
{
    put_object(w,
               &(object){.id = kh_message_has(w->record, "way") ? kh_message_text(w->record, "way") : kh_message_text(w->record, "action"),
                         .type = "2",
                         .role = "13",
                         .id_code = "12",
                         .id_system = "RFC-3881",
                         .id_meaning = "URI",
                         .name = kh_message_text(w->record, "action"),
                         .detail = "Alert Description",
                         .value = kh_message_text(w->record, "text")});
}

/* The record itself: which one it is, and the hash it has in its chain. A checkpoint tells its signature. */
static void put_record(writing *w)
{
    char id[80];

    snprintf(id, sizeof(id), "urn:kakehashi:audit:%.16s:%" PRIu64, w->source->chain, w->source->seq);
    begin_object(w, &(object){.id = id,
                              .type = "2",
                              .role = "13",
                              .id_code = "12",
                              .id_system = "RFC-3881",
                              .id_meaning = "URI",
                              .name = "Security Audit Log",
                              .detail = "hash",
                              .value = w->source->hash});
    if (w->kind.shape == KH_MESSAGE_LOG_USED) {
        kh_xml_begin(&w->xml, "ParticipantObjectDetail");
        kh_xml_attribute(&w->xml, "type", "checkpoint");
        kh_xml_attribute_base64(&w->xml, "value", kh_message_text(w->record, "text"));
        kh_xml_end(&w->xml);
    }
    kh_xml_end(&w->xml);
}

static void put_objects(writing *w)
{
    if (w->kind.shape == KH_MESSAGE_QUERY)
        put_query(w);
    if (w->kind.shape == KH_MESSAGE_ALERT)
        put_alert(w);
    if (kh_message_has(w->record, "study") && w->kind.shape != KH_MESSAGE_QUERY)
        put_study(w);
    if (kh_message_has(w->record, "patient"))
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

kh_status kh_audit_dicom_event(kh_buf *xml, const kh_json *record, const kh_audit_source *source, size_t index, size_t *count,
                               bool *failure, kh_error *err)
{
    bool of_network =
        strcmp(source->chain, "bridge") == 0 && (kh_message_is(record, "action", "start") || kh_message_is(record, "action", "stop"));
    writing w = {.record = record, .source = source, .kind = kh_message_kind_of(record, index)};

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
