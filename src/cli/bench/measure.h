/* Measures one set of texts: rounds of a large call on all threads, the way a busy server computes, between two
 * measurements of the CPU's peak, and then single texts alone, whose time is what a query waits for. Medians over the
 * rounds, so that a disturbed one does not count. */
#ifndef CLI_BENCH_MEASURE_H
#define CLI_BENCH_MEASURE_H

#include "cli/bench/peak.h"
#include "cli/bench/report.h"
#include "cli/bench/texts.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "model/model.h"

/* Settings shared by all lengths. */
typedef struct bench_setup {
    aki_model *model;
    aki_model_info info;
    model_config config; /* of the same folder, for the count of operations */
    bench_peak peak;
    double seconds; /* for each length; three rounds are made in any case */
    const stop *stop;
    progress bar;
    size_t lengths, lengths_done; /* for the bar */
    /* CPU time that the large calls got, and what they would have got on an idle machine. */
    double cpu_seconds, wanted_cpu_seconds;
} bench_setup;

/* Most tokens of a large call: as many as make every thread compute several full passes. */
size_t bench_call_tokens(const aki_model_info *info);

/* Fills *result. Errors: as aki_embed, AKI_CANCELLED (a signal came), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status bench_measure(bench_setup *setup, const bench_texts *texts, bench_result *result,
                                        aki_error *error);

#endif
