#include "phantom/body.h"

#include "phantom/gut.h"

kh_status ph_body_build(ph_body *body, uint64_t seed, float nodule_radius_mm, kh_error *err)
{
    kh_status status;

    *body = (ph_body){.salt = (uint32_t)(seed * 2654435761u), .nodule_radius_mm = nodule_radius_mm};
    status = ph_build_bones(body, err);
    if (status == KH_OK)
        status = ph_build_vessels(body, err);
    if (status == KH_OK)
        status = ph_build_gut(body, seed, err);
    if (status == KH_OK)
        status = ph_build_trees(body, seed, err);
    if (status != KH_OK)
        ph_body_release(body);
    return status;
}

void ph_body_release(ph_body *b)
{
    ph_segments *lists[] = {&b->ribs,       &b->cartilage, &b->collarbones,   &b->upper_limbs,  &b->hips,
                            &b->arteries,   &b->veins,     &b->heart_vessels, &b->lung_vessels, &b->airways,
                            &b->oesophagus, &b->neck,      &b->portal,        &b->hepatic,      &b->mesenteric,
                            &b->stomach,    &b->duodenum,  &b->pancreas,      &b->small_bowel,  &b->colon,
                            &b->sigmoid,    &b->ureters,   &b->psoas,         &b->adrenals};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        ph_segments_release(lists[i]);
}

void ph_body_render(const ph_body *body, ph_canvas *canvas, float z)
{
    static const float thyroid = 125;
    ph_level level;

    ph_level_at(&level, body, z);
    ph_canvas_begin(canvas, z, body->salt, KH_PHANTOM_HU_AIR);
    ph_paint_layers(&level, canvas);
    ph_paint_chest(&level, canvas);
    ph_paint_abdomen(&level, canvas);
    ph_paint_pelvis(&level, canvas);
    ph_paint_gut(&level, canvas);
    ph_paint_vessels(&level, canvas);
    ph_paint_segments(canvas, &body->neck, 0, 0.5f, ph_flat, &thyroid);
    ph_paint_bones(&level, canvas);
}
