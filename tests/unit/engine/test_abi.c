/* Callers with structs of another size than the library's, and callers that were forked. */
#include "unit.h"

#include "model/tiny_model.h"

#include <sys/wait.h>

#define DIMENSION 4
#define GUARD 0xA5
#define ROOM 512

static char folder[200];
static aki_model *handle;

/* Checks that `size` bytes were written and none behind them. */
static void assert_guarded(const unsigned char *bytes, size_t size)
{
    for (size_t i = size; i < ROOM; i++)
        assert_int_equal(bytes[i], GUARD);
}

static void settings_of_any_size_are_filled_and_no_more(void **state)
{
    (void)state;
    _Alignas(16) unsigned char bytes[ROOM];
    aki_settings *settings = (aki_settings *)(void *)bytes;
    for (size_t size = 0; size <= sizeof *settings + 64; size += 8) {
        memset(bytes, GUARD, sizeof bytes);
        aki_settings_init_sized(settings, size);
        assert_guarded(bytes, size);
        if (size < sizeof settings->struct_size)
            continue;
        assert_int_equal(settings->struct_size, size);
        for (size_t i = sizeof settings->struct_size; i < size; i++)
            assert_int_equal(bytes[i], 0); /* all defaults */
        aki_model *opened = NULL;
        aki_error error;
        assert_int_equal(aki_open(&opened, folder, settings, &error), AKI_OK);
        aki_close(&opened);
    }
}

static void settings_that_are_not_known_are_refused(void **state)
{
    (void)state;
    _Alignas(16) unsigned char bytes[ROOM];
    aki_settings *settings = (aki_settings *)(void *)bytes;
    aki_model *opened = NULL;
    aki_error error;
    aki_settings_init_sized(settings, sizeof *settings + 16);
    bytes[sizeof *settings + 15] = 1;
    assert_int_equal(aki_open(&opened, folder, settings, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "does not know"));
    assert_null(opened);
}

static void a_description_of_any_size_is_filled_and_no_more(void **state)
{
    (void)state;
    _Alignas(16) unsigned char bytes[ROOM], whole[sizeof(aki_model_info)];
    aki_model_info info;
    aki_model_describe(handle, &info);
    memcpy(whole, &info, sizeof whole);
    assert_string_equal(info.architecture, "bert");
    for (size_t size = 0; size <= sizeof info + 64; size += 8) {
        memset(bytes, GUARD, sizeof bytes);
        aki_model_describe_sized(handle, (aki_model_info *)(void *)bytes, size);
        assert_guarded(bytes, size);
        for (size_t i = sizeof info; i < size; i++)
            assert_int_equal(bytes[i], 0);
    }
    assert_int_equal(((aki_model_info *)(void *)bytes)->layers, 2);
}

static void infos_stand_as_far_apart_as_the_caller_has_them(void **state)
{
    (void)state;
    const aki_text texts[3] = {{"word", 4}, {"word word", 9}, {"word word word word word word", 29}};
    for (size_t size = 4; size <= sizeof(aki_text_info) + 16; size += 4) {
        unsigned char bytes[ROOM];
        float vectors[3 * DIMENSION];
        memset(bytes, GUARD, sizeof bytes);
        assert_int_equal(
            aki_embed_sized(handle, texts, 3, NULL, 0, vectors, (aki_text_info *)(void *)bytes, size, NULL),
            AKI_OK);
        assert_guarded(bytes, 3 * size);
        for (size_t i = 0; i < 3; i++) {
            uint32_t tokens;
            memcpy(&tokens, bytes + i * size, sizeof tokens);
            assert_int_equal(tokens, i < 2 ? 3 + i : 6);
            for (size_t k = sizeof(aki_text_info); k < size; k++)
                assert_int_equal(bytes[i * size + k], 0);
        }
    }
}

static void options_of_any_size_are_read_and_no_more(void **state)
{
    (void)state;
    const aki_text texts[2] = {{"word", 4}, {"word word word word word word", 29}};
    float vectors[2 * DIMENSION];
    aki_error error;
    struct {
        aki_embed_options known;
        unsigned char later[16];
    } options = {.known = {.refuse_long = true}};
    const size_t whole = sizeof options.known, short_size = offsetof(aki_embed_options, refuse_long);
    assert_int_equal(aki_embed(handle, texts, 2, &options.known, vectors, NULL, &error), AKI_TEXT_TOO_LONG);
    assert_int_equal(aki_embed_sized(handle, texts, 2, &options.known, short_size, vectors, NULL, 0, &error),
                     AKI_OK);
    assert_int_equal(aki_embed_sized(handle, texts, 1, &options.known, whole + 16, vectors, NULL, 0, &error),
                     AKI_OK);
    options.later[15] = 1;
    assert_int_equal(aki_embed_sized(handle, texts, 1, &options.known, whole + 16, vectors, NULL, 0, &error),
                     AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "does not know"));
    assert_int_equal(aki_embed_sized(handle, texts, 1, &options.known, whole, vectors, NULL, 0, &error),
                     AKI_OK);
}

/* ThreadSanitizer cannot follow threads that begin after a fork, and QEMU's emulation of a process cannot start them. */
#ifdef __SANITIZE_THREAD__
#define CAN_START_THREADS false
#elif defined(__has_feature)
#define CAN_START_THREADS (!__has_feature(thread_sanitizer))
#else
#define CAN_START_THREADS true
#endif

/* Runs in the child, which has no cmocka to report to: returns the number of the step that failed. */
static int use_after_fork(const float *expected)
{
    const aki_text text = {"word", 4};
    float vector[DIMENSION];
    aki_error error;
    aki_model *inherited = handle, *own = NULL;
    if (aki_embed(inherited, &text, 1, NULL, vector, NULL, &error) != AKI_FORKED)
        return 1;
    if (strstr(error.message, "before a fork") == NULL || error.hint[0] == '\0')
        return 2;
    if (aki_dimension(inherited) != DIMENSION)
        return 3;
    if (CAN_START_THREADS && !unit_is_emulated() && aki_open(&own, folder, NULL, &error) != AKI_OK)
        return 4;
    if (own != NULL && (aki_embed(own, &text, 1, NULL, vector, NULL, &error) != AKI_OK ||
                        memcmp(vector, expected, sizeof vector) != 0))
        return 5;
    aki_close(&own);
    aki_close(&inherited);
    return inherited == NULL ? 0 : 6;
}

static void a_forked_child_is_told_and_can_open_anew(void **state)
{
    (void)state;
    const aki_text text = {"word", 4};
    float vector[DIMENSION];
    assert_int_equal(aki_embed(handle, &text, 1, NULL, vector, NULL, NULL), AKI_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60); /* a child that hangs fails the test */
        _exit(use_after_fork(vector));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(aki_embed(handle, &text, 1, NULL, vector, NULL, NULL), AKI_OK); /* the parent goes on */
}

static int set_up(void **state)
{
    (void)state;
    aki_error error;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
    return aki_open(&handle, folder, NULL, &error) == AKI_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    aki_close(&handle);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_any_size_are_filled_and_no_more),
        cmocka_unit_test(settings_that_are_not_known_are_refused),
        cmocka_unit_test(a_description_of_any_size_is_filled_and_no_more),
        cmocka_unit_test(infos_stand_as_far_apart_as_the_caller_has_them),
        cmocka_unit_test(options_of_any_size_are_read_and_no_more),
        cmocka_unit_test(a_forked_child_is_told_and_can_open_anew),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
