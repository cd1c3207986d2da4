"""The examples that fill and query vector databases, each against the real one."""
import importlib
import pathlib
import sys

import pytest
from conftest import MODEL, ROOT

sys.path.insert(0, str(ROOT / "examples" / "python"))

from texts import ANSWER  # noqa: E402


@pytest.mark.parametrize("name", ["chroma_example", "lancedb_example", "qdrant_example"])
def test_an_example_finds_the_answer(name, tmp_path):
    example = importlib.import_module(name)
    for _ in range(2):  # the second run finds what the first has left
        assert example.main(str(tmp_path), str(MODEL)) == ANSWER


def test_pgvector_finds_the_answer(tmp_path_factory):
    """PostgreSQL with pgvector, as a package carries both."""
    pgserver = pytest.importorskip("pgserver")
    folder = pathlib.Path(tmp_path_factory.mktemp("pg"))
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        example = importlib.import_module("pgvector_example")
        for _ in range(2):
            assert example.main(server.get_uri(), str(MODEL)) == ANSWER
    finally:
        server.cleanup()
