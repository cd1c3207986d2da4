#include "cli/line_source.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

struct line_source {
    const char *name;
    char *path;
    int descriptor, stop_descriptor;
    size_t max_line_bytes;
    uint64_t size; /* of a regular file, else 0 */
    char *data;    /* data[begin .. end) is read and not yet handed out */
    size_t begin, end, capacity;
    size_t scanned;  /* data[begin .. scanned) has no line feed */
    uint64_t offset; /* of data[begin] in the input */
    uint64_t line;   /* lines handed out */
    bool at_end;
};

aki_status line_source_open(line_source **out, const char *path, size_t max_line_bytes, int stop_descriptor,
                            aki_error *error)
{
    *out = NULL;
    line_source *source = mem_zalloc(1, sizeof *source);
    if (source == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    bool is_stdin = strcmp(path, "-") == 0;
    aki_status status = AKI_OK;
    source->stop_descriptor = stop_descriptor;
    source->max_line_bytes = max_line_bytes;
    source->descriptor = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    source->path = mem_copy_string(is_stdin ? "stdin" : path);
    source->name = source->path;
    struct stat info;
    if (source->path == NULL) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    } else if (source->descriptor < 0 || fstat(source->descriptor, &info) != 0) {
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot open '%s'", path);
    } else if (S_ISDIR(info.st_mode)) {
        status = error_set(error, AKI_IO_ERROR, "'%s' is a folder", path);
        error_hint(error, "Name a file with texts.");
    } else if (S_ISREG(info.st_mode)) {
        source->size = (uint64_t)info.st_size;
    }
    if (status != AKI_OK) {
        line_source_close(source);
        return status;
    }
    *out = source;
    return AKI_OK;
}

void line_source_close(line_source *source)
{
    if (source == NULL)
        return;
    if (source->descriptor > STDIN_FILENO)
        close(source->descriptor);
    mem_free(source->path);
    mem_free(source->data);
    mem_free(source);
}

/* Moves what is left to the front and makes room for READ_BYTES more. */
static bool make_room(line_source *source)
{
    if (source->begin > 0 && source->capacity - source->end < READ_BYTES) {
        memmove(source->data, source->data + source->begin, source->end - source->begin);
        source->scanned -= source->begin;
        source->end -= source->begin;
        source->begin = 0;
    }
    if (source->capacity - source->end >= READ_BYTES)
        return true;
    size_t capacity = source->capacity + (source->capacity > READ_BYTES ? source->capacity : READ_BYTES);
    char *data = mem_realloc(source->data, capacity, 1);
    if (data == NULL)
        return false;
    source->data = data;
    source->capacity = capacity;
    return true;
}

/* Reads more. LINE_READ: there is more, or at_end is set. */
static line_outcome fill(line_source *source, aki_error *error)
{
    if (!make_room(source)) {
        error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", source->name);
        return LINE_FAILED;
    }
    for (;;) {
        if (source->stop_descriptor >= 0) {
            struct pollfd waiting[2] = {{.fd = source->descriptor, .events = POLLIN},
                                        {.fd = source->stop_descriptor, .events = POLLIN}};
            if (poll(waiting, 2, -1) < 0 && errno == EINTR)
                continue;
            if (waiting[1].revents != 0)
                return LINE_STOPPED;
        }
        ssize_t got = read(source->descriptor, source->data + source->end, source->capacity - source->end);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0) {
            error_set_errno(error, AKI_IO_ERROR, errno, "cannot read '%s'", source->name);
            return LINE_FAILED;
        }
        source->at_end = got == 0;
        source->end += (size_t)got;
        return LINE_READ;
    }
}

static void drop(line_source *source, size_t count)
{
    source->begin += count;
    source->offset += count;
    source->scanned = source->begin;
}

static line_outcome skip_byte_order_mark(line_source *source, aki_error *error)
{
    while (source->offset == 0 && source->end - source->begin < 3 && !source->at_end) {
        line_outcome outcome = fill(source, error);
        if (outcome != LINE_READ)
            return outcome;
    }
    if (source->offset == 0 && source->end - source->begin >= 3 &&
        memcmp(source->data + source->begin, BYTE_ORDER_MARK, 3) == 0)
        drop(source, 3);
    return LINE_READ;
}

/* Looks for the line feed behind data[begin], reading as needed. *length: up to it, or up to the end of the input. Lines
 * over the limit are not kept: *length then counts what was dropped, too. */
static line_outcome find_line(line_source *source, bool *has_feed, bool *too_long, aki_error *error)
{
    size_t most = source->max_line_bytes + 2; /* CR LF */
    *too_long = false;
    for (;;) {
        const char *feed = source->end > source->scanned
                               ? memchr(source->data + source->scanned, '\n', source->end - source->scanned)
                               : NULL;
        source->scanned = feed != NULL ? (size_t)(feed - source->data) : source->end;
        *has_feed = feed != NULL;
        if (feed != NULL || source->at_end)
            return LINE_READ;
        if (source->end - source->begin > most) {
            *too_long = true;
            drop(source, source->end - source->begin);
        }
        line_outcome outcome = fill(source, error);
        if (outcome != LINE_READ)
            return outcome;
    }
}

line_outcome line_source_next(line_source *source, input_line *line, aki_error *error)
{
    bool has_feed, too_long;
    line_outcome outcome = skip_byte_order_mark(source, error);
    if (outcome == LINE_READ)
        outcome = find_line(source, &has_feed, &too_long, error);
    if (outcome != LINE_READ)
        return outcome;
    size_t length = source->scanned - source->begin;
    if (!has_feed && length == 0 && !too_long)
        return LINE_END;
    line->data = source->data + source->begin;
    line->ending = has_feed ? 1 : 0;
    line->length = length;
    if (has_feed && length > 0 && line->data[length - 1] == '\r') {
        line->length--;
        line->ending++;
    }
    line->number = ++source->line;
    drop(source, length + (has_feed ? 1 : 0));
    return too_long || line->length > source->max_line_bytes ? LINE_TOO_LONG : LINE_READ;
}

const char *line_source_name(const line_source *source)
{
    return source->name;
}

size_t line_source_max_line_bytes(const line_source *source)
{
    return source->max_line_bytes;
}

int line_source_descriptor(const line_source *source)
{
    return source->descriptor;
}

uint64_t line_source_size(const line_source *source)
{
    return source->size;
}

bool line_source_ready(const line_source *source)
{
    if (source->at_end || (source->end > source->begin &&
                           memchr(source->data + source->begin, '\n', source->end - source->begin) != NULL))
        return true;
    struct pollfd waiting = {.fd = source->descriptor, .events = POLLIN};
    return poll(&waiting, 1, 0) != 0;
}

line_position line_source_position(const line_source *source)
{
    return (line_position){.offset = source->offset, .line = source->line};
}

aki_status line_source_seek(line_source *source, line_position position, aki_error *error)
{
    if (lseek(source->descriptor, (off_t)position.offset, SEEK_SET) < 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot go on at byte %llu of '%s'",
                               (unsigned long long)position.offset, source->name);
    source->begin = source->end = source->scanned = 0;
    source->offset = position.offset;
    source->line = position.line;
    source->at_end = false;
    return AKI_OK;
}
