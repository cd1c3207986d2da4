/* Heads as the library leaves them in its buffer, with NUL over each colon and each line's end. */
#include "unit.h"

#include "server/request_head.h"

#define HEAD_BYTES 256

/* A head in the library's buffer. Offsets say where the library has found the pieces. */
typedef struct layout {
    char bytes[HEAD_BYTES];
    size_t length;
} layout;

static void put(layout *l, const char *bytes, size_t length)
{
    memcpy(l->bytes + l->length, bytes, length);
    l->length += length;
}

#define PUT(l, text) put(l, text, sizeof text - 1)

/* "GET /x HTTP/1.1" and its line's end. */
static layout request_line(void)
{
    layout l = {.length = 0};
    PUT(&l, "GET\0/x\0HTTP/1.1\0\0");
    return l;
}

static request_head begin(const layout *l)
{
    request_head head;
    request_head_begin(&head, l->bytes, l->bytes + 4, 2, l->bytes + 7);
    return head;
}

static const char *fault_of_one(const layout *l, size_t name, size_t value)
{
    request_head head = begin(l);
    request_head_add(&head, l->bytes + name, l->bytes + value);
    request_head_end(&head, l->bytes + l->length);
    return head.fault;
}

static void takes_heads_as_they_were_sent(void **state)
{
    (void)state;
    layout l = request_line();
    PUT(&l, "\0\0");
    request_head head = begin(&l);
    request_head_end(&head, l.bytes + l.length);
    assert_null(head.fault);

    l = request_line();
    const size_t first = l.length;
    PUT(&l, "A\0 \tone  \0"); /* LF alone */
    const size_t second = l.length;
    PUT(&l, "B\0\0\0");
    const size_t third = l.length;
    PUT(&l, "C\0three\0\0\0");
    head = begin(&l);
    assert_int_equal(request_head_add(&head, l.bytes + first, l.bytes + first + 4), 3);
    assert_int_equal(request_head_add(&head, l.bytes + second, l.bytes + second + 2), 0);
    assert_int_equal(request_head_add(&head, l.bytes + third, l.bytes + third + 2), 5);
    request_head_end(&head, l.bytes + l.length);
    assert_null(head.fault);
}

/* A folded name is a copy elsewhere, behind or before the bytes received. */
static void refuses_names_put_together_elsewhere(void **state)
{
    (void)state;
    layout l = request_line();
    const size_t line = l.length;
    PUT(&l, "\0\0\0\0\0 15\0\0 h\0\0\0\0");
    const size_t end = l.length;
    PUT(&l, "Namh\0");
    request_head head = begin(&l);
    request_head_add(&head, l.bytes + end, l.bytes + line + 6);
    request_head_end(&head, l.bytes + end);
    assert_non_null(strstr(head.fault, "second line"));

    request_head trailers;
    request_head_begin_trailers(&trailers);
    request_head_add(&trailers, l.bytes + end, l.bytes + line + 6);
    assert_non_null(trailers.fault);
    request_head_begin_trailers(&trailers);
    request_head_add(&trailers, "apart", "from each other");
    assert_non_null(trailers.fault);
}

/* At the end of its buffer the library lengthens the name in place, over the blanks behind the colon or over more. */
static void refuses_names_lengthened_in_place(void **state)
{
    (void)state;
    layout l = request_line();
    const size_t name = l.length;
    PUT(&l, "Lengthh\0"
            "15\0\0 h\0\0\0\0"); /* was "Length: 15", CR LF, " h": it looks whole but for what follows */
    assert_non_null(fault_of_one(&l, name, name + 8));
    l = request_line();
    PUT(&l, "Lengthh\0"
            "15\0 h\0\0");
    assert_non_null(fault_of_one(&l, name, name + 8));
    l = request_line();
    PUT(&l,
        "Length\0 15\0 \0\0"); /* nothing but a blank in the second line; with LF alone as long as two ends of line */
    assert_non_null(fault_of_one(&l, name, name + 8));
    l = request_line();
    PUT(&l, "Nameab\0\0 \0\0"); /* the name has grown over its value */
    assert_non_null(fault_of_one(&l, name, name + 5));
}

static void refuses_bytes_that_belong_to_no_piece(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } behind[] = {{"A\0 b\0c\0\0\0\0", 10}, /* a value with NUL in it */
                  {"A\0 b\0\0\0y\0\0", 10}, /* a line that begins with NUL */
                  {"A\0 b\0\0\0\0\0", 9},   /* a lone colon */
                  {"A\0 b\0", 5},           /* no empty line */
                  {"A\0x b\0\0\0\0", 9}};   /* something between colon and value */
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        layout l = request_line();
        const size_t name = l.length;
        put(&l, behind[i].bytes, behind[i].length);
        assert_non_null(fault_of_one(&l, name, name + (i == 4 ? 4 : 3)));
    }
    layout l = request_line();
    const size_t first = l.length;
    PUT(&l, "A\0b\0c\0\0B\0d\0\0\0\0"); /* NUL in the value of the first of two */
    request_head head = begin(&l);
    request_head_add(&head, l.bytes + first, l.bytes + first + 2);
    request_head_add(&head, l.bytes + first + 7, l.bytes + first + 9);
    request_head_end(&head, l.bytes + l.length);
    assert_non_null(head.fault);
}

static void doubts_trailers_that_end_with_another_line(void **state)
{
    (void)state;
    static const struct {
        const char *bytes; /* behind "A" and its value "b" */
        bool in_doubt;
    } rows[] = {{"A\0b\0\0\0\0GET", false}, /* CR LF twice */
                {"A\0b\0\0GET /", false},   /* LF twice */
                {"A\0b\0\0\0 2\0\0", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        request_head head;
        request_head_begin_trailers(&head);
        assert_false(request_head_trailers_in_doubt(&head));
        request_head_add(&head, rows[i].bytes, rows[i].bytes + 2);
        assert_null(head.fault);
        assert_int_equal(request_head_trailers_in_doubt(&head), rows[i].in_doubt);
    }
}

static void refuses_nul_in_the_request_line(void **state)
{
    (void)state;
    static const char method[] = "GET\0X /x\0HTTP/1.1\0\0\0", target[] = "GET /x\0y\0HTTP/1.1\0\0\0";
    request_head head;
    request_head_begin(&head, method, method + 6, 2, method + 9);
    assert_non_null(head.fault);
    char split[sizeof target];
    memcpy(split, target, sizeof target);
    split[3] = '\0';
    request_head_begin(&head, split, split + 4, 2, split + 9);
    assert_non_null(head.fault);
    static const char blanks[] = "GET\0  /x\0HTTP/1.1\0\0\0";
    request_head_begin(&head, blanks, blanks + 6, 2, blanks + 9);
    assert_null(head.fault);
}

static void refuses_control_characters(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\rb", "a\x1b[2J", "\x7f", "\x01"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        layout l = request_line();
        const size_t name = l.length;
        PUT(&l, "A\0");
        put(&l, bad[i], strlen(bad[i]));
        PUT(&l, "\0\0\0\0");
        assert_non_null(strstr(fault_of_one(&l, name, name + 2), "control"));
    }
    layout l = request_line();
    const size_t name = l.length;
    PUT(&l, "A\0a\tb \xC3\xA9\xFF\0\0\0\0");
    assert_null(fault_of_one(&l, name, name + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_heads_as_they_were_sent),
        cmocka_unit_test(refuses_names_put_together_elsewhere),
        cmocka_unit_test(refuses_names_lengthened_in_place),
        cmocka_unit_test(refuses_bytes_that_belong_to_no_piece),
        cmocka_unit_test(doubts_trailers_that_end_with_another_line),
        cmocka_unit_test(refuses_nul_in_the_request_line),
        cmocka_unit_test(refuses_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
