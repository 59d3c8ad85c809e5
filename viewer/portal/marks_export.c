/* POST /api/studies/{id}/marks/export: the marks that who asks made, and how the pictures stand on the screen, as DICOM objects of the
 * study: key images, presentation states, measurements (dicom/made.h). They come into the cache like received ones, by the bridge, and go
 * out like any object. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cache/ingest.h"
#include "dicom/made.h"
#include "store/file.h"
#include "viewer/portal/marks.h"
#include "viewer/portal/marks_views.h"
#include "viewer/render/modality.h"
#include "viewer/tiles/shown.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define OBJECT_BYTES_MAX (64u << 20)
#define PRESENTATIONS_MAX 64 /* states of one export: one for each series, and for each rescale in it */

typedef struct exporting {
    kh_portal *portal;
    kh_marked_study *marked;
    kh_stored_mark author; /* how who asks is called */
    kh_stored_mark *stored;
    size_t stored_count, stored_max;
    kh_made_reference *references; /* as many places as marks */
    kh_shown_view views[KH_SHOWN_VIEWS_MAX];
    size_t view_count;
    size_t reference_count;
    kh_made_mark *marks;
    size_t mark_count;
    char date[9], time[7];
    kh_json_writer *json;
} exporting;

/* --- what there is --- */

static kh_status keep_own(void *context, kh_stored_mark *mark)
{
    exporting *e = context;

    if (mark->person_id != e->author.person_id)
        return KH_OK;
    if (e->stored_count == e->stored_max) {
        size_t max = e->stored_max ? 2 * e->stored_max : 32;
        kh_stored_mark *more = realloc(e->stored, max * sizeof *more);

        if (!more)
            return KH_E_MEMORY;
        e->stored = more;
        e->stored_max = max;
    }
    e->stored[e->stored_count++] = *mark;
    *mark = (kh_stored_mark){.id = ""};
    return KH_OK;
}

static bool is_grey(const kh_pixel_format *format)
{
    return format->photometric == KH_PHOTOMETRIC_MONOCHROME1 || format->photometric == KH_PHOTOMETRIC_MONOCHROME2;
}

/* What a viewer has to know of the frame, as the stack manifest tells it. */
static void describe(kh_made_reference *out, const kh_image_info *info, uint32_t frame)
{
    const kh_slice_info *slice = kh_image_info_slice(info, frame);
    bool stored = kh_window_is_on_stored_values(info) || (info->display & KH_DISPLAY_MODALITY_LUT);

    out->rows = info->format.rows;
    out->columns = info->format.columns;
    out->frame = info->frame_count > 1 ? frame + 1 : 0;
    snprintf(out->modality, sizeof out->modality, "%s", info->modality);
    if (slice->spacing_source != KH_SPACING_NONE) {
        out->row_spacing_mm = slice->row_spacing_mm;
        out->column_spacing_mm = slice->column_spacing_mm;
    }
    if (slice->window_count > 0) {
        out->window_center = slice->windows[0].center;
        out->window_width = slice->windows[0].width;
    }
    out->function = slice->voi_function;
    out->color = !is_grey(&info->format);
    out->slope = stored ? 0 : slice->rescale_slope;
    out->intercept = slice->rescale_intercept;
    snprintf(out->rescale_type, sizeof out->rescale_type, "%s", info->rescale_type);
    out->inverse = !out->color && (info->inverse || info->format.photometric == KH_PHOTOMETRIC_MONOCHROME1);
}

static kh_status add_reference(exporting *e, const kh_frame_place *place, const char *sop_uid, kh_error *err)
{
    kh_portal *portal = e->portal;
    kh_made_reference *out = &e->references[e->reference_count];
    const kh_stack *stack = NULL;
    const kh_stack_object *shown = NULL;
    kh_series series;
    kh_object object;
    kh_status status = kh_browse_series(portal->cache, place->series_id, &series, err);

    if (status == KH_OK)
        status = kh_browse_object(portal->cache, place->object_id, &object, err);
    if (status == KH_OK)
        status = kh_shown_object_acquire(&stack, &shown, portal->cache, place->series_id, place->object_id, place->frame, err);
    if (status != KH_OK)
        return status;
    *out = (kh_made_reference){.rows = 0};
    snprintf(out->series_uid, sizeof out->series_uid, "%s", series.series_uid);
    snprintf(out->sop_class_uid, sizeof out->sop_class_uid, "%s", object.sop_class_uid);
    snprintf(out->sop_uid, sizeof out->sop_uid, "%s", sop_uid);
    describe(out, &shown->info, place->frame);
    for (size_t i = 0; i < e->view_count; i++)
        if (e->views[i].series_id == place->series_id) {
            kh_shown_view_apply(out, &e->views[i]);
            break;
        }
    e->reference_count++;
    kh_stack_release(portal->cache, stack);
    return KH_OK;
}

static kh_status find_reference(exporting *e, const char *sop_uid, uint32_t frame, size_t *out, kh_error *err)
{
    kh_frame_place place = {.frame = frame};
    kh_status status;

    for (*out = 0; *out < e->reference_count; ++*out) {
        const kh_made_reference *known = &e->references[*out];

        if (strcmp(known->sop_uid, sop_uid) == 0 && (known->frame == 0 || known->frame == frame + 1))
            return KH_OK;
    }
    status = kh_marked_study_find(e->marked, sop_uid, &place, err);
    return status == KH_OK ? add_reference(e, &place, sop_uid, err) : status;
}

static double number_of(const kh_json *measured, const char *key)
{
    return kh_json_get_double(measured, key, NAN);
}

static kh_status add_mark(exporting *e, const kh_stored_mark *stored, kh_error *err)
{
    kh_made_mark *out = &e->marks[e->mark_count];
    const char *measured = stored->measured && stored->measured[0] ? stored->measured : "{}", *unit;
    kh_json *json = NULL;
    size_t reference = 0;
    kh_status status = find_reference(e, stored->sop_uid, stored->frame, &reference, err);

    if (status == KH_OK)
        status = kh_json_parse_object(&json, measured, strlen(measured), 65536, err);
    if (status != KH_OK)
        return status;
    *out = (kh_made_mark){.kind = stored->kind,
                          .id = stored->id,
                          .text = stored->text,
                          .points = stored->points,
                          .point_count = stored->point_count,
                          .reference = reference,
                          .length_mm = number_of(json, "length_mm"),
                          .length_px = number_of(json, "length_px"),
                          .short_mm = number_of(json, "short_mm"),
                          .short_px = number_of(json, "short_px"),
                          .degrees = number_of(json, "degrees"),
                          .area_mm2 = number_of(json, "area_mm2"),
                          .mean = number_of(json, "mean"),
                          .sd = number_of(json, "sd"),
                          .min = number_of(json, "min"),
                          .max = number_of(json, "max")};
    unit = kh_json_get_text(json, "unit");
    snprintf(out->unit, sizeof out->unit, "%s", unit ? unit : "");
    kh_json_free(json);
    e->mark_count++;
    return KH_OK;
}

static kh_status add_view(exporting *e, const kh_shown_view *view, kh_error *err)
{
    size_t reference = 0;
    kh_status status = find_reference(e, view->sop_uid, view->frame, &reference, err);

    if (status == KH_OK)
        e->references[reference].shown = true;
    return status;
}

/* What is of objects that are not here, or not open, stays where it is. */
static kh_status collect(exporting *e, kh_error *err)
{
    size_t most = e->view_count + 1;
    kh_study *study = e->marked->study;
    kh_status status = kh_marks_of_study(e->portal->options.reading, study->patient.facility, study->study_uid, keep_own, e, err);

    e->references = calloc(e->stored_count + most, sizeof *e->references);
    e->marks = calloc(e->stored_count + 1, sizeof *e->marks);
    if (status == KH_OK && (!e->references || !e->marks))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %zu marks", e->stored_count);
    for (size_t i = 0; status == KH_OK && i < e->stored_count + e->view_count; i++) {
        kh_error absent = KH_ERROR_INIT;

        status = i < e->stored_count ? add_mark(e, &e->stored[i], &absent) : add_view(e, &e->views[i - e->stored_count], &absent);
        if (status == KH_E_NOT_FOUND || status == KH_E_UNSUPPORTED)
            status = KH_OK;
        else if (status != KH_OK)
            kh_error_set(err, status, "%s", absent.message);
    }
    return status;
}

/* --- into the cache --- */

static kh_status write_file(const kh_portal *portal, const kh_buf *object, char *name, size_t name_size, kh_error *err)
{
    static atomic_uint number;
    char path[4096];
    kh_status status;
    int fd;

    /* by this name a web process that starts finds what one that died left behind */
    snprintf(name, name_size, "stow-marks-%ld-%u", (long)getpid(), atomic_fetch_add(&number, 1));
    if (snprintf(path, sizeof path, "%s/incoming/%s", kh_cache_dir(portal->cache), name) >= (int)sizeof path)
        return kh_error_set(err, KH_E_LIMIT, "the data folder's path is too long");
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return kh_error_set(err, KH_E_IO, "a file in incoming/ cannot be made");
    status = kh_write_all(fd, object->data, object->size, err);
    close(fd);
    if (status != KH_OK)
        unlink(path);
    return status;
}

static kh_status give(exporting *e, const kh_buf *object, kh_error *err)
{
    const kh_portal *portal = e->portal;
    kh_ingest_result result = {.object_id = 0};
    char name[64];
    kh_status status = write_file(portal, object, name, sizeof name, err);

    return status == KH_OK ? portal->options.adopt(portal->options.adopt_context, name, e->marked->study->patient.facility, &result, err)
                           : status;
}

/* --- the objects --- */

typedef kh_status make_object(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err);

static kh_status make_one(exporting *e, const char *form, int series_number, make_object *make, const kh_made_content *content,
                          kh_error *err)
{
    const kh_study *study = e->marked->study;
    char series_uid[KH_UID_SIZE], instance_uid[KH_UID_SIZE];
    const kh_made_head head = {.patient_name = &study->patient.name,
                               .patient_id = study->patient.patient_id,
                               .birth_date = study->patient.birth_date,
                               .sex = study->patient.sex,
                               .study_uid = study->study_uid,
                               .study_date = study->date,
                               .study_time = study->time,
                               .study_id = study->study_id,
                               .accession = study->accession,
                               .referring_physician = study->referring_physician,
                               .study_description = study->description,
                               .series_uid = series_uid,
                               .instance_uid = instance_uid,
                               .date = e->date,
                               .time = e->time,
                               .author = e->author.author,
                               .institution = e->author.author_facility,
                               .version = e->portal->version,
                               .series_number = series_number};
    kh_status status = kh_uid_make(series_uid, err);
    kh_buf object;

    kh_buf_init(&object, OBJECT_BYTES_MAX);
    if (status == KH_OK)
        status = kh_uid_make(instance_uid, err);
    if (status == KH_OK)
        status = make(&object, &head, content, err);
    if (status == KH_OK)
        status = give(e, &object, err);
    kh_buf_release(&object);
    if (status != KH_OK)
        return status;
    kh_json_object_begin(e->json);
    kh_json_put_text(e->json, "form", form);
    kh_json_put_text(e->json, "series_uid", series_uid);
    kh_json_put_text(e->json, "sop_uid", instance_uid);
    kh_json_object_end(e->json);
    return KH_OK;
}

static bool fit_together(const kh_made_reference *a, const kh_made_reference *b)
{
    return strcmp(a->series_uid, b->series_uid) == 0 && a->color == b->color && a->quarter_turns == b->quarter_turns &&
           a->flipped == b->flipped && a->slope == b->slope && a->intercept == b->intercept && a->inverse == b->inverse &&
           (a->window_width > 0) == (b->window_width > 0);
}

/* What stands in one state with reference number n; false when one before has had it. */
static bool gather_group(const exporting *e, size_t n, kh_made_reference *references, kh_made_mark *marks, kh_made_content *out)
{
    const kh_made_reference *first = &e->references[n];
    bool any = false;

    *out = (kh_made_content){references, e->reference_count, marks, 0};
    for (size_t k = 0; k < n; k++)
        if (fit_together(&e->references[k], first))
            return false;
    for (size_t k = 0; k < e->reference_count; k++) {
        references[k] = e->references[k];
        references[k].shown = references[k].shown && fit_together(&e->references[k], first);
        any = any || references[k].shown;
    }
    for (size_t k = 0; k < e->mark_count; k++)
        if (e->marks[k].point_count > 0 && fit_together(&e->references[e->marks[k].reference], first))
            marks[out->mark_count++] = e->marks[k];
    return any || out->mark_count > 0;
}

/* Each series by itself, and what differs in its rescale or in how it is shown. */
static kh_status make_presentations(exporting *e, kh_error *err)
{
    kh_made_mark *marks = calloc(e->mark_count + 1, sizeof *marks);
    kh_made_reference *references = calloc(e->reference_count + 1, sizeof *references);
    size_t made = 0;
    kh_status status = marks && references ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for %zu marks", e->mark_count);

    for (size_t i = 0; status == KH_OK && i < e->reference_count; i++) {
        kh_made_content content;

        if (!gather_group(e, i, references, marks, &content))
            continue;
        status = made++ == PRESENTATIONS_MAX ? kh_error_set(err, KH_E_LIMIT, "more than %d presentation states", PRESENTATIONS_MAX)
                                             : make_one(e, "presentation", 991, kh_made_presentation, &content, err);
    }
    free(references);
    free(marks);
    return status;
}

static bool has_kind(const exporting *e, bool (*fits)(kh_mark_kind kind))
{
    for (size_t i = 0; i < e->mark_count; i++)
        if (fits(e->marks[i].kind))
            return true;
    return false;
}

static bool is_key(kh_mark_kind kind)
{
    return kind == KH_MARK_KEY;
}

static kh_status make_all(exporting *e, kh_error *err)
{
    const kh_made_content content = {e->references, e->reference_count, e->marks, e->mark_count};
    kh_status status = KH_OK;

    kh_json_object_begin(e->json);
    kh_json_key(e->json, "objects");
    kh_json_array_begin(e->json);
    if (has_kind(e, is_key))
        status = make_one(e, "key_objects", 990, kh_made_key_objects, &content, err);
    if (status == KH_OK)
        status = make_presentations(e, err);
    if (status == KH_OK && has_kind(e, kh_mark_is_measured))
        status = make_one(e, "report", 992, kh_made_report, &content, err);
    kh_json_array_end(e->json);
    kh_json_object_end(e->json);
    return status;
}

/* --- the request --- */

/* An object becomes one of the hospital whose study it is: that only its own readers may do, as over STOW-RS (decision 15). */
static kh_status check_may(const exporting *e, kh_error *err)
{
    kh_verdict verdict = {.allowed = true};
    kh_status status = kh_portal_check_marker(e->portal, e->marked->subject, err);

    if (status == KH_OK && !e->portal->options.adopt)
        status = kh_error_set(err, KH_E_UNSUPPORTED, "nobody takes objects in here");
    if (status == KH_OK && e->portal->options.rights)
        status = kh_reach_decide(e->portal->options.rights, e->marked->subject, KH_VERB_CHANGE, e->marked->study, NULL, &verdict, err);
    return status == KH_OK && !verdict.allowed ? kh_error_set(err, KH_E_DENIED, "objects are added to the own hospital's studies only")
                                               : status;
}

static void note_time(exporting *e)
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    strftime(e->date, sizeof e->date, "%Y%m%d", &local);
    strftime(e->time, sizeof e->time, "%H%M%S", &local);
}

static void release(exporting *e)
{
    for (size_t i = 0; i < e->stored_count; i++)
        kh_stored_mark_release(&e->stored[i]);
    free(e->stored);
    free(e->references);
    free(e->marks);
}

static void export_marks(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_marked_study marked;
    kh_portal_answer answer;
    exporting e = {.portal = portal, .marked = &marked, .json = &answer.json};
    kh_status status = kh_marked_study_open(&marked, portal, request, &err);

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    note_time(&e);
    if (status == KH_OK)
        status = check_may(&e, &err);
    if (status == KH_OK)
        status = kh_shown_views_read(e.views, &e.view_count, request, &err);
    if (status == KH_OK)
        status = kh_portal_name_author(&e.author, portal, marked.subject, &err);
    if (status == KH_OK)
        status = collect(&e, &err);
    if (status == KH_OK && e.mark_count == 0 && e.reference_count == 0)
        status = kh_error_set(&err, KH_E_NOT_FOUND, "there are no marks of yours");
    if (status == KH_OK)
        status = make_all(&e, &err);
    release(&e);
    kh_marked_study_close(&marked);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_export_marks(kh_http_request *request, void *context)
{
    kh_portal_ask_later(context, request, export_marks);
}
