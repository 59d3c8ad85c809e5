/* conformance_web.h - what the conformance statement says of DICOMweb (PS3.2, PS3.18), from the tables that serve it. */
#ifndef KH_APP_CONFORMANCE_WEB_H
#define KH_APP_CONFORMANCE_WEB_H

/* To standard output. */
void kh_conformance_web(void);

#endif
