/* What this server can do (PS3.18 8.9), from the tables that it works by: as WADL, in XML and in JSON. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "dicom/dictionary.h"
#include "viewer/dicomweb/accept.h"
#include "viewer/dicomweb/qido.h"

#define DESCRIPTION_BYTES_MAX ((size_t)1 << 20)
#define NAMES_MAX 96
#define WADL "application/vnd.sun.wadl+xml"

enum form { FORM_WADL, FORM_JSON, FORMS };
static const kh_offer offers[FORMS] = {
    [FORM_WADL] = {.type = WADL, .category_default = true},
    [FORM_JSON] = {.type = "application/json"},
};

/* What each handler gives and asks for besides keys; NULL at the end. */
static const struct {
    kh_dicomweb_handler *handler;
    const char *types[8];
    const char *parameters[16];
} kinds[] = {
    {kh_dicomweb_search,
     {"application/dicom+json", "application/json", "multipart/related; type=\"application/dicom+xml\"", NULL},
     {"accept", "includefield", "fuzzymatching", "limit", "offset", "emptyvaluematching", "multiplevaluematching", NULL}},
    {kh_dicomweb_retrieve, {"multipart/related; type=\"application/dicom\"", "application/dicom", NULL}, {"accept", NULL}},
    {kh_dicomweb_frames,
     {"multipart/related; type=\"application/octet-stream\"", "multipart/related; type=\"image/jpeg\"", "multipart/related; type=\"image/jls\"",
      "multipart/related; type=\"image/jp2\"", "multipart/related; type=\"image/jphc\"", "multipart/related; type=\"image/dicom-rle\"", NULL},
     {"accept", NULL}},
    {kh_dicomweb_bulk, {"multipart/related; type=\"application/octet-stream\"", "application/octet-stream", NULL}, {"accept", NULL}},
    {kh_dicomweb_metadata, {"application/dicom+json", "application/json", NULL}, {"accept", NULL}},
    {kh_dicomweb_rendered,
     {"image/jpeg", "image/png", "image/gif", "multipart/related; type=\"image/jpeg\"", "multipart/related; type=\"image/png\"", NULL},
     {"accept", "viewport", "window", "quality", "annotation", "iccprofile", NULL}},
    {kh_dicomweb_thumbnail, {"image/jpeg", "image/png", "image/gif", NULL}, {"accept", "viewport", NULL}},
    {kh_dicomweb_wado_uri,
     {"application/dicom", "image/jpeg", "image/png", "image/gif", NULL},
     {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth",
      "imageQuality", "imageAnnotation", "transferSyntax", NULL}},
    {kh_dicomweb_store, {"application/dicom+json", NULL}, {NULL}},
    {kh_dicomweb_capabilities, {WADL, "application/json", NULL}, {NULL}},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

typedef struct description {
    const char *path; /* without "/dicomweb/" */
    const kh_dicomweb_resource *resource;
    const char *types[8];
    size_t type_count;
    const char *parameters[NAMES_MAX];
    size_t parameter_count;
} description;

static kh_level level_of(const char *path)
{
    const char *last = strrchr(path, '/');

    last = last ? last + 1 : path;
    return strcmp(last, "studies") == 0 ? KH_LEVEL_STUDY : strcmp(last, "series") == 0 ? KH_LEVEL_SERIES : KH_LEVEL_IMAGE;
}

static void add_keys(description *of)
{
    kh_qido_attribute attribute;

    for (size_t i = 0; kh_qido_attribute_at(i, &attribute); i++)
        if (of->parameter_count < NAMES_MAX && kh_qido_matches(attribute.tag, level_of(of->path)))
            of->parameters[of->parameter_count++] = kh_dictionary_keyword(attribute.tag);
}

static void describe(description *out, const kh_dicomweb_resource *resource)
{
    const char *path = resource->pattern + sizeof KH_DICOMWEB_PATH - 1;

    *out = (description){.path = path + (*path == '/'), .resource = resource};
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].handler != resource->handler)
            continue;
        while (kinds[i].types[out->type_count]) {
            out->types[out->type_count] = kinds[i].types[out->type_count];
            out->type_count++;
        }
        while (kinds[i].parameters[out->parameter_count]) {
            out->parameters[out->parameter_count] = kinds[i].parameters[out->parameter_count];
            out->parameter_count++;
        }
    }
    if (resource->handler == kh_dicomweb_search)
        add_keys(out);
}

static void put_names(kh_json_writer *json, const char *key, const char *const *names, size_t count)
{
    kh_json_key(json, key);
    kh_json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        kh_json_text(json, names[i]);
    kh_json_array_end(json);
}

static kh_status write_json(kh_buf *out, const char *base, kh_error *err)
{
    size_t count;
    const kh_dicomweb_resource *table = kh_dicomweb_resources(&count);
    kh_json_writer json;
    description of;

    kh_json_writer_init(&json, out);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "base", base);
    kh_json_key(&json, "resources");
    kh_json_array_begin(&json);
    for (size_t i = 0; i < count; i++) {
        describe(&of, &table[i]);
        kh_json_object_begin(&json);
        kh_json_put_text(&json, "path", of.path);
        kh_json_put_text(&json, "method", of.resource->method);
        put_names(&json, "parameters", of.parameters, of.parameter_count);
        put_names(&json, "representations", of.types, of.type_count);
        kh_json_object_end(&json);
    }
    kh_json_array_end(&json);
    kh_json_object_end(&json);
    return kh_json_writer_status(&json, err);
}

/* Nothing in it but what stands in a table of ours, or in a Host: no name there has & or <. */
static kh_status put_attribute(kh_buf *out, const char *text, kh_error *err)
{
    kh_status status = KH_OK;

    for (; status == KH_OK && *text; text++)
        status = *text == '"'   ? kh_buf_append_text(out, "&quot;", err)
                 : *text == '&' ? kh_buf_append_text(out, "&amp;", err)
                 : *text == '<' ? kh_buf_append_text(out, "&lt;", err)
                                : kh_buf_append(out, text, 1, err);
    return status;
}

static kh_status put_element(kh_buf *out, const char *before, const char *text, const char *behind, kh_error *err)
{
    kh_status status = kh_buf_append_text(out, before, err);

    if (status == KH_OK)
        status = put_attribute(out, text, err);
    return status == KH_OK ? kh_buf_append_text(out, behind, err) : status;
}

static kh_status write_wadl_method(kh_buf *out, const description *of, kh_error *err)
{
    kh_status status = put_element(out, "<resource path=\"", of->path, "\">", err);

    if (status == KH_OK)
        status = put_element(out, "<method name=\"", of->resource->method, "\"><request>", err);
    for (size_t i = 0; status == KH_OK && i < of->parameter_count; i++)
        status = put_element(out, "<param style=\"query\" name=\"", of->parameters[i], "\"/>", err);
    if (status == KH_OK)
        status = kh_buf_append_text(out, "</request><response>", err);
    for (size_t i = 0; status == KH_OK && i < of->type_count; i++)
        status = put_element(out, "<representation mediaType=\"", of->types[i], "\"/>", err);
    return status == KH_OK ? kh_buf_append_text(out, "</response></method></resource>", err) : status;
}

static kh_status write_wadl(kh_buf *out, const char *base, kh_error *err)
{
    size_t count;
    const kh_dicomweb_resource *table = kh_dicomweb_resources(&count);
    description of;
    kh_status status = put_element(out,
                                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?><application xmlns=\"http://wadl.dev.java.net/2009/02\">"
                                   "<resources base=\"",
                                   base, "/\">", err);

    for (size_t i = 0; status == KH_OK && i < count; i++) {
        describe(&of, &table[i]);
        status = write_wadl_method(out, &of, err);
    }
    return status == KH_OK ? kh_buf_append_text(out, "</resources></application>", err) : status;
}

void kh_dicomweb_capabilities(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = calloc(1, sizeof *accept);
    char base[KH_DICOMWEB_ADDRESS_SIZE];
    size_t form = FORMS;
    kh_buf body;
    kh_status status = accept ? kh_accept_parse(accept, kh_http_query(request, "accept"), kh_http_header(request, "Accept"), &err)
                              : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    kh_buf_init(&body, DESCRIPTION_BYTES_MAX);
    kh_dicomweb_address(dicomweb, request, base);
    if (status == KH_OK)
        form = kh_accept_choose(accept, offers, FORMS);
    if (status == KH_OK && form < FORMS)
        status = form == FORM_WADL ? write_wadl(&body, base, &err) : write_json(&body, base, &err);
    if (status != KH_OK)
        kh_http_answer_error(request, &err);
    else if (form == FORMS)
        kh_http_answer_code(request, 406, "Accept: expected " WADL " or application/json");
    else
        kh_http_answer(request, 200, offers[form].type, body.data, body.size);
    kh_buf_release(&body);
    free(accept);
}
