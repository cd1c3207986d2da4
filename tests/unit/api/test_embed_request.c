#include "unit.h"

#include "api/api.h"
#include "api/embed_request.h"

static const api_service limits = {.max_texts = 4, .model_name = "org/some-Model"};

typedef struct bad_body {
    const char *body;
    size_t length; /* 0 = strlen */
    http_error_code code;
    const char *param;
    const char *message; /* a part of it */
} bad_body;

#define BYTES(text) text, sizeof text - 1

static const bad_body bad_bodies[] = {
    {"", 0, HTTP_ERROR_INVALID_JSON, "", "empty"},
    {"   ", 0, HTTP_ERROR_INVALID_JSON, "", "not valid JSON"},
    {"null", 0, HTTP_ERROR_INVALID_JSON, "", "JSON"},
    {"[]", 0, HTTP_ERROR_INVALID_JSON, "", "object, not a list"},
    {"\"text\"", 0, HTTP_ERROR_INVALID_JSON, "", "JSON"},
    {"{\"texts\":[\"a\"]", 0, HTTP_ERROR_INVALID_JSON, "", "line 1"},
    {"{\"texts\":[\"a\"]} x", 0, HTTP_ERROR_INVALID_JSON, "", "end of file"},
    {"{\"texts\":[\"a\"]}{}", 0, HTTP_ERROR_INVALID_JSON, "", "end of file"},
    {"{\"texts\":[\"a\",]}", 0, HTTP_ERROR_INVALID_JSON, "", "unexpected"},
    {"{'texts':['a']}", 0, HTTP_ERROR_INVALID_JSON, "", "JSON"},
    {"{\"texts\":[\"a\"],\"texts\":[\"b\"]}", 0, HTTP_ERROR_INVALID_JSON, "", "duplicate"},
    {"{\"texts\":[\"a\"],\"t\\u0065xts\":[\"b\"]}", 0, HTTP_ERROR_INVALID_JSON, "", "duplicate"},
    {"{\"te\\u0000xts\":[\"a\"]}", 0, HTTP_ERROR_INVALID_JSON, "", "NUL"},
    {"{\"texts\":[\"\\ud800\"]}", 0, HTTP_ERROR_INVALID_JSON, "texts[0]", "texts[0] has \\ud800, half of"},
    {"{\"texts\":[\"a\",\"\\uDC00\\ud800\"]}", 0, HTTP_ERROR_INVALID_JSON, "texts[1]", "\\uDC00, half of"},
    {"{\"texts\":[\"a\"],\"model\":\"\\ud800\",\"on_error\":\"item\"}", 0, HTTP_ERROR_INVALID_JSON, "",
     "the body has \\ud800, half of a surrogate pair"},
    {"{\"texts\":[\"\\ud800\"],\"model\":\"\\ud800\",\"on_error\":\"item\"}", 0, HTTP_ERROR_INVALID_JSON,
     "texts[0]", "half of"},
    {"{\"texts\":[\"\\ud800\"],\"on_error\":\"item\"", 0, HTTP_ERROR_INVALID_JSON, "texts[0]", "half of"},
    {"{\"texts\":[\"\\ud800\",[\"\\ud800\"]],\"on_error\":\"request\"}", 0, HTTP_ERROR_INVALID_JSON,
     "texts[0]", "half of"},
    {"{\"texts\":[\"a\",1e999]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[1]", "not a number"},
    {"{\"texts\":[\"a\",99999999999999999999]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[1]", "not a number"},
    {"{\"texts\":[\"a\"],\"dimensions\":-99999999999999999999}", 0, HTTP_ERROR_INVALID_VALUE, "dimensions",
     "dimensions must be at least 1, not -9223372036854775808 or less"},
    {"{\"texts\":[\"a\"],\"dimensions\":-1e999}", 0, HTTP_ERROR_INVALID_VALUE, "dimensions", "or less"},
    {"{\"texts\":[\"a\"],\"dimensions\":1.5}", 0, HTTP_ERROR_INVALID_TYPE, "dimensions",
     "dimensions must be a whole number, not a fraction"},
    {"{\"texts\":[\"a\"],\"dimensions\":99999999999999999999,}", 0, HTTP_ERROR_INVALID_JSON, "", "near"},
    {"{\"texts\":[NaN]}", 0, HTTP_ERROR_INVALID_JSON, "", "NaN"},
    {BYTES("{\"texts\":[\"a\"]}\0"), HTTP_ERROR_INVALID_JSON, "", "end of file"},
    {BYTES("{\"texts\":[\"a\0b\"]}"), HTTP_ERROR_INVALID_JSON, "", "control character"},
    {"{\"texts\":[\"\xFF\"]}", 0, HTTP_ERROR_INVALID_UTF8, "texts[0]", "byte 11 is 0xFF"},
    {"{\"texts\":[\"\xC0\x80\"]}", 0, HTTP_ERROR_INVALID_UTF8, "texts[0]", "byte 11"},
    {"{\"texts\":[\"\xED\xA0\x80\"]}", 0, HTTP_ERROR_INVALID_UTF8, "texts[0]", "byte 11"},
    {"{\"texts\":[\"a\"],\"model\":\"\xFF\"}", 0, HTTP_ERROR_INVALID_UTF8, "", "byte 24 is 0xFF"},
    {"\xEF\xBB\xBF{\"texts\":[\"a\"]}", 0, HTTP_ERROR_INVALID_JSON, "", "byte order mark (EF BB BF)"},
    {"\xEF\xBB\xBF", 0, HTTP_ERROR_INVALID_JSON, "", "byte order mark (EF BB BF)"},
    {BYTES("\xFF\xFE{\0}\0"), HTTP_ERROR_INVALID_UTF8, "", "mark of UTF-16 (FF FE)"},
    {BYTES("\xFE\xFF\0{\0}"), HTTP_ERROR_INVALID_UTF8, "", "mark of UTF-16 (FE FF)"},
    {"{}", 0, HTTP_ERROR_MISSING_FIELD, "texts", "missing"},
    {"{\"text\":[\"a\"]}", 0, HTTP_ERROR_UNKNOWN_FIELD, "text", "encoding_format"},
    {"{\"texts\":[\"a\"],\"normalise\":true}", 0, HTTP_ERROR_UNKNOWN_FIELD, "normalise", "normalise"},
    {"{\"Texts\":[\"a\"]}", 0, HTTP_ERROR_UNKNOWN_FIELD, "Texts", "texts"},
    {"{\"texts\":[]}", 0, HTTP_ERROR_EMPTY_INPUT, "texts", "empty"},
    {"{\"texts\":\"a\"}", 0, HTTP_ERROR_INVALID_TYPE, "texts", "not a string"},
    {"{\"texts\":null}", 0, HTTP_ERROR_INVALID_TYPE, "texts", "not null"},
    {"{\"texts\":{\"0\":\"a\"}}", 0, HTTP_ERROR_INVALID_TYPE, "texts", "not an object"},
    {"{\"texts\":[\"a\",1]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[1]", "not a number"},
    {"{\"texts\":[null]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[0]", "not null"},
    {"{\"texts\":[[\"a\"]]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[0]", "not a list"},
    {"{\"texts\":[true]}", 0, HTTP_ERROR_INVALID_TYPE, "texts[0]", "not a boolean"},
    {"{\"texts\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", 0, HTTP_ERROR_TOO_MANY_TEXTS, "texts",
     "5 texts; one request takes at most 4"},
    {"{\"texts\":[\"a\"],\"model\":1}", 0, HTTP_ERROR_INVALID_TYPE, "model", "a string, not a number"},
    {"{\"texts\":[\"a\"],\"model\":\"other\"}", 0, HTTP_ERROR_MODEL_NOT_FOUND, "model",
     "served is \"org/some-Model\""},
    {"{\"texts\":[\"a\"],\"model\":\"some-model\"}", 0, HTTP_ERROR_MODEL_NOT_FOUND, "model", "some-model"},
    {"{\"texts\":[\"a\"],\"model\":\"\"}", 0, HTTP_ERROR_MODEL_NOT_FOUND, "model", "no model"},
    {"{\"texts\":[\"a\"],\"model\":\"some-Model\\u0000x\"}", 0, HTTP_ERROR_MODEL_NOT_FOUND, "model",
     "no model"},
    {"{\"texts\":[\"a\"],\"pooling\":\"sum\"}", 0, HTTP_ERROR_INVALID_VALUE, "pooling",
     "\"mean\", \"cls\", \"max\", \"lasttoken\", \"mean_sqrt_len_tokens\" or \"weightedmean\""},
    {"{\"texts\":[\"a\"],\"dimensions\":0}", 0, HTTP_ERROR_INVALID_VALUE, "dimensions", "at least 1"},
    {"{\"texts\":[\"a\"],\"dimensions\":\"8\"}", 0, HTTP_ERROR_INVALID_TYPE, "dimensions", "number"},
    {"{\"texts\":[\"a\"],\"prompt\":1}", 0, HTTP_ERROR_INVALID_TYPE, "prompt", "a string"},
    {"{\"texts\":[\"a\"],\"prompt_name\":[]}", 0, HTTP_ERROR_INVALID_TYPE, "prompt_name", "a string"},
    {"{\"texts\":[\"a\"],\"prompt_name\":\"a\\u0000b\"}", 0, HTTP_ERROR_INVALID_VALUE, "prompt_name",
     "U+0000"},
    {"{\"texts\":[\"a\"],\"pooling\":\"MEAN\"}", 0, HTTP_ERROR_INVALID_VALUE, "pooling", "MEAN"},
    {"{\"texts\":[\"a\"],\"pooling\":1}", 0, HTTP_ERROR_INVALID_TYPE, "pooling", "a string"},
    {"{\"texts\":[\"a\"],\"normalize\":\"true\"}", 0, HTTP_ERROR_INVALID_TYPE, "normalize", "true or false"},
    {"{\"texts\":[\"a\"],\"normalize\":1}", 0, HTTP_ERROR_INVALID_TYPE, "normalize", "true or false"},
    {"{\"texts\":[\"a\"],\"truncate\":[]}", 0, HTTP_ERROR_INVALID_TYPE, "truncate", "true or false"},
    {"{\"texts\":[\"a\"],\"encoding_format\":\"hex\"}", 0, HTTP_ERROR_INVALID_VALUE, "encoding_format",
     "\"float\" or \"base64\""},
    {"{\"texts\":[\"a\"],\"encoding_format\":{}}", 0, HTTP_ERROR_INVALID_TYPE, "encoding_format",
     "an object"},
    {"{\"texts\":[\"a\"],\"on_error\":\"ignore\"}", 0, HTTP_ERROR_INVALID_VALUE, "on_error",
     "\"request\" or \"item\""},
    {"{\"texts\":[\"a\"],\"on_error\":true}", 0, HTTP_ERROR_INVALID_TYPE, "on_error", "a string"},
    {"{\"texts\":[\"a\"],\"priority\":\"high\"}", 0, HTTP_ERROR_INVALID_VALUE, "priority",
     "\"auto\", \"interactive\" or \"bulk\""},
    {"{\"texts\":[\"a\"],\"priority\":1}", 0, HTTP_ERROR_INVALID_TYPE, "priority", "a string"},
};

static void refuses_bad_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_bodies / sizeof bad_bodies[0]; i++) {
        const bad_body *bad = &bad_bodies[i];
        embed_request request;
        http_error error;
        size_t length = bad->length > 0 ? bad->length : strlen(bad->body);
        if (embed_request_parse(&request, bad->body, length, &limits, &error))
            fail_msg("taken: %s", bad->body);
        if (error.code != bad->code || strcmp(error.param, bad->param) != 0 ||
            strstr(error.message, bad->message) == NULL)
            fail_msg("%s: %s, param '%s': %s", bad->body, http_error_name(error.code), error.param,
                     error.message);
        assert_null(request.root);
        assert_null(request.texts);
    }
}

static void refuses_bodies_that_would_cost_many_times_their_size(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    char *body = malloc(2 * COUNT + 1);
    assert_non_null(body);
    embed_request request;
    http_error error;
    memset(body, '[', COUNT);
    assert_false(embed_request_parse(&request, body, COUNT, &limits, &error));
    assert_int_equal(error.code, HTTP_ERROR_INVALID_JSON);
    assert_non_null(strstr(error.message, "nested"));
    for (size_t i = 0; i < COUNT; i++)
        memcpy(body + 2 * i, i == 0 ? "[1" : ",1", 2);
    assert_false(embed_request_parse(&request, body, 2 * COUNT, &limits, &error));
    assert_int_equal(error.code, HTTP_ERROR_TOO_MANY_TEXTS);
    free(body);
}

static embed_request parsed(const char *body)
{
    embed_request request;
    http_error error;
    if (!embed_request_parse(&request, body, strlen(body), &limits, &error))
        fail_msg("%s: %s", body, error.message);
    return request;
}

static void takes_all_fields(void **state)
{
    (void)state;
    embed_request request =
        parsed("{\"texts\":[\"a\\u0000b\",\"\xF0\x9F\x98\x80\",\"\"],\"model\":\"some-Model\","
               "\"pooling\":\"max\",\"normalize\":false,\"truncate\":false,"
               "\"encoding_format\":\"base64\",\"on_error\":\"item\",\"priority\":\"bulk\"}");
    assert_int_equal(request.count, 3);
    assert_int_equal(request.texts[0].length, 3);
    assert_memory_equal(request.texts[0].data, "a\0b", 3);
    assert_int_equal(request.texts[1].length, 4);
    assert_int_equal(request.texts[2].length, 0);
    assert_int_equal(request.options.pooling, AKI_POOLING_MAX);
    assert_int_equal(request.options.normalize, AKI_OFF);
    assert_true(request.options.refuse_long);
    assert_true(request.base64);
    assert_true(request.on_error_item);
    assert_int_equal(request.priority, SCHEDULER_PRIORITY_BULK);
    embed_request_free(&request);
}

static void leaves_what_is_no_string_to_the_single_text_where_asked(void **state)
{
    (void)state;
    embed_request request = parsed("{\"on_error\":\"item\",\"texts\":[\"a\",null,\"\",7]}");
    assert_int_equal(request.count, 4);
    assert_int_equal(request.texts[0].length, 1);
    assert_null(request.texts[1].data);
    assert_non_null(request.texts[2].data);
    assert_null(request.texts[3].data);
    embed_request_free(&request);
}

static void has_defaults_for_what_is_left_out_or_null(void **state)
{
    (void)state;
    const char *const bodies[] = {"{\"texts\":[\"a\"]}",
                                  " {\"texts\" : [\"a\"], \"model\":null,\"pooling\":null,\"normalize\":null,"
                                  "\"truncate\":null,\"encoding_format\":null,"
                                  "\"on_error\":null,\"priority\":null}\n"};
    for (size_t i = 0; i < 2; i++) {
        embed_request request = parsed(bodies[i]);
        assert_int_equal(request.options.pooling, AKI_POOLING_MODEL);
        assert_int_equal(request.options.normalize, AKI_ON);
        assert_false(request.options.refuse_long);
        assert_false(request.base64);
        assert_false(request.on_error_item);
        assert_int_equal(request.priority, SCHEDULER_PRIORITY_AUTO);
        embed_request_free(&request);
    }
}

static void takes_each_choice(void **state)
{
    (void)state;
    const struct {
        const char *body;
        aki_pooling pooling;
    } rows[] = {
        {"{\"texts\":[\"a\"],\"pooling\":\"mean\"}", AKI_POOLING_MEAN},
        {"{\"texts\":[\"a\"],\"pooling\":\"cls\"}", AKI_POOLING_CLS},
        {"{\"texts\":[\"a\"],\"pooling\":\"max\"}", AKI_POOLING_MAX},
        {"{\"texts\":[\"a\"],\"pooling\":\"lasttoken\"}", AKI_POOLING_LAST},
        {"{\"texts\":[\"a\"],\"pooling\":\"mean_sqrt_len_tokens\"}", AKI_POOLING_MEAN_SQRT_LEN},
        {"{\"texts\":[\"a\"],\"pooling\":\"weightedmean\"}", AKI_POOLING_WEIGHTED_MEAN},
        {"{\"texts\":[\"a\"],\"dimensions\":null,\"prompt\":null,\"prompt_name\":null}", AKI_POOLING_MODEL},
        {"{\"texts\":[\"a\"],\"encoding_format\":\"float\",\"normalize\":true}", AKI_POOLING_MODEL},
        {"{\"texts\":[\"a\"],\"on_error\":\"request\",\"priority\":\"auto\"}", AKI_POOLING_MODEL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        embed_request request = parsed(rows[i].body);
        assert_int_equal(request.options.pooling, rows[i].pooling);
        assert_int_equal(request.options.normalize, AKI_ON);
        assert_false(request.base64);
        embed_request_free(&request);
    }
}

static void takes_dimensions_and_prompts(void **state)
{
    (void)state;
    embed_request request = parsed("{\"texts\":[\"a\"],\"dimensions\":8.0,\"prompt_name\":\"query\"}");
    assert_int_equal(request.dimensions, 8);
    assert_string_equal(request.options.prompt_name, "query");
    assert_null(request.options.prompt.data);
    embed_request_free(&request);
    request = parsed("{\"texts\":[\"a\"],\"prompt\":\"\"}"); /* none, not even the default one */
    assert_int_equal(request.dimensions, 0);
    assert_non_null(request.options.prompt.data);
    assert_int_equal(request.options.prompt.length, 0);
    embed_request_free(&request);
}

static void knows_a_model_by_its_name_and_its_last_part(void **state)
{
    (void)state;
    assert_true(api_model_matches("org/name", "org/name"));
    assert_true(api_model_matches("org/name", "name"));
    assert_true(api_model_matches("name", "name"));
    assert_false(api_model_matches("org/name", "org"));
    assert_false(api_model_matches("org/name", "Name"));
    assert_false(api_model_matches("org/name", "other/name"));
    assert_false(api_model_matches("org/name", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_bodies),
        cmocka_unit_test(refuses_bodies_that_would_cost_many_times_their_size),
        cmocka_unit_test(takes_all_fields),
        cmocka_unit_test(leaves_what_is_no_string_to_the_single_text_where_asked),
        cmocka_unit_test(has_defaults_for_what_is_left_out_or_null),
        cmocka_unit_test(takes_each_choice),
        cmocka_unit_test(takes_dimensions_and_prompts),
        cmocka_unit_test(knows_a_model_by_its_name_and_its_last_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
