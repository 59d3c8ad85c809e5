/* A mark and settings as a browser sends them: what is taken keeps to its bounds, what is refused says why, what is copied can be read
 * again. */
#include <math.h>
#include <stdlib.h>
#include "reading/mark_json.h"
#include "tests/fuzz/fuzz.h"

static void read_mark(const kh_json *json)
{
    kh_error err = KH_ERROR_INIT;
    kh_stored_mark mark;

    if (kh_mark_from_json(&mark, json, &err) != KH_OK) {
        if (err.message[0] == '\0')
            abort();
        return;
    }
    if (mark.point_count > KH_MARK_POINTS_MAX || !kh_uid_valid(mark.sop_uid) || kh_mark_check_text(mark.text, NULL) != KH_OK)
        abort();
    for (size_t i = 0; i < mark.point_count; i++)
        if (!isfinite(mark.points[i].x) || !isfinite(mark.points[i].y))
            abort();
    if (mark.has_label && !(fabs(mark.label.x) <= KH_MARK_LABEL_MAX && fabs(mark.label.y) <= KH_MARK_LABEL_MAX))
        abort();
    kh_stored_mark_release(&mark);
}

static void copy(const kh_json *json)
{
    kh_json_writer writer;
    kh_json *again = NULL;
    kh_buf out;

    kh_buf_init(&out, 1u << 20);
    kh_json_writer_init(&writer, &out);
    if (kh_json_copy(&writer, json, NULL) == KH_OK && kh_json_writer_status(&writer, NULL) == KH_OK &&
        kh_json_parse_object(&again, kh_buf_text(&out), out.size, 1u << 20, NULL) != KH_OK)
        abort();
    kh_json_free(again);
    kh_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_json *json = NULL;

    if (kh_json_parse_object(&json, (const char *)bytes, size, 65536, NULL) != KH_OK)
        return 0;
    read_mark(json);
    copy(json);
    kh_json_free(json);
    return 0;
}
