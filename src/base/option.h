/* Options of the program: how the room that uses one declares it.
 *
 * A room lists its options in its option_list.h, each once, as a macro that is expanded with two others:
 *
 *     #define HTTP_THREAD_OPTIONS(OPTION, SETTING) \
 *         SETTING(HTTP_THREADS, "http-threads", "Service", NUMBER, BY_SERVE, unsigned, http_threads, 1, \
 *             .minimum = 1, .maximum = 256, .default_text = "2", .help = "threads that read requests")
 *
 * The columns: the name behind AKIDB_ in the variable and behind OPTION_ in the code, the flag without dashes, the heading in
 * --help, the type, the commands that take it, then fields of option_row. A SETTING is a member of the server's settings as well:
 * before those fields stand its C type, its name, and what one of the option's units is in it (1000000 where the option counts
 * megabytes and the member bytes). The server's struct, its defaults, the parser, --help, the config keys, docs/OPTIONS.md, the man
 * pages and the completions are made of these lists. A new option in an existing list needs no other file, unless it is an OPTION,
 * which is read where it is used: option_text(o, OPTION_HOST). */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program's commands. */
typedef enum command_id {
    COMMAND_SERVE,
    COMMAND_EMBED,
    COMMAND_RERANK,
    COMMAND_TOKENIZE,
    COMMAND_PULL,
    COMMAND_MODELS,
    COMMAND_DOCTOR,
    COMMAND_BENCH,
    COMMAND_TOTAL
} command_id;

/* For option_row.commands. */
#define BY_SERVE (1U << COMMAND_SERVE)
#define BY_EMBED (1U << COMMAND_EMBED)
#define BY_RERANK (1U << COMMAND_RERANK)
#define BY_TOKENIZE (1U << COMMAND_TOKENIZE)
#define BY_PULL (1U << COMMAND_PULL)
#define BY_MODELS (1U << COMMAND_MODELS)
#define BY_DOCTOR (1U << COMMAND_DOCTOR)
#define BY_BENCH (1U << COMMAND_BENCH)
#define BY_COMPUTERS (BY_SERVE | BY_EMBED | BY_RERANK | BY_DOCTOR | BY_BENCH)
#define BY_MODEL_READERS (BY_COMPUTERS | BY_TOKENIZE)
#define BY_TEXT_READERS (BY_EMBED | BY_RERANK | BY_TOKENIZE)
#define BY_ALL ((1U << COMMAND_TOTAL) - 1)

#define OPTION_KIB(n) (INT64_C(n) << 10)
#define OPTION_MIB(n) (INT64_C(n) << 20)
#define OPTION_GIB(n) (INT64_C(n) << 30)
#define OPTION_HOUR_MS INT64_C(3600000)

/* For a default that code needs as well: OPTION_QUOTED(LIMIT) "s" is "30s" where LIMIT is 30. */
#define OPTION_QUOTED(number) OPTION_QUOTED_AS_IS(number)
#define OPTION_QUOTED_AS_IS(number) #number

typedef enum option_kind {
    OPTION_TYPE_TEXT,
    OPTION_TYPE_PATH,
    OPTION_TYPE_NUMBER,   /* whole, minimum .. maximum */
    OPTION_TYPE_BYTES,    /* 8MiB; minimum .. maximum in bytes */
    OPTION_TYPE_DURATION, /* 10s; minimum .. maximum in milliseconds */
    OPTION_TYPE_SWITCH,   /* --flag, --no-flag; true or false elsewhere */
    OPTION_TYPE_CHOICE,   /* one of `choices`; the number is its index */
} option_kind;

typedef struct option_row {
    const char *section;        /* heading in --help and in the docs */
    const char *flag;           /* "port", without dashes; the config key is the same with '_' */
    const char *variable;       /* "AKIDB_PORT"; NULL = flag only, on the command line only */
    const char *other_variable; /* read where `variable` is not set; NULL = none */
    option_kind type;
    unsigned commands; /* bit 1 << command_id for each command that takes it */
    int64_t minimum, maximum;
    const char *zero_word;    /* a word that means 0 ("none"), or NULL */
    const char *choices;      /* "auto|fp32" */
    const char *default_text; /* as a user would write it; NULL = none */
    const char *value_name;   /* "FOLDER"; NULL = from the type */
    const char *help;         /* one sentence without a full stop */
    bool takes_empty;         /* of a text: the empty string is one */
    unsigned repeats; /* bits of the commands that take it several times: its text has a line for each */
    /* Further check of a text, or NULL. On refusal writes what it must be. */
    bool (*check)(const char *text, char *must_be, size_t room);
    size_t place, size; /* of its member in the settings; size 0 = it is in none */
    int64_t unit;       /* of the member, in one of the option; for numbers */
} option_row;

/* Initialisers of a row. */
#define OPTION_ROW(ID, name, heading, kind, who, ...)                                                        \
    {                                                                                                        \
        .flag = name, .variable = "AKIDB_" #ID, .section = heading, .type = OPTION_TYPE_##kind,              \
        .commands = who, __VA_ARGS__                                                                         \
    }
#define SETTING_ROW(settings, ID, name, heading, kind, who, held_as, member, factor, ...)                    \
    OPTION_ROW(ID, name, heading, kind, who, .place = offsetof(settings, member),                            \
               .size = sizeof(((settings *)NULL)->member), .unit = factor, __VA_ARGS__)

/* Expansions of the lists: a member of a struct, nothing. */
#define SETTING_MEMBER(ID, name, heading, kind, who, held_as, member, ...) held_as member;
#define OPTION_NOTHING(...)

/* Reads a value; *number is 0 for texts and paths. False where the row does not accept it. Does not call row->check. */
bool option_read(const option_row *row, const char *text, int64_t *number);
/* Sets the row's member in the settings, which keep the pointer to a text. Nothing where the row has none. */
void option_set(const option_row *row, void *settings, const char *text, int64_t number);
/* Sets the members of all rows that have a default to it. */
void option_set_defaults(const option_row *rows, size_t count, void *settings);

/* Writes what values the row takes: "a whole number from 0 to 65535". */
void option_describe_values(const option_row *row, char *out, size_t room);
/* Writes the word that stands for a value in help ("NUMBER", "auto|fp32"); nothing for a switch. */
void option_value_name(const option_row *row, char *out, size_t room);

/* Permission bits of files as chmod takes them: "660", "0600". */

/* False, and *mode untouched, where the text is not three octal digits, or four with a leading 0. */
bool file_mode_parse(const char *text, unsigned *mode);

/* The check of --unix-socket-mode (base/option.h). */
bool file_mode_check(const char *text, char *must_be, size_t room);

#endif
