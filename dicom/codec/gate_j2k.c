/* gate_j2k.c - JPEG 2000 and HTJ2K (ISO/IEC 15444-1 annex A, 15444-15 annex A): main header, tile-part headers, the
 * boxes of a JP2 file around them, and what the parameters make a decoder allocate. */
#include <string.h>

#include "dicom/codec/gate.h"

enum marker {
    M_SOC = 0x4F,
    M_CAP = 0x50,
    M_SIZ = 0x51,
    M_COD = 0x52,
    M_COC = 0x53,
    M_MCT = 0x74,
    M_NLT = 0x76,
    M_CBD = 0x78,
    M_SOT = 0x90,
    M_SOD = 0x93,
    M_EOC = 0xD9
};

#define SEGMENTS_MAX 65536 /* headers of all tile-parts */
#define BOXES_MAX 64
#define BLOCK_BYTES 320    /* that a decoder keeps for a code block, its node in the tag trees among them */
#define PRECINCT_BYTES 320 /* for a precinct of one band */
#define TILE_BYTES 6144
#define TILE_COMPONENT_BYTES 2048
#define HT_BLOCKS 0x40 /* of a code block style */
#define HT_PRECISION_MAX 24

typedef struct style { /* of coding, as a COD or COC has it: for a whole tile at worst */
    bool high_throughput, irreversible;
    unsigned levels, block_width, block_height; /* exponents of the latter */
    uint8_t precincts[KH_J2K_LEVELS_MAX + 1];   /* PPx | PPy << 4, of each resolution */
} style;

typedef struct reader {
    const uint8_t *bytes;
    size_t at, end;
    uint32_t x0, y0, x1, y1, tile_width, tile_height, tile_x0, tile_y0;
    uint32_t tiles;
    unsigned layers;
    bool seen_style, seen_quantization, in_tile;
    size_t tile_part_end; /* SIZE_MAX: to the end of the codestream */
    uint8_t tile_seen[KH_J2K_TILES_MAX / 8];
    uint64_t packets_each, memory_each; /* the most for one tile, of any style seen */
} reader;

static uint32_t u16_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return u16_at(bytes) << 16 | u16_at(bytes + 2);
}

static uint64_t ceil_shift(uint64_t value, unsigned shift)
{
    return (value + (UINT64_C(1) << shift) - 1) >> shift;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A JP2 file (15444-1 annex I): the contents of its codestream box. */
static kh_status unwrap(kh_j2k_gate *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    static const uint8_t signature[12] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', 0x0D, 0x0A, 0x87, 0x0A};
    size_t at = 0;

    out->begin = 0;
    out->end = size;
    if (size < sizeof signature || memcmp(bytes, signature, sizeof signature) != 0)
        return KH_OK;
    for (unsigned count = 0; count < BOXES_MAX && size - at >= 8; count++) {
        uint64_t length = u32_at(bytes + at);
        size_t head = 8;

        if (length == 1 && size - at >= 16) {
            length = (uint64_t)u32_at(bytes + at + 8) << 32 | u32_at(bytes + at + 12);
            head = 16;
        } else if (length == 0) {
            length = size - at;
        }
        if (length < head || length > size - at)
            return kh_error_set(err, KH_E_FORMAT, "JP2 box of %llu bytes, expected %zu to %zu",
                                (unsigned long long)length, head, size - at);
        if (memcmp(bytes + at + 4, "jp2c", 4) == 0) {
            out->begin = at + head;
            out->end = at + (size_t)length;
            return KH_OK;
        }
        at += (size_t)length;
    }
    return kh_error_set(err, KH_E_FORMAT, "JP2 file without a codestream");
}

static kh_status segment(const uint8_t **body, size_t *length, reader *in, unsigned marker, kh_error *err)
{
    size_t left = in->end - in->at, stated;

    if (left < 2)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 ends in the segment FF%02X", marker);
    stated = u16_at(in->bytes + in->at);
    if (stated < 2 || stated > left)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 segment FF%02X of %zu bytes, expected 2 to %zu", marker,
                            stated, left);
    *body = in->bytes + in->at + 2;
    *length = stated - 2;
    in->at += stated;
    return KH_OK;
}

static kh_status read_components(kh_j2k_gate *out, const uint8_t *body, kh_error *err)
{
    out->precision = (body[0] & 0x7Fu) + 1;
    out->is_signed = (body[0] & 0x80) != 0;
    if (out->precision > 31)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 of %u bits, expected 1 to 31", out->precision);
    for (unsigned i = 0; i < out->components; i++) {
        const uint8_t *component = body + 3 * (size_t)i;

        if (component[0] != body[0])
            return kh_error_set(err, KH_E_UNSUPPORTED,
                                "JPEG 2000 component %u of form %02X, expected %02X as the first", i + 1,
                                (unsigned)component[0], (unsigned)body[0]);
        if (component[1] != 1 || component[2] != 1)
            return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 component %u subsampled %u x %u, expected 1 x 1",
                                i + 1, (unsigned)component[1], (unsigned)component[2]);
    }
    return KH_OK;
}

static kh_status check_extent(kh_j2k_gate *out, reader *in, kh_error *err)
{
    uint64_t across, down;

    if (in->x1 > INT32_MAX || in->y1 > INT32_MAX || in->x0 >= in->x1 || in->y0 >= in->y1)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 grid from %u, %u to %u, %u holds no pixel", in->x0, in->y0,
                            in->x1, in->y1);
    out->columns = in->x1 - in->x0;
    out->rows = in->y1 - in->y0;
    if (out->columns > 65535 || out->rows > 65535)
        return kh_error_set(err, KH_E_LIMIT, "JPEG 2000 of %u x %u pixels, expected at most 65535 x 65535",
                            out->columns, out->rows);
    if (in->tile_width == 0 || in->tile_height == 0 || in->tile_x0 > in->x0 || in->tile_y0 > in->y0 ||
        (uint64_t)in->tile_x0 + in->tile_width <= in->x0 || (uint64_t)in->tile_y0 + in->tile_height <= in->y0)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 tiles of %u x %u from %u, %u do not cover the image",
                            in->tile_width, in->tile_height, in->tile_x0, in->tile_y0);
    across = ((uint64_t)in->x1 - in->tile_x0 + in->tile_width - 1) / in->tile_width;
    down = ((uint64_t)in->y1 - in->tile_y0 + in->tile_height - 1) / in->tile_height;
    if (across * down > KH_J2K_TILES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "JPEG 2000 of %llu tiles, expected at most %d",
                            (unsigned long long)(across * down), KH_J2K_TILES_MAX);
    in->tiles = (uint32_t)(across * down);
    return KH_OK;
}

static kh_status read_size(kh_j2k_gate *out, reader *in, kh_error *err)
{
    const uint8_t *body = NULL;
    size_t length = 0;
    kh_status status;

    if (in->end - in->at < 4 || u32_at(in->bytes + in->at) != 0xFF4FFF51u)
        return kh_error_set(err, KH_E_FORMAT, "no JPEG 2000: it does not begin with FF4F FF51");
    in->at += 4;
    status = segment(&body, &length, in, M_SIZ, err);
    if (status != KH_OK)
        return status;
    if (length < 36 || length != 36 + 3 * (size_t)u16_at(body + 34))
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 size of %zu bytes, expected 36 and 3 for each component",
                            length);
    in->x1 = u32_at(body + 2), in->y1 = u32_at(body + 6), in->x0 = u32_at(body + 10), in->y0 = u32_at(body + 14);
    in->tile_width = u32_at(body + 18), in->tile_height = u32_at(body + 22);
    in->tile_x0 = u32_at(body + 26), in->tile_y0 = u32_at(body + 30);
    out->at_origin = in->x0 == 0 && in->y0 == 0 && in->tile_x0 == 0 && in->tile_y0 == 0;
    out->components = u16_at(body + 34);
    if (out->components != 1 && out->components != 3)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 of %u components, expected 1 or 3", out->components);
    status = read_components(out, body + 36, err);
    return status == KH_OK ? check_extent(out, in, err) : status;
}

/* SPcod or SPcoc: levels, code block, its style, transform, precincts. */
static kh_status parse_style(style *out, bool precincts, const uint8_t *body, size_t length, kh_error *err)
{
    *out = (style){0};
    if (length < 5 || body[0] > KH_J2K_LEVELS_MAX || length != 5 + (precincts ? body[0] + 1u : 0))
        return kh_error_set(err, KH_E_FORMAT,
                            "JPEG 2000 coding style of %zu bytes and %u levels, expected at most 32 levels", length,
                            length > 0 ? (unsigned)body[0] : 0);
    if (body[3] > (HT_BLOCKS | 0x3F) || body[4] > 1)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 code block style %02X, transform %u", (unsigned)body[3],
                            (unsigned)body[4]);
    out->high_throughput = (body[3] & HT_BLOCKS) != 0;
    out->irreversible = body[4] == 0;
    out->levels = body[0];
    out->block_width = body[1] + 2u;
    out->block_height = body[2] + 2u;
    if (out->block_width > 10 || out->block_height > 10 || out->block_width + out->block_height > 12)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 code blocks of 2^%u x 2^%u, expected 2^2 to 2^10, 2^12 in all",
                            out->block_width, out->block_height);
    for (unsigned i = 0; i <= out->levels; i++) {
        out->precincts[i] = precincts ? body[5 + i] : 0xFF;
        if (i > 0 && ((out->precincts[i] & 15) == 0 || out->precincts[i] >> 4 == 0))
            return kh_error_set(err, KH_E_FORMAT,
                                "JPEG 2000 precinct 2^%u x 2^%u of resolution %u, expected at least 2 x 2",
                                out->precincts[i] & 15u, (unsigned)out->precincts[i] >> 4, i);
    }
    return KH_OK;
}

/* Upper bounds of what one tile takes under a style: structures of precincts and code blocks, and the walk over its
 * packets. */
static void weigh(const kh_j2k_gate *gate, reader *in, const style *with)
{
    uint32_t width = least(in->tile_width, gate->columns), height = least(in->tile_height, gate->rows);
    uint64_t precincts_most = 0, structures = 0, packets;

    for (unsigned i = 0; i <= with->levels; i++) {
        unsigned shift = with->levels - i, px = with->precincts[i] & 15u, py = with->precincts[i] >> 4, inner = i > 0;
        unsigned bx = with->block_width < px - inner ? with->block_width : px - inner;
        unsigned by = with->block_height < py - inner ? with->block_height : py - inner;
        uint64_t w = ceil_shift(width, shift) + 1, h = ceil_shift(height, shift) + 1, bands = inner ? 3 : 1;
        uint64_t precincts = (ceil_shift(w, px) + 1) * (ceil_shift(h, py) + 1);
        uint64_t blocks = (ceil_shift(w, bx + inner) + 1) * (ceil_shift(h, by + inner) + 1);

        precincts_most = precincts > precincts_most ? precincts : precincts_most;
        structures += bands * (precincts * PRECINCT_BYTES + blocks * BLOCK_BYTES);
    }
    packets = precincts_most * (with->levels + 1) * gate->components * in->layers;
    in->packets_each = packets > in->packets_each ? packets : in->packets_each;
    structures *= gate->components;
    in->memory_each = structures > in->memory_each ? structures : in->memory_each;
}

static kh_status read_coding_style(kh_j2k_gate *out, reader *in, unsigned marker, const uint8_t *body, size_t length,
                                   kh_error *err)
{
    size_t skip = marker == M_COD ? 5 : 2; /* COC: component number and its Scoc, of one byte under 257 components */
    style with;
    kh_status status;

    if (length < skip)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 coding style of %zu bytes, expected at least %zu", length,
                            skip);
    if (marker == M_COD) {
        in->layers = u16_at(body + 2);
        if (in->layers == 0 || body[1] > 4 || body[4] > 1 || (body[4] == 1 && out->components < 3))
            return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 of %u layers, progression %u, component transform %u",
                                in->layers, (unsigned)body[1], (unsigned)body[4]);
        if (!in->in_tile)
            out->colour_transform = body[4] == 1;
        else if (out->colour_transform != (body[4] == 1))
            return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 tiles with and without a component transform");
    } else if (in->layers == 0 || body[0] >= out->components) {
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 coding style of component %u of %u", (unsigned)body[0],
                            out->components);
    }
    status = parse_style(&with, (body[marker == M_COD ? 0 : 1] & 1) != 0, body + skip, length - skip, err);
    if (status != KH_OK)
        return status;
    if (in->seen_style && out->high_throughput != with.high_throughput)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 with code blocks of Part 1 and of Part 15");
    if (with.high_throughput && out->precision > HT_PRECISION_MAX)
        return kh_error_set(err, KH_E_UNSUPPORTED, "HTJ2K of %u bits, expected 1 to %d", out->precision,
                            HT_PRECISION_MAX);
    if (!in->seen_style || with.levels < out->levels_least)
        out->levels_least = with.levels;
    in->seen_style = true;
    out->high_throughput = with.high_throughput;
    out->irreversible = out->irreversible || with.irreversible;
    out->levels = with.levels > out->levels ? with.levels : out->levels;
    weigh(out, in, &with);
    return KH_OK;
}

static kh_status read_segment(kh_j2k_gate *out, reader *in, unsigned marker, kh_error *err)
{
    const uint8_t *body = NULL;
    size_t length = 0;
    kh_status status;

    if ((marker < M_CAP || marker > 0x64 || marker == M_SIZ) && (marker < M_MCT || marker > M_CBD))
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 marker FF%02X before byte %zu has no place there", marker,
                            in->at);
    if (marker >= M_MCT)
        return kh_error_set(err, KH_E_UNSUPPORTED, "JPEG 2000 Part 2 (marker FF%02X)", marker);
    status = segment(&body, &length, in, marker, err);
    if (status != KH_OK)
        return status;
    if (marker == 0x5C)
        in->seen_quantization = true;
    if (marker == M_COD || marker == M_COC)
        return read_coding_style(out, in, marker, body, length, err);
    return KH_OK;
}

/* Behind the marker of a tile-part. */
static kh_status open_tile_part(reader *in, kh_error *err)
{
    size_t begin = in->at - 2, length = 0;
    const uint8_t *body = NULL;
    uint32_t tile, stated;
    kh_status status = segment(&body, &length, in, M_SOT, err);

    if (status != KH_OK)
        return status;
    if (length != 8)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 tile-part header of %zu bytes, expected 8", length);
    tile = u16_at(body);
    stated = u32_at(body + 2);
    if (tile >= in->tiles)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 tile %u, expected 0 to %u", tile, in->tiles - 1);
    if (stated != 0 && (stated < 14 || stated > in->end - begin))
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 tile-part of %u bytes, expected 14 to %zu", stated,
                            in->end - begin);
    in->tile_seen[tile / 8] |= (uint8_t)(1u << tile % 8);
    in->tile_part_end = stated == 0 ? SIZE_MAX : begin + stated;
    in->in_tile = true;
    return KH_OK;
}

/* Behind SOD: on to what comes after the packets. */
static kh_status skip_packets(reader *in, kh_error *err)
{
    if (in->tile_part_end == SIZE_MAX) {
        bool ended = in->end - in->at >= 2 && u16_at(in->bytes + in->end - 2) == 0xFFD9;

        in->at = ended ? in->end - 2 : in->end;
        return KH_OK;
    }
    if (in->tile_part_end < in->at)
        return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 tile-part ends at byte %zu inside its own header",
                            in->tile_part_end);
    in->at = in->tile_part_end;
    return KH_OK;
}

static kh_status every_tile_is_there(const reader *in, kh_error *err)
{
    for (uint32_t i = 0; i < in->tiles; i++)
        if (!(in->tile_seen[i / 8] >> i % 8 & 1))
            return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 ends without tile %u of %u", i, in->tiles);
    return KH_OK;
}

static kh_status read_parts(kh_j2k_gate *out, reader *in, kh_error *err)
{
    bool in_header = true;

    for (unsigned count = 0; count < SEGMENTS_MAX; count++) {
        kh_status status = KH_OK;
        unsigned marker;

        if (!in_header &&
            in->end - in->at < 2) { /* without EOC, or with a byte of padding in its place: real files have it */
            out->end = in->at;
            return every_tile_is_there(in, err);
        }
        if (in->end - in->at < 2 || in->bytes[in->at] != 0xFF)
            return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 byte %zu is no marker", in->at);
        marker = in->bytes[in->at + 1];
        in->at += 2;
        if (marker == M_EOC && !in_header) {
            out->ended = true;
            out->end = in->at;
            return every_tile_is_there(in, err);
        }
        if (marker == M_SOT && (!in_header || !in->in_tile)) {
            if (in->layers == 0 || !in->seen_quantization)
                return kh_error_set(err, KH_E_FORMAT, "JPEG 2000 main header lacks coding style or quantization");
            status = open_tile_part(in, err);
            in_header = true;
        } else if (marker == M_SOD && in_header && in->in_tile) {
            status = skip_packets(in, err);
            in_header = false;
        } else if (in_header) {
            status = read_segment(out, in, marker, err);
        } else {
            status = kh_error_set(err, KH_E_FORMAT, "JPEG 2000 marker FF%02X between tile-parts", marker);
        }
        if (status != KH_OK)
            return status;
    }
    return kh_error_set(err, KH_E_LIMIT, "JPEG 2000 of more than %d segments", SEGMENTS_MAX);
}

static kh_status check_cost(kh_j2k_gate *out, const reader *in, kh_error *err)
{
    uint64_t pixels = (uint64_t)out->columns * out->rows * out->components;

    if (in->packets_each * in->tiles > KH_J2K_PACKETS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "JPEG 2000 of up to %llu packets, expected at most %llu",
                            (unsigned long long)(in->packets_each * in->tiles), (unsigned long long)KH_J2K_PACKETS_MAX);
    /* Twice a word for each sample: the tile and the image. */
    out->memory_bytes = 2 * 4 * pixels + in->memory_each * in->tiles +
                        (uint64_t)in->tiles * (TILE_BYTES + TILE_COMPONENT_BYTES * out->components);
    if (out->memory_bytes > KH_J2K_MEMORY_MAX)
        return kh_error_set(err, KH_E_LIMIT, "JPEG 2000 that takes %llu bytes to decode, expected at most %llu",
                            (unsigned long long)out->memory_bytes, (unsigned long long)KH_J2K_MEMORY_MAX);
    return KH_OK;
}

kh_status kh_j2k_gate_read(kh_j2k_gate *out, const uint8_t *bytes, size_t size, kh_error *err)
{
    reader in = {.bytes = bytes};
    kh_status status;

    *out = (kh_j2k_gate){0};
    status = unwrap(out, bytes, size, err);
    in.at = out->begin;
    in.end = out->end;
    if (status == KH_OK)
        status = read_size(out, &in, err);
    if (status == KH_OK)
        status = read_parts(out, &in, err);
    if (status == KH_OK)
        status = check_cost(out, &in, err);
    return status;
}
