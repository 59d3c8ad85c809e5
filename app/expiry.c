#include "app/expiry.h"

#include "access/terminals.h"
#include "base/clock.h"
#include "base/log.h"
#include "tls/store.h"

#define DAY_MS 86400000LL

typedef struct ending {
    unsigned count;
    int64_t first_ms;
} ending;

static kh_status count(void *context, const kh_terminal *terminal)
{
    ending *e = context;

    if (e->count++ == 0 || terminal->not_after_ms < e->first_ms)
        e->first_ms = terminal->not_after_ms;
    return KH_OK;
}

static void look_at_terminals(kh_access *access, int64_t before_ms)
{
    kh_error err = KH_ERROR_INIT;
    char first[KH_CLOCK_TEXT_SIZE];
    ending e = {0};

    if (kh_terminal_list(access, NULL, before_ms, count, &e, &err) != KH_OK) {
        kh_log(KH_LOG_WARN, "terminals", "%s", err.message);
        return;
    }
    if (e.count == 0)
        return;
    kh_clock_format(first, e.first_ms);
    kh_log(KH_LOG_WARN, "terminals", "%u certificates of terminals run out within %d days, the first at %s: kakehashi terminal list "
                                    "--expiring %d", e.count, KH_EXPIRY_WARN_DAYS, first, KH_EXPIRY_WARN_DAYS);
}

static void look_at_ours(kh_tls_store *store, int64_t before_ms)
{
    kh_tls_credentials *ours = kh_tls_store_get(store);
    int64_t until_ms = ours ? kh_tls_credentials_until_s(ours) * 1000 : INT64_MAX;
    char until[KH_CLOCK_TEXT_SIZE];

    kh_tls_credentials_unref(ours);
    if (until_ms >= before_ms)
        return;
    kh_clock_format(until, until_ms);
    kh_log(KH_LOG_WARN, "tls", "[http] tls_certificate runs out at %s", until);
}

void kh_expiry_look(kh_expiry *expiry, const kh_http_door *door, const kh_installing *installing)
{
    int64_t now_ms = kh_clock_monotonic_ms(), before_ms = kh_clock_wall_ms() + KH_EXPIRY_WARN_DAYS * DAY_MS;

    if (expiry->told_ms != 0 && now_ms - expiry->told_ms < DAY_MS)
        return;
    expiry->told_ms = now_ms;
    if (installing->access)
        look_at_terminals(installing->access, before_ms);
    if (door->tls)
        look_at_ours(door->tls, before_ms);
}
