"""A request of the clients without its sending: bodies, replies, and when to send again. The sync and the async client share it."""
from __future__ import annotations

import base64
import email.utils
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError, ServerError
from .sparse import SparseVector

Floats = npt.NDArray[np.float32]
Rows = TypeVar("Rows")
# 504 is the server's own limit or a proxy's: there may be time for another attempt.
_RETRIED = (429, 502, 503, 504)
_FIRST_DELAY_S, _MOST_DELAY_S = 0.1, 5.0
# The body has more than the server takes, and half of it may not have.
_SPLIT_CODES = ("too_many_texts", "body_too_large", "request_too_long")
# TEI's form of an error has no code: that of the most likely cause.
_CODES_OF_TEI = {400: "empty_text", 401: "invalid_api_key", 403: "role_missing", 404: "model_not_found", 413: "body_too_large", 422: "invalid_value",
                 429: "overloaded"}


@dataclass
class Options:
    """What is asked for all texts of a call."""

    model: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class Part:
    """Texts that one request carries, from number ``first`` of the call on."""

    first: int
    texts: Sequence[str]
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    attempts: int = 0

    def halves(self) -> tuple[Part, Part]:
        middle = len(self.texts) // 2
        return Part(self.first, self.texts[:middle]), Part(self.first + middle, self.texts[middle:])


def split(texts: Sequence[str], most_texts: int, most_bytes: int) -> Iterator[Part]:
    """Parts with at most so many texts and about so many bytes, one text at least."""
    first, size = 0, 0
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(f"text {index} is not a string but {type(text).__name__}", "Pass strings only.", "invalid_argument", index)
        # At most three bytes a character but for emoji and the like; what JSON escapes is left out, because the server's limit is far off.
        length = len(text) if text.isascii() else 3 * len(text)
        if index > first and (index - first >= most_texts or size + length > most_bytes):
            yield Part(first, texts[first:index])
            first, size = index, 0
        size += length
    if first < len(texts):
        yield Part(first, texts[first:])


@dataclass(frozen=True)
class Route(Generic[Rows]):
    """Where texts are sent, and how what comes back is read."""

    path: str
    texts: str  # the field that has them
    read: Callable[[bytes, Part], Rows]
    join: Callable[[Sequence[Rows]], Rows]  # of one part or more
    takes_empty: bool = False
    names_model: bool = True  # in a field of the body, besides the header


def body(part: Part, options: Options, route: Route[Any]) -> bytes:
    request = {route.texts: list(part.texts) if route.takes_empty else [text or " " for text in part.texts]} | options.fields
    if options.model is not None and route.names_model:
        request["model"] = options.model
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def headers(part: Part, options: Options, route: Route[Any], remaining_s: float) -> dict[str, str]:
    own = {"content-type": "application/json", "x-request-id": part.request_id,
           "x-request-timeout-ms": str(max(1, min(int(remaining_s * 1000), 999_999_999)))}
    if options.model is not None and not route.names_model:
        own["x-model"] = options.model
    return own


def _check_count(what: str, found: int, part: Part) -> None:
    if found != len(part.texts):
        raise ServerError(f"the server gave {found} {what} for {len(part.texts)} texts", "Look what stands between client and server.")


def _vectors(content: bytes, part: Part) -> Floats:
    """``[count, dimension]`` of a reply."""
    rows = json.loads(content)["embeddings"]
    _check_count("vectors", len(rows), part)
    return np.stack([np.frombuffer(base64.b64decode(row), dtype="<f4") for row in rows])


def _scores(content: bytes, part: Part) -> Floats:
    """``[count]`` in the order of the documents."""
    rows = {int(row["index"]): row["score"] for row in json.loads(content)["results"]}
    _check_count("scores", sum(index in rows for index in range(len(part.texts))), part)
    return np.array([rows[index] for index in range(len(part.texts))], dtype=np.float32)


def _weights(content: bytes, part: Part) -> list[SparseVector]:
    rows = json.loads(content)
    _check_count("lists of weights", len(rows), part)
    return [SparseVector(np.array([entry["index"] for entry in row], dtype=np.int32),
                         np.array([entry["value"] for entry in row], dtype=np.float32)) for row in rows]


def _chain(parts: Sequence[list[SparseVector]]) -> list[SparseVector]:
    return [row for part in parts for row in part]


EMBED = Route("/api/v1/embed", "texts", _vectors, np.concatenate)
RERANK = Route("/api/v1/rerank", "documents", _scores, np.concatenate, takes_empty=True)
SPARSE = Route("/embed_sparse", "inputs", _weights, _chain, names_model=False)


def ranked(scores: Floats, documents: Sequence[str], top_k: int | None, return_documents: bool) -> list[dict[str, Any]]:
    """In the form of ``Model.rank``."""
    order = np.argsort(-scores, kind="stable")[:top_k].tolist()
    rows: list[dict[str, Any]] = [{"corpus_id": index, "score": float(scores[index])} for index in order]
    if return_documents:
        for row in rows:
            row["text"] = documents[row["corpus_id"]]
    return rows




def failure(status: int, content: bytes, part: Part) -> ServerError:
    """The exception for a reply that is not 200, in the server's form or in a proxy's."""
    try:
        error = json.loads(content)["error"]
        if isinstance(error, str):
            error = {"message": error, "code": _CODES_OF_TEI.get(status, "internal_error")}
        message, code = str(error["message"]), str(error["code"])
        place = re.fullmatch(r"(?:texts|documents)\[(\d+)\]", error.get("param") or "")
    except (ValueError, KeyError, TypeError):
        message, code, place = content[:200].decode(errors="replace").strip() or "no body", "internal_error", None
    index = None if place is None else part.first + int(place[1])
    return ServerError(f"{status}: {message}", "", code, index, status, part.request_id)


def wants_split(error: ServerError, part: Part) -> bool:
    return error.code in _SPLIT_CODES and len(part.texts) > 1


def is_retried(status: int) -> bool:
    return status in _RETRIED


def _asked_delay(reply_headers: Mapping[str, str]) -> float | None:
    """Seconds that the reply asks to wait, in any of the forms in which servers say it."""
    try:
        if "retry-after-ms" in reply_headers:
            return max(0.0, float(reply_headers["retry-after-ms"]) / 1000)
        after = reply_headers.get("retry-after")
        if after is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", after):
            return float(after)
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:
        return None


def delay(part: Part, reply_headers: Mapping[str, str], remaining_s: float) -> float | None:
    """Seconds to wait before the next attempt: as the reply asks, else rising and spread at random. ``None``: there is no time for it."""
    seconds = _asked_delay(reply_headers)
    if seconds is None:
        seconds = min(_MOST_DELAY_S, _FIRST_DELAY_S * 2 ** part.attempts) * random.uniform(0.5, 1)
    return seconds if seconds < remaining_s else None
