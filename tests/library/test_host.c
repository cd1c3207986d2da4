/* A host program that loads the shared library, uses it and unloads it. Its own settings of Jansson and its SIGBUS
 * handler must work before, meanwhile and afterwards. */
#include "unit.h"

#include "model/tiny_model.h"

#include <dlfcn.h>
#include <jansson.h>
#include <signal.h>
#include <sys/mman.h>

static const char *library_path;
static char folder[200];
static sigjmp_buf back;
static volatile sig_atomic_t own_faults, own_signals;

static void own_handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code <= 0) {
        own_signals++;
        return;
    }
    own_faults++;
    siglongjmp(back, 1);
}

static void take_bus_errors(void)
{
    struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

/* Reads a page of a mapped file that was cut. */
static void fault(void)
{
    char path[PATH_MAX];
    tiny_path(path, folder, "cut");
    unit_write_file(path, "some bytes", 10);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(truncate(path, 0), 0);
    if (sigsetjmp(back, 1) == 0)
        (void)page[0];
    fclose(file);
}

static void faults_reach_the_host(void)
{
    const int faults = own_faults, signals = own_signals;
    fault();
    assert_int_equal(own_faults, faults + 1);
    raise(SIGBUS);
    assert_int_equal(own_signals, signals + 1);
}

#define LOAD(library, name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(library, #name)

static void embed_once(void *library)
{
    LOAD(library, aki_open);
    LOAD(library, aki_embed_sized);
    LOAD(library, aki_close);
    assert_true(p_aki_open != NULL && p_aki_embed_sized != NULL && p_aki_close != NULL);
    aki_model *handle = NULL;
    aki_error error;
    float vector[4];
    const aki_text text = {"word", 4};
    assert_int_equal(p_aki_open(&handle, folder, NULL, &error), AKI_OK);
    assert_int_equal(p_aki_embed_sized(handle, &text, 1, NULL, 0, vector, NULL, 0, &error), AKI_OK);
    p_aki_close(&handle);
    assert_null(handle);
}

static void *load(void)
{
    void *library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fail_msg("%s", dlerror());
    return library;
}

/* Checks that Jansson has none of the library's hooks. */
static void jansson_is_the_hosts(void)
{
    json_malloc_t allocate;
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    assert_true(allocate == malloc && release == free);
    json_error_t error;
    json_t *root =
        json_loads("{\"a\": [1, 2, {\"b\": \"some words that are longer than a first buffer\"}]}", 0, &error);
    assert_non_null(root);
    char *text = json_dumps(root, 0);
    assert_non_null(text);
    free(text);
    json_decref(root);
}

static void a_host_goes_on_after_unloading(void **state)
{
    (void)state;
    take_bus_errors();
    for (int round = 0; round < 3; round++) {
        void *library = load();
        embed_once(library);
        jansson_is_the_hosts();
        faults_reach_the_host();
        assert_int_equal(dlclose(library), 0);
        jansson_is_the_hosts();
        faults_reach_the_host();
    }
}

static struct sigaction below; /* what the handler over the library's passes on to */

static void over(int number, siginfo_t *info, void *context)
{
    below.sa_sigaction(number, info, context);
}

/* Installs a handler over the library's that passes faults on to it, and then the library's over that. The host's
 * first handler must end the chain. */
static void a_chain_of_handlers_ends(void **state)
{
    (void)state;
    take_bus_errors();
    void *library = load();
    embed_once(library);
    struct sigaction action = {.sa_sigaction = over, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGBUS, &action, &below), 0);
    embed_once(library);
    faults_reach_the_host();
    assert_int_equal(dlclose(library), 0);
    faults_reach_the_host();
}

static int set_up(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    library_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_goes_on_after_unloading),
        cmocka_unit_test(a_chain_of_handlers_ends),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
