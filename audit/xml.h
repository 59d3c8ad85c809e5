/* xml.h - writing small XML documents into a buffer, as UTF-8. Text is escaped; what XML 1.0 cannot hold (controls, U+FFFE, bytes that are
 * no UTF-8) becomes U+FFFD. The first failure sticks. Threads: one at a time. */
#ifndef KH_AUDIT_XML_H
#define KH_AUDIT_XML_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

#define KH_XML_DEPTH_MAX 8

typedef struct kh_xml {
    kh_buf *out; /* borrowed */
    kh_status status;
    const char *open[KH_XML_DEPTH_MAX]; /* names, static */
    unsigned depth;
    bool in_tag; /* attributes may follow */
} kh_xml;

void kh_xml_init(kh_xml *xml, kh_buf *out);
/* name is borrowed until it is closed. */
void kh_xml_begin(kh_xml *xml, const char *name);
/* value NULL: left out. */
void kh_xml_attribute(kh_xml *xml, const char *name, const char *value);
/* The value as base64 (RFC 4648 4). */
void kh_xml_attribute_base64(kh_xml *xml, const char *name, const char *value);
void kh_xml_text(kh_xml *xml, const char *text);
void kh_xml_text_base64(kh_xml *xml, const char *text);
void kh_xml_end(kh_xml *xml);
KH_MUST_USE kh_status kh_xml_status(const kh_xml *xml, kh_error *err);

#endif
