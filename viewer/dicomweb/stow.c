/* Store (PS3.18 10.5): POST /dicomweb/studies and /dicomweb/studies/{study}, multipart/related of application/dicom, or of metadata and
 * bulk data (assembly.h). A Part 10 object goes to a file as it comes and to the owner of the cache when it is whole; what comes apart is
 * put together when all of it is in, and goes the same way. An object is answered as stored when the owner says that it is durable.
 * A sender that goes away leaves what was whole, and sends it again without harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/clock.h"
#include "base/log.h"
#include "viewer/dicomweb/accept.h"
#include "viewer/dicomweb/assembly.h"
#include "viewer/dicomweb/media_type.h"
#include "viewer/dicomweb/part_reader.h"
#include "viewer/dicomweb/stow.h"

#define DICOM_JSON "application/dicom+json"
#define DICOM_XML "application/dicom+xml"

#define DECIDE_AGAIN_MS 250 /* between two decisions on the same upload */

typedef struct stow {
    kh_dicomweb *dicomweb;
    bool answer_xml;
    char study_uid[KH_UID_SIZE]; /* of the address; "" */
    const char *token;           /* name of it, the admission's; NULL */
    char peer[64];
    kh_part_reader reader;
    kh_stow_file file;   /* the part at hand, or what an assembly keeps its parts in */
    kh_assembly *assembly; /* NULL: the parts are Part 10 objects */
    unsigned failure;    /* KH_STOW_, of the part at hand; 0: none yet */
    kh_error broken;     /* why nothing more of the body is read */
    kh_stow_results results;
    bool has_person;     /* accounts are on */
    int64_t decided_ms;  /* monotonic; when it was last decided that the person may store; 0: never yet */
    kh_subject person;
} stow;

/* What a person stores is the own facility's, whatever the settings say of those whom nobody knows. */
static const char *facility_of(const stow *s)
{
    return s->has_person ? s->person.facility : NULL;
}

/* Told with its reason; that it cannot be written changes nothing for who is refused. */
static void record_refusal(const stow *s, kh_reason reason)
{
    const kh_record record = {.action = KH_AUDIT_STORE,
                              .way = "DICOMweb",
                              .token = s->token,
                              .person = &s->person,
                              .study_uid = s->study_uid[0] ? s->study_uid : NULL,
                              .reason = kh_reason_text(reason)};
    const kh_record_outcome outcome = {.result = KH_AUDIT_REFUSED, .count = -1, .failed = -1};

    (void)!kh_record_done(s->dicomweb->options.recorder, &record, s->peer, &outcome, NULL);
}

/* Before the first byte is kept, and again and again while more come: who is suspended stores no more. */
static kh_status may_store(stow *s, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    const kh_matter matter = {
        .kind = KH_KIND_INSTANCE, .facility = s->person.facility, .patient_id = "", .study_date = "", .modalities = ""};
    kh_verdict verdict = {0};
    kh_status status = KH_OK;

    if (!s->has_person || (s->decided_ms > 0 && now_ms - s->decided_ms < DECIDE_AGAIN_MS))
        return KH_OK;
    status = kh_rights_decide(s->dicomweb->options.rights, &s->person, KH_VERB_CHANGE, &matter, &verdict, err);
    if (status == KH_OK && verdict.allowed && s->dicomweb->options.watch &&
        !kh_watch_session_goes_on(s->dicomweb->options.watch, &s->person))
        verdict = (kh_verdict){.allowed = false, .reason = KH_REASON_NOBODY};
    if (status == KH_OK && !verdict.allowed) {
        record_refusal(s, verdict.reason);
        status = kh_error_set(err, KH_E_DENIED, "storing is not open to you");
    }
    if (status == KH_OK)
        s->decided_ms = now_ms;
    return status;
}

static bool is_type(const char *content_type, const char *type)
{
    kh_media_type parsed;

    return content_type && kh_media_type_parse(&parsed, content_type, NULL) == KH_OK && kh_media_type_is(&parsed, type);
}

static void fail_part(stow *s, const kh_error *err)
{
    kh_log(KH_LOG_WARN, "stow", "a part could not be kept: %s", err->message);
    s->failure = kh_stow_reason(err->status);
    kh_stow_file_drop(&s->file, s->dicomweb);
}

/* Part by part: what one of them lacks is told in its result and is no matter of the others. */
static kh_status begin_part(void *context, const kh_part_head *head, kh_error *err)
{
    stow *s = context;
    kh_error problem = KH_ERROR_INIT;
    const char *encoding = head->transfer_encoding;

    (void)err;
    s->failure = KH_STOW_STORED;
    if (!is_type(head->content_type, "application/dicom") ||
        (encoding && strcasecmp(encoding, "binary") != 0 && strcasecmp(encoding, "8bit") != 0))
        s->failure = KH_STOW_NOT_UNDERSTOOD;
    else if (kh_stow_file_create(&s->file, s->dicomweb, &problem) != KH_OK)
        fail_part(s, &problem);
    return KH_OK;
}

static kh_status take_part(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    stow *s = context;
    kh_error problem = KH_ERROR_INIT;

    (void)err;
    if (s->failure == KH_STOW_STORED && kh_stow_file_write(&s->file, bytes, size, &problem) != KH_OK)
        fail_part(s, &problem);
    return KH_OK;
}

static kh_status end_part(void *context, kh_error *err)
{
    stow *s = context;
    kh_stow_object object = {.failure = s->failure};

    if (s->failure == KH_STOW_STORED)
        kh_stow_file_keep(&s->file, s->dicomweb, s->study_uid, facility_of(s), &object);
    return kh_stow_results_add(&s->results, &object, err);
}

static const kh_part_calls part_calls = {.begin = begin_part, .bytes = take_part, .end = end_part};

static kh_status take_body(void *context, const void *bytes, size_t size, kh_error *err)
{
    stow *s = context;

    if (s->broken.status == KH_OK && s->decided_ms == 0 && may_store(s, err) != KH_OK)
        return err->status;
    if (s->broken.status == KH_OK) /* from here on some may be stored already, which is told at the end */
        s->broken.status = may_store(s, &s->broken);
    if (s->broken.status == KH_OK)
        s->broken.status = kh_part_reader_take(&s->reader, bytes, size, &s->broken);
    return KH_OK;
}

/* Objects that came apart, now that all is in; then a failure for each part that nobody can use. */
static kh_status keep_assembled(stow *s, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < kh_assembly_count(s->assembly); i++) {
        kh_stow_file file = {.fd = -1};
        kh_stow_object object = {.failure = KH_STOW_STORED};
        kh_error problem = KH_ERROR_INIT;

        if (kh_stow_file_create(&file, s->dicomweb, &problem) != KH_OK) {
            kh_log(KH_LOG_WARN, "stow", "an object could not be kept: %s", problem.message);
            object.failure = kh_stow_reason(problem.status);
        } else {
            kh_assembly_write(s->assembly, i, file.fd, &object);
        }
        if (object.failure == KH_STOW_STORED)
            kh_stow_file_keep(&file, s->dicomweb, s->study_uid, facility_of(s), &object);
        kh_stow_file_drop(&file, s->dicomweb);
        status = kh_stow_results_add(&s->results, &object, err);
    }
    for (size_t i = 0; status == KH_OK && i < kh_assembly_stray_count(s->assembly); i++)
        status = kh_stow_results_add(&s->results, &(kh_stow_object){.failure = KH_STOW_NOT_UNDERSTOOD}, err);
    return status;
}

/* What came whole before a body breaks off is stored already, and told of; the rest is one failure more. */
static void finish(void *context, kh_http_request *request)
{
    stow *s = context;
    kh_error problem = KH_ERROR_INIT;

    if (s->broken.status == KH_OK)
        s->broken.status = may_store(s, &s->broken); /* of a body without a byte, too */
    if (s->broken.status == KH_OK)
        s->broken.status = kh_part_reader_end(&s->reader, &s->broken);
    if (s->assembly && s->broken.status != KH_E_DENIED && keep_assembled(s, &problem) != KH_OK && s->broken.status == KH_OK)
        s->broken = problem;
    if (s->broken.status == KH_OK && s->results.count == 0)
        kh_error_set(&s->broken, KH_E_ARG, "the body has no parts");
    if (s->broken.status != KH_OK && s->results.count > 0) {
        kh_stow_object rest = {.failure = kh_stow_reason(s->broken.status)};

        kh_log(KH_LOG_WARN, "stow", "a body breaks off after %zu objects: %s", s->results.count, s->broken.message);
        kh_error_clear(&s->broken);
        s->broken.status = kh_stow_results_add(&s->results, &rest, &s->broken);
    }
    if (s->broken.status == KH_OK) /* what cannot be recorded is not told as stored: it comes again, without harm */
        s->broken.status =
            kh_stow_record(s->dicomweb->options.recorder, &s->results, s->has_person ? &s->person : NULL, s->token, s->peer, &s->broken);
    if (s->broken.status != KH_OK)
        kh_http_answer_error(request, &s->broken);
    else
        kh_stow_results_answer(&s->results, s->study_uid, s->answer_xml, request);
}

static void drop(void *context)
{
    stow *s = context;

    kh_assembly_free(s->assembly);
    kh_stow_file_drop(&s->file, s->dicomweb);
    kh_stow_results_release(&s->results);
    atomic_fetch_sub(&s->dicomweb->upload_count, 1);
    free(s);
}

static const kh_http_receiver receiver = {.take = take_body, .finish = finish, .drop = drop};

static kh_status refuse(kh_http_request *request, unsigned code, const char *message)
{
    kh_http_answer_code(request, code, message);
    return KH_E_ARG;
}

typedef enum form { FORM_PART_10, FORM_JSON, FORM_XML, FORMS } form;
static const char *const forms[FORMS] = {"application/dicom", DICOM_JSON, DICOM_XML};

/* *out is FORMS when the parameter type names none. */
static void read_form(form *out, const kh_media_type *type)
{
    const char *inner = kh_media_type_parameter(type, "type");

    for (*out = 0; *out < FORMS; (*out)++)
        if (inner && strcasecmp(inner, forms[*out]) == 0)
            return;
}

/* KH_OK, or the request is answered. */
static kh_status check_head(kh_dicomweb *dicomweb, kh_http_request *request, kh_media_type *type, form *parts)
{
    const char *content_type = kh_http_header(request, "Content-Type");
    const char *study = kh_http_segment(request, "study");

    if (!dicomweb->options.adopt)
        return refuse(request, 403, "nothing can be stored here");
    if (!content_type || kh_media_type_parse(type, content_type, NULL) != KH_OK || !kh_media_type_is(type, "multipart/related"))
        return refuse(request, 415, "Content-Type: expected multipart/related; type=\"application/dicom\"; boundary=...");
    read_form(parts, type);
    if (*parts == FORMS)
        return refuse(request, 415,
                      "Content-Type: the parameter type, expected \"application/dicom\", \"" DICOM_JSON "\" or \"" DICOM_XML "\"");
    if (!kh_media_type_parameter(type, "boundary"))
        return refuse(request, 400, "Content-Type: the parameter boundary is missing");
    if (study && !kh_uid_plausible(study))
        return refuse(request, 400, "the study of the address is not a UID");
    if (kh_http_body_length(request) > dicomweb->options.upload_bytes_max)
        return refuse(request, 413, "the body is larger than this server takes");
    return KH_OK;
}

/* KH_OK, or the request is answered. */
static kh_status choose_answer(kh_http_request *request, bool *xml)
{
    static const kh_offer offers[] = {
        {DICOM_JSON, false, NULL, false, true}, {"application/json", false, NULL, false, false}, {DICOM_XML, false, NULL, false, false}};
    const size_t count = sizeof offers / sizeof offers[0];
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    size_t chosen = count;
    kh_status status = accept ? kh_accept_parse(accept, kh_http_query(request, "accept"), kh_http_header(request, "Accept"), &err)
                              : kh_error_set(&err, KH_E_MEMORY, "no memory for a request");

    if (status == KH_OK)
        chosen = kh_accept_choose(accept, offers, count);
    free(accept);
    if (status != KH_OK)
        kh_http_answer_error(request, &err);
    else if (chosen == count)
        status = refuse(request, 406, "Accept: the answer is given as " DICOM_JSON " or " DICOM_XML);
    *xml = chosen == 2;
    return status;
}

static bool take_place(kh_dicomweb *dicomweb)
{
    if (atomic_fetch_add(&dicomweb->upload_count, 1) < dicomweb->options.uploads_max)
        return true;
    atomic_fetch_sub(&dicomweb->upload_count, 1);
    return false;
}

static kh_status make_reader(stow *s, form parts, const char *boundary, kh_error *err)
{
    const kh_dicomweb_options *options = &s->dicomweb->options;
    char base[KH_DICOMWEB_ADDRESS_SIZE + KH_UID_SIZE + 16];
    kh_assembly_options apart = {
        .xml = parts == FORM_XML, .metadata_bytes_max = options->metadata_bytes_max, .objects_max = options->parts_max, .base = base};
    kh_status status;

    if (parts == FORM_PART_10)
        return kh_part_reader_init(&s->reader, boundary, options->parts_max, &part_calls, s, err);
    snprintf(base, sizeof base, "%s/studies%s%s", s->results.address, s->study_uid[0] ? "/" : "", s->study_uid);
    status = kh_stow_file_create(&s->file, s->dicomweb, err);
    apart.spool_fd = s->file.fd;
    if (status == KH_OK)
        status = kh_assembly_create(&s->assembly, &apart, err);
    return status == KH_OK ? kh_part_reader_init(&s->reader, boundary, options->parts_max, &kh_assembly_parts, s->assembly, err) : status;
}

void kh_dicomweb_store(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    const char *study = kh_http_segment(request, "study");
    const kh_record record = {
        .action = KH_AUDIT_STORE, .way = "DICOMweb", .token = kh_admission_name(dicomweb->admission, request), .study_uid = study};
    kh_media_type type;
    form parts;
    bool xml;
    stow *s;

    if (dicomweb->options.rights && !kh_guard_subject(request)) {
        kh_http_answer_code(request, 401, "nobody is signed in");
        return;
    }
    if (check_head(dicomweb, request, &type, &parts) != KH_OK || choose_answer(request, &xml) != KH_OK)
        return;
    if (!kh_record_works(dicomweb->options.recorder, request, &record)) {
        kh_http_answer_code(request, 503, "the record of access cannot be written now, and nothing is stored without it");
        return;
    }
    if (!take_place(dicomweb)) {
        kh_http_answer_code(request, 503, "as many others store objects as may at once; try again");
        return;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        atomic_fetch_sub(&dicomweb->upload_count, 1);
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
        kh_http_answer_error(request, &err);
        return;
    }
    s->dicomweb = dicomweb;
    s->answer_xml = xml;
    s->file.fd = -1;
    s->broken = (kh_error)KH_ERROR_INIT;
    s->token = record.token;
    s->has_person = dicomweb->options.rights != NULL;
    if (s->has_person)
        s->person = *kh_guard_subject(request);
    snprintf(s->peer, sizeof s->peer, "%s", kh_http_peer(request));
    snprintf(s->study_uid, sizeof s->study_uid, "%s", study ? study : "");
    kh_dicomweb_address(dicomweb, request, s->results.address);
    if (make_reader(s, parts, kh_media_type_parameter(&type, "boundary"), &err) != KH_OK) {
        drop(s);
        kh_http_answer_error(request, &err);
        return;
    }
    kh_http_receive(request, dicomweb->uploaders, &receiver, s, dicomweb->options.upload_bytes_max);
}
