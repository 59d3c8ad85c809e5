#include "access/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/file.h"

#define FILE_BYTES_MAX (64 << 20)
#define LINES_MAX 20000000
#define TEXT_MAX 513  /* of a password, with its NUL */
#define REST_MIN 8    /* characters of one's own beside a word of context */
#define WORD_MIN 4

struct kh_words {
    char *text;
    const char **lines; /* sorted */
    size_t count;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kh_status read_file(kh_words *words, size_t *size, const char *path, kh_error *err)
{
    kh_status status = KH_OK;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return kh_error_errno(err, errno, "list of passwords %s", path);
    if (fstat(fd, &st) != 0)
        status = kh_error_errno(err, errno, "list of passwords %s", path);
    else if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
        status = kh_error_set(err, KH_E_LIMIT, "list of passwords %s: no file, or one of more than %d bytes", path, FILE_BYTES_MAX);
    else if (!(words->text = malloc((size_t)st.st_size + 1)))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for the list of passwords");
    else
        status = kh_read_all_at(fd, words->text, *size = (size_t)st.st_size, 0, err);
    close(fd);
    if (status == KH_OK)
        words->text[*size] = '\0';
    return status;
}

static kh_status sort(kh_words *words, size_t size, kh_error *err)
{
    size_t lines = 1;

    for (size_t i = 0; i < size; i++) {
        lines += words->text[i] == '\n';
        words->text[i] = words->text[i] == '\n' || words->text[i] == '\r' ? '\0' : lower(words->text[i]);
    }
    if (lines > LINES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "the list of passwords has %zu lines, expected at most %d", lines, LINES_MAX);
    words->lines = calloc(lines, sizeof *words->lines);
    if (!words->lines)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the list of passwords");
    for (size_t at = 0; at < size; at += strlen(words->text + at) + 1)
        if (words->text[at] && strncmp(words->text + at, "#!", 2) != 0 && words->count < lines)
            words->lines[words->count++] = words->text + at;
    qsort(words->lines, words->count, sizeof *words->lines, compare);
    return KH_OK;
}

kh_status kh_words_load(kh_words **out, const char *path, kh_error *err)
{
    kh_words *words = calloc(1, sizeof *words);
    kh_status status = KH_OK;
    size_t size = 0;

    *out = NULL;
    if (!words)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the list of passwords");
    if (path[0]) {
        status = read_file(words, &size, path, err);
        if (status == KH_OK)
            status = sort(words, size, err);
    }
    if (status != KH_OK)
        kh_words_free(words);
    else
        *out = words;
    return status;
}

void kh_words_free(kh_words *words)
{
    if (!words)
        return;
    free(words->lines);
    free(words->text);
    free(words);
}

size_t kh_words_count(const kh_words *words)
{
    return words->count;
}

static bool listed(const kh_words *words, const char *text)
{
    return text[0] && words->count > 0 && bsearch(&text, words->lines, words->count, sizeof *words->lines, compare);
}

/* The shortest text that, said over and over, makes this one; 0 when that is all of it. */
static size_t period(const char *text, size_t length)
{
    for (size_t size = 1; size <= length / 2; size++)
        if (length % size == 0 && memcmp(text, text + size, length - size) == 0)
            return size;
    return 0;
}

static bool is_row(const char *text, size_t length)
{
    static const char *const rows[] = {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "01234567890123456789012345678901234567890",
                                       "qwertyuiopasdfghjklzxcvbnm", "98765432109876543210987654321098765432109"};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (length >= WORD_MIN && strstr(rows[i], text))
            return true;
    return false;
}

bool kh_words_common(const kh_words *words, const char *password)
{
    char text[TEXT_MAX];
    size_t length = strnlen(password, sizeof text - 1), size;

    for (size_t i = 0; i < length; i++)
        text[i] = lower(password[i]);
    text[length] = '\0';
    if (listed(words, text) || is_row(text, length))
        return true;
    size = period(text, length);
    if (size > 0 && size < WORD_MIN)
        return true;
    if (size > 0) {
        text[size] = '\0';
        if (listed(words, text) || is_row(text, size))
            return true;
        text[size] = text[0];
    }
    while (length > 0 && (uint8_t)text[length - 1] < 0x80 && !(text[length - 1] >= 'a' && text[length - 1] <= 'z'))
        length--;
    text[length] = '\0';
    return length > 0 && listed(words, text);
}

static size_t characters(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((uint8_t)text[i] & 0xc0) != 0x80;
    return count;
}

bool kh_words_of_context(const char *const *context, size_t count, const char *password)
{
    char text[TEXT_MAX];
    size_t length = strnlen(password, sizeof text - 1);
    bool found = false;

    for (size_t i = 0; i < length; i++)
        text[i] = lower(password[i]);
    text[length] = '\0';
    for (size_t i = 0; i < count; i++) {
        char word[200], *at;
        size_t size = strnlen(context[i], sizeof word - 1);

        for (size_t k = 0; k < size; k++)
            word[k] = lower(context[i][k]);
        word[size] = '\0';
        if (size < WORD_MIN)
            continue;
        while ((at = strstr(text, word))) {
            memmove(at, at + size, strlen(at + size) + 1);
            found = true;
        }
    }
    return found && characters(text, strlen(text)) < REST_MIN;
}
