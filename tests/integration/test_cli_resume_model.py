"""An interrupted `embed` does not go on with another model, whichever of its files makes it another one."""
import json
import os
import pathlib
import shutil

import pytest

from cli_program import MODEL, run

TEXTS = "".join(f"text {index}\n" for index in range(20))


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A run that stopped at its 11th text, with a model as sentence-transformers up to 0.3 saved them: the transformer in a folder
    of its own."""
    folder = tmp_path_factory.mktemp("resume")
    model = folder / "model"
    for name in ("0_Transformer", "1_Pooling"):
        (model / name).mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt",
                 "model.safetensors", "sentence_bert_config.json"):
        if (MODEL / name).exists():
            shutil.copyfile(MODEL / name, model / "0_Transformer" / name)
    shutil.copyfile(MODEL / "1_Pooling" / "config.json", model / "1_Pooling" / "config.json")
    shutil.copyfile(MODEL / "sentence_bert_config.json", model / "sentence_bert_config.json")
    modules = json.loads((MODEL / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (model / "modules.json").write_text(json.dumps(modules))
    lines = TEXTS.splitlines(keepends=True)
    (folder / "in.txt").write_text("".join(lines[:10]) + "\n" + "".join(lines[10:]))
    job = ["embed", "--model", model, "--input", folder / "in.txt", "--output", folder / "out.jsonl"]
    run(*job, code=1)
    assert (folder / "out.jsonl.partial.state").exists()
    return job


def flip_last_byte(data):
    return data[:-1] + bytes([data[-1] ^ 1])


CHANGES = [
    ("modules.json", lambda data: data + b"\n"),
    ("1_Pooling/config.json", lambda data: data.replace(b'"pooling_mode_mean_tokens": true', b'"pooling_mode_mean_tokens": false')
     .replace(b'"pooling_mode_cls_token": false', b'"pooling_mode_cls_token": true')),
    ("sentence_bert_config.json", lambda data: data.replace(b"256", b"128")),
    ("0_Transformer/config.json", lambda data: data.replace(b'"gelu"', b'"relu"')),
    ("0_Transformer/tokenizer.json", lambda data: data.replace(b'"lowercase": true', b'"lowercase": false')
     .replace(b'"lowercase":true', b'"lowercase":false')),
    ("0_Transformer/model.safetensors", flip_last_byte),
    ("0_Transformer/vocab.txt", flip_last_byte),
]


@pytest.mark.parametrize("name, change", CHANGES, ids=[name for name, _ in CHANGES])
def test_changed_file_is_named(job, name, change):
    """Also where size and time are those of before."""
    path = job[2] / name
    before, times = path.read_bytes(), path.stat()
    partial = pathlib.Path(f"{job[-1]}.partial").read_bytes()
    changed = change(before)
    assert changed != before
    path.write_bytes(changed)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    error = run(*job, "--skip-empty", code=1).stderr
    assert f"is of a run with another model: '{name}' changed since the interrupted run" in error and "--restart" in error
    assert pathlib.Path(f"{job[-1]}.partial").read_bytes() == partial
    path.write_bytes(before)


@pytest.mark.parametrize("name", ["0_Transformer/added_tokens.json", "config_sentence_transformers.json"])
def test_file_that_appeared_is_named(job, name):
    path = job[2] / name
    path.write_text("{}")
    assert f"another model: '{name}' appeared since" in run(*job, "--skip-empty", code=1).stderr
    path.unlink()


def test_file_that_disappeared_is_named(job):
    path = job[2] / "0_Transformer" / "vocab.txt"  # tokenizer.json has it all, too
    path.rename(path.with_suffix(".away"))
    assert "another model: '0_Transformer/vocab.txt' disappeared since" in run(*job, "--skip-empty", code=1).stderr
    path.with_suffix(".away").rename(path)


def test_same_model_elsewhere_goes_on(job):
    """By contents, wherever it lies and however old it is."""
    moved = job[2].with_name("moved")
    job[2].rename(moved)
    moved.joinpath("README.md").write_text("no part of the model")
    done = run("embed", "--model", moved, *job[3:], "--skip-empty")
    assert "continuing at text 11\n" in done.stderr
    assert job[-1].read_bytes().count(b"\n") == 20
