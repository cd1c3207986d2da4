/* The WhitespaceSplit pre-tokenizer: cuts at white space, which is dropped. */
#include "tokenizer/split_stages.h"

#include "base/utf8.h"

static aki_status read_nothing(void **data, const json_t *part, const char *path, aki_error *error)
{
    (void)part;
    (void)path;
    (void)error;
    *data = NULL;
    return AKI_OK;
}

static bool run_whitespace(const void *data, split_run *run, size_t stage, split_piece piece)
{
    (void)data;
    const word_classes *classes = run->classes;
    size_t start = 0, at = 0;
    while (at < piece.length && !split_run_stopped(run)) {
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
