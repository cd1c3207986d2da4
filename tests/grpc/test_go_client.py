"""gRPC by Go's own client (tests/grpc/client.go), without and with TLS. make test-grpc builds it."""
import base64
import json
import os
import pathlib
import subprocess
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from embed_server import DEADLINE_S, MODEL, PATIENT, Server  # noqa: E402
from grpc_client import PROTO  # noqa: E402
from test_tls import Authority  # noqa: E402


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    path = tmp_path_factory.mktemp("grpc") / "definitions"
    names = [file.name for file in sorted(PROTO.glob("*.proto"))]
    subprocess.run(["protoc-c", f"--proto_path={PROTO}", f"--descriptor_set_out={path}", *names], check=True)
    return path


@pytest.fixture(scope="module")
def wanted():
    """The vectors that TEI's dialect gives over HTTP, in base64."""
    with Server(*PATIENT) as server, server.client() as session:
        def ask(texts):
            vectors = session.post("/embed", json={"inputs": texts}).json()
            return [base64.b64encode(numpy.asarray(vector, dtype="<f4").tobytes()).decode() for vector in vectors]
        yield {"hello": ask(["hello"])[0], "texts": ask([f"text {number}" for number in range(200)])}


def told(target, definitions, *rest):
    done = subprocess.run([os.environ["AKIDB_GRPC_CLIENT"], target, definitions, MODEL.name, *rest], capture_output=True, text=True,
                          timeout=2 * DEADLINE_S)
    assert done.returncode == 0, done.stderr
    return {line["step"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}


def check(found, wanted):
    assert found["check"] == found["watch"] == "SERVING" and found["check unknown"] == "NotFound"
    assert {"tei.v1.Embed", "inference.GRPCInferenceService"} <= set(found["services"]) and found["file"] == "tei.proto"
    assert found["embed"] == found["embed gzip"] == found["infer"] == wanted["hello"]
    assert found["stream"] == wanted["texts"]
    assert found["many"] == [wanted["texts"][number % 4] for number in range(64)]
    assert (found["empty"], found["late"], found["unknown"]) == ("InvalidArgument", "DeadlineExceeded", "Unimplemented")
    assert found["request id"] == ["from-go"]


def test_without_tls(definitions, wanted):
    with Server("--h2c", *PATIENT) as server:
        check(told("%s:%d" % server.address, definitions), wanted)


def test_over_tls(definitions, wanted, tmp_path):
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.issue("served")
    with Server("--tls-certificate", certificate, "--tls-key", key, *PATIENT) as server:
        check(told(f"localhost:{server.address[1]}", definitions, authority.path), wanted)
