/* Opens models for `serve`: found on the disk or downloaded, then read with the settings of the options and of the model. */
#ifndef CLI_SERVE_MODEL_LOADER_H
#define CLI_SERVE_MODEL_LOADER_H

#include <stdbool.h>

#include "base/log.h"
#include "cli/options/options.h"
#include "cli/stop.h"
#include "engine/encoder.h"
#include "serving/model_set.h"
#include "telemetry/tracer.h"

/* The trace of a model's loading: model_load with its stages download_model, load_config, load_tokenizer, select_device,
 * load_weights and warm_up below it. A stage that was not reached has no span; the one that failed has the error. */

typedef struct load_trace {
    const char *model;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC, as all here */
    int64_t located_ns;       /* its folder was found; 0 = it was not */
    encoder_times times;
    int64_t opened_ns; /* opening ended, well or not; 0 = never begun */
} load_trace;

/* enc: NULL when it could not be opened. error: what went wrong, or NULL. */
void load_trace_emit(const load_trace *trace, tracer *t, const encoder *enc, const char *error);

typedef struct model_loader {
    const options *options;
    stop *stop; /* ends downloads */
    log_sink log;
    tracer *tracer;
} model_loader;

/* Fills the folder (to be freed with mem_free). *guess: how much memory the model will take. Errors as model_locate. */
AKI_MUST_CHECK aki_status model_loader_find(const model_loader *loader, const model_spec *spec, char **folder,
                                            model_guess *guess, aki_error *error);
/* Opens it on the device of the options. trace: gets the times. Errors as encoder_open, and AKI_OUT_OF_MEMORY where a limit of the
 * system leaves no room. */
AKI_MUST_CHECK aki_status model_loader_open(const model_loader *loader, const model_spec *spec,
                                            const char *folder, load_trace *trace, encoder **out,
                                            aki_error *error);
/* As model_loader_open, with a trace of its own. */
AKI_MUST_CHECK aki_status model_loader_open_traced(const model_loader *loader, const model_spec *spec,
                                                   const char *folder, encoder **out, aki_error *error);

/* Tells if a model's weights are, byte for byte, the published ones that the stored reference vector was made with. */

/* Reads the whole file. False as well where it cannot be read. */
bool published_weights_in(const char *folder);

#endif
