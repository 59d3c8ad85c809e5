#include "pacs-bridge/node_json.h"

#include <stddef.h>
#include <string.h>

#define TEXT(name) {#name, offsetof(kh_node, name), sizeof(((kh_node *)0)->name)}
#define FLAG(name, absent) {#name, offsetof(kh_node, name), absent}

static const struct {
    const char *name;
    size_t offset, size;
} texts[] = {
    TEXT(name),         TEXT(ae_title), TEXT(host),     TEXT(facility), TEXT(charset),
    TEXT(certificates), TEXT(source),   TEXT(syntaxes), TEXT(hours),    TEXT(hours_in),
};

static const struct {
    const char *name;
    size_t offset;
    bool absent;
} flags[] = {
    FLAG(may_store, true), FLAG(may_query, false), FLAG(may_retrieve, false), FLAG(retrieve_by_get, false), FLAG(tls, false),
};

void kh_node_json_put(kh_json_writer *writer, const kh_node *node)
{
    const char *base = (const char *)node;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        kh_json_put_text(writer, texts[i].name, base + texts[i].offset);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        kh_json_put_bool(writer, flags[i].name, *(const bool *)(base + flags[i].offset));
    kh_json_put_int(writer, "port", node->port);
    kh_json_put_int(writer, "associations", node->associations);
    kh_json_put_int(writer, "bytes_per_s", node->bytes_per_s);
}

static kh_status get_number(int64_t *out, const kh_json *json, const char *key, int64_t max, kh_error *err)
{
    *out = kh_json_get_int(json, key, 0);
    if (*out < 0 || *out > max)
        return kh_error_set(err, KH_E_ARG, "%s %lld, expected 0 to %lld", key, (long long)*out, (long long)max);
    return KH_OK;
}

kh_status kh_node_json_get(kh_node *out, const kh_json *json, kh_error *err)
{
    char *base = (char *)out;
    int64_t port = 0, associations = 0;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = kh_json_get_text(json, texts[i].name);
        size_t length = text ? strlen(text) : 0;

        if (length >= texts[i].size)
            return kh_error_set(err, KH_E_ARG, "%s of %zu bytes, expected at most %zu", texts[i].name, length, texts[i].size - 1);
        memcpy(base + texts[i].offset, text ? text : "", length + 1);
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        *(bool *)(base + flags[i].offset) = kh_json_get_bool(json, flags[i].name, flags[i].absent);
    if (get_number(&port, json, "port", 65535, err) != KH_OK || get_number(&associations, json, "associations", 65535, err) != KH_OK ||
        get_number(&out->bytes_per_s, json, "bytes_per_s", KH_NODE_BYTES_PER_S_MAX, err) != KH_OK)
        return KH_E_ARG;
    out->port = (uint16_t)port;
    out->associations = (uint16_t)associations;
    return KH_OK;
}
