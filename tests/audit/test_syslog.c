/* The thread that brings the record to a syslog server, beside those who write it: OpenSSL's s_server takes the frames. Run under
 * ThreadSanitizer, too. */
#include "tests/cmocka_all.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "audit/audit.h"
#include "audit/syslog.h"
#include "base/clock.h"
#include "tests/audit/support.h"

#define THREADS 3
#define PER_THREAD 40
#define WAIT_MS 60000

static char certificate[600], key[600], received[600];

static int run(const char *command)
{
    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A certificate of its own for 127.0.0.1, which is the authority as well. Nothing of it when OpenSSL is not there. */
static bool make_certificate(void)
{
    char command[2000];

    snprintf(certificate, sizeof certificate, "%s/server.pem", audit_dir);
    snprintf(key, sizeof key, "%s/server.key", audit_dir);
    snprintf(received, sizeof received, "%s/received", audit_dir);
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=logs -addext subjectAltName=IP:127.0.0.1"
        " -keyout '%s' -out '%s' 2>/dev/null",
        key, certificate);
    return run(command) == 0;
}

/* One that nobody has now. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static pid_t start_server(int port)
{
    char accept[16];
    pid_t child;

    snprintf(accept, sizeof accept, "%d", port);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int never[2]; /* it ends its connections with its standard input */

        if (pipe(never) != 0 || dup2(never[0], STDIN_FILENO) < 0)
            _exit(1);
        if (!freopen(received, "a", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(1);
        execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept, "-cert", certificate, "-key", key, (char *)NULL);
        _exit(1);
    }
    return child;
}

static void stop_server(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static size_t count_of(const char *text)
{
    size_t size, count = 0;
    char *all;

    if (access(received, F_OK) != 0)
        return 0;
    all = audit_read("received", &size);
    for (char *at = all; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(all);
    return count;
}

/* Every record of the chain is there. */
static bool all_came(uint64_t last)
{
    char text[64];
    size_t size;
    char *all;
    bool all_there = true;

    if (access(received, F_OK) != 0)
        return false;
    all = audit_read("received", &size);
    for (uint64_t seq = 1; seq <= last && all_there; seq++) {
        snprintf(text, sizeof text, "urn:kakehashi:audit:web:%llu\"", (unsigned long long)seq);
        all_there = strstr(all, text) != NULL;
    }
    free(all);
    return all_there;
}

static void wait_for(uint64_t last)
{
    int64_t end_ms = kh_clock_monotonic_ms() + WAIT_MS;

    while (!all_came(last) && kh_clock_monotonic_ms() < end_ms)
        kh_clock_sleep_ms(50);
    assert_true(all_came(last));
}

static void *write_many(void *context)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = KH_AUDIT_VIEW;
    event.who = "somebody";
    event.study = "1.2.3";
    for (int i = 0; i < PER_THREAD; i++)
        if (kh_audit_write(context, &event, NULL) != KH_OK)
            return context;
    return NULL;
}

/* Several write, the files roll, the server goes and comes again: nothing is missing at its end. */
static void all_of_it_arrives(void **state)
{
    kh_audit_options options = kh_audit_options_default;
    kh_syslog_options to = {.dir = audit_dir};
    pthread_t threads[THREADS];
    kh_syslog *syslog = NULL;
    kh_audit *audit = NULL;
    kh_error err = KH_ERROR_INIT;
    pid_t server;
    void *failed;

    (void)state;
    if (!make_certificate())
        skip();
    to.server = (kh_syslog_server){.host = "127.0.0.1", .port = free_port(), .ca = certificate, .certificate = "", .key = ""};
    options.dir = audit_dir;
    options.role = "web";
    options.roll_bytes = 8192;
    assert_int_equal(kh_audit_open(&audit, &options, &err), KH_OK);
    server = start_server(to.server.port);
    assert_int_equal(kh_syslog_open(&syslog, &to, &err), KH_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, audit), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    wait_for(THREADS * PER_THREAD);
    stop_server(server);
    assert_null(write_many(audit)); /* while nobody listens */
    server = start_server(to.server.port);
    wait_for((THREADS + 1) * PER_THREAD);
    assert_null(write_many(audit));
    kh_audit_close(audit); /* its last record is the stop */
    kh_syslog_end(syslog); /* what is there is sent */
    wait_for((THREADS + 2) * PER_THREAD);
    assert_true(count_of("somebody") >= (THREADS + 2) * PER_THREAD);
    stop_server(server);
}

/* Ended while nobody is there, and while a server is believed by nobody: it does not wait for them. */
static void ended_without_a_server(void **state)
{
    kh_syslog_options to = {.dir = audit_dir};
    kh_syslog *syslog = NULL;
    kh_error err = KH_ERROR_INIT;
    pid_t server;

    (void)state;
    if (!make_certificate())
        skip();
    audit_fill("web", 60, 8192);
    to.server = (kh_syslog_server){.host = "127.0.0.1", .port = free_port(), .ca = certificate, .certificate = "", .key = ""};
    assert_int_equal(kh_syslog_open(&syslog, &to, &err), KH_OK);
    kh_clock_sleep_ms(100);
    kh_syslog_end(syslog);
    to.server.ca = ""; /* the system's, which do not know it */
    server = start_server(to.server.port);
    assert_int_equal(kh_syslog_open(&syslog, &to, &err), KH_OK);
    kh_clock_sleep_ms(300);
    kh_syslog_end(syslog);
    assert_int_equal(count_of("kakehashi"), 0);
    stop_server(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(all_of_it_arrives, audit_set_up, audit_tear_down),
                                       cmocka_unit_test_setup_teardown(ended_without_a_server, audit_set_up, audit_tear_down)};

    return cmocka_run_group_tests_name("audit: to a syslog server", tests, NULL, NULL);
}
