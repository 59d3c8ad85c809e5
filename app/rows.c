#include "app/rows.h"

#include <string.h>
#include "base/clock.h"
#include "base/json.h"

#define OBJECT_BYTES_MAX 65536

void kh_rows_begin(kh_rows *rows, FILE *out, kh_rows_form form, const kh_rows_column *columns, size_t column_count)
{
    *rows = (kh_rows){.out = out, .form = form, .columns = columns, .column_count = column_count};
    if (form == KH_ROWS_JSON)
        fputc('[', out);
    for (size_t i = 0; form == KH_ROWS_CSV && i < column_count; i++)
        fprintf(out, "%s%s", i ? "," : "", columns[i].name);
    if (form == KH_ROWS_CSV)
        fputs("\r\n", out);
}

void kh_rows_put_csv(FILE *out, const char *value)
{
    bool formula = value[0] && strchr("=+-@\t\r", value[0]);

    if (!formula && !value[strcspn(value, ",\"\r\n")]) {
        fputs(value, out);
        return;
    }
    fputs(formula ? "\"'" : "\"", out);
    for (; *value; value++) {
        if (*value == '"')
            fputc('"', out);
        fputc(*value, out);
    }
    fputc('"', out);
}

static void put_json(FILE *out, const kh_rows_column *columns, const char *const *values, size_t column_count)
{
    kh_json_writer writer;
    kh_buf buf;

    kh_buf_init(&buf, OBJECT_BYTES_MAX);
    kh_json_writer_init(&writer, &buf);
    kh_json_object_begin(&writer);
    for (size_t i = 0; i < column_count; i++)
        kh_json_put_text(&writer, columns[i].name, values[i] ? values[i] : "");
    kh_json_object_end(&writer);
    if (kh_json_writer_status(&writer, NULL) == KH_OK)
        fwrite(buf.data, 1, buf.size, out);
    kh_buf_release(&buf);
}

/* Characters of three bytes and more take two places, the others one; control characters none. Returns the places. */
static int put_shown(FILE *out, const char *value)
{
    int places = 0;

    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            p += *p == 0xc2;
            continue;
        }
        places += *p >= 0xe0 ? 2 : (*p & 0xc0) != 0x80;
        fputc(*p, out);
    }
    return places;
}

static void put_cells(const kh_rows *rows, const char *const *values, bool head)
{
    for (size_t i = 0; i < rows->column_count; i++) {
        const char *value = head ? rows->columns[i].title : values[i] && values[i][0] ? values[i] : "-";
        int places;

        if (rows->columns[i].width == 0)
            continue;
        places = put_shown(rows->out, value);
        fprintf(rows->out, "%*s ", places < rows->columns[i].width ? rows->columns[i].width - places : 0, "");
    }
    fputc('\n', rows->out);
}

void kh_rows_put(kh_rows *rows, const char *const *values)
{
    if (rows->form == KH_ROWS_TABLE && rows->count == 0)
        put_cells(rows, NULL, true);
    if (rows->form == KH_ROWS_TABLE)
        put_cells(rows, values, false);
    if (rows->form == KH_ROWS_JSON) {
        fputs(rows->count ? ",\n " : "\n ", rows->out);
        put_json(rows->out, rows->columns, values, rows->column_count);
    }
    for (size_t i = 0; rows->form == KH_ROWS_CSV && i < rows->column_count; i++) {
        if (i)
            fputc(',', rows->out);
        kh_rows_put_csv(rows->out, values[i] ? values[i] : "");
    }
    if (rows->form == KH_ROWS_CSV)
        fputs("\r\n", rows->out);
    rows->count++;
}

void kh_rows_end(kh_rows *rows, const char *none)
{
    if (rows->form == KH_ROWS_JSON)
        fputs(rows->count ? "\n]\n" : "]\n", rows->out);
    if (rows->form == KH_ROWS_TABLE && rows->count == 0)
        fprintf(rows->out, "%s\n", none);
}

void kh_rows_one(FILE *out, bool json, const kh_rows_column *columns, const char *const *values, size_t column_count)
{
    if (json) {
        put_json(out, columns, values, column_count);
        fputc('\n', out);
        return;
    }
    for (size_t i = 0; i < column_count; i++) {
        fprintf(out, "%-16s ", columns[i].name);
        put_shown(out, values[i] && values[i][0] ? values[i] : "-");
        fputc('\n', out);
    }
}

const char *kh_rows_time(char out[25], int64_t wall_ms)
{
    out[0] = '\0';
    if (wall_ms != 0)
        kh_clock_format(out, wall_ms);
    return out;
}
