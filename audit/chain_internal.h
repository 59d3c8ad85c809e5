/* chain_internal.h - what chain.c and chain_open.c share. */
#ifndef KH_AUDIT_CHAIN_INTERNAL_H
#define KH_AUDIT_CHAIN_INTERNAL_H

#include <limits.h>
#include "audit/chain.h"
#include "base/buf.h"

struct kh_audit_chain {
    char dir[PATH_MAX - KH_AUDIT_ROLE_MAX - 64];
    char role[KH_AUDIT_ROLE_MAX + 1];
    uint64_t roll_bytes;
    kh_audit_key key;
    int lock_fd, head_fd;
    int fd;             /* of the file that tip is in; -1: the next commit begins one */
    unsigned turn;      /* of the head's places */
    kh_audit_head tip;  /* committed */
    bool head_is_old;   /* tip is not written there */
    bool cut_needed;    /* bytes behind tip could not be cut off */
    uint64_t seq;       /* with what is pending */
    uint8_t hash[KH_AUDIT_HASH_SIZE];
    kh_buf pending;
    char finding[200];
};

/* chain_open.c: where the chain ends. Sets tip, fd and finding. */
KH_MUST_USE kh_status kh_audit_chain_find_tip(kh_audit_chain *chain, const kh_audit_head *head, kh_audit_head_state state, bool key_is_new,
                                              kh_error *err);

#endif
