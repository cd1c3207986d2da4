/* How the service is set up, by options and by the program that opens it. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "akidb/embed.h"
#include "base/log.h"
#include "engine/encoder.h"
#include "scheduler/scheduler.h"
#include "server/option_list.h"
#include "serving/model_spec.h"
#include "telemetry/tracer.h"

/* Each option of `serve` that is a SETTING is a member by its name in the rooms' lists, which also say its range and its meaning
 * (server/option_list.h). */
typedef struct server_settings {
    SERVICE_OPTIONS(OPTION_NOTHING, SETTING_MEMBER)
    unsigned unix_socket_mode;
    const int *inherited; /* [inherited_count] listening sockets to use instead of host and port */
    size_t inherited_count;
    const int *inherited_admin; /* [inherited_admin_count]; likewise for the admin port */
    size_t inherited_admin_count;
    bool takes_token_ids;     /* OpenAI's dialect takes ids of the model's own tokenizer */
    const char *cl100k_file;  /* or of this vocabulary; NULL = not */
    const char *model_name;   /* what replies call the model; a request naming another one gets 404 */
    const model_spec *models; /* [models_count], the first is the default; instead of model_name. Copied */
    size_t models_count;
    bool models_change;   /* server_configure may be called */
    unsigned model_loads; /* at once; 0 = models are loaded by server_attach alone */
    /* Finds a model's files and opens them, from a thread of the set of models (model_driver); NULL where model_loads is 0. */
    aki_status (*find_model)(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                             aki_error *error);
    aki_status (*open_model)(void *cookie, const model_spec *spec, const char *folder, encoder **out,
                             aki_error *error);
    scheduler_resilience resilience; /* about devices that fail */
    unsigned workers;                /* 0 = one per CPU */
    const char *admin_host;          /* a port for health, metrics and administration; NULL = none */
    /* Called a few times a second with whether the service is alive, for a watchdog outside; NULL = nobody. */
    void (*on_heartbeat)(void *cookie, bool alive);
    /* True where the weights in the folder are, byte for byte, those that the stored reference vector was made with; may take its
     * time. */
    bool (*weights_are_published)(void *cookie, const char *folder);
    void *cookie; /* of these four */
    log_sink log;
    tracer *tracer;                        /* must outlive the server; NULL = no traces */
    bool joins_traces;                     /* the callers' traceparent counts */
    bool keeps_exemplars;                  /* histograms keep the ids of sampled requests */
    uint64_t (*log_dropped)(void *cookie); /* lines that the log lost, for the metrics; NULL = not known */
    void *log_dropped_cookie;
} server_settings;

/* The options' defaults, and no more: no log, no models to load, no admin port. */
void server_settings_init(server_settings *settings);

#endif
