#include "serving/served_model.h"

#include "base/error.h"
#include "base/memory.h"
#include "serving/probe.h"
#include "serving/vector_check.h"

struct served_model {
    encoder *enc;
    bool owned;
    scheduler *work;
    bool stopped;
    probe *probe;
    watch_target target;
    encoder_memory memory;
};

/* The first vector is held against the stored reference where the model is the one that has it. Asking whether it is takes
 * reading the weights, so that is only done for a vector that does not agree. */
static aki_status check_reference(const served_model *m, const float *vector, aki_precision precision,
                                  const char *folder, const served_settings *settings, aki_error *error)
{
    const size_t dimension = encoder_dimension(m->enc);
    if (dimension != REFERENCE_DIMENSION || settings->is_published == NULL || folder == NULL)
        return AKI_OK;
    const double cosine = vector_cosine(vector, reference_vector, dimension);
    if (cosine >= vector_least_cosine(precision) || !settings->is_published(settings->cookie, folder))
        return AKI_OK;
    error_set(error, AKI_INTERNAL,
              "the first vector is wrong: its cosine to that of sentence-transformers is %.6f", cosine);
    error_hint(error, "Run `akidb-embed doctor`, and try --cpu-tier with another tier.");
    return AKI_INTERNAL;
}

/* Of the buffers of one worker; 0 = not known. */
static size_t worker_bytes(const encoder *enc)
{
    encoder_state *state;
    aki_error error;
    if (encoder_state_open(&state, enc, &error) != AKI_OK)
        return 0;
    const size_t bytes = encoder_state_bytes(state);
    encoder_state_close(state);
    return bytes;
}

static aki_status check(served_model *m, const char *folder, const served_settings *settings,
                        aki_error *error)
{
    const float *vector;
    aki_model_info info;
    encoder_describe(m->enc, &info);
    aki_status status = warm_up(m->work, settings->scheduler.workers, encoder_max_pass_tokens(m->enc), error);
    if (status == AKI_OK)
        status = probe_first(m->probe, m->work, m->enc, info.precision, &vector, error);
    if (status == AKI_OK)
        status = check_reference(m, vector, info.precision, folder, settings, error);
    encoder_memory_read(m->enc, &m->memory);
    m->memory.own_bytes += info.prefix_cache_bytes + settings->scheduler.cache_bytes +
                           settings->scheduler.workers * worker_bytes(m->enc);
    return status;
}

aki_status served_model_open(served_model **out, encoder *enc, bool owned, const char *folder,
                             const served_settings *settings, aki_error *error)
{
    *out = NULL;
    served_model *m = mem_zalloc(1, sizeof *m);
    if (m == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a model");
    m->enc = enc;
    aki_status status = probe_open(&m->probe, settings->scheduler.log, error);
    if (status == AKI_OK)
        status = scheduler_open(&m->work, enc, &settings->scheduler, error);
    if (status == AKI_OK)
        status = check(m, folder, settings, error);
    if (status != AKI_OK) {
        served_model_close(m);
        return status;
    }
    watch_target_init(&m->target, m->work, m->probe);
    m->owned = owned;
    *out = m;
    return AKI_OK;
}

void served_model_stop(served_model *m)
{
    if (m->work != NULL && !m->stopped)
        scheduler_stop(m->work, true);
    m->stopped = true;
}

void served_model_close(served_model *m)
{
    if (m == NULL)
        return;
    scheduler_close(m->work);
    probe_close(m->probe);
    if (m->owned)
        encoder_close(m->enc);
    mem_free(m);
}

const encoder *served_model_encoder(const served_model *m)
{
    return m->enc;
}

scheduler *served_model_scheduler(const served_model *m)
{
    return m->work;
}

const probe *served_model_probe(const served_model *m)
{
    return m->probe;
}

watch_target *served_model_target(served_model *m)
{
    return &m->target;
}

const encoder_memory *served_model_memory(const served_model *m)
{
    return &m->memory;
}
