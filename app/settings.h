/* settings.h - everything that can be configured, with its defaults and limits. kakehashi.conf says the same in words; a test
 * keeps the two equal. Sizes in bytes, durations in milliseconds, the rest are counts.
 * Threads: one at a time; read-only once read. */
#ifndef KH_APP_SETTINGS_H
#define KH_APP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/config.h"
#include "cache/cache.h"

typedef struct kh_settings {
    char data_dir[1024];
    char archive_id[33]; /* "": any */
    char log_level[8];
    int64_t drain_ms;
    int64_t bridge_memory_bytes;

    char http_address[16];
    int64_t http_port;
    int64_t http_threads;
    int64_t http_connections;
    int64_t http_connections_per_address;
    int64_t http_idle_ms;
    int64_t http_streams;
    char http_names[1024];
    char http_tls_certificate[1024]; /* "": plain HTTP */
    char http_tls_key[1024];
    char http_tls_client_ca[1024];
    char http_tls_revoked[1024];
    bool http_tls_1_2;
    char http_client_certificates[16]; /* "required" or "optional" */
    char http_proxies[1024];

    char dicomweb_address[256];
    char dicomweb_facility[65];
    bool dicomweb_enabled;
    char dicomweb_tokens[1024]; /* "": none */
    char dicomweb_origins[2048];
    int64_t dicomweb_threads;
    int64_t dicomweb_queue;
    int64_t dicomweb_results;
    int64_t dicomweb_compared;
    int64_t dicomweb_memory_bytes;
    int64_t dicomweb_carriers;
    int64_t dicomweb_rewritten_bytes;
    int64_t dicomweb_inline_bytes;
    int64_t dicomweb_number_bytes;
    int64_t dicomweb_uploads;
    int64_t dicomweb_uploaders;
    int64_t dicomweb_parts;
    int64_t dicomweb_upload_bytes;
    int64_t dicomweb_metadata_bytes;
    int64_t dicomweb_viewport;
    char dicomweb_font[256];

    char dicom_address[16];
    int64_t dicom_port;
    char dicom_ae_title[17];
    int64_t dicom_associations;
    int64_t dicom_associations_per_address;
    int64_t dicom_waiting;
    int64_t dicom_associate_ms;
    int64_t dicom_pdu_ms;
    int64_t dicom_idle_ms;
    int64_t dicom_floor_bytes;
    int64_t dicom_answers;
    int64_t dicom_transcoders;
    char dicom_private_storage_classes[961];
    char dicom_tls_address[16];
    int64_t dicom_tls_port;
    char dicom_tls_certificate[1024]; /* "": no TLS */
    char dicom_tls_key[1024];
    char dicom_tls_client_ca[1024];
    char dicom_tls_peer_ca[1024];
    char dicom_tls_revoked[1024];
    bool dicom_tls_1_2;
    bool dicom_tls_peer_name;

    int64_t dicom_recall_ms;
    int64_t dicom_node_wait_ms;
    int64_t commitment_references;
    int64_t commitment_open;
    int64_t commitment_attempts;
    int64_t commitment_retry_first_ms;
    int64_t commitment_retry_longest_ms;
    int64_t commitment_stay_ms;
    int64_t commitment_patience_ms;
    int64_t commitment_keep_ms;
    bool commitment_checksums;

    int64_t reserve_bytes;
    int64_t quota_bytes;
    int64_t keep_free_bytes;
    int64_t evict_from;
    int64_t evict_to;
    int64_t evict_idle_ms;
    bool evict_pushed;
    int64_t scrub_bytes;
    char conflict[16];
    char issuers[1024];
    int64_t quarantine_bytes;
    int64_t deleted_kept_ms;
    int64_t object_bytes;
    int64_t direct_bytes;
    int64_t events_kept;
    int64_t quiet_ms;
    int64_t readers;

    int64_t frames_bytes;
    int64_t ahead_bytes;
    int64_t tiles_bytes;
    int64_t manifests_bytes;
    int64_t render_threads;
    int64_t render_queue;

    int64_t decode_workers;
    int64_t decode_frame_bytes;
    int64_t decode_address_space_bytes;
    int64_t decode_deadline_ms;

    int64_t pull_parallel;
    int64_t pull_per_node;
    int64_t pull_series_parallel;
    int64_t pull_attempts;
    int64_t pull_retry_first_ms;
    int64_t pull_retry_longest_ms;

    int64_t send_parallel;
    int64_t send_per_node;
    int64_t send_attempts;

    int64_t compare_every_ms;
    int64_t compare_apart_ms;
    int64_t compare_studies_per_hour;
    int64_t compare_differences;
    char compare_gone[16];   /* "notice" or "hide" */
    char compare_merged[16]; /* "notice" or "follow" */
    char access_accounts[8]; /* "on", "off": see kh_settings_accounts() */
    char access_demo_accounts[1024]; /* file; "": none */
    char access_network[129];
    char access_factors[32];
    char access_password_rule[16];
    int64_t access_password_length;
    int64_t access_password_days;
    int64_t access_password_warning; /* days */
    char access_password_list[1024]; /* "": none */
    char access_one_terminal[8]; /* "yes", "no", "newest" */
    int64_t access_idle_ms;
    int64_t access_session_ms;
    char access_readers[64];  /* see kh_settings_readers() */
    char access_look_back[8]; /* years, or "none": see kh_settings_look_back() */
    int64_t access_places;
    int64_t access_team;
    bool access_scribe;
    int64_t access_emergency_ms, access_prefetch_per_hour;

    int64_t reading_marks;

    int64_t audit_file_bytes;
    int64_t audit_reserve_bytes;
    int64_t audit_group_ms;
    int64_t audit_checkpoint_ms;
    int64_t audit_checkpoint_records;
    int64_t audit_queue;
    char audit_syslog_host[256]; /* "": none */
    int64_t audit_syslog_port;
    char audit_syslog_ca[1024];
    char audit_syslog_certificate[1024];
    char audit_syslog_key[1024];
} kh_settings;

extern const kh_settings kh_settings_default;
/* kakehashi.conf as it was when this program was built. */
extern const char kh_settings_file_text[];

const kh_config_key *kh_settings_keys(size_t *count);
/* Defaults, then the file at path (NULL: none). */
KH_MUST_USE kh_status kh_settings_read(kh_settings *out, const char *path, kh_error *err);
/* One setting as "section.key=value", for the command line. */
KH_MUST_USE kh_status kh_settings_set(kh_settings *settings, const char *assignment, kh_error *err);
/* settings_check.c. What one key alone cannot tell: addresses are addresses, plain HTTP stays on loopback, the AE title is one. */
KH_MUST_USE kh_status kh_settings_check(const kh_settings *settings, kh_error *err);
/* Of it, [http]; settings_http.c. */
KH_MUST_USE kh_status kh_settings_check_http(const kh_settings *settings, kh_error *err);
/* settings_access.c: what a network demands of those who sign in. */
KH_MUST_USE kh_status kh_settings_check_access(const kh_settings *settings, kh_error *err);
/* [access] accounts: do people sign in? */
bool kh_settings_accounts(const kh_settings *settings);
/* [access] readers as a sum of 1 << role; days until a password runs out, 0: never; look_back in years, -1 for none. */
unsigned kh_settings_readers(const kh_settings *settings);
int64_t kh_settings_password_days(const kh_settings *settings);
int kh_settings_look_back(const kh_settings *settings);
/* Is "totp" or "certificate" among [access] factors? */
bool kh_settings_factor(const kh_settings *settings, const char *factor);
/* [storage] conflict as the cache knows it; false when it is none of the rules. */
bool kh_settings_conflict(const kh_settings *settings, kh_conflict_rule *out);
/* The value of key as it would be written in the file. out_size >= 32, and more than the longest text. */
void kh_settings_format(char *out, size_t out_size, const kh_settings *settings, const kh_config_key *key);

#endif
