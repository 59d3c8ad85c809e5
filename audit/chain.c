#include "audit/chain_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/files.h"
#include "store/file.h"

static bool role_is_valid(const char *role)
{
    size_t size = strlen(role);

    return size > 0 && size <= KH_AUDIT_ROLE_MAX && strspn(role, "abcdefghijklmnopqrstuvwxyz") == size;
}

/* The head in place where it is whole: that needs no room on the disk. The key last: where there is one, there was a head. */
static kh_status open_head(kh_audit_chain *chain, kh_audit_head_state state, bool key_is_new, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status = KH_OK;

    snprintf(path, sizeof path, "%s/%s.head", chain->dir, chain->role);
    if (state == KH_HEAD_WHOLE && !key_is_new) {
        chain->head_fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (chain->head_fd < 0)
            return kh_error_errno(err, errno, "open %s", path);
        for (int i = 0; i < 2 && status == KH_OK; i++)
            status = kh_audit_head_write(chain->head_fd, chain->turn++, &chain->tip, chain->role, &chain->key, err);
        return status;
    }
    status = kh_audit_head_create(&chain->head_fd, &chain->tip, chain->dir, chain->role, &chain->key, err);
    if (status == KH_OK && key_is_new)
        status = kh_audit_key_keep(&chain->key, chain->dir, chain->role, err);
    return status;
}

static kh_status open_chain(kh_audit_chain *chain, kh_error *err)
{
    char path[PATH_MAX];
    kh_audit_head_state state = KH_HEAD_ABSENT;
    kh_audit_head head = {0};
    bool key_is_new = false;
    kh_status status = kh_dir_ensure(chain->dir, err);

    snprintf(path, sizeof path, "%s/%s.lock", chain->dir, chain->role);
    if (status == KH_OK)
        status = kh_lock_acquire(&chain->lock_fd, path, err);
    if (status == KH_OK)
        status = kh_audit_key_take(&chain->key, &key_is_new, chain->dir, chain->role, err);
    if (status == KH_OK)
        status = kh_audit_head_read(&head, &state, chain->dir, chain->role, chain->key.public_half, err);
    if (status == KH_OK)
        status = kh_audit_chain_find_tip(chain, &head, state, key_is_new, err);
    if (status == KH_OK)
        status = open_head(chain, state, key_is_new, err);
    return status;
}

kh_status kh_audit_chain_open(kh_audit_chain **out, const kh_audit_chain_options *options, kh_error *err)
{
    kh_audit_chain *chain;
    kh_status status;

    *out = NULL;
    if (!role_is_valid(options->role) || strlen(options->dir) >= sizeof chain->dir)
        return kh_error_set(err, KH_E_ARG, "role \"%.32s\" or a folder of %zu bytes, expected a to z and a shorter path", options->role,
                            strlen(options->dir));
    chain = calloc(1, sizeof *chain);
    if (!chain)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the record of access");
    snprintf(chain->dir, sizeof chain->dir, "%s", options->dir);
    snprintf(chain->role, sizeof chain->role, "%s", options->role);
    chain->roll_bytes = options->roll_bytes;
    chain->reserve_bytes = options->reserve_bytes;
    chain->lock_fd = chain->head_fd = chain->fd = -1;
    kh_buf_init(&chain->pending, KH_AUDIT_PENDING_MAX);
    status = open_chain(chain, err);
    if (status != KH_OK) {
        kh_audit_chain_close(chain);
        return status;
    }
    chain->seq = chain->tip.seq;
    memcpy(chain->hash, chain->tip.hash, sizeof chain->hash);
    kh_audit_chain_reserve(chain); /* a full disk: as long as what is there lasts */
    *out = chain;
    return KH_OK;
}

void kh_audit_chain_close(kh_audit_chain *chain)
{
    if (!chain)
        return;
    if (chain->fd >= 0)
        close(chain->fd);
    if (chain->head_fd >= 0)
        close(chain->head_fd);
    kh_lock_release(chain->lock_fd);
    kh_buf_release(&chain->pending);
    explicit_bzero(&chain->key, sizeof chain->key);
    free(chain);
}

const char *kh_audit_chain_finding(const kh_audit_chain *chain)
{
    return chain->finding;
}

const kh_audit_key *kh_audit_chain_key(const kh_audit_chain *chain)
{
    return &chain->key;
}

uint64_t kh_audit_chain_seq(const kh_audit_chain *chain)
{
    return chain->seq;
}

const uint8_t *kh_audit_chain_hash(const kh_audit_chain *chain)
{
    return chain->hash;
}

kh_status kh_audit_chain_add(kh_audit_chain *chain, const char *record, size_t size, kh_error *err)
{
    char text[KH_AUDIT_LINE_MAX];
    kh_audit_line line = {.seq = chain->seq + 1, .record = record, .record_size = size};
    kh_status status;

    if (size > KH_AUDIT_RECORD_MAX)
        return kh_error_set(err, KH_E_LIMIT, "a record of %zu bytes, expected at most %u", size, KH_AUDIT_RECORD_MAX);
    kh_audit_hash(line.hash, chain->hash, line.seq, record, size);
    status = kh_buf_append(&chain->pending, text, kh_audit_line_format(text, &line), err);
    if (status != KH_OK)
        return status;
    chain->seq = line.seq;
    memcpy(chain->hash, line.hash, sizeof chain->hash);
    return KH_OK;
}

/* A new file. One of its name that holds something is none of ours to write over. */
static kh_status create_file(int *out, const char *path, const kh_audit_chain *chain, kh_error *err)
{
    struct stat about;
    kh_status status = KH_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return kh_error_errno(err, errno, "create %s", path);
    if (fstat(fd, &about) != 0)
        status = kh_error_errno(err, errno, "look at %s", path);
    else if (about.st_size != 0)
        status = kh_error_set(err, KH_E_CORRUPT, "%s is there already", path);
    else
        status = kh_dir_sync(chain->dir, err);
    if (status != KH_OK)
        close(fd);
    else
        *out = fd;
    return status;
}

/* The chain goes on in a new file behind the tip, or in the one it is in while the disk has no room for another with its reserve. */
static kh_status begin_file(kh_audit_chain *chain, kh_error *err)
{
    char path[PATH_MAX];
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_audit_file_path(path, chain->dir, chain->role, chain->tip.seq + 1, err);
    int fd = -1;

    if (status != KH_OK)
        return status;
    status = create_file(&fd, path, chain, &why);
    if (status == KH_E_FULL && chain->fd >= 0 && chain->reserve_bytes > 0)
        return KH_OK;
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    if (chain->fd >= 0 && !kh_audit_chain_reserve_new(chain, fd)) {
        close(fd);
        return unlink(path) == 0 ? KH_OK : kh_error_errno(err, errno, "remove %s", path);
    }
    if (chain->fd >= 0) {
        kh_audit_chain_give_back(chain->fd, chain->tip.size);
        close(chain->fd);
    }
    chain->fd = fd;
    chain->cut_needed = false;
    chain->reserved_to = 0;
    chain->tip.first = chain->tip.seq + 1;
    chain->tip.size = 0;
    kh_audit_chain_reserve(chain);
    return KH_OK;
}

/* Cutting takes the reserve along: it is asked for again. */
static bool cut(kh_audit_chain *chain)
{
    if (ftruncate(chain->fd, (off_t)chain->tip.size) != 0)
        return false;
    chain->reserved_to = 0;
    kh_audit_chain_reserve(chain);
    return true;
}

static kh_status write_records(kh_audit_chain *chain, kh_error *err)
{
    kh_status status = KH_OK;

    if (chain->fd < 0 || (chain->tip.size >= chain->roll_bytes && chain->tip.size > 0))
        status = begin_file(chain, err);
    if (status != KH_OK)
        return status;
    if (chain->cut_needed && !cut(chain))
        return kh_error_errno(err, errno, "cut off what was not written whole");
    chain->cut_needed = true;
    if (lseek(chain->fd, (off_t)chain->tip.size, SEEK_SET) < 0)
        return kh_error_errno(err, errno, "seek in the record");
    status = kh_write_all(chain->fd, chain->pending.data, chain->pending.size, err);
    if (status == KH_OK && fdatasync(chain->fd) != 0)
        status = kh_error_errno(err, errno, "sync the record");
    return status;
}

/* What was added is forgotten, and its bytes with it. */
void kh_audit_chain_drop(kh_audit_chain *chain)
{
    kh_buf_clear(&chain->pending);
    chain->seq = chain->tip.seq;
    memcpy(chain->hash, chain->tip.hash, sizeof chain->hash);
    if (chain->cut_needed && chain->fd >= 0)
        chain->cut_needed = !cut(chain);
}

kh_status kh_audit_chain_commit(kh_audit_chain *chain, kh_error *err)
{
    kh_status status;

    if (chain->pending.size > 0) {
        status = write_records(chain, err);
        if (status != KH_OK) {
            kh_audit_chain_drop(chain);
            return status;
        }
        chain->tip.seq = chain->seq;
        memcpy(chain->tip.hash, chain->hash, sizeof chain->hash);
        chain->tip.size += chain->pending.size;
        chain->cut_needed = false;
        chain->head_is_old = true;
        kh_buf_clear(&chain->pending);
        kh_audit_chain_reserve(chain); /* a full disk: what is left of it is used */
    }
    if (!chain->head_is_old)
        return KH_OK;
    status = kh_audit_head_write(chain->head_fd, chain->turn, &chain->tip, chain->role, &chain->key, err);
    if (status != KH_OK)
        return status; /* the same place again: the other still tells of a record that is there */
    chain->turn++;
    chain->head_is_old = false;
    return KH_OK;
}
