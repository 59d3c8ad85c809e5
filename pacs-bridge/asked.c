#include "pacs-bridge/asked.h"

#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/shim/user.h"
#include "dicom/text.h"

#define TAG_RETRIEVE_AE_TITLE KH_TAG(0x0008, 0x0054)
#define PATIENT_ROOT "1.2.840.10008.5.1.4.1.2.1."
#define ELEMENTS_MAX 4096
#define VALUES_MAX (4 * KH_IDENTIFIER_BYTES_MAX) /* as UTF-8 */

static const char *const levels[] = {"PATIENT", "STUDY", "SERIES", "IMAGE"};

const char *kh_level_text(kh_level level)
{
    return levels[level];
}

const char *kh_asked_level_text(const kh_asked *asked)
{
    return asked->has_level ? kh_level_text(asked->level) : "-";
}

static kh_status read_level(kh_asked *asked, const kh_item *item, bool patient_root, kh_error *why)
{
    char text[17] = "";

    (void)kh_item_string(item, KH_TAG_QUERY_RETRIEVE_LEVEL, 0, text, sizeof(text));
    for (size_t i = patient_root ? 0 : 1; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(text, levels[i]) == 0) {
            asked->level = (kh_level)i;
            asked->has_level = true;
            return KH_OK;
        }
    return kh_error_set(why, KH_E_FORMAT, "(0008,0052) is none of %sSTUDY SERIES IMAGE", patient_root ? "PATIENT " : "");
}

static bool is_text(kh_vr vr)
{
    return vr == KH_VR('L', 'O') || vr == KH_VR('S', 'H') || vr == KH_VR('P', 'N');
}

/* The whole value as UTF-8, NUL behind it; values stands for offsets until all are there. */
static kh_status append_value(kh_asked *asked, const kh_item *item, const kh_element *element, kh_vr vr, size_t *at, kh_error *why)
{
    size_t size = element->value ? (size_t)element->length : 0;
    kh_status status;

    *at = asked->values.size;
    if (element->length > 0 && !element->value)
        return kh_error_set(why, KH_E_LIMIT, "key (%04X,%04X) is too long", KH_TAG_ARGS(element->tag));
    while (size > 0 && (element->value[size - 1] == '\0' || element->value[size - 1] == ' '))
        size--;
    if (size > 0 && memchr(element->value, '\0', size))
        return kh_error_set(why, KH_E_FORMAT, "NUL in key (%04X,%04X)", KH_TAG_ARGS(element->tag));
    if (is_text(vr))
        status = kh_text_to_utf8(&asked->values, element->value, size, kh_item_charset(item), vr == KH_VR('P', 'N'), why);
    else
        status = kh_buf_append(&asked->values, element->value, size, why);
    return status == KH_OK ? kh_buf_append(&asked->values, "", 1, why) : status;
}

/* What stands in every identifier and is no key. */
static bool is_frame(kh_tag tag)
{
    return KH_TAG_ELEMENT(tag) == 0 || tag == KH_TAG_SPECIFIC_CHARACTER_SET || tag == KH_TAG_QUERY_RETRIEVE_LEVEL;
}

static kh_status read_keys(kh_asked *asked, const kh_item *item, kh_error *why)
{
    size_t at[KH_SEARCH_KEYS_MAX], count = kh_item_element_count(item);
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < count; i++) {
        const kh_element *element = kh_item_element(item, i);
        const kh_search_attribute *attribute = kh_search_attribute_find(element->tag);

        asked->wants_retrieve_ae = asked->wants_retrieve_ae || element->tag == TAG_RETRIEVE_AE_TITLE;
        if (is_frame(element->tag) || element->tag == TAG_RETRIEVE_AE_TITLE)
            continue;
        if (!attribute || attribute->level > asked->level) {
            asked->unsupported = true;
            continue;
        }
        if (asked->key_count == KH_SEARCH_KEYS_MAX)
            return kh_error_set(why, KH_E_LIMIT, "more than %d keys", KH_SEARCH_KEYS_MAX);
        asked->keys[asked->key_count].tag = element->tag;
        status = append_value(asked, item, element, attribute->vr, &at[asked->key_count++], why);
    }
    for (size_t i = 0; status == KH_OK && i < asked->key_count; i++)
        asked->keys[i].value = (const char *)asked->values.data + at[i];
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    kh_tag left = ((const kh_search_key *)a)->tag, right = ((const kh_search_key *)b)->tag;

    return (left > right) - (left < right);
}

static kh_status sort_keys(kh_asked *asked, kh_error *why)
{
    if (asked->key_count > 0)
        qsort(asked->keys, asked->key_count, sizeof(asked->keys[0]), compare_keys);
    for (size_t i = 1; i < asked->key_count; i++)
        if (asked->keys[i].tag == asked->keys[i - 1].tag)
            return kh_error_set(why, KH_E_FORMAT, "key (%04X,%04X) stands there twice", KH_TAG_ARGS(asked->keys[i].tag));
    return KH_OK;
}

/* PS3.4 C.4.1.2.1: without relational queries each level above needs its unique key, with one value. */
static kh_status check_hierarchy(const kh_asked *asked, bool patient_root, kh_error *why)
{
    for (int level = patient_root ? KH_LEVEL_PATIENT : KH_LEVEL_STUDY; level < (int)asked->level && !asked->relational; level++) {
        const kh_search_attribute *unique = kh_search_unique((kh_level)level);
        bool single = false;

        for (size_t i = 0; i < asked->key_count; i++)
            if (asked->keys[i].tag == unique->tag)
                single = kh_search_is_single(unique, asked->keys[i].value);
        if (!single)
            return kh_error_set(why, KH_E_FORMAT, "%s must have one value, or negotiate relational", kh_dictionary_keyword(unique->tag));
    }
    return KH_OK;
}

static kh_status parse(kh_asked *asked, const kh_buf *bytes, const kh_context *context, kh_error *why)
{
    bool patient_root = strncmp(context->abstract_syntax, PATIENT_ROOT, strlen(PATIENT_ROOT)) == 0;
    kh_dataset_limits limits = kh_dataset_limits_default;
    kh_dataset *dataset = NULL;
    const kh_item *item;
    kh_source source;
    kh_status status;

    limits.elements = ELEMENTS_MAX;
    kh_source_init_memory(&source, bytes->data, bytes->size);
    status = kh_dataset_read(&dataset, &source, context->transfer_syntax, &limits, why);
    if (status != KH_OK)
        return status;
    item = kh_dataset_main(dataset);
    memcpy(asked->charset, kh_item_charset(item), strnlen(kh_item_charset(item), KH_CHARSET_SIZE - 1));
    status = read_level(asked, item, patient_root, why);
    if (status == KH_OK)
        status = read_keys(asked, item, why);
    if (status == KH_OK)
        status = sort_keys(asked, why);
    if (status == KH_OK)
        status = check_hierarchy(asked, patient_root, why);
    kh_dataset_free(dataset);
    return status;
}

kh_status kh_asked_receive(kh_asked *out, kh_assoc *assoc, const kh_context *context, uint16_t *refused, kh_error *why, kh_error *err)
{
    kh_status told = KH_OK, status;
    kh_buf bytes;

    memset(out, 0, sizeof(*out));
    *refused = 0;
    kh_buf_init(&out->values, VALUES_MAX);
    kh_buf_init(&bytes, KH_IDENTIFIER_BYTES_MAX);
    out->relational = kh_assoc_is_relational(assoc, context->abstract_syntax);
    status = kh_assoc_receive_data(assoc, context->id, kh_data_sink_buf, &bytes, &told, why, err);
    if (status == KH_OK && told == KH_OK)
        told = parse(out, &bytes, context, why);
    kh_buf_release(&bytes);
    if (told == KH_E_MEMORY || told == KH_E_LIMIT)
        *refused = told == KH_E_MEMORY ? KH_DIMSE_OUT_OF_RESOURCES : KH_DIMSE_CANNOT_UNDERSTAND;
    else if (told != KH_OK)
        *refused = KH_DIMSE_CLASS_MISMATCH;
    return status;
}

void kh_asked_release(kh_asked *asked)
{
    kh_buf_release(&asked->values);
}
