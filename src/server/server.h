/* The HTTP service in front of the scheduler. Routes, limits and error replies of docs/API.md. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "akidb/embed.h"
#include "base/log.h"
#include "engine/encoder.h"
#include "scheduler/scheduler.h"
#include "server/option_list.h"
#include "serving/model_spec.h"
#include "telemetry/metrics.h"
#include "telemetry/tracer.h"

typedef struct server server;

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

/* Opens the socket and answers /health/live at once and everything else with 503 until server_attach, or until
 * server_start_models. */
AKI_MUST_CHECK aki_status server_open(server **out, const server_settings *settings, aki_error *error);
/* Hands the default model over, loaded: runs a real inference, then becomes ready. owned: the server closes the encoder, which
 * else must outlive it; after an error it is the caller's in any case. folder: of its files, NULL = not known. */
AKI_MUST_CHECK aki_status server_attach(server *s, encoder *enc, bool owned, const char *folder,
                                        aki_error *error);
/* Has the models loaded by threads of their own, which `settings` has the ways for. Without server_attach it loads the default
 * as well, and the service takes requests from now on, which wait for their model. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status server_start_models(server *s, aki_error *error);
/* Takes another list of models: those that are new, changed and removed, without a dropped request. Errors as
 * model_set_configure. */
AKI_MUST_CHECK aki_status server_configure(server *s, const model_spec *specs, size_t count,
                                           aki_error *error);
/* False while a model that is to be there has neither been loaded nor failed once. From any thread. */
bool server_models_settled(server *s);
/* For the metrics: how long opening the model took. */
void server_note_load(server *s, int64_t duration_ns);
/* The registry of the server's metrics; lives as long as the server. */
metrics *server_registry(server *s);
uint16_t server_port(const server *s);
uint16_t server_admin_port(const server *s); /* 0 = none */
/* Reads certificate, key, client CA and API keys again, as far as they are used, and says in the log what came of it. What
 * cannot be used is left as it was: false then. From one thread at a time, before server_close. */
bool server_reload(server *s);
/* Makes readiness 503 at once. New connections are still accepted for drain_delay_ms, so that load balancers can see
 * that. Then listening ends and drain_timeout_ms begins, the limit of everything that follows: idle connections are
 * closed, and the requests in flight are finished, those included that arrive on kept connections meanwhile. True
 * when all requests were finished. */
bool server_drain(server *s);
/* Ends all threads of the service. Requests still in flight get 503 `shutting_down`, and a second is allowed for
 * these replies. No spans are recorded after it; the registry can be read until server_close. NULL allowed. */
void server_stop(server *s);
/* Stops the server unless server_stop was called, and frees it. NULL allowed. */
void server_close(server *s);

#endif
