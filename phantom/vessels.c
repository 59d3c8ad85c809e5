/* Tubes: arteries, veins, airways, and the trees of vessels that fill lungs and liver. */
#include <stdlib.h>
#include "phantom/body.h"
#include "phantom/random.h"

#define CURVE(list, ...)                                                                                               \
    do {                                                                                                               \
        const float points[][4] = {__VA_ARGS__};                                                                       \
        kh_status curve_status = ph_add_curve(list, points, sizeof points / sizeof points[0], err);                    \
        if (curve_status != KH_OK)                                                                                     \
            return curve_status;                                                                                       \
    } while (0)

static kh_status build_arteries(ph_body *b, kh_error *err)
{
    CURVE(&b->arteries, {0, -6, 538, 14}, {-10, -15, 560, 16}, {-15, -21, 580, 16}, {-9, -15, 601, 15},
          {6, 0, 612, 13.5f}, {19, 22, 608, 13}, {25, 38, 592, 12.5f}, {26, 44, 560, 12.2f}, {25, 42, 520, 12},
          {22, 34, 480, 11.6f}, {14, 19, 440, 11}, {8, 9, 400, 10.6f}, {5, 1, 360, 9.8f}, {4, -9, 300, 9},
          {2, -8, 260, 8.6f});
    for (float s = -1; s <= 1; s += 2) {
        CURVE(&b->arteries, {1, -8, 262, 7}, {s * 14, -6, 243, 6.5f}, {s * 34, 2, 216, 6}, {s * 48, -6, 195, 5.4f},
              {s * 58, -24, 165, 5}, {s * 62, -50, 122, 5}, {s * 62, -66, 84, 5}, {s * 64, -66, 20, 4.6f});
        CURVE(&b->arteries, {s * 38, 2, 212, 4.5f}, {s * 42, 24, 190, 4}, {s * 46, 38, 158, 3},
              {s * 42, 30, 130, 2.4f});
        CURVE(&b->arteries, {5, 0, 348, 3}, {s * 26, 15, 346, 3}, {s * 46, 30, 347, 2.7f}, {s * 56, 34, 348, 2});
        CURVE(&b->arteries, {s * 52, 3, 652, 5}, {s * 90, -2, 646, 4.5f}, {s * 120, 4, 625, 4},
              {s * 140, 10, 606, 3.6f});
    }
    CURVE(&b->arteries, {-4, -8, 610, 7}, {-14, -4, 627, 6.5f}, {-23, 2, 644, 6}, {-25, 0, 676, 4});
    CURVE(&b->arteries, {-23, 2, 644, 5}, {-36, 4, 651, 5}, {-52, 3, 652, 5});
    CURVE(&b->arteries, {6, 0, 612, 5}, {13, 0, 640, 4}, {24, -2, 676, 4});
    CURVE(&b->arteries, {18, 16, 610, 5.5f}, {28, 14, 638, 5}, {52, 3, 652, 5});
    CURVE(&b->arteries, {6, 2, 372, 4}, {6, -14, 375, 3.6f}, {32, -10, 388, 2.8f}, {60, 14, 402, 2.6f},
          {80, 30, 410, 2.2f});
    CURVE(&b->arteries, {6, -12, 375, 3}, {-16, -20, 378, 2.7f}, {-36, -12, 390, 2.4f});
    CURVE(&b->arteries, {5, -4, 354, 4}, {3, -26, 340, 4}, {-2, -40, 300, 3.2f}, {-10, -40, 255, 2.4f});
    return KH_OK;
}

static kh_status build_veins(ph_body *b, kh_error *err)
{
    CURVE(&b->veins, {-30, -12, 608, 9}, {-30, -11, 575, 9.5f}, {-31, -12, 535, 10});
    CURVE(&b->veins, {-30, -12, 610, 8}, {-36, -14, 630, 7.5f}, {-38, -10, 660, 6.5f}, {-38, -8, 680, 6.5f});
    CURVE(&b->veins, {-29, -14, 606, 8}, {0, -36, 612, 7.5f}, {26, -32, 622, 7.5f}, {38, -18, 636, 7.5f},
          {38, -10, 680, 6.5f});
    for (float s = -1; s <= 1; s += 2) {
        CURVE(&b->veins, {s * 37, -16, 634, 6.5f}, {s * 70, -22, 644, 6}, {s * 104, -12, 634, 5.5f},
              {s * 136, 2, 604, 5});
        CURVE(&b->veins, {-12, 3, 246, 8}, {s * 24 - 4, 10, 226, 7}, {s * 44, 8, 200, 6.5f}, {s * 54, -8, 172, 6},
              {s * 54, -40, 126, 6}, {s * 52, -56, 86, 6}, {s * 54, -56, 20, 6});
        CURVE(&b->veins, {-20, 0, 345, 4.5f}, {s * 22, 4 + s * -8, 349, 4}, {s * 46, 24, 350, 4}, {s * 58, 32, 350, 3});
    }
    CURVE(&b->veins, {-13, -2, 244, 9.5f}, {-17, -6, 290, 10.5f}, {-21, 2, 345, 11}, {-24, 13, 390, 11.5f},
          {-25, 15, 440, 12}, {-24, 10, 470, 12}, {-28, -2, 490, 12}, {-33, -10, 506, 12});
    CURVE(&b->veins, {-6, 20, 400, 2.5f}, {-6, 34, 450, 3}, {-8, 40, 540, 3.4f}, {-14, 34, 585, 3.6f},
          {-26, 6, 592, 3.6f});
    CURVE(&b->portal, {84, 32, 402, 3}, {58, 14, 394, 3.8f}, {30, -8, 380, 4.4f}, {0, -18, 362, 5.2f},
          {-10, -20, 357, 5.6f});
    CURVE(&b->portal, {-14, -42, 262, 3.4f}, {-13, -38, 310, 4.8f}, {-10, -22, 350, 5.6f}, {-22, -14, 374, 6.4f},
          {-38, -4, 393, 6.4f});
    return KH_OK;
}

static kh_status build_chest_tubes(ph_body *b, kh_error *err)
{
    CURVE(&b->heart_vessels, {15, -38, 536, 12}, {16, -32, 556, 13.5f}, {18, -12, 573, 13});
    CURVE(&b->heart_vessels, {18, -12, 573, 11.5f}, {0, 4, 569, 11}, {-22, 8, 565, 10.5f}, {-40, 13, 561, 9},
          {-54, 17, 555, 6});
    CURVE(&b->heart_vessels, {18, -12, 573, 12}, {33, 8, 576, 11}, {45, 21, 572, 9.5f}, {52, 29, 560, 7});
    for (float s = -1; s <= 1; s += 2) {
        CURVE(&b->heart_vessels, {s * 52, 2, 560, 5.5f}, {s * 36, 8, 551, 6.5f}, {s * 20, 12, 543, 7});
        CURVE(&b->heart_vessels, {s * 50, 32, 526, 5.5f}, {s * 36, 24, 532, 6.5f}, {s * 20, 17, 536, 7});
    }
    CURVE(&b->heart_vessels, {-6, -30, 545, 1.8f}, {-22, -46, 530, 1.8f}, {-30, -48, 508, 1.8f}, {-20, -44, 484, 1.6f});
    CURVE(&b->heart_vessels, {10, -26, 548, 1.8f}, {34, -50, 536, 1.7f}, {50, -66, 512, 1.6f}, {66, -66, 488, 1.3f});
    CURVE(&b->airways, {0, -5, 676, 9}, {1, 8, 640, 9.2f}, {2, 14, 610, 9.2f}, {2, 18, 586, 9.5f});
    CURVE(&b->airways, {2, 18, 588, 7.5f}, {-14, 21, 575, 7.2f}, {-30, 24, 565, 6.3f}, {-38, 28, 542, 5.2f},
          {-46, 40, 516, 3.8f}, {-54, 50, 490, 2.8f});
    CURVE(&b->airways, {-26, 23, 568, 4.8f}, {-46, 24, 575, 4}, {-58, 22, 592, 2.8f}, {-64, 20, 612, 1.8f});
    CURVE(&b->airways, {-46, 24, 575, 3}, {-66, 6, 574, 2.4f}, {-80, -14, 570, 1.6f});
    CURVE(&b->airways, {-46, 24, 575, 2.8f}, {-68, 42, 580, 2}, {-80, 52, 586, 1.4f});
    CURVE(&b->airways, {-38, 27, 540, 3.6f}, {-56, 2, 526, 2.8f}, {-70, -26, 516, 1.8f});
    CURVE(&b->airways, {2, 18, 588, 7.2f}, {18, 23, 574, 6.8f}, {38, 31, 561, 5.8f}, {47, 42, 536, 4.4f},
          {56, 52, 505, 3}, {64, 54, 480, 2});
    CURVE(&b->airways, {40, 31, 560, 4.4f}, {56, 18, 567, 3.5f}, {66, 2, 580, 2.4f}, {70, -8, 600, 1.6f});
    CURVE(&b->airways, {56, 18, 566, 2.8f}, {70, -8, 548, 2.2f}, {84, -36, 526, 1.5f});
    CURVE(&b->airways, {47, 42, 536, 2.8f}, {66, 60, 538, 1.8f}, {78, 64, 540, 1.3f});
    CURVE(&b->oesophagus, {5, 11, 676, 5}, {6, 26, 640, 5.2f}, {6, 32, 600, 5.5f}, {5, 35, 560, 5.5f},
          {6, 35, 530, 5.5f}, {9, 30, 500, 6}, {15, 20, 466, 6.5f}, {30, 15, 446, 7.5f}, {46, 17, 438, 9});
    return KH_OK;
}

kh_status ph_build_vessels(ph_body *b, kh_error *err)
{
    kh_status status = build_arteries(b, err);

    if (status == KH_OK)
        status = build_veins(b, err);
    return status == KH_OK ? build_chest_tubes(b, err) : status;
}

typedef struct tree_node {
    ph_vec at;
    float path;   /* mm from the root */
    float volume; /* sum over the tips behind it of tip radius to the power of `branching` */
    float best;   /* while it is not connected */
    int parent;   /* -1 for the root */
    int order;
    bool done;
} tree_node;

typedef struct tree_plan {
    ph_vec root;
    int tips;
    float tip_radius, branching, directness;
} tree_plan;

static void offer_parent(tree_node *nodes, int count, int parent, float directness)
{
    for (int i = 1; i < count; i++) {
        float step, cost;

        if (nodes[i].done)
            continue;
        step = ph_length(ph_sub(nodes[i].at, nodes[parent].at));
        cost = step + directness * (nodes[parent].path + step);
        if (cost < nodes[i].best) {
            nodes[i].best = cost;
            nodes[i].parent = parent;
        }
    }
}

/* Connect every node to the tree where wire and way to the root together are shortest (as Cuntz 2010 grows dendrites,
 * and as vessels fill an organ), then widen each branch by what hangs behind it (Murray's law). */
static void connect_tree(tree_node *nodes, int count, const tree_plan *plan, int *order)
{
    order[0] = 0;
    nodes[0].done = true;
    for (int n = 1; n < count; n++) {
        int next = -1;

        offer_parent(nodes, count, order[n - 1], plan->directness);
        for (int i = 1; i < count; i++)
            if (!nodes[i].done && (next < 0 || nodes[i].best < nodes[next].best))
                next = i;
        nodes[next].done = true;
        nodes[next].path =
            nodes[nodes[next].parent].path + ph_length(ph_sub(nodes[next].at, nodes[nodes[next].parent].at));
        order[n] = next;
    }
    for (int n = count - 1; n > 0; n--) {
        tree_node *node = &nodes[order[n]];

        node->volume += powf(plan->tip_radius, plan->branching) * (node->volume > 0 ? 0.2f : 1);
        nodes[node->parent].volume += node->volume;
    }
    for (int round = 0; round < 3; round++)
        for (int n = count - 1; n > 0; n--) {
            tree_node *node = &nodes[order[n]], *parent = &nodes[node->parent];

            if (node->parent > 0)
                parent->at = ph_along(parent->at, ph_along(node->at, nodes[parent->parent].at, 0.5f),
                                      0.55f * node->volume / parent->volume);
        }
}

/* inside: the organ the tree may fill; NULL context for the belly's fat. */
static kh_status grow_tree(ph_segments *list, const tree_plan *plan, const ph_vec *targets, kh_error *err)
{
    int count = plan->tips + 1;
    tree_node *nodes = calloc((size_t)count, sizeof *nodes);
    int *order = calloc((size_t)count, sizeof *order);
    kh_status status = KH_OK;

    if (!nodes || !order) {
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a tree of %d vessels", plan->tips);
        goto out;
    }
    nodes[0] = (tree_node){.at = plan->root, .parent = -1};
    for (int i = 1; i < count; i++)
        nodes[i] = (tree_node){.at = targets[i - 1], .best = 1e9f};
    connect_tree(nodes, count, plan, order);
    for (int i = 1; status == KH_OK && i < count; i++) {
        const tree_node *node = &nodes[i], *parent = &nodes[node->parent];
        float r = powf(node->volume, 1 / plan->branching),
              rp = fminf(powf(parent->volume, 1 / plan->branching), r * 1.25f);

        status = ph_add_segment(list, (ph_segment){parent->at, node->at, rp, r}, err);
    }
out:
    free(nodes);
    free(order);
    return status;
}

typedef struct region {
    ph_box box;
    float (*sdf)(const ph_level *level, const ph_point *p);
    float margin_mm;
} region;

/* count random points inside, no two closer than apart_mm while there is room. */
static void scatter(ph_vec *out, int count, const ph_body *body, const region *r, float apart_mm, uint64_t *random)
{
    int found = 0;

    for (int tries = 0; found < count; tries++) {
        ph_point p = {ph_mix(r->box.left, r->box.right, ph_uniform(random)),
                      ph_mix(r->box.front, r->box.back, ph_uniform(random)),
                      ph_mix(r->box.bottom, r->box.top, ph_uniform(random)), 0, 0};
        ph_level level;
        bool fits = true;

        if (tries > 4000) {
            tries = 0;
            apart_mm *= 0.9f;
        }
        for (int i = 0; fits && i < found; i++)
            fits = ph_length(ph_sub(out[i], (ph_vec){p.x, p.y, p.z})) > apart_mm;
        if (!fits)
            continue;
        ph_level_at(&level, body, p.z);
        if (r->sdf(&level, &p) < -r->margin_mm)
            out[found++] = (ph_vec){p.x, p.y, p.z};
    }
}

static float mesentery_sdf(const ph_level *v, const ph_point *p)
{
    return fmaxf(ph_ellipsoid(p->x, p->y, v->z, (ph_vec){-4, -34, 240}, (ph_vec){72, 34, 92}),
                 ph_cavity_sdf(v, p->x, p->y) + 8);
}

#define TIPS_MAX 800

kh_status ph_build_trees(ph_body *b, uint64_t seed, kh_error *err)
{
    static const region right_lung = {{-130, -8, -92, 92, 395, 656}, ph_lung_sdf, 2.5f};
    static const region left_lung = {{8, 130, -92, 92, 395, 656}, ph_lung_sdf, 2.5f};
    static const region liver = {{-130, 66, -88, 82, 300, 486}, ph_liver_sdf, 5};
    static const region mesentery = {{-80, 80, -74, 0, 140, 330}, mesentery_sdf, 0};
    const struct {
        const region *in;
        ph_segments *list;
        float apart_mm;
        tree_plan plan;
    } trees[] = {
        {&right_lung, &b->lung_vessels, 9, {{-52, 17, 556}, 760, 0.7f, 2.55f, 0.2f}},
        {&left_lung, &b->lung_vessels, 9, {{51, 28, 561}, 680, 0.7f, 2.55f, 0.2f}},
        {&right_lung, &b->lung_vessels, 13, {{-52, 2, 560}, 210, 0.72f, 2.5f, 0.2f}},
        {&right_lung, &b->lung_vessels, 13, {{-50, 32, 526}, 210, 0.72f, 2.5f, 0.2f}},
        {&left_lung, &b->lung_vessels, 13, {{52, 2, 560}, 190, 0.72f, 2.5f, 0.2f}},
        {&left_lung, &b->lung_vessels, 13, {{50, 32, 526}, 190, 0.72f, 2.5f, 0.2f}},
        {&liver, &b->portal, 22, {{-38, -4, 393}, 75, 1.15f, 2.8f, 0.5f}},
        {&liver, &b->hepatic, 26, {{-25, 13, 464}, 48, 1.25f, 2.8f, 0.6f}},
        {&mesentery, &b->mesenteric, 14, {{-6, -40, 300}, 110, 0.8f, 2.9f, 0.6f}},
    };
    uint64_t random = seed ^ 0x7265657473u;
    ph_vec targets[TIPS_MAX];

    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        kh_status status;

        scatter(targets, trees[i].plan.tips, b, trees[i].in, trees[i].apart_mm, &random);
        status = grow_tree(trees[i].list, &trees[i].plan, targets, err);
        if (status != KH_OK)
            return status;
    }
    return KH_OK;
}

void ph_paint_vessels(const ph_level *v, ph_canvas *c)
{
    static const float artery = KH_PHANTOM_HU_BLOOD, vein = 158, wall = 20;

    ph_paint_segments(c, &v->body->veins, 0.6f, 0.4f, ph_flat, &wall);
    ph_paint_segments(c, &v->body->veins, 0, 0.4f, ph_flat, &vein);
    ph_paint_atria(c);
    ph_paint_segments(c, &v->body->arteries, 0.9f, 0, ph_flat, &wall);
    ph_paint_segments(c, &v->body->arteries, 0, 0, ph_flat, &artery);
}
