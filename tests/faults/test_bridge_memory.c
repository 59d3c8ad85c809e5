/* R6: memory runs out in the bridge, at the 1st allocation of a conversation, the 2nd, ... or from it on, until the conversation runs
 * through without. The other side are stock programs. No success for what is not there, no crash, other associations live, nothing is
 * left in incoming/, and the next conversation goes as ever.
 *
 * KH_LONG=1: every allocation, which else are taken in steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/size.h"
#include "cache/browse.h"
#include "dicom/shim/user.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"
#include "tests/faults/interpose.h"

#define PLACES 40 /* of a conversation, in the short run */
#define NUMBER_KNOWN 1
#define NUMBER_FIRST 10 /* of what is pushed while memory fails */

/* --- the bridge, in a process of its own --- */

typedef enum wish { WISH_FAIL_ONE, WISH_FAIL_FROM, WISH_WORK, WISH_HOLDS, WISH_INCOMING } wish;

typedef struct order {
    wish what;
    int number; /* of the allocation or of the object */
} order;

static kh_status is_wanted(void *context, const char *uid)
{
    return strcmp(uid, context) == 0 ? KH_E_CANCELLED : KH_OK;
}

static int holds(world *it, int number)
{
    char uid[65];

    support_object_uid(uid, (unsigned)number);
    return kh_browse_object_uids(it->cache, "north", SUPPORT_STUDY_UID, is_wanted, uid, NULL) == KH_E_CANCELLED;
}

static int incoming(world *it)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/incoming", it->data_dir);
    return (int)support_count_files(path);
}

static int carry_out(world *it, const order *what)
{
    switch (what->what) {
    case WISH_FAIL_ONE: faults_arm(FAULT_MEMORY, "", what->number, ENOMEM); return 0;
    case WISH_FAIL_FROM: faults_arm(FAULT_MEMORY, "", what->number, -ENOMEM); return 0;
    case WISH_WORK: return faults_disarm();
    case WISH_HOLDS: return holds(it, what->number);
    case WISH_INCOMING: return incoming(it);
    }
    return -1;
}

static void run_bridge(int orders)
{
    world it;
    order what;
    int answer;

    world_make(&it);
    (void)world_add_node(&it, "tester", "TESTER", 0, true);
    world_start_bridge(&it);
    answer = it.port;
    while (write(orders, &answer, sizeof(answer)) == sizeof(answer) && read(orders, &what, sizeof(what)) == sizeof(what))
        answer = carry_out(&it, &what);
    world_free(&it);
    _exit(0);
}

/* --- the other side --- */

typedef struct bridge {
    pid_t pid;
    int orders;
    char dir[64], port[8];
    kh_assoc *other; /* an association open all the time */
} bridge;

static int ask(const bridge *it, wish for_what, int number)
{
    const order what = {for_what, number};
    int answer = -1;

    if (write(it->orders, &what, sizeof(what)) != sizeof(what) || read(it->orders, &answer, sizeof(answer)) != sizeof(answer))
        fail_msg("the bridge is gone");
    return answer;
}

static void push_file(const bridge *it, int number, char path[100])
{
    snprintf(path, 100, "%s/%d.dcm", it->dir, number);
    support_write_object(path, (unsigned)number, 40000, NULL, NULL);
}

static bool says(const char *path, const char *words)
{
    size_t size;
    char *text = (char *)support_read_file(path, &size);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

/* One image pushed: was it acknowledged? */
static bool push(const bridge *it, int number)
{
    char path[100], output[100];
    const char *argv[] = {"storescu", "-v",     "-to",  "5",         "-td",       "5",      "-ta", "5",
                          "-aet",     "TESTER", "-aec", "KAKEHASHI", "127.0.0.1", it->port, path,  NULL};

    push_file(it, number, path);
    snprintf(output, sizeof(output), "%s/output", it->dir);
    (void)support_run(output, argv);
    unlink(path);
    return says(output, "Store Response (Success)");
}

static bool find(const bridge *it, int number)
{
    char output[100];
    const char *argv[] = {"findscu",
                          "-v",
                          "-S",
                          "-to",
                          "5",
                          "-td",
                          "5",
                          "-ta",
                          "5",
                          "-aet",
                          "TESTER",
                          "-aec",
                          "KAKEHASHI",
                          "-k",
                          "QueryRetrieveLevel=STUDY",
                          "-k",
                          "StudyInstanceUID=" SUPPORT_STUDY_UID,
                          "-k",
                          "PatientName",
                          "127.0.0.1",
                          it->port,
                          NULL};

    (void)number;
    snprintf(output, sizeof(output), "%s/output", it->dir);
    return support_run(output, argv) == 0 && says(output, "Find Response: 1 (Pending)") && says(output, "Final Find Response (Success)");
}

static bool get(const bridge *it, int number)
{
    char folder[100], output[100], path[200], uid[65];
    const char *argv[] = {"getscu",
                          "-v",
                          "-S",
                          "-to",
                          "5",
                          "-td",
                          "5",
                          "-ta",
                          "5",
                          "-aet",
                          "TESTER",
                          "-aec",
                          "KAKEHASHI",
                          "-od",
                          folder,
                          "-k",
                          "QueryRetrieveLevel=IMAGE",
                          "-k",
                          "StudyInstanceUID=" SUPPORT_STUDY_UID,
                          "-k",
                          NULL,
                          "-k",
                          NULL,
                          "127.0.0.1",
                          it->port,
                          NULL};
    char series[100], instance[100], series_uid[65];

    (void)number;
    support_object_uid(uid, NUMBER_KNOWN);
    support_series_uid(series_uid, NUMBER_KNOWN);
    snprintf(series, sizeof(series), "SeriesInstanceUID=%s", series_uid);
    snprintf(instance, sizeof(instance), "SOPInstanceUID=%s", uid);
    argv[20] = series;
    argv[22] = instance;
    snprintf(folder, sizeof(folder), "%s", it->dir);
    snprintf(output, sizeof(output), "%s/output", it->dir);
    snprintf(path, sizeof(path), "%s/CT.%s", folder, uid);
    unlink(path);
    return support_run(output, argv) == 0 && access(path, R_OK) == 0;
}

static void start(bridge *it)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    const kh_proposal proposals[] = {{KH_SOP_VERIFICATION, syntaxes, 1, false}};
    kh_error err = KH_ERROR_INIT;
    int ends[2], port;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    it->pid = fork();
    assert_true(it->pid >= 0);
    if (it->pid == 0) {
        close(ends[0]);
        run_bridge(ends[1]);
    }
    close(ends[1]);
    it->orders = ends[0];
    assert_int_equal(read(it->orders, &port, sizeof(port)), sizeof(port));
    snprintf(it->port, sizeof(it->port), "%d", port);
    support_make_dir(it->dir);
    if (kh_assoc_connect(&it->other, "127.0.0.1", (uint16_t)port, "TESTER", "KAKEHASHI", proposals, 1, NULL, NULL, &err) != KH_OK)
        fail_msg("%s", err.message);
}

static void stop(bridge *it)
{
    kh_assoc_free(it->other);
    close(it->orders);
    assert_int_equal(support_wait(it->pid), 0);
    support_remove_dir(it->dir);
}

typedef bool conversation(const bridge *it, int number);

static void look_after(const bridge *it, conversation *talk, int number, const char *when, int nth)
{
    kh_error err = KH_ERROR_INIT;
    uint16_t status;

    if (kh_user_echo(it->other, &status, &err) != KH_OK || status != 0)
        fail_msg("%s %d: another association has ended: %s", when, nth, err.message);
    for (int i = 0; i < 200 && ask(it, WISH_INCOMING, 0) > 0; i++)
        usleep(10000);
    if (ask(it, WISH_INCOMING, 0) > 0)
        fail_msg("%s %d: a file is left in incoming/", when, nth);
    if (!talk(it, number))
        fail_msg("%s %d: the next one does not go", when, nth);
}

/* At the nth allocation, or from it on. Returns whether the conversation went all the same. */
static bool run_one(const bridge *it, conversation *talk, wish how, int nth, int number)
{
    const char *when = how == WISH_FAIL_ONE ? "allocation" : "allocations from";
    bool good;

    (void)ask(it, how, nth);
    good = talk(it, number);
    (void)ask(it, WISH_WORK, 0);
    if (good && talk == push && !ask(it, WISH_HOLDS, number))
        fail_msg("%s %d: answered with success and not there", when, nth);
    look_after(it, talk, number, when, nth);
    return good;
}

/* How many allocations one conversation takes, the first ones of which are made once only. */
static int count_allocations(const bridge *it, conversation *talk, int *number)
{
    assert_true(talk(it, (*number)++));
    (void)ask(it, WISH_FAIL_ONE, 0);
    assert_true(talk(it, (*number)++));
    return ask(it, WISH_WORK, 0);
}

static void every_allocation(const char *name, conversation *talk)
{
    bool is_long = getenv("KH_LONG") && getenv("KH_LONG")[0];
    int number = NUMBER_FIRST, runs = 0, failed = 0, calls, step;
    bridge it;

    start(&it);
    assert_true(push(&it, NUMBER_KNOWN));
    calls = count_allocations(&it, talk, &number);
    step = is_long || calls < PLACES ? 1 : calls / PLACES;
    for (wish how = WISH_FAIL_ONE; how <= WISH_FAIL_FROM; how++) {
        for (int nth = 1; nth <= calls; nth += step, runs++)
            failed += !run_one(&it, talk, how, nth, number++);
    }
    print_message("%s: %d allocations, %d places, refused at %d\n", name, calls, runs, failed);
    assert_true(failed > 0);
    stop(&it);
}

static void pushed(void **state)
{
    (void)state;
    every_allocation("C-STORE", push);
}

static void found(void **state)
{
    (void)state;
    every_allocation("C-FIND", find);
}

static void fetched(void **state)
{
    (void)state;
    every_allocation("C-GET", get);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pushed), cmocka_unit_test(found), cmocka_unit_test(fetched)};

    kh_log_set_level(KH_LOG_ERROR);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
