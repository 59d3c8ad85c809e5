/* chain_internal.h - what chain.c and chain_open.c share. */
#ifndef KH_AUDIT_CHAIN_INTERNAL_H
#define KH_AUDIT_CHAIN_INTERNAL_H

#include <limits.h>
#include "audit/chain.h"
#include "base/buf.h"

struct kh_audit_chain {
    char dir[PATH_MAX - KH_AUDIT_ROLE_MAX - 64];
    char role[KH_AUDIT_ROLE_MAX + 1];
    uint64_t roll_bytes, reserve_bytes;
    kh_audit_key key;
    int lock_fd, head_fd;
    int fd;             /* of the file that tip is in; -1: the next commit begins one */
    unsigned turn;      /* of the head's places */
    kh_audit_head tip;  /* committed */
    bool head_is_old;   /* tip is not written there */
    bool cut_needed;    /* bytes behind tip could not be cut off */
    uint64_t reserved_to; /* the file at the end has room on the disk up to here */
    uint64_t seq;       /* with what is pending */
    uint8_t hash[KH_AUDIT_HASH_SIZE];
    kh_buf pending;
    char finding[200];
};

/* chain_open.c: where the chain ends. Sets tip, fd and finding. */
KH_MUST_USE kh_status kh_audit_chain_find_tip(kh_audit_chain *chain, const kh_audit_head *head, kh_audit_head_state state, bool key_is_new,
                                              kh_error *err);

/* chain_reserve.c: room on the disk for what comes behind the tip, when less than half of it is left and there is any. */
void kh_audit_chain_reserve(kh_audit_chain *chain);
/* The same of a file that is empty, for chain to go on in. Where nothing can be reserved any room will do. */
bool kh_audit_chain_reserve_new(const kh_audit_chain *chain, int fd);
/* A file that is not written any more keeps what it holds. */
void kh_audit_chain_give_back(int fd, uint64_t size);

#endif
