#include "viewer/dicomweb/assembly.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "dicom/native_xml.h"
#include "store/file.h"
#include "viewer/dicomweb/assembly_internal.h"
#include "viewer/dicomweb/media_type.h"

#define JSON_TYPE "application/dicom+json"
#define XML_TYPE "application/dicom+xml"

/* Extended Offset Table and its lengths, and the total of one fragmented value (PS3.3 C.7.6.3.1.8 to 10): of the file it was read from. */
const kh_tag kh_assembly_left_out[] = {KH_TAG(0x7fe0, 0x0001), KH_TAG(0x7fe0, 0x0002), KH_TAG(0x7fe0, 0x0003), 0};

/* ---- the spool ---- */

static kh_status keep(kh_assembly *assembly, const void *bytes, size_t size, kh_error *err)
{
    kh_status status = kh_write_all(assembly->options.spool_fd, bytes, size, err);

    if (status == KH_OK)
        assembly->spool_bytes += size;
    return status;
}

/* ---- data sets ---- */

static void read_uid(char out[KH_UID_SIZE], const kh_json *object, const char *key)
{
    const kh_json *attribute = kh_json_member(object, key);
    const kh_json *values = attribute ? kh_json_member(attribute, "Value") : NULL;
    const char *text = values && kh_json_count(values) > 0 ? kh_json_text_of(kh_json_at(values, 0)) : NULL;

    if (text && kh_uid_plausible(text))
        snprintf(out, KH_UID_SIZE, "%s", text);
}

/* The values it names; what stands in the document is looked at on the way. */
static kh_status note_value(void *context, const kh_json_place *place, kh_json_bulk *out, kh_error *err)
{
    kh_assembly *assembly = context;

    (void)out;
    return kh_values_add(&assembly->values, assembly->options.objects_max, assembly->base, place->uri, err);
}

kh_status kh_assembly_parse(kh_json **out, const char *text, size_t size, kh_error *err)
{
    kh_status status = kh_json_parse_object(out, text, size, size, err);

    return status == KH_OK || status == KH_E_MEMORY ? status : KH_E_FORMAT;
}

static kh_status look_at(kh_assembly *assembly, kh_stow_object *object, const char *text, size_t size, kh_error *err)
{
    const kh_json_read_options options = {
        .depth = 16, .elements = KH_ASSEMBLY_ELEMENTS_MAX, .left_out = kh_assembly_left_out, .bulk = note_value, .context = assembly};
    kh_json *json = NULL;
    kh_status status;
    kh_buf bytes;

    kh_buf_init(&bytes, assembly->options.metadata_bytes_max);
    status = kh_assembly_parse(&json, text, size, err);
    if (status == KH_OK) {
        read_uid(object->sop_class_uid, json, "00080016");
        read_uid(object->sop_instance_uid, json, "00080018");
        read_uid(object->study_uid, json, "0020000D");
        read_uid(object->series_uid, json, "0020000E");
        status = kh_json_model_read(&bytes, json, &options, err);
    }
    kh_json_free(json);
    kh_buf_release(&bytes);
    return status;
}

/* One data set, NULL when it is larger than may be. What is wrong with it is its own failure; there is only so much room for all. */
static kh_status take_set(void *context, const char *text, size_t size, kh_error *err)
{
    kh_assembly *assembly = context;
    kh_assembly_set set = {.offset = assembly->spool_bytes, .size = size};
    kh_error problem = KH_ERROR_INIT;
    kh_status status;

    if (assembly->set_count == assembly->options.objects_max)
        return kh_error_set(err, KH_E_LIMIT, "more than %u data sets", assembly->options.objects_max);
    if (assembly->set_count == assembly->set_capacity) {
        size_t capacity = assembly->set_capacity ? 2 * assembly->set_capacity : 16;
        kh_assembly_set *moved = realloc(assembly->sets, capacity * sizeof *moved);

        if (!moved)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu data sets", capacity);
        assembly->sets = moved;
        assembly->set_capacity = capacity;
    }
    if (text)
        status = look_at(assembly, &set.object, text, size, &problem);
    else
        status = kh_error_set(&problem, KH_E_LIMIT, "text of more than %zu bytes", assembly->options.metadata_bytes_max);
    if (status == KH_OK)
        status = keep(assembly, text, size, &problem);
    if (status != KH_OK)
        kh_log(KH_LOG_WARN, "stow", "data set %zu is not taken: %s", assembly->set_count + 1, problem.message);
    set.object.failure = kh_stow_reason(status == KH_E_UNSUPPORTED ? KH_E_FORMAT : status);
    assembly->sets[assembly->set_count++] = set;
    return KH_OK;
}

static kh_status take_xml(kh_assembly *assembly, kh_error *err)
{
    kh_error problem = KH_ERROR_INIT;
    kh_status status;
    kh_buf json;

    kh_buf_init(&json, assembly->options.metadata_bytes_max);
    status = assembly->xml_too_large
                 ? KH_E_LIMIT
                 : kh_native_xml_read(&json, kh_buf_text(&assembly->xml), assembly->xml.size, assembly->xml.max_size, &problem);
    if (status == KH_OK) {
        status = take_set(assembly, kh_buf_text(&json), json.size, err);
    } else if (status == KH_E_LIMIT) {
        status = take_set(assembly, NULL, 0, err);
    } else { /* taken for one that says nothing, and refused for that */
        kh_log(KH_LOG_WARN, "stow", "data set %zu: %s", assembly->set_count + 1, problem.message);
        status = take_set(assembly, "", 0, err);
    }
    kh_buf_release(&json);
    return status;
}

/* ---- parts ---- */

static bool is_metadata(const kh_assembly *assembly, const char *content_type)
{
    kh_media_type type;

    if (!content_type)
        return !assembly->seen_part;
    return kh_media_type_parse(&type, content_type, NULL) == KH_OK && kh_media_type_is(&type, assembly->options.xml ? XML_TYPE : JSON_TYPE);
}

static bool is_plain(const char *encoding)
{
    return !encoding || strcasecmp(encoding, "binary") == 0 || strcasecmp(encoding, "8bit") == 0;
}

static bool same_media(const kh_value_media *a, const kh_value_media *b)
{
    return a->kind == b->kind && a->codec == b->codec &&
           (a->named == b->named || (a->named && b->named && strcmp(a->named, b->named) == 0));
}

/* *out is NULL when nobody has named it. */
static kh_status begin_value(kh_assembly *assembly, kh_value **out, const kh_part_head *head, kh_error *err)
{
    kh_value_media media;
    kh_status status;

    *out = NULL;
    if (!head->content_location)
        return kh_error_set(err, KH_E_FORMAT, "no Content-Location, which says whose value it is");
    status = kh_values_find(out, &assembly->values, assembly->base, head->content_location, err);
    if (status != KH_OK || !*out)
        return status == KH_OK ? kh_error_set(err, KH_E_NOT_FOUND, "no data set before it names its Content-Location") : status;
    status = is_plain(head->transfer_encoding) ? kh_value_media_read(&media, head->content_type, err)
                                               : kh_error_set(err, KH_E_FORMAT, "Content-Transfer-Encoding, expected binary");
    if (status == KH_OK && (*out)->count == 0)
        (*out)->media = media;
    else if (status == KH_OK && !same_media(&(*out)->media, &media))
        status = kh_error_set(err, KH_E_FORMAT, "another media type than the parts of this Content-Location before it");
    return status;
}

/* A value that cannot be kept is a failure of the data sets that name it. */
static void fail_value(kh_assembly *assembly, kh_value *value, const kh_error *problem)
{
    kh_log(KH_LOG_WARN, "stow", "a part that is a value: %s", problem->message);
    if (value && value->status == KH_OK)
        value->status = problem->status;
    assembly->stray_count += value == NULL;
    assembly->part = KH_PART_USELESS;
}

static kh_status begin_part(void *context, const kh_part_head *head, kh_error *err)
{
    kh_assembly *assembly = context;
    kh_error problem = KH_ERROR_INIT;
    kh_value *value;

    (void)err;
    if (is_metadata(assembly, head->content_type)) {
        assembly->part = KH_PART_METADATA;
        assembly->xml_too_large = !is_plain(head->transfer_encoding); /* refused either way */
        kh_buf_clear(&assembly->xml);
        kh_json_split_init(&assembly->split, assembly->options.metadata_bytes_max, take_set, assembly);
    } else if (begin_value(assembly, &value, head, &problem) == KH_OK) {
        assembly->part = KH_PART_VALUE;
        assembly->value_number = (uint32_t)(value - assembly->values.values);
        assembly->value_offset = assembly->spool_bytes;
    } else {
        fail_value(assembly, value, &problem);
    }
    assembly->seen_part = true;
    return KH_OK;
}

static kh_status take_part(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_assembly *assembly = context;
    kh_error problem = KH_ERROR_INIT;

    if (assembly->part == KH_PART_METADATA && !assembly->options.xml)
        return kh_json_split_take(&assembly->split, bytes, size, err);
    if (assembly->part == KH_PART_METADATA) {
        assembly->xml_too_large = assembly->xml_too_large || size > assembly->xml.max_size - assembly->xml.size;
        return assembly->xml_too_large ? KH_OK : kh_buf_append(&assembly->xml, bytes, size, err);
    }
    if (assembly->part == KH_PART_VALUE && keep(assembly, bytes, size, &problem) != KH_OK)
        fail_value(assembly, &assembly->values.values[assembly->value_number], &problem);
    return KH_OK;
}

static kh_status end_part(void *context, kh_error *err)
{
    kh_assembly *assembly = context;
    kh_status status = KH_OK;

    if (assembly->part == KH_PART_METADATA && !assembly->options.xml) {
        status = kh_json_split_end(&assembly->split, err);
        kh_json_split_release(&assembly->split);
    } else if (assembly->part == KH_PART_METADATA) {
        status = take_xml(assembly, err);
        kh_buf_release(&assembly->xml);
        kh_buf_init(&assembly->xml, assembly->options.metadata_bytes_max);
    } else if (assembly->part == KH_PART_VALUE) {
        status = kh_values_add_piece(&assembly->values, &assembly->values.values[assembly->value_number], assembly->value_offset,
                                     assembly->spool_bytes - assembly->value_offset, err);
    }
    assembly->part = KH_PART_USELESS;
    return status;
}

const kh_part_calls kh_assembly_parts = {.begin = begin_part, .bytes = take_part, .end = end_part};

/* ---- all ---- */

kh_status kh_assembly_create(kh_assembly **out, const kh_assembly_options *options, kh_error *err)
{
    kh_assembly *assembly = calloc(1, sizeof *assembly);

    *out = NULL;
    if (!assembly)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a request");
    assembly->options = *options;
    snprintf(assembly->base, sizeof assembly->base, "%s", options->base);
    kh_buf_init(&assembly->xml, options->metadata_bytes_max);
    kh_json_split_init(&assembly->split, options->metadata_bytes_max, take_set, assembly);
    *out = assembly;
    return KH_OK;
}

void kh_assembly_free(kh_assembly *assembly)
{
    if (!assembly)
        return;
    kh_values_release(&assembly->values);
    kh_json_split_release(&assembly->split);
    kh_buf_release(&assembly->xml);
    free(assembly->sets);
    free(assembly);
}

size_t kh_assembly_count(const kh_assembly *assembly)
{
    return assembly->set_count;
}

size_t kh_assembly_stray_count(const kh_assembly *assembly)
{
    return assembly->stray_count;
}
