#include "cli/options/config_lines.h"

#include "base/buf.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

typedef struct config_file {
    const config_reader *reader;
    const char *path;
    int line;
    aki_error *error;
} config_file;

static aki_status refuse(const config_file *c, const char *hint)
{
    error_hint(c->error, "%s", hint);
    return AKI_INVALID_ARGUMENT;
}

/* Trims blanks at both ends, in place. */
static char *trim(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t length = strlen(value);
    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

static aki_status take_section(const config_file *c, char *text)
{
    char *end = strchr(text, ']');
    const char *behind = end != NULL ? end + 1 + strspn(end + 1, " \t") : "";
    if (end == NULL || (*behind != '\0' && *behind != '#' && *behind != ';')) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: a section is written [name]", c->path,
                  c->line);
        return refuse(c, "A comment begins with '#' or ';'.");
    }
    *end = '\0';
    return c->reader->section(c->reader->cookie, c->path, c->line, trim(text + 1), c->error);
}

static aki_status take_setting(const config_file *c, char *text)
{
    char *separator = strpbrk(text, "=:");
    if (separator == NULL) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: neither `key = value` nor a [section]",
                  c->path, c->line);
        return refuse(c, c->reader->example);
    }
    *separator = '\0';
    return c->reader->setting(c->reader->cookie, c->path, c->line, trim(text), unquote(trim(separator + 1)),
                              c->error);
}

/* Refuses control characters: they come from another encoding (UTF-16) or other line ends (CR alone), and would end
 * up in values. */
static aki_status check_characters(const config_file *c, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool ends_line = byte == '\r' && i + 1 == length;
        if (byte != 0x7F && (byte >= 0x20 || byte == '\t' || ends_line))
            continue;
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: byte %zu is a control character (0x%02X)",
                  c->path, c->line, i + 1, byte);
        return refuse(c, "Save the file as text in UTF-8, with LF or CRLF at the ends of lines.");
    }
    return AKI_OK;
}

static aki_status take_line(const config_file *c, char *text, size_t length)
{
    aki_status status = check_characters(c, text, length);
    if (status != AKI_OK)
        return status;
    text = trim(text);
    if (*text == '\0' || *text == '#' || *text == ';')
        return AKI_OK;
    return *text == '[' ? take_section(c, text) : take_setting(c, text);
}

/* Reads the whole file and terminates it with NUL. */
static aki_status read_file(const config_file *c, buf *text)
{
    char block[4096];
    FILE *file = fopen(c->path, "re");
    if (file == NULL) {
        error_set_errno(c->error, AKI_IO_ERROR, errno, "cannot open the %s '%s'", c->reader->kind, c->path);
        error_hint(c->error, "%s", c->reader->hint);
        return AKI_IO_ERROR;
    }
    aki_status status = AKI_OK;
    for (size_t count; !text->failed && (count = fread(block, 1, sizeof block, file)) > 0;)
        buf_append(text, block, count);
    if (ferror(file) != 0)
        status = error_set_errno(c->error, AKI_IO_ERROR, errno, "cannot read the %s '%s'", c->reader->kind,
                                 c->path);
    fclose(file);
    buf_append_char(text, '\0');
    if (status == AKI_OK && text->failed)
        status = error_set(c->error, AKI_INVALID_ARGUMENT,
                           "the %s '%s' has more than the %zu bytes that it may have", c->reader->kind,
                           c->path, FILE_BYTES_MAX);
    return status;
}

aki_status config_lines_read(const char *path, const config_reader *reader, aki_error *error)
{
    config_file c = {.reader = reader, .path = path, .error = error};
    buf text;
    buf_init(&text, FILE_BYTES_MAX);
    aki_status status = read_file(&c, &text);
    const size_t mark = sizeof BYTE_ORDER_MARK - 1;
    size_t start = status == AKI_OK && strncmp(text.data, BYTE_ORDER_MARK, mark) == 0 ? mark : 0;
    while (status == AKI_OK && start + 1 < text.length) {
        char *line = text.data + start, *end = memchr(line, '\n', text.length - 1 - start);
        size_t length = end != NULL ? (size_t)(end - line) : text.length - 1 - start;
        line[length] = '\0';
        c.line++;
        start += length + 1;
        status = take_line(&c, line, length);
    }
    buf_free(&text);
    return status;
}
