/* json_read.c - attributes, items and sequences. Recursion is as deep as kh_json_read_options.depth. */
#include "dicom/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/json_read_internal.h"

#define DEPTH_MAX 16

const kh_json_read_options kh_json_read_options_default = {.depth = DEPTH_MAX, .elements = 100000};

static kh_status read_item(kh_json_reader *reader, const kh_json *object, bool needs_charset, kh_error *err);

/* ---- one attribute ---- */

static kh_status write_gap(kh_json_reader *reader, kh_tag tag, kh_vr vr, const kh_json_bulk *bulk, kh_error *err)
{
    if (vr >> 8 != 'O' && vr != KH_VR('U', 'N'))
        return kh_error_set(err, KH_E_INTERNAL, "a gap of VR %c%c", vr >> 8, vr & 0xff);
    kh_writer_gap(reader->writer, tag, bulk->encapsulated ? KH_VR('O', 'B') : vr, bulk->size, bulk->encapsulated);
    *bulk->gap_at = reader->out->size;
    return KH_OK;
}

static kh_status read_bulk(kh_json_reader *reader, kh_tag tag, kh_vr vr, const char *uri, kh_error *err)
{
    const kh_json_place place = {uri, tag, vr, reader->depth};
    kh_json_bulk bulk = {0};
    kh_status status;

    if (!reader->options->bulk)
        return kh_error_set(err, KH_E_UNSUPPORTED, "BulkDataURI, expected values here");
    status = reader->options->bulk(reader->options->context, &place, &bulk, err);
    if (status == KH_OK && !bulk.encapsulated && bulk.size % kh_json_read_unit(vr) != 0 && vr != KH_VR('O', 'W'))
        return kh_error_set(err, KH_E_FORMAT, "bulk data of %llu bytes, expected whole units of VR %c%c", (unsigned long long)bulk.size,
                            vr >> 8, vr & 0xff);
    if (status == KH_OK && bulk.gap_at)
        return write_gap(reader, tag, vr, &bulk, err);
    if (status == KH_OK)
        kh_writer_bytes(reader->writer, tag, vr, bulk.size > 0 ? (const void *)bulk.bytes : "", (size_t)bulk.size);
    return status;
}

static kh_status read_items(kh_json_reader *reader, kh_tag tag, const kh_json *values, kh_error *err)
{
    kh_status status = KH_OK;

    if (reader->depth >= reader->options->depth || reader->depth >= DEPTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, "nested deeper than %u sequences", (unsigned)reader->depth);
    reader->depth++;
    kh_writer_sequence_begin(reader->writer, tag);
    for (size_t i = 0; status == KH_OK && values && i < kh_json_count(values); i++) {
        const kh_json *item = kh_json_at(values, i);
        size_t path_size = strlen(reader->path);

        snprintf(reader->path + path_size, sizeof reader->path - path_size, ".%zu.", i + 1);
        kh_writer_item_begin(reader->writer);
        if (kh_json_kind_of(item) == KH_JSON_OBJECT)
            status = read_item(reader, item, false, err);
        else
            status = kh_error_set(err, KH_E_FORMAT, "an item, expected an object");
        kh_writer_item_end(reader->writer);
        if (status == KH_OK)
            reader->path[path_size] = '\0';
    }
    kh_writer_sequence_end(reader->writer);
    reader->depth--;
    return status;
}

typedef struct members {
    kh_vr vr;
    const kh_json *value;
    const char *inline_binary, *uri;
} members;

/* Nothing but vr and one of the three. */
static kh_status take_members(members *out, const kh_json *attribute, kh_error *err)
{
    const char *vr;
    size_t known;

    memset(out, 0, sizeof *out);
    if (kh_json_kind_of(attribute) != KH_JSON_OBJECT)
        return kh_error_set(err, KH_E_FORMAT, "expected an object");
    vr = kh_json_get_text(attribute, "vr");
    if (!vr || strlen(vr) != 2 || !kh_vr_known(KH_VR(vr[0], vr[1])))
        return kh_error_set(err, KH_E_FORMAT, "vr, expected one of PS3.5");
    out->vr = KH_VR(vr[0], vr[1]);
    out->value = kh_json_member(attribute, "Value");
    out->inline_binary = kh_json_get_text(attribute, "InlineBinary");
    out->uri = kh_json_get_text(attribute, "BulkDataURI");
    known = 1u + (out->value != NULL) + (out->inline_binary != NULL) + (out->uri != NULL);
    if (known > 2 || known != kh_json_count(attribute))
        return kh_error_set(err, KH_E_FORMAT, "expected vr and one of Value, InlineBinary (text) and BulkDataURI (text)");
    if (out->value && kh_json_kind_of(out->value) != KH_JSON_ARRAY)
        return kh_error_set(err, KH_E_FORMAT, "Value, expected an array");
    return KH_OK;
}

static kh_status read_attribute(kh_json_reader *reader, kh_tag tag, const kh_json *attribute, kh_error *err)
{
    members m;
    kh_status status = take_members(&m, attribute, err);

    if (status != KH_OK)
        return status;
    if (tag == KH_TAG_SPECIFIC_CHARACTER_SET) {
        kh_writer_text(reader->writer, tag, KH_VR('C', 'S'), "ISO_IR 192");
        return KH_OK;
    }
    if (m.vr == KH_VR('S', 'Q') && (m.inline_binary || m.uri))
        return kh_error_set(err, KH_E_FORMAT, "a sequence, expected Value");
    if (m.vr == KH_VR('S', 'Q'))
        return read_items(reader, tag, m.value, err);
    if (m.uri)
        return read_bulk(reader, tag, m.vr, m.uri, err);
    if (m.inline_binary)
        return kh_json_read_inline(reader, tag, m.vr, m.inline_binary, err);
    if (m.value)
        return kh_json_read_values(reader, tag, m.vr, m.value, err);
    kh_writer_empty(reader->writer, tag, m.vr);
    return KH_OK;
}

/* ---- items ---- */

/* Eight upper hex digits of a group that may stand in a data set. */
static kh_status parse_key(kh_tag *tag, const char *key, kh_error *err)
{
    uint16_t group;

    if (strlen(key) != 8 || strspn(key, "0123456789ABCDEF") != 8)
        return kh_error_set(err, KH_E_FORMAT, "a key, expected a tag of 8 upper hexadecimal digits");
    *tag = (kh_tag)strtoul(key, NULL, 16);
    group = KH_TAG_GROUP(*tag);
    if (group < 0x0004 || group == 0xfffe || group == 0xffff)
        return kh_error_set(err, KH_E_FORMAT, "%s, expected no attribute of this group", key);
    return KH_OK;
}

static bool is_left_out(const kh_json_reader *reader, kh_tag tag)
{
    if (KH_TAG_ELEMENT(tag) == 0)
        return true;
    for (const kh_tag *left_out = reader->depth == 0 ? reader->options->left_out : NULL; left_out && *left_out; left_out++)
        if (*left_out == tag)
            return true;
    return false;
}

/* Digits of one length and kind: in the order of their text. */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kh_status read_sorted(kh_json_reader *reader, const kh_json *object, const char **keys, size_t count, bool needs_charset,
                             kh_error *err)
{
    size_t path_size = strlen(reader->path);
    kh_status status = KH_OK;
    kh_tag tag = 0;

    for (size_t i = 0; status == KH_OK && i < count; i++) {
        status = parse_key(&tag, keys[i], err);
        if (status != KH_OK || is_left_out(reader, tag))
            continue;
        if (needs_charset && tag >= KH_TAG_SPECIFIC_CHARACTER_SET) {
            needs_charset = false;
            if (tag != KH_TAG_SPECIFIC_CHARACTER_SET)
                kh_writer_text(reader->writer, KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), "ISO_IR 192");
        }
        snprintf(reader->path + path_size, sizeof reader->path - path_size, "%s", keys[i]);
        status = read_attribute(reader, tag, kh_json_member(object, keys[i]), err);
        if (status == KH_OK)
            reader->path[path_size] = '\0';
    }
    return status;
}

static kh_status read_item(kh_json_reader *reader, const kh_json *object, bool needs_charset, kh_error *err)
{
    size_t count = kh_json_count(object);
    const char **keys;
    kh_status status;

    if (count >= reader->options->elements - reader->counted)
        return kh_error_set(err, KH_E_LIMIT, "more than %u attributes and items", (unsigned)reader->options->elements);
    reader->counted += (uint32_t)count + 1;
    keys = malloc((count + 1) * sizeof *keys);
    if (!keys)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu attributes", count);
    kh_json_keys(object, keys);
    qsort(keys, count, sizeof *keys, by_text);
    status = read_sorted(reader, object, keys, count, needs_charset, err);
    free(keys);
    return status;
}

/* Some text in it is not ASCII. As deep as items are read, and no deeper. */
static bool has_wide_text(const kh_json *value, unsigned depth)
{
    const char *text = kh_json_text_of(value);
    bool found = false;

    for (; text && *text; text++)
        if ((unsigned char)*text > 0x7f)
            return true;
    if (depth == 0)
        return false;
    if (kh_json_kind_of(value) == KH_JSON_ARRAY)
        for (size_t i = 0; !found && i < kh_json_count(value); i++)
            found = has_wide_text(kh_json_at(value, i), depth - 1);
    if (kh_json_kind_of(value) == KH_JSON_OBJECT) {
        size_t count = kh_json_count(value);
        const char **keys = malloc((count + 1) * sizeof *keys);

        if (!keys)
            return true;
        kh_json_keys(value, keys);
        for (size_t i = 0; !found && i < count; i++)
            found = has_wide_text(kh_json_member(value, keys[i]), depth - 1);
        free(keys);
    }
    return found;
}

kh_status kh_json_model_read(kh_buf *out, const kh_json *object, const kh_json_read_options *options, kh_error *err)
{
    kh_json_reader reader = {.options = options, .out = out};
    kh_status status;

    if (kh_json_kind_of(object) != KH_JSON_OBJECT)
        return kh_error_set(err, KH_E_FORMAT, "a data set, expected an object");
    status = kh_writer_create(&reader.writer, out, true, "ISO_IR 192", err);
    if (status != KH_OK)
        return status;
    kh_buf_init(&reader.scratch, out->max_size);
    status = read_item(&reader, object, has_wide_text(object, 3 * DEPTH_MAX + 4), err);
    if (status == KH_OK)
        status = kh_writer_finish(reader.writer, err);
    else if (reader.path[0])
        kh_error_prefix(err, "%s", reader.path);
    kh_buf_release(&reader.scratch);
    kh_writer_free(reader.writer);
    return status;
}
