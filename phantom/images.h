/* images.h - stored pixels of the phantom's images, noise included. */
#ifndef KH_PHANTOM_IMAGES_H
#define KH_PHANTOM_IMAGES_H

#include "base/buf.h"
#include "phantom/body.h"
#include "phantom/head.h"
#include "phantom/random.h"

#define PH_CT_SIZE 512
#define PH_CT_SPACING_MM 0.7421875f /* a field of view of 380 mm */
#define PH_CT_X0_MM (-189.62890625f)
#define PH_CT_Y0_MM (-172.0f)
#define PH_CT_INTERCEPT (-1024)
#define PH_SCOUT_SIZE 512
#define PH_SCOUT_SPACING_MM 1.25f
#define PH_MR_SIZE 256
#define PH_MR_SPACING_MM 0.9375f

/* What one thread needs; reused from image to image. */
typedef struct ph_worker {
    ph_canvas canvas;
    ph_kernel kernel;
    float *noise, *scratch;
    uint16_t *pixels; /* of the largest image */
    kh_buf file;
} ph_worker;

KH_MUST_USE kh_status ph_worker_init(ph_worker *worker, kh_error *err);
void ph_worker_release(ph_worker *worker);

/* The axial CT slice at model height z into worker->pixels, stored values with intercept PH_CT_INTERCEPT. scout_row
 * (PH_CT_SIZE values, may be NULL) receives what the slice adds to a frontal projection, in mm of water. */
void ph_ct_pixels(ph_worker *worker, const ph_body *body, float z, float noise_sd_hu, uint64_t seed, float *scout_row);

/* The frontal projection of rows_in slices, the topmost first, spread over PH_BODY_HEIGHT_MM. */
void ph_scout_pixels(uint16_t *pixels, const float *rows, uint32_t rows_in, uint64_t seed);

/* A plane of the head: origin is the centre of the first pixel, across and down are steps of one pixel, mm. */
void ph_mr_pixels(uint16_t *pixels, ph_vec origin, ph_vec across, ph_vec down, ph_weighting weighting, uint32_t salt,
                  uint64_t seed);

#endif
