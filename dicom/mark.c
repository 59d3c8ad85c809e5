#include "dicom/mark.h"

#include <string.h>

static const struct {
    const char *text;
    size_t fewest, most;
} kinds[] = {
    [KH_MARK_LENGTH] = {"length", 2, 2},       [KH_MARK_BIDIRECTIONAL] = {"bidirectional", 4, 4},
    [KH_MARK_ANGLE] = {"angle", 3, 3},         [KH_MARK_COBB] = {"cobb", 4, 4},
    [KH_MARK_RECTANGLE] = {"rectangle", 2, 2}, [KH_MARK_ELLIPSE] = {"ellipse", 2, 2},
    [KH_MARK_FREEHAND] = {"freehand", 3, KH_MARK_POINTS_MAX},
    [KH_MARK_PROBE] = {"probe", 1, 1},         [KH_MARK_ARROW] = {"arrow", 2, 2},
    [KH_MARK_TEXT] = {"text", 1, 1},           [KH_MARK_KEY] = {"key", 0, 0},
};

const char *kh_mark_text(kh_mark_kind kind)
{
    return (size_t)kind <= KH_MARK_KIND_LAST ? kinds[kind].text : NULL;
}

kh_status kh_mark_kind_of(kh_mark_kind *out, const char *text, kh_error *err)
{
    for (size_t i = 0; text && i <= KH_MARK_KIND_LAST; i++)
        if (strcmp(kinds[i].text, text) == 0) {
            *out = (kh_mark_kind)i;
            return KH_OK;
        }
    return kh_error_set(
        err, KH_E_ARG,
        "kind%s%.32s%s, expected length, bidirectional, angle, cobb, rectangle, ellipse, freehand, probe, arrow, text or key",
        text ? " \"" : "", text ? text : "", text ? "\"" : " is missing");
}

bool kh_mark_is_measured(kh_mark_kind kind)
{
    return kind < KH_MARK_ARROW;
}

kh_status kh_mark_check(kh_mark_kind kind, const kh_point *points, size_t count, uint32_t columns, uint32_t rows, kh_error *err)
{
    size_t fewest = kinds[kind].fewest, most = kinds[kind].most;

    if (count < fewest || count > most)
        return fewest == most
                   ? kh_error_set(err, KH_E_ARG, "points: %zu, expected %zu of a %s", count, fewest, kinds[kind].text)
                   : kh_error_set(err, KH_E_ARG, "points: %zu, expected %zu to %zu of a %s", count, fewest, most, kinds[kind].text);
    for (size_t i = 0; i < count; i++)
        if (!(points[i].x >= 0 && points[i].x <= columns && points[i].y >= 0 && points[i].y <= rows))
            return kh_error_set(err, KH_E_ARG, "points: number %zu is %g,%g, expected a place within 0,0 and %u,%u", i + 1, points[i].x,
                                points[i].y, columns, rows);
    return KH_OK;
}
