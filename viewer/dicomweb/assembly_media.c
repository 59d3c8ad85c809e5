#include <string.h>
#include <strings.h>
#include "viewer/dicomweb/assembly_internal.h"
#include "viewer/dicomweb/media_type.h"

#define TS4 "1.2.840.10008.1.2.4."

/* PS3.18 tables 8.7.3-5 and 8.7.3-6, and the names of before 2017. */
static const kh_assembly_type types[] = {
    {"image/jpeg", KH_CODEC_JPEG, {KH_TS_JPEG_LOSSLESS_SV1, KH_TS_JPEG_BASELINE, KH_TS_JPEG_EXTENDED, KH_TS_JPEG_LOSSLESS, NULL}},
    {"image/dicom-rle", KH_CODEC_RLE, {KH_TS_RLE, NULL}},
    {"image/x-dicom-rle", KH_CODEC_RLE, {KH_TS_RLE, NULL}},
    {"image/jls", KH_CODEC_JPEG_LS, {TS4 "80", TS4 "81", NULL}},
    {"image/x-jls", KH_CODEC_JPEG_LS, {TS4 "80", TS4 "81", NULL}},
    {"image/jp2", KH_CODEC_JPEG_2000, {TS4 "90", TS4 "91", NULL}},
    {"image/jpx", KH_CODEC_JPEG_2000, {TS4 "92", TS4 "93", NULL}},
    {"image/jphc", KH_CODEC_HTJ2K, {TS4 "201", TS4 "202", TS4 "203", NULL}},
    {"image/jxl", KH_CODEC_OTHER, {TS4 "110", TS4 "111", TS4 "112", NULL}},
    {"video/mpeg", KH_CODEC_VIDEO, {TS4 "100", TS4 "101", TS4 "100.1", TS4 "101.1", NULL}},
    {"video/mp4", KH_CODEC_VIDEO,
     {TS4 "102", TS4 "103", TS4 "104", TS4 "105", TS4 "106", TS4 "102.1", TS4 "103.1", TS4 "104.1", TS4 "105.1", TS4 "106.1", NULL}},
    {"video/h265", KH_CODEC_VIDEO, {TS4 "107", TS4 "108", NULL}},
};

const kh_assembly_type *kh_assembly_types(size_t *count)
{
    *count = sizeof types / sizeof types[0];
    return types;
}

bool kh_syntax_holds(const char *wide, const char *narrow)
{
    static const struct {
        const char *wide, *narrow;
    } pairs[] = {{KH_TS_JPEG_EXTENDED, KH_TS_JPEG_BASELINE},
                 {KH_TS_JPEG_LOSSLESS, KH_TS_JPEG_LOSSLESS_SV1},
                 {TS4 "81", TS4 "80"},
                 {TS4 "91", TS4 "90"},
                 {TS4 "92", TS4 "90"},
                 {TS4 "93", TS4 "90"},
                 {TS4 "93", TS4 "91"},
                 {TS4 "202", TS4 "201"},
                 {TS4 "203", TS4 "201"}};

    if (strcmp(wide, narrow) == 0)
        return true;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strcmp(pairs[i].wide, wide) == 0 && strcmp(pairs[i].narrow, narrow) == 0)
            return true;
    return false;
}

static kh_status read_octets(kh_value_media *out, const char *syntax, kh_error *err)
{
    const kh_transfer_syntax *known = syntax ? kh_transfer_syntax_find(syntax) : NULL;

    *out = (kh_value_media){.kind = KH_VALUE_BYTES};
    if (!syntax || strcmp(syntax, KH_TS_EXPLICIT_LE) == 0 || strcmp(syntax, KH_TS_IMPLICIT_LE) == 0)
        return KH_OK;
    if (!known || known->codec == KH_CODEC_NATIVE || known->codec == KH_CODEC_OTHER)
        return kh_error_set(err, KH_E_FORMAT, "application/octet-stream of a transfer syntax that is not taken so");
    *out = (kh_value_media){KH_VALUE_CODESTREAM, known->codec, known->uid, known->uid};
    return KH_OK;
}

kh_status kh_value_media_read(kh_value_media *out, const char *content_type, kh_error *err)
{
    kh_media_type type;
    const char *syntax;

    *out = (kh_value_media){.kind = KH_VALUE_BYTES};
    if (!content_type)
        return KH_OK;
    if (kh_media_type_parse(&type, content_type, err) != KH_OK)
        return KH_E_FORMAT;
    syntax = kh_media_type_parameter(&type, "transfer-syntax");
    if (kh_media_type_is(&type, "application/octet-stream"))
        return read_octets(out, syntax, err);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!kh_media_type_is(&type, types[i].type))
            continue;
        *out = (kh_value_media){KH_VALUE_CODESTREAM, types[i].codec, NULL, types[i].syntaxes[0]};
        for (size_t k = 0; syntax && types[i].syntaxes[k]; k++)
            if (strcmp(types[i].syntaxes[k], syntax) == 0)
                out->named = types[i].syntaxes[k];
        return !syntax || out->named ? KH_OK
                                     : kh_error_set(err, KH_E_FORMAT, "%s of a transfer syntax that it does not have", types[i].type);
    }
    if (strncasecmp(type.name, "image/", 6) == 0 || strncasecmp(type.name, "video/", 6) == 0)
        return kh_error_set(err, KH_E_FORMAT, "a media type of pictures that is not taken");
    out->kind = KH_VALUE_DOCUMENT;
    return KH_OK;
}
