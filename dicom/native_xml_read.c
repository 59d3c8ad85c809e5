/* native_xml_read.c - libxml2's tree as DICOM JSON. Its own limits (256 levels, 10 MB of text in one place) stand as they are. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "dicom/json_read.h"
#include "dicom/native_xml.h"
#include "dicom/tag.h"

#define DEPTH_MAX 16
#define NAME_BYTES_MAX 4096 /* of one component group */

static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
static const char *const parts[] = {"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"};

static bool is_named(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The text inside, of which nothing but text and comments may be there; free() it. */
static kh_status take_text(char **out, xmlNode *node, kh_error *err)
{
    xmlChar *text;

    *out = NULL;
    for (const xmlNode *child = node->children; child; child = child->next)
        if (child->type != XML_TEXT_NODE && child->type != XML_CDATA_SECTION_NODE && child->type != XML_COMMENT_NODE)
            return kh_error_set(err, KH_E_FORMAT, "XML line %ld: <%.40s>, expected text only", xmlGetLineNo(node),
                                (const char *)node->name);
    text = xmlNodeGetContent(node);
    *out = strdup(text ? (const char *)text : "");
    xmlFree(text);
    return *out ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a value of XML");
}

/* An attribute of XML; NULL when absent. Borrowed: xmlGetNoNsProp() would copy. */
static const char *property(const xmlNode *node, const char *name)
{
    for (const xmlAttr *at = node->properties; at; at = at->next)
        if (strcmp((const char *)at->name, name) == 0)
            return !at->children ? "" : at->children->next || !at->children->content ? NULL : (const char *)at->children->content;
    return NULL;
}

/* number="1", "2", ... in their order. */
static kh_status check_number(const xmlNode *node, size_t expected, kh_error *err)
{
    const char *number = property(node, "number");
    char *end;

    if (!number || number[0] < '1' || number[0] > '9' || strtoul(number, &end, 10) != expected || *end != '\0')
        return kh_error_set(err, KH_E_FORMAT, "XML line %ld: <%.40s>, expected number=\"%zu\"", xmlGetLineNo(node),
                            (const char *)node->name, expected);
    return KH_OK;
}

static kh_status unexpected(const xmlNode *node, kh_error *err)
{
    return kh_error_set(err, KH_E_FORMAT, "XML line %ld: <%.40s> is not expected here", xmlGetLineNo(node), (const char *)node->name);
}

/* Elements only; blanks and comments between them are nothing. */
static bool is_nothing(const xmlNode *node)
{
    return node->type == XML_COMMENT_NODE || (node->type == XML_TEXT_NODE && xmlIsBlankNode(node));
}

/* ---- values ---- */

static kh_status put_group(kh_json_writer *json, const char *name, xmlNode *group, kh_error *err)
{
    kh_status status = KH_OK;
    size_t due = 0; /* signs ^ before the next part */
    size_t next = 0;
    kh_buf text;

    kh_buf_init(&text, NAME_BYTES_MAX);
    for (xmlNode *node = group->children; status == KH_OK && node; node = node->next) {
        char *part = NULL;

        if (is_nothing(node))
            continue;
        for (; next < 5 && !is_named(node, parts[next]); next++)
            due++;
        status = next == 5 ? unexpected(node, err) : take_text(&part, node, err);
        for (; status == KH_OK && due > 0; due--)
            status = kh_buf_append_text(&text, "^", err);
        if (status == KH_OK)
            status = kh_buf_append_text(&text, part, err);
        due++;
        next++;
        free(part);
    }
    if (status == KH_OK)
        kh_json_put_text(json, name, kh_buf_text(&text));
    kh_buf_release(&text);
    return status;
}

static kh_status put_name(kh_json_writer *json, xmlNode *name, kh_error *err)
{
    kh_status status = KH_OK;
    size_t next = 0;

    kh_json_object_begin(json);
    for (xmlNode *node = name->children; status == KH_OK && node; node = node->next) {
        if (is_nothing(node))
            continue;
        while (next < 3 && !is_named(node, groups[next]))
            next++;
        status = next == 3 ? unexpected(node, err) : put_group(json, groups[next], node, err);
        next++;
    }
    kh_json_object_end(json);
    return status;
}

static bool vr_in(const char *vr, const char *list)
{
    for (; *list; list += 2)
        if (strncmp(vr, list, 2) == 0)
            return true;
    return false;
}

/* Numbers of binary VRs become numbers of JSON; what is none stays text, which the reader of JSON refuses. */
static void put_number(kh_json_writer *json, const char *vr, const char *text)
{
    bool real = vr_in(vr, "FLFD");
    size_t size = strspn(text, real ? "0123456789+-.eE" : "0123456789+-");
    char *end;
    double value;
    long long whole;

    if (size == 0 || size > 30 || text[size] != '\0') {
        kh_json_text(json, text);
    } else if (real) {
        value = strtod(text, &end);
        if (*end == '\0')
            kh_json_double(json, value);
        else
            kh_json_text(json, text);
    } else {
        whole = strtoll(text, &end, 10);
        if (*end == '\0')
            kh_json_int(json, whole);
        else
            kh_json_text(json, text);
    }
}

static kh_status put_value(kh_json_writer *json, const char *vr, xmlNode *node, kh_error *err)
{
    char *text;
    kh_status status = take_text(&text, node, err);

    if (status == KH_OK && text[0] == '\0')
        kh_json_null(json);
    else if (status == KH_OK && vr_in(vr, "USSSULSLFLFD"))
        put_number(json, vr, text);
    else if (status == KH_OK)
        kh_json_text(json, text);
    free(text);
    return status;
}

static kh_status put_model(kh_json_writer *json, xmlNode *model, unsigned depth, kh_error *err);

/* Value, PersonName or Item, and nothing else, from node on. */
static kh_status put_values(kh_json_writer *json, const char *vr, xmlNode *node, unsigned depth, kh_error *err)
{
    const char *name = strcmp(vr, "SQ") == 0 ? "Item" : strcmp(vr, "PN") == 0 ? "PersonName" : "Value";
    kh_status status = KH_OK;
    size_t number = 1;

    kh_json_key(json, "Value");
    kh_json_array_begin(json);
    for (; status == KH_OK && node; node = node->next) {
        if (is_nothing(node))
            continue;
        status = is_named(node, name) ? check_number(node, number++, err) : unexpected(node, err);
        if (status != KH_OK)
            break;
        status = name[0] == 'I'   ? put_model(json, node, depth + 1, err)
                 : name[0] == 'P' ? put_name(json, node, err)
                                  : put_value(json, vr, node, err);
    }
    kh_json_array_end(json);
    return status;
}

/* ---- attributes ---- */

/* InlineBinary or BulkData, alone. */
static kh_status put_bytes(kh_json_writer *json, xmlNode *node, kh_error *err)
{
    const char *uri = property(node, "uri");
    char *text = NULL;
    kh_status status = KH_OK;

    for (const xmlNode *next = node->next; next; next = next->next)
        if (!is_nothing(next))
            return unexpected(next, err);
    if (is_named(node, "BulkData")) {
        if (!uri)
            return kh_error_set(err, KH_E_FORMAT, "XML line %ld: <BulkData>, expected uri", xmlGetLineNo(node));
        kh_json_put_text(json, "BulkDataURI", uri);
        return KH_OK;
    }
    status = take_text(&text, node, err);
    if (status == KH_OK)
        kh_json_put_text(json, "InlineBinary", text);
    free(text);
    return status;
}

static kh_status put_attribute(kh_json_writer *json, xmlNode *node, unsigned depth, kh_error *err)
{
    const char *tag = property(node, "tag"), *vr = property(node, "vr");
    xmlNode *first = node->children;
    kh_status status = KH_OK;

    if (!tag || strlen(tag) != 8 || !vr || strlen(vr) != 2)
        return kh_error_set(err, KH_E_FORMAT, "XML line %ld: <DicomAttribute>, expected tag and vr", xmlGetLineNo(node));
    while (first && is_nothing(first))
        first = first->next;
    kh_json_key(json, tag);
    kh_json_object_begin(json);
    kh_json_put_text(json, "vr", vr);
    if (first && (is_named(first, "InlineBinary") || is_named(first, "BulkData")))
        status = put_bytes(json, first, err);
    else if (first)
        status = put_values(json, vr, first, depth, err);
    kh_json_object_end(json);
    return status;
}

static kh_status put_model(kh_json_writer *json, xmlNode *model, unsigned depth, kh_error *err)
{
    kh_status status = KH_OK;

    if (depth > DEPTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, "XML: nested deeper than %d sequences", DEPTH_MAX);
    kh_json_object_begin(json);
    for (xmlNode *node = model->children; status == KH_OK && node; node = node->next)
        if (!is_nothing(node))
            status = is_named(node, "DicomAttribute") ? put_attribute(json, node, depth, err) : unexpected(node, err);
    kh_json_object_end(json);
    return status;
}

/* ---- the document ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* libxml2 is made ready before threads use it. */
static void make_ready(void)
{
    xmlInitParser();
}

/* Declarations of a DTD, also where they are only text: nobody writes that. */
static bool has_dtd(const char *xml, size_t size)
{
    return memmem(xml, size, "<!DOCTYPE", 9) || memmem(xml, size, "<!ENTITY", 8);
}

kh_status kh_native_xml_read(kh_buf *out, const char *xml, size_t size, size_t max_size, kh_error *err)
{
    const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
    kh_json_writer json;
    xmlDoc *document;
    xmlNode *root;
    kh_status status;

    if (size > max_size || size > INT32_MAX)
        return kh_error_set(err, KH_E_LIMIT, "XML of %zu bytes, limit %zu", size, max_size);
    if (has_dtd(xml, size))
        return kh_error_set(err, KH_E_FORMAT, "XML with a document type declaration, expected none");
    pthread_once(&once, make_ready);
    document = xmlReadMemory(xml, (int)size, NULL, "UTF-8", options);
    if (!document)
        return kh_error_set(err, KH_E_FORMAT, "XML that is not well-formed UTF-8, or nested too deep");
    root = xmlDocGetRootElement(document);
    kh_json_writer_init(&json, out);
    if (document->intSubset || document->extSubset || !root || !is_named(root, "NativeDicomModel"))
        status = kh_error_set(err, KH_E_FORMAT, "XML, expected <NativeDicomModel>");
    else
        status = put_model(&json, root, 0, err);
    xmlFreeDoc(document);
    return status == KH_OK ? kh_json_writer_status(&json, err) : status;
}
