/* native_xml.h - the Native DICOM Model (PS3.19 annex A.1), application/dicom+xml, to and from DICOM JSON: both say the same of a data set,
 * so what is strict about reading one (json_read.h) holds for the other.
 * Documents are UTF-8. DTDs and with them entities are refused before anything is parsed, nothing is ever fetched, and nesting is bounded.
 * A document takes up to 40 times its size in memory while it is read. Threads: any. */
#ifndef KH_DICOM_NATIVE_XML_H
#define KH_DICOM_NATIVE_XML_H

#include <stddef.h>
#include "base/buf.h"
#include "base/json.h"

/* A whole document of one data set, DICOM JSON's object, appended to out. KH_E_FORMAT when object is no DICOM JSON, KH_E_LIMIT. */
KH_MUST_USE kh_status kh_native_xml_write(kh_buf *out, const kh_json *object, kh_error *err);

/* DICOM JSON of a document, appended to json: for kh_json_parse() and kh_json_model_read(), which look at the values. KH_E_FORMAT names
 * what is not as it should be, KH_E_LIMIT when size is over max_size. */
KH_MUST_USE kh_status kh_native_xml_read(kh_buf *json, const char *xml, size_t size, size_t max_size, kh_error *err);

#endif
