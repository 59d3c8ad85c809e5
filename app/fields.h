/* fields.h - the fields of a record as texts: one table for the options of a command, its lists, JSON and CSV (RFC 4180).
 * Threads: one at a time. */
#ifndef KH_APP_FIELDS_H
#define KH_APP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "app/args.h"
#include "base/json.h"

#define KH_FIELDS_MAX 32
#define KH_FIELD_TEXT_SIZE 1024 /* of any of them, as text */
#define KH_FIELDS_JSON_MAX (256 << 20) /* of a list */

typedef enum kh_field_type { KH_FIELD_TEXT, KH_FIELD_FLAG, KH_FIELD_COUNT, KH_FIELD_WORD } kh_field_type;

/* Who sets it: options and import; nobody; import alone, which hands it to `take`. */
typedef enum kh_field_set_by { KH_FIELD_SET, KH_FIELD_TOLD, KH_FIELD_IMPORTED } kh_field_set_by;

typedef struct kh_field {
    const char *name;   /* "birth-date"; as an option "--birth-date" */
    kh_field_type type; /* char[size], bool, int, an enum */
    size_t offset, size;
    const char *(*word)(int value);   /* of an enum; NULL: none */
    int (*word_of)(const char *text); /* 0: none */
    kh_field_set_by told;
    unsigned width;                   /* in lists, 0: not there */
} kh_field;

/* KH_E_ARG with the field. */
KH_MUST_USE kh_status kh_field_set(void *record, const kh_field *field, const char *text, kh_error *err);
void kh_field_get(char out[KH_FIELD_TEXT_SIZE], const void *record, const kh_field *field);

/* "--name" of each that is not told, with a place for its value: options and values have room for count. Returns how many. */
size_t kh_fields_options(kh_option *options, const char **values, char names[][32], const kh_field *fields, size_t count);
/* Those that were given. */
KH_MUST_USE kh_status kh_fields_apply(void *record, const char *const *values, const kh_field *fields, size_t count, kh_error *err);

/* A list on its way out: lines of standard output, an array of JSON there, or a new file of CSV. */
typedef struct kh_fields_list {
    const kh_field *fields;
    size_t count;
    const char *path; /* of the file; NULL: none */
    FILE *csv;
    bool as_json, begun;
    kh_buf text;
    kh_json_writer json;
} kh_fields_list;
KH_MUST_USE kh_status kh_fields_list_open(kh_fields_list *out, const kh_field *fields, size_t count, bool json, const char *csv_path,
                                          kh_error *err);
void kh_fields_put(kh_fields_list *list, const void *record);
/* status: how the listing went, told on. none: what is printed when there was nothing to list. */
KH_MUST_USE kh_status kh_fields_list_close(kh_fields_list *list, kh_status status, const char *none, kh_error *err);

/* Reads a file of CSV whose first line names the fields, one of them the first of the table, which names the record. begin makes the record
 * that the line's values are put into: what is there of that name, or a new one. Empty values are left out. At most 16 MiB, 100,000
 * records.
 * Stops at the first that fails: KH_E_ARG and others with the line. */
typedef struct kh_fields_import {
    const kh_field *fields;
    size_t count, record_size;
    kh_status (*begin)(void *context, void *record, const char *name, kh_error *err);
    kh_status (*take)(void *context, void *record, kh_error *err);
    void *context;
} kh_fields_import;
KH_MUST_USE kh_status kh_fields_import_run(const kh_fields_import *import, const char *path, kh_error *err);

#endif
