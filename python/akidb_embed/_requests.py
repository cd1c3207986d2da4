"""A request of the clients without its sending: bodies, replies, and when to send again. The sync and the async client share it."""
from __future__ import annotations

import base64
import email.utils
import json
import random
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError, ServerError

PATH = "/api/v1/embed"
# 504 is the server's own limit or a proxy's: there may be time for another attempt.
_RETRIED = (429, 502, 503, 504)
_FIRST_DELAY_S, _MOST_DELAY_S = 0.1, 5.0
# The body has more than the server takes, and half of it may not have.
_SPLIT_CODES = ("too_many_texts", "body_too_large", "request_too_long")


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


def body(part: Part, options: Options) -> bytes:
    request = {"texts": [text or " " for text in part.texts], "encoding_format": "base64"} | options.fields
    if options.model is not None:
        request["model"] = options.model
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def headers(part: Part, remaining_s: float) -> dict[str, str]:
    return {"content-type": "application/json", "x-request-id": part.request_id,
            "x-request-timeout-ms": str(max(1, min(int(remaining_s * 1000), 999_999_999)))}


def vectors(content: bytes, count: int) -> npt.NDArray[np.float32]:
    """``[count, dimension]`` of a reply."""
    rows = json.loads(content)["embeddings"]
    if len(rows) != count:
        raise ServerError(f"the server gave {len(rows)} vectors for {count} texts", "Look what stands between client and server.")
    return np.stack([np.frombuffer(base64.b64decode(row), dtype="<f4") for row in rows])


def failure(status: int, content: bytes, part: Part) -> ServerError:
    """The exception for a reply that is not 200, in the server's form or in a proxy's."""
    try:
        error = json.loads(content)["error"]
        message, code, place = str(error["message"]), str(error["code"]), re.fullmatch(r"texts\[(\d+)\]", error.get("param") or "")
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
