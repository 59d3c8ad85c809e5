/* What the query asks of a picture (PS3.18 8.3.5.1). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "viewer/dicomweb/rendered.h"
#include "viewer/render/voi.h"

#define NUMBER_SIZE 32
#define NUMBER_MAX 1e9
#define VALUES_NAMED_MAX 60 /* bytes of a client's words that are told back */

static kh_status parse_number(double *out, const char *name, const char *text, size_t size, kh_error *err)
{
    char number[NUMBER_SIZE], *end = NULL;

    *out = NAN;
    if (size == 0)
        return KH_OK;
    if (size < sizeof number) {
        memcpy(number, text, size);
        number[size] = '\0';
        *out = strtod(number, &end);
        /* the span keeps out what strtod also takes: nan, inf, hexadecimal, leading space */
        if (number[strspn(number, "+-.0123456789eE")] == '\0' && *end == '\0' && fabs(*out) <= NUMBER_MAX)
            return KH_OK;
    }
    return kh_error_set(err, KH_E_ARG, "%s: expected numbers from %g to %g parted by commas", name, -NUMBER_MAX, NUMBER_MAX);
}

kh_status kh_rendered_parse_numbers(double *values, size_t count_max, size_t *count, const char *name, const char *text, kh_error *err)
{
    kh_status status;

    for (*count = 0;; text++) {
        size_t size = strcspn(text, ",");

        if (*count == count_max)
            return kh_error_set(err, KH_E_ARG, "%s: more than %zu numbers", name, count_max);
        status = parse_number(&values[*count], name, text, size, err);
        if (status != KH_OK)
            return status;
        *count += 1;
        text += size;
        if (*text == '\0')
            return KH_OK;
    }
}

static bool is_side(double value, uint32_t side_max)
{
    return value >= 1 && value <= side_max && value == floor(value);
}

kh_status kh_rendered_parse_viewport(kh_rendered_wish *out, const char *text, uint32_t side_max, bool only_size, kh_error *err)
{
    double v[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
    size_t count;
    kh_status status = kh_rendered_parse_numbers(v, 6, &count, "viewport", text, err);

    if (status != KH_OK)
        return status;
    if (count != 2 && (only_size || count != 6))
        return kh_error_set(err, KH_E_ARG, "viewport: %zu numbers, expected %s", count, only_size ? "vw,vh" : "vw,vh or vw,vh,sx,sy,sw,sh");
    if (!is_side(v[0], side_max) || !is_side(v[1], side_max))
        return kh_error_set(err, KH_E_ARG, "viewport: expected vw and vh from 1 to %u", side_max);
    out->viewport_width = (uint32_t)v[0];
    out->viewport_height = (uint32_t)v[1];
    for (size_t i = 2; i < count; i++) {
        if (v[i] == 0 && i > 3)
            return kh_error_set(err, KH_E_ARG, "viewport: %s 0, expected another number or none", i == 4 ? "sw" : "sh");
        if (v[i] < 0 && i <= 3)
            return kh_error_set(err, KH_E_ARG, "viewport: %s below 0", i == 2 ? "sx" : "sy");
        if (isnan(v[i]))
            v[i] = 0;
    }
    if (count == 6) {
        out->region_given = true;
        out->x = v[2];
        out->y = v[3];
        out->width = v[4];
        out->height = v[5];
    }
    return KH_OK;
}

static kh_status parse_function(kh_voi_function *out, const char *text, kh_error *err)
{
    static const struct {
        const char *name;
        kh_voi_function function;
    } functions[] = {{"linear", KH_VOI_LINEAR}, {"linear-exact", KH_VOI_LINEAR_EXACT}, {"sigmoid", KH_VOI_SIGMOID}};

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(text, functions[i].name) == 0) {
            *out = functions[i].function;
            return KH_OK;
        }
    return kh_error_set(err, KH_E_ARG, "window: function \"%.16s\", expected linear, linear-exact or sigmoid", text);
}

kh_status kh_rendered_parse_window(kh_rendered_wish *out, const char *text, kh_error *err)
{
    const char *comma = strchr(text, ','), *second = comma ? strchr(comma + 1, ',') : NULL;
    kh_status status;

    if (!second || strchr(second + 1, ','))
        return kh_error_set(err, KH_E_ARG, "window: expected center,width,function");
    status = parse_number(&out->window_center, "window", text, (size_t)(comma - text), err);
    if (status == KH_OK)
        status = parse_number(&out->window_width, "window", comma + 1, (size_t)(second - comma - 1), err);
    if (status == KH_OK)
        status = parse_function(&out->function, second + 1, err);
    if (status != KH_OK)
        return status;
    out->window_given = out->function_given = true;
    if (!kh_voi_usable(out->function, out->window_center, out->window_width))
        return kh_error_set(err, KH_E_ARG, "window: expected a center, and a width of %s",
                            out->function == KH_VOI_LINEAR ? "1 or more" : "more than 0");
    return KH_OK;
}

/* What a client wrote, as far as it may stand in a header line. */
static void append_plain(char *out, size_t size, const char *text, size_t count)
{
    size_t used = strlen(out);

    for (size_t i = 0; i < count && used + 1 < size; i++)
        out[used++] = text[i] > ' ' && text[i] < 0x7f && text[i] != '"' && text[i] != '\\' ? text[i] : '?';
    out[used] = '\0';
}

kh_status kh_rendered_parse_annotation(kh_rendered_wish *out, const char *name, const char *text, kh_error *err)
{
    char others[VALUES_NAMED_MAX] = "";

    for (bool more = *text != '\0'; more;) {
        size_t size = strcspn(text, ",");

        if (size == 0)
            return kh_error_set(err, KH_E_ARG, "%s: an empty value, expected patient, technique or both", name);
        if (size == 7 && strncmp(text, "patient", size) == 0) {
            out->patient = true;
        } else if (size == 9 && strncmp(text, "technique", size) == 0) {
            out->technique = true;
        } else {
            append_plain(others, sizeof others, ",", others[0] ? 1 : 0);
            append_plain(others, sizeof others, text, size);
        }
        more = text[size] == ',';
        text += size + more;
    }
    if (others[0])
        snprintf(out->warnings[0], sizeof out->warnings[0],
                 "299 " KH_DICOMWEB_PATH ": The following annotation values are not supported: %s", others);
    return KH_OK;
}

/* Colours are passed on as they are: what would have to convert them is refused. */
static kh_status parse_profile(kh_rendered_wish *out, const char *text, kh_error *err)
{
    if (strcmp(text, "no") == 0)
        out->profile = KH_PROFILE_NONE;
    else if (strcmp(text, "yes") == 0)
        out->profile = KH_PROFILE_OWN;
    else if (strcmp(text, "srgb") == 0)
        out->profile = KH_PROFILE_SRGB;
    else if (strcmp(text, "adobergb") == 0 || strcmp(text, "rommrgb") == 0)
        return kh_error_set(err, KH_E_ARG, "iccprofile \"%s\": colours are not converted here, expected no, yes or srgb", text);
    else
        return kh_error_set(err, KH_E_ARG, "iccprofile \"%.16s\", expected no, yes or srgb", text);
    return KH_OK;
}

kh_status kh_rendered_read_wish(kh_rendered_wish *out, const kh_http_request *request, uint32_t side_max, kh_error *err)
{
    const char *window = kh_http_query(request, "window"), *viewport = kh_http_query(request, "viewport");
    const char *annotation = kh_http_query(request, "annotation"), *profile = kh_http_query(request, "iccprofile");
    int64_t quality;
    kh_status status;

    *out = (kh_rendered_wish){.quality_given = kh_http_query(request, "quality") != NULL};
    status = kh_http_query_int(request, "quality", 1, 100, KH_RENDERED_QUALITY, &quality, err);
    out->quality = (int)quality;
    if (status == KH_OK && window)
        status = kh_rendered_parse_window(out, window, err);
    if (status == KH_OK && viewport)
        status = kh_rendered_parse_viewport(out, viewport, side_max, false, err);
    if (status == KH_OK && annotation)
        status = kh_rendered_parse_annotation(out, "annotation", annotation, err);
    if (status == KH_OK && profile)
        status = parse_profile(out, profile, err);
    return status;
}
