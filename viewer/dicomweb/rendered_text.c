/* Structured reports for those who read (PS3.18 8.7.4: text/html, text/plain, text/xml): the content tree (PS3.3 C.17.3) in its order, each
 * item with its concept and value. What a report says of its patient comes from the index, where corrections are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/use.h"
#include "dicom/dataset.h"
#include "dicom/text.h"
#include "viewer/dicomweb/rendered.h"

#define REPORT_BYTES_MAX (16u << 20)
#define VALUE_SIZE 65536
#define SR_CLASSES "1.2.840.10008.5.1.4.1.1.88."
#define CONTENT_TAG KH_TAG(0x0040, 0xa730)
#define MEANING_TAG KH_TAG(0x0008, 0x0104)

typedef enum report_form { FORM_HTML, FORM_PLAIN, FORM_XML } report_form;
static const char *const types[] = {"text/html", "text/plain", "text/xml"};

typedef struct report {
    report_form form;
    kh_buf out;
    kh_error *err;
    kh_status status; /* the first that failed */
    char value[VALUE_SIZE];
} report;

static void put(report *r, const char *text)
{
    if (r->status == KH_OK)
        r->status = kh_buf_append_text(&r->out, text, r->err);
}

/* Words of the report: nothing of them is markup, and nothing a control character. */
static void put_words(report *r, const char *text)
{
    const char *from = text;

    for (;; text++) {
        unsigned char c = (unsigned char)*text;
        const char *instead = c < ' ' && c != '\n' && c != '\t' ? "" : NULL;

        if (r->form != FORM_PLAIN)
            instead = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c == '\'' ? "&#39;" : instead;
        if (!instead)
            continue;
        if (r->status == KH_OK)
            r->status = kh_buf_append(&r->out, from, (size_t)(text - from), r->err);
        if (c == '\0')
            return;
        put(r, instead);
        from = text + 1;
    }
}

static void put_indent(report *r, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        put(r, "  ");
}

/* Appends to r->value. */
static void add_text(report *r, const kh_item *item, kh_tag tag, const char *before)
{
    size_t used = strlen(r->value);

    if (!item || !kh_item_find(item, tag))
        return;
    snprintf(r->value + used, VALUE_SIZE - used, "%s", before);
    used = strlen(r->value);
    kh_item_text(item, tag, 0, r->value + used, VALUE_SIZE - used);
}

static void add_person(report *r, const kh_item *item)
{
    kh_person_name name;

    kh_item_person_name(item, KH_TAG(0x0040, 0xa123), &name);
    snprintf(r->value, VALUE_SIZE, "%s%s%s", name.ideographic, name.ideographic[0] && name.alphabetic[0] ? "  " : "", name.alphabetic);
}

static void add_number(report *r, const kh_item *item)
{
    const kh_item *measured = kh_item_first(item, KH_TAG(0x0040, 0xa300));

    if (!measured)
        return;
    add_text(r, measured, KH_TAG(0x0040, 0xa30a), "");
    add_text(r, kh_item_first(measured, KH_TAG(0x0040, 0x08ea)), KH_TAG(0x0008, 0x0100), " ");
}

/* PS3.3 C.17.3.2.1: what an item of this type is worth, in r->value. */
static void read_value(report *r, const kh_item *item, const char *type)
{
    static const struct {
        const char *type;
        kh_tag tag;
    } plain[] = {{"TEXT", KH_TAG(0x0040, 0xa160)},     {"DATE", KH_TAG(0x0040, 0xa121)},   {"TIME", KH_TAG(0x0040, 0xa122)},
                 {"DATETIME", KH_TAG(0x0040, 0xa120)}, {"UIDREF", KH_TAG(0x0040, 0xa124)}, {"SCOORD", KH_TAG(0x0070, 0x0023)},
                 {"SCOORD3D", KH_TAG(0x0070, 0x0023)}, {"TCOORD", KH_TAG(0x0040, 0xa130)}};
    static const char *const references[] = {"IMAGE", "COMPOSITE", "WAVEFORM"};

    r->value[0] = '\0';
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(type, plain[i].type) == 0)
            add_text(r, item, plain[i].tag, "");
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
        if (strcmp(type, references[i]) == 0)
            add_text(r, kh_item_first(item, KH_TAG(0x0008, 0x1199)), KH_TAG(0x0008, 0x1155), "");
    if (strcmp(type, "CODE") == 0)
        add_text(r, kh_item_first(item, KH_TAG(0x0040, 0xa168)), MEANING_TAG, "");
    else if (strcmp(type, "PNAME") == 0)
        add_person(r, item);
    else if (strcmp(type, "NUM") == 0)
        add_number(r, item);
}

static void put_item(report *r, const kh_item *item, unsigned depth);

static void put_children(report *r, const kh_item *item, unsigned depth)
{
    const kh_element *children = kh_item_find(item, CONTENT_TAG);

    if (!children || children->item_count == 0)
        return;
    put(r, r->form == FORM_HTML ? "\n<ul>\n" : r->form == FORM_XML ? "\n" : "");
    for (uint32_t i = 0; i < children->item_count; i++)
        put_item(r, kh_element_item(children, i), depth);
    put(r, r->form == FORM_HTML ? "</ul>\n" : "");
}

/* What is only a reference to another item of the tree (PS3.3 C.17.3.2.5) has no type and is left out. */
static void put_item(report *r, const kh_item *item, unsigned depth)
{
    static const char *const before[] = {"<li><b>", "", "<item type=\""}, *const between[] = {"</b> ", ": ", "\"><concept>"};
    static const char *const behind[] = {"</li>\n", "", "</item>\n"};
    char type[17] = "", concept[1024] = "";
    const kh_item *name = kh_item_first(item, KH_TAG(0x0040, 0xa043));

    if (!kh_item_string(item, KH_TAG(0x0040, 0xa040), 0, type, sizeof type))
        return;
    if (name)
        kh_item_text(name, MEANING_TAG, 0, concept, sizeof concept);
    read_value(r, item, type);
    if (r->form != FORM_HTML)
        put_indent(r, depth);
    put(r, before[r->form]);
    put_words(r, r->form == FORM_XML ? type : concept);
    put(r, between[r->form]);
    put_words(r, r->form == FORM_XML ? concept : r->value);
    if (r->form == FORM_XML) {
        put(r, "</concept><value>");
        put_words(r, r->value);
        put(r, "</value>");
    }
    put(r, r->form == FORM_PLAIN ? "\n" : "");
    put_children(r, item, depth + 1);
    put(r, behind[r->form]);
}

static void put_fact(report *r, const char *name, const char *value)
{
    static const char *const before[] = {"<tr><th>", "", "  <fact name=\""}, *const between[] = {"</th><td>", ": ", "\">"};
    static const char *const behind[] = {"</td></tr>\n", "\n", "</fact>\n"};

    put(r, before[r->form]);
    put(r, name);
    put(r, between[r->form]);
    put_words(r, value);
    put(r, behind[r->form]);
}

/* Whose it is, of when, and whether somebody stands for it (PS3.3 C.17.2). */
static void put_facts(report *r, const kh_item *main, const kh_search_row *row)
{
    static const struct {
        const char *name;
        kh_tag tag;
    } facts[] = {{"Content Date", KH_TAG(0x0008, 0x0023)},
                 {"Content Time", KH_TAG(0x0008, 0x0033)},
                 {"Preliminary", KH_TAG(0x0040, 0xa496)},
                 {"Completion", KH_TAG(0x0040, 0xa491)},
                 {"Verification", KH_TAG(0x0040, 0xa493)}};
    const kh_patient *patient = &row->study.patient;
    char text[128];

    put_fact(r, "Patient", patient->name.ideographic[0] ? patient->name.ideographic : patient->name.alphabetic);
    put_fact(r, "Patient ID", patient->patient_id);
    put_fact(r, "Birth Date", patient->birth_date);
    put_fact(r, "Study Date", row->study.date);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        kh_item_text(main, facts[i].tag, 0, text, sizeof text);
        put_fact(r, facts[i].name, text);
    }
}

static void put_report(report *r, const kh_item *main, const kh_search_row *row)
{
    static const char *const before[] = {
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Report</title></head><body>\n<table>\n", "",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n"};
    static const char *const between[] = {"</table>\n<ul>\n", "\n", ""}, *const behind[] = {"</ul>\n</body></html>\n", "", "</report>\n"};

    put(r, before[r->form]);
    put_facts(r, main, row);
    put(r, between[r->form]);
    put_item(r, main, r->form == FORM_XML ? 1 : 0);
    put(r, behind[r->form]);
}

static kh_status read_report(report *r, kh_cache *cache, const kh_search_row *row, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, row->object.id, &fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK) {
        put_report(r, kh_dataset_main(dataset), row);
        status = r->status;
    }
    kh_dataset_free(dataset);
    if (fd >= 0)
        close(fd);
    return status;
}

bool kh_rendered_is_report(const kh_search_row *row)
{
    return strncmp(row->object.sop_class_uid, SR_CLASSES, sizeof SR_CLASSES - 1) == 0;
}

static kh_status answer_form(kh_dicomweb *dicomweb, kh_http_request *request, const kh_search_row *row, report_form form, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], type[64];
    report *r = calloc(1, sizeof *r);
    kh_status status = r ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a report");

    kh_retrieve_etag(etag, (uint64_t)row->object.id, kh_annotation_sum(row) * 3 + form);
    if (status == KH_OK && !kh_retrieve_answer_unchanged(request, etag, true)) {
        r->form = form;
        r->err = err;
        kh_buf_init(&r->out, REPORT_BYTES_MAX);
        status = read_report(r, dicomweb->cache, row, err);
        if (status == KH_OK) {
            snprintf(type, sizeof type, "%s; charset=utf-8", types[form]);
            kh_http_set_header(request, "Vary", "Accept");
            kh_use_note(dicomweb->cache, row->series.id);
            kh_http_answer(request, 200, type, r->out.data, r->out.size);
        }
        kh_buf_release(&r->out);
    }
    free(r);
    return status;
}

kh_status kh_rendered_answer_report(kh_dicomweb *dicomweb, kh_http_request *request, const kh_accept *accept, const kh_search_row *row,
                                    kh_error *err)
{
    const kh_offer offers[] = {
        {.type = types[FORM_HTML], .category_default = true}, {.type = types[FORM_PLAIN]}, {.type = types[FORM_XML]}};
    size_t count = sizeof offers / sizeof offers[0], chosen = kh_accept_choose(accept, offers, count);

    if (chosen < count)
        return answer_form(dicomweb, request, row, (report_form)chosen, err);
    kh_retrieve_answer_text(request, 406, "not acceptable", "Accept: the instance is a report, expected text/html, text/plain or text/xml");
    return KH_OK;
}
