/* The chain: what was written verifies; whatever is changed in it afterwards is found, where it was changed. */
#include "tests/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/json.h"
#include "tests/audit/support.h"

#define RECORDS 120u
#define EDITS 10000u
#define WHOLE UINT64_MAX /* roll_bytes: one file */
#define FILE_ONE "web-000000000001.log"

/* ---- what is fine ---- */

static void a_chain_verifies(void **state)
{
    audit_report report;
    struct stat st;
    char path[700];

    (void)state;
    audit_fill("web", RECORDS, WHOLE);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(report.verified.records, RECORDS);
    assert_int_equal(report.verified.checkpoints, RECORDS / 50);
    assert_int_equal(report.verified.last_seq, RECORDS);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {FILE_ONE, "web.key", "web.head"};

        snprintf(path, sizeof path, "%s/%s", audit_dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777 & ~0600, 0);
    }
}

static void a_role_that_never_wrote_has_none(void **state)
{
    kh_audit_verified verified;
    const kh_audit_verify_options options = {.dir = audit_dir, .role = "web"};

    (void)state;
    assert_int_equal(kh_audit_verify(&verified, &options, NULL), KH_E_NOT_FOUND);
}

static void it_goes_on_over_files_and_starts(void **state)
{
    audit_report report;

    (void)state;
    for (uint64_t records = 30; records <= 180; records += 30)
        audit_fill("bridge", records, 4000);
    audit_verify(&report, "bridge");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(report.verified.records, 180);
}

static void one_process_writes_it(void **state)
{
    const kh_audit_chain_options options = {.dir = audit_dir, .role = "web", .roll_bytes = WHOLE};
    kh_audit_chain *chain, *other;

    (void)state;
    assert_int_equal(kh_audit_chain_open(&chain, &options, NULL), KH_OK);
    assert_int_equal(kh_audit_chain_open(&other, &options, NULL), KH_E_BUSY);
    kh_audit_chain_close(chain);
}

/* The hash is the one that is written down: the same 32 + 8 + 7 bytes through coreutils' sha256sum. */
static void the_hash_is_as_documented(void **state)
{
    static const char expected[] = "efdc0e2f8a22c30683385791552f8455b898f59e1aa4d1a6c77f0457bd1d5947";
    uint8_t previous[KH_AUDIT_HASH_SIZE] = {0}, hash[KH_AUDIT_HASH_SIZE];
    char hex[KH_AUDIT_HEX_SIZE];

    (void)state;
    kh_audit_hash(hash, previous, 1, "{\"a\":1}", 7);
    kh_audit_hex(hex, hash);
    assert_string_equal(hex, expected);
}

/* ---- what is not ---- */

typedef struct lines {
    char *bytes;
    size_t size;
    size_t starts[RECORDS + 1]; /* of line i, and the end */
} lines;

static void read_lines(lines *out)
{
    size_t line = 0;

    out->bytes = audit_read(FILE_ONE, &out->size);
    out->starts[0] = 0;
    for (size_t i = 0; i < out->size; i++)
        if (out->bytes[i] == '\n')
            out->starts[++line] = i + 1;
    assert_int_equal(line, RECORDS);
}

static uint64_t random_state = 20261121;

static size_t below(size_t count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % count);
}

typedef enum edit {
    EDIT_BIT,
    EDIT_BYTE,
    EDIT_DELETE,
    EDIT_SWAP,
    EDIT_REPEAT,
    EDIT_CUT,
    EDIT_CUT_INSIDE,
    EDIT_MOVE,
    EDIT_REHASH,
    EDITS_OF
} edit;

static size_t put_line(char *to, const lines *all, size_t line)
{
    size_t size = all->starts[line + 1] - all->starts[line];

    memcpy(to, all->bytes + all->starts[line], size);
    return size;
}

/* The record is changed, and its own hash made to fit. */
static void change_and_hash(char *bytes, const lines *all, size_t line)
{
    kh_audit_line before = {0}, it;
    char text[KH_AUDIT_LINE_MAX];
    size_t size = all->starts[line + 1] - all->starts[line];
    char *digit;

    if (line > 0)
        assert_true(kh_audit_line_parse(&before, all->bytes + all->starts[line - 1], all->starts[line] - all->starts[line - 1] - 1));
    digit = memchr(bytes + all->starts[line], '{', size);
    digit = memchr(digit, '2', size); /* of the year */
    *digit = '3';
    assert_true(kh_audit_line_parse(&it, bytes + all->starts[line], size - 1));
    kh_audit_hash(it.hash, before.hash, it.seq, it.record, it.record_size);
    assert_int_equal(kh_audit_line_format(text, &it), size);
    memcpy(bytes + all->starts[line], text, size);
}

/* Does one edit in a copy; returns the sequence that must be named. */
static uint64_t do_edit(edit kind, const lines *all, char *copy, size_t *size)
{
    size_t i = below(RECORDS), k = below(RECORDS), at, used = 0;

    memcpy(copy, all->bytes, all->size);
    *size = all->size;
    switch (kind) {
    case EDIT_BIT:
    case EDIT_BYTE:
        at = below(all->size);
        copy[at] = (char)(copy[at] ^ (kind == EDIT_BIT ? 1 << below(8) : 1 + (int)below(255)));
        for (i = 0; all->starts[i + 1] <= at; i++)
            continue;
        return i + 1;
    case EDIT_CUT:
        *size = all->starts[i];
        return i + 1;
    case EDIT_CUT_INSIDE:
        *size = all->starts[i] + 1 + below(all->starts[i + 1] - all->starts[i] - 1);
        return i + 1;
    case EDIT_REHASH:
        change_and_hash(copy, all, i);
        return i + 1 == RECORDS ? RECORDS : i + 2; /* the next does not fit any more; the last is not what the head tells of */
    default:
        break;
    }
    if (kind == EDIT_MOVE)
        k = (i + 2 + below(RECORDS - 3)) % RECORDS;
    else if (k == i)
        k = (i + 1) % RECORDS;
    for (size_t line = 0; line < RECORDS; line++) {
        if (kind == EDIT_DELETE && line == i)
            continue;
        if (kind == EDIT_MOVE && line == i)
            continue;
        used += put_line(copy + used, all, kind == EDIT_SWAP && line == i ? k : kind == EDIT_SWAP && line == k ? i : line);
        if ((kind == EDIT_REPEAT && line == k) || (kind == EDIT_MOVE && line == k))
            used += put_line(copy + used, all, i);
    }
    *size = used;
    if (kind == EDIT_DELETE)
        return i + 1;
    if (kind == EDIT_REPEAT)
        return i == k + 1 ? k + 3 : k + 2; /* its own copy before it is where it belongs */
    if (kind == EDIT_MOVE)
        return i < k ? i + 1 : k + 2;
    return (i < k ? i : k) + 1;
}

static void every_edit_is_found_where_it_is(void **state)
{
    lines all;
    char *copy;

    (void)state;
    audit_fill("web", RECORDS, WHOLE);
    read_lines(&all);
    copy = malloc(all.size + KH_AUDIT_LINE_MAX);
    assert_non_null(copy);
    for (unsigned n = 0; n < EDITS; n++) {
        edit kind = (edit)(n % EDITS_OF);
        audit_report report;
        size_t size;
        uint64_t seq = do_edit(kind, &all, copy, &size);

        audit_replace(FILE_ONE, copy, size);
        audit_verify(&report, "web");
        if (report.verified.wrong == 0 || report.first.seq != seq)
            fail_msg("edit %u of kind %d: %" PRIu64 " found, the first at %" PRIu64 " (%s), expected at %" PRIu64, n, (int)kind,
                     report.verified.wrong, report.first.seq, report.first.why, seq);
        assert_string_equal(report.first.file, FILE_ONE);
    }
    audit_replace(FILE_ONE, all.bytes, all.size);
    free(copy);
    free(all.bytes);
}

/* Written anew from a record on, every hash fitting: the next signature does not. */
static void a_chain_hashed_anew_is_found_at_its_next_checkpoint(void **state)
{
    kh_audit_line before = {0}, it;
    char text[KH_AUDIT_LINE_MAX];
    audit_report report;
    lines all;

    (void)state;
    audit_fill("web", RECORDS, WHOLE);
    read_lines(&all);
    change_and_hash(all.bytes, &all, 70);
    assert_true(kh_audit_line_parse(&before, all.bytes + all.starts[70], all.starts[71] - all.starts[70] - 1));
    for (size_t line = 71; line < RECORDS; line++) {
        size_t size = all.starts[line + 1] - all.starts[line];

        assert_true(kh_audit_line_parse(&it, all.bytes + all.starts[line], size - 1));
        kh_audit_hash(it.hash, before.hash, it.seq, it.record, it.record_size);
        assert_int_equal(kh_audit_line_format(text, &it), size);
        memcpy(all.bytes + all.starts[line], text, size);
        memcpy(before.hash, it.hash, sizeof before.hash);
    }
    audit_replace(FILE_ONE, all.bytes, all.size);
    free(all.bytes);
    audit_verify(&report, "web");
    assert_int_equal(report.first.seq, 100);
    assert_non_null(strstr(report.first.why, "sign"));
}

static void remove_file(const char *name)
{
    char path[700];

    snprintf(path, sizeof path, "%s/%s", audit_dir, name);
    assert_int_equal(unlink(path), 0);
}

static void a_missing_file_is_found(void **state)
{
    static const struct {
        const char *name;
        uint64_t seq;
    } cases[] = {{"web-000000000001.log", 1}, {"web-000000000051.log", 51}, {"web-000000000111.log", 111}, {"web.head", 0}, {"web.pub", 0}};
    audit_report report;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char *bytes;
        size_t size;

        if (i == 0) /* files of 50 records */
            for (uint64_t records = 50; records <= RECORDS; records += records == 50 ? 70 : 50)
                audit_fill("web", records, records == 50 ? WHOLE : 1);
        audit_verify(&report, "web");
        assert_int_equal(report.verified.wrong, 0);
        bytes = audit_read(cases[i].name, &size);
        remove_file(cases[i].name);
        audit_verify(&report, "web");
        assert_true(report.verified.wrong > 0);
        assert_int_equal(report.first.seq, cases[i].seq);
        audit_replace(cases[i].name, bytes, size);
        free(bytes);
    }
}

static void every_byte_of_the_head_counts(void **state)
{
    audit_report report;
    char *bytes;
    size_t size;

    (void)state;
    audit_fill("web", 20, WHOLE);
    bytes = audit_read("web.head", &size);
    for (size_t i = 0; i < size; i += 7) {
        bytes[i] = (char)(bytes[i] ^ 4);
        audit_replace("web.head", bytes, size);
        audit_verify(&report, "web");
        if (report.verified.wrong == 0)
            fail_msg("byte %zu", i);
        bytes[i] = (char)(bytes[i] ^ 4);
    }
    free(bytes);
}

/* Files, head and key of an earlier day, all put back: only what was kept elsewhere tells. */
static void an_earlier_state_is_told_by_a_checkpoint_kept_elsewhere(void **state)
{
    static const char *const names[] = {FILE_ONE, "web.head"};
    char *bytes[2];
    size_t sizes[2];
    kh_audit_verified late, verified;
    kh_audit_verify_options options = {.dir = audit_dir, .role = "web"};

    (void)state;
    audit_fill("web", 60, WHOLE);
    for (size_t i = 0; i < 2; i++)
        bytes[i] = audit_read(names[i], &sizes[i]);
    audit_fill("web", 120, WHOLE);
    assert_int_equal(kh_audit_verify(&late, &options, NULL), KH_OK);
    for (size_t i = 0; i < 2; i++) {
        audit_replace(names[i], bytes[i], sizes[i]);
        free(bytes[i]);
    }
    assert_int_equal(kh_audit_verify(&verified, &options, NULL), KH_OK);
    assert_int_equal(verified.wrong, 0);
    options.known_seq = late.last_seq;
    memcpy(options.known_hash, late.last_hash, sizeof options.known_hash);
    assert_int_equal(kh_audit_verify(&verified, &options, NULL), KH_OK);
    assert_int_equal(verified.wrong, 1);
}

/* ---- starts ---- */

static void a_torn_line_is_cut_off(void **state)
{
    static const char *const tails[] = {"2", "21 ", "21 00ff", "21 00ff\n", "garbage\n22 more", "\n\n", "{}\n"};
    audit_report report;

    (void)state;
    audit_fill("web", 20, WHOLE);
    for (size_t i = 0; i < KH_COUNT(tails); i++) {
        size_t size;
        char *bytes = audit_read(FILE_ONE, &size), *more = malloc(size + 100);

        assert_non_null(more);
        memcpy(more, bytes, size);
        memcpy(more + size, tails[i], strlen(tails[i]));
        audit_replace(FILE_ONE, more, size + strlen(tails[i]));
        free(bytes);
        free(more);
        audit_fill("web", 21 + i, WHOLE);
        audit_verify(&report, "web");
        assert_int_equal(report.verified.wrong, 0);
        assert_int_equal(report.verified.records, 21 + i);
    }
}

/* Killed after the records, before the head. */
static void whole_records_behind_the_head_stay(void **state)
{
    audit_report report;
    char *head;
    size_t size;

    (void)state;
    audit_fill("web", 20, WHOLE);
    head = audit_read("web.head", &size);
    audit_fill("web", 40, WHOLE);
    audit_replace("web.head", head, size);
    free(head);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    audit_fill("web", 60, WHOLE);
    audit_verify(&report, "web");
    assert_int_equal(report.verified.wrong, 0);
    assert_int_equal(report.verified.records, 60);
}

/* A start does not mend what was done to the chain: it goes on, and the place is named for ever. */
static void a_cut_tail_is_named_after_a_start_too(void **state)
{
    const kh_audit_chain_options options = {.dir = audit_dir, .role = "web", .roll_bytes = WHOLE};
    kh_audit_chain *chain;
    audit_report report;
    lines all;

    (void)state;
    audit_fill("web", RECORDS, WHOLE);
    read_lines(&all);
    audit_replace(FILE_ONE, all.bytes, all.starts[100]);
    free(all.bytes);
    assert_int_equal(kh_audit_chain_open(&chain, &options, NULL), KH_OK);
    assert_true(kh_audit_chain_finding(chain)[0] != '\0');
    kh_audit_chain_close(chain);
    audit_fill("web", RECORDS + 50, WHOLE);
    audit_verify(&report, "web");
    assert_true(report.verified.wrong > 0);
    assert_int_equal(report.first.seq, 101);
    assert_int_equal(report.verified.last_seq, RECORDS + 50);
}

static void without_head_or_key_it_goes_on_and_says_so(void **state)
{
    static const char *const names[] = {"web.head", "web.key"};
    const kh_audit_chain_options options = {.dir = audit_dir, .role = "web", .roll_bytes = WHOLE};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        kh_audit_chain *chain;

        audit_fill("web", 20 + i, WHOLE);
        remove_file(names[i]);
        assert_int_equal(kh_audit_chain_open(&chain, &options, NULL), KH_OK);
        assert_true(kh_audit_chain_finding(chain)[0] != '\0');
        assert_int_equal(kh_audit_chain_seq(chain), 20 + i);
        kh_audit_chain_close(chain);
    }
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    const kh_audit_chain_options options = {.dir = audit_dir, .role = "web", .roll_bytes = WHOLE};
    kh_audit_chain *chain;
    char path[700];

    (void)state;
    audit_fill("web", 3, WHOLE);
    snprintf(path, sizeof path, "%s/web.key", audit_dir);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(kh_audit_chain_open(&chain, &options, NULL), KH_E_DENIED);
}

/* ---- what stands in records ---- */

/* S14: whatever stands in a field, the record is one line of printable ASCII, and JSON says what it was. */
static void nothing_in_a_field_forges_a_line(void **state)
{
    static const struct {
        const char *name, *text, *said;
    } cases[] = {
        {"plain", "P-1", "P-1"},
        {"newline", "a\n2 00 {\"action\":\"view\"}", "a\n2 00 {\"action\":\"view\"}"},
        {"carriage return", "a\r\nb", "a\r\nb"},
        {"quotes", "\"},{\"who\":\"x", "\"},{\"who\":\"x"},
        {"backslash", "a\\\"b\\", "a\\\"b\\"},
        {"controls", "\x01\x02\x1b[31m\x7f\t", "\x01\x02\x1b[31m\x7f\t"},
        {"UTF-8", "\xe5\xb1\xb1\xe7\x94\xb0", "\xe5\xb1\xb1\xe7\x94\xb0"},
        {"beyond the BMP", "\xf0\xa0\xae\xb7", "\xf0\xa0\xae\xb7"},
        {"C1 control", "\xc2\x9b" "31m", "\xc2\x9b" "31m"},
        {"right to left", "\xe2\x80\xae" "abc", "\xe2\x80\xae" "abc"},
        {"8-bit", "\xff\xfe\xb1", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"half a character", "a\xe5\xb1", "a\xef\xbf\xbd\xef\xbf\xbd"},
    };
    static const char *const keys[] = {"who",    "by",     "address", "ae_title", "way",          "facility", "patient", "study",
                                       "series", "object", "to",      "text",     "who_facility", "terminal", "purpose", "reason"};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const char *t = cases[i].text;
        const kh_audit_event event = {.who = t, .by = t, .address = t, .ae_title = t, .way = t, .facility = t, .patient = t, .study = t,
                                      .series = t, .object = t, .to = t, .text = t, .who_facility = t, .terminal = t, .purpose = t,
                                      .reason = t, .count = -1, .failed = -1};
        char record[KH_AUDIT_RECORD_MAX];
        size_t size = kh_audit_event_write(record, &event, 1700000000000);
        kh_json *json;

        assert_true(size > 0);
        for (size_t k = 0; k < size; k++)
            if (record[k] < 0x20 || record[k] > 0x7e)
                fail_msg("%s: byte %zu is %d", cases[i].name, k, record[k]);
        assert_int_equal(kh_json_parse_object(&json, record, size, size, NULL), KH_OK);
        for (size_t k = 0; k < KH_COUNT(keys); k++)
            assert_string_equal(kh_json_get_text(json, keys[k]), cases[i].said);
        kh_json_free(json);
    }
}

static void long_texts_are_cut_and_fit(void **state)
{
    static const char *const repeated[] = {"x", "\n", "\xe5\xb1\xb1", "\xf0\xa0\xae\xb7", "\xff"};
    char text[5000], record[KH_AUDIT_RECORD_MAX];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(repeated); i++) {
        const kh_audit_event event = {.who = text,
                                      .by = text,
                                      .address = text,
                                      .ae_title = text,
                                      .way = text,
                                      .facility = text,
                                      .patient = text,
                                      .study = text,
                                      .series = text,
                                      .object = text,
                                      .to = text,
                                      .text = text,
                                      .who_facility = text,
                                      .terminal = text,
                                      .purpose = text,
                                      .reason = text,
                                      .count = INT64_MAX,
                                      .failed = INT64_MAX,
                                      .code = INT64_MIN};
        size_t size = strlen(repeated[i]);
        kh_json *json;

        for (size_t k = 0; k + 1 < sizeof text; k++)
            text[k] = repeated[i][k % size];
        text[sizeof text - 1 - (sizeof text - 1) % size] = '\0';
        size = kh_audit_event_write(record, &event, 1700000000000);
        assert_true(size > 0 && size <= KH_AUDIT_RECORD_MAX);
        assert_int_equal(kh_json_parse_object(&json, record, size, size, NULL), KH_OK);
        assert_non_null(strstr(kh_json_get_text(json, "who"), "..."));
        kh_json_free(json);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, audit_set_up, audit_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_chain_verifies),
        CASE(a_role_that_never_wrote_has_none),
        CASE(it_goes_on_over_files_and_starts),
        CASE(one_process_writes_it),
        CASE(the_hash_is_as_documented),
        CASE(every_edit_is_found_where_it_is),
        CASE(a_chain_hashed_anew_is_found_at_its_next_checkpoint),
        CASE(a_missing_file_is_found),
        CASE(every_byte_of_the_head_counts),
        CASE(an_earlier_state_is_told_by_a_checkpoint_kept_elsewhere),
        CASE(a_torn_line_is_cut_off),
        CASE(whole_records_behind_the_head_stay),
        CASE(a_cut_tail_is_named_after_a_start_too),
        CASE(without_head_or_key_it_goes_on_and_says_so),
        CASE(a_key_that_others_may_read_is_refused),
        CASE(nothing_in_a_field_forges_a_line),
        CASE(long_texts_are_cut_and_fit),
    };

    return cmocka_run_group_tests_name("audit chain", tests, NULL, NULL);
}
