#include "phantom/images.h"

#include <stdlib.h>

#define STORED_MAX 4095 /* 12 bits */
#define CT_PIXELS ((size_t)PH_CT_SIZE * PH_CT_SIZE)
#define FILE_BYTES_MAX (CT_PIXELS * 2 + 65536)
#define KERNEL_SIGMA_PX 0.635f /* weights 0.007 0.289 1 0.289 0.007: a lag-1 autocorrelation of 0.583 / 1.168 */
#define AIR_NOISE 0.4f         /* of the noise within the body: fewer photons are lost beside it */
#define BONE_GAIN 2.2f         /* bone stops more of a scout's soft beam than its HU say */
#define SCOUT_GAIN 4.0f        /* stored values per mm of water */
#define SCOUT_OFFSET 500.0f
#define SCOUT_NOISE 8.0f
#define MR_GAIN 1500.0f
#define MR_NOISE 20.0f

kh_status ph_worker_init(ph_worker *w, kh_error *err)
{
    size_t padded = (size_t)(PH_CT_SIZE + 2 * PH_KERNEL_REACH) * (PH_CT_SIZE + 2 * PH_KERNEL_REACH);
    kh_status status;

    *w = (ph_worker){0};
    kh_buf_init(&w->file, FILE_BYTES_MAX);
    ph_kernel_init(&w->kernel, KERNEL_SIGMA_PX);
    status = ph_canvas_init(&w->canvas, PH_CT_SIZE, PH_CT_SPACING_MM, PH_CT_X0_MM, PH_CT_Y0_MM, err);
    if (status != KH_OK)
        return status;
    w->noise = malloc(CT_PIXELS * sizeof *w->noise);
    w->scratch = malloc(padded * 2 * sizeof *w->scratch);
    w->pixels = malloc(CT_PIXELS * sizeof *w->pixels);
    if (w->noise && w->scratch && w->pixels)
        return KH_OK;
    ph_worker_release(w);
    return kh_error_set(err, KH_E_MEMORY, "no memory for a slice's noise and pixels");
}

void ph_worker_release(ph_worker *w)
{
    ph_canvas_release(&w->canvas);
    free(w->noise);
    free(w->scratch);
    free(w->pixels);
    kh_buf_release(&w->file);
    *w = (ph_worker){0};
}

static uint16_t stored(float value)
{
    return (uint16_t)lrintf(ph_clamp(value, 0, STORED_MAX));
}

static void add_to_scout(float *row, const float *hu)
{
    for (size_t x = 0; x < PH_CT_SIZE; x++)
        row[x] = 0;
    for (size_t i = 0; i < CT_PIXELS; i++) {
        float v = hu[i] + (hu[i] > 150 ? (hu[i] - 150) * BONE_GAIN : 0);

        row[i % PH_CT_SIZE] += fmaxf(0, 1 + v / 1000) * PH_CT_SPACING_MM;
    }
}

void ph_ct_pixels(ph_worker *w, const ph_body *body, float z, float noise_sd_hu, uint64_t seed, float *scout_row)
{
    ph_body_render(body, &w->canvas, z);
    if (scout_row)
        add_to_scout(scout_row, w->canvas.value);
    ph_noise_image(w->noise, PH_CT_SIZE, PH_CT_SIZE, &w->kernel, seed, w->scratch);
    for (size_t i = 0; i < CT_PIXELS; i++) {
        float hu = w->canvas.value[i], sd = noise_sd_hu * ph_mix(AIR_NOISE, 1, ph_step(-985, -900, hu));

        w->pixels[i] = stored(hu + sd * w->noise[i] - PH_CT_INTERCEPT);
    }
}

/* Linear interpolation in the rows, which are PH_CT_SPACING_MM apart across and PH_BODY_HEIGHT_MM / rows_in down. */
static float scout_value(const float *rows, uint32_t rows_in, float column, float row)
{
    float fx = floorf(column), fy = floorf(ph_clamp(row, 0, (float)rows_in - 1));
    size_t x = (size_t)fx, y = (size_t)fy, below = y + 1 < rows_in ? y + 1 : y;
    float tx = column - fx, ty = ph_clamp(row - fy, 0, 1);

    return ph_mix(ph_mix(rows[y * PH_CT_SIZE + x], rows[y * PH_CT_SIZE + x + 1], tx),
                  ph_mix(rows[below * PH_CT_SIZE + x], rows[below * PH_CT_SIZE + x + 1], tx), ty);
}

void ph_scout_pixels(uint16_t *pixels, const float *rows, uint32_t rows_in, uint64_t seed)
{
    for (size_t i = 0; i < (size_t)PH_SCOUT_SIZE * PH_SCOUT_SIZE; i++) {
        float x = ((float)(i % PH_SCOUT_SIZE) - (PH_SCOUT_SIZE - 1) / 2.0f) * PH_SCOUT_SPACING_MM;
        float z = ((float)(i / PH_SCOUT_SIZE) + 0.5f) * PH_SCOUT_SPACING_MM;
        float column = (x - PH_CT_X0_MM) / PH_CT_SPACING_MM, water_mm = 0;

        if (column >= 0 && column < PH_CT_SIZE - 1)
            water_mm = scout_value(rows, rows_in, column, z * (float)rows_in / PH_BODY_HEIGHT_MM - 0.5f);
        pixels[i] = stored(water_mm * SCOUT_GAIN - SCOUT_OFFSET - PH_CT_INTERCEPT + SCOUT_NOISE * ph_normal(&seed));
    }
}

void ph_mr_pixels(uint16_t *pixels, ph_vec origin, ph_vec across, ph_vec down, ph_weighting weighting, uint32_t salt,
                  uint64_t seed)
{
    for (size_t i = 0; i < (size_t)PH_MR_SIZE * PH_MR_SIZE; i++) {
        float x = (float)(i % PH_MR_SIZE), y = (float)(i / PH_MR_SIZE);
        ph_vec at = {origin.x + across.x * x + down.x * y, origin.y + across.y * x + down.y * y,
                     origin.z + across.z * x + down.z * y};
        float signal = MR_GAIN * ph_head_signal(at, weighting, salt);

        /* The magnitude of a complex signal with noise in both parts: Rice's distribution. */
        pixels[i] = stored(hypotf(signal + MR_NOISE * ph_normal(&seed), MR_NOISE * ph_normal(&seed)));
    }
}
