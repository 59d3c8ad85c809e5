/* replay.h - what a disk may hold after the power went, made from a journal (interpose.h).
 *
 * Durable is only what a sync has confirmed: the bytes and the size of a file by a sync of the file, the names in a directory by a
 * sync of that directory. Of what came after the last sync before the cut, each 4 KiB block may have been written, up to any of
 * its writes; the size may be any it had; a directory may hold its changes up to any of them, in their order (a rename between two
 * directories is two changes). */
#ifndef KH_TESTS_FAULTS_REPLAY_H
#define KH_TESTS_FAULTS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct journal journal;

/* Ends the test program when the journal cannot be read. */
journal *journal_load(const char *path);
void journal_free(journal *j);
size_t journal_count(const journal *j);

/* The marks before the cut (number of records kept): calls visit for each. */
void journal_marks(const journal *j, size_t cut, void (*visit)(void *context, uint64_t number), void *context);
/* The place behind a mark: of the nth, from 0; false when there are fewer. */
bool journal_after_mark(const journal *j, size_t nth, size_t *cut);

typedef enum lost { LOST_ALL, LOST_NOTHING, LOST_TAIL, LOST_SOME } lost; /* of what was not synced; LOST_KINDS of them */
#define LOST_KINDS 4

/* Make the state in the empty directory dir. */
void journal_materialise(const journal *j, size_t cut, lost kind, uint64_t seed, const char *dir);

#endif
