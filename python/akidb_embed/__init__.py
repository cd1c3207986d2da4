"""Text embeddings with sentence-transformers models, computed in process by a C library.

>>> from akidb_embed import Model
>>> model = Model("sentence-transformers/all-MiniLM-L6-v2")
>>> model.encode(["a cat sits on the mat", "ein Satz auf Deutsch"]).shape
(2, 384)

``Model.rank`` and ``Model.predict`` are those of a cross-encoder, ``Model.classify`` gives the scores of a classifier's labels,
``Model.encode_sparse`` weights of token ids.
``Client`` asks a server (``akidb-embed serve``) for the same vectors, ranks and weights. ``akidb_embed.langchain``, ``llama_index``, ``haystack`` and ``chroma``
are adapters for these libraries, ``akidb_embed.ray`` and ``akidb_embed.spark`` run models on clusters.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _library
from .errors import CancelledError, DownloadError, EmbedError, InvalidInputError, ModelError, NoMemoryError, ServerError
from .hub import locate
from .model import Model
from .sparse import SparseVector

if TYPE_CHECKING:
    from .client import AsyncClient, Client

# The names that sentence-transformers gives its classes, so that one import line changes.
SentenceTransformer = Model
CrossEncoder = Model
__version__: str = _library.version().decode()
__all__ = ["AsyncClient", "CancelledError", "Client", "CrossEncoder", "DownloadError", "EmbedError", "InvalidInputError", "Model", "ModelError",
           "NoMemoryError", "SentenceTransformer", "ServerError", "SparseVector", "cpu_tiers", "locate"]


def cpu_tiers() -> list[str]:
    """Names of the kernels that this machine's CPU can run, the best first."""
    tiers, found, index = _library.cpu_tiers(), [], 0
    while tiers[index] is not None:
        found.append(tiers[index].decode())
        index += 1
    return found


def __getattr__(name: str) -> Any:
    # The clients need httpx, which an import of the package does not.
    if name in ("Client", "AsyncClient"):
        from . import client
        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
