/* How the door says no. */
#include <stdio.h>
#include <string.h>
#include "viewer/guard/internal.h"

#define PROBLEM_BYTES_MAX 2048
#define LOCATION_SIZE 180 /* a header takes 200 */

void kh_guard_problem(kh_http_request *request, unsigned code, const char *kind, const char *message, int64_t wait_ms)
{
    kh_buf body;
    kh_json_writer json;
    char seconds[24];

    kh_buf_init(&body, PROBLEM_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "error", kind);
    kh_json_put_text(&json, "message", message);
    kh_json_object_end(&json);
    if (wait_ms > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)((wait_ms + 999) / 1000));
        kh_http_set_header(request, "Retry-After", seconds);
    }
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer(request, code, "application/json; charset=utf-8", body.data, body.size);
    kh_buf_release(&body);
}

static bool is_below(const char *path, const char *root)
{
    size_t size = strlen(root);

    return strncmp(path, root, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static void escape(char *out, size_t size, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    size_t used = strlen(out);

    for (; *text && used + 4 < size; text++)
        used += (size_t)snprintf(out + used, size - used, strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
    if (*text)
        out[0] = '\0';
}

/* Where to go on after signing in: only the path, and what another system's call asks for; the page takes none but our own addresses. */
static void redirect(kh_http_request *request)
{
    const char *path = kh_http_path(request), *name, *value;
    char rest[LOCATION_SIZE * 2] = "", next[LOCATION_SIZE] = "", location[LOCATION_SIZE + 32];

    snprintf(rest, sizeof rest, "%s", path);
    for (size_t i = 0; kh_http_parameter(request, i, &name, &value); i++) {
        size_t used = strlen(rest);

        snprintf(rest + used, sizeof rest - used, "%s%s=", i == 0 ? "?" : "&", name);
        escape(rest, sizeof rest, value);
    }
    if (strcmp(rest, "/") != 0 && rest[0])
        escape(next, sizeof next, rest);
    snprintf(location, sizeof location, "/sign-in%s%s", next[0] ? "?next=" : "", next);
    kh_http_set_header(request, "Location", location);
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer(request, 303, NULL, NULL, 0);
}

void kh_guard_refuse(kh_guard *guard, kh_http_request *request, unsigned code, const char *kind)
{
    const char *path = kh_http_path(request);
    bool dicomweb = is_below(path, "/dicomweb");

    if (code == 401 && !dicomweb && !is_below(path, "/api") && !is_below(path, "/tiles")) {
        redirect(request);
        return;
    }
    kh_record_refused(guard->options.recorder, request, dicomweb ? "DICOMweb" : "portal", code);
    if (code == 401 && dicomweb)
        kh_http_set_header(request, "WWW-Authenticate", "Bearer realm=\"DICOMweb\"");
    kh_guard_problem(request, code, kind, code == 401 ? "nobody is signed in" : "a change has to come from our own page, with its token",
                     0);
}

static kh_audit_action action_of(const kh_guarded *about)
{
    switch (about->verb) {
    case KH_VERB_FIND:
        return KH_AUDIT_SEARCH;
    case KH_VERB_VIEW:
        return about->kind == KH_KIND_FRAME || about->kind == KH_KIND_THUMBNAIL ? KH_AUDIT_VIEW : KH_AUDIT_OPEN;
    case KH_VERB_TAKE:
        return KH_AUDIT_RETRIEVE;
    case KH_VERB_CHANGE:
        break;
    }
    return about->kind == KH_KIND_OPERATION ? KH_AUDIT_OPERATE : KH_AUDIT_STORE;
}

void kh_guard_absent(kh_guard *guard, kh_http_request *request, const kh_guarded *about, const kh_verdict *verdict)
{
    const kh_record record = {
        .action = action_of(about),
        .way = is_below(kh_http_path(request), "/dicomweb") ? "DICOMweb" : "portal",
        .study_id = about->study_id,
        .series_id = about->series_id,
        .study_uid = about->study_uid,
        .series_uid = about->series_uid,
        .object_uid = about->object_uid,
        .reason = kh_reason_text(verdict->reason),
        .with_path = true,
    };

    kh_record_denied(guard->options.recorder, request, &record);
    kh_http_answer_code(request, 404, "no such study, series or object");
}
