#include "app/settings.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "app/listener.h"
#include "app/session.h"
#include "base/log.h"
#include "cache/identity.h"
#include "pacs-bridge/service.h"

#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

const kh_settings kh_settings_default = {
    .data_dir = "/var/lib/kakehashi",
    .log_level = "info",
    .drain_ms = 25 * SECOND,
    .bridge_memory_bytes = GIB,
    .http_address = "127.0.0.1",
    .http_port = 8080,
    .http_threads = 2,
    .http_connections = 2000,
    .http_connections_per_address = 500,
    .http_idle_ms = 60 * SECOND,
    .http_streams = 256,
    .http_client_certificates = "required",
    .dicomweb_facility = "local",
    .dicomweb_enabled = true,
    .dicomweb_threads = 2,
    .dicomweb_queue = 256,
    .dicomweb_results = 10000,
    .dicomweb_compared = 1000,
    .dicomweb_memory_bytes = 512 * MIB,
    .dicomweb_carriers = 2,
    .dicomweb_rewritten_bytes = 4 * GIB,
    .dicomweb_inline_bytes = KIB,
    .dicomweb_number_bytes = 32 * KIB,
    .dicomweb_uploads = 8,
    .dicomweb_uploaders = 2,
    .dicomweb_parts = 20000,
    .dicomweb_upload_bytes = 16 * GIB,
    .dicomweb_metadata_bytes = 16 * MIB,
    .dicomweb_viewport = 4096,
    .dicomweb_font = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    .dicom_address = "0.0.0.0",
    .dicom_port = 11112,
    .dicom_ae_title = "KAKEHASHI",
    .dicom_associations = 100,
    .dicom_associations_per_address = 50,
    .dicom_waiting = 256,
    .dicom_associate_ms = 10 * SECOND,
    .dicom_pdu_ms = 30 * SECOND,
    .dicom_idle_ms = 60 * SECOND,
    .dicom_floor_bytes = 64 * KIB,
    .dicom_answers = 10000,
    .dicom_transcoders = 1,
    .dicom_recall_ms = 60 * SECOND,
    .dicom_node_wait_ms = 30 * SECOND,
    .commitment_references = 10000,
    .commitment_open = 1000,
    .commitment_attempts = 20,
    .commitment_retry_first_ms = 5 * SECOND,
    .commitment_retry_longest_ms = 30 * MINUTE,
    .commitment_stay_ms = SECOND,
    .commitment_patience_ms = 24 * HOUR,
    .commitment_keep_ms = 720 * HOUR,
    .dicom_tls_address = "0.0.0.0",
    .dicom_tls_port = 2762,
    .dicom_tls_peer_name = true,
    .reserve_bytes = 2 * GIB,
    .quota_bytes = 0,
    .keep_free_bytes = 0,
    .evict_from = 95,
    .evict_to = 85,
    .evict_idle_ms = 10 * MINUTE,
    .evict_pushed = false,
    .scrub_bytes = 8 * MIB,
    .conflict = "keep-first",
    .quarantine_bytes = 10 * GIB,
    .deleted_kept_ms = 720 * HOUR,
    .object_bytes = 8 * GIB,
    .events_kept = 100000,
    .quiet_ms = 60 * SECOND,
    .readers = 8,
    .frames_bytes = 256 * MIB,
    .ahead_bytes = 64 * MIB,
    .tiles_bytes = 512 * MIB,
    .manifests_bytes = 64 * MIB,
    .render_threads = 0,
    .render_queue = 2000,
    .decode_workers = 2,
    .decode_frame_bytes = 256 * MIB,
    .decode_address_space_bytes = GIB,
    .decode_deadline_ms = 500,
    .pull_parallel = 2,
    .pull_per_node = 2,
    .pull_series_parallel = 1,
    .pull_attempts = 8,
    .pull_retry_first_ms = SECOND,
    .pull_retry_longest_ms = 5 * MINUTE,
    .send_parallel = 2,
    .send_per_node = 1,
    .send_attempts = 300,
    .compare_every_ms = 24 * HOUR,
    .compare_apart_ms = 12 * HOUR,
    .compare_studies_per_hour = 7200,
    .compare_differences = 20,
    .compare_gone = "notice",
    .compare_merged = "notice",
    .access_accounts = "off",
    .access_network = "Kakehashi",
    .access_factors = "password+totp",
    .access_password_rule = "networks",
    .access_password_length = 13,
    .access_password_days = 90,
    .access_password_warning = 14,
    .access_password_list = "/usr/share/john/password.lst",
    .access_one_terminal = true,
    .access_idle_ms = 15 * MINUTE,
    .access_session_ms = 12 * HOUR,
    .access_readers = "",
    .access_look_back = "1",
    .access_places = 4,
    .access_team = 23,
    .access_scribe = false,
    .access_emergency_ms = 2 * HOUR,
    .audit_file_bytes = 64 * MIB,
    .audit_reserve_bytes = 16 * MIB,
    .audit_group_ms = 10 * MINUTE,
    .audit_checkpoint_ms = MINUTE,
    .audit_checkpoint_records = 1000,
    .audit_queue = 8192,
    .audit_syslog_port = 6514,
};

#define FIELD(name) offsetof(kh_settings, name)
#define TEXT(section, key, name) {section, key, KH_CONFIG_TEXT, FIELD(name), sizeof(((kh_settings *)0)->name), 0, 0}
#define NUMBER(section, key, kind, name, min, max) {section, key, KH_CONFIG_##kind, FIELD(name), 0, min, max}

static const kh_config_key keys[] = {
    TEXT("service", "data_dir", data_dir),
    TEXT("service", "archive", archive_id),
    NUMBER("service", "drain", DURATION, drain_ms, SECOND, 30 * SECOND),
    NUMBER("service", "bridge_memory", SIZE, bridge_memory_bytes, 128 * MIB, 64 * GIB),
    TEXT("log", "level", log_level),
    TEXT("http", "address", http_address),
    NUMBER("http", "port", COUNT, http_port, 0, 65535),
    NUMBER("http", "threads", COUNT, http_threads, 1, 64),
    NUMBER("http", "connections", COUNT, http_connections, 1, 100000),
    NUMBER("http", "connections_per_address", COUNT, http_connections_per_address, 1, 100000),
    NUMBER("http", "idle_timeout", DURATION, http_idle_ms, SECOND, HOUR),
    NUMBER("http", "streams", COUNT, http_streams, 1, 10000),
    TEXT("http", "names", http_names),
    TEXT("http", "tls_certificate", http_tls_certificate),
    TEXT("http", "tls_key", http_tls_key),
    TEXT("http", "tls_client_ca", http_tls_client_ca),
    TEXT("http", "tls_revoked", http_tls_revoked),
    NUMBER("http", "tls_1_2", BOOL, http_tls_1_2, 0, 0),
    TEXT("http", "client_certificates", http_client_certificates),
    TEXT("http", "proxies", http_proxies),
    TEXT("dicomweb", "address", dicomweb_address),
    TEXT("dicomweb", "facility", dicomweb_facility),
    NUMBER("dicomweb", "enabled", BOOL, dicomweb_enabled, 0, 0),
    TEXT("dicomweb", "tokens", dicomweb_tokens),
    TEXT("dicomweb", "origins", dicomweb_origins),
    NUMBER("dicomweb", "threads", COUNT, dicomweb_threads, 1, 64),
    NUMBER("dicomweb", "queue", COUNT, dicomweb_queue, 1, 10000),
    NUMBER("dicomweb", "results", COUNT, dicomweb_results, 100, 100000),
    NUMBER("dicomweb", "compared", COUNT, dicomweb_compared, 0, 10000000),
    NUMBER("dicomweb", "memory", SIZE, dicomweb_memory_bytes, 16 * MIB, 64 * GIB),
    NUMBER("dicomweb", "carriers", COUNT, dicomweb_carriers, 1, 64),
    NUMBER("dicomweb", "rewritten", SIZE, dicomweb_rewritten_bytes, 64 * MIB, TIB),
    NUMBER("dicomweb", "inline", SIZE, dicomweb_inline_bytes, 0, MIB),
    NUMBER("dicomweb", "numbers", SIZE, dicomweb_number_bytes, 64, MIB),
    NUMBER("dicomweb", "uploads", COUNT, dicomweb_uploads, 1, 64),
    NUMBER("dicomweb", "uploaders", COUNT, dicomweb_uploaders, 1, 64),
    NUMBER("dicomweb", "parts", COUNT, dicomweb_parts, 1, 1000000),
    NUMBER("dicomweb", "upload", SIZE, dicomweb_upload_bytes, MIB, TIB),
    NUMBER("dicomweb", "metadata", SIZE, dicomweb_metadata_bytes, MIB, 256 * MIB),
    NUMBER("dicomweb", "viewport", COUNT, dicomweb_viewport, 64, 8192),
    TEXT("dicomweb", "font", dicomweb_font),
    TEXT("dicom", "address", dicom_address),
    NUMBER("dicom", "port", COUNT, dicom_port, 0, 65535),
    TEXT("dicom", "ae_title", dicom_ae_title),
    NUMBER("dicom", "associations", COUNT, dicom_associations, 1, 254),
    NUMBER("dicom", "associations_per_address", COUNT, dicom_associations_per_address, 1, 254),
    NUMBER("dicom", "waiting", COUNT, dicom_waiting, 1, 4096),
    NUMBER("dicom", "associate_timeout", DURATION, dicom_associate_ms, SECOND, 10 * MINUTE),
    NUMBER("dicom", "pdu_timeout", DURATION, dicom_pdu_ms, SECOND, HOUR),
    NUMBER("dicom", "idle_timeout", DURATION, dicom_idle_ms, SECOND, HOUR),
    NUMBER("dicom", "slowest", SIZE, dicom_floor_bytes, 1, GIB),
    NUMBER("dicom", "answers", COUNT, dicom_answers, 1, 1000000),
    NUMBER("dicom", "transcoders", COUNT, dicom_transcoders, 1, 4),
    TEXT("dicom", "private_storage_classes", dicom_private_storage_classes),
    NUMBER("dicom", "recall", DURATION, dicom_recall_ms, 0, HOUR),
    NUMBER("dicom", "node_wait", DURATION, dicom_node_wait_ms, 0, HOUR),
    NUMBER("commitment", "references", COUNT, commitment_references, 1, 100000),
    NUMBER("commitment", "open", COUNT, commitment_open, 1, 100000),
    NUMBER("commitment", "attempts", COUNT, commitment_attempts, 1, 1000),
    NUMBER("commitment", "retry_first", DURATION, commitment_retry_first_ms, 100, HOUR),
    NUMBER("commitment", "retry_longest", DURATION, commitment_retry_longest_ms, 100, 24 * HOUR),
    NUMBER("commitment", "stay", DURATION, commitment_stay_ms, 10, MINUTE),
    NUMBER("commitment", "patience", DURATION, commitment_patience_ms, SECOND, 720 * HOUR),
    NUMBER("commitment", "keep", DURATION, commitment_keep_ms, HOUR, 87600 * HOUR),
    {"commitment", "checksums", KH_CONFIG_BOOL, FIELD(commitment_checksums), 0, 0, 0},
    TEXT("dicom", "tls_address", dicom_tls_address),
    NUMBER("dicom", "tls_port", COUNT, dicom_tls_port, 0, 65535),
    TEXT("dicom", "tls_certificate", dicom_tls_certificate),
    TEXT("dicom", "tls_key", dicom_tls_key),
    TEXT("dicom", "tls_client_ca", dicom_tls_client_ca),
    TEXT("dicom", "tls_peer_ca", dicom_tls_peer_ca),
    TEXT("dicom", "tls_revoked", dicom_tls_revoked),
    NUMBER("dicom", "tls_1_2", BOOL, dicom_tls_1_2, 0, 0),
    NUMBER("dicom", "tls_peer_name", BOOL, dicom_tls_peer_name, 0, 0),
    NUMBER("storage", "reserve", SIZE, reserve_bytes, 0, 1024 * TIB),
    NUMBER("storage", "quota", SIZE, quota_bytes, 0, 1024 * TIB),
    NUMBER("storage", "keep_free", SIZE, keep_free_bytes, 0, 1024 * TIB),
    NUMBER("storage", "evict_from", COUNT, evict_from, 1, 100),
    NUMBER("storage", "evict_to", COUNT, evict_to, 1, 100),
    NUMBER("storage", "evict_idle", DURATION, evict_idle_ms, 0, 1000 * HOUR),
    NUMBER("storage", "evict_pushed", BOOL, evict_pushed, 0, 0),
    NUMBER("storage", "scrub", SIZE, scrub_bytes, 0, GIB),
    TEXT("storage", "conflict", conflict),
    NUMBER("storage", "quarantine", SIZE, quarantine_bytes, 0, 1024 * TIB),
    NUMBER("storage", "deleted_kept", DURATION, deleted_kept_ms, HOUR, 87600 * HOUR),
    NUMBER("storage", "object", SIZE, object_bytes, MIB, TIB),
    NUMBER("storage", "events", COUNT, events_kept, 1000, 10000000),
    NUMBER("storage", "quiet", DURATION, quiet_ms, SECOND, HOUR),
    NUMBER("storage", "readers", COUNT, readers, 1, 64),
    NUMBER("render", "frames", SIZE, frames_bytes, 16 * MIB, TIB),
    NUMBER("render", "ahead", SIZE, ahead_bytes, 0, TIB),
    NUMBER("render", "tiles", SIZE, tiles_bytes, 16 * MIB, TIB),
    NUMBER("render", "manifests", SIZE, manifests_bytes, MIB, TIB),
    NUMBER("render", "threads", COUNT, render_threads, 0, 64),
    NUMBER("render", "queue", COUNT, render_queue, 16, 100000),
    NUMBER("decode", "workers", COUNT, decode_workers, 1, 8),
    NUMBER("decode", "frame", SIZE, decode_frame_bytes, MIB, 2 * GIB),
    NUMBER("decode", "address_space", SIZE, decode_address_space_bytes, 256 * MIB, 64 * GIB),
    NUMBER("decode", "deadline", DURATION, decode_deadline_ms, 50, MINUTE),
    NUMBER("pull", "parallel", COUNT, pull_parallel, 1, 16),
    NUMBER("pull", "per_node", COUNT, pull_per_node, 1, 16),
    NUMBER("pull", "series_parallel", COUNT, pull_series_parallel, 1, 8),
    NUMBER("pull", "attempts", COUNT, pull_attempts, 1, 100),
    NUMBER("pull", "retry_first", DURATION, pull_retry_first_ms, 100, HOUR),
    NUMBER("pull", "retry_longest", DURATION, pull_retry_longest_ms, 100, HOUR),
    NUMBER("send", "parallel", COUNT, send_parallel, 1, 16),
    NUMBER("send", "per_node", COUNT, send_per_node, 1, 16),
    NUMBER("send", "attempts", COUNT, send_attempts, 1, 10000),
    NUMBER("compare", "every", DURATION, compare_every_ms, 0, 87600 * HOUR),
    NUMBER("compare", "apart", DURATION, compare_apart_ms, SECOND, 8760 * HOUR),
    NUMBER("compare", "studies_per_hour", COUNT, compare_studies_per_hour, 1, 1000000),
    NUMBER("compare", "differences", COUNT, compare_differences, 1, 10000),
    TEXT("compare", "gone", compare_gone),
    TEXT("compare", "merged", compare_merged),
    TEXT("access", "accounts", access_accounts),
    TEXT("access", "demo_accounts", access_demo_accounts),
    TEXT("access", "network", access_network),
    TEXT("access", "factors", access_factors),
    TEXT("access", "password_rule", access_password_rule),
    NUMBER("access", "password_length", COUNT, access_password_length, 8, 64),
    NUMBER("access", "password_days", COUNT, access_password_days, 1, 366),
    NUMBER("access", "password_warning", COUNT, access_password_warning, 0, 90),
    TEXT("access", "password_list", access_password_list),
    NUMBER("access", "one_terminal", BOOL, access_one_terminal, 0, 0),
    NUMBER("access", "idle", DURATION, access_idle_ms, 2 * SECOND, 24 * HOUR),
    NUMBER("access", "longest", DURATION, access_session_ms, 5 * SECOND, 24 * HOUR),
    TEXT("access", "readers", access_readers),
    TEXT("access", "look_back", access_look_back),
    NUMBER("access", "places", COUNT, access_places, 1, 64),
    NUMBER("access", "team", COUNT, access_team, 1, 64),
    NUMBER("access", "scribe", BOOL, access_scribe, 0, 0),
    NUMBER("access", "emergency", DURATION, access_emergency_ms, MINUTE, 24 * HOUR),
    NUMBER("audit", "file", SIZE, audit_file_bytes, MIB, 16 * GIB),
    NUMBER("audit", "reserve", SIZE, audit_reserve_bytes, 0, GIB),
    NUMBER("audit", "group", DURATION, audit_group_ms, SECOND, 24 * HOUR),
    NUMBER("audit", "checkpoint", DURATION, audit_checkpoint_ms, SECOND, HOUR),
    NUMBER("audit", "checkpoint_records", COUNT, audit_checkpoint_records, 10, 100000),
    NUMBER("audit", "queue", COUNT, audit_queue, 16, 1000000),
    TEXT("audit", "syslog_host", audit_syslog_host),
    NUMBER("audit", "syslog_port", COUNT, audit_syslog_port, 1, 65535),
    TEXT("audit", "syslog_ca", audit_syslog_ca),
    TEXT("audit", "syslog_certificate", audit_syslog_certificate),
    TEXT("audit", "syslog_key", audit_syslog_key),
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

const kh_config_key *kh_settings_keys(size_t *count)
{
    *count = KEY_COUNT;
    return keys;
}

kh_status kh_settings_read(kh_settings *out, const char *path, kh_error *err)
{
    *out = kh_settings_default;
    return path ? kh_config_read(out, keys, KEY_COUNT, path, err) : KH_OK;
}

kh_status kh_settings_set(kh_settings *settings, const char *assignment, kh_error *err)
{
    char section[32], key[64];
    const char *dot = strchr(assignment, '.');
    const char *equals = strchr(assignment, '=');
    size_t section_length, key_length;

    if (!dot || !equals || equals < dot)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected section.key=value", assignment);
    section_length = (size_t)(dot - assignment);
    key_length = (size_t)(equals - dot - 1);
    if (section_length >= sizeof section || key_length >= sizeof key)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\": no such setting", assignment);
    memcpy(section, assignment, section_length);
    section[section_length] = '\0';
    memcpy(key, dot + 1, key_length);
    key[key_length] = '\0';
    return kh_config_set(settings, keys, KEY_COUNT, section, key, equals + 1, err);
}

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
        return kh_error_set(err, KH_E_ARG, "[dicomweb] facility: \"%s\", expected 1 to 64 of A-Z a-z 0-9 _ . -", settings->dicomweb_facility);
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

typedef struct unit {
    int64_t factor;
    const char *name;
} unit;

/* The largest unit that says the number exactly. */
static void format_number(char *out, size_t out_size, int64_t value, const unit *units)
{
    while (units->factor > 1 && (value == 0 || value % units->factor != 0))
        units++;
    snprintf(out, out_size, "%" PRId64 "%s%s", value / units->factor, *units->name ? " " : "", units->name);
}

void kh_settings_format(char *out, size_t out_size, const kh_settings *settings, const kh_config_key *key)
{
    static const unit sizes[] = {{TIB, "TiB"}, {GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}, {1, "B"}};
    static const unit durations[] = {{HOUR, "h"}, {MINUTE, "min"}, {SECOND, "s"}, {1, "ms"}};
    static const unit counts[] = {{1, ""}};
    const char *field = (const char *)settings + key->offset;
    int64_t number;
    bool flag;

    switch (key->type) {
    case KH_CONFIG_TEXT:
        snprintf(out, out_size, "%s", field);
        return;
    case KH_CONFIG_BOOL:
        memcpy(&flag, field, sizeof flag);
        snprintf(out, out_size, "%s", flag ? "yes" : "no");
        return;
    case KH_CONFIG_COUNT:
    case KH_CONFIG_SIZE:
    case KH_CONFIG_DURATION:
        memcpy(&number, field, sizeof number);
        format_number(out, out_size, number,
                      key->type == KH_CONFIG_SIZE ? sizes : key->type == KH_CONFIG_DURATION ? durations : counts);
        return;
    }
}
