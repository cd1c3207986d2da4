/* Offsets behind a pipe, for the test that compares them with `tokenizers`. Usage: offsets_stdin <model folder>
 *
 * Reads requests from stdin until it ends: uint32 length, then that many bytes of text. Writes an answer to each to
 * stdout: uint32 count, then of each token uint32 start and end (4294967295 = none). All numbers little-endian. Exits with
 * 1 where the model cannot be loaded or a text be tokenized. */
#include "tokenizer/offsets.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((uint32_t)1 << 28)

static bool answer(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text)
{
    token_span span;
    aki_error error;
    if (tokenizer_encode(tok, scratch, text, 0, &span, &error) != AKI_OK)
        return false;
    token_place *places = malloc((span.count + 1) * sizeof *places);
    const uint32_t count = (uint32_t)span.count;
    const bool good = places != NULL && token_offsets(tok, text, &span, places) &&
                      fwrite(&count, sizeof count, 1, stdout) == 1 &&
                      fwrite(places, sizeof *places, span.count, stdout) == span.count;
    free(places);
    return good;
}

int main(int argc, char **argv)
{
    tokenizer *tok = NULL;
    aki_error error;
    if (argc != 2 || tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", argc != 2 ? "usage: offsets_stdin <model folder>" : error.message);
        return 1;
    }
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    uint32_t length;
    bool good = scratch != NULL;
    while (good && fread(&length, sizeof length, 1, stdin) == 1) {
        char *text = length <= TEXT_BYTES_MAX ? malloc(length > 0 ? length : 1) : NULL;
        good = text != NULL && fread(text, 1, length, stdin) == length &&
               answer(tok, scratch, (aki_text){text, length});
        free(text);
    }
    tokenizer_scratch_close(scratch);
    tokenizer_close(tok);
    return good ? 0 : 1;
}
