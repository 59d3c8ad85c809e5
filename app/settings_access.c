/* What must fit together in [access] before a port is opened: what a network demands of those who sign in. */
#include <string.h>
#include "app/listener.h"
#include "app/settings.h"

#define GUIDELINE_LENGTH_MIN 13 /* the ministry's guideline v6: no rotation from 13 characters and a second factor on */

static bool is_one_of(const char *text, const char *const *choices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, choices[i]) == 0)
            return true;
    return false;
}

bool kh_settings_accounts(const kh_settings *settings)
{
    return strcmp(settings->access_accounts, "on") == 0;
}

bool kh_settings_factor(const kh_settings *settings, const char *factor)
{
    const char *found = strstr(settings->access_factors, factor);

    return found && found != settings->access_factors && found[-1] == '+';
}

static kh_status check_choices(const kh_settings *settings, kh_error *err)
{
    static const char *const accounts[] = {"on", "off"}, *const rules[] = {"networks", "guideline"};
    static const char *const factors[] = {"password", "password+totp", "password+certificate", "password+totp+certificate"};

    if (!is_one_of(settings->access_accounts, accounts, sizeof accounts / sizeof accounts[0]))
        return kh_error_set(err, KH_E_ARG, "[access] accounts: \"%s\", expected on or off", settings->access_accounts);
    if (!is_one_of(settings->access_factors, factors, sizeof factors / sizeof factors[0]))
        return kh_error_set(err, KH_E_ARG,
                            "[access] factors: \"%s\", expected password, password+totp, password+certificate or password+totp+certificate",
                            settings->access_factors);
    if (!is_one_of(settings->access_password_rule, rules, sizeof rules / sizeof rules[0]))
        return kh_error_set(err, KH_E_ARG, "[access] password_rule: \"%s\", expected networks or guideline", settings->access_password_rule);
    return KH_OK;
}

kh_status kh_settings_check_access(const kh_settings *settings, kh_error *err)
{
    bool guideline = strcmp(settings->access_password_rule, "guideline") == 0;
    uint32_t address = 0;
    kh_status status = check_choices(settings, err);

    if (status == KH_OK)
        status = kh_address_parse(&address, settings->http_address, err);
    if (status != KH_OK)
        return status;
    if (guideline && settings->access_password_length < GUIDELINE_LENGTH_MIN)
        return kh_error_set(err, KH_E_ARG, "[access] password_length: %d, expected at least %d with password_rule = guideline",
                            (int)settings->access_password_length, GUIDELINE_LENGTH_MIN);
    if (guideline && !kh_settings_factor(settings, "totp"))
        return kh_error_set(err, KH_E_ARG, "[access] factors: \"%s\", expected one with totp with password_rule = guideline", settings->access_factors);
    if (settings->access_password_warning > settings->access_password_days)
        return kh_error_set(err, KH_E_ARG, "[access] password_warning: expected at most password_days");
    if (settings->access_session_ms < settings->access_idle_ms)
        return kh_error_set(err, KH_E_ARG, "[access] longest: expected at least idle");
    if (kh_address_is_loopback(address))
        return KH_OK;
    if (!kh_settings_accounts(settings))
        return kh_error_set(err, KH_E_DENIED,
                            "[http] address: %s, expected a loopback address (127.0.0.1): with [access] accounts = off pictures are served to this "
                            "machine only",
                            settings->http_address);
    if (strcmp(settings->access_factors, "password") == 0)
        return kh_error_set(err, KH_E_DENIED, "[access] factors: a password alone is enough on this machine only; [http] address is %s",
                            settings->http_address);
    return KH_OK;
}
