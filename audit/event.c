#include "audit/event.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/json.h"

#define JSON_MAX (64u * 1024)

static const char *const actions[KH_AUDIT_ACTIONS] = {
    [KH_AUDIT_BEGIN] = "begin",   [KH_AUDIT_START] = "start",       [KH_AUDIT_STOP] = "stop",       [KH_AUDIT_CHECKPOINT] = "checkpoint",
    [KH_AUDIT_BROKEN] = "broken", [KH_AUDIT_SEARCH] = "search",     [KH_AUDIT_OPEN] = "open",       [KH_AUDIT_VIEW] = "view",
    [KH_AUDIT_SEND] = "send",     [KH_AUDIT_RETRIEVE] = "retrieve", [KH_AUDIT_STORE] = "store",     [KH_AUDIT_FETCH] = "fetch",
    [KH_AUDIT_CORRECT] = "correct", [KH_AUDIT_DELETE] = "delete",   [KH_AUDIT_UNDO] = "undo",       [KH_AUDIT_OPERATE] = "operate",
    [KH_AUDIT_CONNECT] = "connect", [KH_AUDIT_SIGN_IN] = "sign_in", [KH_AUDIT_SIGN_OUT] = "sign_out", [KH_AUDIT_RIGHTS] = "rights",
    [KH_AUDIT_ALERT] = "alert",   [KH_AUDIT_MARK] = "mark",
};

static const char *const results[KH_AUDIT_RESULTS] = {
    [KH_AUDIT_ALLOWED] = "allowed", [KH_AUDIT_DONE] = "done",       [KH_AUDIT_PARTLY] = "partly",
    [KH_AUDIT_FAILED] = "failed",   [KH_AUDIT_REFUSED] = "refused", [KH_AUDIT_ABSENT] = "absent",
};

const char *kh_audit_action_text(kh_audit_action action)
{
    return action < KH_AUDIT_ACTIONS ? actions[action] : NULL;
}

const char *kh_audit_result_text(kh_audit_result result)
{
    return result < KH_AUDIT_RESULTS ? results[result] : NULL;
}

typedef struct writing {
    kh_json_writer json;
    size_t limit; /* bytes of one text */
} writing;

/* Cut at a whole character. */
static void put(writing *w, const char *key, const char *text)
{
    char cut[KH_AUDIT_TEXT_MAX + 4];
    size_t size = text ? strnlen(text, w->limit + 1) : 0;

    if (size == 0)
        return;
    if (size <= w->limit) {
        kh_json_put_text(&w->json, key, text);
        return;
    }
    for (size = w->limit; size > w->limit - 4 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
        continue;
    memcpy(cut, text, size);
    memcpy(cut + size, "...", 4);
    kh_json_put_text(&w->json, key, cut);
}

static void put_event(writing *w, const kh_audit_event *event, int64_t wall_ms)
{
    kh_json_writer *json = &w->json;
    char when[KH_CLOCK_TEXT_SIZE];

    kh_clock_format(when, wall_ms);
    kh_json_object_begin(json);
    kh_json_put_text(json, "time", when);
    kh_json_put_text(json, "action", kh_audit_action_text(event->action));
    kh_json_put_text(json, "result", kh_audit_result_text(event->result));
    put(w, "who", event->who);
    put(w, "by", event->by);
    put(w, "who_facility", event->who_facility);
    put(w, "terminal", event->terminal);
    put(w, "address", event->address);
    put(w, "ae_title", event->ae_title);
    put(w, "way", event->way);
    put(w, "facility", event->facility);
    put(w, "patient", event->patient);
    put(w, "study", event->study);
    put(w, "series", event->series);
    put(w, "object", event->object);
    put(w, "to", event->to);
    if (event->count >= 0)
        kh_json_put_int(json, "count", event->count);
    if (event->failed >= 0)
        kh_json_put_int(json, "failed", event->failed);
    if (event->code != 0)
        kh_json_put_int(json, "code", event->code);
    put(w, "purpose", event->purpose);
    put(w, "reason", event->reason);
    put(w, "text", event->text);
    kh_json_object_end(json);
}

/* The code point that begins at *p, which goes behind it. What the JSON writer wrote is UTF-8. */
static uint32_t next_code(const unsigned char **p)
{
    const unsigned char *at = *p;
    size_t more = at[0] < 0x80 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
    uint32_t code = more == 0 ? at[0] : at[0] & (0x3fu >> more);

    for (size_t i = 1; i <= more; i++)
        code = code << 6 | (at[i] & 0x3fu);
    *p = at + more + 1;
    return code;
}

/* RFC 8259 7: \uXXXX for whatever is not ASCII. 0 when it does not fit. */
static size_t to_ascii(char out[KH_AUDIT_RECORD_MAX], const char *json)
{
    const unsigned char *p = (const unsigned char *)json;
    size_t size = 0;

    while (*p) {
        uint32_t code = next_code(&p);

        if (size + 13 > KH_AUDIT_RECORD_MAX)
            return 0;
        if (code < 0x80)
            out[size++] = (char)code;
        else if (code < 0x10000)
            size += (size_t)snprintf(out + size, 7, "\\u%04x", (unsigned)code);
        else
            size += (size_t)snprintf(out + size, 13, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                                     (unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
    }
    return size;
}

size_t kh_audit_event_write(char out[KH_AUDIT_RECORD_MAX], const kh_audit_event *event, int64_t wall_ms)
{
    static const size_t limits[] = {KH_AUDIT_TEXT_MAX, 128, 40}; /* with the last, texts of nothing but escapes fit as well */
    kh_buf text;
    size_t size = 0;

    kh_buf_init(&text, JSON_MAX);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0] && size == 0; i++) {
        writing w = {.limit = limits[i]};

        kh_buf_clear(&text);
        kh_json_writer_init(&w.json, &text);
        put_event(&w, event, wall_ms);
        if (kh_json_writer_status(&w.json, NULL) != KH_OK)
            break;
        size = to_ascii(out, kh_buf_text(&text));
    }
    kh_buf_release(&text);
    return size;
}
