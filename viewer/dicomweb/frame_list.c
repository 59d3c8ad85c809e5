#include "viewer/dicomweb/frame_list.h"

#include <string.h>

kh_status kh_frame_list_parse(uint32_t numbers[KH_FRAME_LIST_MAX], size_t *count, const char *text, kh_error *err)
{
    *count = 0;
    for (;;) {
        uint64_t number = 0;
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || digits > 10)
            return kh_error_set(err, KH_E_ARG, "frames: \"%.16s\", expected numbers from 1, separated by commas", text);
        for (size_t i = 0; i < digits; i++)
            number = number * 10 + (uint64_t)(text[i] - '0');
        if (number < 1 || number > UINT32_MAX)
            return kh_error_set(err, KH_E_ARG, "frames: \"%.16s\", expected numbers from 1", text);
        if (*count == KH_FRAME_LIST_MAX)
            return kh_error_set(err, KH_E_ARG, "frames: more than %d", KH_FRAME_LIST_MAX);
        if (*count > 0 && number <= numbers[*count - 1])
            return kh_error_set(err, KH_E_ARG, "frames: %u after %u, expected them in ascending order, each once", (unsigned)number,
                                (unsigned)numbers[*count - 1]);
        numbers[(*count)++] = (uint32_t)number;
        text += digits;
        if (*text == '\0')
            return KH_OK;
        if (*text != ',')
            return kh_error_set(err, KH_E_ARG, "frames: \"%.16s\", expected a comma", text);
        text++;
    }
}

/* Table 8.7.3-5 of PS3.18, and the names of before 2017. */
static const struct {
    const char *syntax, *type, *old_type;
} types[] = {
    {"1.2.840.10008.1.2.4.50", "image/jpeg", NULL},           {"1.2.840.10008.1.2.4.51", "image/jpeg", NULL},
    {"1.2.840.10008.1.2.4.57", "image/jpeg", NULL},           {"1.2.840.10008.1.2.4.70", "image/jpeg", NULL},
    {"1.2.840.10008.1.2.5", "image/dicom-rle", "image/x-dicom-rle"}, {"1.2.840.10008.1.2.4.80", "image/jls", "image/x-jls"},
    {"1.2.840.10008.1.2.4.81", "image/jls", "image/x-jls"},   {"1.2.840.10008.1.2.4.90", "image/jp2", NULL},
    {"1.2.840.10008.1.2.4.91", "image/jp2", NULL},            {"1.2.840.10008.1.2.4.92", "image/jpx", NULL},
    {"1.2.840.10008.1.2.4.93", "image/jpx", NULL},            {"1.2.840.10008.1.2.4.201", "image/jphc", NULL},
    {"1.2.840.10008.1.2.4.202", "image/jphc", NULL},          {"1.2.840.10008.1.2.4.203", "image/jphc", NULL},
    {"1.2.840.10008.1.2.4.110", "image/jxl", NULL},           {"1.2.840.10008.1.2.4.111", "image/jxl", NULL},
    {"1.2.840.10008.1.2.4.112", "image/jxl", NULL},
};

static size_t offers_of(kh_offer *offers, const char *stored, bool decodable, bool multipart)
{
    const kh_transfer_syntax *known = kh_transfer_syntax_find(stored);
    bool native = known && known->codec == KH_CODEC_NATIVE;
    size_t count = 0;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].syntax, stored) != 0)
            continue;
        /* a type alone means any of its syntaxes here: the codestream says which it is */
        offers[count++] = (kh_offer){types[i].type, multipart, stored, true, false};
        if (types[i].old_type)
            offers[count++] = (kh_offer){types[i].old_type, multipart, stored, true, false};
    }
    if (!native)
        offers[count++] = (kh_offer){"application/octet-stream", multipart, stored, false, false};
    if (native || decodable)
        offers[count++] = (kh_offer){"application/octet-stream", multipart, KH_TS_EXPLICIT_LE, true, multipart};
    return count;
}

size_t kh_frame_offers(kh_offer offers[KH_FRAME_OFFERS_MAX], const char *stored_syntax, bool decodable, bool single)
{
    size_t count = offers_of(offers, stored_syntax, decodable, true);

    return single ? count + offers_of(offers + count, stored_syntax, decodable, false) : count;
}
