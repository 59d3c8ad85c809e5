/* A Native DICOM Model document as JSON and as a data set; what is JSON must be a document that can be parsed. */
#include <stdlib.h>
#include "dicom/json_read.h"
#include "dicom/native_xml.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_error err = KH_ERROR_INIT;
    kh_json *json = NULL;
    kh_buf text, out;

    kh_buf_init(&text, 1u << 20);
    kh_buf_init(&out, 1u << 20);
    if (kh_native_xml_read(&text, (const char *)bytes, size, 1u << 20, &err) != KH_OK) {
        if (err.message[0] == '\0')
            abort();
    } else if (kh_json_parse(&json, kh_buf_text(&text), text.size, 1u << 20, NULL) == KH_OK) { /* one tag twice is no JSON of ours */
        (void)!kh_json_model_read(&out, json, &kh_json_read_options_default, NULL);
        (void)!kh_native_xml_write(&out, json, NULL);
        kh_json_free(json);
    }
    kh_buf_release(&text);
    kh_buf_release(&out);
    return 0;
}
