/* What must fit together in [access] before a port is opened: what a network demands of those who sign in. */
#include <stdlib.h>
#include <string.h>
#include "access/consents.h"
#include "access/subject.h"
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

unsigned kh_settings_readers(const kh_settings *settings)
{
    static const kh_person_role roles[] = {KH_ROLE_NURSE, KH_ROLE_RADIOGRAPHER};
    unsigned sum = 0;

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strstr(settings->access_readers, kh_role_text(roles[i])))
            sum |= 1u << roles[i];
    return sum;
}

int64_t kh_settings_password_days(const kh_settings *settings)
{
    return strcmp(settings->access_password_rule, "networks") == 0 ? settings->access_password_days : 0;
}

int kh_settings_look_back(const kh_settings *settings)
{
    return strcmp(settings->access_look_back, "none") == 0 ? KH_LOOK_BACK_NONE : atoi(settings->access_look_back);
}

static kh_status check_consents(const kh_settings *settings, kh_error *err)
{
    static const char *const readers[] = {
        "", "nurse", "radiographer", "nurse, radiographer", "radiographer, nurse", "nurse,radiographer", "radiographer,nurse"};
    const char *years = settings->access_look_back;
    size_t size = strlen(years);

    if (!is_one_of(settings->access_readers, readers, sizeof readers / sizeof readers[0]))
        return kh_error_set(err, KH_E_ARG, "[access] readers: \"%s\", expected nurse, radiographer, both or nothing",
                            settings->access_readers);
    if (strcmp(years, "none") != 0 && (size < 1 || size > 3 || strspn(years, "0123456789") != size || atoi(years) > KH_LOOK_BACK_YEARS_MAX))
        return kh_error_set(err, KH_E_ARG, "[access] look_back: \"%s\", expected years, 0 to %d, or none", years, KH_LOOK_BACK_YEARS_MAX);
    return KH_OK;
}

static kh_status check_choices(const kh_settings *settings, kh_error *err)
{
    static const char *const accounts[] = {"on", "off"}, *const terminals[] = {"yes", "no", "newest"},
                             *const rules[] = {"networks", "guideline"};
    static const char *const factors[] = {"password", "password+totp", "password+certificate", "password+totp+certificate"};

    if (!is_one_of(settings->access_accounts, accounts, sizeof accounts / sizeof accounts[0]))
        return kh_error_set(err, KH_E_ARG, "[access] accounts: \"%s\", expected on or off", settings->access_accounts);
    if (!is_one_of(settings->access_factors, factors, sizeof factors / sizeof factors[0]))
        return kh_error_set(err, KH_E_ARG,
                            "[access] factors: \"%s\", expected password, password+totp, password+certificate or password+totp+certificate",
                            settings->access_factors);
    if (!is_one_of(settings->access_password_rule, rules, sizeof rules / sizeof rules[0]))
        return kh_error_set(err, KH_E_ARG, "[access] password_rule: \"%s\", expected networks or guideline",
                            settings->access_password_rule);
    if (!is_one_of(settings->access_one_terminal, terminals, sizeof terminals / sizeof terminals[0]))
        return kh_error_set(err, KH_E_ARG, "[access] one_terminal: \"%s\", expected yes, no or newest", settings->access_one_terminal);
    return KH_OK;
}

kh_status kh_settings_check_access(const kh_settings *settings, kh_error *err)
{
    bool guideline = strcmp(settings->access_password_rule, "guideline") == 0;
    uint32_t address = 0;
    kh_status status = check_choices(settings, err);

    if (status == KH_OK)
        status = check_consents(settings, err);
    if (status == KH_OK)
        status = kh_address_parse(&address, settings->http_address, err);
    if (status != KH_OK)
        return status;
    if (guideline && settings->access_password_length < GUIDELINE_LENGTH_MIN)
        return kh_error_set(err, KH_E_ARG, "[access] password_length: %d, expected at least %d with password_rule = guideline",
                            (int)settings->access_password_length, GUIDELINE_LENGTH_MIN);
    if (guideline && !kh_settings_factor(settings, "totp"))
        return kh_error_set(err, KH_E_ARG, "[access] factors: \"%s\", expected one with totp with password_rule = guideline",
                            settings->access_factors);
    if (settings->access_password_warning > settings->access_password_days)
        return kh_error_set(err, KH_E_ARG, "[access] password_warning: expected at most password_days");
    if (settings->access_session_ms < settings->access_idle_ms)
        return kh_error_set(err, KH_E_ARG, "[access] longest: expected at least idle");
    if (kh_settings_accounts(settings) && settings->dicomweb_tokens[0])
        return kh_error_set(err, KH_E_ARG,
                            "[dicomweb] tokens: expected none with [access] accounts = on, where people have tokens of their own");
    if (settings->access_demo_accounts[0] && (!kh_address_is_loopback(address) || settings->http_names[0] || settings->http_proxies[0]))
        return kh_error_set(
            err, KH_E_DENIED,
            "[access] demo_accounts: a demo's passwords are shown on this machine only: expected a loopback [http] address, no names and "
            "no proxies");
    if (kh_address_is_loopback(address))
        return KH_OK;
    if (!kh_settings_accounts(settings))
        return kh_error_set(
            err, KH_E_DENIED,
            "[http] address: %s, expected a loopback address (127.0.0.1): with [access] accounts = off pictures are served to this "
            "machine only",
            settings->http_address);
    if (strcmp(settings->access_factors, "password") == 0)
        return kh_error_set(err, KH_E_DENIED, "[access] factors: a password alone is enough on this machine only; [http] address is %s",
                            settings->http_address);
    return KH_OK;
}
