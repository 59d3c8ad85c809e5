#include "audit/dicom_event_kind.h"

#include <string.h>

/* PS3.16 CID 400. */
static const kh_message_code event_ids[] = {
    [KH_MESSAGE_ACTIVITY] = {"110100", "Application Activity"},
    [KH_MESSAGE_NETWORK] = {"110108", "Network Entry"},
    [KH_MESSAGE_LOG_USED] = {"110101", "Audit Log Used"},
    [KH_MESSAGE_QUERY] = {"110112", "Query"},
    [KH_MESSAGE_ACCESSED] = {"110103", "DICOM Instances Accessed"},
    [KH_MESSAGE_BEGIN] = {"110102", "Begin Transferring DICOM Instances"},
    [KH_MESSAGE_TRANSFERRED] = {"110104", "DICOM Instances Transferred"},
    [KH_MESSAGE_EXPORT] = {"110106", "Export"},
    [KH_MESSAGE_IMPORT] = {"110107", "Import"},
    [KH_MESSAGE_DELETED] = {"110105", "DICOM Study Deleted"},
    [KH_MESSAGE_PATIENT] = {"110110", "Patient Record"},
    [KH_MESSAGE_AUTHENTICATION] = {"110114", "User Authentication"},
    [KH_MESSAGE_ALERT] = {"110113", "Security Alert"},
};

/* CID 401 to 403. */
static const kh_message_code none = {NULL, NULL}, attach = {"110124", "Attach"}, detach = {"110125", "Detach"},
                             emergency = {"110127", "Emergency Override Started"},
                             network_configuration = {"110128", "Network Configuration"},
                             security_configuration = {"110129", "Security Configuration"},
                             restricted_function = {"110132", "Use of Restricted Function"},
                             object_changed = {"110135", "Object Security Attributes Changed"},
                             user_changed = {"110137", "User Security Attributes Changed"};

const char *kh_message_text(const kh_json *record, const char *key)
{
    const char *text = kh_json_get_text(record, key);

    return text ? text : "";
}

bool kh_message_is(const kh_json *record, const char *key, const char *value)
{
    return strcmp(kh_message_text(record, key), value) == 0;
}

bool kh_message_has(const kh_json *record, const char *key)
{
    return kh_message_text(record, key)[0] != '\0';
}

/* --- which event it is --- */

static kh_message_kind kind_of_operation(const kh_json *record)
{
    const char *text = kh_message_text(record, "text");

    if (kh_message_has(record, "study"))
        return (kh_message_kind){KH_MESSAGE_ACCESSED, 'R', none}; /* promised to be kept, let go of */
    if (strncmp(text, "node.", 5) == 0 || strncmp(text, "rule.", 5) == 0)
        return (kh_message_kind){KH_MESSAGE_ALERT, 'E', network_configuration};
    return (kh_message_kind){KH_MESSAGE_ALERT, 'E', restricted_function};
}

/* Objects that go out: to a node they are transferred, to whoever asked over HTTP exported. */
static kh_message_kind kind_of_retrieval(const kh_json *record)
{
    const char *way = kh_message_text(record, "way");

    if (strcmp(way, "DICOMweb") == 0 || strcmp(way, "portal") == 0 || strcmp(way, "HTTP") == 0)
        return (kh_message_kind){KH_MESSAGE_EXPORT, 'R', none};
    return kh_message_is(record, "result", "allowed") ? (kh_message_kind){KH_MESSAGE_BEGIN, 'E', none}
                                                      : (kh_message_kind){KH_MESSAGE_TRANSFERRED, 'R', none};
}

static kh_message_kind kind_of_work(const kh_json *record, const char *action)
{
    if (strcmp(action, "store") == 0)
        return kh_message_is(record, "way", "import") ? (kh_message_kind){KH_MESSAGE_IMPORT, 'C', none}
                                                      : (kh_message_kind){KH_MESSAGE_TRANSFERRED, 'C', none};
    if (strcmp(action, "fetch") == 0)
        return kh_message_is(record, "result", "allowed") ? (kh_message_kind){KH_MESSAGE_BEGIN, 'E', none}
                                                          : (kh_message_kind){KH_MESSAGE_TRANSFERRED, 'C', none};
    if (strcmp(action, "correct") == 0 || strcmp(action, "undo") == 0)
        return kh_message_has(record, "study") ? (kh_message_kind){KH_MESSAGE_ACCESSED, 'U', none}
                                               : (kh_message_kind){KH_MESSAGE_PATIENT, 'U', none};
    if (strcmp(action, "delete") == 0)
        return (kh_message_kind){KH_MESSAGE_DELETED, 'D', none};
    if (strcmp(action, "rights") == 0)
        return (kh_message_kind){KH_MESSAGE_ALERT, 'E', kh_message_has(record, "patient") ? object_changed : user_changed};
    if (strcmp(action, "alert") == 0)
        return (kh_message_kind){KH_MESSAGE_ALERT, 'E', kh_message_is(record, "purpose", "emergency") ? emergency : security_configuration};
    return kind_of_operation(record);
}

kh_message_kind kh_message_kind_of(const kh_json *record, size_t index)
{
    static const struct {
        const char *action;
        kh_message_kind kind;
    } plain[] = {
        {"begin", {KH_MESSAGE_ALERT, 'E', {"110134", "Audit Recording Started"}}},
        {"start", {KH_MESSAGE_ACTIVITY, 'E', {"110120", "Application Start"}}},
        {"stop", {KH_MESSAGE_ACTIVITY, 'E', {"110121", "Application Stop"}}},
        {"checkpoint", {KH_MESSAGE_LOG_USED, 'R', {NULL, NULL}}},
        {"broken", {KH_MESSAGE_ALERT, 'E', {"110135", "Object Security Attributes Changed"}}},
        {"search", {KH_MESSAGE_QUERY, 'E', {NULL, NULL}}},
        {"open", {KH_MESSAGE_ACCESSED, 'R', {NULL, NULL}}},
        {"view", {KH_MESSAGE_ACCESSED, 'R', {NULL, NULL}}},
        {"mark", {KH_MESSAGE_ACCESSED, 'U', {NULL, NULL}}},
        {"connect", {KH_MESSAGE_ALERT, 'E', {"110126", "Node Authentication"}}},
        {"sign_in", {KH_MESSAGE_AUTHENTICATION, 'E', {"110122", "Login"}}},
        {"sign_out", {KH_MESSAGE_AUTHENTICATION, 'E', {"110123", "Logout"}}},
    };
    const char *action = kh_message_text(record, "action");

    if (index == 1)
        return (kh_message_kind){KH_MESSAGE_NETWORK, 'E', strcmp(action, "start") == 0 ? attach : detach};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(plain[i].action, action) == 0)
            return plain[i].kind;
    if (strcmp(action, "retrieve") == 0 || strcmp(action, "send") == 0)
        return kind_of_retrieval(record);
    return kind_of_work(record, action);
}

kh_message_code kh_message_id(kh_message_shape shape)
{
    return event_ids[shape];
}
