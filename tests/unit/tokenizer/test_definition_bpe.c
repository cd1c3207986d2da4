/* BPE: what of tokenizer.json is understood, the ids, and a clear error for each thing that is wrong with it. */
#include "tiny_model.h"

/* Ids of the tokens in VOCAB. A space is U+0120 in the alphabet of bytes. */
enum { BOS, PAD_ID, EOS, UNKNOWN, A_ID, B_ID, AB, SPACE, SPACE_A, SPACE_AB };

#define GPT2_SPACE "\xC4\xA0"
#define VOCAB                                                                                                \
    "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"ab\":6,\"" GPT2_SPACE                   \
    "\":7,\"" GPT2_SPACE "a\":8,\"" GPT2_SPACE "ab\":9}"
#define MERGES "[[\"a\",\"b\"],[\"" GPT2_SPACE "\",\"a\"],[\"" GPT2_SPACE "\",\"ab\"]]"
#define BPE_OF(vocab, merges, more) "{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges more "}"
#define BPE(more) BPE_OF(VOCAB, MERGES, more)
#define BYTES "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}"
#define SPLIT(rest) "{\"type\":\"Split\"," rest "}"
#define ROBERTA "{\"type\":\"RobertaProcessing\",\"cls\":[\"<s>\",0],\"sep\":[\"</s>\",2]}"
#define IN_SEQUENCE(key, parts) "{\"type\":\"Sequence\",\"" key "\":[" parts "]}"

/* A BPE tokenizer; parts that are given stand in place of its own. */
static void write_bpe(tiny_parts parts)
{
    const tiny_parts own = {.added_tokens = "[" TINY_ADDED("<s>", 0) "]",
                            .normalizer = "null",
                            .pre_tokenizer = BYTES,
                            .post_processor = ROBERTA,
                            .model = BPE("")};
    const char **given = (const char **)&parts;
    const char *const *usual = (const char *const *)&own;
    for (size_t i = 0; i < sizeof parts / sizeof *given; i++)
        given[i] = given[i] != NULL ? given[i] : usual[i];
    tiny_write_json(parts);
}

static void merges_are_done_by_rank(void **state)
{
    (void)state;
    write_bpe((tiny_parts){0});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("ab ab a"), 0, false, IDS(BOS, AB, SPACE_AB, SPACE_A, EOS));
    tiny_expect(tok, TEXT("ba<s>  b\n"), 0, false,
                IDS(BOS, B_ID, A_ID, BOS, SPACE, SPACE, B_ID, EOS)); /* a line feed has no token */
    tiny_expect(tok, TEXT("ab ab ab"), 4, true, IDS(BOS, AB, SPACE_AB, EOS));
    assert_true(tokenizer_decodes(tok));
    tokenizer_close(tok);
    write_bpe(
        (tiny_parts){.post_processor = "null", .model = BPE_OF(VOCAB, "[\"#version: 0.2\",\"a b\"]", "")});
    tok = tiny_open();
    tiny_expect(tok, TEXT("ab ab"), 0, false, IDS(AB, SPACE, AB));
    tokenizer_close(tok);
    write_bpe(
        (tiny_parts){.model = BPE(",\"unk_token\":\"<unk>\",\"dropout\":0.0,\"end_of_word_suffix\":\"\"")});
    tok = tiny_open();
    tiny_expect(tok, TEXT("a??b"), 0, false, IDS(BOS, A_ID, UNKNOWN, UNKNOWN, B_ID, EOS));
    tokenizer_close(tok);
    write_bpe((tiny_parts){.model = BPE_OF(VOCAB, "[]", ",\"ignore_merges\":true")});
    tok = tiny_open();
    tiny_expect(tok, TEXT("ab aba"), 0, false, IDS(BOS, AB, SPACE, A_ID, B_ID, A_ID, EOS));
    tokenizer_close(tok);
}

static void the_class_decides(void **state)
{
    (void)state;
    write_bpe((tiny_parts){
        .pre_tokenizer = "null", .post_processor = "null", .model = BPE(",\"unk_token\":\"<unk>\"")});
    tiny_write(
        "tokenizer_config.json",
        "{\"tokenizer_class\":\"RobertaTokenizerFast\",\"add_prefix_space\":true,\"mask_token\":\"b\"}");
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("a?a"), 0, false, IDS(BOS, SPACE_A, A_ID, EOS));
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\"}");
    aki_error error;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tokenizer_class"));
}

static void a_pair_of_files_is_read(void **state)
{
    (void)state;
    aki_error error;
    tokenizer *tok;
    tiny_write("vocab.json", VOCAB);
    tiny_write("merges.txt", "#version: 0.2\na b\r\n" GPT2_SPACE " ab\n");
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"RobertaTokenizer\",\"mask_token\":null}");
    tok = tiny_open();
    tiny_expect(tok, TEXT("ab ab a"), 0, false, IDS(BOS, AB, SPACE_AB, SPACE, A_ID, EOS));
    tokenizer_close(tok);
    tiny_write("merges.txt", "a b\n\n");
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "merges"));
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"GPT2Tokenizer\",\"add_eos_token\":true}");
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "\"add_eos_token\""));
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no tokenizer.json"));
}

static const struct {
    tiny_parts parts;
    aki_status status;
    const char *message; /* must be part of it */
} defects[] = {
    {{.model = BPE_OF("{}", "[]", ""), .added_tokens = "[]"}, AKI_MODEL_INVALID, "vocabulary is empty"},
    {{.model = BPE_OF("[]", "[]", "")}, AKI_MODEL_INVALID, "\"vocab\""},
    {{.model = BPE_OF("{\"a\":0,\"b\":0}", "[]", "")}, AKI_MODEL_INVALID, "both have the id 0"},
    {{.model = BPE_OF("{\"a\":0,\"b\":2}", "[]", "")}, AKI_MODEL_INVALID, "without holes"},
    {{.model = BPE_OF("{\"a\":0,\"b\":2147483648}", "[]", "")}, AKI_MODEL_INVALID, "without holes"},
    {{.model = BPE_OF("{\"a\":0,\"b\":-1}", "[]", "")}, AKI_MODEL_INVALID, "negative"},
    {{.model = BPE_OF("{\"a\":0,\"b\":1.5}", "[]", "")}, AKI_MODEL_INVALID, "whole number"},
    {{.model = BPE_OF(VOCAB, "{}", "")}, AKI_MODEL_INVALID, "\"merges\""},
    {{.model = BPE_OF(VOCAB, "[[\"a\",\"b\",\"a\"]]", "")}, AKI_MODEL_INVALID, "row 0 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[[\"a\",\"b\"],[\"a\"]]", "")}, AKI_MODEL_INVALID, "row 1 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[[\"a\",4]]", "")}, AKI_MODEL_INVALID, "row 0 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[7]", "")}, AKI_MODEL_INVALID, "row 0 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[\"ab\"]", "")}, AKI_MODEL_INVALID, "row 0 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[\"a b a\"]", "")}, AKI_MODEL_INVALID, "row 0 of \"merges\""},
    {{.model = BPE_OF(VOCAB, "[\"a c\"]", "")}, AKI_MODEL_INVALID, "needs the token 'c'"},
    {{.model = BPE_OF(VOCAB, "[\"c a\"]", "")}, AKI_MODEL_INVALID, "needs the token 'c'"},
    {{.model = BPE_OF(VOCAB, "[[\"b\",\"a\"]]", "")}, AKI_MODEL_INVALID, "needs the token 'ba'"},
    {{.model = BPE(",\"unk_token\":\"[UNK]\"")}, AKI_MODEL_INVALID, "\"unk_token\" '[UNK]'"},
    {{.model = BPE(",\"unk_token\":5")}, AKI_MODEL_INVALID, "\"unk_token\""},
    {{.model = BPE(",\"dropout\":0.1")}, AKI_MODEL_UNSUPPORTED, "\"dropout\""},
    {{.model = BPE(",\"dropout\":\"0\"")}, AKI_MODEL_UNSUPPORTED, "\"dropout\""},
    {{.model = BPE(",\"continuing_subword_prefix\":\"##\"")},
     AKI_MODEL_UNSUPPORTED,
     "\"continuing_subword_prefix\" '##'"},
    {{.model = BPE(",\"end_of_word_suffix\":\"</w>\"")},
     AKI_MODEL_UNSUPPORTED,
     "\"end_of_word_suffix\" '</w>'"},
    {{.model = BPE(",\"byte_fallback\":true")}, AKI_MODEL_UNSUPPORTED, "\"byte_fallback\""},
    {{.model = BPE(",\"byte_fallback\":1")}, AKI_MODEL_INVALID, "\"byte_fallback\""},
    {{.model = BPE(",\"fuse_unk\":\"yes\"")}, AKI_MODEL_INVALID, "\"fuse_unk\""},
    {{.model = BPE(",\"ignore_merges\":\"yes\"")}, AKI_MODEL_INVALID, "\"ignore_merges\""},
    {{.pre_tokenizer = IN_SEQUENCE("pretokenizers", BYTES ",{\"type\":\"Digits\"}")},
     AKI_MODEL_UNSUPPORTED,
     "before another"},
    {{.pre_tokenizer = IN_SEQUENCE("pretokenizers", BYTES "," BYTES)},
     AKI_MODEL_UNSUPPORTED,
     "before another"},
    {{.pre_tokenizer = IN_SEQUENCE("other", "")}, AKI_MODEL_INVALID, "\"pretokenizers\""},
    {{.pre_tokenizer = "{\"type\":\"ByteLevel\",\"use_regex\":1}"}, AKI_MODEL_INVALID, "\"use_regex\""},
    {{.pre_tokenizer = "{\"type\":\"ByteLevel\",\"add_prefix_space\":\"\"}"},
     AKI_MODEL_INVALID,
     "\"add_prefix_space\""},
    {{.pre_tokenizer = "{\"type\":\"UnicodeScripts\"}"}, AKI_MODEL_UNSUPPORTED, "'UnicodeScripts'"},
    {{.pre_tokenizer = SPLIT("\"pattern\":{\"Regex\":\"\\\\w+|x\"},\"behavior\":\"Isolated\"")},
     AKI_MODEL_UNSUPPORTED,
     "'\\w+|x'"},
    {{.pre_tokenizer = SPLIT("\"pattern\":{\"String\":\"\"},\"behavior\":\"Isolated\"")},
     AKI_MODEL_INVALID,
     "\"pattern\""},
    {{.pre_tokenizer = SPLIT("\"pattern\":\"x\",\"behavior\":\"Isolated\"")},
     AKI_MODEL_INVALID,
     "\"pattern\""},
    {{.pre_tokenizer = SPLIT("\"pattern\":{\"String\":\"x\"},\"behavior\":\"Glued\"")},
     AKI_MODEL_INVALID,
     "'Glued'"},
    {{.pre_tokenizer = SPLIT("\"pattern\":{\"String\":\"x\"}")}, AKI_MODEL_INVALID, "\"behavior\""},
    {{.pre_tokenizer = SPLIT("\"pattern\":{\"String\":\"x\"},\"behavior\":\"Removed\",\"invert\":2")},
     AKI_MODEL_INVALID,
     "\"invert\""},
    {{.pre_tokenizer = "{\"type\":\"Digits\",\"individual_digits\":2}"},
     AKI_MODEL_INVALID,
     "\"individual_digits\""},
    {{.pre_tokenizer = "{\"type\":\"Punctuation\",\"behavior\":\"Glued\"}"}, AKI_MODEL_INVALID, "'Glued'"},
    {{.normalizer = "{\"type\":\"StripAccents\"}"}, AKI_MODEL_UNSUPPORTED, "'StripAccents'"},
    {{.normalizer = "{\"type\":\"ByteLevel\"}"}, AKI_MODEL_UNSUPPORTED, "'ByteLevel'"},
    {{.normalizer = "{\"type\":\"Prepend\"}"}, AKI_MODEL_UNSUPPORTED, "\"prepend\""},
    {{.post_processor = IN_SEQUENCE("processors", ROBERTA "," ROBERTA)}, AKI_MODEL_UNSUPPORTED, "several"},
    {{.post_processor = IN_SEQUENCE("processors", "{\"type\":\"Other\"}")},
     AKI_MODEL_UNSUPPORTED,
     "post_processor"},
    {{.post_processor = IN_SEQUENCE("other", "")}, AKI_MODEL_UNSUPPORTED, "'Sequence'"},
    {{.post_processor = "{\"type\":\"RobertaProcessing\",\"cls\":[\"<s>\",1],\"sep\":[\"</s>\",2]}"},
     AKI_MODEL_INVALID,
     "'<s>' with the id 1"},
    {{.added_tokens = "[" TINY_ADDED("ab", 7) "]"}, AKI_MODEL_INVALID, "must be 6"},
    {{.added_tokens = "[" TINY_ADDED("new", 11) "]"}, AKI_MODEL_INVALID, "must be 10"},
};

static void defects_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        tokenizer *tok = NULL;
        aki_error error = {.message = ""};
        write_bpe(defects[i].parts);
        if (tokenizer_open(&tok, tiny_folder, 1000, &error) != defects[i].status ||
            strstr(error.message, defects[i].message) == NULL)
            fail_msg("row %zu: %s", i, error.message);
        assert_null(tok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(merges_are_done_by_rank, tiny_reset),
        cmocka_unit_test_teardown(the_class_decides, tiny_reset),
        cmocka_unit_test_teardown(a_pair_of_files_is_read, tiny_reset),
        cmocka_unit_test_teardown(defects_are_refused, tiny_reset),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
