#include "unit.h"

#include "http/connection/address_count.h"

#include <arpa/inet.h>
#include <netinet/in.h>

typedef struct sockaddr_storage any;

static any address(const char *text)
{
    any out = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        out.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        out.ss_family = AF_INET6;
    }
    return out;
}

static bool add(address_count *counts, const char *text)
{
    any a = address(text);
    bool room = address_count_has_room(counts, (struct sockaddr *)&a);
    const unsigned before = address_count_get(counts, (struct sockaddr *)&a);
    assert_int_equal(address_count_add(counts, (struct sockaddr *)&a), room);
    if (counts != NULL && a.ss_family != AF_UNIX)
        assert_int_equal(address_count_get(counts, (struct sockaddr *)&a), before + room);
    return room;
}

static void take_back(address_count *counts, const char *text)
{
    any a = address(text);
    address_count_remove(counts, (struct sockaddr *)&a);
}

static address_count *open_counts(unsigned max)
{
    address_count *counts = NULL;
    aki_error error;
    assert_int_equal(address_count_open(&counts, max, &error), AKI_OK);
    return counts;
}

static void counts_up_to_the_limit_and_back(void **state)
{
    (void)state;
    address_count *counts = open_counts(3);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            assert_true(add(counts, "192.0.2.1"));
        assert_false(add(counts, "192.0.2.1"));
        assert_true(add(counts, "192.0.2.2"));
        take_back(counts, "192.0.2.1");
        assert_true(add(counts, "192.0.2.1"));
        assert_false(add(counts, "192.0.2.1"));
        for (int i = 0; i < 3; i++)
            take_back(counts, "192.0.2.1");
        take_back(counts, "192.0.2.2");
    }
    address_count_close(counts);
}

static void knows_who_is_the_same_client(void **state)
{
    (void)state;
    address_count *counts = open_counts(1);
    assert_true(add(counts, "2001:db8:1:2::1"));
    assert_false(add(counts, "2001:db8:1:2:ffff::9")); /* of the same /64 */
    assert_true(add(counts, "2001:db8:1:3::1"));
    assert_true(add(counts, "::"));
    assert_false(add(counts, "::1"));
    assert_true(add(counts, "192.0.2.1"));
    assert_false(add(counts, "::ffff:192.0.2.1"));
    take_back(counts, "::ffff:192.0.2.1");
    assert_true(add(counts, "::ffff:192.0.2.1"));
    assert_true(add(counts, "255.255.255.255"));
    assert_true(add(counts, "0.0.0.0"));
    address_count_close(counts);
}

static void keeps_thousands_apart(void **state)
{
    (void)state;
    address_count *counts = open_counts(1);
    for (int round = 0; round < 2; round++) {
        char text[32];
        for (int i = 0; i < 20000; i++) {
            snprintf(text, sizeof text, "10.0.%d.%d", i >> 8, i & 255);
            assert_true(add(counts, text));
        }
        assert_false(add(counts, "10.0.5.5"));
        for (int i = 0; i < 20000; i++) {
            snprintf(text, sizeof text, "10.0.%d.%d", i >> 8, i & 255);
            take_back(counts, text);
        }
    }
    address_count_close(counts);
}

static void does_not_count_what_has_no_address(void **state)
{
    (void)state;
    address_count *counts = open_counts(1);
    struct sockaddr local = {.sa_family = AF_UNIX};
    for (int i = 0; i < 5; i++) {
        assert_true(address_count_add(counts, &local));
        assert_true(address_count_add(counts, NULL));
        assert_true(add(NULL, "192.0.2.1"));
    }
    address_count_remove(counts, &local);
    address_count_close(counts);
    address_count_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_up_to_the_limit_and_back),
        cmocka_unit_test(knows_who_is_the_same_client),
        cmocka_unit_test(keeps_thousands_apart),
        cmocka_unit_test(does_not_count_what_has_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
