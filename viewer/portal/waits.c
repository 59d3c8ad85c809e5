#include "viewer/portal/waits.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDS 10
#define SITE_SIZE 65 /* as kh_subject has it */

static const int64_t first_bounds_ms[BOUNDS] = {150, 400, 800, 1500, 3000, 6000, 12000, 30000, 60000, 120000};
static const int64_t last_bounds_ms[BOUNDS] = {1000, 3000, 6000, 12000, 22000, 45000, 90000, 180000, 600000, 1800000};

typedef struct histogram {
    uint64_t below[BOUNDS]; /* waits of at most the bound, those below the one before too */
    uint64_t count, sum_ms;
} histogram;

typedef struct site {
    char name[SITE_SIZE];
    histogram first, last;
    int64_t kbit_s; /* of the newest one that told it */
} site;

struct kh_waits {
    pthread_mutex_t lock; /* guards the rest */
    site sites[KH_WAIT_SITES_MAX + 1]; /* the last one is "other" */
    size_t count;
};

kh_waits *kh_waits_create(void)
{
    kh_waits *waits = calloc(1, sizeof *waits);

    if (!waits)
        return NULL;
    pthread_mutex_init(&waits->lock, NULL);
    strcpy(waits->sites[KH_WAIT_SITES_MAX].name, "other");
    return waits;
}

void kh_waits_free(kh_waits *waits)
{
    if (!waits)
        return;
    pthread_mutex_destroy(&waits->lock);
    free(waits);
}

static kh_status in_range(const char *name, int64_t value, int64_t low, int64_t high, kh_error *err)
{
    if (value >= low && value <= high)
        return KH_OK;
    return kh_error_set(err, KH_E_ARG, "%s: %lld, expected %lld to %lld", name, (long long)value, (long long)low, (long long)high);
}

static kh_status check(const kh_wait *wait, kh_error *err)
{
    kh_status status = in_range("first_ms", wait->first_ms, 0, KH_WAIT_MS_MAX, err);

    if (status == KH_OK)
        status = in_range("last_ms", wait->last_ms, -1, KH_WAIT_MS_MAX, err);
    if (status == KH_OK)
        status = in_range("slices", wait->slices, 1, KH_WAIT_SLICES_MAX, err);
    if (status == KH_OK)
        status = in_range("kbit_s", wait->kbit_s, 0, KH_WAIT_KBIT_MAX, err);
    return status;
}

/* A code is letters, digits, '-' and '_'; what is not could break the text of /metrics. */
static void name_site(char out[SITE_SIZE], const char *code)
{
    size_t i = 0;

    for (; code[i] && i < SITE_SIZE - 1; i++) {
        char c = code[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

        out[i] = plain ? c : '_';
    }
    out[i] = '\0';
}

static site *site_of_locked(kh_waits *waits, const char *name)
{
    for (size_t i = 0; i < waits->count; i++)
        if (strcmp(waits->sites[i].name, name) == 0)
            return &waits->sites[i];
    if (waits->count == KH_WAIT_SITES_MAX)
        return &waits->sites[KH_WAIT_SITES_MAX];
    strcpy(waits->sites[waits->count].name, name);
    return &waits->sites[waits->count++];
}

static void count_in(histogram *h, const int64_t bounds_ms[BOUNDS], int64_t ms)
{
    for (size_t i = 0; i < BOUNDS; i++)
        h->below[i] += ms <= bounds_ms[i];
    h->count++;
    h->sum_ms += (uint64_t)ms;
}

kh_status kh_waits_add(kh_waits *waits, const char *code, const kh_wait *wait, kh_error *err)
{
    char name[SITE_SIZE];
    kh_status status = check(wait, err);
    site *s;

    if (status != KH_OK)
        return status;
    name_site(name, code);
    pthread_mutex_lock(&waits->lock);
    s = site_of_locked(waits, name);
    count_in(&s->first, first_bounds_ms, wait->first_ms);
    if (wait->last_ms >= 0)
        count_in(&s->last, last_bounds_ms, wait->last_ms);
    if (wait->kbit_s > 0)
        s->kbit_s = wait->kbit_s;
    pthread_mutex_unlock(&waits->lock);
    return KH_OK;
}

static kh_status put_histogram(kh_buf *out, const char *name, const char *site_name, const histogram *h, const int64_t bounds_ms[BOUNDS])
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < BOUNDS; i++)
        status = kh_buf_appendf(out, NULL, "%s_bucket{site=\"%s\",le=\"%g\"} %llu\n", name, site_name, (double)bounds_ms[i] / 1000,
                                (unsigned long long)h->below[i]);
    if (status != KH_OK)
        return status;
    return kh_buf_appendf(out, NULL, "%s_bucket{site=\"%s\",le=\"+Inf\"} %llu\n%s_sum{site=\"%s\"} %.3f\n%s_count{site=\"%s\"} %llu\n",
                          name, site_name, (unsigned long long)h->count, name, site_name, (double)h->sum_ms / 1000, name, site_name,
                          (unsigned long long)h->count);
}

/* visit(out, site) of all that have been told of. */
static kh_status each_site_locked(const kh_waits *waits, kh_buf *out, kh_status (*visit)(kh_buf *out, const site *s))
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i <= KH_WAIT_SITES_MAX; i++)
        if (waits->sites[i].first.count > 0)
            status = visit(out, &waits->sites[i]);
    return status;
}

static kh_status put_first(kh_buf *out, const site *s)
{
    return put_histogram(out, "kakehashi_reader_first_picture_seconds", s->name, &s->first, first_bounds_ms);
}

static kh_status put_last(kh_buf *out, const site *s)
{
    return put_histogram(out, "kakehashi_reader_last_picture_seconds", s->name, &s->last, last_bounds_ms);
}

static kh_status put_line(kh_buf *out, const site *s)
{
    return kh_buf_appendf(out, NULL, "kakehashi_reader_line_kbit_per_second{site=\"%s\"} %lld\n", s->name, (long long)s->kbit_s);
}

kh_status kh_waits_put(kh_waits *waits, kh_buf *out)
{
    static const struct {
        const char *head;
        kh_status (*put)(kh_buf *out, const site *s);
    } families[] = {
        {"# HELP kakehashi_reader_first_picture_seconds From the click to the first full picture, as readers' pages tell it.\n"
         "# TYPE kakehashi_reader_first_picture_seconds histogram\n", put_first},
        {"# HELP kakehashi_reader_last_picture_seconds From the click to the full picture of a stack's last slice.\n"
         "# TYPE kakehashi_reader_last_picture_seconds histogram\n", put_last},
        {"# HELP kakehashi_reader_line_kbit_per_second The line of the site's newest reader, as its page measured it.\n"
         "# TYPE kakehashi_reader_line_kbit_per_second gauge\n", put_line},
    };
    kh_status status = KH_OK;

    pthread_mutex_lock(&waits->lock);
    for (size_t i = 0; status == KH_OK && i < sizeof families / sizeof families[0]; i++) {
        status = kh_buf_append_text(out, families[i].head, NULL);
        if (status == KH_OK)
            status = each_site_locked(waits, out, families[i].put);
    }
    pthread_mutex_unlock(&waits->lock);
    return status;
}
