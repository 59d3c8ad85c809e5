#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/native_xml.h"

#define DEPTH_MAX 16
#define PARTS_MAX 5 /* of a component group */

static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
static const char *const parts[PARTS_MAX] = {"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"};

/* Characters that XML 1.0 does not have become U+FFFD. */
static kh_status put_escaped(kh_buf *out, const char *text, size_t size, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *word = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c == '\r' ? "&#13;" : NULL;

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            word = "\xef\xbf\xbd";
        status = word ? kh_buf_append_text(out, word, err) : kh_buf_append(out, &text[i], 1, err);
    }
    return status;
}

static kh_status put_tagged(kh_buf *out, const char *name, const char *text, size_t size, kh_error *err)
{
    kh_status status = kh_buf_appendf(out, err, "<%s>", name);

    if (status == KH_OK)
        status = put_escaped(out, text, size, err);
    return status == KH_OK ? kh_buf_appendf(out, err, "</%s>", name) : status;
}

static kh_status put_group(kh_buf *out, const char *name, const char *text, kh_error *err)
{
    kh_status status = kh_buf_appendf(out, err, "<%s>", name);

    for (size_t i = 0; status == KH_OK && i < PARTS_MAX && *text; i++) {
        size_t size = i + 1 < PARTS_MAX ? strcspn(text, "^") : strlen(text);

        if (size > 0)
            status = put_tagged(out, parts[i], text, size, err);
        text += size;
        text += *text == '^';
    }
    return status == KH_OK ? kh_buf_appendf(out, err, "</%s>", name) : status;
}

static kh_status put_name(kh_buf *out, size_t number, const kh_json *value, kh_error *err)
{
    kh_status status = kh_buf_appendf(out, err, "<PersonName number=\"%zu\">", number);

    for (size_t i = 0; status == KH_OK && i < 3; i++) {
        const char *text = kh_json_kind_of(value) == KH_JSON_OBJECT ? kh_json_get_text(value, groups[i]) : NULL;

        if (text && *text)
            status = put_group(out, groups[i], text, err);
    }
    return status == KH_OK ? kh_buf_append_text(out, "</PersonName>", err) : status;
}

/* 15 digits where they say it all: then a DS is as it was. */
static kh_status put_real(kh_buf *out, double value, kh_error *err)
{
    char text[40];

    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    return kh_buf_append_text(out, text, err);
}

/* Text and numbers. */
static kh_status put_value(kh_buf *out, size_t number, const kh_json *value, kh_error *err)
{
    kh_json_kind kind = kh_json_kind_of(value);
    const char *text = kh_json_text_of(value);
    kh_status status = kh_buf_appendf(out, err, "<Value number=\"%zu\">", number);

    if (status == KH_OK && text)
        status = put_escaped(out, text, strlen(text), err);
    else if (status == KH_OK && kind == KH_JSON_INTEGER)
        status = kh_buf_appendf(out, err, "%lld", (long long)kh_json_integer_of(value));
    else if (status == KH_OK && kind == KH_JSON_REAL)
        status = put_real(out, kh_json_number_of(value), err);
    else if (status == KH_OK && kind != KH_JSON_NULL)
        status = kh_error_set(err, KH_E_FORMAT, "a value, expected text or a number");
    return status == KH_OK ? kh_buf_append_text(out, "</Value>", err) : status;
}

static kh_status put_object(kh_buf *out, const kh_json *object, unsigned depth, kh_error *err);

static kh_status put_values(kh_buf *out, const char *vr, const kh_json *values, unsigned depth, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < kh_json_count(values); i++) {
        const kh_json *value = kh_json_at(values, i);

        if (strcmp(vr, "SQ") == 0) {
            status = kh_buf_appendf(out, err, "<Item number=\"%zu\">", i + 1);
            if (status == KH_OK)
                status = put_object(out, value, depth + 1, err);
            if (status == KH_OK)
                status = kh_buf_append_text(out, "</Item>", err);
        } else {
            status = strcmp(vr, "PN") == 0 ? put_name(out, i + 1, value, err) : put_value(out, i + 1, value, err);
        }
    }
    return status;
}

/* Whose private attribute it is: the value of (gggg,00xx) for (gggg,xxee). */
static kh_status put_creator(kh_buf *out, const kh_json *object, kh_tag tag, kh_error *err)
{
    const kh_json *creator, *values;
    const char *text;
    char key[9];
    kh_status status;

    if (!(KH_TAG_GROUP(tag) & 1) || KH_TAG_ELEMENT(tag) < 0x1000)
        return KH_OK;
    snprintf(key, sizeof key, "%04X%04X", (unsigned)KH_TAG_GROUP(tag), (unsigned)KH_TAG_ELEMENT(tag) >> 8);
    creator = kh_json_member(object, key);
    values = creator && kh_json_kind_of(creator) == KH_JSON_OBJECT ? kh_json_member(creator, "Value") : NULL;
    text = values && kh_json_count(values) > 0 && kh_json_kind_of(values) == KH_JSON_ARRAY ? kh_json_text_of(kh_json_at(values, 0)) : NULL;
    if (!text)
        return KH_OK;
    status = kh_buf_append_text(out, " privateCreator=\"", err);
    if (status == KH_OK)
        status = put_escaped(out, text, strlen(text), err);
    return status == KH_OK ? kh_buf_append_text(out, "\"", err) : status;
}

static kh_status put_content(kh_buf *out, const kh_json *attribute, const char *vr, unsigned depth, kh_error *err)
{
    const char *uri = kh_json_get_text(attribute, "BulkDataURI"), *bytes = kh_json_get_text(attribute, "InlineBinary");
    const kh_json *values = kh_json_member(attribute, "Value");
    kh_status status = KH_OK;

    if (uri) {
        status = kh_buf_append_text(out, "<BulkData uri=\"", err);
        if (status == KH_OK)
            status = put_escaped(out, uri, strlen(uri), err);
        return status == KH_OK ? kh_buf_append_text(out, "\"/>", err) : status;
    }
    if (bytes)
        return put_tagged(out, "InlineBinary", bytes, strlen(bytes), err);
    return values && kh_json_kind_of(values) == KH_JSON_ARRAY ? put_values(out, vr, values, depth, err) : KH_OK;
}

static kh_status put_attribute(kh_buf *out, const kh_json *object, const char *key, unsigned depth, kh_error *err)
{
    const kh_json *attribute = kh_json_member(object, key);
    const char *vr = kh_json_kind_of(attribute) == KH_JSON_OBJECT ? kh_json_get_text(attribute, "vr") : NULL;
    const char *keyword;
    kh_status status;
    kh_tag tag;

    if (!vr || strlen(vr) != 2 || !kh_vr_known(KH_VR(vr[0], vr[1])) || strlen(key) != 8 || strspn(key, "0123456789ABCDEF") != 8)
        return kh_error_set(err, KH_E_FORMAT, "expected an attribute of DICOM JSON");
    tag = (kh_tag)strtoul(key, NULL, 16);
    keyword = kh_dictionary_keyword(tag);
    status = kh_buf_appendf(out, err, "<DicomAttribute tag=\"%s\" vr=\"%s\"", key, vr);
    if (status == KH_OK && *keyword)
        status = kh_buf_appendf(out, err, " keyword=\"%s\"", keyword);
    if (status == KH_OK)
        status = put_creator(out, object, tag, err);
    if (status == KH_OK)
        status = kh_buf_append_text(out, ">", err);
    if (status == KH_OK)
        status = put_content(out, attribute, vr, depth, err);
    return status == KH_OK ? kh_buf_append_text(out, "</DicomAttribute>\n", err) : status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kh_status put_object(kh_buf *out, const kh_json *object, unsigned depth, kh_error *err)
{
    size_t count = kh_json_count(object);
    const char **keys;
    kh_status status = KH_OK;

    if (kh_json_kind_of(object) != KH_JSON_OBJECT)
        return kh_error_set(err, KH_E_FORMAT, "expected an object of DICOM JSON");
    if (depth > DEPTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, "nested deeper than %d sequences", DEPTH_MAX);
    keys = malloc((count + 1) * sizeof *keys);
    if (!keys)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu attributes", count);
    kh_json_keys(object, keys);
    qsort(keys, count, sizeof *keys, by_text);
    for (size_t i = 0; status == KH_OK && i < count; i++)
        status = put_attribute(out, object, keys[i], depth, err);
    free(keys);
    return status;
}

kh_status kh_native_xml_write(kh_buf *out, const kh_json *object, kh_error *err)
{
    kh_status status =
        kh_buf_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xml:space=\"preserve\">\n", err);

    if (status == KH_OK)
        status = put_object(out, object, 0, err);
    return status == KH_OK ? kh_buf_append_text(out, "</NativeDicomModel>\n", err) : status;
}
