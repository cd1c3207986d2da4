"""Clients for a server, ``akidb-embed serve``: the same vectors as ``Model``, computed elsewhere. They need httpx."""
from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from . import _requests
from ._requests import Options, Part
from .errors import InvalidInputError, ServerError

Vectors = npt.NDArray[np.float32]
# What a connection that broke looks like. The request has no effect beside its reply, so it may be sent again.
_BROKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


class _Settings:
    """What both clients are made with."""

    def __init__(self, url: str, *, model: str | None = None, api_key: str | None = None, timeout: float = 60.0, max_retries: int = 8,
                 max_texts: int = 1024, max_bytes: int = 4 << 20, concurrency: int = 4, headers: Mapping[str, str] | None = None,
                 verify: Any = True, transport: Any = None) -> None:
        """
        Args:
            url: of the server, such as ``"http://127.0.0.1:8080"``.
            model: its name, where the server has several.
            api_key: sent as ``Authorization: Bearer``.
            timeout: seconds for a call of ``encode``, attempts and waits included. The server is told, and computes nothing for a caller who
                has left.
            max_retries: further attempts for each request, after 429, 502, 503, 504 and broken connections.
            max_texts, max_bytes: of one request; longer lists become several requests.
            concurrency: requests at once.
            headers: further headers for each request.
            verify: as httpx: ``False``, or an ``ssl.SSLContext``.
            transport: of httpx, for unix sockets and tests.
        """
        if max_texts < 1 or max_bytes < 1 or concurrency < 1 or max_retries < 0:
            raise InvalidInputError("max_texts, max_bytes and concurrency must be at least 1, max_retries at least 0", "Correct them.",
                                    "invalid_argument")
        self.url = url.rstrip("/")
        self.model, self.timeout, self.max_retries = model, timeout, max_retries
        self.max_texts, self.max_bytes, self.concurrency = max_texts, max_bytes, concurrency
        own = dict(headers or {})
        if api_key is not None:
            own["authorization"] = f"Bearer {api_key}"
        self._http_settings: dict[str, Any] = {"base_url": self.url, "headers": own, "verify": verify, "transport": transport,
                                               "limits": httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)}

    def _call(self, sentences: Any, prompt_name: str | None, prompt: str | None, normalize: bool, truncate_dim: int | None, truncate: bool,
              pooling: str | None, priority: str | None) -> tuple[list[Part], Options, bool]:
        one = isinstance(sentences, str)
        texts: Sequence[str] = [sentences] if one else sentences if isinstance(sentences, (list, tuple)) else list(sentences)
        fields = {"prompt_name": prompt_name, "prompt": prompt, "dimensions": truncate_dim, "pooling": pooling, "priority": priority,
                  "normalize": None if normalize else False, "truncate": None if truncate else False}
        options = Options(self.model, {name: value for name, value in fields.items() if value is not None})
        return list(_requests.split(texts, self.max_texts, self.max_bytes)), options, one

    def _judge(self, response: httpx.Response, part: Part) -> Vectors | ServerError:
        if response.status_code == 200:
            return _requests.vectors(response.content, len(part.texts))
        return _requests.failure(response.status_code, response.content, part)

    def _broken(self, error: Exception, part: Part) -> ServerError:
        return ServerError(f"no reply from {self.url}: {error or type(error).__name__}", "Check that the server runs and the URL is its.",
                           "unavailable", None, None, part.request_id)

    def _pause(self, part: Part, error: ServerError, headers: Mapping[str, str], deadline: float) -> float:
        """Seconds to wait before the part is sent again. Raises the error where it is not."""
        retried = error.status is None or _requests.is_retried(error.status)
        seconds = _requests.delay(part, headers, deadline - time.monotonic()) if retried and part.attempts < self.max_retries else None
        if seconds is None:
            raise error
        part.attempts += 1
        return seconds

    def _late(self, part: Part) -> ServerError:
        return ServerError(f"no reply within {self.timeout} s", "Allow more time, or send less at once.", "deadline_exceeded", None, None,
                           part.request_id)

    def _join(self, rows: list[Vectors], one: bool) -> Vectors:
        if not rows:
            return np.empty((0, 0), dtype=np.float32)
        vectors = rows[0] if len(rows) == 1 else np.concatenate(rows)
        return vectors[0] if one else vectors


class Client(_Settings):
    """A client that keeps its connections open. It may be used from any number of threads at once.

    ``Client("http://127.0.0.1:8080").encode(["a cat", "a dog"])`` is ``[2, dimension]`` of ``float32``, bit for bit what ``Model`` gives.
    """

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(url, **settings)
        self._http = httpx.Client(**self._http_settings)

    __init__.__doc__ = _Settings.__init__.__doc__

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def ready(self) -> bool:
        """True where the server can serve requests now."""
        try:
            return bool(self._http.get("/health/ready", timeout=self.timeout).status_code == 200)
        except httpx.TransportError:
            return False

    def encode(self, sentences: str | Iterable[str], *, prompt_name: str | None = None, prompt: str | None = None, normalize: bool = True,
               truncate_dim: int | None = None, truncate: bool = True, pooling: str | None = None, priority: str | None = None,
               timeout: float | None = None) -> Vectors:
        """Vectors of texts: ``[count, dimension]`` of ``float32`` for a list, ``[dimension]`` for a text.

        Args:
            sentences: a text or a list of texts.
            prompt_name, prompt, normalize, truncate, pooling, priority: as in docs/API.md.
            truncate_dim: the API's ``dimensions``.
            timeout: seconds for this call instead of the client's.

        Raises:
            ServerError: the server refused a request, or the time has passed; ``text_index`` says which text is at fault.
        """
        parts, options, one = self._call(sentences, prompt_name, prompt, normalize, truncate_dim, truncate, pooling, priority)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        if len(parts) <= 1:
            return self._join([self._send(part, options, deadline) for part in parts], one)
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="akidb-embed-client")
        try:
            futures = [pool.submit(self._send, part, options, deadline) for part in parts]
            wait(futures, return_when=FIRST_EXCEPTION)
            return self._join([future.result() for future in futures], one)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, part: Part, options: Options, deadline: float) -> Vectors:
        content = _requests.body(part, options)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._late(part)
            reply_headers: Mapping[str, str] = {}
            try:
                response = self._http.post(_requests.PATH, content=content, headers=_requests.headers(part, remaining), timeout=remaining)
                reply_headers = response.headers
                result = self._judge(response, part)
            except _BROKEN as broken:
                result = self._broken(broken, part)
            except httpx.TimeoutException:
                raise self._late(part) from None
            if not isinstance(result, ServerError):
                return result
            if _requests.wants_split(result, part):
                return np.concatenate([self._send(half, options, deadline) for half in part.halves()])
            time.sleep(self._pause(part, result, reply_headers, deadline))


class AsyncClient(_Settings):
    """``Client`` for asyncio: ``await client.encode(texts)``."""

    def __init__(self, url: str, **settings: Any) -> None:
        super().__init__(url, **settings)
        self._http = httpx.AsyncClient(**self._http_settings)

    __init__.__doc__ = _Settings.__init__.__doc__

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def ready(self) -> bool:
        """True where the server can serve requests now."""
        try:
            return bool((await self._http.get("/health/ready", timeout=self.timeout)).status_code == 200)
        except httpx.TransportError:
            return False

    async def encode(self, sentences: str | Iterable[str], *, prompt_name: str | None = None, prompt: str | None = None,
                     normalize: bool = True, truncate_dim: int | None = None, truncate: bool = True, pooling: str | None = None,
                     priority: str | None = None, timeout: float | None = None) -> Vectors:
        """As ``Client.encode``."""
        parts, options, one = self._call(sentences, prompt_name, prompt, normalize, truncate_dim, truncate, pooling, priority)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        gate = asyncio.Semaphore(self.concurrency)

        async def send(part: Part) -> Vectors:
            async with gate:
                return await self._send(part, options, deadline)

        tasks = [asyncio.ensure_future(send(part)) for part in parts]
        try:
            return self._join(list(await asyncio.gather(*tasks)), one)
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, part: Part, options: Options, deadline: float) -> Vectors:
        content = _requests.body(part, options)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._late(part)
            reply_headers: Mapping[str, str] = {}
            try:
                response = await self._http.post(_requests.PATH, content=content, headers=_requests.headers(part, remaining), timeout=remaining)
                reply_headers = response.headers
                result = self._judge(response, part)
            except _BROKEN as broken:
                result = self._broken(broken, part)
            except httpx.TimeoutException:
                raise self._late(part) from None
            if not isinstance(result, ServerError):
                return result
            if _requests.wants_split(result, part):
                return np.concatenate([await self._send(half, options, deadline) for half in part.halves()])
            await asyncio.sleep(self._pause(part, result, reply_headers, deadline))
