"""Haystack: components in pipelines, which are written and read again."""
import pytest
from akidb_embed.haystack import AkidbDocumentEmbedder, AkidbTextEmbedder
from conftest import MODEL
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore


@pytest.fixture(params=["model", "server"])
def where(request):
    return {"model": str(MODEL)} if request.param == "model" else {"url": request.getfixturevalue("server").url}


def test_a_pipeline_finds_the_nearest(where):
    store = InMemoryDocumentStore()
    index = Pipeline()
    index.add_component("embedder", AkidbDocumentEmbedder(**where, meta_fields_to_embed=["title"]))
    index.add_component("writer", DocumentWriter(store))
    index.connect("embedder.documents", "writer.documents")
    documents = [Document(content=text, meta={"title": "news"}) for text in ("The bank raised its rates.", "A kitten sleeps on the sofa.")]
    index.run({"embedder": {"documents": documents}})
    assert documents[0].embedding is None  # copies carry the vectors

    search = Pipeline()
    search.add_component("embedder", AkidbTextEmbedder(**where))
    search.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    search.connect("embedder.embedding", "retriever.query_embedding")
    assert search.run({"embedder": {"text": "a cat"}})["retriever"]["documents"][0].content == "A kitten sleeps on the sofa."


def test_vectors_are_the_models(where, model):
    assert AkidbTextEmbedder(**where).run("a cat")["embedding"] == model.encode("a cat").tolist()
    made = AkidbDocumentEmbedder(**where, meta_fields_to_embed=["title"]).run([Document(content="a cat", meta={"title": "T"}), Document(content="x")])
    assert [document.embedding for document in made["documents"]] == model.encode(["T\na cat", "x"]).tolist()
    assert AkidbDocumentEmbedder(**where).run([]) == {"documents": []}


@pytest.mark.parametrize("component", [AkidbTextEmbedder, AkidbDocumentEmbedder])
def test_a_pipeline_is_written_and_read(component):
    pipeline = Pipeline()
    pipeline.add_component("embedder", component(model=str(MODEL), settings={"threads": 1}))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["akidb_embed.haystack"]).get_component("embedder")
    again.warm_up()
    assert again.to_dict() == pipeline.get_component("embedder").to_dict()
    assert again._source.open().threads == 1
