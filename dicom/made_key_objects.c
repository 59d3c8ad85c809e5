/* Key Object Selection Document: PS3.3 A.35.4, C.17.6.2; its tree PS3.16 TID 2010. */
#include <stdlib.h>
#include "dicom/made_internal.h"

#define DESCRIPTION_MAX 8192

static bool names_any(const kh_made_content *content, bool *wanted)
{
    bool any = false;

    for (size_t i = 0; i < content->mark_count; i++)
        if (content->marks[i].kind == KH_MARK_KEY)
            wanted[content->marks[i].reference] = any = true;
    return any;
}

/* What was written beside the key images, line by line. */
static kh_status put_description(kh_writer *writer, const kh_made_content *content, kh_error *err)
{
    static const kh_code concept = {"113012", "DCM", "Key Object Description"};
    kh_status status = KH_OK;
    kh_buf text;

    kh_buf_init(&text, KH_MARK_POINTS_MAX * DESCRIPTION_MAX);
    for (size_t i = 0; status == KH_OK && i < content->mark_count; i++)
        if (content->marks[i].kind == KH_MARK_KEY && content->marks[i].text[0])
            status = kh_buf_appendf(&text, err, "%s%s", text.size > 0 ? "\r\n" : "", content->marks[i].text);
    if (status == KH_OK && text.size > 0)
        kh_sr_text(writer, "CONTAINS", &concept, kh_buf_text(&text));
    kh_buf_release(&text);
    return status;
}

kh_status kh_made_key_objects(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err)
{
    static const kh_code title = {"113000", "DCM", "Of Interest"};
    bool *wanted = calloc(content->reference_count + 1, sizeof *wanted);
    kh_writer *writer = NULL;
    kh_status status;

    if (!wanted)
        return kh_error_set(err, KH_E_MEMORY, "no memory for key images");
    status = names_any(content, wanted) ? KH_OK : kh_error_set(err, KH_E_ARG, "there are no key images");
    if (status == KH_OK)
        status = kh_made_begin(&writer, out, head, KH_SOP_KEY_OBJECTS, err);
    if (status == KH_OK) {
        kh_made_put_identity(writer, head);
        kh_sr_document(writer, head, content, wanted, &title, "2010", false);
        kh_writer_sequence_begin(writer, KH_TAG(0x0040, 0xa730));
        kh_sr_observer(writer, head);
        status = put_description(writer, content, err);
        for (size_t i = 0; i < content->reference_count; i++)
            if (wanted[i])
                kh_sr_image(writer, "CONTAINS", &content->references[i]);
        kh_writer_sequence_end(writer);
        if (status == KH_OK)
            status = kh_writer_finish(writer, err);
    }
    kh_writer_free(writer);
    free(wanted);
    return status;
}
