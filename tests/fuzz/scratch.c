#include "scratch.h"

#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[200];

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

void scratch_clear(void)
{
    nftw(scratch_folder(), remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void remove_folder(void)
{
    scratch_clear();
    rmdir(folder);
}

const char *scratch_folder(void)
{
    if (folder[0] == '\0') {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/akidb-fuzz-XXXXXX", base != NULL ? base : "/tmp");
        FUZZ_CHECK(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    return folder;
}

void scratch_path(char path[SCRATCH_PATH_MAX], const char *name)
{
    FUZZ_CHECK(snprintf(path, SCRATCH_PATH_MAX, "%s/%s", scratch_folder(), name) < SCRATCH_PATH_MAX);
}

void scratch_write(const char *name, const void *data, size_t size)
{
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, name);
    char *slash = strrchr(path, '/');
    if (slash != path + strlen(scratch_folder())) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    unlink(
        path); /* a new file, instead of truncating: file systems flush a file that is truncated and rewritten */
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_CHECK(file >= 0 && write(file, data, size) == (ssize_t)size && close(file) == 0);
}

void scratch_remove(const char *name)
{
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, name);
    unlink(path);
}

/* The next "=== " at the beginning of a line, or `end`. */
static const uint8_t *next_mark(const uint8_t *from, const uint8_t *begin, const uint8_t *end)
{
    static const char mark[] = "=== ";
    const uint8_t *at = from;
    while (at < end && (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
        if (at == begin || at[-1] == '\n')
            return at;
        at++;
    }
    return end;
}

static void take_part(const uint8_t *at, const uint8_t *next, bool last, pack_part *parts, size_t count)
{
    const uint8_t *name = at + strlen("=== ");
    const uint8_t *line_end = memchr(name, '\n', (size_t)(next - name));
    if (line_end == NULL)
        line_end = next;
    const uint8_t *from = line_end < next ? line_end + 1 : next;
    const uint8_t *to = !last && next > from ? next - 1 : next;
    for (size_t i = 0; i < count; i++)
        if (strlen(parts[i].name) == (size_t)(line_end - name) &&
            memcmp(parts[i].name, name, (size_t)(line_end - name)) == 0) {
            parts[i].data = from;
            parts[i].size = (size_t)(to - from);
        }
}

void pack_read(const uint8_t *data, size_t size, pack_part *parts, size_t count)
{
    const uint8_t *end = data + size;
    for (size_t i = 0; i < count; i++) {
        parts[i].data = NULL;
        parts[i].size = 0;
    }
    if (size == 0)
        return;
    for (const uint8_t *at = next_mark(data, data, end), *next; at < end; at = next) {
        next = next_mark(at + 1, data, end);
        take_part(at, next, next == end, parts, count);
    }
}

void pack_write_files(const pack_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].data != NULL)
            scratch_write(parts[i].name, parts[i].data, parts[i].size);
        else
            scratch_remove(parts[i].name);
}

char *copy_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

uint8_t *copy_bytes(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}
