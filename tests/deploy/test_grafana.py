"""The dashboards and the compose file in deploy/: what is committed is what the generator writes, and each query of each panel is
answered by the real Prometheus, which scrapes a live server under the traffic of the compose file."""
import functools
import importlib.util
import itertools
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from embed_server import EMBED, PATIENT, PROGRAM, Server, is_sanitized, wait_until  # noqa: E402
from live_prometheus import Prometheus  # noqa: E402

GRAFANA = ROOT / "deploy" / "grafana"
COMPOSE = ROOT / "deploy" / "compose"
NAMES = "overview", "engine", "resilience", "resources"
JOB = "akidb-embed"
REQUESTS = 10  # traffic.sh's pattern once, bulk work included


@functools.cache
def dashboard(name):
    return json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))


def panels(name):
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def queries():
    """(dashboard, panel's title, expression) of all panels."""
    return [(name, panel["title"], target["expr"]) for name in NAMES for panel in panels(name) for target in panel["targets"]]


@functools.cache
def documented():
    """{metric: its type} of docs/METRICS.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) ", (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8"), re.M)
    return dict(rows)


def metrics_in(expression):
    """The families that a query selects from: every selector in these dashboards has braces."""
    found = set()
    for name in re.findall(r"(\w+)\{", expression):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        found.add(family if documented().get(family) == "histogram" else name)
    return found


def test_committed_dashboards_are_what_the_generator_writes():
    spec = importlib.util.spec_from_file_location("make_dashboards", GRAFANA / "make_dashboards.py")
    generator = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = generator  # dataclasses look their module up
    spec.loader.exec_module(generator)
    assert {path.name: path.read_text(encoding="utf-8") for path in (GRAFANA / "dashboards").iterdir()} == generator.files()
    assert set(generator.files()) == {f"{name}.json" for name in NAMES}


def test_the_dashboards_show_every_documented_metric_and_no_other():
    shown = set().union(*(metrics_in(expression) for _, _, expression in queries()))
    assert shown == set(documented())


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_whole_and_do_not_overlap(name):
    board = dashboard(name)
    assert board["uid"] == f"akidb-embed-{name}" and len(board["uid"]) <= 40
    assert board["schemaVersion"] >= 36  # Grafana 10
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job", "instance"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    cells = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        covered = set(itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])))
        assert not covered & cells, panel["title"]
        cells |= covered
    titles = [panel["title"] for panel in panels(name)]
    assert len(set(titles)) == len(titles)
    for panel in panels(name):
        assert panel["description"].endswith("."), panel["title"]
        unit = panel["options"]["yAxis"] if panel["type"] == "heatmap" else panel["fieldConfig"]["defaults"]
        assert unit.get("unit") or panel["type"] == "table", panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["expr"].count("{") == target["expr"].count('job=~"$job", instance=~"$instance"'), target["expr"]


def substituted(expression):
    """An expression as Grafana sends it, with all jobs and instances chosen."""
    for name, value in (("$__rate_interval", "2m"), ("$job", ".+"), ("$instance", ".+")):
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


class Scraped:
    """Prometheus, asked as of one scrape: a later one that is too slow for its timeout changes no answer."""

    def __init__(self, prometheus, time_s):
        self.prometheus, self.time_s = prometheus, time_s

    def answer(self, expression):
        """The samples that answer a dashboard's expression."""
        reply = self.prometheus.get("/api/v1/query", query=substituted(expression), time=self.time_s)
        assert reply["status"] == "success", f"{expression}: {reply}"
        return reply["data"]["result"]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A server that was scraped before and after the requests of traffic.sh and one that fails."""
    after = (f"timestamp(candle_requests_total) and candle_requests_total - candle_requests_in_flight == {REQUESTS + 1} "
             f'and on (instance) akidb_embed_http_requests_total{{route="{EMBED}", code="4xx"}} == 1')
    with Server(*PATIENT, "--cache-mb", "1") as server:
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                  "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [server.url.removeprefix("http://")]}]}]}
        with Prometheus(config, tmp_path_factory.mktemp("prometheus"), "--enable-feature=exemplar-storage") as prometheus:
            wait_until(lambda: prometheus.ask("candle_requests_total"), "a scrape before the requests", server)
            subprocess.run(["sh", COMPOSE / "traffic.sh", server.url, str(REQUESTS)], env=os.environ | {"PAUSE_S": "0"}, check=True,
                           timeout=120)
            with server.client() as client:
                assert client.post(EMBED, json={"texts": [""]}).status_code == 400
            rows = wait_until(lambda: prometheus.ask(after), "a scrape after the requests", server)
            yield Scraped(prometheus, float(rows[0]["value"][1]))


def test_traffic_is_answered_with_vectors(scraped):
    errors = scraped.answer("candle_errors_total")
    assert [row["value"][1] for row in errors] == ["1"], "only the request that was meant to fail"


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_answered(name, scraped):
    """One that ends in "> 0" may be empty: it shows what goes wrong. The others have a number for each series."""
    for board, title, expression in queries():
        if board != name:
            continue
        rows = scraped.answer(expression)
        assert rows or expression.endswith("> 0"), f"{title}: no data: {expression}"
        assert not any(math.isnan(float(row["value"][1])) for row in rows), f"{title}: {expression}"


def test_the_failed_request_is_on_the_overview(scraped):
    expression = next(expression for _, title, expression in queries() if title == "Errors by code")
    assert [row["metric"]["code"] for row in scraped.answer(expression)] == ["empty_text"]


def test_variables_and_restarts_find_the_server(scraped):
    board = dashboard("overview")
    found = {}
    for variable in board["templating"]["list"][1:]:
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        found[label] = scraped.prometheus.get(f"/api/v1/label/{label}/values", **{"match[]": substituted(selector)})["data"]
    assert found["job"] == [JOB]
    assert len(found["instance"]) == 1
    for annotation in board["annotations"]["list"]:
        assert scraped.answer(annotation["expr"])


def test_exemplars_have_the_label_that_links_to_traces(scraped):
    links = data_sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    expression = next(target["expr"] for panel in panels("overview") for target in panel["targets"] if target["exemplar"])
    found = scraped.prometheus.get("/api/v1/query_exemplars", query=substituted(expression), start=scraped.time_s - 600,
                                   end=scraped.time_s)["data"]
    labels = {label for each in found for exemplar in each["exemplars"] for label in exemplar["labels"]}
    assert {link["name"] for link in links} <= labels


def run(*command):
    """What a command prints that succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def provisioned(kind):
    """The one file of its kind that Grafana reads at its start."""
    path, = (GRAFANA / "provisioning" / kind).iterdir()
    return load(path)


def data_sources():
    return {source["type"]: source for source in provisioned("datasources")["datasources"]}


@functools.cache
def compose():
    return load(COMPOSE / "compose.yml")


def mounts(service):
    """{path in the container: path on this machine}; all are read-only."""
    found = {}
    for volume in compose()["services"][service].get("volumes", []):
        source, target, mode = volume.split(":")
        assert mode == "ro", volume
        found[target] = (COMPOSE / source).resolve()
    return found


def test_compose_has_the_four_services_on_loopback_and_its_files_exist():
    services = compose()["services"]
    assert set(services) == {"akidb-embed", "traffic", "prometheus", "grafana", "jaeger"}
    published = {}
    for name, service in services.items():
        for port in service.get("ports", []):
            address, outside, inside = port.split(":")
            assert address == "127.0.0.1", f"{name} is open to other machines"
            published[name] = int(outside), int(inside)
        for path in mounts(name).values():
            assert path.exists(), f"{name}: {path}"
        for needed in service.get("depends_on", []):
            assert needed in services
        if "build" in service:
            context = (COMPOSE / service["build"]["context"]).resolve()
            assert context == ROOT and (context / service["build"]["dockerfile"]).is_file()
        else:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), "a fixed version"
    assert published == {"akidb-embed": (8080, 8080), "prometheus": (9090, 9090), "grafana": (3000, 3000), "jaeger": (16686, 16686)}
    assert services["akidb-embed"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4317"


def test_compose_gives_grafana_its_data_sources_and_its_home():
    folder = mounts("grafana")
    assert folder["/etc/grafana/provisioning"] == GRAFANA / "provisioning"
    assert set(data_sources()) == {"prometheus", "jaeger"}
    for source in data_sources().values():
        assert re.fullmatch(r"http://(\w+):\d+", source["url"])[1] in compose()["services"]
    provider, = provisioned("dashboards")["providers"]
    assert folder[provider["options"]["path"]] == GRAFANA / "dashboards"
    home = pathlib.PurePath(compose()["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (folder[str(home.parent)] / home.name).is_file()


def test_compose_scrapes_the_server_at_the_interval_that_grafana_is_told():
    config = load(COMPOSE / "prometheus.yml")
    scraped, = config["scrape_configs"]
    assert scraped["job_name"] == JOB
    assert scraped["static_configs"] == [{"targets": ["akidb-embed:8080"]}]
    assert config["global"]["scrape_interval"] == data_sources()["prometheus"]["jsonData"]["timeInterval"]
    for pattern in config["rule_files"]:
        assert str(pathlib.PurePath(pattern).parent) in mounts("prometheus")
    run("promtool", "check", "config", "--syntax-only", COMPOSE / "prometheus.yml")


def test_docker_compose_takes_the_file():
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("no docker compose here")
    run("docker", "compose", "-f", COMPOSE / "compose.yml", "config", "--quiet")


def test_the_image_has_the_libraries_that_the_program_needs():
    if is_sanitized():
        pytest.skip("a sanitized program needs the sanitizer's library as well")
    needed = re.findall(r"\(NEEDED\).*\[(lib.+)\]", run("readelf", "--dynamic", PROGRAM))
    owners = run("dpkg-query", "--search", *(f"*-linux-gnu/{library}" for library in needed))
    packages = {line.split(":")[0] for line in owners.splitlines()} - {"libc6"}
    final = (COMPOSE / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert packages, owners
    assert packages <= set(final.split())
