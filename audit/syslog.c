#include "audit/syslog.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "audit/audit_internal.h"
#include "audit/dicom_event.h"
#include "audit/event.h"
#include "audit/follow.h"
#include "audit/search.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/file.h"

#define LOOK_MS 250
#define BATCH 200 /* records of a chain in turn */
#define MESSAGE_MAX (KH_AUDIT_XML_MAX + 1024u)
#define PRI_NOTICE 85  /* RFC 5424 6.2.1: facility 10, security; severity 5 */
#define PRI_WARNING 84 /* severity 4 */
#define MSGID "DICOM+RFC3881"  /* PS3.15 A.6 */
#define MARK "\xef\xbb\xbf"    /* RFC 5424 6.4: the message is UTF-8 */
#define PLACE_HEAD "kakehashi audit syslog 1\n"
#define TEXT_SIZE 1024

struct kh_syslog {
    char dir[KH_AUDIT_DIR_SIZE], host[TEXT_SIZE], ca[TEXT_SIZE], certificate[TEXT_SIZE], key[TEXT_SIZE];
    char name[256]; /* of this machine */
    kh_syslog_server server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    atomic_bool ending;

    kh_audit_follower chains[KH_AUDIT_ROLES]; /* the thread's own from here */
    kh_audit_place settled[KH_AUDIT_ROLES];   /* delivered, and noted */
    kh_audit_place marked[KH_AUDIT_ROLES];    /* sent at marked_ms */
    bool mark_set;
    int64_t marked_ms;
    kh_syslog_tls *to; /* NULL: away */
    int64_t retry_ms;
    bool told_away, told_place;
    kh_buf message, xml;
};

/* --- where it is --- */

static void write_place(kh_syslog *syslog)
{
    char text[80 + KH_AUDIT_ROLES * 100], path[KH_AUDIT_DIR_SIZE + 20];
    size_t used = (size_t)snprintf(text, sizeof(text), PLACE_HEAD);
    kh_error err = KH_ERROR_INIT;

    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", kh_audit_roles[i],
                                 syslog->settled[i].seq, syslog->settled[i].first, syslog->settled[i].offset);
    snprintf(path, sizeof(path), "%s/syslog.place", syslog->dir);
    if (kh_file_replace(path, text, used, &err) != KH_OK && !syslog->told_place)
        kh_log(KH_LOG_WARN, "audit", "syslog: what was delivered is not noted, and comes again after a start: %s", err.message);
    syslog->told_place = err.status != KH_OK;
}

/* A place that cannot be read is none: all comes again. */
static void read_place(kh_syslog *syslog)
{
    char path[KH_AUDIT_DIR_SIZE + 20], line[128], role[KH_AUDIT_ROLE_MAX + 1];
    kh_audit_place place;
    FILE *file;

    snprintf(path, sizeof(path), "%s/syslog.place", syslog->dir);
    file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file))
        for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
            if (sscanf(line, "%16s %" SCNu64 " %" SCNu64 " %" SCNu64, role, &place.seq, &place.first, &place.offset) == 4 &&
                strcmp(role, kh_audit_roles[i]) == 0)
                syslog->settled[i] = place;
    fclose(file);
}

static void go_back(kh_syslog *syslog)
{
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        kh_audit_follow_from(&syslog->chains[i], &syslog->settled[i]);
    syslog->mark_set = false;
}

static void settle(kh_syslog *syslog, const kh_audit_place *places)
{
    if (memcmp(syslog->settled, places, sizeof(syslog->settled)) == 0)
        return;
    memcpy(syslog->settled, places, sizeof(syslog->settled));
    write_place(syslog);
}

static void take_places(const kh_syslog *syslog, kh_audit_place *places)
{
    memset(places, 0, sizeof(syslog->settled));
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        places[i] = syslog->chains[i].place;
}

/* --- one record --- */

static kh_status build(kh_syslog *syslog, const kh_json *record, const kh_audit_source *source, size_t index, size_t *count, kh_error *err)
{
    bool failure = false;
    kh_status status;

    kh_buf_clear(&syslog->xml);
    kh_buf_clear(&syslog->message);
    status = kh_audit_dicom_event(&syslog->xml, record, source, index, count, &failure, err);
    if (status == KH_OK)
        status = kh_buf_appendf(&syslog->message, err,
                                "<%d>1 %s %s kakehashi %ld " MSGID " - " MARK "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                                failure ? PRI_WARNING : PRI_NOTICE, kh_json_get_text(record, "time"), syslog->name, (long)getpid());
    if (status == KH_OK)
        status = kh_buf_append(&syslog->message, syslog->xml.data, syslog->xml.size, err);
    return status;
}

/* KH_E_PEER, KH_E_TIMEOUT: of the connection. A record that is no message for want of memory is tried again. */
static kh_status send_record(kh_syslog *syslog, const char *role, const kh_audit_line *line, kh_error *err)
{
    char hash[KH_AUDIT_HEX_SIZE];
    const kh_audit_source source = {.id = syslog->name, .chain = role, .seq = line->seq, .hash = hash};
    kh_json *record = NULL;
    kh_status status;
    size_t count = 1;

    kh_audit_hex(hash, line->hash);
    status = kh_json_parse_object(&record, line->record, line->record_size, KH_AUDIT_RECORD_MAX, err);
    if (status == KH_OK && !kh_json_get_text(record, "time"))
        status = kh_error_set(err, KH_E_FORMAT, "a record without a time");
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        status = build(syslog, record, &source, i, &count, err);
        if (status == KH_OK)
            status = kh_syslog_send(syslog->to, syslog->message.data, syslog->message.size, err);
    }
    kh_json_free(record);
    if (status == KH_E_FORMAT || status == KH_E_LIMIT) { /* verify names it; the others go on */
        kh_log(KH_LOG_ERROR, "audit", "syslog: record %" PRIu64 " of %s is passed over: %s", line->seq, role, err->message);
        kh_error_clear(err);
        status = KH_OK;
    }
    return status;
}

static kh_status send_some(kh_syslog *syslog, size_t *sent, kh_error *err)
{
    kh_status status = KH_OK;

    *sent = 0;
    for (size_t i = 0; i < KH_AUDIT_ROLES && status == KH_OK; i++)
        for (size_t k = 0; k < BATCH && status == KH_OK; k++) {
            kh_error why = KH_ERROR_INIT;
            kh_audit_line line;
            kh_status found = kh_audit_follow_next(&syslog->chains[i], &line, &why);

            if (found != KH_OK)
                break;
            status = send_record(syslog, kh_audit_roles[i], &line, err);
            ++*sent;
        }
    return status;
}

/* --- the connection --- */

static void let_go(kh_syslog *syslog, const kh_error *why)
{
    if (!syslog->told_away)
        kh_log(KH_LOG_WARN, "audit", "syslog: %s; the record of access is kept and comes later", why->message);
    syslog->told_away = true;
    kh_syslog_close(syslog->to);
    syslog->to = NULL;
    go_back(syslog);
}

static bool reach(kh_syslog *syslog)
{
    kh_error err = KH_ERROR_INIT;

    if (syslog->to)
        return true;
    if (kh_syslog_connect(&syslog->to, &syslog->server, &err) != KH_OK) {
        if (!atomic_load(&syslog->ending))
            let_go(syslog, &err);
        return false;
    }
    kh_log(KH_LOG_INFO, "audit", "syslog: the record of access goes to %s port %d", syslog->host, syslog->server.port);
    syslog->told_away = false;
    syslog->retry_ms = KH_SYSLOG_RETRY_FIRST_MS;
    return true;
}

/* What was sent before the mark is delivered once the connection has held so long behind it. */
static kh_status look_whether_it_held(kh_syslog *syslog, kh_error *err)
{
    kh_audit_place now[KH_AUDIT_ROLES];
    bool settled = false;
    kh_status status = kh_syslog_settled(syslog->to, &settled, err);

    if (status != KH_OK)
        return status;
    if (syslog->mark_set && settled && kh_clock_monotonic_ms() - syslog->marked_ms >= KH_SYSLOG_HELD_MS) {
        settle(syslog, syslog->marked);
        syslog->mark_set = false;
    }
    take_places(syslog, now);
    if (!syslog->mark_set && memcmp(now, syslog->settled, sizeof(now)) != 0) {
        memcpy(syslog->marked, now, sizeof(now));
        syslog->marked_ms = kh_clock_monotonic_ms();
        syslog->mark_set = true;
    }
    return KH_OK;
}

static void wait_ms(kh_syslog *syslog, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&syslog->lock);
    if (!atomic_load(&syslog->ending))
        pthread_cond_timedwait(&syslog->wakes, &syslog->lock, &until);
    pthread_mutex_unlock(&syslog->lock);
}

/* Of what is left, as much as one turn holds; when the server says that it has it, that is noted. */
static void end_run(kh_syslog *syslog)
{
    kh_audit_place now[KH_AUDIT_ROLES];
    kh_error err = KH_ERROR_INIT;
    size_t sent;

    if (!syslog->to || send_some(syslog, &sent, &err) != KH_OK || !kh_syslog_finish(syslog->to))
        return;
    take_places(syslog, now);
    settle(syslog, now);
}

static void *run(void *context)
{
    kh_syslog *syslog = context;

    while (!atomic_load(&syslog->ending)) {
        kh_error err = KH_ERROR_INIT;
        size_t sent = 0;
        kh_status status;

        if (!reach(syslog)) {
            wait_ms(syslog, syslog->retry_ms);
            syslog->retry_ms = syslog->retry_ms * 2 < KH_SYSLOG_RETRY_LONGEST_MS ? syslog->retry_ms * 2 : KH_SYSLOG_RETRY_LONGEST_MS;
            continue;
        }
        status = send_some(syslog, &sent, &err);
        if (status == KH_OK)
            status = look_whether_it_held(syslog, &err);
        if (status != KH_OK)
            let_go(syslog, &err);
        else if (sent == 0)
            wait_ms(syslog, LOOK_MS);
    }
    end_run(syslog);
    return NULL;
}

/* --- opening and ending --- */

static bool keep(char *out, const char *text)
{
    return (size_t)snprintf(out, TEXT_SIZE, "%s", text ? text : "") < TEXT_SIZE;
}

/* RFC 5424 6.2.4: printable ASCII without spaces, or "-". */
static void take_name(char *out, size_t out_size)
{
    if (gethostname(out, out_size) != 0 || !out[0])
        snprintf(out, out_size, "-");
    out[out_size - 1] = '\0';
    for (char *c = out; *c; c++)
        if (*c <= 0x20 || *c > 0x7e)
            *c = '-';
}

static kh_status prepare(kh_syslog *syslog, const kh_syslog_options *options, kh_error *err)
{
    const kh_syslog_server *server = &options->server;

    if (strlen(options->dir) >= sizeof(syslog->dir) || !keep(syslog->host, server->host) || !keep(syslog->ca, server->ca) ||
        !keep(syslog->certificate, server->certificate) || !keep(syslog->key, server->key))
        return kh_error_set(err, KH_E_ARG, "a folder, name or path of the syslog server that is too long");
    if ((syslog->certificate[0] != '\0') != (syslog->key[0] != '\0'))
        return kh_error_set(err, KH_E_ARG, "[audit] syslog_certificate and syslog_key: one without the other");
    snprintf(syslog->dir, sizeof(syslog->dir), "%s", options->dir);
    syslog->server = (kh_syslog_server){syslog->host, server->port, syslog->ca, syslog->certificate, syslog->key, &syslog->ending};
    syslog->retry_ms = KH_SYSLOG_RETRY_FIRST_MS;
    take_name(syslog->name, sizeof(syslog->name));
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        kh_audit_follow(&syslog->chains[i], syslog->dir, kh_audit_roles[i]);
    read_place(syslog);
    go_back(syslog);
    return KH_OK;
}

static void release(kh_syslog *syslog)
{
    kh_syslog_close(syslog->to);
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        kh_audit_follow_end(&syslog->chains[i]);
    kh_buf_release(&syslog->message);
    kh_buf_release(&syslog->xml);
    pthread_cond_destroy(&syslog->wakes);
    pthread_mutex_destroy(&syslog->lock);
    free(syslog);
}

kh_status kh_syslog_open(kh_syslog **out, const kh_syslog_options *options, kh_error *err)
{
    kh_syslog *syslog = calloc(1, sizeof(*syslog));
    pthread_condattr_t attributes;
    kh_status status;

    *out = NULL;
    if (!syslog)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the syslog");
    pthread_mutex_init(&syslog->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&syslog->wakes, &attributes);
    pthread_condattr_destroy(&attributes);
    kh_buf_init(&syslog->message, MESSAGE_MAX);
    kh_buf_init(&syslog->xml, KH_AUDIT_XML_MAX);
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        syslog->chains[i] = (kh_audit_follower){.reader = KH_AUDIT_READER_INIT};
    status = prepare(syslog, options, err);
    if (status == KH_OK && pthread_create(&syslog->thread, NULL, run, syslog) != 0)
        status = kh_error_set(err, KH_E_MEMORY, "no thread for the syslog");
    if (status != KH_OK)
        release(syslog);
    else
        *out = syslog;
    return status;
}

void kh_syslog_end(kh_syslog *syslog)
{
    if (!syslog)
        return;
    pthread_mutex_lock(&syslog->lock);
    atomic_store(&syslog->ending, true);
    pthread_cond_signal(&syslog->wakes);
    pthread_mutex_unlock(&syslog->lock);
    pthread_join(syslog->thread, NULL);
    release(syslog);
}
