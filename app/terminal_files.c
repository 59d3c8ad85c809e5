#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/deciding.h"
#include "app/session.h"
#include "app/terminal_commands.h"
#include "app/told.h"
#include "store/file.h"
#include "viewer/install/install.h"

#define PEM_BYTES_MAX 65536
#define SERVER_DAYS "397" /* browsers take no longer ones of public authorities; ours are renewed as often */

kh_status kh_terminal_write_file(const char *path, const void *bytes, size_t size, kh_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    kh_status status;

    if (fd < 0 && errno == EEXIST)
        return kh_error_set(err, KH_E_CONFLICT, "%s is there already and is left alone", path);
    if (fd < 0)
        return kh_error_errno(err, errno, "%s", path);
    status = kh_write_all(fd, bytes, size, err);
    if (status == KH_OK && fsync(fd) != 0)
        status = kh_error_errno(err, errno, "%s", path);
    if (close(fd) != 0 && status == KH_OK)
        status = kh_error_errno(err, errno, "%s", path);
    if (status != KH_OK)
        unlink(path);
    return status;
}

void kh_terminal_link(char out[512], const kh_settings *settings, const char *secret)
{
    const char *names = settings->http_names;
    bool tls = settings->http_tls_certificate[0] != '\0';

    if (settings->dicomweb_address[0])
        snprintf(out, 512, "%.255s" KH_INSTALL_PATH "/%s", settings->dicomweb_address, secret);
    else if (names[0] && (!tls || settings->http_port == 443))
        snprintf(out, 512, "https://%.*s" KH_INSTALL_PATH "/%s", (int)strcspn(names, ", "), names, secret);
    else
        snprintf(out, 512, "%s://%.*s:%d" KH_INSTALL_PATH "/%s", tls ? "https" : "http", names[0] ? (int)strcspn(names, ", ") : 15,
                 names[0] ? names : settings->http_address, (int)settings->http_port, secret);
}

static kh_status copy_out(const char *to, const char *from, kh_error *err)
{
    char bytes[PEM_BYTES_MAX];
    FILE *file = fopen(from, "rb");
    size_t size;

    if (!file)
        return kh_error_errno(err, errno, "%s", from);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (to)
        return kh_terminal_write_file(to, bytes, size, err);
    fwrite(bytes, 1, size, stdout);
    return KH_OK;
}

int kh_terminal_list_file(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_access *access = NULL;
    kh_ca *ca = NULL;
    char path[1100];
    kh_status status = kh_deciding_access(&access, &args->settings, NULL, &err);

    if (status == KH_OK)
        status = kh_ca_open(&ca, args->settings.data_dir, &err);
    if (status == KH_OK)
        status = kh_terminal_write_list(access, ca, &err);
    snprintf(path, sizeof path, "%s/" KH_CA_FOLDER "/revoked.pem", args->settings.data_dir);
    if (status == KH_OK)
        status = copy_out(options->out, path, &err);
    kh_ca_close(ca);
    kh_access_close(access);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

int kh_terminal_authority(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    static const kh_rows_column columns[] = {{"fingerprint", "", 0}, {"serial", "", 0}, {"made", "", 0}, {"not_after", "", 0},
                                             {"certificate", "", 0}, {"revocation_list", "", 0}};
    kh_error err = KH_ERROR_INIT;
    char made[25], until[25], paths[2][1100];
    kh_ca_issued self_issued;
    kh_ca *ca = NULL;
    const char *pem;
    size_t size;
    kh_status status = kh_ca_open(&ca, args->settings.data_dir, &err);

    if (status != KH_OK)
        return kh_command_failed(self, &err);
    kh_ca_self(ca, &self_issued);
    pem = kh_ca_pem(ca, &size);
    if (options->out)
        status = kh_terminal_write_file(options->out, pem, size, &err);
    kh_ca_close(ca);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    snprintf(paths[0], sizeof paths[0], "%s/" KH_CA_FOLDER "/ca.pem", args->settings.data_dir);
    snprintf(paths[1], sizeof paths[1], "%s/" KH_CA_FOLDER "/revoked.pem", args->settings.data_dir);
    kh_rows_one(stdout, options->json, columns,
                (const char *[]){self_issued.fingerprint, self_issued.serial, kh_rows_time(made, self_issued.issued_ms),
                                 kh_rows_time(until, self_issued.not_after_ms), paths[0], paths[1]},
                sizeof columns / sizeof columns[0]);
    return KH_EXIT_OK;
}

/* Key first: a certificate without its key is of no use to anybody. */
static kh_status issue_server(const kh_args *args, const kh_terminal_options *options, int days, kh_ca_issued *issued, kh_error *err)
{
    kh_buf certificate, key;
    kh_ca *ca = NULL;
    kh_status status = kh_ca_open(&ca, args->settings.data_dir, err);

    kh_buf_init(&certificate, PEM_BYTES_MAX);
    kh_buf_init(&key, PEM_BYTES_MAX);
    if (status == KH_OK)
        status = kh_ca_issue_server(ca, (const char *const *)args->words + 1, args->word_count - 1, days, &certificate, &key, issued, err);
    if (status == KH_OK)
        status = kh_terminal_write_file(options->key, key.data, key.size, err);
    if (status == KH_OK) {
        status = kh_terminal_write_file(options->out, certificate.data, certificate.size, err);
        if (status != KH_OK)
            unlink(options->key);
    }
    if (key.data)
        explicit_bzero(key.data, key.size);
    kh_buf_release(&certificate);
    kh_buf_release(&key);
    kh_ca_close(ca);
    return status;
}

int kh_terminal_server(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_auditing_change change;
    kh_error err = KH_ERROR_INIT;
    kh_ca_issued issued;
    long long days;
    kh_told told = {0};
    char text[300], until[25];
    kh_status status;

    if (args->word_count < 2)
        return kh_command_usage(self, "server-certificate: expected the names and addresses that browsers call");
    if (!options->out || !options->key)
        return kh_command_usage(self, "server-certificate: %s FILE is missing", options->out ? "--key" : "--out");
    if (kh_args_number(&days, "--days", options->days ? options->days : SERVER_DAYS, 1, KH_CA_DAYS_MAX, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    snprintf(text, sizeof text, "terminal server-certificate %.200s", args->words[1]);
    change = (kh_auditing_change){.who = kh_session_asked_by(options->by), .text = text};
    status = kh_told_begin(&told, &args->settings, &change, &err);
    if (status == KH_OK)
        status = issue_server(args, options, (int)days, &issued, &err);
    kh_told_end(&told, status);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("%s, good until %s; key in %s\n", options->out, kh_rows_time(until, issued.not_after_ms), options->key);
    return KH_EXIT_OK;
}
