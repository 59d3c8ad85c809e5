/* R6: memory runs out in the web role, at the 1st allocation of a request, the 2nd, ... or from it on, until the request is answered all
 * the same. The answer is the right one, or says 500 or 503, or the connection ends; never half a body told as whole, never a crash.
 * Another connection lives on, and the next request is answered as ever.
 *
 * KH_LONG=1: every allocation, which else are taken in steps. */
#include "tests/portal/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "tests/faults/interpose.h"

#define PLACES 40 /* of a request, in the short run */
#define ANSWER_MS 20000

typedef enum wish { WISH_FAIL_ONE, WISH_FAIL_FROM, WISH_WORK } wish;

typedef struct order {
    wish what;
    int nth;
} order;

/* What the child tells once: where it listens, and what there is to be asked for. */
typedef struct greeting {
    uint16_t port;
    int64_t study_id, series_id, object_id;
} greeting;

static void run_web(int orders)
{
    greeting told;
    fixture *f;
    order o;
    int answer;

    fixture_open((void **)&f);
    told = (greeting){f->port, f->slices[0].study_id, f->slices[0].series_id, f->slices[0].object_id};
    if (write(orders, &told, sizeof told) != sizeof told)
        _exit(1);
    while (read(orders, &o, sizeof o) == sizeof o) {
        if (o.what != WISH_WORK)
            faults_arm(FAULT_MEMORY, "", o.nth, o.what == WISH_FAIL_ONE ? ENOMEM : -ENOMEM);
        answer = o.what == WISH_WORK ? faults_disarm() : 0;
        if (write(orders, &answer, sizeof answer) != sizeof answer)
            _exit(1);
    }
    fixture_close((void **)&f);
    _exit(0);
}

typedef struct web {
    pid_t pid;
    int orders, other; /* other: a connection that is open all the time */
    greeting is;
} web;

static int ask(const web *w, wish what, int nth)
{
    const order o = {what, nth};
    int answer = -1;

    if (write(w->orders, &o, sizeof o) != sizeof o || read(w->orders, &answer, sizeof answer) != sizeof answer)
        fail_msg("the web role is gone");
    return answer;
}

static void start(web *w)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        close(ends[0]);
        run_web(ends[1]);
    }
    close(ends[1]);
    w->orders = ends[0];
    assert_int_equal(read(w->orders, &w->is, sizeof w->is), sizeof w->is);
    w->other = client_connect(w->is.port, ANSWER_MS);
    assert_true(w->other >= 0);
}

static void stop(web *w)
{
    int how;

    close(w->other);
    close(w->orders);
    waitpid(w->pid, &how, 0);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static unsigned ask_on(int fd, const char *target)
{
    client_answer answer;
    char request[300];
    unsigned code;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target);
    if (!client_send(fd, request, strlen(request)))
        return 0;
    answer = client_receive(fd, true);
    code = answer.code;
    client_answer_free(&answer);
    return code;
}

static bool same(const client_answer *a, const client_answer *b)
{
    return a->body_size == b->body_size && memcmp(a->body, b->body, a->body_size) == 0;
}

/* At the nth allocation, or from it on. Whether the request was answered all the same. moves: its body is never twice the same. */
static bool run_one(const web *w, const char *target, bool moves, const client_answer *right, wish how, int nth)
{
    const char *when = how == WISH_FAIL_ONE ? "allocation" : "allocations from";
    client_answer answer, after;
    bool good;

    (void)ask(w, how, nth);
    answer = client_get(w->is.port, target, "");
    (void)ask(w, WISH_WORK, 0);
    if (answer.code != 0 && answer.code != 200 && answer.code != 500 && answer.code != 503)
        fail_msg("%s, %s %d: %u", target, when, nth, answer.code);
    good = answer.code == 200;
    if (good && !moves && !same(&answer, right))
        fail_msg("%s, %s %d: 200 with another body of %zu bytes, expected %zu", target, when, nth, answer.body_size, right->body_size);
    if (ask_on(w->other, "/api/pulls") != 200)
        fail_msg("%s, %s %d: another connection has ended", target, when, nth);
    after = client_get(w->is.port, target, "");
    if (after.code != 200 || (!moves && !same(&after, right)))
        fail_msg("%s, %s %d: the next one is answered with %u", target, when, nth, after.code);
    client_answer_free(&answer);
    client_answer_free(&after);
    return good;
}

static int count_allocations(const web *w, const char *target, client_answer *right)
{
    *right = client_get(w->is.port, target, "");
    if (right->code != 200)
        fail_msg("%s: %u", target, right->code);
    client_answer_free(right);
    (void)ask(w, WISH_FAIL_ONE, 0);
    *right = client_get(w->is.port, target, "");
    assert_int_equal(right->code, 200);
    return ask(w, WISH_WORK, 0);
}

static void every_allocation(const web *w, const char *target, bool moves)
{
    bool is_long = getenv("KH_LONG") && getenv("KH_LONG")[0];
    int runs = 0, failed = 0, calls, step;
    client_answer right;

    calls = count_allocations(w, target, &right);
    step = is_long || calls < PLACES ? 1 : calls / PLACES;
    for (wish how = WISH_FAIL_ONE; how <= WISH_FAIL_FROM; how++)
        for (int nth = 1; nth <= calls; nth += step, runs++)
            failed += !run_one(w, target, moves, &right, how, nth);
    print_message("%s: %d allocations, %d places, refused at %d\n", target, calls, runs, failed);
    assert_true(failed > 0);
    client_answer_free(&right);
}

static void every_request(void **state)
{
    char study[64], series[64], tile[100];
    struct {
        const char *target;
        bool moves;
    } rows[] = {{"/api/studies", false}, {study, false},    {series, false},   {tile, false},
                {"/api/pulls", false},   {"/health", true}, {"/metrics", true}};
    web w;

    (void)state;
    start(&w);
    snprintf(study, sizeof study, "/api/studies/%lld", (long long)w.is.study_id);
    snprintf(series, sizeof series, "/api/series/%lld/stack", (long long)w.is.series_id);
    snprintf(tile, sizeof tile, "/tiles/%lld/%lld-0/0/0/0.jpg", (long long)w.is.series_id, (long long)w.is.object_id);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        every_allocation(&w, rows[i].target, rows[i].moves);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_request)};

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
