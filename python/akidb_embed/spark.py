"""Spark: vectors of a column of a data frame, by Arrow batches, and Parquet files piece by piece, whose rows do not pass through the JVM. Each
of Spark's Python workers opens a model once and keeps it."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from . import _interrupt, parquet
from .model import Model

# Of this process: what Spark sends to a worker is unpickled for each task, so a model must be kept outside of it.
_models: dict[str, Model] = {}


def _model(name: str, settings: dict[str, Any]) -> Model:
    key = repr((name, sorted(settings.items())))
    if key not in _models:
        _models[key] = Model(name, **settings)
    return _models[key]


def _settings(session: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """``threads`` is what a task may use, unless it is said: Spark runs as many tasks at once as there are cores for."""
    return {"threads": int(session.sparkContext.getConf().get("spark.task.cpus", "1")), **settings}


def mapper(model: str, text_column: str, vector_column: str, settings: dict[str, Any], encode: dict[str, Any] | None = None) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """For ``DataFrame.mapInArrow``: adds the vectors to each record batch."""

    def add(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        opened = _model(model, settings)
        vectors = pa.list_(pa.field("element", pa.float32(), nullable=False))
        # While Spark takes one batch, the next one is computed.
        for made in _interrupt.ahead(lambda batch: parquet.with_vectors(opened, batch, text_column, vector_column, encode), batches):
            yield pa.RecordBatch.from_arrays([*made.columns[:-1], made.columns[-1].cast(vectors)], names=made.schema.names)

    return add


def with_vector_column(schema: Any, vector_column: str) -> Any:
    """The schema of a data frame with one more column, ``array<float>``."""
    from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

    return StructType([*schema.fields, StructField(vector_column, ArrayType(FloatType(), containsNull=False))])


def embed(frame: Any, model: str, *, text_column: str = "text", vector_column: str = "embedding", encode: dict[str, Any] | None = None,
          **settings: Any) -> Any:
    """A data frame with the vectors of a column, ``array<float>``; all other columns are kept, order too. Null has the vector null.

    Args:
        frame: a data frame of PySpark.
        model: a model's name or folder; its files must be there on each node, or be downloadable.
        encode: arguments of ``Model.encode``, such as ``{"prompt_name": "passage"}``; vectors are floats.
        settings: of ``Model``. ``threads`` is ``spark.task.cpus`` unless it is said.
    """
    own = _settings(frame.sparkSession, settings)
    return frame.mapInArrow(mapper(model, text_column, vector_column, own, encode), with_vector_column(frame.schema, vector_column))


def embed_udf(session: Any, model: str, *, encode: dict[str, Any] | None = None, **settings: Any) -> Callable[..., Any]:
    """A function of columns, from texts to ``array<float>``, for ``select`` and SQL."""
    import pandas as pd
    from pyspark.sql.functions import pandas_udf
    from pyspark.sql.types import ArrayType, FloatType

    own = _settings(session, settings)

    def vectors(texts):  # type: ignore[no-untyped-def]
        given = texts.dropna()
        made = pd.Series([None] * len(texts), index=texts.index, dtype=object)
        if len(given) > 0:
            made[given.index] = list(_model(model, own).encode(given.tolist(), **(encode or {})))
        return made

    vectors.__annotations__ = {"texts": pd.Series, "return": pd.Series}
    function: Callable[..., Any] = pandas_udf(vectors, ArrayType(FloatType()))
    return function


def embed_parquet(session: Any, inputs: Sequence[str], output: str, model: str, *, text_column: str = "text", vector_column: str = "embedding",
                  columns: Sequence[str] | None = None, batch_rows: int = parquet.BATCH_ROWS, piece_rows: int = parquet.PIECE_ROWS,
                  encode: dict[str, Any] | None = None, **settings: Any) -> int:
    """Parquet files to Parquet files with vectors, in the folder ``output``, which all nodes see. Gives the number of rows that were made.

    A task is a piece, which Spark's Python worker reads and writes itself, a batch at a time: no row passes through the JVM. The task of a
    worker that is killed is tried again; a job that ended goes on where it was when it is run again.

    Args:
        session: a session of PySpark.
        inputs: Parquet files and folders of them.
        encode, settings: as in ``embed``.
    """
    job = parquet.Job(output=output, text_column=text_column, vector_column=vector_column,
                      columns=None if columns is None else tuple(columns), batch_rows=batch_rows, model=model, encode=encode or {})
    left = parquet.start(job, parquet.plan(inputs, piece_rows))
    own = _settings(session, settings)

    def make(pieces: Iterable[parquet.Piece]) -> Iterator[int]:
        for piece in pieces:
            yield parquet.embed_piece(_model(model, own), job, piece)

    return int(session.sparkContext.parallelize(left, len(left)).mapPartitions(make).sum()) if left else 0
