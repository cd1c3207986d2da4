"""Haystack: components that embed a query and documents, over a model in this process or over a server.

Annotations are not postponed here, because Haystack reads the types of ``run`` from them.
"""
from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from ._adapter import Source


class _Embedder:
    """What both components are made with; ``to_dict`` gives it back."""

    def __init__(self, model: str | None, url: str | None, prompt_name: str | None, settings: dict[str, Any] | None) -> None:
        self.model, self.url, self.prompt_name, self.settings = model, url, prompt_name, settings
        self._source = Source(model, url, prompt_name, prompt_name, dict(settings or {}))

    def warm_up(self) -> None:
        """Opens the model, which may download it."""
        self._source.open()


# The decorator makes another class of each, for which super() without arguments has no meaning.
@component
class AkidbTextEmbedder(_Embedder):
    """Embeds a query.

    Args:
        model: a model's name or folder.
        url: of a server, in place of ``model``.
        prompt_name: the model's prompt that stands before the text; without it as ``Model.encode_query``.
        settings: of ``Model`` or ``Client``.
    """

    def __init__(self, model: str | None = None, url: str | None = None, prompt_name: str | None = None,
                 settings: dict[str, Any] | None = None) -> None:
        _Embedder.__init__(self, model, url, prompt_name, settings)

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, Any]:
        """``{"embedding": [dimension]}``."""
        return {"embedding": self._source.queries([text])[0]}

    def to_dict(self) -> dict[str, Any]:
        return dict(default_to_dict(self, model=self.model, url=self.url, prompt_name=self.prompt_name, settings=self.settings))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AkidbTextEmbedder":
        made: "AkidbTextEmbedder" = default_from_dict(cls, data)
        return made


@component
class AkidbDocumentEmbedder(_Embedder):
    """Embeds documents, and gives copies of them that carry their vectors.

    Args:
        model, url, settings: as in ``AkidbTextEmbedder``.
        prompt_name: the model's prompt; without it as ``Model.encode_document``.
        meta_fields_to_embed: names of meta fields that stand before the content, each in a line of its own.
    """

    def __init__(self, model: str | None = None, url: str | None = None, prompt_name: str | None = None,
                 settings: dict[str, Any] | None = None, meta_fields_to_embed: list[str] | None = None) -> None:
        _Embedder.__init__(self, model, url, prompt_name, settings)
        self.meta_fields_to_embed = meta_fields_to_embed or []

    def _text(self, document: Any) -> str:
        fields = [str(document.meta[name]) for name in self.meta_fields_to_embed if document.meta.get(name) is not None]
        return "\n".join([*fields, document.content or ""])

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """``{"documents": …}`` with ``embedding`` filled in."""
        vectors = self._source.documents([self._text(document) for document in documents])
        return {"documents": [replace(document, embedding=vector) for document, vector in zip(documents, vectors)]}

    def to_dict(self) -> dict[str, Any]:
        return dict(default_to_dict(self, model=self.model, url=self.url, prompt_name=self.prompt_name, settings=self.settings,
                                    meta_fields_to_embed=self.meta_fields_to_embed))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "AkidbDocumentEmbedder":
        made: "AkidbDocumentEmbedder" = default_from_dict(cls, data)
        return made
