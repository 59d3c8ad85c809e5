/* bans.h - who may not come again (KN-1): inside this room. Threads: any. */
#ifndef KH_ACCESS_BANS_H
#define KH_ACCESS_BANS_H

#include "access/internal.h"

/* Kana as bans and people are compared by it: one spelling for hiragana, katakana of either width, with or without spaces. */
#define KH_KANA_KEY_SIZE 600
KH_MUST_USE kh_status kh_kana_key(char out[KH_KANA_KEY_SIZE], const char *kana, kh_error *err);
/* KH_E_DENIED when a ban of the person is in force today. */
KH_MUST_USE kh_status kh_ban_consult(kh_sql *sql, const char *kana_key, const char *birth_date, kh_error *err);

#endif
