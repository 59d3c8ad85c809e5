/* Files under folders and files a DICOMDIR names: what is found, what is complained about, where it ends. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/walk.h"
#include "base/buf.h"
#include "dicom/syntax.h"
#include "dicom/writer.h"
#include "tests/cmocka_all.h"

typedef struct fixture {
    char dir[64];
    char found[4096];    /* names of files, each followed by a space */
    char complained[4096];
    unsigned stop_after; /* 0: never */
    unsigned visits;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    if (!f)
        return -1;
    strcpy(f->dir, "/tmp/kh-walk-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    if (system(command) != 0)
        return -1;
    free(f);
    return 0;
}

static const char *path_in(const fixture *f, const char *name)
{
    static char path[8192];

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static void make_folder(const fixture *f, const char *name)
{
    assert_int_equal(mkdir(path_in(f, name), 0700), 0);
}

static void make_file(const fixture *f, const char *name, const void *bytes, size_t size)
{
    int fd = open(path_in(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static kh_status visit(void *context, const char *path)
{
    fixture *f = context;

    strcat(f->found, path + strlen(f->dir) + 1);
    strcat(f->found, " ");
    return ++f->visits == f->stop_after ? KH_E_FULL : KH_OK;
}

static void complain(void *context, const char *path, const char *why)
{
    fixture *f = context;

    (void)why;
    strcat(f->complained, strlen(path) > strlen(f->dir) ? path + strlen(f->dir) + 1 : path);
    strcat(f->complained, " ");
}

static void test_folders_in_order_without_dicomdir(void **state)
{
    fixture *f = *state;

    make_folder(f, "b");
    make_folder(f, "b/empty");
    make_file(f, "b/2", "x", 1);
    make_file(f, "b/1", "x", 1);
    make_file(f, "a", "x", 1);
    make_file(f, "DICOMDIR", "x", 1);
    make_file(f, "b/dicomdir", "x", 1);
    assert_int_equal(mkfifo(path_in(f, "pipe"), 0600), 0);
    assert_int_equal(kh_walk_folder(f->dir, visit, complain, f, NULL), KH_OK);
    assert_string_equal(f->found, "a b/1 b/2 ");
    assert_string_equal(f->complained, "");
}

static void test_links_are_followed_but_not_for_ever(void **state)
{
    fixture *f = *state;
    char target[128];

    make_folder(f, "a");
    make_file(f, "a/1", "x", 1);
    snprintf(target, sizeof target, "%s", f->dir);
    assert_int_equal(symlink(target, path_in(f, "a/up")), 0);
    assert_int_equal(symlink("1", path_in(f, "a/link")), 0);
    assert_int_equal(symlink("nothing", path_in(f, "a/nowhere")), 0);
    assert_int_equal(kh_walk_folder(f->dir, visit, complain, f, NULL), KH_OK);
    assert_string_equal(f->found, "a/1 a/link ");
    assert_string_equal(f->complained, "a/nowhere a/up ");
}

static void make_depth(const fixture *f, unsigned depth)
{
    char name[1024] = "";

    for (unsigned i = 0; i < depth; i++) {
        strcat(name, i ? "/d" : "d");
        make_folder(f, name);
    }
    strcat(name, "/file");
    make_file(f, name, "x", 1);
}

static void test_as_deep_as_the_limit(void **state)
{
    fixture *f = *state;

    make_depth(f, KH_WALK_DEPTH_MAX);
    assert_int_equal(kh_walk_folder(f->dir, visit, complain, f, NULL), KH_OK);
    assert_int_equal(f->visits, 1);
    assert_string_equal(f->complained, "");
}

static void test_deeper_than_the_limit(void **state)
{
    fixture *f = *state;

    make_depth(f, KH_WALK_DEPTH_MAX + 1);
    assert_int_equal(kh_walk_folder(f->dir, visit, complain, f, NULL), KH_OK);
    assert_int_equal(f->visits, 0);
    assert_string_not_equal(f->complained, "");
}

static void test_a_visitor_stops_the_walk(void **state)
{
    fixture *f = *state;

    make_file(f, "1", "x", 1);
    make_file(f, "2", "x", 1);
    make_file(f, "3", "x", 1);
    f->stop_after = 2;
    assert_int_equal(kh_walk_folder(f->dir, visit, complain, f, NULL), KH_E_FULL);
    assert_string_equal(f->found, "1 2 ");
}

/* A DICOMDIR with a patient record, then one record for each file ID. */
static void make_dicomdir(const fixture *f, const char *const *file_ids, size_t count)
{
    kh_buf buf, data;
    kh_writer *writer;

    kh_buf_init(&buf, 1 << 20);
    kh_buf_init(&data, 1 << 20);
    assert_int_equal(kh_part10_header(&buf, KH_SOP_DICOMDIR, "1.2.3", KH_TS_EXPLICIT_LE, "TEST", NULL), KH_OK);
    assert_int_equal(kh_writer_create(&writer, &data, true, "", NULL), KH_OK);
    kh_writer_sequence_begin(writer, KH_TAG_DIRECTORY_RECORD_SEQUENCE);
    kh_writer_item_begin(writer);
    kh_writer_text(writer, KH_TAG(0x0004, 0x1430), KH_VR('C', 'S'), "PATIENT");
    kh_writer_item_end(writer);
    for (size_t i = 0; i < count; i++) {
        kh_writer_item_begin(writer);
        kh_writer_text(writer, KH_TAG(0x0004, 0x1430), KH_VR('C', 'S'), "IMAGE");
        kh_writer_text(writer, KH_TAG_REFERENCED_FILE_ID, KH_VR('C', 'S'), file_ids[i]);
        kh_writer_item_end(writer);
    }
    kh_writer_sequence_end(writer);
    assert_int_equal(kh_writer_finish(writer, NULL), KH_OK);
    kh_writer_free(writer);
    assert_int_equal(kh_buf_append(&buf, data.data, data.size, NULL), KH_OK);
    make_file(f, "DICOMDIR", buf.data, buf.size);
    kh_buf_release(&buf);
    kh_buf_release(&data);
}

static void test_dicomdir_names_files(void **state)
{
    static const char *const ids[] = {"IMAGES\\B", "IMAGES\\A", "LOWER\\C", "IMAGES\\GONE"};
    fixture *f = *state;

    make_folder(f, "IMAGES");
    make_folder(f, "lower");
    make_file(f, "IMAGES/A", "x", 1);
    make_file(f, "IMAGES/B", "x", 1);
    make_file(f, "IMAGES/UNNAMED", "x", 1);
    make_file(f, "lower/c", "x", 1);
    make_dicomdir(f, ids, KH_COUNT(ids));
    assert_int_equal(kh_walk_dicomdir(path_in(f, "DICOMDIR"), visit, complain, f, NULL), KH_OK);
    assert_string_equal(f->found, "IMAGES/B IMAGES/A lower/c ");
    assert_string_equal(f->complained, "IMAGES/GONE ");
}

static void test_dicomdir_stays_on_its_medium(void **state)
{
    static const struct {
        const char *name, *id;
        unsigned visits;
    } cases[] = {
        {"eight components", "A\\A\\A\\A\\A\\A\\A\\F", 1},
        {"nine components", "A\\A\\A\\A\\A\\A\\A\\A\\F", 0},
        {"up", "..\\F", 0},
        {"up further inside", "A\\..\\F", 0},
        {"here", ".\\F", 0},
        {"slash", "A/F", 0},
        {"empty component", "A\\\\F", 0},
    };
    fixture *f = *state;
    char folder[64] = "A";

    for (int i = 0; i < 8; i++, strcat(folder, "/A"))
        make_folder(f, folder);
    make_file(f, "F", "x", 1);
    make_file(f, "A/F", "x", 1);
    make_file(f, "A/A/A/A/A/A/A/F", "x", 1);
    make_file(f, "A/A/A/A/A/A/A/A/F", "x", 1);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        f->visits = 0;
        f->complained[0] = '\0';
        make_dicomdir(f, &cases[i].id, 1);
        assert_int_equal(kh_walk_dicomdir(path_in(f, "DICOMDIR"), visit, complain, f, NULL), KH_OK);
        if (f->visits != cases[i].visits || (f->complained[0] != '\0') != (cases[i].visits == 0))
            fail_msg("%s: %u files, complaints \"%s\"", cases[i].name, f->visits, f->complained);
    }
}

static void test_a_dicomdir_that_is_none(void **state)
{
    fixture *f = *state;
    kh_error err = KH_ERROR_INIT;
    kh_buf buf;

    make_file(f, "DICOMDIR", "nothing of the kind", 19);
    assert_int_not_equal(kh_walk_dicomdir(path_in(f, "DICOMDIR"), visit, complain, f, NULL), KH_OK);
    kh_buf_init(&buf, 1 << 20);
    assert_int_equal(kh_part10_header(&buf, KH_SOP_DICOMDIR, "1.2.3", KH_TS_EXPLICIT_LE, "TEST", NULL), KH_OK);
    /* Without records: (0004,1130) CS of zero length. */
    assert_int_equal(kh_buf_append(&buf, "\x04\x00\x30\x11" "CS\0\0", 8, NULL), KH_OK);
    make_file(f, "DICOMDIR", buf.data, buf.size);
    kh_buf_release(&buf);
    assert_int_equal(kh_walk_dicomdir(path_in(f, "DICOMDIR"), visit, complain, f, &err), KH_E_FORMAT);
    assert_non_null(strstr(err.message, "(0004,1220)"));
    assert_int_equal(f->visits, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_folders_in_order_without_dicomdir),
        CASE(test_links_are_followed_but_not_for_ever),
        CASE(test_as_deep_as_the_limit),
        CASE(test_deeper_than_the_limit),
        CASE(test_a_visitor_stops_the_walk),
        CASE(test_dicomdir_names_files),
        CASE(test_dicomdir_stays_on_its_medium),
        CASE(test_a_dicomdir_that_is_none),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
