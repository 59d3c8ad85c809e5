/* display_palette.c - palettes, plain and segmented (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2). */
#include <stdlib.h>
#include "dicom/dictionary.h"
#include "dicom/display_internal.h"

#define SEGMENTS_MAX 65536u /* steps of one segmented palette, those of indirect segments included */

/* Segments being unrolled (PS3.3 C.7.9.2.2). Numbers are words, or bytes where the descriptor says 8 bits. */
typedef struct unroll {
    const kh_element *element;
    bool big_endian, bytes;
    size_t numbers; /* there are */
    uint16_t *out;
    size_t made, wanted, steps;
} unroll;

static uint16_t number_at(const unroll *u, size_t index)
{
    return u->bytes ? kh_lut_byte(u->element, index, u->big_endian) : kh_lut_word(u->element->value, index, u->big_endian);
}

static bool put_value(unroll *u, uint16_t value)
{
    if (u->made == u->wanted)
        return false;
    u->out[u->made++] = value;
    return true;
}

/* From the value before, which is not repeated, to end, rounded to the nearest. */
static bool put_line(unroll *u, uint16_t length, uint16_t end)
{
    double begin, step;

    if (u->made == 0 || length == 0)
        return false;
    begin = u->out[u->made - 1];
    step = ((double)end - begin) / length;
    for (uint32_t i = 1; i <= length; i++)
        if (!put_value(u, (uint16_t)(begin + step * i + 0.5)))
            return false;
    return true;
}

/* A discrete or linear segment at *at; false when it is not whole, of another kind, or makes too much. */
static bool put_segment(unroll *u, size_t *at)
{
    uint16_t kind, length;

    if (u->numbers - *at < 3 || u->steps++ >= SEGMENTS_MAX)
        return false;
    kind = number_at(u, *at);
    length = number_at(u, *at + 1);
    if (kind == 1) {
        *at += 3;
        return put_line(u, length, number_at(u, *at - 1));
    }
    if (kind != 0 || length == 0 || u->numbers - *at - 2 < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!put_value(u, number_at(u, *at + 2 + i)))
            return false;
    *at += 2 + (size_t)length;
    return true;
}

/* The indirect segment at *at: length segments again, from a byte offset whose low half comes first. It may not lead to another. */
static bool put_indirect(unroll *u, size_t *at)
{
    size_t width = u->bytes ? 4 : 2, count, offset = 0, from;

    if (u->numbers - *at < 2 + width)
        return false;
    count = number_at(u, *at + 1);
    for (size_t i = 0; i < width; i++)
        offset |= (size_t)number_at(u, *at + 2 + i) << (u->bytes ? 8 : 16) * i;
    from = u->bytes ? offset : offset / 2;
    if (from >= *at)
        return false;
    for (size_t i = 0; i < count; i++)
        if (from >= u->numbers || number_at(u, from) == 2 || !put_segment(u, &from))
            return false;
    *at += 2 + width;
    return true;
}

static kh_status read_segmented(uint16_t *values, const kh_lut_descriptor *descriptor, const kh_item *item, kh_tag tag,
                                bool big_endian, kh_error *err)
{
    unroll u = {.element = kh_item_find(item, tag), .big_endian = big_endian, .bytes = descriptor->bits <= 8, .out = values,
                .wanted = descriptor->count};
    size_t at = 0;

    if (!u.element || !u.element->value)
        return kh_lut_fault(err, tag, "absent");
    u.numbers = (size_t)u.element->length / (u.bytes ? 1 : 2);
    while (u.made < u.wanted && at < u.numbers)
        if (!(number_at(&u, at) == 2 ? put_indirect(&u, &at) : put_segment(&u, &at)))
            return kh_lut_fault(err, tag, "a segment that cannot be followed, expected discrete, linear and indirect ones");
    if (u.made < u.wanted)
        return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) segments of %zu entries, expected %zu", kh_dictionary_keyword(tag),
                            KH_TAG_ARGS(tag), u.made, u.wanted);
    return KH_OK;
}

typedef struct channel {
    kh_lut_descriptor descriptor;
    uint16_t *values;
} channel;

static kh_status read_channel(channel *out, const kh_display_draft *draft, const kh_item *main, uint16_t number, kh_error *err)
{
    kh_tag data = KH_TAG(0x0028, 0x1201 + number), segmented = KH_TAG(0x0028, 0x1221 + number);
    kh_status status = kh_lut_descriptor_read(&out->descriptor, main, KH_TAG(0x0028, 0x1101 + number),
                                              draft->info->format.is_signed, draft->big_endian, err);

    if (status != KH_OK)
        return status;
    out->values = malloc(out->descriptor.count * sizeof out->values[0]);
    if (!out->values)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a palette of %u entries", (unsigned)out->descriptor.count);
    if (!kh_item_find(main, data) && kh_item_find(main, segmented))
        return read_segmented(out->values, &out->descriptor, main, segmented, draft->big_endian, err);
    return kh_lut_data_read(out->values, &out->descriptor, main, data, draft->big_endian, err);
}

static uint16_t channel_value(const channel *c, int32_t input)
{
    int32_t index = input - c->descriptor.first, last = (int32_t)c->descriptor.count - 1;

    return c->values[index < 0 ? 0 : index > last ? last : index];
}

static bool holds_bytes(const channel *c)
{
    for (uint32_t i = 0; i < c->descriptor.count; i++)
        if (c->values[i] > 255)
            return false;
    return true;
}

/* How far entries are shifted down to bytes. Some say 16 bits and write bytes: that shows when no channel has more. */
static int shift_of(const channel *c, const channel channels[3])
{
    if (c->descriptor.bits <= 8 && holds_bytes(c))
        return 0;
    return holds_bytes(&channels[0]) && holds_bytes(&channels[1]) && holds_bytes(&channels[2]) ? 0 : 8;
}

static kh_status join_channels(kh_display_draft *draft, size_t *at, const channel channels[3], kh_error *err)
{
    kh_palette *palette = &draft->display.palette;
    int32_t first = channels[0].descriptor.first, end = first;
    int shifts[3];
    kh_status status;
    uint8_t *rgb;

    for (size_t i = 0; i < 3; i++) {
        const kh_lut_descriptor *d = &channels[i].descriptor;

        shifts[i] = shift_of(&channels[i], channels);
        first = d->first < first ? d->first : first;
        end = d->first + (int32_t)d->count > end ? d->first + (int32_t)d->count : end;
    }
    rgb = malloc((size_t)(end - first) * 3); /* under 3 x 2^17 */
    if (!rgb)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a palette");
    for (int32_t input = first; input < end; input++)
        for (size_t i = 0; i < 3; i++)
            rgb[(size_t)(input - first) * 3 + i] = (uint8_t)(channel_value(&channels[i], input) >> shifts[i]);
    status = kh_draft_append(draft, rgb, (size_t)(end - first) * 3, at, err);
    free(rgb);
    if (status == KH_OK)
        *palette = (kh_palette){.first = first, .count = (uint32_t)(end - first)};
    return status;
}

kh_status kh_draft_palette(kh_display_draft *draft, size_t *at, const kh_item *main, kh_error *err)
{
    channel channels[3] = {{.values = NULL}};
    kh_status status = KH_OK;

    for (uint16_t i = 0; i < 3 && status == KH_OK; i++)
        status = read_channel(&channels[i], draft, main, i, err);
    if (status == KH_OK)
        status = join_channels(draft, at, channels, err);
    for (size_t i = 0; i < 3; i++)
        free(channels[i].values);
    return status;
}
