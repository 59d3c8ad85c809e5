/* tokens.h - bearer tokens of a person, for scripts and DICOMweb viewers: "khp_" and 256 random bits, of which a hash is kept. Good as long
 * as they are not expired or revoked and the person is admitted. Threads: any; kh_token_known() waits for nothing. */
#ifndef KH_ACCESS_TOKENS_H
#define KH_ACCESS_TOKENS_H

#include "access/accounts.h"
#include "access/subject.h"

#define KH_TOKEN_SIZE 48
#define KH_TOKEN_DAYS_MAX 366
#define KH_TOKENS_OF_PERSON_MAX 20

typedef struct kh_token {
    int64_t id, person_id;
    char login[65];
    char name[65];       /* what it is for */
    unsigned scopes;     /* KH_SCOPE_* */
    int64_t made_ms, expires_ms, revoked_ms; /* wall clock; revoked 0: not */
    int64_t used_ms;     /* last, to the hour; 0: never */
} kh_token;
typedef kh_status kh_token_visit(void *context, const kh_token *token);

/* token->person_id, name, scopes and expires_ms are the caller's; text is shown once. KH_E_LIMIT: too many. */
KH_MUST_USE kh_status kh_token_add(kh_accounts *accounts, kh_token *token, char text[KH_TOKEN_SIZE], kh_error *err);
/* person_id 0: whoever's. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_token_revoke(kh_accounts *accounts, int64_t person_id, int64_t token_id, kh_error *err);
/* person_id 0: of all. */
KH_MUST_USE kh_status kh_token_list(kh_accounts *accounts, int64_t person_id, kh_token_visit *visit, void *context, kh_error *err);

/* As kh_session_known() and kh_session_find(). */
bool kh_token_known(kh_accounts *accounts, const char *text, kh_subject *out);
KH_MUST_USE kh_status kh_token_find(kh_accounts *accounts, const char *text, kh_subject *out, kh_error *err);

/* "find,view" as scopes; 0 when it is none. And back, into a text of the caller's. */
unsigned kh_scopes_of(const char *text);
void kh_scopes_text(char out[32], unsigned scopes);

#endif
