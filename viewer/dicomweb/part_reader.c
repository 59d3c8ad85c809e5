/* A boundary has no CR in it, so that a delimiter that breaks off can begin anew only at the byte it broke at: what was seen of it is known
 * to be the part's, without being kept. */
#include "viewer/dicomweb/part_reader.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREAMBLE_MAX (64u * 1024)
#define PADDING_MAX 64 /* blanks behind a delimiter */

enum { BEFORE, AFTER_DELIMITER, LINE_END, CLOSING, HEAD, BODY, DONE };

static bool is_boundary(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ";
    size_t size = strlen(text);

    return size >= 1 && size <= KH_PART_BOUNDARY_MAX && strspn(text, allowed) == size && text[size - 1] != ' ';
}

kh_status kh_part_reader_init(kh_part_reader *reader, const char *boundary, unsigned parts_max, const kh_part_calls *calls, void *context,
                              kh_error *err)
{
    if (!is_boundary(boundary))
        return kh_error_set(err, KH_E_ARG, "Content-Type: the boundary is not one (RFC 2046 5.1.1)");
    *reader = (kh_part_reader){.calls = calls, .context = context, .parts_max = parts_max, .state = BEFORE};
    reader->delimiter_size = (size_t)snprintf(reader->delimiter, sizeof reader->delimiter, "\r\n--%s", boundary);
    reader->matched = 2; /* the body may begin with a delimiter, without a line end before it */
    return KH_OK;
}

/* Bytes that are not a delimiter's: of the part, or before the first. */
static kh_status pass_on(kh_part_reader *reader, const uint8_t *bytes, size_t size, kh_error *err)
{
    if (size == 0)
        return KH_OK;
    if (reader->state == BODY)
        return reader->calls->bytes(reader->context, bytes, size, err);
    reader->before += size;
    if (reader->before > PREAMBLE_MAX)
        return kh_error_set(err, KH_E_ARG, "the body does not begin with its boundary");
    return KH_OK;
}

/* What was taken for the beginning of a delimiter and is none. */
static kh_status give_back(kh_part_reader *reader, kh_error *err)
{
    size_t size = reader->matched;

    reader->matched = 0;
    return pass_on(reader, (const uint8_t *)reader->delimiter, size, err);
}

/* Looks for the delimiter; *used bytes were consumed, and found says whether they end with it. */
static kh_status look(kh_part_reader *reader, const uint8_t *bytes, size_t size, size_t *used, bool *found, kh_error *err)
{
    size_t at = 0;
    kh_status status = KH_OK;

    *found = false;
    while (at < size && status == KH_OK && !*found) {
        if (reader->matched > 0) {
            if (bytes[at] == (uint8_t)reader->delimiter[reader->matched]) {
                at++;
                *found = ++reader->matched == reader->delimiter_size;
            } else {
                status = give_back(reader, err);
            }
        } else {
            const uint8_t *cr = memchr(bytes + at, '\r', size - at);
            size_t plain = cr ? (size_t)(cr - bytes) - at : size - at;

            status = pass_on(reader, bytes + at, plain, err);
            at += plain;
            if (cr) {
                reader->matched = 1;
                at++;
            }
        }
    }
    *used = at;
    return status;
}

static kh_status delimiter_found(kh_part_reader *reader, kh_error *err)
{
    kh_status status = reader->state == BODY ? reader->calls->end(reader->context, err) : KH_OK;

    reader->state = AFTER_DELIMITER;
    reader->matched = 0;
    return status;
}

/* Behind a delimiter: "--" ends the body, blanks and a line end begin a part. */
static kh_status after_delimiter(kh_part_reader *reader, uint8_t byte, kh_error *err)
{
    if (reader->state == CLOSING && byte == '-') {
        reader->state = DONE;
    } else if (reader->state == LINE_END && byte == '\n') {
        if (reader->part_count++ == reader->parts_max)
            return kh_error_set(err, KH_E_LIMIT, "more than %u parts", reader->parts_max);
        reader->state = HEAD;
        reader->head_size = 0;
        return KH_OK;
    } else if (reader->state == AFTER_DELIMITER && byte == '-' && reader->matched == 0) {
        reader->state = CLOSING;
    } else if (reader->state == AFTER_DELIMITER && byte == '\r') {
        reader->state = LINE_END;
    } else if (reader->state == AFTER_DELIMITER && (byte == ' ' || byte == '\t') && reader->matched < PADDING_MAX) {
        reader->matched++;
    } else {
        return kh_error_set(err, KH_E_ARG, "part %u: its boundary is not followed by a line end", reader->part_count + 1);
    }
    return KH_OK;
}

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    return text + strspn(text, " \t");
}

/* One line, NUL at its end. */
static kh_status read_line(kh_part_head *head, char *line, unsigned part, kh_error *err)
{
    char *colon = strchr(line, ':');
    const char **value = NULL;

    if (!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
        return kh_error_set(err, KH_E_ARG, "part %u: a header line is not \"name: value\"", part);
    *colon = '\0';
    if (strcasecmp(line, "Content-Type") == 0)
        value = &head->content_type;
    else if (strcasecmp(line, "Content-Location") == 0)
        value = &head->content_location;
    else if (strcasecmp(line, "Content-Transfer-Encoding") == 0)
        value = &head->transfer_encoding;
    if (value && *value)
        return kh_error_set(err, KH_E_ARG, "part %u: %s is given twice", part, line);
    if (value)
        *value = trim(colon + 1);
    return KH_OK;
}

/* The head is in, without the empty line at its end. */
static kh_status head_is_in(kh_part_reader *reader, kh_error *err)
{
    kh_part_head head = {NULL, NULL, NULL};
    kh_status status = KH_OK;
    char *line = reader->head, *end;

    reader->head[reader->head_size] = '\0';
    if (strlen(reader->head) != reader->head_size)
        return kh_error_set(err, KH_E_ARG, "part %u: a NUL in its header lines", reader->part_count);
    for (; status == KH_OK && (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        *end = '\0';
        if (end > line)
            status = read_line(&head, line, reader->part_count, err);
    }
    reader->state = BODY;
    reader->matched = 0;
    return status == KH_OK ? reader->calls->begin(reader->context, &head, err) : status;
}

static bool head_is_whole(const kh_part_reader *reader)
{
    const char *end = reader->head + reader->head_size;

    return (reader->head_size == 2 && memcmp(end - 2, "\r\n", 2) == 0) || (reader->head_size >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
}

static kh_status take_head_byte(kh_part_reader *reader, uint8_t byte, kh_error *err)
{
    if (reader->head_size == KH_PART_HEAD_MAX)
        return kh_error_set(err, KH_E_LIMIT, "part %u: more than %d bytes of header lines", reader->part_count, KH_PART_HEAD_MAX);
    reader->head[reader->head_size++] = (char)byte;
    return head_is_whole(reader) ? head_is_in(reader, err) : KH_OK;
}

kh_status kh_part_reader_take(kh_part_reader *reader, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_status status = KH_OK;
    size_t at = 0;

    while (at < size && status == KH_OK && reader->state != DONE) { /* what follows the end is nobody's */
        if (reader->state == HEAD) {
            status = take_head_byte(reader, bytes[at++], err);
        } else if (reader->state == BEFORE || reader->state == BODY) {
            size_t used;
            bool found;

            status = look(reader, bytes + at, size - at, &used, &found, err);
            at += used;
            if (status == KH_OK && found)
                status = delimiter_found(reader, err);
        } else {
            status = after_delimiter(reader, bytes[at++], err);
        }
    }
    return status;
}

kh_status kh_part_reader_end(const kh_part_reader *reader, kh_error *err)
{
    if (reader->state == DONE)
        return KH_OK;
    if (reader->state == BEFORE)
        return kh_error_set(err, KH_E_ARG, "the body has no part: its boundary does not stand in it");
    return kh_error_set(err, KH_E_ARG, "the body ends within part %u, or without its closing boundary", reader->part_count);
}
