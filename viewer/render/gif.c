#include "viewer/render/gif.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#define COLOURS 256
#define CUBE_SIDE 6
#define CUBE_COLOURS 216
#define GREYS 40
#define SLOTS 1024 /* of the table of exact colours: a power of two, four times as many */
#define TICK_MS 10
#define TICKS_MIN 2 /* browsers take less for "as slow as usual" */

struct kh_gif {
    GifFileType *file;
    kh_buf *to;
    kh_status status; /* of the buffer */
    kh_error *err;    /* of the call under way */
    uint32_t width, height;
    bool animated;
    ColorMapObject *greys, *colours;
    uint8_t *indices; /* of a colour picture */
};

/* The colours of one picture while there are no more than 256: index + 1 by hash. */
typedef struct exact_colours {
    uint16_t slots[SLOTS];
    GifColorType colours[COLOURS];
    unsigned count;
} exact_colours;

static int put_bytes(GifFileType *file, const GifByteType *bytes, int size)
{
    kh_gif *gif = file->UserData;

    gif->status = kh_buf_append(gif->to, bytes, (size_t)size, gif->err);
    return gif->status == KH_OK ? size : 0;
}

static kh_status failed(const kh_gif *gif, kh_error *err)
{
    const char *words = gif->file ? GifErrorString(gif->file->Error) : NULL;

    if (gif->status != KH_OK)
        return gif->status;
    return kh_error_set(err, KH_E_INTERNAL, "GIF: %s", words ? words : "cannot be written");
}

static void make_greys(ColorMapObject *map)
{
    for (int i = 0; i < COLOURS; i++)
        map->Colors[i] = (GifColorType){(GifByteType)i, (GifByteType)i, (GifByteType)i};
}

/* The animation extension that every browser knows: repeat for ever. */
static bool put_loop(GifFileType *file)
{
    const GifByteType for_ever[3] = {1, 0, 0};

    return EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
           EGifPutExtensionBlock(file, 11, "NETSCAPE2.0") == GIF_OK && EGifPutExtensionBlock(file, 3, for_ever) == GIF_OK &&
           EGifPutExtensionTrailer(file) == GIF_OK;
}

kh_status kh_gif_begin(kh_gif **out, kh_buf *to, uint32_t width, uint32_t height, bool animated, kh_error *err)
{
    kh_gif *gif = calloc(1, sizeof *gif);
    kh_status status = KH_OK;
    int error = 0;

    *out = NULL;
    if (!gif)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a GIF");
    *gif = (kh_gif){.to = to, .err = err, .width = width, .height = height, .animated = animated};
    gif->greys = GifMakeMapObject(COLOURS, NULL);
    gif->colours = GifMakeMapObject(COLOURS, NULL);
    gif->file = gif->greys && gif->colours ? EGifOpen(gif, put_bytes, &error) : NULL;
    if (!gif->file) {
        kh_gif_free(gif);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a GIF");
    }
    make_greys(gif->greys);
    EGifSetGifVersion(gif->file, true);
    if (EGifPutScreenDesc(gif->file, (int)width, (int)height, 8, 0, gif->greys) != GIF_OK || (animated && !put_loop(gif->file)))
        status = failed(gif, err);
    if (status != KH_OK) {
        kh_gif_free(gif);
        return status;
    }
    *out = gif;
    return KH_OK;
}

/* The index of the colour, which is added when it is new; COLOURS when there is no room for it. */
static unsigned exact_index(exact_colours *exact, const uint8_t *rgb)
{
    unsigned slot = (rgb[0] * 7919u + rgb[1] * 263u + rgb[2] * 31u) % SLOTS;

    for (; exact->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        const GifColorType *known = &exact->colours[exact->slots[slot] - 1];

        if (known->Red == rgb[0] && known->Green == rgb[1] && known->Blue == rgb[2])
            return exact->slots[slot] - 1u;
    }
    if (exact->count == COLOURS)
        return COLOURS;
    exact->colours[exact->count++] = (GifColorType){rgb[0], rgb[1], rgb[2]};
    exact->slots[slot] = (uint16_t)exact->count;
    return exact->count - 1;
}

static bool index_exactly(kh_gif *gif, const uint8_t *rgb, size_t count)
{
    exact_colours exact = {.count = 0};

    for (size_t i = 0; i < count; i++) {
        unsigned index = exact_index(&exact, rgb + 3 * i);

        if (index == COLOURS)
            return false;
        gif->indices[i] = (uint8_t)index;
    }
    memcpy(gif->colours->Colors, exact.colours, sizeof exact.colours);
    return true;
}

static unsigned to_steps(unsigned value, unsigned steps)
{
    return (value * (steps - 1) + 127) / 255;
}

static unsigned of_step(unsigned step, unsigned steps)
{
    return step * 255 / (steps - 1);
}

static unsigned squared(unsigned a, unsigned b)
{
    return a > b ? (a - b) * (a - b) : (b - a) * (b - a);
}

static uint8_t nearest(const uint8_t *rgb)
{
    unsigned r = to_steps(rgb[0], CUBE_SIDE), g = to_steps(rgb[1], CUBE_SIDE), b = to_steps(rgb[2], CUBE_SIDE);
    unsigned grey = to_steps((rgb[0] + rgb[1] + rgb[2]) / 3u, GREYS), level = of_step(grey, GREYS);
    unsigned to_cube =
        squared(rgb[0], of_step(r, CUBE_SIDE)) + squared(rgb[1], of_step(g, CUBE_SIDE)) + squared(rgb[2], of_step(b, CUBE_SIDE));
    unsigned to_grey = squared(rgb[0], level) + squared(rgb[1], level) + squared(rgb[2], level);

    return (uint8_t)(to_grey < to_cube ? CUBE_COLOURS + grey : (r * CUBE_SIDE + g) * CUBE_SIDE + b);
}

static void index_nearly(kh_gif *gif, const uint8_t *rgb, size_t count)
{
    for (unsigned i = 0; i < CUBE_COLOURS; i++)
        gif->colours->Colors[i] = (GifColorType){(GifByteType)of_step(i / (CUBE_SIDE * CUBE_SIDE), CUBE_SIDE),
                                                 (GifByteType)of_step(i / CUBE_SIDE % CUBE_SIDE, CUBE_SIDE),
                                                 (GifByteType)of_step(i % CUBE_SIDE, CUBE_SIDE)};
    for (unsigned i = 0; i < GREYS; i++) {
        GifByteType level = (GifByteType)of_step(i, GREYS);

        gif->colours->Colors[CUBE_COLOURS + i] = (GifColorType){level, level, level};
    }
    for (size_t i = 0; i < count; i++)
        gif->indices[i] = nearest(rgb + 3 * i);
}

static kh_status index_colours(kh_gif *gif, const uint8_t *rgb, bool *exact, kh_error *err)
{
    size_t count = (size_t)gif->width * gif->height;

    if (!gif->indices)
        gif->indices = malloc(count);
    if (!gif->indices)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a GIF of %u x %u", gif->width, gif->height);
    if (index_exactly(gif, rgb, count))
        return KH_OK;
    index_nearly(gif, rgb, count);
    *exact = false;
    return KH_OK;
}

static bool put_delay(GifFileType *file, unsigned delay_ms)
{
    GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT, .TransparentColor = NO_TRANSPARENT_COLOR};
    unsigned ticks = (delay_ms + TICK_MS / 2) / TICK_MS;
    GifByteType bytes[4];

    control.DelayTime = ticks < TICKS_MIN ? TICKS_MIN : ticks > UINT16_MAX ? UINT16_MAX : (int)ticks;
    EGifGCBToExtension(&control, bytes);
    return EGifPutExtension(file, GRAPHICS_EXT_FUNC_CODE, sizeof bytes, bytes) == GIF_OK;
}

kh_status kh_gif_add(kh_gif *gif, const uint8_t *pixels, unsigned channels, unsigned delay_ms, bool *exact, kh_error *err)
{
    const uint8_t *indices = pixels;
    kh_status status = KH_OK;

    gif->err = err;
    if (channels == 3) {
        status = index_colours(gif, pixels, exact, err);
        indices = gif->indices;
    }
    if (status != KH_OK)
        return status;
    if ((gif->animated && !put_delay(gif->file, delay_ms)) ||
        EGifPutImageDesc(gif->file, 0, 0, (int)gif->width, (int)gif->height, false, channels == 3 ? gif->colours : NULL) != GIF_OK)
        return failed(gif, err);
    for (uint32_t row = 0; row < gif->height; row++) /* the library only reads the line, whatever it declares */
        if (EGifPutLine(gif->file, (GifPixelType *)(uintptr_t)(indices + (size_t)row * gif->width), (int)gif->width) != GIF_OK)
            return failed(gif, err);
    return KH_OK;
}

kh_status kh_gif_end(kh_gif *gif, kh_error *err)
{
    int error = 0, result;

    gif->err = err;
    result = EGifCloseFile(gif->file, &error);
    gif->file = NULL;
    return result == GIF_OK && gif->status == KH_OK ? KH_OK : failed(gif, err);
}

void kh_gif_free(kh_gif *gif)
{
    kh_error unheard = KH_ERROR_INIT;
    int error = 0;

    if (!gif)
        return;
    gif->err = &unheard;
    if (gif->file)
        EGifCloseFile(gif->file, &error);
    GifFreeMapObject(gif->greys);
    GifFreeMapObject(gif->colours);
    free(gif->indices);
    free(gif);
}
