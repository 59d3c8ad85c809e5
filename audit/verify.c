#include "audit/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "audit/event.h"
#include "audit/reader.h"
#include "base/clock.h"
#include "base/json.h"

#define PROGRESS_EVERY 4096u
#define HEAD_LOOKS 20 /* a head that is being written may look torn for a moment */

typedef struct verifying {
    const kh_audit_verify_options *options;
    kh_audit_verified *out;
    uint8_t public_half[KH_AUDIT_PUBLIC_SIZE];
    kh_audit_head head;
    char file[KH_AUDIT_NAME_SIZE];
    uint64_t line;
    uint64_t seq; /* of the record before */
    uint8_t hash[KH_AUDIT_HASH_SIZE];
    bool hash_is_known; /* not behind what could not be read */
    bool head_seen, known_seen;
} verifying;

static void complain(verifying *v, uint64_t seq, const char *format, ...) KH_PRINTF(3, 4);

static void complain(verifying *v, uint64_t seq, const char *format, ...)
{
    kh_audit_wrong wrong = {.line = v->line, .seq = seq};
    va_list list;

    snprintf(wrong.file, sizeof wrong.file, "%s", v->file);
    va_start(list, format);
    vsnprintf(wrong.why, sizeof wrong.why, format, list);
    va_end(list);
    v->out->wrong++;
    if (v->options->wrong)
        v->options->wrong(v->options->context, &wrong);
}

/* The member signature of a checkpoint; the record is ours, or fails. */
static bool checkpoint_signs(const verifying *v, const kh_json *record)
{
    char statement[KH_AUDIT_STATEMENT_SIZE];
    const char *signature = kh_json_get_text(record, "text");

    kh_audit_statement(statement, v->options->role, v->seq, v->hash);
    return signature && kh_audit_signed(signature, v->public_half, statement);
}

static bool begin_names_key(const verifying *v, const kh_json *record)
{
    const char *text = kh_json_get_text(record, "text");
    char hex[KH_AUDIT_HEX_SIZE];

    kh_audit_hex(hex, v->public_half);
    return text && strcmp(text, hex) == 0;
}

/* What records say of the chain itself. v->seq and v->hash are those of the record before. */
static void look_inside(verifying *v, const kh_audit_line *line)
{
    static const char begin[] = "\"action\":\"begin\"", checkpoint[] = "\"action\":\"checkpoint\"", broken[] = "\"action\":\"broken\"";
    bool is_begin = memmem(line->record, line->record_size, begin, sizeof begin - 1) != NULL;
    bool is_checkpoint = memmem(line->record, line->record_size, checkpoint, sizeof checkpoint - 1) != NULL;
    bool is_broken = memmem(line->record, line->record_size, broken, sizeof broken - 1) != NULL;
    kh_json *record = NULL;

    if (!is_begin && !is_checkpoint && !is_broken && line->seq != 1)
        return;
    if (kh_json_parse_object(&record, line->record, line->record_size, KH_AUDIT_RECORD_MAX, NULL) != KH_OK) {
        complain(v, line->seq, "the record is no JSON");
        return;
    }
    if (line->seq == 1 && !(is_begin && begin_names_key(v, record)))
        complain(v, line->seq, "the chain does not begin by naming its key");
    if (is_checkpoint) {
        v->out->checkpoints++;
        if (v->hash_is_known && !checkpoint_signs(v, record))
            complain(v, line->seq, "the checkpoint does not sign the records before it");
    }
    if (is_broken) {
        const char *text = kh_json_get_text(record, "text");

        v->out->breaks++;
        complain(v, line->seq, "the service found at a start: %.150s", text ? text : "");
    }
    kh_json_free(record);
}

static void compare_known(verifying *v, const kh_audit_line *line)
{
    if (line->seq == v->head.seq) {
        v->head_seen = true;
        if (memcmp(line->hash, v->head.hash, sizeof line->hash) != 0)
            complain(v, line->seq, "the head tells of another record here");
    }
    if (v->options->known_seq > 0 && line->seq == v->options->known_seq) {
        v->known_seen = true;
        if (memcmp(line->hash, v->options->known_hash, sizeof line->hash) != 0)
            complain(v, line->seq, "the checkpoint that was kept elsewhere tells of another record here");
    }
}

static void take_line(verifying *v, const kh_audit_line *line)
{
    uint8_t hash[KH_AUDIT_HASH_SIZE];

    kh_audit_hash(hash, v->hash, line->seq, line->record, line->record_size);
    if (line->seq != v->seq + 1) {
        complain(v, v->seq + 1, "record %" PRIu64 " stands where %" PRIu64 " is expected: removed, put in, repeated or moved", line->seq,
                 v->seq + 1);
        v->hash_is_known = false;
    } else if (v->hash_is_known && memcmp(hash, line->hash, sizeof hash) != 0) {
        complain(v, line->seq, "the record does not fit its hash and the record before");
    } else {
        look_inside(v, line);
    }
    compare_known(v, line);
    v->seq = line->seq;
    memcpy(v->hash, line->hash, sizeof v->hash);
    v->hash_is_known = true;
    v->out->records++;
    if (v->options->progress && v->out->records % PROGRESS_EVERY == 0)
        v->options->progress(v->options->context, v->out->records, v->head.seq);
}

/* last: no file follows. */
static kh_status verify_file(verifying *v, kh_audit_reader *reader, uint64_t first, bool last, kh_error *err)
{
    char path[PATH_MAX];
    const char *text;
    size_t size;
    bool ended;
    kh_status status = kh_audit_file_path(path, v->options->dir, v->options->role, first, err);

    kh_audit_file_name(v->file, v->options->role, first);
    v->line = 0;
    if (status == KH_OK)
        status = kh_audit_reader_open(reader, path, 0, err);
    if (status == KH_OK && first != v->seq + 1)
        complain(v, v->seq + 1, "the file's name tells of record %" PRIu64 ", %" PRIu64 " is expected", first, v->seq + 1);
    while (status == KH_OK) {
        kh_error why = KH_ERROR_INIT;
        kh_audit_line line;

        if (!kh_audit_reader_next(reader, &text, &size, &ended, &why)) {
            if (why.status != KH_OK)
                status = kh_error_set(err, why.status, "%s: %s", v->file, why.message);
            break;
        }
        v->line++;
        if (ended && kh_audit_line_parse(&line, text, size)) {
            take_line(v, &line);
        } else if (!ended && last && v->seq >= v->head.seq) {
            v->out->torn_bytes = size;
        } else {
            complain(v, v->seq + 1, "no record can be read here");
            v->seq++;
            v->hash_is_known = false;
        }
    }
    return status;
}

/* Read before the records: what it tells of must be there then. */
static kh_status read_head(verifying *v, bool files, kh_error *err)
{
    const kh_audit_verify_options *o = v->options;
    kh_audit_head_state state = KH_HEAD_ABSENT;
    kh_status status = kh_audit_public_read(v->public_half, o->dir, o->role, err);

    if (status == KH_E_NOT_FOUND && files) {
        kh_error_clear(err);
        complain(v, 0, "%s.pub, the key to verify with, is missing", o->role);
        status = KH_OK;
    }
    for (int i = 0; i < HEAD_LOOKS && status == KH_OK && state != KH_HEAD_WHOLE; i++) {
        if (i > 0)
            kh_clock_sleep_ms(1);
        status = kh_audit_head_read(&v->head, &state, o->dir, o->role, v->public_half, err);
    }
    if (status == KH_OK && state != KH_HEAD_WHOLE)
        complain(v, 0, "%s.head is %s", o->role,
                 state == KH_HEAD_ABSENT ? "missing"
                 : state == KH_HEAD_HALF ? "damaged in one of its places"
                                         : "damaged");
    return status;
}

static void compare_end(verifying *v)
{
    if (v->seq < v->head.seq)
        complain(v, v->seq + 1, "the record ends here, its head tells of %" PRIu64 " more", v->head.seq - v->seq);
    else if (v->head.seq > 0 && !v->head_seen)
        complain(v, v->head.seq, "the record that the head tells of is missing");
    if (v->options->known_seq > 0 && !v->known_seen)
        complain(v, v->options->known_seq, "the record of the checkpoint that was kept elsewhere is missing");
}

kh_status kh_audit_verify(kh_audit_verified *out, const kh_audit_verify_options *options, kh_error *err)
{
    verifying v = {.options = options, .out = out, .hash_is_known = true};
    kh_audit_reader reader = KH_AUDIT_READER_INIT;
    kh_audit_files files;
    kh_status status;

    *out = (kh_audit_verified){0};
    snprintf(v.file, sizeof v.file, "%.16s.head", options->role);
    status = kh_audit_files_list(&files, options->dir, options->role, err);
    if (status != KH_OK)
        return status;
    status = read_head(&v, files.count > 0, err);
    kh_audit_files_release(&files);
    if (status == KH_OK) /* again: a writer may have begun another before it wrote the head */
        status = kh_audit_files_list(&files, options->dir, options->role, err);
    for (size_t i = 0; status == KH_OK && i < files.count; i++)
        status = verify_file(&v, &reader, files.firsts[i], i + 1 == files.count, err);
    if (status == KH_OK)
        compare_end(&v);
    kh_audit_reader_close(&reader);
    kh_audit_files_release(&files);
    out->last_seq = v.seq;
    memcpy(out->last_hash, v.hash, sizeof out->last_hash);
    return status;
}
