"""The rules that manifests of this service keep, wherever they come from: kustomize or Helm."""
import pathlib
import re

import jsonschema
import kubernetes_validate
from kustomization import containers, pod_specs

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES_VERSIONS = ("1.31", "1.37")
# More than drain delay and timeout together, in seconds (docs/OPERATIONS.md).
GRACE_MARGIN = 3
ADMIN_ROUTES = {"/health/live", "/health/ready"}
SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600}
BYTES = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
QUANTITY = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}


def closed(properties, required=()):
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


TEXT = {"type": "string", "minLength": 1}
# Of custom resources no registry has the schemas: the fields that are used here, as the operators document them.
CUSTOM_RESOURCES = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", closed({
        "jobLabel": TEXT,
        "selector": closed({"matchLabels": {"type": "object", "minProperties": 1, "additionalProperties": TEXT}}, ["matchLabels"]),
        "endpoints": {"type": "array", "minItems": 1, "items": closed({
            "port": TEXT, "path": {"const": "/metrics"}, "interval": TEXT, "scrapeTimeout": TEXT}, ["port"])},
    }, ["selector", "endpoints"])),
    "ScaledObject": ("keda.sh/v1alpha1", closed({
        "scaleTargetRef": closed({"apiVersion": TEXT, "kind": TEXT, "name": TEXT}, ["name"]),
        "minReplicaCount": {"type": "integer", "minimum": 1}, "maxReplicaCount": {"type": "integer", "minimum": 1},
        "pollingInterval": {"type": "integer", "minimum": 1},
        "fallback": closed({"failureThreshold": {"type": "integer"}, "replicas": {"type": "integer"},
                            "behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]}},
                           ["failureThreshold", "replicas"]),
        "advanced": closed({"horizontalPodAutoscalerConfig": closed({"behavior": {"type": "object"}})}),
        "triggers": {"type": "array", "minItems": 1, "items": closed({
            "type": {"enum": ["cpu", "prometheus"]}, "metricType": {"enum": ["AverageValue", "Value", "Utilization"]},
            "metadata": {"type": "object", "additionalProperties": TEXT}}, ["type", "metadata"])},
    }, ["scaleTargetRef", "triggers"])),
}


def validate(document, versions=KUBERNETES_VERSIONS):
    """Against the schemas of Kubernetes, unknown fields being errors; custom resources against those above."""
    if document["kind"] in CUSTOM_RESOURCES:
        api_version, schema = CUSTOM_RESOURCES[document["kind"]]
        assert document["apiVersion"] == api_version
        jsonschema.Draft202012Validator(schema).validate(document["spec"])
        return
    for version in versions:
        kubernetes_validate.validate(document, version, strict=True)


def documented_variables():
    """Variable -> commands, from docs/OPTIONS.md and docs/HUB.md."""
    rows = re.findall(r"^\| `-[^|]*?(?:\\\|[^|]*?)*\| `(AKIDB_\w+)`.*?\|", (ROOT / "docs/OPTIONS.md").read_text(encoding="utf-8"), re.M)
    return set(rows) | set(re.findall(r"`(AKIDB_\w+)`", (ROOT / "docs/HUB.md").read_text(encoding="utf-8")))


def documented_metrics():
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/METRICS.md").read_text(encoding="utf-8"), re.M))


def one(documents, kind, name="akidb-embed"):
    found = [document for document in documents if document["kind"] == kind and document["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def config_maps(documents):
    """By name, as containers refer to them: kustomize's have a hash at the end."""
    return {document["metadata"]["name"]: document["data"] for document in documents if document["kind"] == "ConfigMap"}


def variables(documents, container):
    """What a container's environment is; values from elsewhere as None."""
    result = {}
    for source in container.get("envFrom", []):
        result |= config_maps(documents)[source["configMapRef"]["name"]]
    return result | {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * SECONDS[unit]


def size(text, units):
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", text).groups()
    return int(number) * units[unit]


def server(documents):
    (spec,) = pod_specs(documents)
    (container,) = spec["containers"]
    return spec, container, variables(documents, container)


def check_probes(documents):
    _, container, environment = server(documents)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": int(environment["AKIDB_PORT"]), "admin": int(environment["AKIDB_ADMIN_PORT"])}
    assert environment["AKIDB_HOST"] not in ("127.0.0.1", "localhost") and environment["AKIDB_ADMIN_HOST"] not in ("127.0.0.1", "localhost")
    routes = (ROOT / "docs/API.md").read_text(encoding="utf-8")
    for name, path in (("startupProbe", "/health/ready"), ("readinessProbe", "/health/ready"), ("livenessProbe", "/health/live")):
        request = container[name]["httpGet"]
        assert request == {"path": path, "port": "admin"} and path in ADMIN_ROUTES and f"`GET {path}`" in routes
    # Readiness reacts sooner than liveness, and liveness bears more failures (docs/OPERATIONS.md).
    ready, live = container["readinessProbe"], container["livenessProbe"]
    assert ready["periodSeconds"] <= 5 and live["failureThreshold"] > ready["failureThreshold"]
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= 60


def check_drain(documents):
    spec, container, environment = server(documents)
    delay, timeout = seconds(environment["AKIDB_DRAIN_DELAY"]), seconds(environment["AKIDB_DRAIN_TIMEOUT"])
    assert delay >= 5
    assert spec["terminationGracePeriodSeconds"] >= delay + timeout + GRACE_MARGIN
    # The image has no shell; the drain delay of the program does what a preStop hook would.
    assert "lifecycle" not in container


def check_security(documents):
    spec, _, _ = server(documents)
    pod = spec["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert one(documents, "ServiceAccount", spec["serviceAccountName"])["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for container in containers(spec):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]) and "memory" in container["resources"]["limits"]
        assert "cpu" not in container["resources"]["limits"]
    for volume in spec["volumes"]:
        assert "hostPath" not in volume


def check_memory(documents):
    _, container, environment = server(documents)
    assert size(environment["AKIDB_MEMORY_LIMIT"], BYTES) < size(container["resources"]["limits"]["memory"], QUANTITY)


def check_variables(documents):
    known = documented_variables()
    spec, container, environment = server(documents)
    for each in containers(spec):
        unknown = {name for name in variables(documents, each) if name.startswith("AKIDB_")} - known
        assert not unknown, f"docs/OPTIONS.md has no {sorted(unknown)}"
    for pull in spec.get("initContainers", []):
        for name in ("AKIDB_MODEL", "AKIDB_REVISION", "AKIDB_CACHE_FOLDER"):
            assert variables(documents, pull)[name] == environment[name]
        assert "AKIDB_OFFLINE" not in variables(documents, pull)
    assert environment["AKIDB_OFFLINE"] == "true"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert environment["AKIDB_CACHE_FOLDER"] in mounts
    assert mounts and {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in spec["volumes"]}


def selects(selector, labels):
    return selector.items() <= labels.items()


def check_references(documents):
    """Selectors find the pods, ports have names that exist, autoscalers a target, and no two objects share a name."""
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(names) == len(set(names))
    deployment = one(documents, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert selects(deployment["spec"]["selector"]["matchLabels"], labels)
    for constraint in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert selects(constraint["labelSelector"]["matchLabels"], labels)
    services = [document for document in documents if document["kind"] == "Service"]
    for service in services:
        assert selects(service["spec"]["selector"], labels)
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
        # The admin port asks for no key: clients do not find it in a Service of theirs.
        assert service["metadata"]["name"].endswith("-metrics") or {port["targetPort"] for port in service["spec"]["ports"]} == {"http"}
    assert selects(one(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels)
    policy = one(documents, "NetworkPolicy")["spec"]
    assert selects(policy["podSelector"]["matchLabels"], labels)
    (admin,) = [rule for rule in policy["ingress"] if "admin" in {port["port"] for port in rule["ports"]}]
    assert all(source["namespaceSelector"]["matchLabels"] for source in admin["from"])
    scalers = [document for document in documents if document["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    assert len(scalers) == 1 and "replicas" not in deployment["spec"]
    target = scalers[0]["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"], target["name"]) == ("apps/v1", "Deployment", deployment["metadata"]["name"])
    for monitor in (document for document in documents if document["kind"] == "ServiceMonitor"):
        (service,) = [s for s in services if selects(monitor["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
        assert service["spec"]["publishNotReadyAddresses"] is True


CHECKS = (check_probes, check_drain, check_security, check_memory, check_variables, check_references)


def check_all(documents):
    for document in documents:
        validate(document)
    for check in CHECKS:
        check(documents)
