#include "app/session.h"

#include <stdlib.h>
#include <string.h>

struct kh_session {
    const kh_settings *settings;
    kh_cache *cache; /* owned; NULL when a service runs */
};

kh_cache_options kh_session_cache_options(const kh_settings *settings)
{
    kh_cache_options options = kh_cache_options_default;

    options.dir = settings->data_dir;
    options.reserve_bytes = (uint64_t)settings->reserve_bytes;
    options.object_bytes_max = (uint64_t)settings->object_bytes;
    options.readers_max = (unsigned)settings->readers;
    options.frames_bytes_max = (uint64_t)settings->frames_bytes;
    options.events_kept = (uint32_t)settings->events_kept;
    return options;
}

static kh_status open_cache(kh_cache **out, const kh_settings *settings, bool owner, kh_error *err)
{
    kh_cache_options options = kh_session_cache_options(settings);
    kh_status status;

    options.owner = owner;
    status = kh_cache_open(out, &options, err);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "%s", settings->data_dir);
}

kh_status kh_session_read(kh_cache **out, const kh_settings *settings, kh_error *err)
{
    return open_cache(out, settings, false, err);
}

kh_status kh_session_open(kh_session **out, const kh_settings *settings, kh_error *err)
{
    kh_session *session = calloc(1, sizeof *session);
    kh_status status;

    *out = NULL;
    if (!session)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a session");
    session->settings = settings;
    status = open_cache(&session->cache, settings, true, err);
    if (status != KH_OK) {
        kh_session_close(session);
        return status;
    }
    *out = session;
    return KH_OK;
}

void kh_session_close(kh_session *session)
{
    if (!session)
        return;
    kh_cache_close(session->cache);
    free(session);
}

bool kh_session_is_remote(const kh_session *session)
{
    return session->cache == NULL;
}

bool kh_session_name_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= 64 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == length;
}
