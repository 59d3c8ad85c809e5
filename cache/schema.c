#include "cache/schema.h"

#include <string.h>
#include "base/json.h"
#include "cache/fold.h"
#include "cache/reading.h"

#define CODES_MAX 1024

/* Counts and revisions stand in study and series as well, changed in the transaction that changes what they count, so that a
 * list is one query along one index. The issuing facility is part of every patient's key; where an object names no patient,
 * `apart` holds its Study Instance UID, so that two persons without an ID are never taken for one. */
static const char schema_1[] =
    "CREATE TABLE ids (one INTEGER PRIMARY KEY CHECK (one = 1), settled INTEGER NOT NULL, reserved INTEGER NOT NULL);"
    "INSERT INTO ids VALUES (1, 1, 1);"

    "CREATE TABLE facility (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE origin ("
    "  id INTEGER PRIMARY KEY, facility_id INTEGER NOT NULL REFERENCES facility, source TEXT NOT NULL,"
    "  pull_id INTEGER NOT NULL, UNIQUE (facility_id, source, pull_id));"

    "CREATE TABLE patient ("
    "  id INTEGER PRIMARY KEY, facility_id INTEGER NOT NULL REFERENCES facility, patient_id TEXT NOT NULL, apart TEXT NOT NULL,"
    "  name_alphabetic TEXT NOT NULL, name_ideographic TEXT NOT NULL, name_phonetic TEXT NOT NULL,"
    "  birth_date TEXT NOT NULL, sex TEXT NOT NULL, UNIQUE (facility_id, patient_id, apart));"

    "CREATE TABLE study ("
    "  id INTEGER PRIMARY KEY, patient_ref INTEGER NOT NULL REFERENCES patient, study_uid TEXT NOT NULL,"
    "  date TEXT NOT NULL, time TEXT NOT NULL, description TEXT NOT NULL, accession TEXT NOT NULL,"
    "  referring_physician TEXT NOT NULL, institution TEXT NOT NULL, study_id TEXT NOT NULL,"
    "  modalities TEXT NOT NULL DEFAULT '', series_count INTEGER NOT NULL DEFAULT 0, object_count INTEGER NOT NULL DEFAULT 0,"
    "  image_count INTEGER NOT NULL DEFAULT 0, frame_count INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,"
    "  first_arrival_ms INTEGER NOT NULL, last_arrival_ms INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0,"
    "  search TEXT NOT NULL DEFAULT '', UNIQUE (patient_ref, study_uid));"
    "CREATE INDEX study_by_date ON study (date DESC, time DESC, id DESC);"
    "CREATE INDEX study_by_uid ON study (study_uid);"

    "CREATE TABLE series ("
    "  id INTEGER PRIMARY KEY, study_ref INTEGER NOT NULL REFERENCES study, series_uid TEXT NOT NULL, number INTEGER,"
    "  modality TEXT NOT NULL, description TEXT NOT NULL, body_part TEXT NOT NULL, protocol TEXT NOT NULL,"
    "  laterality TEXT NOT NULL, object_count INTEGER NOT NULL DEFAULT 0, image_count INTEGER NOT NULL DEFAULT 0,"
    "  frame_count INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0, UNIQUE (study_ref, series_uid));"

    "CREATE TABLE object ("
    "  id INTEGER PRIMARY KEY, series_ref INTEGER NOT NULL REFERENCES series, facility_id INTEGER NOT NULL REFERENCES facility,"
    "  origin_id INTEGER NOT NULL REFERENCES origin, sop_uid TEXT NOT NULL, sop_class_uid TEXT NOT NULL,"
    "  transfer_syntax_uid TEXT NOT NULL, instance_number INTEGER, bytes INTEGER NOT NULL, main_offset INTEGER NOT NULL,"
    "  sha256 BLOB NOT NULL, frame_count INTEGER NOT NULL, arrived_ms INTEGER NOT NULL, problem TEXT NOT NULL, image BLOB,"
    "  UNIQUE (facility_id, sop_uid));"
    "CREATE INDEX object_by_series ON object (series_ref);"

    "CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, ref INTEGER NOT NULL, when_ms INTEGER NOT NULL);"

    "CREATE TABLE node ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, ae_title TEXT NOT NULL, host TEXT NOT NULL,"
    "  port INTEGER NOT NULL, facility TEXT NOT NULL, charset TEXT NOT NULL, may_store INTEGER NOT NULL, may_query INTEGER NOT NULL);"

    "CREATE TABLE pull ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, node_id INTEGER NOT NULL, facility TEXT NOT NULL, study_uid TEXT NOT NULL,"
    "  priority INTEGER NOT NULL, state INTEGER NOT NULL, expected INTEGER NOT NULL, received INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL, reason TEXT NOT NULL, asked_by TEXT NOT NULL);"
    "CREATE INDEX pull_by_study ON pull (study_uid);"
    /* 0 is waiting, 1 running: few, however many jobs have ended. */
    "CREATE INDEX pull_open ON pull (priority, id) WHERE state < 2;"
    "CREATE UNIQUE INDEX pull_once ON pull (node_id, study_uid) WHERE state < 2;";

/* What queries of other systems look for; how studies are fetched from a node (0: C-MOVE, 1: C-GET). */
static const char schema_2[] =
    "CREATE INDEX patient_by_patient_id ON patient (patient_id);"
    "CREATE INDEX study_by_accession ON study (accession);"
    "CREATE INDEX series_by_uid ON series (series_uid);"
    "ALTER TABLE node ADD COLUMN retrieve INTEGER NOT NULL DEFAULT 0;";

/* See cache/identity.h. */
static const char schema_3[] = "CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);";

/* Pulls: filed by which rule (0: none), only to compare, bytes that came by it. */
static const char schema_4[] =
    "ALTER TABLE pull ADD COLUMN rule_id INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE pull ADD COLUMN compare INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE pull ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX pull_by_rule ON pull (rule_id, created_ms) WHERE rule_id > 0;";

/* See cache/arrivals.h. Studies that were here before are no longer arriving. */
static const char schema_5[] =
    "CREATE TABLE arrival (study_ref INTEGER PRIMARY KEY, compared INTEGER NOT NULL DEFAULT -1, looked TEXT NOT NULL DEFAULT '');"
    "CREATE TRIGGER arrival_gone AFTER DELETE ON study BEGIN DELETE FROM arrival WHERE study_ref = old.id; END;";

/* What is not here. object.file_id: the number in the file's name; NULL: the object's own id; 0: the object has no file here, it is at
 * the hospital (its row stays). away_count and away_bytes count those. here: 1 while any file is. back_node: who gives back what is
 * away; known_node: who told to have all that is here; 0: nobody. leaving: files that nothing refers to, see cache/removal.h. store_use: bytes
 * of the objects that are here, changed in the transaction that changes what they are. */
static const char schema_6[] =
    "ALTER TABLE object ADD COLUMN file_id INTEGER;"
    "CREATE UNIQUE INDEX object_by_file ON object (file_id) WHERE file_id > 0;"
    "ALTER TABLE series ADD COLUMN away_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE study ADD COLUMN away_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE study ADD COLUMN away_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE study ADD COLUMN here INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE study ADD COLUMN last_used_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE study ADD COLUMN back_node INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE study ADD COLUMN known_node INTEGER NOT NULL DEFAULT 0;"
    "UPDATE study SET last_used_ms = last_arrival_ms;"
    "CREATE INDEX study_by_use ON study (last_used_ms, id) WHERE here = 1;"
    "CREATE TABLE leaving (file_id INTEGER PRIMARY KEY, origin_id INTEGER NOT NULL);"
    "CREATE TABLE pin ("
    "  study_ref INTEGER NOT NULL REFERENCES study, owner TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (study_ref, owner));"
    "CREATE INDEX pin_by_owner ON pin (owner);"
    "CREATE TABLE store_use (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);"
    "INSERT INTO store_use SELECT 1, coalesce(sum(bytes), 0) FROM study;";

/* What a node may do, how it shows who it is, its limits; AE titles of ours that belong to one facility. See cache/nodes.h. */
static const char schema_7[] =
    "ALTER TABLE node ADD COLUMN may_retrieve INTEGER NOT NULL DEFAULT 0;"
    "UPDATE node SET may_retrieve = may_query;"
    "ALTER TABLE node ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE node ADD COLUMN certificates TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN syntaxes TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN associations INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE node ADD COLUMN bytes_per_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE node ADD COLUMN hours TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN hours_in TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE facility_title (ae_title TEXT NOT NULL UNIQUE, facility TEXT NOT NULL);";

/* See cache/text_index.h. What is due says how the study stands in the index now, NULL: not at all. A conflict keeps the first. */
#define DUE_OLD "INSERT INTO study_text_due VALUES (OLD.id, OLD.date, OLD.time, OLD.search) ON CONFLICT DO NOTHING;"
static const char schema_8[] =
    "CREATE VIRTUAL TABLE study_text USING fts5(grams, content='', detail=none, columnsize=0, tokenize='ascii');"
    "CREATE TABLE study_text_due (study_id INTEGER PRIMARY KEY, was_date TEXT, was_time TEXT, was_search TEXT);"
    "INSERT INTO study_text_due (study_id) SELECT id FROM study;"
    "CREATE TRIGGER study_text_new AFTER INSERT ON study BEGIN"
    "  INSERT INTO study_text_due (study_id) VALUES (NEW.id) ON CONFLICT DO NOTHING; END;"
    "CREATE TRIGGER study_text_changed AFTER UPDATE OF search, date, time ON study"
    "  WHEN OLD.search <> NEW.search OR OLD.date <> NEW.date OR OLD.time <> NEW.time BEGIN " DUE_OLD " END;"
    "CREATE TRIGGER study_text_gone AFTER DELETE ON study BEGIN " DUE_OLD " END;";

/* What is done by itself: rules, earlier studies to be looked for, days to be walked, objects to be sent on. Ids of objects and sends are
 * never used twice, those of studies may be. */
static const char schema_9[] =
    "CREATE TABLE rule ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, enabled INTEGER NOT NULL, node TEXT NOT NULL,"
    "  source TEXT NOT NULL, facility TEXT NOT NULL, modality TEXT NOT NULL, body_part TEXT NOT NULL, description TEXT NOT NULL,"
    "  prior_modality TEXT NOT NULL, prior_body_part TEXT NOT NULL, priors INTEGER NOT NULL, age_days INTEGER NOT NULL,"
    "  at_once INTEGER NOT NULL, date_from TEXT NOT NULL, date_to TEXT NOT NULL, studies_per_hour INTEGER NOT NULL,"
    "  bytes_per_hour INTEGER NOT NULL, created_ms INTEGER NOT NULL);"

    "CREATE TABLE lookup ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, rule_id INTEGER NOT NULL, node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, found INTEGER NOT NULL, filed INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    "  not_before_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE (rule_id, node_id, study_ref));"
    "CREATE INDEX lookup_open ON lookup (id) WHERE state = 0;"

    "CREATE TABLE backfill ("
    "  rule_id INTEGER PRIMARY KEY, state INTEGER NOT NULL, day TEXT NOT NULL, days_done INTEGER NOT NULL, found INTEGER NOT NULL,"
    "  held INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    "  reason TEXT NOT NULL);"

    "CREATE TABLE send ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL, rule_id INTEGER NOT NULL,"
    "  study_uid TEXT NOT NULL, priority INTEGER NOT NULL, state INTEGER NOT NULL, total INTEGER NOT NULL, sent INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL, reason TEXT NOT NULL, asked_by TEXT NOT NULL, UNIQUE (node_id, study_ref, rule_id));"
    "CREATE INDEX send_open ON send (priority, id) WHERE state < 2;"
    "CREATE INDEX send_failed ON send (id) WHERE state IN (3, 4);"
    "CREATE INDEX pull_failed ON pull (id) WHERE state IN (3, 5);"
    "CREATE INDEX send_by_study ON send (study_ref);"
    "CREATE TABLE send_item ("
    "  send_id INTEGER NOT NULL, object_id INTEGER NOT NULL, done INTEGER NOT NULL, PRIMARY KEY (send_id, object_id)) WITHOUT ROWID;"
    "CREATE INDEX send_item_by_object ON send_item (object_id);"

    "CREATE TRIGGER send_object_gone AFTER DELETE ON object BEGIN DELETE FROM send_item WHERE object_id = old.id; END;"
    "CREATE TRIGGER send_study_gone AFTER DELETE ON study BEGIN"
    "  UPDATE send SET state = 5, reason = 'the study was deleted here' WHERE study_ref = old.id AND state < 2;"
    "  UPDATE send SET study_ref = -id WHERE study_ref = old.id;"
    "  DELETE FROM lookup WHERE study_ref = old.id; END;"
    "CREATE TRIGGER send_node_gone AFTER DELETE ON node BEGIN"
    "  UPDATE send SET state = 5, reason = 'the node was removed' WHERE node_id = old.id AND state < 2;"
    "  DELETE FROM lookup WHERE node_id = old.id; END;";

/* See cache/commitments.h. refs: a line for each object. */
static const char schema_10[] =
    "CREATE TABLE commitment ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, node_id INTEGER NOT NULL, side INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
    "  transaction_uid TEXT NOT NULL, objects INTEGER NOT NULL, committed INTEGER NOT NULL DEFAULT 0,"
    "  checked INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, not_before_ms INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '', refs BLOB NOT NULL,"
    "  UNIQUE (side, node_id, transaction_uid));"
    "CREATE INDEX commitment_open ON commitment (not_before_ms, id) WHERE state < 2;"
    "CREATE INDEX commitment_ended ON commitment (updated_ms) WHERE state >= 2;";

/* See cache/changes.h. object.hidden: the change that hides it, 0: it is shown. rejected: hidden when they come. correction: one corrected value,
 * with what it was. alias: objects with this ID (of this study, or '') belong to another row of patient. moved: whose a study was. */
static const char schema_11[] =
    "CREATE TABLE change ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, facility_id INTEGER NOT NULL REFERENCES facility,"
    "  patient_ref INTEGER NOT NULL, study_ref INTEGER NOT NULL, when_ms INTEGER NOT NULL, reason TEXT NOT NULL, asked_by TEXT NOT NULL,"
    "  objects INTEGER NOT NULL DEFAULT 0, undone_ms INTEGER NOT NULL DEFAULT 0, undone_by TEXT NOT NULL DEFAULT '',"
    "  purged INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX change_by_study ON change (study_ref);"
    "ALTER TABLE object ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX object_by_hidden ON object (hidden) WHERE hidden > 0;"
    "CREATE TABLE rejected ("
    "  facility_id INTEGER NOT NULL, sop_uid TEXT NOT NULL, change_id INTEGER NOT NULL REFERENCES change,"
    "  PRIMARY KEY (facility_id, sop_uid)) WITHOUT ROWID;"
    "CREATE INDEX rejected_by_change ON rejected (change_id);"
    "CREATE TABLE correction ("
    "  change_id INTEGER NOT NULL REFERENCES change, value TEXT NOT NULL, patient_ref INTEGER NOT NULL, study_ref INTEGER NOT NULL,"
    "  was TEXT NOT NULL, becomes TEXT NOT NULL);"
    "CREATE INDEX correction_by_patient ON correction (patient_ref) WHERE patient_ref > 0;"
    "CREATE INDEX correction_by_study ON correction (study_ref) WHERE study_ref > 0;"
    "CREATE INDEX correction_by_change ON correction (change_id);"
    "CREATE TABLE alias ("
    "  facility_id INTEGER NOT NULL, patient_id TEXT NOT NULL, study_uid TEXT NOT NULL, patient_ref INTEGER NOT NULL,"
    "  change_id INTEGER NOT NULL REFERENCES change, PRIMARY KEY (facility_id, patient_id, study_uid, change_id)) WITHOUT ROWID;"
    "CREATE INDEX alias_by_patient ON alias (patient_ref);"
    "CREATE TABLE moved ("
    "  change_id INTEGER NOT NULL REFERENCES change, study_ref INTEGER NOT NULL REFERENCES study, was_patient_ref INTEGER NOT NULL,"
    "  PRIMARY KEY (change_id, study_ref)) WITHOUT ROWID;"
    "CREATE INDEX moved_by_study ON moved (study_ref);";

/* What is kept beside, see cache/quarantine.h. Files that were there before have no row: their origin is not known. */
static const char schema_12[] =
    "CREATE TABLE quarantined ("
    "  name TEXT PRIMARY KEY, kind INTEGER NOT NULL, object_id INTEGER NOT NULL, origin_id INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  when_ms INTEGER NOT NULL, sop_uid TEXT NOT NULL, reason TEXT NOT NULL);";

/* See cache/scrub.h: the object looked at last, and what the pass has found. */
static const char schema_13[] =
    "CREATE TABLE scrub ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    "  objects INTEGER NOT NULL, bad INTEGER NOT NULL);"
    "INSERT INTO scrub VALUES (1, 0, 0, 0, 0, 0);";

/* See cache/received.h. A row of a new hour lets those that are two weeks old go. */
static const char schema_14[] =
    "CREATE TABLE received ("
    "  hour INTEGER NOT NULL, source TEXT NOT NULL, objects INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (hour, source)) WITHOUT ROWID;"
    "CREATE TRIGGER received_kept AFTER INSERT ON received BEGIN DELETE FROM received WHERE hour < NEW.hour - 336; END;";

/* Searches: the studies of a modality, newest first; those of which nothing is shown, to be taken off what is counted along an index; the
 * patients with a group of a name, as kh_fold_name_group() makes it, and how many of their studies are shown. */
#define CODES_OF(study) "SELECT value FROM json_each(kh_codes_json(" study ".modalities))"
#define FORGET_CODES                                                                                                                     \
    "DELETE FROM study_modality WHERE modality IN (" CODES_OF("OLD") ") AND date = OLD.date AND time = OLD.time AND study_ref = OLD.id;"
#define NOTE_CODES                                                                                                                       \
    "INSERT OR IGNORE INTO study_modality SELECT value, NEW.date, NEW.time, NEW.id FROM (" CODES_OF("NEW") ");"
#define STUDIES_OF_NEW "(SELECT count(*) FROM study WHERE patient_ref = NEW.id AND object_count > 0)"
#define NOTE_NAME(name)                                                                                                                  \
    "INSERT OR IGNORE INTO patient_name SELECT kh_name_key(NEW." name "), NEW.id, " STUDIES_OF_NEW " WHERE NEW." name " <> '';"
#define NOTE_NAMES NOTE_NAME("name_alphabetic") NOTE_NAME("name_ideographic") NOTE_NAME("name_phonetic")
#define FORGET_NAMES                                                                                                                     \
    "DELETE FROM patient_name WHERE patient_ref = OLD.id"                                                                                \
    "  AND key IN (kh_name_key(OLD.name_alphabetic), kh_name_key(OLD.name_ideographic), kh_name_key(OLD.name_phonetic));"
#define KEYS_OF(ref)                                                                                                                     \
    "SELECT kh_name_key(name_alphabetic) FROM patient WHERE id = " ref " UNION ALL SELECT kh_name_key(name_ideographic) FROM patient"    \
    "  WHERE id = " ref " UNION ALL SELECT kh_name_key(name_phonetic) FROM patient WHERE id = " ref
#define COUNT_STUDY(of, by)                                                                                                              \
    "UPDATE OR IGNORE patient_name SET studies = studies " by " WHERE " of ".object_count > 0 AND patient_ref = " of ".patient_ref"                \
    "  AND key IN (" KEYS_OF(of ".patient_ref") ");"
static const char schema_15[] =
    "CREATE INDEX study_hidden ON study (date DESC, time DESC, id DESC) WHERE object_count = 0;"
    "CREATE TABLE study_modality ("
    "  modality TEXT NOT NULL, date TEXT NOT NULL, time TEXT NOT NULL, study_ref INTEGER NOT NULL,"
    "  PRIMARY KEY (modality, date DESC, time DESC, study_ref DESC)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO study_modality SELECT j.value, s.date, s.time, s.id FROM study s,"
    "  json_each(kh_codes_json(s.modalities)) j ORDER BY 1, 2 DESC, 3 DESC, 4 DESC;"
    "CREATE TRIGGER study_modality_new AFTER INSERT ON study WHEN NEW.modalities <> '' BEGIN " NOTE_CODES " END;"
    "CREATE TRIGGER study_modality_changed AFTER UPDATE OF modalities, date, time ON study"
    "  WHEN OLD.modalities <> NEW.modalities OR OLD.date <> NEW.date OR OLD.time <> NEW.time BEGIN " FORGET_CODES NOTE_CODES " END;"
    "CREATE TRIGGER study_modality_gone AFTER DELETE ON study BEGIN " FORGET_CODES " END;"
    "CREATE TABLE patient_name ("
    "  key TEXT NOT NULL, patient_ref INTEGER NOT NULL, studies INTEGER NOT NULL, PRIMARY KEY (key, patient_ref)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO patient_name SELECT kh_name_key(n.name), n.id, ifnull(c.studies, 0) FROM (SELECT name_alphabetic AS name, id FROM patient"
    "  UNION ALL SELECT name_ideographic, id FROM patient UNION ALL SELECT name_phonetic, id FROM patient) n"
    "  LEFT JOIN (SELECT patient_ref, count(*) AS studies FROM study WHERE object_count > 0 GROUP BY patient_ref) c ON c.patient_ref = n.id"
    "  WHERE n.name <> '' ORDER BY 1, 2;"
    "CREATE TRIGGER patient_name_new AFTER INSERT ON patient BEGIN " NOTE_NAMES " END;"
    "CREATE TRIGGER patient_name_changed AFTER UPDATE OF name_alphabetic, name_ideographic, name_phonetic ON patient BEGIN " FORGET_NAMES
    NOTE_NAMES " END;"
    "CREATE TRIGGER patient_name_gone AFTER DELETE ON patient BEGIN " FORGET_NAMES " END;"
    "CREATE TRIGGER patient_study_new AFTER INSERT ON study WHEN NEW.object_count > 0 BEGIN " COUNT_STUDY("NEW", "+ 1") " END;"
    "CREATE TRIGGER patient_study_changed AFTER UPDATE OF object_count, patient_ref ON study"
    "  WHEN (OLD.object_count > 0) <> (NEW.object_count > 0) OR OLD.patient_ref <> NEW.patient_ref BEGIN "
    COUNT_STUDY("OLD", "- 1") COUNT_STUDY("NEW", "+ 1") " END;"
    "CREATE TRIGGER patient_study_gone AFTER DELETE ON study WHEN OLD.object_count > 0 BEGIN " COUNT_STUDY("OLD", "- 1") " END;"
    "CREATE INDEX study_by_patient ON study (patient_ref, date DESC, time DESC, id DESC);";

/* See cache/compares.h and cache/findings.h. compare_study.told: how the study differs, in the round under way; kind, since_ms: in the last
 * round that was believed, and since when. A number of a study may be used again, so nothing of one that is gone stays under it. */
static const char schema_16[] =
    "CREATE TABLE compare_round ("
    "  node_id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, position INTEGER NOT NULL DEFAULT 0,"
    "  asked INTEGER NOT NULL DEFAULT 0, same INTEGER NOT NULL DEFAULT 0, known INTEGER NOT NULL DEFAULT 0, gone INTEGER NOT NULL DEFAULT 0,"
    "  patient INTEGER NOT NULL DEFAULT 0, instances INTEGER NOT NULL DEFAULT 0, findings INTEGER NOT NULL DEFAULT 0,"
    "  believed INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, not_before_ms INTEGER NOT NULL DEFAULT 0,"
    "  reason TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE compare_study ("
    "  node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL, when_ms INTEGER NOT NULL, told INTEGER NOT NULL, there TEXT NOT NULL,"
    "  missing INTEGER NOT NULL, kind INTEGER NOT NULL DEFAULT 0, since_ms INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (node_id, study_ref)) WITHOUT ROWID;"
    "CREATE INDEX compare_study_told ON compare_study (node_id) WHERE told > 0;"
    "CREATE INDEX compare_study_by_study ON compare_study (study_ref);"
    "CREATE TABLE finding ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, here TEXT NOT NULL, there TEXT NOT NULL, missing INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
    "  noticed_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, ended_by TEXT NOT NULL DEFAULT '',"
    "  change_id INTEGER NOT NULL DEFAULT 0, UNIQUE (study_ref, node_id, kind, there));"
    "CREATE INDEX finding_open ON finding (id) WHERE state = 0;"
    "CREATE INDEX finding_by_change ON finding (change_id) WHERE change_id > 0;"
    "CREATE TRIGGER compare_study_gone AFTER DELETE ON study BEGIN"
    "  DELETE FROM compare_study WHERE study_ref = old.id;"
    "  UPDATE finding SET state = 3 WHERE study_ref = old.id AND state IN (0, 2);"
    "  UPDATE finding SET study_ref = -id WHERE study_ref = old.id; END;"
    "CREATE TRIGGER compare_node_gone AFTER DELETE ON node BEGIN"
    "  DELETE FROM compare_round WHERE node_id = old.id;"
    "  DELETE FROM compare_study WHERE node_id = old.id;"
    "  UPDATE finding SET state = 3 WHERE node_id = old.id AND state IN (0, 2); END;";

/* The columns of a key first: integrity_check of SQLite 3.40 takes a column that stands between them, in a table without rowid, for NULL. */
static const char schema_17[] =
    "CREATE TABLE alias_new ("
    "  facility_id INTEGER NOT NULL, patient_id TEXT NOT NULL, study_uid TEXT NOT NULL, change_id INTEGER NOT NULL REFERENCES change,"
    "  patient_ref INTEGER NOT NULL, PRIMARY KEY (facility_id, patient_id, study_uid, change_id)) WITHOUT ROWID;"
    "INSERT INTO alias_new (facility_id, patient_id, study_uid, change_id, patient_ref)"
    "  SELECT facility_id, patient_id, study_uid, change_id, patient_ref FROM alias;"
    "DROP TABLE alias;"
    "ALTER TABLE alias_new RENAME TO alias;"
    "CREATE INDEX alias_by_patient ON alias (patient_ref);";

/* When and by what request a series was made (cache/facts.h); the clock its study was told by, and who referred, with all groups of the name. */
static const char schema_18[] =
    "ALTER TABLE study ADD COLUMN timezone TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE study ADD COLUMN referring TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE series ADD COLUMN pps_date TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE series ADD COLUMN pps_time TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE series ADD COLUMN request TEXT NOT NULL DEFAULT '';";

/* Names are found by their readings, too (cache/reading.h). */
#define KEYS_OF_NAME(of) "json_each(kh_name_keys(" of "name_alphabetic || '=' || " of "name_ideographic || '=' || " of "name_phonetic))"
#define NOTE_KEYS "INSERT OR IGNORE INTO patient_name SELECT value, NEW.id, " STUDIES_OF_NEW " FROM " KEYS_OF_NAME("NEW.") ";"
#define FORGET_KEYS "DELETE FROM patient_name WHERE patient_ref = OLD.id AND key IN (SELECT value FROM " KEYS_OF_NAME("OLD.") ");"
#define COUNT_BY_KEYS(of, by)                                                                                                            \
    "UPDATE OR IGNORE patient_name SET studies = studies " by " WHERE " of ".object_count > 0 AND patient_ref = " of ".patient_ref"      \
    "  AND key IN (SELECT j.value FROM patient p, " KEYS_OF_NAME("p.") " j WHERE p.id = " of ".patient_ref);"
static const char schema_19[] =
    "DROP TRIGGER patient_name_new; DROP TRIGGER patient_name_changed; DROP TRIGGER patient_name_gone;"
    "DROP TRIGGER patient_study_new; DROP TRIGGER patient_study_changed; DROP TRIGGER patient_study_gone;"
    "DELETE FROM patient_name;"
    "INSERT OR IGNORE INTO patient_name SELECT j.value, p.id, ifnull(c.studies, 0) FROM patient p"
    "  LEFT JOIN (SELECT patient_ref, count(*) AS studies FROM study WHERE object_count > 0 GROUP BY patient_ref) c ON c.patient_ref = p.id, "
    KEYS_OF_NAME("p.") " j ORDER BY 1, 2;"
    "CREATE TRIGGER patient_name_new AFTER INSERT ON patient BEGIN " NOTE_KEYS " END;"
    "CREATE TRIGGER patient_name_changed AFTER UPDATE OF name_alphabetic, name_ideographic, name_phonetic ON patient BEGIN " FORGET_KEYS NOTE_KEYS
    " END;"
    "CREATE TRIGGER patient_name_gone AFTER DELETE ON patient BEGIN " FORGET_KEYS " END;"
    "CREATE TRIGGER patient_study_new AFTER INSERT ON study WHEN NEW.object_count > 0 BEGIN " COUNT_BY_KEYS("NEW", "+ 1") " END;"
    "CREATE TRIGGER patient_study_changed AFTER UPDATE OF object_count, patient_ref ON study"
    "  WHEN (OLD.object_count > 0) <> (NEW.object_count > 0) OR OLD.patient_ref <> NEW.patient_ref BEGIN "
    COUNT_BY_KEYS("OLD", "- 1") COUNT_BY_KEYS("NEW", "+ 1") " END;"
    "CREATE TRIGGER patient_study_gone AFTER DELETE ON study WHEN OLD.object_count > 0 BEGIN " COUNT_BY_KEYS("OLD", "- 1") " END;";

/* The department a series is from, for what disclosers open (cache/renew.h). Null: stored before it was noted, and not yet read again. */
static const char schema_20[] = "ALTER TABLE series ADD COLUMN department TEXT;";

/* Which objects its node no longer has of a study (cache/compares.h), as it said last. */
static const char schema_21[] =
    "CREATE TABLE compare_missing ("
    "  node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL, object_ref INTEGER NOT NULL, PRIMARY KEY (node_id, study_ref, object_ref)) WITHOUT ROWID;"
    "CREATE INDEX compare_missing_by_study ON compare_missing (study_ref);"
    "CREATE TRIGGER compare_missing_study_gone AFTER DELETE ON study BEGIN DELETE FROM compare_missing WHERE study_ref = old.id; END;"
    "CREATE TRIGGER compare_missing_node_gone AFTER DELETE ON node BEGIN DELETE FROM compare_missing WHERE node_id = old.id; END;";

/* A study whose patient ID another issuer gave (cache/issuers.h): that its hospital lists it under that number is no difference. */
static const char schema_22[] = "ALTER TABLE study ADD COLUMN foreign_id INTEGER NOT NULL DEFAULT 0;";

/* Objects that are hidden as missing at a node: by which changes; which of them it has again, as it said last; and which were shown again,
 * with the change that had hidden them. */
static const char schema_23[] =
    "CREATE TABLE compare_hidden (change_id INTEGER PRIMARY KEY, node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL);"
    "CREATE INDEX compare_hidden_by_study ON compare_hidden (study_ref);"
    "INSERT INTO compare_hidden (change_id, node_id, study_ref) SELECT c.id, f.node_id, f.study_ref FROM finding f"
    "  JOIN change c ON c.id = f.change_id WHERE f.kind = 3 AND f.state = 1 AND c.undone_ms = 0;"
    "CREATE TABLE compare_back ("
    "  node_id INTEGER NOT NULL, study_ref INTEGER NOT NULL, object_ref INTEGER NOT NULL, PRIMARY KEY (node_id, study_ref, object_ref)) WITHOUT ROWID;"
    "CREATE INDEX compare_back_by_study ON compare_back (study_ref);"
    "CREATE TABLE shown_again ("
    "  change_id INTEGER NOT NULL, object_ref INTEGER NOT NULL, was INTEGER NOT NULL, PRIMARY KEY (change_id, object_ref)) WITHOUT ROWID;"
    "CREATE TRIGGER compare_hidden_study_gone AFTER DELETE ON study BEGIN"
    "  DELETE FROM compare_hidden WHERE study_ref = old.id; DELETE FROM compare_back WHERE study_ref = old.id; END;"
    "CREATE TRIGGER compare_hidden_node_gone AFTER DELETE ON node BEGIN"
    "  DELETE FROM compare_hidden WHERE node_id = old.id; DELETE FROM compare_back WHERE node_id = old.id; END;";

/* The pass that judges stored studies by the issuers of their patient IDs (cache/judging.h). */
static const char schema_24[] =
    "CREATE TABLE judging ("
    "  id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, position INTEGER NOT NULL, studies INTEGER NOT NULL,"
    "  apart INTEGER NOT NULL, back INTEGER NOT NULL, \"left\" INTEGER NOT NULL, away INTEGER NOT NULL, rules TEXT NOT NULL);";

static kh_status name_key(kh_buf *out, const char *text, kh_error *err)
{
    return kh_fold_name_group(out, text, strlen(text), err);
}

/* "CT,MR" as a list; whatever the codes are made of. */
static kh_status codes_json(kh_buf *out, const char *text, kh_error *err)
{
    char code[CODES_MAX];
    kh_json_writer json;

    kh_json_writer_init(&json, out);
    kh_json_array_begin(&json);
    for (size_t size; *text; text += size + (text[size] == ',')) {
        size = strcspn(text, ",");
        if (size == 0 || size >= sizeof code)
            continue;
        memcpy(code, text, size);
        code[size] = '\0';
        kh_json_text(&json, code);
    }
    kh_json_array_end(&json);
    return kh_json_writer_status(&json, err);
}

kh_status kh_schema_prepare(kh_sql *sql, kh_error *err)
{
    kh_status status = kh_sql_add_function(sql, "kh_name_key", name_key, err);

    if (status == KH_OK)
        status = kh_sql_add_function(sql, "kh_name_keys", kh_reading_keys, err);
    return status == KH_OK ? kh_sql_add_function(sql, "kh_codes_json", codes_json, err) : status;
}

const char *const kh_schema_scripts[] = {schema_1, schema_2, schema_3, schema_4, schema_5, schema_6, schema_7, schema_8, schema_9, schema_10, schema_11,
                                          schema_12, schema_13, schema_14, schema_15, schema_16, schema_17, schema_18, schema_19, schema_20, schema_21, schema_22, schema_23, schema_24};
const size_t kh_schema_count = sizeof kh_schema_scripts / sizeof kh_schema_scripts[0];
