#include "viewer/dicomweb/accept.h"

#include <string.h>
#include <strings.h>

#define WEIGHT_MAX 1000
#define ROOT_SIZE (2 * KH_ACCEPT_TYPE_SIZE) /* of the parts' type with parameters of its own */

typedef struct scanner {
    const char *at;
    const char *source; /* "Accept" or "accept", for messages */
    bool is_query;      /* a space may stand for "+" */
} scanner;

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void skip_spaces(scanner *s)
{
    while (is_space(*s->at))
        s->at++;
}

/* Where a parameter's value may go on: unquoted ones hold what a media type holds. */
static bool goes_on(const scanner *s)
{
    if (is_token_char(*s->at) || *s->at == '/')
        return true;
    return s->is_query && *s->at == ' ' && is_token_char(s->at[1]);
}

static kh_status take_plain(scanner *s, char *out, size_t size, kh_error *err)
{
    size_t used = 0;

    for (; goes_on(s); s->at++) {
        if (used + 1 >= size)
            return kh_error_set(err, KH_E_ARG, "%s: a value of more than %zu bytes", s->source, size - 1);
        out[used++] = *s->at == ' ' ? '+' : *s->at;
    }
    out[used] = '\0';
    return KH_OK;
}

static kh_status take_quoted(scanner *s, char *out, size_t size, kh_error *err)
{
    size_t used = 0;

    for (s->at++; *s->at != '"'; s->at++) {
        if (*s->at == '\\' && s->at[1])
            s->at++;
        if (*s->at == '\0')
            return kh_error_set(err, KH_E_ARG, "%s: a quoted value has no end", s->source);
        if (used + 1 >= size)
            return kh_error_set(err, KH_E_ARG, "%s: a value of more than %zu bytes", s->source, size - 1);
        out[used++] = *s->at;
    }
    s->at++;
    out[used] = '\0';
    return KH_OK;
}

/* RFC 9110 12.4.2: "0" or "1" and up to three decimals. */
static bool read_weight(const char *text, unsigned *out)
{
    unsigned value, unit = WEIGHT_MAX;

    if (text[0] != '0' && text[0] != '1')
        return false;
    value = text[0] == '1' ? WEIGHT_MAX : 0;
    if (text[1] == '.') {
        for (text += 2; *text >= '0' && *text <= '9' && unit > 1; text++) {
            unit /= 10;
            value += unit * (unsigned)(*text - '0');
        }
    } else {
        text++;
    }
    *out = value;
    return *text == '\0' && value <= WEIGHT_MAX;
}

static void copy_lower(char *out, size_t size, const char *text)
{
    size_t i;

    for (i = 0; text[i] && i + 1 < size; i++)
        out[i] = lower(text[i]);
    out[i] = '\0';
}

/* "*" at the end of a type is cut off: what is left is the beginning of all that it takes. */
static kh_status check_type(char *type, const char *source, kh_error *err)
{
    char *slash = strchr(type, '/');

    if (!slash || slash == type || slash[1] == '\0' || strchr(slash + 1, '/'))
        return kh_error_set(err, KH_E_ARG, "%s \"%.64s\", expected type/subtype", source, type);
    if (strcmp(type, "*/*") == 0)
        type[0] = '\0';
    else if (type[0] == '*')
        return kh_error_set(err, KH_E_ARG, "%s \"%.64s\", expected type/subtype", source, type);
    else if (strcmp(slash + 1, "*") == 0)
        slash[1] = '\0';
    return KH_OK;
}

static kh_status take_parameters(scanner *s, kh_media_range *range, char *root, size_t root_size, kh_error *err);

/* type="application/dicom; transfer-syntax=...": parameters of the parts inside the quotes. */
static kh_status split_root(char *root, const scanner *outer, kh_media_range *range, kh_error *err)
{
    char *parameters = strchr(root, ';');
    scanner inner = {.at = parameters, .source = outer->source, .is_query = outer->is_query};
    char unused[KH_ACCEPT_TYPE_SIZE] = "";
    size_t size;
    kh_status status = KH_OK;

    if (parameters)
        status = take_parameters(&inner, range, unused, sizeof unused, err);
    if (status == KH_OK && parameters && *inner.at)
        status = kh_error_set(err, KH_E_ARG, "%s: type holds more than one media type", outer->source);
    if (parameters)
        *parameters = '\0';
    for (size = strlen(root); size > 0 && is_space(root[size - 1]); size--)
        root[size - 1] = '\0';
    for (char *c = root; outer->is_query && *c; c++)
        *c = *c == ' ' ? '+' : *c;
    return status;
}

static kh_status keep_parameter(const scanner *s, kh_media_range *range, char *root, size_t root_size, const char *name, const char *value,
                                kh_error *err)
{
    if (strcasecmp(name, "q") == 0) {
        if (!read_weight(value, &range->weight))
            return kh_error_set(err, KH_E_ARG, "%s: q=\"%.32s\", expected 0 to 1 with at most three decimals", s->source, value);
    } else if (strcasecmp(name, "transfer-syntax") == 0) {
        if (strcmp(value, "*") != 0 && !kh_uid_plausible(value))
            return kh_error_set(err, KH_E_ARG, "%s: transfer-syntax \"%.64s\", expected a UID or *", s->source, value);
        memcpy(range->transfer_syntax, value, strlen(value) + 1);
    } else if (strcasecmp(name, "charset") == 0) {
        copy_lower(range->charset, sizeof range->charset, value);
    } else if (strcasecmp(name, "type") == 0) {
        copy_lower(root, root_size, value);
    }
    return KH_OK;
}

/* At ";" or behind the last one. What has no value is an extension and is passed over. */
static kh_status take_parameters(scanner *s, kh_media_range *range, char *root, size_t root_size, kh_error *err)
{
    char name[32], value[ROOT_SIZE];
    kh_status status = KH_OK;

    skip_spaces(s);
    while (status == KH_OK && *s->at == ';') {
        size_t used = 0;

        s->at++;
        skip_spaces(s);
        for (; is_token_char(*s->at); s->at++)
            if (used + 1 < sizeof name)
                name[used++] = *s->at;
        name[used] = '\0';
        skip_spaces(s);
        if (*s->at == '=') {
            s->at++;
            skip_spaces(s);
            status = *s->at == '"' ? take_quoted(s, value, sizeof value, err) : take_plain(s, value, sizeof value, err);
            if (status == KH_OK)
                status = keep_parameter(s, range, root, root_size, name, value, err);
        }
        skip_spaces(s);
    }
    return status;
}

static kh_status finish_range(const scanner *s, kh_media_range *range, char *root, kh_error *err)
{
    kh_status status = KH_OK;

    if (strcmp(range->type, "multipart/related") == 0 || strcmp(range->type, "multipart/*") == 0) {
        range->multipart = true;
        status = split_root(root, s, range, err);
        if (status == KH_OK && strlen(root) >= sizeof range->type)
            status = kh_error_set(err, KH_E_ARG, "%s: a type of more than %zu bytes", s->source, sizeof range->type - 1);
        if (status == KH_OK)
            copy_lower(range->type, sizeof range->type, root[0] ? root : "*/*");
    }
    if (status == KH_OK)
        status = check_type(range->type, s->source, err);
    if (status == KH_OK && s->is_query && (range->type[0] == '\0' || range->type[strlen(range->type) - 1] == '/'))
        status = kh_error_set(err, KH_E_ARG, "accept: expected media types without wildcards");
    return status;
}

static kh_status take_range(scanner *s, kh_media_range *range, kh_error *err)
{
    char root[ROOT_SIZE] = "", type[KH_ACCEPT_TYPE_SIZE];
    kh_status status = take_plain(s, type, sizeof type, err);

    *range = (kh_media_range){.weight = WEIGHT_MAX};
    copy_lower(range->type, sizeof range->type, type);
    if (status == KH_OK)
        status = take_parameters(s, range, root, sizeof root, err);
    if (status == KH_OK && *s->at != ',' && *s->at != '\0')
        status = kh_error_set(err, KH_E_ARG, "%s: unexpected \"%.16s\" in a list of media types", s->source, s->at);
    return status == KH_OK ? finish_range(s, range, root, err) : status;
}

static kh_status parse_list(kh_media_range *ranges, size_t *count, scanner *s, kh_error *err)
{
    kh_status status = KH_OK;

    *count = 0;
    while (status == KH_OK) {
        while (is_space(*s->at) || *s->at == ',')
            s->at++;
        if (*s->at == '\0')
            break;
        if (*count == KH_ACCEPT_RANGES_MAX)
            return kh_error_set(err, KH_E_ARG, "%s: more than %d media types", s->source, KH_ACCEPT_RANGES_MAX);
        status = take_range(s, &ranges[*count], err);
        *count += 1;
    }
    return status;
}

kh_status kh_accept_parse(kh_accept *out, const char *query, const char *header, kh_error *err)
{
    scanner of_query = {.at = query ? query : "", .source = "accept", .is_query = true};
    scanner of_header = {.at = header ? header : "", .source = "Accept"};
    kh_status status = parse_list(out->query, &out->query_count, &of_query, err);

    if (status == KH_OK)
        status = parse_list(out->header, &out->header_count, &of_header, err);
    out->header_missing = status == KH_OK && out->header_count == 0;
    if (out->header_missing) {
        out->header[0] = (kh_media_range){.weight = WEIGHT_MAX};
        out->header_count = 1;
    }
    return status;
}

/* How exactly the range speaks of the offer; 0: not at all. 1 and 2 are wildcards. */
static unsigned fit(const kh_media_range *range, const kh_offer *offer)
{
    size_t size = strlen(range->type);
    bool all = size == 0, wild = all || range->type[size - 1] == '/';

    if (range->multipart != offer->multipart && !(all && !range->multipart))
        return 0;
    if (wild ? strncmp(range->type, offer->type, size) != 0 : strcmp(range->type, offer->type) != 0)
        return 0;
    if (range->transfer_syntax[0] == '\0') {
        if (offer->transfer_syntax && !offer->syntax_is_default)
            return 0;
        return all ? 1 : wild ? 2 : 4;
    }
    if (!offer->transfer_syntax)
        return all ? 1 : wild ? 2 : 3; /* says nothing of a type without syntaxes */
    if (strcmp(range->transfer_syntax, "*") == 0)
        return all ? 1 : wild ? 2 : 3;
    return strcmp(range->transfer_syntax, offer->transfer_syntax) == 0 ? (wild ? 2 : 5) : 0;
}

typedef struct rank {
    unsigned weight;
    bool named;
    size_t order; /* among the client's; 0 for wildcards */
    bool category_default;
} rank;

static bool rank_of(rank *out, const kh_media_range *ranges, size_t count, const kh_offer *offer)
{
    unsigned best = 0;
    size_t which = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned how = fit(&ranges[i], offer);

        if (how > best) {
            best = how;
            which = i;
        }
    }
    *out = (rank){.weight = best > 0 ? ranges[which].weight : 0,
                  .named = best > 2,
                  .order = best > 2 ? which : 0,
                  .category_default = offer->category_default};
    return out->weight > 0;
}

static bool is_better(const rank *a, const rank *b)
{
    if (a->weight != b->weight)
        return a->weight > b->weight;
    if (a->named != b->named)
        return a->named;
    if (a->order != b->order)
        return a->order < b->order;
    return !a->named && a->category_default && !b->category_default;
}

static size_t choose(const kh_media_range *ranges, size_t range_count, const kh_offer *offers, size_t count)
{
    size_t best = count;
    rank best_rank = {0}, this_rank;

    for (size_t i = 0; i < count; i++) {
        if (!rank_of(&this_rank, ranges, range_count, &offers[i]))
            continue;
        if (best < count && !is_better(&this_rank, &best_rank))
            continue;
        best = i;
        best_rank = this_rank;
    }
    return best;
}

size_t kh_accept_choose(const kh_accept *accept, const kh_offer *offers, size_t count)
{
    size_t best = choose(accept->query, accept->query_count, offers, count);

    return best < count ? best : choose(accept->header, accept->header_count, offers, count);
}

static bool list_names(const kh_media_range *ranges, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (ranges[i].weight > 0 && strcmp(ranges[i].type, type) == 0)
            return true;
    return false;
}

bool kh_accept_names(const kh_accept *accept, const char *type)
{
    return list_names(accept->query, accept->query_count, type) || list_names(accept->header, accept->header_count, type);
}
