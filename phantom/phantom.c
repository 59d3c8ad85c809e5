#include "phantom/phantom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/pool.h"
#include "phantom/images.h"
#include "phantom/study.h"

#define MR_HEIGHT_MM 150.0f
#define MR_BOTTOM_MM (-66.0f)
#define MR_THICKNESS_MM 5.0
#define NODULE_MM 6.0f
#define NODULE_EARLIER_MM 3.4f
#define SERIES_MAX 7

const kh_phantom_options kh_phantom_options_default = {
    .seed = 1, .ct_slices = 320, .ct_earlier_slices = 160, .mr_slices = 26, .threads = 2};

static const ph_patient man = {"Kakuu^Tarou=架空^太郎=かくう^たろう", "DEMO-000101", "19580314", "M"};
static const ph_patient woman = {"Mihon^Hanako=見本^花子=みほん^はなこ", "DEMO-000202", "19720930", "F"};

static const ph_study ct_study = {&man,           1,    "CT0915",         "A26-0915-01",  "20260915", "101530", "068Y",
                                  "胸腹部造影CT", "CT", "CHESTABDPELVIS", "PHANTOM CT 64"};
static const ph_study ct_earlier_study = {&man,           2,
                                          "CT0116",       "A26-0116-07",
                                          "20260116",     "143005",
                                          "067Y",         "胸腹部造影CT 前回",
                                          "CT",           "CHESTABDPELVIS",
                                          "PHANTOM CT 64"};
static const ph_study mr_study = {&woman, 3,         "MR1002", "A26-1002-03", "20261002",       "094210",
                                  "054Y", "頭部MRI", "MR",     "HEAD",        "PHANTOM MR 1.5T"};

/* Where a study's patient lay: added to model positions. The second time is never the same. */
static const double shifts_mm[][3] = {{0, 0, 0}, {0, -15, -360}, {2.5, -11, -338}, {0, 0, 0}};

typedef struct job {
    ph_series series;
    uint32_t slices;
    const ph_body *body;    /* CT */
    float noise_sd_hu;      /* CT */
    float *scout_rows;      /* CT: one row per slice, may be NULL */
    ph_weighting weighting; /* MR */
    bool sagittal;          /* MR */
    char dir[PATH_MAX];
} job;

typedef struct run {
    const kh_phantom_options *options;
    ph_body body, body_earlier;
    job jobs[SERIES_MAX];
    size_t job_count;
    uint32_t total;
    atomic_uint next; /* image to make: an index over all jobs' slices */
    atomic_bool failed;
    pthread_mutex_t lock;
    uint32_t done;  /* lock */
    kh_error error; /* lock: the first */
} run;

static kh_status check_range(const char *name, uint32_t value, uint32_t low, uint32_t high, kh_error *err)
{
    if (value < low || value > high)
        return kh_error_set(err, KH_E_ARG, "%s %u, expected %u to %u", name, value, low, high);
    return KH_OK;
}

static kh_status check_options(const kh_phantom_options *o, kh_error *err)
{
    kh_status status = KH_OK;

    if (!o->dir || !o->dir[0])
        return kh_error_set(err, KH_E_ARG, "no directory for the demonstration data");
    if (strlen(o->dir) > PATH_MAX - 200)
        return kh_error_set(err, KH_E_ARG, "directory name of %zu bytes, limit %d", strlen(o->dir), PATH_MAX - 200);
    status = check_range("CT slices", o->ct_slices, 1, KH_PHANTOM_CT_SLICES_MAX, err);
    if (status == KH_OK)
        status = check_range("earlier CT slices", o->ct_earlier_slices, 0, KH_PHANTOM_CT_SLICES_MAX, err);
    if (status == KH_OK)
        status = check_range("MR slices", o->mr_slices, 0, KH_PHANTOM_MR_SLICES_MAX, err);
    return status == KH_OK ? check_range("threads", o->threads, 1, KH_PHANTOM_THREADS_MAX, err) : status;
}

/* As mkdir -p. */
static kh_status make_dirs(const char *path, kh_error *err)
{
    char part[PATH_MAX];

    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return kh_error_errno(err, errno, "directory %s", part);
    }
    return KH_OK;
}

static kh_status write_bytes(int fd, const uint8_t *bytes, size_t size, const char *path, kh_error *err)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_error_errno(err, errno, "write %s", path);
        bytes += n;
        size -= (size_t)n;
    }
    return KH_OK;
}

/* Written beside its name and renamed, so that whoever watches the folder sees whole files only. */
static kh_status write_file(const char *dir, unsigned instance, const kh_buf *file, kh_error *err)
{
    char path[PATH_MAX + 32], part[PATH_MAX + 32];
    kh_status status;
    int fd;

    snprintf(path, sizeof path, "%s/IM%04u.dcm", dir, instance);
    snprintf(part, sizeof part, "%s/.IM%04u.part", dir, instance);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return kh_error_errno(err, errno, "open %s", part);
    status = write_bytes(fd, file->data, file->size, part, err);
    if (close(fd) != 0 && status == KH_OK)
        status = kh_error_errno(err, errno, "close %s", part);
    if (status == KH_OK && rename(part, path) != 0)
        status = kh_error_errno(err, errno, "rename %s", part);
    if (status != KH_OK)
        unlink(part);
    return status;
}

static uint64_t image_seed(const run *r, const job *j, uint32_t index)
{
    uint64_t state =
        r->options->seed ^ (uint64_t)j->series.study->number << 48 ^ (uint64_t)j->series.number << 32 ^ index;

    return ph_random(&state);
}

/* Instance 1 is at the top; positions are of the patient (LPS), heights in the model differ by the study's shift. */
static void make_ct(const run *r, const job *j, uint32_t index, ph_worker *w, ph_image *image)
{
    const double *shift = shifts_mm[j->series.study->number];
    double z = PH_BODY_BOTTOM_MM + PH_BODY_HEIGHT_MM * (1 - (index + 0.5) / j->slices);

    ph_ct_pixels(w, j->body, (float)z, j->noise_sd_hu, image_seed(r, j, index),
                 j->scout_rows ? j->scout_rows + (size_t)index * PH_CT_SIZE : NULL);
    image->position_mm[0] = PH_CT_X0_MM + shift[0];
    image->position_mm[1] = PH_CT_Y0_MM + shift[1];
    image->position_mm[2] = image->location_mm = z + shift[2];
}

static void make_mr(const run *r, const job *j, uint32_t index, ph_worker *w, ph_image *image)
{
    float along = MR_HEIGHT_MM * ((float)index + 0.5f) / (float)j->slices;
    float edge = -(PH_MR_SIZE - 1) / 2.0f * PH_MR_SPACING_MM, step = PH_MR_SPACING_MM;
    ph_vec origin = {edge, edge - 6, MR_BOTTOM_MM + along}, across = {step, 0, 0}, down = {0, step, 0};

    if (j->sagittal) {
        origin = (ph_vec){-MR_HEIGHT_MM / 2 + along, edge - 6, -12 - edge};
        across = (ph_vec){0, step, 0};
        down = (ph_vec){0, 0, -step};
    }
    ph_mr_pixels(w->pixels, origin, across, down, j->weighting, (uint32_t)(r->options->seed * 747796405u),
                 image_seed(r, j, index));
    image->position_mm[0] = origin.x;
    image->position_mm[1] = origin.y;
    image->position_mm[2] = origin.z;
    image->location_mm = j->sagittal ? origin.x : origin.z;
}

static void make_scout(const run *r, const job *j, ph_worker *w, ph_image *image)
{
    const double *shift = shifts_mm[j->series.study->number];

    ph_scout_pixels(w->pixels, j->scout_rows, (uint32_t)(j->slices), image_seed(r, j, 0));
    image->position_mm[0] = -(PH_SCOUT_SIZE - 1) / 2.0 * PH_SCOUT_SPACING_MM + shift[0];
    image->position_mm[1] = shift[1];
    image->position_mm[2] = PH_BODY_BOTTOM_MM + PH_BODY_HEIGHT_MM - PH_SCOUT_SPACING_MM / 2.0 + shift[2];
    image->location_mm = image->position_mm[1];
}

static kh_status make_image(run *r, const job *j, uint32_t index, ph_worker *w, kh_error *err)
{
    ph_image image = {.series = &j->series, .seed = r->options->seed, .instance = index + 1};
    kh_status status;

    if (j->series.kind == PH_KIND_CT)
        make_ct(r, j, index, w, &image);
    else if (j->series.kind == PH_KIND_MR)
        make_mr(r, j, index, w, &image);
    else
        make_scout(r, j, w, &image);
    image.pixels = w->pixels;
    kh_buf_clear(&w->file);
    status = ph_image_write(&w->file, &image, err);
    return status == KH_OK ? write_file(j->dir, image.instance, &w->file, err) : status;
}

static void count_done(run *r, kh_status status, const kh_error *err)
{
    pthread_mutex_lock(&r->lock);
    if (status != KH_OK) {
        atomic_store(&r->failed, true);
        kh_error_set(&r->error, status, "%s", err->message);
    } else {
        r->done++;
        if (r->options->progress)
            r->options->progress(r->options->context, r->done, r->total);
    }
    pthread_mutex_unlock(&r->lock);
}

/* The job that image number `number` belongs to, and its index there; scouts come after all others. */
static const job *find_image(const run *r, uint32_t number, uint32_t *index)
{
    for (size_t i = 0; i < r->job_count; i++) {
        if (r->jobs[i].series.kind == PH_KIND_SCOUT)
            continue;
        if (number < r->jobs[i].slices) {
            *index = number;
            return &r->jobs[i];
        }
        number -= r->jobs[i].slices;
    }
    return NULL;
}

static void work(void *argument, unsigned thread_index)
{
    run *r = argument;
    kh_error err = KH_ERROR_INIT;
    const job *j;
    ph_worker w;
    uint32_t index;
    kh_status status = ph_worker_init(&w, &err);

    (void)thread_index;
    if (status != KH_OK) {
        count_done(r, status, &err);
        return;
    }
    while (!atomic_load(&r->failed) && (j = find_image(r, atomic_fetch_add(&r->next, 1), &index)) != NULL)
        count_done(r, make_image(r, j, index, &w, &err), &err);
    ph_worker_release(&w);
}

/* The scouts are projections of all slices of their study, so they are made last. */
static kh_status make_scouts(run *r, kh_error *err)
{
    ph_worker w;
    kh_status status = ph_worker_init(&w, err);

    for (size_t i = 0; status == KH_OK && i < r->job_count; i++) {
        if (r->jobs[i].series.kind != PH_KIND_SCOUT)
            continue;
        status = make_image(r, &r->jobs[i], 0, &w, err);
        count_done(r, status, err);
    }
    ph_worker_release(&w);
    return status;
}

static job *add_job(run *r, const ph_series *series, uint32_t slices, kh_status *status, kh_error *err)
{
    job *j = &r->jobs[r->job_count++];
    char study_uid[KH_UID_SIZE], series_uid[KH_UID_SIZE];

    j->series = *series;
    j->slices = slices;
    r->total += series->kind == PH_KIND_SCOUT ? 1 : slices;
    ph_uid(study_uid, r->options->seed, PH_UID_STUDY, series->study->number, 0, 0);
    ph_uid(series_uid, r->options->seed, PH_UID_SERIES, series->study->number, series->number, 0);
    snprintf(j->dir, sizeof j->dir, "%s/%s/%s", r->options->dir, study_uid, series_uid);
    if (*status == KH_OK)
        *status = make_dirs(j->dir, err);
    return j;
}

static kh_status plan_ct(run *r, const ph_study *study, const ph_body *body, uint32_t slices, float noise_sd_hu,
                         kh_error *err)
{
    double gap = (double)PH_BODY_HEIGHT_MM / slices;
    ph_series scout = {.study = study,
                       .kind = PH_KIND_SCOUT,
                       .number = 1,
                       .description = "Scout",
                       .protocol = "CHEST-ABDOMEN-PELVIS",
                       .spacing_mm = PH_SCOUT_SPACING_MM,
                       .thickness_mm = 400,
                       .orientation = {1, 0, 0, 0, 0, -1},
                       .columns = PH_SCOUT_SIZE,
                       .rows = PH_SCOUT_SIZE,
                       .window_center = 150,
                       .window_width = 1100};
    ph_series axial = {.study = study,
                       .kind = PH_KIND_CT,
                       .number = 2,
                       .description = "Chest-Abdomen-Pelvis PV",
                       .protocol = scout.protocol,
                       .spacing_mm = PH_CT_SPACING_MM,
                       .thickness_mm = gap < 5 ? gap : 5,
                       .gap_mm = gap,
                       .orientation = {1, 0, 0, 0, 1, 0},
                       .columns = PH_CT_SIZE,
                       .rows = PH_CT_SIZE};
    float *rows = calloc((size_t)slices * PH_CT_SIZE, sizeof *rows);
    kh_status status = KH_OK;
    job *j;

    if (!rows)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a scout of %u rows", slices);
    add_job(r, &scout, slices, &status, err)->scout_rows = rows;
    j = add_job(r, &axial, slices, &status, err);
    j->body = body;
    j->noise_sd_hu = noise_sd_hu;
    j->scout_rows = rows;
    return status;
}

static kh_status plan_mr(run *r, uint32_t slices, kh_error *err)
{
    double gap = (double)MR_HEIGHT_MM / slices;
    ph_series series = {.study = &mr_study,
                        .kind = PH_KIND_MR,
                        .number = 1,
                        .description = "T1 SE axial",
                        .protocol = "HEAD T1 SE",
                        .spacing_mm = PH_MR_SPACING_MM,
                        .thickness_mm = gap < MR_THICKNESS_MM ? gap : MR_THICKNESS_MM,
                        .gap_mm = gap,
                        .orientation = {1, 0, 0, 0, 1, 0},
                        .columns = PH_MR_SIZE,
                        .rows = PH_MR_SIZE,
                        .repetition_ms = 520,
                        .echo_ms = 12,
                        .window_center = 620,
                        .window_width = 1250};
    ph_series t2 = series, sagittal = series;
    kh_status status = KH_OK;
    job *j;

    t2.number = 2;
    t2.description = "T2 TSE axial";
    t2.protocol = "HEAD T2 TSE";
    t2.repetition_ms = 4200;
    t2.echo_ms = 96;
    t2.window_center = 720;
    t2.window_width = 1450;
    sagittal.number = 3;
    sagittal.description = "T1 SE sagittal";
    memcpy(sagittal.orientation, (double[]){0, 1, 0, 0, 0, -1}, sizeof sagittal.orientation);
    add_job(r, &series, slices, &status, err)->weighting = PH_T1;
    add_job(r, &t2, slices, &status, err)->weighting = PH_T2;
    j = add_job(r, &sagittal, slices, &status, err);
    j->weighting = PH_T1;
    j->sagittal = true;
    return status;
}

static kh_status plan(run *r, kh_error *err)
{
    const kh_phantom_options *o = r->options;
    kh_status status = ph_body_build(&r->body, o->seed, NODULE_MM, err);

    if (status == KH_OK)
        status = plan_ct(r, &ct_study, &r->body, o->ct_slices, KH_PHANTOM_NOISE_SD_HU, err);
    if (status == KH_OK && o->ct_earlier_slices > 0) {
        status = ph_body_build(&r->body_earlier, o->seed, NODULE_EARLIER_MM, err);
        if (status == KH_OK)
            status = plan_ct(r, &ct_earlier_study, &r->body_earlier, o->ct_earlier_slices, KH_PHANTOM_NOISE_SD_HU, err);
    }
    if (status == KH_OK && o->mr_slices > 0)
        status = plan_mr(r, o->mr_slices, err);
    return status;
}

static kh_status run_jobs(run *r, kh_error *err)
{
    kh_pool *pool = NULL;
    kh_status status = kh_pool_create(&pool, "phantom", r->options->threads, r->options->threads, err);

    for (unsigned i = 0; status == KH_OK && i < r->options->threads; i++)
        status = kh_pool_submit(pool, work, r, err);
    kh_pool_stop(pool);
    if (status == KH_OK && r->error.status != KH_OK)
        status = kh_error_set(err, r->error.status, "%s", r->error.message);
    return status == KH_OK ? make_scouts(r, err) : status;
}

kh_status kh_phantom_generate(const kh_phantom_options *options, kh_error *err)
{
    run *r = NULL;
    kh_status status = check_options(options, err);

    if (status != KH_OK)
        return status;
    r = calloc(1, sizeof *r);
    if (!r)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the plan of the demonstration data");
    r->options = options;
    pthread_mutex_init(&r->lock, NULL);
    status = plan(r, err);
    if (status == KH_OK)
        status = run_jobs(r, err);
    for (size_t i = 0; i < r->job_count; i++)
        if (r->jobs[i].series.kind == PH_KIND_SCOUT)
            free(r->jobs[i].scout_rows);
    ph_body_release(&r->body);
    ph_body_release(&r->body_earlier);
    pthread_mutex_destroy(&r->lock);
    free(r);
    return status;
}
