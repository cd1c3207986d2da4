#include "unit.h"

#include "model/safetensors.h"

#define PATH "a/model.safetensors"
#define T(name, dtype, shape, offsets)                                                                       \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define AS_WRITTEN UINT64_MAX

/* The file: length, header, data_bytes of 0x11. Copied to a block of its exact size, so that a sanitizer sees any
 * reading beyond its end. announced AS_WRITTEN = the header's true length. */
static aki_status parse(safetensors **out, const char *header, uint64_t announced, size_t data_bytes,
                        aki_error *error)
{
    size_t length = strlen(header), size = 8 + length + data_bytes;
    unsigned char *file = malloc(size);
    assert_non_null(file);
    uint64_t prefix = announced == AS_WRITTEN ? length : announced;
    memcpy(file, &prefix, 8);
    memcpy(file + 8, header, length);
    memset(file + 8 + length, 0x11, data_bytes);
    aki_status status = safetensors_parse(out, file, size, PATH, error);
    free(file);
    return status;
}

static const struct defect {
    const char *what, *header;
    uint64_t announced;
    size_t data_bytes;
    const char *message;
} defects[] = {
    /* header length */
    {"empty header", "", AS_WRITTEN, 0, "does not begin with '{'"},
    {"header length 0, data there", "", AS_WRITTEN, 16, "does not begin with '{'"},
    {"header longer than the file", "{}", 3, 0,
     "announces a header of 3 bytes, but has only 10 bytes in all"},
    {"header at the limit, file short", "{}", 100000000, 0, "cut short"},
    {"header over the limit", "{}", 100000001, 0, "over the limit of 100000000"},
    {"header length wraps with the 8 bytes", "{}", UINT64_MAX - 1, 0, "over the limit"},
    {"header length negative as signed", "{}", UINT64_C(1) << 63, 0, "over the limit"},
    {"header shorter than the JSON", "{" T("a", "F32", "[1]", "[0,4]") "}", 20, 4, "not valid JSON"},
    /* JSON */
    {"array as header", "[]", AS_WRITTEN, 0, "does not begin with '{'"},
    {"space before the header", " {}", AS_WRITTEN, 0, "does not begin with '{'"},
    {"unclosed", "{\"a\":", AS_WRITTEN, 0, "not valid JSON"},
    {"something behind the object", "{}x", AS_WRITTEN, 0, "not valid JSON"},
    {"two objects", "{}{}", AS_WRITTEN, 0, "not valid JSON"},
    {"header ends in data", "{}", 4, 8, "not valid JSON"},
    {"invalid UTF-8 in a name", "{" T("\xC3(", "F32", "[1]", "[0,4]") "}", AS_WRITTEN, 4, "not valid JSON"},
    {"NUL in a name", "{" T("a\\u0000b", "F32", "[1]", "[0,4]") "}", AS_WRITTEN, 4, "not valid JSON"},
    {"lone surrogate in a name", "{" T("\\uD800", "F32", "[1]", "[0,4]") "}", AS_WRITTEN, 4,
     "not valid JSON"},
    {"tensor twice", "{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", AS_WRITTEN, 8,
     "duplicate"},
    {"tensor twice, once escaped",
     "{" T("a", "F32", "[1]", "[0,4]") "," T("\\u0061", "F32", "[1]", "[4,8]") "}", AS_WRITTEN, 8,
     "duplicate"},
    {"field twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
     AS_WRITTEN, 4, "duplicate"},
    /* metadata */
    {"metadata not an object", "{\"__metadata__\":[]}", AS_WRITTEN, 0, "\"__metadata__\" must be"},
    {"metadata null", "{\"__metadata__\":null}", AS_WRITTEN, 0, "\"__metadata__\" must be"},
    {"metadata with a number", "{\"__metadata__\":{\"format\":\"pt\",\"n\":1}}", AS_WRITTEN, 0,
     "\"__metadata__\" must be"},
    {"metadata nested", "{\"__metadata__\":{\"x\":{}}}", AS_WRITTEN, 0, "\"__metadata__\" must be"},
    /* description */
    {"tensor null", "{\"a\":null}", AS_WRITTEN, 0, "tensor 'a' is not described"},
    {"tensor an array", "{\"a\":[\"F32\",[1],[0,4]]}", AS_WRITTEN, 4, "tensor 'a' is not described"},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", AS_WRITTEN, 4,
     "tensor 'a' has no \"dtype\""},
    {"dtype a number", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", AS_WRITTEN, 4,
     "tensor 'a' has no \"dtype\""},
    {"dtype unknown", "{" T("a", "F31", "[1]", "[0,4]") "}", AS_WRITTEN, 4,
     "tensor 'a' has the unknown type 'F31'"},
    {"dtype in lower case", "{" T("a", "f32", "[1]", "[0,4]") "}", AS_WRITTEN, 4, "unknown type 'f32'"},
    /* shape */
    {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", AS_WRITTEN, 4,
     "tensor 'a' has no \"shape\""},
    {"shape a number", "{" T("a", "F32", "1", "[0,4]") "}", AS_WRITTEN, 4, "tensor 'a' has no \"shape\""},
    {"shape negative", "{" T("a", "F32", "[-1]", "[0,4]") "}", AS_WRITTEN, 4, "not made of whole numbers"},
    {"shape negative twice", "{" T("a", "F32", "[-1,-1]", "[0,4]") "}", AS_WRITTEN, 4,
     "not made of whole numbers"},
    {"shape real", "{" T("a", "F32", "[1.0]", "[0,4]") "}", AS_WRITTEN, 4, "not made of whole numbers"},
    {"shape of strings", "{" T("a", "F32", "[\"1\"]", "[0,4]") "}", AS_WRITTEN, 4,
     "not made of whole numbers"},
    {"shape beyond 64 bits", "{" T("a", "F32", "[18446744073709551616]", "[0,4]") "}", AS_WRITTEN, 4,
     "not valid JSON"},
    {"shape product wraps to 1 element", "{" T("a", "F32", "[4294967297,4294967297,1]", "[0,4]") "}",
     AS_WRITTEN, 4, "beyond 64 bits"},
    {"shape product wraps to 0", "{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", AS_WRITTEN, 0,
     "beyond 64 bits"},
    {"shape overflows before a 0", "{" T("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", AS_WRITTEN, 0,
     "beyond 64 bits"},
    {"bytes overflow", "{" T("a", "F64", "[4611686018427387904]", "[0,0]") "}", AS_WRITTEN, 0,
     "beyond 64 bits"},
    {"nine dimensions", "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", AS_WRITTEN, 4,
     "has 9 dimensions; at most 8"},
    {"half a byte", "{" T("a", "F4", "[3]", "[0,2]") "}", AS_WRITTEN, 2, "ends inside a byte"},
    /* offsets */
    {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"one offset", "{" T("a", "F32", "[1]", "[4]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"three offsets", "{" T("a", "F32", "[1]", "[0,4,4]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offsets an object", "{" T("a", "F32", "[1]", "{}") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offset negative", "{" T("a", "F32", "[1]", "[-4,0]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offset real", "{" T("a", "F32", "[1]", "[0.0,4.0]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offset null", "{" T("a", "F32", "[1]", "[null,4]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offset true", "{" T("a", "F32", "[1]", "[0,true]") "}", AS_WRITTEN, 4, "has no \"data_offsets\""},
    {"offsets backwards", "{" T("a", "F32", "[1]", "[4,0]") "}", AS_WRITTEN, 4, "run backwards: 4 to 0"},
    {"offsets too small for the shape", "{" T("a", "F32", "[2]", "[0,4]") "}", AS_WRITTEN, 4,
     "takes 4 bytes by its \"data_offsets\", but 8"},
    {"offsets too large for the shape", "{" T("a", "F32", "[1]", "[0,8]") "}", AS_WRITTEN, 8,
     "takes 8 bytes by its \"data_offsets\", but 4"},
    {"offsets of a scalar", "{" T("a", "F32", "[]", "[0,0]") "}", AS_WRITTEN, 0, "but 4 by its type"},
    {"offsets of no element", "{" T("a", "F32", "[0]", "[0,4]") "}", AS_WRITTEN, 4, "but 0 by its type"},
    {"offsets by another type", "{" T("a", "F16", "[1]", "[0,4]") "}", AS_WRITTEN, 4, "but 2 by its type"},
    {"end beyond the file", "{" T("a", "F32", "[2]", "[0,8]") "}", AS_WRITTEN, 7,
     "ends at byte 8 of the data, but the file has only 7: it is cut short"},
    {"all data missing", "{" T("a", "F32", "[2]", "[0,8]") "}", AS_WRITTEN, 0, "has only 0: it is cut short"},
    {"begin far beyond the file", "{" T("a", "I8", "[1]", "[9223372036854775806,9223372036854775807]") "}",
     AS_WRITTEN, 4, "cut short"},
    /* coverage */
    {"overlap", "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", AS_WRITTEN, 12,
     "tensor 'b' overlaps tensor 'a'"},
    {"same range twice", "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[0,8]") "}", AS_WRITTEN,
     8, "overlaps tensor"},
    {"one inside another", "{" T("a", "F32", "[4]", "[0,16]") "," T("b", "F32", "[1]", "[4,8]") "}",
     AS_WRITTEN, 16, "tensor 'b' overlaps tensor 'a'"},
    {"an empty one inside another", "{" T("a", "F32", "[4]", "[0,16]") "," T("b", "F32", "[0]", "[8,8]") "}",
     AS_WRITTEN, 16, "tensor 'b' overlaps tensor 'a'"},
    {"hole at the start", "{" T("a", "F32", "[1]", "[4,8]") "}", AS_WRITTEN, 8,
     "tensor 'a' has 4 bytes before it that belong to no tensor"},
    {"hole in the middle", "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[12,16]") "}",
     AS_WRITTEN, 16, "tensor 'b' has 8 bytes before it"},
    {"data behind the last", "{" T("a", "F32", "[1]", "[0,4]") "}", AS_WRITTEN, 5,
     "has 1 bytes behind its last"},
    {"data without tensors", "{}", AS_WRITTEN, 4, "has 4 bytes behind its last"},
};

static void refuses_every_defect(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        const struct defect *d = &defects[i];
        safetensors *file = NULL;
        aki_error error = {.message = ""};
        aki_status status = parse(&file, d->header, d->announced, d->data_bytes, &error);
        if (status != AKI_MODEL_INVALID || file != NULL || strstr(error.message, d->message) == NULL ||
            strstr(error.message, PATH) == NULL)
            fail_msg("%s: got %s \"%s\", expected \"...%s...\"", d->what, aki_status_name(status),
                     error.message, d->message);
    }
}

static void refuses_files_shorter_than_a_length(void **state)
{
    (void)state;
    static const unsigned char bytes[7] = {0};
    for (size_t size = 0; size < 8; size++) {
        aki_error error;
        safetensors *file = NULL;
        assert_int_equal(safetensors_parse(&file, bytes, size, PATH, &error), AKI_MODEL_INVALID);
        assert_non_null(strstr(error.message, "too short"));
        assert_null(file);
    }
}

static void refuses_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    char *header = malloc(DEPTH + 6);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEPTH);
    header[DEPTH + 5] = '\0';
    safetensors *file = NULL;
    aki_error error;
    assert_int_equal(parse(&file, header, AS_WRITTEN, 0, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "depth"));
    free(header);
}

static void reads_what_is_right(void **state)
{
    (void)state;
    /* Out of order, with an empty tensor, a scalar, a type under a byte, unknown fields and spaces behind the header. */
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," T("z", "F32", "[2,3]", "[3,27]") "," T(
            "half.byte", "F4", "[6]",
            "[0,3]") "," T("empty", "I64", "[0,7]",
                           "[27,27]") "," T("\\u00e9", "U8", "[]",
                                            "[27,28]") ","
                                                       "\"later\":{\"dtype\":\"BF16\",\"shape\":[1,1,1,1,1,1,"
                                                       "1,1],\"data_offsets\":[28,30],\"x\":[1]}}   ";
    safetensors *file = NULL;
    aki_error error;
    assert_int_equal(parse(&file, header, AS_WRITTEN, 30, &error), AKI_OK);
    assert_int_equal(safetensors_count(file), 5);
    const safetensors_entry *z = safetensors_find(file, "z");
    assert_non_null(z);
    assert_string_equal(z->dtype, "F32");
    assert_int_equal(z->rank, 2);
    assert_int_equal(z->shape[0], 2);
    assert_int_equal(z->shape[1], 3);
    assert_int_equal(z->begin, 8 + strlen(header) + 3);
    assert_int_equal(z->end, 8 + strlen(header) + 27);
    assert_int_equal(safetensors_find(file, "\xC3\xA9")->rank, 0);
    assert_int_equal(safetensors_find(file, "later")->rank, 8);
    assert_int_equal(safetensors_find(file, "empty")->begin, safetensors_find(file, "empty")->end);
    assert_null(safetensors_find(file, "__metadata__"));
    assert_null(safetensors_find(file, "y"));
    for (size_t i = 1; i < safetensors_count(file); i++)
        assert_true(strcmp(safetensors_at(file, i - 1)->name, safetensors_at(file, i)->name) < 0);
    safetensors_close(file);

    assert_int_equal(parse(&file, "{}", AS_WRITTEN, 0, &error), AKI_OK);
    assert_int_equal(safetensors_count(file), 0);
    assert_null(safetensors_find(file, "z"));
    safetensors_close(file);
    safetensors_close(NULL);
}

static void knows_every_width(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        size_t bytes_of_8;
    } widths[] = {
        {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"F8_E4M3", 8}, {"F8_E5M2", 8},
        {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6},
        {"F4", 4},      {"I16", 16},        {"U16", 16},        {"F16", 16},    {"BF16", 16},
        {"I32", 32},    {"U32", 32},        {"F32", 32},        {"C64", 64},    {"F64", 64},
        {"I64", 64},    {"U64", 64},
    };
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%zu]}}",
                 widths[i].dtype, widths[i].bytes_of_8);
        safetensors *file = NULL;
        aki_error error = {.message = ""};
        if (parse(&file, header, AS_WRITTEN, widths[i].bytes_of_8, &error) != AKI_OK)
            fail_msg("%s: %s", widths[i].dtype, error.message);
        safetensors_close(file);
    }
}

/* Messages go to logs and replies: names are bounded there and carry no control characters. */
static void names_in_messages_are_tame(void **state)
{
    (void)state;
    char header[1200];
    int used = snprintf(header, sizeof header, "{\"a\\n\\u001b[31m");
    for (int i = 0; i < 200; i++)
        used += snprintf(header + used, sizeof header - (size_t)used, "\xC3\xA9");
    snprintf(header + used, sizeof header - (size_t)used, "\":0}");
    safetensors *file = NULL;
    aki_error error;
    assert_int_equal(parse(&file, header, AS_WRITTEN, 0, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "'a??[31m\xC3\xA9"));
    assert_non_null(strstr(error.message, "\xC3\xA9...' is not described"));
    assert_true(strlen(error.message) < 250);
    assert_null(strpbrk(error.message, "\n\033"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_defect), cmocka_unit_test(refuses_files_shorter_than_a_length),
        cmocka_unit_test(refuses_deep_nesting), cmocka_unit_test(reads_what_is_right),
        cmocka_unit_test(knows_every_width),    cmocka_unit_test(names_in_messages_are_tame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
