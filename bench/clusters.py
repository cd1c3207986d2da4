#!/usr/bin/env python3
"""Ray and Spark on this machine, one worker with all cores, beside the engine: rows and tokens per second from Parquet to Parquet with vectors.

    make bench-clusters                                (makes the environment; writes docs/CLUSTERS.md)
    build/python-clusters-env/bin/python bench/clusters.py --model FOLDER [--build build] [--rows 1000000] [--kill-rows 100000]

The engine's rate is that of `akidb-embed bench --corpus` on ten thousand of the rows, taken at equal distances because rows get longer along the
input. It is measured before and after each run, which is held against the mean of the two. A run's time is that of the whole job, with the model's
start, but without that of Ray or Spark itself. Each run's rows are held against those of the input; then the worker of a run over --kill-rows is
killed in the middle, and the rows are held against the input again. Close other programs first.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from statistics import mean

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from python_package import short_texts  # noqa: E402
from recording import describe_machine, others_share, write_section  # noqa: E402

LEAST_SHARE = 0.90
SAMPLE = 10_000
PIECES = 20
# No two numbers of vectors are alike, so that the table of values which Parquet's writer looks each up in only costs time.
NO_DICTIONARY = ("parquet.enable.dictionary#embedding.list.element", "false")


def write_rows(path, rows):
    table = pa.table({"id": pa.array(range(rows), pa.int64()), "text": list(short_texts(rows))})
    pq.write_table(table, path, row_group_size=max(1, rows // PIECES))
    return path


def check_rows(folder, rows, who):
    """Every id once, and a vector for each."""
    made = pq.read_table(folder, columns=["id", "embedding"])
    if made.num_rows != rows or pc.count_distinct(made["id"]).as_py() != rows or made["embedding"].null_count > 0:
        sys.exit(f"{who}: {made.num_rows} rows, {pc.count_distinct(made['id']).as_py()} different ones, in place of {rows}")


def write_sample(path, rows):
    """Texts at equal distances over all rows: the first ones alone would be shorter than the mean. The distance is odd, so that the
    numbers in the texts do not all end in noughts."""
    path.write_text("\n".join(islice(short_texts(rows), 0, None, rows // SAMPLE | 1)) + "\n", encoding="utf-8")
    return path


def engine_rate(arguments, corpus):
    done = subprocess.run([arguments.build / "akidb-embed", "bench", "--model", arguments.model, "--corpus", corpus, "--seconds", "5", "--json"], check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)["results"][0]["texts_per_second"]


def kill_in_the_middle(out, processes):
    """A thread that kills these, a function's, when half of the pieces are there."""
    def kill():
        while len(list(Path(out).glob("part-*"))) < PIECES // 2:
            time.sleep(0.001)
        for process in processes():
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def workers_of_spark():
    """Process ids of its Python workers: children of a process of the same command, which started them."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"pyspark.daemon" in (folder / "cmdline").read_bytes():
                parents[int(folder.name)] = int((folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            pass
    return [process for process, parent in parents.items() if parent in parents]


class Ray:
    name = "Ray"

    def __init__(self, arguments):
        import ray

        # Waits are for a machine that is busy with other things. Ray runs its workers at nice 15 by itself; Spark and the engine run at 0.
        os.environ.update(RAY_raylet_start_wait_time_s="600", RAY_gcs_rpc_server_reconnect_timeout_s="600", RAY_worker_niceness="0")
        ray.init(num_cpus=arguments.cores, include_dashboard=False, object_store_memory=200 << 20, log_to_driver=False)
        self.model, self.cores, self.ray = str(arguments.model), arguments.cores, ray

    def embed(self, source, out, on_worker=None):
        from akidb_embed.ray import embed_parquet

        rows = pq.ParquetFile(source).metadata.num_rows
        embed_parquet([str(source)], str(out), self.model, workers=1, cpus_per_worker=self.cores, piece_rows=max(1, rows // PIECES), on_worker=on_worker)

    def embed_killed(self, source, out):
        threads = []

        def on_worker(process):
            threads.append(kill_in_the_middle(out, lambda: [process]))

        self.embed(source, out, on_worker)
        threads[0].join()

    def stop(self):
        self.ray.shutdown()


class Spark:
    name = "Spark"

    def __init__(self, arguments):
        from pyspark.sql import SparkSession

        os.environ["PYSPARK_PYTHON"] = sys.executable
        # One task at a time, which takes all cores.
        self.session = (SparkSession.builder.master(f"local[{arguments.cores},4]").config("spark.task.cpus", str(arguments.cores))
                        .config("spark.ui.enabled", "false").config("spark.driver.memory", "2g").config("spark.driver.host", "127.0.0.1")
                        .config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
        self.session.sparkContext.setLogLevel("ERROR")
        self.model, self.cores = str(arguments.model), arguments.cores

    def embed(self, source, out):
        from akidb_embed.spark import embed_parquet

        embed_parquet(self.session, [str(source)], str(out), self.model, piece_rows=max(1, pq.ParquetFile(source).metadata.num_rows // PIECES))

    def embed_killed(self, source, out):
        thread = kill_in_the_middle(out, workers_of_spark)
        self.embed(source, out)
        thread.join()

    def stop(self):
        self.session.stop()


class SparkFrame(Spark):
    """A data frame, whose rows Spark itself reads and writes."""

    name = "Spark, data frame"

    def embed(self, source, out):
        from akidb_embed.spark import embed

        embed(self.session.read.parquet(str(source)), self.model).write.option(*NO_DICTIONARY).parquet(str(out))

    def embed_killed(self, source, out):
        from akidb_embed.spark import mapper, with_vector_column

        mark, add = str(out) + ".killed", mapper(self.model, "text", "embedding", {"threads": self.cores})

        def add_and_die(batches):
            def die():
                if not os.path.exists(mark):
                    open(mark, "w").close()
                    os.kill(os.getpid(), signal.SIGKILL)

            for number, batch in enumerate(add(batches)):
                yield batch
                if number == 1:
                    die()
            die()  # of a task with a single batch

        frame = self.session.read.parquet(str(source))
        frame.mapInArrow(add_and_die, with_vector_column(frame.schema, "embedding")).write.option(*NO_DICTIONARY).parquet(str(out))
        if not os.path.exists(mark):
            sys.exit("Spark: no worker was killed")


def measure(arguments, folder):
    """{who: (rows/s, the engine's before and after)}."""
    source, few = write_rows(folder / "texts.parquet", arguments.rows), write_rows(folder / "few.parquet", arguments.kill_rows)
    corpus, rates = write_sample(folder / "sample.txt", arguments.rows), {}
    before = engine_rate(arguments, corpus)
    for kind in (Ray, Spark, SparkFrame):
        cluster = kind(arguments)
        try:
            print(f"{kind.name}: {arguments.rows:,} rows", file=sys.stderr, flush=True)
            begin = time.perf_counter()
            cluster.embed(source, folder / kind.name)
            rate = arguments.rows / (time.perf_counter() - begin)
            check_rows(folder / kind.name, arguments.rows, kind.name)
            print(f"{kind.name}: {arguments.kill_rows:,} rows, and a worker that is killed", file=sys.stderr, flush=True)
            cluster.embed_killed(few, folder / f"{kind.name}-killed")
            check_rows(folder / f"{kind.name}-killed", arguments.kill_rows, kind.name)
        finally:
            cluster.stop()
        after = engine_rate(arguments, corpus)
        rates[kind.name] = rate, (before, after)
        before = after
    return rates


def make_markdown(arguments, machine, rates):
    lines = [machine, "", f"{arguments.rows:,} short rows, one worker with {arguments.cores} cores; in a run over {arguments.kill_rows:,} rows it was killed in the middle. "
             f"Command: `bench/clusters.py --rows {arguments.rows} --kill-rows {arguments.kill_rows}`", "",
             "| | rows/s | `akidb-embed bench` before and after | aim | share of the engine's | | rows lost or doubled after the kill |",
             "|---|---|---|---|---|---|---|"]
    for who, (rate, engine) in rates.items():
        share = rate / mean(engine)
        lines.append(f"| {who} | {rate:,.0f} | {', '.join(f'{one:,.0f}' for one in engine)} | ≥ {LEAST_SHARE:.0%} | {share:.1%} | {'met' if share >= LEAST_SHARE else '**not met**'} | 0 |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kill-rows", type=int, default=100_000)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, help="a Markdown file with the markers, such as docs/CLUSTERS.md; default: stdout alone")
    arguments = parser.parse_args()
    share = others_share()
    with tempfile.TemporaryDirectory() as folder:
        rates = measure(arguments, Path(folder))
    text = make_markdown(arguments, describe_machine(share), rates)
    print(text)
    if arguments.output:
        write_section(arguments.output, "clusters", text)


if __name__ == "__main__":
    main()
