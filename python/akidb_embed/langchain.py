"""LangChain: ``AkidbEmbeddings`` is its ``Embeddings``, over a model in this process or over a server."""
from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings

from ._adapter import Source


class AkidbEmbeddings(Embeddings):
    """Embeddings for LangChain.

    Args:
        model: a model's name or folder, or a ``Model`` that is open already.
        url: of a server, in place of ``model``.
        query_prompt_name, document_prompt_name: the model's prompts that stand before queries and documents. Without them those that
            the model has for it, by ``Model.encode_query`` and ``encode_document``; over a server its default prompt.
        settings: of ``Model`` or ``Client``.
    """

    def __init__(self, model: Any = None, *, url: str | None = None, query_prompt_name: str | None = None,
                 document_prompt_name: str | None = None, **settings: Any) -> None:
        self._source = Source(model, url, query_prompt_name, document_prompt_name, settings)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        return self._source.documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        return self._source.queries([text])[0]
