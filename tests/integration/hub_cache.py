"""The tool that pulls models, with a cache folder and an environment of its own, for the tests of the hub."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

from fake_hub import etag_of


ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("AKIDB_PROGRAM", ROOT / "build" / "akidb-embed"))
TOOL = PROGRAM.parent / "tests" / "integration" / "hub_pull_tool"
MODEL = "some-org/small.model_1"
WEIGHTS = "model.safetensors"
DEADLINE_S = 60  # far beyond what any case takes: only a hang meets it


def model_files(seed=b"weights"):
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    return {
        "config.json": b'{"model_type": "bert"}',
        "modules.json": json.dumps(modules).encode(),
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "sentence_bert_config.json": b'{"max_seq_length": 256}',
        "tokenizer.json": b'{"model": {}}',
        "tokenizer_config.json": b"{}",
        "vocab.txt": b"[PAD]\n[UNK]\n",
        WEIGHTS: b"".join(hashlib.sha256(seed + b"%d" % i).digest() for i in range(1024)),  # 32 KiB
    }


FILES = model_files()


class Cache:
    """A cache folder, and the tool with an environment that points to it and to the fake hub only."""

    def __init__(self, folder, endpoint):
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent / "home"),
            "HF_HUB_CACHE": str(folder),
            "HF_ENDPOINT": endpoint,
            "AKIDB_HUB_RETRY_DELAY_MS": "1",
            "NO_PROXY": "*",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.repo = folder / ("models--" + MODEL.replace("/", "--"))

    def start(self, *arguments, **variables):
        environment = self.environment | variables
        return subprocess.Popen(
            [TOOL, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments, **variables):
        process = self.start(*arguments, **variables)
        try:
            output, log = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        return process.returncode, output.rstrip("\n"), log

    def pull(self, *arguments, model=MODEL, **variables):
        """Must succeed; returns the snapshot's folder."""
        code, output, log = self.run("pull", model, *arguments, **variables)
        assert code == 0, output + log
        return pathlib.Path(output)

    def fail(self, *arguments, model=MODEL, command="pull", **variables):
        """Must fail; returns status, message and hint."""
        code, output, log = self.run(command, model, *arguments, **variables)
        assert code == 1, output + log
        first, hint = output.split("\n")
        name, message = first.split(": ", 1)
        assert hint
        return name, message, hint

    def incomplete(self):
        return list(self.repo.glob("blobs/*.incomplete"))

    def blob(self, name, content=None):
        return self.repo / "blobs" / etag_of(name, FILES[name] if content is None else content)


def assert_complete(folder, files=FILES):
    for name, content in files.items():
        path = folder / name
        assert path.read_bytes() == content, name
        target = os.readlink(path)
        assert target == "../" * (2 + name.count("/")) + "blobs/" + etag_of(name, content)


def python(cache, code, **variables):
    """Runs code with huggingface_hub in its own process: it reads its settings when it is imported."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=cache.environment | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()
