/* The Native DICOM Model: JSON as XML and back, malformed documents by one mutation each. */
#include "tests/dicom/support.h"

#include <stdlib.h>
#include <string.h>
#include "dicom/native_xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xml:space=\"preserve\">\n"
#define TAIL "</NativeDicomModel>\n"

static void there_and_back(void **state)
{
    static const struct {
        const char *json, *xml, *back; /* back NULL: the same */
    } rows[] = {
        {"{}", "", NULL},
        {"{\"00081030\":{\"vr\":\"LO\"}}", "<DicomAttribute tag=\"00081030\" vr=\"LO\" keyword=\"StudyDescription\"></DicomAttribute>\n",
         NULL},
        {"{\"00081030\":{\"vr\":\"LO\",\"Value\":[\"a<b>&\\\"\",null]}}",
         "<DicomAttribute tag=\"00081030\" vr=\"LO\" keyword=\"StudyDescription\"><Value number=\"1\">a&lt;b&gt;&amp;&quot;</Value>"
         "<Value number=\"2\"></Value></DicomAttribute>\n",
         NULL},
        {"{\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"A^^M\",\"Ideographic\":\"\xe5\xb1\xb1\"}]}}",
         "<DicomAttribute tag=\"00100010\" vr=\"PN\" keyword=\"PatientName\"><PersonName number=\"1\"><Alphabetic><FamilyName>A</FamilyName>"
         "<MiddleName>M</MiddleName></Alphabetic><Ideographic><FamilyName>\xe5\xb1\xb1</FamilyName></Ideographic></PersonName></DicomAttribute>\n",
         NULL},
        {"{\"00280030\":{\"vr\":\"DS\",\"Value\":[0.1,2]},\"00280106\":{\"vr\":\"SS\",\"Value\":[-1]}}",
         "<DicomAttribute tag=\"00280030\" vr=\"DS\" keyword=\"PixelSpacing\"><Value number=\"1\">0.1</Value><Value number=\"2\">2</Value></DicomAttribute>\n"
         "<DicomAttribute tag=\"00280106\" vr=\"SS\" keyword=\"SmallestImagePixelValue\"><Value number=\"1\">-1</Value></DicomAttribute>\n",
         "{\"00280030\":{\"vr\":\"DS\",\"Value\":[\"0.1\",\"2\"]},\"00280106\":{\"vr\":\"SS\",\"Value\":[-1]}}"},
        {"{\"00110010\":{\"vr\":\"LO\",\"Value\":[\"ACME\"]},\"00111001\":{\"vr\":\"OB\",\"InlineBinary\":\"AQI=\"}}",
         "<DicomAttribute tag=\"00110010\" vr=\"LO\"><Value number=\"1\">ACME</Value></DicomAttribute>\n"
         "<DicomAttribute tag=\"00111001\" vr=\"OB\" privateCreator=\"ACME\"><InlineBinary>AQI=</InlineBinary></DicomAttribute>\n",
         NULL},
        {"{\"7FE00010\":{\"vr\":\"OW\",\"BulkDataURI\":\"http://h/b?a=1&b\"}}",
         "<DicomAttribute tag=\"7FE00010\" vr=\"OW\" keyword=\"PixelData\"><BulkData uri=\"http://h/b?a=1&amp;b\"/></DicomAttribute>\n",
         NULL},
        {"{\"00081140\":{\"vr\":\"SQ\",\"Value\":[{},{\"00081155\":{\"vr\":\"UI\",\"Value\":[\"1.2\"]}}]}}",
         "<DicomAttribute tag=\"00081140\" vr=\"SQ\" keyword=\"ReferencedImageSequence\"><Item number=\"1\"></Item><Item number=\"2\">"
         "<DicomAttribute tag=\"00081155\" vr=\"UI\" keyword=\"ReferencedSOPInstanceUID\"><Value number=\"1\">1.2</Value></DicomAttribute>\n"
         "</Item></DicomAttribute>\n",
         NULL},
        {"{\"00111001\":{\"vr\":\"FD\",\"Value\":[\"NaN\",1.5]}}",
         "<DicomAttribute tag=\"00111001\" vr=\"FD\"><Value number=\"1\">NaN</Value><Value number=\"2\">1.5</Value></DicomAttribute>\n",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_json *json;
        kh_buf xml, expected, back;

        kh_buf_init(&xml, 1 << 16);
        kh_buf_init(&expected, 1 << 16);
        kh_buf_init(&back, 1 << 16);
        assert_int_equal(kh_json_parse(&json, rows[i].json, strlen(rows[i].json), 1 << 16, &err), KH_OK);
        assert_int_equal(kh_native_xml_write(&xml, json, &err), KH_OK);
        assert_int_equal(kh_buf_appendf(&expected, &err, HEAD "%s" TAIL, rows[i].xml), KH_OK);
        assert_string_equal(kh_buf_text(&xml), kh_buf_text(&expected));
        if (kh_native_xml_read(&back, kh_buf_text(&xml), xml.size, 1 << 16, &err) != KH_OK)
            fail_msg("%s: %s", rows[i].json, err.message);
        assert_string_equal(kh_buf_text(&back), rows[i].back ? rows[i].back : rows[i].json);
        kh_json_free(json);
        kh_buf_release(&xml);
        kh_buf_release(&expected);
        kh_buf_release(&back);
    }
}

#define ATTRIBUTE(content) "<NativeDicomModel><DicomAttribute tag=\"00081030\" vr=\"LO\">" content "</DicomAttribute></NativeDicomModel>"

static void refused(void **state)
{
    static const struct {
        const char *xml, *words;
    } rows[] = {
        {"", "well-formed"},
        {"<NativeDicomModel>", "well-formed"},
        {"<Other/>", "expected <NativeDicomModel>"},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><NativeDicomModel/>", "document type"},
        {"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><NativeDicomModel/>", "document type"},
        {ATTRIBUTE("<Value number=\"1\">&b;</Value>"), "well-formed"},
        {ATTRIBUTE("<Value number=\"1\">\xff</Value>"), "well-formed"},
        {ATTRIBUTE("<Value>a</Value>"), "number=\"1\""},
        {ATTRIBUTE("<Value number=\"2\">a</Value>"), "number=\"1\""},
        {ATTRIBUTE("<Value number=\"1\">a</Value><Value number=\"1\">b</Value>"), "number=\"2\""},
        {ATTRIBUTE("<Value number=\"1\"><b/></Value>"), "text only"},
        {ATTRIBUTE("<Item number=\"1\"/>"), "<Item> is not expected"},
        {ATTRIBUTE("text"), "is not expected"},
        {ATTRIBUTE("<BulkData/>"), "expected uri"},
        {ATTRIBUTE("<BulkData uri=\"a\"/><BulkData uri=\"b\"/>"), "is not expected"},
        {ATTRIBUTE("<PersonName number=\"1\"/>"), "is not expected"},
        {"<NativeDicomModel><DicomAttribute tag=\"0008103\" vr=\"LO\"/></NativeDicomModel>", "expected tag and vr"},
        {"<NativeDicomModel><DicomAttribute tag=\"00081030\"/></NativeDicomModel>", "expected tag and vr"},
        {"<NativeDicomModel><Value number=\"1\"/></NativeDicomModel>", "is not expected"},
        {"<NativeDicomModel><DicomAttribute tag=\"00100010\" vr=\"PN\"><PersonName number=\"1\"><Phonetic/><Alphabetic/></PersonName></DicomAttribute>"
         "</NativeDicomModel>",
         "<Alphabetic> is not expected"},
        {"<NativeDicomModel><DicomAttribute tag=\"00100010\" vr=\"PN\"><PersonName number=\"1\"><Alphabetic><GivenName/><FamilyName/></Alphabetic>"
         "</PersonName></DicomAttribute></NativeDicomModel>",
         "<FamilyName> is not expected"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf json;

        kh_buf_init(&json, 1 << 16);
        if (kh_native_xml_read(&json, rows[i].xml, strlen(rows[i].xml), 1 << 16, &err) == KH_OK)
            fail_msg("%s: taken", rows[i].xml);
        test_words(rows[i].xml, err.message, rows[i].words);
        kh_buf_release(&json);
    }
}

static void bounds(void **state)
{
    static const struct {
        unsigned depth;
        kh_status status;
    } rows[] = {{16, KH_OK}, {17, KH_E_LIMIT}, {400, KH_E_FORMAT}}; /* 400: past libxml2's own limit */
    kh_error err = KH_ERROR_INIT;
    kh_buf xml, json;

    (void)state;
    kh_buf_init(&json, 1 << 16);
    assert_int_equal(kh_native_xml_read(&json, "<NativeDicomModel/>", 19, 18, &err), KH_E_LIMIT);
    assert_int_equal(kh_native_xml_read(&json, "<NativeDicomModel/>", 19, 19, &err), KH_OK);
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_buf_init(&xml, 1 << 20);
        kh_buf_clear(&json);
        assert_int_equal(kh_buf_append_text(&xml, "<NativeDicomModel>", NULL), KH_OK);
        for (unsigned k = 0; k < rows[i].depth; k++)
            assert_int_equal(kh_buf_append_text(&xml, "<DicomAttribute tag=\"00081140\" vr=\"SQ\"><Item number=\"1\">", NULL), KH_OK);
        for (unsigned k = 0; k < rows[i].depth; k++)
            assert_int_equal(kh_buf_append_text(&xml, "</Item></DicomAttribute>", NULL), KH_OK);
        assert_int_equal(kh_buf_append_text(&xml, "</NativeDicomModel>", NULL), KH_OK);
        assert_int_equal(kh_native_xml_read(&json, kh_buf_text(&xml), xml.size, 1 << 20, NULL), rows[i].status);
        kh_buf_release(&xml);
    }
    kh_buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(refused), cmocka_unit_test(bounds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
