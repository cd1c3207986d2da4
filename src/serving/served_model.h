/* One loaded model: its encoder, the scheduler in front of it, the health probe, and what is remembered for the watchdog. It is
 * warmed up by real inferences and checked before anybody gets it: vectors are finite, have the right length, and the same text
 * gives the same vector twice; where the weights are the published ones of the reference vector, it agrees with that. */
#ifndef SERVING_SERVED_MODEL_H
#define SERVING_SERVED_MODEL_H

#include "scheduler/scheduler.h"
#include "serving/probe.h"
#include "serving/watchdog.h"

typedef struct served_model served_model;

typedef struct served_settings {
    scheduler_settings scheduler;
    /* True where the weights in the folder are, byte for byte, those that the stored reference vector was made with; may take
     * its time. NULL = nobody can tell. */
    bool (*is_published)(void *cookie, const char *folder);
    void *cookie;
} served_settings;

/* owned: the encoder is closed with the model, else it must outlive it; after an error it is the caller's in any case. folder:
 * of the files, for is_published; NULL = that is not asked. Blocks for some inferences. Errors as scheduler_submit and its
 * result, AKI_OUT_OF_MEMORY, AKI_INTERNAL (a vector is wrong). */
AKI_MUST_CHECK aki_status served_model_open(served_model **out, encoder *enc, bool owned, const char *folder,
                                            const served_settings *settings, aki_error *error);
/* The work in flight ends early, and no more is taken. Once. */
void served_model_stop(served_model *m);
/* Stops where that was not done. No call of its parts may be under way. NULL allowed. */
void served_model_close(served_model *m);

const encoder *served_model_encoder(const served_model *m);
scheduler *served_model_scheduler(const served_model *m);
const probe *served_model_probe(const served_model *m);
watch_target *served_model_target(served_model *m);
/* Weights, the workers' memory and the caches, these two at their most. */
const encoder_memory *served_model_memory(const served_model *m);

#endif
