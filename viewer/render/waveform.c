#include "viewer/render/waveform.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MM_PER_SECOND 25.0
#define MM_PER_MV 10.0
#define ROW_MM 22.0
#define MARGIN_MM 6.0
#define LABEL_MM 14.0
#define FOOT_MM 8.0
#define COLUMN_MM 0.2 /* of more samples than two, the lowest and the highest are drawn: no peak is lost */
#define UNITS_PER_MM 20 /* of a path, whose numbers are whole */

typedef struct drawing {
    const kh_waveform *waveform;
    kh_buf *out;
    kh_error *err;
    kh_status status;
    double width_mm; /* of the curves */
    uint32_t sample_count; /* that are drawn */
} drawing;

static void put(drawing *d, const char *text)
{
    if (d->status == KH_OK)
        d->status = kh_buf_append_text(d->out, text, d->err);
}

#define PUTF(d, ...) \
    do { \
        if ((d)->status == KH_OK) \
            (d)->status = kh_buf_appendf((d)->out, (d)->err, __VA_ARGS__); \
    } while (0)

static void put_words(drawing *d, const char *text)
{
    for (; *text; text++) {
        char one[2] = {*text, '\0'};

        put(d, *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : (unsigned char)*text < ' ' ? " " : one);
    }
}

static double value_at(const drawing *d, uint32_t channel, uint32_t sample)
{
    const kh_waveform_channel *c = &d->waveform->channels[channel];

    return d->waveform->samples[(size_t)sample * d->waveform->channel_count + channel] * c->factor + c->baseline;
}

/* Millimetres upwards from the middle of the row for a unit, and which value lies there. */
static void choose_scale(const drawing *d, uint32_t channel, double *mm_per_unit, double *middle)
{
    double low = INFINITY, high = -INFINITY;

    *mm_per_unit = MM_PER_MV;
    *middle = 0;
    if (strcmp(d->waveform->channels[channel].unit, "mV") == 0)
        return;
    for (uint32_t i = 0; i < d->sample_count; i++) {
        double value = value_at(d, channel, i);

        low = fmin(low, value);
        high = fmax(high, value);
    }
    *middle = (low + high) / 2;
    *mm_per_unit = high > low ? (ROW_MM - 4) / (high - low) : 1;
}

/* Rounds into the drawing: a sample of any size stays a number that every reader of SVG takes. */
static long long units(double mm)
{
    return llround(fmax(-1e6, fmin(1e6, mm)) * UNITS_PER_MM);
}

static void put_point(drawing *d, bool first, long long x, long long y, long long *at_x, long long *at_y)
{
    if (first)
        PUTF(d, "M%lld %lld", x, y);
    else
        PUTF(d, "l%lld %lld", x - *at_x, y - *at_y);
    *at_x = x;
    *at_y = y;
}

static void put_curve(drawing *d, uint32_t channel)
{
    double per_sample = MM_PER_SECOND / d->waveform->frequency, mm_per_unit, middle, middle_y = MARGIN_MM + (channel + 0.5) * ROW_MM;
    uint32_t together = per_sample * 2 < COLUMN_MM ? (uint32_t)(COLUMN_MM / per_sample) : 1;
    long long at_x = 0, at_y = 0;

    choose_scale(d, channel, &mm_per_unit, &middle);
    PUTF(d, "<path transform=\"scale(%g)\" d=\"", 1.0 / UNITS_PER_MM);
    for (uint32_t from = 0; from < d->sample_count && d->status == KH_OK; from += together) {
        uint32_t low = from, high = from, end = from + together < d->sample_count ? from + together : d->sample_count;

        for (uint32_t i = from + 1; i < end; i++) {
            low = value_at(d, channel, i) < value_at(d, channel, low) ? i : low;
            high = value_at(d, channel, i) > value_at(d, channel, high) ? i : high;
        }
        for (int k = 0; k < (low == high ? 1 : 2); k++) {
            uint32_t i = (k == 0) == (low < high) ? low : high; /* in the order of time */

            put_point(d, from == 0 && k == 0, units(LABEL_MM + i * per_sample),
                      units(middle_y - (value_at(d, channel, i) - middle) * mm_per_unit), &at_x, &at_y);
        }
    }
    put(d, "\"/>\n");
}

static void put_grid(drawing *d, double width, double height)
{
    PUTF(d, "<rect width=\"%g\" height=\"%g\" fill=\"#fffafa\"/>\n<g stroke=\"#f3c9c9\" fill=\"none\">\n", width, height);
    for (int coarse = 0; coarse < 2; coarse++) {
        int step = coarse ? 5 : 1;

        PUTF(d, "<path stroke-width=\"%g\" stroke=\"%s\" d=\"", coarse ? 0.2 : 0.08, coarse ? "#e79a9a" : "#f3c9c9");
        for (int x = 0; x <= (int)width; x += step)
            PUTF(d, "M%d 0v%g", x, height);
        for (int y = 0; y <= (int)height; y += step)
            PUTF(d, "M0 %dh%g", y, width);
        put(d, "\"/>\n");
    }
    put(d, "</g>\n");
}

/* A millivolt before each row that is drawn to scale. */
static void put_labels(drawing *d)
{
    const kh_waveform *w = d->waveform;

    put(d, "<g font-family=\"sans-serif\" font-size=\"3.6\" fill=\"#111\">\n");
    for (uint32_t i = 0; i < w->channel_count; i++) {
        double middle = MARGIN_MM + (i + 0.5) * ROW_MM;
        bool scaled = strcmp(w->channels[i].unit, "mV") == 0;

        PUTF(d, "<text x=\"1.5\" y=\"%g\">", middle - 6.5);
        put_words(d, w->channels[i].label);
        put(d, "</text>\n");
        if (scaled) {
            PUTF(d, "<path d=\"M4 %gh1.5v-10h3v10h1.5\" fill=\"none\" stroke=\"#111\" stroke-width=\"0.25\"/>\n", middle + 5);
        } else {
            PUTF(d, "<text x=\"1.5\" y=\"%g\" font-size=\"2.6\">", middle + 8);
            put_words(d, w->channels[i].unit);
            put(d, "</text>\n");
        }
    }
    PUTF(d, "<text x=\"%g\" y=\"%g\">25 mm/s   10 mm/mV   %g Hz   %.4g s%s</text>\n</g>\n", LABEL_MM,
         MARGIN_MM + w->channel_count * ROW_MM + FOOT_MM - 2, w->frequency, d->sample_count / w->frequency,
         d->sample_count < w->sample_count ? " …" : "");
}

static kh_status check(const kh_waveform *w, kh_error *err)
{
    if (!(w->frequency > 0 && w->frequency <= 1e6))
        return kh_error_set(err, KH_E_ARG, "Sampling Frequency (003A,001A) %g, expected above 0 to 1,000,000", w->frequency);
    if (w->channel_count == 0 || w->channel_count > KH_WAVEFORM_CHANNELS_MAX)
        return kh_error_set(err, KH_E_ARG, "Number of Waveform Channels (003A,0005) %u, expected 1 to %d", w->channel_count,
                            KH_WAVEFORM_CHANNELS_MAX);
    if (w->sample_count == 0 || w->sample_count > KH_WAVEFORM_SAMPLES_MAX / w->channel_count)
        return kh_error_set(err, KH_E_ARG, "Number of Waveform Samples (003A,0010) %u, expected 1 to %u", w->sample_count,
                            KH_WAVEFORM_SAMPLES_MAX / w->channel_count);
    for (uint32_t i = 0; i < w->channel_count; i++)
        if (!isfinite(w->channels[i].factor) || !isfinite(w->channels[i].baseline))
            return kh_error_set(err, KH_E_ARG, "channel %u: sensitivity or baseline is no finite number", i + 1);
    return KH_OK;
}

kh_status kh_waveform_svg(kh_buf *out, const kh_waveform *waveform, kh_error *err)
{
    drawing d = {.waveform = waveform, .out = out, .err = err, .status = check(waveform, err), .sample_count = waveform->sample_count};
    double width, height;

    if (d.status != KH_OK)
        return d.status;
    if (d.sample_count > KH_WAVEFORM_SECONDS_MAX * waveform->frequency)
        d.sample_count = (uint32_t)fmax(1, KH_WAVEFORM_SECONDS_MAX * waveform->frequency);
    width = ceil(LABEL_MM + d.sample_count / waveform->frequency * MM_PER_SECOND + MARGIN_MM);
    height = ceil(MARGIN_MM + waveform->channel_count * ROW_MM + FOOT_MM);
    PUTF(&d, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%gmm\" height=\"%gmm\" viewBox=\"0 0 %g %g\">\n", width, height, width,
         height);
    put_grid(&d, width, height);
    put(&d, "<g fill=\"none\" stroke=\"#111\" stroke-width=\"5\" stroke-linejoin=\"round\">\n"); /* 0.25 mm */
    for (uint32_t i = 0; i < waveform->channel_count; i++)
        put_curve(&d, i);
    put(&d, "</g>\n");
    put_labels(&d);
    put(&d, "</svg>\n");
    return d.status;
}
