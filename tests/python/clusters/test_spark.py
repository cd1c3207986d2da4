"""Spark on this machine: data frames, Parquet files, and a worker that is killed in the middle."""
import os
import signal
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from akidb_embed.errors import InvalidInputError
from akidb_embed.spark import embed, embed_parquet, embed_udf, mapper, with_vector_column
from conftest import MODEL, ROOT, SHORT
from pyspark.sql import SparkSession

sys.path[:0] = [str(ROOT / "examples" / "python"), str(ROOT / "bench")]

from clusters import workers_of_spark  # noqa: E402


@pytest.fixture(scope="module")
def session(cache):
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Two tasks at a time, and a task is tried again, which Spark does not do on one machine unless it is told so.
    made = (SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
            .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "50").getOrCreate())
    yield made
    made.stop()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"id": range(500), "text": [SHORT[number % len(SHORT)] for number in range(500)]}), path)
    return path


def check(rows, model):
    assert [row["id"] for row in rows] == list(range(500))
    assert [row["text"] for row in rows] == [SHORT[number % len(SHORT)] for number in range(500)]
    made = np.array([row["embedding"] for row in rows], dtype=np.float32)
    assert made.tobytes() == np.concatenate([model.encode(SHORT)] * 100).tobytes()


def test_a_frame_gets_a_column(session, source, model):
    check(embed(session.read.parquet(str(source)), str(MODEL)).collect(), model)


def test_null_stays_null(session, model):
    frame = session.createDataFrame([(0, "a"), (1, None), (2, "")], "id long, text string")
    rows = embed(frame.coalesce(1), str(MODEL), threads=1).collect()
    assert rows[1]["embedding"] is None
    assert rows[0]["embedding"] == model.encode("a").tolist() and rows[2]["embedding"] == model.encode("").tolist()


def test_a_function_of_columns(session, model):
    frame = session.createDataFrame([("a",), (None,)], "text string").coalesce(1)
    rows = frame.select(embed_udf(session, str(MODEL), threads=1)("text").alias("v")).collect()
    assert rows[0]["v"] == model.encode("a").tolist() and rows[1]["v"] is None


def test_a_killed_worker_costs_no_row_and_doubles_none(session, source, tmp_path, model):
    mark, add = str(tmp_path / "killed"), mapper(str(MODEL), "text", "embedding", {"threads": 1})

    def add_and_die(batches):
        for number, batch in enumerate(add(batches)):
            yield batch
            if number == 3 and not os.path.exists(mark):
                open(mark, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)

    frame = session.read.parquet(str(source))
    frame.mapInArrow(add_and_die, with_vector_column(frame.schema, "embedding")).write.parquet(str(tmp_path / "out"))
    assert os.path.exists(mark)
    check(session.read.parquet(str(tmp_path / "out")).orderBy("id").collect(), model)


def test_files_are_made_by_pieces_in_spite_of_a_killed_worker(session, tmp_path, model):
    source, out = tmp_path / "texts.parquet", tmp_path / "out"
    pq.write_table(pa.table({"id": range(4000), "text": [SHORT[number % len(SHORT)] for number in range(4000)]}), source, row_group_size=100)
    killed, ended = [], threading.Event()

    def kill():
        while not list(out.glob("part-*")) and not ended.is_set():
            pass
        killed.append(len(list(out.glob("part-*"))))
        for worker in workers_of_spark():
            os.kill(worker, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert embed_parquet(session, [str(source)], str(out), str(MODEL), piece_rows=100) == 4000
    finally:
        ended.set()
        thread.join()
    assert 1 <= killed[0] < 40  # in the middle
    made = pq.read_table(out).sort_by("id")
    assert made["id"].to_pylist() == list(range(4000)) and made["text"].to_pylist() == SHORT * (4000 // len(SHORT))
    vectors = np.array(made["embedding"].combine_chunks().flatten())
    assert vectors.tobytes() == np.concatenate([model.encode(SHORT)] * (4000 // len(SHORT))).tobytes()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert len(before) == 40
    assert embed_parquet(session, [str(source)], str(out), str(MODEL), piece_rows=100) == 0  # all is there
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")} == before
    with pytest.raises(InvalidInputError, match="begun with other"):
        embed_parquet(session, [str(source)], str(out), str(MODEL), piece_rows=200)


def test_the_example_runs(session, source, tmp_path, model):
    from spark_parquet import main

    main(str(source), str(tmp_path / "out"), str(MODEL), "local[2]")  # the session that is there already
    check(session.read.parquet(str(tmp_path / "out")).orderBy("id").collect(), model)
