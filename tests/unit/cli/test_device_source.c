#include "unit.h"

#include "cli/options/commands.h"
#include "cli/device_source.h"

#include <fcntl.h>

static const char *const no_environment[] = {NULL};

static options resolved(int count, const char *const *arguments)
{
    options o;
    aki_error error = {.message = ""};
    if (options_resolve(&o, COMMAND_SERVE, count, arguments, no_environment, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return o;
}

static void takes_what_is_named(void **state)
{
    (void)state;
    device_source source;
    options o = resolved(4, (const char *const[]){"--device", "cuda", "--device-plugin", "/a/plugin.so"});
    device_source_read(&source, &o);
    assert_string_equal(source.choice.name, "cuda");
    assert_string_equal(source.choice.plugin, "/a/plugin.so");
    options_free(&o);
}

static void looks_beside_the_program_for_a_device_by_name(void **state)
{
    (void)state;
    char own[PATH_MAX - 64], plugin[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    *strrchr(own, '/') = '\0';
    snprintf(plugin, sizeof plugin, "%s/akidb-embed-test%ld.so", own, (long)getpid());
    char name[32];
    snprintf(name, sizeof name, "test%ld", (long)getpid());
    device_source source;
    options o = resolved(2, (const char *const[]){"--device", name});
    device_source_read(&source, &o);
    assert_null(source.choice.plugin);
    const int file = open(plugin, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    close(file);
    device_source_read(&source, &o);
    unlink(plugin);
    assert_non_null(source.choice.plugin);
    assert_string_equal(source.choice.plugin, plugin);
    options_free(&o);
}

static void looks_for_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"auto", "cpu", "../cpu", "a/b", "a.b"};
    device_source source;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        options o = resolved(2, (const char *const[]){"--device", names[i]});
        device_source_read(&source, &o);
        assert_string_equal(source.choice.name, names[i]);
        assert_null(source.choice.plugin);
        options_free(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_named),
        cmocka_unit_test(looks_beside_the_program_for_a_device_by_name),
        cmocka_unit_test(looks_for_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
