/* What one key alone cannot tell. */
#include <inttypes.h>
#include <string.h>
#include "app/listener.h"
#include "app/session.h"
#include "app/settings.h"
#include "base/log.h"
#include "cache/identity.h"
#include "cache/issuers.h"
#include "pacs-bridge/service.h"

/* PS3.5 6.2 AE: 1 to 16 of the default repertoire without backslash and control characters, not all spaces. */
static bool ae_title_valid(const char *title)
{
    size_t length = strlen(title);

    if (length == 0 || length > 16 || title[0] == ' ' || title[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if (title[i] < 0x20 || title[i] > 0x7E || title[i] == '\\')
            return false;
    return true;
}

/* "https://images.example:8443" */
static bool is_origin(const char *text)
{
    static const char host[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-:[]";
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;

    return scheme > 0 && text[scheme] != '\0' && text[scheme + strspn(text + scheme, host)] == '\0';
}

bool kh_settings_conflict(const kh_settings *settings, kh_conflict_rule *out)
{
    static const char *const names[] = {
        [KH_CONFLICT_KEEP_FIRST] = "keep-first", [KH_CONFLICT_KEEP_LAST] = "keep-last", [KH_CONFLICT_REFUSE] = "refuse"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(settings->conflict, names[i]) == 0) {
            *out = (kh_conflict_rule)i;
            return true;
        }
    return false;
}

kh_status kh_settings_check(const kh_settings *settings, kh_error *err)
{
    kh_service_scp service;
    kh_conflict_rule rule;
    kh_log_level level;
    uint32_t address = 0;
    kh_status status;

    status = kh_log_level_parse(&level, settings->log_level, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[log] level");
    if (settings->data_dir[0] == '\0')
        return kh_error_set(err, KH_E_ARG, "[service] data_dir: \"\", expected a folder");
    if (settings->archive_id[0] && !kh_identity_id_valid(settings->archive_id))
        return kh_error_set(err, KH_E_ARG, "[service] archive: \"%s\", expected the 32 hexadecimal digits of kakehashi.id",
                            settings->archive_id);
    status = kh_settings_check_http(settings, err);
    if (status == KH_OK)
        status = kh_settings_check_access(settings, err);
    if (status != KH_OK)
        return status;
    if (!kh_session_name_valid(settings->dicomweb_facility))
        return kh_error_set(err, KH_E_ARG, "[dicomweb] facility: \"%s\", expected 1 to 64 of A-Z a-z 0-9 _ . -",
                            settings->dicomweb_facility);
    if (settings->dicomweb_address[0] && !is_origin(settings->dicomweb_address))
        return kh_error_set(err, KH_E_ARG, "[dicomweb] address: \"%s\", expected http:// or https://, a host and nothing behind it",
                            settings->dicomweb_address);
    if (kh_address_parse(&address, settings->dicom_address, err) != KH_OK)
        return kh_error_prefix(err, "[dicom] address");
    if (kh_address_parse(&address, settings->dicom_tls_address, err) != KH_OK)
        return kh_error_prefix(err, "[dicom] tls_address");
    if (settings->dicom_tls_certificate[0] && (!settings->dicom_tls_key[0] || !settings->dicom_tls_client_ca[0]))
        return kh_error_set(err, KH_E_ARG, "[dicom] tls_certificate: %s is missing beside it",
                            settings->dicom_tls_key[0] ? "tls_client_ca" : "tls_key");
    if (!ae_title_valid(settings->dicom_ae_title))
        return kh_error_set(err, KH_E_ARG, "[dicom] ae_title: \"%s\", expected 1 to 16 printable characters without \\",
                            settings->dicom_ae_title);
    if (kh_service_private_classes(&service, settings->dicom_private_storage_classes, err) != KH_OK)
        return kh_error_prefix(err, "[dicom] private_storage_classes");
    if (!kh_settings_conflict(settings, &rule))
        return kh_error_set(err, KH_E_ARG, "[storage] conflict: \"%s\", expected keep-first, keep-last or refuse", settings->conflict);
    if (kh_issuers_check(settings->issuers, err) != KH_OK)
        return kh_error_prefix(err, "[storage] issuers");
    if (settings->evict_to > settings->evict_from)
        return kh_error_set(err, KH_E_ARG, "[storage] evict_to: %" PRId64 ", expected at most evict_from (%" PRId64 ")", settings->evict_to,
                            settings->evict_from);
    if (settings->commitment_retry_longest_ms < settings->commitment_retry_first_ms)
        return kh_error_set(err, KH_E_ARG, "[commitment] retry_longest: %" PRId64 " ms, expected at least retry_first (%" PRId64 " ms)",
                            settings->commitment_retry_longest_ms, settings->commitment_retry_first_ms);
    if (settings->pull_retry_longest_ms < settings->pull_retry_first_ms)
        return kh_error_set(err, KH_E_ARG, "[pull] retry_longest: %" PRId64 " ms, expected at least retry_first (%" PRId64 " ms)",
                            settings->pull_retry_longest_ms, settings->pull_retry_first_ms);
    if (strcmp(settings->compare_gone, "notice") != 0 && strcmp(settings->compare_gone, "hide") != 0)
        return kh_error_set(err, KH_E_ARG, "[compare] gone: \"%s\", expected notice or hide", settings->compare_gone);
    if (strcmp(settings->compare_merged, "notice") != 0 && strcmp(settings->compare_merged, "follow") != 0)
        return kh_error_set(err, KH_E_ARG, "[compare] merged: \"%s\", expected notice or follow", settings->compare_merged);
    return KH_OK;
}
