/* POST /api/series/{series}/{object}-{frame}/picture: a picture taken along, for care or to explain (AZ-35): whole, as it is shown, with
 * words below it that say whose it is, where from, and who took it what for. Recorded each time with its purpose. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "viewer/portal/internal.h"
#include "viewer/tiles/labelled.h"

#define PICTURE_BYTES_MAX ((size_t)KH_LABELLED_SIDE_MAX * (KH_LABELLED_SIDE_MAX + 2048) * 3)

static const struct purpose {
    const char *name, *en, *ja;
} purposes[] = {{"care", "for care", "診療のため"},
                {"explanation", "to explain to the patient", "患者への説明のため"},
                {"conference", "for a case conference", "症例検討のため"}};

static const struct purpose *find_purpose(const kh_http_request *request)
{
    const char *given = kh_http_query(request, "purpose");

    for (size_t i = 0; given && i < sizeof purposes / sizeof purposes[0]; i++)
        if (strcmp(given, purposes[i].name) == 0)
            return &purposes[i];
    return NULL;
}

const char *kh_portal_purpose(const kh_http_request *request)
{
    const struct purpose *purpose = find_purpose(request);

    return purpose ? purpose->name : NULL;
}

/* Who gets words, and of what. */
typedef struct wording {
    const kh_http_request *request;
    const struct purpose *purpose;
    bool ja;
    kh_study study;
    kh_series series;
    uint32_t frame;
} wording;

static void date_text(char out[11], const char *date)
{
    out[0] = '\0';
    if (strlen(date) == 8)
        snprintf(out, 11, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
}

/* "Yamada^Tarou" for people. */
static void plain(char *text)
{
    for (; *text; text++)
        *text = *text == '^' ? ' ' : *text;
}

static void put_patient(char out[KH_LABEL_SIZE], const kh_patient *patient)
{
    char birth[11];
    const char *first = patient->name.ideographic, *second = patient->name.alphabetic;

    date_text(birth, patient->birth_date);
    snprintf(out, KH_LABEL_SIZE, "%.150s%s%.100s   ID %s   %s   %s", first, first[0] && second[0] ? "  " : "", second, patient->patient_id,
             birth, patient->sex);
    plain(out);
}

static void put_place(char out[KH_LABEL_SIZE], const wording *w)
{
    const kh_study *study = &w->study;
    char date[11];

    date_text(date, study->date);
    snprintf(out, KH_LABEL_SIZE, "%.150s   %s   %s   %.100s", study->institution[0] ? study->institution : study->patient.facility, date,
             w->series.modality, w->series.description);
}

static void put_technique(char out[KH_LABEL_SIZE], const wording *w, const kh_label_facts *facts)
{
    char series[24] = "-", image[24] = "-", frame[32] = "", window[KH_TILE_WINDOW_SIZE + 8] = "";

    if (w->series.number != INT64_MIN)
        snprintf(series, sizeof series, "%lld", (long long)w->series.number);
    if (facts->info->instance_number != INT32_MIN)
        snprintf(image, sizeof image, "%d", facts->info->instance_number);
    if (facts->info->frame_count > 1)
        snprintf(frame, sizeof frame, "  frame %u/%u", w->frame + 1, facts->info->frame_count);
    if (strcmp(facts->window, "0,0") != 0)
        snprintf(window, sizeof window, "   C,W %s", facts->window);
    snprintf(out, KH_LABEL_SIZE, "S %s  I %s%s%s%s%s%s%s", series, image, frame, window, facts->state[0] ? "   PR " : "", facts->state,
             strcmp(facts->lossy, "no") == 0 ? "" : "   lossy: ", strcmp(facts->lossy, "no") == 0 ? "" : facts->lossy);
}

static void put_taker(char out[KH_LABEL_SIZE], const wording *w)
{
    const kh_subject *who = kh_http_attached(w->request);
    time_t now = (time_t)(kh_clock_wall_ms() / 1000);
    struct tm local;
    char when[32] = "";

    if (localtime_r(&now, &local))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
    snprintf(out, KH_LABEL_SIZE, w->ja ? "%s  %s%s%s%s  %s" : "%s, %s%s%s%s, %s", "Kakehashi", who ? who->name : "",
             who && who->facility[0] ? " (" : "", who ? who->facility : "", who && who->facility[0] ? ")" : "", when);
}

static unsigned put_words(void *context, const kh_label_facts *facts, char lines[KH_LABEL_LINES][KH_LABEL_SIZE])
{
    const wording *w = context;
    unsigned count = 0;

    put_patient(lines[count++], &w->study.patient);
    put_place(lines[count++], w);
    put_technique(lines[count++], w, facts);
    put_taker(lines[count++], w);
    snprintf(lines[count++], KH_LABEL_SIZE,
             w->ja ? "%s。画像は提供元の医療機関のものです。ほかの目的での複写・公開・提供はできません。"
                   : "Taken %s. The picture belongs to the hospital named above; no copy, publication or passing on for anything else.",
             w->ja ? w->purpose->ja : w->purpose->en);
    return count;
}

static kh_status read_request(wording *w, kh_tile_key *key, kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    const char *language = kh_http_query(request, "lang");
    int64_t frame = 0;
    kh_status status = kh_http_segment_int(request, "series", 1, INT64_MAX, &key->series_id, err);

    w->request = request;
    w->purpose = find_purpose(request);
    w->ja = language && strcmp(language, "ja") == 0;
    if (status == KH_OK)
        status = kh_http_segment_int(request, "object", 1, INT64_MAX, &key->object_id, err);
    if (status == KH_OK)
        status = kh_http_segment_int(request, "frame", 0, UINT32_MAX, &frame, err);
    key->frame = w->frame = (uint32_t)frame;
    if (status == KH_OK)
        status = kh_portal_tile_view(portal, request, key, err);
    if (status == KH_OK && !w->purpose)
        status = kh_error_set(err, KH_E_ARG, "purpose, expected care, explanation or conference");
    if (status == KH_OK && (!portal->options.font_file || !portal->options.font_file[0]))
        status = kh_error_set(err, KH_E_UNSUPPORTED, "no font is installed ([dicomweb] font): a picture without its words is not given");
    return status;
}

/* Rights may have moved while it was made. */
static void make_picture(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    uint64_t epoch = kh_portal_epoch(portal);
    kh_error err = KH_ERROR_INIT;
    kh_tile_key key = {0};
    wording w = {0};
    kh_buf png;
    kh_status status = read_request(&w, &key, portal, request, &err);

    kh_buf_init(&png, PICTURE_BYTES_MAX);
    if (status == KH_OK)
        status = kh_browse_series(portal->cache, key.series_id, &w.series, &err);
    if (status == KH_OK)
        status = kh_browse_study(portal->cache, w.series.study_id, &w.study, &err);
    if (status == KH_OK)
        status = kh_labelled_png(&png, portal->cache, portal->options.codec, &key, portal->options.font_file, put_words, &w, &err);
    if (status == KH_OK && (!kh_portal_still(portal, request, key.series_id, epoch) ||
                            (key.state_id > 0 && !kh_portal_still(portal, request, key.state_series_id, epoch)))) {
        kh_http_answer_code(request, 404, KH_PORTAL_ABSENT);
    } else if (status == KH_OK) {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, 200, "image/png", png.data, png.size);
    } else {
        kh_http_answer_error(request, &err);
    }
    kh_buf_release(&png);
}

void kh_portal_picture(kh_http_request *request, void *context)
{
    kh_portal *portal = context;

    kh_http_later(request, portal->measurers, make_picture, portal);
}
