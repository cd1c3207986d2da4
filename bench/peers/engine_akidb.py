"""akidb-embed in process, in every precision that this build has on this CPU."""
from akidb_ctypes import PRECISIONS, AkidbError, Embedder


class Akidb:
    name, variants = "akidb-embed", ("",)

    def __init__(self, embedder, precision):
        self.embedder, self.precision = embedder, precision
        self.version = f"{embedder.version()}, tier {embedder.describe().cpu_tier.decode()}"

    def embed(self, texts, variant=""):
        return self.embedder.embed(texts)[0]


def open_engines(folder, threads):
    for precision in PRECISIONS:
        if precision == "auto":
            continue
        try:
            embedder = Embedder(folder, threads=threads, precision=precision)
        except AkidbError as error:
            if error.name not in ("cpu_unsupported", "invalid_argument"):
                raise
            continue
        yield Akidb(embedder, precision)
