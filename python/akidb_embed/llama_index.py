"""LlamaIndex: ``AkidbEmbedding`` is its ``BaseEmbedding``, over a model in this process or over a server."""
from __future__ import annotations

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from ._adapter import Source


class AkidbEmbedding(BaseEmbedding):
    """Embeddings for LlamaIndex; arguments as ``akidb_embed.langchain.AkidbEmbeddings``, others go to ``BaseEmbedding``."""

    _source: Source = PrivateAttr()

    def __init__(self, model: Any = None, *, url: str | None = None, query_prompt_name: str | None = None,
                 document_prompt_name: str | None = None, settings: dict[str, Any] | None = None, **base: Any) -> None:
        base.setdefault("model_name", url or (model if isinstance(model, str) else getattr(model, "folder", "akidb-embed")))
        # The library packs its passes by itself: so many texts that it has work for all cores.
        base.setdefault("embed_batch_size", 1024)
        super().__init__(**base)
        self._source = Source(model, url, query_prompt_name, document_prompt_name, dict(settings or {}))

    @classmethod
    def class_name(cls) -> str:
        return "AkidbEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._source.queries([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        import asyncio

        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._source.documents([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._source.documents(texts)
