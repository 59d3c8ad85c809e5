/* csv.h - comma-separated values (RFC 4180): UTF-8, quoted where needed, a byte order mark is passed over. At most 16 MiB, 100,000 lines
 * and 64 values of a line. Threads: one at a time. */
#ifndef KH_APP_CSV_H
#define KH_APP_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/error.h"

#define KH_CSV_CELLS_MAX 64
#define KH_CSV_BYTES_MAX (16 << 20)
#define KH_CSV_LINES_MAX 100000

typedef struct kh_csv {
    char *text; /* owned; the cells lie in it */
    char *at;
    size_t line, next_line, rows; /* of the row that was read last, from 1 on */
    size_t count;
    char *cells[KH_CSV_CELLS_MAX];
} kh_csv;

KH_MUST_USE kh_status kh_csv_open(kh_csv *out, const char *path, kh_error *err);
/* Empty lines are passed over. KH_E_FORMAT and KH_E_LIMIT with the line. */
KH_MUST_USE kh_status kh_csv_next(kh_csv *csv, bool *has_row, kh_error *err);
void kh_csv_close(kh_csv *csv);

/* One value, and the comma or the end of the line behind it. */
void kh_csv_put(FILE *out, const char *text, bool last);

#endif
