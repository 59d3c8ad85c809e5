#include "cache/use.h"

#include "base/clock.h"
#include "cache/internal.h"

#define NOTE_AGAIN_MS 30000

void kh_use_note(kh_cache *cache, int64_t series_id)
{
    size_t place = (size_t)series_id % KH_USES_REMEMBERED;
    int64_t now_ms = kh_clock_monotonic_tick_ms();
    kh_page *page = cache->page;

    if (atomic_load(&cache->uses[place].series_id) == series_id && now_ms - atomic_load(&cache->uses[place].noted_ms) < NOTE_AGAIN_MS)
        return;
    atomic_store(&cache->uses[place].series_id, series_id);
    atomic_store(&cache->uses[place].noted_ms, now_ms);
    atomic_store(&page->uses[atomic_fetch_add(&page->uses_next, 1) % KH_PAGE_USES], series_id);
}

typedef struct used {
    size_t count;
    int64_t series[KH_PAGE_USES];
} used;

static kh_status write_uses(kh_write *write, void *context, kh_error *err)
{
    const used *u = context;
    kh_status status = KH_OK;

    for (size_t i = 0; i < u->count && status == KH_OK; i++) {
        const kh_sql_value values[] = {KH_SQL_I(u->series[i]), KH_SQL_I(kh_write_now_ms(write))};

        status = kh_sql_run(kh_write_sql(write),
                            "UPDATE study SET last_used_ms = ?2 WHERE id = (SELECT study_ref FROM series WHERE id = ?1)"
                            " AND last_used_ms <> ?2", /* also of a time to come: the clock was set back */
                            values, 2, NULL, err);
    }
    return status;
}

kh_status kh_use_write(kh_cache *cache, kh_error *err)
{
    used u = {.count = 0};

    for (size_t i = 0; i < KH_PAGE_USES; i++) {
        int64_t series_id = atomic_load(&cache->page->uses[i]) ? atomic_exchange(&cache->page->uses[i], 0) : 0;

        if (series_id > 0)
            u.series[u.count++] = series_id;
    }
    return u.count > 0 ? kh_cache_write(cache, write_uses, &u, err) : KH_OK;
}
