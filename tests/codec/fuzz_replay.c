/* fuzz_replay.c - the main() of a fuzz target without libFuzzer: every file of its corpus, and a few thousand random mutations of
 * each, the same in every run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3000
#define SEED_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t state = 2463534242u;

static uint32_t random_number(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void run_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        exit(1);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(const uint8_t *seed, size_t seed_size)
{
    uint8_t bytes[SEED_MAX];

    run_copy(seed, seed_size);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = random_number() % 8 == 0 ? random_number() % (seed_size + 1) : seed_size;

        memcpy(bytes, seed, seed_size);
        for (unsigned i = 1 + random_number() % 4; i > 0; i--)
            bytes[random_number() % seed_size] = (uint8_t)random_number();
        run_copy(bytes, size);
    }
}

static int run_file(const char *name)
{
    char path[1200];
    uint8_t bytes[SEED_MAX];
    size_t size;
    FILE *in;

    snprintf(path, sizeof path, "%s/%s", KH_CORPUS_DIR, name);
    in = fopen(path, "rbe");
    if (!in) {
        fprintf(stderr, "%s cannot be opened\n", path);
        return 1;
    }
    size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    if (size > 0)
        run_mutations(bytes, size);
    return 0;
}

int main(void)
{
    struct dirent **names;
    int count = scandir(KH_CORPUS_DIR, &names, NULL, alphasort), failed = 0;

    if (count <= 2) {
        fprintf(stderr, "no files in %s\n", KH_CORPUS_DIR);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.')
            failed |= run_file(names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return failed;
}
