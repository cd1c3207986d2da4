"""Fills and queries a LanceDB table in a folder. The vectors go in as an Arrow column, without a copy in Python.

    python lancedb_example.py FOLDER [MODEL]
"""
import sys

import lancedb
import pyarrow as pa
from akidb_embed import Model
from akidb_embed.parquet import with_vectors
from texts import QUESTION, TEXTS


def main(folder, name="sentence-transformers/all-MiniLM-L6-v2"):
    model = Model(name)
    rows = with_vectors(model, pa.table({"id": range(len(TEXTS)), "text": TEXTS}), "text", "vector")
    table = lancedb.connect(folder).create_table("texts", rows, mode="overwrite")
    found = table.search(model.encode_query(QUESTION)).distance_type("cosine").limit(1).to_list()
    return found[0]["text"]


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
