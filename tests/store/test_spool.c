/* Files as they come in: every way a file of some size can take to the disk gives the same bytes and the same sum. */
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/direct.h"
#include "store/file.h"
#include "store/spool.h"

#define BLOCK (1u << 20)
#define PART 253952u /* of spool.c: the disk is asked after so many bytes */
#define MOST (3 * BLOCK + 17)

static uint8_t *pattern; /* MOST bytes, none like another's neighbour */
static char dir[256];

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    uint32_t x = 2463534242u;

    (void)state;
    snprintf(dir, sizeof dir, "%.200s/kh-spool-XXXXXX", base && base[0] ? base : ".");
    pattern = malloc(MOST);
    for (size_t i = 0; pattern && i < MOST; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        pattern[i] = (uint8_t)x;
    }
    return pattern && mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[300];

    (void)state;
    free(pattern);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static void path_in(char out[512], const char *folder, int number)
{
    snprintf(out, 512, "%s/kh-spool-test-%d-%d", folder, (int)getpid(), number);
}

/* Written by pieces of so many bytes, from a place of the pattern on. */
static kh_spool *written(kh_spools *spools, const char *path, size_t from, size_t size, size_t piece)
{
    kh_spool *spool;

    assert_int_equal(kh_spool_open(&spool, spools, path, NULL), KH_OK);
    for (size_t at = 0; at < size; at += piece)
        assert_int_equal(kh_spool_write(spool, pattern + from + at, size - at < piece ? size - at : piece, NULL), KH_OK);
    assert_int_equal(kh_spool_bytes(spool), size);
    return spool;
}

static void assert_file(const char *path, size_t from, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    assert_non_null(bytes);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, size);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(kh_read_all_at(fd, bytes, size, 0, NULL), KH_OK);
    assert_memory_equal(bytes, pattern + from, size);
    close(fd);
    free(bytes);
}

static void assert_sum(kh_spool *spool, size_t from, size_t size)
{
    uint8_t sum[KH_SHA256_SIZE], expected[KH_SHA256_SIZE];

    assert_int_equal(kh_spool_sum(spool, sum, NULL), KH_OK);
    assert_int_equal(kh_sha256_of(expected, pattern + from, size, NULL), KH_OK);
    assert_memory_equal(sum, expected, sizeof sum);
}

static void write_and_look(kh_spools *spools, bool has_blocks, const char *folder, size_t size, size_t piece)
{
    char path[512];
    kh_spool *spool;
    const uint8_t *memory;

    path_in(path, folder, 0);
    spool = written(spools, path, 0, size, piece);
    assert_int_equal(kh_spool_end(spool, NULL), KH_OK);
    memory = kh_spool_memory(spool);
    assert_int_equal(memory != NULL, has_blocks && size > 0 && size <= BLOCK);
    if (memory)
        assert_memory_equal(memory, pattern, size);
    assert_sum(spool, 0, size);
    assert_int_equal(kh_spool_sync(spool, NULL), KH_OK);
    assert_file(path, 0, size);
    kh_spool_close(spool);
    assert_file(path, 0, size);
    unlink(path);
}

static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 131071, 131072, PART - 1, PART, PART + 1, 527362, 4 * PART, 4 * PART + 1,
                               BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, MOST};
static const size_t pieces[] = {131060, 4096, 65483, MOST};

/* On a file system that writes around its cache, and on one that may not. */
static void every_size_is_written_whole(void **state)
{
    const char *const folders[] = {dir, "/dev/shm"};
    kh_spools *spools;

    (void)state;
    for (size_t blocks = 0; blocks < 2; blocks++) {
        assert_int_equal(kh_spools_create(&spools, blocks * BLOCK, NULL), KH_OK);
        for (size_t f = 0; f < KH_COUNT(folders); f++)
            for (size_t s = 0; s < KH_COUNT(sizes); s++)
                for (size_t p = 0; p < KH_COUNT(pieces); p++)
                    write_and_look(spools, blocks > 0, folders[f], sizes[s], pieces[p]);
        kh_spools_free(spools);
    }
}

static void small_pieces_and_a_first_that_is_larger_than_a_block(void **state)
{
    kh_spools *spools;

    (void)state;
    assert_int_equal(kh_spools_create(&spools, 8192, NULL), KH_OK);
    for (size_t size = 8190; size <= 8194; size++) {
        char path[512];
        kh_spool *spool;

        path_in(path, dir, 0);
        for (size_t piece = 1; piece <= 8194; piece += 8193) {
            spool = written(spools, path, 3, size, piece);
            assert_int_equal(kh_spool_end(spool, NULL), KH_OK);
            assert_int_equal(kh_spool_memory(spool) != NULL, size <= 8192);
            assert_sum(spool, 3, size);
            assert_int_equal(kh_spool_settle(spool, NULL), KH_OK);
            assert_file(path, 3, size);
            kh_spool_close(spool);
            unlink(path);
        }
    }
    kh_spools_free(spools);
}

static bool writes_around_its_cache(const char *path)
{
    void *page = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
    bool does = fd >= 0 && posix_memalign(&page, 4096, 4096) == 0 && memset(page, 1, 4096) && write(fd, page, 4096) == 4096;
    unsigned char here = 1;
    void *map = does ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    does = map != MAP_FAILED && mincore(map, 4096, &here) == 0 && !(here & 1);
    if (map != MAP_FAILED)
        munmap(map, 4096);
    if (fd >= 0)
        close(fd);
    free(page);
    unlink(path);
    return does;
}

/* Pages of the file that are in the page cache. */
static size_t pages_here(const char *path, size_t size)
{
    size_t count = (size + 4095) / 4096, here = 0;
    unsigned char *pages = calloc(count, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

    assert_non_null(pages);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mincore(map, size, pages), 0);
    for (size_t i = 0; i < count; i++)
        here += pages[i] & 1;
    munmap(map, size);
    close(fd);
    free(pages);
    return here;
}

static void small_files_leave_the_page_cache_alone(void **state)
{
    char path[512];
    kh_spools *spools;
    kh_spool *spool;

    (void)state;
    path_in(path, dir, 0);
    if (!writes_around_its_cache(path)) {
        print_message("this file system does not write around its cache\n");
        skip();
    }
    assert_int_equal(kh_spools_create(&spools, BLOCK, NULL), KH_OK);
    for (size_t size = 527362; size <= BLOCK; size += BLOCK - 527362) {
        spool = written(spools, path, 0, size, 131060);
        assert_int_equal(kh_spool_end(spool, NULL), KH_OK);
        assert_int_equal(kh_spool_sync(spool, NULL), KH_OK);
        assert_true(pages_here(path, size) <= 1); /* the last, which is not whole */
        kh_spool_close(spool);
        assert_file(path, 0, size);
        unlink(path);
    }
    kh_spools_free(spools);
}

/* Closed while the disk and the sum are at it: the block goes to the next file, whose bytes must not come into this one. */
static void what_is_given_up_keeps_its_block_until_it_is_done(void **state)
{
    char path[512], other[512];
    kh_spools *spools;

    (void)state;
    path_in(path, dir, 1);
    path_in(other, dir, 2);
    assert_int_equal(kh_spools_create(&spools, BLOCK, NULL), KH_OK);
    for (int round = 0; round < 50; round++) {
        kh_spool *first = written(spools, path, 0, BLOCK, 131060), *second;

        if (round % 2 == 0)
            assert_int_equal(kh_spool_end(first, NULL), KH_OK);
        kh_spool_close(first);
        second = written(spools, other, 1, BLOCK, 131060);
        assert_int_equal(kh_spool_end(second, NULL), KH_OK);
        kh_spool_close(second);
        if (round % 2 == 0)
            assert_file(path, 0, BLOCK);
        assert_file(other, 1, BLOCK);
        unlink(path);
        unlink(other);
    }
    kh_spools_free(spools);
}

static void file_that_is_there_is_not_taken(void **state)
{
    char path[512];
    kh_error err = KH_ERROR_INIT;
    kh_spools *spools;
    kh_spool *spool;

    (void)state;
    path_in(path, dir, 0);
    assert_int_equal(kh_spools_create(&spools, BLOCK, NULL), KH_OK);
    assert_int_equal(kh_file_replace(path, pattern, 5, NULL), KH_OK);
    assert_int_equal(kh_spool_open(&spool, spools, path, &err), KH_E_IO);
    assert_null(spool);
    assert_file(path, 0, 5);
    unlink(path);
    kh_spools_free(spools);
}

static void blocks_are_of_whole_pages(void **state)
{
    static const struct { size_t asked, held; } cases[] = {{4095, 0}, {4096, 4096}, {8191, 4096}, {8192, 8192}};
    kh_direct_pool *pool;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        for (size_t size = cases[i].held; size <= cases[i].held + 1; size++) {
            char path[512];
            kh_spools *spools;
            kh_spool *spool;

            path_in(path, dir, 0);
            assert_int_equal(kh_spools_create(&spools, cases[i].asked, NULL), KH_OK);
            spool = written(spools, path, 0, size, 1000);
            assert_int_equal(kh_spool_end(spool, NULL), KH_OK);
            assert_int_equal(kh_spool_memory(spool) != NULL, size > 0 && size <= cases[i].held);
            kh_spool_close(spool);
            assert_file(path, 0, size);
            unlink(path);
            kh_spools_free(spools);
        }
    assert_int_equal(kh_direct_pool_create(&pool, 4097, 1, NULL), KH_E_ARG);
    assert_null(pool);
    assert_int_equal(kh_direct_pool_create(&pool, 0, 1, NULL), KH_E_ARG);
}

typedef struct writer {
    kh_spools *spools;
    int number;
    bool failed;
} writer;

static void *write_many(void *argument)
{
    writer *w = argument;
    char path[512];

    path_in(path, dir, 10 + w->number);
    for (int round = 0; round < 20 && !w->failed; round++) {
        size_t size = sizes[(size_t)(round + w->number) % KH_COUNT(sizes)];
        uint8_t sum[KH_SHA256_SIZE], expected[KH_SHA256_SIZE];
        kh_spool *spool = NULL;
        kh_status status = kh_spool_open(&spool, w->spools, path, NULL);

        for (size_t at = 0; at < size && status == KH_OK; at += 131060)
            status = kh_spool_write(spool, pattern + at, size - at < 131060 ? size - at : 131060, NULL);
        if (status == KH_OK)
            status = kh_spool_end(spool, NULL);
        if (status == KH_OK)
            status = kh_spool_settle(spool, NULL);
        if (status == KH_OK)
            status = kh_spool_sum(spool, sum, NULL);
        w->failed = status != KH_OK || kh_sha256_of(expected, pattern, size, NULL) != KH_OK || memcmp(sum, expected, sizeof sum) != 0;
        kh_spool_close(spool);
        unlink(path);
    }
    return NULL;
}

static void many_at_once_share_what_they_share(void **state)
{
    pthread_t threads[8];
    writer writers[8];
    kh_spools *spools;

    (void)state;
    assert_int_equal(kh_spools_create(&spools, BLOCK, NULL), KH_OK);
    for (int i = 0; i < 8; i++) {
        writers[i] = (writer){.spools = spools, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_false(writers[i].failed);
    }
    kh_spools_free(spools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_written_whole),
        cmocka_unit_test(small_pieces_and_a_first_that_is_larger_than_a_block),
        cmocka_unit_test(small_files_leave_the_page_cache_alone),
        cmocka_unit_test(what_is_given_up_keeps_its_block_until_it_is_done),
        cmocka_unit_test(file_that_is_there_is_not_taken),
        cmocka_unit_test(blocks_are_of_whole_pages),
        cmocka_unit_test(many_at_once_share_what_they_share),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
