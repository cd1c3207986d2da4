/* The library with every call that it makes failing in turn: open a model, embed three texts, close. Whatever fails, it
 * ends in the right vectors or in an error that names the failure, and the next use in the same process goes well. */
#include "unit.h"

#include <errno.h>
#include <ftw.h>

#include "base/json_parse.h"
#include "faults.h"
#include "model/tiny_model.h"

#define DIMENSION 4
/* After a call that failed once, the library is used again; after many that failed, now and then. */
#define USED_AGAIN_EACH 16
#define TEXTS 3

static char folder[200], cache[240];
static float expected[2][TEXTS * DIMENSION]; /* of each precision */

/* Of AddressSanitizer, where it is linked. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* The tiny model with a Dense, and a prompt before each text. */
static void write_model(void)
{
    char path[PATH_MAX];
    tensor_file dense;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    tiny_put(folder, "modules.json",
             "[{\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
             "{\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
             "{\"name\":\"2\",\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}]");
    tiny_put(folder, "config_sentence_transformers.json",
             "{\"prompts\":{\"query\":\"word \"},\"default_prompt_name\":\"query\"}");
    tiny_put(folder, "2_Dense/config.json", "{\"in_features\":4,\"out_features\":4,\"bias\":false}");
    tensor_file_begin(&dense);
    tensor_file_add(&dense, "linear.weight", "F32", 4, 4, 4);
    tiny_path(path, folder, "2_Dense/model.safetensors");
    tensor_file_end(&dense, path, 0);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
    snprintf(cache, sizeof cache, "%s/cache", folder);
    assert_int_equal(mkdir(cache, 0700), 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    return where->level > 0 ? remove(path) : 0;
}

/* The third text has room for the scratch to grow. */
static aki_status use_library(aki_precision precision, float *vectors, aki_error *error)
{
    static char longer[3000];
    memset(longer, 'w', sizeof longer);
    const aki_text texts[TEXTS] = {{"word", 4}, {"word \xC3\xA9t\xC3\xA9", 10}, {longer, sizeof longer}};
    aki_settings settings;
    aki_settings_init(&settings);
    settings.threads = 2;
    settings.precision = precision;
    settings.weights_cache = precision == AKI_PRECISION_INT8 ? cache : NULL;
    aki_model *handle = NULL;
    aki_status status = aki_open(&handle, folder, &settings, error);
    assert_true((handle != NULL) == (status == AKI_OK));
    if (status == AKI_OK)
        status = aki_embed(handle, texts, TEXTS, NULL, vectors, NULL, error);
    aki_close(&handle);
    return status;
}

/* Nothing kept from the run before: each packs the weights and writes them. */
static void empty_cache(void)
{
    nftw(cache, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void reset(fault_counter *counter, uint64_t fail_at, bool always, int reason)
{
    counter->fail_at = 0;
    counter->calls = 0;
    counter->failed = 0;
    counter->always = always;
    counter->reason = (uint64_t)reason;
    counter->fail_at = fail_at;
}

typedef struct fault_case {
    const char *name;
    fault_point point;
    fault_scope scope;
    int reasons[4];
    bool lasts;             /* it is worth failing for good, too */
    aki_status statuses[3]; /* what may be returned, besides success */
} fault_case;

static const fault_case cases[] = {
    {"alloc", FAULT_alloc, FAULT_OWN, {ENOMEM}, true, {AKI_OUT_OF_MEMORY}},
    {"library-alloc", FAULT_alloc, FAULT_LIBRARY, {ENOMEM}, true, {AKI_OUT_OF_MEMORY, AKI_IO_ERROR}},
    {"open", FAULT_open, FAULT_OWN, {EMFILE, EACCES}, true, {AKI_IO_ERROR}},
    {"read", FAULT_read, FAULT_OWN, {EIO, FAULT_SHORT}, true, {AKI_IO_ERROR}},
    {"read", FAULT_read, FAULT_OWN, {EINTR}, false, {AKI_OK}},
    {"write", FAULT_write, FAULT_OWN, {ENOSPC, FAULT_SHORT}, true, {AKI_OK}},
    {"write", FAULT_write, FAULT_OWN, {EINTR}, false, {AKI_OK}},
    {"sync", FAULT_sync, FAULT_OWN, {EIO}, true, {AKI_OK}},
    {"rename", FAULT_rename, FAULT_OWN, {ENOSPC}, true, {AKI_OK}},
    {"mmap", FAULT_mmap, FAULT_OWN, {ENOMEM}, true, {AKI_OUT_OF_MEMORY}},
    {"file", FAULT_file, FAULT_OWN, {EIO}, true, {AKI_IO_ERROR}},
    {"clock", FAULT_clock, FAULT_OWN, {EIO}, true, {AKI_OK}},
    {"thread", FAULT_thread, FAULT_OWN, {EAGAIN}, true, {AKI_OUT_OF_MEMORY}},
};
#define CASES (sizeof cases / sizeof cases[0])

static void check_outcome(const fault_case *c, const char *what, aki_status status, const aki_error *error,
                          const float *vectors, const float *wanted)
{
    bool allowed = status == AKI_OK;
    for (size_t i = 0; i < 3; i++)
        allowed = allowed || c->statuses[i] == status;
    if (!allowed)
        fail_msg("%s: %s: %s", what, aki_status_name(status), error->message);
    if (status == AKI_OK && memcmp(vectors, wanted, sizeof expected[0]) != 0)
        fail_msg("%s: wrong vectors", what);
    if (status != AKI_OK && (error->status != status || error->message[0] == '\0' || error->hint[0] == '\0'))
        fail_msg("%s: %s without a message or a hint", what, aki_status_name(status));
}

/* Fails the call of number `n`; false when the run had no such call. */
static bool fail_call(const fault_case *c, aki_precision precision, int reason, uint64_t n, bool always)
{
    const float *wanted = expected[precision == AKI_PRECISION_INT8];
    fault_counter *counter = &fault_counters_now()->point[c->point][c->scope];
    char what[120];
    snprintf(what, sizeof what, "%s, precision %d, call %llu %s, reason %d", c->name, (int)precision,
             (unsigned long long)n, always ? "and all later" : "once", reason);
    float vectors[TEXTS * DIMENSION];
    aki_error error = {.status = AKI_OK};
    empty_cache();
    reset(counter, n, always, reason);
    aki_status status = use_library(precision, vectors, &error);
    uint64_t failed = counter->failed;
    reset(counter, 0, false, 0);
    if (failed == 0)
        return false;
    check_outcome(c, what, status, &error, vectors, wanted);
    if (always && n % USED_AGAIN_EACH != 0)
        return true;
    status = use_library(precision, vectors, &error); /* with whatever was left in the cache */
    if (status != AKI_OK || memcmp(vectors, wanted, sizeof expected[0]) != 0)
        fail_msg("after %s: %s: %s", what, aki_status_name(status), error.message);
    return true;
}

static void every_call_fails_in_turn(aki_precision precision)
{
    for (size_t i = 0; i < CASES; i++) {
        const fault_case *c = &cases[i];
        for (size_t r = 0; r < 4 && c->reasons[r] != 0; r++) {
            uint64_t n = 1;
            while (fail_call(c, precision, c->reasons[r], n, false) &&
                   (!c->lasts || fail_call(c, precision, c->reasons[r], n, true)))
                n++;
            print_message("%s, reason %d: %llu calls\n", c->name, c->reasons[r], (unsigned long long)n - 1);
            if (c->point == FAULT_alloc && c->scope == FAULT_OWN)
                assert_true(n > 100); /* the counting works */
        }
        if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
            fail_msg("%s: memory leaks", c->name);
    }
}

static void fp32_survives_each(void **state)
{
    (void)state;
    every_call_fails_in_turn(AKI_PRECISION_FP32);
}

static void int8_with_a_cache_survives_each(void **state)
{
    (void)state;
    every_call_fails_in_turn(AKI_PRECISION_INT8);
}

static int set_up(void **state)
{
    (void)state;
    aki_error error;
    write_model();
    json_parse_wrap_allocator(); /* as the program does: a host has Jansson as it is, see embed.h */
    assert_int_equal(use_library(AKI_PRECISION_FP32, expected[0], &error), AKI_OK);
    assert_int_equal(use_library(AKI_PRECISION_INT8, expected[1], &error), AKI_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_survives_each),
        cmocka_unit_test(int8_with_a_cache_survives_each),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
