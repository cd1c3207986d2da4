"""The manifests of deploy/kubernetes, resolved without kustomize, and the files of the Helm chart: schemas, and agreement with the
documentation and with the program's options. make test-kubernetes does the same with the real programs."""
import copy
import json
import os
import re
import subprocess
import sys

import jsonschema
import kubernetes_validate
import manifests
import pytest
import yaml
from kustomization import resolve

ROOT = manifests.ROOT
KUBERNETES = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/akidb-embed"
FOLDERS = ("base", "overlays/prometheus-operator", "overlays/keda", "overlays/gpu")
sys.path.insert(0, str(ROOT / "bench"))
import balance_simulation  # noqa: E402
import recording  # noqa: E402


@pytest.fixture(scope="module")
def resolved():
    return {folder: resolve(KUBERNETES / folder) for folder in FOLDERS}


@pytest.mark.parametrize("check", manifests.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("folder", FOLDERS)
def test_manifests_agree_with_the_documentation(resolved, folder, check):
    check(resolved[folder])


def test_every_object_is_valid(resolved):
    seen = set()
    for documents in resolved.values():
        for document in documents:
            text = json.dumps(document, sort_keys=True)
            if text not in seen:
                manifests.validate(document)
                seen.add(text)
    assert len(seen) >= 16


def test_the_schemas_refuse_what_is_wrong(resolved):
    deployment = copy.deepcopy(manifests.one(resolved["base"], "Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        manifests.validate(deployment, ("1.37",))
    scaler = copy.deepcopy(manifests.one(resolved["overlays/keda"], "ScaledObject"))
    scaler["spec"]["trigers"] = []
    with pytest.raises(jsonschema.ValidationError):
        manifests.validate(scaler)


def spoil_probe(documents):
    manifests.server(documents)[1]["livenessProbe"]["httpGet"]["path"] = "/healthz"


def spoil_grace(documents):
    manifests.server(documents)[0]["terminationGracePeriodSeconds"] = 22


def spoil_variable(documents):
    manifests.server(documents)[1]["env"].append({"name": "AKIDB_DRAIN_TIME", "value": "5s"})


def spoil_port(documents):
    manifests.one(documents, "Service")["spec"]["ports"][0]["targetPort"] = "web"


@pytest.mark.parametrize("spoil, check", [(spoil_probe, manifests.check_probes), (spoil_grace, manifests.check_drain),
                                          (spoil_variable, manifests.check_variables), (spoil_port, manifests.check_references)])
def test_the_checks_find_what_is_wrong(resolved, spoil, check):
    documents = copy.deepcopy(resolved["base"])
    spoil(documents)
    with pytest.raises(AssertionError):
        check(documents)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_program_takes_the_options(resolved, folder):
    _, _, environment = manifests.server(resolved[folder])
    given = {name: value for name, value in environment.items() if value is not None}
    run = subprocess.run([os.environ["AKIDB_PROGRAM"], "serve", "--print-config"], env={"AKIDB_THREADS": "2", **given}, capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    printed = set(re.findall(r"^# from (AKIDB_\w+)$", run.stdout, re.M))
    assert {name for name in given if name.startswith("AKIDB_")} <= printed


def test_every_file_is_used():
    """A manifest that no kustomization names would be checked by nobody."""
    for folder in [*KUBERNETES.glob("base"), *KUBERNETES.glob("components/*"), *KUBERNETES.glob("overlays/*")]:
        text = (folder / "kustomization.yaml").read_text(encoding="utf-8")
        assert [path.name for path in folder.iterdir() if path.name != "kustomization.yaml" and path.name not in text] == []


def test_the_volume_of_models_can_be_a_claim(tmp_path):
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({
        "resources": [os.path.relpath(KUBERNETES / "base", tmp_path)],
        "components": [os.path.relpath(KUBERNETES / "components/model-pvc", tmp_path)]}), encoding="utf-8")
    documents = resolve(tmp_path)
    manifests.check_all(documents)
    spec, _, _ = manifests.server(documents)
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "akidb-embed-models"}} in spec["volumes"]


def test_autoscalers_ask_for_metrics_that_exist(resolved):
    known = manifests.documented_metrics()
    (rule,) = yaml.safe_load((KUBERNETES / "prometheus-adapter-values.yaml").read_text(encoding="utf-8"))["rules"]["custom"]
    series = rule["seriesQuery"].split("{")[0]
    assert series in known and 'class="interactive"' in rule["metricsQuery"]
    for folder in ("overlays/prometheus-operator", "overlays/gpu"):
        pods = [metric["pods"] for metric in manifests.one(resolved[folder], "HorizontalPodAutoscaler")["spec"]["metrics"] if metric["type"] == "Pods"]
        assert [metric["metric"]["name"] for metric in pods] == [rule["name"]["as"]]
    (trigger,) = [trigger for trigger in manifests.one(resolved["overlays/keda"], "ScaledObject")["spec"]["triggers"] if trigger["type"] == "prometheus"]
    assert set(re.findall(r"\b(?:akidb_embed|candle)_\w+", trigger["metadata"]["query"])) == {series}


def test_the_gpu_variant_asks_for_one_gpu(resolved):
    _, container, environment = manifests.server(resolved["overlays/gpu"])
    assert environment["AKIDB_DEVICE"] == "cuda" and container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"].startswith("akidb-embed-cuda:")
    metrics = manifests.one(resolved["overlays/gpu"], "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Pods"]


def test_versions_are_those_of_the_program():
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (version, version)
    (image,) = yaml.safe_load((KUBERNETES / "base/kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert image["newTag"] == version


def test_the_chart_s_values_fit_their_schema():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(values)
    assert set(values) | {"global"} == set(schema["properties"])
    for name, value in (("AKIDB_PORT", "9000"), ("PORT", "9000")):
        assert not validator.is_valid(values | {"options": {name: value}})


def test_the_chart_uses_values_and_options_that_exist():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()))
    for path in set(re.findall(r"\.Values\.([\w.]+)", text)):
        value = values
        for part in path.split("."):
            assert part in value, f"values.yaml has no {path}"
            value = value[part]
    assert set(values) == {path.split(".")[0] for path in re.findall(r"\.Values\.([\w.]+)", text)}
    used = set(re.findall(r"\bAKIDB_[A-Z0-9_]+", text + (CHART / "values.yaml").read_text(encoding="utf-8")))
    assert used <= manifests.documented_variables()
    assert set(re.findall(r"path: (/\S+)", text)) == {"/health/ready", "/health/live", "/metrics"}


def test_the_simulation_gives_the_same_every_time_and_orders_the_policies():
    text = balance_simulation.make_report(2000, 7)
    assert text == balance_simulation.make_report(2000, 7)
    sizes = balance_simulation.make_sizes(6000, 3)
    work = [balance_simulation.request_seconds(passes) for passes in sizes]
    found = dict(balance_simulation.run_policies(sizes, work, 0.85, [1.0] * balance_simulation.NODES, 3))
    medians = [found[name]["p50"] for name in ("least requests, one balancer", "two choices, one balancer", "round robin", "random")]
    assert medians == sorted(medians)
    assert found["least requests, one balancer"]["bulk p99"] < found["random"]["bulk p99"]
    page = (ROOT / "docs/KUBERNETES.md").read_text(encoding="utf-8")
    begin, end = recording.markers("balance")
    table = page.split(begin)[1].split(end)[0]
    assert all(table.count(f"| {name} |") == 4 for name, _, _ in balance_simulation.POLICIES)


def test_a_simulated_request_alone_takes_what_was_measured():
    passes = (16,)
    work = [balance_simulation.request_seconds(passes)]
    (latency,) = balance_simulation.simulate(balance_simulation.RoundRobin(1), 1, [0.0], [passes], work, [1.0] * balance_simulation.NODES, 1)
    assert latency == pytest.approx(1 / balance_simulation.MEASURED_REQUESTS_PER_CPU_SECOND)
