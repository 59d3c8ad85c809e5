/* element_header.c - reading tag, VR and length in each encoding. */
#include "dicom/element_header.h"

#include "dicom/dictionary.h"

static kh_status too_short(uint64_t left, kh_error *err)
{
    return kh_error_set(err, KH_E_FORMAT, "followed by %llu bytes, expected an attribute", (unsigned long long)left);
}

static void implicit_form(kh_element_header *header, const uint8_t *bytes, bool big_endian)
{
    header->vr = kh_dictionary_vr(header->tag);
    header->length = kh_load_u32(bytes + 4, big_endian);
    header->size = 8;
}

static kh_status explicit_form(kh_element_header *header, const uint8_t *bytes, uint64_t left, bool big_endian,
                               bool is_long, kh_error *err)
{
    if (is_long && left < 12)
        return too_short(left, err);
    header->length = is_long ? kh_load_u32(bytes + 8, big_endian) : kh_load_u16(bytes + 6, big_endian);
    header->size = is_long ? 12 : 8;
    return KH_OK;
}

static bool is_capital(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

/* Letters that are no VR are a later edition's: long form (PS3.5 7.1.2), or a writer's slip in short form, told apart
 * by the reserved bytes. No letters at all: some writers put elements of implicit form into explicit data sets. */
static kh_status unknown_form(kh_element_header *header, const uint8_t *bytes, uint64_t left, bool big_endian,
                              kh_error *err)
{
    uint32_t length = kh_load_u32(bytes + 4, big_endian);

    if (is_capital(bytes[4]) && is_capital(bytes[5])) {
        bool is_long = left >= 12 && bytes[6] == 0 && bytes[7] == 0;
        header->origin = KH_VR_UNKNOWN_LETTERS;
        header->vr = KH_VR('U', 'N');
        return explicit_form(header, bytes, left, big_endian, is_long, err);
    }
    if (length == KH_LENGTH_UNDEFINED || length <= left - 8) {
        header->origin = KH_VR_NOT_EXPLICIT;
        implicit_form(header, bytes, big_endian);
        return KH_OK;
    }
    header->origin = KH_VR_UNKNOWN_LETTERS;
    header->vr = KH_VR('U', 'N');
    return explicit_form(header, bytes, left, big_endian, false, err);
}

kh_status kh_element_header_read(kh_element_header *out, kh_block_reader *reader, uint64_t offset, uint64_t left,
                                 bool explicit_vr, bool big_endian, kh_error *err)
{
    const uint8_t *bytes;
    kh_status status;
    kh_vr vr;

    *out = (kh_element_header){0};
    if (left < 8)
        return too_short(left, err);
    status = kh_block_reader_at(&bytes, reader, offset, left < 12 ? 8 : 12, err);
    if (status != KH_OK)
        return status;
    out->tag = KH_TAG(kh_load_u16(bytes, big_endian), kh_load_u16(bytes + 2, big_endian));
    if (KH_TAG_GROUP(out->tag) == 0xfffe) { /* items and delimiters have no VR in any encoding */
        out->length = kh_load_u32(bytes + 4, big_endian);
        out->size = 8;
        return KH_OK;
    }
    if (!explicit_vr) {
        implicit_form(out, bytes, big_endian);
        return KH_OK;
    }
    vr = KH_VR(bytes[4], bytes[5]);
    if (!kh_vr_known(vr))
        return unknown_form(out, bytes, left, big_endian, err);
    out->vr = vr;
    return explicit_form(out, bytes, left, big_endian, kh_vr_long_form(vr), err);
}
