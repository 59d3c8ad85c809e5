/* control_changes.c - requests about what is said of objects after they came: deleted, corrected, and all of it undone. */
#include "cache/changes.h"
#include "pacs-bridge/control_ops.h"

static kh_change_author author_of(const kh_json *request)
{
    return (kh_change_author){kh_json_get_text(request, "reason"), kh_json_get_text(request, "asked_by")};
}

static kh_status answer_id(kh_status status, int64_t id, kh_json_writer *answer)
{
    if (status == KH_OK)
        kh_json_put_int(answer, "id", id);
    return status;
}

kh_status kh_op_change_delete(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const kh_change_author author = author_of(request);
    int64_t id = 0;
    kh_status status = kh_change_delete(server->cache, kh_json_get_int(request, "study", 0), kh_json_get_int(request, "series", 0),
                                        kh_json_get_int(request, "object", 0), &author, &id, err);

    return answer_id(status, id, answer);
}

kh_status kh_op_change_patient(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const kh_patient_values values = {.patient_id = kh_json_get_text(request, "new_id"),
                                      .name_alphabetic = kh_json_get_text(request, "name_alphabetic"),
                                      .name_ideographic = kh_json_get_text(request, "name_ideographic"),
                                      .name_phonetic = kh_json_get_text(request, "name_phonetic"),
                                      .birth_date = kh_json_get_text(request, "birth_date"),
                                      .sex = kh_json_get_text(request, "sex")};
    const char *facility = kh_json_get_text(request, "facility"), *patient_id = kh_json_get_text(request, "patient_id");
    const kh_change_author author = author_of(request);
    int64_t id = 0;
    kh_status status;

    if (!facility || !patient_id)
        return kh_error_set(err, KH_E_ARG, "%s is missing", facility ? "patient_id" : "facility");
    status = kh_change_patient(server->cache, facility, patient_id, &values, &author, &id, err);
    return answer_id(status, id, answer);
}

kh_status kh_op_change_study(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const kh_study_values values = {.accession = kh_json_get_text(request, "accession"),
                                    .description = kh_json_get_text(request, "description"),
                                    .study_id = kh_json_get_text(request, "study_id"),
                                    .patient_id = kh_json_get_text(request, "patient_id")};
    const kh_change_author author = author_of(request);
    int64_t id = 0;
    kh_status status = kh_change_study(server->cache, kh_json_get_int(request, "study", 0), &values, &author, &id, err);

    return answer_id(status, id, answer);
}

kh_status kh_op_change_undo(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_change_undo(server->cache, kh_json_get_int(request, "id", 0), kh_json_get_text(request, "asked_by"), err);
}
