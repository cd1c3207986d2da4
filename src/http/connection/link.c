#include "http/connection/link.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
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

#define MAX_PEM_BYTES ((size_t)4 << 20)

struct tls_identity {
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key; /* from which the library makes the keys of tickets, anew every few hours */
    bool asks_client, unfit_ocsp;
    time_t ends; /* the first of the certificates' */
    atomic_uint holders;
};

struct tls {
    char *certificate, *key, *client_ca, *ocsp;
    gnutls_priority_t priorities;
    pthread_mutex_t lock; /* of current */
    tls_identity *current;
};

void tls_identity_release(tls_identity *identity)
{
    if (identity == NULL || atomic_fetch_sub(&identity->holders, 1) > 1)
        return;
    if (identity->credentials != NULL)
        gnutls_certificate_free_credentials(identity->credentials);
    if (identity->ticket_key.data != NULL)
        gnutls_memset(identity->ticket_key.data, 0, identity->ticket_key.size);
    gnutls_free(identity->ticket_key.data);
    mem_free(identity);
}

static aki_status read_pem(const char *path, const char *option, buf *out, aki_error *error)
{
    buf_init(out, MAX_PEM_BYTES);
    aki_status status = file_read(path, out, error);
    if (status == AKI_MODEL_NOT_FOUND)
        status = error_set(error, AKI_IO_ERROR, "there is no file '%s'", path);
    if (status != AKI_OK)
        error_hint(error, "Check %s.", option);
    return status;
}

static gnutls_datum_t datum_of(const buf *b)
{
    return (gnutls_datum_t){.data = (unsigned char *)b->data, .size = (unsigned)b->length};
}

/* A client checks each certificate of the chain that it is sent, so the one that ends first counts. */
static aki_status read_end(tls_identity *identity, unsigned index, aki_error *error)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned count = 0;
    if (gnutls_certificate_get_x509_crt(identity->credentials, index, &chain, &count) < 0)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for TLS");
    for (unsigned i = 0; i < count; i++) {
        const time_t ends = gnutls_x509_crt_get_expiration_time(chain[i]);
        if (i == 0 || ends < identity->ends)
            identity->ends = ends;
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    return AKI_OK;
}

static aki_status use_certificate(const tls *t, tls_identity *identity, aki_error *error)
{
    buf certificate, key;
    buf_init(&key, 0);
    aki_status status = read_pem(t->certificate, "--tls-certificate", &certificate, error);
    if (status == AKI_OK)
        status = read_pem(t->key, "--tls-key", &key, error);
    if (status == AKI_OK) {
        gnutls_datum_t first = datum_of(&certificate), second = datum_of(&key);
        int result =
            gnutls_certificate_set_x509_key_mem(identity->credentials, &first, &second, GNUTLS_X509_FMT_PEM);
        if (result >= 0) {
            status = read_end(identity, (unsigned)result, error);
        } else {
            status = error_set(error, AKI_INVALID_ARGUMENT, "certificate '%s' with key '%s': %s",
                               t->certificate, t->key, gnutls_strerror(result));
            error_hint(error, "Both must be PEM, the key without a passphrase and that of the certificate.");
        }
    }
    if (key.data != NULL)
        gnutls_memset(key.data, 0, key.length);
    buf_free(&certificate);
    buf_free(&key);
    return status;
}

/* Gives clients that ask the CA's word that the certificate stands (stapling, RFC 6066 section 8). */
static aki_status use_ocsp(const tls *t, tls_identity *identity, aki_error *error)
{
    buf response;
    aki_status status = read_pem(t->ocsp, "--tls-ocsp", &response, error);
    if (status == AKI_OK) {
        const bool is_pem = response.length > 0 && response.data[0] == '-';
        const gnutls_datum_t read = datum_of(&response);
        const int result = gnutls_certificate_set_ocsp_status_request_mem(
            identity->credentials, &read, 0, is_pem ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER);
        identity->unfit_ocsp = result == GNUTLS_E_EXPIRED; /* of a revoked certificate too */
        if (result < 0 && !identity->unfit_ocsp) {
            status = error_set(error, AKI_INVALID_ARGUMENT, "OCSP response '%s': %s", t->ocsp,
                               gnutls_strerror(result));
            error_hint(error, "It must be one of the CA about the first certificate of --tls-certificate.");
        }
    }
    buf_free(&response);
    return status;
}

static aki_status use_client_ca(const tls *t, tls_identity *identity, aki_error *error)
{
    buf ca;
    aki_status status = read_pem(t->client_ca, "--tls-client-ca", &ca, error);
    if (status == AKI_OK) {
        gnutls_datum_t pem = datum_of(&ca);
        int count = gnutls_certificate_set_x509_trust_mem(identity->credentials, &pem, GNUTLS_X509_FMT_PEM);
        if (count <= 0) {
            status = error_set(error, AKI_INVALID_ARGUMENT, "'%s' holds no certificate of a CA: %s",
                               t->client_ca, count < 0 ? gnutls_strerror(count) : "nothing in PEM");
            error_hint(error, "--tls-client-ca takes PEM.");
        }
    }
    buf_free(&ca);
    identity->asks_client = true;
    return status;
}

static aki_status read_identity(const tls *t, tls_identity **out, aki_error *error)
{
    *out = NULL;
    tls_identity *identity = mem_zalloc(1, sizeof *identity);
    if (identity == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for TLS");
    atomic_store(&identity->holders, 1);
    aki_status status = AKI_OK;
    if (gnutls_certificate_allocate_credentials(&identity->credentials) < 0 ||
        gnutls_session_ticket_key_generate(&identity->ticket_key) < 0)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for TLS");
    if (status == AKI_OK)
        status = use_certificate(t, identity, error);
    if (status == AKI_OK && t->ocsp != NULL)
        status = use_ocsp(t, identity, error);
    if (status == AKI_OK && t->client_ca != NULL)
        status = use_client_ca(t, identity, error);
    if (status == AKI_OK)
        *out = identity;
    else
        tls_identity_release(identity);
    return status;
}

aki_status tls_open(tls **out, const tls_files *files, aki_error *error)
{
    *out = NULL;
    tls *t = mem_zalloc(1, sizeof *t);
    if (t == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for TLS");
    pthread_mutex_init(&t->lock, NULL);
    t->certificate = mem_copy_string(files->certificate);
    t->key = mem_copy_string(files->key);
    t->client_ca = files->client_ca != NULL ? mem_copy_string(files->client_ca) : NULL;
    t->ocsp = files->ocsp != NULL ? mem_copy_string(files->ocsp) : NULL;
    aki_status status = t->certificate == NULL || t->key == NULL ||
                                (files->client_ca != NULL && t->client_ca == NULL) ||
                                (files->ocsp != NULL && t->ocsp == NULL) ||
                                gnutls_priority_init(&t->priorities, TLS_PRIORITIES, NULL) < 0
                            ? error_set(error, AKI_OUT_OF_MEMORY, "no memory for TLS")
                            : read_identity(t, &t->current, error);
    if (status != AKI_OK) {
        tls_close(t);
        return status;
    }
    *out = t;
    return AKI_OK;
}

void tls_close(tls *t)
{
    if (t == NULL)
        return;
    tls_identity_release(t->current);
    if (t->priorities != NULL)
        gnutls_priority_deinit(t->priorities);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->certificate);
    mem_free(t->key);
    mem_free(t->client_ca);
    mem_free(t->ocsp);
    mem_free(t);
}

aki_status tls_reload(tls *t, aki_error *error)
{
    tls_identity *fresh, *old;
    aki_status status = read_identity(t, &fresh, error);
    if (status != AKI_OK)
        return status;
    pthread_mutex_lock(&t->lock);
    old = t->current;
    t->current = fresh;
    pthread_mutex_unlock(&t->lock);
    tls_identity_release(old);
    return AKI_OK;
}

int64_t tls_certificate_end(tls *t)
{
    pthread_mutex_lock(&t->lock);
    const int64_t ends = t->current->ends;
    pthread_mutex_unlock(&t->lock);
    return ends;
}

bool tls_ocsp_is_unfit(tls *t)
{
    pthread_mutex_lock(&t->lock);
    const bool unfit = t->current->unfit_ocsp;
    pthread_mutex_unlock(&t->lock);
    return unfit;
}

/* A certificate with an extended key usage must allow client authentication (RFC 5280 section 4.2.1.12). One for
 * servers only, which the same CA may have signed, is refused. */
static gnutls_typed_vdata_st client_purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                               .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};

static tls_identity *hold_current(tls *t)
{
    pthread_mutex_lock(&t->lock);
    tls_identity *identity = t->current;
    atomic_fetch_add(&identity->holders, 1);
    pthread_mutex_unlock(&t->lock);
    return identity;
}

bool tls_session_open(tls *t, int descriptor, gnutls_session_t *session, tls_identity **identity)
{
    static unsigned char http_2[] = "h2", http_1_1[] = "http/1.1";
    static const gnutls_datum_t protocols[] = {{http_2, sizeof http_2 - 1}, {http_1_1, sizeof http_1_1 - 1}};
    gnutls_session_t made;
    if (gnutls_init(&made, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return false;
    tls_identity *held = hold_current(t);
    if (gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, held->credentials) < 0 ||
        gnutls_priority_set(made, t->priorities) < 0 ||
        gnutls_alpn_set_protocols(made, protocols, sizeof protocols / sizeof *protocols,
                                  GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE) < 0 ||
        gnutls_session_ticket_enable_server(made, &held->ticket_key) < 0) {
        gnutls_deinit(made);
        tls_identity_release(held);
        return false;
    }
    if (held->asks_client) {
        gnutls_certificate_server_set_request(made, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert2(made, &client_purpose, 1, 0);
    }
    gnutls_transport_set_int(made, descriptor);
    *session = made;
    *identity = held;
    return true;
}
