#include "pacs-bridge/get_contexts.h"

#include <string.h>
#include "pacs-bridge/syntax_list.h"

#define STORAGE(last) "1.2.840.10008.5.1.4.1.1." last

static const char *const usual[] = {KH_TS_JPEG_BASELINE, KH_TS_JPEG_LOSSLESS_SV1, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
                                    KH_TS_RLE};
_Static_assert(sizeof(usual) / sizeof(usual[0]) == KH_GET_COMPRESSED_MAX, "as many as there is room for");

/* CT, MR, CR, DX, MG, US, US multi-frame, SC, XA, RF, NM, PET, endoscopy, photographs. */
static const char *const pictures[] = {
    STORAGE("2"),  STORAGE("4"),    STORAGE("1"),    STORAGE("1.1"), STORAGE("1.2"), STORAGE("6.1"),      STORAGE("3.1"),
    STORAGE("7"),  STORAGE("12.1"), STORAGE("12.2"), STORAGE("20"),  STORAGE("128"), STORAGE("77.1.1"), STORAGE("77.1.4"),
};
#define PICTURE_COUNT (sizeof(pictures) / sizeof(pictures[0]))

/* Enhanced and multi-frame pictures, presentation states, reports, documents, radiotherapy, waveforms, the retired that are still about. */
static const char *const others[] = {
    STORAGE("2.1"),      STORAGE("4.1"),      STORAGE("4.2"),      STORAGE("4.3"),      STORAGE("12.1.1"), STORAGE("12.2.1"),
    STORAGE("13.1.1"),   STORAGE("13.1.3"),   STORAGE("6.2"),      STORAGE("7.1"),      STORAGE("7.2"),    STORAGE("7.3"),
    STORAGE("7.4"),      STORAGE("11.1"),     STORAGE("11.2"),     STORAGE("66"),       STORAGE("66.1"),   STORAGE("66.4"),
    STORAGE("67"),       STORAGE("77.1.2"),   STORAGE("77.1.5.1"), STORAGE("77.1.5.4"), STORAGE("77.1.6"), STORAGE("88.11"),
    STORAGE("88.22"),    STORAGE("88.33"),    STORAGE("88.50"),    STORAGE("88.59"),    STORAGE("88.67"),  STORAGE("104.1"),
    STORAGE("104.2"),    STORAGE("130"),      STORAGE("481.1"),    STORAGE("481.2"),    STORAGE("481.3"),  STORAGE("481.4"),
    STORAGE("481.5"),    STORAGE("9.1.1"),    STORAGE("9.1.2"),    STORAGE("9.2.1"),    STORAGE("6"),      STORAGE("3"),
};
#define OTHER_COUNT (sizeof(others) / sizeof(others[0]))

_Static_assert(PICTURE_COUNT * (1 + KH_GET_COMPRESSED_MAX) + OTHER_COUNT <= KH_GET_CONTEXTS_MAX, "more than an association has room for");

static void choose_compressed(kh_get_contexts *to, const char *syntaxes)
{
    const char *at = syntaxes;
    char uid[KH_UID_SIZE];

    while (to->compressed_count < KH_GET_COMPRESSED_MAX && kh_syntax_list_next(&at, uid)) {
        if (kh_syntax_is_native(uid))
            continue;
        memcpy(to->uids[to->compressed_count], uid, sizeof(uid));
        to->compressed[to->compressed_count] = to->uids[to->compressed_count];
        to->compressed_count++;
    }
    if (!syntaxes[0]) {
        memcpy(to->compressed, usual, sizeof(usual));
        to->compressed_count = KH_GET_COMPRESSED_MAX;
    }
}

static void add_class(kh_get_contexts *to, const char *sop_class_uid, size_t compressed_count)
{
    to->proposals[to->count++] = (kh_proposal){sop_class_uid, to->native, to->native_count, true};
    for (size_t i = 0; i < compressed_count; i++)
        to->proposals[to->count++] = (kh_proposal){sop_class_uid, &to->compressed[i], 1, true};
}

/* Where a node's list leaves room, other classes are taken compressed too: multi-frame pictures are among them. */
void kh_get_contexts_init(kh_get_contexts *out, const char *syntaxes)
{
    size_t room;

    memset(out, 0, sizeof(*out));
    out->native_count = kh_syntax_list_native(syntaxes, out->native);
    choose_compressed(out, syntaxes);
    for (size_t i = 0; i < PICTURE_COUNT; i++)
        add_class(out, pictures[i], out->compressed_count);
    room = KH_GET_CONTEXTS_MAX - out->count - OTHER_COUNT;
    for (size_t i = 0; i < OTHER_COUNT; i++) {
        size_t compressed = out->compressed_count <= room ? out->compressed_count : 0;
        add_class(out, others[i], compressed);
        room -= compressed;
    }
}
