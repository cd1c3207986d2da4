/* The route on the admin port of a server that has no model yet, and then has one. */
#include "scheduler/rig.h"

#include "http_client.h"

#include "server/server.h"

#define RESET "/admin/breaker/reset"
#define REPLY_BYTES 4096

/* The functions of the library that the server calls and the fake encoder lacks. */
const tokenizer *encoder_tokenizer(const encoder *of)
{
    (void)of;
    return NULL;
}

void encoder_memory_read(const encoder *of, encoder_memory *out)
{
    (void)of;
    *out = (encoder_memory){0};
}

aki_status encoder_check_use(const encoder *of, encoder_use use, aki_error *error)
{
    (void)of, (void)use, (void)error;
    return AKI_OK;
}

const char *encoder_label(const encoder *of, size_t index)
{
    (void)of, (void)index;
    return "";
}

void encoder_scores(const encoder *of, aki_scores scores, float *logits)
{
    (void)of, (void)scores, (void)logits;
}

void encoder_order(const float *scores, size_t count, size_t *order)
{
    (void)scores, (void)count, (void)order;
}

bool encoder_takes_instruction(const encoder *of)
{
    (void)of;
    return false;
}

aki_status encoder_pair_first(const encoder *of, tokenizer_scratch *scratch, aki_text instruction,
                              aki_text text, aki_error *error)
{
    (void)of, (void)scratch, (void)instruction, (void)text;
    return error_set(error, AKI_INTERNAL, "the fake encoder takes no pairs");
}

aki_status encoder_pair_second(const encoder *of, tokenizer_scratch *scratch, aki_text text,
                               const struct token_pair_limits *limits, bool refuse_long, token_span *out,
                               aki_error *error)
{
    (void)of, (void)scratch, (void)text, (void)limits, (void)refuse_long, (void)out;
    return error_set(error, AKI_INTERNAL, "the fake encoder takes no pairs");
}

const char *aki_version(void)
{
    return AKI_VERSION;
}

static atomic_uint closings;

static void note(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)cookie;
    (void)level;
    if (strcmp(target, "health") == 0 && strstr(message, "an operator closed the circuit breakers") != NULL)
        atomic_fetch_add(&closings, 1);
}

static void needs_a_model_and_tells_who_did_it(void **state)
{
    (void)state;
    char reply[REPLY_BYTES];
    server_settings settings;
    server *s;
    aki_error error;
    server_settings_init(&settings);
    settings.port = 0;
    settings.admin_host = "127.0.0.1";
    settings.http_threads = settings.workers = 1;
    settings.max_connections = 10;
    settings.probe_interval_ms = 0;
    settings.log = (log_sink){note, NULL};
    fake_init(&enc);
    assert_int_equal(server_open(&s, &settings, &error), AKI_OK);

    http_ask(http_connect(server_admin_port(s)), "POST", RESET, reply, sizeof reply);
    assert_reply(reply, "503", "\"loading\"");
    assert_reply(reply, "503", "\r\nRetry-After: ");
    assert_int_equal(atomic_load(&closings), 0);

    assert_int_equal(server_attach(s, &enc, false, NULL, &error), AKI_OK);
    for (unsigned i = 1; i <= 2; i++) { /* also when they are closed already */
        http_ask(http_connect(server_admin_port(s)), "POST", RESET, reply, sizeof reply);
        assert_reply(reply, "200", "\r\n\r\n{\"circuit_breaker_state\":\"Closed\"}\n");
        assert_int_equal(atomic_load(&closings), i);
    }
    http_ask(http_connect(server_admin_port(s)), "GET", RESET, reply, sizeof reply);
    assert_reply(reply, "405", "\r\nAllow: POST\r\n");
    http_ask(http_connect(server_port(s)), "POST", RESET, reply, sizeof reply);
    assert_reply(reply, "404", "\"not_found\"");
    assert_int_equal(atomic_load(&closings), 2);
    server_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_a_model_and_tells_who_did_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
