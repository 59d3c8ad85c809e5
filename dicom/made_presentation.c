/* Softcopy Presentation State, grey or of colour: PS3.3 A.33.1, A.33.2, C.11.8 to C.11.11, C.11.15, C.10.4 to C.10.7. Places are in pixels
 * of the image, (0, 0) the upper left corner of the upper left one (C.10.5.1.2). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/icc.h"
#include "dicom/made_internal.h"

#define CS KH_VR('C', 'S')
#define LAYER "MARKS"
#define CAPTION_SIZE 160
#define IMAGES KH_TAG(0x0008, 0x1140)

static void put_sl(kh_writer *writer, kh_tag tag, int32_t a, int32_t b)
{
    const int32_t values[2] = {a, b};

    kh_writer_bytes(writer, tag, KH_VR('S', 'L'), values, sizeof values);
}

/* What is written beside a mark: its number, then its words. */
static void write_caption(char out[CAPTION_SIZE], const kh_made_mark *mark)
{
    size_t size = 0;

    out[0] = '\0';
    if (isfinite(mark->length_mm))
        size = (size_t)snprintf(out, CAPTION_SIZE, "%.1f mm", mark->length_mm);
    else if (isfinite(mark->length_px))
        size = (size_t)snprintf(out, CAPTION_SIZE, "%.1f px", mark->length_px);
    else if (isfinite(mark->degrees))
        size = (size_t)snprintf(out, CAPTION_SIZE, "%.1f deg", mark->degrees);
    else if (isfinite(mark->mean))
        size = (size_t)snprintf(out, CAPTION_SIZE, "%.1f %s", mark->mean, mark->unit);
    if (isfinite(mark->short_mm))
        size += (size_t)snprintf(out + size, CAPTION_SIZE - size, " x %.1f mm", mark->short_mm);
    if (isfinite(mark->sd) && mark->kind != KH_MARK_PROBE)
        snprintf(out + size, CAPTION_SIZE - size, " SD %.1f", mark->sd);
}

static void put_text(kh_writer *writer, const kh_made_mark *mark, const char *text)
{
    const float anchor[2] = {(float)mark->points[0].x, (float)mark->points[0].y};

    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0004), CS, "PIXEL");
    kh_writer_text(writer, KH_TAG(0x0070, 0x0006), KH_VR('S', 'T'), text);
    kh_made_put_floats(writer, KH_TAG(0x0070, 0x0014), anchor, 2);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0015), CS, "Y");
    kh_writer_item_end(writer);
}

static bool is_of(const kh_made_mark *mark, size_t reference)
{
    return mark->reference == reference && mark->point_count > 0;
}

static bool has_words(const kh_made_mark *mark)
{
    char caption[CAPTION_SIZE];

    write_caption(caption, mark);
    return caption[0] || mark->text[0];
}

static void put_texts(kh_writer *writer, const kh_made_content *content, size_t reference)
{
    bool any = false;

    for (size_t i = 0; i < content->mark_count && !any; i++)
        any = is_of(&content->marks[i], reference) && has_words(&content->marks[i]);
    if (!any)
        return;
    kh_writer_sequence_begin(writer, KH_TAG(0x0070, 0x0008));
    for (size_t i = 0; i < content->mark_count; i++) {
        char caption[CAPTION_SIZE];

        if (!is_of(&content->marks[i], reference))
            continue;
        write_caption(caption, &content->marks[i]);
        if (caption[0])
            put_text(writer, &content->marks[i], caption);
        if (content->marks[i].text[0])
            put_text(writer, &content->marks[i], content->marks[i].text);
    }
    kh_writer_sequence_end(writer);
}

static void put_graphic(kh_writer *writer, const kh_made_mark *mark)
{
    float graphic[KH_MADE_GRAPHIC_MAX];
    const uint16_t dimensions = 2;
    const char *type;
    size_t count = kh_made_graphic(graphic, mark, &type);
    uint16_t points = (uint16_t)(count / 2);

    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0005), CS, "PIXEL");
    kh_writer_us(writer, KH_TAG(0x0070, 0x0020), &dimensions, 1);
    kh_writer_us(writer, KH_TAG(0x0070, 0x0021), &points, 1);
    kh_made_put_floats(writer, KH_TAG(0x0070, 0x0022), graphic, count);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0023), CS, type);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0024), CS, "N");
    kh_writer_item_end(writer);
}

/* Two lines are two graphics. */
static void put_graphics(kh_writer *writer, const kh_made_content *content, size_t reference)
{
    bool any = false;

    for (size_t i = 0; i < content->mark_count && !any; i++)
        any = is_of(&content->marks[i], reference) && content->marks[i].kind != KH_MARK_TEXT;
    if (!any)
        return;
    kh_writer_sequence_begin(writer, KH_TAG(0x0070, 0x0009));
    for (size_t i = 0; i < content->mark_count; i++) {
        kh_made_mark mark = content->marks[i];

        if (!is_of(&mark, reference) || mark.kind == KH_MARK_TEXT)
            continue;
        if (mark.kind == KH_MARK_BIDIRECTIONAL || mark.kind == KH_MARK_COBB) {
            mark.point_count = 2;
            put_graphic(writer, &mark);
            mark.points += 2;
        }
        put_graphic(writer, &mark);
    }
    kh_writer_sequence_end(writer);
}

/* Which of the references belong into the state, and which have something drawn on them. */
typedef struct choice {
    const kh_made_content *content;
    bool *wanted, *drawn;
    const kh_made_reference *first; /* of the wanted ones: what all have in common stands here */
    bool any_drawn;
} choice;

static void put_annotations(kh_writer *writer, const choice *c)
{
    if (!c->any_drawn)
        return;
    kh_writer_sequence_begin(writer, KH_TAG(0x0070, 0x0001));
    for (size_t i = 0; i < c->content->reference_count; i++) {
        if (!c->drawn[i])
            continue;
        kh_writer_item_begin(writer);
        kh_made_put_image(writer, IMAGES, &c->content->references[i]);
        kh_writer_text(writer, KH_TAG(0x0070, 0x0002), CS, LAYER);
        put_texts(writer, c->content, i);
        put_graphics(writer, c->content, i);
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
}

static void put_layers(kh_writer *writer, const choice *c)
{
    if (!c->any_drawn)
        return;
    kh_writer_sequence_begin(writer, KH_TAG(0x0070, 0x0060));
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0002), CS, LAYER);
    kh_writer_is(writer, KH_TAG(0x0070, 0x0062), 1);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
}

static void put_windows(kh_writer *writer, const choice *c)
{
    static const char *const functions[] = {"LINEAR", "LINEAR_EXACT", "SIGMOID"};

    if (c->first->window_width <= 0)
        return;
    kh_writer_sequence_begin(writer, KH_TAG(0x0028, 0x3110));
    for (size_t i = 0; i < c->content->reference_count; i++) {
        const kh_made_reference *reference = &c->content->references[i];

        if (!c->wanted[i] || reference->window_width <= 0)
            continue;
        kh_writer_item_begin(writer);
        kh_made_put_image(writer, IMAGES, reference);
        kh_writer_ds(writer, KH_TAG(0x0028, 0x1050), &reference->window_center, 1);
        kh_writer_ds(writer, KH_TAG(0x0028, 0x1051), &reference->window_width, 1);
        if (reference->function != KH_VOI_LINEAR)
            kh_writer_text(writer, KH_TAG(0x0028, 0x1056), CS, functions[reference->function]);
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
}

/* One rescale for all: what they are grouped by. Colours are those of sRGB where nothing else is known of them. */
static void put_pixels(kh_writer *writer, const choice *c)
{
    const kh_made_reference *first = c->first;
    uint8_t profile[KH_ICC_SRGB_SIZE];

    if (first->color) {
        kh_icc_srgb(profile);
        kh_writer_bytes(writer, KH_TAG(0x0028, 0x2000), KH_VR('O', 'B'), profile, sizeof profile);
        return;
    }
    if (first->slope != 0) {
        kh_writer_ds(writer, KH_TAG(0x0028, 0x1052), &first->intercept, 1);
        kh_writer_ds(writer, KH_TAG(0x0028, 0x1053), &first->slope, 1);
        kh_writer_text(writer, KH_TAG(0x0028, 0x1054), KH_VR('L', 'O'), first->rescale_type[0] ? first->rescale_type : "US");
    }
    put_windows(writer, c);
}

/* C.10.6: here the flip comes after the turn, there before it. */
static void put_turn(kh_writer *writer, const kh_made_reference *first)
{
    const uint16_t degrees = (uint16_t)(90 * (first->flipped ? (4 - first->quarter_turns) % 4 : first->quarter_turns));

    if (first->quarter_turns == 0 && !first->flipped)
        return;
    kh_writer_text(writer, KH_TAG(0x0070, 0x0041), CS, first->flipped ? "Y" : "N");
    kh_writer_us(writer, KH_TAG(0x0070, 0x0042), &degrees, 1);
}

/* C.10.4: the pixels of the image, as it is stored, that are seen upper left and lower right when it is turned. */
static void put_corners(kh_writer *writer, const kh_made_reference *reference)
{
    const int32_t whole[4] = {1, 1, (int32_t)reference->columns, (int32_t)reference->rows};
    const int32_t *area = reference->has_area ? reference->area : whole;
    static const int cosines[4] = {1, 0, -1, 0}, sines[4] = {0, 1, 0, -1};
    int cosine = cosines[reference->quarter_turns % 4], sine = sines[reference->quarter_turns % 4], sign = reference->flipped ? -1 : 1;
    bool along_x = sign * (cosine + sine) > 0, along_y = cosine - sine > 0; /* the stored axis runs right or down on the screen */

    put_sl(writer, KH_TAG(0x0070, 0x0052), along_x ? area[0] : area[2], along_y ? area[1] : area[3]);
    put_sl(writer, KH_TAG(0x0070, 0x0053), along_x ? area[2] : area[0], along_y ? area[3] : area[1]);
}

static void put_areas(kh_writer *writer, const choice *c)
{
    kh_writer_sequence_begin(writer, KH_TAG(0x0070, 0x005a));
    for (size_t i = 0; i < c->content->reference_count; i++) {
        const kh_made_reference *reference = &c->content->references[i];
        const double spacing[2] = {reference->row_spacing_mm, reference->column_spacing_mm};

        if (!c->wanted[i])
            continue;
        kh_writer_item_begin(writer);
        kh_made_put_image(writer, IMAGES, reference);
        put_corners(writer, reference);
        kh_writer_text(writer, KH_TAG(0x0070, 0x0100), CS, "SCALE TO FIT");
        if (spacing[0] > 0 && spacing[1] > 0)
            kh_writer_ds(writer, KH_TAG(0x0070, 0x0101), spacing, 2);
        else
            kh_writer_text(writer, KH_TAG(0x0070, 0x0102), KH_VR('I', 'S'), "1\\1");
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
}

static void put_state(kh_writer *writer, const kh_made_head *head, const choice *c)
{
    kh_made_put_series(writer, c->content, c->wanted, IMAGES);
    kh_made_put_identity(writer, head);
    put_pixels(writer, c);
    put_annotations(writer, c);
    put_turn(writer, c->first);
    put_areas(writer, c);
    put_layers(writer, c);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0080), CS, LAYER);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0081), KH_VR('L', 'O'), c->any_drawn ? "Marks of a reader" : "View of a reader");
    kh_writer_text(writer, KH_TAG(0x0070, 0x0082), KH_VR('D', 'A'), head->date);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0083), KH_VR('T', 'M'), head->time);
    kh_made_put_person(writer, KH_TAG(0x0070, 0x0084), head->author);
    if (!c->first->color)
        kh_writer_text(writer, KH_TAG(0x2050, 0x0020), CS, c->first->inverse ? "INVERSE" : "IDENTITY");
}

static void choose(choice *c)
{
    const kh_made_content *content = c->content;

    for (size_t i = 0; i < content->mark_count; i++)
        if (content->marks[i].point_count > 0)
            c->drawn[content->marks[i].reference] = c->any_drawn = true;
    for (size_t i = 0; i < content->reference_count; i++) {
        c->wanted[i] = c->drawn[i] || content->references[i].shown;
        if (c->wanted[i] && !c->first)
            c->first = &content->references[i];
    }
}

kh_status kh_made_presentation(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err)
{
    bool *flags = calloc(2 * content->reference_count + 1, sizeof *flags);
    choice c = {.content = content, .wanted = flags, .drawn = flags + content->reference_count};
    kh_writer *writer = NULL;
    kh_status status;

    if (!flags)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a presentation state");
    choose(&c);
    status = c.first ? kh_made_begin(&writer, out, head, c.first->color ? KH_SOP_COLOR_PRESENTATION : KH_SOP_GRAYSCALE_PRESENTATION, err)
                     : kh_error_set(err, KH_E_ARG, "there is nothing drawn");
    if (status == KH_OK) {
        put_state(writer, head, &c);
        status = kh_writer_finish(writer, err);
    }
    kh_writer_free(writer);
    free(flags);
    return status;
}
