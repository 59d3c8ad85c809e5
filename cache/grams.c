#include "cache/grams.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/charset.h"

#define NOTHING 0u /* instead of a character: a piece of one, or before the first and behind the last of a field */
#define EDGE 1u    /* folded text holds no control characters */
#define SPACE ' '
#define PIECES_MAX 65536 /* of one study: two for each byte of what is searched and some */

static kh_status add(kh_buf *pieces, uint32_t first, uint32_t second, kh_error *err)
{
    uint64_t piece = (uint64_t)first << 32 | second;

    return kh_buf_append(pieces, &piece, sizeof piece, err);
}

static int compare(const void *a, const void *b)
{
    uint64_t one, other;

    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return one < other ? -1 : one > other;
}

static kh_status write_piece(kh_buf *out, const char *before, uint64_t piece, const char *after, kh_error *err)
{
    uint32_t first = (uint32_t)(piece >> 32), second = (uint32_t)piece;

    if (first == NOTHING)
        return kh_buf_appendf(out, err, "%s%x%s", before, second, after);
    if (first == EDGE)
        return kh_buf_appendf(out, err, "%sx%x%s", before, second, after);
    if (second == EDGE)
        return kh_buf_appendf(out, err, "%s%xx%s", before, first, after);
    return kh_buf_appendf(out, err, "%s%xx%x%s", before, first, second, after);
}

/* Sorted, each once. */
static kh_status write_pieces(kh_buf *out, kh_buf *pieces, const char *before, const char *after, kh_error *err)
{
    size_t count = pieces->size / sizeof(uint64_t);
    kh_status status = KH_OK;
    uint64_t last = 0;

    if (count > 0)
        qsort(pieces->data, count, sizeof(uint64_t), compare);
    for (size_t i = 0; i < count && status == KH_OK; i++) {
        uint64_t piece;

        memcpy(&piece, pieces->data + i * sizeof piece, sizeof piece);
        if (i == 0 || piece != last)
            status = write_piece(out, before, piece, after, err);
        last = piece;
    }
    return status;
}

kh_status kh_grams_of_fields(kh_buf *out, const char *fields, kh_error *err)
{
    uint32_t before = EDGE;
    kh_status status = KH_OK;
    kh_buf pieces;
    size_t size;

    kh_buf_init(&pieces, PIECES_MAX * sizeof(uint64_t));
    for (; *fields && status == KH_OK; fields += size) {
        uint32_t code = kh_utf8_next(fields, &size);

        if (code == '\n')
            code = EDGE;
        if (code != EDGE && code != SPACE)
            status = add(&pieces, NOTHING, code, err);
        if (status == KH_OK && (code != EDGE || before != EDGE))
            status = add(&pieces, before, code, err);
        before = code;
    }
    if (status == KH_OK && before != EDGE)
        status = add(&pieces, before, EDGE, err);
    if (status == KH_OK)
        status = write_pieces(out, &pieces, "", " ", err);
    kh_buf_release(&pieces);
    return status;
}

kh_status kh_grams_of_word(kh_buf *out, const char *word, kh_error *err)
{
    uint32_t before = NOTHING;
    kh_status status = KH_OK;
    kh_buf pieces;
    size_t size;

    kh_buf_init(&pieces, PIECES_MAX * sizeof(uint64_t));
    for (; *word && status == KH_OK; word += size) {
        uint32_t code = kh_utf8_next(word, &size);

        if (before != NOTHING || !word[size])
            status = add(&pieces, before, code, err);
        before = code;
    }
    if (status == KH_OK)
        status = write_pieces(out, &pieces, "\"", "\" ", err);
    kh_buf_release(&pieces);
    return status;
}

/* In a pattern. In the index a name stands folded as a whole: its components are separated by one space, empty ones have left none. */
typedef struct position {
    uint32_t before; /* the character before: EDGE where the field begins, NOTHING after a wild card or a space that may not be there */
    bool covered;    /* a piece of two holds it */
} position;

static kh_status step(kh_buf *pieces, position *at, uint32_t code, kh_error *err)
{
    bool pair = code == SPACE ? at->before > EDGE && at->before != SPACE : at->before != NOTHING;
    kh_status status = KH_OK;

    if (code == SPACE && at->before == SPACE)
        return KH_OK;
    if (pair)
        status = add(pieces, at->before, code, err);
    at->covered = pair || code == SPACE;
    at->before = code == SPACE && !pair ? NOTHING : code;
    return status;
}

/* A wild card: what follows has no known neighbour. */
static kh_status break_off(kh_buf *pieces, position *at, kh_error *err)
{
    kh_status status = at->before > EDGE && !at->covered ? add(pieces, NOTHING, at->before, err) : KH_OK;

    *at = (position){.before = NOTHING, .covered = true};
    return status;
}

kh_status kh_grams_of_name(kh_buf *out, const char *pattern, bool wild, kh_error *err)
{
    position at = {.before = EDGE, .covered = true};
    kh_status status = KH_OK;
    kh_buf pieces;
    size_t size;

    kh_buf_init(&pieces, PIECES_MAX * sizeof(uint64_t));
    for (; *pattern && status == KH_OK; pattern += size) {
        uint32_t code = kh_utf8_next(pattern, &size);

        if (wild && (code == '*' || code == '?'))
            status = break_off(&pieces, &at, err);
        else
            status = step(&pieces, &at, code == '^' ? SPACE : code, err);
    }
    if (status == KH_OK && at.before > EDGE && at.before != SPACE)
        status = add(&pieces, at.before, EDGE, err);
    if (status == KH_OK)
        status = write_pieces(out, &pieces, "\"", "\" ", err);
    kh_buf_release(&pieces);
    return status;
}
