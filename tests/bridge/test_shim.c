/* The shim's acceptor and requestor against DCMTK's own programs, against each other, and against peers that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "dicom/shim/acceptor.h"
#include "dicom/shim/user.h"
#include "dicom/writer.h"
#include "tests/bridge/support.h"

#define AE "KAKEHASHI"
#define OBJECT_BYTES (512 * 1024)

/* A small provider: C-ECHO, C-STORE into memory, C-FIND and C-MOVE with scripted answers. */
typedef struct scp {
    kh_acceptor *acceptor;
    kh_stop *stop;
    int listen_fd;
    uint16_t port;
    char port_text[8], dir[64];
    pthread_mutex_t lock;      /* guards last */
    kh_buf last;               /* the newest data set */
    kh_dimse last_request;
    _Atomic unsigned stored, echoed, ended, sink_calls;
    _Atomic int sink_fails_at; /* call number that fails, 0: never */
    _Atomic int hold_ms;       /* before an echo is answered */
    _Atomic unsigned cancelled;
    unsigned matches;          /* C-FIND answers */
    unsigned promised, sent;   /* C-MOVE sub-operations announced, and those that come */
} scp;

typedef struct receiving {
    scp *server;
    kh_buf data;
    int calls;
} receiving;

static kh_status receive_part(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    receiving *into = context;

    atomic_fetch_add(&into->server->sink_calls, 1);
    if (++into->calls == into->server->sink_fails_at)
        return kh_error_set(err, KH_E_FULL, "the sink is full");
    return kh_buf_append(&into->data, bytes, size, err);
}

static kh_status answer(kh_assoc *assoc, uint8_t id, const kh_dimse *request, uint16_t status)
{
    kh_dimse response;

    kh_dimse_respond(&response, request, status);
    return kh_assoc_send(assoc, id, &response, NULL);
}

static kh_status serve_store(scp *server, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    receiving into = {.server = server};
    kh_status sink_status, status;
    kh_error sink_err = KH_ERROR_INIT;

    kh_buf_init(&into.data, 64 * 1024 * 1024);
    status = kh_assoc_receive_data(assoc, id, receive_part, &into, &sink_status, &sink_err, NULL);
    if (status == KH_OK && sink_status == KH_OK) {
        pthread_mutex_lock(&server->lock);
        kh_buf_release(&server->last);
        server->last = into.data;
        server->last_request = *request;
        pthread_mutex_unlock(&server->lock);
        memset(&into.data, 0, sizeof(into.data));
        atomic_fetch_add(&server->stored, 1);
    }
    kh_buf_release(&into.data);
    if (status != KH_OK)
        return status;
    return answer(assoc, id, request, sink_status == KH_OK ? KH_DIMSE_SUCCESS : KH_DIMSE_OUT_OF_RESOURCES);
}

/* The identifier back as a match, `matches` times; a C-CANCEL in between ends it. */
static kh_status serve_find(scp *server, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    kh_status status, sink_status;
    kh_buf identifier;
    kh_dimse other;
    uint8_t other_id;

    kh_buf_init(&identifier, 65536);
    status = kh_assoc_receive_data(assoc, id, kh_data_sink_buf, &identifier, &sink_status, NULL, NULL);
    for (unsigned i = 0; status == KH_OK && i < server->matches && !atomic_load(&server->cancelled); i++) {
        kh_dimse response;
        kh_dimse_respond(&response, request, KH_DIMSE_PENDING);
        response.has_data = true;
        status = kh_assoc_send(assoc, id, &response, NULL);
        if (status == KH_OK)
            status = kh_assoc_send_data(assoc, id, identifier.data, identifier.size, true, NULL);
        if (kh_assoc_wait(assoc, 0, NULL) == KH_OK && kh_assoc_receive(assoc, &other_id, &other, 0, NULL) == KH_OK &&
            other.field == KH_C_CANCEL_RQ && other.responded_id == request->message_id)
            atomic_store(&server->cancelled, 1);
    }
    kh_buf_release(&identifier);
    return status == KH_OK ? answer(assoc, id, request, atomic_load(&server->cancelled) ? KH_DIMSE_CANCELLED : KH_DIMSE_SUCCESS)
                           : status;
}

static kh_status serve_move(scp *server, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    kh_status status, sink_status;
    kh_dimse response;
    kh_buf identifier;

    kh_buf_init(&identifier, 65536);
    status = kh_assoc_receive_data(assoc, id, kh_data_sink_buf, &identifier, &sink_status, NULL, NULL);
    for (unsigned i = 1; status == KH_OK && i <= server->sent; i++) {
        kh_dimse_respond(&response, request, KH_DIMSE_PENDING);
        response.remaining = (int32_t)(server->promised - i);
        response.completed = (int32_t)i;
        response.failed = response.warning = 0;
        status = kh_assoc_send(assoc, id, &response, NULL);
    }
    kh_buf_release(&identifier);
    kh_dimse_respond(&response, request, server->sent < server->promised ? KH_DIMSE_SUBOPERATIONS_FAILED : KH_DIMSE_SUCCESS);
    response.completed = (int32_t)server->sent;
    response.failed = (int32_t)(server->promised - server->sent);
    response.warning = 0;
    return status == KH_OK ? kh_assoc_send(assoc, id, &response, NULL) : status;
}

static void serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number)
{
    scp *server = context;
    kh_status status = KH_OK;

    (void)request;
    (void)number;
    while (status == KH_OK) {
        kh_dimse command;
        uint8_t id;
        status = kh_assoc_receive(assoc, &id, &command, 0, NULL);
        if (status != KH_OK || command.field == 0)
            break;
        if (command.field == KH_C_ECHO_RQ) {
            if (server->hold_ms)
                kh_clock_sleep_ms(server->hold_ms);
            atomic_fetch_add(&server->echoed, 1);
            status = answer(assoc, id, &command, KH_DIMSE_SUCCESS);
        } else if (command.field == KH_C_STORE_RQ) {
            status = serve_store(server, assoc, id, &command);
        } else if (command.field == KH_C_FIND_RQ) {
            status = serve_find(server, assoc, id, &command);
        } else if (command.field == KH_C_MOVE_RQ) {
            status = serve_move(server, assoc, id, &command);
        } else {
            status = KH_E_PEER;
        }
    }
    if (status != KH_OK)
        kh_assoc_abort(assoc);
    atomic_fetch_add(&server->ended, 1);
}

static kh_reject accept_known(void *context, kh_assoc_request *request)
{
    (void)context;
    if (strcmp(request->called, AE) != 0)
        return KH_REJECT_CALLED_AE;
    return strcmp(request->calling, "STRANGER") == 0 ? KH_REJECT_CALLING_AE : KH_REJECT_NOT;
}

static int choose_first(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                        size_t count, bool as_scp)
{
    (void)request;
    (void)context;
    (void)as_scp;
    (void)transfer_syntaxes;
    if (strcmp(abstract_syntax, "1.2.840.10008.5.1.4.1.1.4") == 0) /* MR: not served here */
        return -1;
    return count > 0 ? 0 : -2;
}

static int start_with(void **state, unsigned associations_max, const kh_net_limits *limits)
{
    scp *server = calloc(1, sizeof(*server));
    kh_acceptor_options options = {.associations_max = associations_max,
                                   .waiting_max = 16,
                                   .limits = *limits,
                                   .accept = accept_known,
                                   .choose = choose_first,
                                   .serve = serve,
                                   .context = server};

    kh_log_set_level(KH_LOG_ERROR);
    pthread_mutex_init(&server->lock, NULL);
    kh_buf_init(&server->last, 1);
    support_make_dir(server->dir);
    server->listen_fd = support_listen(&server->port);
    snprintf(server->port_text, sizeof(server->port_text), "%u", server->port);
    assert_int_equal(kh_stop_create(&server->stop, NULL), KH_OK);
    options.listen_fd = server->listen_fd;
    options.stop = server->stop;
    assert_int_equal(kh_acceptor_start(&server->acceptor, &options, NULL), KH_OK);
    *state = server;
    return 0;
}

static int start(void **state)
{
    return start_with(state, 4, &kh_net_limits_default);
}

/* Deadlines short enough to wait for. */
static int start_impatient(void **state)
{
    kh_net_limits limits = {400, 400, 400, 64 * 1024, 16384};

    return start_with(state, 4, &limits);
}

static int stop(void **state)
{
    scp *server = *state;

    kh_acceptor_drain(server->acceptor, 1000);
    kh_stop_free(server->stop);
    close(server->listen_fd);
    kh_buf_release(&server->last);
    pthread_mutex_destroy(&server->lock);
    support_remove_dir(server->dir);
    free(server);
    return 0;
}

static int run_echoscu(const scp *server, const char *calling, const char *called, const char *output)
{
    const char *argv[] = {"echoscu", "-aet", calling, "-aec", called, "127.0.0.1", server->port_text, NULL};

    return support_run(output, argv);
}

static void echo_from_stock(void **state)
{
    scp *server = *state;

    assert_int_equal(run_echoscu(server, "TESTER", AE, NULL), 0);
    assert_int_equal(server->echoed, 1);
}

static void stock_is_rejected(void **state)
{
    static const struct {
        const char *calling, *called, *words;
    } rows[] = {{"STRANGER", AE, "Calling AE Title Not Recognized"}, {"TESTER", "ELSEWHERE", "Called AE Title Not Recognized"}};
    scp *server = *state;

    for (size_t i = 0; i < 2; i++) {
        char path[100];
        size_t size;
        uint8_t *output;
        snprintf(path, sizeof(path), "%s/echo", server->dir);
        assert_int_not_equal(run_echoscu(server, rows[i].calling, rows[i].called, path), 0);
        output = support_read_file(path, &size);
        if (!strstr((char *)output, rows[i].words))
            fail_msg("no \"%s\" in: %s", rows[i].words, output);
        free(output);
    }
    assert_int_equal(server->echoed, 0);
}

static void write_objects(const scp *server, unsigned count, uint8_t **dataset, size_t *size)
{
    for (unsigned i = 1; i <= count; i++) {
        char path[120];
        snprintf(path, sizeof(path), "%s/objects%03u.dcm", server->dir, i);
        support_write_object(path, i, OBJECT_BYTES, i == count ? dataset : NULL, size);
    }
}

static int run_storescu(const scp *server, const char *syntax)
{
    const char *argv[] = {"storescu", "-aet", "TESTER", "-aec", AE, syntax, "+sd", "127.0.0.1", server->port_text, server->dir, NULL};

    return support_run(NULL, argv);
}

static void store_is_byte_exact(void **state)
{
    scp *server = *state;
    uint8_t *dataset = NULL;
    size_t size = 0;
    char uid[65];

    write_objects(server, 1, &dataset, &size);
    assert_int_equal(run_storescu(server, "-xe"), 0);
    assert_int_equal(server->stored, 1);
    support_object_uid(uid, 1);
    assert_string_equal(server->last_request.sop_instance_uid, uid);
    assert_int_equal(server->last.size, size);
    assert_memory_equal(server->last.data, dataset, size);
    free(dataset);
}

/* 40 objects one after the other; with delayed acknowledgements that alone takes 1.7 s. */
static void stock_sender_is_not_stalled(void **state)
{
    scp *server = *state;
    int64_t begin_ms, took_ms;
    uint8_t *dataset = NULL;
    size_t size;

    write_objects(server, 40, &dataset, &size);
    free(dataset);
    begin_ms = kh_clock_monotonic_ms();
    assert_int_equal(run_storescu(server, "-xe"), 0);
    took_ms = kh_clock_monotonic_ms() - begin_ms;
    assert_int_equal(server->stored, 40);
    print_message("40 objects of 512 KiB from storescu: %lld ms\n", (long long)took_ms);
}

static void sink_error_keeps_the_association(void **state)
{
    scp *server = *state;
    uint8_t *dataset = NULL;
    size_t size;

    write_objects(server, 2, &dataset, &size);
    free(dataset);
    server->sink_fails_at = 2;
    assert_int_not_equal(run_storescu(server, "-xe"), 0); /* storescu stops at the first failure */
    assert_int_equal(server->stored, 0);
    server->sink_fails_at = 0;
    assert_int_equal(run_storescu(server, "-xe"), 0);
    assert_int_equal(server->stored, 2);
}

static kh_assoc *connect_to(const scp *server, const char *abstract_syntax)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE};
    kh_proposal proposals[] = {{KH_SOP_VERIFICATION, syntaxes, 2, false}, {abstract_syntax, syntaxes, 2, false}};
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc = NULL;

    if (kh_assoc_connect(&assoc, "127.0.0.1", server->port, "TESTER", AE, proposals, 2, NULL, NULL, &err) != KH_OK)
        fail_msg("%s", err.message);
    return assoc;
}

static void own_user_and_provider(void **state)
{
    scp *server = *state;
    kh_assoc *assoc = connect_to(server, KH_SOP_CT_IMAGE);
    uint8_t *bytes = calloc(1, 3 * 1024 * 1024);
    uint16_t status = 1;

    for (size_t i = 0; i < 3 * 1024 * 1024; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 997);
    assert_int_equal(kh_user_echo(assoc, &status, NULL), KH_OK);
    assert_int_equal(status, 0);
    for (size_t size = 0x100000 - 2; size <= 3 * 1024 * 1024; size += 0x80001 + 1) { /* around the parts it is sent in */
        assert_int_equal(kh_user_store(assoc, KH_SOP_CT_IMAGE, "1.2.3", KH_TS_EXPLICIT_LE, bytes, size, &status, NULL), KH_OK);
        assert_int_equal(status, 0);
        assert_int_equal(server->last.size, size);
        assert_memory_equal(server->last.data, bytes, size);
    }
    server->sink_fails_at = 1;
    assert_int_equal(kh_user_store(assoc, KH_SOP_CT_IMAGE, "1.2.4", KH_TS_EXPLICIT_LE, bytes, 100000, &status, NULL), KH_OK);
    assert_int_equal(status, KH_DIMSE_OUT_OF_RESOURCES);
    server->sink_fails_at = 0;
    assert_int_equal(kh_user_store(assoc, KH_SOP_CT_IMAGE, "1.2.4", KH_TS_EXPLICIT_LE, bytes, 100000, &status, NULL), KH_OK);
    assert_int_equal(status, 0); /* the association went on */
    assert_int_equal(kh_user_store(assoc, KH_SOP_MR_IMAGE, "1.2.4", KH_TS_EXPLICIT_LE, bytes, 10, &status, NULL), KH_E_UNSUPPORTED);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    free(bytes);
}

static void context_not_served(void **state)
{
    kh_assoc *assoc = connect_to(*state, KH_SOP_MR_IMAGE);

    assert_int_equal(kh_assoc_context_count(assoc), 1);
    assert_null(kh_assoc_context_find(assoc, KH_SOP_MR_IMAGE, NULL));
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

static kh_status count_match(void *context, const uint8_t *identifier, size_t size, const char *syntax, kh_error *err)
{
    unsigned *count = context;

    (void)err;
    assert_string_equal(syntax, KH_TS_EXPLICIT_LE);
    assert_int_equal(size, 20);
    assert_memory_equal(identifier + 8, "1.2.3.4.5.6", 11);
    return ++*count == 5 ? KH_E_LIMIT : KH_OK;
}

static const uint8_t study_key[20] = {0x20, 0, 0x0d, 0, 'U', 'I', 12, 0, '1', '.', '2', '.', '3', '.', '4', '.', '5', '.', '6', 0};

static void find_and_cancel(void **state)
{
    scp *server = *state;
    kh_dimse final;
    unsigned count = 0;
    kh_assoc *assoc = connect_to(server, KH_SOP_STUDY_ROOT_FIND);
    const kh_context *with = kh_assoc_context_find(assoc, KH_SOP_STUDY_ROOT_FIND, NULL);

    server->matches = 4;
    assert_int_equal(kh_user_find(assoc, with, study_key, sizeof(study_key), count_match, &count, &final, NULL), KH_OK);
    assert_int_equal(count, 4);
    assert_int_equal(final.status, KH_DIMSE_SUCCESS);
    server->matches = 200000; /* the fifth cancels */
    count = 0;
    assert_int_equal(kh_user_find(assoc, with, study_key, sizeof(study_key), count_match, &count, &final, NULL), KH_E_LIMIT);
    assert_int_equal(count, 5);
    assert_int_equal(final.status, KH_DIMSE_CANCELLED);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

static kh_status note_progress(void *context, const kh_dimse *response, bool *alive, kh_error *err)
{
    kh_dimse *last = context;

    (void)alive;
    (void)err;
    if (response)
        *last = *response;
    return KH_OK;
}

static void move_counts(void **state)
{
    scp *server = *state;
    kh_dimse final, last;
    kh_assoc *assoc = connect_to(server, KH_SOP_STUDY_ROOT_MOVE);
    const kh_context *with = kh_assoc_context_find(assoc, KH_SOP_STUDY_ROOT_MOVE, NULL);

    server->promised = 10;
    server->sent = 7;
    assert_int_equal(
        kh_user_move(assoc, with, kh_assoc_next_message_id(), AE, study_key, sizeof(study_key), note_progress, &last, &final, NULL, NULL),
        KH_OK);
    assert_int_equal(final.status, KH_DIMSE_SUBOPERATIONS_FAILED);
    assert_int_equal(final.completed, 7);
    assert_int_equal(final.failed, 3);
    assert_int_equal(last.completed, 7);
    kh_assoc_abort(assoc);
    kh_assoc_free(assoc);
}

/* --- limits and peers that misbehave --- */

static void too_many_are_rejected(void **state)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    scp *server = *state;
    kh_proposal proposal = {KH_SOP_VERIFICATION, syntaxes, 1, false};
    kh_assoc *held[4], *more = NULL;
    kh_error err = KH_ERROR_INIT;
    uint16_t status;

    for (unsigned i = 0; i < 4; i++)
        held[i] = connect_to(server, KH_SOP_CT_IMAGE);
    assert_int_equal(kh_assoc_connect(&more, "127.0.0.1", server->port, "TESTER", AE, &proposal, 1, NULL, NULL, &err), KH_E_PEER);
    assert_non_null(strstr(err.message, "local limit exceeded"));
    assert_null(more);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(kh_user_echo(held[i], &status, NULL), KH_OK);
        assert_int_equal(kh_assoc_release(held[i], NULL), KH_OK);
        kh_assoc_free(held[i]);
    }
    while (server->ended < 4)
        kh_clock_sleep_ms(5);
    kh_clock_sleep_ms(20);
    assert_int_equal(run_echoscu(server, "TESTER", AE, NULL), 0);
}

/* More silent peers than there is room for: an echo comes through at once, and the silent ones are closed. */
static void silent_peers_hold_nobody(void **state)
{
    scp *server = *state;
    int64_t begin_ms = kh_clock_monotonic_ms();
    int fds[40];
    uint8_t byte;

    for (unsigned i = 0; i < 40; i++)
        fds[i] = support_connect(server->port);
    assert_int_equal(run_echoscu(server, "TESTER", AE, NULL), 0);
    print_message("echo beside 40 silent peers: %lld ms\n", (long long)(kh_clock_monotonic_ms() - begin_ms));
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(support_read(fds[i], &byte, 1, 3000), 0);
        close(fds[i]);
    }
}

static void send_slowly(int fd, const uint8_t *bytes, size_t size, unsigned pause_ms)
{
    for (size_t i = 0; i < size; i++) {
        if (send(fd, bytes + i, 1, MSG_NOSIGNAL) != 1)
            return;
        kh_clock_sleep_ms(pause_ms);
    }
}

static void dripping_request_is_cut(void **state)
{
    scp *server = *state;
    uint8_t pdu[1024], byte;
    size_t size = support_associate_rq(pdu, "TESTER", AE);
    int fd = support_connect(server->port);
    int64_t begin_ms = kh_clock_monotonic_ms();

    send_slowly(fd, pdu, size, 50); /* would take 10 s and more */
    assert_true(kh_clock_monotonic_ms() - begin_ms < 5000);
    (void)support_read(fd, &byte, 1, 1000);
    close(fd);
    assert_int_equal(server->ended, 0);
}

static int associate_by_hand(const scp *server)
{
    uint8_t pdu[1024], head[6], answered[1024];
    size_t size = support_associate_rq(pdu, "TESTER", AE), length;
    int fd = support_connect(server->port);

    assert_int_equal(send(fd, pdu, size, MSG_NOSIGNAL), size);
    assert_int_equal(support_read(fd, head, 6, 3000), 6);
    assert_int_equal(head[0], 0x02);
    length = (size_t)head[4] << 8 | head[5];
    assert_int_equal(support_read(fd, answered, length, 3000), length);
    return fd;
}

static void await_ended(scp *server, unsigned count)
{
    for (unsigned i = 0; i < 600 && server->ended < count; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(server->ended, count);
}

static void idle_association_is_cut(void **state)
{
    int fd = associate_by_hand(*state);

    await_ended(*state, 1);
    close(fd);
}

static void dripping_pdu_is_cut(void **state)
{
    uint8_t pdu[200] = {0x04, 0, 0, 0, 0, 194, 0, 0, 0, 190, 1, 0x03};
    int fd = associate_by_hand(*state);
    int64_t begin_ms = kh_clock_monotonic_ms();

    send_slowly(fd, pdu, sizeof(pdu), 50);
    assert_true(kh_clock_monotonic_ms() - begin_ms < 5000);
    await_ended(*state, 1);
    close(fd);
}

/* C-STORE-RQ and half of its data set, then nothing, abort or a closed socket: nothing is stored, the thread is free again. */
static size_t half_a_store(uint8_t *out, size_t out_size)
{
    kh_dimse command;
    kh_buf buf;
    size_t size;

    kh_buf_init(&buf, 4096);
    kh_dimse_init(&command, KH_C_STORE_RQ);
    strcpy(command.sop_class_uid, KH_SOP_CT_IMAGE);
    strcpy(command.sop_instance_uid, "1.2.3");
    command.has_data = true;
    command.message_id = 1;
    assert_int_equal(kh_dimse_encode(&buf, &command, NULL), KH_OK);
    memset(out, 0, out_size);
    size = buf.size;
    out[0] = 0x04;
    out[5] = (uint8_t)(size + 6);
    out[9] = (uint8_t)(size + 2);
    out[10] = 3;
    out[11] = 0x03; /* command, last */
    memcpy(out + 12, buf.data, size);
    size += 12;
    kh_buf_release(&buf);
    out[size] = 0x04;
    out[size + 4] = 0x10; /* 4,096 bytes */
    out[size + 8] = 0x0f;
    out[size + 9] = 0xfc;
    out[size + 10] = 3;
    out[size + 11] = 0x00; /* data set, not last */
    return size + 6 + 4096;
}

static void half_a_data_set(void **state)
{
    static const uint8_t abort_pdu[10] = {0x07, 0, 0, 0, 0, 4};
    scp *server = *state;
    uint8_t bytes[8192];
    size_t size = half_a_store(bytes, sizeof(bytes));

    for (unsigned way = 0; way < 3; way++) {
        int fd = associate_by_hand(server);
        assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
        if (way == 0)
            assert_int_equal(send(fd, abort_pdu, sizeof(abort_pdu), MSG_NOSIGNAL), sizeof(abort_pdu));
        if (way < 2)
            close(fd);
        await_ended(server, way + 1);
        if (way == 2)
            close(fd);
    }
    assert_int_equal(server->stored, 0);
    assert_int_equal(run_echoscu(server, "TESTER", AE, NULL), 0);
}

/* Every byte of the request and of the PDVs after it changed in turn: the provider is still there afterwards. */
static void mutated_streams(void **state)
{
    scp *server = *state;
    uint8_t request[1024], store[8192];
    size_t request_size = support_associate_rq(request, "TESTER", AE), store_size = half_a_store(store, sizeof(store));

    for (size_t at = 0; at < request_size + 130; at += 3) {
        int fd = support_connect(server->port);
        uint8_t *where = at < request_size ? request + at : store + (at - request_size);
        uint8_t kept = *where;
        *where ^= (uint8_t)(at % 2 ? 0xff : 0x11);
        (void)!send(fd, request, request_size, MSG_NOSIGNAL);
        (void)!send(fd, store, store_size, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        *where = kept;
        (void)support_read(fd, (uint8_t[512]){0}, 512, 20);
        close(fd);
    }
    assert_int_equal(server->stored, 0);
    kh_clock_sleep_ms(500);
    assert_int_equal(run_echoscu(server, "TESTER", AE, NULL), 0);
}

static void connect_errors(void **state)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    kh_net_limits limits = {300, 300, 300, 65536, 16384};
    kh_proposal proposal = {KH_SOP_VERIFICATION, syntaxes, 1, false};
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc = NULL;
    uint16_t port;
    int fd = support_listen(&port);

    (void)state;
    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", port, "A", "B", &proposal, 1, &limits, NULL, &err), KH_E_TIMEOUT);
    close(fd);
    kh_error_clear(&err);
    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", port, "A", "B", &proposal, 1, &limits, NULL, &err), KH_E_PEER);
    assert_non_null(strstr(err.message, "B at 127.0.0.1:"));
    kh_error_clear(&err);
    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", port, "AE_TITLE_OF_17_CH", "B", &proposal, 1, &limits, NULL, &err), KH_E_ARG);
    assert_null(assoc);
}

static void *echo_thread(void *argument)
{
    scp *server = argument;
    kh_assoc *assoc = connect_to(server, KH_SOP_CT_IMAGE);
    uint16_t status = 1;
    kh_status result = kh_user_echo(assoc, &status, NULL);

    kh_assoc_free(assoc);
    return (void *)(intptr_t)(result == KH_OK && status == 0);
}

/* A message under way is answered, an idle association ends at once. */
static void drain_finishes_the_message(void **state)
{
    scp *server = *state;
    kh_assoc *idle = connect_to(server, KH_SOP_CT_IMAGE);
    int64_t begin_ms;
    pthread_t thread;
    void *answered;

    server->hold_ms = 300;
    pthread_create(&thread, NULL, echo_thread, server);
    kh_clock_sleep_ms(150);
    begin_ms = kh_clock_monotonic_ms();
    kh_acceptor_drain(server->acceptor, 5000);
    server->acceptor = NULL;
    assert_true(kh_clock_monotonic_ms() - begin_ms < 4000);
    pthread_join(thread, &answered);
    assert_true((intptr_t)answered);
    assert_int_equal(server->ended, 2);
    kh_assoc_free(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_from_stock, start, stop),
        cmocka_unit_test_setup_teardown(stock_is_rejected, start, stop),
        cmocka_unit_test_setup_teardown(store_is_byte_exact, start, stop),
        cmocka_unit_test_setup_teardown(stock_sender_is_not_stalled, start, stop),
        cmocka_unit_test_setup_teardown(sink_error_keeps_the_association, start, stop),
        cmocka_unit_test_setup_teardown(own_user_and_provider, start, stop),
        cmocka_unit_test_setup_teardown(context_not_served, start, stop),
        cmocka_unit_test_setup_teardown(find_and_cancel, start, stop),
        cmocka_unit_test_setup_teardown(move_counts, start, stop),
        cmocka_unit_test_setup_teardown(too_many_are_rejected, start, stop),
        cmocka_unit_test_setup_teardown(silent_peers_hold_nobody, start_impatient, stop),
        cmocka_unit_test_setup_teardown(dripping_request_is_cut, start_impatient, stop),
        cmocka_unit_test_setup_teardown(idle_association_is_cut, start_impatient, stop),
        cmocka_unit_test_setup_teardown(dripping_pdu_is_cut, start_impatient, stop),
        cmocka_unit_test_setup_teardown(half_a_data_set, start_impatient, stop),
        cmocka_unit_test_setup_teardown(mutated_streams, start_impatient, stop),
        cmocka_unit_test(connect_errors),
        cmocka_unit_test_setup_teardown(drain_finishes_the_message, start, stop),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
