/* One client's connection, from its opening to its end: counted, watched, with what TLS gave it. */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include "server/service.h"

typedef struct client {
    watched_connection *watched; /* NULL: out of memory */
    tls_identity *identity;      /* NULL without TLS */
    bool admin;                  /* on the admin port */
    bool counted;                /* in server.addresses */
    size_t target_bytes;         /* of the request under way */
} client;

/* MHD_NotifyConnectionCallback; cookie is the server, the connection's context becomes a client or stays NULL. */
void client_on_connection(void *cookie, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code);

/* Called with each request's target before its headers are read: the time for them begins. Cookie is the server. */
void *client_on_target(void *cookie, const char *target, struct MHD_Connection *connection);

/* NULL: there was no memory for it. */
client *client_of(struct MHD_Connection *connection);

#endif
