"""LlamaIndex: what its integrations are tested for, and an index of its own."""
import asyncio

import pytest
from akidb_embed.llama_index import AkidbEmbedding
from conftest import MODEL
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.retrievers import VectorIndexRetriever


def test_class():
    """As the tests of LlamaIndex's own integrations have it."""
    assert BaseEmbedding.__name__ in [base.__name__ for base in AkidbEmbedding.__mro__]
    assert AkidbEmbedding.class_name() == "AkidbEmbedding"


@pytest.fixture(params=["model", "server"])
def embedding(request, model):
    return AkidbEmbedding(str(MODEL)) if request.param == "model" else AkidbEmbedding(url=request.getfixturevalue("server").url)


def test_every_way_gives_the_models_vectors(embedding, model):
    texts = ["a cat", "a dog", "the bank"]
    expected = model.encode(texts).tolist()
    assert embedding.get_text_embedding_batch(texts) == expected
    assert embedding.get_text_embedding(texts[0]) == embedding.get_query_embedding(texts[0]) == expected[0]

    async def run():
        return await embedding.aget_text_embedding_batch(texts), await embedding.aget_query_embedding(texts[0])

    assert asyncio.run(run()) == (expected, expected[0])


def test_an_index_finds_the_nearest(embedding):
    documents = [Document(text=text) for text in ("The bank raised its rates.", "A kitten sleeps on the sofa.", "It rains.")]
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
    found = VectorIndexRetriever(index=index, similarity_top_k=1, embed_model=embedding).retrieve("a cat")
    assert found[0].text == "A kitten sleeps on the sofa."
