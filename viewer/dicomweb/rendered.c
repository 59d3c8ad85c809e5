/* GET .../rendered at all four levels (PS3.18 10.4.1.1.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/use.h"
#include "store/digest.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/rendered_profile.h"

#define RENDERED_VERSION 1 /* moves when the same question would get other bytes than before */
#define FORM_SIZE 256
#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 4 * KH_UID_SIZE)

/* All of an answer that is not in the question. */
typedef struct work {
    kh_rendered_target target;
    kh_rendered_form form;
    kh_multipart multipart;
    char location[LOCATION_SIZE];
} work;

static void refuse(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids, int64_t away_study, const kh_error *err)
{
    if (err->status == KH_E_BUSY && away_study > 0) {
        kh_retrieve_answer_away(dicomweb, request, away_study);
        return;
    }
    if (err->status == KH_E_UNSUPPORTED || err->status == KH_E_FORMAT) {
        kh_retrieve_answer_text(request, 406, "not acceptable", err->message); /* PS3.18 10.4.3.1: no rendered form of it */
        return;
    }
    kh_retrieve_answer_error(dicomweb, request, uids, err);
}

static const char *const dicom_types[] = {"application/dicom", "application/dicom+json", "application/dicom+xml"};

static bool names_picture(const kh_accept *accept)
{
    for (int i = 0; i < KH_PICTURE_FORMATS; i++)
        if (kh_accept_names(accept, kh_picture_type((kh_picture_format)i)))
            return true;
    return false;
}

/* PS3.18 8.7.4: types of objects and of pictures are not asked for together, and somebody says what he takes. */
static kh_status check_accept(const kh_accept *accept, unsigned *code, kh_error *err)
{
    for (size_t i = 0; i < sizeof dicom_types / sizeof dicom_types[0]; i++)
        if (names_picture(accept) && kh_accept_names(accept, dicom_types[i]))
            return kh_error_set(err, KH_E_ARG, "Accept: %s beside types of pictures, expected one or the other", dicom_types[i]);
    if (!accept->header_missing || accept->query_count > 0)
        return KH_OK;
    *code = 406;
    return kh_error_set(err, KH_E_ARG, "Accept: absent, expected image/jpeg, image/png or image/gif");
}

/* Of several frames a single picture is an animation, or of a whole object the one in its middle; frames that are named come all. */
static bool choose_form(kh_rendered_form *out, const kh_rendered_question *question, const kh_rendered_target *target)
{
    bool several = target->frame_count > 1 && !question->single, one = !several || target->whole_object;
    kh_rendered_form forms[2 * KH_PICTURE_FORMATS];
    kh_offer offers[2 * KH_PICTURE_FORMATS];
    size_t count = 0, chosen;

    for (int i = 0; i < KH_PICTURE_FORMATS; i++) {
        kh_picture_format format = (kh_picture_format)i;
        bool animated = several && format == KH_PICTURE_GIF;

        if (one || animated) {
            forms[count] = (kh_rendered_form){.format = format, .animated = animated};
            offers[count++] = (kh_offer){.type = kh_picture_type(format), .category_default = one && format == KH_PICTURE_JPEG};
        }
        if (question->single || question->without_parts)
            continue;
        forms[count] = (kh_rendered_form){.format = format, .multipart = true};
        offers[count++] = (kh_offer){.type = kh_picture_type(format), .multipart = true,
                                     .category_default = !one && format == KH_PICTURE_JPEG};
    }
    chosen = kh_accept_choose(&question->accept, offers, count);
    if (chosen == count)
        return false;
    *out = forms[chosen];
    return true;
}

/* All that the bytes depend on. */
static uint64_t form_of(const kh_rendered_question *question, const work *w)
{
    const kh_rendered_wish *wish = &question->wish;
    char text[FORM_SIZE];
    int size = snprintf(text, sizeof text, "%d %d%d%d %u,%u %d%d %.9g,%.9g,%.9g,%.9g %d%d,%.9g,%.9g,%d q%d %d%d %llx %zu i%d",
                        RENDERED_VERSION, w->form.format, w->form.animated, w->form.multipart, wish->viewport_width, wish->viewport_height,
                        wish->region_given, wish->region_relative, wish->x, wish->y, wish->width, wish->height, wish->window_given,
                        wish->function_given, wish->window_center, wish->window_width, wish->function, wish->quality, wish->patient,
                        wish->technique, wish->patient || wish->technique ? (unsigned long long)kh_annotation_sum(&w->target.row) : 0,
                        w->target.frame_count, wish->profile);
    size_t frames = w->target.whole_object ? 1 : w->target.frame_count;

    return kh_xxh3_of(text, (size_t)size) ^ kh_xxh3_of(w->target.frames, frames * sizeof w->target.frames[0]);
}

static kh_status check_form(const kh_rendered_question *question, const work *w, kh_error *err)
{
    if (question->wish.quality_given && w->form.format != KH_PICTURE_JPEG)
        return kh_error_set(err, KH_E_ARG, "quality with %s, expected with image/jpeg only", kh_picture_type(w->form.format));
    if (question->wish.profile != KH_PROFILE_NONE && w->form.format == KH_PICTURE_GIF)
        return kh_error_set(err, KH_E_ARG, "iccprofile with image/gif, which has no place for one: expected image/jpeg or image/png");
    if ((w->form.animated || w->form.multipart) && w->target.frame_count > KH_RENDERED_FRAMES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "%zu frames, at most %d at once: ask for some of them by number", w->target.frame_count,
                            KH_RENDERED_FRAMES_MAX);
    return KH_OK;
}

static void release_body(void *context)
{
    free(context);
}

static void send(kh_http_request *request, const kh_rendered_question *question, const work *w, const kh_painted *painted, kh_buf *body)
{
    char type[128];
    size_t size;
    uint8_t *bytes;

    for (size_t i = 0; i < 2; i++)
        if (question->wish.warnings[i][0])
            kh_http_set_header(request, "Warning", question->wish.warnings[i]);
    kh_http_set_header(request, "Vary", "Accept");
    kh_http_set_header(request, "X-Kakehashi-Lossy", painted->lossy);
    kh_http_set_header(request, "X-Kakehashi-Window", painted->window);
    snprintf(type, sizeof type, "%s", kh_picture_type(w->form.format));
    if (w->form.multipart)
        kh_multipart_content_type(&w->multipart, kh_picture_type(w->form.format), type, sizeof type);
    bytes = kh_buf_take(body, &size);
    kh_http_answer_borrowed(request, 200, type, bytes, size, release_body, bytes);
}

static kh_status paint_and_send(kh_dicomweb *dicomweb, kh_http_request *request, kh_rendered_question *question, work *w, kh_error *err)
{
    kh_painting painting = {.dicomweb = dicomweb, .request = request, .target = &w->target, .wish = &question->wish, .form = &w->form,
                            .multipart = &w->multipart, .location = w->location};
    kh_painted painted = {.lossy = ""};
    kh_buf body, profile;
    kh_status status = w->form.multipart ? kh_multipart_init(&w->multipart, err) : KH_OK;

    kh_buf_init(&body, KH_RENDERED_BYTES_MAX);
    kh_buf_init(&profile, KH_PROFILE_BYTES_MAX);
    painting.profile = &profile;
    if (status == KH_OK)
        status = kh_rendered_find_profile(&profile, &question->wish, dicomweb->cache, &w->target, err);
    if (status == KH_OK)
        status = kh_rendered_paint(&painted, &painting, &body, err);
    if (status == KH_OK)
        send(request, question, w, &painted, &body);
    kh_buf_release(&body);
    kh_buf_release(&profile);
    return status;
}

/* What is no picture: a report, a document, a video, a waveform. false: it is none of these. */
static bool show_document(kh_dicomweb *dicomweb, kh_http_request *request, const kh_rendered_question *question, const kh_search_row *row,
                          kh_status *status, kh_error *err)
{
    bool report = kh_rendered_is_report(row), waveform = kh_rendered_is_waveform(row);

    if (!report && !waveform && !kh_bulk_shown_as(row, row->object.transfer_syntax_uid))
        return false;
    kh_error_clear(err);
    if (report)
        *status = kh_rendered_answer_report(dicomweb, request, &question->accept, row, err);
    else if (waveform)
        *status = kh_rendered_answer_waveform(dicomweb, request, &question->accept, row, err);
    else
        *status = kh_bulk_show(dicomweb, request, &question->accept, row, &question->uids, err);
    return true;
}

/* KH_OK: the request is answered. */
static kh_status answer(kh_dicomweb *dicomweb, kh_http_request *request, kh_rendered_question *question, work *w, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], address[KH_DICOMWEB_ADDRESS_SIZE];
    kh_status status = kh_rendered_find(&w->target, dicomweb, request, &question->uids, question->frames, err);

    if ((status == KH_E_UNSUPPORTED || status == KH_OK) && question->uids.instance[0] && !question->frames && !question->single &&
        show_document(dicomweb, request, question, &w->target.row, &status, err))
        return status;
    if (status != KH_OK)
        return status;
    if (!choose_form(&w->form, question, &w->target)) {
        kh_retrieve_answer_text(request, 406, "not acceptable",
                                "Accept: expected image/jpeg, image/png or image/gif; of several frames also multipart/related of these");
        return KH_OK;
    }
    status = check_form(question, w, err);
    if (status != KH_OK)
        return status;
    kh_retrieve_etag(etag, w->target.object->content_hash, form_of(question, w));
    if (kh_retrieve_answer_unchanged(request, etag, !w->form.multipart))
        return KH_OK;
    kh_dicomweb_address(dicomweb, request, address);
    snprintf(w->location, sizeof w->location, "%s/studies/%s/series/%s/instances/%s", address, w->target.row.study.study_uid,
             w->target.row.series.series_uid, w->target.object->sop_instance_uid);
    kh_use_note(dicomweb->cache, w->target.row.series.id);
    return paint_and_send(dicomweb, request, question, w, err);
}

/* The study when what was meant, or some of it, is at its hospital; else 0. */
static int64_t away_study(const kh_search_row *row)
{
    bool away = row->object.id > 0 ? row->object.away : row->series.away_count > 0;

    return away ? row->study.id : 0;
}

void kh_rendered_answer(kh_dicomweb *dicomweb, kh_http_request *request, kh_rendered_question *question)
{
    kh_error err = KH_ERROR_INIT;
    work *w = calloc(1, sizeof *w);

    if (!w)
        kh_error_set(&err, KH_E_MEMORY, "no memory for a picture");
    if (!w || answer(dicomweb, request, question, w, &err) != KH_OK)
        refuse(dicomweb, request, &question->uids, w ? away_study(&w->target.row) : 0, &err);
    if (w)
        kh_rendered_target_release(&w->target, dicomweb->cache);
    free(w);
}

static void render(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_rendered_question question = {.frames = kh_http_segment(request, "frames")};
    kh_error err = KH_ERROR_INIT;
    unsigned code = 0;
    kh_status status = kh_retrieve_read_uids(&question.uids, request, &err);

    if (status == KH_OK)
        status = kh_rendered_read_wish(&question.wish, request, dicomweb->options.viewport_max, &err);
    if (status == KH_OK)
        status = kh_retrieve_read_accept(&question.accept, request, &err);
    if (status == KH_OK)
        status = check_accept(&question.accept, &code, &err);
    if (status == KH_OK)
        kh_rendered_answer(dicomweb, request, &question);
    else if (code)
        kh_retrieve_answer_text(request, code, "not acceptable", err.message);
    else
        kh_http_answer_error(request, &err);
}

void kh_dicomweb_rendered(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_http_later(request, dicomweb->painting, render, dicomweb);
}
