/* GET .../thumbnail at all four levels (PS3.18 10.4.1.1.4): one small picture without a word about the patient. */
#include "viewer/dicomweb/rendered.h"

static kh_status read_question(kh_rendered_question *out, const kh_dicomweb *dicomweb, const kh_http_request *request, kh_error *err)
{
    const char *viewport = kh_http_query(request, "viewport");
    kh_status status = kh_retrieve_read_uids(&out->uids, request, err);

    out->wish =
        (kh_rendered_wish){.viewport_width = KH_THUMBNAIL_SIDE, .viewport_height = KH_THUMBNAIL_SIDE, .quality = KH_RENDERED_QUALITY};
    if (status == KH_OK && viewport)
        status = kh_rendered_parse_viewport(&out->wish, viewport, dicomweb->options.viewport_max, true, err);
    return status == KH_OK ? kh_retrieve_read_accept(&out->accept, request, err) : status;
}

static void make_thumbnail(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_rendered_question question = {.frames = kh_http_segment(request, "frames"), .single = true};
    kh_error err = KH_ERROR_INIT;

    if (read_question(&question, dicomweb, request, &err) == KH_OK)
        kh_rendered_answer(dicomweb, request, &question);
    else
        kh_http_answer_error(request, &err);
}

void kh_dicomweb_thumbnail(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_http_later(request, dicomweb->painting, make_thumbnail, dicomweb);
}
