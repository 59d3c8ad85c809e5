/* assembly.h - objects put together from what a request gives of them apart (PS3.18 10.5, 8.7.3): data sets as DICOM JSON or as Native
 * DICOM Models, and the values these name by BulkDataURI, each a part with its Content-Location. What comes is kept in one file; an object
 * is made when all parts are in.
 *
 * Locations are compared as absolute URIs (location.h). Parts of one location are one value: frames of compressed pixel data, pieces of
 * native bytes.
 *   application/octet-stream   little endian; with transfer-syntax of a compressed one, a frame of it. As many parts as frames of one bit a
 * pixel that                              do not end with a byte are these frames
 *   image/, video/ of PS3.18 table 8.7.3-5 and 8.7.3-6: Pixel Data (7FE0,0010) of the object itself, a frame each, a video as a whole.
 * Without transfer-syntax the                              codestreams say which of the type's it is; what they contradict is refused
 *   any other type             the document of an encapsulated document (0042,0011)
 * A value that comes before the data set that names it, or that none names, is of no use.
 * The file is explicit VR little endian, or of the transfer syntax of the compressed pixel data: an item a frame, a basic offset table
 * where it can say the offsets. Offset tables of the data set, which describe another file, are left out. Pixel data that are not of the
 * size, or the frames, that the attributes say are refused. The same parts make the same bytes.
 *
 * In memory: one data set's text and what reading it takes, one codestream, and a few hundred bytes for each data set and value.
 * Threads: one at a time. */
#ifndef KH_VIEWER_DICOMWEB_ASSEMBLY_H
#define KH_VIEWER_DICOMWEB_ASSEMBLY_H

#include "viewer/dicomweb/part_reader.h"
#include "viewer/dicomweb/stow.h"

typedef struct kh_assembly kh_assembly;

/* A media type that compressed pixel data may have, and its transfer syntaxes, NULL at the end; the first is what it means by itself. */
typedef struct kh_assembly_type {
    const char *type;
    kh_codec_kind codec;
    const char *syntaxes[12];
} kh_assembly_type;

const kh_assembly_type *kh_assembly_types(size_t *count);

typedef struct kh_assembly_options {
    bool xml;                  /* application/dicom+xml, else application/dicom+json */
    int spool_fd;              /* an empty file to keep things in; borrowed */
    size_t metadata_bytes_max; /* the text of one data set */
    unsigned objects_max;      /* data sets, and values they name, each */
    const char *base;          /* what relative locations are relative to; copied */
} kh_assembly_options;

KH_MUST_USE kh_status kh_assembly_create(kh_assembly **out, const kh_assembly_options *options, kh_error *err);
void kh_assembly_free(kh_assembly *assembly);

/* The parts as they come; the context is the kh_assembly. What fails here is wrong with the whole body. */
extern const kh_part_calls kh_assembly_parts;

size_t kh_assembly_count(const kh_assembly *assembly);
/* Parts that were of no use. */
size_t kh_assembly_stray_count(const kh_assembly *assembly);
/* Object number `index` as a Part 10 file, at the end of fd. Its UIDs, and its failure with a line in the log, are in *out. */
void kh_assembly_write(kh_assembly *assembly, size_t index, int fd, kh_stow_object *out);

#endif
