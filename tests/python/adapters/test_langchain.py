"""LangChain's own standard tests for embeddings, and a vector store of its own."""
import pytest
from akidb_embed import Model
from akidb_embed.langchain import AkidbEmbeddings
from conftest import MODEL
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests


class TestUnits(EmbeddingsUnitTests):
    @property
    def embeddings_class(self):
        return AkidbEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": str(MODEL), "threads": 1}


class TestWithTheModel(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return AkidbEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": str(MODEL)}


@pytest.fixture(params=["model", "server"])
def embeddings(request, model):
    if request.param == "model":
        return AkidbEmbeddings(model)
    return AkidbEmbeddings(url=request.getfixturevalue("server").url)


def test_a_store_finds_the_nearest(embeddings, model):
    assert embeddings.embed_query("a cat") == model.encode("a cat").tolist()
    assert embeddings.embed_documents([]) == []
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["The bank raised its rates.", "A kitten sleeps on the sofa.", "It rains."])
    assert store.similarity_search("a cat", k=1)[0].page_content == "A kitten sleeps on the sofa."


def test_prompts_are_chosen_by_name(model):
    with pytest.raises(ValueError, match="no prompt of the name"):
        AkidbEmbeddings(model, query_prompt_name="nonsense").embed_query("a cat")
    with pytest.raises(ValueError, match="one of model and url"):
        AkidbEmbeddings()
    assert isinstance(AkidbEmbeddings(model)._source.open(), Model)
