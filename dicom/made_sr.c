#include <string.h>
#include "dicom/made_internal.h"

#define CS KH_VR('C', 'S')
#define UI KH_VR('U', 'I')

void kh_sr_begin(kh_writer *writer, const char *relationship, const char *value_type, const kh_code *concept)
{
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa010), CS, relationship);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa040), CS, value_type);
    if (concept)
        kh_made_put_code(writer, KH_TAG(0x0040, 0xa043), concept);
    if (strcmp(value_type, "CONTAINER") == 0)
        kh_writer_text(writer, KH_TAG(0x0040, 0xa050), CS, "SEPARATE");
}

void kh_sr_end(kh_writer *writer)
{
    kh_writer_item_end(writer);
}

void kh_sr_code(kh_writer *writer, const char *relationship, const kh_code *concept, const kh_code *value)
{
    kh_sr_begin(writer, relationship, "CODE", concept);
    kh_made_put_code(writer, KH_TAG(0x0040, 0xa168), value);
    kh_sr_end(writer);
}

void kh_sr_text(kh_writer *writer, const char *relationship, const kh_code *concept, const char *text)
{
    kh_sr_begin(writer, relationship, "TEXT", concept);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa160), KH_VR('U', 'T'), text);
    kh_sr_end(writer);
}

void kh_sr_uid(kh_writer *writer, const char *relationship, const kh_code *concept, const char *uid)
{
    kh_sr_begin(writer, relationship, "UIDREF", concept);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa124), UI, uid);
    kh_sr_end(writer);
}

/* The reference is of a lower group than the rest of the item. */
void kh_sr_image(kh_writer *writer, const char *relationship, const kh_made_reference *reference)
{
    kh_writer_item_begin(writer);
    kh_made_put_image(writer, KH_TAG(0x0008, 0x1199), reference);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa010), CS, relationship);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa040), CS, "IMAGE");
    kh_writer_item_end(writer);
}

void kh_sr_observer(kh_writer *writer, const kh_made_head *head)
{
    static const kh_code language = {"121049", "DCM", "Language of Content Item and Descendants"}, english = {"en", "RFC5646", "English"},
                         type = {"121005", "DCM", "Observer Type"}, person = {"121006", "DCM", "Person"},
                         name = {"121008", "DCM", "Person Observer Name"};

    kh_sr_code(writer, "HAS CONCEPT MOD", &language, &english);
    if (!head->author[0])
        return;
    kh_sr_code(writer, "HAS OBS CONTEXT", &type, &person);
    kh_sr_begin(writer, "HAS OBS CONTEXT", "PNAME", &name);
    kh_made_put_person(writer, KH_TAG(0x0040, 0xa123), head->author);
    kh_sr_end(writer);
}

void kh_sr_document(kh_writer *writer, const kh_made_head *head, const kh_made_content *content, const bool *wanted, const kh_code *title,
                    const char *template_id, bool is_report)
{
    kh_writer_text(writer, KH_TAG(0x0040, 0xa040), CS, "CONTAINER");
    kh_made_put_code(writer, KH_TAG(0x0040, 0xa043), title);
    kh_writer_text(writer, KH_TAG(0x0040, 0xa050), CS, "SEPARATE");
    if (is_report) /* Performed Procedure Code Sequence, type 2 */
        kh_writer_empty(writer, KH_TAG(0x0040, 0xa372), KH_VR('S', 'Q'));
    kh_writer_sequence_begin(writer, KH_TAG(0x0040, 0xa375));
    kh_writer_item_begin(writer);
    kh_made_put_series(writer, content, wanted, KH_TAG(0x0008, 0x1199));
    kh_writer_text(writer, KH_TAG(0x0020, 0x000d), UI, head->study_uid);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
    if (is_report) {
        kh_writer_text(writer, KH_TAG(0x0040, 0xa491), CS, "PARTIAL");
        kh_writer_text(writer, KH_TAG(0x0040, 0xa493), CS, "UNVERIFIED");
    }
    kh_writer_sequence_begin(writer, KH_TAG(0x0040, 0xa504));
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0008, 0x0105), CS, "DCMR");
    kh_writer_text(writer, KH_TAG(0x0040, 0xdb00), CS, template_id);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
}
