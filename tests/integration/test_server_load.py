"""The load generator of `make bench-server`: that it counts and checks what it says, never how fast it was; and the report's
arithmetic, on made-up measurements."""
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from embed_server import DEADLINE_S, PROGRAM, ROOT
from test_tls import Authority

sys.path.insert(0, str(ROOT / "bench" / "server"))
import load_report  # noqa: E402
import rounds  # noqa: E402

GENERATOR = pathlib.Path(os.environ.get("AKIDB_BUILD", PROGRAM.parent)) / "bench" / "bench_load"
needs_generator = pytest.mark.skipif(not GENERATOR.exists(), reason="built with -Dbench=false")


def generate(port, *arguments, code=0):
    command = [GENERATOR, "--port", port, *arguments]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def bodies(tmp_path):
    path = tmp_path / "bodies"
    path.write_text("".join(f"{count}\t{json.dumps(document)}\n" for count, document in [
        (1, {"texts": ["one text"]}), (3, {"texts": ["a", "b", "[c]"]}), (2, {"texts": ['a "quoted" one', "b"], "encoding_format": "base64"})]))
    return path


@needs_generator
def test_open_loop_sends_the_asked_number_and_compares_all_replies(server, bodies):
    result = json.loads(generate(server.address[1], "--open", 60, "--seconds", 1, "--connections", 8, "--drain", 100, "--bodies", bodies,
                                 "--references", 3, "--server-pid", server.pid))
    assert result["statuses"] == {"200": 60}
    assert result["ok_ms"]["count"] == result["late_ms"]["count"] == result["compared"] == 60
    assert 0 < result["ok_ms"]["p50"] <= result["ok_ms"]["p99"] <= result["ok_ms"]["max"]
    assert result["server_rss_end_bytes"] > 1 << 20 and result["server_cpu_seconds"] >= 0
    for what in ("broken", "unanswered", "unsent", "wrong_replies", "wrong_vectors", "no_retry_after", "reopened"):
        assert result[what] == 0, what


@needs_generator
def test_closed_loop_and_burst(server, bodies):
    result = json.loads(generate(server.address[1], "--closed", "--seconds", 0.5, "--connections", 3, "--drain", 100, "--bodies", bodies))
    assert set(result["statuses"]) == {"200"} and result["wrong_replies"] == result["unsent"] == result["compared"] == 0
    result = json.loads(generate(server.address[1], "--burst", "--seconds", 100, "--connections", 40, "--bodies", bodies))
    assert result["statuses"] == {"200": 40} and result["broken"] == result["unanswered"] == 0


@needs_generator
def test_bodies_go_to_another_dialect(server, tmp_path):
    path = tmp_path / "bodies"
    path.write_text('1\t{"inputs": "a"}\n1\t{"input": "a"}\n', encoding="utf-8")
    result = json.loads(generate(server.address[1], "--open", 20, "--seconds", 1, "--drain", 100, "--bodies", path, "--post", "/embed"))
    assert result["statuses"] == {"200": 10, "422": 10} and result["wrong_replies"] == 0
    generate(server.address[1], "--closed", "--bodies", path, "--post", "/embed", "--references", 1, code=2)
    generate(server.address[1], "--closed", "--get", "/health/live", "--post", "/embed", code=2)


@needs_generator
def test_slow_connections_do_not_keep_others_out(server, client):
    port = server.address[1]
    command = [GENERATOR, "--port", port, "--slow", "--connections", 20, "--seconds", 2]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as slow:
        assert slow.stdout.readline() == "ready\n"
        assert client.post("/api/v1/embed", json={"texts": ["a"]}).status_code == 200
        result = json.loads(slow.stdout.read())
    assert result["failed"] == result["closed_by_server"] == 0
    assert result["open_at_end"] == 20 and result["bytes_sent"] >= 40


@needs_generator
def test_idle_connections_ask_once_and_are_held(server, client):
    command = [GENERATOR, "--port", server.address[1], "--idle", "--get", "/health/live", "--connections", 150, "--seconds", DEADLINE_S]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as idle:
        assert idle.stdout.readline() == "ready\n"
        assert client.post("/api/v1/embed", json={"texts": ["a"]}).status_code == 200
        output, _ = idle.communicate("\n", timeout=DEADLINE_S)
    assert json.loads(output) == {"open_at_end": 150, "closed_by_server": 0}


@needs_generator
def test_half_heads_are_sent_and_their_end_is_seen():
    """Of six connections two send half a head; a server that closes them alone is seen to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [GENERATOR, "--port", listening.getsockname()[1], "--slow", "--half-heads", "--connections", 6, "--seconds", 2]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as slow:
            assert slow.stdout.readline() == "ready\n"
            accepted = [listening.accept()[0] for _ in range(6)]
            half = [one for one in accepted if 20 < len(one.recv(64, socket.MSG_PEEK)) < 64]  # others: a byte, or a whole head
            for one in half:
                one.close()
            result = json.loads(slow.stdout.read())
        for one in accepted:
            one.close()
    assert len(half) == 2 and result["closed_by_server"] >= 2 and result["longest_seconds"] >= 1.9


class PlainServer(http.server.BaseHTTPRequestHandler):
    """Answers GET; of two requests over one connection it closes behind the second."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.close_connection = getattr(self, "seen", 0) == 1
        self.seen = 1
        self.send_response(200 if self.path == "/there" else 404)
        self.send_header("Content-Length", "2")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture(scope="module")
def secure_port(tmp_path_factory):
    """Of a server with TLS 1.3, which sends two tickets behind each handshake."""
    certificate, key = Authority(tmp_path_factory.mktemp("load"), "ca").issue("served")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), PlainServer) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1]
        running.shutdown()


@needs_generator
def test_any_path_over_tls(secure_port):
    result = json.loads(generate(secure_port, "--open", 40, "--seconds", 1, "--connections", 8, "--drain", 100, "--tls", "--get", "/there"))
    assert result["statuses"] == {"200": 40} and result["broken"] == result["unsent"] == result["wrong_replies"] == 0
    assert 1 <= result["reopened"] <= 40
    result = json.loads(generate(secure_port, "--burst", "--seconds", 100, "--connections", 5, "--tls", "--get", "/elsewhere"))
    assert result["statuses"] == {"404": 5}


@needs_generator
def test_idle_connections_over_tls(secure_port):
    done = subprocess.run([GENERATOR, "--port", str(secure_port), "--idle", "--tls", "--get", "/there", "--connections", "30", "--seconds", "100"],
                          input="\n", stdout=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=True)
    assert done.stdout == 'ready\n{"open_at_end":30,"closed_by_server":0}\n'
    failed = subprocess.run([GENERATOR, "--port", str(secure_port), "--idle", "--tls", "--get", "/elsewhere"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, text=True, check=False)
    assert failed.returncode == 1 and failed.stdout == "" and "idle connection 1 of 1" in failed.stderr


class BadServer(http.server.BaseHTTPRequestHandler):
    """Answers rightly once, and then wrongly in four ways."""

    protocol_version = "HTTP/1.1"
    seen = 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        kind = BadServer.seen
        BadServer.seen += 1
        vectors = {1: '"AAAB"', 2: '"AAAA","AAAA"'}.get(kind, '"AAAA"')
        body = ('{"embeddings":[%s],"model":"m","dimension":1,"usage":{"total_tokens":3}}' % vectors).encode()
        self.send_response({3: 429, 4: 503, 5: 500}.get(kind, 200))
        if kind == 4:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@needs_generator
def test_wrong_replies_are_found(tmp_path):
    (tmp_path / "bodies").write_text('1\t{"texts":["a"],"encoding_format":"base64"}\n')
    BadServer.seen = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BadServer) as bad:
        threading.Thread(target=bad.serve_forever, daemon=True).start()
        result = json.loads(generate(bad.server_address[1], "--open", 20, "--seconds", 0.3, "--references", 1, "--bodies", tmp_path / "bodies"))
        bad.shutdown()
    assert result["statuses"] == {"200": 3, "429": 1, "500": 1, "503": 1}
    assert (result["wrong_vectors"], result["wrong_replies"], result["no_retry_after"]) == (1, 1, 1)
    assert result["compared"] == 2 and result["refused_ms"]["count"] == 3


@needs_generator
@pytest.mark.parametrize("arguments", [[], ["--closed"], ["--closed", "--slow"], ["--open", "0", "--bodies", "x"], ["--burst", "--bodies", "x", "more"],
                                       ["--closed", "--bodies", "x", "--get", "/"], ["--slow", "--tls"], ["--idle", "--half-heads", "--get", "/"]])
def test_mistakes(arguments):
    assert generate(1, *arguments, code=2) == ""


def result(ok=1000, refused=0, p50=2.0, p99=8.0, tokens=8000, **others):
    return {"statuses": {"200": ok, "429": refused}, "broken": 0, "unanswered": 0, "unsent": 0, "wrong_replies": 0, "compared": 100,
            "wrong_vectors": 0, "no_retry_after": 0, "ok_ms": {"p50": p50, "p95": 5.0, "p99": p99, "p999": 9.0, "max": 9.5}, "late_ms": {"p99": 0.05}, "cpu_interval_seconds": 10.0,
            "seconds": 10.0, "requests_per_second": ok / 10, "tokens_per_second": tokens, "client_cpu_seconds": 1.0, "server_cpu_seconds": 18.0,
            "server_rss_begin_bytes": 100_000_000, "server_rss_end_bytes": 104_000_000} | others


@pytest.fixture
def found():
    return {
        "cpus": 2, "runs": [result()], "batches": {"short": 9500, "mixed": 9400}, "singles": 9000,
        "engine": {"version": "2.0", "tier": "avx512-bf16", "precision": "bf16", "threads": 2, "tokens_per_second": {"short": 10000, "mixed": 10240}},
        "throughput": [{"texts": 8, "encoding": "base64", "connections": 8, "result": result()}],
        "idle": result(p50=1.2, server_cpu_seconds=1.0), "idle_mixed": result(p50=4.0), "fifteen": result(ok=9990), "steady_rate": 200,
        "steady": result(), "saturation": result(), "at_share": {"80": result(p99=120.0), "90": result()},
        "mix": {"bulk_alone": result(), "bulk": result(tokens=6800), "interactive": result(p99=308.0)},
        "overload_times": 5, "overload_wait": "15ms", "overload": result(ok=900, refused=4000, p99=241.0, tokens=7200, unsent=2, no_retry_after=1),
        "burst": result(ok=990, refused=10), "slow_connections": 1000, "slow": {
            target: [result(ok_counts=[[1.0, 980], [p99, 20]], server_cpu_seconds=seconds)] * 3
            for target, p99, seconds in (("none", 10.0, 10.0), ("sink", 11.0, 10.0), ("server", 11.5, 11.2))},
        "health": {"milliseconds": {"main": [0.1] * 99 + [2.0], "admin": [0.1] * 200}, "failed": 0},
        "refusing": result(ok=1000, refused=200_000, server_cpu_seconds=11.0),
    }


def test_each_figure_is_held_against_its_aim(found):
    rows = {name: rest for name, *rest in load_report.make_rows(found)}
    assert rows["32 short texts per request, share of the engine's tokens/s"] == ["≥ 95.0 %", "95.0 %", "met"]
    assert rows["32 mixed texts per request, share of the engine's tokens/s"] == ["≥ 95.0 %", "91.8 %", "**falls short**"]
    assert rows["single texts of 16 tokens, 64 connections, share of the engine's tokens/s"][2] == "met"
    assert rows["one text of 16 tokens, idle server, p50"] == ["≤ 1.20 ms", "1.20 ms", "met"]
    assert rows["texts of 15 tokens, 32 connections, requests/s"] == ["≥ 1,000", "999", "**falls short**"]
    assert rows["mixed texts at 80 % of saturation, p99 (5 × idle p50 + a pass)"] == ["≤ 120.00 ms", "120.00 ms", "met"]
    assert rows["bulk of 256 texts saturating: single query p99 (3 passes)"] == ["≤ 307.20 ms", "308.00 ms", "**falls short**"]
    assert rows["bulk beside single queries, share of its tokens/s alone"] == ["≥ 85.0 %", "85.0 %", "met"]
    assert rows["5 × saturation for 10 s, `--max-queue-wait 15ms`: goodput, share of the peak's tokens/s"] == ["≥ 90.0 %", "90.0 %", "met"]
    assert rows["5 × saturation for 10 s, `--max-queue-wait 15ms`: p99 of the admitted (2 × that at 80 %)"] == ["≤ 240.00 ms", "241.00 ms", "**falls short**"]
    assert rows["5 × saturation for 10 s, `--max-queue-wait 15ms`: growth of resident memory"] == ["≤ +5.0 %", "+4.0 %", "met"]
    assert rows["5 × saturation for 10 s, `--max-queue-wait 15ms`: refusals without Retry-After, of 4,000"] == ["≤ 0", "1", "**falls short**"]
    assert rows["5 × saturation for 10 s, `--max-queue-wait 15ms`: neither answered nor refused, of 4,902"] == ["≤ 0", "2", "**falls short**"]
    assert rows["server's CPU per refusal, of 200,000 with their bodies"] == ["≤ 50 µs", "50 µs", "met"]
    assert rows["1,000 clients connecting at once: answered"] == ["≥ 99.0 %", "99.0 %", "met"]
    slow = "1,000 connections at a byte a second: others' p99 against "
    assert rows[slow + "10.00 ms without (+15 to +15 %)"] == ["≤ +10.0 %", "+15.0 %", "**falls short**"]
    assert rows[slow + "11.00 ms with the same to a program that only reads (+5 to +5 %)"] == ["≤ +10.0 %", "+4.5 %", "met"]
    assert rows["1,000 connections at a byte a second: what they take of the server's CPUs"] == ["–", "0.12 CPUs", ""]
    health = "5 × saturation for 10 s, `--max-queue-wait 15ms`: /health/ready on the "
    assert rows[health + "main port, median of 100"] == ["≤ 1.00 ms", "0.10 ms", "met"]
    assert rows[health + "main port, p99"] == ["≤ 1.00 ms", "2.00 ms", "**falls short**"]
    assert rows[health + "admin port, p99"] == ["≤ 1.00 ms", "0.10 ms", "met"]


def test_rounds_are_compared_by_their_medians():
    """One round that stalled decides nothing."""
    assert rounds.p99([[5.0, 1], [1.0, 98], [9.0, 1]]) == 5.0
    calm, slower, stalled = [[1.0, 100]], [[1.5, 100]], [[900.0, 100]]
    assert rounds.typical_p99([calm, stalled, calm]) == 1.0
    assert rounds.change([slower, stalled, slower, slower, slower], [calm] * 5)[0] == 50.0
    value, least, most = rounds.change([[[2.0, 100]], [[4.0, 100]]], [calm, calm])
    assert (value, least, most) == (200.0, 100.0, 300.0)


@needs_generator
def test_the_sink_reads_what_slow_clients_send():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with subprocess.Popen([GENERATOR, "--port", str(port), "--sink", "--seconds", "3"], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout.readline() == "ready\n"
        result = json.loads(generate(port, "--slow", "--connections", 20, "--seconds", 1).removeprefix("ready\n"))
    assert sink.returncode == 0 and result["failed"] == result["closed_by_server"] == 0


def test_every_run_counts_for_the_checks_of_replies(found):
    found["mix"]["interactive"]["wrong_vectors"] = 2
    found["throughput"][0]["result"]["wrong_replies"] = 3
    rows = {name: rest for name, *rest in load_report.reply_rows(found)}
    assert rows["replies with the wrong number of vectors, in all runs"] == ["≤ 0", "3", "**falls short**"]
    assert rows["replies not bit-identical with the idle server's, of 2,400 compared"] == ["≤ 0", "2", "**falls short**"]


def test_a_run_without_replies_meets_no_aim(found):
    found["idle"] = found["burst"] = found["mix"]["bulk_alone"] = found["mix"]["interactive"] = result(ok=0, tokens=0, p50=0.0, p99=0.0)
    rows = {name: rest for name, *rest in load_report.make_rows(found)}
    for start in ("one text of 16 tokens", "bulk of 256", "bulk beside", "0 clients connecting at once: answered"):
        name = next(name for name in rows if name.startswith(start))
        assert "nan" in rows[name][1] and rows[name][2] == "**falls short**"


def test_aims_are_those_of_the_kind_of_cpu(found):
    assert load_report.cpu_aims("amx-bf16", "bf16") == (0.6, 8000)
    assert load_report.cpu_aims("avx512-vnni", "int8") == (0.8, 1700)
    found["engine"]["tier"] = "avx2"
    assert load_report.latency_rows(found)[0][1:] == ("–", "1.20 ms", "")


def test_tables_have_as_many_cells_in_each_row(found):
    text = load_report.make_markdown(found, "machine", "command")
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1
    assert "| 8 × 16 tokens, base64 | 8 | 100.0 | 8,000 | 2.00 ms | 55.6 | 5.0 % |" in text
