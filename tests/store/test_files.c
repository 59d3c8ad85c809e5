/* Files, locks, the shared page and checksums. */
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "store/digest.h"
#include "store/file.h"
#include "store/page.h"

static char dir[256];

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(dir, sizeof dir, "%.200s/kh-file-XXXXXX", base && base[0] ? base : ".");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[300];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static const char *in_dir(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* Files */

static void directories_are_made_with_parents(void **state)
{
    struct stat st;
    char deep[PATH_MAX];

    (void)state;
    assert_int_equal(kh_dir_ensure(in_dir("a/b//c"), NULL), KH_OK);
    assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(kh_dir_ensure(in_dir("a/b/c"), NULL), KH_OK);
    assert_int_equal(kh_dir_ensure(in_dir("a/d/"), NULL), KH_OK);
    assert_int_equal(kh_file_replace(in_dir("file"), "x", 1, NULL), KH_OK);
    assert_int_equal(kh_dir_ensure(in_dir("file/x"), NULL), KH_E_IO);
    assert_int_equal(kh_dir_ensure("", NULL), KH_E_ARG);
    memset(deep, 'a', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(kh_dir_ensure(deep, NULL), KH_E_IO); /* the name itself is too long for the system */
    assert_int_equal(kh_dir_sync(in_dir("nothing"), NULL), KH_E_IO);
}

static void replaced_whole_and_read_back(void **state)
{
    uint8_t bytes[1000], back[1000];
    kh_error err = KH_ERROR_INIT;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(kh_file_replace(in_dir("f"), "first", 5, NULL), KH_OK);
    assert_int_equal(kh_file_replace(in_dir("f"), bytes, sizeof bytes, NULL), KH_OK);
    assert_int_equal(access(in_dir("f.new"), F_OK), -1);
    fd = open(in_dir("f"), O_RDONLY);
    assert_int_equal(kh_read_all_at(fd, back, 1000, 0, NULL), KH_OK);
    assert_memory_equal(back, bytes, 1000);
    assert_int_equal(kh_read_all_at(fd, back, 10, 990, NULL), KH_OK);
    assert_int_equal(kh_read_all_at(fd, back, 0, 1000, NULL), KH_OK);
    assert_int_equal(kh_read_all_at(fd, back, 10, 991, &err), KH_E_FORMAT);
    assert_non_null(strstr(err.message, "9 of 10"));
    assert_int_equal(kh_read_all_at(fd, back, 1, UINT64_MAX, NULL), KH_E_FORMAT);
    assert_int_equal(kh_write_all(fd, bytes, 1, NULL), KH_E_IO); /* opened for reading */
    close(fd);
    assert_int_equal(kh_file_replace(in_dir("none/f"), "x", 1, NULL), KH_E_IO);
}

static void full_device_is_full(void **state)
{
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    if (fd < 0)
        skip();
    assert_int_equal(kh_write_all(fd, "x", 1, NULL), KH_E_FULL);
    close(fd);
}

static void lock_keeps_others_out(void **state)
{
    pid_t child;
    int fd, how;

    (void)state;
    assert_int_equal(kh_lock_acquire(&fd, in_dir("lock"), NULL), KH_OK);
    child = fork();
    if (child == 0) {
        int other;

        _exit(kh_lock_acquire(&other, in_dir("lock"), NULL) == KH_E_BUSY && other == -1 ? 0 : 1);
    }
    waitpid(child, &how, 0);
    assert_int_equal(how, 0);
    kh_lock_release(fd);
    assert_int_equal(kh_lock_acquire(&fd, in_dir("lock"), NULL), KH_OK);
    kh_lock_release(fd);
    kh_lock_release(-1);
}

static void disk_has_free_bytes(void **state)
{
    uint64_t bytes = 0;

    (void)state;
    assert_int_equal(kh_disk_free(&bytes, dir, NULL), KH_OK);
    assert_true(bytes > 0);
    assert_int_equal(kh_disk_free(&bytes, in_dir("nothing"), NULL), KH_E_IO);
}

/* The page */

static void page_never_moves_back(void **state)
{
    kh_page *page;

    (void)state;
    assert_int_equal(kh_page_create(&page, NULL), KH_OK);
    assert_int_equal(page->event_seq, 0);
    kh_page_publish_event(page, 5);
    kh_page_publish_event(page, 3);
    assert_int_equal(page->event_seq, 5);
    assert_int_equal(kh_page_wait_event(page, 4, 1000), 5);
    kh_page_free(page);
    kh_page_free(NULL);
}

static void wait_ends_in_time(void **state)
{
    int64_t begin = kh_clock_monotonic_ms(), took;
    kh_page *page;

    (void)state;
    assert_int_equal(kh_page_create(&page, NULL), KH_OK);
    assert_int_equal(kh_page_wait_event(page, 0, 30), 0);
    took = kh_clock_monotonic_ms() - begin;
    assert_true(took >= 30);
    kh_page_free(page);
}

static void event_wakes_another_process(void **state)
{
    kh_page *page;
    pid_t child;
    int how;

    (void)state;
    assert_int_equal(kh_page_create(&page, NULL), KH_OK);
    child = fork();
    if (child == 0)
        _exit(kh_page_wait_event(page, 0, 20000) == 7 ? 0 : 1);
    kh_clock_sleep_ms(20);
    kh_page_publish_event(page, 7);
    waitpid(child, &how, 0);
    assert_int_equal(how, 0);
    kh_page_free(page);
}

static void *follow(void *argument)
{
    kh_page *page = argument;
    uint64_t seq = 0;

    while (seq < 20000) {
        uint64_t next = kh_page_wait_event(page, seq, 20000);

        if (next <= seq)
            return argument; /* timed out: a wake was lost */
        seq = next;
    }
    return NULL;
}

static void no_wake_is_lost(void **state)
{
    pthread_t threads[3];
    kh_page *page;
    void *lost;

    (void)state;
    assert_int_equal(kh_page_create(&page, NULL), KH_OK);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, follow, page), 0);
    for (uint64_t seq = 1; seq <= 20000; seq++)
        kh_page_publish_event(page, seq);
    for (size_t i = 0; i < KH_COUNT(threads); i++) {
        pthread_join(threads[i], &lost);
        assert_null(lost);
    }
    kh_page_free(page);
}

/* Checksums */

static void sha256_of_the_standard(void **state)
{
    /* FIPS 180-4 examples: "abc", and the empty text. */
    static const struct {
        const char *text, *sum;
    } cases[] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        uint8_t sum[KH_SHA256_SIZE], again[KH_SHA256_SIZE];
        char text[65];
        kh_sha256 *sha;

        assert_int_equal(kh_sha256_of(sum, cases[i].text, strlen(cases[i].text), NULL), KH_OK);
        for (size_t k = 0; k < sizeof sum; k++)
            snprintf(text + 2 * k, 3, "%02x", sum[k]);
        assert_string_equal(text, cases[i].sum);
        assert_int_equal(kh_sha256_create(&sha, NULL), KH_OK);
        for (size_t k = 0; k < strlen(cases[i].text); k++)
            assert_int_equal(kh_sha256_add(sha, cases[i].text + k, 1, NULL), KH_OK);
        kh_sha256_finish(sha, again);
        kh_sha256_free(sha);
        assert_memory_equal(sum, again, sizeof sum);
    }
    kh_sha256_free(NULL);
}

/* Of so many times the letter k, as sha256sum has it: about the size of the blocks that are read. */
static void sha256_of_a_file(void **state)
{
    static const struct {
        size_t size;
        const char *sum;
    } cases[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a"},
        {131071, "0a5c4c9d091b2bfb3e3271583cb3c9fdab4870441915595e5eeb74e6123eb1a7"},
        {131072, "e5ffa19f9fa34e92d432b43e6ddb87eb601e92baae924ce61a6756d8258fd797"},
        {131073, "f5a3c29931e9f4b64d961481c67617b587ff9ae183affe33bfa898a68faa9c75"},
        {300000, "c0fb356ad91ef6e46457a19c3aa69d0d511ff5c60271bba62cad5e3768c39abb"},
    };
    int fd = open(in_dir("letters"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t written = 0;
    uint8_t sum[KH_SHA256_SIZE];

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char text[65];

        for (; written < cases[i].size; written++)
            assert_int_equal(write(fd, "k", 1), 1);
        assert_int_equal(kh_sha256_of_file(sum, fd, cases[i].size, NULL), KH_OK);
        for (size_t k = 0; k < sizeof sum; k++)
            snprintf(text + 2 * k, 3, "%02x", sum[k]);
        assert_string_equal(text, cases[i].sum);
    }
    assert_int_equal(kh_sha256_of_file(sum, fd, written + 1, NULL), KH_E_FORMAT);
    close(fd);
}

static void xxh3_in_pieces(void **state)
{
    uint8_t bytes[5000];
    kh_xxh3 *sum;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i);
    assert_true(kh_xxh3_of("", 0) == 0x2d06800538d394c2u); /* xxHash specification: XXH3-64 of no bytes, seed 0 */
    assert_int_equal(kh_xxh3_create(&sum, NULL), KH_OK);
    for (size_t size = 0; size <= sizeof bytes; size += 499) {
        kh_xxh3_reset(sum);
        for (size_t done = 0; done < size; done += 100)
            kh_xxh3_add(sum, bytes + done, size - done < 100 ? size - done : 100);
        assert_true(kh_xxh3_value(sum) == kh_xxh3_of(bytes, size));
    }
    kh_xxh3_free(sum);
    kh_xxh3_free(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(directories_are_made_with_parents),
        T(replaced_whole_and_read_back),
        T(full_device_is_full),
        T(lock_keeps_others_out),
        T(disk_has_free_bytes),
        cmocka_unit_test(page_never_moves_back),
        cmocka_unit_test(wait_ends_in_time),
        cmocka_unit_test(event_wakes_another_process),
        cmocka_unit_test(no_wake_is_lost),
        cmocka_unit_test(sha256_of_the_standard),
        cmocka_unit_test_setup_teardown(sha256_of_a_file, set_up, tear_down),
        cmocka_unit_test(xxh3_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
