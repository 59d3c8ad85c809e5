/* progress.h - one progress line for things that come one by one: images, megabytes, rate, time left.
 * On a terminal a bar that is drawn anew, in Unicode where the locale is UTF-8; elsewhere a plain line every few seconds.
 * Threads: one at a time. */
#ifndef KH_APP_PROGRESS_H
#define KH_APP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct kh_progress {
    FILE *out;           /* borrowed */
    const char *noun;    /* "images" */
    bool terminal, unicode, drawn;
    int64_t total;       /* -1: not known */
    int64_t done, bytes; /* bytes -1: not counted */
    int64_t started_ms, shown_ms;
    int64_t done_at_start;
} kh_progress;

/* Begins now. noun is borrowed. done: what was there already, left out of the rate. */
void kh_progress_begin(kh_progress *progress, FILE *out, const char *noun, int64_t total, int64_t done);
/* Draws when it is time to. */
void kh_progress_update(kh_progress *progress, int64_t done, int64_t total, int64_t bytes);
/* Remove the bar, so that a line can be printed; the next update draws it again. */
void kh_progress_clear(kh_progress *progress);
/* The last state, whole, with a line end. */
void kh_progress_end(kh_progress *progress);

/* The line itself, without control characters: what the others print. out_size >= 256. */
void kh_progress_format(char *out, size_t out_size, const kh_progress *progress, int64_t now_ms);
/* "1.2 GB", "34 MB", "560 KB" (powers of ten, as people count downloads). out_size >= 16. */
void kh_format_bytes(char *out, size_t out_size, int64_t bytes);

#endif
