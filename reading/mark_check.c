/* What a mark's id and text may be. */
#include <string.h>
#include "base/utf8.h"
#include "reading/marks.h"

kh_status kh_mark_check_id(const char *id, kh_error *err)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    size_t at = 0;

    for (; id && form[at]; at++) {
        bool fits = form[at] == 'x'   ? id[at] && strchr("0123456789abcdef", id[at])
                    : form[at] == 'y' ? id[at] && strchr("89ab", id[at])
                                      : id[at] == form[at];

        if (!fits)
            break;
    }
    if (!id || form[at] || id[at])
        return kh_error_set(err, KH_E_ARG, "id \"%.40s\", expected a UUID of version 4 in small letters", id ? id : "");
    return KH_OK;
}

kh_status kh_mark_check_text(const char *text, kh_error *err)
{
    size_t count = 0;

    for (const uint8_t *at = (const uint8_t *)text; *at; count++) {
        size_t size = kh_utf8_printed_size(at);

        if (size == 0)
            return kh_error_set(err, KH_E_ARG, "text: character %zu, expected UTF-8 without control characters", count + 1);
        at += size;
    }
    if (count > KH_MARK_CHARACTERS_MAX)
        return kh_error_set(err, KH_E_ARG, "text: %zu characters, expected at most %d", count, KH_MARK_CHARACTERS_MAX);
    return KH_OK;
}
