/* jpeg_2000.c - JPEG 2000 and HTJ2K, by OpenJPEG. Its decoder of HT blocks asserts what a hostile stream can break:
 * that ends the worker, as other faults do. */
#include <openjpeg.h>
#include <stdlib.h>
#include <string.h>

#include "dicom/codec/decoder.h"
#include "dicom/codec/gate.h"

static kh_photometric photometric_of(const kh_j2k_gate *gate, kh_photometric header)
{
    bool ybr = header == KH_PHOTOMETRIC_YBR_FULL || header == KH_PHOTOMETRIC_YBR_FULL_422;
    bool colour =
        ybr || header == KH_PHOTOMETRIC_RGB || header == KH_PHOTOMETRIC_YBR_RCT || header == KH_PHOTOMETRIC_YBR_ICT;

    if (gate->components == 1)
        return colour ? KH_PHOTOMETRIC_MONOCHROME2 : header;
    return ybr && !gate->colour_transform ? KH_PHOTOMETRIC_YBR_FULL : KH_PHOTOMETRIC_RGB;
}

/* The decoder gives numbers, not words: Bits Stored of the header may be more than the stream's precision, and where it
 * is less the numbers may still need all of the precision (real files have them). Three kinds of unsigned streams are
 * words, for the header to interpret: with a High Bit further up, two's complement, and overlays beside the value. A signed stream is
 * signed whatever the header says. */
static void adopt_numbers(kh_pixel_format *format, const kh_j2k_gate *gate)
{
    unsigned precision = gate->precision, stored = format->bits_stored, high = format->high_bit, depth;
    bool words = !gate->is_signed && (format->is_signed || high >= stored || format->overlay_bits) &&
                 format->bits_allocated >= precision;

    if (stored < 1 || stored > format->bits_allocated || stored > (precision <= 16 ? 16u : 32u) ||
        (gate->is_signed && !format->is_signed) || (!words && stored < precision))
        stored = precision;
    depth = precision > stored ? precision : stored;
    if (!words || high >= depth || high + 1 < stored)
        high = stored - 1;
    format->bits_stored = (uint16_t)stored;
    format->high_bit = (uint16_t)high;
    format->bits_allocated = depth <= 8 ? 8 : depth <= 16 ? 16 : 32;
    format->is_signed = format->is_signed || gate->is_signed;
    format->is_float = false;
}

static kh_status jpeg_2000_plan(kh_pixel_format *format, const kh_codestream *stream, kh_error *err)
{
    kh_j2k_gate gate;
    kh_status status = kh_j2k_gate_read(&gate, stream->bytes, stream->size, err);

    if (status == KH_OK)
        status = kh_plan_same_size(format, "JPEG 2000", gate.columns, gate.rows, err);
    if (status != KH_OK)
        return status;
    adopt_numbers(format, &gate);
    kh_plan_exactness(format, gate.is_signed ? 0 : gate.precision, gate.irreversible);
    format->samples = (uint16_t)gate.components;
    format->photometric = photometric_of(&gate, format->photometric);
    format->planar = false;
    return KH_OK;
}

typedef struct memory {
    const uint8_t *bytes;
    size_t size, at;
} memory;

static OPJ_SIZE_T memory_read(void *buffer, OPJ_SIZE_T size, void *context)
{
    memory *in = context;
    size_t left = in->size - in->at;

    if (left == 0)
        return (OPJ_SIZE_T)-1;
    if (size > left)
        size = left;
    memcpy(buffer, in->bytes + in->at, size);
    in->at += size;
    return size;
}

static OPJ_OFF_T memory_skip(OPJ_OFF_T count, void *context)
{
    memory *in = context;
    size_t left = in->size - in->at;

    if (count < 0 || left == 0)
        return -1;
    if ((uint64_t)count > left)
        count = (OPJ_OFF_T)left;
    in->at += (size_t)count;
    return count;
}

static OPJ_BOOL memory_seek(OPJ_OFF_T at, void *context)
{
    memory *in = context;

    if (at < 0 || (uint64_t)at > in->size)
        return OPJ_FALSE;
    in->at = (size_t)at;
    return OPJ_TRUE;
}

static opj_stream_t *open_memory(memory *in)
{
    opj_stream_t *stream =
        opj_stream_create(in->size < OPJ_J2K_STREAM_CHUNK_SIZE ? in->size : OPJ_J2K_STREAM_CHUNK_SIZE, OPJ_TRUE);

    if (!stream)
        return NULL;
    opj_stream_set_user_data(stream, in, NULL);
    opj_stream_set_user_data_length(stream, in->size);
    opj_stream_set_read_function(stream, memory_read);
    opj_stream_set_skip_function(stream, memory_skip);
    opj_stream_set_seek_function(stream, memory_seek);
    return stream;
}

/* The first complaint of the library is the one that tells the cause. */
static void note(const char *text, void *context)
{
    char *first = context;

    if (first[0] == '\0') {
        strncpy(first, text, 159);
        first[strcspn(first, "\r\n")] = '\0';
    }
}

static bool image_is(const opj_image_t *image, const kh_j2k_gate *gate, const kh_pixel_format *planned)
{
    if (!image || image->numcomps != gate->components)
        return false;
    for (unsigned i = 0; i < gate->components; i++)
        if (!image->comps[i].data || image->comps[i].w != planned->columns || image->comps[i].h != planned->rows)
            return false;
    return true;
}

static void put_samples(uint8_t *pixels, const opj_image_t *image, size_t count, unsigned sample_bytes)
{
    unsigned components = image->numcomps;

    for (unsigned c = 0; c < components; c++) {
        const OPJ_INT32 *from = image->comps[c].data;
        uint8_t *to = pixels + c * sample_bytes;
        size_t step = (size_t)components * sample_bytes;

        if (sample_bytes == 1)
            for (size_t i = 0; i < count; i++, to += step)
                to[0] = (uint8_t)from[i];
        else if (sample_bytes == 2)
            for (size_t i = 0; i < count; i++, to += step)
                memcpy(to, &(uint16_t){(uint16_t)from[i]}, 2);
        else
            for (size_t i = 0; i < count; i++, to += step)
                memcpy(to, &from[i], 4);
    }
}

/* *image is the caller's to destroy, also after an error. */
static OPJ_BOOL decode_image(opj_image_t **image, opj_codec_t *codec, opj_stream_t *stream, unsigned halvings, char *first)
{
    opj_dparameters_t parameters;

    opj_set_default_decoder_parameters(&parameters);
    parameters.cp_reduce = halvings;
    opj_set_error_handler(codec, note, first);
    return opj_setup_decoder(codec, &parameters) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) &&
           opj_read_header(stream, codec, image) && opj_decode(codec, stream, *image) &&
           opj_end_decompress(codec, stream);
}

static kh_status openjpeg_decode(uint8_t *pixels, const kh_pixel_format *planned, const kh_j2k_gate *gate,
                                 const kh_codestream *stream, unsigned halvings, kh_error *err)
{
    memory in = {stream->bytes, stream->size, 0};
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_stream_t *source = open_memory(&in);
    opj_image_t *image = NULL;
    char first[160] = "";
    kh_status status = KH_OK;

    if (!codec || !source)
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG 2000 decoder");
    else if (!decode_image(&image, codec, source, halvings, first))
        status = kh_error_set(err, strstr(first, "nough memory") ? KH_E_MEMORY : KH_E_FORMAT,
                              "JPEG 2000 decoder: %.159s", first[0] ? first : "data are damaged or cut");
    else if (!image_is(image, gate, planned))
        status = kh_error_set(err, KH_E_FORMAT, "JPEG 2000 decoder: image of another form than its header says");
    else
        put_samples(pixels, image, (size_t)planned->columns * planned->rows, planned->bits_allocated / 8u);
    opj_image_destroy(image);
    opj_stream_destroy(source);
    opj_destroy_codec(codec);
    return status;
}

static kh_status jpeg_2000_decode_reduced(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                                          const kh_codestream *stream, unsigned halvings, kh_error *err)
{
    kh_codestream inner;
    uint8_t *copy = NULL;
    kh_j2k_gate gate;
    kh_status status = kh_j2k_gate_read(&gate, stream->bytes, stream->size, err);

    (void)header, (void)size;
    if (status != KH_OK)
        return status;
    inner = (kh_codestream){stream->bytes + gate.begin, gate.end - gate.begin};
    if (!gate.ended) {
        status = kh_codestream_with_end(&copy, &inner, err);
        inner = (kh_codestream){copy, inner.size + 2};
    }
    if (status == KH_OK)
        status = openjpeg_decode(pixels, planned, &gate, &inner, halvings, err);
    free(copy);
    return status;
}

static kh_status jpeg_2000_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned,
                                  const kh_pixel_format *header, const kh_codestream *stream, kh_error *err)
{
    return jpeg_2000_decode_reduced(pixels, size, planned, header, stream, 0, err);
}

/* Two's complement in a stream without a sign, or values with other bits beside them, have no averages, and masks of few bits no room
 * for them. Once less than wanted: the
 * pixels of a low-pass band stand at the corners of those they stand for, up to half a pixel of the band up and to the left, and are no
 * plain means; what is left to the scaler halves both faults. */
static unsigned jpeg_2000_halvings(const kh_pixel_format *header, const kh_codestream *stream, unsigned wanted)
{
    kh_pixel_format planned = *header;
    kh_error err = KH_ERROR_INIT;
    kh_j2k_gate gate;

    if (kh_j2k_gate_read(&gate, stream->bytes, stream->size, &err) != KH_OK || !gate.at_origin)
        return 0;
    adopt_numbers(&planned, &gate);
    if (planned.is_signed != gate.is_signed || planned.high_bit + 1 != planned.bits_stored || gate.precision < 8 || planned.overlay_bits)
        return 0;
    return wanted - 1 < gate.levels_least ? wanted - 1 : gate.levels_least;
}

/* The library starts threads when this is set, and a worker may not. */
void kh_openjpeg_prepare(void)
{
    unsetenv("OPJ_NUM_THREADS");
}

const kh_decoder kh_decoder_jpeg_2000 = {
    .plan = jpeg_2000_plan, .decode = jpeg_2000_decode, .halvings = jpeg_2000_halvings, .decode_reduced = jpeg_2000_decode_reduced};
