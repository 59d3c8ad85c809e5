#include "dicom/shim/associate_check.h"

#include <stdbool.h>
#include <string.h>
#include "dicom/syntax.h"

#define FIXED_BYTES 68 /* version to reserved, before the variable items */
#define CONTEXTS_MAX 128
#define SYNTAXES_MAX 50 /* of one context: what the toolkit's table holds */

enum {
    ITEM_APPLICATION_CONTEXT = 0x10,
    ITEM_PRESENTATION_CONTEXT = 0x20,
    ITEM_ABSTRACT_SYNTAX = 0x30,
    ITEM_TRANSFER_SYNTAX = 0x40,
    ITEM_USER_INFORMATION = 0x50,
    ITEM_MAXIMUM_LENGTH = 0x51,
    ITEM_IMPLEMENTATION_CLASS = 0x52,
    ITEM_ASYNCHRONOUS_WINDOW = 0x53,
    ITEM_ROLE_SELECTION = 0x54,
    ITEM_IMPLEMENTATION_VERSION = 0x55,
    ITEM_EXTENDED_NEGOTIATION = 0x56,
    ITEM_COMMON_EXTENDED = 0x57,
    ITEM_USER_IDENTITY = 0x58
};

typedef struct reader {
    const uint8_t *bytes;
    size_t left;
} reader;

typedef struct item {
    unsigned type;
    reader body;
} item;

static size_t u16(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

/* The next item of from, which is moved past it. */
static kh_status next_item(item *out, reader *from, kh_error *err)
{
    size_t length;

    if (from->left < 4)
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ: %zu bytes left, expected an item of 4 or more", from->left);
    out->type = from->bytes[0];
    length = u16(from->bytes + 2);
    if (length > from->left - 4)
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ item %02X: length %zu, %zu bytes left", out->type, length,
                            from->left - 4);
    out->body = (reader){from->bytes + 4, length};
    from->bytes += 4 + length;
    from->left -= 4 + length;
    return KH_OK;
}

static kh_status check_uid(const item *uid, kh_error *err)
{
    size_t length = uid->body.left;

    if (length > KH_UID_SIZE) /* one pad byte more than the standard allows is seen and read */
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ item %02X: UID of %zu bytes, expected 64 or fewer", uid->type, length);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = uid->body.bytes[i];
        if (!(byte >= '0' && byte <= '9') && byte != '.' && byte != ' ' && byte != '\0')
            return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ item %02X: byte %02X in a UID", uid->type, byte);
    }
    return KH_OK;
}

static kh_status check_context(const item *context, bool seen[256], kh_error *err)
{
    reader body = context->body;
    unsigned abstract_count = 0, transfer_count = 0;
    uint8_t id;
    kh_status status = KH_OK;

    if (body.left < 4)
        return kh_error_set(err, KH_E_FORMAT, "presentation context item: length %zu, expected 4 or more", body.left);
    id = body.bytes[0];
    if (!(id & 1) || seen[id])
        return kh_error_set(err, KH_E_FORMAT, "presentation context ID %u, expected an odd one not used before", id);
    seen[id] = true;
    body = (reader){body.bytes + 4, body.left - 4};
    while (status == KH_OK && body.left > 0) {
        item sub = {0};
        status = next_item(&sub, &body, err);
        if (status != KH_OK)
            return status;
        if (sub.type == ITEM_ABSTRACT_SYNTAX)
            abstract_count++;
        else if (sub.type == ITEM_TRANSFER_SYNTAX)
            transfer_count++;
        else
            return kh_error_set(err, KH_E_FORMAT, "item %02X in a presentation context, expected 30 or 40", sub.type);
        status = check_uid(&sub, err);
    }
    if (status != KH_OK)
        return status;
    if (abstract_count != 1 || transfer_count < 1)
        return kh_error_set(err, KH_E_FORMAT, "presentation context %u: %u abstract and %u transfer syntaxes, expected 1 and 1 or more",
                            id, abstract_count, transfer_count);
    if (transfer_count > SYNTAXES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "presentation context %u: %u transfer syntaxes, limit %u", id, transfer_count,
                            SYNTAXES_MAX);
    return KH_OK;
}

/* A UID behind a 16-bit length at the start of body, which is moved past it. */
static kh_status skip_counted(reader *body, unsigned type, kh_error *err)
{
    size_t length;

    if (body->left < 2 || u16(body->bytes) > body->left - 2)
        return kh_error_set(err, KH_E_FORMAT, "user information item %02X: inner length past its end", type);
    length = u16(body->bytes);
    body->bytes += 2 + length;
    body->left -= 2 + length;
    return KH_OK;
}

static kh_status check_user_item(const item *sub, kh_error *err)
{
    reader body = sub->body;
    kh_status status = KH_OK;

    switch (sub->type) {
    case ITEM_MAXIMUM_LENGTH:
    case ITEM_ASYNCHRONOUS_WINDOW:
        if (body.left != 4)
            return kh_error_set(err, KH_E_FORMAT, "user information item %02X: length %zu, expected 4", sub->type, body.left);
        return KH_OK;
    case ITEM_IMPLEMENTATION_CLASS:
        return check_uid(sub, err);
    case ITEM_IMPLEMENTATION_VERSION:
        if (body.left > 16)
            return kh_error_set(err, KH_E_FORMAT, "implementation version name of %zu bytes, expected 16 or fewer", body.left);
        return KH_OK;
    case ITEM_ROLE_SELECTION:
        status = skip_counted(&body, sub->type, err);
        if (status == KH_OK && (body.left != 2 || sub->body.left - 4 > KH_UID_SIZE))
            return kh_error_set(err, KH_E_FORMAT, "role selection item: length %zu does not fit its UID", sub->body.left);
        return status;
    case ITEM_EXTENDED_NEGOTIATION:
    case ITEM_COMMON_EXTENDED:
        status = skip_counted(&body, sub->type, err);
        if (status == KH_OK && sub->body.left - body.left - 2 > KH_UID_SIZE)
            return kh_error_set(err, KH_E_FORMAT, "user information item %02X: UID over 64 bytes", sub->type);
        return status;
    case ITEM_USER_IDENTITY:
        if (body.left < 2)
            return kh_error_set(err, KH_E_FORMAT, "user identity item: length %zu, expected 6 or more", body.left);
        body = (reader){body.bytes + 2, body.left - 2};
        status = skip_counted(&body, sub->type, err);
        return status == KH_OK ? skip_counted(&body, sub->type, err) : status;
    default:
        return KH_OK;
    }
}

static kh_status check_user_information(const item *info, kh_error *err)
{
    reader body = info->body;
    bool seen[256] = {false};
    kh_status status = KH_OK;

    while (status == KH_OK && body.left > 0) {
        item sub;
        status = next_item(&sub, &body, err);
        if (status != KH_OK)
            return status;
        /* Those that come once only: a second one leaks in the toolkit. */
        if (sub.type != ITEM_ROLE_SELECTION && sub.type != ITEM_EXTENDED_NEGOTIATION && sub.type != ITEM_COMMON_EXTENDED) {
            if (seen[sub.type])
                return kh_error_set(err, KH_E_FORMAT, "user information item %02X stands there twice", sub.type);
            seen[sub.type] = true;
        }
        status = check_user_item(&sub, err);
    }
    return status;
}

static kh_status check_items(reader body, kh_error *err)
{
    bool seen[256] = {false};
    unsigned application_count = 0, context_count = 0, user_count = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && body.left > 0) {
        item found;
        status = next_item(&found, &body, err);
        if (status != KH_OK)
            return status;
        if (found.type == ITEM_APPLICATION_CONTEXT) {
            application_count++;
            status = check_uid(&found, err);
        } else if (found.type == ITEM_PRESENTATION_CONTEXT) {
            context_count++;
            status = check_context(&found, seen, err);
        } else if (found.type == ITEM_USER_INFORMATION) {
            user_count++;
            status = check_user_information(&found, err);
        } else {
            return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ: item %02X, expected 10, 20 or 50", found.type);
        }
    }
    if (status != KH_OK)
        return status;
    if (application_count != 1 || user_count != 1 || context_count < 1)
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ: %u application contexts, %u presentation contexts, %u user items, "
                            "expected 1, 1 or more, 1", application_count, context_count, user_count);
    if (context_count > CONTEXTS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "A-ASSOCIATE-RQ: %u presentation contexts, limit %u", context_count, CONTEXTS_MAX);
    return KH_OK;
}

kh_status kh_associate_check(const uint8_t *pdu, size_t size, kh_error *err)
{
    size_t length;

    if (size < KH_PDU_HEAD_BYTES + FIXED_BYTES)
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ of %zu bytes, expected %d or more", size, KH_PDU_HEAD_BYTES + FIXED_BYTES);
    if (pdu[0] != 0x01)
        return kh_error_set(err, KH_E_FORMAT, "PDU type %02X, expected 01 (A-ASSOCIATE-RQ)", pdu[0]);
    length = (size_t)pdu[2] << 24 | (size_t)pdu[3] << 16 | u16(pdu + 4);
    if (length != size - KH_PDU_HEAD_BYTES)
        return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ: length %zu, got %zu bytes", length, size - KH_PDU_HEAD_BYTES);
    for (size_t i = 0; i < 32; i++) { /* called and calling AE title */
        uint8_t byte = pdu[KH_PDU_HEAD_BYTES + 4 + i];
        if (byte < ' ' || byte > '~' || byte == '\\')
            return kh_error_set(err, KH_E_FORMAT, "A-ASSOCIATE-RQ: byte %02X in an AE title", byte);
    }
    return check_items((reader){pdu + KH_PDU_HEAD_BYTES + FIXED_BYTES, size - KH_PDU_HEAD_BYTES - FIXED_BYTES}, err);
}
