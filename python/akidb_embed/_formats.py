"""The formats of files with texts and vectors: how the rows of a file are counted, read and written.

A file consists of groups of rows: row groups of Parquet, record batches of Arrow. Each format is a class and an entry of ``FORMATS``. The
first bytes of a file tell its format, because its name may be any.
"""
from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from .errors import InvalidInputError


def file_system(path: str) -> tuple[Any, str]:
    """Arrow's file system of a path or URI, and the path in it."""
    if "://" not in path:
        return pafs.LocalFileSystem(), path
    found, inner = pafs.FileSystem.from_uri(path)
    return found, inner


class Format:
    """A file format: how it is read and written. No method keeps more than one group in memory.

    Attributes:
        name: in ``FORMATS`` and for ``--format``.
        suffixes: of the names of such files; the first one is that of the files which are written.
    """

    name: str
    suffixes: tuple[str, ...]

    @classmethod
    def schema(cls, path: str) -> Any:
        raise NotImplementedError

    @classmethod
    def rows(cls, path: str) -> list[int]:
        """Rows of each group."""
        raise NotImplementedError

    @classmethod
    def batches(cls, path: str, first: int, last: int, columns: Sequence[str] | None, most: int) -> Iterator[Any]:
        """Record batches of up to ``most`` rows, of the groups ``first`` to ``last``, not included. ``columns``: ``None`` is all of them."""
        raise NotImplementedError

    @classmethod
    def groups(cls, path: str) -> Iterator[Any]:
        """Whole groups, as tables or record batches."""
        raise NotImplementedError

    @classmethod
    def writer(cls, sink: Any, schema: Any, vector_column: str) -> Any:
        """With ``write``, which takes a table or record batch, and ``close``."""
        raise NotImplementedError


class Parquet(Format):
    """Parquet. All but the vectors is compressed by Snappy."""

    name = "parquet"
    suffixes = (".parquet",)

    @classmethod
    def rows(cls, path: str) -> list[int]:
        system, inner = file_system(path)
        with system.open_input_file(inner) as source:
            metadata = pq.ParquetFile(source).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    @classmethod
    def schema(cls, path: str) -> Any:
        system, inner = file_system(path)
        with system.open_input_file(inner) as source:
            return pq.ParquetFile(source).schema_arrow

    @classmethod
    def batches(cls, path: str, first: int, last: int, columns: Sequence[str] | None, most: int) -> Iterator[Any]:
        system, inner = file_system(path)
        with system.open_input_file(inner) as source:
            # Without pre_buffer=False pyarrow would keep what it has read until the file is closed.
            file = pq.ParquetFile(source, pre_buffer=False)
            yield from file.iter_batches(most, row_groups=range(first, last), columns=columns)

    @classmethod
    def groups(cls, path: str) -> Iterator[Any]:
        system, inner = file_system(path)
        with system.open_input_file(inner) as source:
            file = pq.ParquetFile(source, pre_buffer=False)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)

    @classmethod
    def writer(cls, sink: Any, schema: Any, vector_column: str) -> Any:
        # pyarrow wants the names of leaves, such as embedding.list.element, and does not compress those that are left out.
        empty = pa.BufferOutputStream()
        pq.write_table(schema.empty_table(), empty)
        leaves = [column.path for column in pq.ParquetFile(pa.BufferReader(empty.getvalue())).schema]
        # Vectors have no repeats for a dictionary to find, and no order that would make them smaller.
        others = [leaf for leaf in leaves if not leaf.startswith(vector_column + ".list.")]
        return pq.ParquetWriter(sink, schema, use_dictionary=others, compression={leaf: "SNAPPY" if leaf in others else "NONE" for leaf in leaves})


def _open(path: str) -> Any:
    """Mapped into memory where the file is a local one, so that record batches are used where they are."""
    system, inner = file_system(path)
    return pa.memory_map(inner) if isinstance(system, pafs.LocalFileSystem) else system.open_input_file(inner)


def _places(schema: Any, columns: Sequence[str] | None) -> list[int]:
    return list(range(len(schema))) if columns is None else [index for index, name in enumerate(schema.names) if name in columns]


def _cheapest(schema: Any) -> list[int]:
    """A column by which rows are counted: one whose values have a fixed width, if there is one."""
    fixed = [index for index, field in enumerate(schema) if pa.types.is_primitive(field.type)]
    return fixed[:1] or [0][: len(schema)]


def _sliced(batch: Any, most: int) -> Iterator[Any]:
    for start in range(0, batch.num_rows, most):
        yield batch.slice(start, most)


class _Arrow(Format):
    """Both forms of Arrow's IPC. They are written without compression: vectors are most of the bytes and would not get smaller, and readers
    use such a file where it is mapped into memory, without a copy."""

    @classmethod
    def rows(cls, path: str) -> list[int]:
        # An empty list of columns would stand for all of them.
        places = _cheapest(cls.schema(path))
        return [batch.num_rows for batch in cls._read(path, places, 0, None)]

    @classmethod
    def batches(cls, path: str, first: int, last: int, columns: Sequence[str] | None, most: int) -> Iterator[Any]:
        for batch in cls._read(path, _places(cls.schema(path), columns), first, last):
            yield from _sliced(batch, most)

    @classmethod
    def groups(cls, path: str) -> Iterator[Any]:
        return cls._read(path, _places(cls.schema(path), None), 0, None)

    @classmethod
    def _read(cls, path: str, places: Sequence[int], first: int, last: int | None) -> Iterator[Any]:
        """Record batches ``first`` to ``last``, not included; ``None`` is all."""
        raise NotImplementedError


class ArrowFile(_Arrow):
    """Arrow's IPC file, which is Feather of version 2."""

    name = "arrow"
    suffixes = (".arrow", ".feather")

    @classmethod
    def schema(cls, path: str) -> Any:
        with _open(path) as source:
            return pa.ipc.open_file(source).schema

    @classmethod
    def _read(cls, path: str, places: Sequence[int], first: int, last: int | None) -> Iterator[Any]:
        with _open(path) as source:
            reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=list(places)))
            for index in range(first, reader.num_record_batches if last is None else last):
                yield reader.get_batch(index)

    @classmethod
    def writer(cls, sink: Any, schema: Any, vector_column: str) -> Any:
        return pa.ipc.new_file(sink, schema)


class ArrowStream(_Arrow):
    """Arrow's IPC stream, which Hugging Face's datasets writes too, into files that end in .arrow. It has no index: to
    reach a record batch, the heads of all before it are read."""

    name = "arrows"
    suffixes = (".arrows",)

    @classmethod
    def schema(cls, path: str) -> Any:
        with _open(path) as source:
            return pa.ipc.open_stream(source).schema

    @classmethod
    def _read(cls, path: str, places: Sequence[int], first: int, last: int | None) -> Iterator[Any]:
        with _open(path) as source:
            reader = pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(included_fields=list(places)))
            for index, batch in enumerate(reader):
                if last is not None and index >= last:
                    return
                if index >= first:
                    yield batch

    @classmethod
    def writer(cls, sink: Any, schema: Any, vector_column: str) -> Any:
        return pa.ipc.new_stream(sink, schema)


FORMATS: dict[str, type[Format]] = {kind.name: kind for kind in (Parquet, ArrowFile, ArrowStream)}


def by_suffix(path: str) -> type[Format] | None:
    """The format that the name of a file says; ``None`` for that of a folder."""
    return next((kind for kind in FORMATS.values() if path.endswith(kind.suffixes)), None)


def of_file(path: str) -> type[Format]:
    """The format that a file has."""
    system, inner = file_system(path)
    with system.open_input_file(inner) as source:
        head = source.read(8)
    if head[:4] in (b"PAR1", b"PARE"):
        return Parquet
    if head[:6] == b"ARROW1":
        return ArrowFile
    # Each message of a stream begins with four bytes of 1 and its length.
    if head[:4] == b"\xff\xff\xff\xff":
        return ArrowStream
    hint = "Write it again by pyarrow.feather.write_feather." if head[:4] == b"FEA1" else "Name files of Parquet or Arrow (IPC files and streams)."
    what = "a Feather file of version 1" if head[:4] == b"FEA1" else "empty" if not head else "neither Parquet nor Arrow"
    raise InvalidInputError(f"{posixpath.basename(path)} is {what}: {path}", hint, "invalid_argument")


def value_type(of: Any) -> Any:
    """The type of a column's values, where it may have a dictionary."""
    return of.value_type if pa.types.is_dictionary(of) else of


def without_dictionaries(batch: Any) -> Any:
    """A table or record batch whose columns with a dictionary are replaced by their values."""
    fields = [field.with_type(value_type(field.type)) for field in batch.schema]
    columns = [column.cast(field.type) for column, field in zip(batch.columns, fields)]
    return type(batch).from_arrays(columns, schema=pa.schema(fields, metadata=batch.schema.metadata))
