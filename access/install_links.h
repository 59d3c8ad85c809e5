/* install_links.h - one-time links by which a terminal fetches its certificate: 256 random bits, of which a hash is kept, beside the
 * encrypted PKCS#12 until it is fetched or the link is over. Whoever holds the link has no use for it without the password, which is told
 * apart. Threads: any. */
#ifndef KH_ACCESS_INSTALL_LINKS_H
#define KH_ACCESS_INSTALL_LINKS_H

#include "access/terminals.h"

#define KH_INSTALL_SECRET_SIZE 44 /* base64url of 32 bytes */
#define KH_INSTALL_HOURS 72
#define KH_INSTALL_HOURS_MAX 720
#define KH_INSTALL_FILE_MAX 16384

/* For a certificate that was just issued. Links that are over are forgotten. */
KH_MUST_USE kh_status kh_install_offer(kh_access *access, const kh_terminal_issued *issued, int hours, char secret[KH_INSTALL_SECRET_SIZE],
                                       kh_error *err);
/* Is there something to be fetched? KH_E_NOT_FOUND when there is no such link, or no more. */
KH_MUST_USE kh_status kh_install_look(kh_access *access, const char *secret, kh_terminal *out, kh_error *err);
/* Appends the PKCS#12 to out and uses the link up, in one. */
KH_MUST_USE kh_status kh_install_fetch(kh_access *access, const char *secret, kh_terminal *out, kh_buf *pkcs12, kh_error *err);

#endif
