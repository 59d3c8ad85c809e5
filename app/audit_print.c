#include "app/audit_print.h"

#include <inttypes.h>
#include <string.h>
#include "app/rows.h"

static const char *const columns[] = {"time",     "action", "result",   "who",     "by",    "who_facility", "terminal", "address",
                                      "ae_title", "way",    "facility", "patient", "study", "series",       "object",   "to",
                                      "count",    "failed", "code",     "purpose", "reason", "text"};
#define COLUMNS (sizeof columns / sizeof columns[0])

void kh_audit_print_head(FILE *out, kh_audit_form form)
{
    if (form != KH_AUDIT_CSV)
        return;
    fputs("role,sequence", out);
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out, ",%s", columns[i]);
    fputs("\r\n", out);
}

/* The member as text; "" when there is none. number: room for one. */
static const char *value_of(const kh_json *json, const char *key, char number[24])
{
    const kh_json *member = kh_json_member(json, key);

    if (!member)
        return "";
    if (kh_json_kind_of(member) != KH_JSON_INTEGER)
        return kh_json_text_of(member) ? kh_json_text_of(member) : "";
    snprintf(number, 24, "%" PRId64, kh_json_integer_of(member));
    return number;
}

/* A character of more than one byte that a terminal shows: no control of 8 bits, nothing that turns the direction of text. Returns its
 * size, 0. */
static size_t shown_character(const unsigned char *p)
{
    size_t size = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (size == 0 || (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c))
        return 0;
    if (p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0x8b && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)) &&
        p[2] != 0x93 && p[2] != 0x94)
        return 0;
    return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 0 : size;
}

static void print_shown(FILE *out, const char *value)
{
    const unsigned char *p = (const unsigned char *)value;

    while (*p) {
        size_t size = *p >= 0x20 && *p < 0x7f ? 1 : shown_character(p);

        if (size == 0)
            fprintf(out, "\\x%02x", *p++);
        else
            p += fwrite(p, 1, size, out);
    }
}

static void print_line(FILE *out, const kh_audit_found *found)
{
    char number[24];

    fprintf(out, "%s %-7s %-8s", value_of(found->json, "time", number), value_of(found->json, "result", number),
            value_of(found->json, "action", number));
    for (size_t i = 3; i < COLUMNS; i++) {
        const char *value = value_of(found->json, columns[i], number);

        if (!value[0])
            continue;
        fprintf(out, " %s=", columns[i]);
        print_shown(out, value);
    }
    fprintf(out, " [%s %" PRIu64 "]\n", found->role, found->seq);
}

void kh_audit_print(FILE *out, kh_audit_form form, const kh_audit_found *found)
{
    char number[24];

    switch (form) {
    case KH_AUDIT_LINES:
        print_line(out, found);
        return;
    case KH_AUDIT_JSON:
        fprintf(out, "{\"role\":\"%s\",\"sequence\":%" PRIu64 ",%s\n", found->role, found->seq, found->record + 1);
        return;
    case KH_AUDIT_CSV:
        fprintf(out, "%s,%" PRIu64, found->role, found->seq);
        for (size_t i = 0; i < COLUMNS; i++) {
            fputc(',', out);
            kh_rows_put_csv(out, value_of(found->json, columns[i], number));
        }
        fputs("\r\n", out);
        return;
    }
}
