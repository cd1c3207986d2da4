"""All manifests, server-side, by a real API server: as dry runs with strict validation, without a warning, and their pods under the
restricted security profile.

make test-kube-api builds the programs; AKIDB_KUBE_APISERVER, AKIDB_KUBE_DEFINITIONS, AKIDB_HELM name others."""
import copy
import os
import pathlib

import pytest
import yaml
from api_server import DRY_RUN, ApiServer, warnings
from test_programs import FOLDERS, KUBERNETES, OTHER_VALUES, VALUES, resolve, template

import manifests  # of tests/deploy, which test_programs puts on the path

NAMESPACE = "akidb-embed"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ApiServer(os.environ["AKIDB_KUBE_APISERVER"], tmp_path_factory.mktemp("api-server")) as made:
        for path in sorted(pathlib.Path(os.environ["AKIDB_KUBE_DEFINITIONS"]).glob("*.yaml")):
            made.define(path)
        # Pods that are not of the restricted profile are refused, and warned of where others bear them.
        made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {
            f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}}})
        yield made


def in_namespace(document):
    """As `helm install --namespace` does: templates name no namespace."""
    return {**document, "metadata": {"namespace": NAMESPACE, **document["metadata"]}} if document["kind"] != "Namespace" else document


def check(server, documents):
    kinds = set()
    for document in map(in_namespace, documents):
        reply = server.apply(document)
        assert reply.status_code in (200, 201), f"{document['kind']} {document['metadata']['name']}: {reply.text}"
        assert warnings(reply) == [], (document["kind"], document["metadata"]["name"])
        kinds.add(document["kind"])
    assert {"Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "ConfigMap"} <= kinds
    return kinds


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_server_takes_the_manifests(server, folder):
    kinds = check(server, resolve(KUBERNETES / folder))
    assert ("ScaledObject" if "keda" in folder else "HorizontalPodAutoscaler") in kinds
    assert ("ServiceMonitor" in kinds) == (folder != "base")


def test_the_server_takes_the_claim_for_models(server, tmp_path):
    parts = {"resources": [os.path.relpath(KUBERNETES / "base", tmp_path)], "components": [os.path.relpath(KUBERNETES / "components/model-pvc", tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(parts), encoding="utf-8")
    assert "PersistentVolumeClaim" in check(server, resolve(tmp_path))


@pytest.mark.parametrize("name", [*VALUES, *OTHER_VALUES])
def test_the_server_takes_what_the_chart_makes(server, name):
    check(server, template({**VALUES, **OTHER_VALUES}[name]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_pass_the_restricted_profile(server, folder):
    """A Deployment that breaks it is stored all the same, and its pods never come to be."""
    documents = resolve(KUBERNETES / folder)
    server.create(in_namespace(manifests.one(documents, "ServiceAccount")))
    deployment = manifests.one(documents, "Deployment")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": NAMESPACE}, "spec": deployment["spec"]["template"]["spec"]}
    reply = server.apply(pod)
    assert reply.status_code == 201, reply.text
    pod = copy.deepcopy(pod)
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    reply = server.apply(pod)
    assert reply.status_code == 403 and "violates PodSecurity" in reply.json()["message"]


@pytest.mark.parametrize("kind, spoil, said", [
    ("Deployment", lambda spec: spec["template"]["spec"]["containers"][0].update(readinesProbe={}), "readinesProbe"),
    ("Deployment", lambda spec: spec["selector"].update(matchLabels={"another": "label"}), "selector"),
    ("ScaledObject", lambda spec: spec.update(maxReplicaCount="many"), "maxReplicaCount"),
    ("ServiceMonitor", lambda spec: spec.pop("endpoints"), "endpoints")])
def test_what_is_wrong_is_refused(server, kind, spoil, said):
    document = copy.deepcopy(manifests.one(resolve(KUBERNETES / "overlays/keda"), kind))
    spoil(document["spec"])
    reply = server.apply(in_namespace(document))
    assert reply.status_code in (400, 422, 500) and said in reply.json()["message"]


def test_a_dry_run_stores_nothing(server):
    document = in_namespace(manifests.one(resolve(KUBERNETES / "base"), "Deployment"))
    assert server.apply(document, DRY_RUN).status_code == 201
    assert server.client.get(server.path_of(document)).status_code == 404
