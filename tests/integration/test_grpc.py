"""gRPC from outside, by grpcio and by curl where frames must be wrong: TEI's service, KServe's, health, reflection, errors, streams."""
import concurrent.futures
import gzip
import hashlib
import itertools
import json
import pathlib
import signal
import struct
import subprocess
import threading

import grpc
import numpy
import pytest

from embed_server import DEADLINE_S, MODEL, PATIENT, Server, wait_until
from grpc_client import CHECK, EMBED, EMBED_STREAM, INFER, REFLECT, WATCH, Calls, asks, method, pool, target_of
from test_tls import Authority

Code = grpc.StatusCode
TEXTS = ["hello", "good day to you", "äöü 你好", "x " * 300, "a\0b", " leading blank", "same", "same"]
KEY = "a-key-of-at-least-32-characters-0123456789"


@pytest.fixture(scope="module")
def plain():
    with Server("--h2c", *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def calls(plain):
    with Calls(target_of(plain)) as made:
        yield made


@pytest.fixture(scope="module")
def rest(plain):
    with plain.client() as session:
        yield session


def floats(vector):
    return numpy.asarray(vector, dtype="<f4").tobytes()


def wanted(rest, texts, **options):
    """The vectors that TEI's dialect gives over HTTP, as bytes."""
    reply = rest.post("/embed", json={"inputs": list(texts), **options})
    assert reply.status_code == 200, reply.text
    return [floats(vector) for vector in reply.json()]


# ---- TEI -----------------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_http_bit_for_bit(calls, rest):
    found = [floats(calls(EMBED, inputs=text, truncate=True, normalize=True).embeddings) for text in TEXTS]
    assert found == wanted(rest, TEXTS, truncate=True)
    raw = [floats(calls(EMBED, inputs=text, truncate=True).embeddings) for text in TEXTS]
    assert raw == wanted(rest, TEXTS, truncate=True, normalize=False)


def test_options_are_those_of_http(calls, rest):
    long = " ".join(f"word{number}" for number in range(400))
    left = calls(EMBED, inputs=long, truncate=True, normalize=True, truncation_direction=1)
    assert floats(left.embeddings) == wanted(rest, [long], truncate=True, truncation_direction="left")[0]
    short = calls(EMBED, inputs="hello", normalize=True, dimensions=16)
    assert len(short.embeddings) == 16 and floats(short.embeddings) == wanted(rest, ["hello"], dimensions=16)[0]
    assert calls.refused(EMBED, inputs=long)[0] == Code.INVALID_ARGUMENT
    assert calls.refused(EMBED, inputs="hello", dimensions=4000)[0] == Code.INVALID_ARGUMENT
    assert calls.refused(EMBED, inputs="hello", prompt_name="no such prompt")[0] == Code.INVALID_ARGUMENT


def test_metadata_tells_what_was_computed(calls):
    told = calls(EMBED, inputs="äöü hello", normalize=True).metadata
    assert (told.compute_chars, told.compute_tokens > 4) == (9, True)
    assert told.total_time_ns >= told.inference_time_ns > 0


def test_streams_answer_in_order(calls, rest):
    texts = [f"text {number}" for number in range(500)] + ["y " * 40000]
    replies = calls.stream(EMBED_STREAM, [asks(EMBED, inputs=text, truncate=True, normalize=True) for text in texts])
    assert [floats(reply.embeddings) for reply in replies] == wanted(rest, texts, truncate=True)


def test_a_stream_answers_each_message_before_the_next(calls):
    """The next message is sent when the reply is there: nothing waits for the end of the stream."""
    turn = threading.Semaphore(1)

    def messages():
        for number in range(5):
            assert turn.acquire(timeout=DEADLINE_S)
            yield asks(EMBED, inputs=f"text {number}")

    count = 0
    for _ in calls.stream(EMBED_STREAM, messages()):
        count += 1
        turn.release()
    assert count == 5


def test_the_first_error_ends_a_stream(calls):
    replies = calls.stream(EMBED_STREAM, [asks(EMBED, inputs=text) for text in ("one", "two", "", "four")])
    found = []
    with pytest.raises(grpc.RpcError) as error:
        for reply in replies:
            found.append(reply)
    assert (len(found), error.value.code()) == (2, Code.INVALID_ARGUMENT)


def test_tokens_are_those_of_http(calls, rest):
    for text, special in itertools.product(["hello wörld", ""], [True, False]):
        told = calls("/tei.v1.Tokenize/Tokenize", inputs=text, add_special_tokens=special).tokens
        found = [{"id": token.id, "text": token.text, "special": token.special, "start": token.start if token.HasField("start") else None,
                  "stop": token.stop if token.HasField("stop") else None} for token in told]
        assert found == rest.post("/tokenize", json={"inputs": text, "add_special_tokens": special}).json()[0]
    ids = [101, 7592, 2088, 102]
    for skip in (True, False):
        assert calls("/tei.v1.Tokenize/Decode", ids=ids, skip_special_tokens=skip).text == \
            rest.post("/decode", json={"ids": ids, "skip_special_tokens": skip}).json()[0]
    replies = calls.stream("/tei.v1.Tokenize/DecodeStream", [asks("/tei.v1.Tokenize/Decode", ids=[id_]) for id_ in ids])
    assert [reply.text for reply in replies] == [rest.post("/decode", json={"ids": [id_], "skip_special_tokens": False}).json()[0] for id_ in ids]
    replies = calls.stream("/tei.v1.Tokenize/TokenizeStream", [asks("/tei.v1.Tokenize/Tokenize", inputs=text) for text in ("a", "b c")])
    assert [len(reply.tokens) for reply in replies] == [1, 2]


def test_info(calls, rest):
    told, http = calls("/tei.v1.Info/Info"), rest.get("/info").json()
    for name in ("version", "model_id", "model_dtype", "max_concurrent_requests", "max_input_length", "max_batch_tokens",
                 "max_client_batch_size", "tokenization_workers"):
        assert getattr(told, name) == http[name], name


def test_a_model_without_weights_of_token_ids_says_so(calls):
    code, details = calls.refused("/tei.v1.Embed/EmbedSparse", inputs="a")
    assert code == Code.FAILED_PRECONDITION and "not a sparse one" in details
    path = "/tei.v1.Embed/EmbedSparseStream"
    with pytest.raises(grpc.RpcError) as error:
        list(calls.stream(path, [asks(path, inputs="a")]))
    assert error.value.code() == Code.FAILED_PRECONDITION


# ---- KServe, health, reflection -----------------------------------------------------------------------------------


def test_kserve_by_tritonclient(plain, rest):
    import tritonclient.grpc as triton
    client = triton.InferenceServerClient(target_of(plain))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL.name)
    assert client.is_model_ready(MODEL.name, "1")
    assert client.get_server_metadata().name == "akidb-embed"
    told = client.get_model_metadata(MODEL.name)
    assert (told.inputs[0].datatype, told.outputs[0].name, list(told.outputs[0].shape)) == ("BYTES", "embedding", [-1, 384])
    texts = numpy.array([[text.encode()] for text in TEXTS], dtype=object)
    given = triton.InferInput("text", texts.shape, "BYTES")
    given.set_data_from_numpy(texts)
    reply = client.infer(MODEL.name, [given], request_id="an id", outputs=[triton.InferRequestedOutput("embedding")])
    assert [floats(vector) for vector in reply.as_numpy("embedding")] == wanted(rest, TEXTS, truncate=True)
    assert reply.get_response().id == "an id" and len(reply.get_response().raw_output_contents) == 1
    with pytest.raises(triton.InferenceServerException) as error:
        client.infer("no-such-model", [given])
    assert "NOT_FOUND" in str(error.value.status())
    client.close()


def test_kserve_with_contents(calls, rest):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "contents": {"bytes_contents": [b"hello", b"good day to you"]}}
    reply = calls(INFER, model_name=MODEL.name, inputs=[tensor])
    assert not reply.raw_output_contents and list(reply.outputs[0].shape) == [2, 384]
    assert floats(reply.outputs[0].contents.fp32_contents) == b"".join(wanted(rest, TEXTS[:2]))
    cut = calls(INFER, model_name=MODEL.name, model_version="1", inputs=[tensor],
                parameters={"dimensions": {"int64_param": 8}, "binary_data_output": {"bool_param": True}})
    assert cut.raw_output_contents[0] == b"".join(wanted(rest, TEXTS[:2], dimensions=8))


def test_kserve_refuses(calls):
    good = {"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"hello"]}}
    for change, code in (({"model_name": "another"}, Code.NOT_FOUND), ({"model_version": "2"}, Code.NOT_FOUND), ({"inputs": []}, Code.INVALID_ARGUMENT),
                         ({"inputs": [good, good]}, Code.INVALID_ARGUMENT), ({"inputs": [good | {"datatype": "FP32"}]}, Code.INVALID_ARGUMENT),
                         ({"inputs": [good | {"shape": [2]}]}, Code.INVALID_ARGUMENT), ({"inputs": [good | {"shape": [-1]}]}, Code.INVALID_ARGUMENT),
                         ({"inputs": [good | {"shape": [1 << 40, 1 << 40]}]}, Code.INVALID_ARGUMENT),
                         ({"raw_input_contents": [b"\1\0\0\0a"]}, Code.INVALID_ARGUMENT),
                         ({"inputs": [good | {"contents": {"bytes_contents": [b"\xff"]}}]}, Code.INVALID_ARGUMENT),
                         ({"outputs": [{"name": "another"}]}, Code.INVALID_ARGUMENT),
                         ({"parameters": {"dimensions": {"string_param": "8"}}}, Code.INVALID_ARGUMENT),
                         ({"parameters": {"truncate": {}}}, None)):
        asked = {"model_name": MODEL.name, "inputs": [good]} | change
        if code is None:
            calls(INFER, **asked)
        else:
            assert calls.refused(INFER, **asked)[0] == code, change
    for raw in (b"\2\0\0\0a", b"\1\0\0", b"\1\0\0\0a\0\0\0\0"):
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1]}
        assert calls.refused(INFER, model_name=MODEL.name, inputs=[tensor], raw_input_contents=[raw])[0] == Code.INVALID_ARGUMENT


def test_health(calls):
    for service in ("", "tei.v1.Embed", "inference.GRPCInferenceService", "grpc.health.v1.Health"):
        assert calls(CHECK, service=service).status == 1
    assert calls.refused(CHECK, service="tei.v1")[0] == Code.NOT_FOUND
    for service, status in (("", 1), ("no.such", 3)):
        watching = calls(WATCH, service=service)
        assert next(watching).status == status
        watching.cancel()


def test_reflection_by_grpcio_reflection(calls):
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
    database = ProtoReflectionDescriptorDatabase(calls.channel)
    services = database.get_services()
    assert {"tei.v1.Embed", "tei.v1.Rerank", "inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(services)
    found = DescriptorPool(database)
    for service in services:
        ours = pool().FindServiceByName(service)
        theirs = found.FindServiceByName(service)
        assert [m.name for m in theirs.methods] == [m.name for m in ours.methods]
    assert found.FindMessageTypeByName("tei.v1.EmbedRequest").fields_by_name["dimensions"].number == 6


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_answers_each_question(calls, version):
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    questions = [{"list_services": ""}, {"file_by_filename": "tei.proto"}, {"file_by_filename": "no.proto"}, {"file_containing_symbol": "tei.v1.Embed.EmbedStream"},
                 {"file_containing_symbol": "inference.ModelInferRequest.InferInputTensor"}, {"file_containing_symbol": "tei.v1.ModelType"},
                 {"file_containing_symbol": "tei.v1"}, {"all_extension_numbers_of_type": "tei.v1.EmbedRequest"}, {"host": "h"}]
    replies = list(calls.stream(path, [asks(path, **question) for question in questions]))
    assert [reply.WhichOneof("message_response") for reply in replies] == \
        ["list_services_response", "file_descriptor_response", "error_response", "file_descriptor_response", "file_descriptor_response",
         "file_descriptor_response", "error_response", "error_response", "error_response"]
    assert replies[8].valid_host == "h" and [reply.error_response.error_code for reply in replies if reply.HasField("error_response")] == [5, 5, 5, 3]


# ---- Errors --------------------------------------------------------------------------------------------------------

HEAD = {"content-type": "application/grpc", "te": "trailers"}
HELLO = b"\0\0\0\0\7\n\5hello"


def framed(message, flag=0):
    return bytes([flag]) + struct.pack(">I", len(message)) + message


def send(plain, tmp_path, path, body, headers=HEAD, verb="POST", version="--http2-prior-knowledge"):
    """Version and status of HTTP, and gRPC's status of what curl gets."""
    (tmp_path / "body").write_bytes(body or b"")
    fields = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}" if value is not None else f"{name}:")]
    content = ["--data-binary", f"@{tmp_path / 'body'}"] if body is not None else []
    done = subprocess.run(["curl", "-sS", "-D", tmp_path / "head", "--max-time", str(DEADLINE_S), version, "-X", verb, *fields, *content,
                           "-o", "/dev/null", plain.url + path], stderr=subprocess.PIPE, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "head").read_text().splitlines()
    told = dict(line.split(": ", 1) for line in lines if ": " in line)
    return int(lines[0].split()[1]), told.get("grpc-status"), told.get("grpc-message", "")


# path, body, changed headers, method, HTTP's status, gRPC's
BAD = [
    (EMBED, HELLO, {}, "POST", 200, "0"),
    (EMBED, HELLO, {"content-type": "application/grpc+proto"}, "POST", 200, "0"),
    (EMBED, HELLO, {"content-type": "application/grpc; charset=utf-8"}, "POST", 200, "0"),
    (EMBED, b"", {}, "POST", 200, "12"),
    (EMBED, HELLO[:3], {}, "POST", 200, "13"),
    (EMBED, HELLO[:-1], {}, "POST", 200, "13"),
    (EMBED, HELLO + b"x", {}, "POST", 200, "12"),
    (EMBED, HELLO + HELLO, {}, "POST", 200, "12"),
    (EMBED, b"\0\xff\xff\xff\xff" + HELLO[5:], {}, "POST", 200, "13"),
    (EMBED, framed(b"\x0a\xff"), {}, "POST", 200, "13"),
    (EMBED, framed(b"\x0a\x05hell"), {}, "POST", 200, "13"),
    (EMBED, framed(b"\x0a\x02\xff\xfe"), {}, "POST", 200, "3"),
    (EMBED, framed(b"\x0b\x0b"), {}, "POST", 200, "13"),
    (EMBED, framed(b""), {}, "POST", 200, "3"),
    (EMBED, b"\2" + HELLO[1:], {}, "POST", 200, "13"),
    (EMBED, b"\1" + HELLO[1:], {}, "POST", 200, "13"),
    (EMBED, framed(gzip.compress(HELLO[5:]), 1), {"grpc-encoding": "gzip"}, "POST", 200, "0"),
    (EMBED, HELLO, {"grpc-encoding": "gzip"}, "POST", 200, "0"),
    (EMBED, framed(gzip.compress(HELLO[5:])[:-3], 1), {"grpc-encoding": "gzip"}, "POST", 200, "13"),
    (EMBED, framed(gzip.compress(bytes(64 << 20)), 1), {"grpc-encoding": "gzip"}, "POST", 200, "8"),
    (EMBED, HELLO, {"grpc-encoding": "snappy"}, "POST", 200, "12"),
    (EMBED, HELLO, {"grpc-encoding": "identity"}, "POST", 200, "0"),
    (EMBED, framed(bytes(9 << 20)), {}, "POST", 200, "8"),
    (EMBED, HELLO, {"te": None}, "POST", 200, "3"),
    (EMBED, HELLO, {"grpc-timeout": "5"}, "POST", 200, "3"),
    (EMBED, HELLO, {"grpc-timeout": "123456789S"}, "POST", 200, "3"),
    (EMBED, HELLO, {"grpc-timeout": "1n"}, "POST", 200, "4"),
    (EMBED, HELLO, {"grpc-timeout": "99999999H"}, "POST", 200, "0"),
    (EMBED, HELLO, {"x-priority": "urgent"}, "POST", 200, "3"),
    (EMBED, HELLO, {"content-type": "application/json"}, "POST", 415, None),
    (EMBED, HELLO, {"content-type": None}, "POST", 415, None),
    (EMBED, HELLO, {"content-type": "application/grpc-web"}, "POST", 415, None),
    (EMBED, HELLO, {"content-type": "application/grpc+json"}, "POST", 415, None),
    (EMBED, HELLO, {}, "PUT", 200, "12"),
    (EMBED, None, {"content-type": "application/json"}, "GET", 405, None),
    ("/tei.v1.Embed/Nothing", HELLO, {}, "POST", 200, "12"),
    ("/tei.v1.Embed", HELLO, {}, "POST", 200, "12"),
    ("/tei.v1.embed/embed", HELLO, {}, "POST", 200, "12"),
    ("/tei.v1.Embed/Embed/", HELLO, {}, "POST", 200, "12"),
    ("/tei.v1.Embed/Nothing", HELLO, {"content-type": "application/json"}, "POST", 404, None),
    (EMBED_STREAM, HELLO[:-1], {}, "POST", 200, "13"),
    (EMBED_STREAM, HELLO + b"\0", {}, "POST", 200, "13"),
    (EMBED_STREAM, HELLO + b"\0\xff\xff\xff\xff", {}, "POST", 200, "8"),
    (EMBED_STREAM, HELLO * 3, {}, "POST", 200, "0"),
    (EMBED_STREAM, b"", {}, "POST", 200, "0"),
    (EMBED_STREAM, framed(b"\x0a\xff"), {}, "POST", 200, "13"),
    (EMBED_STREAM, HELLO, {"grpc-encoding": "br"}, "POST", 200, "12"),
    (EMBED_STREAM, HELLO, {"grpc-timeout": "1n"}, "POST", 200, "4"),
    (WATCH, b"\0\0\0\0\0" * 2, {}, "POST", 200, "12"),
    (CHECK, b"\0\0\0\0\0", {"te": None}, "POST", 200, "3"),
    ("/tei.v1.Tokenize/Decode", framed(b"\x0a\x05" + b"\xff\xff\xff\xff\x0f"), {}, "POST", 200, "3"),
    ("/tei.v1.Tokenize/Decode", framed(b""), {}, "POST", 200, "3"),
]


@pytest.mark.parametrize("row", BAD, ids=range(len(BAD)))
def test_each_bad_request_has_its_status(plain, tmp_path, row):
    path, body, changes, verb, status, code = row
    found = send(plain, tmp_path, path, body, HEAD | changes, verb)
    assert found[:2] == (status, code), found
    assert (found[2] == "") == (code in (None, "0"))
    assert all(" " <= character <= "~" for character in found[2])


def test_http_1_is_refused(plain, tmp_path):
    assert send(plain, tmp_path, EMBED, HELLO, version="--http1.1")[:2] == (505, None)


def test_a_message_over_many_small_fields_is_bounded(plain, tmp_path):
    """Two bytes on the wire for a field that takes a hundred in memory."""
    assert send(plain, tmp_path, INFER, framed(b"\x2a\0" * (4 << 20 - 1)))[1] in ("8", "13")


def test_a_client_whose_time_is_over_leaves_and_the_next_call_is_answered(plain, calls, rest):
    """The server is stopped meanwhile, so that it cannot be faster than the client's clock."""
    calls(EMBED, inputs="hello")  # the connection is there
    plain.pause()
    try:
        with pytest.raises(grpc.RpcError) as error:
            calls(EMBED, inputs="hello", timeout=0.05)
    finally:
        plain.send_signal(signal.SIGCONT)
    assert error.value.code() == Code.DEADLINE_EXCEEDED
    assert [floats(calls(EMBED, inputs="hello", normalize=True).embeddings)] == wanted(rest, ["hello"])


def test_request_ids_and_time_come_back(calls):
    stub = calls.stub(EMBED)
    _, call = stub.with_call(asks(EMBED, inputs="hello"), timeout=DEADLINE_S, metadata=[("x-request-id", "my-id"), ("x-priority", "bulk")])
    told = dict(call.initial_metadata())
    assert told["x-request-id"] == "my-id" and "inference;dur=" in told["server-timing"]


# ---- Streams -------------------------------------------------------------------------------------------------------


def test_many_streams_at_a_time(plain, rest):
    """64 streams over one connection, and 64 calls beside them."""
    texts = [f"text {number}" for number in range(20)]
    expected = wanted(rest, texts)
    with Calls(target_of(plain)) as own, concurrent.futures.ThreadPoolExecutor(128) as threads:
        def stream(_):
            return [floats(reply.embeddings) for reply in own.stream(EMBED_STREAM, [asks(EMBED, inputs=text, normalize=True) for text in texts])]
        streams = [threads.submit(stream, number) for number in range(24)]
        single = [threads.submit(own, EMBED, inputs=texts[number % 20], normalize=True) for number in range(24)]
        assert all(future.result() == expected for future in streams)
        assert [floats(future.result().embeddings) for future in single] == [expected[number % 20] for number in range(24)]


def test_a_client_that_reads_late_gets_all(plain, calls, rest):
    """More replies than the server keeps for a client: its window is shut, and opened again when it reads. Others go on meanwhile."""
    count, begun, computed = 1500, threading.Event(), "akidb_embed_texts_total"

    def texts():
        return float(next(line for line in rest.get("/metrics").text.splitlines() if line.startswith(computed)).split()[1])

    before = texts()

    def messages():
        for number in range(count):
            yield asks(EMBED, inputs=f"text {number % 10}", normalize=True)
        begun.set()

    with Calls(target_of(plain)) as own:
        replies = own.stream(EMBED_STREAM, messages())
        wait_until(lambda: texts() - before >= 300, "some are computed", plain)
        assert len(calls(EMBED, inputs="hello").embeddings) == 384
        expected = wanted(rest, [f"text {number}" for number in range(10)])
        found = [floats(reply.embeddings) for reply in replies]
    assert begun.is_set() and found == [expected[number % 10] for number in range(count)]


def test_cancelled_streams_and_calls_leave_nothing_behind(plain, calls, rest):
    def in_flight():
        return "candle_requests_in_flight 0" in rest.get("/metrics").text

    for _ in range(10):
        replies = calls.stream(EMBED_STREAM, (asks(EMBED, inputs=f"text {number} " * 30, truncate=True) for number in itertools.count()))
        next(replies)
        replies.cancel()
        calls.stub(EMBED).future(asks(EMBED, inputs="hello " * 200, truncate=True)).cancel()
    wait_until(in_flight, "no request is in flight", plain)
    assert len(calls(EMBED, inputs="hello").embeddings) == 384


def test_keepalive_pings_are_answered(plain):
    options = [("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 20000), ("grpc.keepalive_permit_without_calls", 1),
               ("grpc.http2.max_pings_without_data", 0)]
    with Calls(target_of(plain), options=options) as own:
        watching = own(WATCH)
        assert next(watching).status == 1
        assert len(own(EMBED, inputs="hello").embeddings) == 384
        watching.cancel()


# ---- Keys, TLS, what is observed ----------------------------------------------------------------------------------


def test_over_tls_with_keys(tmp_path):
    authority = Authority(tmp_path, "ca")
    files = authority.issue("served")
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in (KEY, KEY[::-1])]
    (tmp_path / "keys").write_text(f"tester:{digests[0]}\nwatcher:{digests[1]} roles=metrics\n")
    (tmp_path / "keys").chmod(0o600)
    credentials = grpc.ssl_channel_credentials(pathlib.Path(authority.path).read_bytes())
    with Server("--tls-certificate", files[0], "--tls-key", files[1], "--api-keys", tmp_path / "keys", *PATIENT) as server:
        target = f"localhost:{server.address[1]}"
        with Calls(target, credentials) as own:
            assert own(CHECK).status == 1
            assert list(own.stream(REFLECT, [asks(REFLECT, list_services="")]))
            assert own.refused(EMBED, inputs="hello")[0] == Code.UNAUTHENTICATED
            bearer = {"metadata": [("authorization", f"Bearer {KEY}")]}
            assert len(own(EMBED, inputs="hello", **bearer).embeddings) == 384
            assert len(list(own.stream(EMBED_STREAM, [asks(EMBED, inputs="hello")], **bearer))) == 1
            assert own.refused(EMBED, inputs="hello", metadata=[("authorization", "Bearer wrong")])[0] == Code.UNAUTHENTICATED
            assert own.refused(EMBED, inputs="hello", metadata=[("authorization", f"Bearer {KEY[::-1]}")])[0] == Code.PERMISSION_DENIED
            with pytest.raises(grpc.RpcError) as error:  # refused before it ends its side
                next(own.stream(EMBED_STREAM, (asks(EMBED, inputs="hello") for _ in itertools.count())))
            assert error.value.code() == Code.UNAUTHENTICATED


def test_calls_are_logged_counted_and_labelled(plain, calls, rest):
    stub = calls.stub(EMBED)
    stub(asks(EMBED, inputs="hello"), timeout=DEADLINE_S, metadata=[("x-request-id", "of-a-call")])
    calls.refused(EMBED, inputs="", metadata=[("x-request-id", "of-an-error")])
    list(calls.stream(EMBED_STREAM, [asks(EMBED, inputs="a"), asks(EMBED, inputs="b")], metadata=[("x-request-id", "of-a-stream")]))

    def line(request_id):
        return wait_until(lambda: next((line for line in plain.lines() if line.get("request_id") == request_id or
                                        line.get("span", {}).get("request_id") == request_id), None), request_id, plain)["fields"]

    assert (line("of-a-call")["route"], line("of-a-call")["status"], line("of-a-call")["texts"]) == (EMBED, 200, 1)
    assert (line("of-an-error")["status"], line("of-an-error")["code"]) == (400, "empty_text")
    assert (line("of-a-stream")["route"], line("of-a-stream")["texts"]) == (EMBED_STREAM, 2)
    text = rest.get("/metrics").text
    for route, code in ((EMBED, "2xx"), (EMBED, "4xx"), (EMBED_STREAM, "2xx")):
        assert f'akidb_embed_http_requests_total{{route="{route}",code="{code}"}}' in text, route


def test_what_there_is_no_room_for_is_told_when_to_come_again(tmp_path):
    """A queue of one request, and a stream that keeps the only worker busy: what a stream has waits, other calls are refused."""
    with Server("--h2c", "--threads", "1", "--max-queue-requests", "1", *PATIENT) as server, Calls(target_of(server)) as own:
        text = "word " * 250
        replies = own.stream(EMBED_STREAM, [asks(EMBED, inputs=f"{number} {text}", truncate=True) for number in range(10)])
        next(replies)
        calls = [own.stub(EMBED).future(asks(EMBED, inputs=f"{number} {text}", truncate=True), timeout=DEADLINE_S) for number in range(30)]
        failed = next(call for call in calls if call.exception() is not None)
        assert failed.code() == Code.RESOURCE_EXHAUSTED
        told = dict(failed.initial_metadata()) | dict(failed.trailing_metadata())
        assert int(told["grpc-retry-pushback-ms"]) > 0
        assert sum(1 for _ in replies) == 9


def test_quiet_streams_end():
    with Server("--h2c", "--idle-timeout", "1s", *PATIENT) as server, Calls(target_of(server)) as own:
        quiet = own.stream(EMBED_STREAM, (asks(EMBED, inputs="a") if number == 0 else threading.Event().wait(DEADLINE_S) for number in range(2)))
        assert len(next(quiet).embeddings) == 384
        with pytest.raises(grpc.RpcError) as error:
            next(quiet)
        assert error.value.code() == Code.DEADLINE_EXCEEDED and "no message came" in error.value.details()
        with pytest.raises(grpc.RpcError) as error:  # the caller's own time
            next(own.stream(EMBED_STREAM, (threading.Event().wait(DEADLINE_S) for _ in range(1)), timeout=0.2))
        assert error.value.code() == Code.DEADLINE_EXCEEDED


def test_watchers_see_the_model_come():
    with Server("--h2c", *PATIENT, until="listening") as server, Calls(target_of(server)) as own:
        states = []
        for reply in own(WATCH):
            states.append(reply.status)
            if reply.status == 1:
                break
        assert states in ([1], [2, 1])
        assert own(CHECK).status == 1


# ---- The end -------------------------------------------------------------------------------------------------------


def test_the_end_of_the_service():
    """Calls and streams under way are answered, watchers are told, and quiet streams do not hold the service up."""
    with Server("--h2c", "--drain-timeout", "60s", "--threads", "1", *PATIENT) as server, Calls(target_of(server)) as own:
        watching = own(WATCH)
        assert next(watching).status == 1
        quiet = own.stream(EMBED_STREAM, (asks(EMBED, inputs="a") if number == 0 else threading.Event().wait() for number in range(2)))
        next(quiet)
        texts = [f"{number} " + "word " * 40 for number in range(24)]
        replies = own.stream(EMBED_STREAM, [asks(EMBED, inputs=text, truncate=True) for text in texts])
        next(replies)
        single = [own.stub(EMBED).future(asks(EMBED, inputs=text, truncate=True), timeout=DEADLINE_S) for text in texts]
        wait_until(lambda: "candle_requests_in_flight 0" not in server.client().get("/metrics").text, "calls are under way", server)
        server.process.terminate()
        assert sum(1 for _ in replies) == len(texts) - 1
        assert all(len(call.result().embeddings) == 384 for call in single)
        assert next(watching).status == 2
        for ending in (watching, quiet):
            with pytest.raises(grpc.RpcError) as error:
                next(ending)
            assert error.value.code() == Code.UNAVAILABLE
        quiet.cancel()
        assert server.process.wait(DEADLINE_S) == 0, server.log()[-4000:]


def test_no_call_is_lost():
    """Clients that call all the time: each call is answered, until the port refuses connections."""
    with Server("--h2c", "--drain-timeout", "60s", *PATIENT) as server:
        served, failures = [0] * 6, []

        def call_on(place):
            with Calls(target_of(server)) as own:
                while True:
                    try:
                        own(EMBED, inputs=f"text {served[place]}")
                        served[place] += 1
                    except grpc.RpcError as error:
                        failures.append((error.code(), error.details()))
                        return

        threads = [threading.Thread(target=call_on, args=(place,)) for place in range(len(served))]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(count > 5 for count in served), "every client is served", server)
        server.process.terminate()
        for thread in threads:
            thread.join()
        assert len(failures) == len(served)
        assert server.process.wait(DEADLINE_S) == 0, server.log()[-4000:]
        for code, details in failures:
            assert code == Code.UNAVAILABLE and "refused" in details.lower(), failures
