#include "reading/schema.h"

/* Marks on pictures and people's settings. A mark belongs to a study by facility and UIDs, never by ids of the index, which is made anew where it has to
 * be. mark holds the newest version, mark_version those before it, just as they were; deleted_ms 0: it stands. points: x and y of each, 64-bit floating
 * point, little endian. measured: JSON. person_ref: id in access.db; 0: made while accounts were off. author, author_facility: as they were called then.
 * Times are wall clock in milliseconds. */
static const char schema_1[] =
    "CREATE TABLE mark ("
    "  id TEXT PRIMARY KEY, facility TEXT NOT NULL, study_uid TEXT NOT NULL, sop_uid TEXT NOT NULL, frame INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, points BLOB NOT NULL, text TEXT NOT NULL, measured TEXT NOT NULL, version INTEGER NOT NULL,"
    "  person_ref INTEGER NOT NULL, author TEXT NOT NULL, author_facility TEXT NOT NULL,"
    "  made_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, deleted_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE INDEX mark_by_study ON mark (facility, study_uid);"
    "CREATE TABLE mark_version ("
    "  mark_ref TEXT NOT NULL REFERENCES mark, version INTEGER NOT NULL, sop_uid TEXT NOT NULL, frame INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, points BLOB NOT NULL, text TEXT NOT NULL, measured TEXT NOT NULL, person_ref INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL, deleted_ms INTEGER NOT NULL, PRIMARY KEY (mark_ref, version)) WITHOUT ROWID;"
    "CREATE TABLE setting ("
    "  person_ref INTEGER PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL);";

/* label: where what is written beside a mark was put, from its first point, as points are; empty: nobody has put it anywhere. */
static const char schema_2[] =
    "ALTER TABLE mark ADD COLUMN label BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE mark_version ADD COLUMN label BLOB NOT NULL DEFAULT x'';";

const char *const kh_reading_scripts[] = {schema_1, schema_2};
const size_t kh_reading_script_count = sizeof kh_reading_scripts / sizeof kh_reading_scripts[0];
