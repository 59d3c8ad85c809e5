/* decoder.h - the decoders behind the table, inside the room. Each has two steps: plan says from the codestream alone, through
 * its gate, what the pixels will be; decode makes them. Both bounded by the sizes given. Threads: any.
 * C++ includes it inside extern "C". */
#ifndef KH_DICOM_CODEC_DECODER_H
#define KH_DICOM_CODEC_DECODER_H

#include "dicom/image.h"

typedef struct kh_codestream {
    const uint8_t *bytes;
    size_t size;
} kh_codestream;

/* Told of the pixels that are finished while others are still made: so many bytes from the first on will not change any more. 0 takes back
 * what was told before. */
typedef struct kh_decode_listener {
    void (*tell)(void *context, size_t bytes);
    void *context;
} kh_decode_listener;

typedef struct kh_decoder {
    /* *format as the header says becomes what decode will write: by pixel, not by plane, but for deflated frames. */
    kh_status (*plan)(kh_pixel_format *format, const kh_codestream *stream, kh_error *err);
    /* pixels holds the planned frame, planned is what plan made of header. */
    kh_status (*decode)(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                        const kh_codestream *stream, kh_error *err);
    /* The same, and the listener is told; NULL when the codec makes all pixels at once. */
    kh_status (*decode_told)(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                             const kh_codestream *stream, const kh_decode_listener *listener, kh_error *err);
    /* Both NULL when the codec cannot. How often the sides can be halved, wanted (1 or more) at most; and doing so, 1 to that many times:
     * planned has the smaller sides. */
    unsigned (*halvings)(const kh_pixel_format *header, const kh_codestream *stream, unsigned wanted);
    kh_status (*decode_reduced)(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_pixel_format *header,
                                const kh_codestream *stream, unsigned halvings, kh_error *err);
} kh_decoder;

extern const kh_decoder kh_decoder_rle;
extern const kh_decoder kh_decoder_jpeg;
extern const kh_decoder kh_decoder_jpeg_ls;
extern const kh_decoder kh_decoder_jpeg_2000; /* HTJ2K too: the codestream says which it is */
extern const kh_decoder kh_decoder_deflated;

/* The decoder of a transfer syntax. KH_E_UNSUPPORTED with the syntax's name when there is none. */
KH_MUST_USE kh_status kh_decoder_find(const kh_decoder **out, const char *transfer_syntax_uid, kh_error *err);
/* plan of the right decoder, and the bytes the frame will take with its sides halved so often. KH_E_LIMIT when they are more than
 * size_max, KH_E_UNSUPPORTED when the decoder cannot halve them. */
KH_MUST_USE kh_status kh_codec_plan(kh_pixel_format *format, size_t *size, size_t size_max, const char *transfer_syntax_uid,
                                    const kh_codestream *stream, unsigned halvings, kh_error *err);

/* What kh_codec_plan() has planned, listener or NULL; size is what it said. */
KH_MUST_USE kh_status kh_codec_decode_planned(uint8_t *pixels, size_t size, const char *transfer_syntax_uid, const kh_pixel_format *planned,
                                              const kh_pixel_format *header, const kh_codestream *stream, unsigned halvings,
                                              const kh_decode_listener *listener, kh_error *err);

/* KH_E_FORMAT when the codestream's size is not the header's; name is for the message. */
KH_MUST_USE kh_status kh_plan_same_size(const kh_pixel_format *format, const char *name, uint32_t columns,
                                        uint32_t rows, kh_error *err);
/* For streams without a sign in words of 8 or 16 bits: Bits Stored and High Bit stay as the header has them where they
 * fit what the stream carries. */
void kh_plan_depth(kh_pixel_format *format, unsigned precision);
/* What a stream carries exactly beside the value: the low `precision` bits of each word, or nothing when it is lossy. */
void kh_plan_exactness(kh_pixel_format *format, unsigned precision, bool lossy);
/* The same stream with an EOI (in JPEG 2000: an EOC, the same two bytes), for one that lacks it. *out is malloc'ed, of
 * size + 2 bytes. */
KH_MUST_USE kh_status kh_codestream_with_end(uint8_t **out, const kh_codestream *stream, kh_error *err);

/* Do now what would need files or more memory later: a worker calls it before its door closes. */
void kh_dcmtk_jpeg_prepare(void);
void kh_openjpeg_prepare(void);
void kh_turbojpeg_prepare(void);
typedef struct kh_dcmtk_jpeg {
    unsigned precision;
    bool is_signed, ycc_to_rgb;
    unsigned warnings_expected; /* harmless ones that the gate has seen coming */
} kh_dcmtk_jpeg;

/* The codestream as it stands, an EOI included. */
KH_MUST_USE kh_status kh_dcmtk_jpeg_decode(uint8_t *pixels, size_t size, const kh_codestream *stream, const kh_dcmtk_jpeg *how,
                                           kh_error *err);

/* JPEG lossless, if it is one that nothing is to be decided about (jpeg_lossless.c). False: the general decoder has to say what it is; what
 * stands in pixels then means nothing, whatever the listener (NULL: none) was told. */
KH_MUST_USE bool kh_jpeg_lossless_decode(uint8_t *pixels, size_t size, const kh_pixel_format *planned, const kh_codestream *stream,
                                         const kh_decode_listener *listener);

/* A JPEG of 8 bits whose colour space libjpeg finds out rightly by itself, at 1 / 2^halvings (1 to 3): grey or R G B of `samples`. */
KH_MUST_USE kh_status kh_turbojpeg_decode(uint8_t *pixels, const kh_pixel_format *planned, const kh_codestream *stream, kh_error *err);

#endif
