/* Unigram: what of tokenizer.json is understood, the ids, and a clear error for each thing that is wrong with it. */
#include "tiny_model.h"

#include "tokenizer/library_scores.h"

#include <math.h>

/* Ids of the tokens in VOCAB. */
enum { BOS, PAD_ID, EOS, UNKNOWN, META_A, META_AB, AB, A_ID, B_ID, META, X_ID, ABA, COUNT };

#define ROW(text, score) "[\"" text "\"," #score "]"
#define VOCAB                                                                                                \
    "[" ROW("<s>", 0) "," ROW("<pad>", 0) "," ROW("</s>", 0) "," ROW("<unk>", 0) "," ROW(                    \
        "\xE2\x96\x81"                                                                                       \
        "a",                                                                                                 \
        -3) "," ROW("\xE2\x96\x81"                                                                           \
                    "ab",                                                                                    \
                    -2.5) "," ROW("ab",                                                                      \
                                  -2) "," ROW("a", -4.0) "," ROW("b",                                        \
                                                                 -4) "," ROW("\xE2\x96\x81",                 \
                                                                             -1) "," ROW("X",                \
                                                                                         -9) "," ROW("aba",  \
                                                                                                     -4) "]"
#define UNIGRAM(more) "{\"type\":\"Unigram\",\"unk_id\":3,\"vocab\":" VOCAB more "}"
#define WORDS                                                                                                \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":\"Metaspace\","      \
    "\"replacement\":\"\xE2\x96\x81\",\"add_prefix_space\":true}]}"
#define ROBERTA "{\"type\":\"RobertaProcessing\",\"cls\":[\"<s>\",0],\"sep\":[\"</s>\",2]}"
#define MAP(base64) "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"}"
#define A_TO_X "DAAAAACAAQBhDQAAAAAAgFgA" /* one rule: a becomes X */

/* A Unigram tokenizer; parts that are given stand in place of its own. */
static void write_unigram(tiny_parts parts)
{
    const tiny_parts own = {.added_tokens = "[" TINY_ADDED("<s>", 0) "]",
                            .normalizer = "null",
                            .pre_tokenizer = WORDS,
                            .post_processor = ROBERTA,
                            .model = UNIGRAM("")};
    const char **given = (const char **)&parts;
    const char *const *usual = (const char *const *)&own;
    for (size_t i = 0; i < sizeof parts / sizeof *given; i++)
        given[i] = given[i] != NULL ? given[i] : usual[i];
    tiny_write_json(parts);
}

static void the_best_cut_is_taken(void **state)
{
    (void)state;
    write_unigram((tiny_parts){0});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("a ab"), 0, false, IDS(BOS, META_A, META_AB, EOS));
    tiny_expect(tok, TEXT("abab"), 0, false, IDS(BOS, META_AB, AB, EOS));
    tiny_expect(tok, TEXT("ba<s>  b\n"), 0, false, IDS(BOS, META, B_ID, A_ID, BOS, META, B_ID, EOS));
    tiny_expect(tok, TEXT("a???b"), 0, false,
                IDS(BOS, META_A, UNKNOWN, B_ID, EOS)); /* unknown ones are one token */
    tiny_expect(tok, TEXT(" "), 0, false, IDS(BOS, EOS));
    tiny_expect(tok, TEXT("ab ab ab"), 4, true, IDS(BOS, META_AB, META_AB, EOS));
    tokenizer_close(tok);
}

static void a_character_map_is_applied(void **state)
{
    (void)state;
    write_unigram((tiny_parts){.normalizer = MAP(A_TO_X)});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("ba"), 0, false, IDS(BOS, META, B_ID, X_ID, EOS));
    tiny_expect(tok,
                TEXT("a\xCC\x81"
                     "b"),
                0, false, IDS(BOS, META, X_ID, B_ID, EOS)); /* the mark goes with its cluster */
    tokenizer_close(tok);
}

static void the_class_decides(void **state)
{
    (void)state;
    write_unigram((tiny_parts){.pre_tokenizer = "null", .model = UNIGRAM(",\"byte_fallback\":true")});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("b a"), 0, false, IDS(BOS, B_ID, UNKNOWN, A_ID, EOS));
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json",
               "{\"tokenizer_class\":\"XLMRobertaTokenizerFast\",\"mask_token\":\"X\"}");
    tok = tiny_open();
    tiny_expect(tok, TEXT("b aX"), 0, false, IDS(BOS, META, B_ID, META_A, X_ID, EOS));
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\"}");
    aki_error error;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tokenizer_class"));
}

static const struct {
    tiny_parts parts;
    aki_status status;
    const char *message; /* must be part of it */
} defects[] = {
    {{.normalizer = "{\"type\":\"Nmt\"}"}, AKI_MODEL_UNSUPPORTED, "type 'Nmt'"},
    {{.normalizer = "{\"type\":\"Sequence\"}"}, AKI_MODEL_INVALID, "\"normalizers\""},
    {{.normalizer = "{\"type\":\"Precompiled\"}"}, AKI_MODEL_INVALID, "\"precompiled_charsmap\""},
    {{.normalizer = MAP("A")}, AKI_MODEL_INVALID, "not base64"},
    {{.normalizer = MAP("AAB=")}, AKI_MODEL_INVALID, "not base64"},
    {{.normalizer = MAP("")}, AKI_MODEL_INVALID, "shorter than its trie"},
    {{.normalizer = MAP("AAAAAFgAAAAAAAA=")}, AKI_MODEL_INVALID, "shorter than its trie"},
    {{.normalizer = MAP("kAEAAACAAQBhDQAAAAAAgA==")}, AKI_MODEL_INVALID, "shorter than its trie"},
    {{.normalizer = MAP("DQAAAACAAQBhDQAAAAAAgFgA")}, AKI_MODEL_INVALID, "shorter than its trie"},
    {{.normalizer = MAP("DAAAAACAAQBhDQAA/wAAgFgA")}, AKI_MODEL_INVALID, "outside of it"},
    {{.normalizer = MAP("CAAAAACAAQBhDQAAWAA=")}, AKI_MODEL_INVALID, "outside of it"},
    {{.normalizer = MAP("DAAAAAAIAwDDDQAAAAAAgFgA")}, AKI_MODEL_INVALID, "inside a character"},
    {{.normalizer = MAP("DAAAAACAAQBhDQAAAQAAgMOpAA==")}, AKI_MODEL_INVALID, "inside a character"},
    {{.normalizer = MAP("DAAAAACAAQBhhAEAAAAAAFgA")}, AKI_MODEL_INVALID, "several ways"},
    {{.normalizer = MAP("DAAAAACAAQBhDQAAAAAAgP8A")}, AKI_MODEL_INVALID, "not valid UTF-8"},
    {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x+\"},\"content\":\"\"}"},
     AKI_MODEL_UNSUPPORTED,
     "'x+'"},
    {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}"},
     AKI_MODEL_UNSUPPORTED,
     "empty string"},
    {{.normalizer = "{\"type\":\"Replace\",\"content\":\"\"}"}, AKI_MODEL_INVALID, "\"pattern\""},
    {{.normalizer = "{\"type\":\"Strip\",\"strip_left\":true}"}, AKI_MODEL_INVALID, "\"strip_right\""},
    {{.pre_tokenizer = "{\"type\":\"Nothing\"}"}, AKI_MODEL_UNSUPPORTED, "type 'Nothing'"},
    {{.pre_tokenizer = "{\"type\":\"ByteLevel\"}"}, AKI_MODEL_UNSUPPORTED, "ByteLevel"},
    {{.pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"__\"}"},
     AKI_MODEL_INVALID,
     "one character"},
    {{.pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}"},
     AKI_MODEL_UNSUPPORTED,
     "'last'"},
    {{.pre_tokenizer = "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"first\"}",
      .normalizer = "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}"},
     AKI_MODEL_UNSUPPORTED,
     "'first'"},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":{}}"}, AKI_MODEL_INVALID, "\"vocab\""},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":[],\"unk_id\":0}"}, AKI_MODEL_INVALID, "\"unk_id\" is 0"},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":[[\"a\",\"b\"]],\"unk_id\":0}"}, AKI_MODEL_INVALID, "row 0"},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":[[\"a\\u0000\",1]],\"unk_id\":0}"},
     AKI_MODEL_INVALID,
     "U+0000"},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":[[\"a\",1]]}"}, AKI_MODEL_UNSUPPORTED, "\"unk_id\""},
    {{.model = "{\"type\":\"Unigram\",\"vocab\":[[\"a\",1]],\"unk_id\":1}"},
     AKI_MODEL_INVALID,
     "\"unk_id\" is 1"},
    {{.model = "{\"type\":\"Unigram\",\"v\\u006fcab\":[[\"a\",1]],\"unk_id\":0}"},
     AKI_MODEL_UNSUPPORTED,
     "escapes"},
    {{.added_tokens = "[" TINY_ADDED("ab", 7) "]"}, AKI_MODEL_INVALID, "must be 6"},
};

static void defects_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        tokenizer *tok = NULL;
        aki_error error = {.message = ""};
        write_unigram(defects[i].parts);
        if (tokenizer_open(&tok, tiny_folder, 1000, &error) != defects[i].status ||
            strstr(error.message, defects[i].message) == NULL)
            fail_msg("row %zu: %s", i, error.message);
        assert_null(tok);
    }
}

static void scores_are_rounded_as_tokenizers_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {{"-11.512925148010254", -11.512925148010254},
                {"0", 0},
                {"-4", -4},
                {"-12.5e-1", -1.25},
                {"1E2", 100},
                {"0.1", 0.1},
                {"1e-400", 0},
                {"1e309", INFINITY}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double found = library_scores_number(rows[i].text, strlen(rows[i].text));
        assert_true(found == rows[i].value || fabs(found - rows[i].value) <= 4e-15);
    }
    /* 17 digits are more than a double holds: rounded twice. */
    const char twice[] = "-18.444213562373095";
    assert_true(library_scores_number(twice, sizeof twice - 1) == -(18444213562373095.0 / 1e15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_best_cut_is_taken, tiny_reset),
        cmocka_unit_test_teardown(a_character_map_is_applied, tiny_reset),
        cmocka_unit_test_teardown(the_class_decides, tiny_reset),
        cmocka_unit_test_teardown(defects_are_refused, tiny_reset),
        cmocka_unit_test(scores_are_rounded_as_tokenizers_does),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
