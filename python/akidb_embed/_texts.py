"""Texts of any source as the array of ``aki_text`` that the library takes: an address and a length in bytes for each."""
from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _library
from .errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

# The library's aki_text.
TEXT = np.dtype([("data", np.uintp), ("length", np.uintp)])
# The library takes the empty string as a second text only, and sentence-transformers everywhere: a blank has the same tokens, because
# nothing is left of it.
_BLANK = np.frombuffer(b" ", dtype=np.uint8)


class _One(ctypes.Structure):
    """An aki_text that holds the bytes it points to."""

    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Texts:
    """A list of texts in UTF-8.

    Attributes:
        bytes: of all texts together.
        keep: whatever holds the list, and the bytes that it points to.
    """

    __slots__ = ("bytes", "keep", "_count", "_place")

    def __init__(self, place: int, count: int, size: int, keep: Any) -> None:
        """``place``: the address of ``[count]`` of ``TEXT``."""
        self._place, self._count, self.bytes, self.keep = place, count, size, keep

    def __len__(self) -> int:
        return self._count

    def address(self, index: int) -> int:
        """Of the text ``index``, behind which the others follow."""
        return self._place + index * TEXT.itemsize

    def text(self, index: int) -> _library.Text:
        """The text ``index``, which lives as long as this list."""
        return _library.Text.from_address(self.address(index))


def _from_offsets(start: int, offsets: npt.NDArray[np.int64], keep: Any, is_second: bool) -> Texts:
    """``offsets``: ``[count + 1]``, where each text begins behind the address ``start``."""
    lengths = np.diff(offsets)
    array = np.empty(len(lengths), dtype=TEXT)
    array["data"] = offsets[:-1] + start
    array["length"] = lengths
    if not is_second and not lengths.all():
        empty = lengths == 0
        array["data"][empty] = _BLANK.ctypes.data
        array["length"][empty] = 1
    return Texts(array.ctypes.data, len(array), int(offsets[-1] - offsets[0]), (array, keep))


def _refuse(texts: Iterable[Any]) -> None:
    """Raises for the first that is no string."""
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(f"text {index} is not a string but {type(text).__name__}", "Pass strings only.", "invalid_argument", index)


def _from_strings(texts: Any, is_second: bool) -> Texts:
    try:
        # Half a surrogate pair is let through, so that the library says which text has it.
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    except AttributeError:
        _refuse(texts)
        raise
    if len(parts) == 1:  # a query, without the arrays that are quick for many texts
        one = _One(parts[0] or (b"" if is_second else b" "), len(parts[0]) or int(not is_second))
        return Texts(ctypes.addressof(one), 1, one.length, one)
    data = b"".join(parts)
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)), out=offsets[1:])
    held = np.frombuffer(data, dtype=np.uint8) if data else _BLANK
    return _from_offsets(held.ctypes.data, offsets, held, is_second)


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
    return _from_offsets(data.address if data is not None else 0, bounds, array, is_second)


def texts_of(texts: Any, is_second: bool = False) -> Texts:
    """From a list, tuple, numpy array or pandas series of ``str``, or from an Arrow array of strings without a copy. ``is_second``: they are
    the second texts of pairs, which may be empty."""
    if type(texts).__module__.partition(".")[0] == "pyarrow":
        return _from_arrow(texts, is_second)
    if not isinstance(texts, (list, tuple)):
        texts = list(texts)
    return _from_strings(texts, is_second)
