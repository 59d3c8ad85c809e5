#include "viewer/tiles/labelled.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "viewer/render/png.h"
#include "viewer/render/render.h"
#include "viewer/render/text.h"
#include "viewer/tiles/lossy.h"
#include "viewer/tiles/shown.h"
#include "viewer/tiles/shown_as.h"

#define TEXT_MIN_PX 14u
#define TEXT_MAX_PX 44u
#define TEXT_PER_WIDTH 64u
#define BAND_LINES_MAX 16u

/* What is drawn: the picture's pixels, to which the band is added. */
typedef struct sheet {
    kh_buf pixels;
    uint32_t width, height; /* of the picture */
    unsigned channels;
    kh_label_facts facts;
} sheet;

/* Square pixels, its longer side within the limits. */
static void choose_size(const kh_image_info *info, kh_render_view *view)
{
    double columns = info->format.columns, rows = info->format.rows * (info->pixel_aspect > 0 ? info->pixel_aspect : 1);
    double longer = columns > rows ? columns : rows, scale = 1;

    if (longer > KH_LABELLED_SIDE_MAX)
        scale = KH_LABELLED_SIDE_MAX / longer;
    else if (longer < KH_LABELLED_SIDE_MIN)
        scale = ceil(KH_LABELLED_SIDE_MIN / longer);
    view->out_width = (uint32_t)fmax(1, fmin(KH_LABELLED_SIDE_MAX, round(columns * scale)));
    view->out_height = (uint32_t)fmax(1, fmin(KH_LABELLED_SIDE_MAX, round(rows * scale)));
}

static kh_status render_frame(sheet *s, kh_cache *cache, const kh_stack_object *object, const kh_frame *frame, const kh_tile_key *key,
                              kh_error *err)
{
    kh_render_source source;
    kh_shown_as as;
    kh_render_view view = {.lut_given = key->lut_given,
                           .lut = key->lut,
                           .window_given = key->window_given,
                           .window_center = key->window_center,
                           .window_width = key->window_width,
                           .invert = key->invert,
                           .quality = 100};
    kh_lossy_facts lossy = {.source = object->info.lossy_source || frame->format.lossy, .source_method = object->info.lossy_method};
    kh_renderer *renderer = NULL;
    kh_rendered used = {0};
    kh_status status = kh_renderer_create(&renderer, err);

    choose_size(&object->info, &view);
    if (status == KH_OK) {
        status = kh_shown_as_acquire(&as, &source, cache, key, object, frame, err);
        if (status == KH_OK)
            status = kh_render_pixels(renderer, &source, &view, &s->pixels, &s->channels, &used, err);
        if (as.applied)
            snprintf(s->facts.state, sizeof s->facts.state, "%.64s%s%.150s", as.applied->label, as.applied->creator[0] ? ", " : "",
                     as.applied->creator);
        kh_shown_as_release(&as, cache);
    }
    kh_renderer_free(renderer);
    s->width = used.width;
    s->height = used.height;
    snprintf(s->facts.window, sizeof s->facts.window, "%.10g,%.10g", used.window_center, used.window_width);
    if (lossy.source)
        lossy.source_ratio = kh_stack_object_source_ratio(object, key->frame, frame->format.lossy);
    kh_lossy_text(s->facts.lossy, &lossy);
    return status;
}

/* --- the band --- */

static size_t character_bytes(const char *at)
{
    size_t count = 1;

    while (((unsigned char)at[count] & 0xc0) == 0x80)
        count++;
    return count;
}

/* Half a square for a letter, a whole one for a character beyond Latin: as wide as any font makes them, about. */
static unsigned halves(const char *at)
{
    return (unsigned char)*at < 0xe0 ? 1 : 2;
}

/* Lines that fit into so many halves; returns how many there are, at most BAND_LINES_MAX. */
static unsigned wrap(char out[BAND_LINES_MAX][KH_LABEL_SIZE], char lines[KH_LABEL_LINES][KH_LABEL_SIZE], unsigned count,
                     unsigned halves_max)
{
    unsigned made = 0;

    for (unsigned i = 0; i < count; i++) {
        const char *at = lines[i];

        while (*at && made < BAND_LINES_MAX) {
            unsigned used = 0;
            size_t bytes = 0;

            while (at[bytes] && used + halves(at + bytes) <= halves_max) {
                used += halves(at + bytes);
                bytes += character_bytes(at + bytes);
            }
            if (bytes == 0)
                bytes = character_bytes(at);
            snprintf(out[made++], KH_LABEL_SIZE, "%.*s", (int)bytes, at);
            at += bytes;
        }
    }
    return made;
}

static unsigned text_px(uint32_t width)
{
    unsigned size = width / TEXT_PER_WIDTH;

    return size < TEXT_MIN_PX ? TEXT_MIN_PX : size > TEXT_MAX_PX ? TEXT_MAX_PX : size;
}

/* Below the picture, white on black. */
static kh_status add_band(sheet *s, const char *font_file, char lines[KH_LABEL_LINES][KH_LABEL_SIZE], unsigned count, uint32_t *height,
                          kh_error *err)
{
    unsigned size = text_px(s->width), step = size + size / 3;
    char wrapped[BAND_LINES_MAX][KH_LABEL_SIZE];
    unsigned made = wrap(wrapped, lines, count, (s->width - size / 2) * 2 / size);
    size_t row_bytes = (size_t)s->width * s->channels, band = (size_t)(made * step + size) * row_bytes;
    kh_text *text = NULL;
    kh_status status = kh_text_create(&text, font_file, err);

    if (status == KH_OK)
        status = kh_buf_reserve(&s->pixels, band, err);
    *height = s->height + made * step + size;
    if (status == KH_OK) {
        memset(s->pixels.data + s->pixels.size, 0, band);
        s->pixels.size += band;
        const kh_text_canvas canvas = {s->pixels.data, s->width, *height, s->channels};
        for (unsigned i = 0; i < made; i++)
            kh_text_draw(text, &canvas, (int32_t)(size / 3), (int32_t)(s->height + (i + 1) * step), size, wrapped[i]);
    }
    kh_text_free(text);
    return status;
}

kh_status kh_labelled_png(kh_buf *out, kh_cache *cache, kh_codec *codec, const kh_tile_key *key, const char *font_file,
                          kh_label_words *words, void *context, kh_error *err)
{
    sheet s = {.channels = 1};
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    kh_frame frame = {.pixels = NULL};
    char lines[KH_LABEL_LINES][KH_LABEL_SIZE] = {{0}};
    uint32_t height = 0;
    kh_status status = kh_shown_object_acquire(&stack, &object, cache, key->series_id, key->object_id, key->frame, err);

    if (status != KH_OK)
        return status;
    kh_buf_init(&s.pixels, (size_t)KH_LABELLED_SIDE_MAX * (KH_LABELLED_SIDE_MAX + BAND_LINES_MAX * 2 * TEXT_MAX_PX) * 3);
    s.facts.info = &object->info;
    status = kh_frame_acquire(&frame, cache, object, key->frame, codec, err);
    if (status == KH_OK) {
        status = render_frame(&s, cache, object, &frame, key, err);
        kh_frame_release(cache, &frame);
    }
    if (status == KH_OK)
        status = add_band(&s, font_file, lines, words(context, &s.facts, lines), &height, err);
    if (status == KH_OK)
        status = kh_png_encode(s.pixels.data, s.width, height, s.channels, out, err);
    kh_buf_release(&s.pixels);
    kh_stack_release(cache, stack);
    return status;
}
