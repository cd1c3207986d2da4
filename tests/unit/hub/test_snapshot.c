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
    assert_false(state.settled); /* modules.json may merely not have been asked for */
    cache_mark_absent(&layout, COMMIT, "modules.json");
    assert_true(inspect(&layout).settled);

    add(&layout, "modules.json", modules);
    state = inspect(&layout);
    assert_false(state.usable || state.settled);
    assert_string_equal(state.missing, "1_Pooling/config.json");
    add(&layout, "1_Pooling/config.json", "{}");
    assert_true(inspect(&layout).settled);
    add(&layout, "modules.json", "[");
    assert_non_null(strstr(inspect(&layout).missing, "modules.json"));
}

static void test_dangling_link_is_no_file(void **unused)
{
    (void)unused;
    cache_layout layout = make_layout();
    add(&layout, "config.json", "{}");
    add(&layout, "vocab.txt", "x");
    assert_int_equal(cache_link_file(&layout, COMMIT, "model.safetensors", "ff", NULL), AKI_OK);
    assert_string_equal(inspect(&layout).missing, "model.safetensors");
}

static aki_status read_modules(const char *contents, snapshot_poolings *poolings)
{
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/modules.json", folder);
    unit_write_file(path, contents, strlen(contents));
    aki_error error;
    aki_status status = snapshot_read_modules(path, poolings, &error);
    if (status != AKI_OK)
        assert_non_null(strstr(error.message, "modules.json"));
    return status;
}

static void test_modules(void **unused)
{
    (void)unused;
    snapshot_poolings poolings;
    assert_int_equal(read_modules(modules, &poolings), AKI_OK);
    assert_int_equal(poolings.count, 1);
    assert_string_equal(poolings.names[0], "1_Pooling/config.json");
    assert_int_equal(read_modules("[]", &poolings), AKI_OK);
    assert_int_equal(poolings.count, 0);
    assert_int_equal(read_modules("[{\"type\": \"a.b.c.Pooling\", \"path\": \"\"}]", &poolings), AKI_OK);
    assert_string_equal(poolings.names[0], "config.json");
    assert_int_equal(read_modules("[{\"type\": \"a.WeightedPooling\", \"path\": \"x\"}, 1, null]", &poolings),
                     AKI_OK);
    assert_int_equal(poolings.count, 0);
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
        "[{\"type\": \"Pooling\"}, {\"type\": \"Pooling\"}, {\"type\": \"Pooling\"}, {\"type\": \"Pooling\"},"
        " {\"type\": \"Pooling\"}]",
    };
    snapshot_poolings poolings;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read_modules(bad[i], &poolings), AKI_MODEL_INVALID);
    char long_path[600] = "[{\"type\": \"Pooling\", \"path\": \"";
    size_t used = strlen(long_path);
    memset(long_path + used, 'a', 300);
    memcpy(long_path + used + 300, "\"}]", 4);
    assert_int_equal(read_modules(long_path, &poolings), AKI_MODEL_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_makes_a_snapshot_whole),
        cmocka_unit_test(test_dangling_link_is_no_file),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_modules_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
