"""Texts of any source as the array of ``aki_text`` that the library takes: an address and a length in bytes for each."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError

# The library's aki_text.
TEXT = np.dtype([("data", np.uintp), ("length", np.uintp)])
# The library takes the empty string as a second text only, and sentence-transformers everywhere: a blank has the same tokens, because
# nothing is left of it.
_BLANK = np.frombuffer(b" ", dtype=np.uint8)


class Texts:
    """A list of texts in UTF-8.

    Attributes:
        array: ``[count]`` of ``TEXT``.
        bytes: of all texts together.
        keep: whatever holds the bytes that ``array`` points to.
    """

    __slots__ = ("array", "bytes", "keep")

    def __init__(self, start: int, offsets: npt.NDArray[np.int64], keep: Any, is_second: bool) -> None:
        """``offsets``: ``[count + 1]``, where each text begins behind the address ``start``."""
        lengths = np.diff(offsets)
        self.array = np.empty(len(lengths), dtype=TEXT)
        self.array["data"] = offsets[:-1] + start
        self.array["length"] = lengths
        self.bytes = int(offsets[-1] - offsets[0]) if len(offsets) > 0 else 0
        self.keep = keep
        if not is_second and not lengths.all():
            empty = lengths == 0
            self.array["data"][empty] = _BLANK.ctypes.data
            self.array["length"][empty] = 1

    def __len__(self) -> int:
        return len(self.array)

    def address(self, index: int) -> int:
        """Of the text ``index``, behind which the others follow."""
        return int(self.array.ctypes.data) + index * self.array.itemsize


def _from_strings(texts: Iterable[Any], is_second: bool) -> Texts:
    parts: list[bytes] = []
    try:
        # Half a surrogate pair is let through, so that the library says which text has it.
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    except AttributeError:
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise InvalidInputError(f"text {index} is not a string but {type(text).__name__}", "Pass strings only.", "invalid_argument",
                                        index) from None
        raise
    data = b"".join(parts)
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)), out=offsets[1:])
    held = np.frombuffer(data, dtype=np.uint8) if data else _BLANK
    return Texts(held.ctypes.data, offsets, held, is_second)


def _from_arrow(array: Any, is_second: bool) -> Texts:
    """A pyarrow array or chunked array of strings, whose bytes are used where they are."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if array.null_count > 0:
        index = array.is_null().index(True).as_py()
        raise InvalidInputError(f"text {index} is null", "Leave rows without a text out, or fill them with the empty string.",
                                "invalid_argument", index)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_string())
    width = np.dtype(np.int64 if pa.types.is_large_string(array.type) else np.int32)
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return _from_strings([], is_second)
    bounds = np.frombuffer(offsets, dtype=width, count=len(array) + 1, offset=array.offset * width.itemsize).astype(np.int64)
    return Texts(data.address if data is not None else 0, bounds, array, is_second)


def texts_of(texts: Any, is_second: bool = False) -> Texts:
    """From a list, tuple, numpy array or pandas series of ``str``, or from an Arrow array of strings without a copy. ``is_second``: they are
    the second texts of pairs, which may be empty."""
    if type(texts).__module__.partition(".")[0] == "pyarrow":
        return _from_arrow(texts, is_second)
    if not isinstance(texts, (list, tuple)):
        texts = list(texts)
    return _from_strings(texts, is_second)
