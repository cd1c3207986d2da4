#include "unit.h"

#include "api/api.h"

#include <jansson.h>

/* For each dialect one of its operations, and what it makes of errors that clients meet under load. */
static const struct {
    const api_operation *operation;
    const char *text; /* the key of the message: of the object, or of its "error" */
    bool nested;
    unsigned overloaded, loading, deadline, internal, too_long, empty;
} dialects[] = {
    {&native_embed, "message", true, 429, 503, 504, 500, 400, 400},
    {&openai_embeddings, "message", true, 429, 503, 504, 500, 400, 400},
    {&tei_embed, "error", false, 429, 429, 424, 424, 422, 400},
    {&ollama_embed, "error", false, 503, 503, 504, 500, 400, 400},
    {&cohere_v2_embed, "message", false, 429, 503, 504, 500, 400, 400},
    {&kserve_infer, "error", false, 429, 503, 504, 500, 400, 400},
    {&weaviate_vectors, "error", false, 429, 503, 504, 500, 400, 400},
    {&cohere_v1_rerank, "message", true, 429, 503, 504, 500, 400, 400},
    {&cohere_v2_rerank, "message", false, 429, 503, 504, 500, 400, 400},
    {&voyage_rerank, "detail", false, 429, 503, 504, 500, 400, 400},
    {&weaviate_rerank, "error", false, 429, 503, 504, 500, 400, 400},
    {&tei_rerank, "error", false, 429, 429, 424, 424, 422, 400},
    {&native_rerank, "message", true, 429, 503, 504, 500, 400, 400},
    {&vllm_score, "message", true, 429, 503, 504, 500, 400, 400},
    {&llamacpp_embedding, "message", true, 429, 503, 504, 500, 400, 400},
};
#define DIALECTS (sizeof dialects / sizeof dialects[0])

static const api_service service = {.model_name = "org/name", .max_texts = 8};

/* The reply's status; its body is checked to be an object that says what happened. */
static unsigned status_of(size_t d, http_error_code code, const char *param)
{
    http_error error;
    buf body;
    json_error_t reason;
    buf_init(&body, (size_t)16 << 10);
    http_error_set(&error, code, param, "it went \"wrong\"");
    const unsigned status = dialects[d].operation->dialect->write_error(&error, &service, "id-1", &body);
    json_t *root = json_loadb(body.data, body.length, 0, &reason);
    const json_t *holder = dialects[d].nested ? json_object_get(root, "error") : root;
    const char *text = json_string_value(json_object_get(holder, dialects[d].text));
    assert_non_null(text);
    if (code != HTTP_ERROR_TEXT_TOO_LONG)
        assert_non_null(strstr(text, "it went \"wrong\""));
    json_decref(root);
    buf_free(&body);
    return status;
}

static void gives_errors_the_status_that_its_clients_expect(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIALECTS; d++) {
        assert_int_equal(status_of(d, HTTP_ERROR_OVERLOADED, NULL), dialects[d].overloaded);
        assert_int_equal(status_of(d, HTTP_ERROR_LOADING, NULL), dialects[d].loading);
        assert_int_equal(status_of(d, HTTP_ERROR_DEADLINE_EXCEEDED, NULL), dialects[d].deadline);
        assert_int_equal(status_of(d, HTTP_ERROR_INTERNAL, NULL), dialects[d].internal);
        assert_int_equal(status_of(d, HTTP_ERROR_TEXT_TOO_LONG, "texts[1]"), dialects[d].too_long);
        assert_int_equal(status_of(d, HTTP_ERROR_EMPTY_INPUT, "texts"), dialects[d].empty);
        for (int code = 0; code < HTTP_ERROR_TOTAL; code++)
            assert_in_range(status_of(d, (http_error_code)code, "texts[1]"), 400, 599);
    }
}

/* @huggingface/inference repeats a 503 at once and without end. */
static void never_answers_503_to_clients_of_tei(void **state)
{
    (void)state;
    for (int code = 0; code < HTTP_ERROR_TOTAL; code++)
        assert_int_not_equal(status_of(2, (http_error_code)code, NULL), 503);
}

static void names_the_texts_as_the_dialect_does(void **state)
{
    (void)state;
    http_error error;
    char param[80];
    const api_dialect *openai = openai_embeddings.dialect;
    http_error_set(&error, HTTP_ERROR_INVALID_TYPE, "texts[3]", "x");
    api_error_param(&error, openai, param);
    assert_string_equal(param, "input[3]");
    http_error_set(&error, HTTP_ERROR_INVALID_TYPE, "textsize", "x");
    api_error_param(&error, openai, param);
    assert_string_equal(param, "textsize");
    http_error_set(&error, HTTP_ERROR_INVALID_TYPE, NULL, "x");
    api_error_param(&error, openai, param);
    assert_string_equal(param, "");
}

static void finds_the_served_model_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool found;
    } rows[] = {{"org/name", true}, {"name", true}, {"org", false}, {"Name", false}, {"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        api_call call = {0};
        http_error error;
        const api_request request = {.name = rows[i].name};
        assert_int_equal(openai_model.read(&call, &request, &service, &error), rows[i].found);
        if (!rows[i].found)
            assert_int_equal(error.code, HTTP_ERROR_MODEL_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_errors_the_status_that_its_clients_expect),
        cmocka_unit_test(never_answers_503_to_clients_of_tei),
        cmocka_unit_test(names_the_texts_as_the_dialect_does),
        cmocka_unit_test(finds_the_served_model_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
