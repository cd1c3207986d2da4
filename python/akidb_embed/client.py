"""Clients for a server, ``akidb-embed serve``: the same vectors, scores and weights as ``Model``, computed elsewhere. They need httpx."""
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
from ._requests import EMBED, RERANK, SPARSE, Options, Part, Route, Rows
from .errors import InvalidInputError, ServerError
from .sparse import SparseVector, check_active_dims, heaviest

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
            timeout: seconds for a call, attempts and waits included. The server is told, and computes nothing for a caller who
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

    def _call(self, texts: Sequence[str], **fields: Any) -> tuple[list[Part], Options]:
        """Fields that are ``None`` are not sent."""
        given = {name: value for name, value in fields.items() if value is not None}
        return list(_requests.split(texts, self.max_texts, self.max_bytes)), Options(self.model, given)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _encoding(self, sentences: Any, prompt_name: str | None, prompt: str | None, normalize: bool, truncate_dim: int | None, truncate: bool,
                  pooling: str | None, priority: str | None) -> tuple[list[Part], Options]:
        return self._call(_listed(sentences), encoding_format="base64", prompt_name=prompt_name, prompt=prompt, dimensions=truncate_dim,
                          pooling=pooling, priority=priority, normalize=None if normalize else False, truncate=None if truncate else False)

    def _ranking(self, query: str, documents: Sequence[str], scores: str, truncate: bool, prompt: str | None,
                 priority: str | None) -> tuple[list[Part], Options]:
        return self._call(documents, query=query, scores=scores, instruction=prompt, priority=priority, truncate=None if truncate else False)

    def _weighing(self, sentences: Any, prompt_name: str | None, truncate: bool, max_active_dims: int | None) -> tuple[list[Part], Options]:
        check_active_dims(max_active_dims)
        return self._call(_listed(sentences), prompt_name=prompt_name, truncate=None if truncate else False)

    def _judge(self, response: httpx.Response, part: Part, route: Route[Rows]) -> Rows | ServerError:
        if response.status_code == 200:
            return route.read(response.content, part)
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

    @staticmethod
    def _vectors_of(sentences: Any, rows: list[Vectors]) -> Vectors:
        vectors = EMBED.join(rows) if rows else np.empty((0, 0), dtype=np.float32)
        return vectors[0] if isinstance(sentences, str) else vectors

    @staticmethod
    def _ranks_of(rows: list[Vectors], documents: Sequence[str], top_k: int | None, return_documents: bool) -> list[dict[str, Any]]:
        return _requests.ranked(RERANK.join(rows), documents, top_k, return_documents) if rows else []

    @staticmethod
    def _weights_of(sentences: Any, rows: list[list[SparseVector]], max_active_dims: int | None) -> Any:
        made = [heaviest(row, max_active_dims) for row in SPARSE.join(rows)]
        return made[0] if isinstance(sentences, str) else made


def _listed(texts: Any) -> Sequence[str]:
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, (list, tuple)):
        return texts
    return texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)


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
        parts, options = self._encoding(sentences, prompt_name, prompt, normalize, truncate_dim, truncate, pooling, priority)
        return self._vectors_of(sentences, self._send_all(EMBED, parts, options, timeout))

    def rank(self, query: str, documents: Any, top_k: int | None = None, return_documents: bool = False, *, scores: str = "model",
             truncate: bool = True, prompt: str | None = None, priority: str | None = None, timeout: float | None = None) -> list[dict[str, Any]]:
        """Documents in the order in which they answer a query, as ``Model.rank`` gives them, by a server with a reranker.

        Args:
            query: a text.
            documents: a list, numpy array, pandas series or Arrow array of texts.
            top_k: so many of the best; ``None`` is all of them.
            return_documents: with the documents' texts.
            scores: ``"model"`` (as the model says), ``"raw"`` (the logits) or ``"probability"`` (from 0 to 1).
            truncate, priority: as in docs/API.md.
            prompt: the API's ``instruction``, as in ``Model.rank``.
            timeout: seconds for this call instead of the client's.

        Returns:
            A dict for each document, the best one first and equal ones in their order: ``"corpus_id"`` (its place in the list), ``"score"``
            (a float), and ``"text"`` where it is asked for.

        Raises:
            ServerError: the server refused a request, or the time has passed; ``text_index`` says which document is at fault.
        """
        listed = _listed(documents)
        parts, options = self._ranking(query, listed, scores, truncate, prompt, priority)
        return self._ranks_of(self._send_all(RERANK, parts, options, timeout), listed, top_k, return_documents)

    def encode_sparse(self, sentences: str | Iterable[str], prompt_name: str | None = None, *, truncate: bool = True,
                      max_active_dims: int | None = None, timeout: float | None = None) -> Any:
        """Weights of token ids for texts, as ``Model.encode_sparse`` gives them, by a server with a sparse model.

        Args:
            sentences: a text or a list of texts.
            prompt_name, truncate: as in docs/API.md, of ``/embed_sparse``.
            max_active_dims: keep so many of the heaviest ids of each text; ``None`` is all.
            timeout: seconds for this call instead of the client's.

        Returns:
            A list of ``SparseVector`` for a list, a ``SparseVector`` for a text.

        Raises:
            ServerError: the server refused a request, or the time has passed. The message says which text is at fault, counted from the first
                text of its request.
        """
        parts, options = self._weighing(sentences, prompt_name, truncate, max_active_dims)
        return self._weights_of(sentences, self._send_all(SPARSE, parts, options, timeout), max_active_dims)

    def _send_all(self, route: Route[Rows], parts: list[Part], options: Options, timeout: float | None) -> list[Rows]:
        deadline = self._deadline(timeout)
        if len(parts) <= 1:
            return [self._send(route, part, options, deadline) for part in parts]
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="akidb-embed-client")
        try:
            futures = [pool.submit(self._send, route, part, options, deadline) for part in parts]
            wait(futures, return_when=FIRST_EXCEPTION)
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, route: Route[Rows], part: Part, options: Options, deadline: float) -> Rows:
        content = _requests.body(part, options, route)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._late(part)
            reply_headers: Mapping[str, str] = {}
            try:
                response = self._http.post(route.path, content=content, headers=_requests.headers(part, options, route, remaining),
                                           timeout=remaining)
                reply_headers = response.headers
                result = self._judge(response, part, route)
            except _BROKEN as broken:
                result = self._broken(broken, part)
            except httpx.TimeoutException:
                raise self._late(part) from None
            if not isinstance(result, ServerError):
                return result
            if _requests.wants_split(result, part):
                return route.join([self._send(route, half, options, deadline) for half in part.halves()])
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
        parts, options = self._encoding(sentences, prompt_name, prompt, normalize, truncate_dim, truncate, pooling, priority)
        return self._vectors_of(sentences, await self._send_all(EMBED, parts, options, timeout))

    async def rank(self, query: str, documents: Any, top_k: int | None = None, return_documents: bool = False, *, scores: str = "model",
                   truncate: bool = True, prompt: str | None = None, priority: str | None = None,
                   timeout: float | None = None) -> list[dict[str, Any]]:
        """As ``Client.rank``."""
        listed = _listed(documents)
        parts, options = self._ranking(query, listed, scores, truncate, prompt, priority)
        return self._ranks_of(await self._send_all(RERANK, parts, options, timeout), listed, top_k, return_documents)

    async def encode_sparse(self, sentences: str | Iterable[str], prompt_name: str | None = None, *, truncate: bool = True,
                            max_active_dims: int | None = None, timeout: float | None = None) -> Any:
        """As ``Client.encode_sparse``."""
        parts, options = self._weighing(sentences, prompt_name, truncate, max_active_dims)
        return self._weights_of(sentences, await self._send_all(SPARSE, parts, options, timeout), max_active_dims)

    async def _send_all(self, route: Route[Rows], parts: list[Part], options: Options, timeout: float | None) -> list[Rows]:
        deadline, gate = self._deadline(timeout), asyncio.Semaphore(self.concurrency)

        async def send(part: Part) -> Rows:
            async with gate:
                return await self._send(route, part, options, deadline)

        tasks = [asyncio.ensure_future(send(part)) for part in parts]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, route: Route[Rows], part: Part, options: Options, deadline: float) -> Rows:
        content = _requests.body(part, options, route)
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._late(part)
            reply_headers: Mapping[str, str] = {}
            try:
                response = await self._http.post(route.path, content=content, headers=_requests.headers(part, options, route, remaining),
                                                 timeout=remaining)
                reply_headers = response.headers
                result = self._judge(response, part, route)
            except _BROKEN as broken:
                result = self._broken(broken, part)
            except httpx.TimeoutException:
                raise self._late(part) from None
            if not isinstance(result, ServerError):
                return result
            if _requests.wants_split(result, part):
                return route.join([await self._send(route, half, options, deadline) for half in part.halves()])
            await asyncio.sleep(self._pause(part, result, reply_headers, deadline))
