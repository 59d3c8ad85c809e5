#include "viewer/http/same_origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool is_json(const char *type)
{
    static const char json[] = "application/json";

    if (!type || strncasecmp(type, json, sizeof json - 1) != 0)
        return false;
    type += sizeof json - 1;
    type += strspn(type, " \t");
    return *type == '\0' || *type == ';';
}

/* A browser leaves the port out of both when it is the scheme's own. */
static bool is_own_origin(const kh_http_change *change)
{
    const char *scheme = change->encrypted ? "https://" : "http://";
    size_t size = strlen(scheme);

    return change->host && strncasecmp(change->origin, scheme, size) == 0 && strcasecmp(change->origin + size, change->host) == 0;
}

unsigned kh_http_check_change(const kh_http_change *change, const char **problem)
{
    *problem = NULL;
    if (!change->origin && !change->fetch_site)
        *problem = "neither Origin nor Sec-Fetch-Site is given: what changes something is taken from our own page only";
    else if (change->fetch_site && strcmp(change->fetch_site, "same-origin") != 0)
        *problem = "Sec-Fetch-Site: expected same-origin";
    else if (change->origin && !is_own_origin(change))
        *problem = "Origin: not this server";
    if (*problem)
        return 403;
    if (is_json(change->content_type))
        return 0;
    *problem = "Content-Type: expected application/json";
    return 415;
}
