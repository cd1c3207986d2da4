"""The manifests as kustomize and Helm themselves make them, by the rules of tests/deploy; and the chart against the plain manifests.

make test-kubernetes builds the programs; AKIDB_KUSTOMIZE and AKIDB_HELM name others."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/deploy"))
import manifests  # noqa: E402
from kustomization import resolve  # noqa: E402

CHART = ROOT / "deploy/helm/akidb-embed"
KUBERNETES = ROOT / "deploy/kubernetes"
# Of the cluster; a helm built from its module takes another one than the chart's least.
VERSION = ("--kube-version", "1.33.0")
FOLDERS = ("base", "overlays/prometheus-operator", "overlays/keda", "overlays/gpu")
# Values of the chart that make what a folder of kustomize makes.
VALUES = {
    "base": {},
    "overlays/prometheus-operator": {"serviceMonitor": {"enabled": True}, "autoscaling": {"queueAge": {"enabled": True}}},
    "overlays/keda": {"serviceMonitor": {"enabled": True}, "keda": {"enabled": True}},
    "overlays/gpu": {"serviceMonitor": {"enabled": True}, "gpu": {"enabled": True}, "image": {"repository": "akidb-embed-cuda"},
                     "options": {"AKIDB_MEMORY_LIMIT": "3000MB"}, "resources": {"requests": {"cpu": "4", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
                     "autoscaling": {"cpuUtilization": 0, "maxReplicas": 8, "queueAge": {"enabled": True}}},
}
OTHER_VALUES = {
    "claim, keys and TLS": {"model": {"volume": {"create": True, "storageClassName": "shared"}}, "apiKeys": {"existingSecret": "keys"},
                            "tls": {"existingSecret": "certificate"}},
    "ports and drain": {"ports": {"http": 8443, "admin": 9443}, "drain": {"delaySeconds": 20, "timeoutSeconds": 300}, "listenAddress": "::"},
    "pods elsewhere": {"model": {"pull": False, "volume": {"existingClaim": "models"}}, "nodeSelector": {"disk": "ssd"}, "priorityClassName": "high",
                       "tolerations": [{"key": "cpu", "operator": "Exists"}], "extraEnv": [{"name": "OTEL_SDK_DISABLED", "value": "true"}],
                       "podAnnotations": {"a": "b"}, "imagePullSecrets": [{"name": "registry"}], "runtimeClassName": "nvidia", "gpu": {"enabled": True}},
}


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def kustomize(folder):
    return list(yaml.safe_load_all(run(os.environ["AKIDB_KUSTOMIZE"], "build", folder)))


def helm(*arguments, values=None):
    options = {} if values is None else {"input": json.dumps(values)}
    return run(os.environ["AKIDB_HELM"], *arguments, *(["--values", "-"] if values is not None else []), **options)


def template(values):
    text = helm("template", "akidb-embed", CHART, "--namespace", "akidb-embed", *VERSION, values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def plain(value):
    """Without what chart and kustomize do differently by design: labels, selectors, hashes, and what is at its default."""
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()
                if key not in ("labels", "matchLabels", "annotations", "namespace", "imagePullPolicy") and not (key == "selector" and "app.kubernetes.io/name" in child)}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return re.sub(r"^(akidb-embed-options)-[a-z0-9]{10}$", r"\1", value) if isinstance(value, str) else value


def by_identity(documents):
    return {(document["kind"], plain(document)["metadata"]["name"]): plain(document) for document in documents if document["kind"] != "Namespace"}


def sorted_lists(value):
    """Variables and volumes in any order: their order has no meaning."""
    if isinstance(value, dict):
        return {key: sorted_lists(child) for key, child in value.items()}
    if isinstance(value, list):
        return sorted((sorted_lists(child) for child in value), key=lambda child: json.dumps(child, sort_keys=True))
    return value


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_kustomize_builds_keeps_the_rules(folder):
    documents = kustomize(KUBERNETES / folder)
    manifests.check_all(documents)
    # The resolver of the quick tests does what the program does.
    assert sorted_lists(by_identity(documents)) == sorted_lists(by_identity(resolve(KUBERNETES / folder)))


def test_the_claim_for_models_is_built(tmp_path):
    parts = {"resources": [os.path.relpath(KUBERNETES / "base", tmp_path)], "components": [os.path.relpath(KUBERNETES / "components/model-pvc", tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(parts), encoding="utf-8")
    manifests.check_all(kustomize(tmp_path))


def test_the_chart_passes_helm_lint():
    text = helm("lint", "--strict", CHART)
    assert "0 chart(s) failed" in text


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_chart_makes_what_kustomize_makes(folder):
    documents = template(VALUES[folder])
    manifests.check_all(documents)
    assert sorted_lists(by_identity(documents)) == sorted_lists(by_identity(kustomize(KUBERNETES / folder)))


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_other_values_keep_the_rules(name):
    documents = template(OTHER_VALUES[name])
    manifests.check_all(documents)


def test_an_autoscaler_without_a_metric_is_refused():
    result = subprocess.run([os.environ["AKIDB_HELM"], "template", "x", str(CHART), *VERSION, "--set", "autoscaling.cpuUtilization=0"], capture_output=True,
                            text=True, timeout=60)
    assert result.returncode != 0 and "autoscaling has no metric" in result.stderr


@pytest.mark.parametrize("setting", ["options.AKIDB_PORT=9000", "model.revison=main", "drain.delaySeconds=-1", "listenAddress=127.0.0.1"])
def test_values_that_the_schema_refuses(setting):
    result = subprocess.run([os.environ["AKIDB_HELM"], "template", "x", str(CHART), *VERSION, "--set", setting], capture_output=True, text=True, timeout=60)
    assert result.returncode != 0 and "values don't meet the specifications" in result.stderr
