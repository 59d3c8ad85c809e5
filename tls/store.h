/* store.h - the credentials in use, read anew when their files change. A file that is not good keeps the ones before it, and the
 * log says so, once for each change.
 * Threads: any; reading files holds no lock that kh_tls_store_get() waits for. */
#ifndef KH_TLS_STORE_H
#define KH_TLS_STORE_H

#include "tls/credentials.h"

typedef struct kh_tls_store kh_tls_store;

/* files are copied. Files that are not good are no failure: the log says so, and there are no credentials until they are. */
KH_MUST_USE kh_status kh_tls_store_create(kh_tls_store **out, const kh_tls_files *files, kh_error *err);
/* NULL is welcome. */
void kh_tls_store_free(kh_tls_store *store);
/* A reference of the caller's; NULL when no good files were ever read. */
kh_tls_credentials *kh_tls_store_get(kh_tls_store *store);
/* Moves whenever kh_tls_store_get() gives others than before. One atomic load. */
unsigned kh_tls_store_generation(const kh_tls_store *store);
/* Have the files changed (or now: whether or not)? Then read them. One thread at a time. */
void kh_tls_store_look(kh_tls_store *store, bool now);

#endif
