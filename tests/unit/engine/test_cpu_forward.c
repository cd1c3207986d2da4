/* The forward pass of every precision of every tier: against double precision, and bit by bit against itself in other company. */
#include "synthetic.h"

#include <sched.h>

#include "base/thread.h"
#include "kernels/precision.h"

#define MOST_TOKENS 700

typedef struct run {
    cpu_device *device;
    cpu_state *state;
} run;

/* Every precision of every tier of this CPU. */
typedef struct subject {
    const char *tier;
    aki_precision precision;
} subject;

#define MOST_SUBJECTS 32

static size_t subjects(subject list[MOST_SUBJECTS])
{
    size_t count = 0;
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        assert_true(count + 4 <= MOST_SUBJECTS);
        /* Plain C, which is last, does the same on the CPU that emulates. */
        if (unit_is_repeated() && count > 0 && strcmp((*tier)->name, "reference") == 0)
            break;
        list[count++] = (subject){(*tier)->name, AKI_PRECISION_FP32};
        if ((*tier)->bf16 != NULL)
            list[count++] = (subject){(*tier)->name, AKI_PRECISION_BF16};
        if ((*tier)->int8 != NULL)
            list[count++] = (subject){(*tier)->name, AKI_PRECISION_INT8};
        if (kernel_has_precision(*tier, AKI_PRECISION_INT4))
            list[count++] = (subject){(*tier)->name, AKI_PRECISION_INT4};
    }
    return count;
}

/* Runs the statement that follows once for each, named `it`. */
#define EACH_SUBJECT(it)                                                                                     \
    subject it##_list[MOST_SUBJECTS];                                                                        \
    const size_t it##_count = subjects(it##_list);                                                           \
    for (const subject *it = it##_list; it < it##_list + it##_count; it++)

static run run_open(const synthetic *s, const subject *it)
{
    run r = {0};
    aki_error error;
    assert_int_equal(
        cpu_device_open_weights(&r.device, &s->config, &s->weights, it->precision, it->tier, NULL, &error),
        AKI_OK);
    assert_int_equal(cpu_state_open(&r.state, r.device, MOST_TOKENS, &error), AKI_OK);
    return r;
}

static void run_close(run *r)
{
    cpu_state_close(r->state);
    cpu_device_close(r->device);
}

typedef struct texts {
    int32_t ids[MOST_TOKENS];
    uint32_t offsets[MOST_TOKENS + 1];
    size_t count;
} texts;

/* With padding in it, where that has a meaning in the graph. */
static void add_text(synthetic *s, texts *t, size_t tokens)
{
    const model_graph *graph = &s->config.graph;
    uint32_t first = t->count > 0 ? t->offsets[t->count] : 0;
    assert_true(first + tokens <= MOST_TOKENS);
    t->offsets[0] = 0;
    for (size_t i = 0; i < tokens; i++)
        t->ids[first + i] = graph->positions_skip_padding && (i % 7 == 1 || i % 7 == 2)
                                ? graph->padding_id
                                : (int32_t)(fabs(synthetic_unit(s)) * 99.99);
    t->offsets[++t->count] = first + (uint32_t)tokens;
}

static const float *forward(run *r, const texts *t)
{
    return cpu_forward(r->device, r->state, &(device_batch){t->ids, t->offsets, t->count});
}

/* Values of the last norm are around 1. Two layers lose 5 of the 24 bits of f32; of bf16's 8 bits and int8's 7 they lose
 * 5 in the worst value of some ten thousand, and little in the mean. The mean of int8 is 0.018 to 0.038 here and that of
 * int4 up to 0.27, the most behind RELU, whose outputs are zero or large; the fewer texts, the more it varies. */
typedef struct gate {
    double worst, mean_square, cosine; /* cosine: of the real model's token states */
} gate;

static gate gate_of(aki_precision precision)
{
    switch (precision) {
    case AKI_PRECISION_INT8:
        return (gate){0.25, 0.045 * 0.045, 0.97};
    case AKI_PRECISION_INT4:
        return (gate){1.5, 0.32 * 0.32, 0.8};
    case AKI_PRECISION_BF16:
        return (gate){0.125, 0.015 * 0.015, 0.999};
    case AKI_PRECISION_FP32:
    case AKI_PRECISION_AUTO:
        break;
    }
    return (gate){1e-5, 1e-5 * 1e-5, 0.999999999};
}

/* Token 1 is padding where a graph has any, and stands in texts too. */
static const model_graph graphs[] = {
    {.positions_skip_padding = true, .padding_id = 1},
    {.positions_skip_padding = true, .padding_id = 1, .relative_bias = true},
};

/* As the families have them: NomicBERT, ModernBERT, Qwen3, EmbeddingGemma, JinaBERT and its variant for code. */
static const model_graph nomic_bert = {.rotary = {{.theta = 1000.0f}}, .gated = true},
                         modernbert = {.rotary = {{.theta = 16000.0f}, {.theta = 100.0f}},
                                       .window = 5,
                                       .local_layers = {6},
                                       .pre_norm = true,
                                       .gated = true},
                         qwen3 = {.rotary = {{.theta = 1e6f, .divisor = 2.0f}},
                                  .causal = true,
                                  .key_value_heads = 2,
                                  .norm = MODEL_RMS_NORM,
                                  .pre_norm = true,
                                  .gated = true,
                                  .embedding_scale = 1.0f},
                         gemma = {.rotary = {{.theta = 1e6f}, {.theta = 1e4f}},
                                  .window = 9,
                                  .local_layers = {3},
                                  .key_value_heads = 1,
                                  .score_divisor = 5.0f,
                                  .norm = MODEL_RMS_NORM_FROM_ONE,
                                  .pre_norm = true,
                                  .gated = true,
                                  .embedding_scale = 8.0f},
                         jina_bert = {.alibi = true, .gated = true},
                         jina_code = {.alibi = true,
                                      .gated = true,
                                      .joint_head_norms = true,
                                      .attention_input_twice = true},
                         nomic_moe = {
                             .rotary = {{.theta = 10000.0f}}, .experts = 5, .chosen = 2, .mixture_every = 2};

static void check_heads(size_t hidden, size_t heads, size_t head_size, size_t intermediate,
                        model_activation activation, model_graph graph, size_t types)
{
    synthetic s;
    texts t = {.count = 0};
    synthetic_open_heads(&s, hidden, heads, head_size, intermediate, activation, graph, types);
    const size_t lengths[] = {1, 2, 7, 16, 33, 150}, longest = unit_is_emulated() ? 4 : 5;
    double *expected[6];
    for (size_t i = 0; i <= longest; i++) {
        add_text(&s, &t, lengths[i]);
        expected[i] = synthetic_forward(&s, t.ids + t.offsets[i], lengths[i]);
    }
    EACH_SUBJECT(it)
    {
        /* A token for which two experts weigh nearly as much may be given the other one. */
        if (graph.chosen < graph.experts && it->precision != AKI_PRECISION_FP32)
            continue;
        run r = run_open(&s, it);
        const float *states = forward(&r, &t);
        assert_int_equal((uintptr_t)states % KERNEL_ALIGNMENT, 0);
        const gate limit = gate_of(it->precision);
        /* Sums that no norm stands behind keep what each layer lost. */
        const double room = graph.pre_norm ? 2.0 : 1.0;
        double squares = 0.0, count = 0.0;
        for (size_t i = 0; i <= longest; i++)
            for (size_t j = 0; j < lengths[i] * hidden; j++) {
                double actual = states[t.offsets[i] * hidden + j], difference = actual - expected[i][j];
                if (!(fabs(difference) <= room * limit.worst))
                    fail_msg("%s in %s, text %zu, value %zu: %.9g instead of %.9g", it->tier,
                             kernel_precision_name(it->precision), i, j, actual, expected[i][j]);
                squares += difference * difference;
                count += 1.0;
            }
        if (!(squares / count <= room * room * limit.mean_square))
            fail_msg("%s in %s: mean deviation %.3g", it->tier, kernel_precision_name(it->precision),
                     sqrt(squares / count));
        run_close(&r);
    }
    for (size_t i = 0; i <= longest; i++)
        mem_free(expected[i]);
    synthetic_close(&s);
}

static void check_graph(size_t hidden, size_t heads, size_t intermediate, model_activation activation,
                        model_graph graph, size_t types)
{
    check_heads(hidden, heads, 0, intermediate, activation, graph, types);
}

static void check_against_doubles(size_t hidden, size_t heads, size_t intermediate,
                                  model_activation activation)
{
    check_graph(hidden, heads, intermediate, activation, (model_graph){0}, 2);
}

static void agrees_in_every_graph(void **state)
{
    (void)state;
    check_graph(64, 4, 128, MODEL_GELU_ERF, (model_graph){0}, 0);
    check_graph(64, 4, 128, MODEL_GELU_TANH, graphs[0], 1);
    check_graph(64, 4, 256, MODEL_RELU, graphs[1], 0);
    check_graph(64, 4, 128, MODEL_SILU, (model_graph){0}, 1);
}

/* With a choice, and with all experts chosen, where it cannot depend on the precision. */
static void check_mixtures(size_t hidden, size_t heads, size_t intermediate)
{
    model_graph all = nomic_moe;
    all.experts = all.chosen = 3;
    check_graph(hidden, heads, intermediate, MODEL_GELU_ERF, all, 1);
    check_graph(hidden, heads, intermediate, MODEL_GELU_ERF, nomic_moe, 1);
}

/* Gated nets of one turn of the gate's step and of several, with a rest and without. */
static void agrees_in_graphs_of_other_families(void **state)
{
    (void)state;
    check_graph(64, 4, 96, MODEL_SILU, nomic_bert, 2);
    check_graph(64, 4, 300, MODEL_GELU_ERF, modernbert, 0);
    check_heads(64, 4, 32, 128, MODEL_SILU, qwen3, 0);
    check_heads(48, 4, 24, 131, MODEL_GELU_TANH, gemma, 0);
    if (unit_is_repeated())
        return;
    check_graph(64, 4, 256, MODEL_GELU_ERF, jina_bert, 2);
    check_graph(64, 4, 256, MODEL_RELU, jina_code, 2);
    check_graph(48, 2, 80, MODEL_GELU_ERF, jina_code, 1);
    check_mixtures(64, 4, 128);
    check_mixtures(48, 2, 300);
}

/* The first `outputs` outputs of `from` shrink, and the inputs of `to` that they become grow as much: a scale of int8 serves one
 * kind of them only. */
static void set_apart(const model_linear *from, const model_linear *to, size_t outputs)
{
    float *rows = (float *)(uintptr_t)from->weight.data, *bias = (float *)(uintptr_t)from->bias.data;
    float *columns = (float *)(uintptr_t)to->weight.data;
    for (size_t o = 0; o < outputs; o++) {
        for (size_t i = 0; i < from->weight.columns; i++)
            rows[o * from->weight.columns + i] *= 1e-4f;
        bias[o] *= 1e-4f;
        for (size_t i = 0; i < to->weight.rows; i++)
            columns[i * to->weight.columns + o] *= 1e4f;
    }
}

/* Rows change between int8 and the precision beside it before and behind each matrix that stays there. */
static void agrees_with_matrices_kept_from_int8(void **state)
{
    (void)state;
    for (size_t which = 1; which < 4; which++) {
        synthetic s;
        texts t = {.count = 0};
        synthetic_open(&s, 64, 2, 256, MODEL_RELU);
        for (size_t l = 0; l < 2; l++) {
            if (which & 1)
                set_apart(&s.weights.layers[l].value, &s.weights.layers[l].attention_output, 32);
            if (which & 2)
                set_apart(&s.weights.layers[l].intermediate, &s.weights.layers[l].output, 128);
        }
        add_text(&s, &t, 150);
        double *expected = synthetic_forward(&s, t.ids, 150);
        EACH_SUBJECT(it)
        {
            if (it->precision != AKI_PRECISION_INT8)
                continue;
            run r = run_open(&s, it);
            assert_int_equal(cpu_device_kept_from_int8(r.device), which == 3 ? 4 : 2);
            const float *states = forward(&r, &t);
            double squares = 0.0;
            for (size_t i = 0; i < 150 * 64; i++)
                squares += (states[i] - expected[i]) * (states[i] - expected[i]);
            const double mean = squares / (150 * 64);
            if (!(mean <= gate_of(AKI_PRECISION_INT8).mean_square))
                fail_msg("%s: mean deviation %.3g", it->tier, sqrt(mean));
            run_close(&r);
        }
        mem_free(expected);
        synthetic_close(&s);
    }
}

static void agrees_with_double_precision(void **state)
{
    (void)state;
    check_against_doubles(64, 4, 256, MODEL_GELU_ERF);
    check_against_doubles(64, 2, 128, MODEL_GELU_TANH);
    check_against_doubles(64, 1, 128, MODEL_RELU);
}

static void agrees_where_no_size_fits_a_vector(void **state)
{
    (void)state;
    check_against_doubles(48, 3, 100, MODEL_GELU_ERF);
    check_against_doubles(60, 5, 77, MODEL_GELU_TANH);
    check_against_doubles(40, 10, 33, MODEL_RELU);
}

static void agrees_where_rows_are_a_power_of_two_apart(void **state)
{
    (void)state;
    const size_t hidden = unit_is_emulated() ? 128 : 512;
    check_against_doubles(hidden, 8, 2 * hidden, MODEL_GELU_ERF);
}

static void check_mates(size_t heads, size_t head_size, model_graph graph)
{
    const size_t hidden = 48;
    synthetic s;
    synthetic_open_heads(&s, hidden, heads, head_size, 100, MODEL_GELU_ERF, graph, 2);
    EACH_SUBJECT(it)
    {
        run r = run_open(&s, it);
        for (int round = 0; round < (unit_is_emulated() ? 1 : 4); round++) {
            texts together = {.count = 0};
            size_t room = MOST_TOKENS;
            while (room >= 150 && together.count < 40) {
                size_t tokens = 1 + (size_t)(fabs(synthetic_unit(&s)) * (round % 2 == 0 ? 20 : 149));
                add_text(&s, &together, tokens);
                room -= tokens;
            }
            size_t values = together.offsets[together.count] * hidden;
            float *first = mem_alloc(values, sizeof *first);
            assert_non_null(first);
            memcpy(first, forward(&r, &together), values * sizeof *first);
            for (size_t i = 0; i < together.count; i++) {
                const uint32_t from = together.offsets[i], tokens = together.offsets[i + 1] - from;
                const uint32_t offsets[2] = {0, tokens};
                const float *alone =
                    cpu_forward(r.device, r.state, &(device_batch){together.ids + from, offsets, 1});
                assert_memory_equal(alone, first + from * hidden, tokens * hidden * sizeof(float));
            }
            mem_free(first);
        }
        run_close(&r);
    }
    synthetic_close(&s);
}

static void a_text_does_not_depend_on_its_batch_mates(void **state)
{
    (void)state;
    check_mates(3, 0, graphs[1]);
    check_mates(4, 16, qwen3);
    check_mates(3, 16, nomic_moe);
    if (!unit_is_emulated())
        check_mates(3, 16, gemma);
}

static void a_text_of_nan_harms_no_other(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 64, 4, 256, MODEL_GELU_ERF);
    texts t = {.count = 0};
    for (size_t i = 0; i < 9; i++)
        add_text(&s, &t, 5);
    for (size_t i = 0; i < 45; i++)
        if (t.ids[i] == 7)
            t.ids[i] = 8;
    t.ids[22] = 7; /* in text 4 */
    s.values[7 * 64 + 3] = NAN;
    EACH_SUBJECT(it)
    {
        run r = run_open(&s, it);
        const float *states = forward(&r, &t);
        for (size_t i = 0; i < 45 * 64; i++)
            assert_int_equal(isnan(states[i]), i / 64 / 5 == 4);
        run_close(&r);
    }
    synthetic_close(&s);
}

/* Keys and values of the first tokens of one text. */
typedef struct kept {
    unsigned char *rows;
    size_t tokens;
} kept;

/* Computed in two passes where `first` is not 0: the second takes over what the first one kept. */
static kept keep_prefix(run *r, const synthetic *s, const int32_t *ids, size_t first, size_t tokens)
{
    const size_t bytes = s->config.layers * tokens * cpu_device_prefix_row_bytes(r->device);
    kept k = {mem_alloc(bytes, 1), tokens};
    assert_non_null(k.rows);
    memset(k.rows, 0xff, bytes);
    for (size_t begin = 0, end = first > 0 ? first : tokens; begin < tokens; begin = end, end = tokens) {
        const cpu_reuse reuse = {k.rows, tokens, begin};
        const uint32_t offsets[] = {0, (uint32_t)(end - begin)};
        cpu_state_share(r->state, &(cpu_sharing){&reuse, k.rows, tokens});
        cpu_forward(r->device, r->state, &(device_batch){ids + begin, offsets, 1});
    }
    assert_true(cpu_device_prefix_is_finite(r->device, k.rows, tokens));
    return k;
}

/* Two texts that begin alike, around one that takes nothing over. */
static void check_reuse(run *r, synthetic *s, size_t prefix, size_t tokens)
{
    const size_t hidden = s->config.hidden_size, lengths[] = {tokens, 9, prefix + 1};
    texts whole = {.count = 0}, behind = {.count = 0};
    for (size_t i = 0; i < 3; i++)
        add_text(s, &whole, lengths[i]);
    memcpy(whole.ids + whole.offsets[2], whole.ids, prefix * sizeof *whole.ids);
    float *expected = mem_alloc(whole.offsets[3] * hidden, sizeof *expected);
    assert_non_null(expected);
    memcpy(expected, forward(r, &whole), whole.offsets[3] * hidden * sizeof *expected);
    const kept k = keep_prefix(r, s, whole.ids, prefix % 3 == 0 ? prefix / 2 : 0, prefix);
    const cpu_reuse reuse[] = {{k.rows, k.tokens, prefix}, {.tokens = 0}, {k.rows, k.tokens, prefix}};
    for (size_t i = 0; i < 3; i++) {
        const size_t own = lengths[i] - reuse[i].tokens;
        memcpy(behind.ids + behind.offsets[i], whole.ids + whole.offsets[i] + reuse[i].tokens,
               own * sizeof *whole.ids);
        behind.offsets[++behind.count] = behind.offsets[i] + (uint32_t)own;
    }
    cpu_state_share(r->state, &(cpu_sharing){.reuse = reuse});
    const float *states = forward(r, &behind);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(states + behind.offsets[i] * hidden,
                            expected + (whole.offsets[i] + reuse[i].tokens) * hidden,
                            (lengths[i] - reuse[i].tokens) * hidden * sizeof *states);
    /* The pass after it has all its rows again. */
    assert_memory_equal(forward(r, &whole), expected, whole.offsets[3] * hidden * sizeof *states);
    mem_free(k.rows);
    mem_free(expected);
}

static void what_is_taken_over_changes_no_bit(void **state)
{
    (void)state;
    static const size_t prefixes[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 95, 127, 128, 148};
    model_graph windowed = qwen3;
    windowed.window = 20;
    windowed.local_layers[0] = 2;
    const model_graph *const causal[] = {&qwen3, &windowed};
    for (size_t g = 0; g < 2; g++) {
        synthetic s;
        synthetic_open_heads(&s, 64, 4, 24, 300, MODEL_SILU, *causal[g], 0);
        EACH_SUBJECT(it)
        {
            run r = run_open(&s, it);
            const bool slow = unit_is_emulated() || strcmp(it->tier, "reference") == 0;
            const size_t count = unit_is_repeated() ? 9 : sizeof prefixes / sizeof *prefixes;
            for (size_t i = 0; i < count; i += unit_is_repeated() ? 4 : slow ? 5 : 1)
                check_reuse(&r, &s, prefixes[i], prefixes[i] + 1 + (size_t)(fabs(synthetic_unit(&s)) * 10));
            run_close(&r);
        }
        synthetic_close(&s);
    }
}

static void only_causal_texts_take_over(void **state)
{
    (void)state;
    const model_graph *const others[] = {&graphs[0],  &graphs[1], &nomic_bert,
                                         &modernbert, &gemma,     &jina_bert};
    for (size_t g = 0; g < sizeof others / sizeof *others; g++) {
        synthetic s;
        synthetic_open_graph(&s, 64, 4, 128, MODEL_GELU_ERF, *others[g], 1);
        run r = run_open(&s, &(subject){"reference", AKI_PRECISION_FP32});
        assert_int_equal(cpu_device_prefix_row_bytes(r.device), 0);
        run_close(&r);
        synthetic_close(&s);
    }
}

/* A worker that helps with whatever its leader does. Its visits end early when called_away is set. */
typedef struct helper {
    const run *leader;
    cpu_state *state;
    atomic_bool stop;
    atomic_uint called_away;
    pthread_t thread;
} helper;

static void *help(void *argument)
{
    helper *self = argument;
    while (!atomic_load(&self->stop)) {
        cpu_team_help(self->leader->device, self->state, self->leader->state, &self->called_away);
        sched_yield();
    }
    return NULL;
}

#define MOST_HELPERS 4

/* Texts of odd lengths, alone and together, in passes of one block of rows and of several. Teams are of up to 5 workers,
 * more than most machines that run this have CPUs; those that were not expected, and those that are called away in the
 * middle of a pass, are part of it. */
static void check_team(size_t hidden, size_t heads, size_t intermediate, model_graph graph)
{
    const unsigned most = unit_is_emulated() ? 1 : MOST_HELPERS;
    const size_t kinds = unit_is_emulated() ? 3 : 5;
    synthetic s;
    synthetic_open_graph(&s, hidden, heads, intermediate, MODEL_GELU_ERF, graph, 1);
    texts passes[5] = {{.count = 0}}, under_way; /* overwritten for each pass, as a worker's arrays are */
    add_text(&s, &passes[0], 1);
    add_text(&s, &passes[1], 16);
    add_text(&s, &passes[2], 33);
    for (size_t i = 0; i < 3; i++)
        add_text(&s, &passes[3], 5 + 9 * i);
    add_text(&s, &passes[4], 150);
    add_text(&s, &passes[4], 2);
    EACH_SUBJECT(it)
    {
        run r = run_open(&s, it);
        helper helpers[MOST_HELPERS];
        float *alone = mem_alloc(152 * hidden, sizeof *alone);
        assert_non_null(alone);
        for (unsigned mates = 0; mates <= most; mates++) {
            if (mates > 0) {
                helper *h = &helpers[mates - 1];
                aki_error error;
                *h = (helper){.leader = &r};
                assert_int_equal(cpu_state_open(&h->state, r.device, MOST_TOKENS, &error), AKI_OK);
                assert_true(thread_start(&h->thread, help, h, "helper"));
            }
            for (size_t i = 0; i < 2 * kinds; i++) {
                const texts *t = &passes[i % kinds];
                const size_t bytes = t->offsets[t->count] * hidden * sizeof *alone;
                memcpy(alone, forward(&r, t), bytes);
                for (unsigned m = 0; m < mates; m++)
                    atomic_store(&helpers[m].called_away, (i + m) % 7 == 0);
                under_way = *t;
                const device_batch batch = {under_way.ids, under_way.offsets, under_way.count};
                cpu_team_begin(r.state, &batch, 1 + (mates + i) % 5);
                const float *together = cpu_team_run(r.device, r.state, &batch);
                assert_memory_equal(together, alone, bytes);
            }
        }
        for (unsigned m = 0; m < most; m++) {
            atomic_store(&helpers[m].stop, true);
            pthread_join(helpers[m].thread, NULL);
            cpu_state_close(helpers[m].state);
        }
        mem_free(alone);
        run_close(&r);
    }
    synthetic_close(&s);
}

static void a_team_computes_what_one_worker_does(void **state)
{
    (void)state;
    check_team(60, 5, 77, graphs[1]);
    check_team(64, 4, 300, qwen3);
    check_team(48, 3, 300, nomic_moe);
    check_team(48, 3, 800, (model_graph){0}); /* cut within what int8 gives one scale to, and beyond */
    if (unit_is_emulated())
        return;
    check_team(64, 2, 128, (model_graph){0});
    check_team(96, 3, 384, graphs[1]);
}

/* Models of one file have one device for each precision, until the last of them is closed. */
static void models_of_one_file_share_their_weights(void **state)
{
    (void)state;
    const char *folder = getenv("AKIDB_TEST_MODEL");
    if (folder == NULL || *folder == '\0') {
        print_message("AKIDB_TEST_MODEL names no model folder\n");
        skip();
    }
    model *first, *second;
    cpu_device *one, *same, *other, *late;
    cpu_state *run_state;
    assert_int_equal(model_open(&first, folder, NULL), AKI_OK);
    assert_int_equal(model_open(&second, folder, NULL), AKI_OK);
    assert_ptr_equal(model_weights_of(first)->word_embeddings.data,
                     model_weights_of(second)->word_embeddings.data);
    assert_int_equal(cpu_device_open(&one, first, AKI_PRECISION_FP32, "reference", NULL, NULL, NULL), AKI_OK);
    assert_int_equal(cpu_device_open(&same, second, AKI_PRECISION_FP32, "reference", NULL, NULL, NULL),
                     AKI_OK);
    assert_int_equal(cpu_device_open(&other, second, AKI_PRECISION_INT8, "reference", NULL, NULL, NULL),
                     AKI_OK);
    assert_ptr_equal(same, one);
    assert_ptr_not_equal(other, one);
    const int32_t ids[] = {101, 7592, 102};
    const uint32_t offsets[] = {0, 3};
    const device_batch batch = {ids, offsets, 1};
    const size_t bytes = 3 * model_configuration(first)->hidden_size * sizeof(float);
    unsigned char *expected = mem_alloc(bytes, 1);
    assert_non_null(expected);
    assert_int_equal(cpu_state_open(&run_state, one, 3, NULL), AKI_OK);
    memcpy(expected, cpu_forward(one, run_state, &batch), bytes);
    cpu_state_close(run_state);
    cpu_device_close(one);
    model_close(first);
    assert_int_equal(cpu_device_open(&late, second, AKI_PRECISION_FP32, "reference", NULL, NULL, NULL),
                     AKI_OK);
    assert_ptr_equal(late, same);
    cpu_device_close(late);
    assert_int_equal(cpu_state_open(&run_state, same, 3, NULL), AKI_OK);
    assert_memory_equal(cpu_forward(same, run_state, &batch), expected, bytes);
    cpu_state_close(run_state);
    cpu_device_close(same);
    cpu_device_close(other);
    model_close(second);
    mem_free(expected);
}

/* The real model on the real sizes: every precision of every tier against the reference tier in fp32. */
static void the_real_model_agrees_over_tiers(void **state)
{
    (void)state;
    const char *folder = getenv("AKIDB_TEST_MODEL");
    if (folder == NULL || *folder == '\0') {
        print_message("AKIDB_TEST_MODEL names no model folder\n");
        skip();
    }
    aki_error error;
    model *m = NULL;
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    const size_t hidden = model_configuration(m)->hidden_size, lengths[] = {3, 17, 45};
    const uint32_t offsets[] = {0, 3, 20, 65};
    int32_t ids[65];
    for (size_t i = 0; i < 65; i++)
        ids[i] = (int32_t)(2000 + i * 397 % 20000);
    for (size_t i = 0; i < 3; i++) {
        ids[offsets[i]] = 101;
        ids[offsets[i] + lengths[i] - 1] = 102;
    }
    float *expected = mem_alloc(65 * hidden, sizeof *expected);
    assert_non_null(expected);
    subject list[1 + MOST_SUBJECTS] = {{"reference", AKI_PRECISION_FP32}};
    const size_t count = 1 + subjects(list + 1);
    for (size_t i = 0; i < count; i++) {
        cpu_device *device = NULL;
        cpu_state *run_state = NULL;
        assert_int_equal(cpu_device_open(&device, m, list[i].precision, list[i].tier, NULL, NULL, &error),
                         AKI_OK);
        assert_int_equal(cpu_state_open(&run_state, device, 65, &error), AKI_OK);
        const float *states = cpu_forward(device, run_state, &(device_batch){ids, offsets, 3});
        if (i == 0)
            memcpy(expected, states, 65 * hidden * sizeof *expected);
        for (size_t r = 0; r < 65; r++) {
            double dot = 0.0, a = 0.0, b = 0.0;
            for (size_t j = 0; j < hidden; j++) {
                double x = states[r * hidden + j], y = expected[r * hidden + j];
                dot += x * y;
                a += x * x;
                b += y * y;
            }
            if (!(dot / sqrt(a * b) >= gate_of(list[i].precision).cosine))
                fail_msg("%s in %s, token %zu: cosine %.6f", list[i].tier,
                         kernel_precision_name(list[i].precision), r, dot / sqrt(a * b));
        }
        cpu_state_close(run_state);
        cpu_device_close(device);
    }
    mem_free(expected);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_double_precision),
        cmocka_unit_test(agrees_in_every_graph),
        cmocka_unit_test(agrees_in_graphs_of_other_families),
        cmocka_unit_test(agrees_with_matrices_kept_from_int8),
        cmocka_unit_test(agrees_where_no_size_fits_a_vector),
        cmocka_unit_test(agrees_where_rows_are_a_power_of_two_apart),
        cmocka_unit_test(a_text_does_not_depend_on_its_batch_mates),
        cmocka_unit_test(a_text_of_nan_harms_no_other),
        cmocka_unit_test(what_is_taken_over_changes_no_bit),
        cmocka_unit_test(only_causal_texts_take_over),
        cmocka_unit_test(a_team_computes_what_one_worker_does),
        cmocka_unit_test(models_of_one_file_share_their_weights),
        cmocka_unit_test(the_real_model_agrees_over_tiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
