/* Waveforms for those who read, electrocardiograms first of all (PS3.3 C.10.9): the first multiplex group as an SVG. The second, where
 * there is one, is what a machine made of the first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/use.h"
#include "dicom/dataset.h"
#include "dicom/text.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/render/waveform.h"

#define CLASSES "1.2.840.10008.5.1.4.1.1.9."
#define SVG "image/svg+xml"
#define SVG_BYTES_MAX (32u << 20)
#define MEANING KH_TAG(0x0008, 0x0104)
#define VALUE KH_TAG(0x0008, 0x0100)

bool kh_rendered_is_waveform(const kh_search_row *row)
{
    return strncmp(row->object.sop_class_uid, CLASSES, sizeof CLASSES - 1) == 0;
}

/* "Lead I (Einthoven)" is written as "I" on every such paper. */
static void shorten(char *label)
{
    if (strncmp(label, "Lead ", 5) == 0)
        memmove(label, label + 5, strlen(label + 5) + 1);
    label[strcspn(label, "(")] = '\0';
}

static void read_channel(kh_waveform_channel *out, const kh_item *definition)
{
    const kh_item *source = definition ? kh_item_first(definition, KH_TAG(0x003a, 0x0208)) : NULL;
    const kh_item *unit = definition ? kh_item_first(definition, KH_TAG(0x003a, 0x0211)) : NULL;
    double sensitivity = 1, correction = 1, baseline = 0, scale = 1;

    *out = (kh_waveform_channel){.factor = 1};
    if (!definition)
        return;
    if (source)
        kh_item_text(source, MEANING, 0, out->label, sizeof out->label);
    if (!out->label[0])
        kh_item_text(definition, KH_TAG(0x003a, 0x0203), 0, out->label, sizeof out->label); /* Channel Label */
    shorten(out->label);
    if (unit)
        (void)kh_item_string(unit, VALUE, 0, out->unit, sizeof out->unit);
    (void)kh_item_double(definition, KH_TAG(0x003a, 0x0210), 0, &sensitivity);
    (void)kh_item_double(definition, KH_TAG(0x003a, 0x0212), 0, &correction);
    (void)kh_item_double(definition, KH_TAG(0x003a, 0x0213), 0, &baseline);
    if (strcmp(out->unit, "uV") == 0 || strcmp(out->unit, "V") == 0) {
        scale = out->unit[0] == 'u' ? 1e-3 : 1e3;
        memcpy(out->unit, "mV", sizeof "mV");
    }
    out->factor = sensitivity * correction * scale;
    out->baseline = baseline * scale;
}

/* Waveform Bits Allocated and Sample Interpretation (C.10.9.1.5). */
static kh_status convert(int32_t *out, const uint8_t *bytes, size_t count, int64_t bits, const char *interpretation, bool big_endian,
                         kh_error *err)
{
    bool is_signed = interpretation[0] == 'S';

    if ((bits != 8 && bits != 16) || (strcmp(interpretation, "SS") != 0 && strcmp(interpretation, "US") != 0 &&
                                      strcmp(interpretation, "SB") != 0 && strcmp(interpretation, "UB") != 0))
        return kh_error_set(err, KH_E_UNSUPPORTED, "a waveform of %lld bits, interpretation %.8s: expected SB, UB, SS or US of 8 or 16",
                            (long long)bits, interpretation);
    for (size_t i = 0; i < count; i++) {
        unsigned value = bits == 8    ? bytes[i]
                         : big_endian ? (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]
                                      : (unsigned)bytes[2 * i + 1] << 8 | bytes[2 * i];

        out[i] = !is_signed ? (int32_t)value : bits == 8 ? (int8_t)value : (int16_t)value;
    }
    return KH_OK;
}

static kh_status read_samples(kh_waveform *w, int32_t **samples, const kh_item *group, const kh_dataset *dataset, const kh_source *file,
                              kh_error *err)
{
    const kh_element *data = kh_item_find(group, KH_TAG(0x5400, 0x1010));
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    size_t count = (size_t)w->channel_count * w->sample_count, size = 0;
    const uint8_t *inflated = kh_dataset_inflated(dataset, &size);
    char interpretation[17] = "";
    kh_source memory;
    int64_t bits = 0;
    uint8_t *bytes;
    kh_status status;

    (void)kh_item_int(group, KH_TAG(0x5400, 0x1004), 0, &bits);
    (void)kh_item_string(group, KH_TAG(0x5400, 0x1006), 0, interpretation, sizeof interpretation);
    if (!data || data->undefined_length || data->length < count * (bits == 8 ? 1 : 2))
        return kh_error_set(err, KH_E_FORMAT, "Waveform Data (5400,1010) has %llu bytes, expected %zu samples",
                            data ? (unsigned long long)data->length : 0, count);
    if (inflated)
        kh_source_init_memory(&memory, inflated, size);
    size = count * (bits == 8 ? 1 : 2);
    bytes = malloc(size);
    *samples = calloc(count, sizeof **samples);
    if (!bytes || !*samples) {
        free(bytes);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a waveform");
    }
    status = (inflated ? &memory : file)->read_at(inflated ? &memory : file, data->offset, bytes, size, err);
    if (status == KH_OK)
        status = convert(*samples, bytes, count, bits, interpretation, syntax && syntax->big_endian, err);
    w->samples = *samples;
    free(bytes);
    return status;
}

static kh_status draw(kh_buf *out, const kh_dataset *dataset, const kh_source *file, kh_waveform *w, kh_error *err)
{
    const kh_item *group = kh_item_first(kh_dataset_main(dataset), KH_TAG(0x5400, 0x0100));
    const kh_element *definitions = group ? kh_item_find(group, KH_TAG(0x003a, 0x0200)) : NULL;
    int64_t channels = 0, count = 0;
    int32_t *samples = NULL;
    kh_status status;

    if (!group)
        return kh_error_set(err, KH_E_FORMAT, "Waveform Sequence (5400,0100) is missing");
    (void)kh_item_int(group, KH_TAG(0x003a, 0x0005), 0, &channels);
    (void)kh_item_int(group, KH_TAG(0x003a, 0x0010), 0, &count);
    (void)kh_item_double(group, KH_TAG(0x003a, 0x001a), 0, &w->frequency);
    if (channels < 1 || channels > KH_WAVEFORM_CHANNELS_MAX || count < 1 || count > KH_WAVEFORM_SAMPLES_MAX / channels)
        return kh_error_set(err, KH_E_UNSUPPORTED, "a waveform of %lld channels of %lld samples, expected 1 to %d and %u samples in all",
                            (long long)channels, (long long)count, KH_WAVEFORM_CHANNELS_MAX, KH_WAVEFORM_SAMPLES_MAX);
    w->channel_count = (uint32_t)channels;
    w->sample_count = (uint32_t)count;
    for (uint32_t i = 0; i < w->channel_count; i++)
        read_channel(&w->channels[i], definitions && i < definitions->item_count ? kh_element_item(definitions, i) : NULL);
    status = read_samples(w, &samples, group, dataset, file, err);
    if (status == KH_OK)
        status = kh_waveform_svg(out, w, err);
    free(samples);
    return status;
}

static kh_status draw_object(kh_buf *out, kh_cache *cache, int64_t object_id, kh_error *err)
{
    kh_waveform *w = calloc(1, sizeof *w);
    kh_dataset *dataset = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = w ? kh_object_open(cache, object_id, &fd, err) : kh_error_set(err, KH_E_MEMORY, "no memory for a waveform");

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = draw(out, dataset, &source, w, err);
    kh_dataset_free(dataset);
    free(w);
    if (fd >= 0)
        close(fd);
    return status == KH_E_ARG ? kh_error_set(err, KH_E_UNSUPPORTED, "%s", err->message) : status;
}

kh_status kh_rendered_answer_waveform(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept, const kh_search_row *row,
                                      kh_error *err)
{
    const kh_offer offer = {.type = SVG, .category_default = true};
    char etag[KH_RETRIEVE_ETAG_SIZE];
    kh_buf svg;
    kh_status status = KH_OK;

    if (kh_accept_choose(accept, &offer, 1) == 1)
        return kh_error_set(err, KH_E_UNSUPPORTED, "Accept: a waveform is given as " SVG);
    kh_retrieve_etag(etag, (uint64_t)row->object.id, 1);
    if (kh_retrieve_answer_unchanged(request, etag, true))
        return KH_OK;
    kh_buf_init(&svg, SVG_BYTES_MAX);
    status = draw_object(&svg, dicomweb->cache, row->object.id, err);
    if (status == KH_OK) {
        kh_use_note(dicomweb->cache, row->series.id);
        kh_http_is_document(request);
        kh_http_answer(request, 200, SVG, svg.data, svg.size);
    }
    kh_buf_release(&svg);
    return status;
}
