/* What lists of commands print: tables, CSV that a spreadsheet may open, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/rows.h"
#include "tests/cmocka_all.h"

static const kh_rows_column columns[] = {{"name", "NAME", 8}, {"words", "WORDS", 5}, {"hidden", "", 0}};

static char *printed(kh_rows_form form, const char *const (*values)[3], size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    kh_rows rows;

    assert_non_null(out);
    kh_rows_begin(&rows, out, form, columns, 3);
    for (size_t i = 0; i < count; i++)
        kh_rows_put(&rows, values[i]);
    kh_rows_end(&rows, "nothing");
    fclose(out);
    return text;
}

static void forms(void **state)
{
    static const struct {
        const char *name;
        kh_rows_form form;
        const char *values[3];
        const char *expected; /* without the head */
    } cases[] = {
        {"a table leaves columns out", KH_ROWS_TABLE, {"desk", "a", "x"}, "desk     a     \n"},
        {"wide signs take two places", KH_ROWS_TABLE, {"診察室", "a", ""}, "診察室   a     \n"},
        {"nothing is a dash", KH_ROWS_TABLE, {"", NULL, ""}, "-        -     \n"},
        {"no control reaches a terminal", KH_ROWS_TABLE, {"a\033[2Jb", "\xc2\x9bx", ""}, "a[2Jb    x     \n"},
        {"CSV, plain", KH_ROWS_CSV, {"desk", "a b", "x"}, "desk,a b,x\r\n"},
        {"CSV, commas, quotes, lines", KH_ROWS_CSV, {"a,b", "a\"b", "a\nb"}, "\"a,b\",\"a\"\"b\",\"a\nb\"\r\n"},
        {"CSV, no formula", KH_ROWS_CSV, {"=1+1", "@x", "-2"}, "\"'=1+1\",\"'@x\",\"'-2\"\r\n"},
        {"CSV, a sign inside", KH_ROWS_CSV, {"a=b", "1-2", ""}, "a=b,1-2,\r\n"},
        {"JSON", KH_ROWS_JSON, {"a\"b", "診", NULL}, "\n {\"name\":\"a\\\"b\",\"words\":\"診\",\"hidden\":\"\"}\n]\n"},
    };
    static const char *const heads[] = {
        [KH_ROWS_TABLE] = "NAME     WORDS \n", [KH_ROWS_CSV] = "name,words,hidden\r\n", [KH_ROWS_JSON] = "["};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = printed(cases[i].form, &cases[i].values, 1);
        const char *head = heads[cases[i].form];

        if (strncmp(text, head, strlen(head)) != 0 || strcmp(text + strlen(head), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, text);
        free(text);
    }
}

static void no_rows(void **state)
{
    static const char *const expected[] = {[KH_ROWS_TABLE] = "nothing\n", [KH_ROWS_CSV] = "name,words,hidden\r\n", [KH_ROWS_JSON] = "[]\n"};

    (void)state;
    for (kh_rows_form form = KH_ROWS_TABLE; form <= KH_ROWS_JSON; form++) {
        char *text = printed(form, NULL, 0);

        assert_string_equal(text, expected[form]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(no_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
