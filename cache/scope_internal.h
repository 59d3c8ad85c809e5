/* scope_internal.h - what lists and searches share of a scope, inside their read transaction. Not for other rooms. */
#ifndef KH_CACHE_SCOPE_INTERNAL_H
#define KH_CACHE_SCOPE_INTERNAL_H

#include "base/buf.h"
#include "cache/scope.h"
#include "store/sql.h"

#define KH_SCOPE_OTHERS_MAX 200000                /* patients of others: beyond every network in service */
#define KH_SCOPE_REFS_BYTES_MAX ((size_t)4 << 20) /* of a list of so many rows, as JSON */

/* The study itself, whichever of its series are. */
KH_MUST_USE kh_status kh_scope_decide(kh_sql *sql, const kh_scope *scope, kh_study *study, bool *allowed, kh_error *err);
/* Takes what is not allowed off the counts. */
KH_MUST_USE kh_status kh_scope_trim(kh_sql *sql, const kh_scope *scope, kh_study *study, kh_error *err);
/* Whose the rows of patients are, so that studies are told apart without a look at their patient's row. */
typedef struct kh_scope_map {
    struct kh_scope_place {
        int64_t patient_ref, which; /* which: of scope->patients; -1: the own facility's */
    } * places;
    size_t count, room;
} kh_scope_map;
void kh_scope_map_release(kh_scope_map *map);
/* Facility and ID of the patient; of the own facility's the facility alone. False: not of the map. */
bool kh_scope_map_find(const kh_scope_map *map, const kh_scope *scope, int64_t patient_ref, kh_patient *out);

/* Rows of the patients, "[1,2,3]", and whose they are (map may be NULL); with_own: those of the own facility, too. *few: there are no more
 * than most, and both are whole. */
KH_MUST_USE kh_status kh_scope_refs(kh_sql *sql, const kh_scope *scope, bool with_own, int64_t most, kh_buf *refs, kh_scope_map *map,
                                    bool *few, kh_error *err);

#endif
