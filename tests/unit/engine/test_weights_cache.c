#include "synthetic.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "engine/cpu/weights_cache.h"

typedef struct lines {
    unsigned hits, warnings, kept;
    char last_warning[1100];
} lines;

static void collect(void *cookie, aki_log_level level, const char *target, const char *message)
{
    lines *seen = cookie;
    (void)target;
    if (level == AKI_LOG_WARN) {
        seen->warnings++;
        snprintf(seen->last_warning, sizeof seen->last_warning, "%s", message);
    }
    seen->hits += strstr(message, "are taken from the cache") != NULL;
    seen->kept += strstr(message, "are kept for the next start") != NULL;
}

static cpu_device *open_device(const synthetic *s, aki_precision precision, const char *folder, lines *seen)
{
    cpu_device *device = NULL;
    aki_error error;
    *seen = (lines){0};
    assert_int_equal(cpu_device_open_cached(&device, &s->config, &s->weights, precision, "reference", folder,
                                            &(log_sink){collect, seen}, &error),
                     AKI_OK);
    return device;
}

static void assert_same(const cpu_device *a, const cpu_device *b)
{
    assert_int_equal(a->packed_bytes, b->packed_bytes);
    assert_memory_equal(a->packed, b->packed, a->packed_bytes);
    assert_int_equal(a->kept_from_int8, b->kept_from_int8);
    assert_int_equal(a->vector_bytes, b->vector_bytes);
    assert_memory_equal(a->positions, b->positions,
                        a->config.max_positions * a->config.hidden_size * sizeof(float));
    assert_int_equal(a->matrix_count, b->matrix_count);
    for (size_t m = 0; m < a->matrix_count; m++) {
        const cpu_matrix *one = &a->matrices[m], *other = &b->matrices[m];
        assert_true(one->int8 == other->int8);
        assert_int_equal(one->factors != NULL, a->int8 != NULL && cpu_plans[one->place].follows_norm);
        if (one->factors != NULL)
            assert_memory_equal(one->factors, other->factors, one->inputs * sizeof(float));
    }
}

/* The names of the folder's files; returns how many, and the path of one. */
static size_t list_folder(const char *folder, char *path, size_t room)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *e; (e = readdir(entries)) != NULL;)
        if (e->d_name[0] != '.') {
            count++;
            snprintf(path, room, "%s/%s", folder, e->d_name);
        }
    closedir(entries);
    return count;
}

static void empty_folder(const char *folder)
{
    char path[600];
    while (list_folder(folder, path, sizeof path) > 0)
        assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static const aki_precision precisions[] = {AKI_PRECISION_INT8, AKI_PRECISION_INT4};

static void gives_back_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char folder[256], path[600];
        synthetic s;
        lines seen;
        unit_temporary_folder(folder, sizeof folder);
        synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
        cpu_device *without = open_device(&s, precisions[i], NULL, &seen);
        cpu_device *first = open_device(&s, precisions[i], folder, &seen);
        assert_int_equal(seen.kept, 1);
        cpu_device *second = open_device(&s, precisions[i], folder, &seen);
        assert_int_equal(seen.hits, 1);
        assert_int_equal(seen.kept + seen.warnings, 0);
        assert_same(without, first);
        assert_same(without, second);
        cpu_device_close(second);

        s.values[s.used / 2] += 0.5f; /* a weight: the old file must not serve */
        second = open_device(&s, precisions[i], folder, &seen);
        assert_int_equal(seen.hits, 0);
        assert_int_equal(list_folder(folder, path, sizeof path), 2);
        cpu_device_close(second);
        cpu_device_close(first);
        cpu_device_close(without);
        synthetic_close(&s);
        empty_folder(folder);
    }
}

static void precisions_that_do_not_quantise_leave_the_folder_alone(void **state)
{
    (void)state;
    char folder[256], path[600];
    synthetic s;
    lines seen;
    unit_temporary_folder(folder, sizeof folder);
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device_close(open_device(&s, AKI_PRECISION_FP32, folder, &seen));
    assert_int_equal(list_folder(folder, path, sizeof path), 0);
    synthetic_close(&s);
    empty_folder(folder);
}

/* Opens over the given contents of the file: refused with a warning, rebuilt, and served the next time. */
static void assert_rebuilt(const synthetic *s, const cpu_device *expected, const char *folder,
                           const char *path, const void *data, size_t length)
{
    lines seen;
    unit_write_file(path, data, length);
    cpu_device *device = open_device(s, expected->precision, folder, &seen);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "rebuilt"));
    assert_int_equal(seen.kept, 1);
    assert_same(expected, device);
    cpu_device_close(device);
    cpu_device_close(open_device(s, expected->precision, folder, &seen));
    assert_int_equal(seen.hits, 1);
}

static void damaged_files_are_refused_and_rebuilt(void **state)
{
    (void)state;
    for (size_t p = 0; p < 2; p++) {
        char folder[256], path[600];
        synthetic s;
        lines seen;
        unit_temporary_folder(folder, sizeof folder);
        synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
        cpu_device *expected = open_device(&s, precisions[p], folder, &seen);
        assert_int_equal(list_folder(folder, path, sizeof path), 1);
        buf whole;
        buf_init(&whole, (size_t)1 << 24);
        assert_int_equal(file_read(path, &whole, NULL), AKI_OK);
        const size_t header = sizeof(weights_cache_header), length = whole.length;
        const size_t places[] = {offsetof(weights_cache_header, magic),
                                 offsetof(weights_cache_header, version),
                                 offsetof(weights_cache_header, precision),
                                 offsetof(weights_cache_header, number),
                                 offsetof(weights_cache_header, column_step),
                                 offsetof(weights_cache_header, program),
                                 offsetof(weights_cache_header, tier),
                                 offsetof(weights_cache_header, model),
                                 offsetof(weights_cache_header, choices_bytes),
                                 offsetof(weights_cache_header, packed_bytes),
                                 offsetof(weights_cache_header, checksum),
                                 header,              /* a choice */
                                 header + CPU_PLACES, /* a factor, or the second layer's choice */
                                 header + (length - header) / 2,
                                 length - 1};
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            whole.data[places[i]] ^= 1;
            assert_rebuilt(&s, expected, folder, path, whole.data, length);
            whole.data[places[i]] ^= 1;
        }
        const size_t lengths[] = {0, 1, header - 1, header, header + 3, length / 2, length - 1};
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
            assert_rebuilt(&s, expected, folder, path, whole.data, lengths[i]);
        memset(whole.data, 0xff, length);
        assert_rebuilt(&s, expected, folder, path, whole.data, length);
        buf_free(&whole);
        cpu_device_close(expected);
        synthetic_close(&s);
        empty_folder(folder);
    }
}

static void a_folder_that_takes_no_files_is_no_failure(void **state)
{
    (void)state;
    synthetic s;
    lines seen;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device_close(open_device(&s, AKI_PRECISION_INT8, "/nonexistent/folder", &seen));
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last_warning, "/nonexistent/folder"));
    cpu_device_close(open_device(&s, AKI_PRECISION_INT8, "/dev/null", &seen));
    assert_true(seen.warnings >= 1);
    synthetic_close(&s);
}

static void a_full_disk_leaves_no_file(void **state)
{
    (void)state;
    char folder[256], path[600];
    synthetic s;
    lines seen;
    unit_temporary_folder(folder, sizeof folder);
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {1000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cpu_device *device = open_device(&s, AKI_PRECISION_INT8, folder, &seen);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(seen.warnings, 1);
    assert_int_equal(list_folder(folder, path, sizeof path), 0);
    cpu_device_close(device);
    synthetic_close(&s);
    empty_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_the_same_bytes),
        cmocka_unit_test(precisions_that_do_not_quantise_leave_the_folder_alone),
        cmocka_unit_test(damaged_files_are_refused_and_rebuilt),
        cmocka_unit_test(a_folder_that_takes_no_files_is_no_failure),
        cmocka_unit_test(a_full_disk_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
