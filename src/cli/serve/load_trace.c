#include "cli/serve/model_loader.h"

#include "kernels/precision.h"

#define MAX_ATTRIBUTES 3

typedef struct emitter {
    tracer *tracer;
    trace_root root;
    const char *error;
    int64_t end_ns; /* of the whole: where a stage ends that failed */
} emitter;

/* to_ns 0: the stage failed; from_ns 0: it was not reached. */
static void emit_stage(const emitter *e, const char *name, int64_t from_ns, int64_t to_ns,
                       const span_attribute *attributes, uint32_t count)
{
    uint8_t id[SPAN_ID_BYTES];
    if (from_ns == 0)
        return;
    span s = {.name = name,
              .kind = SPAN_INTERNAL,
              .status = to_ns == 0 ? SPAN_ERROR : SPAN_UNSET,
              .message = to_ns == 0 ? e->error : NULL,
              .start_ns = from_ns,
              .end_ns = to_ns != 0 ? to_ns : e->end_ns,
              .attributes = attributes,
              .attribute_count = count};
    tracer_span_id(e->tracer, id);
    trace_root_child(&e->root, id, &s);
    tracer_emit(e->tracer, &s);
}

static void emit_opening(const emitter *e, const encoder_times *times, const encoder *enc)
{
    static const char *const names[ENCODER_STAGES] = {
        [ENCODER_LOAD_CONFIG] = "load_config",
        [ENCODER_LOAD_TOKENIZER] = "load_tokenizer",
        [ENCODER_SELECT_DEVICE] = "select_device",
        [ENCODER_LOAD_WEIGHTS] = "load_weights",
    };
    for (encoder_stage stage = 0; stage < ENCODER_STAGES; stage++) {
        span_attribute attributes[MAX_ATTRIBUTES];
        aki_model_info info;
        uint32_t count = 0;
        if (enc != NULL)
            encoder_describe(enc, &info);
        if (enc != NULL && stage == ENCODER_SELECT_DEVICE) {
            attributes[count++] = span_name("akidb.device", "cpu");
            attributes[count++] = span_text("akidb.cpu_tier", info.cpu_tier);
            attributes[count++] = span_name("akidb.precision", kernel_precision_name(info.precision));
        } else if (enc != NULL && stage == ENCODER_LOAD_WEIGHTS) {
            attributes[count++] = span_integer("akidb.weights.bytes", (int64_t)info.weight_bytes);
        }
        emit_stage(e, names[stage], times->of[stage].from_ns, times->of[stage].to_ns, attributes, count);
    }
}

void load_trace_emit(const load_trace *trace, tracer *t, const encoder *enc, const char *error)
{
    emitter e = {.tracer = t, .error = error, .end_ns = trace->end_ns};
    tracer_begin(t, NULL, &e.root);
    if (!e.root.sampled)
        return;
    emit_stage(&e, "download_model", trace->start_ns, trace->located_ns, NULL, 0);
    emit_opening(&e, &trace->times, enc);
    if (enc != NULL)
        emit_stage(&e, "warm_up", trace->opened_ns, error == NULL ? trace->end_ns : 0, NULL, 0);
    const span_attribute model = span_text("akidb.model", trace->model);
    span whole = {.name = "model_load",
                  .kind = SPAN_INTERNAL,
                  .status = error != NULL ? SPAN_ERROR : SPAN_UNSET,
                  .message = error,
                  .start_ns = trace->start_ns,
                  .end_ns = trace->end_ns,
                  .attributes = &model,
                  .attribute_count = 1};
    trace_root_span(&e.root, &whole);
    tracer_emit(t, &whole);
}
