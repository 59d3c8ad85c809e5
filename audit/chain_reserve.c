/* Room on the disk that is a chain's before it is needed. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "audit/chain_internal.h"
#include "base/log.h"

#define BLOCK 4096u

/* FALLOC_FL_KEEP_SIZE: who reads the file sees its records and nothing behind them. */
static bool take(int fd, uint64_t from, uint64_t size)
{
    int done;

    do
        done = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)size);
    while (done != 0 && errno == EINTR);
    return done == 0;
}

static bool can_reserve(int error)
{
    return error != EOPNOTSUPP && error != ENOSYS && error != EINVAL;
}

void kh_audit_chain_reserve(kh_audit_chain *chain)
{
    uint64_t from = chain->reserved_to > chain->tip.size ? chain->reserved_to : chain->tip.size;
    uint64_t to = (chain->tip.size + chain->reserve_bytes + BLOCK - 1) / BLOCK * BLOCK;

    if (chain->fd < 0 || !kh_audit_chain_is_low(chain))
        return;
    if (take(chain->fd, from, to - from)) /* only what is not ours yet: one that fails may take away again what it went over */
        chain->reserved_to = to;
    else if (!can_reserve(errno)) {
        kh_log(KH_LOG_WARN, "audit", "%s: the file system of %s reserves nothing: when the disk is full nothing is recorded", chain->role,
               chain->dir);
        chain->reserve_bytes = 0;
    }
}

bool kh_audit_chain_reserve_new(const kh_audit_chain *chain, int fd)
{
    return chain->reserve_bytes == 0 || take(fd, 0, chain->reserve_bytes) || !can_reserve(errno);
}

void kh_audit_chain_give_back(int fd, uint64_t size)
{
    (void)!ftruncate(fd, (off_t)size); /* what is left of it costs room, nothing else */
}

uint64_t kh_audit_chain_reserved(const kh_audit_chain *chain)
{
    return chain->reserved_to > chain->tip.size ? chain->reserved_to - chain->tip.size : 0;
}

bool kh_audit_chain_is_low(const kh_audit_chain *chain)
{
    return kh_audit_chain_reserved(chain) <= chain->reserve_bytes / 2 && chain->reserve_bytes > 0;
}
