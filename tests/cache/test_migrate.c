/* An index that an earlier version made is still the same index. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cache/compares.h"
#include "cache/nodes.h"
#include "cache/schema.h"
#include "cache/search.h"
#include "store/sql.h"

/* A node and a study as schema 1 held them. */
static void make_schema_1(const temp_dir *dir)
{
    static const char *const rows[] = {
        "INSERT INTO facility VALUES (1, 'north')",
        "INSERT INTO patient VALUES (1, 1, 'P1', '', 'Sato^Hanako', '', '', '', '')",
        "INSERT INTO study (id, patient_ref, study_uid, date, time, description, accession, referring_physician, institution, study_id,"
        " first_arrival_ms, last_arrival_ms, object_count) VALUES (1, 1, '1.2', '20260101', '', '', 'A1', '', '', '', 0, 0, 1)",
        "INSERT INTO series (id, study_ref, series_uid, modality, description, body_part, protocol, laterality) VALUES (1, 1, '1.2.1', 'CT', '', '', '', '')",
        "INSERT INTO node (name, ae_title, host, port, facility, charset, may_store, may_query)"
        " VALUES ('pacs', 'PACS', '10.0.0.1', 104, 'north', '', 1, 0), ('asks', 'ASKS', '', 0, 'north', '', 0, 1)",
    };
    char path[600];
    kh_sql *sql;

    (void)mkdir(dir->path, 0700);
    snprintf(path, sizeof path, "%s/index.db", dir->path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_WRITER, err));
    assert_ok(kh_sql_migrate(sql, kh_schema_scripts, 1, err));
    for (size_t i = 0; i < KH_COUNT(rows); i++)
        assert_ok(kh_sql_run(sql, rows[i], NULL, 0, NULL, err));
    kh_sql_close(sql);
}

static void from_the_first(void **state)
{
    const kh_search_key keys[] = {{KH_TAG_PATIENT_ID, "P1"}};
    const kh_search_row *rows;
    temp_dir dir;
    kh_cache *cache;
    kh_search *search;
    kh_compare compare;
    kh_series series;
    kh_node node;
    int64_t findings;
    size_t count;
    bool more;

    (void)state;
    temp_dir_make(&dir);
    make_schema_1(&dir);
    for (int round = 0; round < 2; round++) { /* the second finds it done */
        cache = cache_open(&dir);
        assert_ok(kh_node_find(cache, "pacs", &node, err));
        assert_string_equal(node.host, "10.0.0.1");
        assert_true(node.may_store);
        assert_false(node.retrieve_by_get);
        assert_false(node.may_retrieve);
        assert_false(node.tls);
        assert_string_equal(node.hours, "");
        assert_ok(kh_node_find(cache, "asks", &node, err));
        assert_true(node.may_query && node.may_retrieve); /* one right until they became two */
        assert_ok(kh_search_open(&search, cache, KH_LEVEL_STUDY, keys, 1, err));
        assert_ok(kh_search_page(search, &rows, &count, &more, err));
        assert_int_equal(count, 1);
        assert_string_equal(rows[0].study.study_uid, "1.2");
        kh_search_free(search);
        assert_ok(kh_browse_series(cache, 1, &series, err));
        assert_string_equal(series.department, ""); /* not noted then */
        assert_ok(kh_finding_count_open(cache, &findings, err)); /* nothing was compared yet, and can be now */
        assert_int_equal(findings, 0);
        assert_int_equal(kh_compare_find(cache, node.id, &compare, NULL), round == 0 ? KH_E_NOT_FOUND : KH_OK);
        assert_ok(kh_compare_request(cache, node.id, err));
        kh_cache_close(cache);
    }
    temp_dir_remove(&dir);
}

/* Objects that version 22 hid as missing at their hospital are asked for again. */
static void hidden_before_23(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO change (id, kind, facility_id, patient_ref, study_ref, when_ms, reason, asked_by) VALUES (1, 3, 1, 0, 1, 0, 'r', 'a')",
        "INSERT INTO change (id, kind, facility_id, patient_ref, study_ref, when_ms, reason, asked_by, undone_ms)"
        " VALUES (2, 3, 1, 0, 1, 0, 'r', 'a', 5)",
        "INSERT INTO finding (kind, node_id, study_ref, state, here, there, missing, since_ms, noticed_ms, change_id)"
        " VALUES (3, 1, 1, 1, '', '', 1, 0, 0, 1), (3, 2, 1, 1, '', '', 1, 0, 0, 2), (1, 1, 1, 1, '', '', 0, 0, 0, 1)",
    };
    temp_dir dir;
    char path[600];
    kh_cache *cache;
    kh_sql *sql;
    int64_t changed;

    (void)state;
    temp_dir_make(&dir);
    make_schema_1(&dir);
    snprintf(path, sizeof path, "%s/index.db", dir.path);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_WRITER, err));
    assert_ok(kh_schema_prepare(sql, err));
    assert_ok(kh_sql_migrate(sql, kh_schema_scripts, 22, err));
    for (size_t i = 0; i < KH_COUNT(rows); i++)
        assert_ok(kh_sql_run(sql, rows[i], NULL, 0, NULL, err));
    kh_sql_close(sql);
    cache = cache_open(&dir);
    kh_cache_close(cache);
    assert_ok(kh_sql_open(&sql, path, KH_SQL_WRITER, err));
    assert_ok(kh_schema_prepare(sql, err));
    assert_ok(kh_sql_run(sql, "DELETE FROM compare_hidden WHERE change_id = 1 AND node_id = 1 AND study_ref = 1", NULL, 0, &changed, err));
    assert_int_equal(changed, 1);
    assert_ok(kh_sql_run(sql, "DELETE FROM compare_hidden", NULL, 0, &changed, err));
    assert_int_equal(changed, 0); /* nor one that was undone, nor a study as a whole */
    kh_sql_close(sql);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_the_first), cmocka_unit_test(hidden_before_23)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
