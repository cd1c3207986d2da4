"""Requests that schemathesis makes from /openapi.json, right ones and wrong ones, against the running server: no reply is a 5xx, and
each has the form that the document says. AKIDB_OPENAPI_EXAMPLES (100): the most random requests for a route, besides those for each
property of its schema.
"""
import os
import pathlib
import subprocess
import sys

from embed_server import PATIENT, Server

EXAMPLES = os.environ.get("AKIDB_OPENAPI_EXAMPLES", "100")
# 501 is right for a method that no route has; of those that HTTP has, 405 is.
SETTINGS = """
[phases.coverage]
unexpected-methods = ["PUT", "PATCH", "DELETE"]
"""
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"


def test_replies_are_as_the_document_says(tmp_path):
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    (tmp_path / "settings.toml").write_text(SETTINGS)
    with Server(*PATIENT, "--token-ids", "native") as server:
        done = subprocess.run([program, "--config-file", "settings.toml", "run", server.url + "/openapi.json", "--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", "1",
                               "--phases", "examples,coverage,fuzzing", "--mode", "all", "--generation-database", "none", "--no-color",
                               "--suppress-health-check", "all"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
