/* Opens models for `serve`: found on the disk or downloaded, then read with the settings of the options and of the model. */
#ifndef CLI_SERVE_MODEL_LOADER_H
#define CLI_SERVE_MODEL_LOADER_H

#include "cli/options/options.h"
#include "cli/serve/load_trace.h"
#include "cli/stop.h"
#include "base/log.h"
#include "engine/encoder.h"
#include "serving/model_set.h"

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

#endif
