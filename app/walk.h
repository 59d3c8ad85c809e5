/* walk.h - the files under folders, and those a DICOMDIR names (PS3.10 8.5, PS3.3 F).
 * Bounded: 64 folders deep, 10,000,000 files, a folder that contains itself through a link is left out.
 * Threads: one at a time. */
#ifndef KH_APP_WALK_H
#define KH_APP_WALK_H

#include <stdbool.h>
#include "base/error.h"

#define KH_WALK_DEPTH_MAX 64
#define KH_WALK_FILES_MAX 10000000

/* A non-OK status ends the walk and is returned. */
typedef kh_status kh_walk_visit(void *context, const char *path);
/* What could not be read, in words; the walk goes on. */
typedef void kh_walk_complain(void *context, const char *path, const char *why);

/* Regular files under path (a folder), in the order of their names; a DICOMDIR among them is left out: it lists what is there. */
KH_MUST_USE kh_status kh_walk_folder(const char *path, kh_walk_visit *visit, kh_walk_complain *complain, void *context,
                                     kh_error *err);
/* The files the DICOMDIR at path names, in its order. One that is not there is complained about. */
KH_MUST_USE kh_status kh_walk_dicomdir(const char *path, kh_walk_visit *visit, kh_walk_complain *complain, void *context,
                                       kh_error *err);
/* PS3.10 8.6: the name is fixed; some burners write it in lower case. */
bool kh_walk_is_dicomdir(const char *path);

#endif
