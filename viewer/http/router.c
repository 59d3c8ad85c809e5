#include "viewer/http/router.h"

#include <stdio.h>
#include <string.h>

typedef struct capture_range {
    char *start;
    size_t size;
} capture_range;

/* Where the captures of one attempt lie: nothing is written to the target until the whole pattern fits. */
typedef struct attempt {
    kh_route_match *match;
    capture_range ranges[KH_ROUTE_CAPTURES_MAX];
} attempt;

static kh_status check_pattern(const char *pattern, kh_error *err)
{
    size_t captures = 0;

    if (pattern[0] != '/')
        return kh_error_set(err, KH_E_INTERNAL, "route \"%s\" does not begin with '/'", pattern);
    for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{')) {
        const char *close = p + strcspn(p, "/}");

        if (*close != '}' || close == p + 1 || ++captures > KH_ROUTE_CAPTURES_MAX)
            return kh_error_set(err, KH_E_INTERNAL, "route \"%s\": bad capture", pattern);
        if (close[1] == '{' || (close[-1] == '*' && (close[1] != '\0' || p[-1] != '/')))
            return kh_error_set(err, KH_E_INTERNAL, "route \"%s\": a capture's end cannot be told", pattern);
    }
    return KH_OK;
}

kh_status kh_router_check(const kh_http_route *routes, size_t route_count, kh_error *err)
{
    for (size_t i = 0; i < route_count; i++) {
        kh_status status = check_pattern(routes[i].pattern, err);

        if (status != KH_OK)
            return status;
    }
    return KH_OK;
}

static void add_capture(attempt *try, const char *name, size_t name_size, char *start, size_t size)
{
    size_t i = try->match->capture_count++;

    try->match->captures[i].name = name;
    try->match->captures[i].name_size = name_size;
    try->match->captures[i].value = start;
    try->ranges[i] = (capture_range){.start = start, .size = size};
}

/* Does the text fit the pattern's segment of pattern_size bytes? */
static bool match_segment(attempt *try, const char *pattern, size_t pattern_size, char *text)
{
    const char *end = pattern + pattern_size;

    while (pattern < end) {
        if (*pattern == '{') {
            const char *close = memchr(pattern, '}', (size_t)(end - pattern));
            size_t size = close + 1 < end && *text ? 1 + strcspn(text + 1, (char[]){close[1], '\0'}) : strlen(text);

            if (size == 0)
                return false;
            add_capture(try, pattern + 1, (size_t)(close - pattern - 1), text, size);
            text += size;
            pattern = close + 1;
        } else if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == '\0';
}

static bool is_rest(const char *pattern, size_t size)
{
    return size >= 3 && pattern[0] == '{' && pattern[size - 2] == '*' && pattern[size - 1] == '}';
}

static bool match_path(attempt *try, const char *pattern, kh_target *target)
{
    size_t segment = 0;

    try->match->capture_count = 0;
    while (*pattern == '/' && segment < target->segment_count) {
        size_t size = strcspn(++pattern, "/");

        if (is_rest(pattern, size)) {
            char *rest = target->path + target->segment_offsets[segment];

            add_capture(try, pattern + 1, size - 3, rest, strlen(rest));
            return *rest != '\0';
        }
        if (!match_segment(try, pattern, size, target->segments[segment]))
            return false;
        pattern += size;
        segment++;
    }
    return *pattern == '\0' && segment == target->segment_count;
}

static bool method_fits(const char *route_method, const char *method)
{
    return strcmp(route_method, method) == 0 || (strcmp(route_method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void add_allowed(char allow[KH_ROUTE_ALLOW_SIZE], const char *method)
{
    size_t used = strlen(allow);

    if (strstr(allow, method))
        return;
    snprintf(allow + used, KH_ROUTE_ALLOW_SIZE - used, "%s%s%s", used ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

void kh_route_match_clear(kh_route_match *match)
{
    match->route = match->capture_count = 0;
    match->allow[0] = '\0';
}

kh_route_result kh_router_match(kh_route_match *out, const kh_http_route *routes, size_t route_count, const char *method,
                                kh_target *target)
{
    attempt try = {.match = out};

    kh_route_match_clear(out);
    for (size_t i = 0; i < route_count; i++) {
        if (!match_path(&try, routes[i].pattern, target))
            continue;
        if (!method_fits(routes[i].method, method)) {
            add_allowed(out->allow, routes[i].method);
            continue;
        }
        out->route = i;
        for (size_t c = 0; c < out->capture_count; c++)
            try.ranges[c].start[try.ranges[c].size] = '\0';
        return KH_ROUTE_FOUND;
    }
    out->capture_count = 0;
    return out->allow[0] ? KH_ROUTE_NO_METHOD : KH_ROUTE_NO_PATH;
}

const char *kh_route_capture(const kh_route_match *match, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < match->capture_count; i++)
        if (match->captures[i].name_size == size && memcmp(match->captures[i].name, name, size) == 0)
            return match->captures[i].value;
    return NULL;
}
