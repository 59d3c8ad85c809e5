/* htj2k_openjph.cc - OpenJPH's decoder of HTJ2K behind a C function: one codestream in, one frame out, line by line. */
#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_message.h>
#include <openjph/ojph_params.h>

#include <cstdio>
#include <cstring>
#include <new>

extern "C" {
#include "dicom/codec/decoder.h"
}

namespace {

/* The library prints what it finds before it throws. Its streams are ours: the last words are kept, for the thread they are of. */
thread_local char words[160];
thread_local size_t words_length;

ssize_t keep_words(void *, const char *text, size_t size)
{
    const size_t left = sizeof words - 1 - words_length, kept = size < left ? size : left;

    std::memcpy(words + words_length, text, kept);
    words_length += kept;
    words[words_length] = '\0';
    return static_cast<ssize_t>(size);
}

ssize_t drop_words(void *, const char *, size_t size) { return static_cast<ssize_t>(size); }

FILE *open_words(cookie_write_function_t *write)
{
    FILE *stream = fopencookie(nullptr, "w", cookie_io_functions_t{nullptr, write, nullptr, nullptr});

    if (!stream)
        throw std::bad_alloc();
    setvbuf(stream, nullptr, _IONBF, 0);
    return stream;
}

void configure_once()
{
    static const bool done = [] {
        ojph::set_error_stream(open_words(keep_words)); /* these live as long as the process */
        ojph::set_warning_stream(open_words(drop_words));
        ojph::set_info_stream(open_words(drop_words));
        return true;
    }();

    (void)done;
    words_length = 0;
    words[0] = '\0';
}

/* Behind "ojph error 0x... at file:line: ". */
const char *last_words()
{
    const char *colon = std::strstr(words, ".cpp:");

    colon = colon ? std::strstr(colon, ": ") : nullptr;
    words[std::strcspn(words, "\r\n")] = '\0';
    return colon ? colon + 2 : "data are damaged or cut";
}

bool form_is(ojph::codestream &codestream, const kh_j2k_gate *gate)
{
    ojph::param_siz siz = codestream.access_siz();

    if (siz.get_num_components() != gate->components)
        return false;
    for (ojph::ui32 i = 0; i < gate->components; i++)
        if (siz.get_recon_width(i) != gate->columns || siz.get_recon_height(i) != gate->rows
            || siz.get_bit_depth(i) != gate->precision || siz.is_signed(i) != gate->is_signed)
            return false;
    return true;
}

/* One line of one component, held to the range of its precision: the library does not. */
template <class Word>
void put_line(uint8_t *pixels, const int32_t *from, const kh_j2k_gate *gate, uint32_t row, unsigned component)
{
    const int32_t least = gate->is_signed ? -(INT32_C(1) << (gate->precision - 1)) : 0;
    const int32_t most = least + static_cast<int32_t>((UINT32_C(1) << gate->precision) - 1);
    const size_t step = gate->components * sizeof(Word);
    uint8_t *to = pixels + static_cast<size_t>(row) * gate->columns * step + component * sizeof(Word);

    for (uint32_t i = 0; i < gate->columns; i++, to += step) {
        const int32_t value = from[i] < least ? least : from[i] > most ? most : from[i];
        const Word word = static_cast<Word>(value);

        std::memcpy(to, &word, sizeof word);
    }
}

void put_any_line(uint8_t *pixels, unsigned bits, const int32_t *from, const kh_j2k_gate *gate, uint32_t row, unsigned component)
{
    if (bits == 8)
        put_line<uint8_t>(pixels, from, gate, row, component);
    else if (bits == 16)
        put_line<uint16_t>(pixels, from, gate, row, component);
    else
        put_line<uint32_t>(pixels, from, gate, row, component);
}

kh_status decode_lines(uint8_t *pixels, unsigned bits, ojph::codestream &codestream, const kh_j2k_gate *gate, kh_error *err)
{
    uint32_t next_row[3] = {0, 0, 0};

    for (uint64_t i = 0; i < static_cast<uint64_t>(gate->rows) * gate->components; i++) {
        ojph::ui32 component = 0;
        const ojph::line_buf *line = codestream.pull(component);

        if (!line || component >= gate->components || next_row[component] >= gate->rows || line->size < gate->columns)
            return kh_error_set(err, KH_E_FORMAT, "HTJ2K decoder gives %llu lines, expected %u of each component",
                                static_cast<unsigned long long>(i), gate->rows);
        put_any_line(pixels, bits, line->i32, gate, next_row[component]++, component);
    }
    return KH_OK;
}

} // namespace

extern "C" void kh_openjph_prepare(void)
{
    try {
        configure_once();
        ojph::codestream chooses_its_functions;
    } catch (...) {
        return; /* the first frame meets it again, and says so */
    }
}

extern "C" kh_status kh_openjph_decode(uint8_t *pixels, unsigned bits_allocated, const kh_j2k_gate *gate,
                                       const kh_codestream *stream, kh_error *err)
{
    try {
        configure_once();
        ojph::mem_infile file;
        ojph::codestream codestream;

        file.open(stream->bytes, stream->size);
        codestream.read_headers(&file);
        if (!form_is(codestream, gate))
            return kh_error_set(err, KH_E_FORMAT, "HTJ2K decoder: image of another form than its header says");
        codestream.create();
        return decode_lines(pixels, bits_allocated, codestream, gate, err);
    } catch (const std::bad_alloc &) {
        return kh_error_set(err, KH_E_MEMORY, "no memory for an HTJ2K frame");
    } catch (...) {
        return kh_error_set(err, KH_E_FORMAT, "HTJ2K decoder: %.159s", last_words());
    }
}
