"""Parquet or Arrow files in, the same with vectors out, piece by piece, so that a run which was interrupted or lost a worker goes on where
it was.

A piece is some groups of rows of one input file: row groups of Parquet, record batches of Arrow. It becomes one output file, which is
written under another name and renamed when it is whole: so a piece is there or is not, whoever was killed when, and making one twice gives
the same file. The command line, Ray and whoever schedules pieces otherwise share this.
"""
from __future__ import annotations

import json
import posixpath
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.fs as pafs

from . import _formats, _interrupt
from ._formats import file_system as _file_system
from .errors import InvalidInputError

# Rows that are in memory at a time, with their vectors.
BATCH_ROWS = 8192
# Rows of a piece at least, unless its file has fewer.
PIECE_ROWS = 1 << 18
MANIFEST = "_akidb_embed.json"


@dataclass(frozen=True)
class Job:
    """What is read, computed and written.

    Attributes:
        output: the folder of the pieces' files.
        text_column: its texts are embedded. A null has the vector null.
        vector_column: added behind the others, ``fixed_size_list<float>``.
        columns: those that are kept; ``None`` is all of them.
        model: what made the vectors, as the manifest says it.
        encode: arguments of ``Model.encode``, such as ``{"prompt_name": "passage", "precision": "int8"}``.
    """

    output: str
    text_column: str = "text"
    vector_column: str = "embedding"
    columns: tuple[str, ...] | None = None
    batch_rows: int = BATCH_ROWS
    model: str = ""
    encode: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """Groups of rows ``first`` to ``last`` (not included) of a file, and the name of its output file, whose suffix is that of its format."""

    path: str
    first: int
    last: int
    rows: int
    name: str


def _join(folder: str, name: str) -> str:
    return posixpath.join(folder, name)


def _files(inputs: Sequence[str]) -> list[str]:
    """The files of files and folders, in their order; those of a folder by name, without hidden ones and such as have no suffix of a format."""
    found: list[str] = []
    for path in inputs:
        file_system, inner = _file_system(path)
        info = file_system.get_file_info(inner)
        if info.type == pafs.FileType.NotFound:
            raise InvalidInputError(f"there is no {path}", "Name Parquet or Arrow files, or folders of them.", "invalid_argument")
        if info.type == pafs.FileType.File:
            found.append(path)
            continue
        inside = file_system.get_file_info(pafs.FileSelector(inner, recursive=True))
        prefix = path[: len(path) - len(inner)]
        files = sorted(prefix + entry.path for entry in inside if entry.type == pafs.FileType.File
                       and _formats.by_suffix(entry.path) is not None and not entry.base_name.startswith(("_", ".")))
        if not files:
            raise InvalidInputError(f"{path} holds no Parquet or Arrow files", "Their names end in .parquet, .arrow, .feather or .arrows.", "invalid_argument")
        # One is likely a copy of the other, and each row would be there twice.
        if len({_formats.by_suffix(file) is _formats.Parquet for file in files}) == 2:
            raise InvalidInputError(f"{path} holds both Parquet and Arrow files", "Name the files that are meant.", "invalid_argument")
        found += files
    return found


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turns what pyarrow raises while it reads a file into an error that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", "The file is damaged, or not whole: write or copy it again.",
                                "invalid_argument") from error


def plan(inputs: Sequence[str], piece_rows: int = PIECE_ROWS, output_format: str | None = None) -> list[Piece]:
    """All pieces, in the order of the rows. A file of no rows is a piece too.

    Args:
        output_format: ``"parquet"``, ``"arrow"`` or ``"arrows"`` (a stream); ``None`` is Parquet where the first input is, else ``"arrow"``.

    Raises:
        InvalidInputError: a file is missing, damaged or of another format.
    """
    pieces: list[Piece] = []
    for number, path in enumerate(_files(inputs)):
        with _readable(path):
            kind = _formats.of_file(path)
            groups = kind.rows(path)
        if output_format is None:
            output_format = "parquet" if kind is _formats.Parquet else "arrow"
        suffix = _formats.FORMATS[output_format].suffixes[0]
        first, rows = 0, 0
        for group, count in enumerate(groups or [0]):
            rows += count
            if rows >= piece_rows or group + 1 >= len(groups):
                pieces.append(Piece(path, first, min(group + 1, len(groups)), rows, f"part-{number:05d}-{first:05d}{suffix}"))
                first, rows = group + 1, 0
    return pieces


def _columns(job: Job, schema: Any) -> list[str]:
    """Those that are read of a file."""
    return list(schema.names) if job.columns is None else sorted({*job.columns, job.text_column})


def check(job: Job, pieces: Sequence[Piece], one_file: bool = False) -> None:
    """That each file has the columns, and, where the pieces become one file, that these are of the same types in all of them.

    Raises:
        InvalidInputError: names the file.
    """
    first: dict[str, Any] = {}
    for path in dict.fromkeys(piece.path for piece in pieces):
        with _readable(path):
            schema = _formats.of_file(path).schema(path)
        names = _columns(job, schema)
        if job.vector_column in names:
            raise InvalidInputError(f"{path} has a column {job.vector_column!r} already", "Name another column for the vectors.", "invalid_argument")
        for name in (*names, job.text_column):
            if name not in schema.names:
                raise InvalidInputError(f"{path} has no column {name!r}; it has {', '.join(schema.names)}", "Name one of these.", "invalid_argument")
        types = {name: _formats.value_type(schema.field(name).type) for name in names}
        if one_file and first and types != first:
            raise InvalidInputError(f"{path} has other columns, or of other types, than {pieces[0].path}", "Name a folder as output.",
                                    "invalid_argument")
        first = first or types


def start(job: Job, pieces: Sequence[Piece]) -> list[Piece]:
    """Makes the output folder, removes what a killed run left half written, and gives the pieces that the folder lacks.

    Raises:
        InvalidInputError: the folder holds what another model or other inputs gave.
    """
    file_system, folder = _file_system(job.output)
    file_system.create_dir(folder, recursive=True)
    said = {"model": job.model, "text_column": job.text_column, "vector_column": job.vector_column,
            "columns": None if job.columns is None else list(job.columns), "encode": job.encode,
            "pieces": [[piece.path, piece.first, piece.last, piece.rows, piece.name] for piece in pieces]}
    manifest = _join(folder, MANIFEST)
    if file_system.get_file_info(manifest).type == pafs.FileType.File:
        with file_system.open_input_stream(manifest) as stream:
            before = json.loads(stream.readall())
        for name, value in said.items():
            if before.get(name) != value:
                raise InvalidInputError(f"{job.output} was begun with other {name}", "Name another output, or remove what is there.",
                                        "invalid_argument")
    else:
        _write_whole(file_system, manifest, lambda sink: sink.write(json.dumps(said).encode()))
    there = {entry.base_name: entry.path for entry in file_system.get_file_info(pafs.FileSelector(folder))}
    for name, path in there.items():
        if name.endswith(".partial"):
            file_system.delete_file(path)
    return [piece for piece in pieces if piece.name not in there]


def _write_whole(file_system: Any, path: str, write: Callable[[Any], Any]) -> None:
    folder, name = posixpath.split(path)
    # A name of its own, because a worker that was thought dead may still write.
    partial = _join(folder, f".{name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with file_system.open_output_stream(partial) as sink:
            write(sink)
        file_system.move(partial, path)
    except BaseException:
        if file_system.get_file_info(partial).type == pafs.FileType.File:
            file_system.delete_file(partial)
        raise


def vector_array(vectors: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None = None) -> Any:
    """``[count, dimension]`` as an Arrow array of lists, without a copy. ``valid``: which rows have a vector, all others being null."""
    rows = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    if valid is None:
        return rows
    places = np.cumsum(valid) - 1
    return rows.take(pa.array(places, mask=~valid, type=pa.int64()))


def embed_column(model: Any, texts: Any, encode: dict[str, Any]) -> Any:
    """The vectors of an Arrow array of strings; null for null. ``model``: anything with ``encode``, which is given these arguments."""
    if texts.null_count == 0:
        return vector_array(model.encode(texts, **encode))
    return vector_array(model.encode(texts.drop_null(), **encode), np.asarray(texts.is_valid()))


def with_vectors(model: Any, batch: Any, text_column: str, vector_column: str, encode: dict[str, Any] | None = None) -> Any:
    """An Arrow table or record batch with one more column, the vectors of one of its columns. ``encode``: as in ``Job``."""
    place = batch.schema.get_field_index(text_column)
    if place < 0:
        raise InvalidInputError(f"there is no column {text_column!r}; there are {', '.join(batch.schema.names)}", "Name one of these.",
                                "invalid_argument")
    if vector_column in batch.schema.names:
        raise InvalidInputError(f"there is a column {vector_column!r} already", "Name another column for the vectors.", "invalid_argument")
    texts = batch.column(place)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if isinstance(texts, pa.ChunkedArray):  # of no chunks, in older versions
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    vectors = embed_column(model, texts, encode or {})
    if isinstance(batch, pa.Table):
        return batch.append_column(vector_column, vectors)
    # With the schema, whose metadata and fields that cannot be null are the reader's to keep.
    return pa.RecordBatch.from_arrays([*batch.columns, vectors], schema=batch.schema.append(pa.field(vector_column, vectors.type)))


def _batches(job: Job, piece: Piece) -> Iterator[Any]:
    with _readable(piece.path):
        kind = _formats.of_file(piece.path)
        schema = kind.schema(piece.path)
        columns = _columns(job, schema)
        if piece.rows == 0:  # a batch whose schema the output file has
            yield pa.record_batch([pa.array([], schema.field(name).type) for name in columns],
                                  schema=pa.schema([schema.field(name) for name in columns], metadata=schema.metadata))
        yield from kind.batches(piece.path, piece.first, piece.last, None if job.columns is None else columns, job.batch_rows)


def _kind(piece: Piece) -> type[_formats.Format]:
    kind = _formats.by_suffix(piece.name)
    assert kind is not None
    return kind


def embed_piece(model: Any, job: Job, piece: Piece, progress: Callable[[int], None] | None = None) -> int:
    """Makes the piece's output file and gives its number of rows. ``progress`` is called with the rows of each batch."""
    file_system, folder = _file_system(job.output)
    kind = _kind(piece)
    # Of an Arrow file all batches share a dictionary. Those of a row group or of a stream have their own, which an Arrow file cannot hold.
    flat = kind is not _formats.Parquet and _formats.of_file(piece.path) is not _formats.ArrowFile
    rows = 0

    def write(sink: Any) -> None:
        nonlocal rows
        writer = None
        # The library computes while files are read and written.
        for made in _interrupt.ahead(lambda batch: with_vectors(model, batch, job.text_column, job.vector_column, job.encode), _batches(job, piece)):
            if job.columns is not None:
                made = made.select([*job.columns, job.vector_column])
            if flat:
                made = _formats.without_dictionaries(made)
            if writer is None:
                writer = kind.writer(sink, made.schema, job.vector_column)
            writer.write(made)
            rows += made.num_rows
            if progress is not None:
                progress(made.num_rows)
        if writer is not None:
            writer.close()

    _write_whole(file_system, _join(folder, piece.name), write)
    if rows != piece.rows:
        raise InvalidInputError(f"{piece.path} has changed: {rows} rows in place of {piece.rows}", "Begin anew, with another output.",
                                "invalid_argument")
    return rows


def merge(job: Job, pieces: Sequence[Piece], path: str) -> None:
    """One file of all pieces, in the order of the rows, in the format that its name says."""
    target_system, target = _file_system(path)
    kind = _formats.by_suffix(path) or _kind(pieces[0])
    # Each input file has dictionaries of its own, and so has each row group.
    flat = kind is not _formats.Parquet and (len({piece.path for piece in pieces}) > 1 or _kind(pieces[0]) is _formats.Parquet)

    def write(sink: Any) -> None:
        writer = None
        for piece in pieces:
            for group in _kind(piece).groups(_join(job.output, piece.name)):
                if flat:
                    group = _formats.without_dictionaries(group)
                if writer is None:
                    writer = kind.writer(sink, group.schema, job.vector_column)
                writer.write(group)
        if writer is not None:
            writer.close()

    _write_whole(target_system, target, write)
