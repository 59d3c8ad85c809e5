#include <stdio.h>
#include <string.h>
#include "access/invitations.h"
#include "app/command.h"
#include "app/desk.h"
#include "app/roles.h"
#include "base/log.h"

/* No account comes with the program: whoever started it makes the first one, by a link that is good once. Printed, never logged. */
static void invite_first(const kh_service *service)
{
    const kh_settings *settings = service->settings;
    int name = (int)strcspn(settings->http_names, ", ");
    kh_error err = KH_ERROR_INIT;
    char secret[KH_SECRET_SIZE];
    bool made = false;
    kh_desk desk;
    kh_status status = kh_desk_open(&desk, settings, KH_DESK_CHANGES, false, &err);

    if (status == KH_OK)
        status = kh_invitation_first_office(desk.access, secret, &made, &err);
    if (status == KH_OK && made)
        status = kh_desk_record(&desk, &err, NULL, "link for the first account of the office");
    kh_desk_close(&desk);
    if (status != KH_OK)
        kh_log(KH_LOG_ERROR, "supervisor", "no link for the first account of the office: %s", err.message);
    else if (made)
        printf("office: %s://%.*s:%u/welcome/%s makes the first account, once, within %d hours\n",
               settings->http_tls_certificate[0] ? "https" : "http", name > 0 ? name : (int)strlen(settings->http_address),
               name > 0 ? settings->http_names : settings->http_address, (unsigned)service->http_port, secret, KH_INVITATION_HOURS);
}

static void announce(void *context)
{
    kh_service *service = context;

    kh_log(KH_LOG_INFO, "supervisor", "ready: HTTP on %s:%u, DICOM on port %u as %s", service->settings->http_address,
           (unsigned)service->http_port, (unsigned)service->dicom_port, service->settings->dicom_ae_title);
    printf("ready: %s://%s:%u/\n", service->settings->http_tls_certificate[0] ? "https" : "http", service->settings->http_address,
           (unsigned)service->http_port);
    if (kh_settings_accounts(service->settings))
        invite_first(service);
    fflush(stdout);
}

static void close_sockets(void *context)
{
    kh_service_close_sockets(context);
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_error err = KH_ERROR_INIT;
    kh_supervisor_options options;
    kh_service service;
    kh_status result;
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 0)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[0]);
    kh_log_set_role("main");
    if (kh_service_init(&service, &args.settings, &err) != KH_OK)
        return kh_command_failed(self, &err);
    options = (kh_supervisor_options){
        .roles = service.roles,
        .role_count = service.role_count,
        .page = service.page,
        .drain_ms = args.settings.drain_ms,
        .ready = announce,
        .draining = close_sockets,
        .context = &service,
    };
    result = kh_supervisor_run(&options, &err);
    kh_service_release(&service);
    return result == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_serve = {
    .name = "serve",
    .summary = "run the service",
    .help =
        "NAME\n"
        "  kakehashi serve - run the service\n\n"
        "SYNOPSIS\n"
        "  kakehashi serve [OPTIONS]\n\n"
        "DESCRIPTION\n"
        "  Talks DICOM with the hospitals' systems, keeps what they send, and shows it to browsers. Stays in the foreground; log lines\n"
        "  go to standard error. When everything is up it prints one line on standard output, `ready: http://ADDRESS:PORT/`\n"
        "  (https with [http] tls_certificate). With accounts on it also prints the link that makes the first account of the network's\n"
        "  office, until somebody has taken it up.\n"
        "  The work is done by processes of their own (bridge, web, decode) that are started again when they die. HTTP is served\n"
        "  on loopback addresses only unless people sign in ([access] accounts = on). DICOM is served on loopback until the first node is added.\n\n"
        "  SIGTERM and SIGINT let work under way end, at most [service] drain long, then stop; a second SIGINT stops at once.\n\n"
        "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi serve --config /etc/kakehashi.conf\n"
        "  kakehashi serve --data-dir data --set http.port=9000 --set log.level=debug\n\n"
        "EXIT STATUS\n"
        "  0 stopped as told, 1 could not start or had to be killed at the end, 2 not understood\n",
    .run = run,
};
