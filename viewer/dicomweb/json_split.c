#include "viewer/dicomweb/json_split.h"

enum { BEFORE, FIRST, OBJECT, BEHIND, NEXT, DONE };

void kh_json_split_init(kh_json_split *split, size_t object_bytes_max, kh_json_split_call *call, void *context)
{
    *split = (kh_json_split){.call = call, .context = context, .state = BEFORE};
    kh_buf_init(&split->text, object_bytes_max);
}

void kh_json_split_release(kh_json_split *split)
{
    kh_buf_release(&split->text);
}

static void begin_object(kh_json_split *split)
{
    split->state = OBJECT;
    split->depth = 0;
    split->in_string = split->escaped = split->too_large = false;
    kh_buf_clear(&split->text);
}

/* A byte outside of objects. */
static kh_status take_between(kh_json_split *split, uint8_t byte, kh_error *err)
{
    if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
        return KH_OK;
    if (byte == '{' && (split->state == BEFORE || split->state == FIRST || split->state == NEXT)) {
        begin_object(split);
    } else if (byte == '[' && split->state == BEFORE) {
        split->in_array = true;
        split->state = FIRST;
    } else if (byte == ',' && split->state == BEHIND) {
        split->state = NEXT;
    } else if (byte == ']' && (split->state == FIRST || split->state == BEHIND)) {
        split->state = DONE;
    } else {
        return kh_error_set(err, KH_E_ARG, "JSON, expected an array of data sets");
    }
    return KH_OK;
}

/* True when the byte is the object's last. */
static bool ends_object(kh_json_split *split, uint8_t byte)
{
    if (split->in_string) {
        if (split->escaped)
            split->escaped = false;
        else if (byte == '\\')
            split->escaped = true;
        else
            split->in_string = byte != '"';
        return false;
    }
    split->in_string = byte == '"';
    if (byte == '{' || byte == '[')
        split->depth++;
    return (byte == '}' || byte == ']') && --split->depth == 0;
}

/* Bytes of the object at hand, to its end or to that of the piece. */
static kh_status take_object(kh_json_split *split, const uint8_t *bytes, size_t size, size_t *used, kh_error *err)
{
    size_t at = 0;
    bool ended = false;

    while (at < size && !ended)
        ended = ends_object(split, bytes[at++]);
    *used = at;
    if (at > split->text.max_size - split->text.size)
        split->too_large = true;
    if (!split->too_large && kh_buf_append(&split->text, bytes, at, err) != KH_OK)
        return KH_E_MEMORY;
    if (!ended)
        return KH_OK;
    split->state = split->in_array ? BEHIND : DONE;
    return split->call(split->context, split->too_large ? NULL : kh_buf_text(&split->text), split->too_large ? 0 : split->text.size, err);
}

kh_status kh_json_split_take(kh_json_split *split, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_status status = KH_OK;
    size_t at = 0;

    while (status == KH_OK && at < size) {
        size_t used = 1;

        if (split->state != OBJECT)
            status = take_between(split, bytes[at], err);
        if (status == KH_OK && split->state == OBJECT)
            status = take_object(split, bytes + at, size - at, &used, err);
        at += used;
    }
    return status;
}

kh_status kh_json_split_end(const kh_json_split *split, kh_error *err)
{
    return split->state == DONE ? KH_OK : kh_error_set(err, KH_E_ARG, "JSON that ends before its array of data sets does");
}
