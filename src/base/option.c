#include "base/option.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit byte_units[] = {
    {"B", 1},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
    {"KB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", INT64_C(1000000000000)},
    {"", 1},
};

/* A bare number of seconds or milliseconds would be guessed wrong by half of the users. */
static const unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

/* Digits, then one of the units (NULL: nothing). */
static bool read_number(const char *text, const unit *units, size_t unit_count, int64_t *number)
{
    if (!isdigit((unsigned char)*text))
        return false;
    int64_t value = 0;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
            return false;
    if (units == NULL) {
        *number = value;
        return *text == '\0';
    }
    while (*text == ' ')
        text++;
    if (value == 0 && *text == '\0') {
        *number = 0;
        return true;
    }
    for (size_t i = 0; i < unit_count; i++)
        if (strcasecmp(text, units[i].name) == 0)
            return !__builtin_mul_overflow(value, units[i].factor, number);
    return false;
}

static bool read_switch(const char *text, int64_t *number)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *number = i % 2;
            return true;
        }
    }
    return false;
}

static bool read_choice(const char *choices, const char *text, int64_t *number)
{
    size_t length = strlen(text);
    for (int64_t index = 0; *choices != '\0'; index++) {
        size_t word = strcspn(choices, "|");
        if (word == length && strncasecmp(choices, text, length) == 0) {
            *number = index;
            return true;
        }
        choices += word;
        choices += *choices == '|';
    }
    return false;
}

bool option_read(const option_row *row, const char *text, int64_t *number)
{
    bool read;
    switch (row->type) {
    case OPTION_TYPE_SWITCH:
        return read_switch(text, number);
    case OPTION_TYPE_CHOICE:
        return read_choice(row->choices, text, number);
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_BYTES:
    case OPTION_TYPE_DURATION:
        if (row->zero_word != NULL && strcasecmp(text, row->zero_word) == 0) {
            *number = 0;
            return true;
        }
        if (row->type == OPTION_TYPE_BYTES)
            read = read_number(text, byte_units, sizeof byte_units / sizeof byte_units[0], number);
        else if (row->type == OPTION_TYPE_DURATION)
            read =
                read_number(text, duration_units, sizeof duration_units / sizeof duration_units[0], number);
        else
            read = read_number(text, NULL, 0, number);
        return read && *number >= row->minimum && *number <= row->maximum;
    case OPTION_TYPE_TEXT:
    case OPTION_TYPE_PATH:
        *number = 0;
        return *text != '\0' || row->takes_empty;
    }
    return false;
}

static void write_bytes(int64_t bytes, char *out, size_t room)
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    while (bytes != 0 && bytes % 1024 == 0 && i + 1 < sizeof names / sizeof names[0]) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, room, "%lld%s", (long long)bytes, names[i]);
}

static void write_duration(int64_t ms, char *out, size_t room)
{
    if (ms == 0)
        snprintf(out, room, "0");
    else if (ms % 3600000 == 0)
        snprintf(out, room, "%lldh", (long long)(ms / 3600000));
    else if (ms % 1000 == 0)
        snprintf(out, room, "%llds", (long long)(ms / 1000));
    else
        snprintf(out, room, "%lldms", (long long)ms);
}

static void write_choices(const char *choices, char *out, size_t room)
{
    size_t used = 0;
    for (const char *c = choices; *c != '\0' && used + 6 < room; c++) {
        if (*c != '|')
            out[used++] = *c;
        else
            used += (size_t)snprintf(out + used, room - used, strchr(c + 1, '|') == NULL ? " or " : ", ");
    }
    out[used] = '\0';
}

void option_describe_values(const option_row *row, char *out, size_t room)
{
    char low[32], high[32], word[32] = "";
    if (row->zero_word != NULL)
        snprintf(word, sizeof word, "%s, or ", row->zero_word);
    switch (row->type) {
    case OPTION_TYPE_NUMBER:
        snprintf(out, room, "%sa whole number from %lld to %lld", word, (long long)row->minimum,
                 (long long)row->maximum);
        break;
    case OPTION_TYPE_BYTES:
        write_bytes(row->minimum, low, sizeof low);
        write_bytes(row->maximum, high, sizeof high);
        snprintf(out, room, "%sa number of bytes such as 512KiB, 8MiB or 2GB, from %s to %s", word, low,
                 high);
        break;
    case OPTION_TYPE_DURATION:
        write_duration(row->minimum, low, sizeof low);
        write_duration(row->maximum, high, sizeof high);
        snprintf(out, room, "%sa duration such as 500ms, 10s or 2m, from %s to %s", word, low, high);
        break;
    case OPTION_TYPE_SWITCH:
        snprintf(out, room, "true or false");
        break;
    case OPTION_TYPE_CHOICE:
        write_choices(row->choices, out, room);
        break;
    case OPTION_TYPE_TEXT:
        snprintf(out, room, row->takes_empty ? "a text" : "a text that is not empty");
        break;
    case OPTION_TYPE_PATH:
        snprintf(out, room, "a path");
        break;
    }
}

void option_value_name(const option_row *row, char *out, size_t room)
{
    static const char *const names[] = {
        [OPTION_TYPE_TEXT] = "TEXT",   [OPTION_TYPE_PATH] = "FILE",         [OPTION_TYPE_NUMBER] = "NUMBER",
        [OPTION_TYPE_BYTES] = "BYTES", [OPTION_TYPE_DURATION] = "DURATION", [OPTION_TYPE_SWITCH] = "",
    };
    if (row->value_name != NULL)
        snprintf(out, room, "%s", row->value_name);
    else if (row->type == OPTION_TYPE_CHOICE)
        snprintf(out, room, "%s", row->choices);
    else
        snprintf(out, room, "%s", names[row->type]);
}

void option_set(const option_row *row, void *settings, const char *text, int64_t number)
{
    char *member = (char *)settings + row->place;
    if (row->size == 0)
        return;
    if (row->type == OPTION_TYPE_TEXT || row->type == OPTION_TYPE_PATH) {
        memcpy(member, &text, sizeof text);
        return;
    }
    const int64_t value = number * row->unit; /* a row's maximum is chosen so that it fits */
    const uint32_t value_32 = (uint32_t)value;
    const uint16_t value_16 = (uint16_t)value;
    const bool truth = value != 0;
    const void *from = row->type == OPTION_TYPE_SWITCH ? (const void *)&truth
                       : row->size == sizeof value_16  ? (const void *)&value_16
                       : row->size == sizeof value_32  ? (const void *)&value_32
                                                       : (const void *)&value;
    memcpy(member, from, row->size);
}

void option_set_defaults(const option_row *rows, size_t count, void *settings)
{
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        if (rows[i].default_text != NULL && option_read(&rows[i], rows[i].default_text, &number))
            option_set(&rows[i], settings, rows[i].default_text, number);
    }
}

bool file_mode_parse(const char *text, unsigned *mode)
{
    const char *digits = text[0] == '0' && strlen(text) == 4 ? text + 1 : text;
    if (strlen(digits) != 3 || strspn(digits, "01234567") != 3)
        return false;
    *mode = (unsigned)(digits[0] - '0') << 6 | (unsigned)(digits[1] - '0') << 3 | (unsigned)(digits[2] - '0');
    return true;
}

bool file_mode_check(const char *text, char *must_be, size_t room)
{
    unsigned mode;
    snprintf(must_be, room, "permissions in three octal digits, such as 660 or 600");
    return file_mode_parse(text, &mode);
}
