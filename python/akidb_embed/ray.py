"""Ray: models as actors, for Ray Data's ``map_batches`` and for Parquet files piece by piece.

One actor takes all cores of a node (or as many as it is told), because the library's threads share one model and pack the passes of one
process better than several processes would.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray
import ray.data

from . import parquet
from .model import Model


# Pieces that a worker makes at once: while one is begun or written to its end, the library computes the other.
_PIECES_AT_ONCE = 2


class Embedder:
    """For ``Dataset.map_batches`` with ``batch_format="pyarrow"``: adds the vectors of a column, keeps all others.

    Args:
        model: a model's name or folder; its files must be there on each node, or be downloadable.
        text_column, vector_column: names of columns.
        encode: arguments of ``Model.encode``, such as ``{"prompt_name": "passage", "precision": "int8"}``.
        settings: of ``Model``. ``threads`` is the number of CPUs that Ray gave the actor, unless it is said.
    """

    def __init__(self, model: str, text_column: str = "text", vector_column: str = "embedding", encode: dict[str, Any] | None = None,
                 **settings: Any) -> None:
        self.model = Model(model, **{"threads": _own_cpus(), **settings})
        self.text_column, self.vector_column, self.encode = text_column, vector_column, encode

    def __call__(self, batch: Any) -> Any:
        """``batch``: an Arrow table."""
        return parquet.with_vectors(self.model, batch, self.text_column, self.vector_column, self.encode)


def _own_cpus() -> int:
    """CPUs that this actor was given, 0 (all of the machine) where it was given none."""
    return int(ray.get_runtime_context().get_assigned_resources().get("CPU", 0))


def embed(dataset: Any, model: str, *, text_column: str = "text", vector_column: str = "embedding", workers: int = 1,
          cpus_per_worker: float = 1, batch_size: int = parquet.BATCH_ROWS, encode: dict[str, Any] | None = None, **settings: Any) -> Any:
    """A dataset with the vectors of a column. Ray restarts actors that were killed and gives their batches to others.

    Args:
        dataset: of Ray Data.
        workers: actors, one per node as a rule.
        cpus_per_worker: the node's cores, but for some for what reads and writes.
        encode: as in ``Embedder``.
        settings: of ``Model``.
    """
    return dataset.map_batches(Embedder, fn_constructor_kwargs={"model": model, "text_column": text_column, "vector_column": vector_column,
                                                                "encode": encode, **settings},
                               batch_format="pyarrow", batch_size=batch_size, num_cpus=cpus_per_worker, concurrency=workers,
                               zero_copy_batch=True)


class _PieceWorker:
    """An actor that makes pieces of a Parquet job."""

    def __init__(self, model: str, settings: dict[str, Any]) -> None:
        self.model = Model(model, **{"threads": _own_cpus(), **settings})

    def describe(self) -> str:
        return f"{self.model.precision} {self.model.cpu_tier}"

    def embed(self, job: parquet.Job, piece: parquet.Piece) -> int:
        return parquet.embed_piece(self.model, job, piece)

    def process(self) -> int:
        import os

        return os.getpid()


def embed_parquet(inputs: Sequence[str], output: str, model: str, *, workers: int = 1, cpus_per_worker: float = 1,
                  text_column: str = "text", vector_column: str = "embedding", columns: Sequence[str] | None = None,
                  batch_rows: int = parquet.BATCH_ROWS, piece_rows: int = parquet.PIECE_ROWS, encode: dict[str, Any] | None = None,
                  on_worker: Any = None, **settings: Any) -> int:
    """Parquet files to Parquet files with vectors, in the folder ``output``, which all nodes see. Gives the number of rows that were made.

    A worker that is killed is restarted, and its pieces begun anew; a driver that is killed goes on where it was when it is run again.
    Rows do not pass through the object store: each worker reads and writes its own pieces, two of them at once, a batch at a time.

    Args:
        inputs: Parquet or Arrow files and folders of them. Whatever they are, Parquet is written.
        workers, cpus_per_worker, encode, settings: as in ``embed``.
        on_worker: called with each worker's process id.
    """
    job = parquet.Job(output=output, text_column=text_column, vector_column=vector_column,
                      columns=None if columns is None else tuple(columns), batch_rows=batch_rows, model=model, encode=encode or {})
    left = parquet.start(job, parquet.plan(inputs, piece_rows, "parquet"))
    if not left:
        return 0
    actor = ray.remote(num_cpus=cpus_per_worker, max_restarts=-1, max_task_retries=-1, max_concurrency=_PIECES_AT_ONCE)(_PieceWorker)
    made = [actor.remote(model, settings) for _ in range(min(workers, len(left)))]
    if on_worker is not None:
        for process in ray.get([worker.process.remote() for worker in made]):
            on_worker(process)
    pool = ray.util.ActorPool(made * _PIECES_AT_ONCE)
    return sum(pool.map_unordered(lambda worker, piece: worker.embed.remote(job, piece), left))
