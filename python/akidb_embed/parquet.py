"""Parquet in, Parquet with vectors out, piece by piece, so that a run which was interrupted or lost a worker goes on where it was.

A piece is some row groups of one input file. It becomes one output file, which is written under another name and renamed when it is
whole: so a piece is there or is not, whoever was killed when, and making one twice gives the same file. The command line, Ray and whoever
schedules pieces otherwise share this.
"""
from __future__ import annotations

import json
import posixpath
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from . import _interrupt
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
    """Row groups ``first`` to ``last`` (not included) of a file, and the name of its output file."""

    path: str
    first: int
    last: int
    rows: int
    name: str


def _file_system(path: str) -> tuple[Any, str]:
    if "://" not in path:
        return pafs.LocalFileSystem(), path
    file_system, inner = pafs.FileSystem.from_uri(path)
    return file_system, inner


def _join(folder: str, name: str) -> str:
    return posixpath.join(folder, name)


def _files(inputs: Sequence[str]) -> list[str]:
    """The Parquet files of files and folders, in their order; those of a folder by name, without hidden ones."""
    found: list[str] = []
    for path in inputs:
        file_system, inner = _file_system(path)
        info = file_system.get_file_info(inner)
        if info.type == pafs.FileType.NotFound:
            raise InvalidInputError(f"there is no {path}", "Name Parquet files or folders of them.", "invalid_argument")
        if info.type == pafs.FileType.File:
            found.append(path)
            continue
        inside = file_system.get_file_info(pafs.FileSelector(inner, recursive=True))
        prefix = path[: len(path) - len(inner)]
        found += sorted(prefix + entry.path for entry in inside
                        if entry.type == pafs.FileType.File and entry.path.endswith(".parquet") and not entry.base_name.startswith(("_", ".")))
    return found


def plan(inputs: Sequence[str], piece_rows: int = PIECE_ROWS) -> list[Piece]:
    """All pieces, in the order of the rows."""
    pieces: list[Piece] = []
    for number, path in enumerate(_files(inputs)):
        file_system, inner = _file_system(path)
        with file_system.open_input_file(inner) as source:
            metadata = pq.ParquetFile(source).metadata
        first, rows = 0, 0
        for group in range(metadata.num_row_groups):
            rows += metadata.row_group(group).num_rows
            if rows >= piece_rows or group == metadata.num_row_groups - 1:
                pieces.append(Piece(path, first, group + 1, rows, f"part-{number:05d}-{first:05d}.parquet"))
                first, rows = group + 1, 0
    return pieces


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
    file_system, inner = _file_system(piece.path)
    columns = None if job.columns is None else sorted({*job.columns, job.text_column})
    with file_system.open_input_file(inner) as source:
        # Without it pyarrow would keep what it has read until the file is closed.
        file = pq.ParquetFile(source, pre_buffer=False)
        yield from file.iter_batches(job.batch_rows, row_groups=range(piece.first, piece.last), columns=columns)


def _writer(sink: Any, schema: Any, job: Job) -> Any:
    """Writes Parquet. pyarrow wants the names of leaves, such as ``embedding.list.element``, and takes a column that is left out for one
    that is not to be compressed."""
    empty = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), empty)
    leaves = [column.path for column in pq.ParquetFile(pa.BufferReader(empty.getvalue())).schema]
    # Vectors have no repeats for a dictionary to find, and no order that would make them smaller.
    others = [leaf for leaf in leaves if not leaf.startswith(job.vector_column + ".list.")]
    return pq.ParquetWriter(sink, schema, use_dictionary=others, compression={leaf: "SNAPPY" if leaf in others else "NONE" for leaf in leaves})


def embed_piece(model: Any, job: Job, piece: Piece, progress: Callable[[int], None] | None = None) -> int:
    """Makes the piece's output file and gives its number of rows. ``progress`` is called with the rows of each batch."""
    file_system, folder = _file_system(job.output)
    rows = 0

    def write(sink: Any) -> None:
        nonlocal rows
        writer = None
        # The library computes while files are read and written.
        for made in _interrupt.ahead(lambda batch: with_vectors(model, batch, job.text_column, job.vector_column, job.encode), _batches(job, piece)):
            if job.columns is not None:
                made = made.select([*job.columns, job.vector_column])
            if writer is None:
                writer = _writer(sink, made.schema, job)
            writer.write_batch(made)
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
    """One file of all pieces, in the order of the rows."""
    file_system, folder = _file_system(job.output)
    target_system, target = _file_system(path)

    def write(sink: Any) -> None:
        writer = None
        for piece in pieces:
            with file_system.open_input_file(_join(folder, piece.name)) as source:
                file = pq.ParquetFile(source, pre_buffer=False)
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group)
                    if writer is None:
                        writer = _writer(sink, table.schema, job)
                    writer.write_table(table)
        if writer is not None:
            writer.close()

    _write_whole(target_system, target, write)
