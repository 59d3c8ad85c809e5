#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"
#include "pacs-bridge/control.h"
#include "pacs-bridge/control_socket.h"
#include "pacs-bridge/node_json.h"

#define DEFAULT_TIMEOUT_MS 70000

static kh_status connect_owner(int *out, const char *dir, kh_error *err)
{
    struct sockaddr_un address;
    int dir_fd = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    kh_status status;

    *out = -1;
    if (fd < 0)
        return kh_error_errno(err, errno, "socket");
    status = kh_control_address(&address, &dir_fd, dir, err);
    if (status == KH_OK && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        status = errno == ENOENT || errno == ECONNREFUSED ? kh_error_set(err, KH_E_NOT_FOUND, "no service runs on %s", dir)
                                                          : kh_error_errno(err, errno, "control socket of %s", dir);
    if (dir_fd >= 0)
        close(dir_fd);
    if (status != KH_OK) {
        close(fd);
        return status;
    }
    *out = fd;
    return KH_OK;
}

kh_status kh_control_call(const char *dir, const char *request, kh_buf *answer, int64_t timeout_ms, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + (timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
    kh_buf pending;
    int fd;
    kh_status status = connect_owner(&fd, dir, err);

    if (status != KH_OK)
        return status;
    kh_buf_init(&pending, KH_CONTROL_LINE_MAX + 1);
    status = kh_control_write(fd, request, strlen(request), NULL, deadline_ms, err);
    while (status == KH_OK && !kh_control_take_line(&pending, answer))
        status = kh_control_read(fd, &pending, NULL, deadline_ms, err);
    kh_buf_release(&pending);
    close(fd);
    if (status != KH_OK)
        kh_error_prefix(err, "asking the service");
    return status;
}

bool kh_control_running(const char *dir)
{
    int fd;

    if (connect_owner(&fd, dir, NULL) != KH_OK)
        return false;
    close(fd);
    return true;
}

/* --- one request of each kind --- */

typedef struct call {
    kh_buf request, answer;
    kh_json_writer writer;
    kh_json *json; /* the answer */
} call;

static void call_begin(call *one, const char *op)
{
    kh_buf_init(&one->request, KH_CONTROL_LINE_MAX);
    kh_buf_init(&one->answer, KH_CONTROL_LINE_MAX + 1);
    one->json = NULL;
    kh_json_writer_init(&one->writer, &one->request);
    kh_json_object_begin(&one->writer);
    kh_json_put_text(&one->writer, "op", op);
}

static kh_status told_status(const kh_json *json)
{
    int64_t status = kh_json_get_int(json, "status", KH_E_INTERNAL);

    return status > KH_OK && status <= KH_E_INTERNAL ? (kh_status)status : KH_E_INTERNAL;
}

static kh_status call_send(call *one, const char *dir, kh_error *err)
{
    kh_status status;

    kh_json_object_end(&one->writer);
    status = kh_json_writer_status(&one->writer, err);
    if (status == KH_OK)
        status = kh_control_call(dir, kh_buf_text(&one->request), &one->answer, 0, err);
    if (status == KH_OK)
        status = kh_json_parse_object(&one->json, kh_buf_text(&one->answer), one->answer.size, KH_CONTROL_LINE_MAX, err);
    if (status == KH_OK && !kh_json_get_bool(one->json, "ok", false)) {
        const char *message = kh_json_get_text(one->json, "message");
        status = kh_error_set(err, told_status(one->json), "%s", message ? message : "the service refused");
    }
    return status;
}

static void call_end(call *one)
{
    kh_json_free(one->json);
    kh_buf_release(&one->answer);
    kh_buf_release(&one->request);
}

static kh_status send_node(const char *op, const char *dir, kh_node *node, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, op);
    kh_node_json_put(&one.writer, node);
    status = call_send(&one, dir, err);
    if (status == KH_OK)
        node->id = kh_json_get_int(one.json, "id", 0);
    call_end(&one);
    return status;
}

kh_status kh_control_node_add(const char *dir, kh_node *node, kh_error *err)
{
    return send_node("node.add", dir, node, err);
}

kh_status kh_control_node_set(const char *dir, kh_node *node, kh_error *err)
{
    return send_node("node.set", dir, node, err);
}

static kh_status send_title(const char *op, const char *dir, const char *ae_title, const char *facility, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, op);
    kh_json_put_text(&one.writer, "ae_title", ae_title);
    kh_json_put_text(&one.writer, "facility", facility);
    status = call_send(&one, dir, err);
    call_end(&one);
    return status;
}

kh_status kh_control_title_add(const char *dir, const char *ae_title, const char *facility, kh_error *err)
{
    return send_title("title.add", dir, ae_title, facility, err);
}

kh_status kh_control_title_remove(const char *dir, const char *ae_title, kh_error *err)
{
    return send_title("title.remove", dir, ae_title, "", err);
}

kh_status kh_control_node_remove(const char *dir, const char *name, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, "node.remove");
    kh_json_put_text(&one.writer, "name", name);
    status = call_send(&one, dir, err);
    call_end(&one);
    return status;
}

kh_status kh_control_pull_file(const char *dir, const char *node_name, const char *study_uid, int32_t priority,
                               const char *asked_by, int64_t *pull_id, kh_error *err)
{
    kh_status status;
    call one;

    *pull_id = 0;
    call_begin(&one, "pull.file");
    kh_json_put_text(&one.writer, "node", node_name);
    kh_json_put_text(&one.writer, "study_uid", study_uid);
    kh_json_put_int(&one.writer, "priority", priority);
    kh_json_put_text(&one.writer, "asked_by", asked_by);
    status = call_send(&one, dir, err);
    if (status == KH_OK)
        *pull_id = kh_json_get_int(one.json, "id", 0);
    call_end(&one);
    return status;
}

/* One that has nothing but an id and perhaps a number, and answers nothing. */
static kh_status call_id(const char *dir, const char *op, int64_t id, const char *key, int64_t value, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, op);
    kh_json_put_int(&one.writer, "id", id);
    if (key)
        kh_json_put_int(&one.writer, key, value);
    status = call_send(&one, dir, err);
    call_end(&one);
    return status;
}

kh_status kh_control_commit_ask(const char *dir, const char *node_name, const char *study_uid, const char *series_uid,
                                const char *patient_id, int64_t *id, kh_error *err)
{
    kh_status status;
    call one;

    *id = 0;
    call_begin(&one, "commit.ask");
    kh_json_put_text(&one.writer, "node", node_name);
    kh_json_put_text(&one.writer, "study_uid", study_uid);
    if (series_uid)
        kh_json_put_text(&one.writer, "series_uid", series_uid);
    if (patient_id)
        kh_json_put_text(&one.writer, "patient_id", patient_id);
    status = call_send(&one, dir, err);
    if (status == KH_OK)
        *id = kh_json_get_int(one.json, "id", 0);
    call_end(&one);
    return status;
}

kh_status kh_control_pull_cancel(const char *dir, int64_t pull_id, kh_error *err)
{
    return call_id(dir, "pull.cancel", pull_id, NULL, 0, err);
}

kh_status kh_control_pull_retry(const char *dir, int64_t pull_id, kh_error *err)
{
    return call_id(dir, "pull.retry", pull_id, NULL, 0, err);
}

kh_status kh_control_pull_priority(const char *dir, int64_t pull_id, int32_t priority, kh_error *err)
{
    return call_id(dir, "pull.priority", pull_id, "priority", priority, err);
}

kh_status kh_control_study_evict(const char *dir, int64_t study_id, int64_t *objects, int64_t *bytes, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, "study.evict");
    kh_json_put_int(&one.writer, "id", study_id);
    status = call_send(&one, dir, err);
    *objects = status == KH_OK ? kh_json_get_int(one.json, "objects", 0) : 0;
    *bytes = status == KH_OK ? kh_json_get_int(one.json, "bytes", 0) : 0;
    call_end(&one);
    return status;
}

kh_status kh_control_study_recall(const char *dir, int64_t study_id, const char *asked_by, int64_t *pull_id, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, "study.recall");
    kh_json_put_int(&one.writer, "id", study_id);
    kh_json_put_text(&one.writer, "asked_by", asked_by);
    status = call_send(&one, dir, err);
    *pull_id = status == KH_OK ? kh_json_get_int(one.json, "pull", 0) : 0;
    call_end(&one);
    return status;
}

kh_status kh_control_study_pin(const char *dir, int64_t study_id, const char *owner, bool pin, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, pin ? "study.pin" : "study.unpin");
    kh_json_put_int(&one.writer, "id", study_id);
    kh_json_put_text(&one.writer, "owner", owner);
    status = call_send(&one, dir, err);
    call_end(&one);
    return status;
}

kh_status kh_control_quarantine(const char *dir, const char *name, bool accept, int64_t *object_id, kh_error *err)
{
    kh_status status;
    call one;

    call_begin(&one, accept ? "quarantine.accept" : "quarantine.discard");
    kh_json_put_text(&one.writer, "name", name);
    status = call_send(&one, dir, err);
    if (object_id)
        *object_id = status == KH_OK ? kh_json_get_int(one.json, "object_id", 0) : 0;
    call_end(&one);
    return status;
}

kh_status kh_control_object_adopt(const char *dir, const char *name, const kh_origin *origin, kh_ingest_result *result, kh_error *err)
{
    const char *uid;
    kh_status status;
    call one;

    memset(result, 0, sizeof(*result));
    call_begin(&one, "object.adopt");
    kh_json_put_text(&one.writer, "name", name);
    kh_json_put_text(&one.writer, "facility", origin->facility);
    kh_json_put_text(&one.writer, "source", origin->source);
    status = call_send(&one, dir, err);
    if (status == KH_OK) {
        uid = kh_json_get_text(one.json, "sop_instance_uid");
        result->object_id = kh_json_get_int(one.json, "object_id", 0);
        result->series_id = kh_json_get_int(one.json, "series_id", 0);
        result->study_id = kh_json_get_int(one.json, "study_id", 0);
        result->duplicate = kh_json_get_bool(one.json, "duplicate", false);
        result->conflict = kh_json_get_bool(one.json, "conflict", false);
        snprintf(result->sop_instance_uid, sizeof(result->sop_instance_uid), "%s", uid ? uid : "");
    }
    call_end(&one);
    return status;
}
