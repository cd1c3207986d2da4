"""Chroma: ``AkidbEmbeddingFunction`` is its embedding function, over a model in this process or over a server."""
from __future__ import annotations

from typing import Any

import numpy as np
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

from ._adapter import Source
from .errors import InvalidInputError


@register_embedding_function
class AkidbEmbeddingFunction(EmbeddingFunction[Documents]):
    """An embedding function for Chroma's collections, which keep its arguments.

    Args:
        model: a model's name or folder.
        url: of a server, in place of ``model``.
        settings: of ``Model`` or ``Client``; numbers and strings only, because Chroma stores them as JSON.
    """

    def __init__(self, model: str | None = None, url: str | None = None, settings: dict[str, Any] | None = None) -> None:
        self._config = {"model": model, "url": url, "settings": settings or {}}
        self._source = Source(model, url, None, None, dict(settings or {}))

    def __call__(self, input: Documents) -> Embeddings:
        """``[dimension]`` of ``float32`` for each document."""
        return [np.asarray(row) for row in self._source.document_array(input)]

    def embed_query(self, input: Documents) -> Embeddings:
        """As ``__call__``, with the model's prompt for queries."""
        return [np.asarray(row) for row in self._source.query_array(input)]

    @staticmethod
    def name() -> str:
        return "akidb_embed"

    def default_space(self) -> Any:
        return "cosine"

    def supported_spaces(self) -> list[Any]:
        return ["cosine", "l2", "ip"]

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> AkidbEmbeddingFunction:
        return AkidbEmbeddingFunction(config.get("model"), config.get("url"), config.get("settings"))

    def get_config(self) -> dict[str, Any]:
        return self._config

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        if old_config.get("model") != new_config.get("model"):
            raise InvalidInputError("another model's vectors do not fit those that the collection has", "Make a new collection.",
                                    "invalid_argument")
