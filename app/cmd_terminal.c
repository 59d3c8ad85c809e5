#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/csv_table.h"
#include "app/deciding.h"
#include "app/session.h"
#include "app/terminal_commands.h"
#include "app/told.h"
#include "base/log.h"

#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number

/* What an order came to, in the folder of the settings: access.db, the authority and the record are open together. */
typedef struct work {
    kh_access *access;
    kh_ca *ca;
    kh_told told;
    char text[400];
} work;

static kh_status begin(work *w, const kh_args *args, const kh_terminal_options *options, const char *verb, kh_error *err)
{
    kh_auditing_change change;
    kh_status status = kh_deciding_access(&w->access, &args->settings, NULL, err);

    snprintf(w->text, sizeof w->text, "terminal %s %.64s / %.64s%s%.200s", verb, options->facility, options->name,
             options->reason ? ": " : "", options->reason ? options->reason : "");
    change = (kh_auditing_change){.who = kh_session_asked_by(options->by), .text = w->text};
    if (status == KH_OK)
        status = kh_ca_open(&w->ca, args->settings.data_dir, err);
    return status == KH_OK ? kh_told_begin(&w->told, &args->settings, &change, err) : status;
}

static int end(work *w, const kh_command *self, kh_status status, const kh_error *err)
{
    kh_told_end(&w->told, status);
    kh_ca_close(w->ca);
    kh_access_close(w->access);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, err);
}

static void print_line(const kh_terminal_issued *issued, const char *link)
{
    char until[25];

    kh_csv_put_line(stdout,
                    (const char *[]){issued->terminal.facility, issued->terminal.name, kh_rows_time(until, issued->terminal.not_after_ms),
                                     link, issued->password},
                    5);
}

/* The file or the link; what cannot be handed over is not kept as good. */
static kh_status hand_over(work *w, const kh_args *args, const kh_terminal_options *options, kh_terminal_issued *issued, int hours,
                           kh_error *err)
{
    char secret[KH_INSTALL_SECRET_SIZE], link[512];
    kh_error ignored = KH_ERROR_INIT;
    kh_status status = options->out ? kh_terminal_write_file(options->out, issued->pkcs12.data, issued->pkcs12.size, err)
                                    : kh_install_offer(w->access, issued, hours, secret, err);

    if (status == KH_OK) {
        if (!options->out)
            kh_terminal_link(link, &args->settings, secret);
        if (options->csv)
            print_line(issued, link);
        else
            kh_terminal_print_issued(issued, options->out, options->out ? NULL : link, hours, options->json);
    } else if (kh_terminal_revoke(w->access, w->ca, options->facility, options->name, "it could not be handed over", "kakehashi",
                                  &ignored) != KH_OK) {
        kh_log(KH_LOG_ERROR, "terminal", "a certificate that nobody has: %s", ignored.message);
    }
    return status;
}

typedef struct terms {
    long long days, hours; /* of the certificate; of the link */
} terms;

static kh_status read_terms(terms *out, const kh_terminal_options *options, kh_error *err)
{
    kh_status status =
        kh_args_number(&out->days, "--days", options->days ? options->days : TEXT(KH_CA_DAYS_DEFAULT), 1, KH_CA_DAYS_MAX, err);

    if (status == KH_OK)
        status =
            kh_args_number(&out->hours, "--hours", options->hours ? options->hours : TEXT(KH_INSTALL_HOURS), 1, KH_INSTALL_HOURS_MAX, err);
    return status;
}

/* The certificate and how it gets to its terminal. */
static kh_status make(work *w, const kh_args *args, const kh_terminal_options *options, const terms *t, bool renew, kh_error *err)
{
    const kh_terminal_order order = {.facility = options->facility, .name = options->name, .antivirus = options->antivirus,
                                     .days = (int)t->days, .aes = options->aes, .renew = renew};
    kh_terminal_issued issued = {0};
    kh_status status = kh_terminal_issue(w->access, w->ca, &order, &issued, err);

    if (status == KH_OK) {
        status = hand_over(w, args, options, &issued, (int)t->hours, err);
        kh_buf_release(&issued.pkcs12);
        explicit_bzero(issued.password, sizeof issued.password);
    }
    return status;
}

static int issue(const kh_command *self, const kh_args *args, const kh_terminal_options *options, bool renew)
{
    terms t;
    kh_error err = KH_ERROR_INIT;
    work w = {0};
    kh_status status;

    if ((options->out != NULL) == options->link)
        return kh_command_usage(self, "expected one of --out FILE and --link");
    if (options->csv)
        return kh_command_usage(self, "--csv is of list and import");
    if (read_terms(&t, options, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    if (options->out && access(options->out, F_OK) == 0)
        status = kh_error_set(&err, KH_E_CONFLICT, "%s is there already and is left alone", options->out);
    else
        status = begin(&w, args, options, renew ? "renew" : "issue", &err);
    if (status == KH_OK)
        status = make(&w, args, options, &t, renew, &err);
    return end(&w, self, status, &err);
}

/* ---- a table of terminals ---- */

typedef struct importing {
    const kh_args *args;
    kh_terminal_options options;
    terms terms;
    size_t issued, left;
} importing;

/* One that is good here is left alone, so that a table can be given again; so is one that was not good any more where the table was
 * written. */
static kh_status issue_row(void *context, const kh_csv_row *row, kh_error *err)
{
    importing *of = context;
    const char *state = kh_csv_value(row, "state");
    work w = {0};
    kh_status status;

    if (state[0] && strcmp(state, "good") != 0) {
        of->left++;
        return KH_OK;
    }
    of->options.facility = kh_csv_value(row, "facility");
    of->options.name = kh_csv_value(row, "name");
    of->options.antivirus = kh_csv_value(row, "antivirus")[0] ? kh_csv_value(row, "antivirus") : NULL;
    status = begin(&w, of->args, &of->options, "issue", err);
    if (status == KH_OK)
        status = make(&w, of->args, &of->options, &of->terms, false, err);
    kh_told_end(&w.told, status);
    kh_ca_close(w.ca);
    kh_access_close(w.access);
    of->issued += status == KH_OK;
    of->left += status == KH_E_CONFLICT;
    if (status != KH_E_CONFLICT)
        return status;
    kh_error_clear(err);
    return KH_OK;
}

static int import_table(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    importing of = {.args = args, .options = *options};
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    if (options->out || options->json)
        return kh_command_usage(self, "import gives links, as a table: neither --out nor --json");
    if (read_terms(&of.terms, options, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    of.options.link = of.options.csv = true;
    kh_csv_put_line(stdout, (const char *[]){"facility", "name", "not_after", "link", "password"}, 5);
    status = kh_csv_table_read(args->words[1], issue_row, &of, &err);
    fprintf(stderr, "%zu terminals issued, %zu left alone\n", of.issued, of.left);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

static int revoke_one(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_error err = KH_ERROR_INIT;
    work w = {0};
    kh_status status;
    int result;

    if (!options->reason)
        return kh_command_usage(self, "--reason is missing");
    status = begin(&w, args, options, "revoke", &err);
    if (status == KH_OK)
        status = kh_terminal_revoke(w.access, w.ca, options->facility, options->name, options->reason, kh_session_asked_by(options->by),
                                    &err);
    result = end(&w, self, status, &err);
    if (result == KH_EXIT_OK)
        printf("terminal %s of %s is revoked\n", options->name, options->facility);
    return result;
}

static int declare_one(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_error err = KH_ERROR_INIT;
    work w = {0};
    kh_status status;

    if (!options->antivirus)
        return kh_command_usage(self, "--antivirus is missing");
    status = begin(&w, args, options, "declare", &err);
    if (status == KH_OK)
        status = kh_terminal_declare(w.access, options->facility, options->name, options->antivirus, &err);
    return end(&w, self, status, &err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_terminal_options o = {0};
    const kh_option options[] = {
        {"--days", &o.days, NULL},           {"--hours", &o.hours, NULL}, {"--out", &o.out, NULL},           {"--key", &o.key, NULL},
        {"--reason", &o.reason, NULL},       {"--by", &o.by, NULL},       {"--antivirus", &o.antivirus, NULL}, {"--facility", &o.of, NULL},
        {"--expiring", &o.expiring, NULL},   {"--link", NULL, &o.link},   {"--aes", NULL, &o.aes},           {"--json", NULL, &o.json},
        {"--csv", NULL, &o.csv},
    };
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);
    const char *verb;

    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (strcmp(verb, "server-certificate") == 0)
        return kh_terminal_server(self, &args, &o);
    if (strcmp(verb, "list") == 0 && args.word_count == 1)
        return kh_terminal_print_list(self, &args, &o);
    if (strcmp(verb, "import") == 0 && args.word_count == 2)
        return import_table(self, &args, &o);
    if (strcmp(verb, "crl") == 0 && args.word_count == 1)
        return kh_terminal_list_file(self, &args, &o);
    if (strcmp(verb, "ca") == 0 && args.word_count == 1)
        return kh_terminal_authority(self, &args, &o);
    if (args.word_count != 3)
        return kh_command_usage(
            self, "expected list, import FILE, crl, ca, server-certificate NAME..., or issue, renew, revoke, show or declare and FACILITY "
                  "NAME");
    o.facility = args.words[1];
    o.name = args.words[2];
    if (strcmp(verb, "issue") == 0 || strcmp(verb, "renew") == 0)
        return issue(self, &args, &o, verb[0] == 'r');
    if (strcmp(verb, "revoke") == 0)
        return revoke_one(self, &args, &o);
    if (strcmp(verb, "show") == 0)
        return kh_terminal_print_one(self, &args, &o);
    if (strcmp(verb, "declare") == 0)
        return declare_one(self, &args, &o);
    return kh_command_usage(self, "\"%.32s\" is not known", verb);
}

const kh_command kh_command_terminal = {
    .name = "terminal",
    .summary = "certificates of the PCs and tablets that may connect",
    .help =
        "NAME\n"
        "  kakehashi terminal - certificates of the PCs and tablets that may connect\n\n"
        "SYNOPSIS\n"
        "  kakehashi terminal issue FACILITY NAME (--out FILE | --link [--hours N]) [--days N] [--antivirus WORDS] [--aes] [--json]\n"
        "  kakehashi terminal renew FACILITY NAME (--out FILE | --link [--hours N]) [--days N] [--aes] [--json]\n"
        "  kakehashi terminal list [--facility CODE] [--expiring DAYS] [--csv | --json]\n"
        "  kakehashi terminal import FILE [--hours N] [--days N] [--aes]\n"
        "  kakehashi terminal show FACILITY NAME [--json]\n"
        "  kakehashi terminal revoke FACILITY NAME --reason WORDS\n"
        "  kakehashi terminal declare FACILITY NAME --antivirus WORDS\n"
        "  kakehashi terminal crl [--out FILE]\n"
        "  kakehashi terminal ca [--out FILE] [--json]\n"
        "  kakehashi terminal server-certificate NAME... --out FILE --key FILE [--days N]\n\n"
        "DESCRIPTION\n"
        "  Only terminals with a certificate are served ([http] tls_client_ca, client_certificates). The network's own authority\n"
        "  issues them; it is made at first use, in the folder ca of the data folder: ca.key must never leave this machine but in\n"
        "  a backup.\n\n"
        "  issue makes a key and a certificate for a terminal of a facility, as PKCS#12: a file, or a link that is good once and\n"
        "  shows how to install it. Its password is printed this once; it travels another way than file or link. renew makes the\n"
        "  next one; the one before stays good until it runs out. revoke ends all certificates and sessions of the terminal at\n"
        "  once, also on connections that are open, and writes the revocation list (ca/revoked.pem) for DIMSE and for a proxy in\n"
        "  front.\n\n"
        "  import issues a terminal for each row of a table with the columns facility, name and, if wanted, antivirus, as list --csv\n"
        "  writes it, and prints a table of their links and passwords. What is good already is left alone, and what the table's column\n"
        "  state does not call good.\n\n"
        "  list --expiring DAYS names those that run out within DAYS: to be renewed. crl writes the revocation list anew and\n"
        "  prints it. ca tells of the authority; with --out it writes its certificate. server-certificate issues one for this\n"
        "  service, when no other authority does: [http] tls_certificate and tls_key. declare notes what antivirus program keeps\n"
        "  the terminal clean. Each of these that changes something is recorded, in the chain of commands (kakehashi audit\n"
        "  search).\n\n"
        "OPTIONS\n"
        "  --out FILE              where it is written; a file that is there is left alone\n"
        "  --key FILE              likewise, its key\n"
        "  --link                  a one-time link instead of a file\n"
        "  --hours N               how long the link is good: 1 to 720, else 72\n"
        "  --days N                how long the certificate is good: 1 to 825, else 730, of a server 397\n"
        "  --aes                   AES-256 and SHA-256 in the PKCS#12; Windows 10 1709, macOS 15 and iPadOS 18 or later read it\n"
        "  --antivirus WORDS       what the facility declares; \"\" takes it back\n"
        "  --facility CODE         of this facility only\n"
        "  --expiring DAYS         good ones that run out within so many days\n"
        "  --reason WORDS          why, for the record\n"
        "  --by WHO                who asks for it, for the record; else $SUDO_USER or $USER\n"
        "  --csv, --json           for programs\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi terminal issue kaede-clinic 'desk 1' --link\n"
        "  kakehashi terminal list --expiring 30\n"
        "  kakehashi terminal revoke kaede-clinic 'desk 1' --reason 'stolen on 3 May'\n"
        "  kakehashi terminal server-certificate images.example 10.1.2.3 --out server.pem --key server.key\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 not done, 2 not understood\n",
    .run = run,
};
