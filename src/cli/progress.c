#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define REDRAW_NS (NS_PER_S / 10)
#define DEFAULT_COLUMNS 80

void progress_write_count(uint64_t count, char *out, size_t room)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t used = 0;
    for (int i = 0; i < length && used + 2 < room; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

void progress_write_bytes(uint64_t bytes, char *out, size_t room)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(out, room, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void progress_write_time(int64_t ns, char *out, size_t room)
{
    long long seconds = (ns + NS_PER_S / 2) / NS_PER_S;
    if (seconds >= 3600)
        snprintf(out, room, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        snprintf(out, room, "%lld:%02lld", seconds / 60, seconds % 60);
}

static size_t append_bar(const progress_state *state, char *out, size_t room)
{
    uint64_t done = state->done < state->total ? state->done : state->total;
    double share = (double)done / (double)state->total;
    size_t filled = (size_t)(share * BAR_WIDTH);
    out[0] = '[';
    for (size_t i = 0; i < BAR_WIDTH; i++)
        out[1 + i] = i < filled ? '#' : '.';
    return BAR_WIDTH + 1 +
           (size_t)snprintf(out + 1 + BAR_WIDTH, room - 1 - BAR_WIDTH, "] %3d%%  ", (int)(share * 100));
}

static void append_rate(const progress_state *state, char *out, size_t room)
{
    double seconds = (double)state->elapsed_ns / NS_PER_S;
    uint64_t fresh = state->count - state->started;
    double rate = seconds > 0 ? (double)fresh / seconds : 0;
    char amount[40];
    if (state->unit == NULL)
        progress_write_bytes((uint64_t)rate, amount, sizeof amount);
    else
        progress_write_count((uint64_t)(rate + 0.5), amount, sizeof amount);
    snprintf(out, room, "  %s%s%s/s", amount, state->unit != NULL ? " " : "",
             state->unit != NULL ? state->unit : "");
}

size_t progress_render(const progress_state *state, size_t columns, char out[PROGRESS_MAX_BYTES])
{
    size_t room = PROGRESS_MAX_BYTES;
    size_t used = (size_t)snprintf(out, room / 4, "%.60s  ", state->label);
    if (state->total > 0)
        used += append_bar(state, out + used, room - used);
    char amount[40];
    if (state->unit == NULL)
        progress_write_bytes(state->count, amount, sizeof amount);
    else
        progress_write_count(state->count, amount, sizeof amount);
    used += (size_t)snprintf(out + used, room - used, "%s%s%s", amount, state->unit != NULL ? " " : "",
                             state->unit != NULL ? state->unit : "");
    append_rate(state, out + used, room - used);
    used += strlen(out + used);
    uint64_t fresh = state->done - state->done_at_start;
    if (state->total > state->done && fresh > 0) {
        char left[32];
        double seconds = (double)state->elapsed_ns / (double)fresh * (double)(state->total - state->done);
        progress_write_time(seconds < 9e15 ? (int64_t)seconds : INT64_C(9000000000000000), left, sizeof left);
        used += (size_t)snprintf(out + used, room - used, "  %s left", left);
    }
    if (used > columns)
        used = columns;
    out[used] = '\0';
    return used;
}

void progress_begin(progress *p, int descriptor)
{
    *p = (progress){.descriptor = isatty(descriptor) ? descriptor : -1, .start_ns = clock_monotonic_ns()};
}

static void put(const progress *p, const char *text, size_t length)
{
    ssize_t done = write(p->descriptor, text, length);
    (void)done; /* a terminal that has gone is no reason to stop */
}

void progress_update(progress *p, progress_state *state)
{
    int64_t now = clock_monotonic_ns();
    if (p->descriptor < 0 || (p->visible && now - p->drawn_ns < REDRAW_NS))
        return;
    struct winsize size;
    size_t columns = DEFAULT_COLUMNS;
    if (ioctl(p->descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    state->elapsed_ns = now - p->start_ns;
    char line[PROGRESS_MAX_BYTES + 8] = "\r";
    size_t used = 1 + progress_render(state, columns - 1, line + 1);
    memcpy(line + used, "\x1b[K", 3); /* clears the rest of the line */
    put(p, line, used + 3);
    p->drawn_ns = now;
    p->visible = true;
}

void progress_clear(progress *p)
{
    if (p->visible)
        put(p, "\r\x1b[K", 4);
    p->visible = false;
}
