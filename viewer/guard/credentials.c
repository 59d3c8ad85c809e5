/* Cookies, bearer tokens, and where a change comes from. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "store/digest.h"
#include "viewer/guard/internal.h"

#define COOKIE_LINE_SIZE 160

/* RFC 6265 5.4: name=value pairs apart by "; ". A name that is given twice is taken for none: one of them is not ours. */
static void read_cookie(char *out, size_t size, const char *line, const char *name)
{
    size_t name_size = strlen(name);
    unsigned found = 0;

    out[0] = '\0';
    while (line && *line) {
        size_t pair;

        line += strspn(line, " ;");
        pair = strcspn(line, ";");
        if (pair > name_size && strncmp(line, name, name_size) == 0 && line[name_size] == '=') {
            const char *value = line + name_size + 1;
            size_t value_size = pair - name_size - 1;

            found++;
            if (value_size == size - 1)
                memcpy(out, value, value_size);
            out[value_size == size - 1 ? value_size : 0] = '\0';
        }
        line += pair;
    }
    if (found > 1)
        out[0] = '\0';
}

static bool is_own_page(const kh_http_request *request)
{
    const char *origin = kh_http_header(request, "Origin"), *site = kh_http_header(request, "Sec-Fetch-Site"),
               *host = kh_http_header(request, "Host");
    const char *rest = origin;

    if (!origin && !site)
        return false;
    if (site && strcmp(site, "same-origin") != 0)
        return false;
    if (!origin)
        return true;
    if (strncasecmp(rest, "http://", 7) == 0)
        rest += 7;
    else if (strncasecmp(rest, "https://", 8) == 0)
        rest += 8;
    return host && rest != origin && strcasecmp(rest, host) == 0;
}

static void read_change(kh_credentials *out, const kh_http_request *request)
{
    const char *change = kh_http_header(request, "X-Kakehashi-Token");

    if (change && strlen(change) < sizeof out->change)
        memcpy(out->change, change, strlen(change) + 1);
    out->own_page = is_own_page(request);
}

void kh_credentials_read(kh_credentials *out, const kh_http_request *request)
{
    const char *cookies = kh_http_header(request, "Cookie"), *authorization = kh_http_header(request, "Authorization");

    memset(out, 0, sizeof *out);
    read_cookie(out->session, sizeof out->session, cookies, KH_GUARD_COOKIE);
    read_cookie(out->device, sizeof out->device, cookies, KH_GUARD_DEVICE_COOKIE);
    read_cookie(out->door, sizeof out->door, cookies, KH_GUARD_DOOR_COOKIE);
    out->has_bearer = authorization != NULL;
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0) {
        authorization += 7 + strspn(authorization + 7, " ");
        if (strlen(authorization) == KH_TOKEN_SIZE - 1)
            memcpy(out->bearer, authorization, KH_TOKEN_SIZE);
    }
    snprintf(out->certificate, sizeof out->certificate, "%s", kh_http_client_certificate(request));
    if (kh_http_changes(request)) /* tiles do not: each header is a search through all of them */
        read_change(out, request);
}

void kh_credentials_forget(kh_credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}

bool kh_credentials_may_change(const kh_credentials *credentials, const char *token)
{
    char expected[KH_GUARD_TOKEN_SIZE] = {0};
    volatile uint8_t differs = 0;

    snprintf(expected, sizeof expected, "%s", token);
    for (size_t i = 0; i < sizeof expected; i++)
        differs = (uint8_t)(differs | (uint8_t)(expected[i] ^ credentials->change[i]));
    return credentials->own_page && token[0] && differs == 0;
}

bool kh_door_make(char secret[KH_SECRET_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[KH_SECRET_SIZE - 1];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        secret[i] = letters[bytes[i] & 63];
    secret[sizeof bytes] = '\0';
    return true;
}

/* Whoever knows the token does not know the cookie. */
void kh_door_token(char out[KH_GUARD_TOKEN_SIZE], const char *secret)
{
    uint8_t sum[KH_SHA256_SIZE];
    char text[32 + KH_SECRET_SIZE];

    out[0] = '\0';
    snprintf(text, sizeof text, "kakehashi door: %s", secret);
    if (!secret[0] || kh_sha256_of(sum, text, strlen(text), NULL) != KH_OK)
        return;
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

void kh_cookie_set(kh_http_request *request, const char *name, const char *value, int64_t seconds)
{
    char line[COOKIE_LINE_SIZE], age[40] = "";

    if (seconds != 0)
        snprintf(age, sizeof age, "; Max-Age=%lld", (long long)(seconds > 0 ? seconds : 0));
    snprintf(line, sizeof line, "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s", name, value, age);
    kh_http_set_header(request, "Set-Cookie", line);
    explicit_bzero(line, sizeof line);
}
