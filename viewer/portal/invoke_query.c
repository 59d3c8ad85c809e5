/* The parameters of a call, each held to what the transaction says of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/syntax.h"
#include "viewer/portal/invoke.h"

static kh_status copy(char *out, size_t size, const char *name, const char *text, kh_error *err)
{
    if (strlen(text) >= size)
        return kh_error_set(err, KH_E_ARG, "%s: of more than %zu bytes", name, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

/* "ID" or "ID^^^hospital", as HL7's CX has it. */
static kh_status read_patient_id(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    const char *text = kh_http_query(request, "patientID"), *caret = text ? strchr(text, '^') : NULL;
    size_t size = text ? strcspn(text, "^") : 0;

    if (size == 0)
        return kh_error_set(err, KH_E_ARG, "patientID: %s, expected one", text ? "empty" : "absent");
    if (size >= sizeof out->patient_id || memchr(text, '\\', size))
        return kh_error_set(err, KH_E_ARG, "patientID: expected at most %zu bytes without a backslash", sizeof out->patient_id - 1);
    memcpy(out->patient_id, text, size);
    out->patient_id[size] = '\0';
    if (!caret)
        return KH_OK;
    if (strncmp(caret, "^^^", 3) != 0 || caret[3] == '\0' || caret[3] == '&' || strpbrk(caret + 3, "^*?\\"))
        return kh_error_set(err, KH_E_ARG, "patientID: expected ID^^^hospital, with the hospital's name here");
    size = strcspn(caret + 3, "&"); /* behind it the same as an OID */
    if (size >= sizeof out->issuer)
        return kh_error_set(err, KH_E_ARG, "patientID: a hospital of more than %zu bytes", sizeof out->issuer - 1);
    memcpy(out->issuer, caret + 3, size);
    out->issuer[size] = '\0';
    return KH_OK;
}

/* Digits of "YYYY-MM-DD[Thh:mm[:ss]]", with or without what parts them; a fraction and a time zone behind it are passed over: study times
 * have neither. */
static kh_status read_time(char out[KH_INVOKE_TIME_SIZE], const kh_http_request *request, const char *name, kh_error *err)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    const char *text = kh_http_query(request, name), *p = text;
    size_t used = 0;

    out[0] = '\0';
    if (!text || !*text)
        return KH_OK;
    for (const char *s = shape; *s && *p; s++) {
        bool digit = *p >= '0' && *p <= '9';

        if (*s == 'd' && digit)
            out[used++] = *p++;
        else if (*s != 'd' && *p == *s)
            p++;
        else if (*s == 'd' || !digit)
            break;
    }
    out[used] = '\0';
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789");
    if (used > 8 && (*p == '+' || *p == '-' || *p == ' ' || *p == 'Z')) /* "+" is a space where it was not encoded */
        p += 1 + strspn(p + 1, "0123456789:");
    if (*p || (used != 8 && used != 12 && used != 14))
        return kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss", name, text);
    return KH_OK;
}

static kh_status read_birth_date(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    char time[KH_INVOKE_TIME_SIZE];
    kh_status status = read_time(time, request, "patientBirthDate", err);

    if (status == KH_OK && strlen(time) > 8)
        return kh_error_set(err, KH_E_ARG, "patientBirthDate: expected YYYY-MM-DD");
    if (status == KH_OK)
        memcpy(out->birth_date, time, strlen(time) + 1);
    return status;
}

static kh_status read_modalities(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    const char *text = kh_http_query(request, "modalitiesInStudy");
    kh_status status = copy(out->modalities, sizeof out->modalities, "modalitiesInStudy", text ? text : "", err);

    if (status == KH_OK && out->modalities[strspn(out->modalities, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_, ")])
        return kh_error_set(err, KH_E_ARG, "modalitiesInStudy: expected codes parted by commas, as CT,MR");
    for (char *c = out->modalities; *c; c++)
        *c = *c == ',' ? '\\' : *c;
    return status;
}

static kh_status read_patient(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    const char *name = kh_http_query(request, "patientName");
    int64_t results = KH_INVOKE_STUDIES_MAX;
    kh_status status = read_patient_id(out, request, err);

    if (status == KH_OK)
        status = copy(out->patient_name, sizeof out->patient_name, "patientName", name ? name : "", err);
    if (status == KH_OK)
        status = read_birth_date(out, request, err);
    if (status == KH_OK)
        status = read_time(out->lower, request, "lowerDateTime", err);
    if (status == KH_OK)
        status = read_time(out->upper, request, "upperDateTime", err);
    if (status == KH_OK)
        status = read_modalities(out, request, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "mostRecentResults", 1, INT32_MAX, KH_INVOKE_STUDIES_MAX, &results, err);
    out->studies_max = results < KH_INVOKE_STUDIES_MAX ? (size_t)results : KH_INVOKE_STUDIES_MAX;
    return status;
}

static bool is_named(const kh_invocation *out, const char *name)
{
    for (size_t i = 0; i < out->name_count; i++)
        if (strcmp(out->names[i], name) == 0)
            return true;
    return false;
}

static kh_status read_names(kh_invocation *out, const char *parameter, const char *text, kh_error *err)
{
    char *rest = out->text, *name;
    kh_status status = copy(out->text, sizeof out->text, parameter, text, err);

    while (status == KH_OK && (name = strsep(&rest, ",")) != NULL) {
        if (out->by_accession ? strlen(name) == 0 || strlen(name) > 64 || strchr(name, '\\') : !kh_uid_plausible(name))
            return kh_error_set(err, KH_E_ARG, "%s: expected %s parted by commas", parameter,
                                out->by_accession ? "accession numbers" : "UIDs");
        if (is_named(out, name))
            continue;
        if (out->name_count == KH_INVOKE_NAMES_MAX)
            return kh_error_set(err, KH_E_ARG, "%s: more than %d", parameter, KH_INVOKE_NAMES_MAX);
        out->names[out->name_count++] = name;
    }
    return status;
}

static kh_status read_studies(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    const char *uids = kh_http_query(request, "studyUID"), *accessions = kh_http_query(request, "accessionNumber");

    out->studies_max = KH_INVOKE_STUDIES_MAX;
    if (uids && *uids)
        return read_names(out, "studyUID", uids, err);
    if (!accessions || !*accessions)
        return kh_error_set(err, KH_E_ARG, "studyUID: %s, expected it or accessionNumber", uids ? "empty" : "absent");
    out->by_accession = true;
    return read_names(out, "accessionNumber", accessions, err);
}

/* What our one viewer shows in any case: it is a review viewer, for patients and studies, at full quality. */
static kh_status check_wishes(const kh_http_request *request, kh_error *err)
{
    static const char *const flags[] = {"diagnosticQuality", "keyImagesOnly"};
    const char *viewer = kh_http_query(request, "viewerType");

    if (viewer && *viewer && strcmp(viewer, "IHE_BIR") != 0 && strcmp(viewer, "PATIENT") != 0 && strcmp(viewer, "STUDY") != 0)
        return kh_error_set(err, KH_E_ARG, "viewerType \"%.32s\", expected IHE_BIR", viewer);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const char *flag = kh_http_query(request, flags[i]);

        if (flag && strcmp(flag, "true") != 0 && strcmp(flag, "false") != 0)
            return kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected true or false", flags[i], flag);
    }
    return KH_OK;
}

kh_status kh_invocation_read(kh_invocation *out, const kh_http_request *request, kh_error *err)
{
    const char *type = kh_http_query(request, "requestType");
    kh_status status;

    memset(out, 0, sizeof *out);
    out->is_patient = type && strcmp(type, "PATIENT") == 0;
    if (!type || (!out->is_patient && strcmp(type, "STUDY") != 0))
        return kh_error_set(err, KH_E_ARG, "requestType: %s, expected PATIENT or STUDY", type ? "another" : "absent");
    status = check_wishes(request, err);
    if (status != KH_OK)
        return status;
    return out->is_patient ? read_patient(out, request, err) : read_studies(out, request, err);
}
