#include "audit/head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "store/file.h"

#define PLACE_SIZE 512
#define MARK " signed "

static void format(char out[PLACE_SIZE], const kh_audit_head *head, const char *role, const kh_audit_key *key)
{
    char hex[KH_AUDIT_HEX_SIZE], signature[KH_AUDIT_SIGNATURE_HEX], text[PLACE_SIZE];
    int size;

    kh_audit_hex(hex, head->hash);
    snprintf(text, sizeof text, "kakehashi audit head %.16s %" PRIu64 " %s %" PRIu64 " %" PRIu64, role, head->seq, hex, head->first,
             head->size);
    kh_audit_sign(signature, key, text);
    memset(out, ' ', PLACE_SIZE);
    size = snprintf(out, PLACE_SIZE, "%.256s" MARK "%s", text, signature);
    out[size] = ' ';
    out[PLACE_SIZE - 1] = '\n';
}

static bool read_number(uint64_t *out, const char **text)
{
    const char *end = *text + strlen(*text);

    if (**text == '0') {
        *out = 0;
        (*text)++;
        return true;
    }
    return kh_audit_number(out, text, end);
}

static bool parse(kh_audit_head *out, char place[PLACE_SIZE], const char *role, const uint8_t *public_half)
{
    char prefix[48], *mark;
    const char *p = place;

    if (place[PLACE_SIZE - 1] != '\n' || memchr(place, '\0', PLACE_SIZE))
        return false;
    place[PLACE_SIZE - 1] = '\0';
    mark = strstr(place, MARK);
    if (!mark || strlen(mark) < strlen(MARK) + KH_AUDIT_SIGNATURE_HEX)
        return false;
    *mark = '\0';
    mark += strlen(MARK);
    if (mark[KH_AUDIT_SIGNATURE_HEX - 1] != ' ' ||
        mark[KH_AUDIT_SIGNATURE_HEX - 1 + strspn(mark + KH_AUDIT_SIGNATURE_HEX - 1, " ")] != '\0')
        return false;
    mark[KH_AUDIT_SIGNATURE_HEX - 1] = '\0';
    if (!kh_audit_signed(mark, public_half, place))
        return false;
    snprintf(prefix, sizeof prefix, "kakehashi audit head %.16s ", role);
    if (strncmp(p, prefix, strlen(prefix)) != 0)
        return false;
    p += strlen(prefix);
    if (!read_number(&out->seq, &p) || *p++ != ' ' || strlen(p) < KH_AUDIT_HEX_SIZE || !kh_audit_unhex(out->hash, KH_AUDIT_HASH_SIZE, p))
        return false;
    p += KH_AUDIT_HEX_SIZE - 1;
    return *p++ == ' ' && read_number(&out->first, &p) && *p++ == ' ' && read_number(&out->size, &p) && *p == '\0';
}

static bool path_of(char out[PATH_MAX], const char *dir, const char *role)
{
    return (size_t)snprintf(out, PATH_MAX, "%s/%s.head", dir, role) < PATH_MAX;
}

kh_status kh_audit_head_read(kh_audit_head *out, kh_audit_head_state *state, const char *dir, const char *role,
                             const uint8_t public_half[KH_AUDIT_PUBLIC_SIZE], kh_error *err)
{
    char path[PATH_MAX], places[2 * PLACE_SIZE] = {0};
    kh_audit_head heads[2] = {{0}, {0}};
    bool whole[2];
    ssize_t size;
    int fd;

    *out = (kh_audit_head){0};
    *state = KH_HEAD_ABSENT;
    if (!path_of(path, dir, role))
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected less", strlen(dir));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", path);
    size = pread(fd, places, sizeof places, 0);
    close(fd);
    if (size < 0)
        return kh_error_errno(err, errno, "read %s", path);
    for (int i = 0; i < 2; i++)
        whole[i] = parse(&heads[i], places + (ptrdiff_t)i * PLACE_SIZE, role, public_half);
    *state = whole[0] && whole[1] ? KH_HEAD_WHOLE : whole[0] || whole[1] ? KH_HEAD_HALF : KH_HEAD_DAMAGED;
    if (*state != KH_HEAD_DAMAGED)
        *out = heads[whole[0] && (!whole[1] || heads[0].seq >= heads[1].seq) ? 0 : 1];
    return KH_OK;
}

kh_status kh_audit_head_create(int *fd, const kh_audit_head *head, const char *dir, const char *role, const kh_audit_key *key,
                               kh_error *err)
{
    char path[PATH_MAX], places[2 * PLACE_SIZE];
    kh_status status;

    *fd = -1;
    if (!path_of(path, dir, role))
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected less", strlen(dir));
    format(places, head, role, key);
    memcpy(places + PLACE_SIZE, places, PLACE_SIZE);
    status = kh_file_replace(path, places, sizeof places, err);
    if (status != KH_OK)
        return status;
    *fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? kh_error_errno(err, errno, "open %s", path) : KH_OK;
}

kh_status kh_audit_head_write(int fd, unsigned turn, const kh_audit_head *head, const char *role, const kh_audit_key *key, kh_error *err)
{
    char place[PLACE_SIZE];
    ssize_t size;

    format(place, head, role, key);
    do
        size = pwrite(fd, place, sizeof place, (off_t)(turn % 2 * PLACE_SIZE));
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof place)
        return size < 0 ? kh_error_errno(err, errno, "write the head") : kh_error_set(err, KH_E_IO, "write the head: %zd bytes", size);
    return fdatasync(fd) == 0 ? KH_OK : kh_error_errno(err, errno, "sync the head");
}
