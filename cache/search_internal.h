/* search_internal.h - what the files of the search share. */
#ifndef KH_CACHE_SEARCH_INTERNAL_H
#define KH_CACHE_SEARCH_INTERNAL_H

#include "cache/search.h"
#include "store/sql.h"

/* False when the attribute is no name. */
bool kh_search_name(const kh_search_row *row, const kh_search_attribute *attribute, kh_person_name *out);
/* What the queries of search.c select at this level. */
void kh_search_read_row(kh_sql_row *row, kh_level level, kh_search_row *out);

#endif
