"""Weights in several files behind model.safetensors.index.json: the commands find them wherever they find model.safetensors."""
import hashlib
import json
import os
import shutil
import struct

import numpy
import pytest

from cli_program import MODEL, json_lines, run
from fake_hub import FakeHub
from hub_cache import FILES, WEIGHTS, Cache, assert_complete
from hub_cache import MODEL as NAME

INDEX = "model.safetensors.index.json"
TEXT = b"The cat sat on the mat."


def write_tensors(path, header, data, names):
    """A safetensors file with some of the tensors of another, whose parts these are."""
    parts, offset, own = [], 0, {}
    for name in names:
        begin, end = header[name]["data_offsets"]
        own[name] = header[name] | {"data_offsets": [offset, offset + end - begin]}
        parts.append(data[begin:end])
        offset += end - begin
    text = json.dumps(own).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return offset


def split(folder, blobs, count=3):
    """The real model with its weights in `count` files, all files links into `blobs`, named by sha256 as in a cache of the hub."""
    folder.mkdir()
    blobs.mkdir()
    for name in os.listdir(MODEL):
        if name != WEIGHTS:
            (folder / name).symlink_to((MODEL / name).resolve())
    whole = (MODEL / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8:8 + length])
    names = sorted(name for name in header if name != "__metadata__")
    weight_map, total = {}, 0
    for part in range(count):
        file = f"model-{part + 1:05}-of-{count:05}.safetensors"
        total += write_tensors(blobs / file, header, whole[8 + length:], names[part::count])
        weight_map |= dict.fromkeys(names[part::count], file)
        blob = blobs / hashlib.sha256((blobs / file).read_bytes()).hexdigest()
        (blobs / file).rename(blob)
        (folder / file).symlink_to(blob)
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("split")
    return split(path / "model", path / "blobs")


def vector(folder, *arguments):
    done = run("embed", "--model", folder, *arguments, stdin=TEXT)
    return numpy.array(json_lines(done.stdout)[0]["embedding"])


def test_vectors_are_those_of_the_single_file(model, tmp_path):
    expected = vector(MODEL, "--precision", "int8")
    assert numpy.array_equal(vector(model, "--precision", "int8"), expected)
    # The cache of packed weights is keyed by the tensors: what the single file stored serves the split one.
    cache = tmp_path / "packed"
    cache.mkdir()
    for folder in (MODEL, model):
        assert numpy.array_equal(vector(folder, "--precision", "int8", "--weights-cache", cache), expected)
    assert len(list(cache.iterdir())) == 1


def test_doctor_checks_each_file(model, tmp_path):
    checks = json.loads(run("doctor", "--json", "--model", model).stdout)["checks"]
    files = [check["detail"].split()[0] for check in checks if check["name"] == "files"]
    assert files == [INDEX] + [f"model-{part}-of-00003.safetensors" for part in ("00001", "00002", "00003")]
    damaged = tmp_path / "damaged"
    shutil.copytree(model, damaged, symlinks=True)
    second = damaged / "model-00002-of-00003.safetensors"
    blob = tmp_path / os.path.basename(os.readlink(second))
    content = bytearray(second.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    second.unlink()
    second.symlink_to(blob)
    checks = json.loads(run("doctor", "--json", "--model", damaged, code=1).stdout)["checks"]
    assert any("model-00002-of-00003.safetensors is damaged" in check["detail"] for check in checks)


def test_a_missing_file_is_named(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder, symlinks=True)
    (folder / "model-00003-of-00003.safetensors").unlink()
    log = run("embed", "--model", folder, stdin=TEXT, code=1).stderr
    assert "error[model_not_found]" in log and "model-00003-of-00003.safetensors" in log


# ---- The hub -------------------------------------------------------------------------------------------------------

SHARDS = {f"model-0000{part}-of-00002.safetensors": hashlib.sha256(b"%d" % part).digest() * 100 for part in (1, 2)}


def repository(index):
    return {name: content for name, content in FILES.items() if name != WEIGHTS} | SHARDS | {INDEX: json.dumps(index).encode()}


def right_index():
    first, second = SHARDS
    return {"metadata": {}, "weight_map": {"a": second, "b": first, "c": second}}


def test_pull_fetches_the_files_of_the_index(tmp_path):
    files = repository(right_index())
    with FakeHub(NAME, files) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        folder = cache.pull()
        assert_complete(folder, files)
        assert (cache.repo / ".no_exist" / hub.commit / WEIGHTS).exists()
        hub.requests.clear()
        assert cache.run("resolve", NAME)[:2] == (0, str(folder))
        assert hub.requests == []
        (folder / "model-00002-of-00002.safetensors").unlink()
        name, message, _ = cache.fail(command="resolve", HF_HUB_OFFLINE="1")
        assert name == "model_not_found" and message.endswith("missing: model-00002-of-00002.safetensors")
        assert_complete(cache.pull(), files)
        assert {request.method for request in hub.requests if request.file in SHARDS} == {"HEAD"}


def test_pull_of_a_model_in_a_folder_of_its_own(tmp_path):
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    files = {f"0_Transformer/{name}": content for name, content in repository(right_index()).items()
             if name in ("config.json", "vocab.txt", INDEX, *SHARDS)} | {"modules.json": json.dumps(modules).encode()}
    with FakeHub(NAME, files) as hub:
        assert_complete(Cache(tmp_path / "cache", hub.endpoint).pull(), files)


@pytest.mark.parametrize("index, name, part", [
    ({"weight_map": {"a": "model-00003-of-00002.safetensors"}}, "model_download_failed", "no file model-00003-of-00002.safetensors"),
    ({"weight_map": {"a": "../../../../outside.safetensors"}}, "model_invalid", "weight_map"),
    ({"weight_map": {"a": "/outside.safetensors"}}, "model_invalid", "weight_map"),
    ({"weight_map": {}}, "model_invalid", "weight_map"),
    ({"weight_map": {f"{i}": f"{i}.safetensors" for i in range(257)}}, "model_invalid", "more than 256 files"),
])
def test_pull_refuses_hostile_indexes(tmp_path, index, name, part):
    with FakeHub(NAME, repository(index)) as hub:
        cache = Cache(tmp_path / "cache", hub.endpoint)
        found, message, _ = cache.fail()
        assert found == name and part in message
        assert not [request for request in hub.requests if "outside" in request.path]
        assert not (cache.repo / "refs").exists()


def test_pull_names_the_single_file_where_there_are_no_weights(tmp_path):
    files = {name: content for name, content in FILES.items() if name != WEIGHTS}
    with FakeHub(NAME, files) as hub:
        name, message, _ = Cache(tmp_path / "cache", hub.endpoint).fail()
        assert name == "model_download_failed" and f"no file {WEIGHTS}" in message
