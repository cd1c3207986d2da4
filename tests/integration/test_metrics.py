"""GET /metrics: names, types and buckets as promised, right counts for every outcome, read by the real Prometheus."""
import concurrent.futures
import gzip
import json
import pathlib
import subprocess
import threading

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from embed_server import EMBED, PATIENT, PROGRAM, Server, post, wait_until
from faulty_device import FaultyDevice
from live_prometheus import Prometheus

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUEST_BUCKETS = "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 +Inf"
PROMISED = {
    "candle_requests_total": "counter",
    "candle_requests_in_flight": "gauge",
    "candle_request_duration_seconds": REQUEST_BUCKETS,
    "candle_errors_total": "counter",
    "candle_circuit_breaker_state": "gauge",
    "candle_batch_size": "1.0 2.0 4.0 8.0 16.0 32.0 64.0 128.0 +Inf",
    "candle_batch_wait_seconds": "0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 +Inf",
    "candle_model_load_duration_seconds": "0.1 0.2 0.5 1.0 2.0 5.0 10.0 30.0 +Inf",
    "candle_model_inference_duration_seconds": "0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 +Inf",
    "candle_gpu_utilization_percent": "gauge",
    "candle_memory_usage_bytes": "gauge",
}
# What promtool says of inherited names; nothing else may be said.
INHERITED = {"candle_gpu_utilization_percent"}
# Equal texts would be computed once.
LONG_WORK = [f"{i} " + "word " * 200 for i in range(600)]
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture
def fresh():
    with Server(*PATIENT, "--model-name", "m") as running:
        yield running


@pytest.fixture
def faulty(tmp_path):
    return FaultyDevice(tmp_path)


def scrape(server):
    """{(name, labels as sorted pairs): value} of all samples."""
    with server.client() as client:
        reply = client.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parse_text(reply.text) for sample in family.samples}


def value(samples, name, **labels):
    return samples[(name, tuple(sorted(labels.items())))]


def test_promised_metrics_are_there_before_any_request(fresh):
    with fresh.client() as client:
        text = client.get("/metrics").text
    families = {family.name: family for family in parse_text(text)}
    for name, kind in PROMISED.items():
        family = families[name.removesuffix("_total")]
        if kind in ("counter", "gauge"):
            assert family.type == kind, name
            continue
        assert family.type == "histogram", name
        bounds = [sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")]
        assert " ".join(dict.fromkeys(bounds)) == kind, name
    samples = scrape(fresh)
    assert value(samples, "candle_requests_total") == 0
    for status in ("success", "error"):
        assert value(samples, "candle_request_duration_seconds_count", status=status) == 0
    assert value(samples, "candle_model_load_duration_seconds_count") == 1


def test_health_and_limits_are_told(fresh):
    """What alerts compare: without TLS the certificate's end is 0, and so are the control group's values where it has no limit."""
    samples = scrape(fresh)
    assert value(samples, "akidb_embed_ready") == value(samples, "akidb_embed_live") == 1
    assert value(samples, "akidb_embed_memory_limit_bytes") == 2048e6
    assert value(samples, "akidb_embed_tls_certificate_end_timestamp_seconds") == 0
    limit, used = (value(samples, f"akidb_embed_cgroup_memory_{what}_bytes") for what in ("limit", "usage"))
    assert 0 < used <= limit or used == limit == 0


def test_requests_within_the_objective_are_counted(faulty):
    """A fast request and a failed one leave the counter between the histogram's buckets on both sides of 35 ms; a slow one
    is in none."""
    with faulty.serve() as server:
        def counted():
            samples = scrape(server)
            return value(samples, "akidb_embed_requests_within_objective_total"), [
                value(samples, "candle_request_duration_seconds_bucket", status="success", le=le) for le in ("0.025", "0.05", "+Inf")]

        assert server.embed("fast, as a rule").status_code == 200
        assert server.embed("").status_code == 400
        within, (under, over, total) = wait_until(lambda: (now := counted())[1][2] == 1 and now, "the request is counted", server)
        assert under <= within <= over <= total == 1
        faulty.be("slow 60")
        assert server.embed("slow").status_code == 200
        assert wait_until(lambda: (now := counted())[1][2] == 2 and now, "the request is counted", server)[0] == within


def test_good_requests_are_counted(fresh):
    before = scrape(fresh)
    with fresh.client() as client:
        reply = client.post(EMBED, json={"texts": ["one", "two words", "word " * 1000]})
        assert reply.status_code == 200
    samples = wait_until(lambda: (now := scrape(fresh)) and value(now, "candle_requests_in_flight") == 0 and now,
                         "in-flight back to 0", fresh)
    assert value(samples, "candle_requests_total") == 1
    assert value(samples, "candle_errors_total") == 0
    assert value(samples, "candle_request_duration_seconds_count", status="success") == 1
    assert value(samples, "candle_request_duration_seconds_count", status="error") == 0
    assert value(samples, "akidb_embed_texts_total", model="m") == 3
    assert value(samples, "akidb_embed_tokens_total", model="m") == reply.json()["usage"]["total_tokens"]
    assert value(samples, "akidb_embed_truncations_total") == 1
    assert value(samples, "candle_batch_size_sum") - value(before, "candle_batch_size_sum") == 3
    assert value(samples, "candle_batch_wait_seconds_count") == 1
    assert value(samples, "akidb_embed_tokenize_duration_seconds_count") == 1
    assert value(samples, "akidb_embed_http_requests_total", route=EMBED, code="2xx") == 1


BAD = {
    "empty_text": {"json": {"texts": [""]}},
    "empty_input": {"json": {"texts": []}},
    "invalid_json": {"content": b"{", "headers": {"content-type": "application/json"}},
    "model_not_found": {"json": {"texts": ["a"], "model": "another"}},
    "unsupported_media_type": {"content": b"a", "headers": {"content-type": "text/plain"}},
    "text_too_long": {"json": {"texts": ["word " * 1000], "truncate": False}},
    "deadline_exceeded": {"json": {"texts": ["a"]}, "headers": {"grpc-timeout": "1n"}},
}


def test_each_failure_counts_as_an_error_and_leaves_nothing_in_flight(fresh):
    with fresh.client() as client:
        for code, arguments in BAD.items():
            assert client.post(EMBED, **arguments).json()["error"]["code"] == code
        assert client.get("/nowhere").status_code == 404
    samples = wait_until(lambda: (now := scrape(fresh)) and value(now, "candle_requests_in_flight") == 0 and now,
                         "in-flight back to 0", fresh)
    for code in BAD:
        assert value(samples, "akidb_embed_errors_total", code=code) == 1, code
    assert value(samples, "akidb_embed_errors_total", code="not_found") == 1
    assert value(samples, "candle_requests_total") == len(BAD)
    assert value(samples, "candle_errors_total") == len(BAD)
    assert value(samples, "candle_request_duration_seconds_count", status="error") == len(BAD)
    assert value(samples, "akidb_embed_http_requests_total", route="other", code="4xx") == 1


def test_a_client_that_leaves_counts_as_an_error(fresh):
    body = {"texts": LONG_WORK}
    with fresh.connect() as connection:
        connection.send(post(json.dumps(body).encode()))
        wait_until(lambda: value(scrape(fresh), "candle_requests_in_flight") == 1, "the request is in flight", fresh)
    samples = wait_until(lambda: (now := scrape(fresh)) and value(now, "candle_requests_in_flight") == 0 and now,
                         "in-flight back to 0", fresh)
    assert value(samples, "candle_errors_total") == 1
    assert value(samples, "candle_request_duration_seconds_count", status="error") == 1


def test_clients_cannot_make_series(fresh):
    before = scrape(fresh)
    with fresh.client() as client:
        for i in range(50):
            client.get(f"/path/{i}")
            client.request(f"METHOD{i}", "/")
            client.post(EMBED, json={"texts": ["a"], "model": f"model {i}"})
    assert set(scrape(fresh)) == set(before)
    assert len(before) < 2000


def test_openmetrics_is_accepted_by_its_own_parser(client):
    reply = client.get("/metrics", headers=OPENMETRICS)
    assert reply.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {family.name: family for family in parse_openmetrics(reply.text)}
    assert families["candle_requests"].type == "counter"
    assert families["akidb_embed_build"].type == "info"
    assert reply.text.endswith("# EOF\n")


def test_compressed_where_the_scraper_takes_it(server):
    request = b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with server.connect() as connection:
        reply = connection.send(request).reply()
    assert reply.headers["content-encoding"] == "gzip"
    assert b"candle_requests_total" in gzip.decompress(reply.body)
    with server.connect() as connection:
        reply = connection.send(request.replace(b"gzip", b"gzip;q=0")).reply()
    assert "content-encoding" not in reply.headers


def test_promtool_finds_nothing_but_inherited_names(client):
    found = subprocess.run(["promtool", "check", "metrics"], input=client.get("/metrics").text, text=True,
                           capture_output=True, timeout=60)
    assert found.returncode in (0, 3), found.stderr
    others = [line for line in found.stderr.splitlines() if line and line.split()[0] not in INHERITED]
    assert not others


def test_build_info_names_version_tier_and_precision(client):
    families = {family.name: family for family in parse_text(client.get("/metrics").text)}
    labels = families["akidb_embed_build_info"].samples[0].labels
    assert set(labels) == {"version", "model", "cpu_tier", "precision"}
    assert all(labels.values())


def test_docs_are_what_the_program_prints():
    printed = subprocess.run([PROGRAM, "help", "--metrics"], capture_output=True, check=True, text=True).stdout
    assert printed == (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8")


@pytest.fixture
def prometheus(fresh, tmp_path):
    """The real Prometheus, scraping the server."""
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
              "scrape_configs": [{"job_name": "akidb", "static_configs": [{"targets": [fresh.url.removeprefix("http://")]}]}]}
    with Prometheus(config, tmp_path) as running:
        yield running


def test_prometheus_answers_for_each_metric(fresh, prometheus):
    with fresh.client() as client:
        assert client.post(EMBED, json={"texts": ["a few words"]}).status_code == 200

    wait_until(lambda: any(row["value"][1] == "1" for row in prometheus.ask("candle_requests_total")), "the request is scraped")
    assert prometheus.ask("up")[0]["value"][1] == "1"
    for line in (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        name, kind = line.split("`")[1], line.split("|")[2].strip()
        query = f"histogram_quantile(0.95, {name}_bucket)" if kind == "histogram" else name
        assert prometheus.ask(query), query


def test_concurrent_scrapes_under_load_are_consistent(fresh):
    """In every scrape a histogram's buckets rise up to its count, and from one scrape to the next no counter falls."""
    stop = threading.Event()

    def load():
        with fresh.client() as client:
            while not stop.is_set():
                assert client.post(EMBED, json={"texts": ["some work", "and more"]}).status_code == 200

    def scrape_often(number):
        before = {}
        with fresh.client() as client:
            for _ in range(15):
                text = client.get("/metrics", headers=OPENMETRICS if number % 2 else {}).text
                for family in (parse_openmetrics if number % 2 else parse_text)(text):
                    for sample in family.samples:
                        key = (sample.name, *sorted(sample.labels.items()))
                        if family.type in ("counter", "histogram"):
                            assert sample.value >= before.get(key, 0), key
                            before[key] = sample.value
                    buckets = [sample.value for sample in family.samples if sample.name.endswith("_bucket")
                               and sample.labels.get("status", "success") == "success"]
                    assert buckets == sorted(buckets), family.name
        return before[("candle_request_duration_seconds_count", ("status", "success"))]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        working = [pool.submit(load) for _ in range(2)]
        try:
            assert all(count >= 0 for count in pool.map(scrape_often, range(10)))
        finally:
            stop.set()
        for each in working:
            each.result()
