/* text.c - text attributes as UTF-8. */
#include "dicom/text.h"

#include <string.h>
#include "dicom/dataset_internal.h"

const char *kh_item_charset(const kh_item *item)
{
    return item->charset;
}

kh_status kh_text_to_utf8(kh_buf *out, const void *bytes, size_t size, const char *charset, bool person_name, kh_error *err)
{
    (void)charset;
    (void)person_name;
    return kh_buf_append(out, bytes, size, err);
}

kh_status kh_text_from_utf8(kh_buf *out, const char *utf8, const char *charset, bool person_name, kh_error *err)
{
    (void)charset;
    (void)person_name;
    return kh_buf_append_text(out, utf8, err);
}

void kh_item_text(const kh_item *item, kh_tag tag, uint32_t index, char *out, size_t out_size)
{
    if (!kh_item_string(item, tag, index, out, out_size))
        out[0] = '\0';
}
