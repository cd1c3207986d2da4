#include "tokenizer/side_tokens.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "tokenizer/token_json.h"

#include <stdlib.h>
#include <string.h>

#define EXTRA "extra_special_tokens"
#define EXTRA_OLD "additional_special_tokens" /* its name before transformers 5 */

static const struct {
    const char *key;
    const char *by_default[TOKENIZER_CLASS_FILE + 1]; /* of each class; NULL = none */
} uses[USE_COUNT] = {
#define USE(key, bert, mpnet, roberta, gpt2, qwen2, gemma)                                                   \
    {                                                                                                        \
        key,                                                                                                 \
        {                                                                                                    \
            [TOKENIZER_CLASS_BERT] = bert, [TOKENIZER_CLASS_MPNET] = mpnet,                                  \
            [TOKENIZER_CLASS_XLM_ROBERTA] = roberta, [TOKENIZER_CLASS_ROBERTA] = roberta,                    \
            [TOKENIZER_CLASS_GPT2] = gpt2, [TOKENIZER_CLASS_QWEN2] = qwen2, [TOKENIZER_CLASS_GEMMA] = gemma  \
        }                                                                                                    \
    }
#define END "<|endoftext|>"
    [USE_BOS] = USE("bos_token", NULL, "<s>", "<s>", END, NULL, "<bos>"),
    [USE_EOS] = USE("eos_token", NULL, "</s>", "</s>", END, END, "<eos>"),
    [USE_UNK] = USE("unk_token", "[UNK]", "[UNK]", "<unk>", END, END, "<unk>"),
    [USE_SEP] = USE("sep_token", "[SEP]", "</s>", "</s>", NULL, NULL, NULL),
    [USE_PAD] = USE("pad_token", "[PAD]", "<pad>", "<pad>", NULL, END, "<pad>"),
    [USE_CLS] = USE("cls_token", "[CLS]", "<s>", "<s>", NULL, NULL, NULL),
    [USE_MASK] = USE("mask_token", "[MASK]", "<mask>", "<mask>", NULL, NULL, "<mask>"),
#undef END
#undef USE
};

/* Where further special tokens are listed, once the choice between the two names and the two files is made. */
typedef struct extra_tokens {
    const json_t *config_list, *map_list;   /* arrays, or NULL */
    const json_t *late_list;                /* the list under its old name; excludes the two above */
    const json_t *config_names, *map_names; /* objects of name and token, or NULL */
} extra_tokens;

typedef struct collector {
    side_tokens *list;
    const side_files *side;
    aki_error *error;
    extra_tokens extra;
} collector;

static aki_status no_memory(const collector *in)
{
    return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for the tokens beside the vocabulary");
}

static aki_status push(const collector *in, side_token token)
{
    side_tokens *list = in->list;
    if (token.length == 0)
        return AKI_OK; /* has no effect */
    if (list->count == list->capacity) {
        size_t capacity = 2 * list->capacity + 16;
        side_token *grown = mem_realloc(list->items, capacity, sizeof *grown);
        if (grown == NULL)
            return no_memory(in);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = token;
    return AKI_OK;
}

/* value: a string, which is a special token, or an object as `tokenizers` writes it. */
static aki_status push_value(const collector *in, const json_t *value, bool special, side_token token,
                             const char *key)
{
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
    aki_status status = token_json_text(text, token.path, key, &token.length, in->error);
    if (status == AKI_OK && json_is_object(value))
        status = token_json_flags(&token.flags, value, special, token.path, in->error);
    token.text = json_string_value(text);
    return status == AKI_OK ? push(in, token) : status;
}

/* ---- Tokens with an id -------------------------------------------------------------------------------- */

static aki_status push_decoder(const collector *in, const json_t *decoder)
{
    static const char name[] = "added_tokens_decoder";
    const char *path = in->side->config.path, *key;
    json_t *value;
    if (!json_is_object(decoder))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': \"%s\" must be an object", path, name);
    json_object_foreach((json_t *)decoder, key, value)
    {
        size_t digits = strspn(key, "0123456789");
        if (digits == 0 || digits > 9 || key[digits] != '\0' || !json_is_object(value))
            return error_set(in->error, AKI_MODEL_INVALID,
                             "'%s': \"%s\" must hold objects, each under its id, and not '%.40s'", path, name,
                             key);
        side_token token = {.id = strtol(key, NULL, 10), .path = path};
        aki_status status = push_value(in, value, false, token, name);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Adds the texts of the special tokens that the files name; special tokens are matched in the raw text. */
static void add_texts(const collector *in, token_index *texts)
{
    const extra_tokens *extra = &in->extra;
    const json_t *lists[] = {extra->config_list, extra->map_list};
    for (int use = 0; use < USE_COUNT; use++) {
        const json_t *value = side_files_get(in->side, uses[use].key);
        if (json_is_object(value) && side_files_of(in->side, uses[use].key) == &in->side->map)
            value = json_object_get(value, "content");
        size_t length = json_string_length(value);
        if (length > 0 && length <= TOKENIZER_ADDED_TOKEN_BYTES_MAX)
            token_index_add(texts, json_string_value(value), length, 0);
    }
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < json_array_size(lists[which]); i++) {
            const json_t *value = json_array_get(lists[which], i);
            if (json_is_object(value) && which == 1)
                value = json_object_get(value, "content");
            size_t length = json_string_length(value);
            if (length > 0 && length <= TOKENIZER_ADDED_TOKEN_BYTES_MAX)
                token_index_add(texts, json_string_value(value), length, 0);
        }
    }
}

static aki_status push_added_file(const collector *in)
{
    const side_file *file = &in->side->added;
    const extra_tokens *extra = &in->extra;
    token_index texts = {0};
    if (!token_index_init(&texts,
                          USE_COUNT + json_array_size(extra->config_list) + json_array_size(extra->map_list)))
        return no_memory(in);
    add_texts(in, &texts);
    const char *key;
    json_t *id;
    aki_status status = AKI_OK;
    json_object_foreach(file->root, key, id)
    {
        side_token token = {.text = key, .length = strlen(key), .path = file->path};
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            status = error_set(in->error, AKI_MODEL_INVALID,
                               "'%s': the id of token '%.100s' is not a whole number", file->path, key);
        else if (token.length > TOKENIZER_ADDED_TOKEN_BYTES_MAX)
            status = error_set(in->error, AKI_MODEL_UNSUPPORTED,
                               "'%s': a token has %zu bytes; this program takes added tokens of up to %d",
                               file->path, token.length, TOKENIZER_ADDED_TOKEN_BYTES_MAX);
        if (status != AKI_OK)
            break;
        token.id = json_integer_value(id);
        bool special = token.length > 0 && token_index_find(&texts, key, token.length) != TOKEN_INDEX_NONE;
        token.flags.normalized = !special;
        status = push(in, token);
        if (status != AKI_OK)
            break;
    }
    token_index_free(&texts);
    return status;
}

static aki_status push_own(const collector *in, const definition *def)
{
    size_t bytes = 0;
    for (size_t i = 0; i < def->added_count; i++)
        bytes += def->vocab.length[def->added[i].token.id] + 1;
    char *at = in->list->copies = mem_alloc(bytes, 1);
    if (at == NULL)
        return no_memory(in);
    for (size_t i = 0; i < def->added_count; i++) {
        int32_t id = def->added[i].token.id;
        side_token token = {.text = at,
                            .length = def->vocab.length[id],
                            .id = id,
                            .path = def->vocab.path,
                            .flags = def->added[i]};
        memcpy(at, vocabulary_text(&def->vocab, id), token.length + 1);
        at += token.length + 1;
        aki_status status = push(in, token);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static int by_id(const void *a, const void *b)
{
    const side_token *left = a, *right = b;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return strcmp(left->path, right->path);
}

/* Where both files give an id, tokenizer.json's token replaces the one of added_tokens.json. */
static aki_status sort_by_id(const collector *in)
{
    side_tokens *list = in->list;
    size_t kept = 0;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_id);
    for (size_t i = 0; i < list->count; i++) {
        const side_token *token = &list->items[i], *next = token + 1;
        bool is_last = i + 1 == list->count || next->id != token->id;
        if (!is_last && next->path == token->path) {
            error_set(in->error, AKI_MODEL_INVALID, "'%s': tokens '%s' and '%s' both have the id %lld",
                      token->path, token->text, next->text, (long long)token->id);
            return vocabulary_hint(in->error);
        }
        if (is_last)
            list->items[kept++] = *token;
    }
    list->count = kept;
    return AKI_OK;
}

static aki_status push_with_ids(const collector *in, const definition *def)
{
    const json_t *decoder = json_object_get(in->side->config.root, "added_tokens_decoder");
    aki_status status = AKI_OK;
    if (decoder != NULL) {
        status = push_decoder(in, decoder);
    } else {
        status = push_added_file(in);
        if (status == AKI_OK)
            status = push_own(in, def);
    }
    return status == AKI_OK ? sort_by_id(in) : status;
}

/* ---- Special tokens by name --------------------------------------------------------------------------- */

const char *side_tokens_key(special_use use)
{
    return uses[use].key;
}

aki_status side_tokens_name(const side_files *side, special_use use, const char **text, aki_error *error)
{
    const char *key = uses[use].key;
    const json_t *value = side_files_get(side, key);
    *text = uses[use].by_default[side->class];
    if (value == NULL)
        return AKI_OK;
    *text = NULL;
    if (json_is_null(value))
        return AKI_OK;
    const json_t *content = json_is_object(value) ? json_object_get(value, "content") : value;
    size_t length;
    aki_status status = token_json_text(content, side_files_of(side, key)->path, key, &length, error);
    if (status == AKI_OK)
        *text = json_string_value(content);
    return status;
}

static aki_status push_named(const collector *in, const definition *def)
{
    for (int use = 0; use < USE_COUNT; use++) {
        const char *key = uses[use].key, *text;
        const side_file *file = side_files_of(in->side, key);
        const json_t *value = side_files_get(in->side, key);
        side_token token = {.id = SIDE_TOKEN_ANY_ID,
                            .path = value != NULL ? file->path : def->vocab.path,
                            .optional = use == USE_PAD || use == USE_MASK};
        aki_status status = side_tokens_name(in->side, (special_use)use, &text, in->error);
        if (status != AKI_OK)
            return status;
        if (text == NULL && value == NULL && use == USE_PAD)
            text = def->pad_token;
        if (text == NULL)
            continue;
        if (json_is_object(value)) {
            status = push_value(in, value, file == &in->side->map, token, key);
        } else {
            token.text = text;
            token.length = strlen(text);
            token.flags.token.strip_left = use == USE_MASK && in->side->class == TOKENIZER_CLASS_MPNET;
            status = push(in, token);
        }
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* A key such as "image_token", which is none of the seven. */
static bool names_token(const char *key)
{
    size_t length = strlen(key);
    if (length < 6 || strcmp(key + length - 6, "_token") != 0)
        return false;
    for (int use = 0; use < USE_COUNT; use++)
        if (strcmp(key, uses[use].key) == 0)
            return false;
    return true;
}

static bool is_typed_object(const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "__type"));
    return type != NULL && strcmp(type, "AddedToken") == 0;
}

static aki_status push_object_values(const collector *in, const json_t *names, const side_file *file,
                                     const char *list)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)names, key, value)
    {
        aki_status status =
            push_value(in, value, false, (side_token){.id = SIDE_TOKEN_ANY_ID, .path = file->path}, list);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Keys of the kind "image_token" in one file. strings, objects: which values count. */
static aki_status push_own_names(const collector *in, const side_file *file, bool strings, bool objects)
{
    bool is_map = file == &in->side->map;
    const char *key;
    json_t *value;
    json_object_foreach(file->root, key, value)
    {
        if (!names_token(key))
            continue;
        const json_t *found = value;
        if (is_map && json_is_string(json_object_get(in->side->config.root, key)))
            found = json_object_get(in->side->config.root, key); /* here it takes precedence */
        bool counts = json_is_string(found)
                          ? strings
                          : objects && json_is_object(found) && (is_map || is_typed_object(found));
        if (!counts)
            continue;
        aki_status status =
            push_value(in, found, is_map, (side_token){.id = SIDE_TOKEN_ANY_ID, .path = file->path}, key);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* ---- Further special tokens --------------------------------------------------------------------------- */

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static aki_status sort_out_extra(collector *in)
{
    const json_t *config = in->side->config.root, *map = in->side->map.root;
    const json_t *given = json_object_get(config, EXTRA), *old = json_object_get(config, EXTRA_OLD);
    const json_t *over = json_object_get(map, EXTRA), *old_over = json_object_get(map, EXTRA_OLD);
    if (old != NULL && is_empty(given)) {
        given = old;
        old = NULL;
    }
    const json_t *values[] = {given, over, old, old_over};
    for (size_t i = 0; i < 4; i++)
        if (values[i] != NULL && !json_is_array(values[i]) && !json_is_object(values[i]) &&
            !json_is_null(values[i]))
            return error_set(in->error, AKI_MODEL_INVALID,
                             "'%s': \"%s\" must be a list of tokens, or an object of names and tokens",
                             i % 2 == 0 ? in->side->config.path : in->side->map.path,
                             i < 2 ? EXTRA : EXTRA_OLD);
    extra_tokens *extra = &in->extra;
    bool listed = given != NULL && !json_is_object(given);
    if (json_is_object(given))
        extra->config_names = given;
    else
        extra->config_list = given;
    if (over != NULL) {
        listed = !json_is_object(over);
        if (!json_is_array(over))
            extra->config_list = NULL;
        if (json_is_object(over))
            extra->map_names = over;
        else
            extra->map_list = over;
    }
    if (!listed)
        extra->late_list = old_over != NULL ? old_over : old;
    return AKI_OK;
}

static aki_status push_list(const collector *in, const json_t *values, const side_file *file, bool special,
                            const char *key)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        side_token token = {.id = SIDE_TOKEN_ANY_ID, .path = file->path};
        aki_status status = push_value(in, json_array_get(values, i), special, token, key);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status push_extra(const collector *in)
{
    const extra_tokens *extra = &in->extra;
    const side_file *config = &in->side->config, *map = &in->side->map;
    const side_file *late = side_files_of(in->side, EXTRA_OLD);
    aki_status status = AKI_OK;
    if (json_is_object(extra->late_list))
        status = push_object_values(in, extra->late_list, late, EXTRA_OLD);
    if (status == AKI_OK)
        status = push_own_names(in, config, false, true);
    if (status == AKI_OK)
        status = push_own_names(in, map, true, true);
    if (status == AKI_OK)
        status = push_own_names(in, config, true, false);
    if (status == AKI_OK)
        status = push_object_values(in, extra->config_names, config, EXTRA);
    if (status == AKI_OK)
        status = push_object_values(in, extra->map_names, map, EXTRA);
    if (status == AKI_OK)
        status = push_list(in, extra->config_list, config, false, EXTRA);
    if (status == AKI_OK)
        status = push_list(in, extra->map_list, map, true, EXTRA);
    if (status == AKI_OK)
        status = push_list(in, extra->late_list, late, false, EXTRA_OLD);
    return status;
}

aki_status side_tokens_collect(side_tokens *list, const side_files *side, const definition *def,
                               aki_error *error)
{
    *list = (side_tokens){0};
    collector in = {.list = list, .side = side, .error = error};
    aki_status status = sort_out_extra(&in);
    if (status == AKI_OK)
        status = push_with_ids(&in, def);
    if (status == AKI_OK)
        status = push_named(&in, def);
    if (status == AKI_OK)
        status = push_extra(&in);
    return status;
}

void side_tokens_free(side_tokens *list)
{
    mem_free(list->items);
    mem_free(list->copies);
    *list = (side_tokens){0};
}
