/* UIDs, the tables of transfer syntaxes and SOP classes, the dictionary. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/syntax.h"

#define DIGITS_10 "1234567890"
#define UID_64 "1." DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 "12"

static void test_uids(void **state)
{
    static const struct {
        const char *name, *uid;
        bool valid, plausible;
    } rows[] = {
        {"plain", "1.2.840.10008.1.2", true, true},
        {"one component", "1", true, true},
        {"zero component", "1.0.3", true, true},
        {"leading zero", "1.02.3", false, true},
        {"only zero", "0", true, true},
        {"empty", "", false, false},
        {"dot first", ".1", false, true},
        {"dot last", "1.", false, true},
        {"two dots", "1..2", false, true},
        {"dots alone", "..", false, false},
        {"one dot", ".", false, false},
        {"letter", "1.2a", false, false},
        {"blank", "1.2 ", false, false},
        {"slash", "../1", false, false},
        {"control character", "1.2\n", false, false},
        {"64 characters", UID_64, true, true},
        {"65 characters", UID_64 "3", false, false},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        if (kh_uid_valid(rows[i].uid) != rows[i].valid || kh_uid_plausible(rows[i].uid) != rows[i].plausible)
            fail_msg("%s: valid %d, plausible %d", rows[i].name, kh_uid_valid(rows[i].uid), kh_uid_plausible(rows[i].uid));
    }
}

/* RELIABILITY S15: only digits and dots, 64 at most, whatever stands where in it. Every byte at every place, and 5,000 made of pieces that
 * mean something to a path, a shell, a query or a page. */
static void test_hostile_uids(void **state)
{
    static const char *const pieces[] = {"../",
                                         "..\\",
                                         "/",
                                         "/etc/passwd",
                                         "\\",
                                         "%2e%2e%2f",
                                         "%00",
                                         "\xe2\x80\xae",
                                         "\xef\xbc\x91",
                                         "\xc0\xae",
                                         " ",
                                         "\t",
                                         "\r\n",
                                         "'",
                                         "\"",
                                         ";",
                                         "|",
                                         "`id`",
                                         "$(id)",
                                         "<b>",
                                         "*",
                                         "?",
                                         "~",
                                         "-1",
                                         "+",
                                         "0x1",
                                         "1e3",
                                         ",",
                                         "\x7f",
                                         "\x80",
                                         "\xff",
                                         "a",
                                         "A",
                                         "_",
                                         "1.2.840.10008.1.2",
                                         DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10 DIGITS_10,
                                         "..",
                                         ".",
                                         "0",
                                         "7.7"};
    uint64_t random = 20261121;
    char uid[600];
    int hostile = 0;
    (void)state;

    for (size_t at = 0; at < 17; at++)
        for (int byte = 1; byte < 256; byte++) {
            memcpy(uid, "1.2.840.10008.1.2", 18);
            uid[at] = (char)byte;
            if (kh_uid_plausible(uid) != ((byte >= '0' && byte <= '9') || byte == '.'))
                fail_msg("byte 0x%02x at %zu", (unsigned)byte, at);
        }
    for (int made = 0; hostile < 5000; made++) {
        size_t used = 0;
        bool expected;

        assert_true(made < 50000);
        for (int i = 0; i < 4; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            used += (size_t)snprintf(uid + used, sizeof uid - used, "%s%s", i == 0 && random >> 63 ? "1.2.3." : "",
                                     pieces[(random >> 33) % KH_COUNT(pieces)]);
        }
        expected = used >= 1 && used <= 64 && strspn(uid, "0123456789.") == used && strspn(uid, ".") < used;
        if (kh_uid_plausible(uid) != expected)
            fail_msg("number %d of %zu bytes: expected %d", made, used, expected);
        hostile += !expected;
    }
}

static void test_transfer_syntaxes(void **state)
{
    size_t count;
    const kh_transfer_syntax *table = kh_transfer_syntax_table(&count);
    (void)state;

    assert_true(count >= 40);
    for (size_t i = 0; i < count; i++) {
        assert_true(kh_uid_valid(table[i].uid));
        assert_ptr_equal(kh_transfer_syntax_find(table[i].uid), &table[i]); /* no duplicates */
        /* Only the default syntax is implicit, only one is big endian; what is encapsulated is explicit little endian.
         */
        assert_int_equal(table[i].explicit_vr, strcmp(table[i].uid, KH_TS_IMPLICIT_LE) != 0);
        assert_int_equal(table[i].big_endian, strcmp(table[i].uid, KH_TS_EXPLICIT_BE) == 0);
    }
    assert_true(kh_transfer_syntax_find(KH_TS_DEFLATED_LE)->deflated);
    assert_int_equal(kh_transfer_syntax_find(KH_TS_RLE)->codec, KH_CODEC_RLE);
    assert_true(kh_transfer_syntax_find(KH_TS_JPEG_BASELINE)->lossy);
    assert_false(kh_transfer_syntax_find(KH_TS_JPEG_LOSSLESS_SV1)->lossy);
    assert_null(kh_transfer_syntax_find("1.2.840.10008.1.2.99"));
    assert_null(kh_transfer_syntax_find(""));
}

static void test_sop_classes(void **state)
{
    static const struct {
        const char *name, *uid;
        bool storage, has_pixels;
    } rows[] = {
        {"CT", KH_SOP_CT_IMAGE, true, true},
        {"Enhanced MR", "1.2.840.10008.5.1.4.1.1.4.1", true, true},
        {"Secondary Capture", "1.2.840.10008.5.1.4.1.1.7", true, true},
        {"retired Nuclear Medicine", "1.2.840.10008.5.1.4.1.1.5", true, true},
        {"Segmentation", "1.2.840.10008.5.1.4.1.1.66.4", true, true},
        {"RT Dose", "1.2.840.10008.5.1.4.1.1.481.2", true, true},
        {"RT Plan", "1.2.840.10008.5.1.4.1.1.481.5", true, false},
        {"Comprehensive SR", "1.2.840.10008.5.1.4.1.1.88.33", true, false},
        {"Key Object", "1.2.840.10008.5.1.4.1.1.88.59", true, false},
        {"Presentation State", "1.2.840.10008.5.1.4.1.1.11.1", true, false},
        {"12-lead ECG", "1.2.840.10008.5.1.4.1.1.9.1.1", true, false},
        {"PDF", "1.2.840.10008.5.1.4.1.1.104.1", true, false},
        {"CDA", "1.2.840.10008.5.1.4.1.1.104.2", true, false},
        {"STL", "1.2.840.10008.5.1.4.1.1.104.3", true, false},
        {"Verification", KH_SOP_VERIFICATION, false, false},
        {"DICOMDIR", KH_SOP_DICOMDIR, false, false},
        {"Study Root MOVE", KH_SOP_STUDY_ROOT_MOVE, false, false},
        {"Modality Worklist", "1.2.840.10008.5.1.4.31", false, false},
        {"Storage Commitment", "1.2.840.10008.1.20.1", false, false},
        {"Hanging Protocol", "1.2.840.10008.5.1.4.38.1", false, false},
    };
    size_t count;
    const kh_sop_class *table = kh_sop_class_table(&count);
    bool storage = true;
    (void)state;

    for (size_t i = 0; i < count; i++) {
        assert_true(kh_uid_valid(table[i].uid));
        assert_ptr_equal(kh_sop_class_find(table[i].uid), &table[i]);
        assert_true(storage || !table[i].storage); /* storage classes come first */
        assert_true(table[i].storage || !table[i].has_pixels);
        storage = table[i].storage;
    }
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        const kh_sop_class *found = kh_sop_class_find(rows[i].uid);
        if (!found || found->storage != rows[i].storage || found->has_pixels != rows[i].has_pixels)
            fail_msg("%s", rows[i].name);
    }
    assert_null(kh_sop_class_find("1.2.3"));
}

static void test_dictionary(void **state)
{
    static const struct {
        kh_tag tag;
        const char *vr, *keyword;
    } rows[] = {
        {KH_TAG(0x0000, 0x0100), "US", "CommandField"},
        {KH_TAG_TRANSFER_SYNTAX_UID, "UI", "TransferSyntaxUID"},
        {KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "SpecificCharacterSet"},
        {KH_TAG_PATIENT_NAME, "PN", "PatientName"},
        {KH_TAG_WINDOW_CENTER, "DS", "WindowCenter"},
        {KH_TAG_PIXEL_PADDING_VALUE, "US", "PixelPaddingValue"},
        {KH_TAG_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, "SQ", "PerFrameFunctionalGroupsSequence"},
        {KH_TAG_EXTENDED_OFFSET_TABLE, "OV", "ExtendedOffsetTable"},
        {KH_TAG_PIXEL_DATA, "OW", "PixelData"},
        {KH_TAG(0x6000, 0x3000), "OW", "OverlayData"},
        {KH_TAG(0x601e, 0x0010), "US", "OverlayRows"},
        {KH_TAG(0x5004, 0x0005), "US", "CurveDimensions"},
        {KH_TAG(0x6020, 0x0010), "UN", ""}, /* past the last repetition */
        {KH_TAG(0x6001, 0x0010), "LO", ""}, /* private */
        {KH_TAG(0x0010, 0x0000), "UL", ""}, /* group length */
        {KH_TAG(0x0009, 0x0000), "UL", ""},
        {KH_TAG(0x0009, 0x000f), "UN", ""},
        {KH_TAG(0x0009, 0x0010), "LO", ""}, /* private creator */
        {KH_TAG(0x0009, 0x00ff), "LO", ""},
        {KH_TAG(0x0009, 0x0100), "UN", ""},
        {KH_TAG(0x0008, 0xfffe), "UN", ""},
        {KH_TAG(0xffff, 0xffff), "UN", ""},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_vr vr = kh_dictionary_vr(rows[i].tag);
        if (vr != KH_VR(rows[i].vr[0], rows[i].vr[1]) || strcmp(kh_dictionary_keyword(rows[i].tag), rows[i].keyword) != 0)
            fail_msg("(%04X,%04X): %c%c %s", KH_TAG_ARGS(rows[i].tag), vr >> 8, vr & 0xff, kh_dictionary_keyword(rows[i].tag));
        if (rows[i].keyword[0] && KH_TAG_GROUP(rows[i].tag) < 0x5000)
            assert_int_equal(kh_dictionary_tag(rows[i].keyword), rows[i].tag);
    }
    assert_int_equal(kh_dictionary_tag("patientname"), 0);
    assert_int_equal(kh_dictionary_tag(""), 0);
}

/* Every row can be found by its tag: the table ascends. */
static void test_dictionary_order(void **state)
{
    kh_tag last = 0;
    const kh_dictionary_entry *first = kh_dictionary_find(KH_TAG(0x0000, 0x0001));
    (void)state;

    assert_non_null(first);
    for (const kh_dictionary_entry *entry = first; entry->tag != KH_TAG(0xfffc, 0xfffc); entry++) {
        assert_true(entry->tag > last);
        last = entry->tag;
        assert_ptr_equal(kh_dictionary_find(entry->tag), entry);
        assert_true(kh_vr_known(entry->vr));
    }
}

/* No storage SOP class and no transfer syntax that DCMTK's header knows is missing here. */
static void test_tables_hold_what_dcmtk_knows(void **state)
{
    FILE *header = fopen("/usr/include/dcmtk/dcmdata/dcuid.h", "re");
    unsigned classes = 0, syntaxes = 0;
    char line[400], name[128], uid[80];

    (void)state;
    if (!header)
        skip();
    while (fgets(line, sizeof line, header)) {
        const kh_sop_class *known;

        if (sscanf(line, "#define UID_%127s \"%79[0-9.]\"", name, uid) != 2)
            continue;
        if (strstr(name, "TransferSyntax") && strncmp(uid, "1.2.840.10008.1.2", 17) == 0) {
            /* Not those of papers, of XML, and of video that is not kept in files (SMPTE ST 2110). */
            bool apart =
                strstr(name, "PapyrusImplicit") || strstr(name, "XMLEncoding") || strstr(name, "RFC2557") || strstr(name, "SMPTEST2110");
            if (!apart && !kh_transfer_syntax_find(uid))
                fail_msg("transfer syntax %s (%s) is missing", uid, name);
            syntaxes += !apart;
        }
        if (!strstr(name, "Storage") || strncmp(uid, "1.2.840.10008.5.1.4.", 20) != 0 || strstr(name, "SOPInstance") ||
            strstr(name, "DICOS") || strstr(name, "DICONDE") || strstr(name, "DRAFT")) /* of luggage, of materials, withdrawn */
            continue;
        known = kh_sop_class_find(uid);
        if (!known)
            fail_msg("SOP class %s (%s) is missing", uid, name);
        classes += known->storage;
    }
    fclose(header);
    if (classes < 150 || syntaxes < 40)
        fail_msg("%u classes and %u transfer syntaxes were compared", classes, syntaxes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uids),
        cmocka_unit_test(test_hostile_uids),
        cmocka_unit_test(test_transfer_syntaxes),
        cmocka_unit_test(test_sop_classes),
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_dictionary_order),
        cmocka_unit_test(test_tables_hold_what_dcmtk_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
