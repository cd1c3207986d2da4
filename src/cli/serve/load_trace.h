/* The trace of a model's loading: model_load with its stages download_model, load_config, load_tokenizer, select_device,
 * load_weights and warm_up below it. A stage that was not reached has no span; the one that failed has the error. */
#ifndef CLI_SERVE_LOAD_TRACE_H
#define CLI_SERVE_LOAD_TRACE_H

#include "engine/encoder.h"
#include "telemetry/tracer.h"

typedef struct load_trace {
    const char *model;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC, as all here */
    int64_t located_ns;       /* its folder was found; 0 = it was not */
    encoder_times times;
    int64_t opened_ns; /* opening ended, well or not; 0 = never begun */
} load_trace;

/* enc: NULL when it could not be opened. error: what went wrong, or NULL. */
void load_trace_emit(const load_trace *trace, tracer *t, const encoder *enc, const char *error);

#endif
