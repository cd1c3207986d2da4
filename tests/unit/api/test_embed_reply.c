#include "unit.h"

#include "api/embed_reply.h"

#include <jansson.h>
#include <math.h>

#define DIMENSION 3

static const float vectors[2 * DIMENSION] = {0.25F, -1.5F, 0.0F, 1e-7F, 123.0F, -0.0F};
static const aki_text_info infos[2] = {{5, false}, {256, true}};

static embed_reply sample(void)
{
    return (embed_reply){.vectors = vectors,
                         .info = infos,
                         .count = 2,
                         .dimension = DIMENSION,
                         .model_name = "org/\"name\"",
                         .duration_ns = 12345678};
}

static void writes_numbers(void **state)
{
    (void)state;
    embed_reply reply = sample();
    buf out;
    buf_init(&out, embed_reply_bound(&reply));
    assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OK);
    assert_string_equal(out.data,
                        "{\"embeddings\":[[0.2500000000,-1.5,0.0],[1.00000001e-07,123.0,-0.0]],"
                        "\"model\":\"org/\\\"name\\\"\",\"dimension\":3,"
                        "\"usage\":{\"total_tokens\":261,\"duration_ms\":12.345},\"truncated\":[1]}\n");
    buf_free(&out);
}

static void cuts_and_normalizes_again(void **state)
{
    (void)state;
    static const float long_ones[6] = {3, 4, 12, 0, 0, 1};
    embed_reply reply = sample();
    reply.vectors = long_ones;
    reply.cut = 2;
    for (int normalize = 0; normalize < 2; normalize++) {
        reply.normalize_cut = normalize != 0;
        buf out;
        buf_init(&out, embed_reply_bound(&reply));
        assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OK);
        assert_non_null(strstr(out.data, normalize ? "[[0.6000000" : "[[3.0,4.0],[0.0,0.0]],"));
        assert_non_null(strstr(out.data, ",[0.0,0.0]]"));
        assert_non_null(strstr(out.data, "\"dimension\":2,"));
        buf_free(&out);
    }
}

static void writes_base64_of_little_endian_floats(void **state)
{
    (void)state;
    embed_reply reply = sample();
    reply.base64 = true;
    reply.count = 1;
    buf out;
    buf_init(&out, embed_reply_bound(&reply));
    assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OK);
    json_t *root = json_loadb(out.data, out.length, 0, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "embeddings"), 0)),
                        "AACAPgAAwL8AAAAA");
    assert_null(json_object_get(root, "truncated"));
    json_decref(root);
    buf_free(&out);
}

static void writes_null_for_texts_that_failed_alone(void **state)
{
    (void)state;
    scheduler_item_error errors[2] = {
        {.index = 0, .status = AKI_EMPTY_TEXT, .message = "text 0 is \"empty\""},
        {.index = 2, .status = AKI_INVALID_ARGUMENT}};
    /* The longest message that there can be, with each byte escaped, stays within the bound. */
    memset(errors[1].message, 1, sizeof errors[1].message - 1);
    float three[3 * DIMENSION] = {0, 0, 0, 0.25F, -1.5F, 0};
    aki_text_info three_infos[3] = {{0, false}, {5, false}, {0, false}};
    for (int base64 = 0; base64 < 2; base64++) {
        embed_reply reply = {.vectors = three,
                             .info = three_infos,
                             .count = 3,
                             .dimension = DIMENSION,
                             .item_errors = errors,
                             .item_errors_count = 2,
                             .model_name = "name",
                             .base64 = base64 != 0};
        buf out;
        buf_init(&out, embed_reply_bound(&reply));
        assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OK);
        json_t *root = json_loadb(out.data, out.length, 0, NULL);
        assert_non_null(root);
        const json_t *embeddings = json_object_get(root, "embeddings"),
                     *listed = json_object_get(root, "errors");
        assert_int_equal(json_array_size(embeddings), 3);
        assert_true(json_is_null(json_array_get(embeddings, 0)));
        assert_false(json_is_null(json_array_get(embeddings, 1)));
        assert_true(json_is_null(json_array_get(embeddings, 2)));
        assert_int_equal(json_array_size(listed), 2);
        const json_t *first = json_array_get(listed, 0), *second = json_array_get(listed, 1);
        assert_int_equal(json_integer_value(json_object_get(first, "index")), 0);
        assert_string_equal(json_string_value(json_object_get(first, "code")), "empty_text");
        assert_string_equal(json_string_value(json_object_get(first, "message")), "text 0 is \"empty\"");
        assert_int_equal(json_integer_value(json_object_get(second, "index")), 2);
        assert_string_equal(json_string_value(json_object_get(second, "code")), "invalid_type");
        assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "usage"), "total_tokens")),
                         5);
        json_decref(root);
        buf_free(&out);
    }
}

static void never_writes_what_is_not_finite(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++)
        for (int base64 = 0; base64 < 2; base64++) {
            float own[2 * DIMENSION] = {0};
            own[DIMENSION + 1] = bad[i];
            embed_reply reply = sample();
            reply.vectors = own;
            reply.base64 = base64 == 1;
            buf out;
            buf_init(&out, embed_reply_bound(&reply));
            aki_error error;
            assert_int_equal(embed_reply_write(&reply, &out, &error), AKI_NOT_FINITE);
            assert_int_equal(error.text_index, 1);
            buf_free(&out);
        }
}

static void stays_within_its_bound(void **state)
{
    (void)state;
    enum { COUNT = 50, WIDE = 40 };
    static float longest[COUNT * WIDE];
    static aki_text_info cut[COUNT];
    for (size_t i = 0; i < COUNT * WIDE; i++)
        longest[i] = -1.17549449e-38F;
    for (size_t i = 0; i < COUNT; i++)
        cut[i] = (aki_text_info){UINT32_MAX, true};
    embed_reply reply = {.vectors = longest,
                         .info = cut,
                         .count = COUNT,
                         .dimension = WIDE,
                         .model_name = "\x01\x02\x03\x04",
                         .duration_ns = INT64_MAX};
    buf out;
    buf_init(&out, embed_reply_bound(&reply));
    assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OK);
    buf_free(&out);
    reply.count = SIZE_MAX / 2;
    assert_true(embed_reply_bound(&reply) == SIZE_MAX);
}

static void reports_a_buffer_that_is_too_small(void **state)
{
    (void)state;
    embed_reply reply = sample();
    buf whole;
    buf_init(&whole, embed_reply_bound(&reply));
    assert_int_equal(embed_reply_write(&reply, &whole, NULL), AKI_OK);
    size_t length = whole.length;
    buf_free(&whole);
    for (size_t room = 0; room < length; room++) {
        buf out;
        buf_init(&out, room);
        assert_int_equal(embed_reply_write(&reply, &out, NULL), AKI_OUT_OF_MEMORY);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(cuts_and_normalizes_again),
        cmocka_unit_test(writes_base64_of_little_endian_floats),
        cmocka_unit_test(writes_null_for_texts_that_failed_alone),
        cmocka_unit_test(never_writes_what_is_not_finite),
        cmocka_unit_test(stays_within_its_bound),
        cmocka_unit_test(reports_a_buffer_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
