"""Fills and queries a Chroma database in a folder.

    python chroma_example.py FOLDER [MODEL]
"""
import sys

import chromadb
from akidb_embed.chroma import AkidbEmbeddingFunction
from texts import QUESTION, TEXTS


def main(folder, model="sentence-transformers/all-MiniLM-L6-v2"):
    client = chromadb.PersistentClient(folder)
    collection = client.get_or_create_collection("texts", embedding_function=AkidbEmbeddingFunction(model=model))
    # Chroma calls the function for documents and for queries.
    collection.upsert(ids=[str(number) for number in range(len(TEXTS))], documents=TEXTS)
    return collection.query(query_texts=[QUESTION], n_results=1)["documents"][0][0]


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
