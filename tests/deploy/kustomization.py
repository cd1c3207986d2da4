"""Resolves the kustomizations of deploy/kubernetes without the kustomize program: resources, components, namespace, labels,
configMapGenerator, images and strategic merge patches, as far as these files use them. Anything else is an error. make test-kubernetes
compares the outcome with the program's. Names of generated ConfigMaps keep their base, without the hash."""
import copy
import pathlib

import yaml

KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "components", "configMapGenerator", "images", "patches"}
# Lists of objects that a patch merges by a key, by the name of their field; other lists are replaced.
MERGE_KEYS = {"containers": "name", "initContainers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath",
              "ports": "containerPort", "tolerations": None}
CLUSTER_WIDE = {"Namespace"}


def load_documents(path):
    return [document for document in yaml.safe_load_all(pathlib.Path(path).read_text(encoding="utf-8")) if document]


def identity(document):
    return document["kind"], document["metadata"]["name"]


def merge(value, patch, field=None):
    """A strategic merge: objects by key, lists by MERGE_KEYS, null deletes."""
    if isinstance(value, dict) and isinstance(patch, dict):
        result = dict(value)
        for key, change in patch.items():
            if change is None:
                result.pop(key, None)
            else:
                result[key] = merge(result.get(key), change, key)
        return result
    key = MERGE_KEYS.get(field)
    if key is not None and isinstance(value, list) and isinstance(patch, list):
        changes = {element[key]: element for element in patch}
        known = {element[key] for element in value}
        return [element for element in patch if element[key] not in known] + [
            merge(element, changes[element[key]]) if element[key] in changes else element for element in value]
    return copy.deepcopy(patch)


def apply_patch(documents, patch):
    patches = [yaml.safe_load(patch)] if isinstance(patch, str) else load_documents(patch)
    for change in patches:
        at = next((number for number, document in enumerate(documents) if identity(document) == identity(change)), None)
        if at is None:
            raise ValueError(f"a patch finds no {identity(change)}")
        if change.get("$patch") == "delete":
            del documents[at]
        else:
            documents[at] = merge(documents[at], change)


def read_env(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def generate_config_map(documents, folder, generator):
    data = {}
    for file in generator.get("envs", []):
        data |= read_env(folder / file)
    data |= dict(literal.split("=", 1) for literal in generator.get("literals", []))
    if generator.get("behavior") == "merge":
        existing = next(document for document in documents if identity(document) == ("ConfigMap", generator["name"]))
        existing["data"] |= data
    else:
        documents.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data})


def pod_specs(documents):
    return [document["spec"]["template"]["spec"] for document in documents if document["kind"] == "Deployment"]


def containers(spec):
    return [*spec.get("initContainers", []), *spec["containers"]]


def set_image(documents, image):
    for spec in pod_specs(documents):
        for container in containers(spec):
            name, _, tag = container["image"].partition(":")
            # kustomize renames the base's name, which its own renaming may have changed before.
            if name == image["name"]:
                tag = image.get("newTag", tag)
                container["image"] = image.get("newName", name) + (f":{tag}" if tag else "")


def add_labels(documents, labels):
    for document in documents:
        metadata = document["metadata"]
        metadata["labels"] = metadata.get("labels", {}) | labels["pairs"]
        if labels.get("includeTemplates") and document["kind"] == "Deployment":
            template = document["spec"]["template"]["metadata"]
            template["labels"] = template.get("labels", {}) | labels["pairs"]


def extend(documents, folder):
    """Adds what the kustomization of a folder says to documents, which a component changes, too."""
    folder = pathlib.Path(folder).resolve()
    rules = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if not set(rules) <= KNOWN:
        raise ValueError(f"{folder}: unknown fields {sorted(set(rules) - KNOWN)}")
    for resource in rules.get("resources", []):
        path = folder / resource
        if path.is_dir():
            extend(documents, path)
        else:
            documents += load_documents(path)
    for generator in rules.get("configMapGenerator", []):
        generate_config_map(documents, folder, generator)
    for component in rules.get("components", []):
        extend(documents, folder / component)
    for patch in rules.get("patches", []):
        apply_patch(documents, patch["patch"] if "patch" in patch else folder / patch["path"])
    for labels in rules.get("labels", []):
        add_labels(documents, labels)
    for image in rules.get("images", []):
        set_image(documents, image)
    if "namespace" in rules:
        for document in documents:
            if document["kind"] in CLUSTER_WIDE:
                document["metadata"]["name"] = rules["namespace"]
            else:
                document["metadata"]["namespace"] = rules["namespace"]


def resolve(folder):
    documents = []
    extend(documents, folder)
    return documents
