#include "unit.h"

#include "telemetry/otlp_message.h"

#include <zlib.h>

static void expand(const uint8_t *from, size_t length, char *to, size_t room, size_t *got)
{
    z_stream z = {
        .next_in = (Bytef *)from, .avail_in = (uInt)length, .next_out = (Bytef *)to, .avail_out = (uInt)room};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    *got = room - z.avail_out;
    inflateEnd(&z);
}

static void frames_in_four_ways(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 300, 70000};
    for (size_t i = 0; i < 3; i++) {
        static char original[70000], expanded[70000];
        buf message, out;
        memset(original, 'm', lengths[i]);
        buf_init(&message, 1 << 20);
        buf_init(&out, 1 << 20);
        assert_true(buf_append(&message, original, lengths[i]));
        for (int way = 0; way < 4; way++) {
            const bool grpc = way & 1, gzip = way & 2;
            assert_true(otlp_frame(&message, grpc, gzip, &out));
            const uint8_t *bytes = (const uint8_t *)out.data;
            size_t length = out.length;
            if (grpc) {
                assert_int_equal(bytes[0], gzip);
                length -= 5;
                assert_int_equal((size_t)bytes[1] << 24 | bytes[2] << 16 | bytes[3] << 8 | bytes[4], length);
                bytes += 5;
            }
            if (gzip) {
                size_t got;
                expand(bytes, length, expanded, sizeof expanded, &got);
                assert_int_equal(got, lengths[i]);
                assert_memory_equal(expanded, original, got);
            } else {
                assert_int_equal(length, lengths[i]);
                assert_memory_equal(bytes, original, length);
            }
        }
        buf_free(&message);
        buf_free(&out);
    }
}

static void fails_where_there_is_no_room(void **state)
{
    (void)state;
    buf message, out;
    buf_init(&message, 100);
    buf_init(&out, 4);
    assert_true(buf_append_string(&message, "more than four bytes"));
    for (int way = 0; way < 4; way++)
        assert_false(otlp_frame(&message, way & 1, way & 2, &out));
    buf_free(&message);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_in_four_ways),
        cmocka_unit_test(fails_where_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
