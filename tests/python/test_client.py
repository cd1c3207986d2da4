"""The clients against the real server, and against replies that it gives seldom."""
import asyncio
import base64
import json
import threading
import time

import httpx
import numpy as np
import pytest
from akidb_embed import AsyncClient, Client, ServerError
from conftest import TEXTS
from embed_server import wait_until


def reply(request, **extra):
    texts = json.loads(request.content)["texts"]
    rows = [base64.b64encode(np.full(2, len(text), dtype="<f4").tobytes()).decode() for text in texts]
    return httpx.Response(200, json={"embeddings": rows}, **extra)


def error(status, code, param=None, **headers):
    return httpx.Response(status, json={"error": {"message": "no", "code": code, "param": param}}, headers=headers)


def against(handler, **settings):
    """A sync and an async client whose requests go to a function."""
    def sync(texts, **arguments):
        with Client("http://test", transport=httpx.MockTransport(handler), **settings) as client:
            return client.encode(texts, **arguments)

    def not_sync(texts, **arguments):
        async def run():
            async with AsyncClient("http://test", transport=httpx.MockTransport(handler), **settings) as client:
                return await client.encode(texts, **arguments)
        return asyncio.run(run())

    return [sync, not_sync]


def test_vectors_equal_the_models_bit_for_bit(server, model):
    expected = model.encode(TEXTS).tobytes()
    with Client(server.url) as client:
        assert client.ready()
        assert client.encode(TEXTS).tobytes() == expected
        assert client.encode(TEXTS[0]).tobytes() == model.encode(TEXTS[0]).tobytes()
        assert client.encode([""]).tobytes() == model.encode([""]).tobytes()
        cut = model.encode(TEXTS, truncate_dim=32, normalize_embeddings=True)
        assert client.encode(TEXTS, truncate_dim=32).tobytes() == cut.tobytes()
        assert client.encode("cat", prompt="query: ").tobytes() == model.encode("query: cat").tobytes()
        assert client.encode([]).shape[0] == 0


def test_the_async_client_gives_the_same(server, model):
    async def run():
        async with AsyncClient(server.url, max_texts=3) as client:
            assert await client.ready()
            return await asyncio.gather(*(client.encode(TEXTS) for _ in range(4)))

    assert {rows.tobytes() for rows in asyncio.run(run())} == {model.encode(TEXTS).tobytes()}


def test_long_lists_become_several_requests_over_kept_connections(server, model):
    with Client(server.url, max_texts=3, concurrency=2) as client:
        for _ in range(2):
            assert client.encode(TEXTS * 2).tobytes() == model.encode(TEXTS * 2).tobytes()
        assert len(client._http._transport._pool.connections) <= 2


@pytest.mark.parametrize("code", ["too_many_texts", "body_too_large", "request_too_long"])
def test_a_list_beyond_the_servers_limit_is_halved(code):
    texts = ["x" * number for number in range(1, 30)]
    for encode in against(lambda request: reply(request) if len(json.loads(request.content)["texts"]) <= 5 else error(413, code)):
        assert encode(texts)[:, 0].tolist() == list(range(1, 30))


def test_a_text_at_fault_is_named(server):
    with Client(server.url, max_texts=2) as client, pytest.raises(ServerError) as caught:
        client.encode(["a", "b", "c", "word " * 400], truncate=False)
    assert (caught.value.text_index, caught.value.code, caught.value.status) == (3, "text_too_long", 400)
    # The line of the log comes after the reply.
    wait_until(lambda: any(caught.value.request_id in json.dumps(line) for line in server.lines()), "the request is in the log")


def test_retries_wait_as_long_as_they_are_asked_to():
    for round_ in range(2):
        seen = []

        def handler(request):
            seen.append((time.monotonic(), request.headers["x-request-id"]))
            return error(429, "overloaded", **{"retry-after": "7", "retry-after-ms": "30"}) if len(seen) == 1 else reply(request)

        assert against(handler)[round_](["abc"]).tolist() == [[3, 3]]
        assert len(seen) == 2 and seen[0][1] == seen[1][1]
        assert seen[1][0] - seen[0][0] >= 0.03


@pytest.mark.parametrize("status, code", [(429, "overloaded"), (503, "loading")])
def test_there_is_no_retry_beyond_the_deadline(status, code):
    for encode in against(lambda request: error(status, code, **{"retry-after": "30"})):
        with pytest.raises(ServerError) as caught:
            encode(["abc"], timeout=5)
        assert (caught.value.status, caught.value.code) == (status, code)


def test_attempts_are_counted():
    for round_ in range(2):
        seen = []

        def handler(request):
            seen.append(request)
            return error(503, "loading", **{"retry-after-ms": "0"})

        with pytest.raises(ServerError):
            against(handler, max_retries=3)[round_](["abc"])
        assert len(seen) == 4


def test_a_refusal_is_not_repeated():
    for round_ in range(2):
        seen = []

        def handler(request):
            seen.append(request)
            return error(400, "invalid_value", "dimensions")

        with pytest.raises(ServerError):
            against(handler)[round_](["abc"])
        assert len(seen) == 1


def test_the_server_is_told_the_time_that_is_left():
    for encode in against(lambda request: reply(request) if 0 < int(request.headers["x-request-timeout-ms"]) <= 2500 else error(400, "x")):
        encode(["abc"], timeout=2.5)


def test_a_broken_connection_is_tried_again():
    for round_ in range(2):
        seen = []

        def handler(request):
            seen.append(request)
            if len(seen) == 1:
                raise httpx.RemoteProtocolError("Server disconnected")
            return reply(request)

        assert against(handler)[round_](["abc"]).shape == (1, 2)
        assert len(seen) == 2


def test_order_is_kept_whatever_comes_first():
    texts = ["x" * number for number in range(1, 30)]
    for encode in against(reply, max_texts=4, concurrency=3):
        assert encode(texts)[:, 0].tolist() == list(range(1, 30))


def test_a_proxys_error_page_is_quoted():
    for encode in against(lambda request: httpx.Response(404, text="<html>nothing here</html>")):
        with pytest.raises(ServerError, match="nothing here"):
            encode(["abc"])


def test_threads_share_a_client(server, model):
    expected, got = model.encode(TEXTS).tobytes(), []
    with Client(server.url) as client:
        threads = [threading.Thread(target=lambda: got.append(client.encode(TEXTS).tobytes() == expected)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [True] * 8


def test_no_server():
    with Client("http://127.0.0.1:9", max_retries=0) as client:
        assert not client.ready()
        with pytest.raises(ServerError, match="no reply from") as caught:
            client.encode("a")
    assert caught.value.hint
