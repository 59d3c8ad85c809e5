/* metadata_xml.h - metadata as application/dicom+xml in multipart/related. */
#ifndef KH_VIEWER_DICOMWEB_METADATA_XML_H
#define KH_VIEWER_DICOMWEB_METADATA_XML_H

#include "viewer/dicomweb/retrieve.h"

/* Answers the request. The list is taken over and left empty when this is KH_OK. */
KH_MUST_USE kh_status kh_metadata_xml_answer(kh_dicomweb *dicomweb, kh_http_request *request, const kh_retrieve_uids *uids,
                                             kh_retrieve_list *list, const char *address, unsigned code, kh_error *err);

#endif
