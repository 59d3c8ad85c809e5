/* rendered.h - pictures of what is kept, for those who only look (PS3.18 8.3.5, 9, 10.4.1.1.3, 10.4.1.1.4): what the files that make them
 * share.
 * A question (rendered_query.c, wado_uri.c) names a target (rendered_find.c) and a wish; a view (rendered_view.c) says which pixels; a
 * painter (rendered_picture.c) makes the picture. */
#ifndef KH_VIEWER_DICOMWEB_RENDERED_H
#define KH_VIEWER_DICOMWEB_RENDERED_H

#include "cache/search.h"
#include "cache/stack.h"
#include "viewer/dicomweb/frame_list.h"
#include "viewer/dicomweb/retrieve.h"
#include "viewer/render/render.h"

#define KH_RENDERED_FRAMES_MAX 1000        /* of one answer */
#define KH_RENDERED_PIXELS_MAX (1u << 25)  /* of one picture: 96 MiB in colour */
#define KH_RENDERED_BYTES_MAX (128u << 20) /* of one answer */
#define KH_RENDERED_QUALITY 90
#define KH_THUMBNAIL_SIDE 128

typedef enum kh_picture_format { KH_PICTURE_JPEG, KH_PICTURE_PNG, KH_PICTURE_GIF } kh_picture_format;
#define KH_PICTURE_FORMATS 3
const char *kh_picture_type(kh_picture_format format);

/* The ICC profile that goes with the picture: none, the object's own, or that of sRGB. */
typedef enum kh_rendered_profile { KH_PROFILE_NONE, KH_PROFILE_OWN, KH_PROFILE_SRGB } kh_rendered_profile;

/* What is wished of the picture. */
typedef struct kh_rendered_wish {
    uint32_t viewport_width, viewport_height; /* the picture fits into it, its sides' ratio kept; 0: no bound */
    bool region_given;
    bool region_relative;                     /* x, y, width, height are parts of 1 of the frame, else pixels of it */
    double x, y, width, height;               /* width or height 0: to the edge; negative: mirrored */
    bool window_given, function_given;
    double window_center, window_width;
    kh_voi_function function;
    bool quality_given;
    int quality; /* JPEG 1 to 100 */
    bool patient, technique; /* burned in */
    kh_rendered_profile profile;
    char warnings[2][200];   /* what of it is not supported: values of Warning headers, "" for none */
} kh_rendered_wish;

/* window, viewport, quality, annotation and iccprofile of the query (PS3.18 8.3.5.1). KH_E_ARG names the parameter. side_max: the
 * longest side of a viewport. Sets *out wholly. */
KH_MUST_USE kh_status kh_rendered_read_wish(kh_rendered_wish *out, const kh_http_request *request, uint32_t side_max, kh_error *err);
/* "vw,vh[,sx,sy,sw,sh]"; only_size: vw,vh alone. */
KH_MUST_USE kh_status kh_rendered_parse_viewport(kh_rendered_wish *out, const char *text, uint32_t side_max, bool only_size, kh_error *err);
/* "center,width,function" */
KH_MUST_USE kh_status kh_rendered_parse_window(kh_rendered_wish *out, const char *text, kh_error *err);
/* "patient,technique"; others become a warning. name: of the parameter. */
KH_MUST_USE kh_status kh_rendered_parse_annotation(kh_rendered_wish *out, const char *name, const char *text, kh_error *err);
/* Up to count_max decimals parted by commas, an empty one as NAN; *count tells how many. KH_E_ARG names the parameter. */
KH_MUST_USE kh_status kh_rendered_parse_numbers(double *values, size_t count_max, size_t *count, const char *name, const char *text,
                                                kh_error *err);

/* Which pixels of a frame become which picture. */
typedef struct kh_rendered_view {
    kh_render_view render; /* everything but what is mirrored */
    bool mirror_x, mirror_y;
} kh_rendered_view;
/* KH_E_ARG when the region has nothing of the frame or the picture would be larger than may be. Pixels that are not square
 * (aspect: height over width) become square. Pure. */
KH_MUST_USE kh_status kh_rendered_choose_view(kh_rendered_view *out, const kh_rendered_wish *wish, uint32_t rows, uint32_t columns,
                                              double aspect, kh_error *err);

/* What the address names. */
typedef struct kh_rendered_target {
    kh_search_row row;        /* study and series, and the object when it is named */
    const kh_stack *stack;    /* held */
    const kh_stack_object *object;
    bool whole_object;        /* an instance without frames named */
    size_t frame_count;
    uint32_t frames[KH_FRAME_LIST_MAX]; /* from 0; of a whole object of several frames not filled in */
} kh_rendered_target;
/* frames: NULL, or "1,2" of the address. Of a study or series the picture in the middle of the first stack that has one. KH_E_NOT_FOUND;
 * KH_E_UNSUPPORTED when there is nothing that is a picture; KH_E_BUSY: at its hospital, row says which study.
 * kh_rendered_target_release() in every case. */
KH_MUST_USE kh_status kh_rendered_find(kh_rendered_target *out, kh_dicomweb *dicomweb, const kh_http_request *request,
                                       const kh_retrieve_uids *uids, const char *frames, kh_error *err);
void kh_rendered_target_release(kh_rendered_target *target, kh_cache *cache);

/* What is made: one picture, several in turn, or a part for each. */
typedef struct kh_rendered_form {
    kh_picture_format format;
    bool animated, multipart;
} kh_rendered_form;

/* Renderers and fonts, one of each for every thread that paints. */
typedef struct kh_painters kh_painters;
KH_MUST_USE kh_status kh_painters_create(kh_painters **out, unsigned count, kh_error *err);
/* After the threads have ended. NULL is welcome. */
void kh_painters_free(kh_painters *painters);

typedef struct kh_painted {
    char lossy[160];  /* as X-Kakehashi-Lossy says, of the first picture */
    char window[48];
} kh_painted;
typedef struct kh_painting {
    kh_dicomweb *dicomweb;
    const kh_http_request *request; /* whether its client has gone is asked between pictures */
    const kh_rendered_target *target;
    kh_rendered_wish *wish;         /* gets a warning when there is no font */
    const kh_rendered_form *form;
    const kh_multipart *multipart;  /* when the form is one */
    const char *location;           /* of the object, for parts */
    const kh_buf *profile;          /* to be put into it; empty: none */
} kh_painting;
/* Appends the body of the answer. KH_E_LIMIT when it would be too large, KH_E_CANCELLED when nobody waits; else what
 * kh_frame_acquire() and kh_render_pixels() say. */
KH_MUST_USE kh_status kh_rendered_paint(kh_painted *out, const kh_painting *painting, kh_buf *body, kh_error *err);

/* rendered_find.c: the profile that is wished for, appended to out: nothing, and a warning in wish, where the colours of the object are not
 * told or there are none. KH_E_ARG names the parameter when they would have to be converted. */
KH_MUST_USE kh_status kh_rendered_find_profile(kh_buf *out, kh_rendered_wish *wish, kh_cache *cache, const kh_rendered_target *target,
                                               kh_error *err);

/* rendered_annotation.c: the lines that are burned in, "" where one is empty. */
#define KH_ANNOTATION_LINES 4
#define KH_ANNOTATION_SIZE 700
void kh_annotation_patient(char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE], const kh_rendered_target *target);
void kh_annotation_technique(char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE], const kh_rendered_target *target, uint32_t frame,
                             const kh_painted *painted);

/* A sum of all that is written of patient, study and series, in pictures and reports: it moves with corrections. */
uint64_t kh_annotation_sum(const kh_search_row *row);

/* rendered_text.c: an instance that is a structured report. KH_OK: the request is answered, 406 included. */
bool kh_rendered_is_report(const kh_search_row *row);
KH_MUST_USE kh_status kh_rendered_answer_report(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept,
                                                const kh_search_row *row, kh_error *err);

/* rendered_waveform.c: a waveform (ECG and others) as image/svg+xml; as the two above. */
bool kh_rendered_is_waveform(const kh_search_row *row);
KH_MUST_USE kh_status kh_rendered_answer_waveform(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept,
                                                  const kh_search_row *row, kh_error *err);

/* rendered.c: what a question comes to; answers the request. */
typedef struct kh_rendered_question {
    kh_retrieve_uids uids;
    const char *frames; /* NULL: none are named */
    bool single;        /* one picture, whatever is named: the first frame named, else the one in the middle */
    bool without_parts; /* no multipart */
    kh_rendered_wish wish;
    kh_accept accept;
} kh_rendered_question;
void kh_rendered_answer(kh_dicomweb *dicomweb, kh_http_request *request, kh_rendered_question *question);

#endif
