/* A DICOM JSON document as a data set; what is made must be one that our reader takes. */
#include <stdlib.h>
#include "dicom/dataset.h"
#include "dicom/json_read.h"
#include "tests/fuzz/fuzz.h"

static void read_back(const kh_buf *bytes)
{
    kh_dataset *dataset = NULL;
    kh_source source;

    kh_source_init_memory(&source, bytes->data, bytes->size);
    if (bytes->size > 0 && kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, &kh_dataset_limits_default, NULL) != KH_OK)
        abort();
    kh_dataset_free(dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_error err = KH_ERROR_INIT;
    kh_json *json = NULL;
    kh_buf out;

    if (kh_json_parse(&json, (const char *)bytes, size, 1u << 20, &err) != KH_OK)
        return 0;
    kh_buf_init(&out, 1u << 20);
    if (kh_json_model_read(&out, json, &kh_json_read_options_default, &err) == KH_OK)
        read_back(&out);
    else if (err.message[0] == '\0')
        abort();
    kh_buf_release(&out);
    kh_json_free(json);
    return 0;
}
