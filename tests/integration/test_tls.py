"""HTTPS: handshakes, client certificates, and a new certificate without dropping a connection."""
import contextlib
import datetime
import ipaddress
import re
import signal
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from embed_server import DEADLINE_S, EMBED, MODEL, PATIENT, Connection, Server, head, post, wait_until
from test_lifecycle import refused_start

GOOD = {"texts": ["a text that nobody else reads"]}


class Authority:
    """A CA that writes certificates and keys into a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, ca=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, key, ca=False, purposes=(), days=1):
        now = datetime.datetime.now(datetime.timezone.utc)
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=days))
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                .add_extension(x509.SubjectAlternativeName(names), critical=False))
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, file=None, purposes=(), key=None, days=1):
        """Paths of a new certificate and its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        paths = [self.folder / f"{file or name}.{kind}" for kind in ("pem", "key")]
        paths[0].write_bytes(self._sign(name, key, purposes=purposes, days=days).public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return paths


    def ocsp_response(self, certificate, days, revoked=False):
        """DER, about the certificate in that file, from two days ago until in `days` days."""
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.load_pem_x509_certificate(certificate.read_bytes())
        return (ocsp.OCSPResponseBuilder().add_response(
                    subject, self.certificate, hashes.SHA1(), ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
                    this_update=now - datetime.timedelta(days=2), next_update=now + datetime.timedelta(days=days),
                    revocation_time=now - datetime.timedelta(days=1) if revoked else None, revocation_reason=None)
                .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate).sign(self.key, hashes.SHA256())
                .public_bytes(serialization.Encoding.DER))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture(scope="module")
def served(authority):
    return authority.issue("served")


@pytest.fixture(scope="module")
def secure(served):
    with Server("--tls-certificate", served[0], "--tls-key", served[1], *PATIENT) as running:
        assert running.url.startswith("https://")
        yield running


def open_tls(server, authority, client=None, minimum=None, maximum=None):
    context = ssl.create_default_context(cafile=authority.path)
    if client:
        context.load_cert_chain(*client)
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return Connection(context.wrap_socket(socket.create_connection(server.address), server_hostname="localhost"))


def subject(connection):
    return dict(pair[0] for pair in connection.socket.getpeercert()["subject"])["commonName"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_requests(secure, authority, version, client):
    """Of all sizes, over one connection; the vectors are those of plain HTTP."""
    with open_tls(secure, authority, minimum=version, maximum=version) as connection:
        assert connection.send(head("GET", "/health/ready")).reply().status == 200
        for texts in (["one"], ["many words " * 20] * 300, ["one"]):
            body = {"texts": texts, "encoding_format": "base64"}
            reply = connection.send(post(body)).reply()
            assert reply.status == 200
            assert reply.json()["embeddings"] == client.post(EMBED, json=body).json()["embeddings"]


def test_old_versions_are_refused(secure, authority):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        open_tls(secure, authority, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)


def test_plain_http_gets_nothing(secure, authority):
    with secure.connect() as connection:
        connection.send(head("GET", "/health/live"))
        with pytest.raises((EOFError, ValueError, IndexError, UnicodeDecodeError)):
            connection.reply()
    with open_tls(secure, authority) as connection:
        assert connection.send(head("GET", "/health/live")).reply().status == 200


def test_handshakes_that_are_left_half_way(secure, authority):
    half = [secure.connect() for _ in range(30)]
    for connection in half[::2]:
        connection.send(b"\x16\x03\x01\x02\x00\x01")
    with open_tls(secure, authority) as connection:
        assert connection.send(post(GOOD)).reply().status == 200
    for connection in half:
        connection.reset()


def test_handshake_that_never_comes_is_closed(served):
    arguments = ("--tls-certificate", served[0], "--tls-key", served[1], "--header-timeout", "100ms")
    with Server(*arguments) as server, server.connect() as connection:
        connection.send(b"\x16\x03\x01")
        assert connection.closed_by_server()


def test_client_certificates(authority, served, tmp_path):
    mine, other = authority.issue("client"), Authority(tmp_path, "other").issue("stranger")
    arguments = ("--tls-certificate", served[0], "--tls-key", served[1], "--tls-client-ca", authority.path)
    with Server(*arguments) as server:
        with open_tls(server, authority, mine) as connection:
            assert connection.send(post(GOOD)).reply().status == 200
        for certificate in (None, other):
            # In TLS 1.3 the client has finished before the server looks at its certificate.
            with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                with open_tls(server, authority, certificate) as connection:
                    connection.send(head("GET", "/health/live")).reply()
        server.says("for clients with a certificate")


def test_client_certificates_for_another_purpose(authority, served):
    """The extended key usage, where there is one, must have clients in it."""
    usage = x509.ExtendedKeyUsageOID
    taken = {"client": [usage.CLIENT_AUTH], "both": [usage.SERVER_AUTH, usage.CLIENT_AUTH], "any": [usage.ANY_EXTENDED_KEY_USAGE],
             "unsaid": []}
    refused = {"server": [usage.SERVER_AUTH], "mail": [usage.EMAIL_PROTECTION], "code": [usage.CODE_SIGNING, usage.SERVER_AUTH]}
    with Server("--tls-certificate", served[0], "--tls-key", served[1], "--tls-client-ca", authority.path) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, purposes in taken.items():
                with open_tls(server, authority, authority.issue(name, purposes=purposes), version, version) as connection:
                    assert connection.send(head("GET", "/health/live")).reply().status == 200, name
            for name, purposes in refused.items():
                with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                    with open_tls(server, authority, authority.issue(name, purposes=purposes), version, version) as connection:
                        connection.send(head("GET", "/health/live")).reply()


TAKEN = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]
REFUSED = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256",
           "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384",
           "DHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA256", "DHE-RSA-AES128-GCM-SHA256"]


def test_suites_of_tls_1_2(authority):
    """Forward secrecy and authenticated encryption, or no handshake. The server's key is RSA, which has a suite of each kind."""
    files = authority.issue("rsa", key=rsa.generate_private_key(65537, 2048))
    with Server("--tls-certificate", files[0], "--tls-key", files[1]) as server:
        def negotiated(suite):
            context = ssl.create_default_context(cafile=authority.path)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{suite}:@SECLEVEL=0")
            with socket.create_connection(server.address, timeout=DEADLINE_S) as plain:
                with context.wrap_socket(plain, server_hostname="localhost") as secured:
                    return secured.cipher()[0]

        assert [negotiated(suite) for suite in TAKEN] == TAKEN
        for suite in REFUSED:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                negotiated(suite)
        assert negotiated(":".join(REFUSED + TAKEN)) in TAKEN


def test_new_certificate_without_dropping_connections(authority):
    files = authority.issue("before", "changing")
    with Server("--tls-certificate", files[0], "--tls-key", files[1]) as server, contextlib.ExitStack() as stack:
        def connect():
            return stack.enter_context(open_tls(server, authority))

        def end_in_metrics():
            text = connect().send(head("GET", "/metrics")).reply().body.decode()
            return float(re.search(r"^akidb_embed_tls_certificate_end_timestamp_seconds (\S+)$", text, re.M)[1])

        def end_in_file():
            return x509.load_pem_x509_certificate(files[0].read_bytes()).not_valid_after_utc.timestamp()

        old = connect()
        assert end_in_metrics() == end_in_file()
        assert subject(old) == "before" and old.send(post(GOOD)).reply().status == 200
        authority.issue("after", "changing", days=30)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: subject(connect()) == "after", "new connections get the new certificate", server)
        assert old.send(post(GOOD)).reply().status == 200
        assert end_in_metrics() == end_in_file()
        files[1].write_text("half a k")
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: any("certificate stays as it was" in message for message in server.messages()), "it is said", server)
        new = connect()
        assert subject(new) == "after" and new.send(post(GOOD)).reply().status == 200
        assert end_in_metrics() == end_in_file()
        assert old.send(post(GOOD)).reply().status == 200


def test_work_in_flight_is_finished_over_tls(secure, authority, served):
    with Server("--tls-certificate", served[0], "--tls-key", served[1], "--drain-timeout", "120s") as server:
        with open_tls(server, authority) as connection:
            headers = [("Content-Type", "application/json"), ("Content-Length", 2), ("Expect", "100-continue")]
            assert connection.send(head(headers=headers)).reply().status == 100
            server.send_signal(signal.SIGTERM)
            wait_until(lambda: any("signal 15" in message for message in server.messages()), "it has begun to stop", server)
            assert connection.send(b"{}").reply().status == 400
        assert server.wait() == 0


def stapled(server):
    """What OpenSSL's client says about the OCSP response that it got."""
    host, port = server.address
    return subprocess.run(["openssl", "s_client", "-status", "-connect", f"{host}:{port}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S).stdout


def test_ocsp_stapling(authority, tmp_path):
    files, response = authority.issue("stapled"), tmp_path / "response"
    response.write_bytes(authority.ocsp_response(files[0], days=-1))
    with Server("--tls-certificate", files[0], "--tls-key", files[1], "--tls-ocsp", response) as server:
        assert "OCSP response in" in server.says("has ended") and "no response sent" in stapled(server)
        response.write_bytes(authority.ocsp_response(files[0], days=1))
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: "Cert Status: good" in stapled(server), "the new response is sent", server)
        response.write_bytes(authority.ocsp_response(authority.issue("other")[0], days=1))
        server.send_signal(signal.SIGHUP)
        assert "OCSP response" in server.says("certificate stays as it was")
        assert "Cert Status: good" in stapled(server)
        response.write_bytes(authority.ocsp_response(files[0], days=1, revoked=True))
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: "no response sent" in stapled(server), "what says revoked is not sent", server)


def test_start_with_bad_files(authority, served, tmp_path):
    def refused(*arguments, code=1):
        return refused_start(*arguments, "--model", MODEL, "--port", 0, code=code)

    assert "--tls-key" in refused("--tls-certificate", served[0], code=2)
    assert "--tls-certificate" in refused("--tls-key", served[1], code=2)
    assert "--tls-certificate" in refused("--tls-client-ca", authority.path, code=2)
    assert "--tls-certificate" in refused("--tls-ocsp", authority.path, code=2)
    assert "--tls-ocsp" in refused("--tls-certificate", served[0], "--tls-key", served[1], "--tls-ocsp", tmp_path / "missing.der")
    assert "missing.pem" in refused("--tls-certificate", tmp_path / "missing.pem", "--tls-key", served[1])
    message = refused("--tls-certificate", served[0], "--tls-key", authority.issue("else")[1])
    assert str(served[0]) in message and "else.key" in message
