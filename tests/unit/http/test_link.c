/* Plain bytes over a socket; TLS is tests/integration/test_tls.py's. */
#include "unit.h"

#include "http/connection/link.h"

#include <fcntl.h>
#include <sys/socket.h>

static void open_pair(http_link *mine, int *other)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_true(link_open(mine, pair[0], NULL));
    assert_int_equal(link_shake_hands(mine), 0);
    assert_false(link_chose_h2(mine));
    *other = pair[1];
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    http_link link;
    char got[16];
    int other;
    open_pair(&link, &other);
    assert_int_equal(link_read(&link, got, sizeof got), LINK_AGAIN);
    assert_int_equal(write(other, "abc", 3), 3);
    assert_int_equal(link_read(&link, got, 2), 2);
    assert_int_equal(link_read(&link, got, sizeof got), 1);
    assert_int_equal(link_write(&link, (const link_piece[]){{"head", 4}, {"body", 4}}), 8);
    assert_int_equal(link_write(&link, (const link_piece[]){{"", 0}, {"!", 1}}), 1);
    assert_int_equal(read(other, got, sizeof got), 9);
    assert_memory_equal(got, "headbody!", 9);
    link_end_writing(&link);
    assert_int_equal(read(other, got, sizeof got), 0);
    close(other);
    assert_int_equal(link_read(&link, got, sizeof got), 0); /* the client has ended its side */
    link_close(&link);
}

static void writes_stop_where_the_client_does_not_read(void **state)
{
    (void)state;
    static char much[1 << 20];
    http_link link;
    int other;
    open_pair(&link, &other);
    size_t sent = 0;
    ssize_t went;
    while ((went = link_write(&link, (const link_piece[]){{much, sizeof much}, {much, sizeof much}})) > 0)
        sent += (size_t)went;
    assert_int_equal(went, LINK_AGAIN);
    assert_true(sent > 0);
    close(other);
    assert_int_equal(link_write(&link, (const link_piece[]){{much, 1}, {NULL, 0}}), LINK_BROKEN);
    link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(writes_stop_where_the_client_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
