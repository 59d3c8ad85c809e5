/* syntax_list.h - the transfer syntaxes that a node is to use, as they stand in kh_node.syntaxes: UIDs, best first, separated by commas.
 * Threads: pure functions. */
#ifndef KH_PACS_BRIDGE_SYNTAX_LIST_H
#define KH_PACS_BRIDGE_SYNTAX_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "dicom/syntax.h"

/* The place of a UID, from 0; SIZE_MAX when it is not in the list. */
size_t kh_syntax_list_place(const char *list, const char *uid);
/* Explicit and implicit VR little endian, in which every object can be written, in the order of the list: both, explicit first, when it
 * names neither; else those it names. How many. */
size_t kh_syntax_list_native(const char *list, const char *out[2]);
/* Is it one of these two? */
bool kh_syntax_is_native(const char *uid);
/* The next UID of the list: *at moves behind it. False at the end; one that is too long is passed over. */
bool kh_syntax_list_next(const char **at, char uid[KH_UID_SIZE]);

#endif
