#include "http/made_request.h"

#include "base/file.h"
#include "http/api_keys.h"

#include <sys/stat.h>

/* SHA-256 of "abc" (FIPS 180-2, appendix B.1) and of the empty text. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_CAPITALS "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
/* Of the 56 letters in appendix B.2. */
#define LONG_KEY "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define LONG "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/test_api_keys_XXXXXX");
    int descriptor = mkstemp(path);
    return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void count_warnings(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)target;
    (void)message;
    if (level == AKI_LOG_WARN)
        ++*(int *)cookie;
}

static void put(const char *text)
{
    aki_error error;
    assert_int_equal(file_write_atomic(path, text, strlen(text), &error), AKI_OK);
    assert_int_equal(chmod(path, 0600), 0);
}

static aki_status try_open(api_keys **keys, aki_error *error)
{
    return api_keys_open(keys, path, (log_sink){0}, error);
}

static void finds_keys_by_name(void **state)
{
    (void)state;
    api_keys *keys;
    aki_error error;
    char name[API_KEY_NAME_MAX + 1] = "untouched";
    unsigned roles = 77;
    put("# keys\n\n  first:" ABC "  \r\nThe_2nd.one-:" LONG);
    assert_int_equal(try_open(&keys, &error), AKI_OK);
    assert_int_equal(api_keys_count(keys), 2);
    static const char *const wrong[] = {"", "ab", "abcd", "ABC", ABC, " abc", ("first:" ABC)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(api_keys_find(keys, wrong[i], name, &roles));
    assert_string_equal(name, "untouched");
    assert_true(api_keys_find(keys, "abc", name, &roles));
    assert_string_equal(name, "first");
    assert_true(api_keys_find(keys, LONG_KEY, name, &roles));
    assert_string_equal(name, "The_2nd.one-");
    api_keys_close(keys);
    api_keys_close(NULL);
}

static void gives_each_key_its_roles(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned roles;
    } cases[] = {
        {"a:" ABC, API_ROLE_EMBED | API_ROLE_METRICS},
        {"a:" ABC " \t", API_ROLE_EMBED | API_ROLE_METRICS},
        {"a:" ABC " roles=embed", API_ROLE_EMBED},
        {"a:" ABC "\troles=metrics\r\n", API_ROLE_METRICS},
        {"a:" ABC "  roles=operator,metrics,metrics", API_ROLE_OPERATOR | API_ROLE_METRICS},
        {"a:" ABC " roles=embed,metrics,operator", API_ROLES_ANY},
        {"a:" ABC " roles=operator\nb:" ABC " roles=embed", API_ROLE_EMBED}}; /* the last line counts */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        api_keys *keys;
        aki_error error;
        char name[API_KEY_NAME_MAX + 1];
        unsigned roles = 0;
        put(cases[i].line);
        assert_int_equal(try_open(&keys, &error), AKI_OK);
        assert_true(api_keys_find(keys, "abc", name, &roles));
        assert_int_equal(roles, cases[i].roles);
        api_keys_close(keys);
    }
}

/* The hash table's key is random. More than 16 of 10,000 digests in one of as many buckets is practically impossible. */
static void compares_a_key_with_few_of_many(void **state)
{
    (void)state;
    enum { LINE_BYTES = 80, MOST_COMPARED = 16 };
    char *text = malloc((size_t)LINE_BYTES * API_KEYS_MAX + 1);
    size_t length = 0;
    assert_non_null(text);
    for (unsigned i = 0; i < API_KEYS_MAX - 1; i++)
        length += (size_t)snprintf(text + length, LINE_BYTES, "k%u:%064x\n", i, i * 2654435761U);
    snprintf(text + length, LINE_BYTES, "mine:" ABC "\n");
    api_keys *keys;
    aki_error error;
    char name[API_KEY_NAME_MAX + 1];
    unsigned roles;
    put(text);
    free(text);
    assert_int_equal(try_open(&keys, &error), AKI_OK);
    assert_int_equal(api_keys_count(keys), API_KEYS_MAX);
    assert_in_range(api_keys_most_compared(keys), 1, MOST_COMPARED);
    assert_true(api_keys_find(keys, "abc", name, &roles));
    assert_string_equal(name, "mine");
    assert_false(api_keys_find(keys, "abcd", name, &roles));
    api_keys_close(keys);
}

static void reads_again_or_keeps_what_it_has(void **state)
{
    (void)state;
    api_keys *keys;
    aki_error error;
    char name[API_KEY_NAME_MAX + 1];
    unsigned roles;
    put("one:" ABC "\n");
    assert_int_equal(try_open(&keys, &error), AKI_OK);
    put("two:" LONG "\nthree:");
    assert_int_equal(api_keys_reload(keys, &error), AKI_INVALID_ARGUMENT);
    assert_true(api_keys_find(keys, "abc", name, &roles));
    put("two:" LONG "\ntwo:" ABC_CAPITALS "\n");
    assert_int_equal(api_keys_reload(keys, &error), AKI_OK);
    assert_int_equal(api_keys_count(keys), 2);
    assert_true(api_keys_find(keys, "abc", name, &roles));
    assert_string_equal(name, "two");
    assert_true(api_keys_find(keys, LONG_KEY, name, &roles));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(api_keys_reload(keys, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "--api-keys"));
    assert_true(api_keys_find(keys, "abc", name, &roles));
    api_keys_close(keys);
    put("one:" ABC);
}

static void says_which_line_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"ok:" ABC "\n" ABC, "line 2: there is no colon"},
        {":" ABC, "line 1: the name"},
        {"a b:" ABC, "line 1: the name"},
        {"a/b:" ABC, "line 1: the name"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:" ABC, "line 1: the name"},
        {"\n\nok:abc", "line 3: the SHA-256"},
        {"ok:" ABC "0", "line 1: the SHA-256"},
        {"ok: " ABC, "line 1: the SHA-256"},
        {"ok:g" ABC, "line 1: the SHA-256"},
        {"ok:" ABC ":x", "line 1: the SHA-256"},
        {"ok:" ABC " x", "line 1: only roles="},
        {"ok:" ABC " roles", "line 1: only roles="},
        {"ok:" ABC " roles=", "line 1: only roles="},
        {"ok:" ABC " roles=embed,", "line 1: only roles="},
        {"ok:" ABC " roles=embed,,metrics", "line 1: only roles="},
        {"ok:" ABC " roles=embed metrics", "line 1: only roles="},
        {"ok:" ABC " roles=Embed", "line 1: only roles="},
        {"ok:" ABC " roles=admin", "line 1: only roles="},
        {"ok:" ABC " role=embed", "line 1: only roles="},
        {"", "holds no API key"},
        {"# only a comment\n", "holds no API key"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        api_keys *keys;
        aki_error error;
        put(bad[i].text);
        assert_int_equal(try_open(&keys, &error), AKI_INVALID_ARGUMENT);
        assert_null(keys);
        assert_non_null(strstr(error.message, bad[i].message));
        assert_non_null(strstr(error.message, path));
        assert_null(strstr(error.message, "ba7816")); /* what stands in the file is not repeated */
    }
}

static void warns_of_files_that_others_may_use(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        int warnings;
    } cases[] = {{0600, 0}, {0400, 0}, {0640, 0}, {0660, 1}, {0644, 1}, {0602, 1}};
    put("empty:" EMPTY);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int warnings = 0;
        api_keys *keys;
        aki_error error;
        assert_int_equal(chmod(path, cases[i].mode), 0);
        assert_int_equal(
            api_keys_open(&keys, path, (log_sink){.write = count_warnings, .cookie = &warnings}, &error),
            AKI_OK);
        assert_int_equal(warnings, cases[i].warnings);
        api_keys_close(keys);
    }
}

static void finds_the_key_of_a_request(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *x_api_key, *api_key;
        bool bare;
        const char *key; /* NULL = none */
    } rows[] = {{NULL, NULL, NULL, true, NULL},        {"Bearer k", NULL, NULL, false, "k"},
                {"bearer   k", NULL, NULL, true, "k"}, {"k", NULL, NULL, false, NULL},
                {"k", NULL, NULL, true, "k"},          {"Basic a", NULL, "z", false, "z"},
                {"Bearer k", "x", "z", false, "x"},    {NULL, "x", NULL, false, "x"},
                {NULL, NULL, "z", true, "z"},          {"Bearer ", NULL, "z", false, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_request made;
        make_request(&made, "POST", "/");
        make_header(&made, "authorization", rows[i].authorization);
        make_header(&made, "X-Api-Key", rows[i].x_api_key);
        make_header(&made, "api-key", rows[i].api_key);
        const char *key = api_keys_of_request(&made.request, rows[i].bare);
        assert_int_equal(key == NULL, rows[i].key == NULL);
        if (key != NULL)
            assert_string_equal(key, rows[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_keys_by_name),
        cmocka_unit_test(gives_each_key_its_roles),
        cmocka_unit_test(compares_a_key_with_few_of_many),
        cmocka_unit_test(reads_again_or_keeps_what_it_has),
        cmocka_unit_test(says_which_line_is_wrong),
        cmocka_unit_test(warns_of_files_that_others_may_use),
        cmocka_unit_test(finds_the_key_of_a_request),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
