/* Multipart bodies, given whole, byte by byte and in every two pieces: what comes out may not depend on it. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "viewer/dicomweb/part_reader.h"

#define HEAD "Content-Type: a/b\r\n\r\n"
#define PARTS_MAX 3

/* expected: each part as "[type|location|encoding]bytes."; then "!" when the body was refused, "?" when it did not end */
static const struct {
    const char *name, *body, *expected;
} cases[] = {
    {"one part", "--B\r\n" HEAD "abc\r\n--B--\r\n", "[a/b||]abc."},
    {"two parts", "--B\r\n" HEAD "abc\r\n--B\r\n" HEAD "de\r\n--B--", "[a/b||]abc.[a/b||]de."},
    {"as many as may be", "--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B\r\n\r\n3\r\n--B--", "[||]1.[||]2.[||]3."},
    {"one more", "--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B\r\n\r\n3\r\n--B\r\n\r\n4\r\n--B--", "[||]1.[||]2.[||]3.!"},
    {"a line end before the first boundary", "\r\n--B\r\n" HEAD "abc\r\n--B--", "[a/b||]abc."},
    {"a preamble", "hello\r\n--B\r\n" HEAD "abc\r\n--B--", "[a/b||]abc."},
    {"an epilogue", "--B\r\n" HEAD "abc\r\n--B--\r\n--B\r\nnothing", "[a/b||]abc."},
    {"an empty part", "--B\r\n" HEAD "\r\n--B--", "[a/b||]."},
    {"a part without header lines", "--B\r\n\r\nabc\r\n--B--", "[||]abc."},
    {"all the header lines",
     "--B\r\ncontent-type:a/b; c=d\r\nX: y\r\nContent-Location:  u \r\nContent-Transfer-Encoding: binary\r\n\r\nabc\r\n--B--",
     "[a/b; c=d|u|binary]abc."},
    {"blanks behind the boundary", "--B \t\r\n" HEAD "abc\r\n--B--", "[a/b||]abc."},
    {"line ends in the part", "--B\r\n" HEAD "\r\n\r\n\r\n--B--", "[a/b||]\r\n\r\n."},
    {"the beginnings of a boundary in the part", "--B\r\n" HEAD "\r\n-\r\n--\r\n--A\r\r\n--B--", "[a/b||]\r\n-\r\n--\r\n--A\r."},
    {"a boundary without line end is none", "--B\r\n" HEAD "a--B\r\n--B--", "[a/b||]a--B."},
    {"nothing", "", "?"},
    {"no boundary", "hello", "?"},
    {"another boundary", "--C\r\n" HEAD "abc\r\n--C--", "?"},
    {"ends in the first boundary", "--", "?"},
    {"ends in the head", "--B\r\nContent-", "?"},
    {"ends in the part", "--B\r\n" HEAD "abc", "[a/b||]abc?"},
    {"ends in the closing boundary", "--B\r\n" HEAD "abc\r\n--B-", "[a/b||]abc.?"},
    {"ends behind a boundary", "--B\r\n" HEAD "abc\r\n--B", "[a/b||]abc.?"},
    {"text behind the boundary", "--Bx\r\n" HEAD "abc\r\n--B--", "!"},
    {"one hyphen behind the boundary", "--B\r\n" HEAD "abc\r\n--B-x", "[a/b||]abc.!"},
    {"a line feed alone", "--B\n" HEAD "abc\r\n--B--", "!"},
    {"a header line without colon", "--B\r\nhello\r\n\r\nabc\r\n--B--", "!"},
    {"a blank before the colon", "--B\r\nContent-Type : a/b\r\n\r\nabc\r\n--B--", "!"},
    {"a header line twice", "--B\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\nabc\r\n--B--", "!"},
};

static kh_status begin(void *context, const kh_part_head *head, kh_error *err)
{
    return kh_buf_appendf(context, err, "[%s|%s|%s]", head->content_type ? head->content_type : "",
                          head->content_location ? head->content_location : "", head->transfer_encoding ? head->transfer_encoding : "");
}

static kh_status bytes(void *context, const uint8_t *data, size_t size, kh_error *err)
{
    return kh_buf_append(context, data, size, err);
}

static kh_status end(void *context, kh_error *err)
{
    return kh_buf_append_text(context, ".", err);
}

static const kh_part_calls calls = {.begin = begin, .bytes = bytes, .end = end};

/* In pieces of first, then step bytes. */
static void check(const char *name, const char *body, size_t size, const char *expected, size_t first, size_t step)
{
    kh_part_reader reader;
    kh_status status = KH_OK;
    kh_buf got;

    kh_buf_init(&got, 1u << 20);
    assert_int_equal(kh_part_reader_init(&reader, "B", PARTS_MAX, &calls, &got, NULL), KH_OK);
    for (size_t at = 0, piece = first; at < size && status == KH_OK; at += piece, piece = step) {
        uint8_t *copy; /* its own memory, so that a sanitizer sees a read behind it */

        piece = size - at < piece ? size - at : piece;
        copy = malloc(piece ? piece : 1);
        memcpy(copy, body + at, piece);
        status = kh_part_reader_take(&reader, copy, piece, NULL);
        free(copy);
    }
    if (status == KH_OK && kh_part_reader_end(&reader, NULL) != KH_OK)
        assert_int_equal(kh_buf_append_text(&got, "?", NULL), KH_OK);
    if (status != KH_OK)
        assert_int_equal(kh_buf_append_text(&got, "!", NULL), KH_OK);
    if (strcmp(kh_buf_text(&got), expected) != 0)
        fail_msg("%s, in pieces of %zu and %zu: got %s, expected %s", name, first, step, kh_buf_text(&got), expected);
    kh_buf_release(&got);
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        size_t size = strlen(cases[i].body);

        check(cases[i].name, cases[i].body, size, cases[i].expected, 1, 1);
        for (size_t first = 0; first <= size; first++)
            check(cases[i].name, cases[i].body, size, cases[i].expected, first, size + 1);
    }
}

/* Header lines of as many bytes as may be, and one more; a preamble likewise. */
static void limits(void **state)
{
    static const char before[] = "--B\r\nX: ", behind[] = "\r\n\r\nabc\r\n--B--";
    size_t room = KH_PART_HEAD_MAX - strlen("X: \r\n\r\n");
    char *body = malloc(80000);

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        size_t size = (size_t)sprintf(body, "%s", before);

        memset(body + size, 'x', room + more);
        size += room + more;
        size += (size_t)sprintf(body + size, "%s", behind);
        check("head", body, size, more ? "!" : "[||]abc.", 7, 1000);
    }
    for (size_t more = 0; more < 2; more++) {
        size_t size = 64 * 1024 - 2 + more; /* the two bytes before a boundary that might have begun count as well */

        memset(body, 'x', size);
        size += (size_t)sprintf(body + size, "\r\n--B\r\n\r\nabc\r\n--B--");
        check("preamble", body, size, more ? "!" : "[||]abc.", 7, 1000);
    }
    free(body);
}

static void boundaries(void **state)
{
    static const struct {
        const char *boundary;
        kh_status status;
    } rows[] = {
        {"x", KH_OK},
        {"1234567890123456789012345678901234567890123456789012345678901234567890", KH_OK},
        {"12345678901234567890123456789012345678901234567890123456789012345678901", KH_E_ARG},
        {"", KH_E_ARG},
        {"a b", KH_OK},
        {"a ", KH_E_ARG},
        {"a\rb", KH_E_ARG},
        {"a\"b", KH_E_ARG},
        {"'()+_,-./:=?", KH_OK},
    };
    kh_part_reader reader;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++)
        if (kh_part_reader_init(&reader, rows[i].boundary, 1, &calls, NULL, NULL) != rows[i].status)
            fail_msg("boundary \"%s\"", rows[i].boundary);
}

static void nul_in_a_head(void **state)
{
    static const char body[] = "--B\r\nX: a\0b\r\n\r\nabc\r\n--B--";

    (void)state;
    check("NUL", body, sizeof body - 1, "!", 100, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(limits), cmocka_unit_test(boundaries),
                                       cmocka_unit_test(nul_in_a_head)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
