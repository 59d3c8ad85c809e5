/* IHE Invoke Image Display (RAD TF-2 4.106): another system's link that opens a study, or the studies of a patient, in our viewer. The list
 * it comes to is our list of studies, which asks for the same by GET /api/invoke with the same parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/search.h"
#include "viewer/portal/internal.h"
#include "viewer/portal/invoke.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define PATH_SIZE 40

/* The rows in their order, newest first; the rest is passed over. */
typedef struct found {
    kh_study *studies;
    size_t count;
    uint32_t parts; /* of a list of UIDs or accession numbers, those that named something */
    kh_reach *reach; /* of who asks; NULL: everything */
} found;

static void found_release(found *f)
{
    kh_reach_close(f->reach);
    free(f->studies);
}

/* As far as both say: a bound without a time is of the whole day, and so is a study without one. */
static int compare_times(const char *a, const char *b)
{
    size_t size = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

    return strncmp(a, b, size);
}

static bool is_within(const kh_invocation *asked, const kh_study *study)
{
    char when[KH_INVOKE_TIME_SIZE];

    if (!asked->lower[0] && !asked->upper[0])
        return true;
    if (!study->date[0])
        return false;
    snprintf(when, sizeof when, "%s%.6s", study->date, study->time);
    return compare_times(when, asked->lower) >= 0 && compare_times(when, asked->upper) <= 0;
}

/* What the index matched with wild cards was not meant. */
static bool is_meant(const kh_invocation *asked, const kh_study *study, const char *accession)
{
    if (asked->patient_id[0] && strcmp(study->patient.patient_id, asked->patient_id) != 0)
        return false;
    if (accession && strcmp(study->accession, accession) != 0)
        return false;
    return is_within(asked, study);
}

static void add(found *f, const kh_study *study)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->studies[i].id == study->id)
            return;
    if (f->count < KH_INVOKE_STUDIES_MAX)
        f->studies[f->count++] = *study;
}

static kh_status search(found *f, kh_portal *portal, const kh_invocation *asked, const kh_search_key *keys, size_t key_count,
                        const char *accession, kh_error *err)
{
    const kh_search_row *rows;
    kh_search *search = NULL;
    size_t count, before = f->count;
    bool more = true;
    kh_status status = kh_search_open(&search, portal->cache, KH_LEVEL_STUDY, keys, key_count, err);

    if (status == KH_OK)
        kh_search_within(search, kh_reach_scope(f->reach));
    while (status == KH_OK && more && f->count < asked->studies_max) {
        status = kh_search_page(search, &rows, &count, &more, err);
        for (size_t i = 0; status == KH_OK && i < count && f->count < asked->studies_max; i++)
            if (is_meant(asked, &rows[i].study, accession))
                add(f, &rows[i].study);
    }
    kh_search_free(search);
    f->parts += f->count > before;
    return status;
}

static kh_status find(found *f, kh_portal *portal, const kh_invocation *asked, kh_error *err)
{
    kh_search_key keys[6];
    size_t count = 0;
    kh_status status = KH_OK;

    f->studies = calloc(KH_INVOKE_STUDIES_MAX, sizeof *f->studies);
    if (!f->studies)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the studies");
    if (asked->is_patient) {
        keys[count++] = (kh_search_key){KH_TAG_PATIENT_ID, asked->patient_id};
        keys[count++] = (kh_search_key){KH_TAG_ISSUER_OF_PATIENT_ID, asked->issuer};
        keys[count++] = (kh_search_key){KH_TAG_PATIENT_NAME, asked->patient_name};
        keys[count++] = (kh_search_key){KH_TAG_PATIENT_BIRTH_DATE, asked->birth_date};
        keys[count++] = (kh_search_key){KH_TAG_MODALITIES_IN_STUDY, asked->modalities};
        return search(f, portal, asked, keys, count, NULL, err);
    }
    for (size_t i = 0; status == KH_OK && i < asked->name_count; i++) {
        keys[0] = (kh_search_key){asked->by_accession ? KH_TAG_ACCESSION_NUMBER : KH_TAG_STUDY_INSTANCE_UID, asked->names[i]};
        status = search(f, portal, asked, keys, 1, asked->by_accession ? asked->names[i] : NULL, err);
    }
    return status;
}

/* --- pages --- */

static void answer_refusal(kh_http_request *request, const kh_error *err, bool as_page)
{
    if (as_page && err->status == KH_E_ARG)
        kh_http_answer_page(request, 400, "この画像表示の呼び出しは正しくありません", "This call to display images cannot be understood.", err->message);
    else if (as_page && err->status == KH_E_NOT_FOUND)
        kh_http_answer_page(request, 404, "求められた検査はここにありません", "The studies that were asked for are not here.", "");
    else
        kh_http_answer_error(request, err);
}

static kh_status read_and_find(kh_invocation *asked, found *f, kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    kh_status status = kh_invocation_read(asked, request, err);

    if (status == KH_OK)
        status = kh_portal_reach(portal, request, KH_VERB_FIND, asked->is_patient ? KH_REACH_LIST : KH_REACH_NAMED, &f->reach, err);
    if (status == KH_OK)
        status = find(f, portal, asked, err);
    if (status == KH_OK && f->count == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "the studies that were asked for are not here");
    return status;
}

/* Not as many as were named: the list says so, where a study alone would hide it. */
static size_t missing(const kh_invocation *asked, const found *f)
{
    return asked->is_patient ? 0 : asked->name_count - f->parts;
}

static void show(kh_portal *portal, kh_http_request *request, bool as_page)
{
    kh_error err = KH_ERROR_INIT;
    kh_invocation *asked = malloc(sizeof *asked);
    found f = {.studies = NULL};
    char path[PATH_SIZE];

    if (!asked)
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
    if (!asked || read_and_find(asked, &f, portal, request, &err) != KH_OK) {
        answer_refusal(request, &err, as_page);
    } else if (f.count == 1 && missing(asked, &f) == 0) {
        snprintf(path, sizeof path, "/studies/%lld", (long long)f.studies[0].id);
        kh_http_set_header(request, "Location", path);
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, 302, NULL, NULL, 0);
    } else {
        kh_portal_answer_page(request, "no-store");
    }
    found_release(&f);
    free(asked);
}

static void show_page(void *context, kh_http_request *request)
{
    show(context, request, true);
}

static void show_plain(void *context, kh_http_request *request)
{
    show(context, request, false);
}

void kh_portal_invoke(kh_http_request *request, void *context)
{
    const char *accept = kh_http_header(request, "Accept");

    kh_portal_later(context, request, accept && strstr(accept, "text/html") ? show_page : show_plain);
}

/* --- GET /api/invoke --- */

static kh_status write_list(kh_portal *portal, kh_json_writer *json, const kh_invocation *asked, const found *f, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_object_begin(json);
    kh_json_put_int(json, "total", (int64_t)f->count);
    kh_json_put_int(json, "missing", (int64_t)missing(asked, f));
    kh_json_key(json, "studies");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < f->count; i++) {
        kh_json_object_begin(json);
        status = kh_portal_put_study(portal, json, &f->studies[i], err);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
    kh_json_object_end(json);
    return status;
}

static void list(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_invocation *asked = malloc(sizeof *asked);
    found f = {.studies = NULL};
    kh_portal_answer answer;
    kh_status status = asked ? read_and_find(asked, &f, portal, request, &err) : kh_error_set(&err, KH_E_MEMORY, "no memory for a request");

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (status == KH_OK)
        status = write_list(portal, &answer.json, asked, &f, &err);
    kh_portal_answer_end(&answer, request, status, &err);
    found_release(&f);
    free(asked);
}

void kh_portal_invoke_list(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list);
}
