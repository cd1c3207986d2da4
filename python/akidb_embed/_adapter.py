"""Vectors of queries and documents for the adapters, by a model in this process or by a server."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError
from .model import Model


class Source:
    """A model by its name, a ``Model`` that is open, or a server by its URL. Opened at the first text."""

    def __init__(self, model: Any, url: str | None, query_prompt_name: str | None, document_prompt_name: str | None,
                 settings: dict[str, Any]) -> None:
        if (model is None) == (url is None):
            raise InvalidInputError("one of model and url must be given", "Name a model, or a server's URL.", "invalid_argument")
        self._given, self._url, self._settings = model, url, settings
        self._query_prompt_name, self._document_prompt_name = query_prompt_name, document_prompt_name
        self._encoder: Any = model if isinstance(model, Model) else None

    def open(self) -> Any:
        if self._encoder is None:
            if self._url is not None:
                from .client import Client
                self._encoder = Client(self._url, **self._settings)
            else:
                self._encoder = Model(self._given, **self._settings)
        return self._encoder

    def __getstate__(self) -> dict[str, Any]:
        # A client has connections, which do not go to another process.
        return self.__dict__ | {"_encoder": self._encoder if isinstance(self._encoder, Model) else None}

    def _encode(self, texts: Sequence[str], prompt_name: str | None, kind: str) -> npt.NDArray[np.float32]:
        encoder = self.open()
        if len(texts) == 0:
            return np.empty((0, 0), dtype=np.float32)
        if prompt_name is not None or not isinstance(encoder, Model):
            return np.asarray(encoder.encode(list(texts), prompt_name=prompt_name))
        return np.asarray(getattr(encoder, kind)(list(texts)))

    def query_array(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """``[count, dimension]`` of ``float32``."""
        return self._encode(texts, self._query_prompt_name, "encode_query")

    def document_array(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """``[count, dimension]`` of ``float32``."""
        return self._encode(texts, self._document_prompt_name, "encode_document")

    def queries(self, texts: Sequence[str]) -> list[list[float]]:
        rows: list[list[float]] = self.query_array(texts).tolist()
        return rows

    def documents(self, texts: Sequence[str]) -> list[list[float]]:
        rows: list[list[float]] = self.document_array(texts).tolist()
        return rows
