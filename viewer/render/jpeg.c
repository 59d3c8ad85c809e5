/* libjpeg tells of an error by calling error_exit(), which may not return: each of our calls into it sets a place to come back to. */
#include "viewer/render/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define FULL_CHROMA_QUALITY 90
#define BLOCK DCTSIZE
#define CHUNK_BYTES (16 * 1024) /* handed to the buffer at once */

_Static_assert(KH_JPEG_STRIPE == BLOCK, "a stripe of gray is one row of blocks");

typedef struct kh_jpeg_state {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf broken;
    kh_error why; /* of the picture in hand */
    kh_buf *out;
    unsigned channels;
    int quality; /* those that the library's tables are set for; 0: none yet */
    uint8_t *stripe; /* gray whose width is no multiple of a block's: rows with their last pixel repeated */
    size_t stripe_size;
    uint8_t chunk[CHUNK_BYTES];
} kh_jpeg_state;

static kh_jpeg_state *state_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    char text[JMSG_LENGTH_MAX];
    kh_jpeg_state *state = state_of(jpeg);

    jpeg->err->format_message(jpeg, text);
    kh_error_set(&state->why, KH_E_INTERNAL, "JPEG encoder: %s", text);
    longjmp(state->broken, 1);
}

static void on_message(j_common_ptr jpeg)
{
    (void)jpeg; /* warnings come of reading only */
}

static void begin_chunk(j_compress_ptr jpeg)
{
    kh_jpeg_state *state = state_of((j_common_ptr)jpeg);

    state->destination.next_output_byte = state->chunk;
    state->destination.free_in_buffer = sizeof state->chunk;
}

static void append(kh_jpeg_state *state, size_t size)
{
    kh_status status = kh_buf_append(state->out, state->chunk, size, &state->why);

    if (status != KH_OK)
        longjmp(state->broken, 1);
}

static boolean on_full_chunk(j_compress_ptr jpeg)
{
    append(state_of((j_common_ptr)jpeg), CHUNK_BYTES); /* all of it is used, whatever free_in_buffer says */
    begin_chunk(jpeg);
    return TRUE;
}

static void on_last_chunk(j_compress_ptr jpeg)
{
    kh_jpeg_state *state = state_of((j_common_ptr)jpeg);

    append(state, CHUNK_BYTES - state->destination.free_in_buffer);
}

kh_status kh_jpeg_encoder_init(kh_jpeg_encoder *encoder, kh_error *err)
{
    kh_jpeg_state *state = calloc(1, sizeof *state);

    encoder->state = NULL;
    if (!state)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG encoder");
    state->jpeg.err = jpeg_std_error(&state->errors);
    state->jpeg.client_data = state;
    state->errors.error_exit = on_error;
    state->errors.output_message = on_message;
    state->destination.init_destination = begin_chunk;
    state->destination.empty_output_buffer = on_full_chunk;
    state->destination.term_destination = on_last_chunk;
    if (setjmp(state->broken)) {
        free(state);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a JPEG encoder");
    }
    jpeg_create_compress(&state->jpeg);
    state->jpeg.dest = &state->destination;
    encoder->state = state;
    return KH_OK;
}

void kh_jpeg_encoder_release(kh_jpeg_encoder *encoder)
{
    if (encoder->state) {
        jpeg_destroy_compress(&encoder->state->jpeg);
        free(encoder->state->stripe);
        free(encoder->state);
    }
    encoder->state = NULL;
}

/* The picture in hand is given up; the next one finds the encoder as new. */
static kh_status give_up(kh_jpeg_state *state, kh_error *err)
{
    jpeg_abort_compress(&state->jpeg);
    state->quality = 0;
    return kh_error_set(err, state->why.status, "%s", state->why.message);
}

static void set_tables(kh_jpeg_state *state, unsigned channels, int quality)
{
    j_compress_ptr jpeg = &state->jpeg;

    if (channels == state->channels && quality == state->quality)
        return;
    state->channels = channels;
    state->quality = quality;
    jpeg->input_components = (int)channels;
    jpeg->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->raw_data_in = channels == 1; /* no conversion, no sampling: blocks are read from where the rows stand */
    if (channels == 3) {
        jpeg->comp_info[0].h_samp_factor = quality < FULL_CHROMA_QUALITY ? 2 : 1;
        jpeg->comp_info[0].v_samp_factor = quality < FULL_CHROMA_QUALITY ? 2 : 1;
    }
}

static size_t padded_width(const kh_jpeg_state *state)
{
    return ((size_t)state->jpeg.image_width + BLOCK - 1) / BLOCK * BLOCK;
}

static kh_status reserve_stripe(kh_jpeg_state *state, kh_error *err)
{
    size_t size = padded_width(state) * KH_JPEG_STRIPE;

    if (size <= state->stripe_size)
        return KH_OK;
    free(state->stripe);
    state->stripe_size = 0;
    state->stripe = malloc(size);
    if (!state->stripe)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stripe of %u pixels", (unsigned)state->jpeg.image_width);
    state->stripe_size = size;
    return KH_OK;
}

kh_status kh_jpeg_begin(kh_jpeg_encoder *encoder, uint32_t width, uint32_t height, unsigned channels, int quality, kh_buf *out,
                        kh_error *err)
{
    kh_jpeg_state *state = encoder->state;
    kh_status status = KH_OK;

    state->why = (kh_error)KH_ERROR_INIT;
    state->out = out;
    state->jpeg.image_width = width;
    state->jpeg.image_height = height;
    if (channels == 1 && width % BLOCK != 0)
        status = reserve_stripe(state, err);
    if (status != KH_OK)
        return status;
    if (setjmp(state->broken))
        return give_up(state, err);
    set_tables(state, channels, quality);
    jpeg_start_compress(&state->jpeg, TRUE);
    return KH_OK;
}

/* Rows as whole blocks want them. */
static const uint8_t *pad_stripe(kh_jpeg_state *state, const uint8_t *rows, unsigned count)
{
    size_t width = state->jpeg.image_width, padded = padded_width(state);

    for (unsigned i = 0; i < count; i++) {
        uint8_t *row = state->stripe + i * padded;

        memcpy(row, rows + i * width, width);
        memset(row + width, row[width - 1], padded - width);
    }
    return state->stripe;
}

/* Past the last row it goes on, as past the last column. */
static void put_gray(kh_jpeg_state *state, const uint8_t *rows, unsigned count)
{
    size_t stride = padded_width(state);
    const uint8_t *from = stride == state->jpeg.image_width ? rows : pad_stripe(state, rows, count);
    JSAMPROW lines[BLOCK];
    JSAMPARRAY planes[1] = {lines};

    for (unsigned i = 0; i < BLOCK; i++)
        lines[i] = (JSAMPROW)(uintptr_t)(from + (i < count ? i : count - 1) * stride); /* the library reads only */
    jpeg_write_raw_data(&state->jpeg, planes, BLOCK);
}

static void put_colour(kh_jpeg_state *state, const uint8_t *rows, unsigned count)
{
    JSAMPROW lines[KH_JPEG_STRIPE];

    for (unsigned i = 0; i < count; i++)
        lines[i] = (JSAMPROW)(uintptr_t)(rows + (size_t)3 * i * state->jpeg.image_width);
    jpeg_write_scanlines(&state->jpeg, lines, count);
}

kh_status kh_jpeg_put(kh_jpeg_encoder *encoder, const uint8_t *rows, kh_error *err)
{
    kh_jpeg_state *state = encoder->state;
    unsigned left = state->jpeg.image_height - state->jpeg.next_scanline;
    unsigned count = left < KH_JPEG_STRIPE ? left : KH_JPEG_STRIPE;

    if (setjmp(state->broken))
        return give_up(state, err);
    if (state->channels == 1)
        put_gray(state, rows, count);
    else
        put_colour(state, rows, count);
    return KH_OK;
}

kh_status kh_jpeg_end(kh_jpeg_encoder *encoder, kh_error *err)
{
    kh_jpeg_state *state = encoder->state;

    if (setjmp(state->broken))
        return give_up(state, err);
    jpeg_finish_compress(&state->jpeg);
    return KH_OK;
}

kh_status kh_jpeg_encode(kh_jpeg_encoder *encoder, const uint8_t *pixels, uint32_t width, uint32_t height, unsigned channels,
                         int quality, kh_buf *out, kh_error *err)
{
    size_t stripe = (size_t)KH_JPEG_STRIPE * width * channels;
    kh_status status = kh_jpeg_begin(encoder, width, height, channels, quality, out, err);

    for (uint32_t row = 0; status == KH_OK && row < height; row += KH_JPEG_STRIPE, pixels += stripe)
        status = kh_jpeg_put(encoder, pixels, err);
    return status == KH_OK ? kh_jpeg_end(encoder, err) : status;
}
