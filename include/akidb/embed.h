/* akidb/embed.h - text embeddings in process: the public C API of libakidb_embed.
 *
 * A complete use, from a folder that holds a sentence-transformers model as published:
 *
 *     #include <akidb/embed.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *     #include <string.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         aki_model *model = NULL;
 *         aki_error error;
 *         if (argc != 2 || aki_open(&model, argv[1], NULL, &error) != AKI_OK) {
 *             fprintf(stderr, "%s\n%s\n", error.message, error.hint);
 *             return 1;
 *         }
 *         const char *words[] = {"a cat sits on the mat", "ein Satz auf Deutsch"};
 *         aki_text texts[2] = {{words[0], strlen(words[0])}, {words[1], strlen(words[1])}};
 *         float *vectors = malloc(2 * aki_dimension(model) * sizeof(float)); // [2][dimension]
 *         if (aki_embed(model, texts, 2, NULL, vectors, NULL, &error) != AKI_OK)
 *             fprintf(stderr, "%s\n%s\n", error.message, error.hint);
 *         free(vectors);
 *         aki_close(&model);
 *     }
 *
 * Rules that hold for every function
 *   - A model handle may be used from any number of threads at once; only aki_close needs to be alone with it.
 *   - The library never writes to stdout or stderr, never exits, never reads the environment. It reports
 *     through return values, the caller's aki_error, and the log callback of the settings.
 *   - Texts are UTF-8 with an explicit length; they need no terminating NUL and may contain U+0000.
 *   - A text's vector depends on the text, the model, the precision and the CPU tier only: it is bit-identical
 *     whatever other texts stand in the same call or are embedded by other threads.
 *   - Where aki_error * is taken, NULL is allowed. On success the error is left untouched.
 *   - A program compiled with an older or a newer header of version 2 works with this library. Each call that takes a
 *     struct which may grow also takes the size of that struct in the caller's header: these are the functions whose
 *     names end in _sized, and the inline functions that call them. The library writes no byte beyond that size.
 *     A caller with a newer header may have a longer struct than the library. The library fills the rest with zeros
 *     where it writes, and where it reads the rest must be zero: else the call fails with AKI_INVALID_ARGUMENT.
 *     Languages that do not read this header, and callers that use dlsym, call the _sized functions.
 *     New fields are added behind the present end of a struct, padding included.
 *     aki_error, aki_text, aki_tokens and aki_token_vectors never grow.
 *   - Anything not declared here is not part of the interface.
 *
 * What the library does to its process
 *   - aki_open installs a SIGBUS handler, so that a model file that is cut while it is mapped fails the call, not the
 *     process. Any other SIGBUS goes to the handler that was there before, with that handler's flags and mask. The
 *     handler stays installed: the library is linked with -z nodelete, so dlclose leaves it loaded. A handler that the
 *     host installs later should pass on faults that are not its own; the next aki_open installs the library's again in
 *     front of it.
 *   - Its threads block all signals but SIGBUS, SIGSEGV, SIGFPE, SIGILL and SIGTRAP.
 *   - On CPUs with AMX it asks the kernel once for the process's permission to use it.
 *   - Nothing else: no atexit, no pthread_atfork, no locale, no environment, no hooks in the libraries that it uses.
 *   - fork: a handle from before a fork can be used in the parent only, because fork does not copy threads. In the child
 *     aki_embed fails with AKI_FORKED for it, and aki_close drops it without freeing its memory. A handle that the child
 *     opens itself works as usual. exec closes the descriptors of model files.
 *   - Jansson, which reads JSON files for aki_open, may write beyond a buffer where the allocator refuses it a few bytes.
 *     To make that unlikely, the library first allocates more memory than the file can need, and frees it again. Where
 *     that allocation is refused, aki_open fails with AKI_OUT_OF_MEMORY.
 */
#ifndef AKIDB_EMBED_H
#define AKIDB_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AKI_API __attribute__((visibility("default")))
#define AKI_MUST_CHECK __attribute__((warn_unused_result))
#else
#define AKI_API
#define AKI_MUST_CHECK
#endif

/* ---- Errors ------------------------------------------------------------------------------------------- */

/* X(symbol, number, name, text, default hint). Numbers are stable; new ones are only appended. */
#define AKI_STATUS_TABLE(X)                                                                                  \
    X(AKI_OK, 0, "ok", "no error", "")                                                                       \
    X(AKI_INVALID_ARGUMENT, 1, "invalid_argument", "an argument is not valid",                               \
      "Correct the argument named in the message.")                                                          \
    X(AKI_EMPTY_TEXT, 2, "empty_text", "a text is the empty string",                                         \
      "Leave empty texts out, or send at least one character.")                                              \
    X(AKI_INVALID_UTF8, 3, "invalid_utf8", "a text is not valid UTF-8",                                      \
      "Encode the text as UTF-8; the message names the first bad byte.")                                     \
    X(AKI_TEXT_TOO_LONG, 4, "text_too_long", "a text has more tokens than the model takes",                  \
      "Shorten or split the text, or allow truncation.")                                                     \
    X(AKI_MODEL_NOT_FOUND, 5, "model_not_found", "the model, or a file of it, is missing",                   \
      "Check the folder's name, or download the model with `akidb-embed pull <id>`.")                        \
    X(AKI_MODEL_INVALID, 6, "model_invalid", "a model file is damaged or contradicts itself",                \
      "Download the model again; the message names the file and what is wrong with it.")                     \
    X(AKI_MODEL_UNSUPPORTED, 7, "model_unsupported", "the model is of a kind this program does not run",     \
      "Use a model of a family that docs/MODELS.md lists, with safetensors weights.")                        \
    X(AKI_MODEL_CHANGED, 8, "model_changed", "a model file was cut while it was in use",                     \
      "Restore the file and restart; replace model files by rename, never in place.")                        \
    X(AKI_MODEL_DOWNLOAD_FAILED, 9, "model_download_failed", "the model could not be downloaded",            \
      "Check the network and the model's name, or put the files in a folder and pass --model <folder>.")     \
    X(AKI_OUT_OF_MEMORY, 10, "out_of_memory", "memory ran out",                                              \
      "Send fewer or shorter texts at once, or give the process more memory.")                               \
    X(AKI_IO_ERROR, 11, "io_error", "a file could not be read or written",                                   \
      "Check that the path exists, its permissions and the free space on its disk.")                         \
    X(AKI_NOT_FINITE, 12, "not_finite", "a vector came out with NaN or infinity",                            \
      "Where weights are damaged, download the model again; else try --precision fp32.")                     \
    X(AKI_DEADLINE_EXCEEDED, 13, "deadline_exceeded", "the time allowed for the request has passed",         \
      "Retry later, send less at once, or allow more time.")                                                 \
    X(AKI_OVERLOADED, 14, "overloaded", "the service has as much work queued as it accepts",                 \
      "Retry after the time given in Retry-After.")                                                          \
    X(AKI_CANCELLED, 15, "cancelled", "the work was given up before it was done", "Send the request again.") \
    X(AKI_CPU_UNSUPPORTED, 16, "cpu_unsupported", "this CPU lacks the instructions asked for",               \
      "Leave the CPU tier at auto, or name a tier listed by `akidb-embed doctor`.")                          \
    X(AKI_INTERNAL, 17, "internal_error", "something failed that should not",                                \
      "Please report this with the message and the log around it.")                                          \
    X(AKI_UNAVAILABLE, 18, "unavailable", "no device could compute",                                         \
      "Retry later; the log says what the devices failed with.")                                             \
    X(AKI_NO_TOKENS, 19, "no_tokens", "nothing of a text is left for the model",                             \
      "Leave out texts of nothing but white space, control characters or unknown words; this model adds no " \
      "tokens of its own.")                                                                                  \
    X(AKI_REQUEST_TOO_LONG, 20, "request_too_long", "the request's work takes longer than it may",           \
      "Send fewer texts at once, or allow more time; the message says how many can be computed.")            \
    X(AKI_FORKED, 21, "forked", "the model was opened before this process was forked",                       \
      "Open the model in the child process, or start the child with exec.")                                  \
    X(AKI_WRONG_TASK, 22, "wrong_task", "the model does something else than what is asked of it",            \
      "Use a model of the kind that the message names.")

typedef enum aki_status {
#define AKI_STATUS_ENUM(symbol, number, name, text, hint) symbol = number,
    AKI_STATUS_TABLE(AKI_STATUS_ENUM)
#undef AKI_STATUS_ENUM
} aki_status;

#define AKI_NO_INDEX SIZE_MAX

/* Filled by a failing call, owned by the caller. */
typedef struct aki_error {
    aki_status status;
    size_t text_index; /* which text of the call is at fault, or AKI_NO_INDEX */
    char message[512]; /* what happened, NUL-terminated UTF-8 */
    char hint[256];    /* what to do about it, NUL-terminated UTF-8 */
} aki_error;

/* Stable lower-case name ("invalid_utf8") and one-line text of a status. Never NULL, static storage. */
AKI_API const char *aki_status_name(aki_status status);
AKI_API const char *aki_status_text(aki_status status);

/* ---- Settings ----------------------------------------------------------------------------------------- */

typedef enum aki_log_level {
    AKI_LOG_TRACE,
    AKI_LOG_DEBUG,
    AKI_LOG_INFO,
    AKI_LOG_WARN,
    AKI_LOG_ERROR
} aki_log_level;

/* Receives log lines. May be called from any thread, also from several at once. `target` names the part of the
 * library ("model", "kernels"), `message` is NUL-terminated; both are valid during the call only. The callback
 * must not call back into the library. Input texts are never logged. */
typedef void (*aki_log_fn)(void *cookie, aki_log_level level, const char *target, const char *message);

typedef enum aki_precision {
    AKI_PRECISION_AUTO, /* the fastest whose vectors stay within the documented accuracy gate */
    AKI_PRECISION_FP32,
    AKI_PRECISION_BF16, /* products and attention in bf16 with sums in fp32; residuals and norms in fp32 */
    AKI_PRECISION_INT8, /* products in int8, scales per token and per output; AUTO never means it */
    AKI_PRECISION_INT4, /* weights stored in 4 bits, computed with as AUTO does; for memory. AUTO never means it */
} aki_precision;

typedef enum aki_pooling {
    AKI_POOLING_MODEL,         /* as the model's 1_Pooling/config.json says */
    AKI_POOLING_MEAN,          /* mean over all tokens, [CLS] and [SEP] included */
    AKI_POOLING_CLS,           /* the first token */
    AKI_POOLING_MAX,           /* element-wise maximum over all tokens */
    AKI_POOLING_LAST,          /* the last token */
    AKI_POOLING_MEAN_SQRT_LEN, /* sum over all tokens, divided by the square root of their number */
    AKI_POOLING_WEIGHTED_MEAN, /* mean over all tokens in which the n-th one counts n times */
} aki_pooling;

/* Ties each of the model's threads to a CPU of its own, physical cores before their second threads. AUTO: when the
 * threads take all cores that this process may use and no cgroup limits its CPU time. */
typedef enum aki_pin { AKI_PIN_AUTO, AKI_PIN_ON, AKI_PIN_OFF } aki_pin;

typedef struct aki_settings {
    size_t struct_size;      /* set by aki_settings_init: the size that the struct has for the caller */
    aki_precision precision; /* default AKI_PRECISION_AUTO */
    const char *cpu_tier;    /* NULL = best this CPU has; else a name listed by aki_cpu_tiers */
    unsigned threads;        /* 0 = one per core this process may use (affinity, cgroup); at most 1024 */
    size_t max_pass_tokens;  /* 0 = default; tokens that one thread computes at once, one long text apart */
    aki_log_fn log;          /* NULL = silent */
    void *log_cookie;        /* handed to log */
    aki_pin pin;             /* default AKI_PIN_AUTO */
    /* Folder of packed weights, read again at the next open in int8 or int4; NULL = none. Whoever may write there decides
     * what is computed. Nothing in it keeps a model from being opened. */
    const char *weights_cache;
    /* Memory for what texts of a causal model begin with in common, such as an instruction, so that it is computed once; vectors
     * stay bit-identical. 0 = default (128 MB), AKI_NO_PREFIX_CACHE = none. */
    size_t prefix_cache_bytes;
} aki_settings;
#define AKI_NO_PREFIX_CACHE ((size_t)-1)

/* Fills *settings with the defaults. struct_size: the size of the struct in the caller's header. Call it before
 * changing fields. */
AKI_API void aki_settings_init_sized(aki_settings *settings, size_t struct_size);
static inline void aki_settings_init(aki_settings *settings)
{
    aki_settings_init_sized(settings, sizeof *settings);
}

typedef struct aki_text {
    const char *data; /* UTF-8; need not end in NUL */
    size_t length;    /* bytes; 0 is refused as AKI_EMPTY_TEXT */
} aki_text;

/* ---- Model -------------------------------------------------------------------------------------------- */

/* A loaded model with its threads. Opaque, thread-safe. */
typedef struct aki_model aki_model;

/* Loads the model in `folder` (config.json, model.safetensors, tokenizer.json or vocab.txt; and, where present,
 * modules.json with the folders that it names, config_sentence_transformers.json, sentence_bert_config.json). settings
 * NULL = defaults. Blocks while reading.
 * On success *model is a handle that the caller closes; on failure it is NULL.
 * Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED, AKI_CPU_UNSUPPORTED, AKI_INVALID_ARGUMENT,
 * AKI_OUT_OF_MEMORY, AKI_IO_ERROR, AKI_MODEL_CHANGED (a file was cut while it was read). */
AKI_API AKI_MUST_CHECK aki_status aki_open(aki_model **model, const char *folder,
                                           const aki_settings *settings, aki_error *error);

/* Ends the model's threads, frees it and sets *model to NULL. NULL and *model == NULL are allowed. No other call may
 * be using the handle. */
AKI_API void aki_close(aki_model **model);

/* Length of a vector, or number of a classifier's labels; limit of tokens per text or pair ([CLS] and [SEP] included). */
AKI_API size_t aki_dimension(const aki_model *model);
AKI_API size_t aki_max_tokens(const aki_model *model);

/* What was loaded and chosen. Strings live as long as the handle. */
typedef struct aki_model_info {
    const char *architecture;    /* model_type of its config.json: "bert", "mpnet" */
    const char *cpu_tier;        /* tier of the kernels in use, as in aki_cpu_tiers */
    aki_precision precision;     /* never AKI_PRECISION_AUTO */
    aki_pooling default_pooling; /* AKI_POOLING_MODEL: several side by side */
    bool default_normalize;      /* the model's modules.json ends in Normalize */
    unsigned threads;
    bool threads_pinned; /* each is tied to a CPU */
    size_t max_pass_tokens;
    size_t layers, hidden_size, heads, intermediate_size, vocabulary_size;
    size_t weight_bytes;             /* memory that weights take in this process, mapped files included */
    const char *default_prompt_name; /* the prompt that is used where none is asked for; NULL = none */
    size_t token_dimension;          /* of the vectors of aki_embed_tokens */
    bool gives_sparse;               /* aki_embed_sparse can be used */
    size_t prefix_cache_bytes;       /* memory that common beginnings of texts may take; 0 = none are kept */
} aki_model_info;
AKI_API void aki_model_describe_sized(const aki_model *model, aki_model_info *info, size_t info_size);
static inline void aki_model_describe(const aki_model *model, aki_model_info *info)
{
    aki_model_describe_sized(model, info, sizeof *info);
}

/* The model's prompts (config_sentence_transformers.json): name and text of number `index`, which live as long as the
 * handle. False: there are no more. */
AKI_API bool aki_prompt(const aki_model *model, size_t index, const char **name, aki_text *text);

/* Names of the CPU tiers that this build has and this CPU can run, best first, NULL-terminated, static storage. */
AKI_API const char *const *aki_cpu_tiers(void);

/* "2.0.0-rc2" */
AKI_API const char *aki_version(void);

/* ---- Embedding ---------------------------------------------------------------------------------------- */

typedef enum aki_switch { AKI_MODEL_DEFAULT, AKI_ON, AKI_OFF } aki_switch;

typedef struct aki_embed_options {
    aki_pooling pooling;  /* default AKI_POOLING_MODEL */
    aki_switch normalize; /* L2 norm; default AKI_MODEL_DEFAULT */
    bool refuse_long;     /* false: cut a text at the model's limit; true: fail with AKI_TEXT_TOO_LONG */
    /* Numbers of each vector, at most aki_dimension: the vector is cut to its first ones and, unless it is not to be
     * normalised, normalised again. 0 = all of them. */
    size_t dimensions;
    /* The prompt that stands before each text. NULL and no prompt below: the model's default prompt, if it has one. */
    const char *prompt_name;
    aki_text prompt; /* its text, instead of a name; length 0 with data not NULL = no prompt */
    /* NULL = none. Where another thread or a signal handler sets it to other than 0, texts that are not yet being
     * computed are left out, and the call fails with AKI_CANCELLED. It lives until the call returns. */
    const volatile int *cancel;
} aki_embed_options;

typedef struct aki_text_info {
    uint32_t tokens; /* tokens computed, [CLS] and [SEP] included */
    bool truncated;  /* the text had more than the model's limit */
} aki_text_info;

/* Embeds `count` texts. options NULL = all defaults. Writes vectors[i] for texts[i] to `vectors` ([count][dimension]
 * f32, row-major, caller-owned, no alignment needed; dimension is options->dimensions or else aki_dimension) and, when `info` is not NULL, info[i] ([count]). Blocks until
 * done; calls of several threads share the model's threads. All or nothing: on failure the contents of vectors and
 * info are unspecified and error->text_index names the text at fault where there is one.
 * options_size, info_size: of the structs in the caller's header; info's elements are info_size bytes apart.
 * Errors: AKI_INVALID_ARGUMENT (NULL or count 0, options that do not fit the model), AKI_WRONG_TASK (the model gives no vectors), AKI_EMPTY_TEXT,
 * AKI_INVALID_UTF8, AKI_TEXT_TOO_LONG, AKI_NO_TOKENS,
 * AKI_OUT_OF_MEMORY, AKI_NOT_FINITE, AKI_MODEL_CHANGED, AKI_CANCELLED, AKI_FORKED. */
AKI_API AKI_MUST_CHECK aki_status aki_embed_sized(aki_model *model, const aki_text *texts, size_t count,
                                                  const aki_embed_options *options, size_t options_size,
                                                  float *vectors, aki_text_info *info, size_t info_size,
                                                  aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_embed(aki_model *model, const aki_text *texts, size_t count,
                                                  const aki_embed_options *options, float *vectors,
                                                  aki_text_info *info, aki_error *error)
{
    return aki_embed_sized(model, texts, count, options, sizeof *options, vectors, info, sizeof *info, error);
}

/* The vectors of a text's tokens: their last hidden states, special tokens included. Of a model with ColBERT's head (bge-m3's
 * colbert_linear.safetensors) what that makes of them, each normalised, for all tokens but the first. */
typedef struct aki_token_vectors {
    float *vectors; /* [count][token_dimension of aki_model_info] f32, row-major; owned by the struct */
    size_t count;   /* vectors; with ColBERT's head one fewer than tokens */
    bool truncated; /* the text had more than the model's limit */
} aki_token_vectors;

/* Computes a vector for every token of `count` texts, not pooled. options as in aki_embed; of these only the prompt, cancel
 * and refuse_long have an effect. Fills out[0..count), which the caller frees with aki_token_vectors_free; on failure there is
 * nothing to free. All else, and errors, as aki_embed. */
AKI_API AKI_MUST_CHECK aki_status aki_embed_tokens_sized(aki_model *model, const aki_text *texts,
                                                         size_t count, const aki_embed_options *options,
                                                         size_t options_size, aki_token_vectors *out,
                                                         aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_embed_tokens(aki_model *model, const aki_text *texts,
                                                         size_t count, const aki_embed_options *options,
                                                         aki_token_vectors *out, aki_error *error)
{
    return aki_embed_tokens_sized(model, texts, count, options, sizeof *options, out, error);
}
AKI_API void aki_token_vectors_free(aki_token_vectors *vectors, size_t count);

/* Weights of token ids for a text, for an inverted index: SPLADE's of any ids, bge-m3's of the text's own. The score of two texts is
 * the sum, over the ids that both have, of the products of their weights. */
typedef struct aki_sparse_vector {
    int32_t *ids;   /* [count], rising, each below vocabulary_size of aki_model_info; see aki_token_text */
    float *weights; /* [count], all above 0. Both are owned by the struct; NULL where count is 0 */
    size_t count;
    uint32_t tokens; /* computed, [CLS] and [SEP] included */
    bool truncated;  /* the text had more than the model's limit */
} aki_sparse_vector;

/* Weighs token ids for `count` texts. options as in aki_embed; of these only the prompt, cancel and refuse_long have an effect.
 * Fills out[0..count), which the caller frees with aki_sparse_vectors_free; on failure there is nothing to free. Weights
 * depend on the text, the model, the precision and the CPU tier only. Errors: AKI_WRONG_TASK (the model has no weights:
 * gives_sparse of aki_model_info), and as aki_embed. */
AKI_API AKI_MUST_CHECK aki_status aki_embed_sparse_sized(aki_model *model, const aki_text *texts,
                                                         size_t count, const aki_embed_options *options,
                                                         size_t options_size, aki_sparse_vector *out,
                                                         aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_embed_sparse(aki_model *model, const aki_text *texts,
                                                         size_t count, const aki_embed_options *options,
                                                         aki_sparse_vector *out, aki_error *error)
{
    return aki_embed_sparse_sized(model, texts, count, options, sizeof *options, out, error);
}
AKI_API void aki_sparse_vectors_free(aki_sparse_vector *vectors, size_t count);

/* ---- Reranking and classification --------------------------------------------------------------------- */

/* A complete use of a reranker:
 *
 *     const char *query = "how do cats purr", *words[] = {"Cats purr with the larynx.", "Dogs bark."};
 *     aki_text documents[2] = {{words[0], strlen(words[0])}, {words[1], strlen(words[1])}};
 *     float scores[2];
 *     size_t order[2];
 *     if (aki_rerank(model, (aki_text){query, strlen(query)}, documents, 2, NULL, scores, order, NULL, &error) == AKI_OK)
 *         printf("%s (%f)\n", words[order[0]], scores[order[0]]); // the best one
 */

/* The task of a model. */
typedef enum aki_task {
    AKI_TASK_EMBED,    /* aki_embed */
    AKI_TASK_CLASSIFY, /* aki_classify; with one label it is a reranker: aki_rerank */
    AKI_TASK_SPARSE,   /* aki_embed_sparse alone; a model of AKI_TASK_EMBED may have it too (gives_sparse) */
} aki_task;
AKI_API aki_task aki_model_task(const aki_model *model);

/* The name of a classifier's label `index`; NULL: there are no more. Their number is aki_dimension. Lives as long as the handle. */
AKI_API const char *aki_label(const aki_model *model, size_t index);

/* The form in which a classifier's logits are given. */
typedef enum aki_scores {
    AKI_SCORES_MODEL, /* as the model says, and CrossEncoder.predict does: sigmoid, or the logits themselves */
    AKI_SCORES_RAW,   /* the logits */
    AKI_SCORES_PROBABILITY, /* from 0 to 1: sigmoid of a single label, softmax over several */
} aki_scores;

typedef struct aki_score_options {
    aki_scores scores; /* default AKI_SCORES_MODEL */
    /* false: cut a pair at the model's limit, the longer text first; true: fail with AKI_TEXT_TOO_LONG */
    bool refuse_long;
    const volatile int *cancel; /* as in aki_embed_options */
    /* What a language model that ranks is told to look for, in the place of the model's own instruction; length 0 = that. Other
     * models, and single texts, refuse it with AKI_INVALID_ARGUMENT. */
    aki_text instruction;
} aki_score_options;

/* Scores `count` documents by how well they answer the query. options NULL = all defaults. Writes scores[i] for documents[i]
 * ([count], caller-owned); to `order`, when it is not NULL, the indexes of the documents, best first, equal ones in the order in
 * which they were given ([count]); and info[i] of the pair, when it is not NULL ([count]). Blocks until done; calls of several
 * threads share the model's threads. All or nothing: on failure the contents are unspecified, and error->text_index names the
 * document at fault, where there is one. A score depends on its pair, the model, the precision and the CPU tier only.
 * A document may be empty, the query may not. options_size, info_size: as in aki_embed_sized.
 * Errors: AKI_WRONG_TASK (the model is no reranker), AKI_MODEL_UNSUPPORTED (its tokenizer has no pairs), and as aki_embed. */
AKI_API AKI_MUST_CHECK aki_status aki_rerank_sized(aki_model *model, aki_text query,
                                                   const aki_text *documents, size_t count,
                                                   const aki_score_options *options, size_t options_size,
                                                   float *scores, size_t *order, aki_text_info *info,
                                                   size_t info_size, aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_rerank(aki_model *model, aki_text query,
                                                   const aki_text *documents, size_t count,
                                                   const aki_score_options *options, float *scores,
                                                   size_t *order, aki_text_info *info, aki_error *error)
{
    return aki_rerank_sized(model, query, documents, count, options, sizeof *options, scores, order, info,
                            sizeof *info, error);
}

/* Scores every label of a classifier for `count` texts or, where `seconds` is not NULL, for the pairs of texts[i] and
 * seconds[i]. Writes scores[i][label] for texts[i] ([count][aki_dimension], row-major). All else as aki_rerank. */
AKI_API AKI_MUST_CHECK aki_status aki_classify_sized(aki_model *model, const aki_text *texts,
                                                     const aki_text *seconds, size_t count,
                                                     const aki_score_options *options, size_t options_size,
                                                     float *scores, aki_text_info *info, size_t info_size,
                                                     aki_error *error);
static inline AKI_MUST_CHECK aki_status aki_classify(aki_model *model, const aki_text *texts,
                                                     const aki_text *seconds, size_t count,
                                                     const aki_score_options *options, float *scores,
                                                     aki_text_info *info, aki_error *error)
{
    return aki_classify_sized(model, texts, seconds, count, options, sizeof *options, scores, info,
                              sizeof *info, error);
}

/* ---- Tokens ------------------------------------------------------------------------------------------- */

typedef struct aki_tokens {
    int32_t *ids;   /* [count], owned by the struct, freed by aki_tokens_free */
    size_t count;   /* special tokens of the post-processor included */
    bool truncated; /* max_tokens cut something off */
} aki_tokens;

/* Token ids of one text. max_tokens 0 = uncut, else at least 2. On success the caller frees *tokens.
 * Errors: AKI_INVALID_ARGUMENT, AKI_EMPTY_TEXT, AKI_INVALID_UTF8, AKI_NO_TOKENS, AKI_OUT_OF_MEMORY. */
AKI_API AKI_MUST_CHECK aki_status aki_tokenize(const aki_model *model, aki_text text, size_t max_tokens,
                                               aki_tokens *tokens, aki_error *error);
AKI_API void aki_tokens_free(aki_tokens *tokens);

/* Text of a token id as in the vocabulary ("##ing"), or NULL for an unknown id. Lives as long as the handle. */
AKI_API const char *aki_token_text(const aki_model *model, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
