#include "unit.h"

#include "serving/memory_budget.h"

#include <ftw.h>
#include <sys/stat.h>

static char root[200];

static void put(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    unit_write_file(path, text, strlen(text));
}

static bool look(cgroup_memory *out)
{
    char self[400];
    snprintf(self, sizeof self, "%s/self", root);
    return cgroup_memory_read(out, root, self);
}

static int set_up(void **state)
{
    (void)state;
    unit_temporary_folder(root, sizeof root);
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void reads_version_2_without_the_cache(void **state)
{
    (void)state;
    put("self", "0::/service\n");
    put("service/memory.max", "1000000\n");
    put("service/memory.current", "700000\n");
    put("service/memory.stat", "anon 5\nfile 6\ninactive_file 300000\nactive_file 7\n");
    cgroup_memory memory;
    assert_true(look(&memory));
    assert_int_equal(memory.limit_bytes, 1000000);
    assert_int_equal(memory.used_bytes, 400000);
}

static void takes_the_nearest_limit_on_the_way_up(void **state)
{
    (void)state;
    put("self", "0::/outer/inner\n");
    put("outer/inner/memory.max", "max\n");
    put("outer/inner/memory.current", "700\n");
    put("outer/memory.max", "1000\n");
    put("outer/memory.current", "900\n");
    put("memory.max", "5000\n");
    put("memory.current", "1000\n");
    cgroup_memory memory;
    assert_true(look(&memory));
    assert_int_equal(memory.limit_bytes, 1000);
    assert_int_equal(memory.used_bytes, 900);
    put("outer/inner/memory.max", "750\n");
    assert_true(look(&memory));
    assert_int_equal(memory.limit_bytes, 750);
}

static void finds_the_limit_of_a_container_at_the_root(void **state)
{
    (void)state;
    put("self", "0::/docker/0123456789abcdef\n");
    put("memory.max", "5000\n");
    put("memory.current", "6000\n");
    cgroup_memory memory;
    assert_true(look(&memory));
    assert_int_equal(memory.limit_bytes, 5000);
    assert_int_equal(memory.used_bytes, 5000);
}

static void reads_version_1(void **state)
{
    (void)state;
    put("self", "12:cpu,cpuacct:/a\n5:memory:/a\n1:name=systemd:/a\n0::/a\n");
    put("memory/a/memory.limit_in_bytes", "4000\n");
    put("memory/a/memory.usage_in_bytes", "3000\n");
    put("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 1000\n");
    put("memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("memory/memory.usage_in_bytes", "3000\n");
    cgroup_memory memory;
    assert_true(look(&memory));
    assert_int_equal(memory.limit_bytes, 4000);
    assert_int_equal(memory.used_bytes, 2000);
}

static void knows_none_where_none_is(void **state)
{
    (void)state;
    cgroup_memory memory;
    assert_false(look(&memory));
    put("self", "0::/\n");
    assert_false(look(&memory));
    put("memory.max", "max\n");
    put("memory.current", "1\n");
    assert_false(look(&memory));
    put("self", "garbage\n::\n0\n");
    assert_false(look(&memory));
    cgroup_memory_read(&memory, CGROUP_ROOT, CGROUP_OF_SELF); /* whatever this machine has */
    assert_true(memory.used_bytes <= memory.limit_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_version_2_without_the_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_the_nearest_limit_on_the_way_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_the_limit_of_a_container_at_the_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_none_where_none_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
