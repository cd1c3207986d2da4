#include "unit.h"

#include "base/mapping.h"
#include "model/tiny_model.h"

static char folder[200];

/* The configuration files are small and stay; every test writes the weights it needs. */
static int empty_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    return 0;
}

static int tiny_folder(void **state)
{
    empty_folder(state);
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    return 0;
}

static void folders_that_are_none(void **state)
{
    (void)state;
    char path[PATH_MAX];
    tiny_expect("", "empty name", AKI_MODEL_NOT_FOUND, "the name of the model folder is empty");
    tiny_expect("/nonexistent/model", "missing", AKI_MODEL_NOT_FOUND, "'/nonexistent/model'");
    tiny_path(path, folder, "config.json");
    tiny_expect(folder, "empty folder", AKI_MODEL_NOT_FOUND, "neither modules.json nor config.json");
    tiny_put(folder, "config.json", "{}");
    tiny_expect(path, "a file", AKI_MODEL_NOT_FOUND, "is not a folder");
}

static void weights_in_other_formats(void **state)
{
    (void)state;
    tiny_put(folder, "model.safetensors", NULL);
    tiny_expect(folder, "none", AKI_MODEL_NOT_FOUND, "there is no model.safetensors");
    tiny_put(folder, "pytorch_model.bin", "PK");
    tiny_expect(folder, "pickle", AKI_MODEL_UNSUPPORTED, "only in pytorch_model.bin");
    tiny_put(folder, "model.safetensors.index.json", "{}");
    tiny_expect(folder, "an index of nothing", AKI_MODEL_INVALID, "no \"weight_map\"");
    tiny_put_weights(folder, "", 0);
    tiny_expect(folder, "all three", AKI_OK, "");
    tiny_put(folder, "model.safetensors", "");
    tiny_expect(folder, "empty file", AKI_MODEL_INVALID, "model.safetensors' is empty");
    tiny_put(folder, "model.safetensors",
             "version https://git-lfs.github.com/spec/v1\noid sha256:5\nsize 9\n");
    tiny_expect(folder, "pointer file", AKI_MODEL_INVALID, "not a safetensors file");
}

/* A link into a cache whose blob is gone must not look like a file that was never there. */
static void dangling_links_are_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"modules.json", "sentence_bert_config.json", "tokenizer_config.json",
                                        "config_sentence_transformers.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_MAX];
        tiny_path(path, folder, names[i]);
        unlink(path);
        assert_int_equal(symlink("../blobs/gone", path), 0);
        tiny_expect(folder, names[i], AKI_MODEL_NOT_FOUND, names[i]);
        unlink(path);
        tiny_put_configuration(folder);
        tiny_put_weights(folder, "", 0);
    }
    tiny_expect(folder, "links removed", AKI_OK, "");
}

/* The transformer's files below a folder of their own, as older versions wrote them. */
static void transformer_in_a_folder_of_its_own(void **state)
{
    (void)state;
    char inner[256];
    snprintf(inner, sizeof inner, "%s/0_Transformer", folder);
    tiny_put(folder, "0_Transformer/config.json", tiny_files[1].text);
    tiny_put(folder, "0_Transformer/sentence_bert_config.json", "{\"max_seq_length\":5}");
    tiny_put_weights(inner, "", 0);
    tiny_put(folder, "1_Pooling/config.json",
             "{\"word_embedding_dimension\":4,\"pooling_mode_cls_token\":true}");
    tiny_put(folder, "modules.json",
             "[{\"path\":\"0_Transformer\",\"type\":\"sentence_transformers.models.Transformer\"},"
             "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]");
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    assert_string_equal(model_folder(m), inner);
    assert_int_equal(model_configuration(m)->max_tokens, 5);
    assert_int_equal(model_heads_of(m)->steps[0].poolings[0], AKI_POOLING_CLS);
    assert_int_equal(model_heads_of(m)->count, 1);
    model_close(m);
}

/* As sentence-transformers takes it: mean pooling, no normalisation, the tokenizer's limit. */
static void bare_transformer(void **state)
{
    (void)state;
    tiny_put(folder, "modules.json", NULL);
    model *m = NULL;
    assert_int_equal(model_open(&m, folder, NULL), AKI_OK);
    assert_string_equal(model_folder(m), folder);
    assert_int_equal(model_heads_of(m)->steps[0].poolings[0], AKI_POOLING_MEAN);
    assert_int_equal(model_heads_of(m)->count, 1);
    assert_int_equal(model_configuration(m)->max_tokens, 7);
    model_close(m);
}

/* A download that stopped: whatever the length, an error and no crash. */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct stat info;
    tiny_path(path, folder, "model.safetensors");
    assert_int_equal(stat(path, &info), 0);
    /* Each length near the ends, where the bounds are; a sample between them. */
    off_t full = info.st_size;
    for (off_t size = full - 1; size >= 0; size -= size < 300 || size > full - 300 ? 1 : 17) {
        assert_int_equal(truncate(path, size), 0);
        tiny_expect(folder, "truncated", AKI_MODEL_INVALID, "model.safetensors'");
    }
}

/* A name too long for the system is reported as that, not as a folder without files. */
static void paths_that_are_too_long(void **state)
{
    (void)state;
    char name[PATH_MAX + 100], module[PATH_MAX + 400];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    tiny_expect(name, "folder", AKI_IO_ERROR, "cannot open the model folder");
    snprintf(module, sizeof module,
             "[{\"path\":\"%s\",\"type\":\"sentence_transformers.models.Transformer\"},"
             "{\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"}]",
             name);
    tiny_put(folder, "modules.json", module);
    tiny_expect(folder, "module", AKI_IO_ERROR, "cannot open");
}

static void bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct stat info;
    tiny_path(path, folder, "model.safetensors");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size + 1), 0);
    tiny_expect(folder, "longer", AKI_MODEL_INVALID, "has 1 bytes behind its last tensor");
}

static void survives_the_file_being_cut(void **state)
{
    (void)state;
    /* Words enough for their table to span many pages. */
    enum { WORDS = 20000 };
    char path[PATH_MAX];
    tensor_file file;
    tensor_file_begin(&file);
    for (size_t i = 1; i < TINY_TENSORS; i++)
        tensor_file_add(&file, tiny_tensors[i].name, "F32", 4, tiny_tensors[i].rows, tiny_tensors[i].columns);
    tensor_file_add(&file, tiny_tensors[0].name, "F32", 4, WORDS, 4);
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, 0);
    tiny_put(
        folder, "config.json",
        "{\"model_type\":\"bert\",\"hidden_size\":4,\"intermediate_size\":6,\"max_position_embeddings\":8,"
        "\"num_attention_heads\":2,\"num_hidden_layers\":2,\"vocab_size\":20000}");
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    const model_tensor *words = &model_weights_of(m)->word_embeddings;
    static float values[4 * WORDS];
    tensor_read_f32(words, 0, 4 * WORDS, values);
    assert_true(values[4 * WORDS - 1] == 4 * WORDS - 1);
    assert_false(model_damaged(m));

    assert_int_equal(truncate(path, 65536), 0);
    tensor_read_f32(words, 0, 4, values); /* what is still there reads as before */
    assert_true(values[3] == 3);
    tensor_read_f32(words, 0, 4 * WORDS, values);
    assert_true(model_damaged(m));
    assert_true(values[4 * WORDS - 1] == 0);
    model_close(m);
    tiny_expect(folder, "opened again", AKI_MODEL_INVALID, "cut short");
}

/* Nothing that opening takes is kept: mappings are few, so a leak of one shows soon. */
static void closing_gives_everything_back(void **state)
{
    (void)state;
    char bad[256];
    snprintf(bad, sizeof bad, "%s/bad", folder);
    tiny_put(folder, "bad/config.json",
             "{\"model_type\":\"bert\",\"hidden_size\":8,\"num_attention_heads\":2}");
    tiny_put_weights(bad, "", 0);
    for (int i = 0; i < 2 * MAPPING_MAX; i++) {
        tiny_expect(folder, "good", AKI_OK, "");
        tiny_expect(bad, "bad", AKI_MODEL_INVALID, "model.safetensors': tensor");
    }
    model_close(NULL);
}

/* all-MiniLM-L6-v2. The values came from:
 * python -c "from safetensors.numpy import load_file; t = load_file('model.safetensors');
 *            print(float(t['embeddings.word_embeddings.weight'][2003, 7]).hex())"      (and so on) */
static void reads_the_real_model(void **state)
{
    (void)state;
    const char *real = getenv("AKIDB_TEST_MODEL");
    if (real == NULL || access(real, R_OK) != 0) {
        print_message("AKIDB_TEST_MODEL names no model folder\n");
        skip();
    }
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, real, &error) != AKI_OK)
        fail_msg("%s", error.message);
    const model_config *config = model_configuration(m);
    assert_int_equal(config->vocabulary_size, 30522);
    assert_int_equal(config->hidden_size, 384);
    assert_int_equal(config->layers, 6);
    assert_int_equal(config->heads, 12);
    assert_int_equal(config->head_size, 32);
    assert_int_equal(config->intermediate_size, 1536);
    assert_int_equal(config->max_positions, 512);
    assert_int_equal(config->token_types, 2);
    assert_int_equal(config->activation, MODEL_GELU_ERF);
    assert_int_equal(config->max_tokens, 256);
    assert_int_equal(model_heads_of(m)->steps[0].poolings[0], AKI_POOLING_MEAN);
    assert_int_equal(model_heads_of(m)->steps[1].kind, MODEL_HEAD_NORMALIZE);
    assert_int_equal(model_weight_bytes(m), 90868376);
    const model_weights *w = model_weights_of(m);
    const struct {
        const model_tensor *tensor;
        size_t row, column;
        float expected;
    } spots[] = {
        {&w->word_embeddings, 2003, 7, -0x1.e43298p-6F},
        {&w->word_embeddings, 30521, 383, 0x1.2b80f2p-8F},
        {&w->position_embeddings, 511, 0, -0x1.7ap-6F},
        {&w->type_embeddings, 1, 200, 0x1.49p-7F},
        {&w->embedding_norm.gamma, 0, 17, 0x1.318ceap-1F},
        {&w->embedding_norm.beta, 0, 17, -0x1.935da4p-4F},
        {&w->layers[0].query.weight, 5, 9, 0x1.84a39ap-3F},
        {&w->layers[1].attention_output.bias, 0, 33, 0x1.26b518p-5F},
        {&w->layers[2].attention_norm.gamma, 0, 0, 0x1.2ec432p-1F},
        {&w->layers[3].key.bias, 0, 100, -0x1.0c7cf6p-13F},
        {&w->layers[4].value.weight, 11, 22, 0x1.6f09fp-6F},
        {&w->layers[5].intermediate.weight, 1535, 383, 0x1.0b50d8p-5F},
        {&w->layers[5].output.weight, 383, 1535, 0x1.42feccp-10F},
        {&w->layers[5].output_norm.beta, 0, 383, 0x1.0ed808p-4F},
    };
    for (size_t i = 0; i < sizeof spots / sizeof spots[0]; i++) {
        float value = 0;
        tensor_read_f32(spots[i].tensor, spots[i].row * spots[i].tensor->columns + spots[i].column, 1,
                        &value);
        if (value != spots[i].expected)
            fail_msg("spot %zu: %a, expected %a", i, (double)value, (double)spots[i].expected);
    }
    assert_false(model_damaged(m));
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(folders_that_are_none, empty_folder),
        cmocka_unit_test_setup(weights_in_other_formats, tiny_folder),
        cmocka_unit_test_setup(dangling_links_are_errors, tiny_folder),
        cmocka_unit_test_setup(transformer_in_a_folder_of_its_own, empty_folder),
        cmocka_unit_test_setup(bare_transformer, tiny_folder),
        cmocka_unit_test_setup(every_truncation_is_refused, tiny_folder),
        cmocka_unit_test_setup(paths_that_are_too_long, tiny_folder),
        cmocka_unit_test_setup(bytes_behind_the_end_are_refused, tiny_folder),
        cmocka_unit_test_setup(survives_the_file_being_cut, tiny_folder),
        cmocka_unit_test_setup(closing_gives_everything_back, tiny_folder),
        cmocka_unit_test(reads_the_real_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
