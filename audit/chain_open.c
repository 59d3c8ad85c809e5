/* Where a chain ends, found at a start. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/chain_internal.h"
#include "audit/files.h"
#include "audit/reader.h"
#include "base/log.h"

/* Does the file hold the record that the head tells of, where it tells? */
static bool holds_head(const kh_audit_chain *chain, const kh_audit_head *head)
{
    char path[PATH_MAX], bytes[KH_AUDIT_LINE_MAX + 1];
    size_t size = head->size < sizeof bytes ? (size_t)head->size : sizeof bytes;
    const char *begin;
    kh_audit_line line;
    ssize_t count = -1;
    int fd = -1;

    if (kh_audit_file_path(path, chain->dir, chain->role, head->first, NULL) == KH_OK)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        count = pread(fd, bytes, size, (off_t)(head->size - size));
        close(fd);
    }
    if (size < 2 || count != (ssize_t)size || bytes[size - 1] != '\n')
        return false;
    begin = memrchr(bytes, '\n', size - 1);
    begin = begin ? begin + 1 : bytes;
    return kh_audit_line_parse(&line, begin, (size_t)(bytes + size - 1 - begin)) && line.seq == head->seq &&
           memcmp(line.hash, head->hash, sizeof line.hash) == 0;
}

static bool follows(const kh_audit_head *tip, const kh_audit_line *line)
{
    uint8_t hash[KH_AUDIT_HASH_SIZE];

    kh_audit_hash(hash, tip->hash, line->seq, line->record, line->record_size);
    return line->seq == tip->seq + 1 && memcmp(hash, line->hash, sizeof hash) == 0;
}

/* Moves the tip over the whole records of one file. torn: something else follows them. anything: they need not follow what was before. */
static kh_status walk(kh_audit_chain *chain, uint64_t first, uint64_t place, bool anything, bool *torn, kh_error *err)
{
    kh_audit_reader reader = KH_AUDIT_READER_INIT;
    char path[PATH_MAX];
    const char *text;
    size_t size;
    bool ended = false;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_audit_file_path(path, chain->dir, chain->role, first, err);

    *torn = false;
    if (status == KH_OK)
        status = kh_audit_reader_open(&reader, path, place, err);
    if (status == KH_OK) {
        chain->tip.first = first;
        chain->tip.size = place;
    }
    while (status == KH_OK && kh_audit_reader_next(&reader, &text, &size, &ended, &why)) {
        kh_audit_line line;

        if (!ended || !kh_audit_line_parse(&line, text, size) || !(follows(&chain->tip, &line) || anything)) {
            *torn = true;
            break;
        }
        chain->tip.seq = line.seq;
        memcpy(chain->tip.hash, line.hash, sizeof line.hash);
        chain->tip.size = reader.place;
        anything = false;
    }
    if (status == KH_OK && why.status != KH_OK)
        status = kh_error_set(err, why.status, "%s", why.message);
    kh_audit_reader_close(&reader);
    return status;
}

static kh_status cut_off(kh_audit_chain *chain, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status = kh_audit_file_path(path, chain->dir, chain->role, chain->tip.first, err);
    int fd;

    if (status != KH_OK)
        return status;
    kh_log(KH_LOG_WARN, "audit", "%s-%012" PRIu64 ".log: what stands behind record %" PRIu64 " was never acknowledged and is cut off",
           chain->role, chain->tip.first, chain->tip.seq);
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return kh_error_errno(err, errno, "open %s", path);
    if (ftruncate(fd, (off_t)chain->tip.size) != 0 || fdatasync(fd) != 0)
        status = kh_error_errno(err, errno, "cut %s", path);
    close(fd);
    return status;
}

/* From the head on through what was written but not told there. */
static kh_status walk_on(kh_audit_chain *chain, const kh_audit_files *files, kh_error *err)
{
    bool torn = false;
    kh_status status = KH_OK;
    uint64_t place = chain->tip.size;

    for (size_t i = 0; i < files->count && status == KH_OK; i++) {
        if (files->firsts[i] < chain->tip.first)
            continue;
        if (files->firsts[i] != chain->tip.first) {
            if (files->firsts[i] != chain->tip.seq + 1 || torn) {
                snprintf(chain->finding, sizeof chain->finding, "file %012" PRIu64 " follows record %" PRIu64, files->firsts[i],
                         chain->tip.seq);
                return KH_OK;
            }
            place = 0;
        }
        status = walk(chain, files->firsts[i], place, false, &torn, err);
        if (status == KH_OK && torn)
            status = cut_off(chain, err);
    }
    return status;
}

/* Without a head: what the last file that holds a record says. */
static kh_status take_last(kh_audit_chain *chain, const kh_audit_files *files, kh_error *err)
{
    kh_status status = KH_OK;
    bool torn;

    for (size_t i = files->count; i > 0 && chain->tip.seq == 0 && status == KH_OK; i--)
        status = walk(chain, files->firsts[i - 1], 0, true, &torn, err);
    return status;
}

static kh_status open_tip(kh_audit_chain *chain, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status = kh_audit_file_path(path, chain->dir, chain->role, chain->tip.first, err);

    if (status != KH_OK)
        return status;
    chain->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return chain->fd < 0 ? kh_error_errno(err, errno, "open %s", path) : KH_OK;
}

kh_status kh_audit_chain_find_tip(kh_audit_chain *chain, const kh_audit_head *head, kh_audit_head_state state, bool key_is_new,
                                  kh_error *err)
{
    kh_audit_files files = {0};
    kh_status status = kh_audit_files_list(&files, chain->dir, chain->role, err);

    if (status != KH_OK)
        return status;
    chain->tip = *head;
    if (state == KH_HEAD_ABSENT || state == KH_HEAD_DAMAGED) {
        status = take_last(chain, &files, err);
        if (files.count > 0 || !key_is_new)
            snprintf(chain->finding, sizeof chain->finding, "the head is %s, the last record found is %" PRIu64,
                     key_is_new ? "of another key" : state == KH_HEAD_ABSENT ? "missing" : "damaged", chain->tip.seq);
    } else if (head->seq > 0 && !holds_head(chain, head)) {
        snprintf(chain->finding, sizeof chain->finding, "record %" PRIu64 ", which the head tells of, is not where it was written",
                 head->seq);
    } else {
        status = walk_on(chain, &files, err);
        if (status == KH_OK && state == KH_HEAD_HALF)
            kh_log(KH_LOG_WARN, "audit", "%s.head: one of its two places could not be read and is written again", chain->role);
    }
    if (status == KH_OK && !chain->finding[0] && chain->tip.first > 0)
        status = open_tip(chain, err);
    kh_audit_files_release(&files);
    return status;
}
