"""The CUDA plugin of this build, servers that use it, and texts to embed."""
import os
import pathlib
import shutil

import numpy

from embed_server import PATIENT, PROGRAM, ROOT
from faulty_device import DeviceServer, FaultyDevice

BUILD = pathlib.Path(os.environ.get("AKIDB_BUILD", PROGRAM.parent))
PLUGIN = BUILD / "akidb-embed-cuda.so"
FAULTY_PLUGIN = BUILD / "akidb-embed-cuda-faults.so"
DRIVE = BUILD / "tests" / "cuda" / "drive_plugin"
WORDS = (ROOT / "bench" / "data" / "texts.txt").read_text(encoding="utf-8").split()


def windows(lengths, count):
    """So many different windows of real text, their lengths in words taken in turn."""
    chosen, at = [], 0
    for i in range(count):
        length = lengths[i % len(lengths)]
        chosen.append(" ".join(WORDS[at:at + length]))
        at = (at + length) % (len(WORDS) - max(lengths))
    return chosen


# From a word to what is cut at 256 tokens.
TEXTS = windows((1, 2, 3, 5, 8, 11, 14, 20, 30, 45, 60, 90, 120, 160, 200, 260), 128)


def private_copy(plugin, folder):
    """One that nobody but this user may write, whatever the build's umask was."""
    path = folder / plugin.name
    shutil.copyfile(plugin, path)
    path.chmod(0o755)
    return path


def cuda_server(folder, *arguments, model=None, **keywords):
    """Passes go to the GPU, or to nothing."""
    more = {} if model is None else {"model": model}
    return DeviceServer("--device", "cuda", "--device-plugin", private_copy(PLUGIN, folder), "--no-cpu-fallback",
                        "--device-timeout", "60s", *PATIENT, *arguments, **more, **keywords)


class FaultyCuda(FaultyDevice):
    """The plugin that breaks as a file tells it to: src/engine/cuda/faults.h."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "fault"
        self.plugin = private_copy(FAULTY_PLUGIN, folder)
        self.be("ok")

    def serve(self, *arguments, timeout="30s", **keywords):
        return super().serve("--device", "cuda", *arguments, timeout=timeout, **keywords)


def vectors_of(server, texts, size=32, **fields):
    """[texts][dimension] f32, asked for in requests of so many texts."""
    found = []
    with server.client() as client:
        for start in range(0, len(texts), size):
            reply = client.post("/api/v1/embed", json={"texts": texts[start:start + size], **fields})
            assert reply.status_code == 200, reply.text
            found += reply.json()["embeddings"]
    return numpy.array(found, dtype=numpy.float32)


def cosines(a, b):
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    return (a * b).sum(1) / numpy.sqrt((a * a).sum(1) * (b * b).sum(1))
