"""Parquet in and out: pieces, interruptions, nulls, the command."""
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from akidb_embed import InvalidInputError, parquet
from akidb_embed.__main__ import main
from conftest import MODEL, SHORT


def table(rows, first=0):
    return pa.table({"id": pa.array(range(first, first + rows)), "text": [SHORT[n % len(SHORT)] for n in range(first, first + rows)],
                     "more": [f"row {n}" for n in range(first, first + rows)]})


def vectors(made):
    return np.array(made.column("embedding").to_pylist(), dtype=np.float32)


@pytest.fixture
def texts(tmp_path):
    """100 rows in row groups of 10."""
    path = tmp_path / "texts.parquet"
    pq.write_table(table(100), path, row_group_size=10)
    return path


def test_rows_columns_and_order_are_kept(model, tmp_path, texts):
    job = parquet.Job(str(tmp_path / "out"), batch_rows=7)
    pieces = parquet.plan([str(texts)], piece_rows=25)
    assert [(piece.first, piece.last, piece.rows) for piece in pieces] == [(0, 3, 30), (3, 6, 30), (6, 9, 30), (9, 10, 10)]
    counted = []
    for piece in parquet.start(job, pieces):
        parquet.embed_piece(model, job, piece, counted.append)
    assert sum(counted) == 100
    made = pq.read_table(tmp_path / "out")
    assert made.select(["id", "text", "more"]).equals(table(100))
    assert made.schema.field("embedding").type == pa.list_(pa.float32(), 384)
    assert vectors(made).tobytes() == model.encode(table(100)["text"].to_pylist()).tobytes()


def test_what_is_there_is_not_made_again(model, tmp_path, texts):
    job = parquet.Job(str(tmp_path / "out"), columns=("id",))
    pieces = parquet.plan([str(texts)], piece_rows=50)
    parquet.embed_piece(model, job, parquet.start(job, pieces)[0])
    assert parquet.start(job, pieces) == pieces[1:]
    parquet.embed_piece(model, job, pieces[1])
    parquet.embed_piece(model, job, pieces[1])  # by two workers, of which one was thought dead
    assert pq.read_table(tmp_path / "out").column_names == ["id", "embedding"]
    assert pq.read_table(tmp_path / "out")["id"].to_pylist() == list(range(100))
    with pytest.raises(InvalidInputError, match="begun with other columns"):
        parquet.start(parquet.Job(str(tmp_path / "out")), pieces)


def test_a_piece_that_fails_leaves_nothing(tmp_path, texts):
    class Broken:
        def encode(self, given, **arguments):
            raise RuntimeError("broken")

    job = parquet.Job(str(tmp_path / "out"))
    pieces = parquet.plan([str(texts)])
    parquet.start(job, pieces)
    with pytest.raises(RuntimeError):
        parquet.embed_piece(Broken(), job, pieces[0])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [parquet.MANIFEST]


def test_null_stays_null(model):
    batch = pa.record_batch({"text": pa.array(["a", None, "", None])})
    made = parquet.with_vectors(model, batch, "text", "embedding")
    assert made.column(1).is_null().to_pylist() == [False, True, False, True]
    assert made.column(1)[0].as_py() == model.encode("a").tolist() and made.column(1)[2].as_py() == model.encode("").tolist()
    none = parquet.with_vectors(model, pa.record_batch({"text": pa.array([None], pa.string())}), "text", "embedding")
    assert none.column(1).null_count == 1 and none.column(1).type == made.column(1).type
    empty = parquet.with_vectors(model, pa.table({"text": pa.array([], pa.string())}), "text", "embedding")
    assert empty.num_rows == 0 and empty.column(1).type == made.column(1).type
    with pytest.raises(InvalidInputError, match="no column 'other'; there are text"):
        parquet.with_vectors(model, batch, "other", "embedding")


def test_the_schema_is_kept(model, tmp_path):
    """Metadata, fields that are never null, structs, and columns of other types; nothing but vectors is left uncompressed."""
    fields = [pa.field("id", pa.int32(), nullable=False), pa.field("text", pa.string(), metadata={"of": "field"}),
              pa.field("embedding_note", pa.string()), pa.field("more", pa.struct({"a": pa.int8(), "b": pa.list_(pa.string())}))]
    given = pa.table({"id": [1, 2], "text": ["a", "b"], "embedding_note": ["x"] * 2, "more": [{"a": 1, "b": ["x"]}, None]},
                     schema=pa.schema(fields, metadata={"of": "table"}))
    pq.write_table(given, tmp_path / "texts.parquet")
    job = parquet.Job(str(tmp_path / "out"))
    piece, = parquet.start(job, parquet.plan([str(tmp_path / "texts.parquet")]))
    parquet.embed_piece(model, job, piece)
    made = pq.read_table(tmp_path / "out" / piece.name)
    read = pq.read_table(tmp_path / "texts.parquet")
    assert made.select(given.column_names).equals(read, check_metadata=True) and made.schema.metadata == read.schema.metadata
    group = pq.ParquetFile(tmp_path / "out" / piece.name).metadata.row_group(0)
    packed = {group.column(index).path_in_schema: group.column(index).compression for index in range(group.num_columns)}
    assert [name for name, how in packed.items() if how != "SNAPPY"] == ["embedding.list.element"] and len(packed) == 6


def test_a_column_is_not_doubled(model):
    with pytest.raises(InvalidInputError, match="a column 'embedding' already"):
        parquet.with_vectors(model, pa.table({"text": ["a"], "embedding": ["mine"]}), "text", "embedding")


@pytest.mark.parametrize("encode", [{"prompt": "query: "}, {"precision": "int8"}, {"precision": "ubinary", "truncate_dim": 64}])
def test_arguments_of_encode(model, encode):
    made = parquet.with_vectors(model, pa.table({"text": ["a", None]}), "text", "v", encode).column("v")
    assert made.to_pylist() == [model.encode("a", **encode).tolist(), None]
    none = parquet.with_vectors(model, pa.table({"text": pa.array([None], pa.string())}), "text", "v", encode).column("v")
    assert none.type == made.type and none.null_count == 1


def test_folders_are_read_by_name(tmp_path):
    for number in range(3):
        pq.write_table(table(5, number * 5), tmp_path / f"{number}.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden.parquet").write_text("")
    assert [pathlib.Path(piece.path).name for piece in parquet.plan([str(tmp_path)])] == ["0.parquet", "1.parquet", "2.parquet"]
    assert len({piece.name for piece in parquet.plan([str(tmp_path)])}) == 3
    with pytest.raises(InvalidInputError, match="there is no"):
        parquet.plan([str(tmp_path / "missing")])


def test_the_command_makes_one_file(model, tmp_path, texts, capfd):
    out = tmp_path / "vectors.parquet"
    arguments = ["embed", str(texts), "--output", str(out), "--model", str(MODEL), "--columns", "id,more", "--prompt", "query: ", "--output-type",
                 "int8"]
    assert main(arguments) == 0
    made = pq.read_table(out)
    assert made.column_names == ["id", "more", "embedding"] and made["id"].to_pylist() == list(range(100))
    assert (np.array(made["embedding"].to_pylist()) == model.encode(table(100)["text"].to_pylist(), prompt="query: ", precision="int8")).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.parquet", "vectors.parquet"]
    assert "100 rows" in capfd.readouterr().err
    assert main(arguments) == 1
    assert "is there already" in capfd.readouterr().err


# The command in a process that ends by SIGKILL in the middle of the third piece.
KILLED = """
import os, signal, sys
from akidb_embed import __main__ as command
batches = 0
def add(self, rows):
    global batches
    batches += 1
    if batches == 5:
        os.kill(os.getpid(), signal.SIGKILL)
command._Progress.add = add
command.main(sys.argv[1:])
"""


def test_a_command_that_was_killed_goes_on(model, tmp_path, texts):
    out = tmp_path / "out"
    arguments = ["embed", str(texts), "--output", str(out), "--model", str(MODEL), "--piece-rows", "20", "--batch-rows", "10"]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=os.environ, timeout=300)
    assert done.returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_ino for path in out.glob("part-*")}
    assert len(before) == 2 and len(list(out.glob("*.partial"))) == 1
    done = subprocess.run([sys.executable, "-m", "akidb_embed", *arguments], env=os.environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "60 rows" in done.stderr and "40 were there before" in done.stderr
    assert {name: (out / name).stat().st_ino for name in before} == before
    assert list(out.glob("*.partial")) == []
    made = pq.read_table(out)
    assert made["id"].to_pylist() == list(range(100))
    assert vectors(made).tobytes() == model.encode(table(100)["text"].to_pylist()).tobytes()
