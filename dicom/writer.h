/* writer.h - building a data set in explicit VR little endian (PS3.5 7.1), or implicit, for queries and for objects we make.
 * Elements must come in ascending order of tag within their level; KH_E_INTERNAL otherwise. Values are padded to even length
 * as their VR wants. The first failure sticks and is told by kh_writer_finish(). Threads: one at a time. */
#ifndef KH_DICOM_WRITER_H
#define KH_DICOM_WRITER_H

#include <stdbool.h>
#include "base/buf.h"
#include "dicom/tag.h"

typedef struct kh_writer kh_writer;

/* Elements are appended to out (borrowed). charset: how text is written, as in Specific Character Set; the element itself is
 * written by the caller like any other. */
KH_MUST_USE kh_status kh_writer_create(kh_writer **out_writer, kh_buf *out, bool explicit_vr, const char *charset,
                                       kh_error *err);
void kh_writer_free(kh_writer *writer);
/* UTF-8, several values separated by backslashes. */
void kh_writer_text(kh_writer *writer, kh_tag tag, kh_vr vr, const char *utf8);
void kh_writer_us(kh_writer *writer, kh_tag tag, const uint16_t *values, size_t count);
void kh_writer_ul(kh_writer *writer, kh_tag tag, const uint32_t *values, size_t count);
/* As DS with at most 16 characters a value (PS3.5 6.2). */
void kh_writer_ds(kh_writer *writer, kh_tag tag, const double *values, size_t count);
/* One such number; "" cannot happen for a finite one. */
void kh_ds_format(char out[40], double value);
void kh_writer_is(kh_writer *writer, kh_tag tag, int64_t value);
void kh_writer_bytes(kh_writer *writer, kh_tag tag, kh_vr vr, const void *bytes, size_t size);
/* An element whose value comes from elsewhere, of up to 2^32 - 2 bytes made even: only its header is written, and the lengths of the
 * sequences and items around it count the value. undefined: the header says undefined length; size is what the value takes with its
 * delimiter. The place is the size of out behind the call. */
void kh_writer_gap(kh_writer *writer, kh_tag tag, kh_vr vr, uint64_t size, bool undefined);
void kh_writer_empty(kh_writer *writer, kh_tag tag, kh_vr vr);
void kh_writer_sequence_begin(kh_writer *writer, kh_tag tag);
void kh_writer_item_begin(kh_writer *writer);
void kh_writer_item_end(kh_writer *writer);
void kh_writer_sequence_end(kh_writer *writer);
KH_MUST_USE kh_status kh_writer_finish(kh_writer *writer, kh_error *err);

/* Preamble, prefix and file meta information (PS3.10 7.1) for a data set in transfer_syntax_uid, appended to out. */
KH_MUST_USE kh_status kh_part10_header(kh_buf *out, const char *sop_class_uid, const char *sop_instance_uid,
                                       const char *transfer_syntax_uid, const char *source_ae_title, kh_error *err);

#endif
