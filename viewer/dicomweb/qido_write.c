/* One match as DICOM JSON (PS3.18 annex F) and as the Native DICOM Model (PS3.19 A.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "dicom/dictionary.h"
#include "viewer/dicomweb/qido.h"

#define GROUPS 3
static const char *const group_names[GROUPS] = {"Alphabetic", "Ideographic", "Phonetic"};

static bool is_number(kh_vr vr)
{
    return vr == KH_VR('I', 'S') || vr == KH_VR('U', 'S');
}

/* The groups of a name, cut out of text, which is written to. */
static void split_name(char *text, const char *groups[GROUPS])
{
    for (size_t i = 0; i < GROUPS; i++) {
        char *end = text ? strchr(text, '=') : NULL;

        groups[i] = text ? text : "";
        if (end)
            *end++ = '\0';
        text = end;
    }
}

static void put_name(kh_json_writer *json, char *text)
{
    const char *groups[GROUPS];

    split_name(text, groups);
    kh_json_object_begin(json);
    for (size_t i = 0; i < GROUPS; i++)
        if (groups[i][0])
            kh_json_put_text(json, group_names[i], groups[i]);
    kh_json_object_end(json);
}

static void put_text(kh_json_writer *json, const char *value, size_t size)
{
    char text[KH_QIDO_VALUE_SIZE];

    memcpy(text, value, size);
    text[size] = '\0';
    if (size > 0)
        kh_json_text(json, text);
    else
        kh_json_null(json);
}

/* What can stand in an item of Request Attributes Sequence, ascending by tag. */
static const kh_tag of_request[] = {KH_TAG_SCHEDULED_PROCEDURE_STEP_ID, KH_TAG_REQUESTED_PROCEDURE_ID};
#define OF_REQUEST (sizeof of_request / sizeof of_request[0])

static bool item_value(const char *item, size_t index, char out[KH_QIDO_VALUE_SIZE])
{
    kh_search_item_text(item, kh_search_attribute_within(KH_TAG_REQUEST_ATTRIBUTES_SEQUENCE, of_request[index]), out);
    return out[0] != '\0';
}

static void put_items(kh_json_writer *json, const char *item)
{
    char value[KH_QIDO_VALUE_SIZE], key[9];

    for (; *item; item += strcspn(item, "\n") + 1) {
        kh_json_object_begin(json);
        for (size_t i = 0; i < OF_REQUEST; i++) {
            if (!item_value(item, i, value))
                continue;
            snprintf(key, sizeof key, "%04X%04X", KH_TAG_ARGS(of_request[i]));
            kh_json_key(json, key);
            kh_json_object_begin(json);
            kh_json_put_text(json, "vr", "SH");
            kh_json_key(json, "Value");
            kh_json_array_begin(json);
            kh_json_text(json, value);
            kh_json_array_end(json);
            kh_json_object_end(json);
        }
        kh_json_object_end(json);
    }
}

static kh_status put_values(kh_buf *out, const kh_qido_attribute *field, char *text, kh_error *err)
{
    const char *at = text, *value;
    kh_json_writer json;
    size_t size;

    kh_json_writer_init(&json, out);
    kh_json_array_begin(&json);
    if (field->vr == KH_VR('P', 'N')) {
        put_name(&json, text);
    } else if (field->source == KH_QIDO_REQUEST) {
        put_items(&json, text);
    } else if (is_number(field->vr)) {
        kh_json_int(&json, strtoll(text, NULL, 10));
    } else {
        while ((value = kh_qido_next_value(field, &at, &size)) != NULL)
            put_text(&json, value, size);
    }
    kh_json_array_end(&json);
    return kh_json_writer_status(&json, err);
}

/* The same for every row: made once. */
void kh_qido_write_head(kh_qido_attribute *field)
{
    snprintf(field->head, sizeof field->head, "\"%04X%04X\":{\"vr\":\"%c%c\"", KH_TAG_ARGS(field->tag), field->vr >> 8, field->vr & 0xff);
}

kh_status kh_qido_write_json(kh_buf *out, const kh_qido_query *query, const kh_search_row *row, const char *address, bool first,
                             kh_error *err)
{
    char text[KH_QIDO_VALUE_SIZE];
    const char *before = first ? "{" : ",{";
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < query->field_count; i++) {
        const kh_qido_attribute *field = &query->fields[i];

        kh_qido_value(query, field, row, address, text);
        if (!text[0] && kh_qido_is_conditional(field))
            continue;
        status = kh_buf_append_text(out, before, err);
        if (status == KH_OK)
            status = kh_buf_append_text(out, field->head, err);
        if (status == KH_OK && text[0])
            status = kh_buf_append(out, ",\"Value\":", 9, err);
        if (status == KH_OK && text[0])
            status = put_values(out, field, text, err);
        before = "},";
    }
    return status == KH_OK ? kh_buf_append(out, "}}", 2, err) : status;
}

/* --- XML --- */

static kh_status xml_text(kh_buf *out, const char *text, size_t size, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c < 0x20 ? " " : NULL;

        status = entity ? kh_buf_append_text(out, entity, err) : kh_buf_append(out, &text[i], 1, err);
    }
    return status;
}

/* "Family^Given^..." as elements. */
static kh_status xml_components(kh_buf *out, const char *group, kh_error *err)
{
    static const char *const names[] = {"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"};
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < sizeof names / sizeof names[0]; i++) {
        size_t size = strcspn(group, "^");

        if (size > 0) {
            status = kh_buf_appendf(out, err, "<%s>", names[i]);
            if (status == KH_OK)
                status = xml_text(out, group, size, err);
            if (status == KH_OK)
                status = kh_buf_appendf(out, err, "</%s>", names[i]);
        }
        group += size + (group[size] == '^');
    }
    return status;
}

static kh_status xml_name(kh_buf *out, char *text, kh_error *err)
{
    const char *groups[GROUPS];
    kh_status status = kh_buf_append_text(out, "<PersonName number=\"1\">", err);

    split_name(text, groups);
    for (size_t i = 0; status == KH_OK && i < GROUPS; i++) {
        if (!groups[i][0])
            continue;
        status = kh_buf_appendf(out, err, "<%s>", group_names[i]);
        if (status == KH_OK)
            status = xml_components(out, groups[i], err);
        if (status == KH_OK)
            status = kh_buf_appendf(out, err, "</%s>", group_names[i]);
    }
    return status == KH_OK ? kh_buf_append_text(out, "</PersonName>", err) : status;
}

static kh_status xml_values(kh_buf *out, const kh_qido_attribute *field, const char *text, kh_error *err)
{
    const char *value;
    size_t size, number = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && (value = kh_qido_next_value(field, &text, &size)) != NULL) {
        status = kh_buf_appendf(out, err, "<Value number=\"%zu\">", ++number);
        if (status == KH_OK)
            status = xml_text(out, value, size, err);
        if (status == KH_OK)
            status = kh_buf_append_text(out, "</Value>", err);
    }
    return status;
}

static kh_status xml_items(kh_buf *out, const char *item, kh_error *err)
{
    char value[KH_QIDO_VALUE_SIZE];
    size_t number = 0;
    kh_status status = KH_OK;

    for (; status == KH_OK && *item; item += strcspn(item, "\n") + 1) {
        status = kh_buf_appendf(out, err, "<Item number=\"%zu\">", ++number);
        for (size_t i = 0; status == KH_OK && i < OF_REQUEST; i++) {
            if (!item_value(item, i, value))
                continue;
            status = kh_buf_appendf(out, err, "<DicomAttribute tag=\"%04X%04X\" vr=\"SH\" keyword=\"%s\"><Value number=\"1\">",
                                    KH_TAG_ARGS(of_request[i]), kh_dictionary_keyword(of_request[i]));
            if (status == KH_OK)
                status = xml_text(out, value, strlen(value), err);
            if (status == KH_OK)
                status = kh_buf_append_text(out, "</Value></DicomAttribute>", err);
        }
        if (status == KH_OK)
            status = kh_buf_append_text(out, "</Item>", err);
    }
    return status;
}

static kh_status xml_content(kh_buf *out, const kh_qido_attribute *field, char *text, kh_error *err)
{
    if (field->source == KH_QIDO_REQUEST)
        return xml_items(out, text, err);
    return field->vr == KH_VR('P', 'N') ? xml_name(out, text, err) : xml_values(out, field, text, err);
}

kh_status kh_qido_write_xml(kh_buf *out, const kh_qido_query *query, const kh_search_row *row, const char *address, kh_error *err)
{
    char text[KH_QIDO_VALUE_SIZE];
    kh_status status = kh_buf_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><NativeDicomModel xml:space=\"preserve\">", err);

    for (size_t i = 0; status == KH_OK && i < query->field_count; i++) {
        const kh_qido_attribute *field = &query->fields[i];

        kh_qido_value(query, field, row, address, text);
        if (!text[0] && kh_qido_is_conditional(field))
            continue;
        status = kh_buf_appendf(out, err, "<DicomAttribute tag=\"%04X%04X\" vr=\"%c%c\" keyword=\"%s\">", KH_TAG_ARGS(field->tag),
                                field->vr >> 8, field->vr & 0xff, kh_dictionary_keyword(field->tag));
        if (status == KH_OK && text[0])
            status = xml_content(out, field, text, err);
        if (status == KH_OK)
            status = kh_buf_append_text(out, "</DicomAttribute>", err);
    }
    return status == KH_OK ? kh_buf_append_text(out, "</NativeDicomModel>", err) : status;
}
