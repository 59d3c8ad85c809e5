#include "app/conformance_web.h"

#include <stdio.h>
#include "app/settings.h"
#include "dicom/codec/codec.h"
#include "dicom/dictionary.h"
#include "dicom/syntax.h"
#include "viewer/dicomweb/assembly.h"
#include "viewer/dicomweb/dicomweb.h"
#include "viewer/dicomweb/frame_list.h"
#include "viewer/dicomweb/qido.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/stow.h"

#define MIB (1 << 20)

/* A cell of a table. */
static void print_list(const char *const *names, size_t count, const char *mark)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%s%s%s", i > 0 ? ", " : " ", mark, names[i], mark);
    printf(" |");
}

static void print_resources(void)
{
    kh_dicomweb_description of;

    puts(
        "\n## DICOMweb: resources\n\n"
        "An origin server of studies (PS3.18), below `" KH_DICOMWEB_PATH
        "`. Every GET answers HEAD, every address OPTIONS: `Allow`, and this table as WADL or\n"
        "JSON. Another method is 405. The first type is the default; one that what is asked for does not have is 406. Those of frames are\n"
        "below. Searches take the keys of the next table besides.\n\n"
        "| method | resource | takes | gives | parameters |\n| --- | --- | --- | --- | --- |");
    for (size_t i = 0; kh_dicomweb_describe(i, &of); i++) {
        printf("| %s | `/%s` |", of.method, of.path);
        print_list(of.takes, of.take_count, "`");
        print_list(of.types, of.type_count, "`");
        print_list(of.parameters, of.key_from, "");
        putchar('\n');
    }
}

/* "studies, series, instances", those of the three that fit. */
static void print_levels(const bool fits[3])
{
    static const char *const names[] = {"studies", "series", "instances"};
    const char *chosen[3];
    size_t count = 0;

    for (size_t i = 0; i < 3; i++)
        if (fits[i])
            chosen[count++] = names[i];
    print_list(chosen, count, "");
}

static void print_search(void)
{
    static const kh_level levels[] = {KH_LEVEL_STUDY, KH_LEVEL_SERIES, KH_LEVEL_IMAGE};
    kh_qido_attribute attribute, found;

    puts(
        "\n## DICOMweb: search (QIDO-RS)\n\n"
        "Matching is as through C-FIND (queries answered, above); fuzzymatching matches the words of a name. Lists of UIDs and codes by commas, of\n"
        "other values by backslashes: one is enough; with multiplevaluematching=true each of the codes of Modalities in Study must be there (PS3.4\n"
        "C.2.2.2.8). With emptyvaluematching=true two quotation marks match what was not told (C.2.2.2.7). Items of Request Attributes Sequence\n"
        "match item by item; they, the performed procedure step's begin and the time zone are known of what came since they are indexed. A name that is\n"
        "in no dictionary is answered with 400; a known attribute that is not indexed, or below the level, filters nothing and is named in a Warning.\n"
        "An attribute is returned at the levels where it stands under always (conditional ones when they have a value), and where it is asked for.\n\n"
        "| tag | attribute | matched in | always in | on request in |\n| --- | --- | --- | --- | --- |");
    for (size_t i = 0; kh_qido_attribute_at(i, &attribute); i++) {
        bool matched[3], always[3], asked[3];

        kh_tag within = kh_qido_within(&attribute);

        if (within == 0 && !kh_qido_attribute_find(attribute.tag, &found))
            continue;
        for (size_t k = 0; k < 3; k++) {
            matched[k] = kh_qido_matches(within, attribute.tag, levels[k]);
            always[k] = kh_qido_is_default(attribute.tag, levels[k], false, false);
            asked[k] = within == 0 && attribute.level <= levels[k] && !always[k];
        }
        printf("| (%04X,%04X) | %s |", attribute.tag >> 16, attribute.tag & 0xffff, kh_qido_keyword(&attribute));
        print_levels(matched);
        print_levels(always);
        print_levels(asked);
        putchar('\n');
    }
    printf("\n`limit` is at most `[dicomweb] results` (%lld), `offset` %d; what is left is counted to %d in a Warning; where every row\n"
           "has to be compared to know, %lld rows are (`[dicomweb] compared`), and \"at least\" is said.\n",
           (long long)kh_settings_default.dicomweb_results, KH_QIDO_OFFSET_MAX, KH_QIDO_COUNTED_MAX,
           (long long)kh_settings_default.dicomweb_compared);
}

static void print_frame_types(void)
{
    kh_offer offers[KH_FRAME_OFFERS_MAX];
    size_t count;
    const kh_transfer_syntax *syntaxes = kh_transfer_syntax_table(&count);

    puts("| frames stored in | are given as |\n| --- | --- |");
    for (size_t i = 0; i < count; i++) {
        size_t offer_count = kh_frame_offers(offers, syntaxes[i].uid, kh_codec_supports(syntaxes[i].uid), false);

        if (syntaxes[i].codec == KH_CODEC_VIDEO)
            continue;
        printf("| %s | ", syntaxes[i].uid);
        for (size_t k = 0; k < offer_count; k++)
            printf("%s%s; transfer-syntax=%s", k > 0 ? ", " : "", offers[k].type, offers[k].transfer_syntax);
        puts(" |");
    }
}

static void print_retrieve(void)
{
    printf(
        "\n## DICOMweb: retrieval (WADO-RS)\n\n"
        "Objects are given in %s, the default; byte for byte in the transfer syntax they are stored in, where it is named or `*`; in %s, where it\n"
        "is named. What is corrected leaves corrected, with Original Attributes Sequence. The parameter accept, weights, HEAD, ETag, If-None-Match,\n"
        "ranges of answers without multipart. A study at its hospital is answered 503 with Retry-After, and fetched. One frame, or one value, is also\n"
        "given alone, without multipart. What is not decoded here (video, JPEG XL) is given as it is stored, also where no transfer syntax is\n"
        "named; the pixel data of a video as video/mpeg (also video/mpeg2), video/mp4 or video/h265.\n\n",
        KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE);
    print_frame_types();
}

static void print_pictures(void)
{
    printf(
        "\n## DICOMweb: pictures\n\n"
        "`annotation`: patient, technique. `iccprofile`: no, yes, srgb; colours are not converted. `viewport` of thumbnails: size only. Structured reports have text/html, text/plain and\n"
        "text/xml instead of pictures, in UTF-8.\n\n"
        "A study stands for its first series with pictures, a series for the slice in the middle of its stack, an instance of several frames for the\n"
        "frame in its middle; of several frames GIF is an animation. quality is that of libjpeg, %d when absent. Viewports have sides to %lld\n"
        "(`[dicomweb] viewport`); a picture has at most %u pixels, an answer %d frames and %u MiB. Not supported: video, presentation\n"
        "states, anonymize, conversion of colours, rendering of volumes.\n",
        KH_RENDERED_QUALITY, (long long)kh_settings_default.dicomweb_viewport, KH_RENDERED_PIXELS_MAX, KH_RENDERED_FRAMES_MAX,
        KH_RENDERED_BYTES_MAX / MIB);
}

static void print_store_types(void)
{
    size_t count;
    const kh_assembly_type *types = kh_assembly_types(&count);

    puts(
        "| a request of | has as parts |\n| --- | --- |\n"
        "| multipart/related; type=\"application/dicom\" | Part 10 objects of any transfer syntax |\n"
        "| multipart/related; type=\"application/dicom+json\" | arrays of data sets, then the values they name, by Content-Location |\n"
        "| multipart/related; type=\"application/dicom+xml\" | Native DICOM Models, one each, then the values they name, by Content-Location |\n\n"
        "Values are application/octet-stream, little endian; the document of an encapsulated document may have its own type; Pixel Data may be:\n\n"
        "| type | transfer syntaxes, that meant without transfer-syntax first |\n| --- | --- |");
    for (size_t i = 0; i < count; i++) {
        size_t syntaxes = 0;

        while (types[i].syntaxes[syntaxes])
            syntaxes++;
        printf("| %s |", types[i].type);
        print_list(types[i].syntaxes, syntaxes, "");
        putchar('\n');
    }
    puts(
        "\nWithout transfer-syntax the codestreams of image/jpeg, image/jls, image/jp2 and image/jphc say which of the type's they are.\n");
}

static void print_store(void)
{
    static const struct {
        unsigned reason;
        const char *text;
    } reasons[] = {
        {KH_STOW_PROCESSING, "we failed"},
        {KH_STOW_CLASS_NOT_SUPPORTED, "its class is not kept here"},
        {KH_STOW_NOT_AUTHORISED, "not authorised"},
        {KH_STOW_OUT_OF_RESOURCES, "no room, no quota, or busy: send it again"},
        {KH_STOW_MISMATCH,
         "what is said of it and what it is differ: file and meta information; attributes and the size, number or transfer syntax of its frames"},
        {KH_STOW_OTHER_STUDY, "not of the study of the address"},
        {KH_STOW_NOT_UNDERSTOOD,
         "it cannot be understood; a part of a type that is not taken; a value that did not come, or that no data set named before it came"},
        {KH_STOW_OTHER_BYTES, "a warning: its UID is known with other bytes, both are kept"},
    };

    puts(
        "\n## DICOMweb: store (STOW-RS)\n\n"
        "Part 10 objects are kept byte for byte; what is answered as stored is durable. Each has its own result; an identical one sent again is a success.\n"
        "A body with a Content-Encoding is 415.\n");
    print_store_types();
    puts("| Failure or Warning Reason | |\n| --- | --- |");
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        printf("| %04X | %s |\n", reasons[i].reason, reasons[i].text);
    printf(
        "\nA request has at most %lld MiB (`[dicomweb] upload`), %u parts, data sets of %lld MiB of text (`[dicomweb] metadata`); %lld store at once\n"
        "(`[dicomweb] uploads`).\n",
        (long long)kh_settings_default.dicomweb_upload_bytes / MIB, kh_dicomweb_options_default.parts_max,
        (long long)kh_settings_default.dicomweb_metadata_bytes / MIB, (long long)kh_settings_default.dicomweb_uploads);
}

static void print_admission(void)
{
    puts(
        "\n## DICOMweb: who is admitted\n\n"
        "With `[dicomweb] tokens` who sends one of them in `Authorization: Bearer`: else 401; a token that may only read: 403 for POST. Without tokens\n"
        "who reaches the port. Pages of other sites read what the list `[dicomweb] origins` allows (CORS, their own origin, no credentials);\n"
        "POST from a page of any other site is 403. There is no TLS of this service's own: a proxy before it has that.");
}

static void print_invoke(void)
{
    puts(
        "\n## IHE Invoke Image Display\n\n"
        "Image Display of RAD TF-2 4.106: `GET /IHEInvokeImageDisplay` with requestType STUDY (studyUID or accessionNumber, lists) or PATIENT (patientID,\n"
        "patientName, patientBirthDate, lowerDateTime, upperDateTime, modalitiesInStudy, mostRecentResults); viewerType IHE_BIR. All images are shown\n"
        "at full quality, whatever diagnosticQuality and keyImagesOnly say.");
}

void kh_conformance_web(void)
{
    print_resources();
    print_search();
    print_retrieve();
    print_pictures();
    print_store();
    print_admission();
    print_invoke();
}
