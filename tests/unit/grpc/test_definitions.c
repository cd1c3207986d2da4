#include "unit.h"

#include "grpc/definitions.h"
#include "grpc/methods.h"

static bool has(const definition_file *file, const char *text)
{
    return memmem(file->data, file->bytes, text, strlen(text)) != NULL;
}

static void finds_files_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"health.proto", "kserve.proto", "reflection_v1.proto",
                                        "reflection_v1alpha.proto", "tei.proto"};
    definition_file file, same;
    size_t count = 0;
    while (definition_file_at(count, &file))
        count++;
    assert_int_equal(count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < count; i++) {
        assert_true(definition_file_named(names[i], strlen(names[i]), &file));
        assert_true(definition_file_at(i, &same) && same.data == file.data && same.bytes == file.bytes);
        assert_true(has(&file, names[i]));
    }
    assert_false(definition_file_named("tei", 3, &file) || definition_file_named("", 0, &file));
}

static void finds_files_by_what_they_define(void **state)
{
    (void)state;
    static const struct {
        const char *symbol, *file; /* NULL = there is none */
    } rows[] = {{"tei.v1.Embed", "tei.proto"},
                {"tei.v1.Embed.EmbedStream", "tei.proto"},
                {"tei.v1.EmbedRequest", "tei.proto"},
                {"tei.v1.ModelType", "tei.proto"},
                {"inference.ModelInferRequest.InferInputTensor", "kserve.proto"},
                {"inference.ModelInferRequest.InferInputTensor.ParametersEntry", "kserve.proto"},
                {"inference.GRPCInferenceService", "kserve.proto"},
                {"grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto"},
                {"grpc.reflection.v1.ServerReflection", "reflection_v1.proto"},
                {"grpc.reflection.v1alpha.ServerReflection", "reflection_v1alpha.proto"},
                {"tei.v1", NULL},
                {"tei.v1.", NULL},
                {"tei.v1.Embed.", NULL},
                {"tei.v1.Embed.Nothing", NULL},
                {"tei.v1.EmbedRequest.Embed", NULL},
                {"tei.v1.embed", NULL},
                {".tei.v1.Embed", NULL},
                {"Embed", NULL},
                {"", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        definition_file file = {0};
        const bool found = definition_file_with(rows[i].symbol, strlen(rows[i].symbol), &file);
        assert_int_equal(found, rows[i].file != NULL);
        if (found)
            assert_true(has(&file, rows[i].file));
    }
}

static void knows_the_services(void **state)
{
    (void)state;
    assert_true(grpc_has_service("tei.v1.Rerank", 13));
    assert_true(grpc_has_service("grpc.health.v1.Health", 21));
    assert_false(grpc_has_service("tei.v1.Rerank", 12));
    assert_false(grpc_has_service("tei.v1.Rerank.Rerank", 20));
    assert_false(grpc_has_service("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files_by_name),
        cmocka_unit_test(finds_files_by_what_they_define),
        cmocka_unit_test(knows_the_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
