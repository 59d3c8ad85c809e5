/* Storage commitment in its corners: on the same association, on a new one with role selection, tried again, over a restart, with every
 * failure reason and both sides of the limits; and as user, against a node that reports what it does not keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/browse.h"
#include "cache/commitments.h"
#include "cache/ingest.h"
#include "cache/pins.h"
#include "dicom/shim/acceptor.h"
#include "dicom/shim/user.h"
#include "dicom/writer.h"
#include "pacs-bridge/commit_data.h"
#include "pacs-bridge/control.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define OBJECTS 3
#define TRANSACTION "1.2.3.195"
#define ANSWER_MS 60000

typedef struct peer {
    world it;
    uint16_t port;
    int listen_fd;
    kh_acceptor *acceptor;
    kh_stop *stop;
    _Atomic unsigned reports, refusals; /* refusals: so many reports are answered with a failure first */
    _Atomic bool with_role;             /* the last association proposed us as user */
    _Atomic bool fails_one;             /* as provider: the first object is not kept */
    pthread_mutex_t lock;
    kh_commit_data told;                /* lock */
    uint16_t event_type;                /* lock */
    char transaction[KH_UID_SIZE];      /* asked of us as provider */
} peer;

static void take_in(kh_cache *cache, unsigned number)
{
    const kh_origin origin = {.facility = "north", .source = "test"};
    kh_ingest_result result;
    kh_incoming *incoming;
    char uid[65];
    uint8_t *dataset;
    size_t size;
    kh_buf head;

    support_object_uid(uid, number);
    dataset = support_make_dataset(number, 1024, &size);
    kh_buf_init(&head, 65536);
    assert_int_equal(kh_part10_header(&head, KH_SOP_CT_IMAGE, uid, KH_TS_EXPLICIT_LE, "TEST", NULL), KH_OK);
    assert_int_equal(kh_ingest_begin(&incoming, cache, 0, NULL), KH_OK);
    assert_int_equal(kh_ingest_write(incoming, head.data, head.size, NULL), KH_OK);
    assert_int_equal(kh_ingest_write(incoming, dataset, size, NULL), KH_OK);
    assert_int_equal(kh_ingest_commit(incoming, &origin, NULL, &result, NULL), KH_OK);
    kh_buf_release(&head);
    free(dataset);
}

static void fill_refs(kh_commitment_ref *refs, size_t count)
{
    memset(refs, 0, count * sizeof(*refs));
    for (unsigned i = 0; i < count; i++) {
        snprintf(refs[i].sop_class_uid, KH_UID_SIZE, "%s", KH_SOP_CT_IMAGE);
        support_object_uid(refs[i].sop_instance_uid, i + 1);
    }
}

/* --- the peer --- */

static kh_reject accept_any(void *context, kh_assoc_request *request)
{
    (void)context;
    (void)request;
    return KH_REJECT_NOT;
}

static int choose_first(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                        size_t count, bool as_scp)
{
    peer *of = context;

    (void)request;
    (void)transfer_syntaxes;
    (void)count;
    atomic_store(&of->with_role, as_scp);
    return strcmp(abstract_syntax, KH_SOP_COMMITMENT) == 0 ? 0 : -1;
}

/* Keep what a report says, and answer it. */
static void take_report(peer *of, kh_assoc *assoc, const kh_context *with, const kh_dimse *request)
{
    kh_status sink_status;
    kh_dimse response;
    bool refuse = atomic_load(&of->refusals) > 0;
    kh_buf data;

    kh_buf_init(&data, 1 << 20);
    assert_int_equal(kh_assoc_receive_data(assoc, with->id, kh_data_sink_buf, &data, &sink_status, NULL, NULL), KH_OK);
    pthread_mutex_lock(&of->lock);
    kh_commit_data_release(&of->told);
    assert_int_equal(kh_commit_data_read(&of->told, data.data, data.size, with->transfer_syntax, true, 100, NULL), KH_OK);
    of->event_type = request->type_id;
    pthread_mutex_unlock(&of->lock);
    kh_buf_release(&data);
    if (refuse)
        atomic_fetch_sub(&of->refusals, 1);
    else
        atomic_fetch_add(&of->reports, 1);
    kh_dimse_respond(&response, request, refuse ? KH_DIMSE_PROCESSING_FAILURE : KH_DIMSE_SUCCESS);
    (void)!kh_assoc_send(assoc, with->id, &response, NULL);
}

/* As provider: the request is taken and at once reported on the same association. */
static void promise(peer *of, kh_assoc *assoc, const kh_context *with, const kh_dimse *request)
{
    kh_dimse response, event;
    kh_commit_data asked;
    kh_status sink_status;
    uint8_t context_id;
    kh_buf data;

    kh_buf_init(&data, 1 << 20);
    assert_int_equal(kh_assoc_receive_data(assoc, with->id, kh_data_sink_buf, &data, &sink_status, NULL, NULL), KH_OK);
    assert_int_equal(kh_commit_data_read(&asked, data.data, data.size, with->transfer_syntax, false, 100, NULL), KH_OK);
    kh_dimse_respond(&response, request, KH_DIMSE_SUCCESS);
    assert_int_equal(kh_assoc_send(assoc, with->id, &response, NULL), KH_OK);
    if (atomic_load(&of->fails_one))
        asked.refs[0].result = 0x0112;
    kh_dimse_init(&event, KH_N_EVENT_REPORT_RQ);
    event.message_id = 77;
    event.has_data = true;
    strcpy(event.sop_class_uid, KH_SOP_COMMITMENT);
    strcpy(event.sop_instance_uid, KH_SOP_COMMITMENT_INSTANCE);
    kh_buf_clear(&data);
    assert_int_equal(kh_commit_report_build(&data, with->transfer_syntax, "PEER", asked.transaction_uid, asked.refs, asked.count,
                                            &event.type_id, NULL), KH_OK);
    assert_int_equal(kh_assoc_send(assoc, with->id, &event, NULL), KH_OK);
    assert_int_equal(kh_assoc_send_data(assoc, with->id, data.data, data.size, true, NULL), KH_OK);
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &response, 0, NULL), KH_OK);
    assert_int_equal(response.field, KH_N_EVENT_REPORT_RSP);
    assert_int_equal(response.status, KH_DIMSE_SUCCESS);
    kh_commit_data_release(&asked);
    kh_buf_release(&data);
}

static void serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number)
{
    kh_dimse command;
    uint8_t context_id;

    (void)request;
    (void)number;
    while (kh_assoc_receive(assoc, &context_id, &command, 0, NULL) == KH_OK && command.field != 0) {
        const kh_context *with = kh_assoc_context(assoc, context_id);
        if (command.field == KH_N_EVENT_REPORT_RQ)
            take_report(context, assoc, with, &command);
        else if (command.field == KH_N_ACTION_RQ)
            promise(context, assoc, with, &command);
    }
}

static void listen_as_peer(peer *of)
{
    const kh_acceptor_options options = {.listen_fd = of->listen_fd,
                                         .associations_max = 4,
                                         .waiting_max = 4,
                                         .limits = kh_net_limits_default,
                                         .stop = of->stop,
                                         .accept = accept_any,
                                         .choose = choose_first,
                                         .serve = serve,
                                         .context = of};

    assert_int_equal(kh_acceptor_start(&of->acceptor, &options, NULL), KH_OK);
}

static int start(void **state)
{
    peer *of = calloc(1, sizeof(*of));

    pthread_mutex_init(&of->lock, NULL);
    world_make(&of->it);
    of->it.options.commit.stay_ms = 3000; /* who leaves at once has left by then, on any machine */
    of->it.options.commit.retry_first_ms = 20;
    of->it.options.commit.retry_longest_ms = 100;
    of->it.options.commit.references_max = OBJECTS + 2;
    of->it.options.commit.open_max = 2;
    of->listen_fd = support_listen(&of->port);
    assert_int_equal(kh_stop_create(&of->stop, NULL), KH_OK);
    (void)world_add_node(&of->it, "peer", "PEER", of->port, true);
    (void)world_add_node(&of->it, "asks", "ASKS", 0, false);
    for (unsigned i = 1; i <= OBJECTS; i++)
        take_in(of->it.cache, i);
    *state = of;
    return 0;
}

static int stop(void **state)
{
    peer *of = *state;

    world_free(&of->it);
    if (of->acceptor)
        kh_acceptor_drain(of->acceptor, 1000);
    close(of->listen_fd);
    kh_stop_free(of->stop);
    kh_commit_data_release(&of->told);
    free(of);
    return 0;
}

/* --- asking --- */

static kh_assoc *call(const peer *of, const char *title)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    const kh_proposal proposal = {KH_SOP_COMMITMENT, syntaxes, 1, false};
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc = NULL;

    if (kh_assoc_connect(&assoc, "127.0.0.1", of->it.port, title, "KAKEHASHI", &proposal, 1, NULL, NULL, &err) != KH_OK)
        fail_msg("%s", err.message);
    return assoc;
}

typedef struct wish {
    const char *name, *instance;
    uint16_t action;
    size_t count;
    const char *transaction, *title;
    uint16_t expected;
} wish;

/* The status of the response. */
static uint16_t ask(kh_assoc *assoc, const wish *what, const kh_commitment_ref *refs)
{
    kh_dimse request, response;
    uint8_t context_id;
    kh_buf data;

    kh_buf_init(&data, 1 << 20);
    kh_dimse_init(&request, KH_N_ACTION_RQ);
    request.message_id = 5;
    request.type_id = what->action;
    request.has_data = true;
    strcpy(request.sop_class_uid, KH_SOP_COMMITMENT);
    strcpy(request.sop_instance_uid, what->instance);
    assert_int_equal(kh_commit_request_build(&data, KH_TS_IMPLICIT_LE, what->transaction, refs, what->count, NULL), KH_OK);
    assert_int_equal(kh_assoc_send(assoc, 1, &request, NULL), KH_OK);
    assert_int_equal(kh_assoc_send_data(assoc, 1, data.data, data.size, true, NULL), KH_OK);
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &response, 0, NULL), KH_OK);
    assert_int_equal(response.field, KH_N_ACTION_RSP);
    kh_buf_release(&data);
    return response.status;
}

static const wish usual = {"usual", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, OBJECTS, TRANSACTION, "PEER", 0};

static void await_reports(peer *of, unsigned count)
{
    for (int i = 0; i < ANSWER_MS / 10 && atomic_load(&of->reports) < count; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(atomic_load(&of->reports), count);
}

static kh_commitment await_end(peer *of, int64_t id)
{
    kh_commitment found;

    for (int i = 0; i < ANSWER_MS / 10; i++) {
        assert_int_equal(kh_commitment_find(of->it.cache, id, &found, NULL), KH_OK);
        if (found.state >= KH_COMMITMENT_DONE)
            break;
        kh_clock_sleep_ms(10);
    }
    return found;
}

static void assert_result(peer *of, const char *uid, uint16_t expected)
{
    bool seen = false;

    pthread_mutex_lock(&of->lock);
    for (size_t i = 0; i < of->told.count; i++)
        if (strcmp(of->told.refs[i].sop_instance_uid, uid) == 0) {
            if (of->told.refs[i].result != expected)
                fail_msg("%s: %04X, expected %04X", uid, of->told.refs[i].result, expected);
            seen = true;
        }
    pthread_mutex_unlock(&of->lock);
    assert_true(seen);
}

static void refused(void **state)
{
    static const wish rows[] = {
        {"another instance", "1.2.840.10008.1.20.1.2", KH_COMMIT_ACTION_REQUEST, 1, TRANSACTION, "PEER", KH_DIMSE_NO_SUCH_INSTANCE},
        {"another action", KH_SOP_COMMITMENT_INSTANCE, 2, 1, TRANSACTION, "PEER", KH_DIMSE_NO_SUCH_ACTION},
        {"no objects", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, 0, TRANSACTION, "PEER", KH_DIMSE_INVALID_ARGUMENT},
        {"no transaction", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, 1, "", "PEER", KH_DIMSE_INVALID_ARGUMENT},
        {"who may not store", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, 1, TRANSACTION, "ASKS", KH_DIMSE_NOT_AUTHORISED},
        {"most objects", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, OBJECTS + 2, TRANSACTION, "PEER", KH_DIMSE_SUCCESS},
        {"one more", KH_SOP_COMMITMENT_INSTANCE, KH_COMMIT_ACTION_REQUEST, OBJECTS + 3, TRANSACTION, "PEER", KH_DIMSE_RESOURCE_LIMITATION},
    };
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS + 3];

    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS + 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_assoc *assoc = call(of, rows[i].title);
        uint16_t got = ask(assoc, &rows[i], refs);
        if (got != rows[i].expected)
            fail_msg("%s: %04X, expected %04X", rows[i].name, got, rows[i].expected);
        kh_assoc_abort(assoc);
        kh_assoc_free(assoc);
    }
}

/* Nobody listens at the peer, so they stay open: two may be, a third not; the first one again is no third. */
static void open_ones_are_bounded(void **state)
{
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS];
    wish what = usual;
    kh_assoc *assoc;

    close(of->listen_fd);
    of->listen_fd = -1;
    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    assoc = call(of, "PEER");
    assert_int_equal(ask(assoc, &what, refs), KH_DIMSE_SUCCESS);
    what.transaction = "1.2.3.196";
    assert_int_equal(ask(assoc, &what, refs), KH_DIMSE_SUCCESS);
    what.transaction = "1.2.3.197";
    assert_int_equal(ask(assoc, &what, refs), KH_DIMSE_RESOURCE_LIMITATION);
    what.transaction = TRANSACTION;
    assert_int_equal(ask(assoc, &what, refs), KH_DIMSE_SUCCESS);
    kh_assoc_abort(assoc);
    kh_assoc_free(assoc);
}

static void on_the_same_association(void **state)
{
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS];
    kh_assoc *assoc;
    kh_dimse event;
    uint8_t context_id;
    bool pinned = false;

    of->it.options.commit.stay_ms = 50;
    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    assoc = call(of, "PEER");
    assert_int_equal(ask(assoc, &usual, refs), KH_DIMSE_SUCCESS);
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &event, ANSWER_MS, NULL), KH_OK);
    assert_int_equal(event.field, KH_N_EVENT_REPORT_RQ);
    assert_string_equal(event.sop_instance_uid, KH_SOP_COMMITMENT_INSTANCE);
    take_report(of, assoc, kh_assoc_context(assoc, context_id), &event);
    assert_int_equal(of->event_type, KH_COMMIT_EVENT_ALL);
    assert_string_equal(of->told.transaction_uid, TRANSACTION);
    assert_int_equal(of->told.count, OBJECTS);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_DONE);
    assert_int_equal(kh_is_pinned(of->it.cache, 1, "commitment:1", &pinned, NULL), KH_OK);
    assert_true(pinned);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    assert_int_equal(kh_commitment_expire(of->it.cache, INT64_MAX, NULL), KH_OK);
    assert_int_equal(kh_is_pinned(of->it.cache, 1, "commitment:1", &pinned, NULL), KH_OK);
    assert_false(pinned);
}

static void ask_and_leave(peer *of, const kh_commitment_ref *refs, size_t count)
{
    wish what = usual;
    kh_assoc *assoc = call(of, "PEER");

    what.count = count;
    assert_int_equal(ask(assoc, &what, refs), KH_DIMSE_SUCCESS);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

/* Every reason at once, on an association that we make, where we propose to be the provider; the first two reports are refused. */
static void on_a_new_association(void **state)
{
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS + 2];
    char path[64], target[300];
    ssize_t length;
    int fd;

    fill_refs(refs, OBJECTS + 2);
    strcpy(refs[1].sop_class_uid, KH_SOP_MR_IMAGE);
    strcpy(refs[OBJECTS + 1].sop_class_uid, KH_SOP_VERIFICATION);
    assert_int_equal(kh_object_open(of->it.cache, 3, &fd, NULL), KH_OK);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof(target) - 1);
    assert_true(length > 0);
    target[length] = '\0';
    close(fd);
    assert_int_equal(chmod(target, 0600), 0);
    assert_int_equal(truncate(target, 100), 0);
    atomic_store(&of->refusals, 2);
    listen_as_peer(of);
    world_start_bridge(&of->it);
    ask_and_leave(of, refs, OBJECTS + 2);
    await_reports(of, 1);
    assert_true(atomic_load(&of->with_role));
    assert_int_equal(of->event_type, KH_COMMIT_EVENT_FAILURES);
    assert_result(of, refs[0].sop_instance_uid, 0);
    assert_result(of, refs[1].sop_instance_uid, 0x0119);
    assert_result(of, refs[2].sop_instance_uid, 0x0110);
    assert_result(of, refs[3].sop_instance_uid, 0x0112);
    assert_result(of, refs[4].sop_instance_uid, 0x0122);
    assert_int_equal(await_end(of, 1).committed, 1);
}

/* One byte of a file is another: only the checksum tells. */
static void checksums(void **state)
{
    peer *of = *state;
    kh_commitment_ref ref;
    char path[64], target[300];
    ssize_t length;
    int fd;

    fill_refs(&ref, 1);
    assert_int_equal(kh_object_open(of->it.cache, 1, &fd, NULL), KH_OK);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof(target) - 1);
    assert_true(length > 0);
    target[length] = '\0';
    close(fd);
    assert_int_equal(kh_commitment_check(of->it.cache, 1, "north", true, &ref, NULL), KH_OK);
    assert_int_equal(ref.result, 0);
    assert_int_equal(chmod(target, 0600), 0);
    fd = open(target, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "!", 1, 900), 1);
    close(fd);
    assert_int_equal(kh_commitment_check(of->it.cache, 1, "north", false, &ref, NULL), KH_OK);
    assert_int_equal(ref.result, 0);
    assert_int_equal(kh_commitment_check(of->it.cache, 1, "north", true, &ref, NULL), KH_OK);
    assert_int_equal(ref.result, 0x0110);
    assert_int_equal(kh_commitment_check(of->it.cache, 1, "south", false, &ref, NULL), KH_OK);
    assert_int_equal(ref.result, 0x0112); /* another hospital's */
}

/* The service ends between action and report. */
static void over_a_restart(void **state)
{
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS];

    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    ask_and_leave(of, refs, OBJECTS);
    world_stop_bridge(&of->it);
    assert_int_equal(atomic_load(&of->reports), 0);
    listen_as_peer(of);
    world_start_bridge(&of->it);
    await_reports(of, 1);
    assert_int_equal(of->event_type, KH_COMMIT_EVENT_ALL);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_DONE);
}

static void given_up(void **state)
{
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS];
    kh_commitment end;

    of->it.options.commit.attempts_max = 3;
    close(of->listen_fd);
    of->listen_fd = -1;
    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    ask_and_leave(of, refs, OBJECTS);
    end = await_end(of, 1);
    assert_int_equal(end.state, KH_COMMITMENT_FAILED);
    assert_int_equal(end.attempts, 3);
    assert_true(strlen(end.reason) > 0);
}

/* R13: the clock is set back, or forward and back, while a report waits for its next attempt: attempts go on. */
static void clock_jumps_while_a_report_waits(void **state)
{
    static const int64_t jumps_ms[] = {-1000, 3600000, -3600000, INT64_C(315576000000), -INT64_C(315576000000)};
    peer *of = *state;
    kh_commitment_ref refs[OBJECTS];
    int64_t shifted_ms = 0;

    of->it.options.commit.attempts_max = 1000;
    of->it.options.commit.retry_longest_ms = of->it.options.commit.retry_first_ms;
    close(of->listen_fd);
    of->listen_fd = -1;
    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    ask_and_leave(of, refs, OBJECTS);
    for (size_t i = 0; i < sizeof(jumps_ms) / sizeof(jumps_ms[0]); i++) {
        kh_commitment before, now = {.attempts = 0};

        assert_int_equal(kh_commitment_find(of->it.cache, 1, &before, NULL), KH_OK);
        kh_clock_shift_for_test(0, jumps_ms[i]);
        shifted_ms += jumps_ms[i];
        for (int k = 0; k < ANSWER_MS / 10 && now.attempts < before.attempts + 2; k++) {
            kh_clock_sleep_ms(10);
            assert_int_equal(kh_commitment_find(of->it.cache, 1, &now, NULL), KH_OK);
        }
        if (now.attempts < before.attempts + 2)
            fail_msg("a jump of %lld ms: no attempt was made after it", (long long)jumps_ms[i]);
    }
    kh_clock_shift_for_test(0, -shifted_ms);
}

/* One was given up: the peer has let us connect and said nothing. */
static void give_one_up(peer *of)
{
    kh_commitment_ref refs[OBJECTS];

    of->it.options.commit.attempts_max = 2;
    of->it.options.associate_ms = 1500;
    world_start_bridge(&of->it);
    fill_refs(refs, OBJECTS);
    ask_and_leave(of, refs, OBJECTS);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_FAILED);
    kh_clock_shift_for_test(1000, 0); /* no sooner than a try later */
}

/* It answers again, and makes an association of any kind: what it did not take comes on one of ours. */
static void comes_back(void **state)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    const kh_proposal echo = {KH_SOP_VERIFICATION, syntaxes, 1, false};
    peer *of = *state;
    kh_assoc *assoc;

    give_one_up(of);
    listen_as_peer(of);
    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", of->it.port, "PEER", "KAKEHASHI", &echo, 1, NULL, NULL, NULL), KH_OK);
    await_reports(of, 1);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_DONE);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

/* It never answers where we call it, but comes itself with the class: the report is told there. Over a restart, too. */
static void told_on_its_next_association(void **state)
{
    peer *of = *state;
    kh_assoc *assoc;
    kh_dimse event;
    uint8_t context_id;

    give_one_up(of);
    world_stop_bridge(&of->it);
    world_start_bridge(&of->it);
    assoc = call(of, "PEER");
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &event, ANSWER_MS, NULL), KH_OK);
    assert_int_equal(event.field, KH_N_EVENT_REPORT_RQ);
    take_report(of, assoc, kh_assoc_context(assoc, context_id), &event);
    assert_string_equal(of->told.transaction_uid, TRANSACTION);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_DONE);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

/* One that comes often and takes nothing is tried once for each time, and what is too old no more. */
static void not_for_ever(void **state)
{
    peer *of = *state;
    kh_assoc *assoc;
    kh_dimse event;
    uint8_t context_id;

    give_one_up(of);
    assoc = call(of, "ASKS"); /* another node brings nothing about */
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &event, 300, NULL), KH_E_TIMEOUT);
    kh_assoc_abort(assoc);
    kh_assoc_free(assoc);
    kh_clock_shift_for_test(0, of->it.options.commit.keep_ms + 1000);
    assoc = call(of, "PEER");
    assert_int_equal(kh_assoc_receive(assoc, &context_id, &event, 300, NULL), KH_E_TIMEOUT);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_FAILED);
    kh_clock_shift_for_test(0, -of->it.options.commit.keep_ms - 1000);
    kh_assoc_abort(assoc);
    kh_assoc_free(assoc);
}

static void ask_control(peer *of, const char *request, const char *expected)
{
    kh_buf answer;

    kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
    assert_int_equal(kh_control_call(of->it.data_dir, request, &answer, 0, NULL), KH_OK);
    if (strncmp((const char *)answer.data, expected, strlen(expected)) != 0)
        fail_msg("%s: %.*s, expected %s", request, (int)answer.size, (const char *)answer.data, expected);
    kh_buf_release(&answer);
}

static void by_hand(void **state)
{
    peer *of = *state;

    give_one_up(of);
    ask_control(of, "{\"op\":\"commit.list\",\"which\":\"failed\"}",
                "{\"ok\":true,\"commitments\":[{\"id\":1,\"node\":1,\"ours\":true,\"state\":\"failed\",");
    ask_control(of, "{\"op\":\"commit.list\",\"which\":\"open\"}", "{\"ok\":true,\"commitments\":[],\"more\":false}");
    ask_control(of, "{\"op\":\"commit.list\",\"limit\":0}", "{\"ok\":false");
    ask_control(of, "{\"op\":\"commit.retry\",\"id\":2}", "{\"ok\":false,\"status\":5");
    listen_as_peer(of);
    ask_control(of, "{\"op\":\"commit.retry\",\"id\":1}", "{\"ok\":true}");
    await_reports(of, 1);
    assert_int_equal(await_end(of, 1).state, KH_COMMITMENT_DONE);
    ask_control(of, "{\"op\":\"commit.retry\",\"id\":1}", "{\"ok\":false,\"status\":6");
}

static void as_user(void **state)
{
    peer *of = *state;
    kh_commitment_ref *refs;
    kh_commitment end;
    size_t count, failed = 0;
    int64_t id;
    kh_error err = KH_ERROR_INIT;

    atomic_store(&of->fails_one, true);
    listen_as_peer(of);
    world_start_bridge(&of->it);
    if (kh_control_commit_ask(of->it.data_dir, "peer", SUPPORT_STUDY_UID, NULL, NULL, &id, &err) != KH_OK)
        fail_msg("%s", err.message);
    end = await_end(of, id);
    assert_int_equal(end.state, KH_COMMITMENT_DONE);
    assert_int_equal(end.count, OBJECTS);
    assert_int_equal(end.committed, OBJECTS - 1);
    assert_int_equal(kh_commitment_refs(of->it.cache, id, &refs, &count, NULL), KH_OK);
    assert_int_equal(count, OBJECTS);
    for (size_t i = 0; i < count; i++)
        failed += refs[i].result == 0x0112;
    assert_int_equal(failed, 1);
    free(refs);
    assert_int_equal(kh_control_commit_ask(of->it.data_dir, "nobody", SUPPORT_STUDY_UID, NULL, NULL, &id, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_control_commit_ask(of->it.data_dir, "peer", "1.2.3", NULL, NULL, &id, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_control_commit_ask(of->it.data_dir, "asks", SUPPORT_STUDY_UID, NULL, NULL, &id, NULL), KH_E_ARG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refused),        TEST(open_ones_are_bounded), TEST(on_the_same_association), TEST(on_a_new_association), TEST(checksums),
        TEST(over_a_restart), TEST(given_up),              TEST(as_user),                 TEST(comes_back),
        TEST(told_on_its_next_association), TEST(not_for_ever), TEST(by_hand), TEST(clock_jumps_while_a_report_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
