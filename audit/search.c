#include "audit/search.h"

#include <stdio.h>
#include <string.h>
#include "audit/files.h"
#include "audit/reader.h"

#define PROGRESS_EVERY 4096u
#define TIME_SIZE 24 /* "2026-11-20T21:04:05.123Z" */
#define TIME_AT 9    /* behind {"time":" */

const char *const kh_audit_roles[] = {"bridge", "web", "command", NULL};

/* One chain, at the record that comes next. */
typedef struct cursor {
    const char *role;
    kh_audit_files files;
    size_t next_file;
    kh_audit_reader reader;
    kh_audit_line line;
    bool open; /* line is one */
} cursor;

kh_status kh_audit_time_check(const char *text, kh_error *err)
{
    static const char like[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    size_t size = text ? strlen(text) : 0;
    bool fits = size >= 4 && size <= TIME_SIZE;

    for (size_t i = 0; fits && i < size; i++)
        fits = like[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == like[i];
    if (text && !fits)
        return kh_error_set(err, KH_E_ARG, "\"%.40s\", expected a time in UTC as 2026-11-21T09:30:00, or the beginning of one", text);
    return KH_OK;
}

static bool time_is_there(const kh_audit_line *line)
{
    return line->record_size > TIME_AT + TIME_SIZE && memcmp(line->record, "{\"time\":\"", TIME_AT) == 0;
}

/* The next record of the chain, whichever file it is in. */
static kh_status advance(cursor *c, const kh_audit_query *query, uint64_t *unreadable, kh_error *err)
{
    char path[PATH_MAX];
    const char *text;
    size_t size;
    bool ended;
    kh_status status = KH_OK;

    c->open = false;
    while (status == KH_OK && !c->open) {
        kh_error why = KH_ERROR_INIT;

        if (c->reader.fd >= 0 && kh_audit_reader_next(&c->reader, &text, &size, &ended, &why)) {
            c->open = ended && kh_audit_line_parse(&c->line, text, size) && time_is_there(&c->line);
            *unreadable += !c->open && ended;
            continue;
        }
        if (why.status != KH_OK)
            return kh_error_set(err, why.status, "%s", why.message);
        if (c->next_file == c->files.count)
            break;
        status = kh_audit_file_path(path, query->dir, c->role, c->files.firsts[c->next_file++], err);
        if (status == KH_OK)
            status = kh_audit_reader_open(&c->reader, path, 0, err);
    }
    return status;
}

static bool in_time(const kh_audit_query *query, const char *time)
{
    return (!query->from || strncmp(time, query->from, strlen(query->from)) >= 0) &&
           (!query->to || strncmp(time, query->to, strlen(query->to)) <= 0);
}

static bool is(const kh_json *json, const char *key, const char *wanted)
{
    const char *text = kh_json_get_text(json, key);

    return !wanted || (text && strcmp(text, wanted) == 0);
}

/* "name (number)": by all of it, by the name, or by the number. */
static bool is_terminal(const kh_json *json, const char *wanted)
{
    const char *text = kh_json_get_text(json, "terminal"), *number = text ? strrchr(text, '(') : NULL;
    size_t size = wanted ? strlen(wanted) : 0, name = number && number > text ? (size_t)(number - text) - 1 : 0;

    if (!wanted || is(json, "terminal", wanted))
        return true;
    return number && ((name == size && memcmp(text, wanted, size) == 0) ||
                      (strncmp(number + 1, wanted, size) == 0 && strcmp(number + 1 + size, ")") == 0));
}

static bool matches(const kh_audit_query *q, const kh_json *json)
{
    return (is(json, "who", q->who) || is(json, "address", q->who) || is(json, "ae_title", q->who)) &&
           is(json, "who_facility", q->who_facility) && is_terminal(json, q->terminal) && is(json, "purpose", q->purpose) &&
           is(json, "reason", q->reason) && is(json, "facility", q->facility) && is(json, "patient", q->patient) &&
           is(json, "study", q->study) && is(json, "series", q->series) && is(json, "action", q->action) && is(json, "result", q->result);
}

static kh_status visit_one(const cursor *c, const kh_audit_query *query, kh_status (*visit)(void *, const kh_audit_found *), void *context,
                           uint64_t *unreadable)
{
    char record[KH_AUDIT_RECORD_MAX + 1];
    kh_audit_found found = {.role = c->role, .seq = c->line.seq, .record = record, .size = c->line.record_size};
    kh_json *json = NULL;
    kh_status status = KH_OK;

    if (!in_time(query, c->line.record + TIME_AT))
        return KH_OK;
    memcpy(record, c->line.record, c->line.record_size);
    record[c->line.record_size] = '\0';
    if (kh_json_parse_object(&json, record, c->line.record_size, KH_AUDIT_RECORD_MAX, NULL) != KH_OK) {
        ++*unreadable;
        return KH_OK;
    }
    found.json = json;
    if (matches(query, json))
        status = visit(context, &found);
    kh_json_free(json);
    return status;
}

static cursor *earliest(cursor *cursors)
{
    cursor *first = NULL;

    for (size_t i = 0; i < KH_AUDIT_ROLES; i++)
        if (cursors[i].open && (!first || memcmp(cursors[i].line.record + TIME_AT, first->line.record + TIME_AT, TIME_SIZE) < 0))
            first = &cursors[i];
    return first;
}

kh_status kh_audit_search(const kh_audit_query *query, kh_status (*visit)(void *context, const kh_audit_found *found), void *context,
                          uint64_t *unreadable, kh_error *err)
{
    cursor cursors[KH_AUDIT_ROLES] = {{.role = NULL}};
    uint64_t count = 0;
    cursor *c;
    kh_status status = kh_audit_time_check(query->from, err);

    *unreadable = 0;
    if (status == KH_OK)
        status = kh_audit_time_check(query->to, err);
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++) {
        cursors[i] = (cursor){.role = kh_audit_roles[i], .reader = KH_AUDIT_READER_INIT};
        if (status == KH_OK)
            status = kh_audit_files_list(&cursors[i].files, query->dir, cursors[i].role, err);
        if (status == KH_OK)
            status = advance(&cursors[i], query, unreadable, err);
    }
    while (status == KH_OK && (c = earliest(cursors))) {
        status = visit_one(c, query, visit, context, unreadable);
        if (status == KH_OK)
            status = advance(c, query, unreadable, err);
        if (++count % PROGRESS_EVERY == 0 && query->progress)
            query->progress(query->progress_context, count);
    }
    for (size_t i = 0; i < KH_AUDIT_ROLES; i++) {
        kh_audit_reader_close(&cursors[i].reader);
        kh_audit_files_release(&cursors[i].files);
    }
    return status;
}
