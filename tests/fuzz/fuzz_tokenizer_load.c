/* The readers of tokenizer.json (an input that begins with '{') and vocab.txt (any other) on any bytes; what loads must
 * tokenize, with ids of its own vocabulary only. */
#include "fuzz.h"

#include "tokenizer/tokenizer.h"

#include <string.h>
#include <unistd.h>

static char folder[200], json_path[256], vocab_path[256];

static void remove_folder(void)
{
    unlink(json_path);
    unlink(vocab_path);
    rmdir(folder);
}

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/akidb-fuzz-XXXXXX", base != NULL ? base : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    snprintf(json_path, sizeof json_path, "%s/tokenizer.json", folder);
    snprintf(vocab_path, sizeof vocab_path, "%s/vocab.txt", folder);
    atexit(remove_folder);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void encode(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text, size_t max_tokens)
{
    token_span span;
    aki_status status = tokenizer_encode(tok, scratch, text, max_tokens, &span, NULL);
    FUZZ_CHECK(status == AKI_OK || (status == AKI_NO_TOKENS && tokenizer_special_count(tok) == 0));
    if (status != AKI_OK)
        return;
    FUZZ_CHECK(max_tokens == 0 || span.count <= max_tokens);
    FUZZ_CHECK(!span.truncated || span.count == max_tokens);
    for (size_t i = 0; i < span.count; i++)
        FUZZ_CHECK(tokenizer_token_text(tok, span.ids[i]) != NULL);
}

static void check(const tokenizer *tok, const uint8_t *data, size_t size)
{
    static const char sample[] =
        "The cats, [MASK] d\xC3\xB3gs <x> Caf\xC3\xA9 \xEA\xB0\x81\xE4\xB8\xAD aaaa\0[SEP]";
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    FUZZ_CHECK(scratch != NULL);
    size_t special = tokenizer_special_count(tok);
    encode(tok, scratch, (aki_text){sample, sizeof sample - 1}, 0);
    encode(tok, scratch, (aki_text){sample, sizeof sample - 1}, special + 3);
    /* What was loaded is valid UTF-8, and holds all of its own tokens. */
    encode(tok, scratch, (aki_text){(const char *)data, size}, 0);
    tokenizer_scratch_close(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (folder[0] == '\0')
        make_folder();
    bool json = size > 0 && data[0] == '{';
    unlink(json ? vocab_path : json_path);
    write_file(json ? json_path : vocab_path, data, size);
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    if (tokenizer_open(&tok, folder, 1000, &error) == AKI_OK)
        check(tok, data, size);
    else
        FUZZ_CHECK(tok == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
    tokenizer_close(tok);
    return 0;
}
