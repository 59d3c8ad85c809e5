#include "dicom/icc.h"

#include <math.h>
#include <string.h>

#define HEADER_SIZE 128
#define TAGS 9
#define CURVE_ENTRIES 256

typedef struct profile {
    uint8_t *bytes;
    uint32_t used, tags;
} profile;

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value)
{
    put_16(at, value >> 16);
    put_16(at + 2, value & 0xffff);
}

/* s15Fixed16Number */
static void put_fixed(uint8_t *at, double value)
{
    put_32(at, (uint32_t)(int32_t)lrint(value * 65536));
}

static void put_tag(profile *p, const char *signature, uint32_t offset, uint32_t size)
{
    uint8_t *entry = p->bytes + HEADER_SIZE + 4 + 12 * p->tags++;

    memcpy(entry, signature, 4);
    put_32(entry + 4, offset);
    put_32(entry + 8, size);
}

/* The place of a new element of a type, which the tag names. */
static uint8_t *begin(profile *p, const char *signature, const char *type, uint32_t size)
{
    uint8_t *at = p->bytes + p->used;

    put_tag(p, signature, p->used, size);
    memcpy(at, type, 4);
    p->used += (size + 3) / 4 * 4;
    return at;
}

static void put_xyz(profile *p, const char *signature, double x, double y, double z)
{
    uint8_t *at = begin(p, signature, "XYZ ", 20);

    put_fixed(at + 8, x);
    put_fixed(at + 12, y);
    put_fixed(at + 16, z);
}

/* textDescriptionType without its other scripts: 78 bytes of zeros. */
static void put_description(profile *p, const char *text)
{
    uint32_t size = (uint32_t)strlen(text) + 1;
    uint8_t *at = begin(p, "desc", "desc", 12 + size + 78);

    put_32(at + 8, size);
    memcpy(at + 12, text, size);
}

static double to_linear(double value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

/* One curve for all three. */
static void put_curves(profile *p)
{
    uint32_t offset = p->used, size = 12 + 2 * CURVE_ENTRIES;
    uint8_t *at = begin(p, "rTRC", "curv", size);

    put_32(at + 8, CURVE_ENTRIES);
    for (uint32_t i = 0; i < CURVE_ENTRIES; i++)
        put_16(at + 12 + 2 * i, (uint32_t)lrint(65535 * to_linear(i / (CURVE_ENTRIES - 1.0))));
    put_tag(p, "gTRC", offset, size);
    put_tag(p, "bTRC", offset, size);
}

void kh_icc_srgb(uint8_t out[KH_ICC_SRGB_SIZE])
{
    profile p = {.bytes = out, .used = HEADER_SIZE + 4 + 12 * TAGS};
    uint8_t *at;

    memset(out, 0, KH_ICC_SRGB_SIZE);
    put_32(out, KH_ICC_SRGB_SIZE);
    put_32(out + 8, 0x02400000); /* version 2.4 */
    memcpy(out + 12, "scnrRGB XYZ ", 12);
    put_16(out + 24, 2026);
    put_16(out + 26, 1);
    put_16(out + 28, 1);
    memcpy(out + 36, "acsp", 4);
    put_fixed(out + 68, 0.9642); /* D50, the light of the connection space */
    put_fixed(out + 72, 1);
    put_fixed(out + 76, 0.8249);
    put_32(out + HEADER_SIZE, TAGS);
    put_description(&p, "sRGB");
    at = begin(&p, "cprt", "text", 8 + 14);
    memcpy(at + 8, "Public domain", 14);
    put_xyz(&p, "wtpt", 0.9642, 1, 0.8249);
    put_xyz(&p, "rXYZ", 0.43607, 0.22249, 0.01392); /* the primaries under D50 (Bradford) */
    put_xyz(&p, "gXYZ", 0.38515, 0.71687, 0.09708);
    put_xyz(&p, "bXYZ", 0.14307, 0.06061, 0.71410);
    put_curves(&p);
}
