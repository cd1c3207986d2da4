/* A model folder small enough to be written anew for every row of a table, and a safetensors writer that can also write
 * what no honest writer would. Hidden 4, 2 heads, 2 layers, feed-forward 6, 5 words, 8 positions, 2 token types. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "base/buf.h"
#include "model/model.h"

#include <limits.h>
#include <sys/stat.h>

/* A safetensors file in the making. */
typedef struct tensor_file {
    buf header; /* JSON, still open at its end */
    buf data;
} tensor_file;

static inline void tensor_file_begin(tensor_file *file)
{
    buf_init(&file->header, 1 << 20);
    buf_init(&file->data, 1 << 20);
    assert_true(buf_append_char(&file->header, '{'));
}

/* rows 0 = a vector. Element i of the tensor gets the f32 value i, or zeros in any other type; `width` is the bytes of
 * an element. */
static inline void tensor_file_add(tensor_file *file, const char *name, const char *dtype, size_t width,
                                   size_t rows, size_t columns)
{
    size_t begin = file->data.length, count = (rows > 0 ? rows : 1) * columns;
    for (size_t i = 0; i < count; i++) {
        float value = (float)i;
        char zeros[8] = {0};
        assert_true(buf_append(&file->data, strcmp(dtype, "F32") == 0 ? (char *)&value : zeros, width));
    }
    char shape[64];
    if (rows > 0)
        snprintf(shape, sizeof shape, "[%zu,%zu]", rows, columns);
    else
        snprintf(shape, sizeof shape, "[%zu]", columns);
    assert_true(buf_printf(&file->header,
                           "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                           file->header.length > 1 ? "," : "", name, dtype, shape, begin, file->data.length));
}

/* pad: spaces behind the header; they shift the data's alignment. */
static inline void tensor_file_end(tensor_file *file, const char *path, size_t pad)
{
    assert_true(buf_append_char(&file->header, '}'));
    for (size_t i = 0; i < pad; i++)
        assert_true(buf_append_char(&file->header, ' '));
    uint64_t length = file->header.length;
    unlink(path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(&length, 1, 8, out), 8);
    assert_int_equal(fwrite(file->header.data, 1, file->header.length, out), file->header.length);
    assert_int_equal(fwrite(file->data.data, 1, file->data.length, out), file->data.length);
    assert_int_equal(fclose(out), 0);
    buf_free(&file->header);
    buf_free(&file->data);
}

typedef struct tiny_tensor {
    const char *name;
    size_t rows, columns;
} tiny_tensor;

#define TINY_LAYER(n)                                                                                        \
    {"encoder.layer." n ".attention.self.query.weight", 4, 4},                                               \
        {"encoder.layer." n ".attention.self.query.bias", 0, 4},                                             \
        {"encoder.layer." n ".attention.self.key.weight", 4, 4},                                             \
        {"encoder.layer." n ".attention.self.key.bias", 0, 4},                                               \
        {"encoder.layer." n ".attention.self.value.weight", 4, 4},                                           \
        {"encoder.layer." n ".attention.self.value.bias", 0, 4},                                             \
        {"encoder.layer." n ".attention.output.dense.weight", 4, 4},                                         \
        {"encoder.layer." n ".attention.output.dense.bias", 0, 4},                                           \
        {"encoder.layer." n ".attention.output.LayerNorm.weight", 0, 4},                                     \
        {"encoder.layer." n ".attention.output.LayerNorm.bias", 0, 4},                                       \
        {"encoder.layer." n ".intermediate.dense.weight", 6, 4},                                             \
        {"encoder.layer." n ".intermediate.dense.bias", 0, 6},                                               \
        {"encoder.layer." n ".output.dense.weight", 4, 6}, {"encoder.layer." n ".output.dense.bias", 0, 4},  \
        {"encoder.layer." n ".output.LayerNorm.weight", 0, 4},                                               \
    {                                                                                                        \
        "encoder.layer." n ".output.LayerNorm.bias", 0, 4                                                    \
    }

static const tiny_tensor tiny_tensors[] = {
    {"embeddings.word_embeddings.weight", 5, 4},
    {"embeddings.position_embeddings.weight", 8, 4},
    {"embeddings.token_type_embeddings.weight", 2, 4},
    {"embeddings.LayerNorm.weight", 0, 4},
    {"embeddings.LayerNorm.bias", 0, 4},
    TINY_LAYER("0"),
    TINY_LAYER("1"),
};
#define TINY_TENSORS (sizeof tiny_tensors / sizeof tiny_tensors[0])

static const struct {
    const char *name, *text;
} tiny_files[] = {
    {"modules.json",
     "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
     "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
     "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}"
     "]"},
    {"config.json",
     "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":4,\"intermediate_size\":6,"
     "\"layer_norm_eps\":1e-12,\"max_position_embeddings\":8,\"num_attention_heads\":2,"
     "\"num_hidden_layers\":2,\"type_vocab_size\":2,\"vocab_size\":5}"},
    {"sentence_bert_config.json", "{\"max_seq_length\":6,\"do_lower_case\":false}"},
    {"1_Pooling/config.json", "{\"word_embedding_dimension\":4,\"pooling_mode_mean_tokens\":true}"},
    {"tokenizer_config.json", "{\"model_max_length\":7}"},
};
#define TINY_FILES (sizeof tiny_files / sizeof tiny_files[0])

static inline void tiny_path(char path[PATH_MAX], const char *folder, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
}

/* text NULL = remove the file. Files are made anew, not cut and written again: for that, file systems flush. Makes the folders that the name goes through. */
static inline void tiny_put(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    tiny_path(path, folder, name);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    unlink(path);
    if (text != NULL)
        unit_write_file(path, text, strlen(text));
}

/* The weights with each name behind `prefix`, in F32. */
static inline void tiny_put_weights(const char *folder, const char *prefix, size_t pad)
{
    char path[PATH_MAX], name[128];
    tensor_file file;
    tensor_file_begin(&file);
    for (size_t i = 0; i < TINY_TENSORS; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, tiny_tensors[i].name);
        tensor_file_add(&file, name, "F32", 4, tiny_tensors[i].rows, tiny_tensors[i].columns);
    }
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, pad);
}

static inline void tiny_put_configuration(const char *folder)
{
    for (size_t i = 0; i < TINY_FILES; i++)
        tiny_put(folder, tiny_files[i].name, tiny_files[i].text);
}

/* Opens the folder and expects this outcome: a model where `status` is AKI_OK, else a message that holds `part`. */
static inline void tiny_expect(const char *folder, const char *what, aki_status status, const char *part)
{
    model *m = NULL;
    aki_error error = {.message = "", .hint = ""};
    aki_status got = model_open(&m, folder, &error);
    if (got != status || (m != NULL) != (status == AKI_OK) || strstr(error.message, part) == NULL)
        fail_msg("%s: got %s \"%s\", expected %s \"...%s...\"", what, aki_status_name(got), error.message,
                 aki_status_name(status), part);
    if (status != AKI_OK && error.hint[0] == '\0')
        fail_msg("%s: no hint", what);
    model_close(m);
}

#endif
