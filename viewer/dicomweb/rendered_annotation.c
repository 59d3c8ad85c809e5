/* What is burned into a picture on request (PS3.18 8.3.5.1.1). */
#include <stdio.h>
#include <string.h>
#include "store/digest.h"
#include "viewer/dicomweb/rendered.h"

/* "Yamada^Tarou" for people. */
static void plain_name(char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s", name);
    for (char *c = out; *c; c++)
        *c = *c == '^' ? ' ' : *c;
}

static void plain_date(char out[11], const char *date)
{
    out[0] = '\0';
    if (strlen(date) == 8)
        snprintf(out, 11, "%.4s-%.2s-%.2s", date, date + 4, date + 6);
}

void kh_annotation_patient(char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE], const kh_rendered_target *target)
{
    const kh_patient *patient = &target->row.study.patient;
    char ideographic[200], alphabetic[200], birth[11];

    memset(lines, 0, (size_t)KH_ANNOTATION_LINES * KH_ANNOTATION_SIZE);
    plain_name(ideographic, sizeof ideographic, patient->name.ideographic);
    plain_name(alphabetic, sizeof alphabetic, patient->name.alphabetic);
    plain_date(birth, patient->birth_date);
    snprintf(lines[0], KH_ANNOTATION_SIZE, "%s%s%s", ideographic, ideographic[0] && alphabetic[0] ? "  " : "", alphabetic);
    snprintf(lines[1], KH_ANNOTATION_SIZE, "ID %s", patient->patient_id);
    snprintf(lines[2], KH_ANNOTATION_SIZE, "%s%s%s", birth, birth[0] ? "  " : "", patient->sex);
}

void kh_annotation_technique(char lines[KH_ANNOTATION_LINES][KH_ANNOTATION_SIZE], const kh_rendered_target *target, uint32_t frame,
                             const kh_painted *painted)
{
    const kh_search_row *row = &target->row;
    const kh_image_info *info = &target->object->info;
    char date[11], number[24] = "", image[24] = "", frames[40] = "";

    memset(lines, 0, (size_t)KH_ANNOTATION_LINES * KH_ANNOTATION_SIZE);
    plain_date(date, row->study.date);
    if (row->series.number != INT64_MIN)
        snprintf(number, sizeof number, "%lld", (long long)row->series.number);
    if (info->instance_number != INT32_MIN)
        snprintf(image, sizeof image, "%d", info->instance_number);
    if (info->frame_count > 1)
        snprintf(frames, sizeof frames, "  F %u/%u", frame + 1, info->frame_count);
    snprintf(lines[0], KH_ANNOTATION_SIZE, "%s  %s  %.64s", row->series.modality, date, row->study.institution);
    snprintf(lines[1], KH_ANNOTATION_SIZE, "S %s  I %s%s  %.100s", number, image, frames, row->series.description);
    if (strcmp(painted->window, "0,0") != 0)
        snprintf(lines[2], KH_ANNOTATION_SIZE, "C,W %s", painted->window);
    if (strcmp(painted->lossy, "no") != 0)
        snprintf(lines[3], KH_ANNOTATION_SIZE, "lossy");
}

uint64_t kh_annotation_sum(const kh_search_row *row)
{
    const kh_patient *patient = &row->study.patient;
    const char *const texts[] = {patient->patient_id,        patient->name.alphabetic, patient->name.ideographic, patient->name.phonetic,
                                 patient->birth_date,        patient->sex,             row->study.date,           row->study.institution,
                                 row->series.modality,       row->series.description};
    uint64_t sum = (uint64_t)row->series.number;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sum = sum * 31 + kh_xxh3_of(texts[i], strlen(texts[i]));
    return sum;
}
