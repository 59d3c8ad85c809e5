#include "app/deciding.h"

kh_status kh_deciding_rights(kh_rights **out, kh_access *access, const kh_settings *settings, kh_error *err)
{
    kh_status status = kh_rights_create(out, access, err);

    if (status == KH_OK) {
        kh_rights_set_readers(*out, kh_settings_readers(settings));
        kh_rights_set_password_days(*out, kh_settings_password_days(settings));
    }
    return status;
}

kh_status kh_deciding_open(kh_access **access, kh_rights **rights, const kh_settings *settings, kh_page *page, kh_error *err)
{
    const kh_access_options options = {.dir = settings->data_dir, .page = page};
    kh_status status;

    *access = NULL;
    *rights = NULL;
    if (!kh_settings_accounts(settings))
        return KH_OK;
    status = kh_access_open(access, &options, err);
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
