#include "cache/node_check.h"

#include <string.h>
#include "cache/internal.h"
#include "cache/node_hours.h"
#include "dicom/syntax.h"

bool kh_ae_title_valid(const char *title)
{
    size_t length = strlen(title);

    for (size_t i = 0; i < length; i++)
        if (title[i] < 0x20 || title[i] > 0x7e || title[i] == '\\')
            return false;
    return length >= 1 && length <= 16 && title[0] != ' ' && title[length - 1] != ' ';
}

static bool host_valid(const char *host)
{
    for (size_t i = 0; host[i]; i++)
        if (!((host[i] >= 'a' && host[i] <= 'z') || (host[i] >= 'A' && host[i] <= 'Z') || (host[i] >= '0' && host[i] <= '9') ||
              strchr(".:-_%", host[i])))
            return false;
    return true;
}

static bool charset_valid(const char *charset)
{
    for (size_t i = 0; charset[i]; i++) /* PS3.5 6.2 CS, several with backslashes */
        if (!((charset[i] >= 'A' && charset[i] <= 'Z') || (charset[i] >= '0' && charset[i] <= '9') || strchr(" _\\", charset[i])))
            return false;
    return true;
}

/* The next of a list with commas, copied to out; false at its end. *fits: it was not too long. */
static bool next_item(const char **list, char *out, size_t out_size, bool *fits)
{
    size_t length = strcspn(*list, ",");

    if (**list == '\0')
        return false;
    *fits = length < out_size;
    memcpy(out, *list, *fits ? length : 0);
    out[*fits ? length : 0] = '\0';
    *list += length + ((*list)[length] == ',');
    return true;
}

bool kh_node_has_certificate(const kh_node *node, const char *fingerprint)
{
    const char *list = node->certificates;
    char item[KH_FINGERPRINT_SIZE];
    bool fits;

    while (next_item(&list, item, sizeof item, &fits))
        if (fits && strlen(item) == KH_FINGERPRINT_SIZE - 1 && strcmp(item, fingerprint) == 0)
            return true;
    return false;
}

static kh_status check_certificates(const kh_node *node, kh_error *err)
{
    const char *list = node->certificates;
    char item[KH_FINGERPRINT_SIZE];
    bool fits;

    while (next_item(&list, item, sizeof item, &fits))
        if (!fits || strlen(item) != KH_FINGERPRINT_SIZE - 1 || strspn(item, "0123456789abcdef") != KH_FINGERPRINT_SIZE - 1)
            return kh_error_set(err, KH_E_ARG, "fingerprint must be a SHA-256: 64 of [0-9a-f]");
    if (!node->tls && node->certificates[0])
        return kh_error_set(err, KH_E_ARG, "a certificate is bound to a node that uses no TLS");
    return KH_OK;
}

static kh_status check_syntaxes(const char *syntaxes, kh_error *err)
{
    char uid[KH_UID_SIZE];
    bool fits;

    while (next_item(&syntaxes, uid, sizeof uid, &fits))
        if (!fits || !kh_transfer_syntax_find(uid))
            return kh_error_set(err, KH_E_ARG, "syntaxes: \"%s\" is no transfer syntax that is known here", fits ? uid : "");
    return KH_OK;
}

kh_status kh_node_check(const kh_node *node, kh_error *err)
{
    kh_status status;

    if (!kh_name_valid(node->name))
        return kh_error_set(err, KH_E_ARG, "name must be 1 to 64 of [A-Za-z0-9_.-]");
    if (!kh_ae_title_valid(node->ae_title))
        return kh_error_set(err, KH_E_ARG, "AE title must be 1 to 16 printable characters without a backslash or outer spaces");
    if (!host_valid(node->host))
        return kh_error_set(err, KH_E_ARG, "host must be a host name or an address");
    if ((node->host[0] == '\0') != (node->port == 0))
        return kh_error_set(err, KH_E_ARG, "port %u, expected %s", (unsigned)node->port,
                            node->host[0] ? "1 to 65535" : "0 without a host");
    if (!kh_name_valid(node->facility))
        return kh_error_set(err, KH_E_ARG, "facility must be 1 to 64 of [A-Za-z0-9_.-]");
    if (!charset_valid(node->charset))
        return kh_error_set(err, KH_E_ARG, "charset must be defined terms of Specific Character Set");
    if (node->associations > 254)
        return kh_error_set(err, KH_E_ARG, "associations %u, expected 0 to 254", (unsigned)node->associations);
    if (node->bytes_per_s != 0 && (node->bytes_per_s < KH_NODE_BYTES_PER_S_MIN || node->bytes_per_s > KH_NODE_BYTES_PER_S_MAX))
        return kh_error_set(err, KH_E_ARG, "bandwidth %lld bytes/s, expected 0 or %lld to %lld", (long long)node->bytes_per_s,
                            KH_NODE_BYTES_PER_S_MIN, KH_NODE_BYTES_PER_S_MAX);
    status = kh_nets_check(node->source, err);
    if (status != KH_OK)
        status = kh_error_prefix(err, "from");
    if (status == KH_OK)
        status = check_certificates(node, err);
    if (status == KH_OK)
        status = check_syntaxes(node->syntaxes, err);
    if (status == KH_OK)
        status = kh_hours_check(node->hours, err);
    return status == KH_OK ? kh_hours_check(node->hours_in, err) : status;
}
