/* Real files beside DCMTK's renderer: palettes, tables, windows, overlays. Files whose pixels are stored as they are. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dicom/frames.h"
#include "tests/render/support.h"
#include "viewer/render/modality.h"

#define PICTURE_MAX (64u << 20)

typedef struct real {
    kh_dataset *dataset;
    kh_image_info info;
    kh_display *display;
    uint8_t *pixels;
    kh_render_source source;
} real;

static const char *data_folder(void)
{
    const char *folder = getenv("KH_DATA");
    struct stat status;

    folder = folder ? folder : KH_PROJECT_DIR "/../shared/data";
    return stat(folder, &status) == 0 && S_ISDIR(status.st_mode) ? folder : NULL;
}

static void open_real(real *r, const char *path)
{
    kh_error err = KH_ERROR_INIT;
    kh_frame_table table;
    kh_source source;
    size_t size, bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    memset(r, 0, sizeof *r);
    assert_true(fd >= 0);
    if (kh_source_init_fd(&source, fd, &err) != KH_OK ||
        kh_dataset_read_file(&r->dataset, &source, &kh_display_limits, &err) != KH_OK ||
        kh_image_info_read(&r->info, r->dataset, &err) != KH_OK ||
        kh_frame_table_read(&table, r->dataset, &r->info, &source, &err) != KH_OK ||
        kh_display_read(&r->display, &size, r->dataset, &r->info, &err) != KH_OK)
        fail_msg("%s: %s", path, err.message);
    assert_true(kh_pixel_format_frame_bytes(&r->info.format, &bytes));
    r->pixels = malloc(bytes);
    assert_non_null(r->pixels);
    assert_int_equal(pread(fd, r->pixels, bytes, (off_t)table.extents[0].offset), bytes);
    r->source = (kh_render_source){r->pixels, bytes, &r->info.format, &r->info, kh_image_info_slice(&r->info, 0), r->display, 0};
    kh_frame_table_release(&table);
    close(fd);
}

static void close_real(real *r)
{
    free(r->pixels);
    free(r->display);
    kh_image_info_release(&r->info);
    kh_dataset_free(r->dataset);
}

/* The picture of dcm2pnm, without its header; channels from the magic number. NULL when it cannot. */
static uint8_t *reference(const char *path, const char *options, unsigned *channels, size_t *size)
{
    char command[1024];
    uint8_t *bytes = malloc(PICTURE_MAX);
    unsigned width = 0, height = 0, kind = 0;
    size_t got, header;
    FILE *pipe;

    snprintf(command, sizeof command, "f=$(mktemp) && dcm2pnm -q +op %s '%s' \"$f\" 2>/dev/null && cat \"$f\"; rm -f \"$f\"", options,
             path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(bytes);
    got = fread(bytes, 1, PICTURE_MAX, pipe);
    pclose(pipe);
    bytes[got < 64 ? got : 64] = got < 64 ? 0 : bytes[64];
    if (got < 16 || sscanf((char *)bytes, "P%u %u %u 255", &kind, &width, &height) != 3) {
        free(bytes);
        return NULL;
    }
    *channels = kind == 6 ? 3 : 1;
    *size = (size_t)width * height * *channels;
    header = got - *size;
    memmove(bytes, bytes + header, *size);
    return bytes;
}

typedef struct real_case {
    const char *file, *options;
    double center, width; /* width 0: none given */
    int within;           /* grey levels */
} real_case;

static const real_case cases[] = {
    {"pydicom-data/OBXXXX1A.dcm", "", 0, 0, 0},
    {"pydicom-data/OT-PAL-8-face.dcm", "", 0, 0, 0},
    {"pydicom/examples_palette.dcm", "", 0, 0, 0},
    {"transfer-syntax/TestPattern_Palette.dcm", "", 0, 0, 0},
    {"transfer-syntax/TestPattern_Palette_16.dcm", "", 0, 0, 0},
    {"pydicom-data/mlut_18.dcm", "+Ww 32768 65536", 32768, 65536, 1},
    {"pydicom-data/mlut_18.dcm", "+Ww 20000 9000", 20000, 9000, 1},
    {"pydicom-data/vlut_04.dcm", "+Wl 1", 0, 0, 1},
    {"pydicom-data/vlut_04.dcm", "+Ww 100 50", 100, 50, 1},
    {"pydicom/examples_overlay.dcm", "+Wi 1", 0, 0, 1},
    {"pydicom/examples_overlay.dcm", "+Ww 300 200", 300, 200, 1},
    {"gsps/overlay.dcm", "+Ww 600 1200", 600, 1200, 1},
};

static void pictures_are_those_of_dcmtk(void **state)
{
    const char *folder = data_folder();
    size_t compared = 0;

    (void)state;
    if (!folder || system("dcm2pnm --version > /dev/null 2>&1") != 0) {
        print_message("no data folder or no dcm2pnm: not compared\n");
        skip();
    }
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const real_case *c = &cases[n];
        kh_error err = KH_ERROR_INIT;
        kh_renderer *renderer = NULL;
        unsigned channels, expected_channels = 0;
        size_t size = 0, different = 0;
        uint8_t *expected;
        char path[512];
        kh_buf out;
        real r;

        snprintf(path, sizeof path, "%s/%s", folder, c->file);
        if (access(path, R_OK) != 0)
            continue;
        open_real(&r, path);
        expected = reference(path, c->options, &expected_channels, &size);
        if (!expected)
            fail_msg("%s: dcm2pnm makes no picture", c->file);
        kh_buf_init(&out, PICTURE_MAX);
        assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
        kh_render_view view = {.out_width = r.info.format.columns, .out_height = r.info.format.rows,
                               .window_given = c->width > 0, .window_center = c->center, .window_width = c->width};
        if (kh_render_pixels(renderer, &r.source, &view, &out, &channels, NULL, &err) != KH_OK)
            fail_msg("%s: %s", c->file, err.message);
        assert_int_equal(channels, expected_channels);
        assert_int_equal(out.size, size);
        for (size_t i = 0; i < size; i++)
            different += abs(out.data[i] - expected[i]) > c->within;
        if (different > 0)
            fail_msg("%s %s: %zu of %zu samples differ by more than %d", c->file, c->options, different, size, c->within);
        compared++;
        kh_renderer_free(renderer);
        kh_buf_release(&out);
        free(expected);
        close_real(&r);
    }
    print_message("%zu pictures compared\n", compared);
}

/* An MR whose window, 1000 and 2000, is plainly for its rescaled values (0 to 2264) and not for the stored ones (0 to 600): its
 * Rescale Type says that it has a Modality LUT. */
static void an_mr_with_a_rescale_type_is_windowed_after_its_rescale(void **state)
{
    const char *folder = data_folder();
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset = NULL;
    kh_image_info info;
    kh_source source;
    char path[512];
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s/pydicom-data/MR2_J2KI.dcm", folder ? folder : "");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        print_message("no data folder: not looked at\n");
        skip();
    }
    assert_int_equal(kh_source_init_fd(&source, fd, &err), KH_OK);
    assert_int_equal(kh_dataset_read_file(&dataset, &source, &kh_display_limits, &err), KH_OK);
    assert_int_equal(kh_image_info_read(&info, dataset, &err), KH_OK);
    assert_false(kh_window_is_on_stored_values(&info));
    assert_true(kh_modality_of(&info, &info.slices[0], NULL).slope == info.slices[0].rescale_slope);
    assert_true(info.slices[0].rescale_slope > 3.7 && info.slices[0].windows[0].width == 2000);
    kh_image_info_release(&info);
    kh_dataset_free(dataset);
    close(fd);
}

/* The segmented palette of 65,536 entries: its grey axis and its ends. */
static void a_segmented_palette_of_65536_entries(void **state)
{
    const char *folder = data_folder();
    char path[512];
    real r;

    (void)state;
    snprintf(path, sizeof path, "%s/pydicom-data/gdcm-US-ALOKA-16.dcm", folder ? folder : "");
    if (access(path, R_OK) != 0) {
        print_message("no data folder: not looked at\n");
        skip();
    }
    open_real(&r, path);
    assert_int_equal(r.display->palette.count, 65536);
    assert_int_equal(r.display->palette.first, 0);
    /* the first segments in the file: red two values 0000 7070, a line of 5 to c0c0; green 43 values; blue one value 0, a line of
     * 1 to 0020, 0 */
    assert_int_equal(r.display->palette.rgb[0], 0);
    assert_int_equal(r.display->palette.rgb[3], 0x70);
    assert_int_equal(r.display->palette.rgb[3 * 2], 0x80);
    assert_int_equal(r.display->palette.rgb[3 * 6], 0xc0);
    assert_int_equal(r.display->palette.rgb[3 * 3 + 1], 0x04);
    assert_int_equal(r.display->palette.rgb[3 * 4 + 1], 0x0c);
    close_real(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_those_of_dcmtk),
        cmocka_unit_test(an_mr_with_a_rescale_type_is_windowed_after_its_rescale),
        cmocka_unit_test(a_segmented_palette_of_65536_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
