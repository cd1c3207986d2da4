/* Fuzzes tokenizing: any text through tokenizers that are opened once. The first byte chooses the tokenizer. */
#include "tokenizer_check.h"

#include <string.h>

#define TOKENIZERS 4

#define VOCABULARY                                                                                           \
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\na\n##a\n##aa\nab\n##c\n,\n.\n\xE4\xB8\xAD\ne\n##e\n" \
    "\xC3\xA9\n##\xC3\xA9\nss\n\xE1\x84\x80\n##\xE1\x85\xA1\n##\xCC\x81\ni\n"

static const char *const configurations[TOKENIZERS] = {
    "{}", "{\"do_lower_case\":false,\"tokenize_chinese_chars\":false}",
    "{\"do_lower_case\":false,\"strip_accents\":true}", NULL, /* tokenizer.json, for its added tokens */
};

#define ADDED(id, content, single, left, right, normalized)                                                  \
    "{\"id\":" #id ",\"content\":\"" content "\",\"single_word\":" #single ",\"lstrip\":" #left              \
    ",\"rstrip\":" #right ",\"normalized\":" #normalized ",\"special\":false}"

static const char with_added_tokens[] =
    "{\"version\":\"1.0\",\"added_tokens\":[" ADDED(0, "[PAD]", false, false, false, false) "," ADDED(
        1, "[UNK]", false, false, false, false) "," ADDED(2, "[CLS]", false, false, false, false) "," //
    ADDED(3, "[SEP]", false, true, true, false) "," ADDED(7, "<x>", true, false, false, true) ","     //
    ADDED(8, "The \\u00c9", false, true, false, true) "," ADDED(
        9, "<xx>", false, false, true,
        false) "],"
               "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":"
               "true,"
               "\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
               "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]\",2]},"
               "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##"
               "\","
               "\"max_input_chars_per_word\":7,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,"
               "\"a\":4,"
               "\"##a\":5,\"e\":6}}}";

static tokenizer *open_one(size_t which)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    scratch_clear();
    if (configurations[which] != NULL) {
        scratch_write("vocab.txt", VOCABULARY, sizeof VOCABULARY - 1);
        scratch_write("tokenizer_config.json", configurations[which], strlen(configurations[which]));
    } else {
        scratch_write("tokenizer.json", with_added_tokens, sizeof with_added_tokens - 1);
    }
    if (tokenizer_open(&tok, scratch_folder(), VOCABULARY_LIMIT, &error) != AKI_OK)
        fprintf(stderr, "%s\n", error.message);
    FUZZ_CHECK(tok != NULL);
    return tok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tokenizer *tokenizers[TOKENIZERS];
    static tokenizer_scratch *scratch;
    if (scratch == NULL) {
        scratch = tokenizer_scratch_open();
        FUZZ_CHECK(scratch != NULL);
        for (size_t i = 0; i < TOKENIZERS; i++)
            tokenizers[i] = open_one(i);
    }
    if (size == 0)
        return 0;
    uint8_t *text = copy_bytes(data + 1, size - 1);
    check_text(tokenizers[data[0] % TOKENIZERS], scratch, (aki_text){(const char *)text, size - 1});
    free(text);
    return 0;
}
