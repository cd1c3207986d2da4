/* The WhitespaceSplit pre-tokenizer: cuts at white space, which is dropped. */
#include "tokenizer/split_stages.h"

#include "base/utf8.h"
#include "tokenizer/byte_block.h"

static aki_status read_nothing(void **data, const json_t *part, const char *path, aki_error *error)
{
    (void)part;
    (void)path;
    (void)error;
    *data = NULL;
    return AKI_OK;
}

/* Behind the printable ASCII characters other than a space at `at`, or somewhere before where fewer bytes than a vector are
 * left. */
static inline size_t skip_printable(const char *text, size_t length, size_t at)
{
    for (; at + BYTE_VECTOR_BYTES <= length; at += BYTE_VECTOR_BYTES) {
        const byte_vector printable = byte_vector_within(byte_vector_load(text + at), '!', '~');
        const uint64_t others = byte_vector_bits(~printable);
        if (others != 0)
            return at + (size_t)__builtin_ctzll(others);
    }
    return at;
}

static bool run_whitespace(const void *data, split_run *run, size_t stage, split_piece piece)
{
    (void)data;
    const word_classes *classes = run->classes;
    size_t start = 0, at = 0;
    while ((at = skip_printable(piece.text, piece.length, at)) < piece.length && !split_run_stopped(run)) {
        unsigned char byte = (unsigned char)piece.text[at];
        size_t bytes = 1;
        uint32_t code_point = byte, class;
        if (byte < 0x80) {
            class = classes->ascii[byte];
        } else {
            bytes = utf8_decode(piece.text + at, &code_point);
            class = char_table_get(&classes->table, code_point);
        }
        if ((class & CLASS_SPACE) != 0) {
            if (at > start && !split_run_piece(run, stage + 1, split_piece_part(piece, start, at)))
                return false;
            start = at + bytes;
        }
        at += bytes;
    }
    return at == start || split_run_piece(run, stage + 1, split_piece_part(piece, start, at));
}

static bool cuts_at_space(const void *data)
{
    (void)data;
    return true;
}

const split_kind split_whitespace = {"WhitespaceSplit", read_nothing,  NULL,
                                     run_whitespace,    cuts_at_space, NULL};
