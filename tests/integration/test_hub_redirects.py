"""Redirects, the token that must not follow them, and TLS."""
import subprocess

import pytest

from fake_hub import FakeHub, redirect, status
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete


def test_token_goes_to_the_hub_only(hub, cache):
    cache.pull(HF_TOKEN="  hf_secret\n")
    assert hub.of("GET", WEIGHTS)[0].on_storage
    for request in hub.requests:
        assert request.headers.get("Authorization") == (None if request.on_storage else "Bearer hf_secret")


def test_token_is_never_logged(hub, cache):
    hub.fault("HEAD", "config.json", status(500), forever=True)
    _, output, log = cache.run("pull", MODEL, HF_TOKEN="hf_secret")
    assert "hf_secret" not in output + log


@pytest.mark.parametrize("variables", [{}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}])
def test_token_from_a_file(hub, cache, tmp_path, variables):
    (tmp_path / "token").write_text("hf_from_file\n")
    cache.pull(HF_TOKEN_PATH=str(tmp_path / "token"), **variables)
    expected = None if variables else "Bearer hf_from_file"
    assert hub.requests[0].headers.get("Authorization") == expected


def test_token_with_line_breaks_is_refused(hub, cache):
    name, message, hint = cache.fail(HF_TOKEN="one\r\nX-Evil: two")
    assert name == "invalid_argument" and "token" in message and "HF_TOKEN" in hint
    assert hub.requests == []


def test_relative_redirect_is_followed(hub, cache):
    target = f"/{MODEL}/resolve/{hub.commit}/config.json"
    hub.fault("HEAD", "config.json", redirect(target))
    assert_complete(cache.pull(HF_TOKEN="hf_secret"))
    first, second = hub.of("HEAD", "config.json")
    assert second.headers["Authorization"] == "Bearer hf_secret"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_redirect_loop(hub, cache, method):
    where = f"{hub.endpoint}/{MODEL}/resolve/{hub.commit}/vocab.txt"
    hub.fault(method, "vocab.txt", redirect(where), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "too many redirects" in message
    assert len(hub.of(method, "vocab.txt")) <= 10


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_redirect_to_another_protocol(hub, cache, location):
    hub.fault("GET", "vocab.txt", redirect(location), forever=True)
    name, message, _ = cache.fail()
    assert name == "model_download_failed" and "vocab.txt" in message


def test_head_redirected_to_another_host_without_metadata(hub, cache):
    def change(reply):
        redirect(f"{hub.storage}/elsewhere")(reply)
        del reply.headers["X-Repo-Commit"]

    hub.fault("HEAD", "config.json", change)
    name, message, hint = cache.fail()
    assert name == "model_download_failed" and hub.storage in message and hub.storage in hint
    assert not any(request.on_storage for request in hub.requests)


@pytest.fixture
def tls_hub(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    fake = FakeHub(MODEL, FILES)
    fake.certificate = tmp_path / "both.pem"
    fake.certificate.write_text(key.read_text() + certificate.read_text())
    with fake:
        yield fake


def test_untrusted_certificate(tls_hub, tmp_path):
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    name, message, hint = cache.fail(HF_TOKEN="hf_secret")
    assert name == "model_download_failed" and "certificate" in message and "ca-certificates" in hint
    assert tls_hub.requests == []


def test_certificate_from_the_environment(tls_hub, tmp_path):
    tls_hub.large_on_storage = False
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    assert_complete(cache.pull(SSL_CERT_FILE=str(tls_hub.certificate)))


def test_no_way_from_https_to_http(tls_hub, tmp_path):
    cache = Cache(tmp_path / "cache", tls_hub.endpoint)
    name, message, _ = cache.fail(SSL_CERT_FILE=str(tls_hub.certificate))
    assert name == "model_download_failed" and "redirected from https" in message
    assert not any(request.on_storage for request in tls_hub.requests)
