"""Scores of pairs and texts by cross-encoders and classifiers, in the form of ``sentence_transformers.CrossEncoder``."""
from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _library
from ._handle import Handle
from ._texts import Texts, texts_of
from .errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]


def _columns(pairs: Any) -> tuple[Texts, Texts]:
    """The first and the second texts of pairs."""
    firsts, seconds = [], []
    for index, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) != 2:
            raise InvalidInputError(f"pair {index} does not have two texts", "Pass a list of pairs, such as (query, document).", "invalid_argument",
                                    index)
        firsts.append(pair[0])
        seconds.append(pair[1])
    return texts_of(firsts), texts_of(seconds, is_second=True)


def _softmax(scores: Scores) -> Scores:
    powers: Scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


class Scoring(Handle):
    """The part of ``Model`` that is for models whose ``task`` is ``"classify"``. Of other models each call raises ``ModelError``."""

    def _score_options(self, scores: str, truncate: bool, prompt: str | None) -> _library.ScoreOptions:
        if scores not in _library.SCORES:
            raise InvalidInputError(f"scores {scores!r} is not known", f"Use one of {', '.join(_library.SCORES)}.", "invalid_argument")
        options = _library.ScoreOptions(_library.SCORES.index(scores), not truncate)
        if prompt:
            data = prompt.encode("utf-8", "surrogatepass")
            # The library reads the text where it is.
            options._prompt = kept = ctypes.create_string_buffer(data)
            options.instruction = _library.Text(ctypes.addressof(kept), len(data))
        return options

    def _classify(self, firsts: Texts, seconds: Texts | None, options: _library.ScoreOptions, progress: bool) -> Scores:
        made = np.empty((len(firsts), self.dimension), dtype=np.float32)

        def call(first: int, last: int, cancel: Any, error: _library.Error) -> int:
            options.cancel = cancel
            status: int = _library.classify(self._handle, firsts.address(first), None if seconds is None else seconds.address(first), last - first,
                                            options, ctypes.sizeof(options), made[first:].ctypes.data, None, 0, error)
            return status

        self._run(firsts, call, progress, more_bytes=0 if seconds is None else seconds.bytes)
        return made

    def classify(self, texts: Any, seconds: Any = None, *, scores: str = "model", truncate: bool = True, progress: bool = False,
                 prompt: str | None = None) -> Scores:
        """Scores of each of the model's ``labels``.

        Args:
            texts: a text, or a list, numpy array, pandas series or Arrow array of texts.
            seconds: for pairs the second text of each, in the same form.
            scores: ``"model"`` (as the model says: sigmoid, or the logits themselves), ``"raw"`` (the logits) or ``"probability"`` (from 0 to 1:
                sigmoid of a single label, softmax over several).
            truncate: cut a text or pair at the model's limit; with ``False`` it raises ``InvalidInputError``.
            progress: count the texts on stderr.
            prompt: of pairs, as in ``rank``.

        Returns:
            ``[count, labels]`` of ``float32``; ``[labels]`` for a text.

        Raises:
            ModelError: the model is no classifier.
            InvalidInputError: a text or an argument cannot be used; ``text_index`` says which text.

        >>> model = Model("SamLowe/roberta-base-go_emotions", threads=1)
        >>> made = model.classify(["what a day", "oh no"], scores="probability")
        >>> made.shape == (2, len(model.labels)), bool((made.sum(axis=1) - 1 < 1e-5).all())
        (True, True)
        """
        one = isinstance(texts, str)
        firsts = texts_of([texts] if one else texts)
        others = None if seconds is None else texts_of([seconds] if isinstance(seconds, str) else seconds, is_second=True)
        if others is not None and len(others) != len(firsts):
            raise InvalidInputError(f"there are {len(firsts)} texts and {len(others)} second ones", "Pass as many of each.", "invalid_argument")
        made = self._classify(firsts, others, self._score_options(scores, truncate, prompt), progress)
        return made[0] if one else made

    def predict(self, sentences: Any, batch_size: int = 32, show_progress_bar: bool | None = None, activation_fn: Any = None,
                apply_softmax: bool | None = False, convert_to_numpy: bool = True, convert_to_tensor: bool = False, num_workers: int = 0,
                device: str | None = None, pool: None = None, chunk_size: int | None = None, prompt: str | None = None) -> Any:
        """Scores of pairs of texts, as ``sentence_transformers.CrossEncoder.predict`` gives them.

        Args:
            sentences: a pair of texts, or a list of pairs.
            batch_size, num_workers, device, pool, chunk_size: have no effect: pairs are not padded, and the library's threads take all cores.
            show_progress_bar: count the pairs on stderr.
            activation_fn: is given the logits as a torch tensor of ``[count, labels]``; ``None`` is the model's own, without torch.
            apply_softmax: of the scores of several labels.
            convert_to_numpy: an array; with ``False`` a list.
            convert_to_tensor: a torch tensor, which shares the array's memory.
            prompt: as in ``rank``.

        Returns:
            ``[count]`` of ``float32`` for a model with one label, ``[count, labels]`` for one with several; without ``count`` for a pair.

        Raises:
            ModelError: the model is no cross-encoder.
            InvalidInputError: a pair cannot be used; ``text_index`` says which.

        >>> model = Model("cross-encoder/ms-marco-MiniLM-L6-v2", threads=1)
        >>> model.predict([("how do cats purr", "Cats purr with the larynx."), ("how do cats purr", "Dogs bark.")]).shape
        (2,)
        """
        one = len(sentences) > 0 and isinstance(sentences[0], str)
        firsts, seconds = _columns([sentences] if one else sentences)
        options = self._score_options("model" if activation_fn is None else "raw", True, prompt)
        made = self._classify(firsts, seconds, options, bool(show_progress_bar))
        return self._given(self._activated(made, activation_fn, apply_softmax), one, convert_to_numpy, convert_to_tensor)

    def _activated(self, made: Scores, activation_fn: Any, apply_softmax: bool | None) -> Any:
        if activation_fn is not None:
            import torch

            made = np.asarray(activation_fn(torch.from_numpy(made)), dtype=np.float32)
        if apply_softmax and self.dimension > 1:
            made = _softmax(made)
        return made[:, 0] if self.dimension == 1 else made

    @staticmethod
    def _given(made: Scores, one: bool, convert_to_numpy: bool, convert_to_tensor: bool) -> Any:
        if convert_to_tensor:
            import torch

            tensor = torch.from_numpy(np.ascontiguousarray(made))
            return tensor[0] if one else tensor
        if one:
            return made[0]
        return made if convert_to_numpy else list(made)

    def rank(self, query: str, documents: Any, top_k: int | None = None, return_documents: bool = False, batch_size: int = 32,
             show_progress_bar: bool | None = None, num_workers: int = 0, activation_fn: Any = None, apply_softmax: bool | None = False,
             convert_to_numpy: bool = True, convert_to_tensor: bool = False, device: str | None = None, pool: None = None,
             chunk_size: int | None = None, prompt: str | None = None) -> list[dict[str, Any]]:
        """Documents in the order in which they answer a query, as ``sentence_transformers.CrossEncoder.rank`` gives them.

        Args:
            query: a text.
            documents: a list, numpy array, pandas series or Arrow array of texts.
            top_k: so many of the best; ``None`` is all of them.
            return_documents: with the documents' texts.
            batch_size, num_workers, apply_softmax, convert_to_numpy, device, pool, chunk_size: have no effect.
            show_progress_bar: count the documents on stderr.
            activation_fn: as in ``predict``.
            convert_to_tensor: scores are torch tensors.
            prompt: what a language model that ranks (Qwen3-Reranker) is told to look for, instead of its own instruction; other models refuse it.

        Returns:
            A dict for each document, the best one first and equal ones in their order: ``"corpus_id"`` (its place in the list), ``"score"``
            (a float), and ``"text"`` where it is asked for.

        Raises:
            ModelError: the model is no cross-encoder with one label.
            InvalidInputError: a document cannot be used; ``text_index`` says which.

        >>> model = Model("cross-encoder/ms-marco-MiniLM-L6-v2", threads=1)
        >>> best = model.rank("how do cats purr", ["Cats purr with the larynx.", "Dogs bark.", "It rains."], top_k=2, return_documents=True)
        >>> [list(one) for one in best]
        [['corpus_id', 'score', 'text'], ['corpus_id', 'score', 'text']]
        """
        if return_documents and not isinstance(documents, (list, tuple)):
            documents = documents.to_pylist() if hasattr(documents, "to_pylist") else list(documents)
        options = self._score_options("model" if activation_fn is None else "raw", True, prompt)
        made = self._rerank(texts_of([query]), texts_of(documents, is_second=True), options, bool(show_progress_bar))
        scores = self._given(self._activated(made.reshape(-1, 1), activation_fn, False), False, True, convert_to_tensor)
        order = np.argsort(-np.asarray(scores), kind="stable")[:top_k].tolist()
        if not convert_to_tensor:
            scores = scores.tolist()
        if return_documents:
            return [{"corpus_id": index, "score": scores[index], "text": documents[index]} for index in order]
        return [{"corpus_id": index, "score": scores[index]} for index in order]

    def _rerank(self, query: Texts, documents: Texts, options: _library.ScoreOptions, progress: bool) -> Scores:
        made = np.empty(len(documents), dtype=np.float32)

        def call(first: int, last: int, cancel: Any, error: _library.Error) -> int:
            options.cancel = cancel
            status: int = _library.rerank(self._handle, query.text(0), documents.address(first), last - first, options, ctypes.sizeof(options),
                                          made[first:].ctypes.data, None, None, 0, error)
            return status

        self._run(documents, call, progress, more_bytes=query.bytes * len(documents))
        return made
