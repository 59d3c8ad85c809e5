/* csv_table.h - tables whose first line names the columns (csv.h). Threads: one at a time. */
#ifndef KH_APP_CSV_TABLE_H
#define KH_APP_CSV_TABLE_H

#include "app/csv.h"

typedef struct kh_csv_row {
    const char *const *names, *const *values; /* columns of each; borrowed during the call */
    size_t columns;
} kh_csv_row;
typedef kh_status kh_csv_visit(void *context, const kh_csv_row *row, kh_error *err);
/* Stops at the first row that is not well-formed or not taken; the error names its line. */
KH_MUST_USE kh_status kh_csv_table_read(const char *path, kh_csv_visit *visit, void *context, kh_error *err);
/* The value of a column; "" when the table does not have it. */
const char *kh_csv_value(const kh_csv_row *row, const char *name);
/* A line of so many. */
void kh_csv_put_line(FILE *out, const char *const *values, size_t count);

#endif
