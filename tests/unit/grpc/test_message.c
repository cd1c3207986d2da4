#include "unit.h"

#include "base/memory.h"
#include "grpc/kserve.pb-c.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"

#define MAX_BODY_BYTES ((size_t)1 << 20)

static http_error error;
static const api_service service = {.max_body_bytes = MAX_BODY_BYTES};

static void *read_bytes(const ProtobufCMessageDescriptor *type, const char *bytes, size_t length)
{
    buf body;
    buf_init(&body, length + GRPC_PREFIX_BYTES);
    const size_t at = grpc_frame_begin(&body);
    assert_true(length == 0 || buf_append(&body, bytes, length));
    grpc_frame_end(&body, at);
    const api_request request = {.body = body.data, .length = body.length, .name = ""};
    void *message = grpc_message_read(type, &request, &service, &error);
    buf_free(&body);
    return message;
}

static void reads_texts_with_their_nuls(void **state)
{
    (void)state;
    Tei__V1__EmbedRequest *message =
        read_bytes(&tei__v1__embed_request__descriptor, "\n\3a\0b\x2a\2p\0\x30\7", 11);
    assert_non_null(message);
    assert_int_equal(message->inputs.len, 3);
    assert_memory_equal(message->inputs.data, "a\0b", 3);
    assert_int_equal(message->has_prompt_name_case, TEI__V1__EMBED_REQUEST__HAS_PROMPT_NAME_PROMPT_NAME);
    assert_int_equal(message->prompt_name.len, 2);
    assert_int_equal(message->has_dimensions_case, TEI__V1__EMBED_REQUEST__HAS_DIMENSIONS_DIMENSIONS);
    assert_int_equal(message->dimensions, 7);
    grpc_message_free(message);
    message = read_bytes(&tei__v1__embed_request__descriptor, "", 0);
    assert_non_null(message);
    assert_int_equal(message->inputs.len, 0);
    assert_int_equal(message->has_dimensions_case, TEI__V1__EMBED_REQUEST__HAS_DIMENSIONS__NOT_SET);
    grpc_message_free(message);
    grpc_message_free(NULL);
}

static void passes_over_fields_that_it_does_not_know(void **state)
{
    (void)state;
    Tei__V1__EmbedRequest *message =
        read_bytes(&tei__v1__embed_request__descriptor, "\x7a\1x\n\1a\xf8\1\1", 9);
    assert_non_null(message);
    assert_memory_equal(message->inputs.data, "a", 1);
    grpc_message_free(message);
}

static void refuses_what_is_no_message_of_the_type(void **state)
{
    (void)state;
    static const char *const bytes[] = {"\n\5abcd", "\n", "\xff\xff\xff\xff\xff\xff", "\x0b",
                                        "\n\xff\xff\xff\xff\x7f"};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        assert_null(read_bytes(&tei__v1__embed_request__descriptor, bytes[i], strlen(bytes[i])));
        assert_int_equal(error.code, HTTP_ERROR_INVALID_MESSAGE);
    }
}

/* Empty tensors: two bytes each on the wire. */
static void bounds_what_a_message_takes(void **state)
{
    (void)state;
    char *bytes = mem_alloc(MAX_BODY_BYTES, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < MAX_BODY_BYTES; i += 2)
        memcpy(bytes + i, "\x2a\0", 2);
    assert_null(read_bytes(&inference__model_infer_request__descriptor, bytes, MAX_BODY_BYTES));
    assert_int_equal(error.code, HTTP_ERROR_BODY_TOO_LARGE);
    void *few = read_bytes(&inference__model_infer_request__descriptor, bytes, 200);
    assert_non_null(few);
    grpc_message_free(few);
    memcpy(bytes, "\n\xfb\xff\x3f", 4); /* one text as long as a body may be */
    few = read_bytes(&tei__v1__embed_request__descriptor, bytes, 4 + 0xFFFFB);
    assert_non_null(few);
    grpc_message_free(few);
    mem_free(bytes);
}

static void makes_strings_of_utf_8_alone(void **state)
{
    (void)state;
    json_t *text =
        grpc_json_string((ProtobufCBinaryData){4, (uint8_t *)(uintptr_t) "a\0\xc3\xa4"}, "inputs", &error);
    assert_non_null(text);
    assert_int_equal(json_string_length(text), 4);
    json_decref(text);
    text = grpc_json_string((ProtobufCBinaryData){0, NULL}, "inputs", &error);
    assert_non_null(text);
    json_decref(text);
    assert_null(grpc_json_string((ProtobufCBinaryData){1, (uint8_t *)(uintptr_t) "\xff"}, "inputs", &error));
    assert_int_equal(error.code, HTTP_ERROR_INVALID_UTF8);
    assert_string_equal(error.param, "inputs");
}

static void appends_messages_in_frames(void **state)
{
    (void)state;
    buf out;
    aki_error own;
    Tei__V1__DecodeResponse reply = TEI__V1__DECODE_RESPONSE__INIT;
    reply.text = grpc_text("hello");
    buf_init(&out, 12);
    assert_int_equal(grpc_message_append(&out, &reply.base, &own), AKI_OK);
    assert_int_equal(out.length, 12);
    assert_memory_equal(out.data, "\0\0\0\0\7\n\5hello", 12);
    assert_int_equal(grpc_message_append(&out, &reply.base, &own), AKI_OUT_OF_MEMORY);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_texts_with_their_nuls),
        cmocka_unit_test(passes_over_fields_that_it_does_not_know),
        cmocka_unit_test(refuses_what_is_no_message_of_the_type),
        cmocka_unit_test(bounds_what_a_message_takes),
        cmocka_unit_test(makes_strings_of_utf_8_alone),
        cmocka_unit_test(appends_messages_in_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
