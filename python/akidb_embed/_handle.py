"""A model's handle in the library: opening, what it says of itself, calls of any number of threads, closing."""
from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from . import _interrupt, _library
from ._texts import Texts
from .errors import EmbedError, InvalidInputError

# So much of the library's work is done before anyone who pressed Ctrl-C notices: a few hundredths of a second of one core.
_SHORT_CALL_OPERATIONS = 2e9
# A token has three bytes or more but in rare texts.
_BYTES_PER_TOKEN = 3
# Texts of one call into the library: many, because its threads wait for the last of them, and few enough for its memory to be bounded.
CALL_TEXTS = 1 << 17
_PROGRESS_TEXTS = 1 << 10

# Texts ``first`` to ``last``, not included, by one call into the library, which looks at the flag and fills the error. Gives the status.
SliceCall = Callable[[int, int, Any, _library.Error], int]


class Handle:
    """The open model. ``dimension`` is the length of a vector, or the number of ``labels``.

    Attributes:
        architecture: ``model_type`` of its config.json, such as ``"bert"``.
        task: ``"embed"``; ``"classify"`` for a classifier or cross-encoder; ``"sparse"`` for a model that gives weights of token ids alone.
        gives_sparse: ``encode_sparse`` can be used. ``vocabulary_size`` is the number of token ids.
        token_dimension: of the vectors of tokens.
        labels: the classifier's, in the order of its scores; ``[]`` for an embedding model.
        precision, cpu_tier, threads: those that were chosen.
        max_seq_length: tokens per text or pair, special ones included.
        weight_bytes: memory that weights take.
        prefix_cache_bytes: memory that common beginnings of texts may take; 0 where none are kept.
        prompts: name and text of each of the model's prompts.
    """

    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()
        self._lock = threading.Condition(threading.Lock())
        self._calls = 0

    def _open(self, folder: str, precision: str, threads: int, cpu_tier: str | None, max_pass_tokens: int,
              weights_cache: str | os.PathLike[str] | None, prefix_cache_mb: int | None) -> None:
        settings = _library.Settings()
        _library.settings_init(settings, ctypes.sizeof(settings))
        settings.precision = _library.PRECISIONS.index(precision)
        settings.threads = threads
        settings.cpu_tier = cpu_tier.encode() if cpu_tier is not None else None
        settings.max_pass_tokens = max_pass_tokens
        settings.weights_cache = os.fsencode(weights_cache) if weights_cache is not None else None
        if prefix_cache_mb is not None:
            settings.prefix_cache_bytes = prefix_cache_mb * 1_000_000 or _library.NO_PREFIX_CACHE
        error = _library.Error()
        if _library.open_model(self._handle, os.fsencode(folder), settings, error) != 0:
            raise _library.exception(error)
        info = _library.ModelInfo()
        _library.describe(self._handle, info, ctypes.sizeof(info))
        self.architecture: str = info.architecture.decode()
        self.task = _library.TASKS[_library.task(self._handle)]
        self.precision = _library.PRECISIONS[info.precision]
        self.cpu_tier: str = info.cpu_tier.decode()
        self.threads: int = info.threads
        self.weight_bytes: int = info.weight_bytes
        self.prefix_cache_bytes: int = info.prefix_cache_bytes
        self.hidden_size: int = info.hidden_size
        self.token_dimension: int = info.token_dimension
        self.vocabulary_size: int = info.vocabulary_size
        self.gives_sparse: bool = info.gives_sparse
        self.default_prompt_name: str | None = info.default_prompt_name.decode() if info.default_prompt_name else None
        self.dimension: int = _library.dimension(self._handle)
        self.max_seq_length: int = _library.max_tokens(self._handle)
        self.prompts = self._read_prompts()
        self.labels = self._read_labels()
        per_token = info.layers * info.hidden_size * (8 * info.hidden_size + 4 * info.intermediate_size)
        self._short_bytes = _SHORT_CALL_OPERATIONS / max(per_token, 1) * _BYTES_PER_TOKEN

    def _read_prompts(self) -> dict[str, str]:
        prompts: dict[str, str] = {}
        name, text = ctypes.c_char_p(), _library.Text()
        while _library.prompt(self._handle, len(prompts), name, text):
            prompts[(name.value or b"").decode()] = ctypes.string_at(text.data, text.length).decode() if text.length else ""
        return prompts

    def _read_labels(self) -> list[str]:
        labels: list[str] = []
        while (name := _library.label(self._handle, len(labels))) is not None:
            labels.append(name.decode())
        return labels

    def close(self) -> None:
        """Ends the model's threads and frees it, once the calls that are under way have ended. Closing twice is allowed."""
        with self._lock:
            while self._calls > 0:
                self._lock.wait()
            _library.close_model(self._handle)

    def __del__(self) -> None:
        # A call that is under way holds the model, so there is none. An interpreter that ends may have dropped the module already.
        if getattr(self, "_handle", None) and _library is not None:
            _library.close_model(self._handle)

    def _enter(self) -> None:
        with self._lock:
            if not self._handle:
                raise EmbedError("the model is closed", "Open it again.", "invalid_argument")
            self._calls += 1

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            if self._calls == 0:
                self._lock.notify_all()

    def _call(self, function: SliceCall, first: int, last: int, size: int) -> None:
        """One call into the library, of ``size`` bytes of text. Raises its error."""
        error = _library.Error()

        # The thread that runs it holds the function, and so the memory that the library reads and writes.
        def run(cancel: Any) -> int:
            self._enter()
            try:
                return function(first, last, cancel, error)
            finally:
                self._leave()

        if _interrupt.call(run, size <= self._short_bytes) != 0:
            failure = _library.exception(error)
            if failure.text_index is not None:
                failure.text_index += first
            raise failure

    def _run(self, given: Texts, function: SliceCall, progress: bool = False, step: int | None = None, more_bytes: int = 0) -> None:
        """All texts, ``step`` at a time. ``more_bytes``: of other texts that are computed with them."""
        most = CALL_TEXTS if step is None else step
        if progress:
            most = min(most, _PROGRESS_TEXTS)
        count, started = len(given), time.monotonic() if progress else 0
        for first in range(0, count, most):
            last = min(first + most, count)
            self._call(function, first, last, given.bytes + more_bytes)
            if progress:
                _print_progress(last, count, started)

    def _embed_options(self, prompt_name: str | None, prompt: str | None, normalize: bool | None = None, dimensions: int | None = None,
                       pooling: str | None = None, truncate: bool = True) -> _library.EmbedOptions:
        options = _library.EmbedOptions()
        if pooling is not None:
            if pooling not in _library.POOLINGS:
                raise InvalidInputError(f"pooling {pooling!r} is not known", f"Use one of {', '.join(_library.POOLINGS[1:])}.", "invalid_argument")
            options.pooling = _library.POOLINGS.index(pooling)
        if normalize is not None:
            options.normalize = _library.ON if normalize else _library.OFF
        options.refuse_long = not truncate
        if dimensions is not None:
            if dimensions < 1:
                raise InvalidInputError(f"dimensions is {dimensions}", f"Use 1 to {self.dimension}.", "invalid_argument")
            options.dimensions = dimensions
        options.prompt_name = prompt_name.encode() if prompt_name is not None else None
        if prompt is not None:
            data = prompt.encode("utf-8", "surrogatepass")
            # The struct holds the address only.
            options._prompt = kept = ctypes.create_string_buffer(data)
            options.prompt = _library.Text(ctypes.addressof(kept), len(data))
        return options

    def token_text(self, token_id: int) -> str | None:
        """Text of a token as in the vocabulary, or ``None`` for an unknown id.

        >>> Model("sentence-transformers/all-MiniLM-L6-v2", threads=1).token_text(4937)
        'cat'
        """
        self._enter()
        try:
            text = _library.token_text(self._handle, token_id)
        finally:
            self._leave()
        return None if text is None else text.decode()


def _print_progress(done: int, count: int, started: float) -> None:
    rate = done / max(time.monotonic() - started, 1e-9)
    print(f"\r{done:,} of {count:,} texts, {rate:,.0f} a second\x1b[K", end="\n" if done == count else "", file=sys.stderr, flush=True)
