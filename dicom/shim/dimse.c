#include "dicom/shim/dimse.h"

#include <string.h>

#define NO_DATA_SET 0x0101 /* (0000,0800); anything else: one follows */

void kh_dimse_init(kh_dimse *command, uint16_t field)
{
    memset(command, 0, sizeof(*command));
    command->field = field;
    command->remaining = command->completed = command->failed = command->warning = -1;
}

void kh_dimse_respond(kh_dimse *out, const kh_dimse *request, uint16_t status)
{
    kh_dimse_init(out, (uint16_t)(request->field | KH_DIMSE_RESPONSE));
    out->responded_id = request->message_id;
    out->status = status;
    out->type_id = request->type_id;
    if (kh_uid_plausible(request->sop_class_uid))
        memcpy(out->sop_class_uid, request->sop_class_uid, sizeof(out->sop_class_uid));
    if (kh_uid_plausible(request->sop_instance_uid))
        memcpy(out->sop_instance_uid, request->sop_instance_uid, sizeof(out->sop_instance_uid));
}

/* --- to bytes; the first failure sticks --- */

typedef struct encoder {
    kh_buf *out;
    kh_status status;
    kh_error *err;
} encoder;

static void put(encoder *to, const void *bytes, size_t size)
{
    if (to->status == KH_OK)
        to->status = kh_buf_append(to->out, bytes, size, to->err);
}

static void put_head(encoder *to, uint16_t element, uint32_t length)
{
    uint8_t head[8] = {0, 0, (uint8_t)element, (uint8_t)(element >> 8), (uint8_t)length, (uint8_t)(length >> 8),
                       (uint8_t)(length >> 16), (uint8_t)(length >> 24)};

    put(to, head, sizeof(head));
}

static void put_us(encoder *to, uint16_t element, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};

    put_head(to, element, 2);
    put(to, bytes, 2);
}

static void put_count(encoder *to, uint16_t element, int32_t value)
{
    if (value >= 0)
        put_us(to, element, value > UINT16_MAX ? UINT16_MAX : (uint16_t)value);
}

/* pad: NUL for UI, space for AE and LO (PS3.5 6.2). Empty text is left out. */
static void put_text(encoder *to, uint16_t element, const char *text, char pad)
{
    size_t length = strlen(text);

    if (length == 0)
        return;
    put_head(to, element, (uint32_t)(length + (length & 1)));
    put(to, text, length);
    if (length & 1)
        put(to, &pad, 1);
}

kh_status kh_dimse_encode(kh_buf *out, const kh_dimse *command, kh_error *err)
{
    encoder to = {out, KH_OK, err};
    size_t begin = out->size;
    bool response = (command->field & KH_DIMSE_RESPONSE) != 0;
    uint32_t group_length;

    put_head(&to, 0x0000, 4);
    put(&to, (uint8_t[4]){0}, 4);
    put_text(&to, command->field == KH_N_ACTION_RQ ? 0x0003 : 0x0002, command->sop_class_uid, '\0');
    put_us(&to, 0x0100, command->field);
    if (!response && command->field != KH_C_CANCEL_RQ)
        put_us(&to, 0x0110, command->message_id);
    else
        put_us(&to, 0x0120, command->responded_id);
    put_text(&to, 0x0600, command->move_destination, ' ');
    if (command->field == KH_C_STORE_RQ || command->field == KH_C_FIND_RQ || command->field == KH_C_MOVE_RQ ||
        command->field == KH_C_GET_RQ)
        put_us(&to, 0x0700, command->priority);
    put_us(&to, 0x0800, command->has_data ? 0x0001 : NO_DATA_SET);
    if (response) {
        put_us(&to, 0x0900, command->status);
        put_text(&to, 0x0902, command->comment, ' ');
    }
    put_text(&to, command->field == KH_N_ACTION_RQ ? 0x1001 : 0x1000, command->sop_instance_uid, '\0');
    if (command->type_id)
        put_us(&to, (command->field & ~KH_DIMSE_RESPONSE) == KH_N_ACTION_RQ ? 0x1008 : 0x1002, command->type_id);
    put_count(&to, 0x1020, command->remaining);
    put_count(&to, 0x1021, command->completed);
    put_count(&to, 0x1022, command->failed);
    put_count(&to, 0x1023, command->warning);
    if (command->move_originator[0]) {
        put_text(&to, 0x1030, command->move_originator, ' ');
        put_us(&to, 0x1031, command->move_originator_id);
    }
    if (to.status != KH_OK)
        return to.status;
    group_length = (uint32_t)(out->size - begin - 12);
    for (unsigned i = 0; i < 4; i++)
        out->data[begin + 8 + i] = (uint8_t)(group_length >> (8 * i));
    return KH_OK;
}

/* --- from bytes --- */

static uint16_t get_us(const uint8_t *value, uint32_t length)
{
    unsigned number = length < 2 ? 0 : value[0] | (unsigned)value[1] << 8;

    return (uint16_t)number;
}

/* Outer spaces and trailing NULs go; what does not fit is no valid value of its VR and becomes "". */
static void get_text(char *out, size_t out_size, const uint8_t *value, uint32_t length)
{
    out[0] = '\0';
    while (length > 0 && (value[length - 1] == '\0' || value[length - 1] == ' '))
        length--;
    while (length > 0 && value[0] == ' ') {
        value++;
        length--;
    }
    if (length >= out_size || memchr(value, '\0', length))
        return;
    memcpy(out, value, length);
    out[length] = '\0';
}

static void take_element(kh_dimse *out, uint16_t element, const uint8_t *value, uint32_t length)
{
    switch (element) {
    case 0x0002: /* affected */
    case 0x0003: /* requested */
        get_text(out->sop_class_uid, sizeof(out->sop_class_uid), value, length);
        break;
    case 0x0100:
        out->field = get_us(value, length);
        break;
    case 0x0110:
        out->message_id = get_us(value, length);
        break;
    case 0x0120:
        out->responded_id = get_us(value, length);
        break;
    case 0x0600:
        get_text(out->move_destination, sizeof(out->move_destination), value, length);
        break;
    case 0x0700:
        out->priority = get_us(value, length);
        break;
    case 0x0800:
        out->has_data = get_us(value, length) != NO_DATA_SET;
        break;
    case 0x0900:
        out->status = get_us(value, length);
        break;
    case 0x0902:
        get_text(out->comment, sizeof(out->comment), value, length);
        break;
    case 0x1000:
    case 0x1001:
        get_text(out->sop_instance_uid, sizeof(out->sop_instance_uid), value, length);
        break;
    case 0x1002:
    case 0x1008:
        out->type_id = get_us(value, length);
        break;
    case 0x1020:
        out->remaining = get_us(value, length);
        break;
    case 0x1021:
        out->completed = get_us(value, length);
        break;
    case 0x1022:
        out->failed = get_us(value, length);
        break;
    case 0x1023:
        out->warning = get_us(value, length);
        break;
    case 0x1030:
        get_text(out->move_originator, sizeof(out->move_originator), value, length);
        break;
    case 0x1031:
        out->move_originator_id = get_us(value, length);
        break;
    default:
        break;
    }
}

kh_status kh_dimse_decode(kh_dimse *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    bool has_type = false, has_status = false;
    size_t at = 0;

    kh_dimse_init(out, 0);
    while (at < size) {
        uint16_t group, element;
        uint32_t length;

        if (size - at < 8)
            return kh_error_set(err, KH_E_FORMAT, "command set: %zu bytes left, expected an element of 8 or more", size - at);
        group = get_us(bytes + at, 2);
        element = get_us(bytes + at + 2, 2);
        length = (uint32_t)bytes[at + 4] | (uint32_t)bytes[at + 5] << 8 | (uint32_t)bytes[at + 6] << 16 |
                 (uint32_t)bytes[at + 7] << 24;
        at += 8;
        if (group != 0)
            return kh_error_set(err, KH_E_FORMAT, "(%04X,%04X) in a command set, expected group 0000", group, element);
        if (length > size - at)
            return kh_error_set(err, KH_E_FORMAT, "(0000,%04X): length %u, %zu bytes left", element, length, size - at);
        take_element(out, element, bytes + at, length);
        has_type = has_type || (element == 0x0800 && length >= 2);
        has_status = has_status || (element == 0x0900 && length >= 2);
        at += length;
    }
    if (out->field == 0)
        return kh_error_set(err, KH_E_FORMAT, "Command Field (0000,0100) is missing");
    if (!has_type)
        return kh_error_set(err, KH_E_FORMAT, "Command Data Set Type (0000,0800) is missing");
    if ((out->field & KH_DIMSE_RESPONSE) && !has_status) /* absent must not read as success */
        return kh_error_set(err, KH_E_FORMAT, "Status (0000,0900) is missing in a response");
    return KH_OK;
}
