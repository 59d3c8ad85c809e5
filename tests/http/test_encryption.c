/* TLS of the server while its files change (S9): clients that come and stay, a thread that replaces certificates by good and by bad ones
 * and looks for it, as the web role does. What is looked for is found by the sanitizers; the certificates are openssl's. */
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "tls/store.h"
#include "viewer/http/http.h"

#define CLIENTS 3
#define VISITS 12
#define REQUESTS 4 /* of one visit, on one connection */

static char folder[64];
static uint16_t port;
static atomic_bool done;
static atomic_uint served, refused;

static void hello(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer(request, 200, "text/plain", kh_http_client_certificate(request), strlen(kh_http_client_certificate(request)));
}

static const kh_http_route routes[] = {{"GET", "/hello", hello, NULL}};

static void openssl(const char *arguments)
{
    char command[600];

    snprintf(command, sizeof command, "cd '%s' && openssl %s >openssl.out 2>&1", folder, arguments);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static const char *in_folder(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
    return out;
}

static void copy(const char *from, const char *to)
{
    char command[400];

    snprintf(command, sizeof command, "cp '%s/%s' '%s/%s.new' && mv '%s/%s.new' '%s/%s'", folder, from, folder, to, folder, to, folder, to);
    assert_int_equal(system(command), 0);
}

/* An authority, two certificates of the server, one of a terminal of that authority and one of itself. */
static void make_certificates(void)
{
    static const char *const names[] = {"one", "two", "desk", "self"};
    char arguments[400];

    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 2 -keyout ca.key -out ca.pem");
    for (size_t i = 0; i < 4; i++) {
        snprintf(arguments, sizeof arguments,
                 "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -days 2 %s -keyout %s.key -out %s.pem",
                 names[i], i < 3 ? "-CA ca.pem -CAkey ca.key -addext basicConstraints=CA:FALSE" : "", names[i], names[i]);
        openssl(arguments);
    }
    copy("one.key", "server.key");
    copy("one.pem", "server.pem");
    openssl("version");
    copy("openssl.out", "bad.pem"); /* no certificate */
}

static bool exchange(gnutls_session_t session, bool good)
{
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[4096];
    size_t size = 0;
    ssize_t got;

    if (gnutls_record_send(session, request, sizeof request - 1) < 0)
        return false;
    do {
        got = gnutls_record_recv(session, answer + size, sizeof answer - 1 - size);
        if (got <= 0)
            return false;
        size += (size_t)got;
        answer[size] = '\0';
    } while (!strstr(answer, "\r\n\r\n") || (good && size < (size_t)(strstr(answer, "\r\n\r\n") - answer) + 4 + 64));
    return strncmp(answer, good ? "HTTP/1.1 200" : "HTTP/1.1 403", 12) == 0;
}

static void visit(const char *identity)
{
    char paths[2][128], name[16];
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    int fd = client_connect(port, 20000);
    bool good = strcmp(identity, "desk") == 0;

    assert_true(fd >= 0);
    assert_true(gnutls_certificate_allocate_credentials(&credentials) >= 0);
    snprintf(name, sizeof name, "%s.pem", identity);
    in_folder(paths[0], name);
    snprintf(name, sizeof name, "%s.key", identity);
    assert_true(gnutls_certificate_set_x509_key_file(credentials, paths[0], in_folder(paths[1], name), GNUTLS_X509_FMT_PEM) >= 0);
    assert_true(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT) >= 0);
    assert_true(gnutls_set_default_priority(session) >= 0);
    assert_true(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) >= 0);
    gnutls_transport_set_int(session, fd);
    if (gnutls_handshake(session) >= 0)
        for (int i = 0; i < (good ? REQUESTS : 1) && exchange(session, good); i++)
            atomic_fetch_add(good ? &served : &refused, 1);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
}

static void *come_and_go(void *identity)
{
    for (int i = 0; i < VISITS; i++)
        visit(identity);
    return NULL;
}

static void *replace(void *context)
{
    static const char *const certificates[] = {"two", "bad", "one"};

    for (size_t i = 0; !atomic_load(&done); i = (i + 1) % 3) {
        char name[16];

        if (strcmp(certificates[i], "bad") != 0) {
            snprintf(name, sizeof name, "%s.key", certificates[i]);
            copy(name, "server.key");
        }
        snprintf(name, sizeof name, "%s.pem", certificates[i]);
        copy(name, "server.pem");
        kh_tls_store_look(context, false);
    }
    return NULL;
}

static void certificates_change_while_clients_come_and_stay(void **state)
{
    char paths[3][128];
    const kh_tls_files files = {.certificate = in_folder(paths[0], "server.pem"), .key = in_folder(paths[1], "server.key"),
                                .client_ca = in_folder(paths[2], "ca.pem"), .peer_ca = "", .revoked = ""};
    kh_http_options options = {.thread_count = 2, .connections_max = 64, .connections_per_address_max = 64, .idle_timeout_s = 30,
                               .body_bytes_max = 1000, .loopback_hosts_only = true};
    pthread_t clients[CLIENTS + 1], replacer;
    kh_http_server *server = NULL;
    kh_error err = KH_ERROR_INIT;
    kh_http_stats stats;

    (void)state;
    assert_int_equal(kh_tls_store_create(&options.door.tls, &files, &err), KH_OK);
    options.door.certificate_required = true;
    options.listen_fd = client_listen(&port);
    assert_int_equal(kh_http_server_start(&server, &options, routes, 1, &err), KH_OK);
    assert_int_equal(pthread_create(&replacer, NULL, replace, options.door.tls), 0);
    for (size_t i = 0; i <= CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, come_and_go, (void *)(uintptr_t)(i < CLIENTS ? "desk" : "self")), 0);
    for (size_t i = 0; i <= CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&done, true);
    pthread_join(replacer, NULL);
    kh_http_get_stats(server, &stats);
    kh_http_server_stop(server, 1000);
    assert_true(kh_tls_store_generation(options.door.tls) > 0);
    kh_tls_store_free(options.door.tls);
    assert_int_equal(atomic_load(&served), CLIENTS * VISITS * REQUESTS);
    assert_int_equal(atomic_load(&refused), VISITS);
    assert_int_equal(stats.answers_2xx, CLIENTS * VISITS * REQUESTS);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "./kh-encryption-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    make_certificates();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(certificates_change_while_clients_come_and_stay)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
