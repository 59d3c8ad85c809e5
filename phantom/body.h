/* body.h - the model of the CT patient: what lies where, in HU. A man of 168 cm, contrast in the portal venous phase.
 * Heights, mm: symphysis 60, hip joints 85, promontory 205, aortic bifurcation 258, L1 360, domes of the diaphragm 485,
 * carina 583, apices of the lungs 655. The model is built once and then only read. Threads: any may render at once,
 * each on its own canvas. */
#ifndef KH_PHANTOM_BODY_H
#define KH_PHANTOM_BODY_H

#include "phantom/canvas.h"
#include "phantom/phantom.h"

#define PH_BODY_BOTTOM_MM 27.0f
#define PH_BODY_HEIGHT_MM 640.0f
#define PH_COUCH_Y_MM 118.0f /* of the couch's surface at the midline */

typedef struct ph_body {
    uint32_t salt;          /* of the finer anatomy */
    float nodule_radius_mm; /* of the finding in the right upper lobe */
    ph_segments ribs, cartilage, collarbones, upper_limbs, hips;
    ph_segments arteries, veins, heart_vessels, lung_vessels, airways, oesophagus, neck;
    ph_segments portal, hepatic, mesenteric;
    ph_segments stomach, duodenum, pancreas, small_bowel, colon, sigmoid, ureters, psoas, adrenals;
} ph_body;

/* What depends on the height only, worked out once a slice. */
typedef struct ph_level {
    const ph_body *body;
    float z;
    float half_width, front, back;                      /* of the skin */
    float fat_front, fat_side, fat_back;                /* mm of subcutaneous fat */
    float cavity_half_width, cavity_front, cavity_back; /* inside of the chest and belly wall */
    float spine_y;                                      /* middle of the vertebral bodies */
    float mediastinum;                                  /* half width */
} ph_level;

KH_MUST_USE kh_status ph_body_build(ph_body *body, uint64_t seed, float nodule_radius_mm, kh_error *err);
void ph_body_release(ph_body *body);
/* Paint the slice at height z: HU without noise. */
void ph_body_render(const ph_body *body, ph_canvas *canvas, float z);

/* Between the files of the model. */
void ph_level_at(ph_level *level, const ph_body *body, float z);
float ph_spine_y(float z);
/* The inside of the chest and belly wall at height z, in a direction from the back (0) over the side given (-1 right,
 * 1 left) to the front (pi): a point `out` mm outside it. */
ph_vec ph_wall_point(float z, float angle, float side, float out);
/* Distances; negative inside. */
float ph_cavity_sdf(const ph_level *level, float x, float y);
float ph_lung_sdf(const ph_level *level, const ph_point *p);
float ph_diaphragm_sdf(float x, float y, float z); /* negative below the diaphragm, in the belly */
float ph_liver_sdf(const ph_level *level, const ph_point *p);
float ph_heart_hull_sdf(float x, float y, float z);

kh_status ph_build_bones(ph_body *body, kh_error *err);
kh_status ph_build_vessels(ph_body *body, kh_error *err);
kh_status ph_build_gut(ph_body *body, uint64_t seed, kh_error *err);
kh_status ph_build_trees(ph_body *body, uint64_t seed, kh_error *err);

void ph_paint_layers(const ph_level *level, ph_canvas *canvas);
void ph_paint_bones(const ph_level *level, ph_canvas *canvas);
void ph_paint_chest(const ph_level *level, ph_canvas *canvas);
void ph_paint_abdomen(const ph_level *level, ph_canvas *canvas);
void ph_paint_pelvis(const ph_level *level, ph_canvas *canvas);
void ph_paint_vessels(const ph_level *level, ph_canvas *canvas);
void ph_paint_atria(ph_canvas *canvas);

#endif
