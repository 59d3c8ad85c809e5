/* json_read_values.c - the values of one attribute: text, names, numbers and bytes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/byte_order.h"
#include "dicom/json_read_internal.h"

static bool vr_in(kh_vr vr, const char *list)
{
    for (; list[0]; list += 2)
        if (vr == KH_VR(list[0], list[1]))
            return true;
    return false;
}

size_t kh_json_read_unit(kh_vr vr)
{
    return vr == KH_VR('A', 'T') ? 4 : kh_vr_swap_unit(vr);
}

static kh_status wrong(kh_vr vr, const char *expected, kh_error *err)
{
    return kh_error_set(err, KH_E_FORMAT, "a value of VR %c%c, expected %s", vr >> 8, vr & 0xff, expected);
}

/* ---- text ---- */

static bool is_single(kh_vr vr)
{
    return vr_in(vr, "LTSTURUT");
}

static kh_status add_text(kh_json_reader *reader, kh_vr vr, const char *text, kh_error *err)
{
    if (!is_single(vr) && strchr(text, '\\'))
        return wrong(vr, "no backslash in it", err);
    return kh_buf_append_text(&reader->scratch, text, err);
}

static kh_status add_name(kh_json_reader *reader, const kh_json *value, kh_error *err)
{
    static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
    size_t known = 0, empty = 0;
    kh_status status = KH_OK;

    if (kh_json_kind_of(value) != KH_JSON_OBJECT)
        return wrong(KH_VR('P', 'N'), "an object", err);
    for (size_t i = 0; status == KH_OK && i < 3; i++) {
        const kh_json *group = kh_json_member(value, groups[i]);
        const char *text = group ? kh_json_text_of(group) : "";

        known += group != NULL;
        if (!text || text[strcspn(text, "\\=")] != '\0')
            return wrong(KH_VR('P', 'N'), "groups of text without = and backslash", err);
        empty++; /* signs = that are due before the next group that is not empty */
        if (*text == '\0')
            continue;
        for (; status == KH_OK && empty > 1; empty--)
            status = kh_buf_append_text(&reader->scratch, "=", err);
        if (status == KH_OK)
            status = kh_buf_append_text(&reader->scratch, text, err);
    }
    if (status == KH_OK && known != kh_json_count(value))
        return wrong(KH_VR('P', 'N'), "Alphabetic, Ideographic and Phonetic only", err);
    return status;
}

/* IS and DS: a number, or text that is one, or at least has no more than its characters. */
static kh_status add_decimal(kh_json_reader *reader, kh_vr vr, const kh_json *value, kh_error *err)
{
    bool integer = vr == KH_VR('I', 'S');
    const char *text = kh_json_text_of(value);
    char number[40];

    if (text) {
        if (text[strspn(text, integer ? "0123456789+- " : "0123456789+-.eE ")] != '\0')
            return wrong(vr, "a number or its digits", err);
        return kh_buf_append_text(&reader->scratch, text, err);
    }
    if (kh_json_kind_of(value) == KH_JSON_INTEGER && integer) {
        int64_t whole = kh_json_integer_of(value);

        if (whole < INT32_MIN || whole > INT32_MAX)
            return wrong(vr, "-2^31 to 2^31 - 1", err);
        return kh_buf_appendf(&reader->scratch, err, "%lld", (long long)whole);
    }
    if (integer || (kh_json_kind_of(value) != KH_JSON_INTEGER && kh_json_kind_of(value) != KH_JSON_REAL))
        return wrong(vr, integer ? "an integer" : "a number", err);
    kh_ds_format(number, kh_json_number_of(value));
    return kh_buf_append_text(&reader->scratch, number, err);
}

static kh_status add_one_text(kh_json_reader *reader, kh_vr vr, const kh_json *value, kh_error *err)
{
    if (kh_json_kind_of(value) == KH_JSON_NULL)
        return KH_OK;
    if (vr == KH_VR('P', 'N'))
        return add_name(reader, value, err);
    if (vr == KH_VR('I', 'S') || vr == KH_VR('D', 'S'))
        return add_decimal(reader, vr, value, err);
    if (!kh_json_text_of(value))
        return wrong(vr, "text", err);
    return add_text(reader, vr, kh_json_text_of(value), err);
}

static kh_status write_texts(kh_json_reader *reader, kh_tag tag, kh_vr vr, const kh_json *values, kh_error *err)
{
    size_t count = kh_json_count(values);
    kh_status status = KH_OK;

    if (count > 1 && is_single(vr))
        return wrong(vr, "one only", err);
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        if (i > 0)
            status = kh_buf_append_text(&reader->scratch, "\\", err);
        if (status == KH_OK)
            status = add_one_text(reader, vr, kh_json_at(values, i), err);
    }
    if (status == KH_OK)
        kh_writer_text(reader->writer, tag, vr, kh_buf_text(&reader->scratch));
    return status;
}

/* ---- binary numbers ---- */

static kh_status add_bits(kh_json_reader *reader, uint64_t bits, size_t size, kh_error *err)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bits >> (8 * i));
    return kh_buf_append(&reader->scratch, bytes, size, err);
}

static kh_status add_tag(kh_json_reader *reader, const kh_json *value, kh_error *err)
{
    const char *text = kh_json_text_of(value);
    kh_tag tag;

    if (!text || strlen(text) != 8 || strspn(text, "0123456789ABCDEFabcdef") != 8)
        return wrong(KH_VR('A', 'T'), "8 hexadecimal digits", err);
    tag = (kh_tag)strtoul(text, NULL, 16);
    return add_bits(reader, (uint64_t)KH_TAG_GROUP(tag) | (uint64_t)KH_TAG_ELEMENT(tag) << 16, 4, err);
}

static bool is_number(const kh_json *value)
{
    return kh_json_kind_of(value) == KH_JSON_INTEGER || kh_json_kind_of(value) == KH_JSON_REAL;
}

static kh_status add_real(kh_json_reader *reader, kh_vr vr, const kh_json *value, kh_error *err)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"NaN", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    const char *text = kh_json_text_of(value);
    double wide = kh_json_number_of(value);
    bool known = is_number(value);
    uint32_t bits32;
    uint64_t bits64;
    float narrow;

    for (size_t i = 0; text && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i].text) == 0) {
            wide = words[i].value;
            known = true;
        }
    if (!known || (vr == KH_VR('F', 'L') && isfinite(wide) && fabs(wide) > 3.4028235677973366e38)) /* rounds to infinity from there on */
        return wrong(vr, "a number, NaN, inf or -inf", err);
    if (vr == KH_VR('F', 'D')) {
        memcpy(&bits64, &wide, sizeof bits64);
        return add_bits(reader, bits64, 8, err);
    }
    narrow = (float)wide;
    memcpy(&bits32, &narrow, sizeof bits32);
    return add_bits(reader, bits32, 4, err);
}

/* SV and UV beyond what a number of JSON is sure to hold come as text. */
static bool wide_integer(uint64_t *bits, kh_vr vr, const kh_json *value)
{
    const char *text = kh_json_text_of(value);
    char *end;

    if (!text) {
        *bits = (uint64_t)kh_json_integer_of(value);
        return kh_json_kind_of(value) == KH_JSON_INTEGER && (vr == KH_VR('S', 'V') || kh_json_integer_of(value) >= 0);
    }
    if (text[0] == '\0' || strlen(text) > 20 || text[strspn(text, vr == KH_VR('S', 'V') ? "-0123456789" : "0123456789")] != '\0')
        return false;
    errno = 0;
    *bits = vr == KH_VR('S', 'V') ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static kh_status add_integer(kh_json_reader *reader, kh_vr vr, const kh_json *value, kh_error *err)
{
    static const struct {
        kh_vr vr;
        int64_t least, most;
    } ranges[] = {{KH_VR('U', 'S'), 0, UINT16_MAX},
                  {KH_VR('S', 'S'), INT16_MIN, INT16_MAX},
                  {KH_VR('U', 'L'), 0, UINT32_MAX},
                  {KH_VR('S', 'L'), INT32_MIN, INT32_MAX}};
    int64_t whole = kh_json_integer_of(value);
    uint64_t bits;

    if (vr == KH_VR('S', 'V') || vr == KH_VR('U', 'V'))
        return wide_integer(&bits, vr, value) ? add_bits(reader, bits, 8, err) : wrong(vr, "an integer of 64 bits", err);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (vr == ranges[i].vr && kh_json_kind_of(value) == KH_JSON_INTEGER && whole >= ranges[i].least && whole <= ranges[i].most)
            return add_bits(reader, (uint64_t)whole, kh_json_read_unit(vr), err);
    return wrong(vr, "an integer in its range", err);
}

static kh_status write_numbers(kh_json_reader *reader, kh_tag tag, kh_vr vr, const kh_json *values, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < kh_json_count(values); i++) {
        const kh_json *value = kh_json_at(values, i);

        status = vr == KH_VR('A', 'T')      ? add_tag(reader, value, err)
                 : vr_in(vr, "FLFD")        ? add_real(reader, vr, value, err)
                                            : add_integer(reader, vr, value, err);
    }
    if (status == KH_OK)
        kh_writer_bytes(reader->writer, tag, vr, kh_buf_text(&reader->scratch), reader->scratch.size);
    return status;
}

kh_status kh_json_read_values(kh_json_reader *reader, kh_tag tag, kh_vr vr, const kh_json *values, kh_error *err)
{
    kh_buf_clear(&reader->scratch);
    if (vr >> 8 == 'O' || vr == KH_VR('U', 'N'))
        return wrong(vr, "InlineBinary or BulkDataURI", err);
    return vr_in(vr, "ATFLFDUSSSULSLUVSV") ? write_numbers(reader, tag, vr, values, err) : write_texts(reader, tag, vr, values, err);
}

/* ---- bytes ---- */

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Four digits, the last two of the last four perhaps signs =. */
static kh_status add_quad(kh_json_reader *reader, const char text[4], bool last, kh_error *err)
{
    size_t size = last && text[3] == '=' ? (text[2] == '=' ? 1 : 2) : 3;
    uint32_t bits = 0;
    uint8_t bytes[3];

    for (size_t i = 0; i < 4; i++) {
        int digit = i <= size ? digit_of(text[i]) : 0;

        if (digit < 0)
            return kh_error_set(err, KH_E_FORMAT, "InlineBinary, expected base64");
        bits = bits << 6 | (uint32_t)digit;
    }
    bytes[0] = (uint8_t)(bits >> 16);
    bytes[1] = (uint8_t)(bits >> 8);
    bytes[2] = (uint8_t)bits;
    return kh_buf_append(&reader->scratch, bytes, size, err);
}

kh_status kh_json_read_inline(kh_json_reader *reader, kh_tag tag, kh_vr vr, const char *text, kh_error *err)
{
    size_t size = strlen(text);
    kh_status status = KH_OK;

    kh_buf_clear(&reader->scratch);
    if (vr >> 8 != 'O' && vr != KH_VR('U', 'N'))
        return wrong(vr, "Value", err);
    if (size % 4 != 0)
        return kh_error_set(err, KH_E_FORMAT, "InlineBinary, expected base64");
    for (size_t i = 0; status == KH_OK && i < size; i += 4)
        status = add_quad(reader, text + i, i + 4 == size, err);
    if (status == KH_OK && reader->scratch.size % kh_json_read_unit(vr) != 0)
        return wrong(vr, "whole units", err);
    if (status == KH_OK)
        kh_writer_bytes(reader->writer, tag, vr, kh_buf_text(&reader->scratch), reader->scratch.size);
    return status;
}
