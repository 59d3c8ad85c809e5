/* Pictures made: frame, window and scale by viewer/render, then mirrored, written on, encoded. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/display.h"
#include "cache/frames.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/rendered_profile.h"
#include "viewer/render/gif.h"
#include "viewer/render/jpeg.h"
#include "viewer/render/png.h"
#include "viewer/render/text.h"
#include "viewer/tiles/lossy.h"

#define DELAY_MS 100 /* of a picture of a cine that does not say */
#define TEXT_MIN_PX 10
#define TEXT_LINES_PER_PICTURE 32
#define TEXT_MAX_PX 64
#define KEEP_BYTES (4u << 20) /* of a larger picture the memory is given back */

typedef struct painter {
    struct painter *next_idle;
    kh_renderer *renderer;
    kh_jpeg_encoder jpeg;
    kh_text *text;   /* opened when first needed */
    kh_buf pixels, part;
} painter;

struct kh_painters {
    pthread_mutex_t lock;
    painter *idle; /* lock */
    painter *all;
    unsigned count;
};

/* One picture under way. */
typedef struct picture {
    const kh_painting *painting;
    painter *painter;
    uint32_t width, height;
    unsigned channels;
    kh_lossy_facts facts;
    kh_painted told;
} picture;

const char *kh_picture_type(kh_picture_format format)
{
    static const char *const types[KH_PICTURE_FORMATS] = {"image/jpeg", "image/png", "image/gif"};

    return types[format];
}

kh_status kh_painters_create(kh_painters **out, unsigned count, kh_error *err)
{
    kh_painters *painters = calloc(1, sizeof *painters);
    kh_status status = KH_OK;

    *out = NULL;
    if (!painters)
        return kh_error_set(err, KH_E_MEMORY, "no memory for painters");
    pthread_mutex_init(&painters->lock, NULL);
    painters->all = calloc(count, sizeof painters->all[0]);
    if (!painters->all)
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %u painters", count);
    while (status == KH_OK && painters->count < count) {
        painter *p = &painters->all[painters->count++];

        kh_buf_init(&p->pixels, (size_t)KH_RENDERED_PIXELS_MAX * 3 + 1024);
        kh_buf_init(&p->part, KH_RENDERED_BYTES_MAX);
        p->next_idle = painters->idle;
        painters->idle = p;
        status = kh_renderer_create(&p->renderer, err);
        if (status == KH_OK)
            status = kh_jpeg_encoder_init(&p->jpeg, err);
    }
    if (status != KH_OK) {
        kh_painters_free(painters);
        return status;
    }
    *out = painters;
    return KH_OK;
}

void kh_painters_free(kh_painters *painters)
{
    if (!painters)
        return;
    for (unsigned i = 0; i < painters->count; i++) {
        painter *p = &painters->all[i];

        kh_renderer_free(p->renderer);
        kh_jpeg_encoder_release(&p->jpeg);
        kh_text_free(p->text);
        kh_buf_release(&p->pixels);
        kh_buf_release(&p->part);
    }
    free(painters->all);
    pthread_mutex_destroy(&painters->lock);
    free(painters);
}

/* There are as many as threads that ask. */
static painter *take_painter(kh_painters *painters)
{
    painter *p;

    pthread_mutex_lock(&painters->lock);
    p = painters->idle;
    painters->idle = p->next_idle;
    pthread_mutex_unlock(&painters->lock);
    return p;
}

static void put_back(kh_painters *painters, painter *p)
{
    if (p->pixels.capacity > KEEP_BYTES)
        kh_buf_release(&p->pixels);
    if (p->part.capacity > KEEP_BYTES)
        kh_buf_release(&p->part);
    pthread_mutex_lock(&painters->lock);
    p->next_idle = painters->idle;
    painters->idle = p;
    pthread_mutex_unlock(&painters->lock);
}

static void swap_pixels(uint8_t *a, uint8_t *b, unsigned channels)
{
    for (unsigned i = 0; i < channels; i++) {
        uint8_t held = a[i];

        a[i] = b[i];
        b[i] = held;
    }
}

static void mirror(const picture *p, bool across, bool down)
{
    uint8_t *pixels = p->painter->pixels.data;
    size_t row_bytes = (size_t)p->width * p->channels;

    for (uint32_t y = 0; across && y < p->height; y++)
        for (uint32_t x = 0; x < p->width / 2; x++)
            swap_pixels(pixels + y * row_bytes + (size_t)x * p->channels, pixels + y * row_bytes + (size_t)(p->width - 1 - x) * p->channels,
                        p->channels);
    for (uint32_t y = 0; down && y < p->height / 2; y++)
        for (size_t i = 0; i < row_bytes; i += p->channels)
            swap_pixels(pixels + y * row_bytes + i, pixels + (p->height - 1 - y) * row_bytes + i, p->channels);
}

static kh_status make_pixels(picture *p, uint32_t frame_number, kh_error *err)
{
    kh_dicomweb *dicomweb = p->painting->dicomweb;
    const kh_stack_object *object = p->painting->target->object;
    kh_render_source source = {.info = &object->info, .slice = kh_image_info_slice(&object->info, frame_number), .frame = frame_number};
    kh_frame frame = {.pixels = NULL};
    const kh_blob *tables = NULL;
    kh_rendered used = {0};
    kh_rendered_view view;
    kh_status status = kh_rendered_choose_view(&view, p->painting->wish, object->info.format.rows, object->info.format.columns,
                                               object->info.pixel_aspect, err);

    if (status == KH_OK)
        status = kh_frame_acquire(&frame, dicomweb->cache, object, frame_number, dicomweb->options.codec, err);
    if (status != KH_OK)
        return status;
    source.pixels = frame.pixels;
    source.size = frame.size;
    source.format = &frame.format;
    kh_buf_clear(&p->painter->pixels);
    status = kh_object_display_acquire(&source.display, &tables, dicomweb->cache, object, err);
    if (status == KH_OK)
        status = kh_render_pixels(p->painter->renderer, &source, &view.render, &p->painter->pixels, &p->channels, &used, err);
    p->facts = (kh_lossy_facts){.source = object->info.lossy_source || frame.format.lossy, .source_method = object->info.lossy_method};
    if (p->facts.source)
        p->facts.source_ratio = kh_stack_object_source_ratio(object, frame_number, frame.format.lossy);
    kh_object_display_release(dicomweb->cache, tables);
    kh_frame_release(dicomweb->cache, &frame);
    if (status != KH_OK)
        return status;
    p->width = used.width;
    p->height = used.height;
    snprintf(p->told.window, sizeof p->told.window, "%.10g,%.10g", used.window_center, used.window_width);
    kh_lossy_text(p->told.lossy, &p->facts);
    mirror(p, view.mirror_x, view.mirror_y);
    return KH_OK;
}

/* --- words --- */

static void warn(kh_rendered_wish *wish)
{
    snprintf(wish->warnings[0], sizeof wish->warnings[0],
             "299 " KH_DICOMWEB_PATH ": The following annotation values are not supported: %s%s%s (no font is installed)",
             wish->patient ? "patient" : "", wish->patient && wish->technique ? "," : "", wish->technique ? "technique" : "");
    wish->patient = wish->technique = false;
}

static void draw_lines(const picture *p, char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE], bool below)
{
    kh_text_canvas canvas = {p->painter->pixels.data, p->width, p->height, p->channels};
    unsigned size = p->height / TEXT_LINES_PER_PICTURE, step, count = 0, row = 0;

    size = size < TEXT_MIN_PX ? TEXT_MIN_PX : size > TEXT_MAX_PX ? TEXT_MAX_PX : size;
    step = size + size / 4;
    for (unsigned i = 0; i < KH_ANNOTATION_LINES; i++)
        count += lines[i][0] != '\0';
    for (unsigned i = 0; i < KH_ANNOTATION_LINES; i++) {
        int32_t above = (int32_t)((row + 1) * step), from_end = (int32_t)((count - 1 - row) * step + size / 3);
        int32_t baseline = below ? (int32_t)p->height - from_end : above;

        if (!lines[i][0])
            continue;
        kh_text_draw(p->painter->text, &canvas, (int32_t)(size / 3), baseline, size, lines[i]);
        row++;
    }
}

static kh_status annotate(const picture *p, uint32_t frame, kh_error *err)
{
    kh_rendered_wish *wish = p->painting->wish;
    char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE];
    kh_status status = KH_OK;
    kh_error no_font = KH_ERROR_INIT;

    if (!wish->patient && !wish->technique)
        return KH_OK;
    if (!p->painter->text)
        status = kh_text_create(&p->painter->text, p->painting->dicomweb->options.font_file, &no_font);
    if (status == KH_E_UNSUPPORTED) {
        warn(wish);
        return KH_OK;
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", no_font.message);
    if (wish->patient) {
        kh_annotation_patient(lines, p->painting->target);
        draw_lines(p, lines, false);
    }
    if (wish->technique) {
        kh_annotation_technique(lines, p->painting->target, frame, &p->told);
        draw_lines(p, lines, true);
    }
    return KH_OK;
}

/* --- bytes --- */

static kh_status paint_pixels(picture *p, uint32_t frame, kh_error *err)
{
    kh_status status;

    if (kh_http_client_gone(p->painting->request))
        return kh_error_set(err, KH_E_CANCELLED, "the client has gone");
    status = make_pixels(p, frame, err);
    return status == KH_OK ? annotate(p, frame, err) : status;
}

static kh_status encode_gif(const picture *p, kh_buf *out, bool *exact, kh_error *err)
{
    kh_gif *gif = NULL;
    kh_status status = kh_gif_begin(&gif, out, p->width, p->height, false, err);

    if (status == KH_OK)
        status = kh_gif_add(gif, p->painter->pixels.data, p->channels, 0, exact, err);
    if (status == KH_OK)
        status = kh_gif_end(gif, err);
    kh_gif_free(gif);
    return status;
}

static void tell_loss(picture *p, bool exact, size_t size)
{
    if (p->painting->form->format == KH_PICTURE_JPEG) {
        p->facts.quality = p->painting->wish->quality;
        p->facts.our_ratio = (double)p->width * p->height * p->channels / (double)size;
    }
    kh_lossy_text(p->told.lossy, &p->facts);
    if (!exact) /* there is no number for how much */
        snprintf(p->told.lossy, sizeof p->told.lossy, "gif;colours=256%s", p->facts.source ? ";source" : "");
}

static kh_status embed_profile(const picture *p, kh_buf *out, size_t from, kh_error *err)
{
    const kh_buf *profile = p->painting->profile;

    if (!profile || profile->size == 0 || p->channels != 3)
        return KH_OK;
    return p->painting->form->format == KH_PICTURE_PNG ? kh_profile_embed_png(out, from, profile->data, profile->size, err)
                                                       : kh_profile_embed_jpeg(out, from, profile->data, profile->size, err);
}

/* One picture, appended to out. */
static kh_status paint_one(picture *p, uint32_t frame, kh_buf *out, kh_error *err)
{
    size_t before = out->size;
    bool exact = true;
    kh_status status = paint_pixels(p, frame, err);

    if (status != KH_OK)
        return status;
    switch (p->painting->form->format) {
    case KH_PICTURE_JPEG:
        status = kh_jpeg_encode(&p->painter->jpeg, p->painter->pixels.data, p->width, p->height, p->channels, p->painting->wish->quality,
                                out, err);
        break;
    case KH_PICTURE_PNG:
        status = kh_png_encode(p->painter->pixels.data, p->width, p->height, p->channels, out, err);
        break;
    case KH_PICTURE_GIF:
        status = encode_gif(p, out, &exact, err);
        break;
    }
    tell_loss(p, exact, out->size > before ? out->size - before : 1);
    return status == KH_OK ? embed_profile(p, out, before, err) : status;
}

static uint32_t frame_at(const kh_rendered_target *target, size_t index)
{
    return target->whole_object ? (uint32_t)index : target->frames[index];
}

/* At most KH_FRAME_TIME_MAX_MS: cine.h. */
static unsigned frame_delay_ms(const kh_rendered_target *target, uint32_t frame)
{
    double told_ms = kh_cine_frame_ms(&target->object->info.cine, frame);

    return told_ms > 0 ? (unsigned)told_ms : DELAY_MS;
}

static kh_status paint_animation(picture *p, kh_buf *out, kh_error *err)
{
    const kh_rendered_target *target = p->painting->target;
    kh_gif *gif = NULL;
    bool exact = true;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < target->frame_count; i++) {
        status = paint_pixels(p, frame_at(target, i), err);
        if (status == KH_OK && !gif)
            status = kh_gif_begin(&gif, out, p->width, p->height, true, err);
        if (status == KH_OK)
            status = kh_gif_add(gif, p->painter->pixels.data, p->channels, frame_delay_ms(target, frame_at(target, i)), &exact, err);
    }
    if (status == KH_OK)
        status = kh_gif_end(gif, err);
    kh_gif_free(gif);
    tell_loss(p, exact, out->size);
    return status;
}

static kh_status paint_parts(picture *p, kh_buf *out, kh_error *err)
{
    const kh_painting *painting = p->painting;
    char head[KH_MULTIPART_HEAD_SIZE], location[KH_MULTIPART_HEAD_SIZE / 2 + 64];
    kh_buf *part = &p->painter->part;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < painting->target->frame_count; i++) {
        uint32_t frame = frame_at(painting->target, i);

        kh_buf_clear(part);
        status = paint_one(p, frame, part, err);
        if (status != KH_OK)
            return status;
        snprintf(location, sizeof location, "%.600s/frames/%u/rendered", painting->location, frame + 1);
        status = kh_buf_append(out, head, kh_multipart_head(painting->multipart, i, kh_picture_type(painting->form->format), NULL, location,
                                                            part->size, head), err);
        if (status == KH_OK)
            status = kh_buf_append(out, part->data, part->size, err);
    }
    return status == KH_OK ? kh_buf_append(out, head, kh_multipart_tail(painting->multipart, head), err) : status;
}

kh_status kh_rendered_paint(kh_painted *out, const kh_painting *painting, kh_buf *body, kh_error *err)
{
    kh_painters *painters = painting->dicomweb->painters;
    picture p = {.painting = painting, .painter = take_painter(painters)};
    kh_status status;

    if (painting->form->animated)
        status = paint_animation(&p, body, err);
    else if (painting->form->multipart)
        status = paint_parts(&p, body, err);
    else
        status = paint_one(&p, painting->target->frames[0], body, err);
    put_back(painters, p.painter);
    *out = p.told;
    return status;
}
