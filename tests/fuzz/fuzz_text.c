/* Text to UTF-8 and back. Input: the character set up to the first line end, then the text. */
#include <stdlib.h>
#include <string.h>
#include "dicom/charset.h"
#include "dicom/text.h"
#include "tests/fuzz/fuzz.h"

/* Decoding never fails for what it reads, and what it writes is UTF-8. */
static void decode(kh_buf *out, const uint8_t *text, size_t size, const char *charset)
{
    kh_buf_init(out, size * 4 + 16);
    if (kh_text_to_utf8(out, text, size, charset, true, NULL) != KH_OK ||
        !kh_utf8_valid((const uint8_t *)kh_buf_text(out), out->size))
        abort();
}

/* What could be written can be read. */
static void encode(const kh_buf *text, const char *charset)
{
    kh_buf bytes, again;

    kh_buf_init(&bytes, text->size * 8 + 64);
    if (kh_text_from_utf8(&bytes, kh_buf_text(text), charset, true, NULL) == KH_OK) {
        decode(&again, bytes.data, bytes.size, charset);
        kh_buf_release(&again);
    }
    kh_buf_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    char charset[KH_CHARSET_SIZE] = "";
    size_t length = end ? (size_t)(end - bytes) : 0;
    kh_buf text;

    if (!end || length >= sizeof(charset) || memchr(bytes, '\0', length))
        return 0;
    memcpy(charset, bytes, length);
    decode(&text, end + 1, size - length - 1, charset);
    encode(&text, charset);
    kh_buf_release(&text);
    return 0;
}
