/* Options of the dialects: token ids, texts in one request. base/option.h explains the rows. */
#ifndef API_OPTION_LIST_H
#define API_OPTION_LIST_H

#include "base/option.h"

#define API_DIALECT_OPTIONS(OPTION, SETTING)                                                                 \
    OPTION(TOKEN_IDS, "token-ids", "Dialects", CHOICE, BY_SERVE, .choices = "reject|native|cl100k",          \
           .default_text = "reject",                                                                         \
           .help = "token ids in the place of texts in OpenAI's dialect: native takes them as "              \
                   "this model's own, cl100k turns them back into text by --cl100k-file, which "             \
                   "is right for clients that count by that vocabulary, as LangChain does "                  \
                   "unless told otherwise")                                                                  \
    OPTION(CL100K_FILE, "cl100k-file", "Dialects", PATH, BY_SERVE,                                           \
           .help = "the vocabulary for --token-ids cl100k: tiktoken's cl100k_base.tiktoken, "                \
                   "which scripts/get-cl100k fetches")

#define API_LIMIT_OPTIONS(OPTION, SETTING)                                                                   \
    SETTING(MAX_TEXTS, "max-texts", "Limits", NUMBER, BY_SERVE, size_t, max_texts, 1, .minimum = 1,          \
            .maximum = 1000000, .default_text = "2048", .help = "texts in one request; more is 400")

#endif
