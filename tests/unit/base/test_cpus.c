/* Affinity, quotas and cores, read from files made up for the purpose. */
#include "unit.h"

#include "base/cpus.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/akidb-cpus-XXXXXX");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes root/path, with its folders. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* CPUs first .. last are allowed. */
static cpus_info read_range(unsigned first, unsigned last)
{
    cpus_mask mask = {0};
    cpus_info c;
    for (unsigned cpu = first; cpu <= last; cpu++)
        CPU_SET_S(cpu, sizeof mask, mask.sets);
    cpus_read_from(&c, root, &mask);
    return c;
}

/* Eight CPUs on four cores; those of a core are `distance` apart. */
static void put_cores(unsigned distance)
{
    for (unsigned cpu = 0; cpu < 8; cpu++) {
        char path[128], text[32];
        unsigned first = distance == 1 ? cpu / 2 * 2 : cpu % 4;
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
        snprintf(text, sizeof text, distance == 1 ? "%u-%u\n" : "%u,%u\n", first, first + distance);
        put(path, text);
    }
}

static void without_files_every_cpu_is_a_core(void **state)
{
    (void)state;
    cpus_info c = read_range(3, 9);
    assert_int_equal(c.allowed, 7);
    assert_int_equal(c.cores, 7);
    assert_true(c.quota == 0);
    assert_int_equal(cpus_threads(&c), 7);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(c.order[i], 3 + i);
}

static void cores_come_before_siblings(void **state)
{
    (void)state;
    put_cores(4);
    cpus_info c = read_range(0, 7);
    assert_int_equal(c.cores, 4);
    assert_int_equal(c.allowed, 8);
    assert_int_equal(cpus_threads(&c), 4);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(c.order[i], i);
    put_cores(1);
    c = read_range(0, 7);
    const uint16_t expected[] = {0, 2, 4, 6, 1, 3, 5, 7};
    assert_int_equal(c.cores, 4);
    assert_memory_equal(c.order, expected, sizeof expected);
}

/* Where the mask has only the second thread of a core, that one stands for it. */
static void the_mask_cuts_cores(void **state)
{
    (void)state;
    put_cores(1);
    cpus_info c = read_range(1, 4);
    const uint16_t expected[] = {1, 2, 4, 3};
    assert_int_equal(c.cores, 3);
    assert_int_equal(c.allowed, 4);
    assert_memory_equal(c.order, expected, sizeof expected);
}

static void quotas_of_cgroup2_count_from_the_group_up(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/outer/inner\n");
    put("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    cpus_info c = read_range(0, 7);
    assert_true(c.quota == 0);
    put("sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
    c = read_range(0, 7);
    assert_true(c.quota == 2.5);
    assert_int_equal(cpus_threads(&c), 3);
    put("sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n");
    c = read_range(0, 7);
    assert_true(c.quota == 0.5);
    assert_int_equal(cpus_threads(&c), 1);
}

/* Inside a container the path may be that of the host while the mount shows the container's own group. */
static void the_mount_itself_counts(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/system.slice/container-17.scope\n");
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    cpus_info c = read_range(0, 7);
    assert_true(c.quota == 2);
    assert_int_equal(cpus_threads(&c), 2);
}

static void quotas_of_cgroup1_count_too(void **state)
{
    (void)state;
    put("proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    cpus_info c = read_range(0, 7);
    assert_true(c.quota == 0);
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    c = read_range(0, 7);
    assert_true(c.quota == 3);
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    c = read_range(0, 7);
    assert_true(c.quota == 1.5);
    assert_int_equal(cpus_threads(&c), 2);
}

static void a_quota_above_the_mask_is_none(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/cpu.max", "400000 100000\n");
    cpus_info c = read_range(0, 3);
    assert_true(c.quota == 0);
    assert_true(cpus_suit_pinning(&c, 4));
    c = read_range(0, 4);
    assert_true(c.quota == 4);
    assert_false(cpus_suit_pinning(&c, 4));
}

static void nonsense_is_no_limit(void **state)
{
    (void)state;
    const char *const nonsense[] = {"", "\n", "max\n", "-5 100000\n", "100000 0\n", "x y\n", "100000\n"};
    put("proc/self/cgroup", "\n:\n::\nnothing\n0::/\n4:cpu:/\n");
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        put("sys/fs/cgroup/cpu.max", nonsense[i]);
        put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", nonsense[i]);
        put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "0\n");
        put("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", nonsense[i]);
        cpus_info c = read_range(0, 1);
        assert_true(c.quota == 0);
        assert_int_equal(cpus_threads(&c), 2);
    }
}

static void pinning_suits_those_who_take_all_cores(void **state)
{
    (void)state;
    put_cores(4);
    cpus_info c = read_range(0, 7);
    assert_false(cpus_suit_pinning(&c, 3));
    assert_true(cpus_suit_pinning(&c, 4));
    assert_true(cpus_suit_pinning(&c, 8));
    assert_false(cpus_suit_pinning(&c, 9));
}

/* Number of CPUs of the simulated system; 0 = the real one. */
static size_t big_cpus;
static const unsigned big_allowed[] = {1500, 1501, 6000};

/* Replaces the C library's sched_getaffinity. Like the kernel, it fails for a set that has no room for all possible
 * CPUs. */
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *sets)
{
    if (big_cpus == 0)
        return syscall(SYS_sched_getaffinity, pid, bytes, sets) < 0 ? -1 : 0;
    if (bytes * 8 < big_cpus) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO_S(bytes, sets);
    for (size_t i = 0; i < sizeof big_allowed / sizeof big_allowed[0]; i++)
        CPU_SET_S(big_allowed[i], bytes, sets);
    return 0;
}

static void cpus_beyond_1024_count(void **state)
{
    (void)state;
    put("sys/devices/system/cpu/cpu1500/topology/thread_siblings_list", "1500-1501\n");
    put("sys/devices/system/cpu/cpu1501/topology/thread_siblings_list", "1500-1501\n");
    cpus_mask mask;
    cpus_info c;
    big_cpus = CPUS_MOST;
    cpus_read_mask(&mask);
    cpus_read_from(&c, root, &mask);
    big_cpus = 0;
    assert_int_equal(c.allowed, 3);
    assert_int_equal(c.cores, 2);
    assert_int_equal(c.order[0], 1500);
    assert_int_equal(c.order[1], 6000);
    assert_int_equal(c.order[2], 1501);
}

static void a_system_that_does_not_tell_has_those_online(void **state)
{
    (void)state;
    cpus_info c;
    big_cpus = CPUS_MOST + 1;
    cpus_read(&c);
    big_cpus = 0;
    assert_int_equal(c.allowed, sysconf(_SC_NPROCESSORS_ONLN));
}

static void this_process_has_a_cpu(void **state)
{
    (void)state;
    cpus_info c;
    cpus_read(&c);
    assert_in_range(c.cores, 1, c.allowed);
    assert_in_range(cpus_available(), 1, c.cores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_files_every_cpu_is_a_core, make_root, remove_root),
        cmocka_unit_test_setup_teardown(cores_come_before_siblings, make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_mask_cuts_cores, make_root, remove_root),
        cmocka_unit_test_setup_teardown(quotas_of_cgroup2_count_from_the_group_up, make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_mount_itself_counts, make_root, remove_root),
        cmocka_unit_test_setup_teardown(quotas_of_cgroup1_count_too, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_quota_above_the_mask_is_none, make_root, remove_root),
        cmocka_unit_test_setup_teardown(nonsense_is_no_limit, make_root, remove_root),
        cmocka_unit_test_setup_teardown(pinning_suits_those_who_take_all_cores, make_root, remove_root),
        cmocka_unit_test_setup_teardown(cpus_beyond_1024_count, make_root, remove_root),
        cmocka_unit_test(a_system_that_does_not_tell_has_those_online),
        cmocka_unit_test(this_process_has_a_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
