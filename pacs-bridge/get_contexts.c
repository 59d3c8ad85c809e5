#include "pacs-bridge/get_contexts.h"

#define STORAGE(last) "1.2.840.10008.5.1.4.1.1." last

static const char *const uncompressed[] = {KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE};
static const char *const compressed[] = {KH_TS_JPEG_BASELINE, KH_TS_JPEG_LOSSLESS_SV1, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
                                         KH_TS_RLE};
#define COMPRESSED_COUNT (sizeof(compressed) / sizeof(compressed[0]))

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

_Static_assert(PICTURE_COUNT * (1 + COMPRESSED_COUNT) + OTHER_COUNT <= KH_GET_CONTEXTS_MAX, "more than an association has room for");

size_t kh_get_contexts(kh_proposal *out)
{
    size_t count = 0;

    for (size_t i = 0; i < PICTURE_COUNT; i++) {
        out[count++] = (kh_proposal){pictures[i], uncompressed, 2, true};
        for (size_t k = 0; k < COMPRESSED_COUNT; k++)
            out[count++] = (kh_proposal){pictures[i], &compressed[k], 1, true};
    }
    for (size_t i = 0; i < OTHER_COUNT; i++)
        out[count++] = (kh_proposal){others[i], uncompressed, 2, true};
    return count;
}
