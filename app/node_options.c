#include "app/node_options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/config.h"
#include "tls/certificate.h"
#include "dicom/syntax.h"

/* Words for the transfer syntaxes that are asked for most; every other one goes by its UID. */
static const struct {
    const char *word, *uid;
} syntax_words[] = {
    {"explicit", KH_TS_EXPLICIT_LE},
    {"implicit", KH_TS_IMPLICIT_LE},
    {"deflated", KH_TS_DEFLATED_LE},
    {"rle", KH_TS_RLE},
    {"jpeg", KH_TS_JPEG_BASELINE},
    {"jpeg-12", KH_TS_JPEG_EXTENDED},
    {"jpeg-lossless", KH_TS_JPEG_LOSSLESS_SV1},
    {"jpeg-ls", "1.2.840.10008.1.2.4.80"},
    {"jpeg-2000-lossless", "1.2.840.10008.1.2.4.90"},
    {"jpeg-2000", "1.2.840.10008.1.2.4.91"},
    {"htj2k-lossless", "1.2.840.10008.1.2.4.201"},
};

size_t kh_node_options_table(kh_node_options *options, kh_option out[KH_NODE_OPTIONS_MAX])
{
    const kh_option table[] = {
        {"--name", &options->name, NULL},
        {"--ae-title", &options->ae_title, NULL},
        {"--ae", &options->ae_title, NULL},
        {"--host", &options->host, NULL},
        {"--port", &options->port, NULL},
        {"--facility", &options->facility, NULL},
        {"--charset", &options->charset, NULL},
        {"--retrieve", &options->retrieve, NULL},
        {"--may", &options->may, NULL},
        {"--may-store", NULL, &options->may_store},
        {"--may-query", NULL, &options->may_query},
        {"--tls", NULL, &options->tls},
        {"--no-tls", NULL, &options->no_tls},
        {"--certificate", &options->certificate, NULL},
        {"--fingerprint", &options->fingerprint, NULL},
        {"--from", &options->from, NULL},
        {"--syntaxes", &options->syntaxes, NULL},
        {"--associations", &options->associations, NULL},
        {"--bandwidth", &options->bandwidth, NULL},
        {"--hours", &options->hours, NULL},
        {"--hours-in", &options->hours_in, NULL},
    };

    _Static_assert(sizeof table / sizeof table[0] <= KH_NODE_OPTIONS_MAX, "the table has no room");
    memcpy(out, table, sizeof table);
    return sizeof table / sizeof table[0];
}

/* What does not fit its field is told here; what does not make sense, by the index. Not given: as it was. */
static kh_status copy_text(char *out, size_t out_size, const char *option, const char *text, kh_error *err)
{
    if (!text)
        return KH_OK;
    if (strlen(text) >= out_size)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %zu", option, strlen(text), out_size - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}
#define COPY(field, option, text) copy_text(node->field, sizeof node->field, option, text, err)

/* Each item of a list with commas, converted and appended to the field. */
typedef kh_status convert_item(char *out, size_t out_size, const char *item, kh_error *err);

static kh_status convert_list(char *field, size_t field_size, const char *option, const char *text, convert_item *convert, kh_error *err)
{
    size_t used = 0;

    field[0] = '\0';
    while (text && *text) {
        size_t length = strcspn(text, ",");
        char item[128], converted[128];
        int written;
        kh_status status;

        if (length >= sizeof item)
            return kh_error_set(err, KH_E_ARG, "%s: %zu bytes between commas", option, length);
        memcpy(item, text, length);
        item[length] = '\0';
        status = convert(converted, sizeof converted, item, err);
        if (status != KH_OK)
            return status;
        written = snprintf(field + used, field_size - used, "%s%s", used ? "," : "", converted);
        if (written < 0 || (size_t)written >= field_size - used)
            return kh_error_set(err, KH_E_ARG, "%s: too many at once", option);
        used += (size_t)written;
        text += length + (text[length] == ',');
    }
    return KH_OK;
}

static kh_status convert_syntax(char *out, size_t out_size, const char *item, kh_error *err)
{
    const char *uid = item + strspn(item, " ");

    for (size_t i = 0; i < sizeof syntax_words / sizeof syntax_words[0]; i++)
        if (strcmp(uid, syntax_words[i].word) == 0)
            uid = syntax_words[i].uid;
    if (!kh_transfer_syntax_find(uid))
        return kh_error_set(err, KH_E_ARG, "--syntaxes: \"%.64s\", expected a transfer syntax's UID or a word such as jpeg-ls", uid);
    snprintf(out, out_size, "%s", uid);
    return KH_OK;
}

static kh_status convert_fingerprint(char *out, size_t out_size, const char *item, kh_error *err)
{
    (void)out_size;
    return kh_certificate_digest_parse(out, item + strspn(item, " "), err);
}

static kh_status apply_may(kh_node *node, const kh_node_options *options, kh_error *err)
{
    const char *text = options->may;

    if (text && (options->may_store || options->may_query))
        return kh_error_set(err, KH_E_ARG, "--may says all of it: not together with --may-store and --may-query");
    if (text)
        node->may_store = node->may_query = node->may_retrieve = false;
    else if (options->may_store || options->may_query) {
        node->may_store = options->may_store;
        node->may_query = node->may_retrieve = options->may_query;
    }
    while (text && *text && strcmp(text, "nothing") != 0) {
        size_t length = strcspn(text, ",");

        if (length == 5 && strncmp(text, "store", length) == 0)
            node->may_store = true;
        else if (length == 4 && strncmp(text, "find", length) == 0)
            node->may_query = true;
        else if (length == 4 && strncmp(text, "move", length) == 0)
            node->may_retrieve = true;
        else
            return kh_error_set(err, KH_E_ARG, "--may \"%.32s\", expected store, find and move, separated by commas, or nothing", text);
        text += length + (text[length] == ',');
    }
    return KH_OK;
}

static kh_status apply_address(kh_node *node, const kh_node_options *options, kh_error *err)
{
    struct in_addr numeric;
    long long port = node->port;

    if (options->port && kh_args_number(&port, "--port", options->port, 1, 65535, err) != KH_OK)
        return KH_E_ARG;
    node->port = (uint16_t)port;
    if (COPY(host, "--host", options->host) != KH_OK)
        return KH_E_ARG;
    if ((node->host[0] == '\0') != (node->port == 0))
        return kh_error_set(err, KH_E_ARG, "--host and --port go together");
    if (options->from)
        return COPY(source, "--from", strcmp(options->from, "any") == 0 ? "" : options->from);
    /* Who is reached at an address calls from it, unless told otherwise. */
    if (options->host && inet_pton(AF_INET, options->host, &numeric) == 1)
        return COPY(source, "--from", options->host);
    return KH_OK;
}

static kh_status apply_tls(kh_node *node, const kh_node_options *options, kh_error *err)
{
    char digest[KH_CERTIFICATE_DIGEST_SIZE];
    kh_status status = KH_OK;

    if (options->tls && options->no_tls)
        return kh_error_set(err, KH_E_ARG, "--tls and --no-tls together");
    if (options->certificate && options->fingerprint)
        return kh_error_set(err, KH_E_ARG, "--certificate and --fingerprint together");
    node->tls = options->tls || (node->tls && !options->no_tls);
    if (!node->tls)
        node->certificates[0] = '\0';
    if (options->certificate)
        status = kh_certificate_file_digest(digest, options->certificate, err);
    if (status == KH_OK && options->certificate)
        status = COPY(certificates, "--certificate", digest);
    if (status == KH_OK && options->fingerprint)
        status =
            convert_list(node->certificates, sizeof node->certificates, "--fingerprint", options->fingerprint, convert_fingerprint, err);
    return status;
}

static kh_status apply_limits(kh_node *node, const kh_node_options *options, kh_error *err)
{
    static const kh_config_key bandwidth = {"node", "bandwidth", KH_CONFIG_SIZE, 0, 0, KH_NODE_BYTES_PER_S_MIN, KH_NODE_BYTES_PER_S_MAX};
    long long associations = node->associations;

    if (options->associations && kh_args_number(&associations, "--associations", options->associations, 0, 254, err) != KH_OK)
        return KH_E_ARG;
    node->associations = (uint16_t)associations;
    if (!options->bandwidth)
        return KH_OK;
    if (strcmp(options->bandwidth, "none") == 0) {
        node->bytes_per_s = 0;
        return KH_OK;
    }
    return kh_config_set(&node->bytes_per_s, &bandwidth, 1, "node", "bandwidth", options->bandwidth, err);
}

kh_status kh_node_options_apply(kh_node *node, const kh_node_options *options, kh_error *err)
{
    const char *hours = options->hours, *hours_in = options->hours_in;

    if (options->retrieve && strcmp(options->retrieve, "move") != 0 && strcmp(options->retrieve, "get") != 0)
        return kh_error_set(err, KH_E_ARG, "--retrieve \"%.16s\", expected move or get", options->retrieve);
    if (options->retrieve)
        node->retrieve_by_get = strcmp(options->retrieve, "get") == 0;
    if (options->syntaxes && convert_list(node->syntaxes, sizeof node->syntaxes, "--syntaxes",
                                          strcmp(options->syntaxes, "any") == 0 ? "" : options->syntaxes, convert_syntax, err) != KH_OK)
        return KH_E_ARG;
    if (COPY(ae_title, "--ae-title", options->ae_title) != KH_OK || COPY(facility, "--facility", options->facility) != KH_OK ||
        COPY(charset, "--charset", options->charset) != KH_OK ||
        COPY(hours, "--hours", hours && strcmp(hours, "always") == 0 ? "" : hours) != KH_OK ||
        COPY(hours_in, "--hours-in", hours_in && strcmp(hours_in, "always") == 0 ? "" : hours_in) != KH_OK)
        return KH_E_ARG;
    if (apply_may(node, options, err) != KH_OK || apply_address(node, options, err) != KH_OK || apply_limits(node, options, err) != KH_OK)
        return KH_E_ARG;
    return apply_tls(node, options, err);
}

void kh_node_may_text(char out[KH_NODE_MAY_SIZE], const kh_node *node)
{
    snprintf(out, KH_NODE_MAY_SIZE, "%s%s%s%s%s", node->may_store ? "store" : "",
             node->may_store && (node->may_query || node->may_retrieve) ? "," : "", node->may_query ? "find" : "",
             node->may_query && node->may_retrieve ? "," : "", node->may_retrieve ? "move" : "");
    if (!out[0])
        snprintf(out, KH_NODE_MAY_SIZE, "-");
}
