/* name.c - person names (PS3.5 6.2.1.2). */
#include <string.h>
#include "dicom/text.h"

void kh_item_person_name(const kh_item *item, kh_tag tag, kh_person_name *out)
{
    memset(out, 0, sizeof(*out));
    kh_item_text(item, tag, 0, out->alphabetic, sizeof(out->alphabetic));
}
