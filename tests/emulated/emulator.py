"""The program on CPUs that this machine is not: runs it under qemu-user and compares with what this machine computes itself."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))
import parity  # noqa: E402

BUILD = Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))
ARM64_BUILD = Path(os.environ.get("AKIDB_ARM64_BUILD", ROOT / "build" / "arm64"))
ARM64_SYSROOT = Path(os.environ.get("AKIDB_ARM64_SYSROOT", ROOT / "build" / "arm64-sysroot"))
DEADLINE_S = 600  # far beyond what any case takes: only a hang meets it

# Short ones, for an emulated pass takes a second per 20 tokens, of lengths that leave tails in every tier's tiles.
TEXTS = ["hello world", "A cat sits on the mat.",
         "The quick brown fox jumps over the lazy dog while seventeen engineers measure how long it takes."]
# Cosine to fp32 of the reference on this machine, at the least.
LEAST_COSINE = {"fp32": 0.999999, "bf16": 0.999, "int8": 0.98, "int4": 0.85}


class Cpu:
    """A CPU model of qemu, and the program built for its architecture."""

    def __init__(self, emulator, model, program, is_repeated):
        """is_repeated: tests on this machine itself run the same kernels on the whole model."""
        self.command = [*emulator, "-cpu", model]
        self.program = program
        self.is_repeated = is_repeated

    def execute(self, program, *arguments):
        return subprocess.run([*self.command, program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=DEADLINE_S)

    def run(self, *arguments):
        """stdout of the program, which must succeed."""
        done = self.execute(self.program, *arguments)
        assert done.returncode == 0, (done.returncode, done.stderr.decode(errors="replace")[-4000:])
        return done.stdout

    def doctor(self):
        """The report of `doctor`, in which everything must be well."""
        return json.loads(self.run("doctor", "--json", "--offline", "--model", parity.model_folder()))

    def embed(self, folder, model, *options):
        return embed(self.run, folder, model, *options)


def embed(run, folder, model, *options):
    source, target = folder / "texts.jsonl", folder / "vectors.npy"
    parity.write_texts(source, TEXTS)
    target.unlink(missing_ok=True)
    run("embed", "--model", model, "--input", source, "--output", target, *options)
    return numpy.load(target)


def first_layer(folder):
    """The real model cut to its first layer, made in `folder`. To make int8 or int4 of all six takes minutes under emulation."""
    model, cut = parity.model_folder(), folder / "first-layer"
    cut.mkdir()
    for file in model.iterdir():
        if file.name != "config.json":
            (cut / file.name).symlink_to(file)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (cut / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}), encoding="utf-8")
    return cut


def x86_64(model):
    return Cpu(["qemu-x86_64"], model, parity.program(), True)


def arm64(model):
    return Cpu(["qemu-aarch64", "-L", ARM64_SYSROOT], model, ARM64_BUILD / "akidb-embed", False)


def detail(doctor, name):
    return next(check["detail"] for check in doctor["checks"] if check["name"] == name)


def check_tiers(cpu, names, folder):
    """The CPU has these tiers and computes with the best of them, every precision of which agrees with this machine. The others
    are the best ones of lesser CPUs, and the unit tests run them all."""
    doctor = cpu.doctor()
    assert doctor["ok"] and [tier["name"] for tier in doctor["tiers"]] == names
    best = doctor["tiers"][0]
    assert detail(doctor, "computing").startswith(f"CPU tier {best['name']}, precision {best['default_precision']},")
    cut = first_layer(folder)
    for precision in best["precisions"]:
        model = cut if cpu.is_repeated and precision in ("int8", "int4") else parity.model_folder()
        expected = embed(parity.run_program, folder, model, "--precision", "fp32", "--cpu-tier", "reference")
        found = cpu.embed(folder, model, "--precision", precision, "--cpu-tier", best["name"])
        cosine = parity.cosines(found, expected)
        assert cosine.min() >= LEAST_COSINE[precision], (precision, cosine)
        if precision == "fp32":
            assert numpy.abs(found - expected).max() < 1e-6
