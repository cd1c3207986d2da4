"""A model in this process, with the interface of sentence-transformers."""
from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _interrupt, _library
from ._texts import texts_of
from .errors import InvalidInputError
from .hub import locate
from .scoring import Scoring
from .sparse import SparseEncoding

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

# Texts whose token vectors the library holds before they are copied.
_TOKEN_TEXTS = 1 << 9
# Vectors of so many bytes have a mapping of their own.
_MAPPED_BYTES = 1 << 20
# As much as --prefix-cache-mb takes.
_MOST_MB = 1_000_000
_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
OUTPUT_TYPES = ("float32", "int8", "uint8", "binary", "ubinary")


def room_for_vectors(count: int, dimension: int) -> Vectors:
    """``[count, dimension]`` of ``float32``, unset. A large one goes back to the system when it is freed: each call's thread has a heap of its
    own, which would keep the room for one."""
    size = count * dimension * 4
    if size < _MAPPED_BYTES:
        return np.empty((count, dimension), dtype=np.float32)
    return np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE), dtype=np.float32).reshape(count, dimension)


def quantize(vectors: Vectors, precision: str) -> npt.NDArray[Any]:
    """Vectors in a smaller type, with the values that the server gives for its output types.

    Args:
        vectors: ``[count, dimension]`` of ``float32``, of length 1.
        precision: ``"int8"`` (the nearest whole number to 127 times the float), ``"uint8"`` (that plus 128), ``"ubinary"`` (a bit for each
            number, 1 where it is above 0, packed as numpy packs them) or ``"binary"`` (those bytes less 128).

    >>> quantize(np.array([[0.6, -0.8, 0, 0, 0, 0, 0, 0]], dtype=np.float32), "int8")[0, :2]
    array([  76, -102], dtype=int8)
    """
    if precision == "float32":
        return vectors
    if precision in ("binary", "ubinary"):
        bits: npt.NDArray[np.uint8] = np.packbits(vectors > 0, axis=-1)
        less: npt.NDArray[np.int16] = bits.astype(np.int16) - 128
        return bits if precision == "ubinary" else less.astype(np.int8)
    if precision in ("int8", "uint8"):
        whole: npt.NDArray[np.int16] = np.rint(np.clip(vectors, -1, 1) * np.float32(127)).astype(np.int16)
        return whole.astype(np.int8) if precision == "int8" else (whole + 128).astype(np.uint8)
    raise InvalidInputError(f"precision {precision!r} is not known", f"Use one of {', '.join(OUTPUT_TYPES)}.", "invalid_argument")


class Model(Scoring, SparseEncoding):
    """A model with its threads, one for each core. It may be used from any number of Python threads at once.

    Args:
        model_name_or_path: a folder, or a model's name on the hub, which is downloaded where the cache has it not.
        precision: how it computes: ``"auto"`` (the fastest that stays within the documented accuracy), ``"fp32"``, ``"bf16"``, ``"int8"``
            or ``"int4"``.
        threads: of the library; 0 is one per core that this process may use.
        cpu_tier: the kernels, one of ``akidb_embed.cpu_tiers()``; ``None`` is the best.
        max_pass_tokens: upper bound of tokens that one thread computes at once; 0 is the default.
        weights_cache: a folder of packed weights, which opening in int8 or int4 reads again.
        prefix_cache_mb: memory in MB, of 1,000,000 bytes, for what texts of a causal model begin with in common, such as an instruction, so
            that it is computed once; vectors stay the same bits. ``None`` is the default (128), 0 is none.
        truncate_dim: keep so many numbers of each vector, unless ``encode`` is told otherwise.
        cache_folder, revision, token, local_files_only: as in ``akidb_embed.locate``.
        device: ``None`` or ``"cpu"``.

    Raises:
        ModelError: the model is missing, damaged or of a kind that is not run.
        InvalidInputError: an argument is not valid.

    >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
    >>> model.encode("a cat sits on the mat").shape
    (384,)
    >>> model.encode(["a cat", "a dog"]).dtype
    dtype('float32')
    """

    device = "cpu"

    def __init__(self, model_name_or_path: str | os.PathLike[str], *, precision: str = "auto", threads: int = 0, cpu_tier: str | None = None,
                 max_pass_tokens: int = 0, weights_cache: str | os.PathLike[str] | None = None, prefix_cache_mb: int | None = None, truncate_dim: int | None = None,
                 cache_folder: str | os.PathLike[str] | None = None, revision: str | None = None, token: str | None = None,
                 local_files_only: bool = False, device: str | None = None) -> None:
        super().__init__()
        if device not in (None, "cpu"):
            raise InvalidInputError(f"device {device!r} is not known", "Leave it out: the model runs on the CPU.", "invalid_argument")
        if precision not in _library.PRECISIONS:
            raise InvalidInputError(f"precision {precision!r} is not known", f"Use one of {', '.join(_library.PRECISIONS)}.", "invalid_argument")
        if prefix_cache_mb is not None and not 0 <= prefix_cache_mb <= _MOST_MB:
            raise InvalidInputError(f"prefix_cache_mb is {prefix_cache_mb}", f"Use 0 to {_MOST_MB}, or leave it out.", "invalid_argument")
        self.folder = locate(model_name_or_path, cache_folder=cache_folder, revision=revision, token=token, local_files_only=local_files_only)
        self.truncate_dim = truncate_dim
        # The folder, so that another process opens the very same files.
        self._arguments = {"precision": precision, "threads": threads, "cpu_tier": cpu_tier, "max_pass_tokens": max_pass_tokens,
                           "weights_cache": weights_cache, "prefix_cache_mb": prefix_cache_mb, "truncate_dim": truncate_dim}
        self._open(self.folder, precision, threads, cpu_tier, max_pass_tokens, weights_cache, prefix_cache_mb)

    # ---- Life ----

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.folder, self._arguments)

    def __repr__(self) -> str:
        return f"Model({self.folder!r}, precision={self.precision!r}, threads={self.threads}, cpu_tier={self.cpu_tier!r})"

    # ---- Vectors ----

    def encode(self, sentences: Any, prompt_name: str | None = None, prompt: str | None = None, batch_size: int = 32,
               show_progress_bar: bool | None = None, output_value: str | None = "sentence_embedding", precision: str = "float32",
               convert_to_numpy: bool = True, convert_to_tensor: bool = False, device: str | None = None,
               normalize_embeddings: bool = False, truncate_dim: int | None = None, pool: None = None,
               chunk_size: int | None = None) -> Any:
        """Vectors of texts, as ``sentence_transformers.SentenceTransformer.encode`` gives them.

        Args:
            sentences: a text, or a list, numpy array, pandas series or Arrow array of texts.
            prompt_name: which of the model's prompts stands before each text; without it the model's default prompt, if it has one.
            prompt: a text that stands before each text, instead of a prompt by name; ``""`` is no prompt.
            batch_size: has no effect: texts are not padded, so the library packs its passes by tokens.
            show_progress_bar: count the texts on stderr.
            output_value: ``"sentence_embedding"``; or ``"token_embeddings"``, the last hidden states of each text's tokens, special ones included,
                not pooled, or what the model's ColBERT head makes of them: of the arguments below only ``convert_to_tensor`` has an effect then.
            precision: of the vectors: ``"float32"``, ``"int8"``, ``"uint8"``, ``"binary"``, ``"ubinary"`` (see ``quantize``).
            convert_to_numpy: an array; with ``False`` a list of arrays.
            convert_to_tensor: a torch tensor, which shares the array's memory.
            device: ``None`` or ``"cpu"``.
            normalize_embeddings: scale each vector to length 1, whatever the model does.
            truncate_dim: keep so many numbers of each vector, the first ones. They are scaled to length 1 again where
                ``normalize_embeddings`` says so, as in sentence-transformers.
            pool, chunk_size: have no effect: the library uses all cores by itself.

        Returns:
            ``[count, dimension]`` of ``float32`` for a list, ``[dimension]`` for a text. Vectors of tokens: a list of ``[tokens, token_dimension]``
            of ``float32``, one for each text, and one such array for a text.

        Raises:
            ModelError: the model gives scores, not vectors.
            InvalidInputError: a text or an argument cannot be used; ``text_index`` says which text.
            KeyboardInterrupt: within a tenth of a second of Ctrl-C.

        >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
        >>> model.encode(["a cat", "a dog"], truncate_dim=64, normalize_embeddings=True).shape
        (2, 64)
        >>> model.encode("a cat", precision="ubinary").shape
        (48,)
        >>> model.encode("a cat", output_value="token_embeddings").shape
        (4, 384)
        """
        if output_value not in ("sentence_embedding", "token_embeddings"):
            raise InvalidInputError(f"output_value {output_value!r} is not supported", 'Use "sentence_embedding" or "token_embeddings".',
                                    "invalid_argument")
        if device not in (None, "cpu"):
            raise InvalidInputError(f"device {device!r} is not known", "Leave it out: the model runs on the CPU.", "invalid_argument")
        if precision not in OUTPUT_TYPES:
            raise InvalidInputError(f"precision {precision!r} is not known", f"Use one of {', '.join(OUTPUT_TYPES)}.", "invalid_argument")
        one = isinstance(sentences, str)
        if output_value == "token_embeddings":
            return self._encode_tokens([sentences] if one else sentences, one, prompt_name, prompt, bool(show_progress_bar), convert_to_tensor)
        dimension = truncate_dim if truncate_dim is not None else self.truncate_dim
        vectors = self.embed([sentences] if one else sentences, prompt_name=prompt_name, prompt=prompt,
                             normalize=True if normalize_embeddings else None, dimensions=dimension if normalize_embeddings else None,
                             progress=bool(show_progress_bar))
        if dimension is not None and dimension < vectors.shape[1]:
            vectors = np.ascontiguousarray(vectors[:, :dimension])
        made = quantize(vectors, precision)
        if convert_to_tensor:
            import torch

            tensor = torch.from_numpy(made)
            return tensor[0] if one else tensor
        if one:
            return made[0]
        return made if convert_to_numpy else list(made)

    def _encode_tokens(self, texts: Any, one: bool, prompt_name: str | None, prompt: str | None, progress: bool, convert_to_tensor: bool) -> Any:
        rows: list[Any] = self._token_vectors(texts, prompt_name, prompt, progress)
        if convert_to_tensor:
            import torch

            rows = [torch.from_numpy(row) for row in rows]
        return rows[0] if one else rows

    def _encode_as(self, names: Sequence[str], sentences: Any, arguments: dict[str, Any]) -> Any:
        if arguments.get("prompt_name") is None and arguments.get("prompt") is None:
            arguments["prompt"] = next((self.prompts[name] for name in names if self.prompts.get(name)), "")
        return self.encode(sentences, **arguments)

    def encode_query(self, sentences: Any, **arguments: Any) -> Any:
        """As ``encode``, with the model's prompt for queries where it has one."""
        return self._encode_as(_QUERY_PROMPTS, sentences, arguments)

    def encode_document(self, sentences: Any, **arguments: Any) -> Any:
        """As ``encode``, with the model's prompt for documents where it has one."""
        return self._encode_as(_DOCUMENT_PROMPTS, sentences, arguments)

    def encode_stream(self, sentences: Iterable[str], chunk_size: int = 8192, **arguments: Any) -> Iterator[Any]:
        """Vectors of as many texts as an iterator gives, in arrays of ``[chunk_size, dimension]``. While one is in use the next one is computed;
        memory stays bounded by three chunks. Other arguments are those of ``encode``.

        >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
        >>> [part.shape for part in model.encode_stream((f"text {n}" for n in range(5)), chunk_size=2)]
        [(2, 384), (2, 384), (1, 384)]
        """
        texts = iter(sentences)
        return _interrupt.ahead(lambda chunk: self.encode(chunk, **arguments), iter(lambda: list(islice(texts, chunk_size)), []))

    def embed(self, texts: Any, *, prompt_name: str | None = None, prompt: str | None = None, normalize: bool | None = None,
              dimensions: int | None = None, pooling: str | None = None, truncate: bool = True, progress: bool = False,
              out: Vectors | None = None) -> Vectors:
        """Vectors of a list of texts, with all that the C library offers.

        Args:
            texts: a list, numpy array, pandas series or Arrow array of texts. Arrow's bytes are read where they are.
            prompt_name, prompt: as in ``encode``.
            normalize: scale each vector to length 1; ``None`` is as the model does.
            dimensions: keep so many numbers, the first ones, and unless ``normalize`` is ``False`` scale them to length 1 again.
            pooling: ``"mean"``, ``"cls"``, ``"max"``, ``"lasttoken"``, ``"mean_sqrt_len_tokens"``, ``"weightedmean"``; ``None`` is the model's.
            truncate: cut a text at the model's limit; with ``False`` such a text raises ``InvalidInputError``.
            progress: count the texts on stderr.
            out: where the vectors go: ``[count, dimension]`` of ``float32``, C-contiguous.

        Returns:
            ``[count, dimension]`` of ``float32``; ``out`` where it is given.

        >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
        >>> model.embed(["a cat"], dimensions=32).shape
        (1, 32)
        """
        if isinstance(texts, (str, bytes)):
            raise InvalidInputError("texts is one text, not a list", "Pass [text], or use encode.", "invalid_argument")
        options = self._embed_options(prompt_name, prompt, normalize, dimensions, pooling, truncate)
        given = texts_of(texts)
        shape = (len(given), dimensions or self.dimension)
        vectors = room_for_vectors(*shape) if out is None else out
        if vectors.shape != shape or vectors.dtype != np.float32 or not vectors.flags.c_contiguous or not vectors.flags.writeable:
            raise InvalidInputError(f"out is not a writable, C-contiguous array of float32 of the shape {shape}", "Correct it.", "invalid_argument")

        def call(first: int, last: int, cancel: Any, error: _library.Error) -> int:
            options.cancel = cancel
            status: int = _library.embed(self._handle, given.address(first), last - first, options, ctypes.sizeof(options),
                                         vectors.ctypes.data + first * vectors.strides[0], None, 0, error)
            return status

        self._run(given, call, progress)
        return vectors

    def _token_vectors(self, texts: Any, prompt_name: str | None, prompt: str | None, progress: bool) -> list[Vectors]:
        options, given = self._embed_options(prompt_name, prompt), texts_of(texts)
        rows: list[Vectors] = []

        def call(first: int, last: int, cancel: Any, error: _library.Error) -> int:
            options.cancel = cancel
            made = (_library.TokenVectors * (last - first))()
            status: int = _library.embed_tokens(self._handle, given.address(first), last - first, options, ctypes.sizeof(options), made, error)
            if status == 0:
                try:
                    rows.extend(np.ctypeslib.as_array(one.vectors, (one.count, self.token_dimension)).copy() for one in made)
                finally:
                    _library.token_vectors_free(made, last - first)
            return status

        self._run(given, call, progress, _TOKEN_TEXTS)
        return rows

    # ---- Beside vectors ----

    def tokenize(self, texts: Any, max_length: int | None = None) -> Any:
        """Token ids of a text, ``[count]`` of ``int32``, or a list of them for a list of texts; special tokens are among them.

        Args:
            texts: a text or a list of texts.
            max_length: cut behind so many tokens; 0 is uncut, ``None`` is at the model's limit.

        >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
        >>> model.tokenize("a cat").tolist()
        [101, 1037, 4937, 102]
        """
        one = isinstance(texts, str)
        given = texts_of([texts] if one else texts)
        limit = self.max_seq_length if max_length is None else max_length
        rows: list[npt.NDArray[np.int32]] = []
        error, tokens = _library.Error(), _library.Tokens()
        self._enter()
        try:
            for index in range(len(given)):
                if _library.tokenize(self._handle, given.text(index), limit, tokens, error) != 0:
                    failure = _library.exception(error)
                    failure.text_index = index
                    raise failure
                rows.append(np.ctypeslib.as_array(tokens.ids, (tokens.count,)).copy())
                _library.tokens_free(tokens)
        finally:
            self._leave()
        return rows[0] if one else rows

    def similarity(self, embeddings1: Any, embeddings2: Any) -> npt.NDArray[np.float32]:
        """Cosine of each vector of the first with each of the second.

        Args:
            embeddings1: ``[n, dimension]`` or ``[dimension]``.
            embeddings2: ``[m, dimension]`` or ``[dimension]``.

        Returns:
            ``[n, m]`` of ``float32``.

        >>> model = Model("sentence-transformers/all-MiniLM-L6-v2", threads=1)
        >>> cat, kitten, bank = model.encode(["a cat", "a kitten", "the bank raised its rates"])
        >>> bool(model.similarity(cat, kitten)[0, 0] > model.similarity(cat, bank)[0, 0])
        True
        """
        scores: npt.NDArray[np.float32] = _unit(embeddings1) @ _unit(embeddings2).T
        return scores

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> npt.NDArray[np.float32]:
        """Cosine of each vector of the first with the one at its place in the second: ``[n]`` of ``float32``."""
        scores: npt.NDArray[np.float32] = np.einsum("ij,ij->i", _unit(embeddings1), _unit(embeddings2))
        return scores

    def get_sentence_embedding_dimension(self) -> int:
        """Numbers per vector, ``truncate_dim`` where the model was opened with one."""
        return self.dimension if self.truncate_dim is None else min(self.truncate_dim, self.dimension)

    def get_max_seq_length(self) -> int:
        """Tokens per text, special ones included."""
        return self.max_seq_length


def _unit(vectors: Any) -> Vectors:
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit


def _reopen(folder: str, arguments: dict[str, Any]) -> Model:
    return Model(folder, **arguments)
