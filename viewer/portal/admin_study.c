/* What an operator is told of a study: enough to know which one it is. */
#include <string.h>
#include "viewer/portal/admin.h"

kh_status kh_portal_put_about(kh_portal *portal, kh_json_writer *json, const char *key, int64_t study_id, kh_error *err)
{
    kh_error gone = KH_ERROR_INIT;
    kh_study study;
    kh_status status = study_id > 0 ? kh_browse_study(portal->cache, study_id, &study, &gone) : KH_E_NOT_FOUND;

    kh_json_key(json, key);
    if (status == KH_E_NOT_FOUND) {
        kh_json_null(json);
        return KH_OK;
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", gone.message);
    kh_json_object_begin(json);
    kh_json_put_int(json, "id", study.id);
    kh_json_put_text(json, "uid", study.study_uid);
    kh_json_put_text(json, "date", study.date);
    kh_json_put_text(json, "description", study.description);
    kh_json_put_int(json, "objects", study.object_count);
    kh_portal_put_patient(json, &study.patient);
    kh_json_object_end(json);
    return KH_OK;
}

typedef struct sought {
    const char *facility;
    int64_t id;
} sought;

static kh_status note_theirs(void *context, const kh_study *study)
{
    sought *s = context;

    if (s->id == 0 && strcmp(study->patient.facility, s->facility) == 0)
        s->id = study->id;
    return KH_OK;
}

kh_status kh_portal_study_of_node(kh_portal *portal, int64_t node_id, const char *study_uid, int64_t *study_id, kh_error *err)
{
    kh_error gone = KH_ERROR_INIT;
    kh_node node;
    sought s = {.facility = node.facility};
    kh_status status = kh_node_by_id(portal->cache, node_id, &node, &gone);

    *study_id = 0;
    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", gone.message);
    status = kh_browse_study_uid(portal->cache, study_uid, note_theirs, &s, err);
    *study_id = s.id;
    return status;
}
