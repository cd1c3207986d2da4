/* Works out what becomes of every code point under a normalizer's flags. The tables are laid over each other in reverse
 * order of the steps: what a later step does with a character must be known when an earlier one produces it. */
#include "tokenizer/normalizer.h"

#include "base/memory.h"
#include "tokenizer/normalizer_action.h"

typedef struct sequence {
    uint32_t elements[SEQUENCE_ELEMENTS_MAX];
    size_t count;
} sequence;

/* Stores a sequence and returns the action that stands for it; the simplest that means the same. */
static bool store(normalizer *norm, const sequence *seq, uint32_t *action)
{
    if (seq->count == 0) {
        *action = ACTION(ACTION_DROP, 0);
        return true;
    }
    if (seq->count == 1 && seq->elements[0] == ELEMENT_BARRIER) {
        *action = ACTION(ACTION_BARRIER, 0);
        return true;
    }
    if (seq->count == 1 && ELEMENT_RANK(seq->elements[0]) == 0) {
        *action = ACTION(ACTION_MAP, ELEMENT_CODE_POINT(seq->elements[0]));
        return true;
    }
    size_t needed = norm->sequences_length + 1 + seq->count;
    if (needed > norm->sequences_capacity) {
        size_t capacity = 2 * needed;
        uint32_t *grown = mem_realloc(norm->sequences, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        norm->sequences = grown;
        norm->sequences_capacity = capacity;
    }
    *action = ACTION(ACTION_SEQUENCE, norm->sequences_length);
    norm->sequences[norm->sequences_length++] = (uint32_t)seq->count;
    for (size_t i = 0; i < seq->count; i++)
        norm->sequences[norm->sequences_length++] = seq->elements[i];
    return true;
}

/* Appends what `code_point` becomes by the actions laid so far. */
static void append(const normalizer *norm, const uint32_t *actions, uint32_t code_point, sequence *seq)
{
    uint32_t operand = ACTION_OPERAND(actions[code_point]);
    switch (ACTION_KIND(actions[code_point])) {
    case ACTION_DROP:
        break;
    case ACTION_BARRIER:
        seq->elements[seq->count++] = ELEMENT_BARRIER;
        break;
    case ACTION_MAP:
        seq->elements[seq->count++] = ELEMENT(0, operand);
        break;
    case ACTION_MARK:
        seq->elements[seq->count++] = ELEMENT(operand, code_point);
        break;
    case ACTION_SEQUENCE:
        for (uint32_t i = 1; i <= norm->sequences[operand]; i++)
            seq->elements[seq->count++] = norm->sequences[operand + i];
        break;
    case ACTION_COPY:
    case ACTION_ISOLATE: /* laid after all that may produce a character */
    case ACTION_HANGUL:
        seq->elements[seq->count++] = ELEMENT(0, code_point);
    }
}

static void fill(uint32_t *actions, const unicode_range *ranges, size_t count, uint32_t action)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last; c++)
            actions[c] = action;
}

static bool lay_sequences(normalizer *norm, uint32_t *actions, const unicode_sequence *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sequence seq = {.count = 0};
        for (size_t k = 0; k < UNICODE_SEQUENCE_MAX && rows[i].to[k] != 0; k++)
            append(norm, actions, rows[i].to[k], &seq);
        if (!store(norm, &seq, &actions[rows[i].from]))
            return false;
    }
    return true;
}

static bool lay_lowercase(normalizer *norm, uint32_t *actions)
{
    /* Lower-casing is the last step: its results are not looked up again. */
    if (!lay_sequences(norm, actions, unicode_lowercase_sequences, unicode_lowercase_sequences_count))
        return false;
    for (size_t i = 0; i < unicode_lowercase_count; i++) {
        const unicode_case_range *row = &unicode_lowercase[i];
        for (uint32_t c = row->first; c <= row->last; c += row->step)
            actions[c] = ACTION(ACTION_MAP, (uint32_t)((int32_t)c + row->delta));
    }
    return true;
}

static bool lay_accents(normalizer *norm, uint32_t *actions)
{
    for (size_t i = 0; i < unicode_combining_count; i++)
        for (uint32_t c = unicode_combining[i].first; c <= unicode_combining[i].last; c++)
            actions[c] = ACTION(ACTION_MARK, unicode_combining[i].rank);
    for (size_t i = 0; i < unicode_nonspacing_count; i++)
        for (uint32_t c = unicode_nonspacing[i].first; c <= unicode_nonspacing[i].last; c++)
            actions[c] = ACTION(ACTION_KIND(actions[c]) == ACTION_MARK ? ACTION_DROP : ACTION_BARRIER, 0);
    if (!lay_sequences(norm, actions, unicode_decompositions, unicode_decompositions_count))
        return false;
    for (uint32_t c = HANGUL_FIRST; c <= HANGUL_LAST; c++)
        actions[c] = ACTION(ACTION_HANGUL, 0);
    return true;
}

static bool lay_chinese(normalizer *norm, uint32_t *actions)
{
    for (size_t i = 0; i < unicode_chinese_count; i++) {
        for (uint32_t c = unicode_chinese[i].first; c <= unicode_chinese[i].last; c++) {
            if (ACTION_KIND(actions[c]) == ACTION_COPY) {
                actions[c] = ACTION(ACTION_ISOLATE, 0);
                continue;
            }
            sequence seq = {.elements = {ELEMENT(0, ' ')}, .count = 1};
            append(norm, actions, c, &seq);
            seq.elements[seq.count++] = ELEMENT(0, ' ');
            if (!store(norm, &seq, &actions[c]))
                return false;
        }
    }
    return true;
}

static bool lay_all(normalizer *norm, normalizer_flags flags, uint32_t *actions)
{
    if (flags.lowercase && !lay_lowercase(norm, actions))
        return false;
    if (flags.strip_accents && !lay_accents(norm, actions))
        return false;
    if (flags.handle_chinese_chars && !lay_chinese(norm, actions))
        return false;
    if (flags.clean_text) {
        fill(actions, unicode_spaces, unicode_spaces_count, ACTION(ACTION_MAP, ' '));
        fill(actions, unicode_removed, unicode_removed_count, ACTION(ACTION_DROP, 0));
    }
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t action = actions[c];
        norm->ascii[c] = ACTION_KIND(action) == ACTION_COPY  ? (uint8_t)c
                         : ACTION_KIND(action) == ACTION_MAP ? (uint8_t)ACTION_OPERAND(action)
                                                             : 0x80;
    }
    return char_table_build(&norm->actions, actions);
}

bool normalizer_build(normalizer *norm, normalizer_flags flags)
{
    *norm = (normalizer){.lowercase = flags.lowercase};
    uint32_t *actions = mem_zalloc(UNICODE_LIMIT, sizeof *actions); /* zero is ACTION_COPY */
    bool done = actions != NULL && lay_all(norm, flags, actions);
    mem_free(actions);
    if (!done)
        normalizer_free(norm);
    return done;
}

void normalizer_free(normalizer *norm)
{
    char_table_free(&norm->actions);
    mem_free(norm->sequences);
    *norm = (normalizer){0};
}
