/* text.h - text and person names as UTF-8, from and to any Specific Character Set (PS3.5 6.1, annexes H, I, J).
 * ISO 2022 code extensions are split here and each piece goes through iconv; bytes that are not what they are declared
 * to be are shown as well as possible (undeclared Shift_JIS and UTF-8 are recognised) and never fail. Threads: any. */
#ifndef KH_DICOM_TEXT_H
#define KH_DICOM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "dicom/dataset.h"

/* The longest Specific Character Set value we keep, NUL included. */
#define KH_CHARSET_SIZE 128

/* The character set in force in item, its parents included (PS3.3 C.12.1.1.2), as stored: "\\ISO 2022 IR 87"; "" for
 * the default. */
const char *kh_item_charset(const kh_item *item);

/* size bytes of text in charset as UTF-8, appended to out. person_name: `=` and `^` reset the code extension as well.
 */
KH_MUST_USE kh_status kh_text_to_utf8(kh_buf *out, const void *bytes, size_t size, const char *charset,
                                      bool person_name, kh_error *err);
/* UTF-8 in the given character set; KH_E_UNSUPPORTED when a character cannot be written in it. Sets: "", "ISO_IR 6",
 * "ISO_IR 100", "ISO_IR 13", "ISO_IR 192", "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87", ISO_IR 101 to 148,
 * GB18030, and any list of them with ISO 2022 IR 159, 149 or 58. On failure out is as it was; KH_E_ARG when utf8 is not
 * UTF-8. */
KH_MUST_USE kh_status kh_text_from_utf8(kh_buf *out, const char *utf8, const char *charset, bool person_name,
                                        kh_error *err);

/* Value number `index` of tag as UTF-8, trimmed; "" when absent. Always NUL-terminated, cut at a character when too
 * long. */
void kh_item_text(const kh_item *item, kh_tag tag, uint32_t index, char *out, size_t out_size);

typedef struct kh_person_name {
    char alphabetic[200]; /* each as "Family^Given^Middle^Prefix^Suffix" in UTF-8, trailing ^ cut; "" when absent */
    char ideographic[200];
    char phonetic[200];
} kh_person_name;

/* Value 0 of a PN attribute. All "" when absent. */
void kh_item_person_name(const kh_item *item, kh_tag tag, kh_person_name *out);

#endif
