#include "pacs-bridge/identifier.h"

#include <string.h>
#include "dicom/syntax.h"
#include "dicom/writer.h"

kh_status kh_identifier_build(kh_buf *out, const char *transfer_syntax_uid, const char *charset, const kh_key *keys,
                              size_t key_count, kh_error *err)
{
    kh_writer *writer = NULL;
    kh_status status = kh_writer_create(&writer, out, strcmp(transfer_syntax_uid, KH_TS_IMPLICIT_LE) != 0, charset, err);

    if (status != KH_OK)
        return status;
    if (charset[0]) /* never sent empty (PS3.4 C.2.2.2) */
        kh_writer_text(writer, KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), charset);
    for (size_t i = 0; i < key_count; i++) {
        if (keys[i].value && keys[i].value[0])
            kh_writer_text(writer, keys[i].tag, keys[i].vr, keys[i].value);
        else
            kh_writer_empty(writer, keys[i].tag, keys[i].vr);
    }
    status = kh_writer_finish(writer, err);
    kh_writer_free(writer);
    return status;
}
