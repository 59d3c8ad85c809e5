/* part10.c - a file: preamble, meta information, data set (PS3.10 7.1), or what is left of them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/element_header.h"

#define PREAMBLE_BYTES 128
#define WARNINGS_BYTES_MAX 4096

const kh_dataset_limits kh_dataset_limits_default = {
    .depth = 16,
    .elements = 1000000,
    .value_bytes = 256u << 10,
    .held_bytes = (uint64_t)64 << 20,
    .inflated_bytes = (uint64_t)1 << 30,
};

/* How a data set is written, judged by its first element. */
typedef struct kh_encoding {
    bool explicit_vr, big_endian;
    bool certain;
} kh_encoding;

void kh_dataset_warn(kh_dataset *dataset, const char *format, ...)
{
    char line[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (kh_buf_appendf(&dataset->warnings, NULL, "%s%s", dataset->warnings.size > 0 ? "\n" : "", line) != KH_OK)
        return; /* enough has been said */
}

static kh_status create(kh_dataset **out, const kh_dataset_limits *limits, kh_error *err)
{
    kh_dataset *dataset = calloc(1, sizeof(*dataset));

    if (!dataset)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a data set");
    kh_arena_init(&dataset->arena, limits->held_bytes);
    kh_buf_init(&dataset->warnings, WARNINGS_BYTES_MAX);
    dataset->main.charset = dataset->meta.charset = "";
    *out = dataset;
    return KH_OK;
}

void kh_dataset_free(kh_dataset *dataset)
{
    if (!dataset)
        return;
    kh_arena_release(&dataset->arena);
    kh_buf_release(&dataset->warnings);
    kh_inflated_free(dataset->inflated, dataset->inflated_size);
    free(dataset);
}

static const char *encoding_text(const kh_encoding *encoding)
{
    if (encoding->explicit_vr)
        return encoding->big_endian ? KH_TS_EXPLICIT_BE : KH_TS_EXPLICIT_LE;
    return KH_TS_IMPLICIT_LE;
}

/* certain: a first element of an even group 0002 to 0010 whose value fits. Nothing else passes for a data set without a
 * header, and nothing less contradicts a declared transfer syntax. */
static kh_status judge(kh_encoding *out, kh_block_reader *reader, uint64_t offset, kh_error *err)
{
    uint64_t left = reader->source->size - offset;
    kh_element_header header;
    const uint8_t *bytes;
    uint16_t group;
    kh_status status;

    if (left < 8)
        return kh_error_set(err, KH_E_FORMAT, "%" PRIu64 " bytes of data set, expected at least one attribute", left);
    status = kh_block_reader_at(&bytes, reader, offset, 8, err);
    if (status != KH_OK)
        return status;
    out->big_endian = bytes[0] == 0 && bytes[1] != 0;
    out->explicit_vr = kh_vr_known(KH_VR(bytes[4], bytes[5]));
    group = kh_load_u16(bytes, out->big_endian);
    status = kh_element_header_read(&header, reader, offset, left, out->explicit_vr, out->big_endian, NULL);
    out->certain = group >= 0x0002 && group <= 0x0010 && (group & 1) == 0 && status == KH_OK &&
                   (header.length <= left - header.size || header.length == KH_LENGTH_UNDEFINED);
    return KH_OK;
}

/* DICM at byte 128 that is text of a file without preamble: what follows is no meta information, but byte 0 begins a
 * data set. */
static bool is_chance(kh_block_reader *reader)
{
    const uint8_t *bytes;
    kh_encoding encoding = {0};

    if (reader->source->size < PREAMBLE_BYTES + 12 ||
        kh_block_reader_at(&bytes, reader, PREAMBLE_BYTES + 4, 2, NULL) != KH_OK || kh_load_u16(bytes, false) == 0x0002)
        return false;
    return judge(&encoding, reader, 0, NULL) == KH_OK && encoding.certain;
}

/* Where the meta information or, without it, the data set begins. */
static kh_status find_begin(uint64_t *begin, bool *has_meta, kh_dataset *dataset, kh_block_reader *reader,
                            kh_error *err)
{
    uint64_t size = reader->source->size;
    const uint8_t *bytes;
    kh_status status;

    *begin = 0;
    *has_meta = true;
    if (size == 0)
        return kh_error_set(err, KH_E_FORMAT, "the file is empty");
    if (size >= PREAMBLE_BYTES + 4) {
        status = kh_block_reader_at(&bytes, reader, PREAMBLE_BYTES, 4, err);
        if (status != KH_OK)
            return status;
        if (memcmp(bytes, "DICM", 4) == 0 && !is_chance(reader)) {
            *begin = PREAMBLE_BYTES + 4;
            return KH_OK;
        }
    }
    if (size < 8)
        return kh_error_set(err, KH_E_FORMAT, "not a DICOM file: %" PRIu64 " bytes", size);
    status = kh_block_reader_at(&bytes, reader, 0, 8, err);
    if (status != KH_OK)
        return status;
    if (memcmp(bytes, "DICM", 4) == 0)
        *begin = 4;
    else if (kh_load_u16(bytes, false) != 0x0002)
        *has_meta = false;
    kh_dataset_warn(dataset, *has_meta ? "no preamble" : "no preamble and no meta information");
    return KH_OK;
}

static void check_group_length(kh_dataset *dataset, uint64_t end)
{
    const kh_element *element = kh_item_find(&dataset->meta, KH_TAG(0x0002, 0x0000));
    int64_t length;

    if (!element || !kh_item_int(&dataset->meta, KH_TAG(0x0002, 0x0000), 0, &length))
        kh_dataset_warn(dataset, "no group length in the meta information");
    else if ((uint64_t)length != end - element->offset - element->length)
        kh_dataset_warn(dataset, "meta information (0002,0000): group length %" PRId64 ", expected %" PRIu64, length,
                        end - element->offset - element->length);
}

static kh_status read_meta(kh_dataset *dataset, uint64_t *position, kh_block_reader *reader,
                           const kh_dataset_limits *limits, kh_error *err)
{
    kh_parse_options options = {
        .begin = *position,
        .end = reader->source->size,
        .explicit_vr = true,
        .meta_only = true,
        .limits = *limits,
    };
    kh_status status = kh_parse_elements(&dataset->meta, position, dataset, reader, &options, err);

    if (status != KH_OK) {
        kh_error_prefix(err, "meta information");
        return status;
    }
    check_group_length(dataset, *position);
    (void)kh_item_string(&dataset->meta, KH_TAG_TRANSFER_SYNTAX_UID, 0, dataset->transfer_syntax,
                         sizeof(dataset->transfer_syntax));
    return KH_OK;
}

/* The encoding that the transfer syntax declares, unless the first element plainly contradicts. */
static kh_status settle_encoding(kh_encoding *out, kh_dataset *dataset, kh_block_reader *reader, uint64_t position,
                                 kh_error *err)
{
    const kh_transfer_syntax *declared = kh_transfer_syntax_find(dataset->transfer_syntax);
    kh_encoding seen = {0};
    kh_status status = judge(&seen, reader, position, err);

    if (status != KH_OK)
        return status;
    if (!declared && !seen.certain && dataset->meta.element_count == 0)
        return kh_error_set(err, KH_E_FORMAT,
                            "not a DICOM file: no DICM at byte 128, and no attribute at byte %" PRIu64, position);
    if (declared &&
        (!seen.certain || (seen.explicit_vr == declared->explicit_vr && seen.big_endian == declared->big_endian))) {
        *out = (kh_encoding){.explicit_vr = declared->explicit_vr, .big_endian = declared->big_endian};
        return KH_OK;
    }
    *out = seen;
    kh_dataset_warn(dataset, "transfer syntax (0002,0010) %.64s, read as %s",
                    dataset->transfer_syntax[0] ? dataset->transfer_syntax : "absent", encoding_text(&seen));
    /* A codec stays what was declared; only native syntaxes are told by the elements. */
    if (!dataset->transfer_syntax[0] || (declared && declared->codec == KH_CODEC_NATIVE))
        snprintf(dataset->transfer_syntax, sizeof(dataset->transfer_syntax), "%s", encoding_text(&seen));
    return KH_OK;
}

static kh_status parse_main(kh_dataset *dataset, kh_block_reader *reader, uint64_t begin, const kh_encoding *encoding,
                            const kh_dataset_limits *limits, kh_error *err)
{
    kh_parse_options options = {
        .begin = begin,
        .end = reader->source->size,
        .explicit_vr = encoding->explicit_vr,
        .big_endian = encoding->big_endian,
        .limits = *limits,
    };
    uint64_t end;

    return kh_parse_elements(&dataset->main, &end, dataset, reader, &options, err);
}

static kh_status parse_inflated(kh_dataset *dataset, const kh_source *source, const kh_dataset_limits *limits,
                                kh_error *err)
{
    kh_source inflated;
    kh_block_reader reader = {0};
    kh_encoding encoding;
    kh_status status = kh_inflate_source(&dataset->inflated, &dataset->inflated_size, source, dataset->main_offset,
                                         limits->inflated_bytes, err);

    if (status != KH_OK)
        return status;
    kh_source_init_memory(&inflated, dataset->inflated, dataset->inflated_size);
    status = kh_block_reader_init(&reader, &inflated, err);
    if (status == KH_OK)
        status = settle_encoding(&encoding, dataset, &reader, 0, err);
    if (status == KH_OK)
        status = parse_main(dataset, &reader, 0, &encoding, limits, err);
    kh_block_reader_release(&reader);
    return status;
}

static bool is_deflated(const kh_dataset *dataset)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(dataset->transfer_syntax);

    return syntax && syntax->deflated;
}

static kh_status read_file(kh_dataset *dataset, kh_block_reader *reader, const kh_dataset_limits *limits, kh_error *err)
{
    uint64_t position;
    bool has_meta;
    kh_encoding encoding;
    kh_status status = find_begin(&position, &has_meta, dataset, reader, err);

    if (status == KH_OK && has_meta)
        status = read_meta(dataset, &position, reader, limits, err);
    if (status != KH_OK)
        return status;
    dataset->main_offset = position;
    if (position == reader->source->size)
        return kh_error_set(err, KH_E_FORMAT, "the file ends at byte %" PRIu64 ", expected a data set there", position);
    if (is_deflated(dataset))
        return parse_inflated(dataset, reader->source, limits, err);
    status = settle_encoding(&encoding, dataset, reader, position, err);
    if (status != KH_OK)
        return status;
    return parse_main(dataset, reader, position, &encoding, limits, err);
}

kh_status kh_dataset_read_file(kh_dataset **out, const kh_source *source, const kh_dataset_limits *limits,
                               kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_block_reader reader = {0};
    kh_status status;

    *out = NULL;
    status = create(&dataset, limits, err);
    if (status == KH_OK)
        status = kh_block_reader_init(&reader, source, err);
    if (status == KH_OK)
        status = read_file(dataset, &reader, limits, err);
    kh_block_reader_release(&reader);
    if (status == KH_OK) {
        *out = dataset;
        dataset = NULL;
    }
    kh_dataset_free(dataset);
    return status;
}

static kh_status read_bare(kh_dataset *dataset, const kh_source *source, const kh_transfer_syntax *syntax,
                           const kh_dataset_limits *limits, kh_error *err)
{
    kh_encoding encoding = {.explicit_vr = syntax->explicit_vr, .big_endian = syntax->big_endian};
    kh_block_reader reader = {0};
    kh_status status;

    snprintf(dataset->transfer_syntax, sizeof(dataset->transfer_syntax), "%s", syntax->uid);
    if (syntax->deflated)
        return parse_inflated(dataset, source, limits, err);
    status = kh_block_reader_init(&reader, source, err);
    if (status == KH_OK)
        status = parse_main(dataset, &reader, 0, &encoding, limits, err);
    kh_block_reader_release(&reader);
    return status;
}

kh_status kh_dataset_read(kh_dataset **out, const kh_source *source, const char *transfer_syntax_uid,
                          const kh_dataset_limits *limits, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(transfer_syntax_uid);
    kh_dataset *dataset = NULL;
    kh_status status;

    *out = NULL;
    if (!syntax)
        return kh_error_set(err, KH_E_UNSUPPORTED, "unknown transfer syntax %.64s", transfer_syntax_uid);
    status = create(&dataset, limits, err);
    if (status == KH_OK)
        status = read_bare(dataset, source, syntax, limits, err);
    if (status == KH_OK) {
        *out = dataset;
        dataset = NULL;
    }
    kh_dataset_free(dataset);
    return status;
}
