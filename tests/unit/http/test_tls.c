/* What the files may be, and which bytes of a session reach its reader; handshakes are tests/integration/test_tls.py's. */
#include "unit.h"

#include "base/file.h"
#include "http/connection/link.h"

#include <gnutls/x509.h>
#include <sys/socket.h>

static char folder[64], certificate[80], key[80], other_key[80], text[80];

static void put(const char *path, const void *data, size_t length)
{
    aki_error error;
    assert_int_equal(file_write_atomic(path, data, length, &error), AKI_OK);
}

static void put_exported_key(const char *path, gnutls_x509_privkey_t key_of)
{
    unsigned char pem[4096];
    size_t length = sizeof pem;
    assert_int_equal(gnutls_x509_privkey_export(key_of, GNUTLS_X509_FMT_PEM, pem, &length), 0);
    put(path, pem, length);
}

static gnutls_x509_privkey_t put_key(const char *path)
{
    gnutls_x509_privkey_t made;
    assert_int_equal(gnutls_x509_privkey_init(&made), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(made, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        0);
    put_exported_key(path, made);
    return made;
}

#define ENDS 2000000000

/* By itself where there is no issuer. */
static gnutls_x509_crt_t make_certificate(const char *name, time_t ends, gnutls_x509_privkey_t of,
                                          gnutls_x509_crt_t issuer, gnutls_x509_privkey_t issuers)
{
    gnutls_x509_crt_t made;
    assert_int_equal(gnutls_x509_crt_init(&made), 0);
    gnutls_x509_crt_set_version(made, 3);
    gnutls_x509_crt_set_serial(made, "\1", 1);
    gnutls_x509_crt_set_activation_time(made, 0);
    gnutls_x509_crt_set_expiration_time(made, ends);
    gnutls_x509_crt_set_dn(made, name, NULL);
    gnutls_x509_crt_set_key(made, of);
    const bool alone = issuer == NULL;
    assert_int_equal(
        gnutls_x509_crt_sign2(made, alone ? made : issuer, alone ? of : issuers, GNUTLS_DIG_SHA256, 0), 0);
    return made;
}

static void put_certificate(const char *path, gnutls_x509_privkey_t of)
{
    unsigned char pem[4096];
    size_t length = sizeof pem;
    gnutls_x509_crt_t made = make_certificate("CN=test", ENDS, of, NULL, NULL);
    assert_int_equal(gnutls_x509_crt_export(made, GNUTLS_X509_FMT_PEM, pem, &length), 0);
    put(path, pem, length);
    gnutls_x509_crt_deinit(made);
}

static int make_files(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_tls_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(certificate, sizeof certificate, "%s/certificate", folder);
    snprintf(key, sizeof key, "%s/key", folder);
    snprintf(other_key, sizeof other_key, "%s/other", folder);
    snprintf(text, sizeof text, "%s/text", folder);
    gnutls_x509_privkey_t mine = put_key(key);
    put_certificate(certificate, mine);
    gnutls_x509_privkey_deinit(mine);
    gnutls_x509_privkey_deinit(put_key(other_key));
    put(text, "no PEM\n", 7);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    return unlink(certificate) + unlink(key) + unlink(other_key) + unlink(text) + rmdir(folder);
}

static void takes_files_that_fit_each_other(void **state)
{
    (void)state;
    tls *t;
    aki_error error;
    assert_int_equal(tls_open(&t, &(tls_files){certificate, key, NULL, NULL}, &error), AKI_OK);
    assert_int_equal(tls_reload(t, &error), AKI_OK);
    tls_close(t);
    assert_int_equal(tls_open(&t, &(tls_files){certificate, key, certificate, NULL}, &error), AKI_OK);
    tls_close(t);
    tls_close(NULL);
    tls_identity_release(NULL);
}

static void says_what_is_wrong_with_the_others(void **state)
{
    (void)state;
    const struct {
        tls_files files;
        aki_status status;
        const char *message, *hint;
    } bad[] = {
        {{"/missing", key, NULL, NULL}, AKI_IO_ERROR, "/missing", "--tls-certificate"},
        {{certificate, "/missing", NULL, NULL}, AKI_IO_ERROR, "/missing", "--tls-key"},
        {{certificate, key, "/missing", NULL}, AKI_IO_ERROR, "/missing", "--tls-client-ca"},
        {{certificate, folder, NULL, NULL}, AKI_IO_ERROR, folder, "--tls-key"},
        {{certificate, other_key, NULL, NULL}, AKI_INVALID_ARGUMENT, other_key, "the certificate"},
        {{key, certificate, NULL, NULL}, AKI_INVALID_ARGUMENT, key, "PEM"},
        {{text, key, NULL, NULL}, AKI_INVALID_ARGUMENT, text, "PEM"},
        {{certificate, text, NULL, NULL}, AKI_INVALID_ARGUMENT, text, "PEM"},
        {{certificate, key, text, NULL}, AKI_INVALID_ARGUMENT, text, "PEM"},
        {{certificate, key, key, NULL}, AKI_INVALID_ARGUMENT, key, "PEM"},
        {{certificate, key, NULL, "/missing"}, AKI_IO_ERROR, "/missing", "--tls-ocsp"},
        {{certificate, key, NULL, text}, AKI_INVALID_ARGUMENT, text, "--tls-certificate"},
        {{certificate, key, NULL, certificate}, AKI_INVALID_ARGUMENT, certificate, "--tls-certificate"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tls *t;
        aki_error error;
        assert_int_equal(tls_open(&t, &bad[i].files, &error), bad[i].status);
        assert_null(t);
        assert_non_null(strstr(error.message, bad[i].message));
        assert_non_null(strstr(error.hint, bad[i].hint));
    }
}

static void knows_which_certificate_ends_first(void **state)
{
    (void)state;
    tls *t;
    aki_error error;
    char chain[80], chain_key[80];
    snprintf(chain, sizeof chain, "%s/chain", folder);
    snprintf(chain_key, sizeof chain_key, "%s/chain-key", folder);
    gnutls_x509_privkey_t mine = put_key(chain_key);
    put_certificate(chain, mine);
    assert_int_equal(tls_open(&t, &(tls_files){chain, chain_key, NULL, NULL}, &error), AKI_OK);
    assert_int_equal(tls_certificate_end(t), ENDS);
    unsigned char pem[8192];
    size_t length = sizeof pem / 2, more = sizeof pem / 2;
    gnutls_x509_privkey_t issuers = put_key(chain_key);
    gnutls_x509_crt_t issuer = make_certificate("CN=issuer", ENDS - 7, issuers, NULL, NULL);
    gnutls_x509_crt_t leaf = make_certificate("CN=leaf", ENDS - 5, mine, issuer, issuers);
    assert_int_equal(gnutls_x509_crt_export(leaf, GNUTLS_X509_FMT_PEM, pem, &length), 0);
    assert_int_equal(gnutls_x509_crt_export(issuer, GNUTLS_X509_FMT_PEM, pem + length, &more), 0);
    put_exported_key(chain_key, mine);
    put(chain, pem, length + more);
    assert_int_equal(tls_certificate_end(t), ENDS);
    assert_int_equal(tls_reload(t, &error), AKI_OK);
    assert_int_equal(tls_certificate_end(t), ENDS - 7);
    put(chain, "no PEM\n", 7);
    assert_int_not_equal(tls_reload(t, &error), AKI_OK);
    assert_int_equal(tls_certificate_end(t), ENDS - 7);
    tls_close(t);
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_crt_deinit(issuer);
    gnutls_x509_privkey_deinit(issuers);
    gnutls_x509_privkey_deinit(mine);
    assert_int_equal(unlink(chain) + unlink(chain_key), 0);
}

/* An identity outlives its replacement for as long as a session uses it; the sanitizers watch. */
static void sessions_keep_what_they_began_with(void **state)
{
    (void)state;
    tls *t;
    aki_error error;
    assert_int_equal(tls_open(&t, &(tls_files){certificate, key, certificate, NULL}, &error), AKI_OK);
    gnutls_session_t sessions[3];
    tls_identity *identities[3];
    for (size_t i = 0; i < 3; i++) {
        assert_true(tls_session_open(t, 0, &sessions[i], &identities[i]));
        if (i < 2)
            assert_int_equal(tls_reload(t, &error), AKI_OK);
    }
    assert_ptr_not_equal(identities[0], identities[1]);
    assert_ptr_not_equal(identities[1], identities[2]);
    tls_close(t);
    for (size_t i = 0; i < 3; i++) {
        gnutls_deinit(sessions[i]);
        tls_identity_release(identities[i]);
    }
}

static void speaks_only_versions_that_are_safe(void **state)
{
    (void)state;
    gnutls_priority_t priorities;
    const unsigned *versions = NULL;
    assert_int_equal(gnutls_priority_init(&priorities, TLS_PRIORITIES, NULL), 0);
    int count = gnutls_priority_protocol_list(priorities, &versions);
    assert_int_equal(count, 2);
    for (int i = 0; i < count; i++)
        assert_true(versions[i] == GNUTLS_TLS1_2 || versions[i] == GNUTLS_TLS1_3);
    gnutls_priority_deinit(priorities);
}

/* A client whose handshake with the link is done, and its descriptor. */
static gnutls_session_t open_client(http_link *link, tls *t, gnutls_certificate_credentials_t credentials,
                                    int *descriptor)
{
    int pair[2], mine = -1, its = LINK_AGAIN;
    gnutls_session_t client;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_true(link_open(link, pair[0], t));
    *descriptor = pair[1];
    assert_int_equal(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_set_default_priority(client), 0);
    assert_int_equal(gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    gnutls_transport_set_int(client, pair[1]);
    for (int turns = 0; (mine != 0 || its != 0) && turns < 100; turns++) {
        if (mine != 0)
            mine = gnutls_handshake(client);
        if (its != 0)
            its = link_shake_hands(link);
    }
    assert_int_equal(mine, 0);
    assert_int_equal(its, 0);
    return client;
}

/* An edge-triggered event tells of records once: those behind one without data must be read with it. */
static void data_behind_a_key_update_are_read(void **state)
{
    (void)state;
    tls *t;
    aki_error error;
    http_link link;
    char got[16];
    int descriptor;
    gnutls_certificate_credentials_t credentials;
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    assert_int_equal(tls_open(&t, &(tls_files){certificate, key, NULL, NULL}, &error), AKI_OK);
    gnutls_session_t client = open_client(&link, t, credentials, &descriptor);
    assert_int_equal(link_read(&link, got, sizeof got), LINK_AGAIN);
    assert_int_equal(gnutls_session_key_update(client, 0), 0);
    assert_int_equal(gnutls_record_send(client, "abc", 3), 3);
    assert_int_equal(link_read(&link, got, sizeof got), 3);
    assert_memory_equal(got, "abc", 3);
    assert_int_equal(gnutls_session_key_update(client, 0), 0);
    assert_int_equal(link_read(&link, got, sizeof got), LINK_AGAIN);
    gnutls_deinit(client);
    close(descriptor);
    link_close(&link);
    tls_close(t);
    gnutls_certificate_free_credentials(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_files_that_fit_each_other),
        cmocka_unit_test(says_what_is_wrong_with_the_others),
        cmocka_unit_test(knows_which_certificate_ends_first),
        cmocka_unit_test(sessions_keep_what_they_began_with),
        cmocka_unit_test(speaks_only_versions_that_are_safe),
        cmocka_unit_test(data_behind_a_key_update_are_read),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
