"""Folders that hold the real model in other forms: where its files lie, under which names, with which settings."""
import json
import shutil

import numpy
import pytest

from cli_program import MODEL, json_lines, run
from embed_server import EMBED, Server

TEXT = "The cat sat on the mat. " * 40  # more tokens than the limits below
OF_THE_TRANSFORMER = ["config.json", "sentence_bert_config.json", "model.safetensors", "tokenizer.json", "vocab.txt",
                      "tokenizer_config.json", "special_tokens_map.json"]


def make(folder, transformer="", **files):
    """The model with links to its files; `files` replace some by what is given (None = no such file), "_json" standing for ".json"."""
    (folder / transformer).mkdir(parents=True, exist_ok=True)
    for name in OF_THE_TRANSFORMER:
        (folder / transformer / name).symlink_to(MODEL / name)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").symlink_to(MODEL / "1_Pooling" / "config.json")
    modules = json.loads((MODEL / "modules.json").read_text())
    modules[0]["path"] = transformer
    (folder / "modules.json").write_text(json.dumps(modules))
    for name, content in files.items():
        path = folder / transformer / name.replace("_json", ".json")
        if name == "modules_json":
            path = folder / "modules.json"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(json.dumps(content))
    return folder


def vector(folder, *arguments):
    done = run("embed", "--model", folder, *arguments, stdin=TEXT.encode())
    return numpy.array(json_lines(done.stdout)[0]["embedding"]), done.stderr


def refusal(folder):
    return run("embed", "--model", folder, stdin=b"x", code=1).stderr


@pytest.fixture(scope="module")
def expected():
    return vector(MODEL)[0]


def test_every_command_finds_the_transformer_in_its_folder(tmp_path, expected):
    folder = make(tmp_path / "all-MiniLM-L6-v2", transformer="0_Transformer")
    assert numpy.array_equal(vector(folder)[0], expected)
    text = TEXT.encode()
    assert run("tokenize", "--model", folder, stdin=text).stdout == run("tokenize", stdin=text).stdout
    report = json.loads(run("doctor", "--json", "--model", folder).stdout)["checks"]
    found = {check["name"]: check["detail"] for check in report}
    assert "as published" in found["files"] and "cosine" in found["vector"]
    with Server(model=folder) as server, server.client() as client:
        assert numpy.allclose(client.post(EMBED, json={"texts": [TEXT]}).json()["embeddings"][0], expected, atol=1e-6)


def test_tokenize_needs_no_module_that_this_program_computes(tmp_path):
    folder = make(tmp_path / "model", transformer="0_Transformer")
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"name": "3", "path": "3_CNN", "type": "sentence_transformers.models.CNN"})
    (folder / "modules.json").write_text(json.dumps(modules))
    assert run("tokenize", "--model", folder, stdin=b"hello").stdout == run("tokenize", stdin=b"hello").stdout
    assert "module 3 is 'sentence_transformers.models.CNN'" in refusal(folder)


def test_older_name_of_the_limit(tmp_path, expected):
    limit = {"max_seq_length": 16, "do_lower_case": False}
    older = make(tmp_path / "older", sentence_bert_config_json=None, sentence_roberta_config_json=limit)
    newer = make(tmp_path / "newer", sentence_bert_config_json=limit)
    assert numpy.array_equal(vector(older)[0], vector(newer)[0])
    assert not numpy.allclose(vector(older)[0], expected, atol=1e-3)


@pytest.mark.parametrize("name", ["config_args", "config_kwargs"])
def test_arguments_for_the_configuration(tmp_path, expected, name):
    limit = {"max_seq_length": 256, name: {"num_hidden_layers": 3, "trust_remote_code": True}}
    folder = make(tmp_path / "arguments", sentence_bert_config_json=limit)
    configuration = json.loads((MODEL / "config.json").read_text()) | {"num_hidden_layers": 3}
    same = make(tmp_path / "same", config_json=configuration)
    assert numpy.array_equal(vector(folder)[0], vector(same)[0])
    assert not numpy.allclose(vector(folder)[0], expected, atol=1e-3)


@pytest.mark.parametrize("settings, named", [
    ({"config_args": {"hidden_act": "mish"}}, "hidden_act"),
    ({"config_kwargs": {"rope_theta": 7}}, "rope_theta"),
    ({"model_args": {"torch_dtype": "float16"}}, "torch_dtype"),
    ({"tokenizer_args": {"do_lower_case": False}}, "do_lower_case"),
    ({"processing_kwargs": {"text": {"add_special_tokens": False}}}, "processing_kwargs"),
    ({"tokenizer_name_or_path": "other/tokenizer"}, "tokenizer_name_or_path"),
    ({"module_output_name": "sentence_embedding"}, "module_output_name"),
    ({"surprise": 1}, "surprise"),
])
def test_what_is_not_implemented_is_refused_by_file_and_field(tmp_path, settings, named):
    error = refusal(make(tmp_path / "model", sentence_bert_config_json=settings))
    assert "error[model_unsupported]" in error and "sentence_bert_config.json" in error and f'"{named}"' in error


def test_bare_transformer_is_warned_of_once(tmp_path):
    folder = make(tmp_path / "bare", modules_json=None)
    found, log = vector(folder)
    assert log.count("no modules.json") == 1 and "mean pooling" in log
    assert numpy.linalg.norm(found) > 1.1  # not normalised
    with Server(model=folder) as server:
        assert sum("no modules.json" in message for message in server.messages()) == 1
    shutil.rmtree(folder)
    assert "modules.json" not in vector(make(folder))[1]


@pytest.mark.parametrize("spelling", ["{}/", "{}/1_Pooling/../."])
def test_served_name_is_the_last_part_of_the_folder(tmp_path, spelling):
    folder = make(tmp_path / "my.model")
    with Server(model=spelling.format(folder)) as server, server.client() as client:
        answer = client.post(EMBED, json={"texts": ["x"], "model": "my.model"})
        assert (answer.status_code, answer.json()["model"]) == (200, "my.model")
