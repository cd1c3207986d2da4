"""The lines of docs/CLIENTS.md, run as they stand against the server, each leaving the vectors of the service's own dialect."""
import pathlib
import re
import sys

import numpy
import pytest

from embed_server import EMBED, PATIENT, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
import matrix  # noqa: E402

TEXT = (ROOT / "docs" / "CLIENTS.md").read_text(encoding="utf-8")
TRIED = TEXT.partition("## Tried by the tests")[2].partition("\n## ")[0]
PACKAGES = set(re.findall(r"^([\w.-]+)==", (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8"), re.M))
BLOCKS = [(title, block) for title, section in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", TRIED, re.M | re.S)
          for block in re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)]


def test_every_section_has_lines():
    """And each library is one that the tests install; three lines do, and one for a tensor."""
    titles = re.findall(r"^### ([^\n]+)$", TRIED, re.M)
    assert titles == list(dict.fromkeys(title for title, _ in BLOCKS))
    assert {title for title in titles if title != "requests without a library"} <= PACKAGES
    assert all(block.count("\n") <= 4 for _, block in BLOCKS)


@pytest.fixture(scope="module")
def speaks_grpc():
    with Server("--h2c", *PATIENT) as running:
        yield running


@pytest.mark.parametrize("title, block", BLOCKS, ids=lambda value: value.partition("\n")[0][:30])
def test_lines_work(request, server, client, title, block, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if title == "huggingface_hub":  # another test module may have asked for no network
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    running = request.getfixturevalue("speaks_grpc") if "grpc" in block else server
    address = running.url.removeprefix("http://")
    assert "127.0.0.1:8080" in block
    names = {}
    exec(compile(block.replace("127.0.0.1:8080", address), f"docs/CLIENTS.md: {title}", "exec"), names)
    expected = numpy.float32(client.post(EMBED, json={"texts": ["hello", "good day"]}).json()["embeddings"])
    assert numpy.array_equal(numpy.float32(names["vectors"]), expected)


def test_the_table_has_every_client_and_case():
    """make test-clients fills it; each cell says something, and an embedding is exact."""
    rows = matrix.documented()
    assert list(rows) == list(matrix.CLIENTS)
    assert all(list(row) == list(matrix.CASES) and all(row.values()) for row in rows.values())
    assert all(row["1, 3, 2,048 texts"] == "exact" for row in rows.values())
    assert all((rows[name]["reranks 1, 3, 2,048"] == "exact") == client.ranks for name, client in matrix.CLIENTS.items())
    assert matrix.table(rows) in TEXT
