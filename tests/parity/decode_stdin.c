/* Decoding behind a pipe, for the test that compares it with `tokenizers`. Usage: decode_stdin <model folder>
 *
 * Reads requests from stdin until it ends: uint32 skip_special, uint32 count, int32 ids[count]. Writes an answer to each to
 * stdout: uint32 length and the text; length 4294967295 and no text where the decoder is not supported. All numbers
 * little-endian. Exits with 1 and a message where the model cannot be loaded. */
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

#define IDS_MAX ((uint32_t)1 << 20)
#define TEXT_BYTES_MAX ((size_t)1 << 28)

static bool answer(const tokenizer *tok, const int32_t *ids, size_t count, bool skip_special)
{
    buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    bool good = !tokenizer_decodes(tok) || tokenizer_decode(tok, ids, count, skip_special, &text);
    const uint32_t length = tokenizer_decodes(tok) ? (uint32_t)text.length : UINT32_MAX;
    good = good && fwrite(&length, sizeof length, 1, stdout) == 1 &&
           (text.length == 0 || fwrite(text.data, 1, text.length, stdout) == text.length);
    buf_free(&text);
    return good;
}

int main(int argc, char **argv)
{
    tokenizer *tok = NULL;
    aki_error error;
    if (argc != 2 || tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", argc != 2 ? "usage: decode_stdin <model folder>" : error.message);
        return 1;
    }
    uint32_t request[2]; /* skip_special, count */
    bool good = true;
    while (good && fread(request, sizeof request, 1, stdin) == 1) {
        int32_t *ids = request[1] <= IDS_MAX ? malloc((request[1] + (size_t)1) * sizeof *ids) : NULL;
        good = ids != NULL && fread(ids, sizeof *ids, request[1], stdin) == request[1] &&
               answer(tok, ids, request[1], request[0] != 0);
        free(ids);
    }
    tokenizer_close(tok);
    return good ? 0 : 1;
}
