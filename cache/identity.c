#include "cache/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/log.h"
#include "store/file.h"

#define FILE_NAME "kakehashi.id"
#define ID_DIGITS 32

static bool is_id(const char *text, size_t size)
{
    return size >= ID_DIGITS && strspn(text, "0123456789abcdef") == ID_DIGITS &&
           (size == ID_DIGITS || (size == ID_DIGITS + 1 && text[ID_DIGITS] == '\n'));
}

static kh_status read_id(kh_identity *found, const kh_paths *paths, kh_error *err)
{
    char path[PATH_MAX], text[64] = "";
    kh_status status = KH_OK;
    ssize_t size;
    int fd;

    kh_path_of(path, paths, FILE_NAME);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", path);
    size = read(fd, text, sizeof text - 1);
    if (size < 0)
        status = kh_error_errno(err, errno, "read %s", path);
    else if (!is_id(text, (size_t)size))
        status = kh_error_set(err, KH_E_CONFLICT, "%s holds no id, expected %d hexadecimal digits", path, ID_DIGITS);
    close(fd);
    if (status == KH_OK) {
        memcpy(found->id, text, ID_DIGITS);
        found->has_file = true;
    }
    return status;
}

static kh_status compare(const kh_identity *found, const kh_paths *paths, const char *expected, kh_error *err)
{
    if (!expected || !expected[0] || strcmp(found->id, expected) == 0)
        return KH_OK;
    if (!found->has_file)
        return kh_error_set(err, KH_E_CONFLICT, "%s holds no " FILE_NAME ", expected that of archive %s: is the disk mounted?", paths->dir,
                            expected);
    return kh_error_set(err, KH_E_CONFLICT, "%s holds archive %s, expected %s: is another disk mounted?", paths->dir, found->id, expected);
}

bool kh_identity_id_valid(const char *id)
{
    return strlen(id) == ID_DIGITS && is_id(id, ID_DIGITS);
}

kh_status kh_identity_expect(const kh_paths *paths, const char *expected, kh_error *err)
{
    kh_identity found = {0};
    kh_status status = expected && expected[0] ? read_id(&found, paths, err) : KH_OK;

    return status == KH_OK ? compare(&found, paths, expected, err) : status;
}

static kh_status look_for_objects(bool *found, const kh_paths *paths, kh_error *err)
{
    struct dirent *entry;
    char path[PATH_MAX];
    DIR *dir;

    *found = false;
    kh_path_of(path, paths, "objects");
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", path);
    while (!*found && (entry = readdir(dir)) != NULL)
        *found = entry->d_name[0] != '.';
    closedir(dir);
    return KH_OK;
}

static kh_status refuse_objects(const kh_paths *paths, kh_error *err)
{
    return kh_error_set(err, KH_E_CONFLICT,
                        "%s/objects holds objects, index.db knows of none: put index.db back from a backup, or move objects/ away "
                        "to begin with nothing",
                        paths->dir);
}

kh_status kh_identity_look(kh_identity *found, const kh_paths *paths, const char *expected, kh_error *err)
{
    bool has_objects = false;
    char path[PATH_MAX];
    kh_status status;

    *found = (kh_identity){0};
    status = read_id(found, paths, err); /* before the index, which another owner may just be making, with this after it */
    if (status == KH_OK)
        status = compare(found, paths, expected, err);
    kh_path_of(path, paths, "index.db");
    if (status != KH_OK || access(path, F_OK) == 0)
        return status;
    if (found->has_file)
        return kh_error_set(err, KH_E_CONFLICT,
                            "%s holds " FILE_NAME " but no index.db: put index.db back from a backup, or remove " FILE_NAME
                            " to begin with nothing",
                            paths->dir);
    status = look_for_objects(&has_objects, paths, err);
    return status == KH_OK && has_objects ? refuse_objects(paths, err) : status;
}

/* "" when there is none. */
static kh_status read_row(char id[ID_DIGITS + 1], kh_sql *sql, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT id FROM identity", NULL, 0, err);

    id[0] = '\0';
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        snprintf(id, ID_DIGITS + 1, "%s", kh_sql_text(row, 0));
    kh_sql_end(row);
    return status;
}

static kh_status make_file(kh_identity *found, const kh_paths *paths, kh_error *err)
{
    char path[PATH_MAX], line[ID_DIGITS + 2];
    uint8_t bytes[ID_DIGITS / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return kh_error_errno(err, errno, "random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(found->id + 2 * i, 3, "%02x", bytes[i]);
    snprintf(line, sizeof line, "%s\n", found->id);
    kh_path_of(path, paths, FILE_NAME);
    return kh_file_replace(path, line, strlen(line), err);
}

static kh_status make_row(const kh_identity *found, kh_sql *sql, kh_error *err)
{
    const kh_sql_value id = KH_SQL_T(found->id);

    return kh_sql_run(sql, "INSERT INTO identity (one, id) VALUES (1, ?1)", &id, 1, NULL, err);
}

kh_status kh_identity_settle(kh_identity *found, kh_sql *sql, int64_t reserved, const kh_paths *paths, kh_error *err)
{
    char id[ID_DIGITS + 1];
    bool has_objects = false;
    kh_status status = read_row(id, sql, err);

    if (status == KH_OK && reserved <= 1) /* no object was ever stored by this index */
        status = look_for_objects(&has_objects, paths, err);
    if (status != KH_OK)
        return status;
    if (has_objects)
        return refuse_objects(paths, err);
    if (id[0] && !found->has_file)
        return kh_error_set(err, KH_E_CONFLICT,
                            "%s holds index.db but no " FILE_NAME ": is all of it mounted and copied? If so, write %s into it",
                            paths->dir, id);
    if (id[0] && strcmp(id, found->id) != 0)
        return kh_error_set(err, KH_E_CONFLICT, "%s: " FILE_NAME " is %s, that of index.db is %s: they belong to two archives",
                            paths->dir, found->id, id);
    if (id[0])
        return KH_OK;
    if (!found->has_file)
        status = make_file(found, paths, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "cache", "archive %s begins in %s", found->id, paths->dir);
    return status == KH_OK ? make_row(found, sql, err) : status;
}
