#include "http/connection/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RECORDS_WITHOUT_DATA = 64 };

bool link_open(http_link *link, int descriptor, tls *t)
{
    *link = (http_link){.descriptor = descriptor};
    if (t == NULL || tls_session_open(t, descriptor, &link->session, &link->identity))
        return true;
    close(descriptor);
    link->descriptor = -1;
    return false;
}

static bool is_pause(ssize_t result)
{
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

int link_shake_hands(http_link *link)
{
    int result = 0;
    if (link->session == NULL)
        return 0;
    do
        result = gnutls_handshake(link->session);
    while (result == GNUTLS_E_INTERRUPTED ||
           (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result)));
    if (result >= 0)
        return 0;
    if (result == GNUTLS_E_AGAIN)
        return LINK_AGAIN;
    (void)gnutls_alert_send_appropriate(link->session, result);
    return LINK_BROKEN;
}

bool link_chose_h2(const http_link *link)
{
    gnutls_datum_t chosen;
    return link->session != NULL && gnutls_alpn_get_selected_protocol(link->session, &chosen) == 0 &&
           chosen.size == 2 && memcmp(chosen.data, "h2", 2) == 0;
}

/* GnuTLS says "again" of a record without data, such as a key update, as it does of an empty socket. Only the latter ends the
 * reading: an edge-triggered event does not tell a second time of what lies behind such a record. Their number is bounded,
 * so that a client that sends nothing else does not keep the loop. */
static ssize_t read_secured(const http_link *link, void *data, size_t bytes)
{
    for (int records = 0; records < RECORDS_WITHOUT_DATA; records++) {
        errno = 0;
        const ssize_t got = gnutls_record_recv(link->session, data, bytes);
        if (got >= 0)
            return got;
        if (got == GNUTLS_E_AGAIN && (errno == EAGAIN || errno == EWOULDBLOCK))
            return LINK_AGAIN;
        if (got == GNUTLS_E_PREMATURE_TERMINATION)
            return 0; /* lengths say whether a request is whole */
        if (got == GNUTLS_E_REHANDSHAKE)
            (void)gnutls_alert_send(link->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        else if (gnutls_error_is_fatal((int)got))
            return LINK_BROKEN;
    }
    return LINK_BROKEN;
}

ssize_t link_read(http_link *link, void *data, size_t bytes)
{
    if (link->session != NULL)
        return read_secured(link, data, bytes);
    ssize_t got;
    do
        got = recv(link->descriptor, data, bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? LINK_AGAIN : LINK_BROKEN;
}

static ssize_t write_secured(const http_link *link, const link_piece *piece)
{
    ssize_t sent;
    do
        sent = gnutls_record_send(link->session, piece->data, piece->bytes);
    while (sent == GNUTLS_E_INTERRUPTED);
    return sent >= 0 ? sent : is_pause(sent) ? LINK_AGAIN : LINK_BROKEN;
}

ssize_t link_write(http_link *link, const link_piece pieces[2])
{
    if (link->session != NULL)
        return write_secured(link, &pieces[pieces[0].bytes == 0]);
    const struct iovec parts[] = {{(void *)(uintptr_t)pieces[0].data, pieces[0].bytes},
                                  {(void *)(uintptr_t)pieces[1].data, pieces[1].bytes}};
    const size_t first = pieces[0].bytes == 0, count = 1 + (first == 0 && pieces[1].bytes > 0);
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)&parts[first], .msg_iovlen = count};
    ssize_t sent;
    do
        sent = sendmsg(link->descriptor, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK ? LINK_AGAIN : LINK_BROKEN;
}

void link_end_writing(http_link *link)
{
    if (link->session != NULL)
        (void)gnutls_bye(link->session, GNUTLS_SHUT_WR);
    shutdown(link->descriptor, SHUT_WR);
}

void link_close(http_link *link)
{
    if (link->session != NULL)
        gnutls_deinit(link->session);
    tls_identity_release(link->identity);
    if (link->descriptor >= 0)
        close(link->descriptor);
    *link = (http_link){.descriptor = -1};
}
