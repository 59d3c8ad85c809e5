/* What the bridge is asked: it alone changes things, and it alone knows its associations. This role only reads.
 * GET /api/admin/associations and /refusals; POST /api/admin/{kind}/{which}/{action}. */
#include <string.h>
#include "viewer/portal/admin.h"

#define REQUEST_BYTES_MAX 4096
#define ANSWER_BYTES_MAX 65536
#define ASK_MS 15000

static const struct {
    const char *kind, *action, *op;
    bool by_name; /* {which} is a name, else a number */
} changes[] = {
    {"nodes", "echo", "node.echo", true},       {"pulls", "retry", "pull.retry", false},    {"pulls", "cancel", "pull.cancel", false},
    {"sends", "retry", "send.retry", false},    {"sends", "cancel", "send.cancel", false},  {"rules", "retry", "rule.retry", true},
    {"rules", "cancel", "backfill.cancel", true},
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

static void refusals(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer_asked(portal, request, "{\"op\":\"refusal.list\"}");
}

static kh_status put_change(kh_json_writer *json, kh_http_request *request, kh_error *err)
{
    const char *kind = kh_http_segment(request, "kind"), *action = kh_http_segment(request, "action");
    kh_status status = KH_E_NOT_FOUND;
    int64_t id;

    kh_json_object_begin(json);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (strcmp(kind, changes[i].kind) != 0 || strcmp(action, changes[i].action) != 0)
            continue;
        kh_json_put_text(json, "op", changes[i].op);
        status = KH_OK;
        if (changes[i].by_name)
            kh_json_put_text(json, "name", kh_http_segment(request, "which"));
        else if ((status = kh_http_segment_int(request, "which", 1, INT64_MAX, &id, err)) == KH_OK)
            kh_json_put_int(json, "id", id);
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

void kh_portal_admin_change(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, change);
}
