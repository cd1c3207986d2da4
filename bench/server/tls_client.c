#include "tls_client.h"

#include <errno.h>

gnutls_certificate_credentials_t tls_client_credentials(void)
{
    gnutls_certificate_credentials_t credentials;
    return gnutls_certificate_allocate_credentials(&credentials) == GNUTLS_E_SUCCESS ? credentials : NULL;
}

gnutls_session_t tls_client_session(gnutls_certificate_credentials_t credentials, int fd)
{
    static const gnutls_datum_t PROTOCOL = {.data = (unsigned char *)"http/1.1", .size = 8};
    gnutls_session_t session;
    if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != GNUTLS_E_SUCCESS)
        return NULL;
    if (gnutls_set_default_priority(session) != GNUTLS_E_SUCCESS ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) != GNUTLS_E_SUCCESS ||
        gnutls_alpn_set_protocols(session, &PROTOCOL, 1, 0) != GNUTLS_E_SUCCESS) {
        gnutls_deinit(session);
        return NULL;
    }
    gnutls_transport_set_int(session, fd);
    return session;
}

/* The error as sockets report it. */
static int as_errno(ssize_t error)
{
    errno = error == GNUTLS_E_AGAIN ? EAGAIN : error == GNUTLS_E_INTERRUPTED ? EINTR : EPROTO;
    return -1;
}

int tls_client_handshake(gnutls_session_t session)
{
    int error;
    do
        error = gnutls_handshake(session);
    while (error < 0 && error != GNUTLS_E_AGAIN && gnutls_error_is_fatal(error) == 0);
    return error == GNUTLS_E_SUCCESS ? 0 : as_errno(error);
}

ssize_t tls_client_send(gnutls_session_t session, const void *data, size_t bytes)
{
    ssize_t sent = gnutls_record_send(session, data, bytes);
    return sent >= 0 ? sent : as_errno(sent);
}

ssize_t tls_client_receive(gnutls_session_t session, void *data, size_t bytes)
{
    ssize_t got;
    do { /* "again" is also said of each ticket, and an edge-triggered epoll does not tell twice of what lies behind it */
        errno = 0;
        got = gnutls_record_recv(session, data, bytes);
    } while (got == GNUTLS_E_AGAIN && errno != EAGAIN);
    return got >= 0 ? got : as_errno(got);
}
