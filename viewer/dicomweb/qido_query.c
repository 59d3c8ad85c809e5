/* The address and the parameters of a search (PS3.18 8.3.4, 10.6.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/syntax.h"
#include "viewer/dicomweb/qido.h"

#define TEXT_BYTES_MAX 16384 /* more than a target has */
#define DEPTH_MAX 8          /* sequences in a name */

/* "PatientID" or "00100020"; 0 when it is neither. */
static kh_tag read_tag(const char *name, size_t size)
{
    char text[80];

    if (size == 0 || size >= sizeof text)
        return 0;
    memcpy(text, name, size);
    text[size] = '\0';
    if (size == 8 && strspn(text, "0123456789abcdefABCDEF") == 8)
        return (kh_tag)strtoul(text, NULL, 16);
    return kh_dictionary_tag(text);
}

/* An attribute by its path "Sequence.Attribute". */
typedef struct attribute_path {
    kh_tag first, last;
    unsigned depth;
} attribute_path;

static kh_status read_path(const char *name, size_t size, attribute_path *out, kh_error *err)
{
    const char *end = name + size;

    for (*out = (attribute_path){0}; name <= end; name++) {
        const char *dot = memchr(name, '.', (size_t)(end - name));

        out->last = read_tag(name, (size_t)((dot ? dot : end) - name));
        out->first = out->depth == 0 ? out->last : out->first;
        if (out->last == 0 || ++out->depth > DEPTH_MAX || (dot && kh_dictionary_vr(out->last) != KH_VR('S', 'Q')))
            return kh_error_set(err, KH_E_ARG,
                                "parameter \"%.64s\", expected one of the parameters of a search, a keyword or 8 hexadecimal digits", name);
        if (!dot)
            return KH_OK;
        name = dot;
    }
    return kh_error_set(err, KH_E_ARG, "a parameter that ends in a dot");
}

static kh_status read_bool(const char *name, const char *value, bool *out, kh_error *err)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0 ? KH_OK : kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected true or false", name, value);
}

static kh_status read_flag(kh_qido_query *query, const char *name, const char *value, unsigned flag, kh_error *err)
{
    bool set = false;
    kh_status status = read_bool(name, value, &set, err);

    query->flags |= set ? flag : 0;
    return status;
}

static kh_status add_field(kh_qido_query *query, kh_tag tag, kh_error *err)
{
    kh_qido_attribute attribute;
    size_t at = query->field_count;

    if (!kh_qido_attribute_find(tag, &attribute) || attribute.level > query->level)
        return KH_OK; /* what is not held is not returned */
    for (size_t i = 0; i < query->field_count; i++)
        if (query->fields[i].tag == tag)
            return KH_OK;
    if (query->field_count == KH_QIDO_FIELDS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "includefield: more than %d attributes", KH_QIDO_FIELDS_MAX);
    for (; at > 0 && query->fields[at - 1].tag > tag; at--)
        query->fields[at] = query->fields[at - 1];
    query->fields[at] = attribute;
    kh_qido_write_head(&query->fields[at]);
    query->field_count++;
    query->flags |= attribute.source >= KH_QIDO_FRAMES ? KH_SEARCH_FORMATS : 0;
    return KH_OK;
}

static kh_status read_include(kh_qido_query *query, const char *value, kh_error *err)
{
    kh_status status = KH_OK;

    while (status == KH_OK && value) {
        size_t size = strcspn(value, ",");
        attribute_path path;

        if (size == 3 && strncmp(value, "all", 3) == 0) {
            query->all = true;
        } else {
            status = read_path(value, size, &path, NULL);
            if (status != KH_OK)
                return kh_error_set(err, KH_E_ARG, "includefield \"%.*s\", expected all, keywords or 8 hexadecimal digits",
                                    size > 64 ? 64 : (int)size, value);
            status = add_field(query, path.first, err); /* of a sequence all that is held */
        }
        value = value[size] ? value + size + 1 : NULL;
    }
    return status;
}

/* Lists come with commas: those of UIDs, and of codes, that have none of their own. */
static bool takes_lists(kh_vr vr)
{
    return vr == KH_VR('U', 'I') || vr == KH_VR('C', 'S');
}

static kh_status keep_value(kh_qido_query *query, kh_tag tag, const char *value, kh_error *err)
{
    kh_vr vr = kh_dictionary_vr(tag);
    size_t at = query->text.size, index = 0;
    kh_status status = kh_buf_append(&query->text, value, strlen(value) + 1, err);

    if (status != KH_OK)
        return kh_error_set(err, KH_E_LIMIT, "parameter %s: the values are too long together", kh_dictionary_keyword(tag));
    for (char *c = (char *)query->text.data + at; takes_lists(vr) && *c; c++)
        if (*c == ',')
            *c = '\\';
    while (index < query->key_count && query->keys[index].tag != tag)
        index++;
    if (index < query->key_count && !takes_lists(vr))
        return kh_error_set(err, KH_E_ARG, "parameter %s is given twice", kh_dictionary_keyword(tag));
    if (index < query->key_count) { /* joined: the first again, behind it the second */
        size_t first = query->text.size, both = first - at + strlen((char *)query->text.data + query->value_at[index]) + 2;

        status = kh_buf_reserve(&query->text, both, err); /* what is read does not move while it is written */
        if (status == KH_OK)
            status = kh_buf_appendf(&query->text, err, "%s\\%s", (char *)query->text.data + query->value_at[index],
                                    (char *)query->text.data + at);
        if (status == KH_OK)
            status = kh_buf_append(&query->text, "", 1, err);
        query->value_at[index] = first;
        return status;
    }
    if (query->key_count == KH_SEARCH_KEYS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "more than %d keys", KH_SEARCH_KEYS_MAX);
    query->keys[query->key_count].tag = tag;
    query->value_at[query->key_count++] = at;
    return KH_OK;
}

static void note_ignored(kh_qido_query *query, const char *name)
{
    size_t used = strlen(query->ignored), size = strlen(name);

    if (name[strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_")] != '\0' ||
        used + size + 3 > sizeof query->ignored)
        return;
    snprintf(query->ignored + used, sizeof query->ignored - used, "%s%s", used ? ", " : "", name);
}

/* "patientID": who filters by a keyword that begins small must not be given everybody. */
static bool is_nearly_keyword(const char *name)
{
    char text[80];
    attribute_path path;

    if (strlen(name) >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%c%s", name[0] - 'a' + 'A', name + 1);
    return read_path(text, strlen(text), &path, NULL) == KH_OK;
}

static kh_status read_key(kh_qido_query *query, const char *name, const char *value, kh_error *err)
{
    attribute_path path;
    kh_status status;

    if (name[0] >= 'a' && name[0] <= 'z' && !is_nearly_keyword(name)) { /* no keyword begins so: a parameter that others know (PS3.18 8.3) */
        note_ignored(query, name);
        return KH_OK;
    }
    status = read_path(name, strlen(name), &path, err);
    if (status != KH_OK)
        return status;
    if (value[0] && (path.depth > 2 || !kh_qido_matches(path.depth == 2 ? path.first : 0, path.last, query->level))) {
        note_ignored(query, name);
        return KH_OK;
    }
    status = add_field(query, path.first, err); /* what is asked for is returned */
    return status == KH_OK && value[0] ? keep_value(query, path.last, value, err) : status;
}

static kh_status read_parameter(kh_qido_query *query, const char *name, const char *value, kh_error *err)
{
    if (strcmp(name, "includefield") == 0)
        return read_include(query, value, err);
    if (strcmp(name, "fuzzymatching") == 0)
        return read_flag(query, name, value, KH_SEARCH_FUZZY, err);
    if (strcmp(name, "emptyvaluematching") == 0 || strcmp(name, "multiplevaluematching") == 0)
        return read_flag(query, name, value, name[0] == 'e' ? KH_SEARCH_EMPTY : KH_SEARCH_EVERY, err);
    if (strcmp(name, "limit") == 0 || strcmp(name, "offset") == 0 || strcmp(name, "accept") == 0 || strcmp(name, "charset") == 0)
        return KH_OK;
    return read_key(query, name, value, err);
}

/* Of parameters that say one thing only, twice is two things. */
static kh_status check_repeated(const kh_http_request *request, kh_error *err)
{
    static const char *const once[] = {
        "limit", "offset", "fuzzymatching", "accept", "charset", "emptyvaluematching", "multiplevaluematching"};
    const char *name, *value;

    for (size_t k = 0; kh_http_repeated(request) && k < sizeof once / sizeof once[0]; k++) {
        unsigned times = 0;

        for (size_t i = 0; kh_http_parameter(request, i, &name, &value); i++)
            times += strcmp(name, once[k]) == 0;
        if (times > 1)
            return kh_error_set(err, KH_E_ARG, "parameter %s is given twice", once[k]);
    }
    return KH_OK;
}

static kh_status add_uid(kh_qido_query *query, const kh_http_request *request, const char *name, kh_tag tag, bool *given, kh_error *err)
{
    const char *uid = kh_http_segment(request, name);

    *given = uid != NULL;
    if (!uid)
        return KH_OK;
    if (!kh_uid_plausible(uid))
        return kh_error_set(err, KH_E_ARG, "%s: expected a UID, 1 to 64 of 0-9 and dots", name);
    return keep_value(query, tag, uid, err);
}

static kh_status read_parameters(kh_qido_query *query, const kh_http_request *request, int64_t results_max, kh_error *err)
{
    const char *name, *value;
    kh_status status = check_repeated(request, err);

    if (status == KH_OK)
        status = kh_http_query_int(request, "limit", 0, INT64_MAX, results_max, &query->limit, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "offset", 0, KH_QIDO_OFFSET_MAX, 0, &query->offset, err);
    query->limit = query->limit > results_max ? results_max : query->limit;
    for (size_t i = 0; status == KH_OK && kh_http_parameter(request, i, &name, &value); i++)
        status = read_parameter(query, name, value, err);
    return status;
}

static kh_status add_default_fields(kh_qido_query *query, kh_error *err)
{
    kh_qido_attribute attribute;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && kh_qido_attribute_at(i, &attribute); i++)
        if (query->all || kh_qido_is_default(attribute.tag, query->level, query->below_study, query->below_series))
            status = add_field(query, attribute.tag, err);
    return status;
}

/* One key that the address names and a parameter too: both must be met, which one list cannot say. */
static kh_status check_keys(const kh_http_request *request, kh_error *err)
{
    const char *name, *value;
    attribute_path path;

    for (size_t i = 0; kh_http_parameter(request, i, &name, &value); i++)
        if (read_path(name, strlen(name), &path, NULL) == KH_OK && path.depth == 1 && value[0] &&
            ((path.last == KH_TAG_STUDY_INSTANCE_UID && kh_http_segment(request, "study")) ||
             (path.last == KH_TAG_SERIES_INSTANCE_UID && kh_http_segment(request, "series"))))
            return kh_error_set(err, KH_E_ARG, "parameter %s: the address names it already", kh_dictionary_keyword(path.last));
    return KH_OK;
}

kh_status kh_qido_query_read(kh_qido_query *out, const kh_http_request *request, int64_t results_max, kh_error *err)
{
    const char *last = strrchr(kh_http_path(request), '/');
    kh_status status;

    memset(out, 0, sizeof *out);
    kh_buf_init(&out->text, TEXT_BYTES_MAX);
    out->level = strcmp(last, "/studies") == 0 ? KH_LEVEL_STUDY : strcmp(last, "/series") == 0 ? KH_LEVEL_SERIES : KH_LEVEL_IMAGE;
    status = check_keys(request, err);
    if (status == KH_OK)
        status = add_uid(out, request, "study", KH_TAG_STUDY_INSTANCE_UID, &out->below_study, err);
    if (status == KH_OK)
        status = add_uid(out, request, "series", KH_TAG_SERIES_INSTANCE_UID, &out->below_series, err);
    if (status == KH_OK)
        status = read_parameters(out, request, results_max, err);
    if (status == KH_OK)
        status = add_default_fields(out, err);
    for (size_t i = 0; i < out->key_count; i++)
        out->keys[i].value = (const char *)out->text.data + out->value_at[i];
    return status;
}

void kh_qido_query_release(kh_qido_query *query)
{
    kh_buf_release(&query->text);
}
