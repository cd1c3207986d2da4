"""Fills and queries Qdrant in a folder (its local mode); with a URL in place of the folder, a Qdrant server.

    python qdrant_example.py FOLDER-OR-URL [MODEL]
"""
import sys

from akidb_embed import Model
from qdrant_client import QdrantClient
from qdrant_client.models import Distance, PointStruct, VectorParams
from texts import QUESTION, TEXTS


def main(place, name="sentence-transformers/all-MiniLM-L6-v2"):
    model = Model(name)
    client = QdrantClient(url=place) if "://" in place else QdrantClient(path=place)
    try:
        if not client.collection_exists("texts"):
            client.create_collection("texts", vectors_config=VectorParams(size=model.dimension, distance=Distance.COSINE))
        vectors = model.encode_document(TEXTS)
        client.upsert("texts", [PointStruct(id=number, vector=vector.tolist(), payload={"text": text})
                                for number, (text, vector) in enumerate(zip(TEXTS, vectors))])
        found = client.query_points("texts", query=model.encode_query(QUESTION).tolist(), limit=1)
        return found.points[0].payload["text"]
    finally:
        client.close()


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
