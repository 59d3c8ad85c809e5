#include "dicom/marks_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/made.h"
#include "dicom/text.h"

#define CONTENT KH_TAG(0x0040, 0xa730)
#define CONCEPT KH_TAG(0x0040, 0xa043)
#define MEANING KH_TAG(0x0008, 0x0104)
#define IMAGES KH_TAG(0x0008, 0x1140)
#define OBJECTS KH_TAG(0x0008, 0x1199)
#define FRAMES_MAX 16    /* of one reference */
#define SEGMENTS_MAX 256 /* of a line that is not closed */
#define DEPTH_MAX 16     /* of a report's tree */

typedef struct reading {
    kh_read_source source;
    kh_read_mark mark;
    kh_read_mark_visit *visit;
    void *context;
    const kh_item *main;
} reading;

static bool is(const kh_item *item, kh_tag tag, const char *value)
{
    char text[65];

    return kh_item_string(item, tag, 0, text, sizeof text) && strcmp(text, value) == 0;
}

/* --- words --- */

/* Appends text behind a separator, without control characters, and cuts between characters. */
static void add_words(char out[KH_READ_TEXT_SIZE], const char *separator, const char *text)
{
    size_t size = strlen(out), start = size;

    if (size > 0 && text[0])
        size += (size_t)snprintf(out + size, KH_READ_TEXT_SIZE - size, "%s", separator);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (size + 5 >= KH_READ_TEXT_SIZE && (*p & 0xc0) != 0x80)
            break;
        if (p[0] == 0xc2 && p[1] < 0xa0 && p[1] >= 0x80) { /* U+0080 to U+009F */
            p++;
            continue;
        }
        if (*p >= 0x20 && *p != 0x7f && size + 1 < KH_READ_TEXT_SIZE)
            out[size++] = (char)*p;
        else if (*p == '\n' && size > start && size + 1 < KH_READ_TEXT_SIZE)
            out[size++] = ' ';
    }
    out[size < KH_READ_TEXT_SIZE ? size : KH_READ_TEXT_SIZE - 1] = '\0';
}

static void add_text(char out[KH_READ_TEXT_SIZE], const char *separator, const kh_item *item, kh_tag tag)
{
    char text[KH_READ_TEXT_SIZE];

    if (!item)
        return;
    kh_item_text(item, tag, 0, text, sizeof text);
    add_words(out, separator, text);
}

static void read_source(kh_read_source *out, const kh_item *main, kh_tag author)
{
    kh_person_name name;

    kh_item_person_name(main, author, &name);
    snprintf(out->author, sizeof out->author, "%s", name.ideographic[0] ? name.ideographic : name.alphabetic);
    for (char *p = out->author; *p; p++)
        if (*p == '^')
            *p = ' ';
    kh_item_text(main, KH_TAG_INSTITUTION_NAME, 0, out->institution, sizeof out->institution);
    kh_item_string(main, KH_TAG_CONTENT_DATE, 0, out->date, sizeof out->date);
    kh_item_string(main, KH_TAG_CONTENT_TIME, 0, out->time, sizeof out->time);
}

/* --- where --- */

static kh_status tell(reading *r)
{
    return r->mark.sop_uid[0] ? r->visit(r->context, &r->source, &r->mark) : KH_OK;
}

/* The mark, on each frame that the reference names; without any, on the first. */
static kh_status tell_on(reading *r, const kh_item *image)
{
    uint32_t count = kh_item_value_count(image, KH_TAG(0x0008, 0x1160));
    kh_status status = KH_OK;

    if (!kh_item_string(image, KH_TAG(0x0008, 0x1155), 0, r->mark.sop_uid, sizeof r->mark.sop_uid))
        return KH_OK;
    for (uint32_t i = 0; status == KH_OK && i < (count > 0 ? count : 1) && i < FRAMES_MAX; i++) {
        int64_t frame = 1;

        if (count > 0 && (!kh_item_int(image, KH_TAG(0x0008, 0x1160), i, &frame) || frame < 1 || frame > UINT32_MAX))
            continue;
        r->mark.frame = (uint32_t)frame - 1;
        status = tell(r);
    }
    return status;
}

static kh_status tell_on_all(reading *r, const kh_item *item, kh_tag sequence)
{
    const kh_element *images = kh_item_find(item, sequence);
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && images && i < images->item_count; i++)
        status = tell_on(r, kh_element_item(images, i));
    return status;
}

/* Of a presentation state: the images of the annotation, else all of its series. */
static kh_status tell_on_annotated(reading *r, const kh_item *annotation)
{
    const kh_element *series = kh_item_find(r->main, KH_TAG(0x0008, 0x1115));
    kh_status status = KH_OK;

    if (kh_item_first(annotation, IMAGES))
        return tell_on_all(r, annotation, IMAGES);
    for (uint32_t i = 0; status == KH_OK && series && i < series->item_count; i++)
        status = tell_on_all(r, kh_element_item(series, i), IMAGES);
    return status;
}

/* --- lines --- */

typedef kh_status tell_function(reading *r, const kh_item *item);

static size_t read_points(kh_point *out, const kh_item *item, kh_tag tag)
{
    uint32_t count = kh_item_value_count(item, tag) / 2;
    size_t used = 0;

    for (uint32_t i = 0; i < count && used < KH_MARK_POINTS_MAX; i++)
        if (kh_item_double(item, tag, 2 * i, &out[used].x) && kh_item_double(item, tag, 2 * i + 1, &out[used].y))
            used++;
    return used;
}

static void set_box(kh_read_mark *mark, double x, double y, double a, double b)
{
    mark->kind = KH_MARK_ELLIPSE;
    mark->points[0] = (kh_point){x - a, y - b};
    mark->points[1] = (kh_point){x + a, y + b};
    mark->point_count = 2;
}

/* PS3.3 C.18.6.1.2, C.10.5.1.2: centre and a point of the circle; the ends of two axes. Of an ellipse that stands askew its line is told,
 * as a polygon. */
static bool make_round(kh_read_mark *mark, bool circle)
{
    const kh_point *p = mark->points;
    double x, y, ax, ay, bx, by;

    if (mark->point_count < (circle ? 2 : 4))
        return false;
    if (circle) {
        double radius = hypot(p[1].x - p[0].x, p[1].y - p[0].y);

        set_box(mark, p[0].x, p[0].y, radius, radius);
        return true;
    }
    x = (p[0].x + p[1].x) / 2;
    y = (p[0].y + p[1].y) / 2;
    ax = (p[1].x - p[0].x) / 2;
    ay = (p[1].y - p[0].y) / 2;
    bx = (p[3].x - p[2].x) / 2;
    by = (p[3].y - p[2].y) / 2;
    if (fabs(ay) + fabs(bx) < 0.01 || fabs(ax) + fabs(by) < 0.01) {
        set_box(mark, x, y, fmax(fabs(ax), fabs(bx)), fmax(fabs(ay), fabs(by)));
        return true;
    }
    mark->kind = KH_MARK_FREEHAND;
    mark->point_count = 64;
    for (size_t i = 0; i < 64; i++) {
        double turn = 2 * M_PI * (double)i / 64;

        mark->points[i] = (kh_point){x + ax * cos(turn) + bx * sin(turn), y + ay * cos(turn) + by * sin(turn)};
    }
    return true;
}

/* A line that is not closed, and is no angle, is told as its pieces. */
static kh_status tell_pieces(reading *r, const kh_item *item, tell_function *on)
{
    size_t count = r->mark.point_count;
    kh_point *line = malloc(count * sizeof *line);
    kh_status status = line ? KH_OK : KH_E_MEMORY;

    if (line)
        memcpy(line, r->mark.points, count * sizeof *line);
    r->mark.kind = KH_MARK_LENGTH;
    r->mark.point_count = 2;
    for (size_t i = 0; status == KH_OK && i + 1 < count && i < SEGMENTS_MAX; i++) {
        r->mark.points[0] = line[i];
        r->mark.points[1] = line[i + 1];
        status = on(r, item);
        r->mark.text[0] = '\0'; /* the words once */
    }
    free(line);
    return status;
}

static kh_status tell_line(reading *r, const kh_item *item, tell_function *on)
{
    kh_read_mark *mark = &r->mark;
    size_t n = mark->point_count;
    bool closed = n > 3 && mark->points[0].x == mark->points[n - 1].x && mark->points[0].y == mark->points[n - 1].y;

    if (n < 2)
        return KH_OK;
    if (closed) {
        mark->kind = KH_MARK_FREEHAND;
        mark->point_count = n - 1;
        return on(r, item);
    }
    if (n == 3 && strstr(mark->text, "ngle")) {
        mark->kind = KH_MARK_ANGLE;
        return on(r, item);
    }
    if (n == 4 && strstr(mark->text, "Cobb")) {
        mark->kind = KH_MARK_COBB;
        return on(r, item);
    }
    return tell_pieces(r, item, on);
}

/* graphic holds Graphic Data and Type; `on` tells the mark on the images that `item` leads to. */
static kh_status tell_graphic(reading *r, const kh_item *graphic, const kh_item *item, tell_function *on)
{
    char type[17] = "";

    kh_item_string(graphic, KH_TAG(0x0070, 0x0023), 0, type, sizeof type);
    r->mark.point_count = read_points(r->mark.points, graphic, KH_TAG(0x0070, 0x0022));
    if (strcmp(type, "POINT") == 0 && r->mark.point_count == 1) {
        r->mark.kind = KH_MARK_PROBE;
        return on(r, item);
    }
    if (strcmp(type, "CIRCLE") == 0 || strcmp(type, "ELLIPSE") == 0)
        return make_round(&r->mark, type[0] == 'C') ? on(r, item) : KH_OK;
    if (strcmp(type, "POLYLINE") == 0 || strcmp(type, "INTERPOLATED") == 0)
        return tell_line(r, item, on);
    return KH_OK;
}

/* --- presentation states --- */

static kh_status read_graphics(reading *r, const kh_item *annotation)
{
    const kh_element *graphics = kh_item_find(annotation, KH_TAG(0x0070, 0x0009));
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && graphics && i < graphics->item_count; i++) {
        const kh_item *graphic = kh_element_item(graphics, i);

        r->mark.text[0] = '\0';
        if (is(graphic, KH_TAG(0x0070, 0x0005), "PIXEL"))
            status = tell_graphic(r, graphic, annotation, tell_on_annotated);
    }
    return status;
}

static kh_status read_texts(reading *r, const kh_item *annotation)
{
    const kh_element *texts = kh_item_find(annotation, KH_TAG(0x0070, 0x0008));
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && texts && i < texts->item_count; i++) {
        const kh_item *text = kh_element_item(texts, i);
        bool anchored = is(text, KH_TAG(0x0070, 0x0004), "PIXEL"), boxed = is(text, KH_TAG(0x0070, 0x0003), "PIXEL");

        r->mark.kind = KH_MARK_TEXT;
        r->mark.text[0] = '\0';
        add_text(r->mark.text, " ", text, KH_TAG(0x0070, 0x0006));
        r->mark.point_count = anchored ? read_points(r->mark.points, text, KH_TAG(0x0070, 0x0014))
                              : boxed  ? read_points(r->mark.points, text, KH_TAG(0x0070, 0x0010))
                                       : 0;
        if (r->mark.point_count != 1 || !r->mark.text[0])
            continue;
        status = tell_on_annotated(r, annotation);
    }
    return status;
}

static kh_status read_presentation(reading *r)
{
    const kh_element *annotations = kh_item_find(r->main, KH_TAG(0x0070, 0x0001));
    kh_status status = KH_OK;

    r->source.form = "GSPS";
    read_source(&r->source, r->main, KH_TAG(0x0070, 0x0084));
    for (uint32_t i = 0; status == KH_OK && annotations && i < annotations->item_count; i++) {
        status = read_graphics(r, kh_element_item(annotations, i));
        if (status == KH_OK)
            status = read_texts(r, kh_element_item(annotations, i));
    }
    return status;
}

/* --- key objects and reports --- */

/* The person of a Person Observer Name, wherever it stands at the top. */
static void read_observer(reading *r)
{
    const kh_element *content = kh_item_find(r->main, CONTENT);

    for (uint32_t i = 0; content && i < content->item_count; i++) {
        const kh_item *item = kh_element_item(content, i), *concept = kh_item_first(item, CONCEPT);

        if (concept && is(concept, KH_TAG(0x0008, 0x0100), "121008"))
            read_source(&r->source, item, KH_TAG(0x0040, 0xa123));
    }
    kh_item_text(r->main, KH_TAG_INSTITUTION_NAME, 0, r->source.institution, sizeof r->source.institution);
    kh_item_string(r->main, KH_TAG_CONTENT_DATE, 0, r->source.date, sizeof r->source.date);
    kh_item_string(r->main, KH_TAG_CONTENT_TIME, 0, r->source.time, sizeof r->source.time);
}

static kh_status read_key_objects(reading *r)
{
    const kh_element *content = kh_item_find(r->main, CONTENT);
    char words[KH_READ_TEXT_SIZE] = "";
    kh_status status = KH_OK;

    r->source.form = "KO";
    read_observer(r);
    add_text(words, " ", kh_item_first(r->main, CONCEPT), MEANING);
    for (uint32_t i = 0; content && i < content->item_count; i++)
        if (is(kh_element_item(content, i), KH_TAG(0x0040, 0xa040), "TEXT"))
            add_text(words, ": ", kh_element_item(content, i), KH_TAG(0x0040, 0xa160));
    for (uint32_t i = 0; status == KH_OK && content && i < content->item_count; i++) {
        if (!is(kh_element_item(content, i), KH_TAG(0x0040, 0xa040), "IMAGE"))
            continue;
        r->mark.kind = KH_MARK_KEY;
        r->mark.point_count = 0;
        memcpy(r->mark.text, words, sizeof words);
        status = tell_on_all(r, kh_element_item(content, i), OBJECTS);
    }
    return status;
}

/* "Length 12.3 mm" of a NUM. */
static void add_number(char out[KH_READ_TEXT_SIZE], const kh_item *item)
{
    const kh_item *value = kh_item_first(item, KH_TAG(0x0040, 0xa300)), *unit = value ? kh_item_first(value, KH_TAG(0x0040, 0x08ea)) : NULL;
    char number[40], told[64];
    double amount;

    if (!value || !kh_item_double(value, KH_TAG(0x0040, 0xa30a), 0, &amount))
        return;
    snprintf(number, sizeof number, "%.4g", amount);
    add_text(out, ", ", kh_item_first(item, CONCEPT), MEANING);
    add_words(out, " ", number);
    if (unit && kh_item_string(unit, KH_TAG(0x0008, 0x0100), 0, told, sizeof told) && strcmp(told, "1") != 0)
        add_words(out, " ", told[0] == '[' ? "HU" : told);
}

static kh_status tell_on_selected(reading *r, const kh_item *scoord)
{
    const kh_element *content = kh_item_find(scoord, CONTENT);
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && content && i < content->item_count; i++)
        if (is(kh_element_item(content, i), KH_TAG(0x0040, 0xa040), "IMAGE"))
            status = tell_on_all(r, kh_element_item(content, i), OBJECTS);
    return status;
}

/* Numbers stand below their place's container, or have their place below them. */
static kh_status read_tree(reading *r, const kh_item *item, const char *words, unsigned depth)
{
    const kh_element *content = kh_item_find(item, CONTENT);
    char around[KH_READ_TEXT_SIZE] = "";
    kh_status status = KH_OK;

    if (!content || depth > DEPTH_MAX)
        return KH_OK;
    if (words)
        add_words(around, "", words);
    else
        for (uint32_t i = 0; i < content->item_count; i++)
            if (is(kh_element_item(content, i), KH_TAG(0x0040, 0xa040), "NUM"))
                add_number(around, kh_element_item(content, i));
    for (uint32_t i = 0; status == KH_OK && i < content->item_count; i++) {
        const kh_item *below = kh_element_item(content, i);

        if (is(below, KH_TAG(0x0040, 0xa040), "SCOORD")) {
            memcpy(r->mark.text, around, sizeof around);
            status = tell_graphic(r, below, below, tell_on_selected);
        } else if (is(below, KH_TAG(0x0040, 0xa040), "NUM")) {
            char own[KH_READ_TEXT_SIZE] = "";

            add_number(own, below);
            status = read_tree(r, below, own, depth + 1);
        } else {
            status = read_tree(r, below, NULL, depth + 1);
        }
    }
    return status;
}

static kh_status read_report(reading *r)
{
    r->source.form = "SR";
    read_observer(r);
    return read_tree(r, r->main, NULL, 0);
}

static const struct {
    const char *sop_class_uid;
    kh_status (*read)(reading *r);
} forms[] = {
    {KH_SOP_KEY_OBJECTS, read_key_objects},
    {KH_SOP_GRAYSCALE_PRESENTATION, read_presentation},
    {"1.2.840.10008.5.1.4.1.1.11.2", read_presentation}, /* Color Softcopy Presentation State */
    {"1.2.840.10008.5.1.4.1.1.88.22", read_report},      /* Enhanced SR */
    {KH_SOP_COMPREHENSIVE_SR, read_report},
    {"1.2.840.10008.5.1.4.1.1.88.34", read_report}, /* Comprehensive 3D SR */
};

bool kh_marks_are_read(const char *sop_class_uid)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].sop_class_uid, sop_class_uid) == 0)
            return true;
    return false;
}

kh_status kh_marks_read(const kh_dataset *dataset, kh_read_mark_visit *visit, void *context, kh_error *err)
{
    reading *r = calloc(1, sizeof *r);
    char sop_class[KH_UID_SIZE] = "";
    kh_status status = KH_OK;

    if (!r)
        return kh_error_set(err, KH_E_MEMORY, "no memory for marks");
    r->main = kh_dataset_main(dataset);
    r->visit = visit;
    r->context = context;
    kh_item_string(r->main, KH_TAG_SOP_CLASS_UID, 0, sop_class, sizeof sop_class);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].sop_class_uid, sop_class) == 0)
            status = forms[i].read(r);
    free(r);
    return status;
}
