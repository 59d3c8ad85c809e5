#include "app/progress.h"

#include <inttypes.h>
#include <langinfo.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"

#define TERMINAL_EVERY_MS 100
#define PLAIN_EVERY_MS 3000
#define BAR_CELLS 24

void kh_progress_begin(kh_progress *progress, FILE *out, const char *noun, int64_t total, int64_t done)
{
    *progress = (kh_progress){.out = out, .noun = noun, .total = total, .done = done, .done_at_start = done, .bytes = -1};
    progress->terminal = isatty(fileno(out)) == 1;
    progress->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    progress->started_ms = kh_clock_monotonic_ms();
    /* The first plain line comes after its interval, the first bar at once. */
    progress->shown_ms = progress->terminal ? progress->started_ms - TERMINAL_EVERY_MS : progress->started_ms;
}

void kh_format_bytes(char *out, size_t out_size, int64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(out, out_size, value < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void format_left(char *out, size_t out_size, const kh_progress *progress, int64_t elapsed_ms)
{
    int64_t moved = progress->done - progress->done_at_start;
    int64_t left_s;

    if (progress->total < 0 || moved <= 0 || progress->done >= progress->total) {
        snprintf(out, out_size, "%" PRId64 " s", elapsed_ms / 1000);
        return;
    }
    left_s = (int64_t)((double)elapsed_ms / (double)moved * (double)(progress->total - progress->done) / 1000 + 0.5);
    if (left_s >= 60)
        snprintf(out, out_size, "%" PRId64 " min %02" PRId64 " s left", left_s / 60, left_s % 60);
    else
        snprintf(out, out_size, "%" PRId64 " s left", left_s);
}

static void format_bar(char *out, size_t out_size, const kh_progress *progress)
{
    const char *full = progress->unicode ? "█" : "#";
    const char *empty = progress->unicode ? "░" : ".";
    int64_t filled = progress->total > 0 ? progress->done * BAR_CELLS / progress->total : 0;

    out[0] = '\0';
    for (int64_t i = 0; i < BAR_CELLS && strlen(out) + strlen(full) < out_size; i++)
        strcat(out, i < filled ? full : empty);
}

void kh_progress_format(char *out, size_t out_size, const kh_progress *progress, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms > progress->started_ms ? now_ms - progress->started_ms : 0;
    double rate = elapsed_ms > 0 ? (double)(progress->done - progress->done_at_start) * 1000 / (double)elapsed_ms : 0;
    char bar[BAR_CELLS * 4 + 1], left[64], bytes[16], count[64], size[32] = "";

    format_left(left, sizeof left, progress, elapsed_ms);
    if (progress->bytes >= 0) {
        kh_format_bytes(bytes, sizeof bytes, progress->bytes);
        snprintf(size, sizeof size, "  %s", bytes);
    }
    if (progress->total >= 0) {
        format_bar(bar, sizeof bar, progress);
        snprintf(count, sizeof count, "%" PRId64 "/%" PRId64, progress->done, progress->total);
        snprintf(out, out_size, "%s  %s %s%s  %.0f/s  %s", bar, count, progress->noun, size, rate, left);
    } else {
        snprintf(out, out_size, "%" PRId64 " %s%s  %.0f/s  %s", progress->done, progress->noun, size, rate, left);
    }
}

static void draw(kh_progress *progress, int64_t now_ms)
{
    char line[512];

    kh_progress_format(line, sizeof line, progress, now_ms);
    if (progress->terminal) {
        /* Without wrapping: what does not fit the terminal is not shown. */
        fprintf(progress->out, "\r\033[?7l%s\033[K\033[?7h", line);
        progress->drawn = true;
    } else {
        fprintf(progress->out, "%s\n", line);
    }
    fflush(progress->out);
    progress->shown_ms = now_ms;
}

void kh_progress_update(kh_progress *progress, int64_t done, int64_t total, int64_t bytes)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    progress->done = done;
    progress->total = total;
    progress->bytes = bytes;
    if (now_ms - progress->shown_ms >= (progress->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS))
        draw(progress, now_ms);
}

void kh_progress_clear(kh_progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->drawn = false;
}

void kh_progress_end(kh_progress *progress)
{
    draw(progress, kh_clock_monotonic_ms());
    if (progress->terminal)
        fputc('\n', progress->out);
    progress->drawn = false;
    fflush(progress->out);
}
