#include "unit.h"

#include "akidb/embed.h"

#include <math.h>
#include <pthread.h>
#include <sys/stat.h>

#define DIMENSION 384

static aki_model *model; /* NULL: no model at AKIDB_TEST_MODEL */

#define NEED_MODEL()                                                                                         \
    if (model == NULL) {                                                                                     \
        print_message("AKIDB_TEST_MODEL names no model folder: skipped\n");                                  \
        skip();                                                                                              \
    }

static aki_text text_of(const char *text)
{
    return (aki_text){text, strlen(text)};
}

static const char *const sentences[] = {
    "A cat sits on the mat.",
    "Eine Katze sitzt auf der Matte.",
    "x",
    "Interest rates rose by a quarter of a point, the bank said, and may rise again before the year is out.",
    "   ",
    "\xE7\x8C\xAB\xE3\x81\x8C\xE5\xA5\xBD\xE3\x81\x8D",
    "[CLS] [SEP] [MASK]",
};
#define SENTENCES (sizeof sentences / sizeof sentences[0])

static void describes_what_was_loaded(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_model_info info;
    aki_model_describe(model, &info);
    assert_int_equal(aki_dimension(model), DIMENSION);
    assert_int_equal(aki_max_tokens(model), 256);
    assert_int_equal(info.layers, 6);
    assert_int_equal(info.default_pooling, AKI_POOLING_MEAN);
    assert_true(info.default_normalize);
    assert_true(info.threads >= 1);
    assert_string_equal(info.cpu_tier, aki_cpu_tiers()[0]);
    assert_string_equal(aki_version(), AKI_VERSION);
}

static void the_mean_of_token_vectors_is_the_vector(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_text texts[SENTENCES];
    aki_token_vectors tokens[SENTENCES];
    float vectors[SENTENCES][DIMENSION];
    for (size_t i = 0; i < SENTENCES; i++)
        texts[i] = text_of(sentences[i]);
    assert_int_equal(aki_embed_tokens(model, texts, SENTENCES, NULL, tokens, NULL), AKI_OK);
    const aki_embed_options plain = {.normalize = AKI_OFF};
    assert_int_equal(aki_embed(model, texts, SENTENCES, &plain, vectors[0], NULL, NULL), AKI_OK);
    for (size_t i = 0; i < SENTENCES; i++)
        for (size_t d = 0; d < DIMENSION; d++) {
            double sum = 0;
            for (size_t k = 0; k < tokens[i].count; k++)
                sum += tokens[i].vectors[k * DIMENSION + d];
            assert_true(fabs(sum / (double)tokens[i].count - vectors[i][d]) < 1e-5);
        }
    aki_token_vectors_free(tokens, SENTENCES);
    assert_null(tokens[0].vectors);
    aki_error error;
    const aki_text empty[2] = {texts[0], {"", 0}};
    assert_int_equal(aki_embed_tokens(model, empty, 2, NULL, tokens, &error), AKI_EMPTY_TEXT);
    assert_int_equal(error.text_index, 1);
    assert_null(tokens[0].vectors);
}

static void an_embedding_model_ranks_and_classifies_nothing(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_error error;
    float score;
    const aki_text text = text_of("x");
    assert_int_equal(aki_model_task(model), AKI_TASK_EMBED);
    assert_null(aki_label(model, 0));
    assert_int_equal(aki_rerank(model, text, &text, 1, NULL, &score, NULL, NULL, &error), AKI_WRONG_TASK);
    assert_string_equal(error.message, "the model is not a reranker but an embedding model");
    assert_int_equal(aki_classify(model, &text, NULL, 1, NULL, &score, NULL, &error), AKI_WRONG_TASK);
    assert_int_equal(aki_rerank(model, text, NULL, 1, NULL, &score, NULL, NULL, &error),
                     AKI_INVALID_ARGUMENT);
    assert_int_equal(aki_rerank(model, text, &text, 0, NULL, &score, NULL, NULL, &error),
                     AKI_INVALID_ARGUMENT);
}

static void a_vector_does_not_depend_on_its_company(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_text texts[300];
    aki_text_info info[300];
    float *together = malloc(300 * DIMENSION * sizeof(float)), alone[DIMENSION];
    for (size_t i = 0; i < 300; i++)
        texts[i] = text_of(sentences[(i * 5 + i / 7) % SENTENCES]);
    assert_int_equal(aki_embed(model, texts, 300, NULL, together, info, NULL), AKI_OK);
    for (size_t i = 0; i < 300; i++) {
        aki_text_info one;
        assert_int_equal(aki_embed(model, &texts[i], 1, NULL, alone, &one, NULL), AKI_OK);
        assert_memory_equal(alone, together + i * DIMENSION, sizeof alone);
        assert_int_equal(one.tokens, info[i].tokens);
    }
    free(together);
}

static void *embed_repeatedly(void *argument)
{
    const float *expected = argument; /* [SENTENCES][DIMENSION] */
    static const aki_embed_options options = {.pooling = AKI_POOLING_MODEL};
    float got[SENTENCES * DIMENSION];
    aki_text texts[SENTENCES];
    for (size_t i = 0; i < SENTENCES; i++)
        texts[i] = text_of(sentences[i]);
    for (int round = 0; round < 20; round++)
        if (aki_embed(model, texts, SENTENCES, &options, got, NULL, NULL) != AKI_OK ||
            memcmp(got, expected, sizeof got) != 0)
            return (void *)1;
    return NULL;
}

static void many_threads_share_one_handle(void **state)
{
    (void)state;
    NEED_MODEL();
    static float expected[SENTENCES * DIMENSION];
    aki_text texts[SENTENCES];
    for (size_t i = 0; i < SENTENCES; i++)
        texts[i] = text_of(sentences[i]);
    assert_int_equal(aki_embed(model, texts, SENTENCES, NULL, expected, NULL, NULL), AKI_OK);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, embed_repeatedly, expected), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void long_texts_are_cut_or_refused(void **state)
{
    (void)state;
    NEED_MODEL();
    char words[6001] = "";
    for (size_t i = 0; i < 1000; i++)
        memcpy(words + i * 6, "hello ", 7);
    float v[2 * DIMENSION];
    aki_text texts[2] = {text_of("short"), text_of(words)};
    aki_text_info info[2];
    assert_int_equal(aki_embed(model, texts, 2, NULL, v, info, NULL), AKI_OK);
    assert_false(info[0].truncated);
    assert_int_equal(info[0].tokens, 3);
    assert_true(info[1].truncated);
    assert_int_equal(info[1].tokens, 256);
    aki_embed_options refuse = {.refuse_long = true};
    aki_error error;
    assert_int_equal(aki_embed(model, texts, 2, &refuse, v, info, &error), AKI_TEXT_TOO_LONG);
    assert_int_equal(error.text_index, 1);
    assert_non_null(strstr(error.message, "256"));
}

static void options_change_the_vector_as_told(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_text text = text_of(sentences[3]);
    float by_default[DIMENSION], raw[DIMENSION], cls[DIMENSION], max[DIMENSION];
    aki_embed_options o = {.normalize = AKI_OFF};
    assert_int_equal(aki_embed(model, &text, 1, NULL, by_default, NULL, NULL), AKI_OK);
    assert_int_equal(aki_embed(model, &text, 1, &o, raw, NULL, NULL), AKI_OK);
    double norm = 0, norm_default = 0;
    for (size_t d = 0; d < DIMENSION; d++) {
        norm += (double)raw[d] * raw[d];
        norm_default += (double)by_default[d] * by_default[d];
    }
    assert_true(fabs(norm_default - 1) < 1e-6);
    assert_true(fabs(norm - 1) > 1e-3);
    for (size_t d = 0; d < DIMENSION; d++)
        assert_true(fabs(raw[d] / sqrt(norm) - by_default[d]) < 1e-6);
    o = (aki_embed_options){.pooling = AKI_POOLING_CLS, .normalize = AKI_OFF};
    assert_int_equal(aki_embed(model, &text, 1, &o, cls, NULL, NULL), AKI_OK);
    o.pooling = AKI_POOLING_MAX;
    assert_int_equal(aki_embed(model, &text, 1, &o, max, NULL, NULL), AKI_OK);
    for (size_t d = 0; d < DIMENSION; d++)
        assert_true(max[d] >= cls[d] && max[d] >= raw[d]);
}

static void dimensions_are_cut_and_normalized_again(void **state)
{
    (void)state;
    NEED_MODEL();
    const aki_text texts[] = {text_of(sentences[0]), text_of(sentences[3])};
    float whole[2 * DIMENSION], cut[2 * 100];
    aki_error error;
    aki_embed_options o = {.dimensions = 100};
    assert_int_equal(aki_embed(model, texts, 2, NULL, whole, NULL, NULL), AKI_OK);
    assert_int_equal(aki_embed(model, texts, 2, &o, cut, NULL, NULL), AKI_OK);
    for (size_t i = 0; i < 2; i++) {
        double square = 0;
        for (size_t d = 0; d < 100; d++)
            square += (double)whole[i * DIMENSION + d] * whole[i * DIMENSION + d];
        for (size_t d = 0; d < 100; d++)
            assert_true(fabs(cut[i * 100 + d] - whole[i * DIMENSION + d] / sqrt(square)) < 1e-6);
    }
    o.dimensions = DIMENSION + 1;
    assert_int_equal(aki_embed(model, texts, 2, &o, whole, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "dimensions is 385; the model's vectors have 384"));
}

static void a_prompt_stands_before_the_text(void **state)
{
    (void)state;
    NEED_MODEL();
    const aki_text text = text_of("a cat"), joined = text_of("query: a cat"), broken = {"bad \xFF", 5};
    float expected[DIMENSION], plain[DIMENSION], got[DIMENSION];
    aki_error error;
    aki_embed_options o = {.prompt = text_of("query: ")};
    assert_int_equal(aki_embed(model, &joined, 1, NULL, expected, NULL, NULL), AKI_OK);
    assert_int_equal(aki_embed(model, &text, 1, NULL, plain, NULL, NULL), AKI_OK);
    assert_int_equal(aki_embed(model, &text, 1, &o, got, NULL, NULL), AKI_OK);
    assert_memory_equal(got, expected, sizeof got);
    assert_int_equal(aki_embed(model, &broken, 1, &o, got, NULL, &error), AKI_INVALID_UTF8);
    assert_non_null(strstr(error.message, "byte 4")); /* of the text, not of what was tokenized */
    o.prompt_name = "query";
    assert_int_equal(aki_embed(model, &text, 1, &o, got, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "both prompt and prompt_name"));
    o = (aki_embed_options){.prompt_name = "document"}; /* empty in this model */
    assert_int_equal(aki_embed(model, &text, 1, &o, got, NULL, NULL), AKI_OK);
    assert_memory_equal(got, plain, sizeof got);
    o.prompt_name = "passage";
    assert_int_equal(aki_embed(model, &text, 1, &o, got, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no prompt of the name \"passage\"; it has: query, document"));
    o = (aki_embed_options){.prompt = broken};
    assert_int_equal(aki_embed(model, &text, 1, &o, got, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "the prompt is not valid UTF-8"));
}

static void prompts_are_listed(void **state)
{
    (void)state;
    NEED_MODEL();
    const char *name = NULL;
    aki_text text;
    aki_model_info info;
    aki_model_describe(model, &info);
    assert_null(info.default_prompt_name);
    assert_true(aki_prompt(model, 0, &name, &text));
    assert_string_equal(name, "query");
    assert_int_equal(text.length, 0);
    assert_true(aki_prompt(model, 1, &name, &text));
    assert_string_equal(name, "document");
    assert_false(aki_prompt(model, 2, &name, &text));
}

static void bad_arguments_are_named(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_error error;
    float v[3 * DIMENSION];
    aki_text texts[3] = {text_of("good"), {"", 0}, {"bad \xFF", 5}};
    assert_int_equal(aki_embed(model, texts, 3, NULL, v, NULL, &error), AKI_EMPTY_TEXT);
    assert_int_equal(error.text_index, 1);
    texts[1] = text_of("fine");
    assert_int_equal(aki_embed(model, texts, 3, NULL, v, NULL, &error), AKI_INVALID_UTF8);
    assert_int_equal(error.text_index, 2);
    assert_true(strlen(error.hint) > 0);
    texts[2] = (aki_text){NULL, 5};
    assert_int_equal(aki_embed(model, texts, 3, NULL, v, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_int_equal(aki_embed(model, texts, 0, NULL, v, NULL, &error), AKI_INVALID_ARGUMENT);
    assert_int_equal(aki_embed(NULL, texts, 1, NULL, v, NULL, &error), AKI_INVALID_ARGUMENT);
    aki_embed_options o = {.pooling = (aki_pooling)9};
    assert_int_equal(aki_embed(model, texts, 1, &o, v, NULL, &error), AKI_INVALID_ARGUMENT);
}

static void tokens_come_with_their_texts(void **state)
{
    (void)state;
    NEED_MODEL();
    aki_tokens tokens;
    assert_int_equal(aki_tokenize(model, text_of("Embeddings!"), 0, &tokens, NULL), AKI_OK);
    static const char *const expected[] = {"[CLS]", "em", "##bed", "##ding", "##s", "!", "[SEP]"};
    assert_int_equal(tokens.count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(aki_token_text(model, tokens.ids[i]), expected[i]);
    aki_tokens_free(&tokens);
    assert_int_equal(aki_tokenize(model, text_of("Embeddings!"), 4, &tokens, NULL), AKI_OK);
    assert_int_equal(tokens.count, 4);
    assert_true(tokens.truncated);
    aki_tokens_free(&tokens);
    aki_tokens_free(&tokens);
    assert_int_equal(aki_tokenize(model, text_of("x"), 1, &tokens, NULL), AKI_INVALID_ARGUMENT);
    assert_null(aki_token_text(model, -1));
    assert_null(aki_token_text(model, 1 << 30));
}

static void opening_fails_clearly(void **state)
{
    (void)state;
    aki_model *m = (aki_model *)1;
    aki_error error;
    assert_int_equal(aki_open(&m, "/nonexistent/folder", NULL, &error), AKI_MODEL_NOT_FOUND);
    assert_null(m);
    assert_non_null(strstr(error.message, "/nonexistent/folder"));
    assert_int_equal(aki_open(&m, "", NULL, &error), AKI_INVALID_ARGUMENT);
    assert_int_equal(aki_open(NULL, "x", NULL, &error), AKI_INVALID_ARGUMENT);
    aki_close(NULL);
    aki_close(&m);
}

static void copy_file(const char *from_folder, const char *to_folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", from_folder, name);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s", to_folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    static char block[1 << 16];
    size_t got;
    while ((got = fread(block, 1, sizeof block, in)) > 0)
        assert_int_equal(fwrite(block, 1, got, out), got);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void a_weight_file_cut_in_use_is_an_error_not_a_crash(void **state)
{
    (void)state;
    NEED_MODEL();
    static const char *const names[] = {"config.json", "tokenizer.json", "vocab.txt", "model.safetensors"};
    char folder[256], path[600];
    unit_temporary_folder(folder, sizeof folder);
    for (size_t i = 0; i < 4; i++)
        copy_file(getenv("AKIDB_TEST_MODEL"), folder, names[i]);
    aki_model *damaged = NULL;
    aki_error error;
    assert_int_equal(aki_open(&damaged, folder, NULL, &error), AKI_OK);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(truncate(path, 4096), 0);
    float v[DIMENSION];
    aki_text text = text_of("a word whose row of the table is gone");
    assert_int_equal(aki_embed(damaged, &text, 1, NULL, v, NULL, &error), AKI_MODEL_CHANGED);
    aki_close(&damaged);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Older folders keep the transformer, tokenizer included, in a folder of its own. */
static void a_transformer_in_its_own_folder(void **state)
{
    (void)state;
    NEED_MODEL();
    char folder[200], path[300];
    char *real = realpath(getenv("AKIDB_TEST_MODEL"), NULL);
    static const char modules[] =
        "[{\"path\":\"0_Transformer\",\"type\":\"sentence_transformers.models.Transformer\"},"
        "{\"path\":\"0_Transformer/1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
        "{\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}]";
    assert_non_null(real);
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/0_Transformer", folder);
    assert_int_equal(symlink(real, path), 0);
    snprintf(path, sizeof path, "%s/modules.json", folder);
    unit_write_file(path, modules, strlen(modules));
    aki_model *other = NULL;
    aki_error error = {.message = ""};
    if (aki_open(&other, folder, NULL, &error) != AKI_OK)
        fail_msg("%s", error.message);
    float expected[DIMENSION], got[DIMENSION];
    aki_text text = text_of(sentences[0]);
    assert_int_equal(aki_embed(model, &text, 1, NULL, expected, NULL, NULL), AKI_OK);
    assert_int_equal(aki_embed(other, &text, 1, NULL, got, NULL, NULL), AKI_OK);
    assert_memory_equal(got, expected, sizeof got);
    aki_close(&other);
    free(real);
    unlink(path);
    snprintf(path, sizeof path, "%s/0_Transformer", folder);
    unlink(path);
    rmdir(folder);
}

static int open_model(void **state)
{
    (void)state;
    const char *folder = getenv("AKIDB_TEST_MODEL");
    struct stat info;
    if (folder == NULL || stat(folder, &info) != 0)
        return 0;
    aki_error error;
    if (aki_open(&model, folder, NULL, &error) != AKI_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    aki_close(&model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_what_was_loaded),
        cmocka_unit_test(the_mean_of_token_vectors_is_the_vector),
        cmocka_unit_test(an_embedding_model_ranks_and_classifies_nothing),
        cmocka_unit_test(a_vector_does_not_depend_on_its_company),
        cmocka_unit_test(many_threads_share_one_handle),
        cmocka_unit_test(long_texts_are_cut_or_refused),
        cmocka_unit_test(options_change_the_vector_as_told),
        cmocka_unit_test(dimensions_are_cut_and_normalized_again),
        cmocka_unit_test(a_prompt_stands_before_the_text),
        cmocka_unit_test(prompts_are_listed),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(tokens_come_with_their_texts),
        cmocka_unit_test(opening_fails_clearly),
        cmocka_unit_test(a_transformer_in_its_own_folder),
        cmocka_unit_test(a_weight_file_cut_in_use_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
