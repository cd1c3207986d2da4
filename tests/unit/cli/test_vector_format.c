#include "unit.h"

#include "cli/bulk/vector_format.h"

#include <jansson.h>

static const float vector[3] = {0.5F, -0.25F, 1.0F};

static void test_npy_header(void **state)
{
    (void)state;
    static const uint64_t rows[] = {0, 1, 123456789, UINT64_C(18446744073709551615)};
    for (size_t i = 0; i < 4; i++) {
        buf out;
        char shape[100];
        buf_init(&out, 1000);
        assert_true(vectors_begin(&out, VECTORS_NPY, rows[i], 384));
        assert_int_equal(out.length, NPY_HEADER_BYTES); /* a multiple of 64, always the same */
        static const char start[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, ";
        assert_memory_equal(out.data, start, sizeof start - 1);
        snprintf(shape, sizeof shape, "'shape': (%llu, 384), }", (unsigned long long)rows[i]);
        assert_non_null(strstr(out.data + 10, shape));
        assert_int_equal(out.data[NPY_HEADER_BYTES - 1], '\n');
        buf_free(&out);
    }
}

static void test_binary_vectors(void **state)
{
    (void)state;
    vector_record record = {.vector = vector, .dimension = 3};
    buf out;
    buf_init(&out, 1000);
    assert_true(vectors_append(&out, VECTORS_NPY, &record));
    assert_int_equal(out.length, 12);
    assert_memory_equal(out.data, vector, 12);
    buf_clear(&out);
    assert_true(vectors_begin(&out, VECTORS_FVECS, 0, 3));
    assert_int_equal(out.length, 0);
    assert_true(vectors_append(&out, VECTORS_FVECS, &record));
    assert_int_equal(out.length, 16);
    assert_memory_equal(out.data, "\x03\0\0\0", 4);
    assert_memory_equal(out.data + 4, vector, 12);
    buf_free(&out);
}

static void test_jsonl(void **state)
{
    (void)state;
    vector_record record = {.index = 7, .vector = vector, .dimension = 3};
    buf out;
    buf_init(&out, 1000);
    assert_true(vectors_append(&out, VECTORS_JSONL, &record));
    record.id = "\"doc-1\"";
    record.truncated = true;
    assert_true(vectors_append(&out, VECTORS_JSONL, &record));
    char *second = strchr(out.data, '\n') + 1;
    json_t *one = json_loadb(out.data, (size_t)(second - out.data), JSON_REJECT_DUPLICATES, NULL);
    json_t *two = json_loads(second, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_integer_value(json_object_get(one, "index")), 7);
    assert_int_equal(json_object_size(one), 2);
    assert_string_equal(json_string_value(json_object_get(two, "id")), "doc-1");
    assert_true(json_is_true(json_object_get(two, "truncated")));
    json_t *values = json_object_get(two, "embedding");
    assert_int_equal(json_array_size(values), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(json_number_value(json_array_get(values, i)) == (double)vector[i]);
    json_decref(one);
    json_decref(two);
    buf_free(&out);
}

static void test_full_buffer_is_told(void **state)
{
    (void)state;
    vector_record record = {.vector = vector, .dimension = 3};
    buf out;
    buf_init(&out, 20);
    assert_false(vectors_append(&out, VECTORS_JSONL, &record));
    buf_clear(&out);
    assert_true(vectors_append(&out, VECTORS_FVECS, &record));
    assert_false(vectors_append(&out, VECTORS_FVECS, &record));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_header),
        cmocka_unit_test(test_binary_vectors),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
