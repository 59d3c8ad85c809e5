#include "app/grant_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/csv_table.h"

/* What a grant is by its content: the columns from discloser to modalities. */
enum {
    GRANT_ID,
    GRANT_CONSENT,
    GRANT_DISCLOSER,
    GRANT_NUMBER,
    GRANT_FORM,
    GRANT_TO,
    GRANT_UNTIL,
    GRANT_FLOOR,
    GRANT_ITEMS,
    GRANT_MODALITIES,
    GRANT_FROM,
    GRANT_LINKED,
    GRANT_ENDED,
    GRANT_ENDED_BY,
    GRANT_ENDED_REASON,
    GRANT_COLUMNS
};
#define CONTENT_FIRST GRANT_DISCLOSER
#define CONTENT_LAST GRANT_MODALITIES
static const char *const columns[GRANT_COLUMNS] = {"id",   "consent", "discloser", "number",   "form",
                                                   "to",   "until",   "floor",     "items",    "modalities",
                                                   "from", "linked",  "ended",     "ended_by", "ended_reason"};

typedef struct texts {
    char id[24], consent[24], items[32], times[3][KH_RIGHTS_TIME_SIZE];
    const char *values[GRANT_COLUMNS]; /* into the rest and the row */
} texts;

static void write_texts(texts *out, const kh_grant_row *g)
{
    snprintf(out->id, sizeof out->id, "%lld", (long long)g->id);
    snprintf(out->consent, sizeof out->consent, "%lld", (long long)g->consent_id);
    kh_items_text(out->items, g->items);
    kh_rights_time_text(out->times[0], g->to_ms);
    kh_rights_time_text(out->times[1], g->from_ms);
    kh_rights_time_text(out->times[2], g->ended_ms);
    memcpy(out->values,
           (const char *[GRANT_COLUMNS]){out->id, out->consent, g->discloser, g->number, kh_consent_form_text(g->form), g->to,
                                         out->times[0], g->floor, out->items, g->modalities, out->times[1], g->linked ? "yes" : "no",
                                         out->times[2], g->ended_by, g->ended_reason},
           sizeof out->values);
}

/* --- out --- */

static kh_status put_grant(void *context, const kh_grant_row *grant)
{
    texts row;

    (void)context;
    write_texts(&row, grant);
    kh_csv_put_line(stdout, row.values, GRANT_COLUMNS);
    return KH_OK;
}

kh_status kh_grant_export(kh_rights_command *c, const kh_grant_query *query, kh_error *err)
{
    kh_status status;

    kh_csv_put_line(stdout, columns, GRANT_COLUMNS);
    status = kh_grant_list(c->access, query, put_grant, NULL, err);
    return status == KH_OK && ferror(stdout) ? kh_error_set(err, KH_E_IO, "the table cannot be written") : status;
}

/* --- in --- */

typedef struct held {
    uint64_t content[2];
    int64_t id;
    bool ended, taken;
} held;

typedef struct importing {
    kh_rights_command *command;
    held *all; /* by content */
    size_t count, capacity, found, ended;
} importing;

static void sum_content(uint64_t out[2], const char *const *values)
{
    out[0] = 0xcbf29ce484222325u;
    out[1] = 0x9e3779b97f4a7c15u;
    for (size_t i = CONTENT_FIRST; i <= CONTENT_LAST; i++) {
        const char *at = values[i];

        do {
            out[0] = (out[0] ^ (unsigned char)*at) * 0x100000001b3u;
            out[1] = (out[1] ^ (unsigned char)*at) * 0x100000001b3u;
        } while (*at++);
    }
}

static kh_status keep_grant(void *context, const kh_grant_row *grant)
{
    importing *i = context;
    texts row;

    if (i->count == i->capacity) {
        size_t more = i->capacity ? i->capacity * 2 : 256;
        void *grown = reallocarray(i->all, more, sizeof *i->all);

        if (!grown)
            return KH_E_MEMORY;
        i->all = grown;
        i->capacity = more;
    }
    write_texts(&row, grant);
    i->all[i->count] = (held){.id = grant->id, .ended = grant->ended_ms != 0};
    sum_content(i->all[i->count++].content, row.values);
    return KH_OK;
}

static int by_content(const void *a, const void *b)
{
    return memcmp(((const held *)a)->content, ((const held *)b)->content, sizeof ((const held *)a)->content);
}

/* One of that content that no row before took: as it stands there if there is one, else another. NULL: none. */
static held *take(importing *i, const held *wanted)
{
    held *at = i->count > 0 ? bsearch(wanted, i->all, i->count, sizeof *i->all, by_content) : NULL, *other = NULL;

    if (!at)
        return NULL;
    while (at > i->all && by_content(at - 1, wanted) == 0)
        at--;
    for (; at < i->all + i->count && by_content(at, wanted) == 0; at++) {
        if (!at->taken && at->ended == wanted->ended) {
            other = at;
            break;
        }
        if (!at->taken && !other)
            other = at;
    }
    if (other)
        other->taken = true;
    return other;
}

static kh_status end_one(importing *i, const char *const *values, held *one, kh_error *err)
{
    kh_rights_command *c = i->command;
    const char *discloser = values[GRANT_DISCLOSER], *number = values[GRANT_NUMBER], *reason = values[GRANT_ENDED_REASON];
    kh_status status = kh_rights_command_begin(c, discloser, number, "grant ended as in a table", err);

    if (status != KH_OK)
        return status;
    status = kh_grant_end(c->access, one->id, reason[0] ? reason : "closed", c->by, err);
    one->ended = status == KH_OK;
    i->ended += one->ended;
    return kh_rights_command_end(c, discloser, number, "grant ended as in a table", status, err);
}

static kh_status import_row(void *context, const kh_csv_row *row, kh_error *err)
{
    importing *i = context;
    const char *values[GRANT_COLUMNS];
    held wanted = {.id = 0}, *one;

    for (size_t k = 0; k < GRANT_COLUMNS; k++)
        values[k] = kh_csv_value(row, columns[k]);
    wanted.ended = values[GRANT_ENDED][0] != '\0';
    sum_content(wanted.content, values);
    one = take(i, &wanted);
    if (!one)
        return kh_error_set(err, KH_E_NOT_FOUND, "no sheet here opens that: its consent comes first (kakehashi consent import)");
    if (one->ended && !wanted.ended)
        return kh_error_set(err, KH_E_CONFLICT, "it has ended here: a new sheet opens it again, a table does not");
    i->found++;
    return one->ended == wanted.ended ? KH_OK : end_one(i, values, one, err);
}

kh_status kh_grant_import(kh_rights_command *c, const char *path, kh_error *err)
{
    importing i = {.command = c};
    kh_status status = kh_grant_list(c->access, &(kh_grant_query){.open = false}, keep_grant, &i, err);

    if (status == KH_OK && i.count > 0)
        qsort(i.all, i.count, sizeof *i.all, by_content);
    if (status == KH_OK)
        status = kh_csv_table_read(path, import_row, &i, err);
    free(i.all);
    fprintf(stderr, "%zu grants are here, %zu of them ended now\n", i.found, i.ended);
    return status;
}
