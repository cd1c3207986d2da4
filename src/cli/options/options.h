/* The options of every command: one table, four sources.
 *
 * A row of the table is a flag, an AKIDB_* variable and a key of the config file at once; parsing, error messages, --help,
 * --print-config and docs/OPTIONS.md all come from it. A value is looked up in this order: flag, variable, [command]
 * section of the config file, its part before the first section, default. What is given is checked wherever it stands, and an
 * error names the source: "AKIDB_PORT=99999: must be a whole number from 0 to 65535". */
#ifndef CLI_OPTIONS_OPTIONS_H
#define CLI_OPTIONS_OPTIONS_H

#include "akidb/embed.h"
#include "base/buf.h"

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

typedef enum option_id {
    OPTION_MODEL,
    OPTION_REVISION,
    OPTION_CACHE_FOLDER,
    OPTION_OFFLINE,
    OPTION_PRECISION,
    OPTION_CPU_TIER,
    OPTION_THREADS,
    OPTION_PIN,
    OPTION_WEIGHTS_CACHE,
    OPTION_DEVICE,
    OPTION_DEVICE_PLUGIN,
    OPTION_DEVICE_TIMEOUT,
    OPTION_CPU_FALLBACK,
    OPTION_FALLBACK_CACHE_MB,
    OPTION_BREAKER_FAILURES,
    OPTION_BREAKER_WINDOW,
    OPTION_BREAKER_COOLDOWN,
    OPTION_BREAKER_COOLDOWN_MAX,
    OPTION_BREAKER_COOLDOWN_JITTER,
    OPTION_BREAKER_SUCCESSES,
    OPTION_BREAKER_PROBES,
    OPTION_RETRY_ATTEMPTS,
    OPTION_RETRY_DELAY,
    OPTION_HOST,
    OPTION_PORT,
    OPTION_UNIX_SOCKET,
    OPTION_UNIX_SOCKET_MODE,
    OPTION_MODEL_NAME,
    OPTION_MODELS,
    OPTION_MODELS_MEMORY_MB,
    OPTION_MODEL_LOADS,
    OPTION_MODEL_LOAD_TIMEOUT,
    OPTION_KEEP_ALIVE,
    OPTION_REQUEST_TIMEOUT,
    OPTION_MAX_REQUEST_TIME,
    OPTION_INFERENCE_TIMEOUT,
    OPTION_BATCH_WINDOW,
    OPTION_CACHE_MB,
    OPTION_HEADER_TIMEOUT,
    OPTION_IDLE_TIMEOUT,
    OPTION_WRITE_TIMEOUT,
    OPTION_DRAIN_DELAY,
    OPTION_DRAIN_TIMEOUT,
    OPTION_ADMIN_PORT,
    OPTION_ADMIN_HOST,
    OPTION_STUCK_TIMEOUT,
    OPTION_PROBE_INTERVAL,
    OPTION_HTTP_THREADS,
    OPTION_TLS_CERTIFICATE,
    OPTION_TLS_KEY,
    OPTION_TLS_CLIENT_CA,
    OPTION_TLS_OCSP,
    OPTION_API_KEYS,
    OPTION_CORS_ORIGIN,
    OPTION_UI,
    OPTION_H2C,
    OPTION_TOKEN_IDS,
    OPTION_CL100K_FILE,
    OPTION_MAX_TEXTS,
    OPTION_MAX_BODY_BYTES,
    OPTION_MAX_HEADER_BYTES,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_CONNECTIONS_PER_ADDRESS,
    OPTION_MIN_BODY_RATE,
    OPTION_MAX_QUEUE_REQUESTS,
    OPTION_MAX_QUEUE_TOKENS,
    OPTION_MAX_QUEUE_WAIT,
    OPTION_ADAPTIVE_LIMIT,
    OPTION_MEMORY_LIMIT,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_ACCESS_LOG_RATE,
    OPTION_SLOW_REQUEST,
    OPTION_LOG_TEXTS,
    OPTION_TRACE_TRUST_PARENT,
    OPTION_INPUT,
    OPTION_INPUT_FORMAT,
    OPTION_FIELD,
    OPTION_COLUMN,
    OPTION_DELIMITER,
    OPTION_HEADER,
    OPTION_SKIP_EMPTY,
    OPTION_ON_ERROR,
    OPTION_SKIPPED,
    OPTION_MAX_LINE_BYTES,
    OPTION_OUTPUT,
    OPTION_OUTPUT_FORMAT,
    OPTION_RESTART,
    OPTION_POOLING,
    OPTION_NORMALIZE,
    OPTION_DIMENSIONS,
    OPTION_PROMPT_NAME,
    OPTION_PROMPT,
    OPTION_TRUNCATE,
    OPTION_BATCH_TEXTS,
    OPTION_QUERY,
    OPTION_TOP_N,
    OPTION_SCORES,
    OPTION_MAX_LENGTH,
    OPTION_LENGTH,
    OPTION_CORPUS,
    OPTION_SECONDS,
    OPTION_ALL_PRECISIONS,
    OPTION_SERVER,
    OPTION_JSON,
    OPTION_CONFIG,
    OPTION_PRINT_CONFIG,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_TOTAL
} option_id;

typedef enum option_type {
    OPTION_TYPE_TEXT,
    OPTION_TYPE_PATH,
    OPTION_TYPE_NUMBER,   /* whole, minimum .. maximum */
    OPTION_TYPE_BYTES,    /* 8MiB; minimum .. maximum in bytes */
    OPTION_TYPE_DURATION, /* 10s; minimum .. maximum in milliseconds */
    OPTION_TYPE_SWITCH,   /* --flag, --no-flag; true or false elsewhere */
    OPTION_TYPE_CHOICE,   /* one of `choices`; the number is its index */
} option_type;

typedef struct option_row {
    const char *section;        /* heading in --help and in the docs */
    const char *flag;           /* "port", without dashes; the config key is the same with '_' */
    const char *variable;       /* "AKIDB_PORT"; NULL = flag only, on the command line only */
    const char *other_variable; /* read where `variable` is not set; NULL = none */
    option_type type;
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
} option_row;

/* [OPTION_TOTAL] */
extern const option_row option_table[];

typedef enum option_source {
    OPTION_FROM_DEFAULT,
    OPTION_FROM_FILE,
    OPTION_FROM_VARIABLE,
    OPTION_FROM_FLAG,
} option_source;

typedef struct option_value {
    option_source source;
    char *text;     /* as written; NULL = not given and no default */
    char *origin;   /* "--port", "AKIDB_PORT", "akidb.ini line 3"; NULL for a default */
    int64_t number; /* for all types but TEXT and PATH */
} option_value;

typedef struct options {
    command_id command;
    option_value values[OPTION_TOTAL];
    char *
        argument; /* what stands beside the options ("pull <id>"), behind the verb if there is one; or NULL */
} options;

/* Resolves all sources for `command`. arguments: what follows the command's name. environment: as environ. --help among
 * the flags ends the work early with success. Free with options_free, also after a failure.
 * Errors: AKI_INVALID_ARGUMENT (bad option, value, variable or config file), AKI_IO_ERROR (config file not readable),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status options_resolve(options *o, command_id command, int argument_count,
                                          const char *const *arguments, const char *const *environment,
                                          aki_error *error);
void options_free(options *o);

const char *option_text(const options *o, option_id id); /* NULL = not given and no default */
int64_t option_number(const options *o, option_id id);
size_t option_size(const options *o, option_id id);
bool option_on(const options *o, option_id id);
bool option_given(const options *o, option_id id); /* from any source but the default */

/* True when the command has this option. */
bool option_taken_by(option_id id, command_id command);

/* True when the command takes the option several times. */
bool option_repeats(option_id id, command_id command);

/* The row with this flag (without dashes) or config key; OPTION_TOTAL = none. */
option_id option_by_flag(const char *name, size_t length);
option_id option_by_key(const char *key);
/* Writes the config key of a row. */
void option_key(option_id id, char *key, size_t room);

/* Parses one value. label: how the error names it ("AKIDB_PORT=99999"). out gets text and number only.
 * Errors: AKI_INVALID_ARGUMENT, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status option_parse(option_id id, const char *label, const char *text, option_value *out,
                                       aki_error *error);
/* Writes what values the row takes: "a whole number from 0 to 65535". */
void option_describe_values(option_id id, char *out, size_t room);
/* Writes the word that stands for a value in help ("NUMBER", "auto|fp32"); nothing for a switch. */
void option_value_name(const option_row *row, char *out, size_t room);

/* Reads a config file and sets the values of `o->command` that are not yet from a higher source.
 * Errors as options_resolve. */
AKI_MUST_CHECK aki_status options_read_file(options *o, const char *path, aki_error *error);

/* Stores a parsed value with its origin; label as in option_parse. */
AKI_MUST_CHECK aki_status options_store(options *o, option_id id, option_source source, const char *origin,
                                        const char *label, const char *text, aki_error *error);

#endif
