/* name.c - person names: up to three component groups between = signs (PS3.5 6.2.1.2). */
#include <string.h>
#include "dicom/text.h"

#define NAME_BYTES_MAX 1024 /* three groups of 64 characters of up to four bytes, and room for long ones */

/* One group without the empty components at its end. */
static void copy_group(char *out, size_t out_size, const char *group, size_t size)
{
    while (size > 0 && (group[0] == ' ')) {
        group++;
        size--;
    }
    while (size > 0 && (group[size - 1] == '^' || group[size - 1] == ' '))
        size--;
    if (size >= out_size) {
        size = out_size - 1;
        while (size > 0 && ((unsigned char)group[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(out, group, size);
    out[size] = '\0';
}

void kh_item_person_name(const kh_item *item, kh_tag tag, kh_person_name *out)
{
    char name[NAME_BYTES_MAX];
    char *groups[] = {out->alphabetic, out->ideographic, out->phonetic};
    const char *next = name;

    memset(out, 0, sizeof(*out));
    kh_item_text(item, tag, 0, name, sizeof(name));
    for (size_t i = 0; i < 3; i++) {
        size_t size = strcspn(next, "=");
        copy_group(groups[i], sizeof(out->alphabetic), next, size);
        if (next[size] == '\0')
            return;
        next += size + 1;
    }
}
