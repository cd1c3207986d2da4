/* Corrects a definition by the files beside the vocabulary, as `transformers` does when it loads a tokenizer:
 * BertTokenizer, XLMRobertaTokenizer and the classes of BPE take only the model, the second also the character map, and build the rest
 * from the settings; any class adds the tokens that the files name. */
#include "tokenizer/definition.h"

#include "base/error.h"
#include "base/memory.h"
#include "tokenizer/side_tokens.h"
#include "tokenizer/split_pattern.h"

#include <string.h>

/* The id that the class takes as unknown token, whatever "unk_id" says. */
#define XLM_ROBERTA_UNKNOWN 3

typedef struct adder {
    definition *def;
    const side_files *side;
    size_t limit; /* rows of the embedding table */
    aki_error *error;
    token_index known;   /* text -> id: the vocabulary; later also new tokens */
    token_index added;   /* text -> position in def->added */
    size_t stated_count; /* the first ones of def->added, which come from a list with ids */
    size_t next_id;
    const side_token **news; /* [new_count], to be appended to the vocabulary */
    size_t new_count;
} adder;

static aki_status no_memory(const adder *in)
{
    return error_set(in->error, AKI_OUT_OF_MEMORY, "no memory for the tokens of '%s'", in->def->vocab.path);
}

static bool flags_equal(const definition_added_token *a, const definition_added_token *b)
{
    return a->normalized == b->normalized && a->token.single_word == b->token.single_word &&
           a->token.strip_left == b->token.strip_left && a->token.strip_right == b->token.strip_right;
}

/* The id that a token not added so far gets, or TOKEN_INDEX_NONE where it is left out. */
static aki_status id_of(adder *in, const side_token *token, int32_t *id)
{
    *id = token_index_find(&in->known, token->text, token->length);
    bool is_new = *id == TOKEN_INDEX_NONE;
    int64_t expected = is_new ? (int64_t)in->next_id : *id;
    if (token->id != SIDE_TOKEN_ANY_ID && token->id != expected) {
        error_set(in->error, AKI_MODEL_INVALID,
                  "'%s': the token '%s' has the id %lld, but by the vocabulary it must be %lld", token->path,
                  token->text, (long long)token->id, (long long)expected);
        return vocabulary_hint(in->error);
    }
    if (!is_new)
        return AKI_OK;
    if (in->def->has_empty_lines)
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s' has empty lines, and '%s' names the token '%s', which is not among its lines: "
                         "its id is not defined",
                         in->def->vocab.path, token->path, token->text);
    in->next_id++;
    if ((size_t)expected < in->limit) {
        *id = (int32_t)expected;
        in->news[in->new_count++] = token;
        token_index_add(&in->known, token->text, token->length, *id);
        return AKI_OK;
    }
    if (token->optional)
        return AKI_OK; /* only a text that spells it out contains it */
    error_set(
        in->error, AKI_MODEL_INVALID,
        "'%s': the token '%s' would have the id %lld, but the model's embedding table has only %zu rows",
        token->path, token->text, (long long)expected, in->limit);
    return vocabulary_hint(in->error);
}

static aki_status add(adder *in, const side_token *token)
{
    definition *def = in->def;
    int32_t at = token_index_find(&in->added, token->text, token->length);
    if (at != TOKEN_INDEX_NONE) {
        bool stated = token->id != SIDE_TOKEN_ANY_ID;
        if (stated && token->id != def->added[at].token.id)
            return id_of(in, token, &at);
        /* By name, a token with an id is only referred to. */
        if ((!stated && (size_t)at < in->stated_count) || flags_equal(&def->added[at], &token->flags))
            return AKI_OK;
        return error_set(
            in->error, AKI_MODEL_UNSUPPORTED,
            "'%s': the token '%s' is given twice with other flags (\"lstrip\", \"normalized\", …)",
            token->path, token->text);
    }
    int32_t id;
    aki_status status = id_of(in, token, &id);
    if (status != AKI_OK || id == TOKEN_INDEX_NONE)
        return status;
    token_index_add(&in->added, token->text, token->length, (int32_t)def->added_count);
    definition_added_token *added = &def->added[def->added_count++];
    *added = token->flags;
    added->token.id = id;
    return AKI_OK;
}

static aki_status open_indexes(adder *in, size_t count)
{
    definition *def = in->def;
    vocabulary *vocab = &def->vocab;
    definition_added_token *grown = mem_realloc(def->added, def->added_count + count, sizeof *def->added);
    if (grown == NULL)
        return no_memory(in);
    def->added = grown;
    in->news = mem_alloc(count, sizeof *in->news);
    if (in->news == NULL || !token_index_init(&in->known, vocab->count + count) ||
        !token_index_init(&in->added, def->added_count + count))
        return no_memory(in);
    for (size_t id = vocab->count; id-- > 0;) /* of tokens that are there twice the last one counts */
        if (vocab->length[id] > 0)
            token_index_add(&in->known, vocabulary_text(vocab, (int32_t)id), vocab->length[id], (int32_t)id);
    for (size_t i = 0; i < def->added_count; i++) {
        int32_t id = def->added[i].token.id;
        token_index_add(&in->added, vocabulary_text(vocab, id), vocab->length[id], (int32_t)i);
    }
    in->next_id = vocab->count;
    return AKI_OK;
}

/* "$A" and ':' have a meaning where transformers writes the template for the special tokens. */
static bool fits_template(const char *text)
{
    return text[0] != '\0' && text[0] != '$' && strpbrk(text, ": ") == NULL;
}

/* Finds a special token that the class needs. */
static aki_status needed_name(const adder *in, special_use use, const char **text)
{
    aki_status status = side_tokens_name(in->side, use, text, in->error);
    if (status != AKI_OK)
        return status;
    if (*text == NULL || !fits_template(*text))
        return error_set(in->error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"%s\" is %s%s%s; this program needs one without blanks and colons",
                         side_files_of(in->side, side_tokens_key(use))->path, side_tokens_key(use),
                         *text != NULL ? "'" : "", *text != NULL ? *text : "null", *text != NULL ? "'" : "");
    return AKI_OK;
}

static aki_status put_around(const adder *in, special_use use, special_ids *side)
{
    const char *text;
    aki_status status = needed_name(in, use, &text);
    if (status != AKI_OK)
        return status;
    *side = (special_ids){.ids = {token_index_find(&in->known, text, strlen(text))}, .count = 1};
    return AKI_OK;
}

/* Builds everything of BertTokenizer and MPNetTokenizer but the added tokens. */
static aki_status build_bert(const adder *in)
{
    definition *def = in->def;
    const char *unknown;
    normalizer_flags flags = {true, true, true, true};
    aki_status status = side_files_bool(in->side, "do_lower_case", &flags.lowercase, in->error);
    flags.strip_accents = flags.lowercase; /* unless it is given and not null */
    if (status == AKI_OK)
        status = side_files_bool(in->side, "tokenize_chinese_chars", &flags.handle_chinese_chars, in->error);
    if (status == AKI_OK)
        status = side_files_bool(in->side, "strip_accents", &flags.strip_accents, in->error);
    if (status == AKI_OK)
        status = needed_name(in, USE_UNK, &unknown);
    if (status == AKI_OK)
        status = put_around(in, USE_CLS, &def->before);
    if (status == AKI_OK)
        status = put_around(in, USE_SEP, &def->after);
    if (status != AKI_OK)
        return status;
    const bool is_mpnet = in->side->class == TOKENIZER_CLASS_MPNET;
    definition_pair_texts(def, is_mpnet ? 2 : 1, !is_mpnet);
    int32_t unknown_id = token_index_find(&in->known, unknown, strlen(unknown));
    if (unknown_id == TOKEN_INDEX_NONE || (size_t)unknown_id >= def->model_count)
        return error_set(in->error, AKI_MODEL_INVALID, "'%s' has no token '%s', the model's unk_token",
                         def->vocab.path, unknown);
    mem_free(def->unknown);
    mem_free(def->prefix);
    def->unknown = mem_copy_string(unknown);
    def->prefix = mem_copy_string("##");
    if (def->unknown == NULL || def->prefix == NULL)
        return no_memory(in);
    def->flags = flags;
    def->max_chars = DEFINITION_USUAL_CHARS;
    return AKI_OK;
}

/* Builds everything of XLMRobertaTokenizer but the added tokens. */
static aki_status build_xlm_roberta(const adder *in)
{
    definition *def = in->def;
    bool prefix = true;
    aki_status status = side_files_bool(in->side, "add_prefix_space", &prefix, in->error);
    if (status == AKI_OK)
        status = put_around(in, USE_BOS, &def->before);
    if (status == AKI_OK)
        status = put_around(in, USE_EOS, &def->after);
    if (status != AKI_OK)
        return status;
    definition_pair_texts(def, 2, false);
    if (def->model_count <= XLM_ROBERTA_UNKNOWN)
        return error_set(in->error, AKI_MODEL_INVALID,
                         "'%s' has %zu tokens; XLMRobertaTokenizer's unknown token has the id %d",
                         def->vocab.path, def->model_count, XLM_ROBERTA_UNKNOWN);
    split_stages_free(&def->split);
    if (!split_stages_words(&def->split, prefix))
        return no_memory(in);
    normal_stages_keep_precompiled(&def->normal);
    mem_free(def->scores);
    def->scores = def->exact_scores;
    def->exact_scores = NULL;
    def->unknown_id = XLM_ROBERTA_UNKNOWN;
    def->byte_fallback = false;
    return AKI_OK;
}

/* Replaces the stages of the file by those of a class. split: is taken over. */
static aki_status put_stages(const adder *in, const char *form, json_t *split)
{
    definition *def = in->def;
    json_t *normal = form != NULL ? json_loads(form, 0, NULL) : NULL;
    normal_stages_free(&def->normal);
    split_stages_free(&def->split);
    aki_status status = split == NULL || (form != NULL && normal == NULL)
                            ? no_memory(in)
                            : normal_stages_read(&def->normal, normal, def->vocab.path, in->error);
    if (status == AKI_OK)
        status = split_stages_read(&def->split, split, def->vocab.path, in->error);
    json_decref(normal);
    json_decref(split);
    return status;
}

static json_t *byte_level(bool prefix, bool pattern)
{
    return json_pack("{s:s, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", prefix, "use_regex",
                     pattern);
}

/* Builds everything of RobertaTokenizer, GPT2Tokenizer and Qwen2Tokenizer but the added tokens, and the last two's
 * post-processor. */
static aki_status build_byte_level(const adder *in)
{
    definition *def = in->def;
    bool prefix = false;
    const bool is_qwen = in->side->class == TOKENIZER_CLASS_QWEN2;
    aki_status status = side_files_bool(in->side, "add_prefix_space", &prefix, in->error);
    if (status == AKI_OK && in->side->class == TOKENIZER_CLASS_ROBERTA)
        status = put_around(in, USE_CLS, &def->before);
    if (status == AKI_OK && in->side->class == TOKENIZER_CLASS_ROBERTA)
        status = put_around(in, USE_SEP, &def->after);
    if (status == AKI_OK && in->side->class == TOKENIZER_CLASS_ROBERTA)
        definition_pair_texts(def, 2, false);
    if (status == AKI_OK)
        status = is_qwen ? put_stages(in, "{\"type\":\"NFC\"}",
                                      json_pack("{s:s, s:[{s:s, s:{s:s}, s:s}, o]}", "type", "Sequence",
                                                "pretokenizers", "type", "Split", "pattern", "Regex",
                                                SPLIT_PATTERN_QWEN2, "behavior", "Isolated",
                                                byte_level(prefix, false)))
                         : put_stages(in, NULL, byte_level(prefix, true));
    def->bpe.unknown = -1;
    def->bpe.byte_fallback = def->bpe.fuse_unknown = def->bpe.ignore_merges = false;
    return status == AKI_OK ? definition_check_bpe(def, def->vocab.path, in->error) : status;
}

/* Builds everything of GemmaTokenizer but the added tokens and the post-processor. */
static aki_status build_gemma(const adder *in)
{
    definition *def = in->def;
    const char *unknown;
    aki_status status = needed_name(in, USE_UNK, &unknown);
    if (status == AKI_OK)
        status = put_stages(
            in, "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}",
            json_pack("{s:s, s:{s:s}, s:s}", "type", "Split", "pattern", "String", " ", "behavior",
                      "MergedWithPrevious"));
    if (status != AKI_OK)
        return status;
    const int32_t id = token_index_find(&in->known, unknown, strlen(unknown));
    if (id == TOKEN_INDEX_NONE || (size_t)id >= def->model_count)
        return error_set(in->error, AKI_MODEL_INVALID, "'%s' has no token '%s', the model's unk_token",
                         def->vocab.path, unknown);
    def->bpe.unknown = id;
    def->bpe.byte_fallback = def->bpe.fuse_unknown = true;
    def->bpe.ignore_merges = false;
    return definition_check_bpe(def, def->vocab.path, in->error);
}

static aki_status build_class(const adder *in)
{
    switch (in->side->class) {
    case TOKENIZER_CLASS_BERT:
    case TOKENIZER_CLASS_MPNET:
        return build_bert(in);
    case TOKENIZER_CLASS_XLM_ROBERTA:
        return build_xlm_roberta(in);
    case TOKENIZER_CLASS_ROBERTA:
    case TOKENIZER_CLASS_GPT2:
    case TOKENIZER_CLASS_QWEN2:
        return build_byte_level(in);
    case TOKENIZER_CLASS_GEMMA:
        return build_gemma(in);
    case TOKENIZER_CLASS_FILE:
        break;
    }
    return AKI_OK;
}

/* A post-processor of the file may name tokens that the settings do not add again. */
static aki_status check_around(const adder *in)
{
    definition *def = in->def;
    const special_ids *pair[] = {&def->pair.before, &def->pair.between, &def->pair.after};
    for (size_t side = 0; side < 3; side++)
        for (size_t i = 0; i < pair[side]->count; i++)
            if ((size_t)pair[side]->ids[i] >= def->vocab.count)
                def->pair.known = false;
    const special_ids *sides[] = {&def->before, &def->after};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < sides[side]->count; i++)
            if ((size_t)sides[side]->ids[i] >= def->vocab.count)
                return error_set(
                    in->error, AKI_MODEL_INVALID,
                    "'%s': \"post_processor\" names the token %d, which the settings beside it do not have",
                    def->vocab.path, (int)sides[side]->ids[i]);
    return AKI_OK;
}

/* Types that the template gives reach the model where its inputs are said to have them. */
static bool passes_types(const side_files *side)
{
    if (side->class == TOKENIZER_CLASS_BERT && side_files_get(side, "model_input_names") == NULL)
        return true; /* by default */
    return side_files_pass_types(side);
}

static aki_status add_all(adder *in, const side_tokens *tokens)
{
    definition *def = in->def;
    in->stated_count = def->added_count;
    for (size_t i = 0; i < tokens->count; i++) {
        aki_status status = add(in, &tokens->items[i]);
        if (status != AKI_OK)
            return status;
        if (tokens->items[i].id != SIDE_TOKEN_ANY_ID)
            in->stated_count = def->added_count;
    }
    aki_status status = build_class(in);
    def->pair.typed = def->pair.typed && passes_types(in->side);
    for (size_t i = 0; i < in->new_count && status == AKI_OK; i++)
        status = vocabulary_append(&def->vocab, in->news[i]->text, in->news[i]->length, in->error);
    return status == AKI_OK ? check_around(in) : status;
}

static aki_status read_sides(const adder *in)
{
    definition *def = in->def;
    bool pad_left = def->pad_left;
    aki_status status = side_files_side(in->side, "truncation_side", &def->truncate_left, in->error);
    if (status == AKI_OK)
        status = side_files_side(in->side, "padding_side", &pad_left, in->error);
    if (status != AKI_OK)
        return status;
    if (pad_left && !side_files_relative(in->side))
        return error_set(
            in->error, AKI_MODEL_UNSUPPORTED,
            "'%s': texts are padded on the left, so that a vector depends on the other texts of its "
            "batch; that is not supported",
            def->pad_left ? def->vocab.path : side_files_of(in->side, "padding_side")->path);
    if (in->side->class == TOKENIZER_CLASS_FILE && def->has_types && side_files_pass_types(in->side))
        return error_set(
            in->error, AKI_MODEL_UNSUPPORTED,
            "'%s': \"post_processor\" gives a text another \"type_id\" than 0, which is not supported",
            def->vocab.path);
    return AKI_OK;
}

/* A class builds its own kind of model from any vocabulary. */
static aki_status check_model(const adder *in)
{
    static const struct {
        definition_model model;
        const char *name;
    } classes[] = {[TOKENIZER_CLASS_BERT] = {MODEL_WORDPIECE, "WordPiece"},
                   [TOKENIZER_CLASS_MPNET] = {MODEL_WORDPIECE, "WordPiece"},
                   [TOKENIZER_CLASS_XLM_ROBERTA] = {MODEL_UNIGRAM, "Unigram"},
                   [TOKENIZER_CLASS_ROBERTA] = {MODEL_BPE, "BPE"},
                   [TOKENIZER_CLASS_GPT2] = {MODEL_BPE, "BPE"},
                   [TOKENIZER_CLASS_QWEN2] = {MODEL_BPE, "BPE"},
                   [TOKENIZER_CLASS_GEMMA] = {MODEL_BPE, "BPE"}};
    tokenizer_class class = in->side->class;
    if (class == TOKENIZER_CLASS_FILE || classes[class].model == in->def->model)
        return AKI_OK;
    return error_set(
        in->error, AKI_MODEL_UNSUPPORTED,
        "'%s': the \"tokenizer_class\" %s makes a %s of \"model\", which is another one", in->def->vocab.path,
        in->side->class_name != NULL ? in->side->class_name : "of the \"model_type\"", classes[class].name);
}

aki_status definition_apply(definition *def, const side_files *side, size_t vocabulary_limit,
                            aki_error *error)
{
    adder in = {.def = def,
                .side = side,
                .limit =
                    vocabulary_limit < TOKENIZER_VOCABULARY_MAX ? vocabulary_limit : TOKENIZER_VOCABULARY_MAX,
                .error = error};
    aki_status status = check_model(&in);
    if (status != AKI_OK)
        return status;
    side_tokens tokens;
    status = side_tokens_collect(&tokens, side, def, error);
    if (side->class != TOKENIZER_CLASS_FILE) {
        vocabulary_cut(&def->vocab, def->model_count);
        def->added_count = 0;
    }
    if (status == AKI_OK)
        status = read_sides(&in);
    if (status == AKI_OK)
        status = open_indexes(&in, tokens.count);
    if (status == AKI_OK)
        status = add_all(&in, &tokens);
    token_index_free(&in.known);
    token_index_free(&in.added);
    mem_free(in.news);
    side_tokens_free(&tokens);
    return status;
}
