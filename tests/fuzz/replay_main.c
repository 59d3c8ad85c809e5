/* replay_main.c - a fuzz target as an ordinary test: runs it on every file of the folders given, whole and cut short.
 * A folder that is not there is said and left out; "@name" is folder name of the real files (KH_DATA). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/fuzz/fuzz.h"

#define FILE_BYTES_MAX ((size_t)2 << 20)
#define CUTS 64 /* of each file */

/* In memory of exactly its size, so that a sanitizer sees the first byte read too far. */
static void run(const uint8_t *bytes, size_t size)
{
    for (size_t cut = 0; cut <= CUTS; cut++) {
        size_t length = size * (CUTS - cut) / CUTS;
        uint8_t *copy = malloc(length > 0 ? length : 1);
        if (!copy)
            abort();
        memcpy(copy, bytes, length);
        LLVMFuzzerTestOneInput(copy, length);
        free(copy);
    }
}

static int run_file(const char *path)
{
    struct stat status;
    uint8_t *bytes;
    FILE *stream;
    size_t size;

    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || (size_t)status.st_size > FILE_BYTES_MAX)
        return 0;
    bytes = malloc(FILE_BYTES_MAX);
    stream = fopen(path, "re");
    if (!bytes || !stream)
        abort();
    size = fread(bytes, 1, FILE_BYTES_MAX, stream);
    fclose(stream);
    run(bytes, size);
    free(bytes);
    return 1;
}

static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[8192];
    int count = 0;

    if (!dir) {
        printf("%s: not there, left out\n", folder);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count += run_file(path);
    }
    closedir(dir);
    printf("%s: %d files\n", folder, count);
    return count;
}

int main(int argc, char **argv)
{
    const char *data = getenv("KH_DATA");
    char path[4096];
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '@')
            snprintf(path, sizeof(path), "%s/%s", data ? data : KH_PROJECT_DIR "/../shared/data", argv[i] + 1);
        else
            snprintf(path, sizeof(path), "%s", argv[i]);
        count += run_folder(path);
    }
    return count > 0 ? 0 : 1;
}
