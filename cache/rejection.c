#include "cache/rejection.h"

#include <string.h>
#include "dicom/syntax.h"

#define SOP_KEY_OBJECT_SELECTION "1.2.840.10008.5.1.4.1.1.88.59"
#define TAG_CONCEPT_NAME KH_TAG(0x0040, 0xa043)
#define TAG_CODE_VALUE KH_TAG(0x0008, 0x0100)
#define TAG_CODING_SCHEME KH_TAG(0x0008, 0x0102)
#define TAG_EVIDENCE KH_TAG(0x0040, 0xa375)
#define TAG_REFERENCED_SERIES KH_TAG(0x0008, 0x1115)
#define TAG_REFERENCED_SOP KH_TAG(0x0008, 0x1199)
#define TAG_REFERENCED_INSTANCE KH_TAG(0x0008, 0x1155)

/* PS3.16 CID 7011 as IOCM uses it. What expired may be kept or sent again on purpose: only what is here goes. */
static const struct {
    const char *code, *reason;
    bool later_too;
} titles[] = {
    {"113001", "rejected for quality reasons", true},
    {"113037", "rejected for patient safety reasons", true},
    {"113038", "incorrect modality worklist entry", true},
    {"113039", "data retention policy expired", false},
};

static void read_title(kh_rejection *out, const kh_item *main)
{
    const kh_item *name = kh_item_first(main, TAG_CONCEPT_NAME);
    char code[17], scheme[17];

    if (!name || !kh_item_string(name, TAG_CODE_VALUE, 0, code, sizeof code) ||
        !kh_item_string(name, TAG_CODING_SCHEME, 0, scheme, sizeof scheme) || strcmp(scheme, "DCM") != 0)
        return;
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (strcmp(code, titles[i].code) != 0)
            continue;
        out->reason = titles[i].reason;
        out->later_too = titles[i].later_too;
    }
}

static kh_status read_instances(kh_rejection *out, const kh_element *instances, kh_error *err)
{
    for (uint32_t i = 0; instances && i < instances->item_count; i++) {
        char uid[KH_UID_SIZE] = "";
        kh_status status;

        if (!kh_item_string(kh_element_item(instances, i), TAG_REFERENCED_INSTANCE, 0, uid, sizeof uid) || !kh_uid_plausible(uid))
            continue;
        if (out->count == KH_REJECTED_MAX)
            return kh_error_set(err, KH_E_LIMIT, "rejection note of more than %d instances", KH_REJECTED_MAX);
        status = kh_buf_append(&out->uids, uid, sizeof uid, err);
        if (status != KH_OK)
            return status;
        out->count++;
    }
    return KH_OK;
}

kh_status kh_rejection_read(kh_rejection *out, const kh_item *main, kh_error *err)
{
    const kh_element *studies = kh_item_find(main, TAG_EVIDENCE);
    char sop_class[KH_UID_SIZE];
    kh_status status = KH_OK;

    memset(out, 0, sizeof *out);
    kh_buf_init(&out->uids, (size_t)KH_REJECTED_MAX * KH_UID_SIZE);
    if (!kh_item_string(main, KH_TAG_SOP_CLASS_UID, 0, sop_class, sizeof sop_class) || strcmp(sop_class, SOP_KEY_OBJECT_SELECTION) != 0)
        return KH_OK;
    read_title(out, main);
    for (uint32_t i = 0; out->reason && studies && i < studies->item_count; i++) {
        const kh_element *series = kh_item_find(kh_element_item(studies, i), TAG_REFERENCED_SERIES);

        for (uint32_t s = 0; series && s < series->item_count && status == KH_OK; s++)
            status = read_instances(out, kh_item_find(kh_element_item(series, s), TAG_REFERENCED_SOP), err);
    }
    return status;
}

void kh_rejection_release(kh_rejection *rejection)
{
    kh_buf_release(&rejection->uids);
}
