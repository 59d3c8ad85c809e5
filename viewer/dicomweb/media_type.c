#include "viewer/dicomweb/media_type.h"

#include <string.h>
#include <strings.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BLANK " \t"

static kh_status wrong(kh_error *err)
{
    return kh_error_set(err, KH_E_FORMAT, "not a media type: expected type/subtype; name=value; ...");
}

/* A quoted string whose opening quote was read, unescaped in place; NULL when it does not end. */
static char *read_quoted(char **at)
{
    char *value = *at, *to = value;

    for (char *p = value; *p; p++) {
        if (*p == '"') {
            *at = p + 1;
            *to = '\0';
            return value;
        }
        if (*p == '\\' && p[1] != '\0')
            p++;
        *to++ = *p;
    }
    return NULL;
}

/* The value that stands at *at, which goes behind it; *stop is the byte there, which may be overwritten. */
static char *read_value(char **at, char *stop)
{
    char *value = *at;
    size_t size;

    if (*value == '"') {
        *at = value + 1;
        value = read_quoted(at);
        *stop = value ? **at : '\0';
        return value;
    }
    size = strspn(value, TOKEN "/:"); /* the field sends type=application/dicom without quotes */
    *at = value + size;
    *stop = **at;
    **at = '\0';
    return size > 0 ? value : NULL;
}

static kh_status read_parameter(kh_media_type *out, char **at, char *stop, kh_error *err)
{
    char *name = *at, *value;
    size_t size = strspn(name, TOKEN);

    if (size == 0 || name[size] != '=' || out->parameter_count == KH_MEDIA_TYPE_PARAMETERS_MAX)
        return wrong(err);
    name[size] = '\0';
    *at = name + size + 1;
    value = read_value(at, stop);
    if (!value || kh_media_type_parameter(out, name))
        return wrong(err);
    out->parameters[out->parameter_count].name = name;
    out->parameters[out->parameter_count++].value = value;
    return KH_OK;
}

kh_status kh_media_type_parse(kh_media_type *out, const char *text, kh_error *err)
{
    size_t size = strlen(text), kind, subkind;
    kh_status status = KH_OK;
    char *at, stop;

    out->parameter_count = 0;
    if (size >= sizeof out->text)
        return kh_error_set(err, KH_E_FORMAT, "a media type of %zu bytes, expected fewer than %d", size, KH_MEDIA_TYPE_SIZE);
    memcpy(out->text, text, size + 1);
    at = out->text + strspn(out->text, BLANK);
    out->name = at;
    kind = strspn(at, TOKEN);
    subkind = kind > 0 && at[kind] == '/' ? strspn(at + kind + 1, TOKEN) : 0;
    if (subkind == 0)
        return wrong(err);
    at += kind + 1 + subkind;
    stop = *at;
    *at = '\0';
    while (status == KH_OK) {
        char *next = stop ? at + 1 : at; /* behind the byte that was read as stop */

        if (stop == ' ' || stop == '\t') {
            next += strspn(next, BLANK);
            stop = *next;
            next += stop ? 1 : 0;
        }
        if (stop == '\0')
            return KH_OK;
        if (stop != ';')
            return wrong(err);
        next += strspn(next, BLANK);
        if (*next == '\0')
            return KH_OK; /* a semicolon at the end is common */
        at = next;
        status = read_parameter(out, &at, &stop, err);
    }
    return status;
}

bool kh_media_type_is(const kh_media_type *type, const char *name)
{
    return strcasecmp(type->name, name) == 0;
}

const char *kh_media_type_parameter(const kh_media_type *type, const char *name)
{
    for (size_t i = 0; i < type->parameter_count; i++)
        if (strcasecmp(type->parameters[i].name, name) == 0)
            return type->parameters[i].value;
    return NULL;
}
