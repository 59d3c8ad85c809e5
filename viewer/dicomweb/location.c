#include "viewer/dicomweb/location.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BASE_MAX 1000

/* Bytes of "scheme:", 0 without one. */
static size_t scheme_size(const char *text)
{
    size_t size = isalpha((unsigned char)text[0])
                      ? strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
                      : 0;

    return size > 0 && text[size] == ':' ? size + 1 : 0;
}

/* Bytes of "//host" behind the scheme, 0 without. */
static size_t authority_size(const char *text)
{
    return strncmp(text, "//", 2) == 0 ? 2 + strcspn(text + 2, "/?#") : 0;
}

/* RFC 3986 5.2.4, in place: path to the first ? or #. */
static void remove_dots(char *path)
{
    char rest[KH_LOCATION_SIZE];
    size_t size = strcspn(path, "?#"), to = 0, from = 0;

    memcpy(rest, path + size, strlen(path + size) + 1);
    while (from < size) {
        size_t step = path[from] == '/' ? 1 + strcspn(path + from + 1, "/?#") : strcspn(path + from, "/?#");
        bool last = from + step >= size;

        if (step == 2 && path[from + 1] == '.') {
            if (last)
                path[to++] = '/';
        } else if (step == 3 && path[from + 1] == '.' && path[from + 2] == '.') {
            while (to > 0 && path[--to] != '/')
                ;
            if (last)
                path[to++] = '/';
        } else {
            memmove(path + to, path + from, step);
            to += step;
        }
        from += step;
    }
    memcpy(path + to, rest, strlen(rest) + 1);
}

static void lower(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)tolower((unsigned char)text[i]);
}

kh_status kh_location_resolve(char out[KH_LOCATION_SIZE], const char *base, const char *reference, kh_error *err)
{
    size_t base_scheme = scheme_size(base), base_host = base_scheme + authority_size(base + base_scheme), kept = 0,
           scheme = scheme_size(reference);
    const char *slash;

    if (reference[0] == '\0')
        return kh_error_set(err, KH_E_FORMAT, "a URI, expected one that is not empty");
    if (strlen(reference) > KH_LOCATION_TEXT_MAX || strlen(base) >= BASE_MAX)
        return kh_error_set(err, KH_E_LIMIT, "a URI of %zu bytes, limit %d", strlen(reference), KH_LOCATION_TEXT_MAX);
    for (const char *at = reference; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return kh_error_set(err, KH_E_FORMAT, "a URI, expected one without blanks and control bytes");
    if (scheme == 0 && strncmp(reference, "//", 2) == 0) {
        kept = base_scheme;
    } else if (scheme == 0 && reference[0] == '/') {
        kept = base_host;
    } else if (scheme == 0) {
        slash = strrchr(base + base_host, '/');
        kept = slash ? (size_t)(slash + 1 - base) : base_host;
    }
    memcpy(out, base, kept);
    snprintf(out + kept, KH_LOCATION_SIZE - kept, "%s%s", kept == base_host && kept > 0 && reference[0] != '/' ? "/" : "", reference);
    scheme = scheme_size(out);
    kept = scheme + authority_size(out + scheme);
    lower(out, kept);
    if (kept > scheme)
        remove_dots(out + kept);
    return KH_OK;
}
