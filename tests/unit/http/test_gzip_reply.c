#include "unit.h"

#include "http/gzip.h"

#include <zlib.h>

static void reads_accept_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool gzip;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"identity", false},
        {"gzip;q=0", false},
        {"gzip; q=0.0", false},
        {"gzip;q=0.001", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0, *", false},
        {"br,*;q=0.1", true},
        {"gzipped", false},
        {"x-gzip-like", false},
        {",, gzip ,", true},
        {"gzip;", true},
        {";q=1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (gzip_reply_accepted(rows[i].header) != rows[i].gzip)
            fail_msg("wrong answer for: %s", rows[i].header);
}

static void what_is_compressed_can_be_read_back(void **state)
{
    (void)state;
    buf body;
    buf_init(&body, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_printf(&body, "line %d\n", i);
    const size_t length = body.length;
    char *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, body.data, length);
    assert_true(gzip_reply_deflate(&body));
    assert_true(body.length < length / 3);

    char *back = malloc(length + 1);
    assert_non_null(back);
    z_stream stream = {.next_in = (unsigned char *)body.data,
                       .avail_in = (uInt)body.length,
                       .next_out = (unsigned char *)back,
                       .avail_out = (uInt)length + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, length);
    assert_memory_equal(back, copy, length);
    inflateEnd(&stream);
    free(back);
    free(copy);
    buf_free(&body);
}

static void nothing_stays_nothing(void **state)
{
    (void)state;
    buf body;
    buf_init(&body, 100);
    assert_false(gzip_reply_deflate(&body));
    assert_int_equal(body.length, 0);
    buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_accept_encoding),
        cmocka_unit_test(what_is_compressed_can_be_read_back),
        cmocka_unit_test(nothing_stays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
