"""``python -m akidb_embed embed``: Parquet or Arrow files with texts to such files with vectors."""
from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence

from . import _library
from .errors import EmbedError
from .model import OUTPUT_TYPES, Model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m akidb_embed", description="Text embeddings in process.")
    parser.add_argument("--version", action="version", version=_library.version().decode())
    commands = parser.add_subparsers(dest="command", required=True)
    embed = commands.add_parser("embed", help="Parquet or Arrow files with texts to such files with vectors",
                                description="Embeds a column of Parquet or Arrow files. All columns are kept, and the vectors added. A run that was "
                                            "interrupted goes on where it was when it is started again with the same arguments.")
    embed.add_argument("inputs", nargs="+", metavar="INPUT", help="a file of Parquet or Arrow (IPC file, which is Feather, or stream), or a folder of them")
    embed.add_argument("--output", required=True, help="a file that ends in .parquet, .arrow, .feather or .arrows (a stream), or a folder for one file per piece")
    embed.add_argument("--format", choices=("parquet", "arrow", "arrows"), help="of the files in a folder (that of the first input; of a stream arrow)")
    embed.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2", help="a model's name or folder (%(default)s)")
    embed.add_argument("--text-column", default="text", metavar="NAME", help="the texts (%(default)s)")
    embed.add_argument("--vector-column", default="embedding", metavar="NAME", help="the vectors (%(default)s)")
    embed.add_argument("--columns", metavar="NAME,…", help="keep these only")
    embed.add_argument("--prompt-name", metavar="NAME", help="the model's prompt that stands before each text, such as passage")
    embed.add_argument("--prompt", metavar="TEXT", help="a text that stands before each text, in place of a prompt by name")
    embed.add_argument("--output-type", default="float32", choices=OUTPUT_TYPES, help="of the vectors (%(default)s)")
    embed.add_argument("--precision", default="auto", choices=_library.PRECISIONS, help="how to compute (%(default)s)")
    embed.add_argument("--threads", type=int, default=0, help="0 is one per core (%(default)s)")
    embed.add_argument("--truncate-dim", type=int, metavar="N", help="keep the first N numbers of each vector")
    embed.add_argument("--batch-rows", type=int, default=8192, metavar="N", help="rows in memory at a time (%(default)s)")
    embed.add_argument("--piece-rows", type=int, default=1 << 18, metavar="N",
                       help="rows after which a run can go on, in whole row groups (%(default)s)")
    return parser


class _Progress:
    """Rows counted on a terminal, at most four times a second."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.at_start = total, done, done
        self.started = self.shown = time.monotonic()
        self.visible = sys.stderr.isatty()

    def add(self, rows: int) -> None:
        self.done += rows
        now = time.monotonic()
        if self.visible and (now - self.shown > 0.25 or self.done == self.total):
            self.shown = now
            rate = (self.done - self.at_start) / max(now - self.started, 1e-9)
            left = (self.total - self.done) / rate if rate > 0 else 0
            print(f"\r{self.done:,} of {self.total:,} rows, {rate:,.0f} a second, {left:,.0f} s left\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.visible:
            print(file=sys.stderr)
        seconds = time.monotonic() - self.started
        print(f"{self.done - self.at_start:,} rows in {seconds:,.1f} s; {self.at_start:,} were there before", file=sys.stderr)


def _encode_arguments(arguments: argparse.Namespace) -> dict[str, str]:
    given = {"prompt_name": arguments.prompt_name, "prompt": arguments.prompt,
             "precision": arguments.output_type if arguments.output_type != "float32" else None}
    return {name: value for name, value in given.items() if value is not None}


def _embed(arguments: argparse.Namespace) -> None:
    try:
        from . import _formats, parquet
    except ImportError as error:
        raise EmbedError(f"Parquet and Arrow need pyarrow: {error}", "pip install 'akidb-embed[parquet]'", "invalid_argument") from error

    said = _formats.by_suffix(arguments.output)
    if said is not None and arguments.format not in (None, said.name):
        raise EmbedError(f"{arguments.output} is not a name for --format {arguments.format}", f"Leave --format out, or let the name end in "
                         f"{_formats.FORMATS[arguments.format].suffixes[0]}.", "invalid_argument")
    is_file = said is not None
    if is_file and os.path.exists(arguments.output):
        raise EmbedError(f"{arguments.output} is there already", "Name another output, or remove it.", "invalid_argument")
    pieces = parquet.plan(arguments.inputs, arguments.piece_rows, said.name if said is not None else arguments.format)
    model = Model(arguments.model, precision=arguments.precision, threads=arguments.threads, truncate_dim=arguments.truncate_dim)
    job = parquet.Job(output=arguments.output + ".parts" if is_file else arguments.output, text_column=arguments.text_column,
                      vector_column=arguments.vector_column, columns=tuple(arguments.columns.split(",")) if arguments.columns else None,
                      batch_rows=arguments.batch_rows, encode=_encode_arguments(arguments), model=f"{arguments.model} {model.precision} {model.cpu_tier} {arguments.truncate_dim}")
    parquet.check(job, pieces, one_file=is_file)
    left = parquet.start(job, pieces)
    total = sum(piece.rows for piece in pieces)
    progress = _Progress(total, total - sum(piece.rows for piece in left))
    for piece in left:
        parquet.embed_piece(model, job, piece, progress.add)
    if is_file:
        parquet.merge(job, pieces, arguments.output)
        shutil.rmtree(job.output)
    progress.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and gives the exit code: 0, 1 after an error, 130 after Ctrl-C."""
    given = _parser().parse_args(arguments)
    try:
        _embed(given)
        return 0
    except EmbedError as error:
        print(f"error ({error.code}): {error.message}", file=sys.stderr)
        print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
