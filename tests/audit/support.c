#include "tests/cmocka_all.h"
#include "tests/audit/support.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char audit_dir[512];

int audit_set_up(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(audit_dir, sizeof audit_dir, "%.400s/kh-audit-XXXXXX", base && base[0] ? base : ".");
    return mkdtemp(audit_dir) ? 0 : -1;
}

int audit_tear_down(void **state)
{
    char command[600];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", audit_dir);
    return system(command);
}

size_t audit_record(char out[KH_AUDIT_RECORD_MAX], uint64_t number)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char study[40];

    snprintf(study, sizeof study, "1.2.3.%" PRIu64, number);
    event.action = KH_AUDIT_VIEW;
    event.who = "127.0.0.1";
    event.by = "address";
    event.patient = "P-1";
    event.study = study;
    event.count = (int64_t)number;
    return kh_audit_event_write(out, &event, 1700000000000 + (int64_t)number);
}

static void add(kh_audit_chain *chain, kh_audit_action action, const char *text)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char record[KH_AUDIT_RECORD_MAX];

    event.action = action;
    event.text = text;
    assert_int_equal(kh_audit_chain_add(chain, record, kh_audit_event_write(record, &event, 1700000000000), NULL), KH_OK);
}

void audit_fill(const char *role, uint64_t records, uint64_t roll_bytes)
{
    const kh_audit_chain_options options = {.dir = audit_dir, .role = role, .roll_bytes = roll_bytes};
    char record[KH_AUDIT_RECORD_MAX], hex[KH_AUDIT_HEX_SIZE], statement[KH_AUDIT_STATEMENT_SIZE], signature[KH_AUDIT_SIGNATURE_HEX];
    kh_audit_chain *chain;

    assert_int_equal(kh_audit_chain_open(&chain, &options, NULL), KH_OK);
    if (kh_audit_chain_seq(chain) == 0) {
        kh_audit_hex(hex, kh_audit_chain_key(chain)->public_half);
        add(chain, KH_AUDIT_BEGIN, hex);
    }
    while (kh_audit_chain_seq(chain) < records) {
        uint64_t next = kh_audit_chain_seq(chain) + 1;

        if (next % 50 == 0) {
            kh_audit_statement(statement, role, next - 1, kh_audit_chain_hash(chain));
            kh_audit_sign(signature, kh_audit_chain_key(chain), statement);
            add(chain, KH_AUDIT_CHECKPOINT, signature);
        } else {
            assert_int_equal(kh_audit_chain_add(chain, record, audit_record(record, next), NULL), KH_OK);
        }
        if (next % 10 == 0 || next == records)
            assert_int_equal(kh_audit_chain_commit(chain, NULL), KH_OK);
    }
    kh_audit_chain_close(chain);
}

static void keep_first(void *context, const kh_audit_wrong *wrong)
{
    audit_report *report = context;

    if (report->verified.wrong == 1)
        report->first = *wrong;
}

void audit_verify(audit_report *out, const char *role)
{
    const kh_audit_verify_options options = {.dir = audit_dir, .role = role, .wrong = keep_first, .context = out};

    memset(out, 0, sizeof *out);
    assert_int_equal(kh_audit_verify(&out->verified, &options, NULL), KH_OK);
}

char *audit_read(const char *name, size_t *size)
{
    char path[700], *bytes;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", audit_dir, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

/* Not by O_TRUNC: some file systems write such a file out at once, and 10,000 of them take their time. */
void audit_replace(const char *name, const char *bytes, size_t size)
{
    char path[700];
    int fd;

    snprintf(path, sizeof path, "%s/%s", audit_dir, name);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, 0), size);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(close(fd), 0);
}
