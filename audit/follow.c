#include "audit/follow.h"

#include <stdio.h>
#include "audit/files.h"
#include "audit/head.h"

void kh_audit_follow(kh_audit_follower *out, const char *dir, const char *role)
{
    *out = (kh_audit_follower){.dir = dir, .role = role, .reader = KH_AUDIT_READER_INIT};
}

void kh_audit_follow_end(kh_audit_follower *follower)
{
    kh_audit_reader_close(&follower->reader);
}

void kh_audit_follow_from(kh_audit_follower *follower, const kh_audit_place *place)
{
    kh_audit_reader_close(&follower->reader);
    follower->place = *place;
    follower->head = 0;
}

/* How far the chain goes. */
static kh_status look_at_head(kh_audit_follower *follower, kh_error *err)
{
    uint8_t public_half[KH_AUDIT_PUBLIC_SIZE];
    kh_audit_head_state state = KH_HEAD_ABSENT;
    kh_audit_head head = {0};
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_audit_public_read(public_half, follower->dir, follower->role, &why);

    if (status == KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s has not written yet", follower->role);
    if (status == KH_OK)
        status = kh_audit_head_read(&head, &state, follower->dir, follower->role, public_half, &why);
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    if (state != KH_HEAD_WHOLE && state != KH_HEAD_HALF)
        return kh_error_set(err, KH_E_NOT_FOUND, "%s.head cannot be read", follower->role);
    if (head.seq < follower->place.seq)
        kh_audit_follow_from(follower, &(kh_audit_place){0});
    follower->head = head.seq;
    return KH_OK;
}

/* The file behind the one that place is in; KH_E_NOT_FOUND. */
static kh_status open_next(kh_audit_follower *follower, kh_error *err)
{
    kh_audit_files files;
    char path[PATH_MAX];
    uint64_t first = 0;
    kh_status status = kh_audit_files_list(&files, follower->dir, follower->role, err);

    if (status != KH_OK)
        return status;
    for (size_t i = 0; i < files.count && first == 0; i++)
        if (files.firsts[i] > follower->place.first)
            first = files.firsts[i];
    kh_audit_files_release(&files);
    if (first == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no further file");
    status = kh_audit_file_path(path, follower->dir, follower->role, first, err);
    if (status == KH_OK)
        status = kh_audit_reader_open(&follower->reader, path, 0, err);
    if (status == KH_OK) {
        follower->place.first = first;
        follower->place.offset = 0;
    }
    return status;
}

static kh_status open_here(kh_audit_follower *follower, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status;

    if (follower->place.first == 0)
        return open_next(follower, err);
    status = kh_audit_file_path(path, follower->dir, follower->role, follower->place.first, err);
    return status == KH_OK ? kh_audit_reader_open(&follower->reader, path, follower->place.offset, err) : status;
}

/* A line of the file that is open. False: it has none that is whole. */
static bool read_line(kh_audit_follower *follower, kh_audit_line *line, kh_error *err)
{
    const char *text;
    size_t size;
    bool ended;

    while (kh_audit_reader_next(&follower->reader, &text, &size, &ended, err) && ended) {
        if (kh_audit_line_parse(line, text, size))
            return true;
        follower->passed++;
        follower->place.offset = follower->reader.place;
    }
    return false;
}

kh_status kh_audit_follow_next(kh_audit_follower *follower, kh_audit_line *line, kh_error *err)
{
    kh_status status = KH_OK;
    kh_error why = KH_ERROR_INIT;

    if (follower->place.seq >= follower->head)
        status = look_at_head(follower, err);
    if (status == KH_OK && follower->place.seq >= follower->head)
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing new");
    if (status == KH_OK && follower->reader.fd < 0)
        status = open_here(follower, &why);
    if (status == KH_E_NOT_FOUND && why.status != KH_OK) { /* the file is gone: verify tells */
        kh_error_clear(&why);
        status = open_next(follower, &why);
    }
    if (status != KH_OK && why.status != KH_OK)
        kh_error_set(err, why.status, "%s", why.message);
    while (status == KH_OK && !read_line(follower, line, &why)) {
        if (why.status != KH_OK)
            status = kh_error_set(err, why.status, "%s", why.message);
        else
            status = open_next(follower, err);
    }
    if (status == KH_OK && line->seq > follower->head) /* written, and not acknowledged yet */
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing new");
    if (status != KH_OK) {
        kh_audit_reader_close(&follower->reader); /* it read to the end: there may be more next time */
        return status;
    }
    follower->place.seq = line->seq;
    follower->place.offset = follower->reader.place;
    return KH_OK;
}
