/* Imaging Measurement Report: PS3.3 A.35.3 (Comprehensive SR), PS3.16 TID 1500 with measurement groups of TID 1501 and 1410. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/made_internal.h"

#define CONTENT KH_TAG(0x0040, 0xa730)

static const kh_code mm = {"mm", "UCUM", "mm"}, mm2 = {"mm2", "UCUM", "mm2"}, pixels = {"{pixels}", "UCUM", "pixels"},
                     degree = {"deg", "UCUM", "deg"}, hounsfield = {"[hnsf'U]", "UCUM", "Hounsfield unit"},
                     no_unit = {"1", "UCUM", "no units"};

/* The tree below an item that has the mark's place: SCOORD, and the image it was selected from. */
static void put_place(kh_writer *writer, const char *relationship, const kh_code *concept, const kh_made_mark *mark,
                      const kh_made_reference *reference)
{
    float graphic[KH_MADE_GRAPHIC_MAX];
    const char *type;
    size_t count = kh_made_graphic(graphic, mark, &type);

    kh_sr_begin(writer, relationship, "SCOORD", concept);
    kh_writer_sequence_begin(writer, CONTENT);
    kh_sr_image(writer, "SELECTED FROM", reference);
    kh_writer_sequence_end(writer);
    kh_made_put_floats(writer, KH_TAG(0x0070, 0x0022), graphic, count);
    kh_writer_text(writer, KH_TAG(0x0070, 0x0023), KH_VR('C', 'S'), type);
    kh_sr_end(writer);
}

/* derivation and place may be NULL. */
static void put_number(kh_writer *writer, const kh_code *concept, double value, const kh_code *unit, const kh_code *derivation,
                       const kh_made_mark *place, const kh_made_reference *reference)
{
    static const kh_code derived = {"121401", "DCM", "Derivation"};

    if (!isfinite(value))
        return;
    kh_sr_begin(writer, "CONTAINS", "NUM", concept);
    kh_writer_sequence_begin(writer, KH_TAG(0x0040, 0xa300));
    kh_writer_item_begin(writer);
    kh_made_put_code(writer, KH_TAG(0x0040, 0x08ea), unit);
    kh_writer_ds(writer, KH_TAG(0x0040, 0xa30a), &value, 1);
    kh_writer_item_end(writer);
    kh_writer_sequence_end(writer);
    if (derivation || place) {
        kh_writer_sequence_begin(writer, CONTENT);
        if (derivation)
            kh_sr_code(writer, "HAS CONCEPT MOD", &derived, derivation);
        if (place)
            put_place(writer, "INFERRED FROM", NULL, place, reference);
        kh_writer_sequence_end(writer);
    }
    kh_sr_end(writer);
}

/* In millimetres where there are any, else in pixels. */
static void put_length(kh_writer *writer, const kh_code *concept, double in_mm, double in_px, const kh_made_mark *place,
                       const kh_made_reference *reference)
{
    bool has_mm = isfinite(in_mm);

    put_number(writer, concept, has_mm ? in_mm : in_px, has_mm ? &mm : &pixels, NULL, place, reference);
}

static void put_lines(kh_writer *writer, const kh_made_mark *mark, const kh_made_reference *reference)
{
    static const kh_code length = {"410668003", "SCT", "Length"}, long_axis = {"103339001", "SCT", "Long Axis"},
                         short_axis = {"103340004", "SCT", "Short Axis"}, angle = {"1483009", "SCT", "Angle"},
                         cobb = {"285285000", "SCT", "Cobb angle"};
    kh_made_mark axis = *mark;

    switch (mark->kind) {
    case KH_MARK_LENGTH:
        put_length(writer, &length, mark->length_mm, mark->length_px, mark, reference);
        break;
    case KH_MARK_BIDIRECTIONAL:
        axis.point_count = 2;
        put_length(writer, &long_axis, mark->length_mm, mark->length_px, &axis, reference);
        axis.points += 2;
        put_length(writer, &short_axis, mark->short_mm, mark->short_px, &axis, reference);
        break;
    case KH_MARK_ANGLE:
        put_number(writer, &angle, mark->degrees, &degree, NULL, mark, reference);
        break;
    case KH_MARK_COBB:
        put_number(writer, &cobb, mark->degrees, &degree, NULL, mark, reference);
        break;
    default:
        break;
    }
}

/* What the values are; NULL where no code says it, and then they are left out. */
static const kh_code *quantity_of(const kh_made_mark *mark, const kh_made_reference *reference, const kh_code **unit)
{
    static const kh_code attenuation = {"112031", "DCM", "Attenuation Coefficient"}, signal = {"110852", "DCM", "MR signal intensity"};

    *unit = strcmp(mark->unit, "HU") == 0 ? &hounsfield : &no_unit;
    if (strcmp(mark->unit, "HU") == 0)
        return &attenuation;
    return strcmp(reference->modality, "MR") == 0 ? &signal : NULL;
}

static void put_values(kh_writer *writer, const kh_made_mark *mark, const kh_made_reference *reference)
{
    static const kh_code mean = {"373098007", "SCT", "Mean"}, sd = {"386136009", "SCT", "Standard Deviation"},
                         least = {"255605001", "SCT", "Minimum"}, largest = {"56851009", "SCT", "Maximum"};
    const kh_code *unit, *quantity = quantity_of(mark, reference, &unit);

    if (!quantity)
        return;
    put_number(writer, quantity, mark->mean, unit, &mean, NULL, NULL);
    if (mark->kind == KH_MARK_PROBE)
        return;
    put_number(writer, quantity, mark->sd, unit, &sd, NULL, NULL);
    put_number(writer, quantity, mark->min, unit, &least, NULL, NULL);
    put_number(writer, quantity, mark->max, unit, &largest, NULL, NULL);
}

static kh_status put_group(kh_writer *writer, const kh_made_mark *mark, const kh_made_reference *reference, kh_error *err)
{
    static const kh_code group = {"125007", "DCM", "Measurement Group"}, tracked = {"112039", "DCM", "Tracking Identifier"},
                         tracked_uid = {"112040", "DCM", "Tracking Unique Identifier"}, region = {"111030", "DCM", "Image Region"},
                         area = {"42798000", "SCT", "Area"}, comment = {"121106", "DCM", "Comment"};
    bool has_region =
        mark->kind == KH_MARK_RECTANGLE || mark->kind == KH_MARK_ELLIPSE || mark->kind == KH_MARK_FREEHAND || mark->kind == KH_MARK_PROBE;
    char uid[KH_UID_SIZE];
    kh_status status = kh_uid_of_uuid(uid, mark->id, err);

    if (status != KH_OK)
        return status;
    kh_sr_begin(writer, "CONTAINS", "CONTAINER", &group);
    kh_writer_sequence_begin(writer, CONTENT);
    kh_sr_text(writer, "HAS OBS CONTEXT", &tracked, kh_mark_text(mark->kind));
    kh_sr_uid(writer, "HAS OBS CONTEXT", &tracked_uid, uid);
    if (mark->text[0])
        kh_sr_text(writer, "CONTAINS", &comment, mark->text);
    if (has_region) {
        put_place(writer, "CONTAINS", &region, mark, reference);
        put_number(writer, &area, mark->area_mm2, &mm2, NULL, NULL, NULL);
        put_values(writer, mark, reference);
    } else {
        put_lines(writer, mark, reference);
    }
    kh_writer_sequence_end(writer);
    kh_sr_end(writer);
    return KH_OK;
}

static void put_library(kh_writer *writer, const kh_made_content *content, const bool *wanted)
{
    static const kh_code library = {"111028", "DCM", "Image Library"}, group = {"126200", "DCM", "Image Library Group"};

    kh_sr_begin(writer, "CONTAINS", "CONTAINER", &library);
    kh_writer_sequence_begin(writer, CONTENT);
    kh_sr_begin(writer, "CONTAINS", "CONTAINER", &group);
    kh_writer_sequence_begin(writer, CONTENT);
    for (size_t i = 0; i < content->reference_count; i++)
        if (wanted[i])
            kh_sr_image(writer, "CONTAINS", &content->references[i]);
    kh_writer_sequence_end(writer);
    kh_sr_end(writer);
    kh_writer_sequence_end(writer);
    kh_sr_end(writer);
}

static kh_status put_content(kh_writer *writer, const kh_made_head *head, const kh_made_content *content, const bool *wanted, kh_error *err)
{
    static const kh_code reported = {"121058", "DCM", "Procedure reported"}, procedure = {"363679005", "SCT", "Imaging procedure"},
                         measurements = {"126010", "DCM", "Imaging Measurements"};
    kh_status status = KH_OK;

    kh_writer_sequence_begin(writer, CONTENT);
    kh_sr_observer(writer, head);
    kh_sr_code(writer, "HAS CONCEPT MOD", &reported, &procedure);
    put_library(writer, content, wanted);
    kh_sr_begin(writer, "CONTAINS", "CONTAINER", &measurements);
    kh_writer_sequence_begin(writer, CONTENT);
    for (size_t i = 0; status == KH_OK && i < content->mark_count; i++)
        if (kh_mark_is_measured(content->marks[i].kind))
            status = put_group(writer, &content->marks[i], &content->references[content->marks[i].reference], err);
    kh_writer_sequence_end(writer);
    kh_sr_end(writer);
    kh_writer_sequence_end(writer);
    return status;
}

kh_status kh_made_report(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err)
{
    static const kh_code title = {"126000", "DCM", "Imaging Measurement Report"};
    bool *wanted = calloc(content->reference_count + 1, sizeof *wanted), any = false;
    kh_writer *writer = NULL;
    kh_status status;

    if (!wanted)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a report");
    for (size_t i = 0; i < content->mark_count; i++)
        if (kh_mark_is_measured(content->marks[i].kind))
            wanted[content->marks[i].reference] = any = true;
    status =
        any ? kh_made_begin(&writer, out, head, KH_SOP_COMPREHENSIVE_SR, err) : kh_error_set(err, KH_E_ARG, "there are no measurements");
    if (status == KH_OK) {
        kh_made_put_identity(writer, head);
        kh_sr_document(writer, head, content, wanted, &title, "1500", true);
        status = put_content(writer, head, content, wanted, err);
        if (status == KH_OK)
            status = kh_writer_finish(writer, err);
    }
    kh_writer_free(writer);
    free(wanted);
    return status;
}
