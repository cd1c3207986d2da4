"""Ray on this machine: datasets and Parquet files, and a worker that is killed in the middle."""
import os
import signal
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from akidb_embed import InvalidInputError
from akidb_embed.ray import embed, embed_parquet
from conftest import MODEL, ROOT, SHORT

sys.path.insert(0, str(ROOT / "examples" / "python"))


@pytest.fixture(scope="module", autouse=True)
def cluster():
    # On a machine that is busy with other things.
    os.environ.update(RAY_raylet_start_wait_time_s="600", RAY_gcs_rpc_server_reconnect_timeout_s="600")
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200 << 20, log_to_driver=False)
    yield
    ray.shutdown()


def table(rows):
    return pa.table({"id": range(rows), "text": [SHORT[number % len(SHORT)] for number in range(rows)]})


def check(made, model, rows):
    assert made["id"].to_pylist() == list(range(rows))
    assert made.select(["id", "text"]).equals(table(rows))
    expected = model.encode(SHORT)
    vectors = np.array(made["embedding"].combine_chunks().flatten()).reshape(rows, -1)
    assert vectors.tobytes() == np.concatenate([expected] * (rows // len(SHORT))).tobytes()


def test_a_dataset_gets_a_column(model):
    made = embed(ray.data.from_arrow(table(200)), str(MODEL), workers=1, batch_size=64)
    check(pa.concat_tables(ray.get(made.sort("id").to_arrow_refs())), model, 200)


def test_a_killed_worker_costs_no_row_and_doubles_none(model, tmp_path):
    source, out = tmp_path / "texts.parquet", tmp_path / "out"
    pq.write_table(table(4000), source, row_group_size=100)
    killed, ended = [], threading.Event()

    def kill(process):
        while not list(out.glob("part-*")) and not ended.is_set():
            pass
        killed.append(len(list(out.glob("part-*"))))
        os.kill(process, signal.SIGKILL)

    threads = []

    def on_worker(process):
        threads.append(threading.Thread(target=kill, args=(process,)))
        threads[-1].start()

    try:
        assert embed_parquet([str(source)], str(out), str(MODEL), workers=1, piece_rows=100, on_worker=on_worker) == 4000
    finally:
        ended.set()
        threads[0].join()
    assert 1 <= killed[0] < 40  # in the middle
    check(pq.read_table(out), model, 4000)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert len(before) == 40
    assert embed_parquet([str(source)], str(out), str(MODEL), workers=1, piece_rows=100) == 0  # all is there
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")} == before
    with pytest.raises(InvalidInputError, match="begun with other"):
        embed_parquet([str(source)], str(out), str(MODEL), piece_rows=200)


def test_the_example_runs_with_two_workers(model, tmp_path):
    from ray_parquet import main

    pq.write_table(table(200), tmp_path / "texts.parquet", row_group_size=50)
    assert main(str(tmp_path / "texts.parquet"), str(tmp_path / "out"), str(MODEL), "2", "1") == 200
    check(pq.read_table(tmp_path / "out"), model, 200)
