#include "app/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/auditing.h"
#include "app/told.h"
#include "base/clock.h"
#include "cache/evict.h"
#include "cache/node_hours.h"
#include "cache/pins.h"
#include "cache/quarantine.h"
#include "pacs-bridge/control_ops.h"
#include "store/file.h"

/* A bridge that died or opens its socket anew is back within a moment. */
#define OWNER_WAIT_MS 10000
#define LOOK_MS 50
#define COPY_BYTES 1048576

struct kh_session {
    const kh_settings *settings;
    kh_cache *cache; /* owned; NULL when a service runs and is asked */
    kh_audit *audit; /* owned; the bridge's, which does not run when there is a cache */
    _Atomic unsigned file_count;
};

kh_cache_options kh_session_cache_options(const kh_settings *settings)
{
    kh_cache_options options = kh_cache_options_default;

    options.dir = settings->data_dir;
    options.archive_id = settings->archive_id;
    options.reserve_bytes = (uint64_t)settings->reserve_bytes;
    options.object_bytes_max = (uint64_t)settings->object_bytes;
    options.direct_bytes_max = (uint32_t)settings->direct_bytes;
    options.quota_bytes = (uint64_t)settings->quota_bytes;
    options.keep_free_bytes = (uint64_t)settings->keep_free_bytes;
    options.evict_from_percent = (unsigned)settings->evict_from;
    options.evict_to_percent = (unsigned)settings->evict_to;
    options.evict_idle_ms = settings->evict_idle_ms;
    options.evict_pushed = settings->evict_pushed;
    options.scrub_bytes_per_s = (uint64_t)settings->scrub_bytes;
    options.quarantine_bytes = (uint64_t)settings->quarantine_bytes;
    options.deleted_kept_ms = settings->deleted_kept_ms;
    (void)kh_settings_conflict(settings, &options.conflict); /* checked when the settings were read */
    memcpy(options.issuers, settings->issuers, sizeof options.issuers);
    options.inline_bytes_max = (uint32_t)settings->dicomweb_inline_bytes;
    options.number_bytes_max = (uint32_t)settings->dicomweb_number_bytes;
    options.readers_max = (unsigned)settings->readers;
    options.frames_bytes_max = (uint64_t)settings->frames_bytes;
    options.events_kept = (uint32_t)settings->events_kept;
    return options;
}

void kh_session_lock_path(char out[KH_SESSION_PATH_SIZE], const kh_settings *settings)
{
    snprintf(out, KH_SESSION_PATH_SIZE, "%s/service.lock", settings->data_dir);
}

bool kh_session_service_runs(const kh_settings *settings)
{
    char path[KH_SESSION_PATH_SIZE];
    kh_status status;
    int fd = -1;

    kh_session_lock_path(path, settings);
    if (access(path, F_OK) != 0)
        return false;
    status = kh_lock_acquire(&fd, path, NULL);
    if (status == KH_OK)
        kh_lock_release(fd);
    return status == KH_E_BUSY;
}

static kh_status open_cache(kh_cache **out, const kh_settings *settings, bool owner, kh_error *err)
{
    kh_cache_options options = kh_session_cache_options(settings);
    kh_status status;

    options.owner = owner;
    status = kh_cache_open(out, &options, err);
    if (status == KH_E_NOT_FOUND)
        kh_error_clear(err);
    if (status == KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s: nothing was ever stored here", settings->data_dir);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "%s", settings->data_dir);
}

kh_status kh_session_read(kh_cache **out, const kh_settings *settings, kh_error *err)
{
    return open_cache(out, settings, false, err);
}

bool kh_session_tls_files(kh_tls_files *out, const kh_settings *settings)
{
    *out = (kh_tls_files){.certificate = settings->dicom_tls_certificate,
                          .key = settings->dicom_tls_key,
                          .client_ca = settings->dicom_tls_client_ca,
                          .peer_ca = settings->dicom_tls_peer_ca,
                          .revoked = settings->dicom_tls_revoked,
                          .tls_1_2 = settings->dicom_tls_1_2,
                          .peer_name = settings->dicom_tls_peer_name};
    return settings->dicom_tls_certificate[0] != '\0';
}

kh_status kh_session_scu(kh_scu *out, const kh_settings *settings, kh_cache *cache, kh_error *err)
{
    kh_tls_files files;

    kh_scu_init(out, settings->dicom_ae_title);
    out->cache = cache;
    if (kh_node_use_create(&out->use, err) != KH_OK)
        return KH_E_MEMORY;
    return kh_session_tls_files(&files, settings) ? kh_tls_store_create(&out->tls, &files, err) : KH_OK;
}

kh_status kh_session_hours(const kh_node *node, bool now, kh_error *err)
{
    if (now || kh_node_open_now(node, kh_clock_wall_ms()))
        return KH_OK;
    return kh_error_set(err, KH_E_DENIED, "node %s has other hours (%s); --now does it all the same", node->name, node->hours);
}

void kh_session_scu_release(kh_scu *scu)
{
    kh_tls_store_free(scu->tls);
    kh_node_use_free(scu->use);
    scu->tls = NULL;
    scu->use = NULL;
}

/* The owner, or a service that answers; KH_E_BUSY when it is neither yet. */
static kh_status open_either(kh_session *session, kh_error *err)
{
    if (!kh_session_service_runs(session->settings))
        return open_cache(&session->cache, session->settings, true, err);
    if (kh_control_running(session->settings->data_dir))
        return KH_OK;
    return kh_error_set(err, KH_E_BUSY, "the service on %s does not answer", session->settings->data_dir);
}

kh_status kh_session_open(kh_session **out, const kh_settings *settings, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + OWNER_WAIT_MS;
    kh_session *session = calloc(1, sizeof *session);
    kh_status status;

    *out = NULL;
    if (!session)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a session");
    session->settings = settings;
    while ((status = open_either(session, err)) == KH_E_BUSY && kh_clock_monotonic_ms() < deadline_ms) {
        kh_error_clear(err);
        kh_clock_sleep_ms(LOOK_MS);
    }
    if (status != KH_OK) {
        kh_session_close(session);
        return status;
    }
    *out = session;
    return KH_OK;
}

void kh_session_close(kh_session *session)
{
    if (!session)
        return;
    kh_audit_close(session->audit);
    kh_cache_close(session->cache);
    free(session);
}

/* Asks again while the bridge is being started anew: nothing was done then. */
#define ASK(status, call, err) \
    do { \
        int64_t ask_until_ms = kh_clock_monotonic_ms() + OWNER_WAIT_MS; \
        while (((status) = (call)) == KH_E_NOT_FOUND && !kh_control_running(session->settings->data_dir) && \
               kh_clock_monotonic_ms() < ask_until_ms) { \
            kh_error_clear(err); \
            kh_clock_sleep_ms(LOOK_MS); \
        } \
    } while (0)

/* Of what a command does itself, because no service runs: whose a node or a title is decides what it finds. */
static kh_status begin_told(kh_told *told, const kh_session *session, char text[160], const char *what, const char *name,
                            const char *facility, kh_error *err)
{
    const kh_auditing_change change = {.who = kh_session_asked_by(NULL), .facility = facility, .text = text};

    snprintf(text, 160, "%s %.64s", what, name);
    return kh_told_begin(told, session->settings, &change, err);
}

#define TOLD(status, what, name, facility, call, err) \
    do { \
        kh_told told_ = {0}; \
        char text_[160]; \
        (status) = begin_told(&told_, session, text_, what, name, facility, err); \
        if ((status) == KH_OK) \
            (status) = (call); \
        kh_told_end(&told_, status); \
    } while (0)

kh_status kh_session_node_add(kh_session *session, kh_node *node, kh_error *err)
{
    kh_status status;

    if (session->cache)
        TOLD(status, "node add", node->name, node->facility, kh_node_add(session->cache, node, err), err);
    else
        ASK(status, kh_control_node_add(session->settings->data_dir, node, err), err);
    return status;
}

kh_status kh_session_node_set(kh_session *session, kh_node *node, kh_error *err)
{
    kh_status status;

    if (session->cache)
        TOLD(status, "node set", node->name, node->facility, kh_node_set(session->cache, node, err), err);
    else
        ASK(status, kh_control_node_set(session->settings->data_dir, node, err), err);
    return status;
}

kh_status kh_session_title_add(kh_session *session, const char *ae_title, const char *facility, kh_error *err)
{
    kh_status status;

    if (session->cache)
        TOLD(status, "title add", ae_title, facility, kh_title_add(session->cache, ae_title, facility, err), err);
    else
        ASK(status, kh_control_title_add(session->settings->data_dir, ae_title, facility, err), err);
    return status;
}

kh_status kh_session_title_remove(kh_session *session, const char *ae_title, kh_error *err)
{
    kh_status status;

    if (session->cache)
        TOLD(status, "title remove", ae_title, NULL, kh_title_remove(session->cache, ae_title, err), err);
    else
        ASK(status, kh_control_title_remove(session->settings->data_dir, ae_title, err), err);
    return status;
}

kh_status kh_session_node_remove(kh_session *session, const char *name, kh_error *err)
{
    kh_status status;

    if (session->cache)
        TOLD(status, "node remove", name, NULL, kh_node_remove(session->cache, name, err), err);
    else
        ASK(status, kh_control_node_remove(session->settings->data_dir, name, err), err);
    return status;
}

kh_status kh_session_pull_file(kh_session *session, const char *node, const char *study_uid, int32_t priority, int64_t *pull_id,
                               kh_error *err)
{
    kh_status status;

    if (session->cache)
        return kh_error_set(err, KH_E_NOT_FOUND, "no service runs on %s: start `kakehashi serve` first", session->settings->data_dir);
    ASK(status, kh_control_pull_file(session->settings->data_dir, node, study_uid, priority, "command", pull_id, err), err);
    return status;
}

static kh_status read_answer(const kh_buf *answer, kh_error *err)
{
    kh_json *json = NULL;
    kh_status status = kh_json_parse_object(&json, kh_buf_text(answer), answer->size, KH_CONTROL_LINE_MAX, err);

    if (status == KH_OK && !kh_json_get_bool(json, "ok", false)) {
        int64_t told = kh_json_get_int(json, "status", KH_E_INTERNAL);
        const char *message = kh_json_get_text(json, "message");
        status =
            kh_error_set(err, told > KH_OK && told <= KH_E_INTERNAL ? (kh_status)told : KH_E_INTERNAL, "%s", message ? message : "refused");
    }
    kh_json_free(json);
    return status;
}

kh_status kh_session_ask(kh_session *session, const char *request, kh_error *err)
{
    kh_status status = KH_OK;
    kh_buf answer;

    kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
    if (session->cache && !session->audit) /* what a command does itself is told as by the bridge */
        status = kh_auditing_open(&session->audit, session->settings, "bridge", err);
    if (status == KH_OK && session->cache) { /* no service runs: nobody but us to do it */
        const kh_control_server server = {.cache = session->cache, .audit = session->audit};
        kh_control_answer(&server, request, strlen(request), &answer);
    } else if (status == KH_OK) {
        ASK(status, kh_control_call(session->settings->data_dir, request, &answer, 0, err), err);
    }
    if (status == KH_OK)
        status = read_answer(&answer, err);
    kh_buf_release(&answer);
    return status;
}

kh_status kh_session_commit_ask(kh_session *session, const char *node, const char *study_uid, const char *series_uid,
                                const char *patient_id, int64_t *id, kh_error *err)
{
    kh_status status;

    if (session->cache)
        return kh_error_set(err, KH_E_NOT_FOUND, "no service runs on %s to hear the answer: start `kakehashi serve` first",
                            session->settings->data_dir);
    ASK(status, kh_control_commit_ask(session->settings->data_dir, node, study_uid, series_uid, patient_id, id, err), err);
    return status;
}

kh_status kh_session_study_evict(kh_session *session, int64_t study_id, int64_t *objects, int64_t *bytes, kh_error *err)
{
    kh_evicted out = {0};
    kh_status status;

    if (session->cache) {
        status = kh_evict_study(session->cache, study_id, 0, "asked for", &out, err);
        *objects = out.objects;
        *bytes = out.bytes;
        return status;
    }
    ASK(status, kh_control_study_evict(session->settings->data_dir, study_id, objects, bytes, err), err);
    return status;
}

kh_status kh_session_study_pin(kh_session *session, int64_t study_id, const char *owner, bool pin, kh_error *err)
{
    kh_status status;

    if (session->cache)
        return pin ? kh_pin(session->cache, study_id, owner, err) : kh_unpin(session->cache, study_id, owner, err);
    ASK(status, kh_control_study_pin(session->settings->data_dir, study_id, owner, pin, err), err);
    return status;
}

kh_status kh_session_quarantine(kh_session *session, const char *name, bool accept, int64_t *object_id, kh_error *err)
{
    kh_ingest_result result = {0};
    kh_status status;

    if (session->cache) {
        status = accept ? kh_quarantine_accept(session->cache, name, &result, err) : kh_quarantine_discard(session->cache, name, err);
        *object_id = result.object_id;
        return status;
    }
    ASK(status, kh_control_quarantine(session->settings->data_dir, name, accept, object_id, err), err);
    return status;
}

static kh_status copy_bytes(int to, int from, uint64_t bytes_max, kh_error *err)
{
    char *buffer = malloc(COPY_BYTES);
    kh_status status = KH_OK;
    uint64_t copied = 0;
    ssize_t size = 0;

    if (!buffer)
        return kh_error_set(err, KH_E_MEMORY, "no memory to copy a file");
    while (status == KH_OK && (size = read(from, buffer, COPY_BYTES)) > 0) {
        copied += (uint64_t)size;
        status = copied > bytes_max ? kh_error_set(err, KH_E_LIMIT, "more than %llu bytes ([storage] object)",
                                                   (unsigned long long)bytes_max)
                                    : kh_write_all(to, buffer, (size_t)size, err);
    }
    if (status == KH_OK && size < 0)
        status = kh_error_errno(err, errno, "read");
    free(buffer);
    return status;
}

static kh_status copy_in(const kh_settings *settings, const char *path, const char *copy, kh_error *err)
{
    struct stat file;
    kh_status status;
    int to = -1, from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (from < 0)
        return kh_error_errno(err, errno, "open");
    if (fstat(from, &file) != 0 || !S_ISREG(file.st_mode))
        status = kh_error_set(err, KH_E_ARG, "not a regular file");
    else if ((to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        status = kh_error_errno(err, errno, "%s", copy);
    else
        status = copy_bytes(to, from, (uint64_t)settings->object_bytes, err);
    close(from);
    if (to >= 0 && close(to) != 0 && status == KH_OK)
        status = kh_error_errno(err, errno, "%s", copy);
    return status;
}

static kh_status import_remote(kh_session *session, const char *path, const kh_origin *origin, kh_ingest_result *result,
                               kh_error *err)
{
    const kh_settings *settings = session->settings;
    char name[64], copy[KH_SESSION_PATH_SIZE + 64];
    kh_status status;

    snprintf(name, sizeof name, "import-%d-%u", (int)getpid(), atomic_fetch_add(&session->file_count, 1));
    snprintf(copy, sizeof copy, "%s/incoming/%s", settings->data_dir, name);
    status = copy_in(settings, path, copy, err);
    if (status == KH_OK)
        ASK(status, kh_control_object_adopt(settings->data_dir, name, origin, result, err), err);
    unlink(copy); /* not there any more when it was adopted */
    return status;
}

kh_status kh_session_import(kh_session *session, const char *path, const kh_origin *origin, kh_ingest_result *result, kh_error *err)
{
    if (session->cache)
        return kh_ingest_file(session->cache, path, origin, result, err);
    return import_remote(session, path, origin, result, err);
}

bool kh_session_name_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= 64 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == length;
}

const char *kh_session_asked_by(const char *by)
{
    const char *names[] = {by, getenv("SUDO_USER"), getenv("USER")};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i] && names[i][0])
            return names[i];
    return "operator";
}
