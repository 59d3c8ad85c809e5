/* rights_command.h - what the commands share that look at or change patients, consents and grants: access.db, the record of what they do,
 * and how they write lists. Threads: one at a time. */
#ifndef KH_APP_RIGHTS_COMMAND_H
#define KH_APP_RIGHTS_COMMAND_H

#include "access/patients.h"
#include "app/command.h"
#include "app/settings.h"
#include "audit/audit.h"
#include "base/json.h"

typedef struct kh_rights_command {
    const kh_command *self;
    kh_access *access;
    kh_audit *audit; /* opened with the first change */
    const kh_settings *settings;
    const char *by;  /* who does it */
    bool json;       /* lists as a JSON array */
    kh_buf out;      /* of it */
    kh_json_writer writer;
} kh_rights_command;

/* by NULL: who is logged in. settings are borrowed until close. */
KH_MUST_USE kh_status kh_rights_command_open(kh_rights_command *c, const kh_command *self, const kh_settings *settings, const char *by,
                                             bool json, kh_error *err);
/* Closes; prints the array or the error; returns the exit status. */
int kh_rights_command_close(kh_rights_command *c, kh_status status, const kh_error *err);

/* Every change is recorded before it is done, and again how it ended [AZ-33]. facility and patient may be NULL; words: what is done, no
 * names. */
KH_MUST_USE kh_status kh_rights_command_begin(kh_rights_command *c, const char *facility, const char *patient, const char *words,
                                              kh_error *err);
/* Returns status, or that of the record when the change was done. */
KH_MUST_USE kh_status kh_rights_command_end(kh_rights_command *c, const char *facility, const char *patient, const char *words,
                                            kh_status status, kh_error *err);

/* An object of the array: between the two the fields, as words of a line without --json. */
void kh_rights_row_begin(kh_rights_command *c);
void kh_rights_row_end(kh_rights_command *c);
void kh_rights_text(kh_rights_command *c, const char *key, const char *value);
void kh_rights_int(kh_rights_command *c, const char *key, int64_t value);
void kh_rights_bool(kh_rights_command *c, const char *key, bool value);
/* Wall clock as UTC; 0 and INT64_MAX: nothing. */
void kh_rights_time(kh_rights_command *c, const char *key, int64_t wall_ms);

/* "FACILITY:NUMBER"; the number may be missing unless demanded. */
typedef struct kh_rights_place {
    char facility[65], number[KH_PATIENT_NUMBER_SIZE];
} kh_rights_place;
KH_MUST_USE kh_status kh_rights_place_parse(kh_rights_place *out, const char *text, bool demanded, kh_error *err);
/* YYYYMMDD or YYYYMMDDHHMM, local; NULL or "": 0. */
KH_MUST_USE kh_status kh_rights_time_parse(int64_t *out, const char *field, const char *text, kh_error *err);
/* The same the other way round, to the minute; "" for 0 and INT64_MAX. */
#define KH_RIGHTS_TIME_SIZE 13
void kh_rights_time_text(char out[KH_RIGHTS_TIME_SIZE], int64_t wall_ms);
/* The id in a word. */
KH_MUST_USE kh_status kh_rights_id_parse(int64_t *out, const char *text, kh_error *err);

#endif
