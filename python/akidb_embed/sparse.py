"""Weights of token ids, for inverted indexes, in the form of ``sentence_transformers.SparseEncoder``."""
from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _library
from ._handle import Handle
from ._texts import texts_of
from .errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

# Texts whose weights the library holds before they are copied.
_SPARSE_TEXTS = 1 << 12


class SparseVector(NamedTuple):
    """The token ids of a text that have a weight.

    Attributes:
        ids: ``[count]`` of ``int32``, rising, each below the model's ``vocabulary_size``.
        weights: ``[count]`` of ``float32``, all above 0.
    """

    ids: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def dot(self, other: SparseVector) -> float:
        """The score of two texts: the sum, over the ids that both have, of the products of their weights.

        >>> SparseVector(np.array([1, 3]), np.array([2.0, 1.0])).dot(SparseVector(np.array([3, 7]), np.array([0.5, 9.0])))
        0.5
        """
        _, mine, others = np.intersect1d(self.ids, other.ids, assume_unique=True, return_indices=True)
        return float(self.weights[mine] @ other.weights[others])


def heaviest(vector: SparseVector, most: int | None) -> SparseVector:
    """The vector with so many of its heaviest ids; ``None`` is all."""
    if most is None or most >= len(vector.ids):
        return vector
    kept = np.sort(np.argsort(-vector.weights, kind="stable")[:most])
    return SparseVector(vector.ids[kept], vector.weights[kept])


def check_active_dims(most: int | None) -> None:
    if most is not None and most < 1:
        raise InvalidInputError(f"max_active_dims is {most}", "Use 1 or more, or None.", "invalid_argument")


def _copied(one: Any, most: int | None) -> SparseVector:
    if one.count == 0:
        return SparseVector(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    ids, weights = np.ctypeslib.as_array(one.ids, (one.count,)), np.ctypeslib.as_array(one.weights, (one.count,))
    return heaviest(SparseVector(ids.copy(), weights.copy()), most)


class SparseEncoding(Handle):
    """The part of ``Model`` that is for models which weigh token ids (``gives_sparse``). Of other models each call raises ``ModelError``."""

    def encode_sparse(self, sentences: Any, prompt_name: str | None = None, prompt: str | None = None, batch_size: int = 32,
                      show_progress_bar: bool | None = None, max_active_dims: int | None = None) -> Any:
        """Weights of token ids for texts: SPLADE's of any ids, bge-m3's of the text's own.

        Args:
            sentences: a text, or a list, numpy array, pandas series or Arrow array of texts.
            prompt_name, prompt: as in ``encode``.
            batch_size: has no effect.
            show_progress_bar: count the texts on stderr.
            max_active_dims: keep so many of the heaviest ids of each text; ``None`` is all.

        Returns:
            A list of ``SparseVector`` for a list, a ``SparseVector`` for a text.

        Raises:
            ModelError: the model has no weights.
            InvalidInputError: a text or an argument cannot be used; ``text_index`` says which text.

        >>> model = Model("naver/splade-cocondenser-ensembledistil", threads=1)
        >>> first, second = model.encode_sparse(["a cat", "a dog"])
        >>> len(first.ids) == len(first.weights), first.dot(second) >= 0
        (True, True)
        """
        check_active_dims(max_active_dims)
        one = isinstance(sentences, str)
        options, given = self._embed_options(prompt_name, prompt), texts_of([sentences] if one else sentences)
        rows: list[SparseVector] = []

        def call(first: int, last: int, cancel: Any, error: _library.Error) -> int:
            options.cancel = cancel
            made = (_library.SparseVector * (last - first))()
            status: int = _library.embed_sparse(self._handle, given.address(first), last - first, options, ctypes.sizeof(options), made, error)
            if status == 0:
                try:
                    rows.extend(_copied(vector, max_active_dims) for vector in made)
                finally:
                    _library.sparse_vectors_free(made, last - first)
            return status

        self._run(given, call, bool(show_progress_bar), _SPARSE_TEXTS)
        return rows[0] if one else rows

    def decode(self, embeddings: SparseVector | Sequence[SparseVector], top_k: int | None = None) -> Any:
        """The tokens of sparse vectors with their weights, the heaviest first, as ``SparseEncoder.decode`` gives them.

        Args:
            embeddings: of ``encode_sparse``.
            top_k: so many of each; ``None`` is all.

        Returns:
            A list of ``(token, weight)`` for a ``SparseVector``, a list of such lists for a list.
        """
        if isinstance(embeddings, SparseVector):
            order = np.argsort(-embeddings.weights, kind="stable")[:top_k]
            return [(self.token_text(int(embeddings.ids[place])), float(embeddings.weights[place])) for place in order]
        return [self.decode(vector, top_k) for vector in embeddings]
