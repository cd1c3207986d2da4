"""Fills and queries a PostgreSQL table with pgvector.

    python pgvector_example.py postgresql://user@host/database [MODEL]
"""
import sys

import psycopg
from akidb_embed import Model
from pgvector.psycopg import register_vector
from texts import QUESTION, TEXTS


def main(url, name="sentence-transformers/all-MiniLM-L6-v2"):
    model = Model(name)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register_vector(database)
        database.execute(f"CREATE TABLE IF NOT EXISTS texts (id bigint PRIMARY KEY, text text, vector vector({model.dimension}))")
        # COPY in its binary form takes numpy's float32 as it is.
        database.execute("TRUNCATE texts")
        with database.cursor().copy("COPY texts (id, text, vector) FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "text", "vector"])
            for number, (text, vector) in enumerate(zip(TEXTS, model.encode_document(TEXTS))):
                copy.write_row((number, text, vector))
        row = database.execute("SELECT text FROM texts ORDER BY vector <=> %s LIMIT 1", (model.encode_query(QUESTION),)).fetchone()
        return row[0]


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
