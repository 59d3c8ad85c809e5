#include "app/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

kh_status kh_csv_open(kh_csv *out, const char *path, kh_error *err)
{
    FILE *file = fopen(path, "rbe");
    size_t size = 0;

    *out = (kh_csv){.next_line = 1};
    if (!file)
        return kh_error_errno(err, errno, "%s", path);
    out->text = malloc(KH_CSV_BYTES_MAX + 2);
    if (out->text)
        size = fread(out->text, 1, KH_CSV_BYTES_MAX + 1, file);
    fclose(file);
    if (!out->text)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %s", path);
    out->text[size] = '\0';
    out->at = out->text;
    if (strncmp(out->at, "\xef\xbb\xbf", 3) == 0)
        out->at += 3;
    if (size > KH_CSV_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "%s is larger than %d bytes", path, KH_CSV_BYTES_MAX);
    if (strlen(out->text) != size)
        return kh_error_set(err, KH_E_FORMAT, "%s holds a zero byte, expected text", path);
    return KH_OK;
}

void kh_csv_close(kh_csv *csv)
{
    free(csv->text);
    *csv = (kh_csv){0};
}

/* A quoted value, in place; at stands behind the first quote, then behind the last. */
static char *take_quoted(kh_csv *csv, kh_error *err)
{
    char *to = csv->at, *cell = csv->at;

    for (;; csv->at++) {
        if (*csv->at == '\0') {
            (void)!kh_error_set(err, KH_E_FORMAT, "line %zu: a quote is not closed", csv->line);
            return NULL;
        }
        csv->next_line += *csv->at == '\n';
        if (*csv->at == '"') {
            csv->at++;
            if (*csv->at != '"')
                break;
        }
        *to++ = *csv->at;
    }
    if (*csv->at != ',' && *csv->at != '\r' && *csv->at != '\n' && *csv->at != '\0') {
        (void)!kh_error_set(err, KH_E_FORMAT, "line %zu: text behind a closed quote", csv->line);
        return NULL;
    }
    *to = '\0';
    return cell;
}

/* Ends the value; true when another follows in this line. */
static bool pass_end(kh_csv *csv)
{
    char was = *csv->at;

    if (was == '\0')
        return false;
    *csv->at++ = '\0';
    if (was == '\r' && *csv->at == '\n')
        csv->at++;
    csv->next_line += was != ',';
    return was == ',';
}

kh_status kh_csv_next(kh_csv *csv, bool *has_row, kh_error *err)
{
    bool more = true;

    csv->count = 0;
    while (*csv->at == '\n' || *csv->at == '\r') {
        csv->next_line += *csv->at == '\n';
        csv->at++;
    }
    csv->line = csv->next_line;
    *has_row = *csv->at != '\0';
    if (*has_row && ++csv->rows > KH_CSV_LINES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "line %zu: more than %d lines", csv->line, KH_CSV_LINES_MAX);
    while (*has_row && more) {
        char *cell = csv->at;

        if (csv->count == KH_CSV_CELLS_MAX)
            return kh_error_set(err, KH_E_LIMIT, "line %zu: more than %d values", csv->line, KH_CSV_CELLS_MAX);
        if (*csv->at == '"') {
            csv->at++;
            cell = take_quoted(csv, err);
            if (!cell)
                return KH_E_FORMAT;
        } else {
            csv->at += strcspn(csv->at, ",\r\n");
        }
        more = pass_end(csv);
        csv->cells[csv->count++] = cell;
    }
    return KH_OK;
}

void kh_csv_put(FILE *out, const char *text, bool last)
{
    bool quoted = text[strcspn(text, "\",\r\n")] != '\0' || text[0] == ' ' || (text[0] && text[strlen(text) - 1] == ' ');

    if (quoted)
        putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    if (quoted)
        putc('"', out);
    fputs(last ? "\r\n" : ",", out);
}
