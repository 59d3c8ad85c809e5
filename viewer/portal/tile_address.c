/* What the addresses of tiles say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "viewer/portal/internal.h"

#define LEVEL_MAX 16
#define THUMB_MIN 16
#define THUMB_MAX 512
#define THUMB_DEFAULT 128
#define WINDOW_CENTER_MAX 1e9
#define WINDOW_WIDTH_MIN 1e-6
#define WINDOW_WIDTH_MAX 1e9

static kh_status read_window(const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    bool center_given = kh_http_query(request, "c") != NULL;
    int64_t lut = 0;
    kh_status status;

    key->window_given = kh_http_query(request, "w") != NULL;
    key->lut_given = kh_http_query(request, "lut") != NULL;
    if (center_given != key->window_given)
        return kh_error_set(err, KH_E_ARG, "c and w, expected both or neither");
    if (key->lut_given && key->window_given)
        return kh_error_set(err, KH_E_ARG, "lut beside c and w, expected one or the other");
    status = kh_http_query_int(request, "lut", 0, KH_VOI_LUTS_MAX - 1, 0, &lut, err);
    key->lut = (uint32_t)lut;
    if (status == KH_OK)
        status = kh_http_query_double(request, "c", -WINDOW_CENTER_MAX, WINDOW_CENTER_MAX, 0, &key->window_center, err);
    if (status == KH_OK)
        status = kh_http_query_double(request, "w", WINDOW_WIDTH_MIN, WINDOW_WIDTH_MAX, 0, &key->window_width, err);
    return status;
}

/* What the address says; whether there is such a tile is found when it is made. */
static kh_status read_place(const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    static const struct {
        const char *name;
        int64_t min, max;
    } parts[6] = {{"series", 1, INT64_MAX}, {"object", 1, INT64_MAX}, {"frame", 0, UINT32_MAX},
                  {"level", 0, LEVEL_MAX},  {"column", 0, UINT16_MAX}, {"row", 0, UINT16_MAX}};
    bool whole = kh_http_segment(request, "level") == NULL; /* the other addresses, which have no more than the frame */
    const char *last = strrchr(kh_http_path(request), '/');
    int64_t values[6] = {0}, size = 0;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < (whole ? 3 : 6); i++)
        status = kh_http_segment_int(request, parts[i].name, parts[i].min, parts[i].max, &values[i], err);
    if (status == KH_OK && whole && strcmp(last, "/lossless") != 0)
        status = kh_http_query_int(request, "size", THUMB_MIN, THUMB_MAX, THUMB_DEFAULT, &size, err);
    *key = (kh_tile_key){.series_id = values[0],
                         .object_id = values[1],
                         .frame = (uint32_t)values[2],
                         .level = (uint32_t)values[3],
                         .column = (uint32_t)values[4],
                         .row = (uint32_t)values[5],
                         .quality = KH_PORTAL_QUALITY,
                         .lossless = whole && size == 0,
                         .thumb_px = (uint16_t)size};
    return status;
}

/* A whole number at *text, which goes behind it. */
static bool take_number(const char **text, int64_t min, int64_t max, int64_t *out)
{
    char *end;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *out = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0 && *out >= min && *out <= max;
}

static bool take_byte(const char **text, char byte)
{
    if (**text != byte)
        return false;
    ++*text;
    return true;
}

kh_status kh_portal_tile_state(const kh_http_request *request, int64_t *series_id, int64_t *object_id, kh_error *err)
{
    const char *text = kh_http_query(request, "state");

    *series_id = *object_id = 0;
    if (!text)
        return KH_OK;
    if (take_number(&text, 1, INT64_MAX, series_id) && take_byte(&text, '-') && take_number(&text, 1, INT64_MAX, object_id) &&
        *text == '\0')
        return KH_OK;
    *series_id = *object_id = 0;
    return kh_error_set(err, KH_E_ARG, "state, expected series-object of a presentation state");
}

/* What a slice with its stored values has to know, too. */
static kh_status read_look(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    int64_t overlays = 1;
    kh_status status = kh_http_query_int(request, "overlays", 0, 1, 1, &overlays, err);

    key->epoch = (uint32_t)atomic_load(&kh_cache_page(portal->cache)->hide_epoch);
    key->no_overlays = overlays == 0;
    return status == KH_OK ? kh_portal_tile_state(request, &key->state_series_id, &key->state_id, err) : status;
}

kh_status kh_portal_tile_view(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    int64_t quality = KH_PORTAL_QUALITY, invert = 0;
    kh_status status = kh_http_query_int(request, "q", 1, 100, KH_PORTAL_QUALITY, &quality, err);

    if (status == KH_OK)
        status = read_look(portal, request, key, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "invert", 0, 1, 0, &invert, err);
    if (status == KH_OK)
        status = read_window(request, key, err);
    key->quality = (int)quality;
    key->invert = invert != 0;
    return status;
}

kh_status kh_portal_tile_key(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    kh_status status = read_place(request, key, err);

    if (status != KH_OK)
        return status;
    if (!key->lossless)
        return kh_portal_tile_view(portal, request, key, err);
    return read_look(portal, request, key, err);
}

bool kh_portal_tile_place(const char **text, kh_tile_key *key)
{
    int64_t object, frame, level, column, row;

    if (!take_number(text, 1, INT64_MAX, &object) || !take_byte(text, '-') || !take_number(text, 0, UINT32_MAX, &frame) ||
        !take_byte(text, '/') || !take_number(text, 0, LEVEL_MAX, &level) || !take_byte(text, '/') ||
        !take_number(text, 0, UINT16_MAX, &column) || !take_byte(text, '/') || !take_number(text, 0, UINT16_MAX, &row))
        return false;
    key->object_id = object;
    key->frame = (uint32_t)frame;
    key->level = (uint32_t)level;
    key->column = (uint32_t)column;
    key->row = (uint32_t)row;
    return true;
}
