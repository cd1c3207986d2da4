#include "unit.h"

#include "base/clock.h"
#include "telemetry/log_queue.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

/* Far more than anything here takes; only a hang meets it. */
#define PATIENCE_MS 100000
#define ROOM 65536

static log_queue *open_queue(int descriptor, size_t max_bytes)
{
    log_queue *q = log_queue_open(&(log_queue_settings){.descriptor = descriptor, .max_bytes = max_bytes});
    assert_non_null(q);
    return q;
}

static void put(log_queue *q, const char *line)
{
    log_queue_put(q, line, strlen(line), false);
}

static size_t read_all(int descriptor, char *out, size_t room)
{
    size_t length = 0;
    for (ssize_t got; length < room && (got = read(descriptor, out + length, room - length)) > 0;)
        length += (size_t)got;
    return length;
}

static void lines_come_out_in_their_order(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_queue *q = open_queue(ends[1], ROOM);
    char line[32], text[16384];
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        put(q, line);
    }
    assert_true(log_queue_close(q));
    close(ends[1]);
    size_t length = read_all(ends[0], text, sizeof text - 1);
    text[length] = '\0';
    char *at = text;
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        assert_int_equal(strncmp(at, line, strlen(line)), 0);
        at += strlen(line);
    }
    assert_int_equal(*at, '\0');
    close(ends[0]);
}

static void flushing_waits_for_the_writing(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    log_queue *q = open_queue(ends[1], ROOM);
    for (int i = 0; i < 20; i++) {
        char text[16];
        put(q, "now\n");
        assert_true(log_queue_flush(q, PATIENCE_MS));
        assert_int_equal(read(ends[0], text, sizeof text), 4);
    }
    assert_true(log_queue_flush(q, 0)); /* nothing waits */
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
}

static void a_line_comes_without_anybody_asking(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_queue *q = open_queue(ends[1], ROOM);
    for (int i = 0; i < 3; i++) {
        char text[16];
        log_queue_put(q, "x\n", 2, i % 2 == 0);
        assert_int_equal(read(ends[0], text, sizeof text), 2); /* blocks until it is there */
    }
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
}

/* What own_lines was told, and how often it was asked. */
typedef struct owner {
    pthread_mutex_t lock;
    uint64_t lost;
} owner;

static int64_t tell_lost(void *cookie, uint64_t lost, buf *out)
{
    owner *o = cookie;
    pthread_mutex_lock(&o->lock);
    o->lost = lost;
    pthread_mutex_unlock(&o->lock);
    if (lost > 0)
        buf_printf(out, "lost %llu\n", (unsigned long long)lost);
    return INT64_MAX;
}

static void a_pipe_that_nobody_reads_costs_lines_and_no_time(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    owner o = {.lock = PTHREAD_MUTEX_INITIALIZER};
    log_queue *q = log_queue_open(&(log_queue_settings){
        .descriptor = ends[1], .max_bytes = 16384, .own_lines = tell_lost, .cookie = &o});
    assert_non_null(q);
    enum { LINES = 5000, LENGTH = 100 };
    char line[LENGTH + 1];
    for (int i = 0; i < LINES; i++) { /* far more than the pipe and the queue hold together */
        snprintf(line, sizeof line, "%-98d.\n", i);
        log_queue_put(q, line, LENGTH, false);
    }
    const uint64_t dropped = log_queue_dropped(q);
    assert_true(dropped > 0);
    assert_false(log_queue_flush(q, 0));

    /* The reader comes back: what was kept arrives whole and in order, and the loss is told. */
    uint64_t read_lines = 0, told = 0;
    char text[8192], *end;
    size_t length = 0;
    int last = -1;
    while (read_lines < LINES - dropped || told == 0) {
        ssize_t got = read(ends[0], text + length, sizeof text - 1 - length);
        assert_true(got > 0);
        length += (size_t)got;
        text[length] = '\0';
        while ((end = strchr(text, '\n')) != NULL) {
            if (strncmp(text, "lost ", 5) == 0) {
                told += strtoull(text + 5, NULL, 10);
            } else {
                assert_int_equal(end - text + 1, LENGTH);
                assert_true((int)strtol(text, NULL, 10) > last);
                last = (int)strtol(text, NULL, 10);
                read_lines++;
            }
            length -= (size_t)(end + 1 - text);
            memmove(text, end + 1, length + 1);
        }
    }
    assert_int_equal(read_lines, LINES - dropped);
    assert_int_equal(told, dropped);
    assert_int_equal(log_queue_dropped(q), dropped);
    assert_true(log_queue_flush(q, PATIENCE_MS));
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
}

static void closing_gives_up_on_a_pipe_that_nobody_reads(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_queue *q = open_queue(ends[1], 1 << 20);
    char line[1000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 500; i++)
        log_queue_put(q, line, sizeof line, false);
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
}

static void a_reader_that_is_gone_costs_lines_only(void **state)
{
    (void)state;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    log_queue *q = open_queue(ends[1], ROOM);
    for (uint64_t i = 1; i <= 5; i++) {
        put(q, "to nobody\n");
        assert_true(log_queue_flush(q, PATIENCE_MS));
        assert_int_equal(log_queue_dropped(q), i);
    }
    assert_true(log_queue_close(q));
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
}

/* A file that may not grow any more stands for a full disk; then it may again. */
static void a_full_disk_costs_lines_until_there_is_room(void **state)
{
    (void)state;
    char folder[200], path[240], text[4096];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/log", folder);
    int file = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
    assert_true(file >= 0);
    struct rlimit former;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &former), 0);
    signal(SIGXFSZ, SIG_IGN);
    owner o = {.lock = PTHREAD_MUTEX_INITIALIZER};
    log_queue *q = log_queue_open(
        &(log_queue_settings){.descriptor = file, .max_bytes = ROOM, .own_lines = tell_lost, .cookie = &o});
    assert_non_null(q);
    put(q, "before\n");
    assert_true(log_queue_flush(q, PATIENCE_MS));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, former.rlim_max}), 0);
    put(q, "cut in the middle\n");
    assert_true(log_queue_flush(q, PATIENCE_MS));
    put(q, "lost\n");
    assert_true(log_queue_flush(q, PATIENCE_MS));
    assert_int_equal(log_queue_dropped(q), 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &former), 0);
    put(q, "after\n");
    assert_true(log_queue_flush(q, PATIENCE_MS));
    assert_true(log_queue_close(q));
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    text[read_all(file, text, sizeof text - 1)] = '\0';
    assert_string_equal(text, "before\ncut\nlost 2\nafter\n");
    close(file);
    unlink(path);
    rmdir(folder);
    signal(SIGXFSZ, SIG_DFL);
}

static int64_t tick(void *cookie, uint64_t lost, buf *out)
{
    (void)lost;
    buf_append_string(out, "tick\n");
    return --*(int *)cookie > 0 ? clock_monotonic_ns() + NS_PER_MS : INT64_MAX;
}

static void the_owner_is_asked_when_it_wants_to_be(void **state)
{
    (void)state;
    int ends[2], ticks = 3;
    assert_int_equal(pipe(ends), 0);
    log_queue *q = log_queue_open(
        &(log_queue_settings){.descriptor = ends[1], .max_bytes = ROOM, .own_lines = tick, .cookie = &ticks});
    assert_non_null(q);
    put(q, "line\n");
    char text[64] = "";
    for (size_t length = 0; length < strlen("tick\nline\ntick\ntick\n");) {
        ssize_t got = read(ends[0], text + length, sizeof text - 1 - length);
        assert_true(got > 0);
        length += (size_t)got;
    }
    assert_string_equal(text, "tick\nline\ntick\ntick\n");
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
}

static void lines_beyond_the_bound_are_dropped(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_queue *q = open_queue(ends[1], 16);
    put(q, "longer than the queue is\n");
    assert_int_equal(log_queue_dropped(q), 1);
    assert_true(log_queue_close(q));
    close(ends[0]);
    close(ends[1]);
    assert_true(log_queue_close(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_in_their_order),
        cmocka_unit_test(flushing_waits_for_the_writing),
        cmocka_unit_test(a_line_comes_without_anybody_asking),
        cmocka_unit_test(a_pipe_that_nobody_reads_costs_lines_and_no_time),
        cmocka_unit_test(closing_gives_up_on_a_pipe_that_nobody_reads),
        cmocka_unit_test(a_reader_that_is_gone_costs_lines_only),
        cmocka_unit_test(a_full_disk_costs_lines_until_there_is_room),
        cmocka_unit_test(the_owner_is_asked_when_it_wants_to_be),
        cmocka_unit_test(lines_beyond_the_bound_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
