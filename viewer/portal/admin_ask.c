/* What the bridge is asked: it alone changes things, and it alone knows its associations. This role only reads.
 * GET /api/admin/associations, /refusals and /contacts; POST /api/admin/{kind}/{which}/{action}. */
#include <string.h>
#include "viewer/portal/admin.h"

#define REQUEST_BYTES_MAX 8192
#define BODY_BYTES_MAX 4096
#define ANSWER_BYTES_MAX 65536
#define ASK_MS 15000

/* Members of a request's body that go to the bridge, all texts. Who asks is told by the page: nobody signs in yet. */
static const char *const no_members[] = {NULL};
static const char *const of_undo[] = {"asked_by", NULL};
static const char *const of_delete[] = {"reason", "asked_by", NULL};
static const char *const of_patient[] = {"patient_id", "new_id",     "name_alphabetic", "name_ideographic", "name_phonetic",
                                         "birth_date", "sex",        "reason",          "asked_by",         NULL};

static const struct {
    const char *kind, *action, *op;
    const char *which; /* the member that {which} becomes */
    bool by_name;      /* it is a name, else a number */
    const char *const *members;
} changes[] = {
    {"nodes", "echo", "node.echo", "name", true, no_members},
    {"pulls", "retry", "pull.retry", "id", false, no_members},
    {"pulls", "cancel", "pull.cancel", "id", false, no_members},
    {"sends", "retry", "send.retry", "id", false, no_members},
    {"sends", "cancel", "send.cancel", "id", false, no_members},
    {"rules", "retry", "rule.retry", "name", true, no_members},
    {"rules", "cancel", "backfill.cancel", "name", true, no_members},
    {"changes", "undo", "change.undo", "id", false, of_undo},
    {"nodes", "compare", "compare.now", "node", true, no_members},
    {"findings", "apply", "finding.apply", "id", false, of_delete},
    {"findings", "ask", "finding.ask", "id", false, of_undo},
    {"findings", "dismiss", "finding.dismiss", "id", false, of_undo},
    {"studies", "delete", "change.delete", "study", false, of_delete},
    {"patients", "correct", "change.patient", "facility", true, of_patient},
};

/* What the bridge says of a request it does not do. A status we do not know is our own mistake. */
static kh_status told(const kh_buf *text, kh_error *err)
{
    kh_json *json = NULL;
    int64_t code;
    kh_status status = kh_json_parse_object(&json, kh_buf_text(text), text->size, ANSWER_BYTES_MAX, NULL);

    if (status != KH_OK)
        return kh_error_set(err, KH_E_INTERNAL, "the bridge's answer cannot be read");
    if (!kh_json_get_bool(json, "ok", false)) {
        const char *message = kh_json_get_text(json, "message");

        code = kh_json_get_int(json, "status", KH_E_INTERNAL);
        status = code > KH_OK && code <= KH_E_INTERNAL ? (kh_status)code : KH_E_INTERNAL;
        kh_error_set(err, status, "%s", message ? message : "");
    }
    kh_json_free(json);
    return status;
}

static kh_status ask(kh_portal *portal, const char *request, kh_buf *answer, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = KH_E_UNSUPPORTED;

    if (portal->options.ask)
        status = portal->options.ask(portal->options.ask_context, request, answer, ASK_MS, &why);
    if (status != KH_OK)
        return kh_error_set(err, KH_E_BUSY, "the bridge does not answer; it may be starting");
    return told(answer, err);
}

/* The bridge's own line is the answer. */
static void answer_asked(kh_portal *portal, kh_http_request *request, const char *line)
{
    kh_error err = KH_ERROR_INIT;
    kh_buf answer;

    kh_buf_init(&answer, ANSWER_BYTES_MAX + 1);
    if (ask(portal, line, &answer, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
    } else {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, 200, "application/json; charset=utf-8", answer.data, answer.size);
    }
    kh_buf_release(&answer);
}

static void associations(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer_asked(portal, request, "{\"op\":\"association.list\"}");
}

static void contacts(void *context, kh_http_request *request)
{
    kh_portal *portal = context;

    answer_asked(portal, request, "{\"op\":\"node.contacts\"}");
}

static void refusals(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer_asked(portal, request, "{\"op\":\"refusal.list\"}");
}

/* What of the body is the bridge's to know. */
static kh_status put_members(kh_json_writer *json, kh_http_request *request, const char *const *members, kh_error *err)
{
    kh_json *body = NULL;
    size_t size;
    const void *bytes = kh_http_body(request, &size);
    kh_status status = !members[0] || size == 0 ? KH_OK : kh_json_parse_object(&body, bytes, size, BODY_BYTES_MAX, err);

    for (; status == KH_OK && body && *members; members++)
        if (kh_json_get_text(body, *members))
            kh_json_put_text(json, *members, kh_json_get_text(body, *members));
    kh_json_free(body);
    return status;
}

static kh_status put_which(kh_json_writer *json, kh_http_request *request, const char *member, bool by_name, kh_error *err)
{
    int64_t id = 0;
    kh_status status = by_name ? KH_OK : kh_http_segment_int(request, "which", 1, INT64_MAX, &id, err);

    if (by_name)
        kh_json_put_text(json, member, kh_http_segment(request, "which"));
    else
        kh_json_put_int(json, member, id);
    return status;
}

static kh_status put_change(kh_json_writer *json, kh_http_request *request, kh_error *err)
{
    const char *kind = kh_http_segment(request, "kind"), *action = kh_http_segment(request, "action");
    kh_status status = KH_E_NOT_FOUND;

    kh_json_object_begin(json);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (strcmp(kind, changes[i].kind) != 0 || strcmp(action, changes[i].action) != 0)
            continue;
        kh_json_put_text(json, "op", changes[i].op);
        status = put_which(json, request, changes[i].which, changes[i].by_name, err);
        if (status == KH_OK)
            status = put_members(json, request, changes[i].members, err);
    }
    kh_json_object_end(json);
    if (status == KH_E_NOT_FOUND)
        kh_error_set(err, status, "no such address");
    return status == KH_OK ? kh_json_writer_status(json, err) : status;
}

static void change(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_json_writer json;
    kh_buf line;

    kh_buf_init(&line, REQUEST_BYTES_MAX);
    kh_json_writer_init(&json, &line);
    if (put_change(&json, request, &err) == KH_OK)
        answer_asked(portal, request, kh_buf_text(&line));
    else
        kh_http_answer_error(request, &err);
    kh_buf_release(&line);
}

void kh_portal_admin_associations(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, associations);
}

void kh_portal_admin_refusals(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, refusals);
}

void kh_portal_admin_contacts(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, contacts);
}

void kh_portal_admin_change(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, change);
}
