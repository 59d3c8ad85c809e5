/* The demonstration data as files: read by our own reader and by dcmdump, options, names, geometry, the same bytes
 * twice. */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dicom/image.h"
#include "dicom/text.h"
#include "phantom/phantom.h"
#include "tests/cmocka_all.h"

#define FILES_MAX 32

typedef struct tree {
    char dir[64];
    char paths[FILES_MAX][512]; /* sorted */
    size_t count;
    uint32_t progress_calls, progress_total;
} tree;

static tree *walked;

static int note_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)at;
    if (type != FTW_F)
        return 0;
    assert_true(walked->count < FILES_MAX);
    snprintf(walked->paths[walked->count++], sizeof walked->paths[0], "%s", path);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void note_progress(void *context, uint32_t done, uint32_t total)
{
    tree *t = context;

    t->progress_calls++;
    t->progress_total = total;
    assert_int_equal(done, t->progress_calls);
}

static void make_tree(tree *t, uint64_t seed, uint32_t ct, uint32_t earlier, uint32_t mr)
{
    kh_phantom_options options = kh_phantom_options_default;
    kh_error err = KH_ERROR_INIT;

    *t = (tree){.dir = "/tmp/kh_phantom_XXXXXX"};
    assert_non_null(mkdtemp(t->dir));
    options.dir = t->dir;
    options.seed = seed;
    options.ct_slices = ct;
    options.ct_earlier_slices = earlier;
    options.mr_slices = mr;
    options.progress = note_progress;
    options.context = t;
    if (kh_phantom_generate(&options, &err) != KH_OK)
        fail_msg("%s", err.message);
    walked = t;
    assert_int_equal(nftw(t->dir, note_file, 8, FTW_PHYS), 0);
    qsort(t->paths, t->count, sizeof t->paths[0], compare_paths);
}

static void drop_tree(tree *t)
{
    nftw(t->dir, remove_entry, 8, FTW_PHYS | FTW_DEPTH);
}

static kh_dataset *open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset = NULL;
    kh_source source;

    assert_true(fd >= 0);
    assert_int_equal(kh_source_init_fd(&source, fd, &err), KH_OK);
    if (kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s: %s", path, err.message);
    close(fd);
    return dataset;
}

/* Type 1 attributes of the modules both images have, then of CT and MR alone (PS3.3 A.3.3, A.4.3). */
static const kh_tag type_1[] = {
    KH_TAG(0x0008, 0x0008), KH_TAG(0x0008, 0x0016), KH_TAG(0x0008, 0x0018), KH_TAG(0x0008, 0x0060),
    KH_TAG(0x0020, 0x000d), KH_TAG(0x0020, 0x000e), KH_TAG(0x0020, 0x0052), KH_TAG(0x0020, 0x0032),
    KH_TAG(0x0020, 0x0037), KH_TAG(0x0028, 0x0002), KH_TAG(0x0028, 0x0004), KH_TAG(0x0028, 0x0010),
    KH_TAG(0x0028, 0x0011), KH_TAG(0x0028, 0x0030), KH_TAG(0x0028, 0x0100), KH_TAG(0x0028, 0x0101),
    KH_TAG(0x0028, 0x0102), KH_TAG(0x0028, 0x0103), KH_TAG(0x7fe0, 0x0010)};
static const kh_tag type_1_ct[] = {KH_TAG(0x0028, 0x1052), KH_TAG(0x0028, 0x1053), KH_TAG(0x0018, 0x0060)};
static const kh_tag type_1_mr[] = {KH_TAG(0x0018, 0x0020), KH_TAG(0x0018, 0x0021), KH_TAG(0x0018, 0x0081)};

static void check_present(const kh_item *item, const kh_tag *tags, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        const kh_element *e = kh_item_find(item, tags[i]);

        if (!e || e->length == 0)
            fail_msg("%s: (%04X,%04X) is missing or empty", path, KH_TAG_ARGS(tags[i]));
    }
}

static void check_file(const char *path)
{
    kh_dataset *dataset = open_file(path);
    const kh_item *item = kh_dataset_main(dataset);
    char modality[17] = "", meta_uid[KH_UID_SIZE] = "", uid[KH_UID_SIZE] = "";
    kh_error err = KH_ERROR_INIT;
    kh_image_info info;

    assert_string_equal(kh_dataset_warnings(dataset), "");
    assert_true(kh_item_string(item, KH_TAG_MODALITY, 0, modality, sizeof modality));
    check_present(item, type_1, KH_COUNT(type_1), path);
    if (strcmp(modality, "CT") == 0)
        check_present(item, type_1_ct, KH_COUNT(type_1_ct), path);
    else
        check_present(item, type_1_mr, KH_COUNT(type_1_mr), path);
    assert_true(kh_item_string(item, KH_TAG_SOP_INSTANCE_UID, 0, uid, sizeof uid));
    assert_true(
        kh_item_string(kh_dataset_meta(dataset), KH_TAG_MEDIA_STORAGE_SOP_INSTANCE_UID, 0, meta_uid, sizeof meta_uid));
    assert_string_equal(uid, meta_uid);
    assert_true(kh_uid_valid(uid));
    if (kh_image_info_read(&info, dataset, &err) != KH_OK)
        fail_msg("%s: %s", path, err.message);
    assert_int_equal(info.format.bits_stored, 12);
    assert_false(info.format.is_signed);
    assert_true(info.slices[0].has_position && info.slices[0].has_orientation && info.slices[0].window_count > 0);
    assert_int_equal(kh_item_find(item, KH_TAG_PIXEL_DATA)->length,
                     2 * (uint64_t)info.format.rows * info.format.columns);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
}

static void test_files(void **state)
{
    char command[256];
    tree t;

    (void)state;
    make_tree(&t, 1, 3, 1, 1);
    assert_int_equal(t.count, 3 + 1 + 1 + 1 + 3); /* with a scout for either CT, and three series of MR */
    assert_int_equal(t.progress_calls, t.count);
    assert_int_equal(t.progress_total, t.count);
    for (size_t i = 0; i < t.count; i++)
        check_file(t.paths[i]);
    if (system("command -v dcmdump > /dev/null") == 0) {
        snprintf(command, sizeof command, "find %s -name '*.dcm' -print0 | xargs -0 dcmdump > /dev/null", t.dir);
        assert_int_equal(system(command), 0);
    } else {
        print_message("dcmdump is not installed: not asked\n");
    }
    drop_tree(&t);
}

/* 12 bits in 16: nothing above, and in a CT the air beside the patient is about -1000 HU. */
static void test_pixel_range(void **state)
{
    static uint8_t bytes[512 * 512 * 2];
    tree t;

    (void)state;
    make_tree(&t, 3, 1, 0, 1);
    for (size_t i = 0; i < t.count; i++) {
        kh_dataset *dataset = open_file(t.paths[i]);
        const kh_element *pixels = kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA);
        FILE *file = fopen(t.paths[i], "rb");
        unsigned highest = 0;

        assert_non_null(file);
        assert_true(pixels->length <= sizeof bytes);
        assert_int_equal(fseek(file, (long)pixels->offset, SEEK_SET), 0);
        assert_int_equal(fread(bytes, 1, pixels->length, file), pixels->length);
        fclose(file);
        for (size_t k = 0; k < pixels->length; k += 2) {
            unsigned value = bytes[k] | (unsigned)bytes[k + 1] << 8;

            highest = value > highest ? value : highest;
        }
        assert_true(highest > 400 && highest <= 4095);
        kh_dataset_free(dataset);
    }
    drop_tree(&t);
}

/* The top slice is the first; each is 640 mm / count below the one before; rows and columns are axial. */
static void test_ct_geometry(void **state)
{
    double last = 0;
    int axial = 0;
    tree t;

    (void)state;
    make_tree(&t, 5, 4, 0, 0);
    for (size_t i = 0; i < t.count; i++) {
        kh_dataset *dataset = open_file(t.paths[i]);
        const kh_item *item = kh_dataset_main(dataset);
        int64_t series = 0, instance = 0;
        double z = 0, location = 1;

        assert_true(kh_item_int(item, KH_TAG_SERIES_NUMBER, 0, &series));
        assert_true(kh_item_int(item, KH_TAG_INSTANCE_NUMBER, 0, &instance));
        if (series == 2) { /* paths are sorted, so instances come in order */
            assert_int_equal(instance, ++axial);
            assert_true(kh_item_double(item, KH_TAG_IMAGE_POSITION_PATIENT, 2, &z));
            assert_true(kh_item_double(item, KH_TAG_SLICE_LOCATION, 0, &location));
            assert_true(z == location);
            assert_true(axial == 1 || fabs(last - z - 160) < 1e-9);
            last = z;
        }
        kh_dataset_free(dataset);
    }
    assert_int_equal(axial, 4);
    drop_tree(&t);
}

/* JIS X 0208 by row and cell: 18-45 22-85 ^ 34-32 47-26, and kana of row 4 (PS3.5 H.3). */
static void test_names(void **state)
{
    static const char raw[] = "Kakuu^Tarou=\x1b$B2M6u\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$+$/$&\x1b(B^\x1b$B$?$m$&\x1b(B";
    tree t;

    (void)state;
    make_tree(&t, 1, 1, 0, 0);
    for (size_t i = 0; i < t.count; i++) {
        kh_dataset *dataset = open_file(t.paths[i]);
        const kh_item *item = kh_dataset_main(dataset);
        const kh_element *name = kh_item_find(item, KH_TAG_PATIENT_NAME);
        kh_person_name parts;
        char institution[65];

        assert_string_equal(kh_item_charset(item), "\\ISO 2022 IR 87");
        assert_in_range(name->length, sizeof raw - 1, sizeof raw);
        assert_memory_equal(name->value, raw, sizeof raw - 1);
        kh_item_person_name(item, KH_TAG_PATIENT_NAME, &parts);
        assert_string_equal(parts.alphabetic, "Kakuu^Tarou");
        assert_string_equal(parts.ideographic, "架空^太郎");
        assert_string_equal(parts.phonetic, "かくう^たろう");
        kh_item_text(item, KH_TAG_INSTITUTION_NAME, 0, institution, sizeof institution);
        assert_string_equal(institution, "架空総合病院");
        kh_dataset_free(dataset);
    }
    drop_tree(&t);
}

static bool same_bytes(const char *a, const char *b)
{
    FILE *fa = fopen(a, "rb"), *fb = fopen(b, "rb");
    static uint8_t x[600000], y[600000];
    size_t nx, ny;

    assert_true(fa && fb);
    nx = fread(x, 1, sizeof x, fa);
    ny = fread(y, 1, sizeof y, fb);
    fclose(fa);
    fclose(fb);
    return nx == ny && memcmp(x, y, nx) == 0;
}

static void test_same_seed_same_bytes(void **state)
{
    static tree a, b, other;

    (void)state;
    make_tree(&a, 11, 2, 1, 1);
    make_tree(&b, 11, 2, 1, 1);
    make_tree(&other, 12, 2, 1, 1);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++) {
        assert_string_equal(a.paths[i] + strlen(a.dir), b.paths[i] + strlen(b.dir));
        assert_true(same_bytes(a.paths[i], b.paths[i]));
        for (size_t k = 0; k < other.count; k++)
            assert_string_not_equal(a.paths[i] + strlen(a.dir), other.paths[k] + strlen(other.dir));
    }
    drop_tree(&a);
    drop_tree(&b);
    drop_tree(&other);
}

/* A directory that cannot be made: options that are accepted fail there, and nothing is computed. */
#define NO_DIR "/proc/kh_phantom"

static const struct option_case {
    const char *name;
    kh_phantom_options options;
    bool accepted;
} option_cases[] = {
    {"no directory", {NULL, 1, 1, 1, 1, 1, NULL, NULL}, false},
    {"empty directory", {"", 1, 1, 1, 1, 1, NULL, NULL}, false},
    {"no CT slice", {NO_DIR, 1, 0, 1, 1, 1, NULL, NULL}, false},
    {"one CT slice, no more", {NO_DIR, 1, 1, 0, 0, 1, NULL, NULL}, true},
    {"most CT slices", {NO_DIR, 1, KH_PHANTOM_CT_SLICES_MAX, KH_PHANTOM_CT_SLICES_MAX, 0, 1, NULL, NULL}, true},
    {"one CT slice too many", {NO_DIR, 1, KH_PHANTOM_CT_SLICES_MAX + 1, 1, 1, 1, NULL, NULL}, false},
    {"one earlier slice too many", {NO_DIR, 1, 1, KH_PHANTOM_CT_SLICES_MAX + 1, 1, 1, NULL, NULL}, false},
    {"most MR slices", {NO_DIR, 1, 1, 1, KH_PHANTOM_MR_SLICES_MAX, 1, NULL, NULL}, true},
    {"one MR slice too many", {NO_DIR, 1, 1, 1, KH_PHANTOM_MR_SLICES_MAX + 1, 1, NULL, NULL}, false},
    {"no thread", {NO_DIR, 1, 1, 1, 1, 0, NULL, NULL}, false},
    {"most threads", {NO_DIR, 1, 1, 1, 1, KH_PHANTOM_THREADS_MAX, NULL, NULL}, true},
    {"one thread too many", {NO_DIR, 1, 1, 1, 1, KH_PHANTOM_THREADS_MAX + 1, NULL, NULL}, false},
};

static void test_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(option_cases); i++) {
        const struct option_case *c = &option_cases[i];
        kh_error err = KH_ERROR_INIT;
        kh_status status = kh_phantom_generate(&c->options, &err);

        if (status != (c->accepted ? KH_E_IO : KH_E_ARG))
            fail_msg("%s: status %s, \"%s\"", c->name, kh_status_text(status), err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files), cmocka_unit_test(test_pixel_range),          cmocka_unit_test(test_ct_geometry),
        cmocka_unit_test(test_names), cmocka_unit_test(test_same_seed_same_bytes), cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
