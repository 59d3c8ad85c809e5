/* find_scp.c - C-FIND as provider (PS3.4 C.4.1): the index answers. */
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "dicom/writer.h"
#include "pacs-bridge/asked.h"
#include "pacs-bridge/scp.h"
#include "pacs-bridge/scp_rights.h"
#include "pacs-bridge/told.h"

#define TAG_RETRIEVE_AE_TITLE KH_TAG(0x0008, 0x0054)
#define ANSWER_BYTES_MAX 65536
#define UNICODE "ISO_IR 192"
#define ANSWERS_TOGETHER 16 /* go out in few packets; the first goes by itself, at once. Between them a cancel is looked for */
#define ANSWER_US 20        /* for each of many: no peer takes them faster, and who cancels has to read all that is on its way by then */

/* One query under way. */
typedef struct finding {
    kh_scp *of;
    const kh_context *context;
    const kh_dimse *request;
    kh_asked asked;
    kh_buf answer;
    kh_audit_wait *told; /* the record of this query, while it is on its way to the disk */
    uint64_t answers;
    int64_t begin_us; /* of the first answer */
    bool cancelled;
} finding;

bool kh_scp_is_find(const char *sop_class_uid)
{
    return strcmp(sop_class_uid, KH_SOP_PATIENT_ROOT_FIND) == 0 || strcmp(sop_class_uid, KH_SOP_STUDY_ROOT_FIND) == 0;
}

/* Elements that are not of the index: they stand in every answer, in their place among the keys. */
static void put_frame(const finding *find, kh_writer *writer, kh_tag from, kh_tag before, const char *charset)
{
    if (from <= KH_TAG_SPECIFIC_CHARACTER_SET && KH_TAG_SPECIFIC_CHARACTER_SET < before && charset[0])
        kh_writer_text(writer, KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), charset);
    if (from <= KH_TAG_QUERY_RETRIEVE_LEVEL && KH_TAG_QUERY_RETRIEVE_LEVEL < before)
        kh_writer_text(writer, KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), kh_level_text(find->asked.level));
    if (from <= TAG_RETRIEVE_AE_TITLE && TAG_RETRIEVE_AE_TITLE < before && find->asked.wants_retrieve_ae)
        kh_writer_text(writer, TAG_RETRIEVE_AE_TITLE, KH_VR('A', 'E'), find->of->service->ae_title);
}

static void put_value(kh_writer *writer, const kh_search_row *row, const kh_search_attribute *attribute)
{
    char value[KH_SEARCH_VALUE_SIZE];

    kh_search_text(row, attribute, value);
    if (attribute->tag == KH_TAG_MODALITIES_IN_STUDY)
        for (char *at = value; *at; at++)
            *at = *at == ',' ? '\\' : *at;
    if (value[0])
        kh_writer_text(writer, attribute->tag, attribute->vr, value);
    else
        kh_writer_empty(writer, attribute->tag, attribute->vr);
}

/* KH_E_UNSUPPORTED when a text of the row cannot be written in charset. */
static kh_status encode_in(finding *find, const kh_search_row *row, const char *charset, kh_error *err)
{
    bool is_explicit = strcmp(find->context->transfer_syntax, KH_TS_IMPLICIT_LE) != 0;
    kh_writer *writer = NULL;
    kh_tag from = 0;
    kh_status status;

    kh_buf_clear(&find->answer);
    status = kh_writer_create(&writer, &find->answer, is_explicit, charset, err);
    if (status != KH_OK)
        return status;
    for (size_t i = 0; i < find->asked.key_count; i++) {
        const kh_search_attribute *attribute = kh_search_attribute_find(find->asked.keys[i].tag);

        put_frame(find, writer, from, attribute->tag, charset);
        put_value(writer, row, attribute);
        from = attribute->tag;
    }
    put_frame(find, writer, from, UINT32_MAX, charset);
    status = kh_writer_finish(writer, err);
    kh_writer_free(writer);
    return status;
}

/* In the character set of the request, else in the one configured for the node, else in one that can write everything. */
static kh_status encode(finding *find, const kh_search_row *row, kh_error *err)
{
    kh_status status = encode_in(find, row, find->asked.charset, NULL);

    if (status != KH_OK && status != KH_E_MEMORY && find->of->node.charset[0])
        status = encode_in(find, row, find->of->node.charset, NULL);
    return status == KH_OK ? KH_OK : encode_in(find, row, UNICODE, err);
}

static kh_status send_answer(finding *find, const kh_search_row *row, kh_error *err)
{
    kh_dimse response;
    kh_status status = encode(find, row, err);

    if (status != KH_OK)
        return status;
    kh_dimse_respond(&response, find->request, find->asked.unsupported ? KH_DIMSE_PENDING_WARNING : KH_DIMSE_PENDING);
    response.has_data = true;
    status = kh_assoc_send(find->of->assoc, find->context->id, &response, err);
    if (status == KH_OK)
        status = kh_assoc_send_data(find->of->assoc, find->context->id, find->answer.data, find->answer.size, true, err);
    find->answers += status == KH_OK;
    find->of->found += status == KH_OK;
    return status;
}

/* The first page is looked up while the record is written; nothing leaves before it is there. */
static kh_status wait_until_told(finding *find, kh_error *why)
{
    kh_audit_wait *told = find->told;

    find->told = NULL;
    return told ? kh_audit_write_end(told, why) : KH_OK;
}

/* How long to listen for a cancel, ms: as far as we are ahead of the fastest peer. */
static int64_t ahead_ms(const finding *find)
{
    int64_t ahead_us = (int64_t)find->answers * ANSWER_US - (kh_clock_monotonic_us() - find->begin_us);

    return find->answers <= 2 * KH_SEARCH_PAGE || ahead_us < 1000 ? 0 : ahead_us / 1000;
}

/* One after the other until there are no more, or the asker has enough. */
static kh_status send_answers(finding *find, const kh_search_row *rows, size_t count, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < count && !find->cancelled; i++) {
        bool hold = i % ANSWERS_TOGETHER != 0 && i + 1 < count;

        kh_assoc_hold(find->of->assoc, hold);
        status = send_answer(find, &rows[i], err);
        if (find->answers == 1)
            find->begin_us = kh_clock_monotonic_us();
        if (status == KH_OK && !hold)
            status = kh_scp_poll_cancel(find->of, find->request, ahead_ms(find), &find->cancelled, err);
    }
    kh_assoc_hold(find->of->assoc, false);
    return status;
}

/* *final is set when the query has ended. */
static kh_status answer_page(finding *find, kh_search *search, uint16_t *final, kh_error *why, kh_error *err)
{
    const kh_search_row *rows;
    kh_status status;
    size_t count;
    bool more;

    status = kh_search_page(search, &rows, &count, &more, why);
    if (status == KH_OK)
        status = wait_until_told(find, why);
    if (status != KH_OK) {
        *final = KH_DIMSE_OUT_OF_RESOURCES;
        return KH_OK;
    }
    status = kh_scp_poll_cancel(find->of, find->request, 0, &find->cancelled, err);
    uint64_t left = find->of->service->answers_max - find->answers;
    if (status == KH_OK)
        status = send_answers(find, rows, count < left ? count : left, err);
    if (find->cancelled) {
        *final = KH_DIMSE_CANCELLED;
    } else if (count > left) {
        *final = KH_DIMSE_OUT_OF_RESOURCES;
        (void)!kh_error_set(why, KH_E_LIMIT, "more than %llu matches, ask more closely", (unsigned long long)find->answers);
    } else if (!more) {
        *final = KH_DIMSE_SUCCESS;
    }
    return status;
}

/* A UID or an ID leads to the rows. */
static bool names_one(const finding *find)
{
    for (size_t i = 0; i < find->asked.key_count; i++) {
        const kh_search_attribute *attribute = kh_search_attribute_find(find->asked.keys[i].tag);

        if (attribute->unique && find->asked.keys[i].value[0] && kh_search_is_single(attribute, find->asked.keys[i].value))
            return true;
    }
    return false;
}

static kh_status answer_all(finding *find, uint16_t *final, kh_error *why, kh_error *err)
{
    kh_search *search = NULL;
    kh_reach *reach = NULL;
    bool ended = false;
    kh_status status = kh_reach_open(&reach, find->of->service->rights, &find->of->subject, KH_VERB_FIND,
                                     names_one(find) ? KH_REACH_NAMED : KH_REACH_LIST, why);

    if (status != KH_OK) {
        *final = KH_DIMSE_OUT_OF_RESOURCES;
        return KH_OK;
    }
    status = kh_search_open(&search, find->of->service->cache, find->asked.level, find->asked.keys, find->asked.key_count, why);
    if (status != KH_OK) {
        kh_reach_close(reach);
        *final = status == KH_E_MEMORY ? KH_DIMSE_OUT_OF_RESOURCES : KH_DIMSE_CLASS_MISMATCH;
        return KH_OK;
    }
    kh_search_within(search, kh_reach_scope(reach));
    while (status == KH_OK && !ended) {
        *final = KH_DIMSE_PENDING;
        status = answer_page(find, search, final, why, err);
        ended = *final != KH_DIMSE_PENDING;
    }
    kh_search_free(search);
    kh_reach_close(reach);
    return status;
}

/* Somebody asked for just that, and was told that there is nothing: why, for the record. */
static void tell_refused(void *context, const kh_study *study, const kh_verdict *verdict)
{
    kh_told_refused(context, "C-FIND", study, verdict);
}

static void look_for_refusals(const finding *find)
{
    kh_taking taking;
    kh_error err = KH_ERROR_INIT;

    if (!find->of->service->rights || find->answers > 0 || !names_one(find))
        return;
    if (kh_taking_begin(&taking, find->of->service, KH_VERB_FIND, &find->of->node, NULL, find->asked.keys, find->asked.key_count, &err) ==
        KH_OK)
        (void)!kh_taking_each_refused(&taking, tell_refused, find->of, &err);
    if (err.status != KH_OK)
        kh_log(KH_LOG_WARN, "dicom", "why %s found nothing is not known: %s", find->of->node.name, err.message);
    kh_taking_end(&taking);
}

static kh_status check_request(const kh_scp *of, const kh_context *context, const kh_dimse *request, uint16_t *final, kh_error *why)
{
    if (strcmp(request->sop_class_uid, context->abstract_syntax) != 0 || !kh_scp_is_find(context->abstract_syntax)) {
        *final = KH_DIMSE_CLASS_NOT_SUPPORTED;
        return kh_error_set(why, KH_E_UNSUPPORTED, "C-FIND of another class than the context's");
    }
    if (!of->node.may_query) {
        *final = KH_DIMSE_NOT_AUTHORISED;
        return kh_error_set(why, KH_E_DENIED, "node %s may not query", of->node.name);
    }
    return KH_OK;
}

kh_status kh_scp_find(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    finding find = {.of = of, .context = kh_assoc_context(of->assoc, context_id), .request = request};
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_error why = KH_ERROR_INIT, untold = KH_ERROR_INIT;
    uint16_t final = 0;
    kh_status status = KH_OK, dropped;

    of->queries++;
    kh_buf_init(&find.answer, ANSWER_BYTES_MAX);
    if (!request->has_data)
        final = KH_DIMSE_CLASS_MISMATCH;
    else if (check_request(of, find.context, request, &final, &why) != KH_OK)
        status = kh_assoc_receive_data(of->assoc, context_id, kh_scp_drop, NULL, &dropped, NULL, err);
    else
        status = kh_asked_receive(&find.asked, of->assoc, find.context, &final, &why, err);
    if (status == KH_OK && final == 0 && kh_told_asked(of, "C-FIND", &find.asked, &find.told, &why) != KH_OK)
        final = KH_DIMSE_OUT_OF_RESOURCES;
    if (status == KH_OK && final == 0)
        status = answer_all(&find, &final, &why, err);
    if (wait_until_told(&find, &untold) != KH_OK)
        kh_log(KH_LOG_WARN, "dicom", "query of %s: %s", of->node.name, untold.message);
    if (final == KH_DIMSE_SUCCESS)
        look_for_refusals(&find);
    if (status == KH_OK)
        status = kh_scp_answer(of, context_id, request, final, why.message);
    kh_log(final == KH_DIMSE_SUCCESS || final == KH_DIMSE_CANCELLED ? KH_LOG_INFO : KH_LOG_WARN, "dicom",
           "query of %s, level %s%s: %llu answers, %lld ms, status %04X%s%s", of->node.name, kh_asked_level_text(&find.asked),
           find.asked.relational ? ", relational" : "", (unsigned long long)find.answers,
           (long long)(kh_clock_monotonic_ms() - begin_ms), final, why.message[0] ? ", " : "", why.message);
    kh_told_ended(of, "C-FIND", final, (int64_t)find.answers, -1, why.message);
    kh_asked_release(&find.asked);
    kh_buf_release(&find.answer);
    return status;
}
