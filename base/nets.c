#include "base/nets.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_SIZE 24

/* The next of a list with commas, copied to out; false at its end. *fits: it was not too long. */
static bool next_item(const char **list, char out[ITEM_SIZE], bool *fits)
{
    size_t length;

    *list += strspn(*list, " ");
    length = strcspn(*list, ",");
    if (**list == '\0')
        return false;
    *fits = length < ITEM_SIZE;
    memcpy(out, *list, *fits ? length : 0);
    out[*fits ? length : 0] = '\0';
    *list += length + ((*list)[length] == ',');
    return true;
}

/* "10.1.2.0/24", "10.1.2.3"; in host byte order. */
static bool read_net(char *text, uint32_t *address, uint32_t *mask)
{
    char *slash = strchr(text, '/');
    struct in_addr parsed;
    unsigned bits = 32;

    if (slash) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits < 1 || digits > 2 || slash[1 + digits] != '\0')
            return false;
        bits = (unsigned)strtoul(slash + 1, NULL, 10);
        *slash = '\0';
    }
    if (bits > 32 || inet_pton(AF_INET, text, &parsed) != 1)
        return false;
    *mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
    *address = ntohl(parsed.s_addr);
    return true;
}

bool kh_nets_hold(const char *nets, const char *address)
{
    uint32_t net, mask, caller;
    struct in_addr parsed;
    char item[ITEM_SIZE];
    bool fits;

    if (nets[0] == '\0')
        return true;
    if (inet_pton(AF_INET, address, &parsed) != 1)
        return false;
    caller = ntohl(parsed.s_addr);
    while (next_item(&nets, item, &fits))
        if (fits && read_net(item, &net, &mask) && (caller & mask) == (net & mask))
            return true;
    return false;
}

kh_status kh_nets_check(const char *nets, kh_error *err)
{
    uint32_t net, mask;
    char item[ITEM_SIZE];
    bool fits;

    while (next_item(&nets, item, &fits))
        if (!fits || !read_net(item, &net, &mask))
            return kh_error_set(err, KH_E_ARG, "expected IPv4 addresses or nets such as 10.1.2.0/24, separated by commas");
    return KH_OK;
}
