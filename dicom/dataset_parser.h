/* dataset_parser.h - a data set while it is read: what is open stands on a stack of levels of fixed depth, the elements of it all on one
 * growing stack; when an item ends, its elements move to the arena in one piece. */
#ifndef KH_DICOM_DATASET_PARSER_H
#define KH_DICOM_DATASET_PARSER_H

#include "dicom/dataset_internal.h"
#include "dicom/element_header.h"

#define KH_PARSER_DEPTH_MAX 64 /* of kh_dataset_limits.depth */

typedef struct kh_level {
    uint64_t end;     /* nothing of it may lie behind */
    bool is_sequence; /* else an item, or the main data set */
    bool delimited;   /* undefined length: ends at its delimiter */
    bool explicit_vr, big_endian;
    bool sorted;          /* item: tags ascend so far */
    kh_tag last_tag;      /* item: of the element before; sequence: its own */
    size_t first_element; /* item: index in parser.elements */
    size_t first_item;    /* sequence: index in parser.items */
    const char *charset;
} kh_level;

typedef struct kh_parser {
    kh_dataset *dataset;
    kh_block_reader *reader;
    kh_dataset_limits limits;
    bool meta_only;
    bool pixels_seen, stop;
    uint64_t not_zero_at; /* a byte that is not 0, where zeros before it were looked through; 0: none were */
    uint64_t position;
    uint32_t counted; /* elements and items so far */
    uint32_t warned;  /* bit per kind of warning already given */
    kh_element *elements;
    size_t element_count, element_capacity;
    kh_item *items;
    size_t item_count, item_capacity;
    kh_level levels[1 + 2 * KH_PARSER_DEPTH_MAX]; /* the main data set, then sequence, item, sequence, item */
    unsigned depth;                     /* index of the innermost kh_level */
} kh_parser;

/* Puts the attribute in front of the message; gives status. */
kh_status kh_parser_name_tag(kh_status status, kh_tag tag, kh_error *err);
/* One more element or item: KH_E_LIMIT past the limit. */
kh_status kh_parser_count_one(kh_parser *parser, kh_error *err);
/* The element of header, whose header the parser stands on, onto the stack. */
kh_status kh_parser_push_element(kh_parser *parser, const kh_element_header *header, kh_error *err);
/* A level within parent from the parser's position on; the caller has looked at the depth. */
void kh_parser_open_level(kh_parser *parser, const kh_level *parent, bool is_sequence, uint32_t length, kh_tag tag);
/* The elements of level, which are the last on the stack, to the arena, as *item. */
kh_status kh_parser_finish_item(kh_item *item, kh_parser *parser, const kh_level *level, kh_error *err);
kh_status kh_parser_close_item(kh_parser *parser, kh_error *err);
kh_status kh_parser_open_sequence(kh_parser *parser, const kh_element_header *header, kh_error *err);
/* value_end: of the last item, before a delimiter. */
kh_status kh_parser_close_sequence(kh_parser *parser, uint64_t value_end, kh_error *err);

#endif
