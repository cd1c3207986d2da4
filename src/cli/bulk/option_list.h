/* Options of embed, rerank and tokenize: input, output, pooling, scores. base/option.h explains the rows. */
#ifndef CLI_BULK_OPTION_LIST_H
#define CLI_BULK_OPTION_LIST_H

#include "base/option.h"

#define BULK_OPTIONS(OPTION, SETTING)                                                                        \
    OPTION(INPUT, "input", "Input", PATH, BY_TEXT_READERS, .default_text = "-", .value_name = "FILE",        \
           .help = "file with the texts; - is stdin")                                                        \
    OPTION(INPUT_FORMAT, "input-format", "Input", CHOICE, BY_TEXT_READERS,                                   \
           .choices = "auto|lines|jsonl|csv", .default_text = "auto",                                        \
           .help = "how the input holds the texts; auto goes by the file's ending: .jsonl, "                 \
                   ".ndjson and .json are jsonl (an object on each line, not one array), .csv "              \
                   "and .tsv are csv, everything else and stdin are lines")                                  \
    OPTION(FIELD, "field", "Input", TEXT, BY_TEXT_READERS, .default_text = "text", .value_name = "NAME",     \
           .help = "jsonl: the field that holds the text")                                                   \
    OPTION(COLUMN, "column", "Input", TEXT, BY_TEXT_READERS, .value_name = "NAME|NUMBER",                    \
           .help = "csv: the column that holds the text, by its name in the header row or by "               \
                   "its number from 1; without it the column called text, or the only one")                  \
    OPTION(DELIMITER, "delimiter", "Input", CHOICE, BY_TEXT_READERS,                                         \
           .choices = "auto|comma|semicolon|tab|pipe", .default_text = "auto",                               \
           .help = "csv: what stands between columns; auto is told from the first row, and "                 \
                   "where that does not tell it is tab for .tsv, else comma")                                \
    OPTION(HEADER, "header", "Input", SWITCH, BY_TEXT_READERS, .default_text = "true",                       \
           .help = "csv: the first row holds the names of the columns")                                      \
    OPTION(SKIP_EMPTY, "skip-empty", "Input", SWITCH, BY_TEXT_READERS, .default_text = "false",              \
           .help = "leave empty texts out and count them, instead of stopping at the first")                 \
    OPTION(ON_ERROR, "on-error", "Input", CHOICE, BY_TEXT_READERS, .choices = "fail|skip",                   \
           .default_text = "fail",                                                                           \
           .help = "at an input that cannot be used (not UTF-8, no such field, empty): stop and "            \
                   "say which, or leave it out, name it at the end and exit with 3")                         \
    OPTION(SKIPPED, "skipped", "Input", PATH, BY_TEXT_READERS, .value_name = "FILE",                         \
           .help = "file that lists the texts left out as JSONL: index, line, error, message; "              \
                   "without it OUTPUT.skipped.jsonl, where --output is a file and texts are "                \
                   "left out")                                                                               \
    OPTION(MAX_LINE_BYTES, "max-line-bytes", "Input", BYTES, BY_TEXT_READERS, .minimum = 16,                 \
           .maximum = OPTION_GIB(1), .default_text = "8MiB",                                                 \
           .help = "longest line, or CSV row, that is accepted")                                             \
    OPTION(OUTPUT, "output", "Output", PATH, BY_EMBED, .default_text = "-", .value_name = "FILE",            \
           .help = "file for the vectors; - is stdout. A file appears under its name when it is "            \
                   "complete; until then it is FILE.partial, and the same command continues an "             \
                   "interrupted run")                                                                        \
    OPTION(OUTPUT_FORMAT, "output-format", "Output", CHOICE, BY_EMBED, .choices = "auto|jsonl|npy|fvecs",    \
           .default_text = "auto",                                                                           \
           .help = "form of the vectors; auto goes by the file's ending, stdout is jsonl")                   \
    OPTION(OUTPUT_KIND, "output-kind", "Output", CHOICE, BY_EMBED, .choices = "dense|sparse|tokens",         \
           .default_text = "dense",                                                                          \
           .help = "one vector per text; or weights of token ids, of a model that has them; or a "           \
                   "vector per token. The latter two are written as jsonl only")                             \
    OPTION(RESTART, "restart", "Output", SWITCH, BY_EMBED, .default_text = "false",                          \
           .help = "begin anew instead of continuing what an interrupted run left")                          \
    OPTION(POOLING, "pooling", "Embedding", CHOICE, BY_EMBED,                                                \
           .choices = "model|mean|cls|max|lasttoken|mean_sqrt_len_tokens|weightedmean",                      \
           .default_text = "model",                                                                          \
           .help = "how the vectors of a text's tokens become one; model is what its files say")             \
    OPTION(NORMALIZE, "normalize", "Embedding", SWITCH, BY_EMBED,                                            \
           .help = "scale vectors to length 1, or with --no-normalize do not; without either, "              \
                   "what the model's files say")                                                             \
    OPTION(DIMENSIONS, "dimensions", "Embedding", NUMBER, BY_EMBED, .minimum = 1, .maximum = 65536,          \
           .zero_word = "model", .default_text = "model",                                                    \
           .help = "numbers of each vector, at most the model's: the first ones, normalised "                \
                   "again. For models that were trained for it (Matryoshka)")                                \
    OPTION(PROMPT_NAME, "prompt-name", "Embedding", TEXT, BY_EMBED, .value_name = "NAME",                    \
           .help = "prompt of the model that stands before each text, such as query or "                     \
                   "document; without it the model's default prompt, if it has one")                         \
    OPTION(PROMPT, "prompt", "Embedding", TEXT, BY_EMBED, .value_name = "TEXT", .takes_empty = true,         \
           .help = "text that stands before each text, instead of a prompt of the model; the "               \
                   "empty string is no prompt at all")                                                       \
    OPTION(TRUNCATE, "truncate", "Embedding", SWITCH, BY_EMBED | BY_RERANK, .default_text = "true",          \
           .help = "cut texts at the model's limit of tokens and count them; --no-truncate "                 \
                   "refuses them")                                                                           \
    OPTION(BATCH_TEXTS, "batch-texts", "Embedding", NUMBER, BY_EMBED, .minimum = 1, .maximum = 65536,        \
           .zero_word = "auto", .default_text = "auto",                                                      \
           .help = "texts that are read, computed and written together; auto goes by the "                   \
                   "threads. Vectors do not depend on it")                                                   \
    OPTION(QUERY, "query", "Reranking", TEXT, BY_RERANK, .value_name = "TEXT",                               \
           .help = "what the texts are ranked by")                                                           \
    OPTION(INSTRUCTION, "instruction", "Reranking", TEXT, BY_RERANK, .value_name = "TEXT",                   \
           .help = "what a language model that ranks (Qwen3-Reranker) is told to look for, in the place "    \
                   "of the model's own instruction; other models take none")                                 \
    OPTION(TOP_N, "top-n", "Reranking", NUMBER, BY_RERANK, .maximum = 1000000000, .zero_word = "all",        \
           .default_text = "all", .help = "write only this many texts, the best ones")                       \
    OPTION(SCORES, "scores", "Reranking", CHOICE, BY_RERANK, .choices = "model|raw|probability",             \
           .default_text = "model",                                                                          \
           .help = "what becomes of the model's logits: model is what its configuration says, "              \
                   "raw the logits as they are, probability their sigmoid, from 0 to 1")                     \
    OPTION(MAX_LENGTH, "max-length", "Tokens", NUMBER, BY_TOKENIZE, .minimum = 2, .maximum = 1000000000,     \
           .zero_word = "none", .default_text = "none",                                                      \
           .help = "cut after this many tokens, [CLS] and [SEP] included")

#endif
