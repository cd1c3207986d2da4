/* akidb-embed bench: how fast this machine turns text into vectors, and how near that is to what its CPU can do. */
#include "cli/options/commands.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/bench/measure.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/proc_value.h"
#include "kernels/precision.h"
#include "model/model.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define CORPUS_MAX_LINE_BYTES ((size_t)8 << 20)
#define IDLE_MACHINE_SHARE 0.85
#define OUTPUT_MAX_BYTES ((size_t)64 << 10)

/* Lengths that are measured where none is asked for. A text of "mixed" length is one of mixed_lengths, as queries and
 * paragraphs are: many short ones, few long ones, 45 tokens in the mean. */
enum { MIXED = 0, MIXED_COUNT = 16, DEFAULT_COUNT = 4 };
static const size_t default_lengths[DEFAULT_COUNT] = {16, MIXED, 128, 256};
static const size_t mixed_lengths[MIXED_COUNT] = {9,  96, 14, 41, 24,  17, 72, 30,
                                                  12, 52, 20, 35, 131, 27, 62, 78};

typedef struct bench_job {
    const options *options;
    stop *stop;
    line_source *corpus; /* NULL = built-in prose */
    bench_texts corpus_texts;
    char *folder; /* of the model */
    bench_setup setup;
    bench_report report;
} bench_job;

static aki_status exclusive(const char *one, const char *other, const char *hint, aki_error *error)
{
    error_set(error, AKI_INVALID_ARGUMENT, "%s and %s exclude each other", one, other);
    error_hint(error, "%s", hint);
    return AKI_INVALID_ARGUMENT;
}

static aki_status check_options(bench_job *job, aki_error *error)
{
    const options *o = job->options;
    const char *corpus = option_text(o, OPTION_CORPUS);
    if (option_on(o, OPTION_ALL_PRECISIONS) && option_given(o, OPTION_PRECISION))
        return exclusive("--precision", "--all-precisions", "Leave one of them out.", error);
    if (corpus == NULL)
        return AKI_OK;
    if (option_given(o, OPTION_LENGTH))
        return exclusive("--length", "--corpus",
                         "The texts of a corpus have the lengths that they have; leave --length out.", error);
    return line_source_open(&job->corpus, corpus, CORPUS_MAX_LINE_BYTES, stop_descriptor(job->stop), error);
}

static aki_status read_config(bench_job *job, aki_error *error)
{
    model *m = NULL;
    aki_status status = model_open(&m, job->folder, error);
    if (status == AKI_OK)
        job->setup.config = *model_configuration(m);
    model_close(m);
    return status;
}

static aki_status open_model(bench_job *job, aki_precision precision, aki_error *error)
{
    const options *o = job->options;
    bench_setup *setup = &job->setup;
    aki_settings settings = model_open_settings(o, message_log_sink());
    settings.precision = precision;
    /* Texts come again and again here, so that what they share would be computed once for the whole measurement. */
    if (!option_given(o, OPTION_PREFIX_CACHE_MB))
        settings.prefix_cache_bytes = AKI_NO_PREFIX_CACHE;
    aki_status status = aki_open(&setup->model, job->folder, &settings, error);
    if (status != AKI_OK)
        return status;
    aki_model_describe(setup->model, &setup->info);
    size_t most = aki_max_tokens(setup->model);
    if (option_given(o, OPTION_LENGTH) && option_size(o, OPTION_LENGTH) > most)
        return error_set(error, AKI_INVALID_ARGUMENT, "--length=%zu: this model takes at most %zu tokens",
                         option_size(o, OPTION_LENGTH), most);
    bench_burst burst = bench_burst_of(setup->info.cpu_tier, setup->info.precision);
    if (burst == NULL)
        return error_set(error, AKI_INTERNAL, "the CPU tier %s has no peak to measure", setup->info.cpu_tier);
    bench_peak_init(&setup->peak, burst, setup->info.threads);
    return AKI_OK;
}

static aki_status measure(bench_job *job, const bench_texts *texts, aki_error *error)
{
    bench_report *report = &job->report;
    aki_status status = bench_measure(&job->setup, texts, &report->results[report->count], error);
    if (status == AKI_OK)
        report->count++;
    job->setup.lengths_done++;
    return status;
}

static aki_status measure_length(bench_job *job, size_t length, aki_error *error)
{
    bench_texts texts = {0};
    size_t lengths[MIXED_COUNT] = {length}, most = aki_max_tokens(job->setup.model);
    for (size_t i = 0; length == MIXED && i < MIXED_COUNT; i++)
        lengths[i] = mixed_lengths[i] < most ? mixed_lengths[i] : most;
    aki_status status = bench_texts_cut(&texts, job->setup.model, lengths, length == MIXED ? MIXED_COUNT : 1,
                                        bench_call_tokens(&job->setup.info), error);
    if (status == AKI_OK)
        status = measure(job, &texts, error);
    bench_texts_free(&texts);
    return status;
}

/* The file, which may be a pipe, is read once, for the first precision. */
static aki_status measure_corpus(bench_job *job, aki_error *error)
{
    aki_status status = AKI_OK;
    if (job->corpus_texts.count == 0)
        status = bench_texts_read(&job->corpus_texts, job->setup.model, job->corpus, error);
    return status == AKI_OK ? measure(job, &job->corpus_texts, error) : status;
}

static aki_status measure_default_lengths(bench_job *job, aki_error *error)
{
    aki_status status = AKI_OK;
    size_t most = aki_max_tokens(job->setup.model), last = MIXED;
    for (size_t i = 0; i < DEFAULT_COUNT && status == AKI_OK; i++) {
        size_t length = default_lengths[i] < most ? default_lengths[i] : most;
        if (length == MIXED || length != last) /* of a model with a lower limit the limit counts, once */
            status = measure_length(job, length, error);
        if (length != MIXED)
            last = length;
    }
    return status;
}

static aki_status measure_precision(bench_job *job, aki_precision precision, aki_error *error)
{
    const options *o = job->options;
    aki_status status = open_model(job, precision, error);
    if (status == AKI_OK && job->corpus != NULL)
        status = measure_corpus(job, error);
    else if (status == AKI_OK && option_given(o, OPTION_LENGTH))
        status = measure_length(job, option_size(o, OPTION_LENGTH), error);
    else if (status == AKI_OK)
        status = measure_default_lengths(job, error);
    aki_close(&job->setup.model);
    return status;
}

static aki_status measure_all(bench_job *job, aki_error *error)
{
    const options *o = job->options;
    const bool every = option_on(o, OPTION_ALL_PRECISIONS);
    bench_setup *setup = &job->setup;
    size_t lengths = job->corpus != NULL || option_given(o, OPTION_LENGTH) ? 1 : DEFAULT_COUNT;
    setup->seconds = (double)option_number(o, OPTION_SECONDS);
    setup->stop = job->stop;
    setup->lengths = lengths;
    progress_begin(&setup->bar, STDERR_FILENO);
    if (!every)
        return measure_precision(job, (aki_precision)option_number(o, OPTION_PRECISION), error);
    setup->lengths = 0;
    for (aki_precision p = AKI_PRECISION_FP32; kernel_precision_name(p) != NULL; p++)
        setup->lengths += lengths;
    aki_status status = AKI_OK;
    for (aki_precision p = AKI_PRECISION_FP32; status == AKI_OK && kernel_precision_name(p) != NULL; p++) {
        status = measure_precision(job, p, error);
        setup->lengths_done = lengths * (size_t)p;
        /* fp32 is everywhere; where it fails, something else is wrong. */
        if (p != AKI_PRECISION_FP32 && (status == AKI_CPU_UNSUPPORTED || status == AKI_MODEL_UNSUPPORTED))
            status = AKI_OK;
    }
    return status;
}

static bool print(bench_job *job)
{
    char cpu[256];
    buf out;
    struct rusage usage;
    bench_report *report = &job->report;
    proc_cpu_name(cpu, sizeof cpu);
    report->tier = report->results[0].tier;
    report->cpu = cpu;
    report->version = aki_version();
    report->model = option_text(job->options, OPTION_MODEL);
    report->peak_rss_bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss << 10 : 0;
    buf_init(&out, OUTPUT_MAX_BYTES);
    (option_on(job->options, OPTION_JSON) ? bench_print_json : bench_print_text)(&out, report);
    bool printed =
        !out.failed && fwrite(out.data, 1, out.length, stdout) == out.length && fflush(stdout) == 0;
    buf_free(&out);
    double share = job->setup.cpu_seconds / job->setup.wanted_cpu_seconds;
    if (share < IDLE_MACHINE_SHARE)
        message_note("the machine was busy: the engine got %.0f%% of the CPU time that it could use; the "
                     "figures are too low",
                     share * 100);
    return printed;
}

static int finish(bench_job *job, aki_status status, const aki_error *error)
{
    int signal_number = job->stop != NULL ? stop_signal(job->stop) : 0;
    progress_clear(&job->setup.bar);
    if (status == AKI_OK)
        return print(job) ? EXIT_DONE : EXIT_FAILED;
    if (signal_number != 0)
        return 128 + signal_number;
    message_error(error);
    return status == AKI_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
}

int command_bench(const options *o)
{
    aki_error error;
    bench_job job = {.options = o};
    aki_status status = stop_open(&job.stop, 0, &error);
    if (status == AKI_OK)
        status = check_options(&job, &error);
    if (status == AKI_OK)
        status = model_locate(o, option_text(o, OPTION_MODEL), false, job.stop, message_log_sink(),
                              &job.folder, &error);
    if (status == AKI_OK)
        status = read_config(&job, &error);
    if (status == AKI_OK)
        status = measure_all(&job, &error);
    int code = finish(&job, status, &error);
    bench_texts_free(&job.corpus_texts);
    mem_free(job.folder);
    line_source_close(job.corpus);
    stop_close(job.stop);
    return code;
}
