/* presentation_places.c - displayed areas (PS3.3 C.10.4) and graphic layers (C.10.7). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/presentation_internal.h"
#include "dicom/text.h"

#define CORNER_MAX 10000000
#define MAGNIFICATION_MAX 10000.0

static bool read_corner(int32_t out[2], const kh_item *item, kh_tag tag)
{
    for (uint32_t i = 0; i < 2; i++) {
        int64_t value;

        if (!kh_item_int(item, tag, i, &value) || value < -CORNER_MAX || value > CORNER_MAX)
            return false;
        out[i] = (int32_t)value;
    }
    return true;
}

static bool read_pair(double out[2], const kh_item *item, kh_tag tag)
{
    return kh_item_double(item, tag, 0, &out[0]) && kh_item_double(item, tag, 1, &out[1]) && isfinite(out[0]) && isfinite(out[1]) &&
           out[0] > 0 && out[1] > 0;
}

static void read_size(kh_presentation_area *area, const kh_item *item)
{
    char mode[17] = "";
    double pair[2], ratio = 0;

    if (read_pair(pair, item, KH_TAG(0x0070, 0x0101))) {
        area->row_spacing_mm = pair[0];
        area->column_spacing_mm = pair[1];
        area->aspect = pair[0] / pair[1];
    } else if (read_pair(pair, item, KH_TAG(0x0070, 0x0102))) {
        area->aspect = pair[0] / pair[1];
    }
    kh_item_string(item, KH_TAG(0x0070, 0x0100), 0, mode, sizeof mode);
    if (strcmp(mode, "TRUE SIZE") == 0 && area->column_spacing_mm > 0)
        area->size = KH_SIZE_TRUE;
    if (strcmp(mode, "MAGNIFY") == 0 && kh_item_double(item, KH_TAG(0x0070, 0x0103), 0, &ratio) && ratio > 0 &&
        ratio <= MAGNIFICATION_MAX) {
        area->size = KH_SIZE_MAGNIFY;
        area->magnification = ratio;
    }
}

/* An area of which nothing can be seen is none: the whole picture is. */
kh_status kh_presentation_read_areas(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    const kh_element *items = kh_item_find(main, KH_TAG(0x0070, 0x005a));
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && items && i < items->item_count; i++) {
        const kh_item *item = kh_element_item(items, i);
        kh_presentation_area area = {.size = KH_SIZE_FIT};
        bool any;

        if (!read_corner(area.first, item, KH_TAG(0x0070, 0x0052)) || !read_corner(area.last, item, KH_TAG(0x0070, 0x0053)))
            continue;
        read_size(&area, item);
        status = kh_presentation_read_scope(&area.scope, &any, draft, item, err);
        if (status == KH_OK && any)
            status = kh_buf_append(&draft->areas, &area, sizeof area, err);
    }
    draft->state.area_count = (uint32_t)(draft->areas.size / sizeof(kh_presentation_area));
    return status;
}

static double lab_inverse(double t)
{
    return t > 6.0 / 29 ? t * t * t : 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0 / 29);
}

static uint8_t srgb_of(double linear)
{
    double x = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;

    return (uint8_t)(fmin(fmax(x, 0), 1) * 255 + 0.5);
}

/* PS3.3 C.10.7.1.1: the profile connection space of ICC, Lab of D50, in words; to sRGB, whose matrix for D50 that is. */
static void rgb_of_lab(uint8_t rgb[3], const double words[3])
{
    double l = words[0] / 65535 * 100, a = words[1] / 65535 * 255 - 128, b = words[2] / 65535 * 255 - 128;
    double fy = (l + 16) / 116, x = 0.9642 * lab_inverse(fy + a / 500), y = lab_inverse(fy), z = 0.8249 * lab_inverse(fy - b / 200);

    rgb[0] = srgb_of(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
    rgb[1] = srgb_of(-0.9787684 * x + 1.9161415 * y + 0.0334540 * z);
    rgb[2] = srgb_of(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
}

static bool read_words(double out[3], uint32_t count, const kh_item *item, kh_tag tag)
{
    for (uint32_t i = 0; i < count; i++)
        if (!kh_item_double(item, tag, i, &out[i]) || out[i] < 0 || out[i] > 65535)
            return false;
    return true;
}

/* A colour before a grey; the retired RGB last. */
static void read_color(kh_presentation_layer *layer, const kh_item *item)
{
    double words[3];

    layer->has_color = true;
    if (read_words(words, 3, item, KH_TAG(0x0070, 0x0401)))
        rgb_of_lab(layer->rgb, words);
    else if (read_words(words, 1, item, KH_TAG(0x0070, 0x0066)))
        memset(layer->rgb, (uint8_t)(words[0] / 65535 * 255 + 0.5), sizeof layer->rgb);
    else if (read_words(words, 3, item, KH_TAG(0x0070, 0x0067)))
        for (size_t i = 0; i < 3; i++)
            layer->rgb[i] = (uint8_t)(words[i] / 65535 * 255 + 0.5);
    else
        layer->has_color = false;
}

kh_status kh_presentation_read_layers(kh_presentation_draft *draft, const kh_item *main, kh_error *err)
{
    const kh_element *items = kh_item_find(main, KH_TAG(0x0070, 0x0060));
    kh_status status = KH_OK;

    for (uint32_t i = 0; status == KH_OK && items && i < items->item_count && i < KH_PRESENTATION_LAYERS_MAX; i++) {
        const kh_item *item = kh_element_item(items, i);
        kh_presentation_layer layer = {.has_color = false};
        int64_t order = 0;

        kh_item_text(item, KH_TAG(0x0070, 0x0002), 0, layer.name, sizeof layer.name);
        kh_item_text(item, KH_TAG(0x0070, 0x0068), 0, layer.words, sizeof layer.words);
        if (kh_item_int(item, KH_TAG(0x0070, 0x0062), 0, &order) && order >= INT32_MIN && order <= INT32_MAX)
            layer.order = (int32_t)order;
        read_color(&layer, item);
        status = kh_buf_append(&draft->layers, &layer, sizeof layer, err);
    }
    draft->state.layer_count = (uint32_t)(draft->layers.size / sizeof(kh_presentation_layer));
    return status;
}
