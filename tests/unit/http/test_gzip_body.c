#include "unit.h"

#include "base/memory.h"
#include "http/gzip.h"

#include <zlib.h>

#define MIB ((size_t)1 << 20)

/* Appends one gzip member. */
static void compress_to(buf *out, const char *data, size_t length)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&stream, length);
    char *room = buf_reserve(out, bound);
    assert_non_null(room);
    stream.next_in = (z_const Bytef *)data;
    stream.avail_in = (uInt)length;
    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    buf_commit(out, bound - stream.avail_out);
    deflateEnd(&stream);
}

/* Text that does not compress well, the same in each run. */
static char *noise(size_t length)
{
    char *text = mem_alloc(length, 1);
    assert_non_null(text);
    uint32_t x = 1;
    for (size_t i = 0; i < length; i++) {
        x = x * 1664525U + 1013904223U;
        text[i] = (char)('!' + (x >> 24) % 90);
    }
    return text;
}

static gzip_outcome inflate_with(const buf *compressed, size_t max_bytes, size_t *length)
{
    buf out;
    buf_init(&out, max_bytes);
    gzip_outcome outcome = gzip_body_inflate(compressed->data, compressed->length, &out);
    *length = out.length;
    buf_free(&out);
    return outcome;
}

static void gives_back_what_was_compressed(void **state)
{
    (void)state;
    const size_t lengths[] = {0, 1, 100, 65535, 65536, 65537, 3000000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *text = noise(lengths[i] + 1);
        buf compressed, out;
        buf_init(&compressed, 8 * MIB);
        buf_init(&out, 8 * MIB);
        compress_to(&compressed, text, lengths[i]);
        assert_int_equal(gzip_body_inflate(compressed.data, compressed.length, &out), GZIP_DONE);
        assert_int_equal(out.length, lengths[i]);
        assert_true(lengths[i] == 0 || memcmp(out.data, text, lengths[i]) == 0);
        buf_free(&out);
        buf_free(&compressed);
        mem_free(text);
    }
}

static void takes_several_members(void **state)
{
    (void)state;
    buf compressed, out;
    buf_init(&compressed, MIB);
    buf_init(&out, MIB);
    compress_to(&compressed, "one ", 4);
    compress_to(&compressed, "", 0);
    compress_to(&compressed, "two", 3);
    assert_int_equal(gzip_body_inflate(compressed.data, compressed.length, &out), GZIP_DONE);
    assert_string_equal(out.data, "one two");
    buf_free(&out);
    buf_free(&compressed);
}

static void holds_to_the_limit_to_the_byte(void **state)
{
    (void)state;
    enum { LENGTH = 200000 };
    char *text = noise(LENGTH);
    buf compressed;
    size_t length;
    buf_init(&compressed, MIB);
    compress_to(&compressed, text, LENGTH);
    assert_int_equal(inflate_with(&compressed, LENGTH + 1, &length), GZIP_DONE);
    assert_int_equal(inflate_with(&compressed, LENGTH, &length), GZIP_DONE);
    assert_int_equal(inflate_with(&compressed, LENGTH - 1, &length), GZIP_TOO_LARGE);
    assert_true(length < LENGTH);
    buf_free(&compressed);
    mem_free(text);
}

static void stops_a_bomb_early(void **state)
{
    (void)state;
    char *zeros = mem_zalloc(1, 64 * MIB);
    assert_non_null(zeros);
    buf compressed;
    size_t length;
    buf_init(&compressed, 128 * MIB);
    compress_to(&compressed, zeros, 64 * MIB);
    assert_true(compressed.length < 64 * MIB / 1000);
    assert_int_equal(inflate_with(&compressed, 64 * MIB, &length), GZIP_TOO_LARGE);
    assert_true(length <= (GZIP_MAX_RATIO + 1) * compressed.length); /* not at its end */
    buf_clear(&compressed);
    compress_to(&compressed, zeros, GZIP_FREE_BYTES); /* as well compressed, but harmless */
    assert_int_equal(inflate_with(&compressed, 64 * MIB, &length), GZIP_DONE);
    assert_int_equal(length, GZIP_FREE_BYTES);
    buf_free(&compressed);
    mem_free(zeros);
}

static void refuses_what_is_cut_damaged_or_followed_by_something(void **state)
{
    (void)state;
    char *text = noise(1000);
    buf compressed;
    size_t length;
    buf_init(&compressed, MIB);
    compress_to(&compressed, text, 1000);
    size_t whole = compressed.length;
    for (compressed.length = 1; compressed.length < whole; compressed.length++)
        assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_INVALID);
    compressed.data[whole - 1] ^= 1; /* the length at the end */
    assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_INVALID);
    compressed.data[whole - 1] ^= 1;
    compressed.data[whole - 8] ^= 1; /* the checksum */
    assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_INVALID);
    compressed.data[whole - 8] ^= 1;
    assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_DONE);
    assert_true(buf_append_string(&compressed, "x"));
    assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_INVALID);
    buf_clear(&compressed);
    assert_true(buf_append_string(&compressed, "{\"texts\":[\"plain\"]}"));
    assert_int_equal(inflate_with(&compressed, MIB, &length), GZIP_INVALID);
    buf_free(&compressed);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_compressed),
        cmocka_unit_test(takes_several_members),
        cmocka_unit_test(holds_to_the_limit_to_the_byte),
        cmocka_unit_test(stops_a_bomb_early),
        cmocka_unit_test(refuses_what_is_cut_damaged_or_followed_by_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
