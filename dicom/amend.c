/* amend.c - which attributes change, how they are written, and the file with them in it. */
#include "dicom/amend_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/element_header.h"
#include "dicom/writer.h"

#define VALUE_BYTES_MAX 1024 /* of one attribute as UTF-8 */

/* --- which differ --- */

/* As amendments are written: a name with all its groups, without what is empty at its end. */
static void present_value(const kh_item *main, kh_tag tag, kh_vr vr, char out[VALUE_BYTES_MAX])
{
    kh_person_name name;
    size_t size;

    if (vr != KH_VR('P', 'N')) {
        kh_item_text(main, tag, 0, out, VALUE_BYTES_MAX);
        return;
    }
    kh_item_person_name(main, tag, &name);
    snprintf(out, VALUE_BYTES_MAX, "%s=%s=%s", name.alphabetic, name.ideographic, name.phonetic);
    for (size = strlen(out); size > 0 && out[size - 1] == '='; size--)
        out[size - 1] = '\0';
}

static kh_status check(const kh_amendment *amendment, kh_error *err)
{
    if (KH_TAG_GROUP(amendment->tag) < 0x0008 || amendment->tag == KH_TAG_SPECIFIC_CHARACTER_SET ||
        amendment->tag == KH_TAG_ORIGINAL_ATTRIBUTES)
        return kh_error_set(err, KH_E_ARG, "(%04X,%04X) cannot be amended", KH_TAG_ARGS(amendment->tag));
    if (strlen(amendment->utf8) >= VALUE_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "(%04X,%04X) a value of %zu bytes, expected at most %d", KH_TAG_ARGS(amendment->tag),
                            strlen(amendment->utf8), VALUE_BYTES_MAX - 1);
    return KH_OK;
}

static bool differs(const kh_amended *amended, const kh_amendment *amendment)
{
    char present[VALUE_BYTES_MAX];

    present_value(kh_dataset_main(amended->dataset), amendment->tag, amendment->vr, present);
    return strcmp(present, amendment->utf8) != 0;
}

static bool applies(const kh_amended *amended, const kh_amendment *amendments, size_t count, const kh_amendment *one)
{
    if (!differs(amended, one))
        return false;
    for (size_t i = 0; i < count && one->only_with != 0; i++)
        if (amendments[i].tag == one->only_with)
            return differs(amended, &amendments[i]);
    return true;
}

static void insert_edit(kh_amended *amended, const kh_edit *added)
{
    unsigned at = amended->edit_count++;

    for (; at > 0 && amended->edits[at - 1].tag > added->tag; at--)
        amended->edits[at] = amended->edits[at - 1];
    amended->edits[at] = *added;
}

static kh_status note_edits(kh_amended *amended, const kh_amendment *amendments, size_t count, kh_error *err)
{
    const kh_item *main = kh_dataset_main(amended->dataset);
    kh_status status = KH_OK;

    if (count > KH_AMENDMENTS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "%zu amendments, expected at most %d", count, KH_AMENDMENTS_MAX);
    for (size_t i = 0; i < count && status == KH_OK; i++) {
        const kh_amendment *one = &amendments[i];

        status = check(one, err);
        if (status != KH_OK)
            break;
        if (applies(amended, amendments, count, one))
            insert_edit(amended, &(kh_edit){.tag = one->tag, .vr = one->vr, .utf8 = one->utf8, .element = kh_item_find(main, one->tag)});
    }
    return status;
}

/* --- the character set --- */

static bool can_write_all(const kh_amended *amended, const char *charset, kh_error *err)
{
    bool good = true;
    kh_buf text;

    kh_buf_init(&text, KH_AMEND_BYTES_MAX);
    for (unsigned i = 0; i < amended->edit_count && good; i++) {
        good = kh_text_from_utf8(&text, amended->edits[i].utf8, charset, amended->edits[i].vr == KH_VR('P', 'N'), err) == KH_OK;
        if (!good)
            kh_error_prefix(err, "(%04X,%04X)", KH_TAG_ARGS(amended->edits[i].tag));
    }
    kh_buf_release(&text);
    return good;
}

/* The declared sets with one more; value 1 becomes the term for code extensions (PS3.3 C.12.1.1.2). False when it does not fit. */
static bool extend(char out[KH_CHARSET_SIZE], const char *declared, const char *extension)
{
    const char *first_end = declared + strcspn(declared, "\\"), *term = declared;
    const char *prefix = "";
    size_t term_size = (size_t)(first_end - declared);
    int size;

    if (strncmp(declared, "ISO_IR ", 7) == 0) {
        prefix = "ISO 2022 IR ";
        term += 7;
        term_size -= 7;
    }
    size = snprintf(out, KH_CHARSET_SIZE, "%s%.*s%s\\%s", prefix, (int)term_size, term, first_end, extension);
    return size > 0 && size < KH_CHARSET_SIZE;
}

static kh_status choose_charset(kh_amended *amended, kh_error *err)
{
    static const char *const extensions[] = {"ISO 2022 IR 87", "ISO 2022 IR 87\\ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58"};
    const kh_item *main = kh_dataset_main(amended->dataset);
    const char *declared = kh_item_charset(main);
    kh_error why = KH_ERROR_INIT;

    if (strlen(declared) >= sizeof(amended->charset))
        return kh_error_set(err, KH_E_LIMIT, "Specific Character Set (0008,0005) of %zu bytes", strlen(declared));
    snprintf(amended->charset, sizeof(amended->charset), "%s", declared);
    if (can_write_all(amended, declared, &why))
        return KH_OK;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        if (!extend(amended->charset, declared, extensions[i]) || !can_write_all(amended, amended->charset, NULL))
            continue;
        insert_edit(amended, &(kh_edit){.tag = KH_TAG_SPECIFIC_CHARACTER_SET,
                                     .vr = KH_VR('C', 'S'),
                                     .utf8 = amended->charset,
                                     .element = kh_item_find(main, KH_TAG_SPECIFIC_CHARACTER_SET)});
        return KH_OK;
    }
    return kh_error_set(err, why.status, "%s", why.message);
}

/* --- where elements stand --- */

/* The header's first byte: 8 or 12 bytes before the value, wherever the tag stands. */
static kh_status element_begin(const kh_amended *amended, const kh_element *element, uint64_t *begin, kh_error *err)
{
    uint8_t bytes[4], wanted[4];

    kh_amend_put(wanted, KH_TAG_GROUP(element->tag), 2, amended->big_endian);
    kh_amend_put(wanted + 2, KH_TAG_ELEMENT(element->tag), 2, amended->big_endian);
    for (uint64_t size = 8; size <= 12; size += 4) {
        if (element->offset < amended->base_main + size)
            break;
        *begin = element->offset - size;
        kh_status status = amended->splice.base->read_at(amended->splice.base, *begin, bytes, sizeof(bytes), err);
        if (status != KH_OK)
            return status;
        if (memcmp(bytes, wanted, sizeof(bytes)) == 0)
            return KH_OK;
    }
    return kh_error_set(err, KH_E_FORMAT, "(%04X,%04X) its header is not where it was read", KH_TAG_ARGS(element->tag));
}

static uint64_t element_end(const kh_element *element)
{
    return element->offset + element->length + (element->undefined_length ? 8 : 0);
}

static kh_status locate(kh_amended *amended, kh_error *err)
{
    kh_status status = KH_OK;

    for (unsigned i = 0; i < amended->edit_count && status == KH_OK; i++) {
        kh_edit *one = &amended->edits[i];

        if (!one->element)
            continue;
        status = element_begin(amended, one->element, &one->begin, err);
        one->end = element_end(one->element);
    }
    return status;
}

/* --- the whole --- */

static kh_status add_edit(kh_amended *amended, const kh_edit *one, kh_error *err)
{
    kh_status status;
    kh_buf bytes;

    kh_buf_init(&bytes, KH_AMEND_BYTES_MAX);
    status = kh_amend_element(amended, &bytes, one, err);
    if (status == KH_OK)
        status = kh_splice_own(&amended->splice, bytes.data, bytes.size, err);
    kh_buf_release(&bytes);
    return status;
}

/* Walking the file's elements: what was copied, which edit is next, whether the sequence is written. */
typedef struct walk {
    uint64_t copied; /* everything of the base before this is in the splice, or left out */
    unsigned next;
    bool told;
} walk;

/* What stands before the element with this tag. */
static kh_status add_due(kh_amended *amended, walk *at, kh_tag before, const kh_amend_note *note, kh_error *err)
{
    kh_status status = KH_OK;

    for (; status == KH_OK && at->next < amended->edit_count && amended->edits[at->next].tag < before &&
           amended->edits[at->next].tag < KH_TAG_ORIGINAL_ATTRIBUTES;
         at->next++)
        status = add_edit(amended, &amended->edits[at->next], err);
    if (status == KH_OK && !at->told && KH_TAG_ORIGINAL_ATTRIBUTES < before) {
        at->told = true;
        status = kh_amend_original(amended, NULL, note, err);
    }
    for (; status == KH_OK && at->next < amended->edit_count && amended->edits[at->next].tag < before; at->next++)
        status = add_edit(amended, &amended->edits[at->next], err);
    return status;
}

/* Retired group lengths (PS3.5 7.2) would be wrong where something changed. */
static bool is_stale_length(const kh_amended *amended, kh_tag tag)
{
    if (KH_TAG_ELEMENT(tag) != 0)
        return false;
    for (unsigned i = 0; i < amended->edit_count; i++)
        if (KH_TAG_GROUP(amended->edits[i].tag) == KH_TAG_GROUP(tag))
            return true;
    return KH_TAG_GROUP(tag) == KH_TAG_GROUP(KH_TAG_ORIGINAL_ATTRIBUTES);
}

static bool is_edited(const kh_amended *amended, const walk *at, kh_tag tag)
{
    return at->next < amended->edit_count && amended->edits[at->next].tag == tag;
}

static kh_status take_element(kh_amended *amended, walk *at, const kh_element *element, const kh_amend_note *note, kh_error *err)
{
    bool leave = is_stale_length(amended, element->tag), edited, original;
    uint64_t begin;
    kh_status status;

    edited = element->tag >= KH_TAG_ORIGINAL_ATTRIBUTES && !at->told;
    if (!leave && !edited && !(at->next < amended->edit_count && amended->edits[at->next].tag <= element->tag))
        return KH_OK; /* goes along with what follows */
    status = element_begin(amended, element, &begin, err);
    if (status == KH_OK)
        status = kh_splice_base(&amended->splice, at->copied, begin - at->copied, err);
    if (status != KH_OK)
        return status;
    at->copied = begin;
    status = add_due(amended, at, element->tag, note, err);
    original = element->tag == KH_TAG_ORIGINAL_ATTRIBUTES && !at->told;
    edited = is_edited(amended, at, element->tag);
    if (status == KH_OK && original) {
        at->told = true;
        status = kh_amend_original(amended, element, note, err);
    } else if (status == KH_OK && edited) {
        status = add_edit(amended, &amended->edits[at->next++], err);
    }
    if (leave || original || edited)
        at->copied = element_end(element);
    return status;
}

static kh_status build(kh_amended *amended, const kh_amend_note *note, kh_error *err)
{
    const kh_item *main = kh_dataset_main(amended->dataset);
    walk at = {.copied = amended->base_main, .told = amended->edit_count == 0};
    kh_status status = KH_OK;

    for (size_t i = 0; i < kh_item_element_count(main) && status == KH_OK; i++)
        status = take_element(amended, &at, kh_item_element(main, i), note, err);
    if (status == KH_OK && (at.next < amended->edit_count || !at.told)) {
        status = kh_splice_base(&amended->splice, at.copied, amended->splice.base->size - at.copied, err);
        at.copied = amended->splice.base->size;
        if (status == KH_OK)
            status = add_due(amended, &at, UINT32_MAX, note, err);
    }
    if (status == KH_OK)
        status = kh_splice_base(&amended->splice, at.copied, amended->splice.base->size - at.copied, err);
    return status;
}

/* What is before the data set: the file's own, or a header for what a deflated one becomes. */
static kh_status begin(kh_amended *amended, const kh_source *file, kh_error *err)
{
    const char *syntax_uid = kh_dataset_transfer_syntax(amended->dataset);
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(syntax_uid);
    const kh_item *main = kh_dataset_main(amended->dataset);
    char sop_class[KH_UID_SIZE] = "", sop_instance[KH_UID_SIZE] = "";
    size_t inflated_size;
    const uint8_t *inflated = kh_dataset_inflated(amended->dataset, &inflated_size);
    kh_status status;
    kh_buf header;

    amended->explicit_vr = !syntax || syntax->explicit_vr;
    amended->big_endian = syntax && syntax->big_endian;
    snprintf(amended->transfer_syntax, sizeof(amended->transfer_syntax), "%s", inflated ? KH_TS_EXPLICIT_LE : syntax_uid);
    if (!inflated) {
        kh_splice_init(&amended->splice, file, KH_AMEND_BYTES_MAX);
        amended->base_main = amended->main_offset = kh_dataset_main_offset(amended->dataset);
        return kh_splice_base(&amended->splice, 0, amended->base_main, err);
    }
    kh_source_init_memory(&amended->inflated, inflated, inflated_size);
    kh_splice_init(&amended->splice, &amended->inflated, KH_AMEND_BYTES_MAX);
    (void)kh_item_string(main, KH_TAG_SOP_CLASS_UID, 0, sop_class, sizeof(sop_class));
    (void)kh_item_string(main, KH_TAG_SOP_INSTANCE_UID, 0, sop_instance, sizeof(sop_instance));
    kh_buf_init(&header, KH_AMEND_BYTES_MAX);
    status = kh_part10_header(&header, sop_class, sop_instance, KH_TS_EXPLICIT_LE, "", err);
    amended->main_offset = header.size;
    if (status == KH_OK)
        status = kh_splice_own(&amended->splice, header.data, header.size, err);
    kh_buf_release(&header);
    return status;
}

kh_status kh_amended_open(kh_amended **out, const kh_source *file, const kh_amendment *amendments, size_t count, const kh_amend_note *note,
                          kh_error *err)
{
    kh_amended *amended = calloc(1, sizeof(*amended));
    kh_status status;

    *out = NULL;
    if (!amended)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an amended object");
    status = kh_dataset_read_file(&amended->dataset, file, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = begin(amended, file, err);
    if (status == KH_OK)
        status = note_edits(amended, amendments, count, err);
    if (status == KH_OK)
        status = choose_charset(amended, err);
    if (status == KH_OK)
        status = locate(amended, err);
    if (status == KH_OK)
        status = build(amended, note, err);
    if (status != KH_OK) {
        kh_amended_free(amended);
        return status;
    }
    *out = amended;
    return KH_OK;
}

void kh_amended_free(kh_amended *amended)
{
    if (!amended)
        return;
    kh_splice_release(&amended->splice);
    kh_dataset_free(amended->dataset);
    free(amended);
}

const kh_source *kh_amended_source(const kh_amended *amended)
{
    return &amended->splice.source;
}

uint64_t kh_amended_main_offset(const kh_amended *amended)
{
    return amended->main_offset;
}

const char *kh_amended_transfer_syntax(const kh_amended *amended)
{
    return amended->transfer_syntax;
}

unsigned kh_amended_count(const kh_amended *amended)
{
    return amended->edit_count;
}
