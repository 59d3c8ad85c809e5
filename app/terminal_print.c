#include <inttypes.h>
#include <string.h>
#include "app/deciding.h"
#include "app/terminal_commands.h"
#include "base/clock.h"

#define DAY_MS 86400000LL
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const kh_rows_column columns[] = {
    {"facility", "FACILITY", 20},    {"name", "TERMINAL", 24},  {"state", "STATE", 9},       {"not_after", "GOOD UNTIL", 25},
    {"seen", "SEEN", 25},            {"antivirus", "ANTIVIRUS", 20}, {"antivirus_day", "", 0}, {"issued", "", 0},
    {"revoked", "", 0},              {"revoked_reason", "", 0}, {"revoked_by", "", 0},       {"serial", "", 0},
    {"fingerprint", "", 0},
};

typedef struct row {
    char not_after[25], seen[25], issued[25], revoked[25];
    const char *values[COUNT(columns)];
} row;

static const char *state_of(const kh_terminal *terminal)
{
    return terminal->revoked_ms ? "revoked" : terminal->not_after_ms <= kh_clock_wall_ms() ? "expired" : "good";
}

static void fill(row *r, const kh_terminal *terminal)
{
    const char *values[COUNT(columns)] = {
        terminal->facility,
        terminal->name,
        state_of(terminal),
        kh_rows_time(r->not_after, terminal->not_after_ms),
        kh_rows_time(r->seen, terminal->seen_ms),
        terminal->antivirus,
        terminal->antivirus_day,
        kh_rows_time(r->issued, terminal->issued_ms),
        kh_rows_time(r->revoked, terminal->revoked_ms),
        terminal->revoked_reason,
        terminal->revoked_by,
        terminal->serial,
        terminal->fingerprint,
    };

    memcpy(r->values, values, sizeof values);
}

static kh_status print_row(void *context, const kh_terminal *terminal)
{
    row r;

    fill(&r, terminal);
    kh_rows_put(context, r.values);
    return KH_OK;
}

int kh_terminal_print_list(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_access *access = NULL;
    long long days = 0;
    kh_rows rows;
    kh_status status;

    if (options->csv && options->json)
        return kh_command_usage(self, "--csv and --json together");
    if (options->expiring && kh_args_number(&days, "--expiring", options->expiring, 1, 36500, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    status = kh_deciding_access(&access, &args->settings, NULL, &err);
    if (status == KH_OK) {
        kh_rows_begin(&rows, stdout, options->csv ? KH_ROWS_CSV : options->json ? KH_ROWS_JSON : KH_ROWS_TABLE, columns, COUNT(columns));
        status = kh_terminal_list(access, options->of, days ? kh_clock_wall_ms() + days * DAY_MS : 0, print_row, &rows, &err);
        if (status == KH_OK)
            kh_rows_end(&rows, days ? "no certificate runs out in that time" : "no terminals: `kakehashi terminal issue` brings the first");
    }
    kh_access_close(access);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

int kh_terminal_print_one(const kh_command *self, const kh_args *args, const kh_terminal_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_access *access = NULL;
    kh_terminal terminal;
    row r;
    kh_status status = kh_deciding_access(&access, &args->settings, NULL, &err);

    if (status == KH_OK)
        status = kh_terminal_find(access, options->facility, options->name, &terminal, &err);
    kh_access_close(access);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    fill(&r, &terminal);
    kh_rows_one(stdout, options->json, columns, r.values, COUNT(columns));
    return KH_EXIT_OK;
}

void kh_terminal_print_issued(const kh_terminal_issued *issued, const char *file, const char *link, int hours, bool json)
{
    static const kh_rows_column told[] = {{"facility", "", 0}, {"name", "", 0}, {"not_after", "", 0}, {"fingerprint", "", 0},
                                          {"file", "", 0},     {"link", "", 0}, {"password", "", 0}};
    char until[25];
    const char *values[] = {issued->terminal.facility, issued->terminal.name, kh_rows_time(until, issued->terminal.not_after_ms),
                            issued->terminal.fingerprint, file, link, issued->password};

    kh_rows_one(stdout, json, told, values, COUNT(told));
    if (json)
        return;
    if (link)
        printf("\nThe link is good once, for %d hours, on the terminal itself. ", hours);
    else
        putchar('\n');
    puts("The password is shown this once and kept nowhere: tell it apart from the file.");
}
