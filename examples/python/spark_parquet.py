"""Embeds Parquet files with Spark: on this machine, or on the cluster that spark-submit --master names.

    python spark_parquet.py INPUT OUTPUT-FOLDER [MODEL]
"""
import os
import sys

from akidb_embed.spark import embed
from pyspark.sql import SparkSession


def main(source, output, model="sentence-transformers/all-MiniLM-L6-v2", master=None):
    cores = os.cpu_count() or 1
    # One task at a time with all cores: one model per executor.
    session = (SparkSession.builder.appName("akidb-embed").master(master or f"local[{cores}]").config("spark.task.cpus", cores)
               .config("spark.ui.enabled", "false").getOrCreate())
    embed(session.read.parquet(source), model).write.mode("overwrite").parquet(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
