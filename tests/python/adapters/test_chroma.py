"""Chroma: a collection that keeps its embedding function."""
import chromadb
import pytest
from akidb_embed.chroma import AkidbEmbeddingFunction
from conftest import MODEL


def test_a_collection_finds_the_nearest_after_it_was_opened_anew(tmp_path, model):
    function = AkidbEmbeddingFunction(model=str(MODEL), settings={"threads": 1})
    collection = chromadb.PersistentClient(str(tmp_path)).create_collection("texts", embedding_function=function)
    collection.add(ids=["bank", "cat"], documents=["The bank raised its rates.", "A kitten sleeps on the sofa."])
    assert collection.query(query_texts=["a cat"], n_results=1)["ids"] == [["cat"]]
    stored = collection.get(ids=["cat"], include=["embeddings"])["embeddings"][0]
    assert stored.tolist() == model.encode("A kitten sleeps on the sofa.").tolist()
    again = chromadb.PersistentClient(str(tmp_path)).get_collection("texts")  # makes the function from what was stored
    assert again.query(query_texts=["interest"], n_results=1)["ids"] == [["bank"]]


def test_over_a_server(server, model):
    function = AkidbEmbeddingFunction(url=server.url)
    assert function(["a cat"])[0].tolist() == model.encode("a cat").tolist()
    assert function.embed_query(["a cat"])[0].tolist() == model.encode("a cat").tolist()


def test_another_model_is_refused():
    function = AkidbEmbeddingFunction(model="a")
    with pytest.raises(ValueError, match="another model"):
        function.validate_config_update({"model": "a"}, {"model": "b"})
    assert function.build_from_config(function.get_config()).get_config() == function.get_config()
