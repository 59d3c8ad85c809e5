#include "viewer/dicomweb/admission.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "store/digest.h"

#define NAME_SIZE 65
#define ORIGIN_SIZE 256
#define LINE_SIZE 1024
#define LOG_EVERY_MS 10000

typedef struct token {
    char name[NAME_SIZE];
    bool may_write;
    uint8_t sum[KH_SHA256_SIZE];
} token;

struct kh_admission {
    size_t token_count, origin_count;
    token tokens[KH_ADMISSION_TOKENS_MAX];
    char origins[KH_ADMISSION_ORIGINS_MAX][ORIGIN_SIZE];
    atomic_llong next_log_ms;
    atomic_ullong unlogged;
};

/* --- making --- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_sum(uint8_t out[KH_SHA256_SIZE], const char *text)
{
    if (strlen(text) != 2 * (size_t)KH_SHA256_SIZE)
        return false;
    for (size_t i = 0; i < KH_SHA256_SIZE; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* RFC 6750 2.1: what may stand behind Bearer. */
static bool is_token_text(const char *text)
{
    size_t size = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~+/");

    return text[size + strspn(text + size, "=")] == '\0';
}

static kh_status read_line(kh_admission *admission, char *line, unsigned number, kh_error *err)
{
    char *rest = NULL, *name = strtok_r(line, " \t\r\n", &rest), *rights, *text;
    token *to = &admission->tokens[admission->token_count];
    size_t size;

    if (!name || name[0] == '#')
        return KH_OK;
    rights = strtok_r(NULL, " \t\r\n", &rest);
    text = strtok_r(NULL, " \t\r\n", &rest);
    if (!text || strtok_r(NULL, " \t\r\n", &rest) || strlen(name) >= NAME_SIZE)
        return kh_error_set(err, KH_E_FORMAT, "line %u: expected a name of at most %d characters, rights and a token", number,
                            NAME_SIZE - 1);
    if (strcmp(rights, "read") != 0 && strcmp(rights, "read,write") != 0)
        return kh_error_set(err, KH_E_FORMAT, "line %u: rights, expected read or read,write", number);
    if (admission->token_count == KH_ADMISSION_TOKENS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "more than %d tokens", KH_ADMISSION_TOKENS_MAX);
    memcpy(to->name, name, strlen(name) + 1);
    to->may_write = strcmp(rights, "read,write") == 0;
    admission->token_count++;
    if (strncmp(text, "sha256:", 7) == 0)
        return read_sum(to->sum, text + 7) ? KH_OK
                                           : kh_error_set(err, KH_E_FORMAT, "line %u: sha256:, expected 64 hexadecimal digits", number);
    size = strlen(text);
    if (size < KH_ADMISSION_TOKEN_MIN || size > KH_ADMISSION_TOKEN_MAX || !is_token_text(text))
        return kh_error_set(err, KH_E_FORMAT, "line %u: token, expected %d to %d of A-Z a-z 0-9 - . _ ~ + / and = at the end", number,
                            KH_ADMISSION_TOKEN_MIN, KH_ADMISSION_TOKEN_MAX);
    return kh_sha256_of(to->sum, text, size, err);
}

/* The service's own, and nobody else may read it. */
static kh_status check_owner(FILE *file, kh_error *err)
{
    struct stat about;

    if (fstat(fileno(file), &about) != 0)
        return kh_error_errno(err, errno, "look at the file");
    if (!S_ISREG(about.st_mode))
        return kh_error_set(err, KH_E_ARG, "expected a file");
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0 || (about.st_uid != geteuid() && about.st_uid != 0))
        return kh_error_set(err, KH_E_DENIED, "others may read or change it, expected mode 0600 and the service's own user");
    return KH_OK;
}

static kh_status read_tokens(kh_admission *admission, const char *path, kh_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    char line[LINE_SIZE];
    unsigned number = 0;
    kh_status status;

    if (!file) {
        status = kh_error_errno(err, errno, "open the file");
        if (fd >= 0)
            close(fd);
        return status;
    }
    status = check_owner(file, err);
    while (status == KH_OK && fgets(line, sizeof line, file)) {
        number++;
        if (strlen(line) + 1 == sizeof line)
            status = kh_error_set(err, KH_E_LIMIT, "line %u: of more than %d bytes", number, LINE_SIZE - 2);
        else
            status = read_line(admission, line, number, err);
    }
    if (status == KH_OK && ferror(file))
        status = kh_error_set(err, KH_E_IO, "the file cannot be read");
    if (status == KH_OK && admission->token_count == 0)
        status = kh_error_set(err, KH_E_FORMAT, "no token in it");
    explicit_bzero(line, sizeof line);
    fclose(file);
    return status;
}

static kh_status read_origins(kh_admission *admission, const char *text, kh_error *err)
{
    static const char host[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-:[]";

    while (*(text += strspn(text, " \t,"))) {
        size_t size = strcspn(text, " \t,"), scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;

        if (scheme == 0 || size <= scheme || size >= ORIGIN_SIZE || scheme + strspn(text + scheme, host) != size)
            return kh_error_set(err, KH_E_ARG, "\"%.*s\", expected http:// or https://, a host and nothing behind it",
                                size > 64 ? 64 : (int)size, text);
        if (admission->origin_count == KH_ADMISSION_ORIGINS_MAX)
            return kh_error_set(err, KH_E_LIMIT, "more than %d origins", KH_ADMISSION_ORIGINS_MAX);
        for (size_t i = 0; i < size; i++) /* as browsers send them */
            admission->origins[admission->origin_count][i] = (char)tolower((unsigned char)text[i]);
        admission->origin_count++;
        text += size;
    }
    return KH_OK;
}

kh_status kh_admission_create(kh_admission **out, const char *tokens_path, const char *origins, kh_error *err)
{
    kh_admission *admission = calloc(1, sizeof *admission);
    kh_status status = KH_OK;

    *out = NULL;
    if (!admission)
        return kh_error_set(err, KH_E_MEMORY, "no memory for tokens");
    if (tokens_path && tokens_path[0] && (status = read_tokens(admission, tokens_path, err)) != KH_OK)
        kh_error_prefix(err, "[dicomweb] tokens");
    if (status == KH_OK && origins && (status = read_origins(admission, origins, err)) != KH_OK)
        kh_error_prefix(err, "[dicomweb] origins");
    if (status != KH_OK) {
        kh_admission_free(admission);
        return status;
    }
    *out = admission;
    return KH_OK;
}

void kh_admission_free(kh_admission *admission)
{
    free(admission);
}

/* --- asking --- */

/* Who is refused may do so a thousand times a second: one line in ten seconds tells how many. */
static void log_refusal(kh_admission *admission, const char *why)
{
    long long now = (long long)kh_clock_monotonic_ms(), next = atomic_load(&admission->next_log_ms);

    if (now < next || !atomic_compare_exchange_strong(&admission->next_log_ms, &next, now + LOG_EVERY_MS)) {
        atomic_fetch_add(&admission->unlogged, 1);
        return;
    }
    kh_log(KH_LOG_WARN, "dicomweb", "refused: %s; %llu more since the last such line", why,
           (unsigned long long)atomic_exchange(&admission->unlogged, 0));
}

static bool is_listed(const kh_admission *admission, const char *origin)
{
    for (size_t i = 0; i < admission->origin_count; i++)
        if (strcmp(admission->origins[i], origin) == 0)
            return true;
    return false;
}

static bool is_own(const char *origin, const char *host, const char *own_address)
{
    if (own_address && own_address[0] && strcasecmp(origin, own_address) == 0)
        return true;
    return host && strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

static void set_page_headers(const kh_admission *admission, kh_http_request *request, const char *origin)
{
    if (admission->origin_count > 0)
        kh_http_set_header(request, "Vary", "Origin");
    if (!origin || !is_listed(admission, origin))
        return;
    kh_http_set_header(request, "Access-Control-Allow-Origin", origin);
    kh_http_set_header(request, "Access-Control-Expose-Headers",
                       "Content-Location, Content-Range, Accept-Ranges, ETag, Location, Retry-After, Warning, WWW-Authenticate");
}

/* A page of a site that is not listed, when it changes something. Programs send neither header. */
static bool is_foreign(const kh_admission *admission, const kh_http_request *request, const char *origin, const char *own_address)
{
    const char *site = kh_http_header(request, "Sec-Fetch-Site");

    if (origin)
        return !is_own(origin, kh_http_header(request, "Host"), own_address) && !is_listed(admission, origin);
    return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

/* All tokens are looked at, and all bytes of each: the time tells nothing. */
static const token *find_token(const kh_admission *admission, const char *text)
{
    uint8_t sum[KH_SHA256_SIZE];
    const token *found = NULL;

    if (strlen(text) > KH_ADMISSION_TOKEN_MAX || kh_sha256_of(sum, text, strlen(text), NULL) != KH_OK)
        return NULL;
    for (size_t i = 0; i < admission->token_count; i++) {
        volatile uint8_t differs = 0;

        for (size_t k = 0; k < KH_SHA256_SIZE; k++)
            differs = (uint8_t)(differs | (sum[k] ^ admission->tokens[i].sum[k]));
        found = differs == 0 ? &admission->tokens[i] : found;
    }
    return found;
}

static bool refuse(kh_admission *admission, kh_http_request *request, unsigned code, const char *challenge, const char *why)
{
    char line[120];

    log_refusal(admission, why);
    if (challenge) {
        snprintf(line, sizeof line, "Bearer realm=\"DICOMweb\"%s", challenge);
        kh_http_set_header(request, "WWW-Authenticate", line);
    }
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer_code(request, code, why);
    return false;
}

static bool check_token(kh_admission *admission, kh_http_request *request, bool changes, kh_admitted *out)
{
    const char *header = kh_http_header(request, "Authorization");
    const token *who;

    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return refuse(admission, request, 401, "", "Authorization: expected Bearer and a token");
    who = find_token(admission, header + 7 + strspn(header + 7, " "));
    if (!who)
        return refuse(admission, request, 401, ", error=\"invalid_token\"", "Authorization: the token is not known");
    out->token = who->name;
    if (!changes || who->may_write) {
        out->refused = 0;
        return true;
    }
    out->refused = 403;
    return refuse(admission, request, 403, ", error=\"insufficient_scope\"", "the token may read only");
}

bool kh_admission_pass(kh_admission *admission, kh_http_request *request, bool changes, const char *own_address, kh_admitted *out)
{
    const char *origin = kh_http_header(request, "Origin");

    *out = (kh_admitted){.refused = 403};
    set_page_headers(admission, request, origin);
    if (changes && is_foreign(admission, request, origin, own_address))
        return refuse(admission, request, 403, NULL, "Origin: a page of a site that is not in [dicomweb] origins");
    out->refused = admission->token_count > 0 ? 401 : 0;
    return admission->token_count == 0 || check_token(admission, request, changes, out);
}

const char *kh_admission_name(const kh_admission *admission, const kh_http_request *request)
{
    const char *header = kh_http_header(request, "Authorization");
    const token *who = NULL;

    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        who = find_token(admission, header + 7 + strspn(header + 7, " "));
    return who ? who->name : NULL;
}

bool kh_admission_preflight(kh_admission *admission, kh_http_request *request, const char *allow)
{
    const char *origin = kh_http_header(request, "Origin");

    if (!origin || !kh_http_header(request, "Access-Control-Request-Method"))
        return false;
    set_page_headers(admission, request, origin);
    if (is_listed(admission, origin)) {
        kh_http_set_header(request, "Access-Control-Allow-Methods", allow);
        kh_http_set_header(request, "Access-Control-Allow-Headers",
                           "Accept, Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range");
        kh_http_set_header(request, "Access-Control-Max-Age", "600");
    }
    kh_http_answer(request, 204, NULL, NULL, 0);
    return true;
}
