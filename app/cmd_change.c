/* change: deletions, corrections, what hospitals took back; and all of it undone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/command.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "cache/changes.h"

#define REQUEST_MAX 8192
#define LIST_DEFAULT 50

typedef struct change_options {
    const char *study, *series, *object, *facility, *patient, *reason, *by, *limit;
    const char *new_id, *name, *ideographic, *phonetic, *birth_date, *sex;
    const char *accession, *description, *study_id, *to_patient;
} change_options;

/* ---- listing ---- */

static kh_status print_change(void *context, const kh_change *change)
{
    char when[KH_CLOCK_TEXT_SIZE], objects[32] = "-";
    int64_t *count = context;

    kh_clock_format(when, change->when_ms);
    if (change->objects > 0)
        snprintf(objects, sizeof objects, "%" PRId64, change->objects);
    if ((*count)++ == 0)
        printf("%6s  %-24s %-9s %-20s %7s  %-16s %s\n", "ID", "WHEN", "KIND", "FACILITY", "OBJECTS", "BY", "REASON");
    printf("%6" PRId64 "  %-24s %-9s %-20s %7s  %-16s %s%s%s\n", change->id, when, kh_change_kind_text(change->kind), change->facility,
           objects, change->asked_by, change->reason, change->undone_ms ? " (undone)" : "",
           change->purged ? " (files are gone for good)" : "");
    return KH_OK;
}

typedef struct found {
    const char *facility; /* NULL: any */
    int64_t id;
    unsigned count;
} found;

static kh_status note_study(void *context, const kh_study *study)
{
    found *f = context;

    if (f->facility && strcmp(f->facility, study->patient.facility) != 0)
        return KH_OK;
    f->id = study->id;
    f->count++;
    return KH_OK;
}

/* Our id of the one study that is meant. */
static kh_status find_study(kh_cache *cache, const change_options *o, int64_t *id, kh_error *err)
{
    found f = {.facility = o->facility};
    kh_status status;

    if (!o->study || !kh_uid_plausible(o->study))
        return kh_error_set(err, KH_E_ARG, "--study: expected a Study Instance UID, 1 to 64 of 0-9 and .");
    status = kh_browse_study_uid(cache, o->study, note_study, &f, err);
    if (status == KH_OK && f.count == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no study %s here", o->study);
    if (status == KH_OK && f.count > 1)
        return kh_error_set(err, KH_E_ARG,
                            "%u patients have this study: say which hospital's with --facility, or correct the patients first", f.count);
    *id = f.id;
    return status;
}

static kh_status list(kh_cache *cache, const change_options *o, kh_error *err)
{
    long long limit = LIST_DEFAULT;
    int64_t study_id = 0, count = 0;
    kh_status status = o->limit ? kh_args_number(&limit, "--limit", o->limit, 1, 10000, err) : KH_OK;

    if (status == KH_OK && o->study)
        status = find_study(cache, o, &study_id, err);
    if (status == KH_OK)
        status = kh_change_list(cache, study_id, limit, print_change, &count, err);
    if (status == KH_OK && count == 0)
        puts("no changes");
    return status;
}

/* ---- asking ---- */

static void put(kh_json_writer *json, const char *key, const char *text)
{
    if (text)
        kh_json_put_text(json, key, text);
}

typedef struct part {
    const char *uid;
    int64_t id;
} part;

static kh_status note_series(void *context, const kh_series *series)
{
    part *p = context;

    if (strcmp(series->series_uid, p->uid) == 0)
        p->id = series->id;
    return KH_OK;
}

static kh_status note_object(void *context, const kh_object *object)
{
    part *p = context;

    if (strcmp(object->sop_instance_uid, p->uid) == 0)
        p->id = object->id;
    return KH_OK;
}

static kh_status put_delete(kh_json_writer *json, kh_cache *cache, const change_options *o, kh_error *err)
{
    part series = {.uid = o->series}, object = {.uid = o->object};
    int64_t study_id = 0;
    kh_status status = find_study(cache, o, &study_id, err);

    if (status == KH_OK && o->object && !o->series)
        return kh_error_set(err, KH_E_ARG, "--object needs --series");
    if (status == KH_OK && o->series)
        status = kh_browse_series_of(cache, study_id, note_series, &series, err);
    if (status == KH_OK && o->series && series.id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no series %s in this study", o->series);
    if (status == KH_OK && o->object)
        status = kh_browse_objects_of(cache, series.id, note_object, &object, err);
    if (status == KH_OK && o->object && object.id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no object %s in this series", o->object);
    kh_json_put_text(json, "op", "change.delete");
    kh_json_put_int(json, "study", study_id);
    kh_json_put_int(json, "series", series.id);
    kh_json_put_int(json, "object", object.id);
    return status;
}

static kh_status put_patient(kh_json_writer *json, const change_options *o, kh_error *err)
{
    if (!o->facility || !o->patient)
        return kh_error_set(err, KH_E_ARG, "%s is missing", o->facility ? "--patient" : "--facility");
    kh_json_put_text(json, "op", "change.patient");
    put(json, "facility", o->facility);
    put(json, "patient_id", o->patient);
    put(json, "new_id", o->new_id);
    put(json, "name_alphabetic", o->name);
    put(json, "name_ideographic", o->ideographic);
    put(json, "name_phonetic", o->phonetic);
    put(json, "birth_date", o->birth_date);
    put(json, "sex", o->sex);
    return KH_OK;
}

static kh_status put_study(kh_json_writer *json, kh_cache *cache, const change_options *o, kh_error *err)
{
    int64_t study_id = 0;
    kh_status status = find_study(cache, o, &study_id, err);

    kh_json_put_text(json, "op", "change.study");
    kh_json_put_int(json, "study", study_id);
    put(json, "accession", o->accession);
    put(json, "description", o->description);
    put(json, "study_id", o->study_id);
    put(json, "patient_id", o->to_patient);
    return status;
}

static kh_status put_undo(kh_json_writer *json, const kh_args *args, kh_error *err)
{
    long long id = 0;
    kh_status status = args->word_count == 2 ? kh_args_number(&id, "undo", args->words[1], 1, INT64_MAX, err)
                                             : kh_error_set(err, KH_E_ARG, "undo: expected the ID of a change");

    kh_json_put_text(json, "op", "change.undo");
    kh_json_put_int(json, "id", id);
    return status;
}

static kh_status put_request(kh_json_writer *json, kh_cache *cache, const kh_args *args, const change_options *o, kh_error *err)
{
    const char *verb = args->words[0];

    if (strcmp(verb, "undo") == 0)
        return put_undo(json, args, err);
    if (args->word_count != 1)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\" is not understood", args->words[1]);
    if (!o->reason || !o->reason[0])
        return kh_error_set(err, KH_E_ARG, "--reason is missing: it is kept with the change");
    if (strcmp(verb, "delete") == 0)
        return put_delete(json, cache, o, err);
    if (strcmp(verb, "patient") == 0)
        return put_patient(json, o, err);
    return put_study(json, cache, o, err);
}

static kh_status ask(kh_cache *cache, const kh_args *args, const change_options *o, kh_error *err)
{
    kh_session *session = NULL;
    kh_json_writer json;
    kh_status status;
    kh_buf request;

    kh_buf_init(&request, REQUEST_MAX);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    status = put_request(&json, cache, args, o, err);
    put(&json, "reason", o->reason);
    put(&json, "asked_by", kh_session_asked_by(o->by));
    kh_json_object_end(&json);
    if (status == KH_OK)
        status = kh_json_writer_status(&json, err);
    if (status == KH_OK)
        status = kh_session_open(&session, &args->settings, err);
    if (status == KH_OK)
        status = kh_session_ask(session, kh_buf_text(&request), err);
    kh_session_close(session);
    kh_buf_release(&request);
    return status;
}

static bool is_known(const char *verb)
{
    static const char *const verbs[] = {"list", "delete", "patient", "study", "undo"};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i]) == 0)
            return true;
    return false;
}

/* What was done, as it stands in the index now. */
static kh_status act(const kh_args *args, const change_options *o, kh_error *err)
{
    kh_cache *cache = NULL;
    int64_t count = 0;
    kh_status status = kh_session_read(&cache, &args->settings, err);

    if (status == KH_OK && strcmp(args->words[0], "list") == 0) {
        status = list(cache, o, err);
    } else if (status == KH_OK) {
        status = ask(cache, args, o, err);
        if (status == KH_OK && strcmp(args->words[0], "undo") == 0)
            puts("undone");
        else if (status == KH_OK)
            status = kh_change_list(cache, 0, 1, print_change, &count, err);
    }
    kh_cache_close(cache);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    change_options o = {0};
    const kh_option options[] = {
        {"--study", &o.study, NULL},           {"--series", &o.series, NULL},         {"--object", &o.object, NULL},
        {"--facility", &o.facility, NULL},     {"--patient", &o.patient, NULL},       {"--reason", &o.reason, NULL},
        {"--by", &o.by, NULL},                 {"--limit", &o.limit, NULL},           {"--new-id", &o.new_id, NULL},
        {"--name", &o.name, NULL},             {"--ideographic", &o.ideographic, NULL}, {"--phonetic", &o.phonetic, NULL},
        {"--birth-date", &o.birth_date, NULL}, {"--sex", &o.sex, NULL},               {"--accession", &o.accession, NULL},
        {"--description", &o.description, NULL}, {"--study-id", &o.study_id, NULL},   {"--to-patient", &o.to_patient, NULL},
    };
    kh_error err = KH_ERROR_INIT;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);
    kh_status status;

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    if (args.word_count < 1 || !is_known(args.words[0]))
        return kh_command_usage(self, "expected list, delete, patient, study or undo");
    status = act(&args, &o, &err);
    if (status == KH_E_ARG)
        return kh_command_usage(self, "%s", err.message);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_change = {
    .name = "change",
    .summary = "delete and correct, with a reason, and undo it",
    .help = "NAME\n"
            "  kakehashi change - delete and correct, with a reason, and undo it\n\n"
            "SYNOPSIS\n"
            "  kakehashi change list [--study UID] [--limit N]\n"
            "  kakehashi change delete --study UID [--series UID [--object UID]] --reason TEXT [--facility NAME]\n"
            "  kakehashi change patient --facility NAME --patient ID --reason TEXT [--new-id ID] [--name TEXT]\n"
            "                           [--ideographic TEXT] [--phonetic TEXT] [--birth-date YYYYMMDD] [--sex M|F|O]\n"
            "  kakehashi change study --study UID --reason TEXT [--accession TEXT] [--description TEXT] [--study-id TEXT]\n"
            "                         [--to-patient ID] [--facility NAME]\n"
            "  kakehashi change undo ID\n\n"
            "DESCRIPTION\n"
            "  Objects stay on the disk as they came; a change says otherwise of them, from its moment on, everywhere: in lists,\n"
            "  pictures, queries, and in what is sent on. Each change has a reason and a name, is logged, and can be undone.\n\n"
            "  list     the newest changes, those by rejection notes of hospitals too.\n"
            "  delete   hides a study, a series or an object; the same object sent again stays hidden. The files go for good after\n"
            "           [storage] deleted_kept; until then undo brings them back.\n"
            "  patient  corrects a patient of a hospital. A new ID that another patient there has already joins the two. Objects that\n"
            "           come later under the old ID belong to the corrected patient. Names are Family^Given.\n"
            "  study    corrects a study, or gives it to another patient of the same hospital (--to-patient).\n"
            "  undo     as it was before. The newest correction of a value is undone first.\n\n"
            "  What leaves (C-MOVE, C-GET, send) carries the corrected values and tells the old ones in its Original Attributes\n"
            "  Sequence.\n\n"
            "OPTIONS\n"
            "  --reason TEXT           why, 1 to 200 bytes, kept with the change\n"
            "  --by NAME               who asked for it; else the name of who is logged in\n"
            "  --facility NAME         the hospital, where several have a study of the same UID\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi change delete --study 1.2.392.200036.9116.2.6.1.48 --reason \"sent to the wrong network\"\n"
            "  kakehashi change patient --facility north --patient 000123 --new-id 000321 --reason \"ID mistyped at the scanner\"\n"
            "  kakehashi change list --limit 5\n"
            "  kakehashi change undo 17\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 not done and why, 2 not understood\n",
    .run = run,
};
