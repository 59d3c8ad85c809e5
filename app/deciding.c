#include "app/deciding.h"

#include <string.h>

kh_accounts_options kh_deciding_accounts(const kh_settings *settings)
{
    kh_accounts_options options = kh_accounts_options_default;

    options.rule = strcmp(settings->access_password_rule, "networks") == 0 ? KH_PASSWORD_NETWORKS : KH_PASSWORD_GUIDELINE;
    options.length_min = (unsigned)settings->access_password_length;
    options.days = (unsigned)settings->access_password_days;
    options.warn_days = (unsigned)settings->access_password_warning;
    options.list = settings->access_password_list;
    options.second_factor = kh_settings_factor(settings, "totp");
    options.certificate = kh_settings_factor(settings, "certificate");
    options.one_terminal = strcmp(settings->access_one_terminal, "no") != 0;
    options.newest_terminal = strcmp(settings->access_one_terminal, "newest") == 0;
    options.idle_ms = settings->access_idle_ms;
    options.absolute_ms = settings->access_session_ms;
    options.network = settings->access_network;
    return options;
}

kh_status kh_deciding_rights(kh_rights **out, kh_access *access, const kh_settings *settings, kh_error *err)
{
    kh_status status = kh_rights_create(out, access, err);

    if (status == KH_OK) {
        kh_rights_set_readers(*out, kh_settings_readers(settings));
        kh_rights_set_password_days(*out, kh_settings_password_days(settings));
    }
    return status;
}

kh_status kh_deciding_access(kh_access **out, const kh_settings *settings, kh_page *page, kh_error *err)
{
    return kh_access_open(out, &(kh_access_options){.dir = settings->data_dir, .page = page}, err);
}

kh_status kh_deciding_open(kh_access **access, kh_rights **rights, const kh_settings *settings, kh_page *page, kh_error *err)
{
    kh_status status;

    *access = NULL;
    *rights = NULL;
    if (!kh_settings_accounts(settings))
        return KH_OK;
    status = kh_deciding_access(access, settings, page, err);
    if (status == KH_OK)
        status = kh_deciding_rights(rights, *access, settings, err);
    if (status == KH_OK)
        status = kh_access_watch(*access, err);
    if (status != KH_OK) {
        kh_deciding_close(*access, *rights);
        *access = NULL;
        *rights = NULL;
    }
    return status;
}

void kh_deciding_close(kh_access *access, kh_rights *rights)
{
    kh_rights_free(rights);
    kh_access_close(access);
}
