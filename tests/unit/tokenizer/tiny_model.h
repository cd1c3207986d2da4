/* A model folder with a vocabulary of a few tokens, written by the test itself. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "unit.h"

#include "tokenizer/tokenizer.h"

/* Ids of the tokens in TINY_VOCAB. */
enum { PAD, UNK, CLS, SEP, MASK, THE, CAT, S_REST, DOG, E_REST, COMMA, A, A_REST, TINY_COUNT };

#define TINY_VOCAB                                                                                           \
    "{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"[MASK]\":4,\"the\":5,\"cat\":6,\"##s\":7,\"dog\":8," \
    "\"##e\":9,\",\":10,\"a\":11,\"##a\":12}"
#define TINY_NORMALIZER                                                                                      \
    "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":null," \
    "\"lowercase\":true}"
#define TINY_MODEL                                                                                           \
    "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","                  \
    "\"max_input_chars_per_word\":100,\"vocab\":" TINY_VOCAB "}"
#define TINY_ADDED(content, id)                                                                              \
    "{\"id\":" #id ",\"content\":\"" content                                                                 \
    "\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}"
#define TINY_ADDED_TOKENS                                                                                    \
    "[" TINY_ADDED("[PAD]", 0) "," TINY_ADDED("[UNK]", 1) "," TINY_ADDED("[CLS]", 2) "," TINY_ADDED(         \
        "[SEP]", 3) "," TINY_ADDED("[MASK]", 4) "]"
#define TINY_TEMPLATE                                                                                        \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"      \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}],"      \
    "\"special_tokens\":{\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[2],\"tokens\":[\"[CLS]\"]},"                   \
    "\"[SEP]\":{\"id\":\"[SEP]\",\"ids\":[3],\"tokens\":[\"[SEP]\"]}}}"

/* The parts of a tokenizer.json; NULL = as in the tiny model, "" = left out. */
typedef struct tiny_parts {
    const char *version, *added_tokens, *normalizer, *pre_tokenizer, *post_processor, *model;
} tiny_parts;

static char tiny_folder[200], tiny_path[256];

static inline const char *tiny_file(const char *name)
{
    snprintf(tiny_path, sizeof tiny_path, "%s/%s", tiny_folder, name);
    return tiny_path;
}

static inline void tiny_write(const char *name, const char *text)
{
    unit_write_file(tiny_file(name), text, strlen(text));
}

static inline void tiny_part(FILE *file, const char *key, const char *given, const char *usual)
{
    const char *value = given != NULL ? given : usual;
    if (value[0] != '\0')
        fprintf(file, ",\"%s\":%s", key, value);
}

/* Writes tokenizer.json, for a class that takes it unchanged. Like every export it has a truncation and a padding,
 * which must have no effect. */
static inline void tiny_write_json(tiny_parts parts)
{
    FILE *file = fopen(tiny_file("tokenizer.json"), "wb");
    assert_non_null(file);
    fprintf(file, "{\"truncation\":{\"max_length\":3,\"strategy\":\"LongestFirst\",\"stride\":0},"
                  "\"padding\":{\"strategy\":{\"Fixed\":7}},\"decoder\":null");
    tiny_part(file, "version", parts.version, "\"1.0\"");
    tiny_part(file, "added_tokens", parts.added_tokens, TINY_ADDED_TOKENS);
    tiny_part(file, "normalizer", parts.normalizer, TINY_NORMALIZER);
    tiny_part(file, "pre_tokenizer", parts.pre_tokenizer, "{\"type\":\"BertPreTokenizer\"}");
    tiny_part(file, "post_processor", parts.post_processor, TINY_TEMPLATE);
    tiny_part(file, "model", parts.model, TINY_MODEL);
    fprintf(file, "}");
    assert_int_equal(fclose(file), 0);
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
}

static inline int tiny_setup(void **state)
{
    (void)state;
    unit_temporary_folder(tiny_folder, sizeof tiny_folder);
    return 0;
}

/* Empties the folder between tests. */
static inline int tiny_reset(void **state)
{
    (void)state;
    static const char *const names[] = {"tokenizer.json",
                                        "vocab.txt",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "config.json",
                                        "vocab.json",
                                        "merges.txt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (unlink(tiny_file(names[i])) != 0)
            rmdir(tiny_file(names[i]));
    return 0;
}

static inline int tiny_teardown(void **state)
{
    tiny_reset(state);
    return rmdir(tiny_folder);
}

static inline tokenizer *tiny_open(void)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    aki_status status = tokenizer_open(&tok, tiny_folder, 1000, &error);
    if (status != AKI_OK)
        fail_msg("%s", error.message);
    assert_non_null(tok);
    return tok;
}

#define TEXT(literal) ((aki_text){literal, sizeof(literal) - 1})

/* Encodes and compares with the ids given after `truncated`; ends them with -1. */
static inline void tiny_expect(const tokenizer *tok, aki_text text, size_t max_tokens, bool truncated,
                               const int32_t *ids)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    assert_non_null(scratch);
    token_span span;
    assert_int_equal(tokenizer_encode(tok, scratch, text, max_tokens, &span, NULL), AKI_OK);
    size_t count = 0;
    while (ids[count] >= 0)
        count++;
    assert_int_equal(span.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(span.ids[i], ids[i]);
    assert_int_equal(span.truncated, truncated);
    tokenizer_scratch_close(scratch);
}

#define IDS(...) ((const int32_t[]){__VA_ARGS__, -1})

#endif
