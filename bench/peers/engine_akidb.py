"""akidb-embed in process, by its Python package, in every precision that this build has on this CPU."""
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("AKIDB_EMBED_LIBRARY_FOLDER", os.environ.get("AKIDB_BUILD", str(ROOT / "build")))
sys.path.insert(0, str(ROOT / "python"))

from akidb_embed import EmbedError, Model, __version__  # noqa: E402

PRECISIONS = ("fp32", "bf16", "int8")


class Akidb:
    name, variants = "akidb-embed", ("",)

    def __init__(self, model, precision):
        self.model, self.precision = model, precision
        self.version = f"{__version__}, tier {model.cpu_tier}"

    def embed(self, texts, variant=""):
        return self.model.embed(texts)


def open_engine(folder, precision, threads):
    """None where this CPU has not the precision."""
    try:
        return Akidb(Model(folder, threads=threads, precision=precision), precision)
    except EmbedError as error:
        if error.code not in ("cpu_unsupported", "invalid_argument"):
            raise
        return None


def open_engines(folder, threads):
    return filter(None, (open_engine(folder, precision, threads) for precision in PRECISIONS))
