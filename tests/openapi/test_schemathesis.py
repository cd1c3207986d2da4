"""Requests that schemathesis makes from /openapi.json, right ones and wrong ones, against the running server: no reply is a 5xx, and
each has the form that the document says. AKIDB_OPENAPI_EXAMPLES (100): the most random requests for a route, besides those for each
property of its schema. AKIDB_OPENAPI_REQUESTS (0): how many the server must have had in the end. AKIDB_OPENAPI_SEED (1): of the random numbers.
"""
import os
import pathlib
import re
import subprocess
import sys

from embed_server import MODEL, PATIENT, Server
from rerank_models import write_reranker

EXAMPLES = os.environ.get("AKIDB_OPENAPI_EXAMPLES", "100")
REQUESTS = int(os.environ.get("AKIDB_OPENAPI_REQUESTS", "0"))
SEED = os.environ.get("AKIDB_OPENAPI_SEED", "1")
# 501 is right for a method that no route has; of those that HTTP has, 405 is.
SETTINGS = """
[phases.coverage]
unexpected-methods = ["PUT", "PATCH", "DELETE"]
"""
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


# Routes that a model of embeddings refuses: these are sent to a reranker as well.
SCORES = ("--include-path-regex", "rerank|score|predict")


def made_requests(tmp_path, model, arguments):
    """Has schemathesis make its requests; how many the server answered."""
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    with Server(*PATIENT, "--token-ids", "native", model=model) as server, server.client() as client:
        done = subprocess.run([program, "--config-file", "settings.toml", "run", server.url + "/openapi.json", "--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", SEED,
                               "--phases", "examples,coverage,fuzzing", "--mode", "all", "--generation-database", "none", "--no-color",
                               "--suppress-health-check", "all", *arguments], cwd=tmp_path, capture_output=True, text=True)
        answered = re.findall(r"^akidb_embed_http_requests_total\{.*\} (\d+)$", client.get("/metrics").text, re.M)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return sum(map(int, answered))


def test_replies_are_as_the_document_says(tmp_path):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    count = made_requests(tmp_path, MODEL, ())
    count += made_requests(tmp_path, write_reranker(tmp_path / "tiny-reranker", "bert"), SCORES)
    print(f"{count} requests")
    assert count >= REQUESTS
