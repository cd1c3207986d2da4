"""Fixtures of HTTP clients: of a server with a tiny reranker alone, and of one with a tiny classifier."""
import pathlib
import sys

import pytest

from embed_server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    folder = write_reranker(tmp_path_factory.mktemp("served") / "tiny-reranker", "bert-identity")
    with Server("--precision", "fp32", model=folder) as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = write_reranker(tmp_path_factory.mktemp("served") / "tiny-classifier", "bert-labels")
    with Server("--precision", "fp32", model=folder) as server, server.client() as client:
        yield client
