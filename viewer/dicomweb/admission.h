/* admission.h - who may ask (docs/operations.md): tokens, and the pages of other sites that a browser may ask for.
 * Without tokens everybody who reaches the port is admitted, and the port is on loopback. A change that comes from a page of a site that is
 * not listed is refused whoever's browser it is. Threads: any. */
#ifndef KH_VIEWER_DICOMWEB_ADMISSION_H
#define KH_VIEWER_DICOMWEB_ADMISSION_H

#include <stdbool.h>
#include "base/error.h"
#include "viewer/http/http.h"

#define KH_ADMISSION_TOKENS_MAX 256
#define KH_ADMISSION_ORIGINS_MAX 32
#define KH_ADMISSION_TOKEN_MIN 16  /* characters of a token that is not hashed */
#define KH_ADMISSION_TOKEN_MAX 512

typedef struct kh_admission kh_admission;

/* tokens_path: a file with lines "name rights token", rights "read" or "read,write", token as it is or "sha256:" and 64 hexadecimal digits;
 * "" or NULL: no tokens. KH_E_DENIED when others than its owner may read it, KH_E_FORMAT with the line's number, never its text.
 * origins: "https://viewer.example, http://localhost:3000"; "" or NULL: none. */
KH_MUST_USE kh_status kh_admission_create(kh_admission **out, const char *tokens_path, const char *origins, kh_error *err);
void kh_admission_free(kh_admission *admission);

/* Who was admitted, or with what code not. */
typedef struct kh_admitted {
    const char *token; /* its name, the admission's; NULL: there are no tokens */
    unsigned refused;  /* 401, 403; 0: admitted */
} kh_admitted;

/* May it pass? False when it was answered: 401, 403. Sets the headers that a page of a listed site needs. changes: it is no reading.
 * own_address: "https://images.example" of ours beside the Host; NULL or "". In the handler, not suspended. */
bool kh_admission_pass(kh_admission *admission, kh_http_request *request, bool changes, const char *own_address,
                       kh_admitted *out);
/* The name of the token that the request brings; NULL. In the handler, not suspended. */
const char *kh_admission_name(const kh_admission *admission, const kh_http_request *request);
/* An OPTIONS that a browser sends before a request of another site's page: answered here, true. allow: the methods, ", " between. */
bool kh_admission_preflight(kh_admission *admission, kh_http_request *request, const char *allow);

#endif
