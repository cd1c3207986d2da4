/* Fuzzes the readers of a tokenizer's files, and then a text through that tokenizer. The input is a pack: the files,
 * and `text`. A tokenizer that loads must tokenize. */
#include "tokenizer_check.h"

static void check(const tokenizer *tok, const uint8_t *text, size_t size)
{
    static const char sample[] =
        "The cats, [MASK] d\xC3\xB3gs <x> Caf\xC3\xA9 \xEA\xB0\x81\xE4\xB8\xAD aaaa\0[SEP]";
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    FUZZ_CHECK(scratch != NULL);
    FUZZ_CHECK(tokenizer_vocabulary_size(tok) <= VOCABULARY_LIMIT);
    FUZZ_CHECK(tokenizer_token_text(tok, -1) == NULL && tokenizer_token_text(tok, VOCABULARY_LIMIT) == NULL);
    check_text(tok, scratch, (aki_text){sample, sizeof sample - 1});
    uint8_t *copy = copy_bytes(text, size);
    check_text(tok, scratch, (aki_text){(const char *)copy, size});
    free(copy);
    tokenizer_scratch_close(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pack_part parts[] = {
        {.name = "text"},       {.name = "tokenizer.json"},    {.name = "tokenizer_config.json"},
        {.name = "vocab.txt"},  {.name = "added_tokens.json"}, {.name = "special_tokens_map.json"},
        {.name = "vocab.json"}, {.name = "merges.txt"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts + 1, sizeof parts / sizeof parts[0] - 1);
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    if (tokenizer_open(&tok, scratch_folder(), VOCABULARY_LIMIT, &error) == AKI_OK)
        check(tok, parts[0].data, parts[0].size);
    else
        FUZZ_CHECK(tok == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
    tokenizer_close(tok);
    return 0;
}
