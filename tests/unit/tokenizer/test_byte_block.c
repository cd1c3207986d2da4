#include "unit.h"

#include "tokenizer/byte_block.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/word_splitter.h"

/* A block with `byte` at `place` and letters elsewhere. */
static void fill(char *block, size_t place, int byte)
{
    memset(block, 'x', BYTE_BLOCK_BYTES);
    block[place] = (char)byte;
}

static void finds_the_ends_that_the_classes_name(void **state)
{
    (void)state;
    word_classes classes;
    assert_true(word_classes_build(&classes));
    char block[BYTE_BLOCK_BYTES];
    for (size_t place = 0; place < BYTE_BLOCK_BYTES; place++)
        for (int byte = 0; byte < 256; byte++) {
            bool ends = byte < 0x80 ? classes.ascii[byte] != 0 : byte >= 0xC0;
            fill(block, place, byte);
            assert_true(byte_block_ends(block) == (uint64_t)ends << place);
        }
    word_classes_free(&classes);
}

/* What passes through vectors must be what the normalizer's table says, under every flag. */
static void printable_bytes_change_their_case_at_most(void **state)
{
    (void)state;
    for (int flags = 0; flags < 16; flags++) {
        normalizer norm;
        assert_true(normalizer_build(&norm, (normalizer_flags){.clean_text = flags & 1,
                                                               .handle_chinese_chars = flags & 2,
                                                               .strip_accents = flags & 4,
                                                               .lowercase = flags & 8}));
        assert_int_equal(norm.lowercase, (flags & 8) != 0);
        for (int byte = 0; byte < 256; byte++) {
            char block[BYTE_BLOCK_BYTES];
            fill(block, 5, byte);
            byte_vector v = byte_vector_load(block), lower = byte_vector_lower(v);
            bool unprintable = (byte_vector_unprintable(v) & 1 << 5) != 0;
            assert_int_equal(unprintable, byte < 0x20 || byte > 0x7E);
            if (!unprintable)
                assert_int_equal(norm.lowercase ? lower[5] : v[5], norm.ascii[byte]);
        }
        normalizer_free(&norm);
    }
}

static void loads_parts(void **state)
{
    (void)state;
    char block[BYTE_BLOCK_BYTES];
    memset(block, 'x', sizeof block);
    for (size_t length = 0; length < BYTE_VECTOR_BYTES; length++) {
        byte_vector v = byte_vector_load_part(block, length);
        for (size_t i = 0; i < BYTE_VECTOR_BYTES; i++)
            assert_int_equal(v[i], i < length ? 'x' : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_ends_that_the_classes_name),
        cmocka_unit_test(printable_bytes_change_their_case_at_most),
        cmocka_unit_test(loads_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
