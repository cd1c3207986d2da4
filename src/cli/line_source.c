#include "cli/line_source.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/xxhash64.h"

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
    size_t scanned;      /* data[begin .. scanned) has no end of a line */
    uint64_t offset;     /* of data[begin] in the input */
    uint64_t line;       /* lines handed out */
    xxhash64_state hash; /* of the input before data[begin] */
    bool at_end;
    bool ends_at_cr;
    bool too_long; /* the line at hand is, and its beginning is dropped */
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
    xxhash64_begin(&source->hash, 0);
    /* O_NONBLOCK: opening a FIFO must not wait for its writer, out of reach of the stop descriptor. */
    source->descriptor = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
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

void line_source_end_lines_at_cr(line_source *source)
{
    source->ends_at_cr = true;
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
        struct pollfd waiting[2] = {{.fd = source->descriptor, .events = POLLIN},
                                    {.fd = source->stop_descriptor, .events = POLLIN}};
        if (poll(waiting, 2, -1) < 0 && errno == EINTR)
            continue;
        if (waiting[1].revents != 0)
            return LINE_STOPPED;
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
    if (count > 0)
        xxhash64_add(&source->hash, source->data + source->begin, count);
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

/* The first end of a line at or behind `from`, or NULL. */
static const char *find_end(const line_source *source, size_t from)
{
    if (from == source->end)
        return NULL;
    if (!source->ends_at_cr)
        return memchr(source->data + from, '\n', source->end - from);
    for (size_t i = from; i < source->end; i++)
        if (source->data[i] == '\n' || source->data[i] == '\r')
            return source->data + i;
    return NULL;
}

/* Looks for the end of the line at data[begin], reading as needed. Leaves `scanned` at that end, or at the end of the
 * input. Drops the beginning of a line over the limit. */
static line_outcome find_line(line_source *source, bool *has_end, aki_error *error)
{
    size_t most = source->max_line_bytes + 2; /* CR LF */
    for (;;) {
        const char *end = find_end(source, source->scanned);
        source->scanned = end != NULL ? (size_t)(end - source->data) : source->end;
        *has_end = end != NULL;
        /* A CR at the end of what was read may be followed by its LF. */
        if (source->at_end || (end != NULL && (*end == '\n' || source->scanned + 1 < source->end)))
            return LINE_READ;
        if (end == NULL && source->end - source->begin > most) {
            source->too_long = true;
            drop(source, source->end - source->begin);
        }
        line_outcome outcome = fill(source, error);
        if (outcome != LINE_READ)
            return outcome;
    }
}

line_outcome line_source_peek(line_source *source, input_line *line, aki_error *error)
{
    bool has_end;
    line_outcome outcome = skip_byte_order_mark(source, error);
    if (outcome == LINE_READ)
        outcome = find_line(source, &has_end, error);
    if (outcome != LINE_READ)
        return outcome;
    const char *data = source->data + source->begin;
    size_t length = source->scanned - source->begin;
    if (!has_end && length == 0 && !source->too_long)
        return LINE_END;
    *line = (input_line){.data = data, .length = length, .ending = has_end, .number = source->line + 1};
    if (has_end && data[length] == '\r' && source->scanned + 1 < source->end && data[length + 1] == '\n') {
        line->ending = 2;
    } else if (has_end && data[length] == '\n' && length > 0 && data[length - 1] == '\r') {
        line->length--;
        line->ending = 2;
    }
    return source->too_long || line->length > source->max_line_bytes ? LINE_TOO_LONG : LINE_READ;
}

line_outcome line_source_next(line_source *source, input_line *line, aki_error *error)
{
    line_outcome outcome = line_source_peek(source, line, error);
    if (outcome != LINE_READ && outcome != LINE_TOO_LONG)
        return outcome;
    source->line++;
    source->too_long = false;
    drop(source, line->length + line->ending);
    return outcome;
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
    const char *end = source->at_end ? NULL : find_end(source, source->begin);
    if (source->at_end || (end != NULL && (*end == '\n' || end + 1 < source->data + source->end)))
        return true;
    struct pollfd waiting = {.fd = source->descriptor, .events = POLLIN};
    return poll(&waiting, 1, 0) != 0;
}

line_position line_source_position(const line_source *source)
{
    return (line_position){
        .offset = source->offset, .line = source->line, .hash = xxhash64_value(&source->hash)};
}

static aki_status set_other_beginning(const line_source *source, uint64_t offset, aki_error *error)
{
    error_set(error, AKI_INVALID_ARGUMENT,
              "the first %llu bytes of '%s' are not what the interrupted run has read",
              (unsigned long long)offset, source->name);
    error_hint(error, "Put the file back as it was, or begin anew with --restart.");
    return AKI_INVALID_ARGUMENT;
}

/* A last line that had no end, or a CR at the end, may have been continued since. */
static bool is_between_lines(const line_source *source, line_position position)
{
    char around[2];
    if (position.line == 0) /* behind the byte order mark */
        return true;
    ssize_t got = pread(source->descriptor, around, 2, (off_t)position.offset - 1);
    if (got < 2 || around[0] == '\n')
        return true;
    return source->ends_at_cr && around[0] == '\r' && around[1] != '\n';
}

/* Reads and hashes the input up to `offset`. */
static aki_status read_again(line_source *source, uint64_t offset, aki_error *error)
{
    while (source->offset < offset) {
        line_outcome outcome = fill(source, error);
        if (outcome == LINE_STOPPED)
            return error_set(error, AKI_CANCELLED, "stopped by a signal");
        if (outcome == LINE_FAILED)
            return error != NULL ? error->status : AKI_IO_ERROR;
        if (source->at_end)
            return set_other_beginning(source, offset, error);
        size_t have = source->end - source->begin;
        drop(source, have < offset - source->offset ? have : (size_t)(offset - source->offset));
    }
    return AKI_OK;
}

aki_status line_source_seek(line_source *source, line_position position, aki_error *error)
{
    if (lseek(source->descriptor, 0, SEEK_SET) < 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot go on at byte %llu of '%s'",
                               (unsigned long long)position.offset, source->name);
    source->begin = source->end = source->scanned = 0;
    source->offset = 0;
    source->line = position.line;
    source->at_end = source->too_long = false;
    xxhash64_begin(&source->hash, 0);
    aki_status status = read_again(source, position.offset, error);
    if (status != AKI_OK)
        return status;
    if (position.offset > 0 &&
        (xxhash64_value(&source->hash) != position.hash || !is_between_lines(source, position)))
        return set_other_beginning(source, position.offset, error);
    return AKI_OK;
}
