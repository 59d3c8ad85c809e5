#include "pacs-bridge/query.h"

#include <string.h>
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/get_contexts.h"

#define SERIES_MAX 10000 /* of one study */

kh_status kh_query_open(kh_query *query, const kh_scu *scu, const kh_node *node, kh_error *err)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE};
    kh_proposal proposals[2 + KH_GET_CONTEXTS_MAX] = {{KH_SOP_STUDY_ROOT_FIND, syntaxes, 2, false}};
    kh_get_contexts taken; /* until they are proposed */
    size_t count = 2;
    kh_status status;

    *query = (kh_query){.node = node};
    proposals[1] = (kh_proposal){node->retrieve_by_get ? KH_SOP_STUDY_ROOT_GET : KH_SOP_STUDY_ROOT_MOVE, syntaxes, 2, false};
    if (node->retrieve_by_get) {
        kh_get_contexts_init(&taken, node->syntaxes);
        memcpy(proposals + 2, taken.proposals, taken.count * sizeof(taken.proposals[0]));
        count += taken.count;
    } else {
        proposals[count++] = (kh_proposal){KH_SOP_VERIFICATION, syntaxes, 2, false};
    }
    status = kh_scu_connect(&query->assoc, scu, node, proposals, count, err);
    if (status != KH_OK)
        return status;
    query->find = kh_assoc_context_find(query->assoc, KH_SOP_STUDY_ROOT_FIND, NULL);
    query->move = kh_assoc_context_find(query->assoc, KH_SOP_STUDY_ROOT_MOVE, NULL);
    query->get = kh_assoc_context_find(query->assoc, KH_SOP_STUDY_ROOT_GET, NULL);
    return KH_OK;
}

kh_status kh_query_await(kh_query *query, kh_error *err)
{
    uint16_t answer = 0;
    kh_status status;

    if (!kh_assoc_context_find(query->assoc, KH_SOP_VERIFICATION, NULL))
        return KH_OK;
    status = kh_user_echo(query->assoc, &answer, err);
    query->broken = status != KH_OK;
    return status; /* what it answers is not asked for, only that it does */
}

void kh_query_close(kh_query *query, kh_status status)
{
    if (!query->assoc)
        return;
    if (status != KH_OK || kh_assoc_release(query->assoc, NULL) != KH_OK)
        kh_assoc_abort(query->assoc);
    kh_assoc_free(query->assoc);
    query->assoc = NULL;
}

typedef struct matching {
    kh_query_match *match;
    void *context;
} matching;

static kh_status parse_match(void *context, const uint8_t *identifier, size_t size, const char *transfer_syntax_uid, kh_error *err)
{
    const matching *to = context;
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status;

    kh_source_init_memory(&source, identifier, size);
    status = kh_dataset_read(&dataset, &source, transfer_syntax_uid, &kh_dataset_limits_default, err);
    if (status != KH_OK) {
        kh_error_prefix(err, "C-FIND response");
        return status;
    }
    status = to->match(to->context, kh_dataset_main(dataset), err);
    kh_dataset_free(dataset);
    return status;
}

kh_status kh_query_find(kh_query *query, const kh_key *keys, size_t key_count, kh_query_match *match, void *context, kh_error *err)
{
    matching to = {match, context};
    kh_buf identifier;
    kh_dimse final;
    kh_status status;

    if (!query->find)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s accepts no Study Root C-FIND", query->node->name);
    kh_buf_init(&identifier, 65536);
    status = kh_identifier_build(&identifier, query->find->transfer_syntax, query->node->charset, keys, key_count, err);
    if (status == KH_OK)
        status = kh_user_find(query->assoc, query->find, identifier.data, identifier.size, parse_match, &to, &final, err);
    kh_buf_release(&identifier);
    query->broken = query->broken || status != KH_OK;
    if (status != KH_OK || final.status == KH_DIMSE_SUCCESS)
        return status;
    return kh_error_set(err, KH_E_PEER, "node %s answers C-FIND with %04X, %s", query->node->name, final.status,
                        kh_dimse_status_text(final.status));
}

/* --- studies --- */

typedef struct study_visiting {
    kh_found_study_visit *visit;
    void *context;
} study_visiting;

static int64_t count_or_unknown(const kh_item *match, kh_tag tag)
{
    int64_t count;

    return kh_item_int(match, tag, 0, &count) && count >= 0 ? count : -1;
}

/* Several values joined by backslashes. */
static void copy_values(const kh_item *match, kh_tag tag, char *out, size_t out_size)
{
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < kh_item_value_count(match, tag) && used + 2 < out_size; i++) {
        char value[20];
        size_t length;
        if (!kh_item_string(match, tag, i, value, sizeof(value)))
            continue;
        length = strlen(value);
        if (used + length + 2 > out_size)
            return;
        if (used > 0)
            out[used++] = '\\';
        memcpy(out + used, value, length + 1);
        used += length;
    }
}

static kh_status visit_study(void *context, const kh_item *match, kh_error *err)
{
    const study_visiting *to = context;
    kh_found_study study = {.series = -1, .instances = -1};
    kh_status status;

    if (!kh_item_string(match, KH_TAG_STUDY_INSTANCE_UID, 0, study.study_uid, sizeof(study.study_uid)) ||
        !kh_uid_plausible(study.study_uid))
        return KH_OK;
    kh_item_text(match, KH_TAG_STUDY_DATE, 0, study.date, sizeof(study.date));
    kh_item_text(match, KH_TAG_STUDY_TIME, 0, study.time, sizeof(study.time));
    kh_item_text(match, KH_TAG_ACCESSION_NUMBER, 0, study.accession, sizeof(study.accession));
    kh_item_text(match, KH_TAG_STUDY_DESCRIPTION, 0, study.description, sizeof(study.description));
    kh_item_text(match, KH_TAG_STUDY_ID, 0, study.study_id, sizeof(study.study_id));
    kh_item_text(match, KH_TAG_PATIENT_ID, 0, study.patient_id, sizeof(study.patient_id));
    kh_item_text(match, KH_TAG_PATIENT_BIRTH_DATE, 0, study.birth_date, sizeof(study.birth_date));
    kh_item_text(match, KH_TAG_PATIENT_SEX, 0, study.sex, sizeof(study.sex));
    kh_item_person_name(match, KH_TAG_PATIENT_NAME, &study.patient_name);
    copy_values(match, KH_TAG_MODALITIES_IN_STUDY, study.modalities, sizeof(study.modalities));
    study.series = count_or_unknown(match, KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES);
    study.instances = count_or_unknown(match, KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES);
    status = to->visit(to->context, &study);
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "stopped by the caller");
}

kh_status kh_query_studies(kh_query *query, const kh_find_filter *filter, kh_found_study_visit *visit, void *context, kh_error *err)
{
    study_visiting to = {visit, context};
    const kh_key keys[] = {
        {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), filter->study_date},
        {KH_TAG_STUDY_TIME, KH_VR('T', 'M'), NULL},
        {KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), filter->accession},
        {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
        {KH_TAG_MODALITIES_IN_STUDY, KH_VR('C', 'S'), filter->modality},
        {KH_TAG_STUDY_DESCRIPTION, KH_VR('L', 'O'), NULL},
        {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), filter->patient_name},
        {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), filter->patient_id},
        {KH_TAG_PATIENT_BIRTH_DATE, KH_VR('D', 'A'), NULL},
        {KH_TAG_PATIENT_SEX, KH_VR('C', 'S'), NULL},
        {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), filter->study_uid},
        {KH_TAG_STUDY_ID, KH_VR('S', 'H'), NULL},
        {KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES, KH_VR('I', 'S'), NULL},
        {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), NULL},
    };

    return kh_query_find(query, keys, sizeof(keys) / sizeof(keys[0]), visit_study, &to, err);
}

/* --- instances --- */

static kh_status note_series(void *context, const kh_item *match, kh_error *err)
{
    kh_buf *list = context;
    kh_found_series series = {.instances = count_or_unknown(match, KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES)};

    if (!kh_item_string(match, KH_TAG_SERIES_INSTANCE_UID, 0, series.series_uid, sizeof(series.series_uid)) ||
        !kh_uid_plausible(series.series_uid))
        return KH_OK;
    return kh_buf_append(list, &series, sizeof(series), err);
}

typedef struct instance_visiting {
    kh_found_instance_visit *visit;
    void *context;
    const char *series_uid;
    int64_t *count, count_max;
} instance_visiting;

static kh_status visit_instance(void *context, const kh_item *match, kh_error *err)
{
    instance_visiting *to = context;
    char uid[KH_UID_SIZE];
    kh_status status;

    if (!kh_item_string(match, KH_TAG_SOP_INSTANCE_UID, 0, uid, sizeof(uid)) || !kh_uid_plausible(uid))
        return KH_OK;
    if (++*to->count > to->count_max)
        return kh_error_set(err, KH_E_LIMIT, "more than %lld instances in the study", (long long)to->count_max);
    status = to->visit(to->context, to->series_uid, uid);
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "stopped by the caller");
}

/* Visited after the last answer: a visitor may ask for more. */
kh_status kh_query_series(kh_query *query, const char *study_uid, kh_found_series_visit *visit, void *context, kh_error *err)
{
    const kh_key keys[] = {
        {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
        {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), study_uid},
        {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), NULL},
        {KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES, KH_VR('I', 'S'), NULL},
    };
    kh_found_series series;
    kh_buf list;
    kh_status status;

    kh_buf_init(&list, SERIES_MAX * sizeof(series));
    status = kh_query_find(query, keys, 4, note_series, &list, err);
    for (size_t at = 0; status == KH_OK && at < list.size; at += sizeof(series)) {
        memcpy(&series, list.data + at, sizeof(series));
        status = visit(context, &series);
    }
    kh_buf_release(&list);
    return status;
}

kh_status kh_query_instances_of(kh_query *query, const char *study_uid, const char *series_uid, int64_t count_max, int64_t *count,
                                kh_found_instance_visit *visit, void *context, kh_error *err)
{
    instance_visiting to = {visit, context, series_uid, count, count_max};
    const kh_key keys[] = {
        {KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), NULL},
        {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"},
        {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), study_uid},
        {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid},
    };

    return kh_query_find(query, keys, 4, visit_instance, &to, err);
}

typedef struct study_instances {
    kh_query *query;
    const char *study_uid;
    int64_t count, count_max;
    kh_found_instance_visit *visit;
    void *context;
    kh_error *err;
} study_instances;

static kh_status visit_series(void *context, const kh_found_series *series)
{
    study_instances *of = context;

    return kh_query_instances_of(of->query, of->study_uid, series->series_uid, of->count_max, &of->count, of->visit, of->context, of->err);
}

kh_status kh_query_instances(kh_query *query, const char *study_uid, int64_t count_max, kh_found_instance_visit *visit,
                             void *context, kh_error *err)
{
    study_instances of = {query, study_uid, 0, count_max, visit, context, err};

    return kh_query_series(query, study_uid, visit_series, &of, err);
}
