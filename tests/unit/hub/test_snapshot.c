#include "unit.h"

#include "hub/snapshot.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static const char modules[] =
    "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
    " {\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"}]";

static cache_layout make_layout(void)
{
    char root[256];
    cache_layout layout;
    unit_temporary_folder(root, sizeof root);
    assert_int_equal(cache_layout_init(&layout, root, "org/name", NULL), AKI_OK);
    return layout;
}

static void add(const cache_layout *layout, const char *file, const char *contents)
{
    cache_path path = cache_file_path(layout, COMMIT, file);
    assert_int_equal(cache_make_parents(path.text, NULL), AKI_OK);
    unit_write_file(path.text, contents, strlen(contents));
}

static snapshot_state inspect(const cache_layout *layout)
{
    snapshot_state state;
    snapshot_inspect(layout, COMMIT, &state);
    return state;
}

static void test_what_makes_a_snapshot_whole(void **unused)
{
    (void)unused;
    cache_layout layout = make_layout();
    snapshot_state state = inspect(&layout);
    assert_false(state.usable);
    assert_string_equal(state.missing, "config.json, model.safetensors, tokenizer.json or vocab.txt");
    add(&layout, "config.json", "{}");
    add(&layout, "vocab.txt", "x");
    state = inspect(&layout);
    assert_string_equal(state.missing, "model.safetensors");
    add(&layout, "model.safetensors", "x");
    state = inspect(&layout);
    assert_true(state.usable);
    assert_false(state.settled); /* the rest may merely not have been asked for */
    assert_string_equal(state.missing, "modules.json, tokenizer.json, tokenizer_config.json, "
                                       "special_tokens_map.json, added_tokens.json");
    static const char *const absent[] = {"modules.json", "tokenizer_config.json", "special_tokens_map.json",
                                         "added_tokens.json", "tokenizer.json"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cache_mark_absent(&layout, COMMIT, absent[i]);
    assert_true(inspect(&layout).settled);

    add(&layout, "modules.json", modules);
    cache_mark_absent(&layout, COMMIT, "config_sentence_transformers.json");
    state = inspect(&layout);
    assert_false(state.usable || state.settled);
    assert_string_equal(state.missing, "1_Pooling/config.json");
    add(&layout, "1_Pooling/config.json", "{}");
    state = inspect(&layout);
    assert_true(state.usable && !state.settled);
    assert_string_equal(state.missing, "sentence_bert_config.json");
    add(&layout, "sentence_bert_config.json", "{}");
    assert_true(inspect(&layout).settled);
    add(&layout, "modules.json", "[");
    assert_non_null(strstr(inspect(&layout).missing, "modules.json"));
}

static void test_weights_in_several_files(void **unused)
{
    (void)unused;
#define INDEX "model.safetensors.index.json"
#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"
    static const char index[] = "{\"weight_map\":{\"a\":\"" SECOND "\",\"b\":\"" FIRST "\"}}";
    cache_layout layout = make_layout();
    add(&layout, "config.json", "{}");
    add(&layout, "vocab.txt", "x");
    add(&layout, INDEX, "{}");
    assert_string_equal(inspect(&layout).missing, "a " INDEX " that can be read");
    add(&layout, INDEX, index);
    assert_string_equal(inspect(&layout).missing, FIRST ", " SECOND);
    add(&layout, FIRST, "x");
    assert_int_equal(cache_link_file(&layout, COMMIT, SECOND, "ff", NULL), AKI_OK); /* its blob is gone */
    assert_string_equal(inspect(&layout).missing, SECOND);
    cache_path path = cache_file_path(&layout, COMMIT, SECOND);
    assert_int_equal(unlink(path.text), 0);
    add(&layout, SECOND, "x");
    assert_true(inspect(&layout).usable);
    add(&layout, INDEX, "{\"weight_map\":{\"a\":\"../../" SECOND "\"}}");
    assert_false(inspect(&layout).usable);
    add(&layout, "model.safetensors", "x"); /* counts before the index */
    assert_true(inspect(&layout).usable);
}

static void test_names_beside_the_weights(void **unused)
{
    (void)unused;
    char name[REPO_FILE_NAME_MAX + 1], longest[REPO_FILE_NAME_MAX + 1];
    assert_true(snapshot_shard_name(name, "model.safetensors", FIRST));
    assert_string_equal(name, FIRST);
    assert_true(snapshot_shard_name(name, "0_T/x/model.safetensors", FIRST));
    assert_string_equal(name, "0_T/x/" FIRST);
    assert_false(snapshot_shard_name(name, "0_T/model.safetensors", "../" FIRST));
    memset(longest, 'a', sizeof longest);
    longest[REPO_FILE_NAME_MAX] = '\0';
    assert_true(snapshot_shard_name(name, "model.safetensors", longest));
    assert_false(snapshot_shard_name(name, "T/model.safetensors", longest));
}

static void test_dangling_link_is_no_file(void **unused)
{
    (void)unused;
    cache_layout layout = make_layout();
    add(&layout, "config.json", "{}");
    add(&layout, "vocab.txt", "x");
    assert_int_equal(cache_link_file(&layout, COMMIT, "model.safetensors", "ff", NULL), AKI_OK);
    assert_false(inspect(&layout).usable);
    assert_non_null(strstr(inspect(&layout).missing, "model.safetensors"));
}

static aki_status make_plan(const char *contents, snapshot_plan *plan)
{
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/modules.json", folder);
    unit_write_file(path, contents, strlen(contents));
    aki_error error;
    aki_status status = snapshot_make_plan(path, plan, &error);
    if (status != AKI_OK)
        assert_non_null(strstr(error.message, "modules.json"));
    return status;
}

static bool has(const snapshot_plan *plan, const char *name, snapshot_need need)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->files[i].name, name) == 0)
            return plan->files[i].need == need;
    return false;
}

static void test_plans(void **unused)
{
    (void)unused;
    snapshot_plan plan;
    assert_int_equal(snapshot_make_plan(NULL, &plan, NULL), AKI_OK);
    assert_true(has(&plan, "config.json", SNAPSHOT_REQUIRED));
    assert_string_equal(plan.files[plan.count - 1].name, "model.safetensors");

    assert_int_equal(make_plan(modules, &plan), AKI_OK);
    assert_true(has(&plan, "1_Pooling/config.json", SNAPSHOT_REQUIRED));
    assert_true(has(&plan, "vocab.txt", SNAPSHOT_TOKENIZER));
    assert_string_equal(plan.files[plan.count - 1].name, "model.safetensors");

    assert_int_equal(make_plan("[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"0_T\"},"
                               " {\"type\": \"a.b.c.d.Pooling\", \"path\": \"1_P/x\"},"
                               " {\"type\": \"sentence_transformers.models.Normalize\", \"path\": \"2_N\"}]",
                               &plan),
                     AKI_OK);
    assert_true(has(&plan, "0_T/config.json", SNAPSHOT_REQUIRED));
    assert_true(has(&plan, "0_T/tokenizer.json", SNAPSHOT_TOKENIZER));
    assert_true(has(&plan, "1_P/x/config.json", SNAPSHOT_REQUIRED));
    assert_true(has(&plan, "2_N/config.json", SNAPSHOT_OPTIONAL));
    assert_true(has(&plan, "config_sentence_transformers.json", SNAPSHOT_DECIDING));
    assert_true(has(&plan, "0_T/sentence_roberta_config.json", SNAPSHOT_OLDER_NAME));
    assert_string_equal(plan.files[plan.count - 1].name, "0_T/model.safetensors");

    assert_int_equal(
        make_plan("[{\"type\": \"sentence_transformers.models.StaticEmbedding\", \"path\": \"0_S\"}]", &plan),
        AKI_OK);
    assert_true(has(&plan, "0_S/config.json", SNAPSHOT_DECIDING)); /* it need not have one */
    assert_true(has(&plan, "0_S/tokenizer.json", SNAPSHOT_TOKENIZER));
    assert_string_equal(plan.files[plan.count - 1].name, "0_S/model.safetensors");

    assert_int_equal(make_plan("[]", &plan), AKI_OK);
#define DENSE "{\"type\": \"sentence_transformers.models.Dense\", \"path\": \"2_Dense\"}"
    assert_int_equal(make_plan("[1, null, {}, {}, {}, {}, {}, " DENSE "]", &plan), AKI_OK);
    assert_true(has(&plan, "2_Dense/config.json", SNAPSHOT_REQUIRED));
    assert_true(has(&plan, "2_Dense/model.safetensors", SNAPSHOT_REQUIRED));
    assert_string_equal(plan.files[plan.count - 1].name, "model.safetensors");
    assert_int_equal(
        make_plan("[" DENSE "," DENSE "," DENSE "," DENSE "," DENSE "," DENSE "," DENSE "," DENSE "]", &plan),
        AKI_OK); /* as many as there may be */
    assert_int_equal(plan.count, SNAPSHOT_FILES_MAX);
}

static void test_modules_that_are_refused(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "[{\"type\": 1}]",
        "[{\"type\": \"a.Pooling\", \"path\": 1}]",
        "[{\"type\": \"a.Pooling\", \"path\": \"../x\"}]",
        "[{\"type\": \"a.Pooling\", \"path\": \"/x\"}]",
        "[{\"type\": \"a.Pooling\", \"path\": \"a\\u0000b\"}]x",
        "[{\"type\": \"a.Transformer\", \"path\": \"..\"}]",
        "[{\"type\": \"a.Normalize\", \"path\": \"/\"}]",
        "[{}, {}, {}, {}, {}, {}, {}, {}, {}]",
    };
    snapshot_plan plan;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(make_plan(bad[i], &plan), AKI_MODEL_INVALID);
    char long_path[600] = "[{\"type\": \"Pooling\", \"path\": \"";
    size_t used = strlen(long_path);
    memset(long_path + used, 'a', 300);
    memcpy(long_path + used + 300, "\"}]", 4);
    assert_int_equal(make_plan(long_path, &plan), AKI_MODEL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_makes_a_snapshot_whole),
        cmocka_unit_test(test_weights_in_several_files),
        cmocka_unit_test(test_names_beside_the_weights),
        cmocka_unit_test(test_dangling_link_is_no_file),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_modules_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
