/* outgoing.c - what an object says otherwise when it leaves: the corrected values of its study and patient. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cache/changes.h"
#include "cache/internal.h"

/* What was corrected: names of values; joined: somebody's studies were given to this patient. */
typedef struct outgoing_rows {
    bool corrected[10]; /* by the order of `outgoing` */
    bool moved, joined;
    int64_t when_ms;
} outgoing_rows;

static const struct {
    const char *value;
    kh_tag tag;
    kh_vr vr;
    bool of_patient;
} outgoing[] = {
    {"patient_id", KH_TAG_PATIENT_ID, KH_VR('L', 'O'), true},
    {"name_alphabetic", KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), true},
    {"name_ideographic", KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), true},
    {"name_phonetic", KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), true},
    {"birth_date", KH_TAG_PATIENT_BIRTH_DATE, KH_VR('D', 'A'), true},
    {"sex", KH_TAG_PATIENT_SEX, KH_VR('C', 'S'), true},
    {"accession", KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), false},
    {"description", KH_TAG_STUDY_DESCRIPTION, KH_VR('L', 'O'), false},
    {"study_id", KH_TAG_STUDY_ID, KH_VR('S', 'H'), false},
};
#define OUTGOING_COUNT (sizeof outgoing / sizeof outgoing[0])

static kh_status read_corrected(kh_sql *sql, int64_t study_id, outgoing_rows *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_sql_row *row;
    bool has_row;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT k.value, c.when_ms FROM study s JOIN correction k ON k.patient_ref = s.patient_ref"
                     " JOIN change c ON c.id = k.change_id WHERE s.id = ?1 AND k.patient_ref > 0 UNION ALL"
                     " SELECT k.value, c.when_ms FROM correction k JOIN change c ON c.id = k.change_id"
                     " WHERE k.study_ref = ?1 AND k.study_ref > 0 UNION ALL"
                     " SELECT 'moved', c.when_ms FROM moved m JOIN change c ON c.id = m.change_id WHERE m.study_ref = ?1 UNION ALL"
                     " SELECT 'joined', c.when_ms FROM study s JOIN alias a ON a.patient_ref = s.patient_ref"
                     " JOIN change c ON c.id = a.change_id WHERE s.id = ?1 AND a.study_uid IN ('', s.study_uid)",
                     &value, 1, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const char *name = kh_sql_text(row, 0);

        out->moved = out->moved || strcmp(name, "moved") == 0;
        out->joined = out->joined || strcmp(name, "joined") == 0;
        for (size_t i = 0; i < OUTGOING_COUNT; i++)
            out->corrected[i] = out->corrected[i] || strcmp(name, outgoing[i].value) == 0;
        if (kh_sql_int(row, 1) > out->when_ms)
            out->when_ms = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status;
}

static void value_of(const kh_study *study, kh_tag tag, char out[620])
{
    const kh_person_name *name = &study->patient.name;
    size_t size;

    switch (tag) {
    case KH_TAG_PATIENT_ID: snprintf(out, 620, "%s", study->patient.patient_id); return;
    case KH_TAG_PATIENT_BIRTH_DATE: snprintf(out, 620, "%s", study->patient.birth_date); return;
    case KH_TAG_PATIENT_SEX: snprintf(out, 620, "%s", study->patient.sex); return;
    case KH_TAG_ACCESSION_NUMBER: snprintf(out, 620, "%s", study->accession); return;
    case KH_TAG_STUDY_DESCRIPTION: snprintf(out, 620, "%s", study->description); return;
    case KH_TAG_STUDY_ID: snprintf(out, 620, "%s", study->study_id); return;
    default: break;
    }
    snprintf(out, 620, "%s=%s=%s", name->alphabetic, name->ideographic, name->phonetic);
    for (size = strlen(out); size > 0 && out[size - 1] == '='; size--)
        out[size - 1] = '\0';
}

/* One amendment of each attribute; what only follows from the patient's identity goes with another ID only. */
static void fill(kh_outgoing *out, const outgoing_rows *rows, const kh_study *study)
{
    for (size_t i = 0; i < OUTGOING_COUNT; i++) {
        bool by_identity = outgoing[i].of_patient && (rows->moved || rows->joined);
        bool again = out->count > 0 && out->amendments[out->count - 1].tag == outgoing[i].tag;

        if (again && rows->corrected[i])
            out->amendments[out->count - 1].only_with = 0;
        if (again || (!rows->corrected[i] && !by_identity))
            continue;
        value_of(study, outgoing[i].tag, out->texts[out->count]);
        out->amendments[out->count] = (kh_amendment){.tag = outgoing[i].tag,
                                                     .vr = outgoing[i].vr,
                                                     .utf8 = out->texts[out->count],
                                                     .only_with = rows->corrected[i] ? 0 : KH_TAG_PATIENT_ID};
        out->count++;
    }
}

kh_status kh_change_outgoing(kh_cache *cache, int64_t study_id, kh_outgoing *out, kh_error *err)
{
    outgoing_rows rows = {.when_ms = 0};
    kh_study study;
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);
    struct tm tm;
    time_t seconds;

    out->count = 0;
    out->datetime[0] = '\0';
    if (status == KH_OK)
        status = read_corrected(sql, study_id, &rows, err);
    kh_reader_release(cache->readers, sql);
    if (status != KH_OK || rows.when_ms == 0)
        return status;
    status = kh_browse_study(cache, study_id, &study, err);
    if (status != KH_OK)
        return status;
    fill(out, &rows, &study);
    seconds = (time_t)(rows.when_ms / 1000);
    if (gmtime_r(&seconds, &tm))
        (void)strftime(out->datetime, sizeof out->datetime, "%Y%m%d%H%M%S+0000", &tm);
    return KH_OK;
}
