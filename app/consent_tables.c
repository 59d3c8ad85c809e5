#include "app/consent_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/csv_table.h"

/* Of a table that numbers its rows: one that `export` wrote. */
static void end_as_told(kh_consent_sheet *sheet, const kh_csv_row *row)
{
    sheet->closed = kh_csv_value(row, "closed");
    sheet->closed_reason = kh_csv_value(row, "closed_reason");
    if (!kh_csv_value(row, "withdrawn")[0])
        return;
    sheet->withdrawn_at = kh_csv_value(row, "withdrawn_at");
    sheet->withdrawn_reason = kh_csv_value(row, "withdrawn_reason");
}

kh_status kh_consent_enter(kh_rights_command *c, const kh_rights_place *at, const kh_consent_options *o, const kh_csv_row *past,
                           int64_t *id, kh_error *err)
{
    kh_consent_rules rules = kh_consent_rules_default;
    kh_consent_filled *filled = calloc(1, sizeof *filled);
    kh_status status = filled ? kh_consent_options_fill(filled, at, o, err) : kh_error_set(err, KH_E_MEMORY, "no memory for a sheet");

    *id = 0;
    rules.look_back_years = kh_settings_look_back(c->settings);
    rules.places_max = (unsigned)c->settings->access_places;
    rules.team_max = (unsigned)c->settings->access_team;
    rules.scribe = c->settings->access_scribe;
    if (status == KH_OK && past)
        end_as_told(&filled->sheet, past);
    rules.past = past != NULL;
    if (status == KH_OK)
        status = kh_rights_command_begin(c, at->facility, at->number, "consent entered", err);
    if (status == KH_OK) {
        status = kh_consent_add(c->access, &rules, &filled->sheet, c->by, id, err);
        status = kh_rights_command_end(c, at->facility, at->number, "consent entered", status, err);
    }
    free(filled);
    return status;
}

/* --- in --- */

typedef struct numbers {
    int64_t (*pairs)[2]; /* of the table, and here */
    size_t count, capacity;
} numbers;

typedef struct importing {
    kh_rights_command *command;
    numbers known;
    size_t count;
} importing;

static kh_status remember(numbers *n, int64_t table, int64_t here, kh_error *err)
{
    if (n->count == n->capacity) {
        size_t more = n->capacity ? n->capacity * 2 : 64;
        void *grown = reallocarray(n->pairs, more, sizeof *n->pairs);

        if (!grown)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu sheets", more);
        n->pairs = grown;
        n->capacity = more;
    }
    n->pairs[n->count][0] = table;
    n->pairs[n->count++][1] = here;
    return KH_OK;
}

/* sheet_of of a table that numbers its rows is one of its rows. */
static kh_status find_sheet(const numbers *n, const char *word, char out[24], kh_error *err)
{
    int64_t table = 0;
    kh_status status = kh_rights_id_parse(&table, word, err);

    for (size_t i = 0; status == KH_OK && i < n->count; i++)
        if (n->pairs[i][0] == table) {
            snprintf(out, 24, "%lld", (long long)n->pairs[i][1]);
            return KH_OK;
        }
    return status == KH_OK ? kh_error_set(err, KH_E_NOT_FOUND, "sheet_of: no row before this one has the id %lld", (long long)table)
                           : status;
}

static kh_status enter_row(importing *i, const kh_csv_row *row, kh_consent_options *o, kh_error *err)
{
    const char *told_id = kh_csv_value(row, "id");
    char place[160], sheet[24];
    kh_rights_place at;
    int64_t id = 0, table = 0;
    kh_status status;

    snprintf(place, sizeof place, "%.70s:%.70s", kh_csv_value(row, "facility"), kh_csv_value(row, "number"));
    status = kh_rights_place_parse(&at, place, true, err);
    if (status == KH_OK && told_id[0] && o->words[KH_WORD_SHEET_OF][0]) {
        status = find_sheet(&i->known, o->words[KH_WORD_SHEET_OF], sheet, err);
        o->words[KH_WORD_SHEET_OF] = sheet;
    }
    if (status == KH_OK && told_id[0])
        status = kh_rights_id_parse(&table, told_id, err);
    if (status == KH_OK)
        status = kh_consent_enter(i->command, &at, o, told_id[0] ? row : NULL, &id, err);
    if (status == KH_OK && told_id[0])
        status = remember(&i->known, table, id, err);
    return status;
}

static kh_status import_row(void *context, const kh_csv_row *row, kh_error *err)
{
    importing *i = context;
    kh_consent_options o;
    kh_status status;

    for (size_t k = 0; k < KH_WORDS; k++)
        o.words[k] = kh_csv_value(row, kh_consent_words[k]);
    status = enter_row(i, row, &o, err);
    i->count += status == KH_OK;
    return status;
}

kh_status kh_consent_import(kh_rights_command *c, const char *path, kh_error *err)
{
    importing i = {.command = c};
    kh_status status = kh_csv_table_read(path, import_row, &i, err);

    free(i.known.pairs);
    fprintf(stderr, "%zu consents entered\n", i.count);
    return status;
}

/* --- out --- */

typedef struct exporting {
    kh_rights_command *command;
    kh_consent_row *rows; /* newest first */
    size_t count, capacity;
    const kh_consent_row *row; /* under way */
    bool failed;
} exporting;

static const char *const told_columns[] = {"id", "facility", "number"};
static const char *const end_columns[] = {"made",      "by",           "closed",           "closed_reason",
                                          "withdrawn", "withdrawn_at", "withdrawn_reason", "state"};
#define TOLD 3
#define ENDS 8

static kh_status keep_row(void *context, const kh_consent_row *row)
{
    exporting *e = context;

    if (e->count == e->capacity) {
        size_t more = e->capacity ? e->capacity * 2 : 64;
        void *grown = reallocarray(e->rows, more, sizeof *e->rows);

        if (!grown)
            return KH_E_MEMORY;
        e->rows = grown;
        e->capacity = more;
    }
    e->rows[e->count++] = *row;
    return KH_OK;
}

static kh_status put_row(void *context, const kh_consent_whole *whole, kh_error *err)
{
    const exporting *e = context;
    const kh_consent_row *r = e->row;
    char id[24], sheet[24] = "", items[32], times[4][KH_RIGHTS_TIME_SIZE];
    const char *values[TOLD + KH_WORDS + ENDS] = {id, r->facility, r->number};
    const char **words = values + TOLD, **ends = words + KH_WORDS;

    snprintf(id, sizeof id, "%lld", (long long)r->id);
    if (r->sheet_of)
        snprintf(sheet, sizeof sheet, "%lld", (long long)r->sheet_of);
    kh_items_text(items, whole->items);
    kh_rights_time_text(times[0], r->from_ms);
    kh_rights_time_text(times[1], r->to_ms);
    kh_rights_time_text(times[2], r->made_ms);
    kh_rights_time_text(times[3], r->withdrawn_ms);
    memcpy(words,
           (const char *[KH_WORDS]){[KH_WORD_FORM] = kh_consent_form_text(r->form),
                                    [KH_WORD_DIRECTION] = kh_consent_direction_text(r->direction),
                                    [KH_WORD_PLACES] = whole->places,
                                    [KH_WORD_PERSON] = whole->person,
                                    [KH_WORD_TEAM] = whole->team,
                                    [KH_WORD_MEMBERS] = whole->members,
                                    [KH_WORD_EXCLUDED] = whole->excluded,
                                    [KH_WORD_SIGNED] = r->signed_date,
                                    [KH_WORD_SIGNER] = kh_consent_signer_text(r->signer),
                                    [KH_WORD_PROXY_NAME] = r->proxy_name,
                                    [KH_WORD_PROXY_RELATION] = r->proxy_relation,
                                    [KH_WORD_EXPLAINER] = r->explainer,
                                    [KH_WORD_DEPARTMENT] = r->department,
                                    [KH_WORD_FAX] = r->fax,
                                    [KH_WORD_HOLDER] = r->holder,
                                    [KH_WORD_AUTHOR] = r->author,
                                    [KH_WORD_FROM] = times[0],
                                    [KH_WORD_TO] = times[1],
                                    [KH_WORD_LOOK_BACK] = "",
                                    [KH_WORD_ITEMS] = items,
                                    [KH_WORD_MODALITIES] = whole->modalities,
                                    [KH_WORD_SHEET_OF] = sheet,
                                    [KH_WORD_EXPLAINED] = "yes",
                                    [KH_WORD_FLOORS] = whole->floors},
           KH_WORDS * sizeof *words);
    memcpy(ends,
           (const char *[ENDS]){times[2], r->by, whole->closed,
                                whole->closed_reason[0] || !whole->closed[0] ? whole->closed_reason : "closed", times[3], r->withdrawn_at,
                                r->withdrawn_reason,
                                r->withdrawn_ms ? "withdrawn"
                                : r->waiting    ? "waiting"
                                                : "stands"},
           ENDS * sizeof *ends);
    kh_csv_put_line(stdout, values, TOLD + KH_WORDS + ENDS);
    return ferror(stdout) ? kh_error_set(err, KH_E_IO, "the table cannot be written") : KH_OK;
}

kh_status kh_consent_export(kh_rights_command *c, const char *facility, kh_error *err)
{
    exporting e = {.command = c};
    const char *names[TOLD + KH_WORDS + ENDS];
    kh_status status = kh_consent_list(c->access, facility, NULL, keep_row, &e, err);

    memcpy(names, told_columns, sizeof told_columns);
    memcpy(names + TOLD, kh_consent_words, KH_WORDS * sizeof *names);
    memcpy(names + TOLD + KH_WORDS, end_columns, sizeof end_columns);
    kh_csv_put_line(stdout, names, TOLD + KH_WORDS + ENDS);
    for (size_t i = e.count; i-- > 0 && status == KH_OK;) {
        e.row = &e.rows[i];
        status = kh_consent_whole_get(c->access, e.row->id, put_row, &e, err);
    }
    free(e.rows);
    return status;
}
