/* Fuzzes tokenizing: any text through tokenizers of each kind that are opened once. The first byte chooses the tokenizer. */
#include "tokenizer_check.h"

#include <string.h>

#define TOKENIZERS 7
#define STAGED 3 /* the first of those with a tokenizer.json */

#define VOCABULARY                                                                                           \
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\na\n##a\n##aa\nab\n##c\n,\n.\n\xE4\xB8\xAD\ne\n##e\n" \
    "\xC3\xA9\n##\xC3\xA9\nss\n\xE1\x84\x80\n##\xE1\x85\xA1\n##\xCC\x81\ni\n"

static const char *const configurations[STAGED] = {
    "{}",
    "{\"do_lower_case\":false,\"tokenize_chinese_chars\":false}",
    "{\"do_lower_case\":false,\"strip_accents\":true}",
};

#define ADDED(id, content, single, left, right, normalized)                                                  \
    "{\"id\":" #id ",\"content\":\"" content "\",\"single_word\":" #single ",\"lstrip\":" #left              \
    ",\"rstrip\":" #right ",\"normalized\":" #normalized ",\"special\":false}"

#define PLAIN_CLASS "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}"

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

/* BPE over bytes, of which some have no token, with merges for runs. */
static const char bpe_bytes[] =
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":"
    "\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":"
    "null,"
    "\"decoder\":null,\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"b\":2,"
    "\"aa\":3,"
    "\"ab\":4,\"aab\":5,\"\u0120\":6,\"\u0120a\":7,\"\u0120\u0120\":8,\"aaaa\":9,\"\u00c3\":10,\"\u00a9\":11,"
    "\"\u00c3\u00a9\":12,\".\":13,\"..\":14},\"merges\":[[\"a\",\"a\"],[\"aa\",\"b\"],[\"a\",\"b\"],["
    "\"\u0120\",\"a\"],"
    "[\"\u0120\",\"\u0120\"],[\"aa\",\"aa\"],[\"\u00c3\",\"\u00a9\"],[\".\",\".\"]]}}";

/* BPE over characters, some of which are joined with U+2581. */
static const char bpe_characters[] =
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":"
    "\" \"},"
    "\"content\":\"\u2581\"},\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,\"model\":{"
    "\"type\":"
    "\"BPE\",\"unk_token\":\"?\",\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{\"?\":0,\"a\":1,\"b\":2,"
    "\"\u2581\":3,"
    "\"\u2581a\":4,\"ab\":5,\".\":6,\".\u2581\":7,\"<0xC3>\":8,\"<0xA9>\":9,\"\u2581\u2581\":10,\"\u4e2d\":"
    "11,"
    "\"\u4e2da\":12},\"merges\":[[\"\u2581\",\"a\"],[\"a\",\"b\"],[\".\",\"\u2581\"],[\"\u2581\",\"\u2581\"],"
    "[\"\u4e2d\",\"a\"]]}}";

static const char unigram[] =
    "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":{\"type\":\"NFKC\"},\"pre_tokenizer\":{\"type\":"
    "\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":\"Metaspace\",\"replacement\":"
    "\"\u2581\","
    "\"prepend_scheme\":\"always\",\"split\":true}]},\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":"
    "[\"b\",5],\"cls\":[\"a\",2]},\"decoder\":null,\"model\":{"
    "\"type\":"
    "\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0.0],[\"\u2581\",-2.0],[\"a\",-3.0],[\"\u2581a\",-4.0],["
    "\"aa\",-5.5],"
    "[\"b\",-3.5],[\"ab\",-6.0],[\"\u4e2d\",-4.5],[\".\",-1.5]]}}";

static const char *const staged_texts[] = {with_added_tokens, bpe_bytes, bpe_characters, unigram};

static tokenizer *open_one(size_t which)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    scratch_clear();
    if (which < STAGED) {
        scratch_write("vocab.txt", VOCABULARY, sizeof VOCABULARY - 1);
        scratch_write("tokenizer_config.json", configurations[which], strlen(configurations[which]));
    } else {
        const char *text = staged_texts[which - STAGED];
        scratch_write("tokenizer.json", text, strlen(text));
        if (text != with_added_tokens)
            scratch_write("tokenizer_config.json", PLAIN_CLASS, sizeof PLAIN_CLASS - 1);
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
