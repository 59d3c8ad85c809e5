/* compare_rows.h - what the files of comparing share (cache/compares.h). Not for other rooms. */
#ifndef KH_CACHE_COMPARE_ROWS_H
#define KH_CACHE_COMPARE_ROWS_H

#include "cache/compares.h"
#include "cache/internal.h"

/* A finding was followed here, and nobody has taken that back. */
#define KH_IS_FOLLOWED(of)                                                                                                     \
    "(" of ".state = 1 AND NOT EXISTS (SELECT 1 FROM change c WHERE c.id = " of ".change_id AND c.undone_ms > 0))"
/* Something of the study is hidden for another reason than that its hospital no longer has it. */
#define KH_HIDDEN_OTHERWISE(study)                                                                                             \
    "EXISTS (SELECT 1 FROM series r JOIN object o ON o.series_ref = r.id JOIN change c ON c.id = o.hidden"                     \
    " WHERE r.study_ref = " study " AND c.kind <> 3)"
_Static_assert(KH_CHANGE_GONE == 3 && KH_FINDING_APPLIED == 1, "kinds and states stand in the index by their numbers");

/* Where the round of a node stands, unless the node was removed. Runs in the writer thread. */
KH_MUST_USE kh_status kh_compare_store(kh_write *write, const kh_compare *compare, kh_error *err);

#endif
