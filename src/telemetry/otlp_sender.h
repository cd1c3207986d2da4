/* Brings messages to a collector through its bad times: tries again where the protocol allows, with growing and spread waits
 * or when the collector says; says in the log when exporting begins to fail, now and then while it does, and when it works
 * again. Blocks its caller, who is a background thread; what cannot be delivered in time is given up, never kept. */
#ifndef TELEMETRY_OTLP_SENDER_H
#define TELEMETRY_OTLP_SENDER_H

#include "base/log.h"
#include "telemetry/otlp_client.h"

typedef struct otlp_sender otlp_sender;

typedef struct otlp_sender_settings {
    const otlp_target *target;            /* must outlive the sender */
    const char *noun;                     /* what is sent, for the log: "spans" */
    int64_t retry_first_ms, retry_max_ms; /* waits between attempts; of each a half is random */
    log_sink log;
} otlp_sender_settings;

/* 1 s, doubled up to 5 s; the other fields are left to be filled. */
void otlp_sender_settings_init(otlp_sender_settings *settings);

/* Errors as otlp_client_open. */
AKI_MUST_CHECK aki_status otlp_sender_open(otlp_sender **out, const otlp_sender_settings *settings,
                                           aki_error *error);
void otlp_sender_close(otlp_sender *sender);

/* Delivers the message or gives up by deadline_ns. items: how many things it holds. True when the collector took it;
 * *rejected of the items were not to its liking then. */
bool otlp_sender_send(otlp_sender *sender, const buf *message, size_t items, int64_t deadline_ns,
                      size_t *rejected);

/* False where nobody named the collector and there is none at the default place, as an empty message shows: then there is
 * nothing to record for. Blocks until deadline_ns at most. */
bool otlp_sender_listens(otlp_sender *sender, int64_t deadline_ns);

/* From any thread: no more waits between attempts, and all is over by deadline_ns. */
void otlp_sender_hurry(otlp_sender *sender, int64_t deadline_ns);

#endif
