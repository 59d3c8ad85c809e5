/* What this server can do (PS3.18 8.9), from the tables that it works by: as WADL, in XML and in JSON. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "dicom/dictionary.h"
#include "viewer/dicomweb/accept.h"
#include "viewer/dicomweb/qido.h"

#define DESCRIPTION_BYTES_MAX ((size_t)1 << 20)
#define WADL "application/vnd.sun.wadl+xml"

enum form { FORM_WADL, FORM_JSON, FORMS };
static const kh_offer offers[FORMS] = {
    [FORM_WADL] = {.type = WADL, .category_default = true},
    [FORM_JSON] = {.type = "application/json"},
};

#define PARTS(type) "multipart/related; type=\"" type "\""

/* What each handler takes and gives, and asks for besides keys; NULL at the end. Of frames the types are added by the transfer syntaxes
 * they may be stored in. */
static const struct {
    kh_dicomweb_handler *handler;
    const char *takes[KH_DICOMWEB_TYPES_MAX];
    const char *types[KH_DICOMWEB_TYPES_MAX];
    const char *parameters[16];
} kinds[] = {
    {kh_dicomweb_search,
     {NULL},
     {"application/dicom+json", "application/json", PARTS("application/dicom+xml"), NULL},
     {"accept", "includefield", "fuzzymatching", "limit", "offset", "emptyvaluematching", "multiplevaluematching", NULL}},
    {kh_dicomweb_retrieve, {NULL}, {PARTS("application/dicom"), NULL}, {"accept", NULL}},
    {kh_dicomweb_frames, {NULL}, {PARTS("application/octet-stream"), "application/octet-stream", NULL}, {"accept", NULL}},
    {kh_dicomweb_pixels, {NULL}, {PARTS("application/octet-stream"), NULL}, {"accept", NULL}},
    {kh_dicomweb_values, {NULL}, {PARTS("application/octet-stream"), NULL}, {"accept", NULL}},
    {kh_dicomweb_bulk,
     {NULL},
     {PARTS("application/octet-stream"), "application/octet-stream", PARTS("application/pdf"), "application/pdf", NULL},
     {"accept", NULL}},
    {kh_dicomweb_metadata, {NULL}, {"application/dicom+json", "application/json", PARTS("application/dicom+xml"), NULL}, {"accept", NULL}},
    {kh_dicomweb_rendered,
     {NULL},
     {"image/jpeg", "image/png", "image/gif", PARTS("image/jpeg"), PARTS("image/png"), PARTS("image/gif"), NULL},
     {"accept", "viewport", "window", "quality", "annotation", "iccprofile", NULL}},
    {kh_dicomweb_thumbnail, {NULL}, {"image/jpeg", "image/png", "image/gif", NULL}, {"accept", "viewport", NULL}},
    {kh_dicomweb_wado_uri,
     {NULL},
     {"image/jpeg", "image/png", "image/gif", "application/dicom", NULL},
     {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "frameNumber", "rows", "columns", "region", "windowCenter",
      "windowWidth", "imageQuality", "imageAnnotation", "transferSyntax", NULL}},
    {kh_dicomweb_store,
     {PARTS("application/dicom"), PARTS("application/dicom+json"), PARTS("application/dicom+xml"), NULL},
     {"application/dicom+json", "application/json", "application/dicom+xml", NULL},
     {"accept", NULL}},
    {kh_dicomweb_capabilities, {NULL}, {WADL, "application/json", NULL}, {"accept", NULL}},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static kh_level level_of(const char *path)
{
    const char *last = strrchr(path, '/');

    last = last ? last + 1 : path;
    return strcmp(last, "studies") == 0 ? KH_LEVEL_STUDY : strcmp(last, "series") == 0 ? KH_LEVEL_SERIES : KH_LEVEL_IMAGE;
}

static void add_keys(kh_dicomweb_description *of)
{
    kh_qido_attribute attribute;

    of->key_from = of->parameter_count;
    for (size_t i = 0; kh_qido_attribute_at(i, &attribute); i++)
        if (of->parameter_count < KH_DICOMWEB_NAMES_MAX && kh_qido_matches(kh_qido_within(&attribute), attribute.tag, level_of(of->path)))
            of->parameters[of->parameter_count++] = kh_qido_keyword(&attribute);
}

static void add_type(kh_dicomweb_description *of, const char *type)
{
    for (size_t i = 0; i < of->type_count; i++)
        if (strcmp(of->types[i], type) == 0)
            return;
    if (of->type_count < KH_DICOMWEB_TYPES_MAX)
        of->types[of->type_count++] = type;
}

/* The types that codestreams have, in parts, and of one alone. */
static void add_codestreams(kh_dicomweb_description *of, bool alone)
{
    static const char *const types[] = {"image/jpeg", "image/dicom-rle", "image/x-dicom-rle", "image/jls", "image/x-jls",
                                        "image/jp2",  "image/jpx",       "image/jphc",        "image/jxl"};
    static const char *const parts[] = {PARTS("image/jpeg"), PARTS("image/dicom-rle"), PARTS("image/x-dicom-rle"),
                                        PARTS("image/jls"),  PARTS("image/x-jls"),     PARTS("image/jp2"),
                                        PARTS("image/jpx"),  PARTS("image/jphc"),      PARTS("image/jxl")};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        add_type(of, parts[i]);
        if (alone)
            add_type(of, types[i]);
    }
}

/* Pixel data as one stream. */
static void add_videos(kh_dicomweb_description *of)
{
    static const char *const types[] = {PARTS("video/mpeg"), "video/mpeg", PARTS("video/mpeg2"), "video/mpeg2",
                                        PARTS("video/mp4"),  "video/mp4",  PARTS("video/h265"),  "video/h265"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        add_type(of, types[i]);
}

/* What is no picture: reports, encapsulated documents, waveforms, videos. */
static void add_documents(kh_dicomweb_description *of)
{
    static const char *const types[] = {"text/html",     "text/plain", "text/xml",  "application/pdf",
                                        "image/svg+xml", "video/mpeg", "video/mp4", "video/h265"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        add_type(of, types[i]);
}

/* An instance alone has forms that several have not. */
static void add_of_one(kh_dicomweb_description *of, const kh_dicomweb_resource *resource)
{
    bool instance = strstr(of->path, "{instance}") != NULL;

    if (resource->handler == kh_dicomweb_retrieve && instance)
        add_type(of, "application/dicom");
    if ((resource->handler == kh_dicomweb_rendered && instance && !strstr(of->path, "{frames}")) ||
        resource->handler == kh_dicomweb_wado_uri)
        add_documents(of);
    if (resource->handler == kh_dicomweb_frames || resource->handler == kh_dicomweb_bulk)
        add_codestreams(of, true);
    if ((resource->handler == kh_dicomweb_frames && !strstr(of->path, "{frames}")) || resource->handler == kh_dicomweb_bulk)
        add_videos(of);
    if (resource->handler == kh_dicomweb_pixels)
        add_codestreams(of, false);
}

static void add_names(const char **out, size_t *count, size_t max, const char *const *names)
{
    while (*names && *count < max)
        out[(*count)++] = *names++;
}

bool kh_dicomweb_describe(size_t index, kh_dicomweb_description *out)
{
    size_t count;
    const kh_dicomweb_resource *resource = kh_dicomweb_resources(&count) + index;
    const char *path;

    if (index >= count)
        return false;
    path = resource->pattern + sizeof KH_DICOMWEB_PATH - 1;
    *out = (kh_dicomweb_description){.path = path + (*path == '/'), .method = resource->method};
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].handler != resource->handler)
            continue;
        add_names(out->takes, &out->take_count, KH_DICOMWEB_TYPES_MAX, kinds[i].takes);
        add_names(out->types, &out->type_count, KH_DICOMWEB_TYPES_MAX, kinds[i].types);
        add_names(out->parameters, &out->parameter_count, KH_DICOMWEB_NAMES_MAX, kinds[i].parameters);
    }
    add_of_one(out, resource);
    out->key_from = out->parameter_count;
    if (resource->handler == kh_dicomweb_search)
        add_keys(out);
    return true;
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
    kh_json_writer json;
    kh_dicomweb_description of;

    kh_json_writer_init(&json, out);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "base", base);
    kh_json_key(&json, "resources");
    kh_json_array_begin(&json);
    for (size_t i = 0; kh_dicomweb_describe(i, &of); i++) {
        kh_json_object_begin(&json);
        kh_json_put_text(&json, "path", of.path);
        kh_json_put_text(&json, "method", of.method);
        put_names(&json, "takes", of.takes, of.take_count);
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

static kh_status write_wadl_method(kh_buf *out, const kh_dicomweb_description *of, kh_error *err)
{
    kh_status status = put_element(out, "<resource path=\"", of->path, "\">", err);

    if (status == KH_OK)
        status = put_element(out, "<method name=\"", of->method, "\"><request>", err);
    for (size_t i = 0; status == KH_OK && i < of->take_count; i++)
        status = put_element(out, "<representation mediaType=\"", of->takes[i], "\"/>", err);
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
    kh_dicomweb_description of;
    kh_status status = put_element(out,
                                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?><application xmlns=\"http://wadl.dev.java.net/2009/02\">"
                                   "<resources base=\"",
                                   base, "/\">", err);

    for (size_t i = 0; status == KH_OK && kh_dicomweb_describe(i, &of); i++)
        status = write_wadl_method(out, &of, err);
    return status == KH_OK ? kh_buf_append_text(out, "</resources></application>", err) : status;
}

void kh_dicomweb_capabilities(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = calloc(1, sizeof *accept);
    char base[KH_DICOMWEB_ADDRESS_SIZE];
    size_t form = FORMS;
    kh_buf body;
    kh_status status = accept ? kh_accept_parse(accept, kh_http_query(request, "accept"), kh_http_header_list(request, "Accept"), &err)
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
