"""Embeds Parquet files with Ray: on this machine, or on the cluster that RAY_ADDRESS names.

    python ray_parquet.py INPUT OUTPUT-FOLDER [MODEL] [WORKERS] [CPUS-PER-WORKER]
"""
import os
import sys

import ray
from akidb_embed.ray import embed_parquet


def main(source, output, model="sentence-transformers/all-MiniLM-L6-v2", workers="1", cpus=None):
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    cpus_per_worker = int(cpus) if cpus is not None else max(1, (os.cpu_count() or 1) // int(workers))
    return embed_parquet([source], output, model, workers=int(workers), cpus_per_worker=cpus_per_worker)


if __name__ == "__main__":
    print(f"{main(*sys.argv[1:]):,} rows")
