/* dictionary.c - look-ups in the table of attributes. */
#include "dicom/dictionary.h"

#include <stddef.h>
#include <string.h>

#define E(tag, a, b, keyword) {tag, KH_VR(a, b), keyword},
static const kh_dictionary_entry entries[] = {
#include "dicom/dictionary_table.inc"
};
#undef E

/* PS3.6: (50xx,eeee) and (60xx,eeee) repeat for every even xx up to 1E. */
static kh_tag without_repetition(kh_tag tag)
{
    uint16_t group = KH_TAG_GROUP(tag);

    if (((group & 0xff00) == 0x5000 || (group & 0xff00) == 0x6000) && (group & 0xff) <= 0x1e && (group & 1) == 0)
        return KH_TAG(group & 0xff00, KH_TAG_ELEMENT(tag));
    return tag;
}

const kh_dictionary_entry *kh_dictionary_find(kh_tag tag)
{
    size_t low = 0, high = sizeof(entries) / sizeof(entries[0]);

    tag = without_repetition(tag);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].tag == tag)
            return &entries[middle];
        if (entries[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

kh_vr kh_dictionary_vr(kh_tag tag)
{
    uint16_t element = KH_TAG_ELEMENT(tag);
    const kh_dictionary_entry *entry;

    if (element == 0)
        return KH_VR('U', 'L');
    if (KH_TAG_GROUP(tag) & 1)
        return element >= 0x10 && element <= 0xff ? KH_VR('L', 'O') : KH_VR('U', 'N');
    entry = kh_dictionary_find(tag);
    return entry ? entry->vr : KH_VR('U', 'N');
}

const char *kh_dictionary_keyword(kh_tag tag)
{
    const kh_dictionary_entry *entry = kh_dictionary_find(tag);

    return entry ? entry->keyword : "";
}

kh_tag kh_dictionary_tag(const char *keyword)
{
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if (strcmp(entries[i].keyword, keyword) == 0)
            return entries[i].tag;
    }
    return 0;
}

bool kh_dictionary_follows_sign(kh_tag tag)
{
    static const kh_tag tags[] = {
        KH_TAG(0x0028, 0x0104), KH_TAG(0x0028, 0x0105), KH_TAG(0x0028, 0x0106), KH_TAG(0x0028, 0x0107), KH_TAG(0x0028, 0x0108),
        KH_TAG(0x0028, 0x0109), KH_TAG(0x0028, 0x0110), KH_TAG(0x0028, 0x0111), KH_TAG(0x0028, 0x0120), KH_TAG(0x0028, 0x0121),
        KH_TAG(0x0028, 0x1101), KH_TAG(0x0028, 0x1102), KH_TAG(0x0028, 0x1103), KH_TAG(0x0028, 0x3002), KH_TAG(0x0040, 0x9211),
        KH_TAG(0x0040, 0x9216), KH_TAG(0x0060, 0x3004), KH_TAG(0x0060, 0x3006),
    };

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (tags[i] == tag)
            return true;
    return false;
}

bool kh_vr_long_form(kh_vr vr)
{
    switch (vr) {
    case KH_VR('O', 'B'):
    case KH_VR('O', 'D'):
    case KH_VR('O', 'F'):
    case KH_VR('O', 'L'):
    case KH_VR('O', 'V'):
    case KH_VR('O', 'W'):
    case KH_VR('S', 'Q'):
    case KH_VR('S', 'V'):
    case KH_VR('U', 'C'):
    case KH_VR('U', 'N'):
    case KH_VR('U', 'R'):
    case KH_VR('U', 'T'):
    case KH_VR('U', 'V'):
        return true;
    default:
        return false;
    }
}

bool kh_vr_known(kh_vr vr)
{
    switch (vr) {
    case KH_VR('A', 'E'):
    case KH_VR('A', 'S'):
    case KH_VR('A', 'T'):
    case KH_VR('C', 'S'):
    case KH_VR('D', 'A'):
    case KH_VR('D', 'S'):
    case KH_VR('D', 'T'):
    case KH_VR('F', 'D'):
    case KH_VR('F', 'L'):
    case KH_VR('I', 'S'):
    case KH_VR('L', 'O'):
    case KH_VR('L', 'T'):
    case KH_VR('P', 'N'):
    case KH_VR('S', 'H'):
    case KH_VR('S', 'L'):
    case KH_VR('S', 'S'):
    case KH_VR('S', 'T'):
    case KH_VR('T', 'M'):
    case KH_VR('U', 'I'):
    case KH_VR('U', 'L'):
    case KH_VR('U', 'S'):
        return true;
    default:
        return kh_vr_long_form(vr);
    }
}

size_t kh_vr_number_bytes(kh_vr vr)
{
    switch (vr) {
    case KH_VR('U', 'S'):
    case KH_VR('S', 'S'):
        return 2;
    case KH_VR('U', 'L'):
    case KH_VR('S', 'L'):
    case KH_VR('F', 'L'):
    case KH_VR('A', 'T'):
        return 4;
    case KH_VR('U', 'V'):
    case KH_VR('S', 'V'):
    case KH_VR('F', 'D'):
        return 8;
    default:
        return 0;
    }
}
