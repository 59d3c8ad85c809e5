#include "pacs-bridge/control_ops.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache/pulls.h"
#include "pacs-bridge/control_admin.h"
#include "pacs-bridge/control_queue.h"
#include "pacs-bridge/node_json.h"
#include "pacs-bridge/told.h"
#include "pacs-bridge/told_work.h"

static kh_status op_ping(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)server;
    (void)request;
    (void)err;
    kh_json_put_int(answer, "pid", getpid());
    return KH_OK;
}

static kh_status op_node_add(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_node node;
    kh_status status = kh_node_json_get(&node, request, err);

    if (status == KH_OK)
        status = kh_node_add(server->cache, &node, err);
    if (status == KH_OK)
        kh_json_put_int(answer, "id", node.id);
    return status;
}

static kh_status op_node_set(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_node node;
    kh_status status = kh_node_json_get(&node, request, err);

    if (status == KH_OK)
        status = kh_node_set(server->cache, &node, err);
    if (status == KH_OK)
        kh_json_put_int(answer, "id", node.id);
    return status;
}

static kh_status op_node_remove(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *name = kh_json_get_text(request, "name");

    (void)answer;
    if (!name)
        return kh_error_set(err, KH_E_ARG, "name is missing");
    return kh_node_remove(server->cache, name, err);
}

static kh_status op_title_add(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *title = kh_json_get_text(request, "ae_title"), *facility = kh_json_get_text(request, "facility");

    (void)answer;
    return kh_title_add(server->cache, title ? title : "", facility ? facility : "", err);
}

static kh_status op_title_remove(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *title = kh_json_get_text(request, "ae_title");

    (void)answer;
    return kh_title_remove(server->cache, title ? title : "", err);
}

static kh_status op_pull_file(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *node_name = kh_json_get_text(request, "node"), *study_uid = kh_json_get_text(request, "study_uid");
    int64_t priority = kh_json_get_int(request, "priority", 0), id = 0;
    kh_status status;
    kh_node node;

    if (!node_name || !study_uid)
        return kh_error_set(err, KH_E_ARG, "%s is missing", node_name ? "study_uid" : "node");
    if (priority < 0 || priority > 2)
        return kh_error_set(err, KH_E_ARG, "priority %lld, expected 0 to 2", (long long)priority);
    status = kh_node_find(server->cache, node_name, &node, err);
    if (status == KH_OK)
        status = kh_pull_file(server->cache, node.id, study_uid, (int32_t)priority, kh_json_get_text(request, "asked_by"), &id, err);
    if (status != KH_OK)
        return status;
    if (server->pulls.filed)
        server->pulls.filed(server->pulls.context);
    kh_json_put_int(answer, "id", id);
    return KH_OK;
}

static kh_status op_pull_cancel(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t id = kh_json_get_int(request, "id", 0);

    (void)answer;
    if (!server->pulls.cancel)
        return kh_error_set(err, KH_E_UNSUPPORTED, "no pull queue runs here");
    return server->pulls.cancel(server->pulls.context, id, err);
}

static kh_status op_pull_retry(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t id = kh_json_get_int(request, "id", 0);

    (void)answer;
    if (!server->pulls.retry)
        return kh_error_set(err, KH_E_UNSUPPORTED, "no pull queue runs here");
    return server->pulls.retry(server->pulls.context, id, err);
}

static kh_status op_pull_priority(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t id = kh_json_get_int(request, "id", 0), priority = kh_json_get_int(request, "priority", -1);
    kh_status status;

    (void)answer;
    if (priority < 0 || priority > 2)
        return kh_error_set(err, KH_E_ARG, "priority %lld, expected 0 to 2", (long long)priority);
    status = kh_pull_set_priority(server->cache, id, (int32_t)priority, err);
    if (status == KH_OK && server->pulls.filed)
        server->pulls.filed(server->pulls.context);
    return status;
}

static kh_status op_queue_kick(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)request;
    (void)answer;
    (void)err;
    if (server->pulls.filed)
        server->pulls.filed(server->pulls.context);
    return KH_OK;
}

static kh_status op_commit_ask(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    static const struct {
        const char *name;
        kh_tag tag;
    } members[] = {
        {"study_uid", KH_TAG_STUDY_INSTANCE_UID}, {"series_uid", KH_TAG_SERIES_INSTANCE_UID}, {"patient_id", KH_TAG_PATIENT_ID}};
    const char *node_name = kh_json_get_text(request, "node");
    kh_search_key keys[3];
    size_t count = 0;
    int64_t id = 0;
    kh_node node;
    kh_status status;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (kh_json_get_text(request, members[i].name))
            keys[count++] = (kh_search_key){members[i].tag, kh_json_get_text(request, members[i].name)};
    if (!node_name || count == 0 || keys[0].tag != KH_TAG_STUDY_INSTANCE_UID || !keys[0].value[0])
        return kh_error_set(err, KH_E_ARG, "%s is missing", node_name ? "study_uid" : "node");
    if (!server->pulls.commit)
        return kh_error_set(err, KH_E_UNSUPPORTED, "no storage commitment runs here");
    status = kh_node_find(server->cache, node_name, &node, err);
    if (status == KH_OK)
        status = server->pulls.commit(server->pulls.context, &node, keys, count, &id, err);
    if (status == KH_OK)
        kh_json_put_int(answer, "id", id);
    return status;
}

/* Names in incoming/ that are numbers are the owner's own. */
static bool is_adoptable_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t length = strlen(name);

    return length >= 1 && length <= 64 && strspn(name, allowed) == length && strspn(name, "0123456789_.-") == 0;
}

static kh_status adopt(const kh_control_server *server, const char *name, const kh_origin *origin, kh_ingest_result *result,
                       kh_error *err)
{
    struct stat info;
    char path[PATH_MAX];
    kh_status status;
    int length = snprintf(path, sizeof(path), "%s/incoming/%s", kh_cache_dir(server->cache), name);

    if (length < 0 || (size_t)length >= sizeof(path))
        return kh_error_set(err, KH_E_LIMIT, "path of %d bytes", length);
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return kh_error_set(err, KH_E_NOT_FOUND, "no file %s in incoming", name);
    status = kh_ingest_file(server->cache, path, origin, result, err);
    unlink(path);
    return status;
}

static kh_status op_object_adopt(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *name = kh_json_get_text(request, "name"), *facility = kh_json_get_text(request, "facility");
    const char *source = kh_json_get_text(request, "source");
    const kh_origin origin = {.facility = facility && facility[0] ? facility : server->facility_default,
                              .source = source ? source : "adopted"};
    kh_ingest_result result = {0};
    kh_status status;

    if (!name || !is_adoptable_name(name))
        return kh_error_set(err, KH_E_ARG, "name: expected 1 to 64 of [A-Za-z0-9_.-] that begin with a letter");
    status = adopt(server, name, &origin, &result, err);
    if (status != KH_OK)
        return status;
    kh_json_put_int(answer, "object_id", result.object_id);
    kh_json_put_int(answer, "series_id", result.series_id);
    kh_json_put_int(answer, "study_id", result.study_id);
    kh_json_put_bool(answer, "duplicate", result.duplicate);
    kh_json_put_bool(answer, "conflict", result.conflict);
    kh_json_put_text(answer, "sop_instance_uid", result.sop_instance_uid);
    return KH_OK;
}

static kh_status op_import_told(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_told_import(server->audit, server->cache, request, err);
}

static const struct {
    const char *name;
    kh_control_op *run;
} operations[] = {
    {"ping", op_ping},
    {"node.add", op_node_add},
    {"node.remove", op_node_remove},
    {"node.set", op_node_set},
    {"title.add", op_title_add},
    {"title.remove", op_title_remove},
    {"pull.file", op_pull_file},
    {"pull.cancel", op_pull_cancel},
    {"object.adopt", op_object_adopt},
    {"import.told", op_import_told},
    {"commit.ask", op_commit_ask},
    {"pull.retry", op_pull_retry},
    {"pull.priority", op_pull_priority},
    {"queue.kick", op_queue_kick},
    {"change.delete", kh_op_change_delete},
    {"change.patient", kh_op_change_patient},
    {"change.study", kh_op_change_study},
    {"change.undo", kh_op_change_undo},
    {"finding.list", kh_op_finding_list},
    {"finding.apply", kh_op_finding_apply},
    {"finding.dismiss", kh_op_finding_dismiss},
    {"finding.ask", kh_op_finding_ask},
    {"compare.now", kh_op_compare_now},
    {"issuers.begin", kh_op_issuers_begin},
    {"issuers.step", kh_op_issuers_step},
    {"study.evict", kh_op_study_evict},
    {"study.recall", kh_op_study_recall},
    {"study.pin", kh_op_study_pin},
    {"study.unpin", kh_op_study_unpin},
    {"quarantine.accept", kh_op_quarantine_accept},
    {"quarantine.discard", kh_op_quarantine_discard},
};

static kh_status run_op(const kh_control_server *server, const char *name, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_status status = KH_E_ARG;

    for (size_t i = 0; name && i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0) {
            status = operations[i].run(server, request, answer, err);
            name = NULL;
        }
    if (name && kh_control_queue_op(server, name, request, answer, &status, err))
        name = NULL;
    if (name && kh_control_admin_op(server, name, request, answer, &status, err))
        name = NULL;
    if (name || status == KH_E_ARG)
        kh_error_set(err, KH_E_ARG, "op is missing or not known"); /* the operation's own words come first */
    return status;
}

/* What changes something is recorded before it is done, and how it ended. */
static kh_status run_line(const kh_control_server *server, const char *line, size_t size, kh_json_writer *answer, kh_error *err)
{
    kh_json *request = NULL;
    const char *name;
    kh_status status = kh_json_parse_object(&request, line, size, KH_CONTROL_LINE_MAX, err);

    if (status != KH_OK)
        return status;
    name = kh_json_get_text(request, "op");
    status = name ? kh_told_change(server->audit, server->cache, name, request, err) : KH_OK;
    if (status == KH_OK) {
        status = run_op(server, name, request, answer, err);
        if (name)
            kh_told_changed(server->audit, server->cache, name, request, status, status == KH_OK ? "" : err->message);
    }
    kh_json_free(request);
    return status;
}

void kh_control_answer(const kh_control_server *server, const char *line, size_t size, kh_buf *answer)
{
    kh_error err = KH_ERROR_INIT;
    kh_json_writer writer;
    kh_status status;

    kh_json_writer_init(&writer, answer);
    kh_json_object_begin(&writer);
    kh_json_put_bool(&writer, "ok", true);
    status = run_line(server, line, size, &writer, &err);
    if (status != KH_OK) {
        kh_buf_clear(answer);
        kh_json_writer_init(&writer, answer);
        kh_json_object_begin(&writer);
        kh_json_put_bool(&writer, "ok", false);
        kh_json_put_int(&writer, "status", status);
        kh_json_put_text(&writer, "message", err.message);
    }
    kh_json_object_end(&writer);
}
