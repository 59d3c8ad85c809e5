#include "viewer/dicomweb/bulk_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kh_status expected(const char *text, kh_error *err)
{
    return kh_error_set(err, KH_E_ARG, "bulkdata: \"%.24s\", expected tags of 8 hexadecimal digits, with item numbers from 1 between them",
                        text);
}

static bool is_separator(char c)
{
    return c == '.' || c == '/';
}

kh_status kh_bulk_path_parse(kh_bulk_path *out, const char *text, kh_error *err)
{
    out->depth = 0;
    for (;;) {
        size_t digits = strspn(text, "0123456789ABCDEFabcdef");

        if (digits != 8)
            return expected(text, err);
        out->tags[out->depth] = (kh_tag)strtoul(text, NULL, 16);
        text += digits;
        if (*text == '\0')
            return KH_OK;
        if (!is_separator(*text++))
            return expected(text, err);
        if (out->depth == KH_BULK_DEPTH_MAX)
            return kh_error_set(err, KH_E_ARG, "bulkdata: more than %d sequences deep", KH_BULK_DEPTH_MAX);
        digits = strspn(text, "0123456789");
        if (digits < 1 || digits > 9 || !is_separator(text[digits]) || strtoul(text, NULL, 10) < 1)
            return expected(text, err);
        out->items[out->depth++] = (uint32_t)strtoul(text, NULL, 10);
        text += digits + 1;
    }
}

kh_status kh_bulk_path_find(const kh_element **out, const kh_bulk_path *path, const kh_dataset *dataset, kh_error *err)
{
    const kh_item *item = kh_dataset_main(dataset);

    for (unsigned i = 0; i < path->depth; i++) {
        const kh_element *sequence = kh_item_find(item, path->tags[i]);

        if (!sequence || path->items[i] > sequence->item_count)
            return kh_error_set(err, KH_E_NOT_FOUND, "no item %u of (%04X,%04X)", (unsigned)path->items[i], KH_TAG_ARGS(path->tags[i]));
        item = kh_element_item(sequence, path->items[i] - 1);
    }
    *out = kh_item_find(item, path->tags[path->depth]);
    if (!*out || (*out)->vr == KH_VR('S', 'Q') || (*out)->item_count > 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no value of (%04X,%04X)", KH_TAG_ARGS(path->tags[path->depth]));
    return KH_OK;
}

void kh_bulk_path_text(const kh_bulk_path *path, char out[KH_BULK_TEXT_SIZE])
{
    size_t at = 0;

    for (unsigned i = 0; i < path->depth; i++)
        at += (size_t)snprintf(out + at, KH_BULK_TEXT_SIZE - at, "%08X.%u.", (unsigned)path->tags[i], (unsigned)path->items[i]);
    snprintf(out + at, KH_BULK_TEXT_SIZE - at, "%08X", (unsigned)path->tags[path->depth]);
}
