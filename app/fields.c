#include "app/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "app/csv.h"

#define COUNT_MAX 1000000000

kh_status kh_field_set(void *record, const kh_field *field, const char *text, kh_error *err)
{
    char *at = (char *)record + field->offset, *end;
    bool flag = strcmp(text, "yes") == 0;
    long number;
    int word;

    switch (field->type) {
    case KH_FIELD_TEXT:
        if (strlen(text) >= field->size)
            return kh_error_set(err, KH_E_ARG, "%s has %zu bytes, expected at most %zu", field->name, strlen(text), field->size - 1);
        memset(at, 0, field->size);
        memcpy(at, text, strlen(text));
        return KH_OK;
    case KH_FIELD_FLAG:
        if (!flag && strcmp(text, "no") != 0)
            return kh_error_set(err, KH_E_ARG, "%s: expected yes or no", field->name);
        memcpy(at, &flag, sizeof flag);
        return KH_OK;
    case KH_FIELD_COUNT:
        errno = 0;
        number = strtol(text, &end, 10);
        if (errno != 0 || (*end && *text) || number < 0 || number > COUNT_MAX)
            return kh_error_set(err, KH_E_ARG, "%s: expected a number from 0 on", field->name);
        word = (int)number;
        memcpy(at, &word, sizeof word);
        return KH_OK;
    case KH_FIELD_WORD:
        word = field->word_of(text);
        if (word == 0) {
            char words[256] = "";

            for (int i = 1; field->word(i) && strlen(words) + 40 < sizeof words; i++)
                snprintf(words + strlen(words), sizeof words - strlen(words), "%s%.32s", i > 1 ? ", " : "", field->word(i));
            return kh_error_set(err, KH_E_ARG, "%s: expected one of %s", field->name, words);
        }
        memcpy(at, &word, sizeof word);
        return KH_OK;
    }
    return KH_OK;
}

void kh_field_get(char out[KH_FIELD_TEXT_SIZE], const void *record, const kh_field *field)
{
    const char *at = (const char *)record + field->offset;
    bool flag;
    int number;

    switch (field->type) {
    case KH_FIELD_TEXT:
        snprintf(out, KH_FIELD_TEXT_SIZE, "%s", at);
        return;
    case KH_FIELD_FLAG:
        memcpy(&flag, at, sizeof flag);
        snprintf(out, KH_FIELD_TEXT_SIZE, "%s", flag ? "yes" : "no");
        return;
    case KH_FIELD_COUNT:
        memcpy(&number, at, sizeof number);
        snprintf(out, KH_FIELD_TEXT_SIZE, "%d", number);
        return;
    case KH_FIELD_WORD:
        memcpy(&number, at, sizeof number);
        snprintf(out, KH_FIELD_TEXT_SIZE, "%s", field->word(number) ? field->word(number) : "");
        return;
    }
}

size_t kh_fields_options(kh_option *options, const char **values, char names[][32], const kh_field *fields, size_t count)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        values[i] = NULL;
        if (fields[i].told)
            continue;
        snprintf(names[i], 32, "--%.28s", fields[i].name);
        options[used++] = (kh_option){names[i], &values[i], NULL};
    }
    return used;
}

kh_status kh_fields_apply(void *record, const char *const *values, const kh_field *fields, size_t count, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; i < count && status == KH_OK; i++)
        if (values[i])
            status = kh_field_set(record, &fields[i], values[i], err);
    return status;
}

/* Columns on a screen: full-width characters of Japanese take two. */
static unsigned columns_of(const char *text)
{
    unsigned columns = 0;

    for (; *text; text++)
        if (((uint8_t)*text & 0xc0) != 0x80)
            columns += (uint8_t)*text >= 0xe3 && (uint8_t)*text != 0xef ? 2 : 1;
    return columns;
}

static void put_cell(const char *text, unsigned width)
{
    unsigned columns = columns_of(text);

    printf("%s%*s ", text, columns < width ? (int)(width - columns) : 0, "");
}

static void put_json(kh_json_writer *json, const kh_field *field, const char *text)
{
    if (field->type == KH_FIELD_FLAG)
        kh_json_put_bool(json, field->name, strcmp(text, "yes") == 0);
    else if (field->type == KH_FIELD_COUNT)
        kh_json_put_int(json, field->name, strtol(text, NULL, 10));
    else
        kh_json_put_text(json, field->name, text);
}

static void put_names(const kh_fields_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->csv)
            kh_csv_put(list->csv, list->fields[i].name, i + 1 == list->count);
        else if (list->fields[i].width > 0)
            put_cell(list->fields[i].name, list->fields[i].width);
    }
    if (!list->csv)
        putchar('\n');
}

kh_status kh_fields_list_open(kh_fields_list *out, const kh_field *fields, size_t count, bool json, const char *csv_path, kh_error *err)
{
    *out = (kh_fields_list){.fields = fields, .count = count, .path = csv_path, .as_json = json && !csv_path};
    kh_buf_init(&out->text, KH_FIELDS_JSON_MAX);
    kh_json_writer_init(&out->json, &out->text);
    if (out->as_json)
        kh_json_array_begin(&out->json);
    if (csv_path) {
        out->csv = fopen(csv_path, "wxe");
        if (!out->csv)
            return kh_error_errno(err, errno, "%s", csv_path);
    }
    return KH_OK;
}

kh_status kh_fields_list_close(kh_fields_list *list, kh_status status, const char *none, kh_error *err)
{
    if (status == KH_OK && list->csv && !list->begun) /* the names all the same */
        put_names(list);
    if (list->csv && fclose(list->csv) != 0 && status == KH_OK)
        status = kh_error_errno(err, errno, "%s", list->path);
    if (list->as_json) {
        kh_json_array_end(&list->json);
        if (status == KH_OK)
            status = kh_json_writer_status(&list->json, err);
        if (status == KH_OK)
            puts(kh_buf_text(&list->text));
    } else if (status == KH_OK && !list->csv && !list->begun) {
        puts(none);
    }
    kh_buf_release(&list->text);
    return status;
}

void kh_fields_put(kh_fields_list *list, const void *record)
{
    char text[KH_FIELD_TEXT_SIZE];

    if (list->as_json)
        kh_json_object_begin(&list->json);
    else if (!list->begun)
        put_names(list);
    list->begun = true;
    for (size_t i = 0; i < list->count; i++) {
        kh_field_get(text, record, &list->fields[i]);
        if (list->as_json)
            put_json(&list->json, &list->fields[i], text);
        else if (list->csv)
            kh_csv_put(list->csv, text, i + 1 == list->count);
        else if (list->fields[i].width > 0)
            put_cell(text, list->fields[i].width);
    }
    if (list->as_json)
        kh_json_object_end(&list->json);
    else if (!list->csv)
        putchar('\n');
}

/* ---- in ---- */

static kh_status name_columns(int *columns, const kh_csv *csv, const kh_field *fields, size_t count, kh_error *err)
{
    for (size_t i = 0; i < csv->count; i++) {
        columns[i] = -1;
        for (size_t k = 0; k < count; k++)
            if (strcmp(csv->cells[i], fields[k].name) == 0)
                columns[i] = (int)k;
        if (columns[i] < 0)
            return kh_error_set(err, KH_E_ARG, "line 1: column %zu has a name that is none of the fields", i + 1);
    }
    return KH_OK;
}

static kh_status take_row(const kh_csv *csv, const int *columns, size_t column_count, const kh_field *fields, void *record, kh_error *err)
{
    kh_status status = KH_OK;

    if (csv->count != column_count)
        return kh_error_set(err, KH_E_ARG, "%zu values, expected %zu as in the first line", csv->count, column_count);
    for (size_t i = 0; i < csv->count && status == KH_OK; i++)
        if (fields[columns[i]].told != KH_FIELD_TOLD && csv->cells[i][0])
            status = kh_field_set(record, &fields[columns[i]], csv->cells[i], err);
    return status;
}

static const char *name_of(const kh_csv *csv, const int *columns, size_t column_count)
{
    for (size_t i = 0; i < csv->count && i < column_count; i++)
        if (columns[i] == 0)
            return csv->cells[i];
    return "";
}

static kh_status import_row(const kh_fields_import *import, const kh_csv *csv, const int *columns, size_t column_count, void *record,
                            kh_error *err)
{
    kh_status status;

    memset(record, 0, import->record_size);
    status = import->begin(import->context, record, name_of(csv, columns, column_count), err);
    if (status == KH_OK)
        status = take_row(csv, columns, column_count, import->fields, record, err);
    if (status == KH_OK)
        status = import->take(import->context, record, err);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "line %zu", csv->line);
}

kh_status kh_fields_import_run(const kh_fields_import *import, const char *path, kh_error *err)
{
    int columns[KH_CSV_CELLS_MAX];
    void *record = malloc(import->record_size);
    size_t column_count = 0;
    bool has_row = false;
    kh_csv csv;
    kh_status status = kh_csv_open(&csv, path, err);

    if (status == KH_OK && !record)
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a record");
    if (status == KH_OK)
        status = kh_csv_next(&csv, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_FORMAT, "the file is empty, expected a first line that names the fields");
    if (status == KH_OK)
        status = name_columns(columns, &csv, import->fields, import->count, err);
    column_count = csv.count;
    while (status == KH_OK && (status = kh_csv_next(&csv, &has_row, err)) == KH_OK && has_row)
        status = import_row(import, &csv, columns, column_count, record, err);
    kh_csv_close(&csv);
    free(record);
    return status;
}
