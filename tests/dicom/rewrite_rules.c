#include "tests/dicom/rewrite_rules.h"

#include <stdio.h>
#include <string.h>
#include "dicom/dictionary.h"

#define UNDEFINED 0xffffffffu
#define ITEM KH_TAG(0xfffe, 0xe000)
#define ITEM_END KH_TAG(0xfffe, 0xe00d)
#define SEQUENCE_END KH_TAG(0xfffe, 0xe0dd)
#define PIXEL_DATA KH_TAG(0x7fe0, 0x0010)
#define DEPTH_MAX 20

const char *const rewrite_rule_names[RULES] = {
    [RULE_GROUP_LENGTH] = "group length", [RULE_DELIMITED] = "delimited", [RULE_EMPTY] = "empty sequence",
    [RULE_EVEN] = "made even",            [RULE_SWAPPED] = "swapped",     [RULE_HEADER] = "header",
    [RULE_SIGN] = "sign",                 [RULE_UN_SEQUENCE] = "UN sequence", [RULE_DECODED] = "decoded",
    [RULE_UNENDED] = "without delimiter", [RULE_CUT] = "cut",             [RULE_BEHIND] = "behind the pixels",
};

typedef struct header {
    kh_tag tag;
    kh_vr vr;
    uint32_t length;
    size_t at; /* of the value */
} header;

static bool in_list(kh_vr vr, const char *list)
{
    for (; *list; list += 2)
        if (vr == KH_VR(list[0], list[1]))
            return true;
    return false;
}

static bool is_long_form(kh_vr vr)
{
    return in_list(vr, "OBODOFOLOVOWSQSVUCUNURUTUV");
}

static size_t unit_of(kh_vr vr)
{
    return in_list(vr, "ATUSSSOW") ? 2 : in_list(vr, "ULSLFLOFOL") ? 4 : in_list(vr, "FDODOVSVUV") ? 8 : 1;
}

static bool problem(rewrite *r, const char *what, size_t at)
{
    if (r->problem[0] == '\0')
        snprintf(r->problem, sizeof r->problem, "%s at byte %zu", what, at);
    return false;
}

static uint32_t number(const uint8_t *bytes, size_t size, bool big_endian)
{
    uint32_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[big_endian ? i : size - 1 - i];
    return value;
}

/* ---- out ---- */

static void put(rewrite *r, const void *bytes, size_t size)
{
    if (kh_buf_append(&r->out, bytes, size, NULL) != KH_OK)
        problem(r, "no memory", 0);
}

static void put_header(rewrite *r, kh_tag tag, kh_vr vr, uint32_t length)
{
    uint8_t bytes[12] = {(uint8_t)KH_TAG_GROUP(tag), (uint8_t)(KH_TAG_GROUP(tag) >> 8), (uint8_t)KH_TAG_ELEMENT(tag),
                         (uint8_t)(KH_TAG_ELEMENT(tag) >> 8)};
    bool has_vr = r->to.explicit_vr && KH_TAG_GROUP(tag) != 0xfffe, is_short = has_vr && !is_long_form(vr);
    size_t at = has_vr && !is_short ? 8 : has_vr ? 6 : 4, size = is_short ? 2 : 4;

    if (has_vr) {
        bytes[4] = (uint8_t)(vr >> 8);
        bytes[5] = (uint8_t)vr;
    }
    for (size_t i = 0; i < size; i++)
        bytes[at + i] = (uint8_t)(length >> (8 * i));
    put(r, bytes, at + size);
}

/* ---- in ---- */

static bool read_header(rewrite *r, header *out, const rewrite_form *form, size_t at, size_t end)
{
    const uint8_t *bytes = r->bytes + at;
    bool has_vr = form->explicit_vr;

    if (end - at < 8)
        return problem(r, "no room for an element", at);
    out->tag = KH_TAG(number(bytes, 2, form->big_endian), number(bytes + 2, 2, form->big_endian));
    out->at = at + 8;
    if (KH_TAG_GROUP(out->tag) == 0xfffe || !has_vr) {
        out->vr = KH_TAG_GROUP(out->tag) == 0xfffe ? 0 : kh_dictionary_vr(out->tag);
        out->length = number(bytes + 4, 4, form->big_endian);
    } else {
        out->vr = KH_VR(bytes[4], bytes[5]);
        if (!kh_vr_known(out->vr))
            return problem(r, "letters that are no VR", at);
        if (is_long_form(out->vr) && end - at < 12)
            return problem(r, "no room for a length", at);
        out->length = is_long_form(out->vr) ? number(bytes + 8, 4, form->big_endian) : number(bytes + 6, 2, form->big_endian);
        out->at += is_long_form(out->vr) ? 4 : 0;
    }
    if (out->length == UNDEFINED || out->length <= end - out->at)
        return true;
    if (out->tag != PIXEL_DATA || end != r->size)
        return problem(r, "a length past the end", at);
    out->length = (uint32_t)(end - out->at);
    r->used[RULE_CUT]++;
    return true;
}

static bool walk(rewrite *r, const rewrite_form *form, size_t *at, size_t end, bool delimited, unsigned depth);

/* ---- values ---- */

static void write_value(rewrite *r, const header *h, const rewrite_form *form)
{
    size_t unit = form->big_endian ? unit_of(h->vr) : 1, from;
    kh_vr vr = h->vr;

    if (!form->explicit_vr && vr == KH_VR('U', 'S') && kh_dictionary_follows_sign(h->tag) && r->is_signed) {
        vr = KH_VR('S', 'S');
        r->used[RULE_SIGN] += r->to.explicit_vr;
    }
    if (form->explicit_vr != r->to.explicit_vr)
        r->used[RULE_HEADER]++;
    put_header(r, h->tag, vr, h->length + h->length % 2);
    from = r->out.size;
    put(r, r->bytes + h->at, h->length);
    for (size_t i = 0; unit > 1 && i + unit <= h->length; i += unit)
        for (size_t k = 0; k < unit; k++)
            r->out.data[from + i + k] = r->bytes[h->at + i + unit - 1 - k];
    if (h->length % 2) {
        put(r, in_list(h->vr, "AEASCSDADSDTISLOLTPNSHSTTMUCURUT") ? " " : "", 1);
        r->used[RULE_EVEN]++;
    }
}

/* ---- sequences ---- */

static bool walk_items(rewrite *r, const header *h, const rewrite_form *form, size_t *at, size_t end, unsigned depth)
{
    size_t sequence_at = r->out.size;
    unsigned items = 0;
    header item;

    end = h->length == UNDEFINED ? end : h->at + h->length;
    put_header(r, h->tag, KH_VR('S', 'Q'), UNDEFINED);
    for (*at = h->at; h->length == UNDEFINED || *at < end; items++) {
        if (!read_header(r, &item, form, *at, end))
            return false;
        if (h->length == UNDEFINED && item.tag == SEQUENCE_END) {
            *at = item.at;
            break;
        }
        if (item.tag != ITEM)
            return problem(r, "no item", *at);
        put_header(r, ITEM, 0, UNDEFINED);
        *at = item.at;
        r->used[RULE_DELIMITED] += item.length != UNDEFINED;
        if (!walk(r, form, at, item.length == UNDEFINED ? end : item.at + item.length, item.length == UNDEFINED, depth + 1))
            return false;
        put_header(r, ITEM_END, 0, 0);
    }
    if (items == 0 && r->to.explicit_vr) {
        r->used[RULE_EMPTY] += h->length == UNDEFINED;
        r->out.size = sequence_at;
        put_header(r, h->tag, KH_VR('S', 'Q'), 0);
        return true;
    }
    put_header(r, SEQUENCE_END, 0, 0);
    if (items == 0)
        r->used[RULE_EMPTY] += h->length != UNDEFINED;
    else
        r->used[RULE_DELIMITED] += h->length != UNDEFINED;
    if (form->explicit_vr != r->to.explicit_vr)
        r->used[RULE_HEADER]++;
    return true;
}

static bool walk_sequence(rewrite *r, const header *h, const rewrite_form *form, size_t *at, size_t end, unsigned depth)
{
    static const rewrite_form inside_un = {false, false};

    if (depth >= DEPTH_MAX)
        return problem(r, "too deep", h->at);
    if (h->vr != KH_VR('U', 'N') || !form->explicit_vr)
        return walk_items(r, h, form, at, end, depth);
    r->used[RULE_UN_SEQUENCE]++;
    return walk_items(r, h, &inside_un, at, end, depth);
}

/* ---- pixel data ---- */

/* Fragments, up to and with the delimiter. */
static bool skip_fragments(rewrite *r, const header *h, const rewrite_form *form, size_t *at, size_t end)
{
    header item;

    for (*at = h->at;;) {
        if (*at == end && *at > h->at) {
            r->used[RULE_UNENDED]++;
            return true;
        }
        if (!read_header(r, &item, form, *at, end))
            return false;
        if (item.length == UNDEFINED || (item.tag != ITEM && item.tag != SEQUENCE_END))
            return problem(r, "no fragment", *at);
        *at = item.at + (item.tag == ITEM ? item.length : 0);
        if (item.tag == SEQUENCE_END)
            return true;
    }
}

/* What the decoder may make others of (PS3.3 C.7.6.3), and what says where fragments are. */
static bool is_decoders(kh_tag tag)
{
    static const kh_tag tags[] = {KH_TAG(0x0028, 0x0002), KH_TAG(0x0028, 0x0004), KH_TAG(0x0028, 0x0006), KH_TAG(0x0028, 0x0100),
                                  KH_TAG(0x0028, 0x0101), KH_TAG(0x0028, 0x0102), KH_TAG(0x0028, 0x0103), KH_TAG(0x0028, 0x2110),
                                  KH_TAG(0x7fe0, 0x0001), KH_TAG(0x7fe0, 0x0002), KH_TAG(0x7fe0, 0x0003), PIXEL_DATA};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (tags[i] == tag)
            return true;
    return false;
}

/* ---- elements ---- */

static bool walk_element(rewrite *r, const header *h, const rewrite_form *form, size_t *at, size_t end, unsigned depth)
{
    bool is_main = depth == 0;

    *at = h->at + (h->length == UNDEFINED ? 0 : h->length);
    r->seen_pixels = r->seen_pixels || (is_main && h->tag == PIXEL_DATA);
    if (KH_TAG_ELEMENT(h->tag) == 0) {
        r->used[RULE_GROUP_LENGTH]++;
        return true;
    }
    if (is_main && r->decoded && is_decoders(h->tag)) {
        r->used[RULE_DECODED]++;
        return h->length != UNDEFINED || skip_fragments(r, h, form, at, end);
    }
    if (h->length == UNDEFINED && h->tag == PIXEL_DATA)
        return problem(r, "compressed pixel data inside a sequence", h->at);
    if (h->length == UNDEFINED || (h->vr == KH_VR('S', 'Q') && !r->verbatim))
        return walk_sequence(r, h, form, at, end, depth);
    write_value(r, h, form);
    return true;
}

/* Elements up to end, or behind the delimiter of their item. */
static bool walk(rewrite *r, const rewrite_form *form, size_t *at, size_t end, bool delimited, unsigned depth)
{
    kh_tag last = 0;
    header h;

    while (delimited || *at < end) {
        size_t begin = *at;
        bool good = read_header(r, &h, form, begin, end);

        if (good && delimited && h.tag == ITEM_END) {
            *at = h.at;
            return h.length == 0 || problem(r, "a delimiter with a length", begin);
        }
        if (good && (KH_TAG_GROUP(h.tag) == 0xfffe || h.tag <= last))
            good = problem(r, "tags out of order", begin);
        if (!good && depth == 0 && r->seen_pixels) {
            r->problem[0] = '\0';
            r->used[RULE_BEHIND]++;
            return true;
        }
        if (!good || !walk_element(r, &h, form, at, end, depth))
            return false;
        last = h.tag;
    }
    return true;
}

bool rewrite_run(rewrite *r, const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    r->bytes = bytes;
    r->size = size;
    r->seen_pixels = false;
    r->problem[0] = '\0';
    memset(r->used, 0, sizeof r->used);
    r->used[RULE_SWAPPED] = r->from.big_endian;
    kh_buf_init(&r->out, 4 * size + 65536);
    r->out.max_size = 4 * size + 65536;
    return walk(r, &r->from, &at, size, false, 0);
}
