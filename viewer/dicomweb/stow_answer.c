#include "viewer/dicomweb/stow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/native_xml.h"

#define ANSWER_BYTES_MAX (32u << 20)
#define ADDRESS_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 3 * KH_UID_SIZE + 32)

void kh_stow_results_release(kh_stow_results *results)
{
    free(results->objects);
    results->objects = NULL;
    results->count = results->capacity = 0;
}

kh_status kh_stow_results_add(kh_stow_results *results, const kh_stow_object *object, kh_error *err)
{
    if (results->count == results->capacity) {
        size_t capacity = results->capacity ? 2 * results->capacity : 16;
        kh_stow_object *objects = realloc(results->objects, capacity * sizeof *objects);

        if (!objects)
            return kh_error_set(err, KH_E_MEMORY, "no memory for the results of %zu objects", capacity);
        results->objects = objects;
        results->capacity = capacity;
    }
    results->objects[results->count++] = *object;
    results->failed_count += object->failure != 0;
    results->warning_count += object->warning != 0;
    return KH_OK;
}

static void begin_attribute(kh_json_writer *json, const char *tag, const char *vr)
{
    kh_json_key(json, tag);
    kh_json_object_begin(json);
    kh_json_put_text(json, "vr", vr);
    kh_json_key(json, "Value");
    kh_json_array_begin(json);
}

static void end_attribute(kh_json_writer *json)
{
    kh_json_array_end(json);
    kh_json_object_end(json);
}

static void put_text(kh_json_writer *json, const char *tag, const char *vr, const char *value)
{
    begin_attribute(json, tag, vr);
    kh_json_text(json, value);
    end_attribute(json);
}

static void put_reason(kh_json_writer *json, const char *tag, unsigned reason)
{
    begin_attribute(json, tag, "US");
    kh_json_int(json, reason);
    end_attribute(json);
}

static void put_study_address(kh_json_writer *json, const char *address, const char *study_uid)
{
    char text[ADDRESS_SIZE];

    snprintf(text, sizeof text, "%s/studies/%s", address, study_uid);
    put_text(json, "00081190", "UR", text);
}

static void put_object_address(kh_json_writer *json, const char *address, const kh_stow_object *object)
{
    char text[ADDRESS_SIZE];

    snprintf(text, sizeof text, "%s/studies/%s/series/%s/instances/%s", address, object->study_uid, object->series_uid,
             object->sop_instance_uid);
    put_text(json, "00081190", "UR", text);
}

/* An object that could not be read that far has no UIDs to be named by. */
static bool is_nameless(const kh_stow_object *object)
{
    return object->sop_class_uid[0] == '\0' || object->sop_instance_uid[0] == '\0';
}

static void put_item(kh_json_writer *json, const char *address, const kh_stow_object *object)
{
    kh_json_object_begin(json);
    if (!is_nameless(object)) {
        put_text(json, "00081150", "UI", object->sop_class_uid);
        put_text(json, "00081155", "UI", object->sop_instance_uid);
    }
    if (object->failure == 0)
        put_object_address(json, address, object);
    if (object->warning)
        put_reason(json, "00081196", object->warning);
    if (object->failure)
        put_reason(json, "00081197", object->failure);
    kh_json_object_end(json);
}

typedef enum kind { STORED, FAILED, OTHERS } kind;

static kind kind_of(const kh_stow_object *object)
{
    return object->failure == 0 ? STORED : is_nameless(object) ? OTHERS : FAILED;
}

static void put_sequence(kh_json_writer *json, const kh_stow_results *results, const char *tag, kind wanted)
{
    bool begun = false;

    for (size_t i = 0; i < results->count; i++) {
        if (kind_of(&results->objects[i]) != wanted)
            continue;
        if (!begun)
            begin_attribute(json, tag, "SQ");
        begun = true;
        put_item(json, results->address, &results->objects[i]);
    }
    if (begun)
        end_attribute(json);
}

/* PS3.18 table 10.5.3-1: 200 for all, 409 for none, 202 for what lies between. */
static unsigned code_of(const kh_stow_results *results)
{
    if (results->failed_count == results->count)
        return 409;
    return results->failed_count > 0 || results->warning_count > 0 ? 202 : 200;
}

/* The study whose address the answer gives: that of the request, or the one that all stored objects are of. */
static const char *common_study(const kh_stow_results *results, const char *study_uid)
{
    const char *common = study_uid[0] ? study_uid : NULL;

    for (size_t i = 0; !study_uid[0] && i < results->count; i++) {
        if (results->objects[i].failure)
            continue;
        if (common && strcmp(common, results->objects[i].study_uid) != 0)
            return NULL;
        common = results->objects[i].study_uid;
    }
    return common;
}

static kh_status write_module(kh_buf *out, const kh_stow_results *results, const char *study, kh_error *err)
{
    kh_json_writer json;

    kh_json_writer_init(&json, out);
    kh_json_object_begin(&json);
    if (study)
        put_study_address(&json, results->address, study);
    put_sequence(&json, results, "00081198", FAILED);
    put_sequence(&json, results, "00081199", STORED);
    put_sequence(&json, results, "0008119A", OTHERS);
    kh_json_object_end(&json);
    return kh_json_writer_status(&json, err);
}

static kh_status write_xml(kh_buf *out, const kh_buf *text, kh_error *err)
{
    kh_json *json = NULL;
    kh_status status = kh_json_parse(&json, kh_buf_text(text), text->size, ANSWER_BYTES_MAX, err);

    if (status == KH_OK)
        status = kh_native_xml_write(out, json, err);
    kh_json_free(json);
    return status;
}

void kh_stow_results_answer(const kh_stow_results *results, const char *study_uid, bool xml, kh_http_request *request)
{
    const char *study = results->failed_count < results->count ? common_study(results, study_uid) : NULL;
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    kh_buf text, told;

    kh_buf_init(&text, ANSWER_BYTES_MAX);
    kh_buf_init(&told, ANSWER_BYTES_MAX);
    status = write_module(&text, results, study, &err);
    if (status == KH_OK && xml)
        status = write_xml(&told, &text, &err);
    if (status == KH_OK) {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, code_of(results), xml ? "application/dicom+xml" : "application/dicom+json", xml ? told.data : text.data,
                       xml ? told.size : text.size);
    } else {
        kh_http_answer_error(request, &err);
    }
    kh_buf_release(&text);
    kh_buf_release(&told);
}
