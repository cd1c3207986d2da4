"""The Prometheus rules of deploy/prometheus: valid, tested by promtool, and in agreement with the metrics and the runbook."""
import functools
import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = [PROMETHEUS / "rules" / "recording.yml", PROMETHEUS / "rules" / "alerts.yml"]
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOK = (ROOT / "docs" / "OPERATIONS-RUNBOOK.md").read_text(encoding="utf-8")
# Series that are not the service's own, but Prometheus'.
FOREIGN = {"up"}
# What a name in PromQL can be besides a metric.
WORDS = {"by", "without", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
ALERT_PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@functools.cache
def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def rules(path):
    return [rule for group in load(path)["groups"] for rule in group["rules"]]


RECORDS = {rule["record"] for rule in rules(RULES[0])}
ALERTS = rules(RULES[1])


def promtool(*arguments):
    tool = shutil.which("promtool")
    assert tool, "promtool is missing: scripts/install-packages test"
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def metric_names():
    """The series that docs/METRICS.md promises: a histogram has three names."""
    names = set()
    for line in (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \|", line)
        if row:
            name, kind = row.groups()
            names |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    assert len(names) > 40
    return names


def names_in(expression):
    """The metrics that a PromQL expression reads: what is left without labels, ranges, label lists, functions and numbers."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name not in WORDS}


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def sections():
    """{name of the alert: its entry in the runbook}"""
    alerts = re.search(r"^## Alerts\n(.*?)^## ", RUNBOOK, re.S | re.M).group(1)
    parts = re.split(r"^### (.+)\n", alerts, flags=re.M)
    assert len(set(parts[1::2])) == len(parts[1::2])
    return dict(zip(parts[1::2], parts[2::2]))


# ---- Rules ---------------------------------------------------------------------------------------------------------


def test_configuration_is_valid():
    """Rule files included."""
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_commented_blocks_are_valid(tmp_path):
    text = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    begun = text.count("# begin: ")
    text, count = re.subn(r"^( *)# begin: .*\n((?:\1#.*\n)*?)\1# end\n",
                          lambda block: re.sub(r"^( *)# ?", r"\1", block[2], flags=re.M), text, flags=re.M)
    assert count == begun == 2
    settings = yaml.safe_load(text)
    jobs = {job["job_name"]: job for job in settings["scrape_configs"]}
    assert set(jobs) == {"akidb-embed", "akidb-embed-kubernetes"}
    # Debian's Prometheus is built without this discovery. Its relabelling is checked.
    assert jobs["akidb-embed-kubernetes"].pop("kubernetes_sd_configs") == [{"role": "pod"}]
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_rules_are_valid():
    promtool("check", "rules", *RULES)


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(cases):
    promtool("test", "rules", cases)


def identity(name, labels):
    return name, labels["severity"], labels.get("burn_rate")


def test_each_alert_has_a_firing_and_a_quiet_case():
    firing, quiet = set(), set()
    for path in CASES:
        for case in load(path)["tests"]:
            for check in case["alert_rule_test"]:
                quiet |= set() if check["exp_alerts"] else {check["alertname"]}
                firing |= {identity(check["alertname"], alert["exp_labels"]) for alert in check["exp_alerts"]}
    assert firing == {identity(alert["alert"], alert["labels"]) for alert in ALERTS}
    assert quiet == {alert["alert"] for alert in ALERTS}
    healthy = load(PROMETHEUS / "tests" / "healthy.yml")["tests"]
    assert {check["alertname"] for case in healthy for check in case["alert_rule_test"]} == quiet


def test_cases_evaluate_all_groups_in_order():
    """Alerts after the records that they compare; a group left out would be evaluated in any order."""
    groups = [group["name"] for path in RULES for group in load(path)["groups"]]
    assert len(set(groups)) == len(groups)
    for path in CASES:
        assert load(path)["group_eval_order"] == groups, path


def test_rules_read_metrics_that_exist():
    known = metric_names() | RECORDS | FOREIGN
    for rule in rules(RULES[0]) + ALERTS:
        unknown = names_in(rule["expr"]) - known
        assert not unknown, (rule.get("alert") or rule["record"], unknown)


def test_rules_take_every_route_that_computes():
    """docs/METRICS.md lists the routes in the table's order: those that compute, then from gRPC's streams on the others."""
    row = re.search(r"^\| `akidb_embed_http_requests_total` .*?`route`: (.*?), `code`", (ROOT / "docs/METRICS.md").read_text(encoding="utf-8"), re.M)
    names = row[1].split(", ")
    for path in ("deploy/prometheus/rules/recording.yml", "docs/OPERATIONS-RUNBOOK.md", "deploy/grafana/make_dashboards.py"):
        patterns = set(re.findall(r'route=~\\?"([^"\\]+)', (ROOT / path).read_text(encoding="utf-8")))
        assert patterns, path
        for pattern in patterns:
            assert [name for name in names if re.fullmatch(pattern, name)] == names[:names.index("/tei.v1.Embed/EmbedStream")], (path, pattern)


def test_healthy_case_has_data_for_each_alert():
    """A quiet alert whose metrics are not in the case would show nothing. Records are followed to their metrics."""
    reads = {rule["record"]: names_in(rule["expr"]) for rule in rules(RULES[0])}
    series = {re.match(r"\w+", one["series"])[0] for one in load(PROMETHEUS / "tests" / "healthy.yml")["tests"][0]["input_series"]}
    for alert in ALERTS:
        names = set().union(*(reads.get(name, {name}) for name in names_in(alert["expr"])))
        assert names <= series, (alert["alert"], names - series)


# ---- Runbook -------------------------------------------------------------------------------------------------------


def test_each_alert_has_a_runbook_entry():
    assert set(sections()) == {alert["alert"] for alert in ALERTS}


def test_alerts_say_what_whoever_is_woken_needs():
    for alert in ALERTS:
        name, labels, notes = alert["alert"], alert["labels"], alert["annotations"]
        assert labels["severity"] in ("page", "ticket"), name
        assert set(notes) == {"summary", "description", "runbook_url"}, name
        assert "{{ $" in notes["description"], name
        assert notes["runbook_url"] == f"docs/OPERATIONS-RUNBOOK.md#{name.lower()}"


def test_runbook_entries_are_whole():
    """Severity as in the rules, the four parts in order, a query for Prometheus and one for the log."""
    for name, text in sections().items():
        severities = {alert["labels"]["severity"] for alert in ALERTS if alert["alert"] == name}
        assert set(re.findall(r"page|ticket", text.strip().splitlines()[0])) == severities, name
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ALERT_PARTS, name
        assert blocks(text, "promql") and any("jq " in block for block in blocks(text, "sh")), name


def test_runbook_queries_are_valid(tmp_path):
    queries = blocks(RUNBOOK, "promql")
    known = metric_names() | RECORDS | FOREIGN
    for query in queries:
        assert names_in(query) <= known, query
    groups = [{"name": "runbook", "rules": [{"record": f"query{i}", "expr": query} for i, query in enumerate(queries)]}]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    promtool("check", "rules", tmp_path / "queries.yml")


LOG = [
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "INFO", "target": "access",
     "fields": {"message": "request 7f3a POST /api/v1/embed: 200 in 8.412 ms", "method": "POST", "route": "/api/v1/embed", "status": 200,
                "texts": 3, "tokens": 263, "truncated": 0, "queue_ms": 900.1, "tokenize_ms": 0.02, "inference_ms": 7.5, "total_ms": 908.4,
                "bytes_in": 50, "bytes_out": 15743, "client": "indexer", "connection_lost": True},
     "span": {"name": "embedding_request"}, "request_id": "ID", "trace_id": "4bf92f35", "span_id": "00f067aa"},
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "WARN", "target": "access",
     "fields": {"message": "slow request: 908 ms, most of it queue", "most_of_it": "queue"}},
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "ERROR", "target": "http",
     "fields": {"message": "request failed: model_changed", "status": 500, "code": "model_changed", "reason": "cut", "hint": "Restore it."}},
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "WARN", "target": "http",
     "fields": {"message": "request failed: overloaded", "status": 429, "code": "overloaded"}},
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "INFO", "target": "serve", "fields": {"message": "akidb-embed 2.0.0"}},
    {"timestamp": "2026-01-31T12:00:00.123456Z", "level": "WARN", "target": "telemetry", "fields": {"message": "cannot export spans to x: y"}},
]


def test_runbook_log_queries_find_their_lines(tmp_path):
    """Each jq program runs on a log and finds a line; the messages that it looks for are messages of the program."""
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.c")))
    literals = re.sub(r'"\s*"', "", sources)
    shell = [line for block in blocks(RUNBOOK, "sh") for line in block.splitlines() if line.startswith("jq ")]
    shell += re.findall(r"`(jq [^`]*server\.log)`", RUNBOOK)
    assert len(shell) > 20
    messages = {text for line in shell for text in re.findall(r'(?:startswith|contains)\("([^"]+)"\)', line)}
    for message in messages:
        assert message in literals, message
    lines = LOG + [{"timestamp": LOG[0]["timestamp"], "level": "WARN", "target": "server", "fields": {"message": m + " x", "lost": 1}}
                   for m in sorted(messages)]
    log = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "server.log").write_text(log, encoding="utf-8")
    for line in sorted(set(shell)):
        found = subprocess.run(["bash", "-o", "pipefail", "-ec", line], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert found.returncode == 0 and found.stdout.strip() and not found.stderr, (line, found.stderr)


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def headings(text):
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)}


def test_runbook_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", RUNBOOK):
        path, _, fragment = target.partition("#")
        file = ROOT / "docs" / path if path else ROOT / "docs" / "OPERATIONS-RUNBOOK.md"
        assert file.exists(), target
        assert not fragment or fragment in headings(file.read_text(encoding="utf-8")), target
