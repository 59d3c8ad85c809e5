/* The door's own addresses. */
#include "viewer/guard/internal.h"

static const struct {
    const char *method, *pattern;
    kh_http_handler *handler;
} own[] = {
    {"GET", "/api/session", kh_guard_session},
    {"POST", "/api/session/sign-in", kh_guard_sign_in},
    {"POST", "/api/session/second-factor", kh_guard_second_factor},
    {"POST", "/api/session/sign-out", kh_guard_sign_out},
    {"POST", "/api/session/alive", kh_guard_alive},
    {"POST", "/api/session/lock", kh_guard_lock},
    {"POST", "/api/session/unlock", kh_guard_unlock},
    {"GET", "/api/account", kh_guard_account},
    {"POST", "/api/account/password", kh_guard_password},
    {"POST", "/api/account/totp/begin", kh_guard_totp_begin},
    {"POST", "/api/account/totp/confirm", kh_guard_totp_confirm},
    {"POST", "/api/account/sessions/end", kh_guard_end_others},
    {"POST", "/api/account/sessions/{id}/end", kh_guard_end_one},
    {"POST", "/api/account/tokens", kh_guard_token_make},
    {"POST", "/api/account/tokens/{id}/revoke", kh_guard_token_revoke},
    {"GET", "/api/welcome/{code}", kh_guard_welcome},
    {"POST", "/api/welcome/{code}", kh_guard_welcome_accept},
};

_Static_assert(sizeof own / sizeof own[0] == KH_GUARD_ROUTES, "guard.h says how many");

void kh_guard_routes(kh_guard *guard, kh_http_route routes[KH_GUARD_ROUTES])
{
    for (size_t i = 0; i < KH_GUARD_ROUTES; i++)
        routes[i] = (kh_http_route){.method = own[i].method, .pattern = own[i].pattern, .handler = own[i].handler, .context = guard};
}
