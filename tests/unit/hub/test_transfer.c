/* Requests to a hub on the loopback interface; whole downloads are tests/integration/test_pull.py's. */
#include "telemetry/collector.h" /* a server that says what it is told to */

#include "hub/transfer.h"

#define FOLDED_HEAD "HTTP/1.1 200 OK\r\n x-folded: y\r\nContent-Length: 0\r\n\r\n"
#define FILE_HEAD "HTTP/1.1 200 OK\r\nX-Repo-Commit: abc\r\nContent-Length: 0\r\n\r\n"

static transfer *open_transfer(const hub_settings *settings)
{
    transfer *t = NULL;
    aki_error error;
    assert_int_equal(transfer_open(&t, settings, &error), AKI_OK);
    assert_non_null(t);
    return t;
}

static hub_settings settings_of(const collector *hub)
{
    return (hub_settings){
        .endpoint = hub->url, .attempts = 1, .connect_timeout_ms = 60000, .stall_timeout_ms = 60000};
}

static void a_connection_is_kept(void **state)
{
    (void)state;
    collector hub;
    collector_open(&hub, FILE_HEAD);
    const hub_settings settings = settings_of(&hub);
    transfer *t = open_transfer(&settings);
    for (int i = 0; i < 3; i++) {
        transfer_result result;
        transfer_head(t, hub.url, &result);
        assert_int_equal(result.outcome, TRANSFER_ANSWERED);
        assert_int_equal(result.head.status, 200);
        assert_string_equal(result.head.repo_commit, "abc");
    }
    transfer_close(t);
    collector_close(&hub);
    assert_int_equal(hub.requests, 3);
    assert_int_equal(hub.connections, 1);
}

/* libcurl 7.88, used again, writes into memory of the answer before where the first header line continues none. Some
 * versions refuse such an answer, and others leave the line out. */
static void an_answer_that_begins_with_a_folded_line_is_borne(void **state)
{
    (void)state;
    collector hub;
    collector_open(&hub, FILE_HEAD);
    const hub_settings settings = settings_of(&hub);
    transfer *t = open_transfer(&settings);
    for (int i = 0; i < 6; i++) {
        transfer_result result;
        collector_answer(&hub, i % 2 == 0 ? FILE_HEAD : FOLDED_HEAD);
        transfer_head(t, hub.url, &result);
        if (i % 2 == 0) {
            assert_int_equal(result.outcome, TRANSFER_ANSWERED);
            assert_string_equal(result.head.repo_commit, "abc");
        } else if (result.outcome != TRANSFER_ANSWERED) {
            assert_int_equal(result.outcome, TRANSFER_NOT_USABLE);
        }
    }
    transfer_close(t);
    collector_close(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(an_answer_that_begins_with_a_folded_line_is_borne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
