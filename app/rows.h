/* rows.h - lists of commands: a table for people, CSV (RFC 4180, safe to open in a spreadsheet) or JSON for programs.
 * Threads: one at a time. */
#ifndef KH_APP_ROWS_H
#define KH_APP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum kh_rows_form { KH_ROWS_TABLE, KH_ROWS_CSV, KH_ROWS_JSON } kh_rows_form;

#define KH_ROWS_COLUMNS_MAX 24

/* width: of the column in a table, in signs of half width; 0: the table leaves it out. */
typedef struct kh_rows_column {
    const char *name, *title; /* "not_after", "GOOD UNTIL" */
    int width;
} kh_rows_column;

typedef struct kh_rows {
    FILE *out;
    kh_rows_form form;
    const kh_rows_column *columns;
    size_t column_count, count; /* count: of rows put */
} kh_rows;

/* CSV gets its head, JSON its bracket; a table waits for a row. */
void kh_rows_begin(kh_rows *rows, FILE *out, kh_rows_form form, const kh_rows_column *columns, size_t column_count);
/* One value for each column, UTF-8, NULL like "". Signs that could move a terminal's cursor are left out of tables. */
void kh_rows_put(kh_rows *rows, const char *const *values);
/* none: what a table says when there was no row. */
void kh_rows_end(kh_rows *rows, const char *none);
/* One object: "name: value" lines, or JSON. */
void kh_rows_one(FILE *out, bool json, const kh_rows_column *columns, const char *const *values, size_t column_count);

/* One value of CSV, quoted where it must be; a spreadsheet must not take it for a formula. */
void kh_rows_put_csv(FILE *out, const char *value);

/* "2026-11-20T21:04:05.123Z"; "" for 0. out: 25 bytes. */
const char *kh_rows_time(char out[25], int64_t wall_ms);

#endif
