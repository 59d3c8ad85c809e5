#include "pacs-bridge/syntax_list.h"

#include <stdint.h>
#include <string.h>

size_t kh_syntax_list_place(const char *list, const char *uid)
{
    size_t length = strlen(uid), place = 0;

    for (const char *at = list; *at; place++) {
        size_t item = strcspn(at, ",");
        if (item == length && strncmp(at, uid, length) == 0)
            return place;
        at += item + (at[item] == ',');
    }
    return SIZE_MAX;
}

size_t kh_syntax_list_native(const char *list, const char *out[2])
{
    size_t explicit_le = kh_syntax_list_place(list, KH_TS_EXPLICIT_LE), implicit_le = kh_syntax_list_place(list, KH_TS_IMPLICIT_LE);
    bool implicit_first = implicit_le < explicit_le;

    out[0] = implicit_first ? KH_TS_IMPLICIT_LE : KH_TS_EXPLICIT_LE;
    out[1] = implicit_first ? KH_TS_EXPLICIT_LE : KH_TS_IMPLICIT_LE;
    return (explicit_le == SIZE_MAX) != (implicit_le == SIZE_MAX) ? 1 : 2;
}

bool kh_syntax_is_native(const char *uid)
{
    return strcmp(uid, KH_TS_EXPLICIT_LE) == 0 || strcmp(uid, KH_TS_IMPLICIT_LE) == 0;
}

bool kh_syntax_list_next(const char **at, char uid[KH_UID_SIZE])
{
    while (**at) {
        size_t item = strcspn(*at, ",");
        const char *from = *at;

        *at += item + (from[item] == ',');
        if (item == 0 || item >= KH_UID_SIZE)
            continue;
        memcpy(uid, from, item);
        uid[item] = '\0';
        return true;
    }
    return false;
}
