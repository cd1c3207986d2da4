"""Parquet and Arrow files in and out: pieces, interruptions, nulls, the command."""
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


def write(path, given, group_rows):
    """A file of the format that its name says; .hf.arrow is a stream, as Hugging Face's datasets name it."""
    if path.suffix == ".parquet":
        pq.write_table(given, path, row_group_size=group_rows)
        return path
    is_stream = path.suffix in (".arrows", "") or path.name.endswith(".hf.arrow")
    options = pa.ipc.IpcWriteOptions(compression="lz4" if path.suffix == ".feather" else None)
    with (pa.ipc.new_stream if is_stream else pa.ipc.new_file)(path, given.schema, options=options) as writer:
        writer.write_table(given, group_rows)
    return path


def read(path):
    """A file, or all files of a folder in the order of their names."""
    if path.is_dir():
        return pa.concat_tables(read(file) for file in sorted(path.glob("part-*")))
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return (pa.ipc.open_stream if path.suffix == ".arrows" else pa.ipc.open_file)(path).read_all()


def vectors(made):
    return np.array(made.column("embedding").to_pylist(), dtype=np.float32)


@pytest.fixture
def texts(tmp_path):
    """100 rows in row groups of 10."""
    return write(tmp_path / "texts.parquet", table(100), 10)


@pytest.mark.parametrize("name, suffix", [("texts.parquet", ".parquet"), ("texts.arrow", ".arrow"), ("texts.feather", ".arrow"),
                                          ("texts.arrows", ".arrow"), ("texts.hf.arrow", ".arrow")])
def test_rows_columns_and_order_are_kept(model, tmp_path, name, suffix):
    texts = write(tmp_path / name, table(100), 10)
    job = parquet.Job(str(tmp_path / "out"), batch_rows=7)
    pieces = parquet.plan([str(texts)], piece_rows=25)
    assert {pathlib.Path(piece.name).suffix for piece in pieces} == {suffix}
    assert [(piece.first, piece.last, piece.rows) for piece in pieces] == [(0, 3, 30), (3, 6, 30), (6, 9, 30), (9, 10, 10)]
    counted = []
    for piece in parquet.start(job, pieces):
        parquet.embed_piece(model, job, piece, counted.append)
    assert sum(counted) == 100
    made = read(tmp_path / "out")
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


@pytest.mark.parametrize("name", ["texts.parquet", "texts.arrow", "texts.feather", "texts.arrows"])
def test_memory_is_that_of_some_batches(tmp_path, name):
    """Of Arrow's memory, while 100 MB of vectors are written. What is mapped into memory does not count: the kernel takes it back."""
    class Zeros:
        def encode(self, given, **arguments):
            return np.zeros((len(given), 256), dtype=np.float32)

    texts, out = write(tmp_path / name, table(100_000), 5000), tmp_path / f"vectors{pathlib.Path(name).suffix}"
    job = parquet.Job(str(tmp_path / "out"), batch_rows=1000)
    pieces = parquet.plan([str(texts)], piece_rows=50_000)
    before, most = pa.total_allocated_bytes(), []
    for piece in parquet.start(job, pieces):
        parquet.embed_piece(Zeros(), job, piece, lambda rows: most.append(pa.total_allocated_bytes() - before))
    parquet.merge(job, pieces, str(out))
    assert len(most) == 100 and max(most) < 16_000_000
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert read(out).num_rows == 100_000


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


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows"])
def test_the_schema_is_kept(model, tmp_path, suffix):
    """Metadata, fields that are never null, structs, and columns of other types; in Parquet nothing but vectors is left uncompressed."""
    fields = [pa.field("id", pa.int32(), nullable=False), pa.field("text", pa.string(), metadata={"of": "field"}),
              pa.field("embedding_note", pa.string()), pa.field("more", pa.struct({"a": pa.int8(), "b": pa.list_(pa.string())}))]
    given = pa.table({"id": [1, 2], "text": ["a", "b"], "embedding_note": ["x"] * 2, "more": [{"a": 1, "b": ["x"]}, None]},
                     schema=pa.schema(fields, metadata={"of": "table"}))
    texts = write(tmp_path / f"texts{suffix}", given, 10)
    job = parquet.Job(str(tmp_path / "out"))
    piece, = parquet.start(job, parquet.plan([str(texts)], output_format=suffix[1:]))
    parquet.embed_piece(model, job, piece)
    made, before = read(tmp_path / "out" / piece.name), read(texts)
    assert made.select(given.column_names).equals(before, check_metadata=True) and made.schema.metadata == before.schema.metadata
    if suffix != ".parquet":
        return
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
    write(tmp_path / "copy.feather", table(5), 5)
    with pytest.raises(InvalidInputError, match="both Parquet and Arrow files"):
        parquet.plan([str(tmp_path)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="holds no Parquet or Arrow files"):
        parquet.plan([str(tmp_path / "empty")])


def test_dictionaries(model, tmp_path):
    """One Arrow file has one dictionary, and keeps it. Several files have several, which one Arrow file cannot hold."""
    parts = [pa.table({"text": pa.array(["a", "b", None, "a"]).dictionary_encode(), "kind": pa.array(kinds).dictionary_encode()})
             for kinds in (["x", "x", "y", None], ["z", "y", "z", "z"])]
    files = [str(write(tmp_path / f"{number}.arrow", part, 2)) for number, part in enumerate(parts)]
    whole = pa.concat_tables([part.cast(pa.schema({"text": pa.string(), "kind": pa.string()})) for part in parts])
    for inputs, name, is_kept in ((files[:1], "one.arrow", True), (files, "two.arrow", False), (files, "two.arrows", False)):
        assert main(["embed", *inputs, "--output", str(tmp_path / name), "--model", str(MODEL), "--piece-rows", "2"]) == 0
        made = read(tmp_path / name)
        assert pa.types.is_dictionary(made.schema.field("kind").type) == is_kept
        for column in ("text", "kind"):
            assert made[column].to_pylist() == whole[column].to_pylist()[: len(made)]
        assert made["embedding"].is_null().to_pylist() == [False, False, True, False] * len(inputs)
    # Parquet's row groups have dictionaries of their own.
    texts = write(tmp_path / "texts.parquet", pa.concat_tables(parts), 3)
    assert main(["embed", str(texts), "--output", str(tmp_path / "three.arrow"), "--model", str(MODEL), "--batch-rows", "2"]) == 0
    assert read(tmp_path / "three.arrow").select(["text", "kind"]).equals(whole)


@pytest.mark.parametrize("name", ["texts.parquet", "texts.arrow", "texts.arrows", "no-suffix"])
def test_a_file_of_no_rows(model, tmp_path, name):
    empty = write(tmp_path / name, table(0), 10)
    out = tmp_path / "vectors.arrow"
    assert main(["embed", str(empty), "--output", str(out), "--model", str(MODEL)]) == 0
    made = read(out)
    assert made.num_rows == 0 and made.column_names == ["id", "text", "more", "embedding"]
    assert made.schema.field("embedding").type == pa.list_(pa.float32(), 384)


@pytest.mark.parametrize("name", ["texts.parquet", "texts.arrow", "texts.arrows"])
def test_a_file_that_was_cut_is_named(tmp_path, name, capfd):
    texts = write(tmp_path / name, table(100), 10)
    texts.write_bytes(texts.read_bytes()[:-200])
    with pytest.raises(InvalidInputError, match=f"{name} cannot be read"):
        parquet.plan([str(texts)])
    texts.write_bytes(b"")
    with pytest.raises(InvalidInputError, match=f"{name} is empty"):
        parquet.plan([str(texts)])
    texts.write_bytes(b"id,text\n1,a\n")
    assert main(["embed", str(texts), "--output", str(tmp_path / "out"), "--model", str(MODEL)]) == 1
    assert f"{name} is neither Parquet nor Arrow" in capfd.readouterr().err


def test_what_cannot_become_one_file_is_refused_at_the_start(tmp_path, capfd):
    first, second = write(tmp_path / "1.arrow", table(3), 3), write(tmp_path / "2.arrow", table(3).drop_columns(["more"]), 3)
    out = tmp_path / "out.arrow"
    for more, message in ((["--output", str(out)], "has other columns, or of other types"),
                          (["--output", str(tmp_path / "out"), "--columns", "more"], "2.arrow has no column 'more'; it has id, text"),
                          (["--output", str(tmp_path / "out"), "--text-column", "x"], "1.arrow has no column 'x'"),
                          (["--output", str(out), "--vector-column", "id"], "1.arrow has a column 'id' already"),
                          (["--output", str(out), "--format", "parquet"], "Leave --format out, or let the name end in .parquet.")):
        assert main(["embed", str(first), str(second), "--model", str(MODEL), *more]) == 1
        assert message in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.arrow", "2.arrow"]
    assert main(["embed", str(first), str(second), "--model", str(MODEL), "--output", str(out), "--columns", "id"]) == 0
    assert read(out)["id"].to_pylist() == [0, 1, 2] * 2


@pytest.mark.parametrize("given", ["texts.parquet", "texts.feather", "texts.arrows"])
@pytest.mark.parametrize("made", ["vectors.parquet", "vectors.arrow", "vectors.feather", "vectors.arrows"])
def test_any_format_to_any_other(model, tmp_path, given, made):
    texts, out = write(tmp_path / given, table(20), 5), tmp_path / made
    assert main(["embed", str(texts), "--output", str(out), "--model", str(MODEL), "--piece-rows", "5"]) == 0
    assert read(out).select(["id", "text", "more"]).equals(table(20))
    assert vectors(read(out)).tobytes() == model.encode(table(20)["text"].to_pylist()).tobytes()


def test_the_format_of_a_folder(model, tmp_path, texts):
    for name, files in (("parquet", ".parquet"), ("arrow", ".arrow"), ("arrows", ".arrows")):
        out = tmp_path / name
        assert main(["embed", str(texts), "--output", str(out), "--model", str(MODEL), "--format", name, "--piece-rows", "50"]) == 0
        assert [path.name for path in sorted(out.glob("part-*"))] == [f"part-00000-00000{files}", f"part-00000-00005{files}"]
        assert read(out)["id"].to_pylist() == list(range(100))


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


@pytest.mark.parametrize("name", ["texts.parquet", "texts.arrow", "texts.arrows"])
def test_a_command_that_was_killed_goes_on(model, tmp_path, name):
    texts, out = write(tmp_path / name, table(100), 10), tmp_path / "out"
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
    made = read(out)
    assert made["id"].to_pylist() == list(range(100))
    assert vectors(made).tobytes() == model.encode(table(100)["text"].to_pylist()).tobytes()
