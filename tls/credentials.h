/* tls_credentials.h - what tls.c needs of credentials and nobody else. */
#ifndef KH_DICOM_SHIM_TLS_CREDENTIALS_H
#define KH_DICOM_SHIM_TLS_CREDENTIALS_H

#include <gnutls/gnutls.h>
#include "dicom/shim/tls.h"

/* Protocol versions, suites and certificates for a session. A GnuTLS error code. */
int kh_tls_credentials_apply(kh_tls_credentials *credentials, gnutls_session_t session, bool calling);
bool kh_tls_credentials_check_name(const kh_tls_credentials *credentials);

#endif
