/* amend_write.c - attributes and the Original Attributes Sequence in the encoding of the file. */
#include <stdlib.h>
#include <string.h>
#include "dicom/amend_internal.h"
#include "dicom/dictionary.h"
#include "dicom/element_header.h"

#define TAG_MODIFIED_ATTRIBUTES KH_TAG(0x0400, 0x0550)
#define TAG_MODIFICATION_TIME KH_TAG(0x0400, 0x0562)
#define TAG_MODIFYING_SYSTEM KH_TAG(0x0400, 0x0563)
#define TAG_SOURCE_OF_PREVIOUS KH_TAG(0x0400, 0x0564)
#define TAG_REASON KH_TAG(0x0400, 0x0565)

void kh_amend_put(uint8_t *at, uint32_t value, unsigned bytes, bool big_endian)
{
    for (unsigned i = 0; i < bytes; i++)
        at[big_endian ? bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

static size_t make_header(const kh_amended *amended, uint8_t out[12], kh_tag tag, kh_vr vr, uint32_t length)
{
    bool is_item = KH_TAG_GROUP(tag) == 0xfffe;

    kh_amend_put(out, KH_TAG_GROUP(tag), 2, amended->big_endian);
    kh_amend_put(out + 2, KH_TAG_ELEMENT(tag), 2, amended->big_endian);
    if (is_item || !amended->explicit_vr) {
        kh_amend_put(out + 4, length, 4, amended->big_endian);
        return 8;
    }
    out[4] = (uint8_t)(vr >> 8);
    out[5] = (uint8_t)vr;
    if (!kh_vr_long_form(vr)) {
        kh_amend_put(out + 6, length, 2, amended->big_endian);
        return 8;
    }
    kh_amend_put(out + 6, 0, 2, false);
    kh_amend_put(out + 8, length, 4, amended->big_endian);
    return 12;
}

static kh_status append_element(const kh_amended *amended, kh_buf *out, kh_tag tag, kh_vr vr, const void *bytes, size_t size, kh_error *err)
{
    size_t padded = size + (size & 1), header_size;
    uint8_t header[12];
    kh_status status;

    if (padded > UINT16_MAX - 1)
        return kh_error_set(err, KH_E_LIMIT, "(%04X,%04X) value of %zu bytes, more than its VR can hold", KH_TAG_ARGS(tag), size);
    header_size = make_header(amended, header, tag, vr, (uint32_t)padded);
    status = kh_buf_append(out, header, header_size, err);
    if (status == KH_OK && size > 0)
        status = kh_buf_append(out, bytes, size, err);
    return status == KH_OK && padded > size ? kh_buf_append(out, " ", 1, err) : status;
}

static kh_status append_text(const kh_amended *amended, kh_buf *out, kh_tag tag, kh_vr vr, const char *utf8, kh_error *err)
{
    bool follows_charset = vr == KH_VR('L', 'O') || vr == KH_VR('P', 'N') || vr == KH_VR('S', 'H') || vr == KH_VR('L', 'T') ||
                           vr == KH_VR('S', 'T') || vr == KH_VR('U', 'C') || vr == KH_VR('U', 'T');
    kh_status status;
    kh_buf text;

    if (!follows_charset)
        return append_element(amended, out, tag, vr, utf8, strlen(utf8), err);
    kh_buf_init(&text, KH_AMEND_BYTES_MAX);
    status = kh_text_from_utf8(&text, utf8, amended->charset, vr == KH_VR('P', 'N'), err);
    if (status == KH_OK)
        status = append_element(amended, out, tag, vr, text.data, text.size, err);
    else
        kh_error_prefix(err, "(%04X,%04X)", KH_TAG_ARGS(tag));
    kh_buf_release(&text);
    return status;
}

kh_status kh_amend_element(const kh_amended *amended, kh_buf *out, const kh_edit *edit, kh_error *err)
{
    return append_text(amended, out, edit->tag, edit->vr, edit->utf8, err);
}

/* --- the Original Attributes --- */

static uint64_t modified_size(const kh_amended *amended)
{
    uint64_t size = 0;
    uint8_t header[12];

    for (unsigned i = 0; i < amended->edit_count; i++) {
        const kh_edit *one = &amended->edits[i];

        size += one->element ? one->end - one->begin : make_header(amended, header, one->tag, one->vr, 0);
    }
    return size;
}

/* The attributes as they were: the file's own bytes, or empty where it has none. */
static kh_status add_modified(kh_amended *amended, kh_error *err)
{
    kh_splice *splice = &amended->splice;
    kh_status status = KH_OK;
    uint8_t header[12];

    for (unsigned i = 0; i < amended->edit_count && status == KH_OK; i++) {
        const kh_edit *one = &amended->edits[i];

        if (one->element)
            status = kh_splice_base(splice, one->begin, one->end - one->begin, err);
        else
            status = kh_splice_own(splice, header, make_header(amended, header, one->tag, one->vr, 0), err);
    }
    return status;
}

static kh_status make_note(const kh_amended *amended, kh_buf *out, const kh_amend_note *note, kh_error *err)
{
    kh_status status = append_text(amended, out, TAG_MODIFICATION_TIME, KH_VR('D', 'T'), note->datetime, err);

    if (status == KH_OK)
        status = append_text(amended, out, TAG_MODIFYING_SYSTEM, KH_VR('L', 'O'), note->system, err);
    if (status == KH_OK)
        status = append_text(amended, out, TAG_SOURCE_OF_PREVIOUS, KH_VR('L', 'O'), note->source, err);
    if (status == KH_OK)
        status = append_text(amended, out, TAG_REASON, KH_VR('C', 'S'), note->reason, err);
    return status;
}

kh_status kh_amend_original(kh_amended *amended, const kh_element *present, const kh_amend_note *note, kh_error *err)
{
    uint64_t modified = modified_size(amended), held = present ? present->length : 0, item;
    kh_splice *splice = &amended->splice;
    uint8_t sequence[12], first[12], inner[12], inner_item[12];
    size_t sequence_size, first_size, inner_size, inner_item_size;
    kh_status status;
    kh_buf words;

    kh_buf_init(&words, KH_AMEND_BYTES_MAX);
    status = make_note(amended, &words, note, err);
    inner_size = make_header(amended, inner, TAG_MODIFIED_ATTRIBUTES, KH_VR('S', 'Q'), (uint32_t)(8 + modified));
    item = inner_size + 8 + modified + words.size;
    if (status == KH_OK && held + 8 + item >= KH_LENGTH_UNDEFINED)
        status = kh_error_set(err, KH_E_LIMIT, "Original Attributes Sequence (0400,0561) is too long");
    sequence_size = make_header(amended, sequence, KH_TAG_ORIGINAL_ATTRIBUTES, KH_VR('S', 'Q'), (uint32_t)(held + 8 + item));
    first_size = make_header(amended, first, KH_TAG_ITEM, 0, (uint32_t)item);
    inner_item_size = make_header(amended, inner_item, KH_TAG_ITEM, 0, (uint32_t)modified);
    if (status == KH_OK)
        status = kh_splice_own(splice, sequence, sequence_size, err);
    if (status == KH_OK)
        status = kh_splice_base(splice, present ? present->offset : 0, held, err);
    if (status == KH_OK)
        status = kh_splice_own(splice, first, first_size, err);
    if (status == KH_OK)
        status = kh_splice_own(splice, inner, inner_size, err);
    if (status == KH_OK)
        status = kh_splice_own(splice, inner_item, inner_item_size, err);
    if (status == KH_OK)
        status = add_modified(amended, err);
    if (status == KH_OK)
        status = kh_splice_own(splice, words.data, words.size, err);
    kh_buf_release(&words);
    return status;
}
