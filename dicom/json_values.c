/* json_values.c - the values of one attribute. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/json_internal.h"
#include "dicom/text.h"

#define DS_DIGITS_MAX 15 /* every decimal of so many digits is told from its neighbours by a double */
#define EXACT_INTEGER_MAX (INT64_C(1) << 53)

/* --- binary numbers --- */

static void put_real(kh_json_writer *json, double value)
{
    if (isfinite(value))
        kh_json_double(json, value);
    else
        kh_json_text(json, isnan(value) ? "NaN" : value < 0 ? "-inf" : "inf");
}

static void put_wide(kh_json_writer *json, uint64_t bits, bool is_signed)
{
    char text[24];

    if (is_signed && (int64_t)bits >= -EXACT_INTEGER_MAX && (int64_t)bits <= EXACT_INTEGER_MAX)
        kh_json_int(json, (int64_t)bits);
    else if (!is_signed && bits <= (uint64_t)EXACT_INTEGER_MAX)
        kh_json_int(json, (int64_t)bits);
    else {
        if (is_signed)
            snprintf(text, sizeof text, "%lld", (long long)bits);
        else
            snprintf(text, sizeof text, "%llu", (unsigned long long)bits);
        kh_json_text(json, text);
    }
}

static void put_tag(kh_json_writer *json, const uint8_t *at, bool big_endian)
{
    char text[9];

    snprintf(text, sizeof text, "%04X%04X", (unsigned)kh_load_u16(at, big_endian), (unsigned)kh_load_u16(at + 2, big_endian));
    kh_json_text(json, text);
}

static void put_binary(kh_json_writer *json, kh_vr vr, const uint8_t *at, bool big_endian)
{
    uint32_t bits32;
    uint64_t bits64;
    float narrow;
    double wide;

    switch (vr) {
    case KH_VR('U', 'S'): kh_json_int(json, kh_load_u16(at, big_endian)); return;
    case KH_VR('S', 'S'): kh_json_int(json, (int16_t)kh_load_u16(at, big_endian)); return;
    case KH_VR('U', 'L'): kh_json_int(json, kh_load_u32(at, big_endian)); return;
    case KH_VR('S', 'L'): kh_json_int(json, (int32_t)kh_load_u32(at, big_endian)); return;
    case KH_VR('A', 'T'): put_tag(json, at, big_endian); return;
    case KH_VR('F', 'L'):
        bits32 = kh_load_u32(at, big_endian);
        memcpy(&narrow, &bits32, sizeof narrow);
        put_real(json, narrow);
        return;
    case KH_VR('F', 'D'):
        bits64 = kh_load_u64(at, big_endian);
        memcpy(&wide, &bits64, sizeof wide);
        put_real(json, wide);
        return;
    default: put_wide(json, kh_load_u64(at, big_endian), vr == KH_VR('S', 'V')); return;
    }
}

/* --- numbers as text --- */

static bool is_integer(const char *text)
{
    size_t sign = text[0] == '-' || text[0] == '+' ? 1 : 0, digits = strspn(text + sign, "0123456789");

    return digits > 0 && digits <= 10 && text[sign + digits] == '\0';
}

static void put_is(kh_json_writer *json, const char *text)
{
    long long value = is_integer(text) ? strtoll(text, NULL, 10) : INT64_MAX;

    if (value >= INT32_MIN && value <= INT32_MAX)
        kh_json_int(json, value);
    else
        kh_json_text(json, text);
}

/* The digits of a DS as JSON writes a number: no sign +, a digit before the point and behind it, no zeros in front. false when the text is
 * no number or its digits are too many. */
static bool normal_decimal(char out[40], const char *text)
{
    bool negative = *text == '-';
    size_t whole, fraction = 0, exponent_size = 0, exponent_sign = 0, significant;
    const char *point, *exponent;

    if (*text == '-' || *text == '+')
        text++;
    whole = strspn(text, "0123456789");
    point = text + whole;
    if (*point == '.')
        fraction = strspn(point + 1, "0123456789");
    exponent = point + (*point == '.' ? 1 + fraction : 0);
    if (*exponent == 'e' || *exponent == 'E') {
        exponent_sign = exponent[1] == '-' || exponent[1] == '+' ? 1 : 0;
        exponent_size = strspn(exponent + 1 + exponent_sign, "0123456789");
        if (exponent_size == 0 || exponent_size > 3 || exponent[1 + exponent_sign + exponent_size] != '\0')
            return false;
    } else if (*exponent != '\0') {
        return false;
    }
    while (whole > 1 && *text == '0') {
        text++;
        whole--;
    }
    significant = whole + fraction;
    if (whole + fraction == 0 || significant > DS_DIGITS_MAX)
        return false;
    snprintf(out, 40, "%s%.*s%s%.*s%s%.*s%.*s", negative ? "-" : "", whole > 0 ? (int)whole : 1, whole > 0 ? text : "0",
             fraction > 0 ? "." : "", (int)fraction, fraction > 0 ? point + 1 : "", exponent_size > 0 ? "e" : "", (int)exponent_sign,
             exponent + 1, (int)exponent_size, exponent_size > 0 ? exponent + 1 + exponent_sign : "");
    return true;
}

static void put_ds(kh_json_writer *json, const char *text)
{
    char number[40];
    double value = strlen(text) <= 32 && normal_decimal(number, text) ? fabs(strtod(number, NULL)) : -1;

    if (value == 0 || (value >= 1e-290 && value <= 1e290))
        kh_json_number(json, number);
    else
        kh_json_text(json, text);
}

/* --- text --- */

/* LT, ST, UR and UT hold one value, backslashes and all (PS3.5 6.2). */
static bool is_single(kh_vr vr)
{
    return vr == KH_VR('L', 'T') || vr == KH_VR('S', 'T') || vr == KH_VR('U', 'R') || vr == KH_VR('U', 'T');
}

/* Spaces in front mean something there. */
static bool keeps_leading(kh_vr vr)
{
    return is_single(vr) || vr == KH_VR('U', 'C');
}

/* In place, between begin and end; *end is overwritten. */
static char *trim(char *begin, char *end, bool leading)
{
    while (end > begin && (end[-1] == ' ' || end[-1] == '\0'))
        end--;
    *end = '\0';
    while (leading && (*begin == ' ' || (*begin == '\0' && begin < end)))
        begin++;
    return begin;
}

static void put_name(kh_json_writer *json, char *text)
{
    static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
    char *next = text;

    kh_json_object_begin(json);
    for (size_t i = 0; i < 3 && next; i++) {
        char *group = next, *end = strchr(group, '=');

        next = end ? end + 1 : NULL;
        if (!end)
            end = group + strlen(group);
        while (end > group && (end[-1] == '^' || end[-1] == ' '))
            end--;
        *end = '\0';
        while (*group == ' ')
            group++;
        if (*group)
            kh_json_put_text(json, groups[i], group);
    }
    kh_json_object_end(json);
}

/* Empty but for what joins its parts. */
static bool is_empty(kh_vr vr, const char *text)
{
    return text[vr == KH_VR('P', 'N') ? strspn(text, "^= ") : 0] == '\0';
}

static void put_text(kh_json_writer *json, kh_vr vr, char *text)
{
    if (is_empty(vr, text))
        kh_json_null(json);
    else if (vr == KH_VR('P', 'N'))
        put_name(json, text);
    else if (vr == KH_VR('I', 'S'))
        put_is(json, text);
    else if (vr == KH_VR('D', 'S'))
        put_ds(json, text);
    else
        kh_json_text(json, text);
}

/* text, size bytes with a NUL behind, is taken apart. */
static void put_texts(kh_json_writer *json, kh_vr vr, char *text, size_t size)
{
    char *stop = text + size;
    bool single = is_single(vr), begun = false;

    while (stop > text && (stop[-1] == ' ' || stop[-1] == '\0'))
        stop--;
    *stop = '\0';
    for (char *next = text; next <= stop && stop > text;) {
        char *end = single ? NULL : memchr(next, '\\', (size_t)(stop - next));
        char *value;

        if (!end)
            end = stop;
        value = trim(next, end, !keeps_leading(vr));
        if (!begun && end == stop && is_empty(vr, value))
            return; /* nothing but padding */
        if (!begun) {
            kh_json_key(json, "Value");
            kh_json_array_begin(json);
            begun = true;
        }
        put_text(json, vr, value);
        next = end + 1;
    }
    if (begun)
        kh_json_array_end(json);
}

/* Specific Character Set governs these; the others are ASCII, and shown as well as possible when they are not. */
static bool follows_charset(kh_vr vr)
{
    static const char list[] = "LOLTPNSHSTUCUT";

    for (const char *p = list; *p; p += 2)
        if (vr == KH_VR(p[0], p[1]))
            return true;
    return false;
}

kh_status kh_json_values(kh_json_model *model, const kh_element *element, kh_vr vr, const char *charset, bool big_endian, kh_error *err)
{
    size_t size = (size_t)element->length, unit = kh_vr_number_bytes(vr);
    kh_status status;

    if (unit > 0) {
        if (size < unit)
            return KH_OK;
        kh_json_key(&model->json, "Value");
        kh_json_array_begin(&model->json);
        for (size_t at = 0; at + unit <= size; at += unit)
            put_binary(&model->json, vr, element->value + at, big_endian);
        kh_json_array_end(&model->json);
        return KH_OK;
    }
    kh_buf_clear(&model->text);
    status = kh_text_to_utf8(&model->text, element->value, size, follows_charset(vr) ? charset : "", vr == KH_VR('P', 'N'), err);
    if (status == KH_OK && model->text.size > 0)
        put_texts(&model->json, vr, (char *)model->text.data, model->text.size);
    return status;
}
