/* The stages put together: added tokens in the raw text, normalizer, added tokens in the normalised text, words, ids.
 *
 * Text is normalised and split a window at a time, so that a text that is cut costs no more than the part that is kept.
 * Only where a model has added tokens to be found in normalised text is each stretch normalised as a whole. */
#include "tokenizer/tokenizer.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* Appends what the model's normalizers make of a text. False = out of memory. */
static bool normalize(const tokenizer *tok, const char *text, size_t length, buf *out)
{
    if (tok->kind == MODEL_WORDPIECE) {
        normalizer_state state = {0};
        bool done = normalizer_run(&tok->norm, &state, text, length, out) && normalizer_finish(&state, out);
        normalizer_state_free(&state);
        return done;
    }
    staged_scratch scratch;
    staged_scratch_init(&scratch);
    const char *normal;
    size_t normal_length;
    bool done = staged_normalize(&tok->stages, &scratch, text, length, &normal, &normal_length) &&
                buf_append(out, normal, normal_length);
    staged_scratch_free(&scratch);
    return done;
}

static aki_status add_normalized(tokenizer *tok, const char *path, const definition_added_token *added,
                                 aki_error *error)
{
    const char *text = vocabulary_text(&tok->vocab, added->token.id);
    buf *out = &tok->normalized_texts[tok->normalized.count];
    buf_init(out, SIZE_MAX / 2);
    bool done = normalize(tok, text, strlen(text), out);
    aki_status status = AKI_OK;
    if (!done)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the added tokens of '%s'", path);
    else if (out->length == 0)
        status = error_set(error, AKI_MODEL_INVALID,
                           "'%s': nothing is left of the added token '%s' when it is "
                           "normalised",
                           path, text);
    else if (out->length > TOKENIZER_TOKEN_BYTES_MAX)
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s': the added token '%s' is longer than %d bytes when "
                           "normalised",
                           path, text, TOKENIZER_TOKEN_BYTES_MAX);
    else if (!added_tokens_put(&tok->normalized, out->data, out->length, added->token))
        status = error_set(error, AKI_MODEL_INVALID,
                           "'%s': the added token '%s' is the same as another one when "
                           "both are normalised",
                           path, text);
    if (status != AKI_OK)
        buf_free(out);
    return status;
}

static aki_status build_added_tokens(tokenizer *tok, const definition *def, const char *path,
                                     aki_error *error)
{
    size_t normalized = 0;
    for (size_t i = 0; i < def->added_count; i++)
        normalized += def->added[i].normalized;
    tok->normalized_texts = mem_zalloc(normalized, sizeof *tok->normalized_texts);
    if (tok->normalized_texts == NULL || !added_tokens_init(&tok->normalized, normalized) ||
        !added_tokens_init(&tok->raw, def->added_count - normalized))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the added tokens of '%s'", path);
    for (size_t i = 0; i < def->added_count; i++) {
        const definition_added_token *added = &def->added[i];
        const char *text = vocabulary_text(&tok->vocab, added->token.id);
        aki_status status = AKI_OK;
        if (added->normalized)
            status = add_normalized(tok, path, added, error);
        else
            added_tokens_put(&tok->raw, text, strlen(text), added->token);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status build(tokenizer *tok, definition *def, const char *path, aki_error *error)
{
    tok->vocab = def->vocab;
    def->vocab = (vocabulary){0};
    tok->before = def->before;
    tok->after = def->after;
    tok->pair = def->pair;
    tok->decoder = def->decoder;
    def->decoder = (token_decoder){0};
    tok->truncate_left = def->truncate_left;
    tok->kind = def->model;
    tok->prefix_length = def->prefix != NULL ? strlen(def->prefix) : 0;
    aki_status status = def->model == MODEL_WORDPIECE
                            ? wordpiece_build(&tok->model, &tok->vocab, def->model_count, def->prefix,
                                              def->unknown, def->max_chars, error)
                            : staged_build(&tok->stages, def, &tok->vocab, error);
    tok->vocab.path = NULL; /* the caller's, for messages while loading */
    if (status != AKI_OK)
        return status;
    if ((def->model == MODEL_WORDPIECE && !normalizer_build(&tok->norm, def->flags)) ||
        !word_classes_build(&tok->classes))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokenizer of '%s'", path);
    return build_added_tokens(tok, def, path, error);
}

/* Files that transformers prefers to vocab.txt. */
static aki_status refuse_other_vocabularies(const char *folder, aki_error *error)
{
    static const char *const names[] = {"tekken.json", "tokenizer.model", "tiktoken.model"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(folder, names[i]);
        if (path == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokenizer of '%s'", folder);
        bool listed = file_listed(path);
        mem_free(path);
        if (listed)
            return error_set(error, AKI_MODEL_UNSUPPORTED,
                             "'%s' has the vocabulary %s beside vocab.txt, and no tokenizer.json", folder,
                             names[i]);
    }
    return AKI_OK;
}

static aki_status read_vocab(definition *def, const char *path, const char *folder, const side_files *side,
                             size_t vocabulary_limit, aki_error *error)
{
    *def = (definition){0};
    if (side->class != TOKENIZER_CLASS_BERT)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has no tokenizer.json, which the tokenizer class '%s' needs", folder,
                         side->class_name != NULL ? side->class_name : "of its \"model_type\"");
    aki_status status = refuse_other_vocabularies(folder, error);
    return status == AKI_OK ? definition_read_vocab(def, path, vocabulary_limit, error) : status;
}

static bool takes_pair_files(const side_files *side)
{
    return side->class == TOKENIZER_CLASS_ROBERTA || side->class == TOKENIZER_CLASS_GPT2 ||
           side->class == TOKENIZER_CLASS_QWEN2;
}

/* Files that a tokenizer is read from, by preference. */
typedef struct source_paths {
    char *json, *vocab, *pair_vocab, *pair_merges;
} source_paths;

static aki_status open_files(tokenizer *tok, const source_paths *paths, const char *folder,
                             size_t vocabulary_limit, aki_error *error)
{
    const bool has_json = file_listed(paths->json);
    const bool has_pair = !has_json && file_listed(paths->pair_vocab) && file_listed(paths->pair_merges);
    if (!has_json && !has_pair && !file_listed(paths->vocab))
        return error_set(error, AKI_MODEL_NOT_FOUND,
                         "'%s' has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt",
                         folder);
    definition def = {0};
    side_files side;
    const char *path = has_json ? paths->json : paths->vocab;
    aki_status status = side_files_read(&side, folder, error);
    if (status == AKI_OK && has_pair && takes_pair_files(&side)) {
        path = paths->pair_vocab;
        status = side_files_refuse_pair(&side, error);
        if (status == AKI_OK)
            status = definition_read_pair_files(&def, path, paths->pair_merges, vocabulary_limit, error);
    } else if (status == AKI_OK) {
        status = has_json ? definition_read_json(&def, path, vocabulary_limit, error)
                          : read_vocab(&def, path, folder, &side, vocabulary_limit, error);
    }
    if (status == AKI_OK)
        status = definition_apply(&def, &side, vocabulary_limit, error);
    if (status == AKI_OK)
        status = build(tok, &def, path, error);
    definition_free(&def);
    side_files_free(&side);
    return status;
}

aki_status tokenizer_open(tokenizer **out, const char *folder, size_t vocabulary_limit, aki_error *error)
{
    *out = NULL;
    tokenizer *tok = mem_zalloc(1, sizeof *tok);
    const source_paths paths = {path_join(folder, "tokenizer.json"), path_join(folder, "vocab.txt"),
                                path_join(folder, "vocab.json"), path_join(folder, "merges.txt")};
    aki_status status;
    if (tok == NULL || paths.json == NULL || paths.vocab == NULL || paths.pair_vocab == NULL ||
        paths.pair_merges == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokenizer of '%s'", folder);
    else
        status = open_files(tok, &paths, folder, vocabulary_limit, error);
    mem_free(paths.json);
    mem_free(paths.vocab);
    mem_free(paths.pair_vocab);
    mem_free(paths.pair_merges);
    if (status == AKI_OK)
        *out = tok;
    else
        tokenizer_close(tok);
    return status;
}

/* The id that model2vec leaves out. */
static int32_t find_unknown(const tokenizer *tok, const definition *def)
{
    if (def->model == MODEL_WORDPIECE)
        return tok->model.unknown;
    return def->model == MODEL_BPE ? def->bpe.unknown : (int32_t)def->unknown_id;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The median of the tokens' lengths in characters, rounded down. 0 = out of memory. */
static size_t median_chars(const vocabulary *vocab)
{
    uint32_t *chars = mem_zalloc(vocab->count, sizeof *chars);
    if (chars == NULL)
        return 0;
    for (size_t i = 0; i < vocab->count; i++)
        for (const char *at = vocabulary_text(vocab, (int32_t)i); *at != '\0'; at++)
            chars[i] += ((unsigned char)*at & 0xC0) != 0x80;
    qsort(chars, vocab->count, sizeof *chars, by_size);
    const size_t median = ((size_t)chars[(vocab->count - 1) / 2] + chars[vocab->count / 2]) / 2;
    mem_free(chars);
    return median > 0 ? median : 1;
}

static aki_status build_static(tokenizer *tok, definition *def, const char *path, bool drops_unknown,
                               aki_error *error)
{
    def->truncate_left &= !drops_unknown;
    aki_status status = build(tok, def, path, error);
    tok->unknown = -1;
    if (status != AKI_OK || !drops_unknown) {
        tok->most_tokens = def->most_tokens;
        return status;
    }
    tok->drops_unknown = true;
    tok->unknown = find_unknown(tok, def);
    tok->token_chars = median_chars(&tok->vocab);
    return tok->token_chars > 0
               ? AKI_OK
               : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokenizer of '%s'", path);
}

aki_status tokenizer_open_static(tokenizer **out, const char *folder, size_t vocabulary_limit,
                                 bool drops_unknown, aki_error *error)
{
    *out = NULL;
    definition def = {0};
    tokenizer *tok = mem_zalloc(1, sizeof *tok);
    char *path = path_join(folder, "tokenizer.json");
    aki_status status =
        tok != NULL && path != NULL
            ? definition_read_plain_json(&def, path, vocabulary_limit, error)
            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokenizer of '%s'", folder);
    if (status == AKI_OK)
        status = build_static(tok, &def, path, drops_unknown, error);
    definition_free(&def);
    mem_free(path);
    if (status == AKI_OK)
        *out = tok;
    else
        tokenizer_close(tok);
    return status;
}

size_t tokenizer_most_tokens(const tokenizer *tok)
{
    return tok->most_tokens;
}

size_t tokenizer_most_chars(const tokenizer *tok, size_t max_tokens)
{
    size_t chars;
    return size_mul(max_tokens, tok->token_chars, &chars) ? chars : 0;
}

void tokenizer_close(tokenizer *tok)
{
    if (tok == NULL)
        return;
    for (size_t i = 0; i < tok->normalized.count; i++)
        buf_free(&tok->normalized_texts[i]);
    mem_free(tok->normalized_texts);
    added_tokens_free(&tok->raw);
    added_tokens_free(&tok->normalized);
    staged_free(&tok->stages);
    wordpiece_free(&tok->model);
    word_classes_free(&tok->classes);
    normalizer_free(&tok->norm);
    token_decoder_free(&tok->decoder);
    vocabulary_free(&tok->vocab);
    mem_free(tok);
}

size_t tokenizer_vocabulary_size(const tokenizer *tok)
{
    return tok->vocab.count;
}

const char *tokenizer_token_text(const tokenizer *tok, int32_t id)
{
    return id >= 0 && (size_t)id < tok->vocab.count ? vocabulary_text(&tok->vocab, id) : NULL;
}

size_t tokenizer_special_count(const tokenizer *tok)
{
    return tok->before.count + tok->after.count;
}

size_t tokenizer_special_before(const tokenizer *tok)
{
    return tok->before.count;
}

static bool holds_id(const special_ids *special, int32_t id)
{
    for (size_t i = 0; i < special->count; i++)
        if (special->ids[i] == id)
            return true;
    return false;
}

bool tokenizer_is_special(const tokenizer *tok, int32_t id)
{
    for (size_t i = 0; i < tok->raw.count; i++)
        if (tok->raw.tokens[i].id == id)
            return true;
    return holds_id(&tok->before, id) || holds_id(&tok->after, id);
}

bool tokenizer_decodes(const tokenizer *tok)
{
    return !tok->decoder.unsupported;
}

bool tokenizer_decode(const tokenizer *tok, const int32_t *ids, size_t count, bool skip_special, buf *out)
{
    decode_texts texts;
    decode_texts_init(&texts);
    bool done = true;
    for (size_t i = 0; i < count && done; i++) {
        const char *text = tokenizer_token_text(tok, ids[i]);
        if (text == NULL || (skip_special && tokenizer_is_special(tok, ids[i])))
            continue;
        buf_append_string(&texts.bytes, text);
        done = decode_texts_end(&texts);
    }
    done = done && token_decoder_run(&tok->decoder, &texts, out);
    decode_texts_free(&texts);
    return done;
}

tokenizer_scratch *tokenizer_scratch_open(void)
{
    tokenizer_scratch *scratch = mem_zalloc(1, sizeof *scratch);
    if (scratch != NULL) {
        buf_init(&scratch->normal, SIZE_MAX / 2);
        staged_scratch_init(&scratch->stages);
    }
    return scratch;
}

void tokenizer_scratch_close(tokenizer_scratch *scratch)
{
    if (scratch == NULL)
        return;
    id_list_free(&scratch->ids);
    id_list_free(&scratch->first);
    id_list_free(&scratch->second);
    buf_free(&scratch->normal);
    normalizer_state_free(&scratch->marks);
    staged_scratch_free(&scratch->stages);
    mem_free(scratch);
}

/* Length of the next window: at most TOKENIZER_WINDOW_BYTES, ending between characters. */
static size_t window_of(const char *text, size_t length)
{
    if (length <= TOKENIZER_WINDOW_BYTES)
        return length;
    size_t window = TOKENIZER_WINDOW_BYTES;
    while (((unsigned char)text[window] & 0xC0) == 0x80)
        window--;
    return window;
}

/* Drops what the splitter no longer needs of the buffer. Moves the open word only once as much has gone by before it, so
 * that the moves add up to no more than the text. */
static void drop_done(word_splitter *splitter, buf *normal)
{
    if (splitter->chars == 0 || splitter->chars > splitter->model->max_chars) {
        buf_clear(normal);
        splitter->word_start = 0;
    } else if (splitter->word_start > normal->length / 2) {
        size_t kept = normal->length - splitter->word_start;
        memmove(normal->data, normal->data + splitter->word_start, kept);
        normal->length = 0;
        buf_commit(normal, kept);
        splitter->word_start = 0;
    }
}

static bool encode_windows(const tokenizer *tok, tokenizer_scratch *scratch, word_splitter *splitter,
                           const char *text, size_t length)
{
    buf *normal = &scratch->normal;
    buf_clear(normal);
    while (length > 0 && !word_splitter_stopped(splitter)) {
        size_t window = window_of(text, length), done = normal->length;
        if (!normalizer_run(&tok->norm, &scratch->marks, text, window, normal))
            return false;
        text += window;
        length -= window;
        if (length == 0 && !normalizer_finish(&scratch->marks, normal))
            return false;
        if (!word_splitter_run(splitter, normal->data, done, normal->length))
            return false;
        if (length > 0)
            drop_done(splitter, normal);
    }
    return word_splitter_finish(splitter, normal->data, normal->length);
}

static bool push_id(word_splitter *splitter, int32_t id)
{
    id_list *out = splitter->out;
    if (!id_list_reserve(out, 1))
        return false;
    out->ids[out->count++] = id;
    return true;
}

/* Normalises the stretch as a whole and looks for added tokens in the outcome. */
static bool encode_whole(const tokenizer *tok, tokenizer_scratch *scratch, word_splitter *splitter,
                         const char *text, size_t length)
{
    buf *normal = &scratch->normal;
    buf_clear(normal);
    if (!normalizer_run(&tok->norm, &scratch->marks, text, length, normal) ||
        !normalizer_finish(&scratch->marks, normal))
        return false;
    added_tokens_cursor cursor =
        added_tokens_search(&tok->normalized, &tok->classes, normal->data, normal->length);
    added_tokens_piece piece;
    while (!word_splitter_stopped(splitter) && added_tokens_next(&cursor, &piece)) {
        bool done = piece.id != ADDED_TOKENS_TEXT
                        ? push_id(splitter, piece.id)
                        : word_splitter_run(splitter, normal->data, piece.start, piece.end) &&
                              word_splitter_finish(splitter, normal->data, piece.end);
        if (!done)
            return false;
    }
    return true;
}

/* A stretch between added tokens, for a model of stages. */
static bool encode_stages(const tokenizer *tok, tokenizer_scratch *scratch, word_splitter *splitter,
                          split_piece text)
{
    if (tok->normalized.count == 0)
        return staged_encode(&tok->stages, &scratch->stages, &tok->classes, text, splitter->out,
                             splitter->stop_count);
    const char *normal;
    size_t length;
    if (!staged_normalize(&tok->stages, &scratch->stages, text.text, text.length, &normal, &length))
        return false;
    added_tokens_cursor cursor = added_tokens_search(&tok->normalized, &tok->classes, normal, length);
    added_tokens_piece piece;
    while (!word_splitter_stopped(splitter) && added_tokens_next(&cursor, &piece)) {
        const size_t first = text.first > 0 ? staged_first(&tok->stages, text.text, text.length) : 0;
        const split_piece part =
            split_piece_part((split_piece){normal, length, length, first}, piece.start, piece.end);
        bool done = piece.id != ADDED_TOKENS_TEXT
                        ? push_id(splitter, piece.id)
                        : staged_split(&tok->stages, &scratch->stages, &tok->classes, part, splitter->out,
                                       splitter->stop_count);
        if (!done)
            return false;
    }
    return true;
}

static bool encode_stretch(const tokenizer *tok, tokenizer_scratch *scratch, word_splitter *splitter,
                           const char *start, size_t length, bool first)
{
    scratch->marks.count = 0; /* a text that was cut may have left some */
    if (tok->kind != MODEL_WORDPIECE)
        return encode_stages(tok, scratch, splitter, (split_piece){start, length, length, first});
    return tok->normalized.count > 0 ? encode_whole(tok, scratch, splitter, start, length)
                                     : encode_windows(tok, scratch, splitter, start, length);
}

bool tokenizer_encode_content(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                              size_t stop_count, id_list *out)
{
    word_splitter own = {
        .classes = &tok->classes, .model = &tok->model, .out = out, .stop_count = stop_count};
    word_splitter *splitter = &own;
    added_tokens_cursor cursor = added_tokens_search(&tok->raw, &tok->classes, text.data, text.length);
    added_tokens_piece piece;
    while (!word_splitter_stopped(splitter) && added_tokens_next(&cursor, &piece)) {
        bool done = piece.id != ADDED_TOKENS_TEXT
                        ? push_id(splitter, piece.id)
                        : encode_stretch(tok, scratch, splitter, text.data + piece.start,
                                         piece.end - piece.start, piece.start == 0);
        if (!done)
            return false;
    }
    return true;
}

bool tokenizer_append_special(id_list *list, const special_ids *special)
{
    if (!id_list_reserve(list, special->count))
        return false;
    for (size_t i = 0; i < special->count; i++)
        list->ids[list->count++] = special->ids[i];
    return true;
}

/* Moves the last ids to behind the first `before`, so that the first `room` ids are the ones to keep. */
static void keep_end(id_list *ids, size_t before, size_t room)
{
    size_t kept = room - before;
    memmove(ids->ids + before, ids->ids + ids->count - kept, kept * sizeof *ids->ids);
}

/* Error for text that is not valid UTF-8; bad: its first bad byte. Names half a surrogate pair, which text from
 * UTF-16 or from JSON escapes has where a pair was cut, in the bytes that UTF-8 would have for it. */
static aki_status refuse_bytes(aki_text text, size_t bad, aki_error *error)
{
    const unsigned char *at = (const unsigned char *)text.data + bad;
    if (text.length - bad >= 3 && at[0] == 0xED && (at[1] & 0xE0) == 0xA0 && (at[2] & 0xC0) == 0x80)
        return error_set(
            error, AKI_INVALID_UTF8,
            "the text has half of a surrogate pair (U+%04X) at byte %zu, which is no Unicode character",
            0xD000U | (at[1] & 0x3FU) << 6 | (at[2] & 0x3FU), bad);
    return error_set(error, AKI_INVALID_UTF8, "the text is not valid UTF-8: byte %zu (0x%02X)", bad, at[0]);
}

aki_status tokenizer_check_text(aki_text text, aki_error *error)
{
    size_t bad;
    return utf8_valid(text.data, text.length, &bad) ? AKI_OK : refuse_bytes(text, bad, error);
}

/* Cuts the text to as many characters. True = it had more. */
static bool cut_chars(aki_text *text, size_t chars)
{
    if (chars == 0 || text->length <= chars)
        return false;
    size_t at = 0;
    while (at < text->length && (chars > 0 || ((unsigned char)text->data[at] & 0xC0) == 0x80))
        chars -= ((unsigned char)text->data[at++] & 0xC0) != 0x80;
    const bool cut = at < text->length;
    text->length = at;
    return cut;
}

/* Takes the unknown token out, where it does not count. */
static void drop_unknown(const tokenizer *tok, id_list *ids)
{
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++)
        if (ids->ids[i] != tok->unknown)
            ids->ids[kept++] = ids->ids[i];
    ids->count = kept;
}

aki_status tokenizer_encode(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                            size_t max_tokens, token_span *out, aki_error *error)
{
    const size_t special = tok->before.count + tok->after.count;
    if (text.length == 0)
        return error_set(error, AKI_EMPTY_TEXT, "the text is the empty string");
    if (tokenizer_check_text(text, error) != AKI_OK)
        return AKI_INVALID_UTF8;
    if (max_tokens != 0 && max_tokens < special)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "a limit of %zu tokens has no room for the %zu special tokens", max_tokens, special);
    id_list *ids = &scratch->ids;
    ids->count = 0;
    const size_t bytes = text.length;
    const bool cut = cut_chars(&text, tokenizer_most_chars(tok, max_tokens));
    /* With the tokens before the text, and one more than fit: whether there is one is what `truncated` says. */
    size_t room = max_tokens != 0 ? max_tokens - tok->after.count : SIZE_MAX - 1;
    bool done = tokenizer_append_special(ids, &tok->before) &&
                tokenizer_encode_content(tok, scratch, text, tok->truncate_left ? SIZE_MAX : room + 1, ids);
    bool truncated = ids->count > room;
    if (truncated && tok->truncate_left)
        keep_end(ids, tok->before.count, room);
    if (truncated)
        ids->count = room;
    if (!done || !tokenizer_append_special(ids, &tok->after))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of a text of %zu bytes",
                         text.length);
    if (ids->count > 0 && tok->drops_unknown)
        drop_unknown(tok, ids);
    if (ids->count == 0)
        return error_set(error, AKI_NO_TOKENS, "the text has no token%s: nothing is left of its %zu bytes",
                         tok->drops_unknown ? " that the model knows" : "", bytes);
    *out = (token_span){.ids = ids->ids, .count = ids->count, .truncated = truncated || cut};
    return AKI_OK;
}
