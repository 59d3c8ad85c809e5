#include "dicom/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/syntax.h"
#include "dicom/text.h"

/* Ours: a root made of a UUID (PS3.5 B.2), so that it needs no registration. */
#define IMPLEMENTATION_CLASS_UID "2.25.130897138569533547785879315070852520931"
#define IMPLEMENTATION_VERSION "KAKEHASHI_0_1"

#define LEVELS_MAX 33         /* sequences and items, each counted: 16 of each, and the data set itself */
#define SHORT_LENGTH_MAX 0xfffe /* largest even length of a VR with a 16 bit length */
#define LENGTH_MAX 0xfffffffeU
#define DS_CHARS_MAX 16
#define PREAMBLE_BYTES 128

typedef enum level_kind { LEVEL_MAIN, LEVEL_SEQUENCE, LEVEL_ITEM } level_kind;

typedef struct level {
    level_kind kind;
    bool has_element;
    kh_tag last;      /* of the elements of this level, when has_element */
    size_t length_at; /* offset of the 32 bit length to fill in at the end; unused for LEVEL_MAIN */
    uint64_t gaps;    /* of the writer when the level began */
} level;

struct kh_writer {
    kh_buf *out; /* borrowed */
    bool explicit_vr;
    kh_error error; /* the first failure; status KH_OK while all is well */
    unsigned depth;
    uint64_t gaps; /* bytes of values that are not in out */
    level levels[LEVELS_MAX];
    kh_buf text; /* scratch: one attribute's value in the data set's character set */
    char charset[KH_CHARSET_SIZE];
};

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value & 0xffff);
    put_u16(at + 2, value >> 16);
}

static bool vr_in(kh_vr vr, const char *list)
{
    for (; list[0]; list += 2)
        if (vr == KH_VR(list[0], list[1]))
            return true;
    return false;
}

/* PS3.5 7.1.2: these have two reserved bytes and a 32 bit length. */
static bool vr_has_long_length(kh_vr vr)
{
    return vr_in(vr, "OBODOFOLOVOWSQSVUCUNURUTUV");
}

/* PS3.5 6.1.2.3: the VRs that Specific Character Set governs. */
static bool vr_follows_charset(kh_vr vr)
{
    return vr_in(vr, "LOLTPNSHSTUCUT");
}

/* In these a backslash is a character like any other (PS3.5 6.2). */
static bool vr_single_value(kh_vr vr)
{
    return vr_in(vr, "LTSTURUT");
}

static uint8_t vr_padding(kh_vr vr)
{
    return vr_in(vr, "AEASCSDADSDTISLOLTPNSHSTTMUCURUT") ? ' ' : 0;
}

static bool failed(const kh_writer *writer)
{
    return writer->error.status != KH_OK;
}

static void append(kh_writer *writer, const void *bytes, size_t size)
{
    if (!failed(writer) && kh_buf_append(writer->out, bytes, size, &writer->error) != KH_OK)
        kh_error_prefix(&writer->error, "data set");
}

/* Open an element at the present level: order, then room for it there. */
static bool element_allowed(kh_writer *writer, kh_tag tag)
{
    level *now = &writer->levels[writer->depth];

    if (failed(writer))
        return false;
    if (now->kind == LEVEL_SEQUENCE)
        kh_error_set(&writer->error, KH_E_INTERNAL, "(%04X,%04X) written into a sequence, expected an item",
                     KH_TAG_ARGS(tag));
    else if (now->has_element && tag <= now->last)
        kh_error_set(&writer->error, KH_E_INTERNAL, "(%04X,%04X) written after (%04X,%04X), expected ascending tags",
                     KH_TAG_ARGS(tag), KH_TAG_ARGS(now->last));
    now->has_element = true;
    now->last = tag;
    return !failed(writer);
}

/* The header of an element whose value will have size bytes; returns false when that cannot be said. */
static bool write_header(kh_writer *writer, kh_tag tag, kh_vr vr, size_t size)
{
    uint8_t header[12];
    size_t header_size = 8;

    if (!element_allowed(writer, tag))
        return false;
    if (size > LENGTH_MAX || (writer->explicit_vr && !vr_has_long_length(vr) && size > SHORT_LENGTH_MAX)) {
        kh_error_set(&writer->error, KH_E_LIMIT, "(%04X,%04X) value of %zu bytes, more than its VR can hold",
                     KH_TAG_ARGS(tag), size);
        return false;
    }
    put_u16(header, KH_TAG_GROUP(tag));
    put_u16(header + 2, KH_TAG_ELEMENT(tag));
    if (!writer->explicit_vr) {
        put_u32(header + 4, (uint32_t)size);
    } else {
        header[4] = (uint8_t)(vr >> 8);
        header[5] = (uint8_t)vr;
        if (vr_has_long_length(vr)) {
            put_u16(header + 6, 0);
            put_u32(header + 8, (uint32_t)size);
            header_size = 12;
        } else {
            put_u16(header + 6, (unsigned)size);
        }
    }
    append(writer, header, header_size);
    return !failed(writer);
}

void kh_writer_bytes(kh_writer *writer, kh_tag tag, kh_vr vr, const void *bytes, size_t size)
{
    uint8_t padding = vr_padding(vr);

    if (!write_header(writer, tag, vr, size + size % 2))
        return;
    append(writer, bytes, size);
    append(writer, &padding, size % 2);
}

void kh_writer_gap(kh_writer *writer, kh_tag tag, kh_vr vr, uint64_t size, bool undefined)
{
    uint64_t even = size < LENGTH_MAX ? size + size % 2 : size;

    if (!write_header(writer, tag, vr, undefined ? 0 : even))
        return;
    if (undefined)
        put_u32(writer->out->data + writer->out->size - 4, 0xffffffffu);
    writer->gaps += even;
}

void kh_writer_empty(kh_writer *writer, kh_tag tag, kh_vr vr)
{
    kh_writer_bytes(writer, tag, vr, "", 0);
}

/* 7 bit and no escape: the same bytes in every character set we write (PS3.5 6.1.2.1). In ISO_IR 13 two of them look
 * different. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text > 0x7f || *text == 0x1b)
            return false;
    return true;
}

/* One value, which is size bytes of UTF-8, in the data set's character set, to writer->text. */
static kh_status encode_value(kh_writer *writer, kh_vr vr, const char *utf8, size_t size)
{
    char *value = strndup(utf8, size);
    kh_status status;

    if (!value)
        return kh_error_set(&writer->error, KH_E_MEMORY, "no memory for a text of %zu bytes", size);
    if (is_plain(value) || strcmp(writer->charset, "ISO_IR 192") == 0)
        status = kh_buf_append_text(&writer->text, value, &writer->error);
    else if (vr_follows_charset(vr))
        status = kh_text_from_utf8(&writer->text, value, writer->charset, vr == KH_VR('P', 'N'), &writer->error);
    else
        status = kh_error_set(&writer->error, KH_E_ARG, "text of VR %c%c has a character outside ASCII", vr >> 8,
                              vr & 0xff);
    free(value);
    return status;
}

void kh_writer_text(kh_writer *writer, kh_tag tag, kh_vr vr, const char *utf8)
{
    kh_status status = KH_OK;

    if (failed(writer))
        return;
    kh_buf_clear(&writer->text);
    /* Value by value: a code extension ends at the backslash, and in some sets 0x5C is half of a character. */
    while (status == KH_OK) {
        size_t size = vr_single_value(vr) ? strlen(utf8) : strcspn(utf8, "\\");

        status = encode_value(writer, vr, utf8, size);
        utf8 += size;
        if (status != KH_OK || !*utf8)
            break;
        status = kh_buf_append_text(&writer->text, "\\", &writer->error);
        utf8++;
    }
    if (status != KH_OK) {
        kh_error_prefix(&writer->error, "(%04X,%04X)", KH_TAG_ARGS(tag));
        return;
    }
    kh_writer_bytes(writer, tag, vr, kh_buf_text(&writer->text), writer->text.size);
}

void kh_writer_us(kh_writer *writer, kh_tag tag, const uint16_t *values, size_t count)
{
    if (!write_header(writer, tag, KH_VR('U', 'S'), count * 2))
        return;
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[2];

        put_u16(bytes, values[i]);
        append(writer, bytes, sizeof bytes);
    }
}

void kh_writer_ul(kh_writer *writer, kh_tag tag, const uint32_t *values, size_t count)
{
    if (!write_header(writer, tag, KH_VR('U', 'L'), count * 4))
        return;
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[4];

        put_u32(bytes, values[i]);
        append(writer, bytes, sizeof bytes);
    }
}

/* The shortest text that reads back as value, or the closest of 16 characters (PS3.5 6.2, DS). */
void kh_ds_format(char out[40], double value)
{
    char text[40];
    bool exact = false;

    out[0] = '\0';
    for (int digits = 1; digits <= 17; digits++) {
        int length = snprintf(text, sizeof text, "%.*g", digits, value);
        bool reads_back = length <= DS_CHARS_MAX && strtod(text, NULL) == value;

        if (length > DS_CHARS_MAX || (exact && (!reads_back || (size_t)length >= strlen(out))))
            continue;
        memcpy(out, text, sizeof text);
        exact = reads_back;
    }
}

void kh_writer_ds(kh_writer *writer, kh_tag tag, const double *values, size_t count)
{
    kh_status status = KH_OK;

    if (failed(writer))
        return;
    kh_buf_clear(&writer->text);
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        char text[40];

        if (!isfinite(values[i])) {
            kh_error_set(&writer->error, KH_E_ARG, "(%04X,%04X) value %zu is not a finite number", KH_TAG_ARGS(tag), i);
            return;
        }
        kh_ds_format(text, values[i]);
        status = kh_buf_appendf(&writer->text, &writer->error, "%s%s", i ? "\\" : "", text);
    }
    kh_writer_bytes(writer, tag, KH_VR('D', 'S'), kh_buf_text(&writer->text), writer->text.size);
}

void kh_writer_is(kh_writer *writer, kh_tag tag, int64_t value)
{
    char text[24];

    if (failed(writer))
        return;
    /* PS3.5 6.2: IS is an integer of 32 bits in at most 12 characters. */
    if (value < INT32_MIN || value > INT32_MAX) {
        kh_error_set(&writer->error, KH_E_ARG, "(%04X,%04X) value %lld, expected -2^31 to 2^31 - 1", KH_TAG_ARGS(tag),
                     (long long)value);
        return;
    }
    kh_writer_bytes(writer, tag, KH_VR('I', 'S'), text, (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
}

/* One level down; its length stands in the 4 bytes just written. */
static void enter(kh_writer *writer, level_kind kind)
{
    if (failed(writer))
        return;
    if (writer->depth + 1 >= LEVELS_MAX) {
        kh_error_set(&writer->error, KH_E_LIMIT, "nested deeper than %d levels", LEVELS_MAX - 1);
        return;
    }
    writer->levels[++writer->depth] = (level){.kind = kind, .length_at = writer->out->size - 4, .gaps = writer->gaps};
}

static void leave(kh_writer *writer, level_kind kind)
{
    const level *now = &writer->levels[writer->depth];
    uint64_t size;

    if (failed(writer))
        return;
    if (now->kind != kind) {
        kh_error_set(&writer->error, KH_E_INTERNAL, "end of a sequence or item that was not begun");
        return;
    }
    size = writer->out->size - now->length_at - 4 + (writer->gaps - now->gaps);
    if (size > LENGTH_MAX)
        kh_error_set(&writer->error, KH_E_LIMIT, "sequence of %llu bytes, more than its length can say", (unsigned long long)size);
    else
        put_u32(writer->out->data + now->length_at, (uint32_t)size);
    writer->depth--;
}

void kh_writer_sequence_begin(kh_writer *writer, kh_tag tag)
{
    if (write_header(writer, tag, KH_VR('S', 'Q'), 0))
        enter(writer, LEVEL_SEQUENCE);
}

void kh_writer_item_begin(kh_writer *writer)
{
    static const uint8_t header[8] = {0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0};

    if (failed(writer))
        return;
    if (writer->levels[writer->depth].kind != LEVEL_SEQUENCE) {
        kh_error_set(&writer->error, KH_E_INTERNAL, "item written outside a sequence");
        return;
    }
    append(writer, header, sizeof header);
    enter(writer, LEVEL_ITEM);
}

void kh_writer_item_end(kh_writer *writer)
{
    leave(writer, LEVEL_ITEM);
}

void kh_writer_sequence_end(kh_writer *writer)
{
    leave(writer, LEVEL_SEQUENCE);
}

kh_status kh_writer_create(kh_writer **out_writer, kh_buf *out, bool explicit_vr, const char *charset, kh_error *err)
{
    kh_writer *writer;

    *out_writer = NULL;
    if (strlen(charset) >= KH_CHARSET_SIZE)
        return kh_error_set(err, KH_E_LIMIT, "SpecificCharacterSet of %zu bytes, limit %d", strlen(charset),
                            KH_CHARSET_SIZE - 1);
    writer = calloc(1, sizeof *writer);
    if (!writer)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a data set writer");
    writer->out = out;
    writer->explicit_vr = explicit_vr;
    kh_buf_init(&writer->text, out->max_size);
    memcpy(writer->charset, charset, strlen(charset) + 1);
    *out_writer = writer;
    return KH_OK;
}

void kh_writer_free(kh_writer *writer)
{
    if (!writer)
        return;
    kh_buf_release(&writer->text);
    free(writer);
}

kh_status kh_writer_finish(kh_writer *writer, kh_error *err)
{
    if (!failed(writer) && writer->depth > 0)
        kh_error_set(&writer->error, KH_E_INTERNAL, "%u sequences or items not ended", writer->depth);
    if (failed(writer))
        return kh_error_set(err, writer->error.status, "%s", writer->error.message);
    return KH_OK;
}

static void write_meta(kh_writer *writer, const char *sop_class_uid, const char *sop_instance_uid,
                       const char *transfer_syntax_uid, const char *source_ae_title)
{
    static const uint32_t unknown_length = 0;
    static const uint8_t version[2] = {0x00, 0x01};

    kh_writer_ul(writer, KH_TAG(0x0002, 0x0000), &unknown_length, 1);
    kh_writer_bytes(writer, KH_TAG(0x0002, 0x0001), KH_VR('O', 'B'), version, sizeof version);
    kh_writer_text(writer, KH_TAG_MEDIA_STORAGE_SOP_CLASS_UID, KH_VR('U', 'I'), sop_class_uid);
    kh_writer_text(writer, KH_TAG_MEDIA_STORAGE_SOP_INSTANCE_UID, KH_VR('U', 'I'), sop_instance_uid);
    kh_writer_text(writer, KH_TAG_TRANSFER_SYNTAX_UID, KH_VR('U', 'I'), transfer_syntax_uid);
    kh_writer_text(writer, KH_TAG(0x0002, 0x0012), KH_VR('U', 'I'), IMPLEMENTATION_CLASS_UID);
    kh_writer_text(writer, KH_TAG(0x0002, 0x0013), KH_VR('S', 'H'), IMPLEMENTATION_VERSION);
    if (source_ae_title && source_ae_title[0])
        kh_writer_text(writer, KH_TAG(0x0002, 0x0016), KH_VR('A', 'E'), source_ae_title);
}

kh_status kh_part10_header(kh_buf *out, const char *sop_class_uid, const char *sop_instance_uid,
                           const char *transfer_syntax_uid, const char *source_ae_title, kh_error *err)
{
    static const uint8_t start[PREAMBLE_BYTES + 4] = {[PREAMBLE_BYTES] = 'D', 'I', 'C', 'M'};
    const char *uids[] = {sop_class_uid, sop_instance_uid, transfer_syntax_uid};
    kh_writer *writer = NULL;
    size_t group_length_at;
    kh_status status;

    for (size_t i = 0; i < sizeof uids / sizeof uids[0]; i++)
        if (!kh_uid_plausible(uids[i]))
            return kh_error_set(err, KH_E_ARG, "file meta information: UID number %zu, expected 1 to 64 of [0-9.]", i);
    status = kh_buf_append(out, start, sizeof start, err);
    if (status != KH_OK)
        return status;
    group_length_at = out->size + 8;
    status = kh_writer_create(&writer, out, true, "", err);
    if (status != KH_OK)
        return status;
    write_meta(writer, sop_class_uid, sop_instance_uid, transfer_syntax_uid, source_ae_title);
    status = kh_writer_finish(writer, err);
    if (status == KH_OK)
        put_u32(out->data + group_length_at, (uint32_t)(out->size - group_length_at - 4));
    kh_writer_free(writer);
    return status;
}
