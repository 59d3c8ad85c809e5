#include "viewer/render/text.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define CHARACTERS_MAX 256
#define REPLACEMENT 0xFFFD

struct kh_text {
    FT_Library library;
    FT_Face face;
};

kh_status kh_text_create(kh_text **out, const char *font_file, kh_error *err)
{
    kh_text *text = calloc(1, sizeof *text);

    *out = NULL;
    if (!text)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a font");
    if (FT_Init_FreeType(&text->library) != 0 || FT_New_Face(text->library, font_file, 0, &text->face) != 0) {
        kh_text_free(text);
        return kh_error_set(err, KH_E_UNSUPPORTED, "no font that can be read is where it is expected");
    }
    *out = text;
    return KH_OK;
}

void kh_text_free(kh_text *text)
{
    if (!text)
        return;
    if (text->face)
        FT_Done_Face(text->face);
    if (text->library)
        FT_Done_FreeType(text->library);
    free(text);
}

/* The next character; bytes that are none count one by one. */
static uint32_t next_character(const unsigned char **at)
{
    const unsigned char *p = *at;
    unsigned more = p[0] < 0x80                   ? 0
                    : p[0] >= 0xC2 && p[0] < 0xE0 ? 1
                    : p[0] >= 0xE0 && p[0] < 0xF0 ? 2
                    : p[0] >= 0xF0 && p[0] < 0xF5 ? 3
                                                  : 4;
    uint32_t value = more == 0 ? p[0] : p[0] & (0x3Fu >> more);

    *at = p + 1;
    if (more == 4)
        return REPLACEMENT;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return REPLACEMENT;
        value = value << 6 | (p[i] & 0x3F);
    }
    *at = p + 1 + more;
    return value;
}

static void blend(const kh_text_canvas *canvas, int64_t x, int64_t y, unsigned colour, unsigned coverage)
{
    uint8_t *pixel;

    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return;
    pixel = canvas->pixels + ((size_t)y * canvas->width + (size_t)x) * canvas->channels;
    for (unsigned i = 0; i < canvas->channels; i++)
        pixel[i] = (uint8_t)((pixel[i] * (255 - coverage) + colour * coverage + 127) / 255);
}

static void draw_glyph(const kh_text_canvas *canvas, const FT_GlyphSlot glyph, int64_t x, int64_t y, unsigned colour)
{
    const FT_Bitmap *bitmap = &glyph->bitmap;

    if (bitmap->pixel_mode != FT_PIXEL_MODE_GRAY)
        return;
    for (unsigned row = 0; row < bitmap->rows; row++)
        for (unsigned column = 0; column < bitmap->width; column++) {
            unsigned coverage = bitmap->buffer[(ptrdiff_t)row * bitmap->pitch + column];

            if (coverage > 0)
                blend(canvas, x + glyph->bitmap_left + column, y - glyph->bitmap_top + row, colour, coverage);
        }
}

static void draw_line(kh_text *text, const kh_text_canvas *canvas, int64_t x, int64_t baseline, const char *utf8, bool rim)
{
    const unsigned char *at = (const unsigned char *)utf8;

    for (unsigned i = 0; i < CHARACTERS_MAX && *at && x < canvas->width; i++) {
        if (FT_Load_Char(text->face, next_character(&at), FT_LOAD_RENDER) != 0)
            continue;
        for (int dy = -1; rim && dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++)
                draw_glyph(canvas, text->face->glyph, x + dx, baseline + dy, 0);
        if (!rim)
            draw_glyph(canvas, text->face->glyph, x, baseline, 255);
        x += text->face->glyph->advance.x >> 6;
    }
}

void kh_text_draw(kh_text *text, const kh_text_canvas *canvas, int32_t x, int32_t baseline, unsigned size_px, const char *utf8)
{
    if (FT_Set_Pixel_Sizes(text->face, 0, size_px) != 0)
        return;
    draw_line(text, canvas, x, baseline, utf8, true);
    draw_line(text, canvas, x, baseline, utf8, false);
}
