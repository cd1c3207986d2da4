/* tokenizer.json as `tokenizers` writes it. Understood: WordPiece with BertNormalizer and BertPreTokenizer, Unigram and BPE with
 * the stages of normal_stages.c and split_stages.c, TemplateProcessing, BertProcessing and RobertaProcessing; anything else
 * is refused by name, since guessing would give other ids without a word. Of "truncation" and "padding" only the side
 * counts; "decoder" has no bearing on the ids of a text, so any one is taken (decode.h). */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/token_json.h"

#include <string.h>

typedef struct reader {
    definition *def;
    const char *path;
    aki_error *error;
    token_index known; /* Unigram's tokens and their ids */
    bool plain;        /* the post-processor is not looked at */
} reader;

static aki_status invalid(const reader *in, const char *what)
{
    return error_set(in->error, AKI_MODEL_INVALID, "'%s': %s", in->path, what);
}

/* The object under `key` of `root`, whose "type" must be `type`. */
static aki_status read_part(const reader *in, const json_t *root, const char *key, const char *type,
                            const json_t **part)
{
    *part = json_object_get(root, key);
    const char *found = json_string_value(json_object_get(*part, "type"));
    if (!json_is_object(*part))
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has no \"%s\"; this program runs tokenizers with a %s", in->path, key, type);
    if (found == NULL || strcmp(found, type) != 0)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has the \"%s\" type '%s'; this program runs tokenizers with a %s", in->path,
                         key, found != NULL ? found : "(none)", type);
    return AKI_OK;
}

static aki_status read_bert_normalizer(const reader *in, const json_t *root)
{
    const json_t *part;
    normalizer_flags *flags = &in->def->flags;
    *flags = (normalizer_flags){true, true, true, true};
    aki_status status = read_part(in, root, "normalizer", "BertNormalizer", &part);
    if (status == AKI_OK)
        status = json_field_bool(part, in->path, "clean_text", &flags->clean_text, in->error);
    if (status == AKI_OK)
        status =
            json_field_bool(part, in->path, "handle_chinese_chars", &flags->handle_chinese_chars, in->error);
    if (status == AKI_OK)
        status = json_field_bool(part, in->path, "lowercase", &flags->lowercase, in->error);
    flags->strip_accents = flags->lowercase; /* unless it is given and not null */
    if (status == AKI_OK)
        status = json_field_bool(part, in->path, "strip_accents", &flags->strip_accents, in->error);
    return status;
}

static aki_status read_text(const reader *in, const json_t *object, const char *key, char **copy)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value))
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s': \"model\" needs \"%s\", a string without U+0000", in->path, key);
    *copy = mem_copy_string(text);
    if (*copy == NULL)
        return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for '%s'", in->path);
    return AKI_OK;
}

static aki_status put(const reader *in, const json_t *id, const char *text, size_t length)
{
    if (!json_is_integer(id))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': the id of token '%s' is not a whole number",
                         in->path, text);
    return vocabulary_put(&in->def->vocab, json_integer_value(id), text, length, in->error);
}

/* True where an added token counts, and is not one of WordPiece's own. */
static bool is_new(const json_t *vocab, const json_t *added)
{
    const char *content = json_string_value(json_object_get(added, "content"));
    return content != NULL && content[0] != '\0' && json_object_get(vocab, content) == NULL;
}

static aki_status read_vocabulary(const reader *in, const json_t *model, const json_t *added, size_t limit)
{
    definition *def = in->def;
    const json_t *vocab = json_object_get(model, "vocab");
    if (!json_is_object(vocab))
        return invalid(in, "\"model\" needs \"vocab\", an object of tokens and their ids");
    def->model_count = json_object_size(vocab);
    size_t count = def->model_count;
    for (size_t i = 0; i < json_array_size(added); i++)
        count += is_new(vocab, json_array_get(added, i));
    aki_status status = vocabulary_init(&def->vocab, count, limit, in->path, in->error);
    if (status != AKI_OK)
        return status;
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)vocab, text, id)
    {
        if (json_is_integer(id) && json_integer_value(id) >= (json_int_t)def->model_count) {
            error_set(in->error, AKI_MODEL_INVALID,
                      "'%s': token '%s' has the id %lld, but the vocabulary has %zu tokens: ids must be "
                      "0 to %zu without holes",
                      in->path, text, (long long)json_integer_value(id), def->model_count,
                      def->model_count - 1);
            return vocabulary_hint(in->error);
        }
        status = put(in, id, text, strlen(text));
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status read_wordpiece(reader *in, const json_t *root, size_t limit)
{
    const json_t *model = json_object_get(root, "model"), *part;
    aki_status status = read_bert_normalizer(in, root);
    if (status == AKI_OK)
        status = read_part(in, root, "pre_tokenizer", "BertPreTokenizer", &part);
    if (status == AKI_OK)
        status = read_text(in, model, "unk_token", &in->def->unknown);
    if (status == AKI_OK)
        status = read_text(in, model, "continuing_subword_prefix", &in->def->prefix);
    in->def->max_chars = SIZE_MAX;
    if (status == AKI_OK)
        status = json_field_size(model, in->path, "max_input_chars_per_word", 0, INT32_MAX,
                                 &in->def->max_chars, in->error);
    if (status == AKI_OK && in->def->max_chars == SIZE_MAX)
        status = invalid(in, "\"model\" needs \"max_input_chars_per_word\"");
    if (status == AKI_OK)
        status = read_vocabulary(in, model, json_object_get(root, "added_tokens"), limit);
    return status;
}

static aki_status read_unigram(reader *in, const json_t *root, size_t limit)
{
    return definition_read_unigram(in->def, root, in->path, limit, &in->known, in->error);
}

static aki_status read_bpe(reader *in, const json_t *root, size_t limit)
{
    aki_status status =
        read_vocabulary(in, json_object_get(root, "model"), json_object_get(root, "added_tokens"), limit);
    return status == AKI_OK ? definition_read_bpe(in->def, root, in->path, in->error) : status;
}

static aki_status read_model(reader *in, const json_t *root, size_t limit)
{
    static const struct {
        const char *type;
        aki_status (*read)(reader *in, const json_t *root, size_t limit);
    } models[] = {{"WordPiece", read_wordpiece}, {"Unigram", read_unigram}, {"BPE", read_bpe}};
    const json_t *model = json_object_get(root, "model"), *given = json_object_get(model, "type");
    const char *type = json_string_value(given);
    if (json_is_object(model) && given == NULL) /* old files leave the type out */
        type = json_is_array(json_object_get(model, "vocab")) ? "Unigram"
               : json_object_get(model, "merges") != NULL     ? "BPE"
                                                              : "WordPiece";
    for (size_t i = 0; i < sizeof models / sizeof models[0] && type != NULL; i++)
        if (strcmp(models[i].type, type) == 0)
            return models[i].read(in, root, limit);
    return read_part(in, root, "model", "WordPiece, a Unigram or a BPE", &model);
}

/* The id of a model's token, or -1. */
static json_int_t known_id(const reader *in, const json_t *vocab, const char *text, size_t length)
{
    if (in->def->model == MODEL_UNIGRAM)
        return token_index_find(&in->known, text, length);
    const json_t *id = json_object_get(vocab, text);
    return id != NULL ? json_integer_value(id) : -1;
}

/* seen: texts of the rows before; *new_count: how many of them the model does not have. */
static aki_status read_added_token(const reader *in, const json_t *vocab, const json_t *row,
                                   token_index *seen, size_t *new_count)
{
    definition *def = in->def;
    const json_t *content = json_object_get(row, "content"), *id = json_object_get(row, "id");
    const char *text = json_string_value(content);
    if (text == NULL || !json_is_integer(id))
        return invalid(in,
                       "\"added_tokens\" must hold objects with \"content\", a string, and \"id\", a number");
    size_t length = json_string_length(content);
    if (length == 0)
        return AKI_OK; /* has no effect */
    if (length > TOKENIZER_ADDED_TOKEN_BYTES_MAX)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s': the added token with the id %lld has %zu bytes; this program takes up to %d",
                         in->path, (long long)json_integer_value(id), length,
                         TOKENIZER_ADDED_TOKEN_BYTES_MAX);
    if (strlen(text) != length)
        return invalid(in, "\"added_tokens\" holds one with U+0000");
    if (!token_index_add(seen, text, length, 0))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': the added token '%s' is there twice", in->path,
                         text);
    /* `tokenizers` goes by the vocabulary and numbers new tokens in their order; a file that says otherwise is damaged. */
    json_int_t known = known_id(in, vocab, text, length);
    json_int_t expected = known >= 0 ? known : (json_int_t)(def->model_count + *new_count);
    if (json_integer_value(id) != expected) {
        error_set(in->error, AKI_MODEL_INVALID,
                  "'%s': the added token '%s' has the id %lld, but by the vocabulary it must be %lld",
                  in->path, text, (long long)json_integer_value(id), (long long)expected);
        return vocabulary_hint(in->error);
    }
    aki_status status = AKI_OK;
    if (known < 0) {
        status = put(in, id, text, length);
        ++*new_count;
    }
    definition_added_token added = {.token.id = (int32_t)json_integer_value(id)};
    if (status == AKI_OK)
        status = token_json_flags(&added, row, false, in->path, in->error);
    if (status == AKI_OK)
        def->added[def->added_count++] = added;
    return status;
}

static aki_status read_added_tokens(const reader *in, const json_t *root)
{
    definition *def = in->def;
    const json_t *rows = json_object_get(root, "added_tokens");
    const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    if (rows != NULL && !json_is_array(rows))
        return invalid(in, "\"added_tokens\" must be an array");
    size_t count = json_array_size(rows), new_count = 0;
    token_index seen = {0};
    def->added = mem_alloc(count, sizeof *def->added);
    if (def->added == NULL || !token_index_init(&seen, count))
        return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for '%s'", in->path);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        status = read_added_token(in, vocab, json_array_get(rows, i), &seen, &new_count);
    token_index_free(&seen);
    return status;
}

static aki_status add_special(const reader *in, special_ids *side, const json_t *text, const json_t *id)
{
    const vocabulary *vocab = &in->def->vocab;
    const char *name = json_string_value(text);
    json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
    if (name == NULL || value < 0 || (size_t)value >= vocab->count ||
        strcmp(vocabulary_text(vocab, (int32_t)value), name) != 0)
        return error_set(
            in->error, AKI_MODEL_INVALID,
            "'%s': \"post_processor\" names the token '%s' with the id %lld, which the vocabulary "
            "does not have",
            in->path, name != NULL ? name : "", (long long)value);
    if (side->count == TOKENIZER_SPECIAL_TOKENS_MAX)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"post_processor\" adds more than %d tokens to one side of a text", in->path,
                         TOKENIZER_SPECIAL_TOKENS_MAX);
    side->ids[side->count++] = (int32_t)value;
    return AKI_OK;
}

static aki_status add_template_special(const reader *in, special_ids *side, const json_t *part,
                                       const json_t *name)
{
    const char *key = json_string_value(name);
    const json_t *token = key != NULL ? json_object_get(json_object_get(part, "special_tokens"), key) : NULL;
    const json_t *ids = json_object_get(token, "ids"), *texts = json_object_get(token, "tokens");
    if (!json_is_array(ids) || json_array_size(ids) != json_array_size(texts))
        return error_set(
            in->error, AKI_MODEL_INVALID,
            "'%s': \"post_processor\" uses '%s', but its \"special_tokens\" do not say what that is",
            in->path, key != NULL ? key : "");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        aki_status status = add_special(in, side, json_array_get(texts, i), json_array_get(ids, i));
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status read_template(const reader *in, const json_t *part)
{
    definition *def = in->def;
    const json_t *pieces = json_object_get(part, "single");
    size_t sequences = 0;
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const json_t *piece = json_array_get(pieces, i);
        const json_t *text_part = json_object_get(piece, "Sequence");
        const json_t *special_part = json_object_get(piece, "SpecialToken");
        const json_t *sequence = json_object_get(text_part, "id");
        const json_t *special = json_object_get(special_part, "id");
        if (json_integer_value(json_object_get(text_part, "type_id")) != 0 ||
            json_integer_value(json_object_get(special_part, "type_id")) != 0)
            def->has_types = true;
        if (json_is_string(sequence) && strcmp(json_string_value(sequence), "A") == 0) {
            sequences++;
            continue;
        }
        if (special == NULL)
            return invalid(in,
                           "\"post_processor\" has a \"single\" with something else than the sequence A and "
                           "special tokens");
        aki_status status =
            add_template_special(in, sequences == 0 ? &def->before : &def->after, part, special);
        if (status != AKI_OK)
            return status;
    }
    if (sequences != 1)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"post_processor\" puts the text %zu times into its result instead of once",
                         in->path, sequences);
    return AKI_OK;
}

/* True for a post-processor that only moves offsets. */
static bool adds_nothing(const reader *in, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return in->def->model == MODEL_BPE &&
           (part == NULL || json_is_null(part) || (type != NULL && strcmp(type, "ByteLevel") == 0));
}

/* The one of a Sequence that adds tokens, or NULL. */
static aki_status adding_part(const reader *in, const json_t *list, const json_t **part)
{
    *part = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *each = json_array_get(list, i);
        if (adds_nothing(in, each))
            continue;
        if (*part != NULL)
            return error_set(
                in->error, AKI_MODEL_UNSUPPORTED,
                "'%s': \"post_processor\" is a Sequence of several that add tokens; this program runs one",
                in->path);
        *part = each;
    }
    return AKI_OK;
}

/* Where a piece of a template stands in a pair. */
typedef enum pair_place { PAIR_BEFORE, PAIR_BETWEEN, PAIR_AFTER } pair_place;

/* Takes a piece of "pair" over. False: the pair is of another form. */
static bool add_pair_piece(const reader *in, pair_ids *pair, pair_place *place, const json_t *part,
                           const json_t *piece)
{
    special_ids *const sides[] = {&pair->before, &pair->between, &pair->after};
    const json_t *text = json_object_get(piece, "Sequence"),
                 *special = json_object_get(piece, "SpecialToken");
    const json_int_t type = json_integer_value(json_object_get(text != NULL ? text : special, "type_id"));
    if (type != 0 && (type != 1 || *place == PAIR_BEFORE))
        return false;
    if (type == 0 && pair->typed)
        return false; /* types do not go back */
    if (type == 1)
        pair->typed = true;
    if (text == NULL) {
        special_ids *side = sides[*place];
        if (special == NULL || add_template_special(in, side, part, json_object_get(special, "id")) != AKI_OK)
            return false;
        if (*place == PAIR_BETWEEN && !pair->typed)
            pair->untyped_between = side->count;
        return true;
    }
    const char *name = json_string_value(json_object_get(text, "id"));
    if (name == NULL || *place == PAIR_AFTER || strcmp(name, *place == PAIR_BEFORE ? "A" : "B") != 0)
        return false;
    ++*place;
    return type == (pair->typed ? 1 : 0) && !(*place == PAIR_BETWEEN && type == 1);
}

/* A template whose pair is of another form than pair_ids serves single texts all the same. */
static void read_pair(const reader *in, const json_t *part)
{
    const reader quiet = {.def = in->def, .path = in->path};
    const json_t *pieces = json_object_get(part, "pair");
    pair_ids pair = {0};
    pair_place place = PAIR_BEFORE;
    bool fits = true;
    for (size_t i = 0; i < json_array_size(pieces) && fits; i++)
        fits = add_pair_piece(&quiet, &pair, &place, part, json_array_get(pieces, i));
    pair.known = fits && place == PAIR_AFTER;
    in->def->pair = pair;
}

static aki_status read_post_processor(const reader *in, const json_t *root)
{
    definition *def = in->def;
    const json_t *part = json_object_get(root, "post_processor"), *list = json_object_get(part, "processors");
    const char *type = json_string_value(json_object_get(part, "type"));
    if (type != NULL && strcmp(type, "Sequence") == 0 && json_is_array(list)) {
        aki_status status = adding_part(in, list, &part);
        if (status != AKI_OK)
            return status;
        type = json_string_value(json_object_get(part, "type"));
    }
    if (adds_nothing(in, part)) {
        def->pair = (pair_ids){.known = true, .typed = true}; /* one text behind the other */
        return AKI_OK;
    }
    if (type != NULL && strcmp(type, "TemplateProcessing") == 0) {
        read_pair(in, part);
        return read_template(in, part);
    }
    if (type == NULL || (strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0))
        return read_part(in, root, "post_processor", "TemplateProcessing", &part);
    const json_t *cls = json_object_get(part, "cls"), *sep = json_object_get(part, "sep");
    aki_status status = add_special(in, &def->before, json_array_get(cls, 0), json_array_get(cls, 1));
    if (status == AKI_OK)
        status = add_special(in, &def->after, json_array_get(sep, 0), json_array_get(sep, 1));
    const bool is_bert = strcmp(type, "BertProcessing") == 0;
    definition_pair_texts(def, is_bert ? 1 : 2, is_bert);
    return status;
}

/* Sets *left when `part` has the direction "Left". */
static aki_status read_direction(const reader *in, const json_t *root, const char *part, bool *left)
{
    const json_t *object = json_object_get(root, part);
    const char *direction = "Right";
    if (object != NULL && !json_is_null(object) && !json_is_object(object))
        return error_set(in->error, AKI_MODEL_INVALID, "'%s': \"%s\" must be an object or null", in->path,
                         part);
    aki_status status = json_field_string(object, in->path, "direction", &direction, in->error);
    if (status != AKI_OK)
        return status;
    *left = strcmp(direction, "Left") == 0;
    if (!*left && strcmp(direction, "Right") != 0)
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s': \"direction\" of \"%s\" must be \"Left\" or \"Right\"", in->path, part);
    return AKI_OK;
}

/* Reads the sides on which texts are cut and padded. The lengths are left over from an export, and count for static models only. */
static aki_status read_sides(const reader *in, const json_t *root)
{
    const json_t *padding = json_object_get(root, "padding");
    const json_t *most = json_object_get(json_object_get(root, "truncation"), "max_length");
    if (json_is_integer(most) && json_integer_value(most) > 0)
        in->def->most_tokens = (size_t)json_integer_value(most);
    aki_status status = read_direction(in, root, "truncation", &in->def->truncate_left);
    if (status == AKI_OK)
        status = read_direction(in, root, "padding", &in->def->pad_left);
    size_t length;
    const json_t *token = json_object_get(padding, "pad_token");
    if (status != AKI_OK || token == NULL)
        return status;
    status = token_json_text(token, in->path, "padding", &length, in->error);
    if (status != AKI_OK)
        return status;
    in->def->pad_token = mem_copy_string(json_string_value(token));
    return in->def->pad_token != NULL
               ? AKI_OK
               : error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for '%s'", in->path);
}

static aki_status read_root(reader *in, const json_t *root, size_t limit)
{
    const json_t *version = json_object_get(root, "version");
    if (!json_is_object(root))
        return invalid(in, "is not a JSON object");
    if (version != NULL && (!json_is_string(version) || strcmp(json_string_value(version), "1.0") != 0))
        return error_set(in->error, AKI_MODEL_UNSUPPORTED, "'%s' has another \"version\" than \"1.0\"",
                         in->path);
    aki_status status = read_model(in, root, limit);
    if (status == AKI_OK)
        status = read_added_tokens(in, root);
    if (status == AKI_OK && !in->plain)
        status = read_post_processor(in, root);
    if (status == AKI_OK)
        status = read_sides(in, root);
    if (status == AKI_OK)
        status = token_decoder_read(&in->def->decoder, json_object_get(root, "decoder"), in->error);
    return status;
}

static aki_status read_json(definition *out, const char *path, size_t vocabulary_limit, bool plain,
                            aki_error *error)
{
    *out = (definition){0};
    json_t *root = NULL;
    aki_status status = json_file_read(path, TOKENIZER_FILE_BYTES_MAX, &root, error);
    reader in = {.def = out, .path = path, .plain = plain, .error = error};
    if (status == AKI_OK)
        status = read_root(&in, root, vocabulary_limit);
    token_index_free(&in.known);
    json_decref(root);
    if (status != AKI_OK)
        definition_free(out);
    return status;
}

aki_status definition_read_json(definition *out, const char *path, size_t vocabulary_limit, aki_error *error)
{
    return read_json(out, path, vocabulary_limit, false, error);
}

aki_status definition_read_plain_json(definition *out, const char *path, size_t vocabulary_limit,
                                      aki_error *error)
{
    return read_json(out, path, vocabulary_limit, true, error);
}

/* The lines of merges.txt as rows of "merges". NULL = out of memory. */
static json_t *merge_rows(const buf *text)
{
    json_t *rows = json_array();
    for (size_t at = 0; at < text->length && rows != NULL;) {
        const char *line = text->data + at, *newline = memchr(line, '\n', text->length - at);
        size_t length = newline != NULL ? (size_t)(newline - line) : text->length - at;
        at += length + 1;
        length -= length > 0 && line[length - 1] == '\r';
        if (json_array_append_new(rows, json_stringn(line, length)) != 0) {
            json_decref(rows);
            rows = NULL;
        }
    }
    return rows;
}

static aki_status read_merge_file(const char *path, json_t **rows, aki_error *error)
{
    size_t bad;
    buf text;
    buf_init(&text, TOKENIZER_FILE_BYTES_MAX);
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK && !utf8_valid(text.data, text.length, &bad))
        status = error_set(error, AKI_MODEL_INVALID, "'%s' is not valid UTF-8 at byte %zu", path, bad);
    if (status == AKI_OK) {
        *rows = merge_rows(&text);
        if (*rows == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for '%s'", path);
    }
    buf_free(&text);
    return status;
}

aki_status definition_read_pair_files(definition *out, const char *vocab_path, const char *merges_path,
                                      size_t vocabulary_limit, aki_error *error)
{
    *out = (definition){0};
    json_t *vocab = NULL, *merges = NULL, *root = NULL;
    reader in = {.def = out, .path = vocab_path, .error = error};
    aki_status status = json_file_read(vocab_path, TOKENIZER_FILE_BYTES_MAX, &vocab, error);
    if (status == AKI_OK)
        status = read_merge_file(merges_path, &merges, error);
    if (status == AKI_OK) {
        root = json_pack("{s:{s:s, s:O, s:O}}", "model", "type", "BPE", "vocab", vocab, "merges", merges);
        status = root != NULL ? read_root(&in, root, vocabulary_limit)
                              : error_set(error, AKI_OUT_OF_MEMORY, "no memory for '%s'", vocab_path);
    }
    json_decref(root);
    json_decref(merges);
    json_decref(vocab);
    if (status != AKI_OK)
        definition_free(out);
    return status;
}
