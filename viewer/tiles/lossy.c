#include "viewer/tiles/lossy.h"

#include <stdio.h>
#include <string.h>

#define METHOD_SIZE 65

/* The code as it may stand in a header line: several are parted by commas. */
static void plain_method(char out[METHOD_SIZE], const char *stored)
{
    size_t size = 0;

    for (; *stored && size + 1 < METHOD_SIZE; stored++) {
        if ((*stored >= 'A' && *stored <= 'Z') || (*stored >= '0' && *stored <= '9') || *stored == '_')
            out[size++] = *stored;
        else if (*stored == '\\')
            out[size++] = ',';
    }
    out[size] = '\0';
}

void kh_lossy_text(char out[KH_TILE_LOSSY_SIZE], const kh_lossy_facts *facts)
{
    char ours[48] = "", ratio[48] = "", method[METHOD_SIZE] = "";

    if (facts->quality > 0)
        snprintf(ours, sizeof ours, "jpeg;q=%d;ratio=%.1f", facts->quality, facts->our_ratio);
    if (!facts->source) {
        snprintf(out, KH_TILE_LOSSY_SIZE, "%s", ours[0] ? ours : "no");
        return;
    }
    plain_method(method, facts->source_method);
    if (facts->source_ratio > 0)
        snprintf(ratio, sizeof ratio, ";source-ratio=%.4g", facts->source_ratio);
    snprintf(out, KH_TILE_LOSSY_SIZE, "%s%ssource%s%s%s", ours, ours[0] ? ";" : "", ratio, method[0] ? ";source-method=" : "", method);
}
