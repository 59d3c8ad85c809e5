#include "cache/issuers.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX_BYTES 64

typedef struct span {
    const char *at;
    size_t size;
} span;

/* What stands before the next of `ends` or the end, without spaces around it; *at moves behind that character. */
static span next_part(const char **at, const char *ends)
{
    span part = {*at + strspn(*at, " "), 0};
    const char *end = *at + strcspn(*at, ends);

    if (part.at < end)
        part.size = (size_t)(end - part.at);
    while (part.size > 0 && part.at[part.size - 1] == ' ')
        part.size--;
    *at = *end ? end + 1 : end;
    return part;
}

static bool is(span part, const char *text)
{
    return part.size > 0 && strlen(text) == part.size && memcmp(part.at, text, part.size) == 0;
}

static bool good(span part)
{
    return part.size >= 1 && part.size <= NAME_MAX_BYTES;
}

static kh_status check_hospital(span entry, kh_error *err)
{
    char text[KH_ISSUERS_SIZE];
    const char *at = text;
    bool fine;

    memcpy(text, entry.at, entry.size);
    text[entry.size] = '\0';
    fine = strchr(text, ':') != NULL && good(next_part(&at, ":")) && *at != '\0';
    while (fine && *at)
        fine = good(next_part(&at, ","));
    return fine ? KH_OK : kh_error_set(err, KH_E_ARG, "\"%.80s\", expected a hospital, a colon and issuers with commas between them", text);
}

kh_status kh_issuers_check(const char *issuers, kh_error *err)
{
    kh_status status = KH_OK;

    if (strlen(issuers) >= KH_ISSUERS_SIZE)
        return kh_error_set(err, KH_E_ARG, "%zu bytes, expected at most %d", strlen(issuers), KH_ISSUERS_SIZE - 1);
    for (const char *at = issuers; *at && status == KH_OK;) {
        span entry = next_part(&at, ";");

        if (entry.size > 0)
            status = check_hospital(entry, err);
    }
    return status;
}

/* The hospital is named, and neither text is among its issuers. */
static bool is_foreign(const char *issuers, const char *facility, const char *name, const char *universal_id)
{
    bool named = false;

    for (const char *at = issuers; *at;) {
        span entry = next_part(&at, ";");
        const char *in = entry.at, *end = entry.at + entry.size;

        if (!is(next_part(&in, ":"), facility))
            continue;
        named = true;
        while (in < end) {
            span issuer = next_part(&in, ",;");

            if (is(issuer, name) || is(issuer, universal_id))
                return false;
        }
    }
    return named;
}

bool kh_issuers_name(const char *issuers, const char *facility)
{
    for (const char *at = issuers; *at;) {
        span entry = next_part(&at, ";");
        const char *in = entry.at;

        if (is(next_part(&in, ":"), facility))
            return true;
    }
    return false;
}

void kh_issuers_judge(const char *issuers, const char *facility, kh_facts *facts)
{
    facts->foreign = facts->patient_id[0] && (facts->issuer[0] || facts->issuer_universal[0]) &&
                     is_foreign(issuers, facility, facts->issuer, facts->issuer_universal);
    if (facts->foreign)
        facts->patient_id[0] = '\0';
}
