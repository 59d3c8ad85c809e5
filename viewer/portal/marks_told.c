/* The event "marks": that marks of a study changed. It has no number and is not told again: whoever was away asks for the marks anew. */
#include <string.h>
#include "viewer/portal/internal.h"

void kh_portal_note_marked(kh_portal *portal, int64_t study_id)
{
    bool known = false;

    pthread_mutex_lock(&portal->marked_lock);
    for (size_t i = 0; i < portal->marked_count && !known; i++)
        known = portal->marked[i] == study_id;
    if (!known && portal->marked_count < KH_PORTAL_MARKED_MAX)
        portal->marked[portal->marked_count++] = study_id;
    else if (!known)
        portal->marked_more = true;
    pthread_mutex_unlock(&portal->marked_lock);
}

typedef struct marked {
    int64_t studies[KH_PORTAL_MARKED_MAX];
    size_t count;
    bool more;
} marked;

static void take(kh_portal *portal, marked *out)
{
    pthread_mutex_lock(&portal->marked_lock);
    memcpy(out->studies, portal->marked, portal->marked_count * sizeof portal->marked[0]);
    out->count = portal->marked_count;
    out->more = portal->marked_more;
    portal->marked_count = 0;
    portal->marked_more = false;
    pthread_mutex_unlock(&portal->marked_lock);
}

/* What cannot be decided is not told. */
static bool may_view(kh_portal *portal, const kh_subject *subject, int64_t study_id)
{
    kh_error err = KH_ERROR_INIT;
    bool may = false;

    return !portal->options.rights || (kh_portal_may_view(portal, subject, study_id, &may, &err) == KH_OK && may);
}

static kh_status write(kh_portal *portal, const marked *what, const kh_subject *subject, kh_buf *text)
{
    kh_status status = KH_OK;

    kh_buf_clear(text);
    if (what->more)
        return kh_buf_append_text(text, "event: marks\ndata: {}\n\n", NULL);
    for (size_t i = 0; status == KH_OK && i < what->count; i++)
        if (may_view(portal, subject, what->studies[i]))
            status = kh_buf_appendf(text, NULL, "event: marks\ndata: {\"study\":%lld}\n\n", (long long)what->studies[i]);
    return status;
}

void kh_portal_tell_marked(kh_portal *portal, kh_buf *text)
{
    kh_subscriber one = {.number = 0};
    marked what;

    take(portal, &what);
    if (what.count == 0)
        return;
    while (kh_portal_next_stream(portal, one.number, &one))
        if (write(portal, &what, &one.subject, text) == KH_OK)
            kh_portal_send_to(portal, &one, text);
}
