"""What the command line does for `serve`: options from every source, log lines, start and end."""
import json
import re
import signal
import subprocess

import httpx
import pytest

from cli_program import MODEL, VERSION, run
from embed_server import EMBED, PROGRAM, Server, head, post, wait_until


def test_log_lines_are_json():
    with Server() as server:
        server.client().post(EMBED, json={"texts": ["secret words"]})
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log().splitlines()]
    for line in lines:
        assert set(line) >= {"timestamp", "level", "target", "fields"} and line["fields"]["message"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
        assert line["level"] in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
    messages = [line["fields"]["message"] for line in lines if line["target"] == "serve"]
    assert messages[0] == f"akidb-embed {VERSION}"
    assert messages[1].startswith("listening on http://127.0.0.1:")
    assert any(re.match(r"ready: model \S+, dimension 384, at most 256 tokens per text, CPU tier [\w-]+, precision \w+, "
                        r"threads \d+, ", message) for message in messages)
    assert messages[-1] == "stopped; all requests were finished"
    assert "secret words" not in server.log()


def test_log_for_people():
    with Server("--log-format", "text") as server:
        assert re.search(r"^\d{4}-\S+Z INFO  serve: listening on http://127\.0\.0\.1:\d+$", server.log(), re.M)


@pytest.mark.parametrize("variables, arguments", [({"AKIDB_LOG": "warn"}, ["--log-level", "info"]),
                                                  ({"RUST_LOG": "warn,serve=info"}, []),
                                                  ({"RUST_LOG": "off", "AKIDB_LOG": "serve=info"}, [])])
def test_log_level(variables, arguments):
    with Server(*arguments, environment=variables) as server:
        assert {line["target"] for line in server.lines()} == {"serve"} or not variables.get(
            "RUST_LOG")


def test_log_can_be_turned_off(tmp_path):
    with Server() as other:  # the port is not known without the log: take one that was just free
        port = other.address[1]
    process = subprocess.Popen([PROGRAM, "serve", "--model", MODEL, "--port", str(port), "--log-level", "off"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def ready():
        assert process.poll() is None
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False
    wait_until(ready, "ready")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == b"" and process.returncode == 0


def test_options_reach_the_server(tmp_path):
    path = tmp_path / "akidb.ini"
    path.write_text("max_texts = 2\n[serve]\nmax_body_bytes = 2KiB\nmodel_name = file\n")
    with Server("--config", path, environment={"AKIDB_MODEL_NAME": "variable"}) as server, server.client() as client:
        assert client.post(EMBED, json={"texts": ["a"] * 2}).json()["model"] == "variable"
        assert client.post(EMBED, json={"texts": ["a"] * 3}).status_code == 400
        assert client.post(EMBED, json={"texts": ["a" * 3000]}).status_code == 413


def test_model_is_called_by_its_folder():
    with Server() as server, server.client() as client:
        assert client.post(EMBED, json={"texts": ["a"]}).json()["model"] == MODEL.name


def test_port_from_the_config_file_is_checked(tmp_path):
    path = tmp_path / "akidb.ini"
    path.write_text("[serve]\nport = 70000\n")
    assert f"{path} line 2: port = 70000: must be a whole number from 0 to 65535" in \
        run("serve", "--config", path, code=2).stderr


@pytest.mark.parametrize("arguments, said, hint", [
    (["--tls-certificate", "a.pem"], "--tls-key is missing", "both --tls-certificate and --tls-key"),
    (["--tls-client-ca", "a.pem"], "no TLS is used", "--tls-certificate and --tls-key as well"),
    (["--host", "none"], "leaves nothing to listen on", "--unix-socket"),
    (["--breaker-cooldown", "10s", "--breaker-cooldown-max", "9s"], "is less than --breaker-cooldown", "grows from the one to the other")])
def test_options_that_do_not_go_together(arguments, said, hint):
    message = run("serve", *arguments, code=2).stderr
    assert said in message and hint in message


def test_second_signal_ends_at_once():
    """With a big request in flight the drain takes long; a second signal does not wait for it. It is the other one, since
    the same one at once counts as a repeat."""
    with Server("--drain-timeout", "120s", "--request-timeout", "120s", "--inference-timeout", "120s", "--threads", "1") as server:
        connection = server.connect()
        connection.send(post({"texts": [f"{i} " + "word " * 200 for i in range(2048)], "encoding_format": "base64"}))
        with server.connect() as other:
            assert other.send(head("GET", "/health/live")).reply().status == 200
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: "finishing the requests in flight" in server.log(), "drain begins", server)
        server.send_signal(signal.SIGINT)
        assert server.wait() == 1
        server.process.returncode = 0  # so that leaving the block does not complain


def test_signal_while_loading_is_no_failure():
    for _ in range(3):
        server = Server(until="listening")
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0, server.log()
