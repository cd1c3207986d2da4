/* The tokenizer behind a pipe, for tests that compare it with others. Usage: tokenize_stdin <model folder>
 *
 * Reads requests from stdin until it ends: uint32 max_tokens (0 = uncut), uint32 length, then that many bytes of text.
 * Writes an answer to each to stdout: int32 status (aki_status), uint32 truncated, uint32 count, int32 ids[count].
 * All numbers little-endian. Exits with 1 and a message where the model cannot be loaded. */
#include "pipe.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool answer(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text, uint32_t max_tokens)
{
    token_span span = {0};
    aki_error error;
    int32_t status = (int32_t)tokenizer_encode(tok, scratch, text, max_tokens, &span, &error);
    if (status != AKI_OK)
        span = (token_span){0};
    uint32_t head[3];
    memcpy(&head[0], &status, sizeof status);
    head[1] = span.truncated;
    head[2] = (uint32_t)span.count;
    return fwrite(head, sizeof head, 1, stdout) == 1 &&
           (span.count == 0 || fwrite(span.ids, sizeof *span.ids, span.count, stdout) == span.count) &&
           fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    tokenizer *tok = NULL;
    aki_error error;
    if (argc != 2 || tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", argc != 2 ? "usage: tokenize_stdin <model folder>" : error.message);
        return 1;
    }
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    uint32_t request[2]; /* max_tokens, length */
    bool good = scratch != NULL;
    while (good && read_exactly(request, sizeof request)) {
        /* Exactly as many bytes as the text has, so that a sanitizer sees any read beyond. */
        char *text = request[1] <= TEXT_BYTES_MAX ? malloc(request[1] > 0 ? request[1] : 1) : NULL;
        good = text != NULL && read_exactly(text, request[1]) &&
               answer(tok, scratch, (aki_text){text, request[1]}, request[0]);
        free(text);
    }
    tokenizer_scratch_close(scratch);
    tokenizer_close(tok);
    return good ? 0 : 1;
}
