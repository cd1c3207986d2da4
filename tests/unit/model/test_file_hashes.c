#include "unit.h"

#include "base/xxhash64.h"
#include "model/file_hashes.h"

#include <sys/stat.h>

static char folder[200];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    return 0;
}

static void write_text(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unit_write_file(path, text, strlen(text));
}

static void make_folder(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

typedef struct listing {
    char names[2000], hashes[2000];
} listing;

static void add(void *cookie, const char *name, const char *hash)
{
    listing *l = cookie;
    size_t used = strlen(l->names);
    snprintf(l->names + used, sizeof l->names - used, "%s ", name);
    used = strlen(l->hashes);
    snprintf(l->hashes + used, sizeof l->hashes - used, "%s ", hash);
}

static listing list(void)
{
    listing found = {.names = ""};
    assert_int_equal(file_hashes_of(folder, add, &found, NULL), AKI_OK);
    return found;
}

static void make_model(void)
{
    make_folder("0_Transformer");
    make_folder("1_Pooling");
    make_folder("3_Dense");
    write_text("modules.json",
               "[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"0_Transformer\"},"
               "{\"path\":\"1_Pooling/\"},{\"path\":\"../elsewhere\"},{\"path\":\"2_Normalize\"},{},"
               "{\"path\":\"3_Dense\"}]");
    write_text("README.md", "not part of it");
    write_text("sentence_bert_config.json", "{}");
    write_text("0_Transformer/config.json", "{}");
    write_text("0_Transformer/tokenizer.json", "{}");
    write_text("0_Transformer/model.safetensors", "weights");
    write_text("1_Pooling/config.json", "{}");
    write_text("3_Dense/config.json", "{}");
    write_text("3_Dense/model.safetensors", "weights of a Dense");
}

static void test_all_modules_are_listed_by_content(void **state)
{
    (void)state;
    make_model();
    listing found = list();
    assert_string_equal(found.names, "modules.json sentence_bert_config.json 0_Transformer/config.json "
                                     "0_Transformer/tokenizer.json 0_Transformer/model.safetensors "
                                     "1_Pooling/config.json 3_Dense/config.json 3_Dense/model.safetensors ");
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx ", (unsigned long long)xxhash64(0, "weights", 7));
    assert_non_null(strstr(found.hashes, hash));
}

/* Also where size and time stay what they were. */
static void test_a_change_of_any_file_shows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } changes[] = {{"sentence_bert_config.json", "[]"},
                   {"0_Transformer/config.json", "[]"},
                   {"0_Transformer/tokenizer.json", "[]"},
                   {"0_Transformer/model.safetensors", "weightz"},
                   {"1_Pooling/config.json", "[]"},
                   {"tokenizer_config.json", "{}"},
                   {"0_Transformer/added_tokens.json", ""},
                   {"3_Dense/config.json", "[]"},
                   {"3_Dense/model.safetensors", "weights of a dense"}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        listing before = list();
        write_text(changes[i].name, changes[i].text);
        listing after = list();
        assert_string_not_equal(before.hashes, after.hashes);
    }
}

static void test_files_of_an_index_are_listed(void **state)
{
    (void)state;
    write_text("0_Transformer/model.safetensors.index.json",
               "{\"weight_map\":{\"a\":\"model-2.safetensors\",\"b\":\"model-1.safetensors\",\"c\":\"gone."
               "safetensors\"}}");
    write_text("0_Transformer/model-1.safetensors", "1");
    write_text("0_Transformer/model-2.safetensors", "2");
    listing before = list();
    assert_non_null(strstr(before.names,
                           "0_Transformer/model.safetensors.index.json "
                           "0_Transformer/model-1.safetensors 0_Transformer/model-2.safetensors"));
    write_text("0_Transformer/model-2.safetensors", "3");
    assert_string_not_equal(before.hashes, list().hashes);
    write_text("0_Transformer/model.safetensors.index.json", "{");
    assert_null(strstr(list().names, "model-1"));
}

static void test_what_cannot_be_read_is_named(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof path, "%s/merges.txt", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    listing found = list();
    assert_non_null(strstr(found.names, "vocab.txt merges.txt 0_Transformer"));
    assert_non_null(strstr(found.hashes, "unreadable unreadable"));
    write_text("modules.json", "{}");
    aki_error error;
    assert_int_equal(file_hashes_of(folder, add, &found, &error), AKI_MODEL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_modules_are_listed_by_content),
        cmocka_unit_test(test_a_change_of_any_file_shows),
        cmocka_unit_test(test_files_of_an_index_are_listed),
        cmocka_unit_test(test_what_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, open_folder, NULL);
}
