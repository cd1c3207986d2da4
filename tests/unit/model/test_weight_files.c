/* Weights in several files: read as those in one, and refused where index and files say different things. */
#include "unit.h"

#include "base/mapping.h"
#include "model/file_hashes.h"
#include "model/tiny_model.h"
#include "model/weight_files.h"

#define INDEX "model.safetensors.index.json"
#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"
/* Numbers of tiny_tensors in the first file. */
#define IN_FIRST 20

static char folder[200];

/* Writes tiny_tensors[first..first + count) and, where `extra` is given, a tensor of that name. */
static void put_part(const char *name, size_t first, size_t count, const char *extra)
{
    char path[PATH_MAX];
    tensor_file file;
    tensor_file_begin(&file);
    for (size_t i = first; i < first + count; i++)
        tensor_file_add(&file, tiny_tensors[i].name, "F32", 4, tiny_tensors[i].rows, tiny_tensors[i].columns);
    if (extra != NULL)
        tensor_file_add(&file, extra, "F32", 4, 0, 2);
    tiny_path(path, folder, name);
    tensor_file_end(&file, path, 0);
}

typedef struct index_change {
    const char *what;
    aki_status status;
    const char *message;
    const char *moved;    /* this tensor is listed for the other file */
    const char *left_out; /* this one is not listed */
    const char *added;    /* this one is listed for the second file */
    const char *second;   /* name of the second file in the index; NULL = SECOND */
    int bytes;            /* added to total_size */
} index_change;

static void put_index(const index_change *c)
{
    static char text[1 << 14];
    size_t bytes = 0, used = (size_t)snprintf(text, sizeof text, "{\"weight_map\":{");
    for (size_t i = 0; i < TINY_TENSORS; i++) {
        const tiny_tensor *t = &tiny_tensors[i];
        bytes += 4 * (t->rows > 0 ? t->rows : 1) * t->columns;
        if (c->left_out != NULL && strcmp(c->left_out, t->name) == 0)
            continue;
        const bool moved = c->moved != NULL && strcmp(c->moved, t->name) == 0;
        const bool first = (i < IN_FIRST) != moved;
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s\":\"%s\",", t->name,
                                 first               ? FIRST
                                 : c->second != NULL ? c->second
                                                     : SECOND);
    }
    if (c->added != NULL)
        used += (size_t)snprintf(text + used, sizeof text - used, "\"%s\":\"%s\",", c->added, SECOND);
    snprintf(text + used - 1, sizeof text - used + 1, "},\"metadata\":{\"total_size\":%d}}",
             (int)bytes + c->bytes);
    tiny_put(folder, INDEX, text);
}

static int split_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    put_part(FIRST, 0, IN_FIRST, NULL);
    put_part(SECOND, IN_FIRST, TINY_TENSORS - IN_FIRST, NULL);
    put_index(&(index_change){.what = "right"});
    return 0;
}

static uint64_t fingerprint(size_t *bytes)
{
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    const model_config *config = model_configuration(m);
    const uint64_t found = model_fingerprint(config, model_weights_of(m), config->vocabulary_size);
    *bytes = model_weight_bytes(m);
    model_close(m);
    return found;
}

static void several_files_are_as_one(void **state)
{
    (void)state;
    size_t split_bytes, bytes;
    const uint64_t split = fingerprint(&split_bytes);
    weight_paths paths;
    assert_int_equal(weight_paths_find(&paths, folder, NULL), AKI_OK);
    assert_int_equal(paths.count, 3);
    assert_non_null(strstr(paths.items[0], INDEX));
    assert_non_null(strstr(paths.items[2], SECOND));
    weight_paths_free(&paths);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, INDEX, "{"); /* not looked at beside the single file */
    assert_true(fingerprint(&bytes) == split);
    assert_in_range(split_bytes, bytes - 200, bytes + 200); /* there are two headers */
    assert_int_equal(weight_paths_find(&paths, folder, NULL), AKI_OK);
    assert_int_equal(paths.count, 1);
    weight_paths_free(&paths);
}

/* Links into a cache, as a snapshot of the hub has them. */
static void files_may_be_links(void **state)
{
    (void)state;
    static const char *const names[] = {INDEX, FIRST, SECOND};
    char path[PATH_MAX], blob[PATH_MAX + 8];
    for (size_t i = 0; i < 3; i++) {
        tiny_path(path, folder, names[i]);
        snprintf(blob, sizeof blob, "%s.blob", path);
        assert_int_equal(rename(path, blob), 0);
        assert_int_equal(symlink(strrchr(blob, '/') + 1, path), 0);
    }
    tiny_expect(folder, "links", AKI_OK, "");
    assert_int_equal(unlink(blob), 0);
    tiny_expect(folder, "a link that leads nowhere", AKI_MODEL_NOT_FOUND, SECOND);
}

static void hostile_indexes(void **state)
{
    (void)state;
    static const index_change rows[] = {
        {.what = "listed for the other file",
         .status = AKI_MODEL_INVALID,
         .message = "which model.safetensors.index.json puts into " SECOND,
         .moved = "embeddings.LayerNorm.bias"},
        {.what = "listed for the first file, lies in the second",
         .status = AKI_MODEL_INVALID,
         .message = "puts into " FIRST,
         .moved = "encoder.layer.1.output.LayerNorm.bias"},
        {.what = "not listed",
         .status = AKI_MODEL_INVALID,
         .message = "which model.safetensors.index.json does not list",
         .left_out = "embeddings.word_embeddings.weight"},
        {.what = "listed, in no file",
         .status = AKI_MODEL_INVALID,
         .message = "puts tensor 'pooler.dense.weight' into " SECOND ", which does not have it",
         .added = "pooler.dense.weight"},
        {.what = "a file that is not there",
         .status = AKI_MODEL_NOT_FOUND,
         .message = "model-00003-of-00002.safetensors",
         .second = "model-00003-of-00002.safetensors"},
        {.what = "all in the first file",
         .status = AKI_MODEL_INVALID,
         .message = "which does not have it",
         .second = FIRST},
        {.what = "a path", .status = AKI_MODEL_INVALID, .message = "weight_map", .second = "../" SECOND},
        {.what = "one byte fewer", .status = AKI_MODEL_INVALID, .message = "\"total_size\" is", .bytes = -1},
        {.what = "one byte more", .status = AKI_MODEL_INVALID, .message = "\"total_size\" is", .bytes = 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_index(&rows[i]);
        tiny_expect(folder, rows[i].what, rows[i].status, rows[i].message);
    }
}

static void hostile_files(void **state)
{
    (void)state;
    char path[PATH_MAX];
    put_part(SECOND, IN_FIRST, TINY_TENSORS - IN_FIRST, tiny_tensors[0].name);
    tiny_expect(folder, "a tensor in both", AKI_MODEL_INVALID, "puts into " FIRST);
    put_part(SECOND, IN_FIRST, TINY_TENSORS - IN_FIRST, "extra");
    tiny_expect(folder, "a tensor that is not listed", AKI_MODEL_INVALID, "does not list");
    put_part(SECOND, IN_FIRST + 1, TINY_TENSORS - IN_FIRST - 1, NULL);
    tiny_expect(folder, "a tensor fewer", AKI_MODEL_INVALID, "which does not have it");
    tiny_put(folder, SECOND, "");
    tiny_expect(folder, "empty", AKI_MODEL_INVALID, SECOND "' is empty");
    tiny_put(folder, SECOND, "version https://git-lfs.github.com/spec/v1\n");
    tiny_expect(folder, "pointer file", AKI_MODEL_INVALID, SECOND "' announces a header");
    tiny_put(folder, SECOND, NULL);
    tiny_expect(folder, "missing", AKI_MODEL_NOT_FOUND, SECOND);
    tiny_path(path, folder, SECOND);
    assert_int_equal(mkdir(path, 0700), 0);
    tiny_expect(folder, "a folder", AKI_MODEL_INVALID, "not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    tiny_expect(folder, "a pipe", AKI_MODEL_INVALID, "not a regular file");
}

static void survives_a_file_being_cut(void **state)
{
    (void)state;
    char path[PATH_MAX];
    model *m = NULL;
    assert_int_equal(model_open(&m, folder, NULL), AKI_OK);
    assert_false(model_damaged(m));
    tiny_path(path, folder, SECOND);
    assert_int_equal(truncate(path, 100), 0);
    assert_true(model_damaged(m));
    model_close(m);
    tiny_expect(folder, "opened again", AKI_MODEL_INVALID, SECOND);
}

static void nothing_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * MAPPING_MAX; i++) {
        put_index(&(index_change){.what = "right"});
        tiny_expect(folder, "right", AKI_OK, "");
        put_index(&(index_change){.what = "wrong", .bytes = 1});
        tiny_expect(folder, "wrong", AKI_MODEL_INVALID, "total_size");
    }
}

/* The command of the hint, which tests/parity runs where torch is. */
static void other_formats_name_what_converts(void **state)
{
    (void)state;
    aki_error error;
    weight_files files;
    tiny_put(folder, INDEX, NULL);
    tiny_put(folder, "pytorch_model.bin", "PK");
    assert_int_equal(weight_files_open(&files, folder, &error), AKI_MODEL_UNSUPPORTED);
    weight_files_close(&files);
    assert_string_equal(
        error.hint,
        "In that folder, with torch and safetensors: python3 -c \"import torch as t,safetensors.torch as s;"
        "s.save_file({k:v.contiguous().clone()for k,v in t.load('pytorch_model.bin',"
        "weights_only=True).items()},'model.safetensors')\"");
    tiny_put(folder, "pytorch_model.bin.index.json", "{}");
    assert_int_equal(weight_files_open(&files, folder, &error), AKI_MODEL_UNSUPPORTED);
    weight_files_close(&files);
    assert_non_null(strstr(error.message, "pytorch_model.bin's parts"));
    assert_non_null(strstr(error.hint, "save_pretrained"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(several_files_are_as_one, split_folder),
        cmocka_unit_test_setup(files_may_be_links, split_folder),
        cmocka_unit_test_setup(hostile_indexes, split_folder),
        cmocka_unit_test_setup(hostile_files, split_folder),
        cmocka_unit_test_setup(survives_a_file_being_cut, split_folder),
        cmocka_unit_test_setup(nothing_is_kept, split_folder),
        cmocka_unit_test_setup(other_formats_name_what_converts, split_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
