"""A model whose limit is far above what passes are planned with: short texts are planned as ever, and a long text is a pass of its own."""
import pathlib
import re
import sys

import httpx
import pytest

from embed_server import EMBED, PATIENT, Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from family_models import write_family  # noqa: E402

LIMIT = 8192


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = write_family(tmp_path_factory.mktemp("long"), "modernbert", limit=LIMIT, max_position_embeddings=LIMIT)
    with Server(*PATIENT, "--threads", "1", model=folder) as running:
        yield running


def passes(server):
    """(of at most 512 tokens, all)"""
    text = httpx.get(server.url + "/metrics").text
    return tuple(int(re.search(rf"^akidb_embed_pass_tokens_{name} (\d+)$", text, re.M)[1]) for name in (r'bucket\{le="512.0"\}', "count"))


def test_short_texts_are_planned_as_ever(server):
    with server.client() as client:
        short, count = passes(server)
        texts = [f"text {number} of many short ones, " * 4 for number in range(200)]
        assert client.post(EMBED, json={"texts": texts}).status_code == 200
        later, all_later = passes(server)
        assert all_later - count == later - short and all_later - count > 5


def test_a_long_text_is_a_pass_of_its_own(server):
    with server.client() as client:
        short, count = passes(server)
        found = client.post(EMBED, json={"texts": ["word " * 3000, "a short one"]})
        assert found.status_code == 200
        alone = client.post(EMBED, json={"texts": ["word " * 3000]}).json()["embeddings"]
        assert found.json()["embeddings"][0] == alone[0]
        later, all_later = passes(server)
        assert (all_later - count) - (later - short) == 2, "the long text was computed twice, each time in a pass of its own"
        assert later - short == 1, "the short one was computed beside none"
