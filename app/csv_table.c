#include "app/csv_table.h"

#include <string.h>

static kh_status read_rows(kh_csv *csv, kh_csv_visit *visit, void *context, kh_error *err)
{
    const char *names[KH_CSV_CELLS_MAX];
    size_t columns = 0;
    bool has_row = false;
    kh_status status = kh_csv_next(csv, &has_row, err);

    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_FORMAT, "it is empty, expected a line with the names of the columns");
    if (status != KH_OK)
        return status;
    columns = csv->count;
    memcpy(names, csv->cells, columns * sizeof names[0]); /* they lie in the text, as long as it is open */
    while ((status = kh_csv_next(csv, &has_row, err)) == KH_OK && has_row) {
        const kh_csv_row row = {names, (const char *const *)csv->cells, columns};

        if (csv->count != columns)
            status = kh_error_set(err, KH_E_FORMAT, "%zu columns, expected %zu", csv->count, columns);
        else
            status = visit(context, &row, err);
        if (status != KH_OK) {
            kh_error_prefix(err, "line %zu", csv->line);
            break;
        }
    }
    return status;
}

kh_status kh_csv_table_read(const char *path, kh_csv_visit *visit, void *context, kh_error *err)
{
    kh_csv csv;
    kh_status status = kh_csv_open(&csv, path, err);

    if (status != KH_OK)
        return status;
    status = read_rows(&csv, visit, context, err);
    kh_csv_close(&csv);
    return status;
}

const char *kh_csv_value(const kh_csv_row *row, const char *name)
{
    for (size_t i = 0; i < row->columns; i++)
        if (strcmp(row->names[i], name) == 0)
            return row->values[i];
    return "";
}

void kh_csv_put_line(FILE *out, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kh_csv_put(out, values[i], i + 1 == count);
}
