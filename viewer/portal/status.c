/* GET /health and GET /metrics. */
#include <stdarg.h>
#include <stdio.h>
#include "base/clock.h"
#include "cache/frames.h"
#include "cache/scrub.h"
#include "viewer/portal/internal.h"
#include "viewer/portal/waits.h"

#define HEALTH_BYTES_MAX (64u * 1024)
#define METRICS_BYTES_MAX (256u * 1024)

static bool put_roles(kh_portal *portal, kh_json_writer *json)
{
    kh_page *page = kh_cache_page(portal->cache);
    bool all_run = true;
    char started[KH_CLOCK_TEXT_SIZE];

    kh_json_key(json, "roles");
    kh_json_object_begin(json);
    for (unsigned i = 0; i < KH_PAGE_ROLES_MAX; i++) {
        bool runs = atomic_load(&page->roles[i].pid) != 0;

        if (!portal->role_names[i][0])
            continue;
        all_run = all_run && runs;
        kh_clock_format(started, atomic_load(&page->roles[i].started_ms));
        kh_json_key(json, portal->role_names[i]);
        kh_json_object_begin(json);
        kh_json_put_bool(json, "running", runs);
        kh_json_put_int(json, "starts", atomic_load(&page->roles[i].starts));
        kh_json_put_text(json, "started", runs ? started : NULL);
        kh_json_object_end(json);
    }
    kh_json_object_end(json);
    return all_run;
}

static void put_cache(kh_json_writer *json, const kh_cache_stats *stats)
{
    kh_json_put_int(json, "disk_free_bytes", (int64_t)stats->disk_free_bytes);
    kh_json_put_int(json, "studies", stats->studies);
    kh_json_put_int(json, "objects", stats->objects);
    kh_json_put_int(json, "object_bytes", stats->object_bytes);
    kh_json_put_int(json, "pulls_open", stats->pulls_open);
    kh_json_put_int(json, "pulls_failed", stats->pulls_failed);
    kh_json_put_int(json, "sends_open", stats->sends_open);
    kh_json_put_int(json, "sends_failed", stats->sends_failed);
    kh_json_put_int(json, "findings_open", stats->findings_open);
    kh_json_put_int(json, "studies_away", stats->studies_away);
    kh_json_put_int(json, "away_bytes", stats->away_bytes);
    kh_json_put_int(json, "used_bytes", stats->used_bytes);
    kh_portal_put_int_or_null(json, "quota_bytes", stats->quota_bytes, 0);
}

static void put_time_or_null(kh_json_writer *json, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        kh_portal_put_when(json, key, wall_ms);
    else
        kh_json_put_text(json, key, NULL);
}

static void put_scrub(kh_json_writer *json, const kh_scrub_state *scrub)
{
    kh_json_key(json, "scrub");
    kh_json_object_begin(json);
    put_time_or_null(json, "began", scrub->began_ms);
    put_time_or_null(json, "ended", scrub->ended_ms);
    kh_json_put_int(json, "objects", scrub->objects);
    kh_json_put_int(json, "bad", scrub->bad);
    kh_json_object_end(json);
}

static void put_health(kh_portal *portal, kh_json_writer *json, bool *well)
{
    kh_page *page = kh_cache_page(portal->cache);
    kh_cache_stats stats;
    kh_scrub_state scrub;
    kh_error err = KH_ERROR_INIT;
    bool reads = kh_cache_get_stats(portal->cache, &stats, &err) == KH_OK && kh_scrub_get_state(portal->cache, &scrub, &err) == KH_OK;
    bool draining = atomic_load(&page->draining) != 0;
    bool all_run;

    kh_json_object_begin(json);
    all_run = put_roles(portal, json);
    *well = reads && all_run && !draining;
    kh_json_put_text(json, "status", *well ? "ok" : draining ? "draining" : !reads ? "index" : "role");
    kh_json_put_text(json, "version", portal->version);
    kh_json_put_int(json, "event", (int64_t)atomic_load(&page->event_seq));
    if (reads) {
        put_cache(json, &stats);
        put_scrub(json, &scrub);
    }
    kh_json_object_end(json);
}

static void health(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_json_writer json;
    kh_buf body;
    bool well;

    kh_buf_init(&body, HEALTH_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    put_health(portal, &json, &well);
    if (kh_json_writer_status(&json, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
    } else {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, well ? 200 : 503, "application/json; charset=utf-8", body.data, body.size);
    }
    kh_buf_release(&body);
}

void kh_portal_health(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, health);
}

/* One family of one sample. A buffer that is full shows at the end: see metrics(). */
static kh_status put_metric(kh_buf *out, const char *name, const char *type, const char *help, double value)
{
    return kh_buf_appendf(out, NULL, "# HELP kakehashi_%s %s\n# TYPE kakehashi_%s %s\nkakehashi_%s %.17g\n", name, help, name,
                          type, name, value);
}

typedef struct metric {
    const char *name, *type, *help;
    double value;
} metric;

static kh_status put_metrics(kh_buf *out, const metric *metrics, size_t count)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < count; i++)
        status = put_metric(out, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].value);
    return status;
}

static kh_status put_http_metrics(kh_portal *portal, kh_buf *out)
{
    static const char *const name = "kakehashi_http_answers_total";
    kh_http_stats s;
    kh_status status;

    kh_http_get_stats(portal->server, &s);
    const metric metrics[] = {
        {"http_requests_total", "counter", "Requests whose head was read.", (double)s.requests},
        {"http_sent_bytes_total", "counter", "Bytes of answer bodies.", (double)s.bytes_sent},
        {"http_connections", "gauge", "Open connections.", s.connections},
        {"http_connections_cut_total", "counter", "Connections ended for being too slow.", (double)s.connections_cut},
        {"http_suspended", "gauge", "Requests that wait for another thread.", s.suspended},
        {"http_streams", "gauge", "Open event streams.", s.streams},
    };

    status = put_metrics(out, metrics, sizeof metrics / sizeof metrics[0]);
    if (status != KH_OK)
        return status;
    return kh_buf_appendf(out, NULL,
                          "# HELP %s Answers by code.\n# TYPE %s counter\n%s{code=\"2xx\"} %llu\n%s{code=\"304\"} %llu\n"
                          "%s{code=\"4xx\"} %llu\n%s{code=\"5xx\"} %llu\n",
                          name, name, name, (unsigned long long)s.answers_2xx, name, (unsigned long long)s.answers_304, name,
                          (unsigned long long)s.answers_4xx, name, (unsigned long long)s.answers_5xx);
}

static kh_status put_tile_metrics(kh_portal *portal, kh_buf *out)
{
    kh_tiles_stats t;
    kh_blobcache_stats f;
    kh_ahead_stats a;

    kh_tiles_get_stats(portal->tiles, &t);
    kh_ahead_get_stats(portal->ahead, &a);
    kh_frames_get_stats(portal->cache, &f);
    const metric metrics[] = {
        {"tiles_rendered_total", "counter", "Tiles rendered.", (double)t.rendered},
        {"tiles_failed_total", "counter", "Tiles that could not be rendered.", (double)t.failed},
        {"tiles_refused_total", "counter", "Tiles refused because the queue was full.", (double)t.refused_busy},
        {"tiles_shared_total", "counter", "Requests that joined a tile under way.", (double)t.shared},
        {"tiles_dropped_total", "counter", "Tiles not rendered because nobody waited any more.", (double)t.dropped},
        {"tiles_reduced_total", "counter", "Small pictures made of frames decoded at a part of their size.", (double)t.reduced},
        {"tiles_waiting", "gauge", "Tiles in the render queue.", (double)t.waiting},
        {"tile_cache_hits_total", "counter", "Tiles found in the cache.", (double)t.cache.hits},
        {"tile_cache_evictions_total", "counter", "Tiles dropped from the cache for room.", (double)t.cache.evictions},
        {"tile_cache_bytes", "gauge", "Bytes held by the tile cache.", (double)t.cache.bytes},
        {"tile_cache_tiles", "gauge", "Tiles held by the tile cache.", (double)t.cache.count},
        {"frame_cache_hits_total", "counter", "Decoded frames found in the cache.", (double)f.hits},
        {"frame_cache_misses_total", "counter", "Decoded frames read or decoded.", (double)f.misses},
        {"frame_cache_bytes", "gauge", "Bytes held by the frame cache.", (double)f.bytes},
        {"ahead_decoded_total", "counter", "Frames decoded ahead of their reader.", (double)a.decoded},
        {"ahead_used_total", "counter", "Of those, frames a reader then asked for.", (double)a.used},
        {"ahead_thrown_total", "counter", "Of those, frames given up unused.", (double)a.thrown},
        {"ahead_bytes", "gauge", "Bytes of frames decoded ahead and not yet asked for.", (double)a.bytes},
    };

    return put_metrics(out, metrics, sizeof metrics / sizeof metrics[0]);
}

static kh_status put_cache_metrics(kh_portal *portal, kh_buf *out, kh_error *err)
{
    kh_cache_stats s;
    kh_scrub_state scrub = {.began_ms = 0};
    kh_status status = kh_cache_get_stats(portal->cache, &s, err);

    if (status == KH_OK)
        status = kh_scrub_get_state(portal->cache, &scrub, err);
    const metric metrics[] = {
        {"patients", "gauge", "Patients in the index.", (double)s.patients},
        {"studies", "gauge", "Studies in the index.", (double)s.studies},
        {"series", "gauge", "Series in the index.", (double)s.series},
        {"objects", "gauge", "Objects in the index.", (double)s.objects},
        {"object_bytes", "gauge", "Bytes of stored objects.", (double)s.object_bytes},
        {"disk_free_bytes", "gauge", "Bytes free on the disk of the cache.", (double)s.disk_free_bytes},
        {"pulls_open", "gauge", "Pull jobs waiting or running.", (double)s.pulls_open},
        {"pulls_failed", "gauge", "Pull jobs that failed.", (double)s.pulls_failed},
        {"sends_open", "gauge", "Sends waiting or running.", (double)s.sends_open},
        {"sends_failed", "gauge", "Sends that ended with a part or nothing.", (double)s.sends_failed},
        {"findings_open", "gauge", "Differences at hospitals that wait for a decision.", (double)s.findings_open},
        {"studies_away", "gauge", "Studies, all or some of which is at its hospital.", (double)s.studies_away},
        {"away_bytes", "gauge", "Bytes of what is at hospitals.", (double)s.away_bytes},
        {"used_bytes", "gauge", "Bytes of objects that are here, as the quota counts them.", (double)s.used_bytes},
        {"quota_bytes", "gauge", "The quota; 0 when there is none.", (double)s.quota_bytes},
        {"scrub_began_seconds", "gauge", "When the pass of reading again that is under way began, Unix time; 0: none is.",
         (double)scrub.began_ms / 1000},
        {"scrub_ended_seconds", "gauge", "When the last pass of reading again ended, Unix time; 0: none has.",
         (double)scrub.ended_ms / 1000},
        {"scrub_objects", "gauge", "Objects read by the pass under way, else by the last.", (double)scrub.objects},
        {"scrub_bad_objects", "gauge", "Of those, objects that had changed on the disk.", (double)scrub.bad},
        {"event_seq", "gauge", "Number of the newest event.", (double)atomic_load(&kh_cache_page(portal->cache)->event_seq)},
    };

    return status == KH_OK ? put_metrics(out, metrics, sizeof metrics / sizeof metrics[0]) : status;
}

static kh_status put_role_metrics(kh_portal *portal, kh_buf *out)
{
    kh_page *page = kh_cache_page(portal->cache);
    kh_status status = kh_buf_append_text(out, "# HELP kakehashi_role_starts_total Times a role was started.\n"
                                               "# TYPE kakehashi_role_starts_total counter\n", NULL);

    for (unsigned i = 0; status == KH_OK && i < KH_PAGE_ROLES_MAX; i++)
        if (portal->role_names[i][0])
            status = kh_buf_appendf(out, NULL, "kakehashi_role_starts_total{role=\"%s\"} %u\n", portal->role_names[i],
                                    atomic_load(&page->roles[i].starts));
    return status;
}

static void metrics(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_buf out;

    kh_buf_init(&out, METRICS_BYTES_MAX);
    err.status = put_cache_metrics(portal, &out, &err);
    if (err.status == KH_OK)
        err.status = put_http_metrics(portal, &out);
    if (err.status == KH_OK)
        err.status = put_tile_metrics(portal, &out);
    if (err.status == KH_OK)
        err.status = put_role_metrics(portal, &out);
    if (err.status == KH_OK)
        err.status = kh_waits_put(portal->waits, &out);
    if (err.status == KH_OK) {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.size);
    } else {
        kh_http_answer_error(request, &err);
    }
    kh_buf_release(&out);
}

void kh_portal_metrics(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, metrics);
}
