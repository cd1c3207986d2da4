/* Two buffers: threads fill the one while the queue's thread writes the other, without the lock, and then takes its turn
 * with the first. Between the first line after a pause and its writing lies a moment in which more may come, so that a
 * busy service wakes the thread a hundred times a second and not for each line. */
#include "telemetry/log_queue.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATHER_NS (10 * NS_PER_MS)
/* Longest that the thread waits for a descriptor before it looks whether the queue is being closed. */
#define LOOK_UP_MS 50
/* One write: as much as a pipe takes without blocking once it says that it takes any; for files any size will do. */
#define PIPE_CHUNK_BYTES 4096
#define FILE_CHUNK_BYTES ((size_t)64 << 10)
#define OWN_LINES_BYTES ((size_t)64 << 10)

typedef struct line_buffer {
    char *data; /* [max_bytes] */
    size_t length;
    uint64_t lines;
} line_buffer;

struct log_queue {
    log_queue_settings settings;
    size_t chunk_bytes;
    pthread_t thread;
    bool running;
    atomic_bool abandoned; /* closing took too long: what waits is given up */
    bool cut;              /* of the thread: the last line written is not whole */
    line_buffer back;      /* of the thread */
    buf own;               /* of the thread */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* lines came, or the thread is asked for something */
    pthread_cond_t done;  /* the thread has written what it had taken */
    line_buffer front;
    bool sleeping; /* the thread waits for the first line */
    bool urgent, closing, busy;
    uint64_t dropped, told; /* of the dropped ones, how many the owner knows of */
};

static void wait_until_ns(log_queue *q, pthread_cond_t *condition, int64_t until_ns)
{
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(condition, &q->lock);
        return;
    }
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_cond_timedwait(condition, &q->lock, &until);
}

/* Waits, with a way out, until the descriptor takes bytes or has failed. */
static bool wait_for_room(const log_queue *q)
{
    struct pollfd waiting = {.fd = q->settings.descriptor, .events = POLLOUT};
    while (poll(&waiting, 1, LOOK_UP_MS) <= 0)
        if (atomic_load(&q->abandoned))
            return false;
    return true;
}

/* The length of the next piece: whole lines where any fits. */
static size_t piece(const log_queue *q, const char *data, size_t length)
{
    if (length <= q->chunk_bytes)
        return length;
    const char *end = memrchr(data, '\n', q->chunk_bytes);
    return end != NULL ? (size_t)(end - data) + 1 : q->chunk_bytes;
}

/* False where the descriptor did not take everything; *left_over: what it did not take. */
static bool write_bytes(log_queue *q, const char *data, size_t length, size_t *left_over)
{
    size_t done = 0;
    *left_over = length;
    while (done < length) {
        if (!wait_for_room(q))
            return false;
        ssize_t written = write(q->settings.descriptor, data + done, piece(q, data + done, length - done));
        if (written < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (written < 0)
            return false;
        done += (size_t)written;
        *left_over = length - done;
        q->cut = written > 0 ? data[done - 1] != '\n' : q->cut;
    }
    return true;
}

static uint64_t count_lines(const char *data, size_t length)
{
    uint64_t lines = 0;
    for (const char *end; (end = memchr(data, '\n', length)) != NULL; lines++) {
        length -= (size_t)(end + 1 - data);
        data = end + 1;
    }
    return lines;
}

/* Writes the own lines and the taken ones. Returns how many of the latter were lost. */
static uint64_t write_taken(log_queue *q)
{
    size_t left_over = 0;
    if (q->cut && !write_bytes(q, "\n", 1, &left_over))
        return q->back.lines;
    if (!write_bytes(q, q->own.data, q->own.length, &left_over))
        return q->back.lines;
    if (write_bytes(q, q->back.data, q->back.length, &left_over))
        return 0;
    return count_lines(q->back.data + q->back.length - left_over, left_over);
}

/* Lock held. */
static void take_front(log_queue *q)
{
    line_buffer taken = q->front;
    q->front = (line_buffer){.data = q->back.data};
    q->back = taken;
    q->urgent = false;
    q->busy = true;
}

/* Waits for lines, or until the owner wants to be asked. Lock held. */
static void wait_for_lines(log_queue *q, int64_t until_ns)
{
    q->sleeping = true;
    while (q->front.length == 0 && !q->closing && clock_monotonic_ns() < until_ns)
        wait_until_ns(q, &q->work, until_ns);
    q->sleeping = false;
    const int64_t gathered_ns = clock_monotonic_ns() + GATHER_NS;
    while (!q->urgent && !q->closing && q->front.length < q->settings.max_bytes / 2 &&
           clock_monotonic_ns() < gathered_ns)
        wait_until_ns(q, &q->work, gathered_ns);
}

static void *run(void *argument)
{
    log_queue *q = argument;
    thread_defer();
    int64_t ask_ns = INT64_MAX;
    pthread_mutex_lock(&q->lock);
    for (bool last = false; !last;) {
        wait_for_lines(q, ask_ns);
        take_front(q);
        last = q->closing;
        const uint64_t dropped = q->dropped, lost = dropped - q->told;
        pthread_mutex_unlock(&q->lock);

        buf_clear(&q->own);
        ask_ns = INT64_MAX;
        if (q->settings.own_lines != NULL)
            ask_ns = q->settings.own_lines(q->settings.cookie, lost, &q->own);
        const uint64_t newly_lost = write_taken(q);

        pthread_mutex_lock(&q->lock);
        q->busy = false;
        q->dropped += newly_lost;
        if (newly_lost == 0)
            q->told = dropped;
        pthread_cond_broadcast(&q->done);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

log_queue *log_queue_open(const log_queue_settings *settings)
{
    log_queue *q = mem_zalloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->settings = *settings;
    struct stat status;
    const bool is_file = fstat(settings->descriptor, &status) == 0 && S_ISREG(status.st_mode);
    q->chunk_bytes = is_file ? FILE_CHUNK_BYTES : PIPE_CHUNK_BYTES;
    buf_init(&q->own, OWN_LINES_BYTES);
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&q->work, &attributes);
    pthread_cond_init(&q->done, &attributes);
    pthread_condattr_destroy(&attributes);
    q->front.data = mem_alloc(settings->max_bytes, 1);
    q->back.data = mem_alloc(settings->max_bytes, 1);
    q->running = q->front.data != NULL && q->back.data != NULL && thread_start(&q->thread, run, q, "aki-log");
    if (q->running)
        return q;
    log_queue_close(q);
    return NULL;
}

/* True when the thread has ended. One that hangs in a write, on a terminal that was stopped, is left behind. */
static bool end_thread(log_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_signal(&q->work);
    pthread_mutex_unlock(&q->lock);
    for (int patience = 0; patience < 2; patience++) {
        const int64_t until_ns = clock_wall_ns() + LOG_QUEUE_CLOSE_MS * NS_PER_MS;
        const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
        if (pthread_timedjoin_np(q->thread, NULL, &until) == 0)
            return true;
        atomic_store(&q->abandoned, true);
    }
    return false;
}

bool log_queue_close(log_queue *q)
{
    if (q == NULL)
        return true;
    if (q->running && !end_thread(q))
        return false;
    mem_free(q->front.data);
    mem_free(q->back.data);
    buf_free(&q->own);
    pthread_cond_destroy(&q->work);
    pthread_cond_destroy(&q->done);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
    return true;
}

void log_queue_put(log_queue *q, const char *line, size_t length, bool urgent)
{
    pthread_mutex_lock(&q->lock);
    line_buffer *front = &q->front;
    if (length > q->settings.max_bytes - front->length) {
        q->dropped++;
    } else {
        const bool was_low = front->length < q->settings.max_bytes / 2;
        memcpy(front->data + front->length, line, length);
        front->length += length;
        front->lines++;
        q->urgent = q->urgent || urgent;
        const bool is_high = front->length >= q->settings.max_bytes / 2;
        if (q->sleeping || urgent || (was_low && is_high))
            pthread_cond_signal(&q->work);
        q->sleeping = false;
    }
    pthread_mutex_unlock(&q->lock);
}

bool log_queue_flush(log_queue *q, int64_t timeout_ms)
{
    const int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    pthread_mutex_lock(&q->lock);
    while ((q->front.length > 0 || q->busy) && clock_monotonic_ns() < until_ns) {
        q->urgent = true;
        pthread_cond_signal(&q->work);
        wait_until_ns(q, &q->done, until_ns);
    }
    const bool empty = q->front.length == 0 && !q->busy;
    pthread_mutex_unlock(&q->lock);
    return empty;
}

uint64_t log_queue_dropped(log_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const uint64_t dropped = q->dropped;
    pthread_mutex_unlock(&q->lock);
    return dropped;
}
