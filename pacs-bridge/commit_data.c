#include "pacs-bridge/commit_data.h"

#include <stdlib.h>
#include <string.h>
#include "dicom/dataset.h"
#include "dicom/writer.h"

#define TAG_RETRIEVE_AE_TITLE KH_TAG(0x0008, 0x0054)
#define TAG_REFERENCED_SOP_CLASS_UID KH_TAG(0x0008, 0x1150)
#define TAG_REFERENCED_SOP_INSTANCE_UID KH_TAG(0x0008, 0x1155)
#define TAG_TRANSACTION_UID KH_TAG(0x0008, 0x1195)
#define TAG_FAILURE_REASON KH_TAG(0x0008, 0x1197)
#define TAG_FAILED_SOP_SEQUENCE KH_TAG(0x0008, 0x1198)
#define TAG_REFERENCED_SOP_SEQUENCE KH_TAG(0x0008, 0x1199)
#define VR_UI KH_VR('U', 'I')
#define PROCESSING_FAILURE 0x0110

/* --- writing --- */

static void put_ref(kh_writer *writer, const kh_commitment_ref *ref, bool with_reason)
{
    uint16_t reason = ref->result == KH_COMMITMENT_UNKNOWN ? PROCESSING_FAILURE : ref->result;

    kh_writer_item_begin(writer);
    kh_writer_text(writer, TAG_REFERENCED_SOP_CLASS_UID, VR_UI, ref->sop_class_uid);
    kh_writer_text(writer, TAG_REFERENCED_SOP_INSTANCE_UID, VR_UI, ref->sop_instance_uid);
    if (with_reason)
        kh_writer_us(writer, TAG_FAILURE_REASON, &reason, 1);
    kh_writer_item_end(writer);
}

/* Those that failed, or those that did not. */
static void put_refs(kh_writer *writer, kh_tag tag, const kh_commitment_ref *refs, size_t count, bool failed)
{
    kh_writer_sequence_begin(writer, tag);
    for (size_t i = 0; i < count; i++)
        if ((refs[i].result != 0) == failed)
            put_ref(writer, &refs[i], failed);
    kh_writer_sequence_end(writer);
}

static kh_status begin(kh_writer **writer, kh_buf *out, const char *transfer_syntax_uid, kh_error *err)
{
    return kh_writer_create(writer, out, strcmp(transfer_syntax_uid, KH_TS_IMPLICIT_LE) != 0, "", err);
}

kh_status kh_commit_request_build(kh_buf *out, const char *transfer_syntax_uid, const char *transaction_uid,
                                  const kh_commitment_ref *refs, size_t count, kh_error *err)
{
    kh_writer *writer = NULL;
    kh_status status = begin(&writer, out, transfer_syntax_uid, err);

    if (status != KH_OK)
        return status;
    kh_writer_text(writer, TAG_TRANSACTION_UID, VR_UI, transaction_uid);
    kh_writer_sequence_begin(writer, TAG_REFERENCED_SOP_SEQUENCE);
    for (size_t i = 0; i < count; i++)
        put_ref(writer, &refs[i], false);
    kh_writer_sequence_end(writer);
    status = kh_writer_finish(writer, err);
    kh_writer_free(writer);
    return status;
}

kh_status kh_commit_report_build(kh_buf *out, const char *transfer_syntax_uid, const char *ae_title, const char *transaction_uid,
                                 const kh_commitment_ref *refs, size_t count, uint16_t *event_type, kh_error *err)
{
    kh_writer *writer = NULL;
    size_t failed = 0;
    kh_status status = begin(&writer, out, transfer_syntax_uid, err);

    if (status != KH_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        failed += refs[i].result != 0;
    *event_type = failed > 0 ? KH_COMMIT_EVENT_FAILURES : KH_COMMIT_EVENT_ALL;
    kh_writer_text(writer, TAG_RETRIEVE_AE_TITLE, KH_VR('A', 'E'), ae_title);
    kh_writer_text(writer, TAG_TRANSACTION_UID, VR_UI, transaction_uid);
    if (failed > 0)
        put_refs(writer, TAG_FAILED_SOP_SEQUENCE, refs, count, true);
    if (failed < count)
        put_refs(writer, TAG_REFERENCED_SOP_SEQUENCE, refs, count, false);
    status = kh_writer_finish(writer, err);
    kh_writer_free(writer);
    return status;
}

/* --- reading --- */

static bool read_uid(const kh_item *item, kh_tag tag, char out[KH_UID_SIZE])
{
    return kh_item_string(item, tag, 0, out, KH_UID_SIZE) && kh_uid_plausible(out);
}

static uint16_t read_reason(const kh_item *item)
{
    int64_t reason;

    return kh_item_int(item, TAG_FAILURE_REASON, 0, &reason) && reason > 0 && reason < KH_COMMITMENT_UNKNOWN ? (uint16_t)reason
                                                                                                            : PROCESSING_FAILURE;
}

static kh_status read_sequence(kh_commit_data *out, const kh_item *main, kh_tag tag, kh_error *err)
{
    const kh_element *sequence = kh_item_find(main, tag);

    for (uint32_t i = 0; sequence && i < sequence->item_count; i++) {
        const kh_item *item = kh_element_item(sequence, i);
        kh_commitment_ref *ref = &out->refs[out->count];

        if (!read_uid(item, TAG_REFERENCED_SOP_CLASS_UID, ref->sop_class_uid) ||
            !read_uid(item, TAG_REFERENCED_SOP_INSTANCE_UID, ref->sop_instance_uid))
            return kh_error_set(err, KH_E_FORMAT, "(%04X,%04X): item %u without the UIDs of an object", KH_TAG_ARGS(tag), i + 1);
        ref->result = tag == TAG_FAILED_SOP_SEQUENCE ? read_reason(item) : 0;
        out->count++;
    }
    return KH_OK;
}

static size_t count_items(const kh_item *main, kh_tag tag)
{
    const kh_element *sequence = kh_item_find(main, tag);

    return sequence ? sequence->item_count : 0;
}

static kh_status read_main(kh_commit_data *out, const kh_item *main, bool is_event, size_t refs_max, kh_error *err)
{
    size_t count = count_items(main, TAG_REFERENCED_SOP_SEQUENCE) + (is_event ? count_items(main, TAG_FAILED_SOP_SEQUENCE) : 0);
    kh_status status = KH_OK;

    if (!read_uid(main, TAG_TRANSACTION_UID, out->transaction_uid))
        return kh_error_set(err, KH_E_FORMAT, "TransactionUID (0008,1195) is missing, or no UID");
    if (count == 0 && !is_event)
        return kh_error_set(err, KH_E_FORMAT, "ReferencedSOPSequence (0008,1199) is missing, or empty");
    if (count > refs_max)
        return kh_error_set(err, KH_E_LIMIT, "%zu objects, limit %zu", count, refs_max);
    out->refs = calloc(count + 1, sizeof(*out->refs));
    if (!out->refs)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu references", count);
    if (is_event)
        status = read_sequence(out, main, TAG_FAILED_SOP_SEQUENCE, err);
    return status == KH_OK ? read_sequence(out, main, TAG_REFERENCED_SOP_SEQUENCE, err) : status;
}

kh_status kh_commit_data_read(kh_commit_data *out, const uint8_t *bytes, size_t size, const char *transfer_syntax_uid, bool is_event,
                              size_t refs_max, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status;

    memset(out, 0, sizeof(*out));
    kh_source_init_memory(&source, bytes, size);
    status = kh_dataset_read(&dataset, &source, transfer_syntax_uid, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = read_main(out, kh_dataset_main(dataset), is_event, refs_max, err);
    kh_dataset_free(dataset);
    if (status != KH_OK)
        kh_commit_data_release(out);
    return status;
}

void kh_commit_data_release(kh_commit_data *data)
{
    free(data->refs);
    memset(data, 0, sizeof(*data));
}

const char *kh_commit_result_text(uint16_t result)
{
    switch (result) {
    case 0:
        return "committed";
    case 0x0110:
        return "processing failure";
    case 0x0112:
        return "no such object";
    case 0x0119:
        return "another SOP class than the object's";
    case 0x0122:
        return "SOP class not supported";
    case 0x0131:
        return "duplicate transaction";
    case 0x0213:
        return "resource limitation";
    case KH_COMMITMENT_UNKNOWN:
        return "not reported";
    default:
        return "failed";
    }
}
