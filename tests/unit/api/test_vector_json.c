#include "unit.h"

#include "api/vector_json.h"

#include <math.h>

#define DIMENSION 16

static const float vectors[2][DIMENSION] = {
    {0.5F, -0.5F, 0, 1, -1, 2, -2, 0.25F, 0.1F, -0.1F, 0.003F, 0.004F, -0.004F, 0, 0, 0.5F},
    {3, 4, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}};
static const aki_text_info info[2];
static const api_result result = {.vectors = vectors[0], .info = info, .count = 2, .dimension = DIMENSION};

/* One vector as the call tells it. */
static void tell(const api_call *call, size_t index, api_output output, char *text, size_t room)
{
    vector_json_writer w;
    aki_error error;
    buf out;
    buf_init(&out, vector_json_bound(call, &result, 64));
    assert_int_equal(vector_json_writer_open(&w, call, &result, &error), AKI_OK);
    assert_int_equal(vector_json_append(&w, index, output, &out, &error), AKI_OK);
    assert_true(out.length < room);
    memcpy(text, out.data, out.length + 1);
    vector_json_writer_close(&w);
    buf_free(&out);
}

static void tells_whole_numbers_and_bits(void **state)
{
    (void)state;
    char text[512];
    api_call call = {.outputs = API_OUTPUT_INT8 | API_OUTPUT_UINT8 | API_OUTPUT_BINARY | API_OUTPUT_UBINARY};
    tell(&call, 0, API_OUTPUT_INT8, text, sizeof text); /* halves go to the even number */
    assert_string_equal(text, "[64,-64,0,127,-127,127,-127,32,13,-13,0,1,-1,0,0,64]");
    tell(&call, 0, API_OUTPUT_UINT8, text, sizeof text);
    assert_string_equal(text, "[192,64,128,255,1,255,1,160,141,115,128,129,127,128,128,192]");
    tell(&call, 0, API_OUTPUT_UBINARY, text, sizeof text);
    assert_string_equal(text, "[149,177]");
    tell(&call, 0, API_OUTPUT_BINARY, text, sizeof text);
    assert_string_equal(text, "[21,49]");
    call.packed = true;
    tell(&call, 0, API_OUTPUT_UBINARY, text, sizeof text);
    assert_string_equal(text, "\"lbE=\"");
}

static void cuts_and_normalises_again(void **state)
{
    (void)state;
    char text[512];
    api_call call = {.dimensions = 8, .options = {.normalize = AKI_ON}};
    tell(&call, 1, API_OUTPUT_FLOAT, text, sizeof text);
    double x, y;
    assert_int_equal(sscanf(text, "[%lf,%lf,", &x, &y), 2);
    assert_float_equal(x, 0.6, 1e-7);
    assert_float_equal(y, 0.8, 1e-7);
    call.options.normalize = AKI_OFF;
    tell(&call, 1, API_OUTPUT_FLOAT, text, sizeof text);
    assert_int_equal(sscanf(text, "[%lf,%lf,", &x, &y), 2);
    assert_float_equal(x, 3, 0);
    call.dimensions = 99; /* more than there are */
    tell(&call, 1, API_OUTPUT_BASE64, text, sizeof text);
    assert_int_equal(strlen(text), 2 + (DIMENSION * 4 + 2) / 3 * 4);
}

static void refuses_what_is_no_number(void **state)
{
    (void)state;
    float bad[DIMENSION] = {0};
    bad[5] = NAN;
    const api_result broken = {.vectors = bad, .info = info, .count = 1, .dimension = DIMENSION};
    static const api_output outputs[] = {API_OUTPUT_FLOAT, API_OUTPUT_BASE64, API_OUTPUT_INT8,
                                         API_OUTPUT_BINARY};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        const api_call call = {.outputs = outputs[i]};
        vector_json_writer w;
        aki_error error;
        buf out;
        buf_init(&out, 1 << 16);
        assert_int_equal(vector_json_writer_open(&w, &call, &broken, &error), AKI_OK);
        assert_int_equal(vector_json_append_all(&w, outputs[i], &out, &error), AKI_NOT_FINITE);
        assert_int_equal(error.text_index, 0);
        vector_json_writer_close(&w);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_whole_numbers_and_bits),
        cmocka_unit_test(cuts_and_normalises_again),
        cmocka_unit_test(refuses_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
