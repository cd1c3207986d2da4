"""The clients of the Python package index, driven by driver.py: a line of JSON asks, a line of JSON answers.

Runs in an environment of its own (requirements.txt). Each client is what its library makes of an address, a model and a key, with
the library's defaults otherwise.
"""
import base64
import json
import os
import sys

import numpy


class Client:
    """ask: the question, with url, model, key, and whole (true: a text that is too long shall be refused, where the client can say so)."""

    def __init__(self, ask):
        self.url, self.model, self.key, self.whole = ask["url"], ask["model"], ask["key"], ask.get("whole", False)

    def bearer(self):
        return {"Authorization": f"Bearer {self.key}"}


class OpenAI(Client):
    def client(self):
        import openai
        return openai.OpenAI(base_url=self.url + "/v1", api_key=self.key)

    def embed(self, texts):
        extra = {"extra_body": {"truncate": False}} if self.whole else {}
        return [item.embedding for item in self.client().embeddings.create(model=self.model, input=texts, **extra).data]


class Azure(OpenAI):
    def client(self):
        import openai
        return openai.AzureOpenAI(azure_endpoint=self.url, api_version="2024-10-21", api_key=self.key)


class LangChainOpenAI(Client):
    def embed(self, texts):
        from langchain_openai import OpenAIEmbeddings
        return OpenAIEmbeddings(model=self.model, base_url=self.url + "/v1", api_key=self.key).embed_documents(texts)


class LangChainHuggingFace(Client):
    def embed(self, texts):
        from huggingface_hub import InferenceClient
        from langchain_huggingface import HuggingFaceEndpointEmbeddings
        embeddings = HuggingFaceEndpointEmbeddings(huggingfacehub_api_token=self.key)
        embeddings.client = InferenceClient(self.url, api_key=self.key)  # it takes no address itself
        return embeddings.embed_documents(texts)


class LangChainOllama(Client):
    def embed(self, texts):
        from langchain_ollama import OllamaEmbeddings
        return OllamaEmbeddings(model=self.model, base_url=self.url, client_kwargs={"headers": self.bearer()}).embed_documents(texts)


class LlamaIndexOpenAI(Client):
    def embed(self, texts):
        from llama_index.embeddings.openai_like import OpenAILikeEmbedding
        return OpenAILikeEmbedding(model_name=self.model, api_base=self.url + "/v1", api_key=self.key, max_retries=1).get_text_embedding_batch(texts)


class LlamaIndexTEI(Client):
    def embed(self, texts):
        from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
        embedding = TextEmbeddingsInference(model_name=self.model, base_url=self.url, auth_token=self.key, truncate_text=not self.whole)
        return embedding.get_text_embedding_batch(texts)

    def rerank(self, query, documents):
        from llama_index.core.schema import NodeWithScore, TextNode
        from llama_index.postprocessor.tei_rerank import TextEmbeddingInference
        nodes = [NodeWithScore(node=TextNode(text=text, id_=str(index))) for index, text in enumerate(documents)]
        ranker = TextEmbeddingInference(base_url=self.url, model_name=self.model, top_n=len(documents), auth_token=f"Bearer {self.key}")
        return [[int(found.node.node_id), found.score] for found in ranker.postprocess_nodes(nodes, query_str=query)]


class LlamaIndexOllama(Client):
    def embed(self, texts):
        from llama_index.embeddings.ollama import OllamaEmbedding
        return OllamaEmbedding(model_name=self.model, base_url=self.url, client_kwargs={"headers": self.bearer()}).get_text_embedding_batch(texts)


class HaystackOpenAI(Client):
    def embed(self, texts):
        from haystack import Document
        from haystack.components.embedders import OpenAIDocumentEmbedder
        from haystack.utils import Secret
        embedder = OpenAIDocumentEmbedder(api_base_url=self.url + "/v1", model=self.model, api_key=Secret.from_token(self.key),
                                          progress_bar=False, raise_on_failure=True)
        return [document.embedding for document in embedder.run([Document(content=text) for text in texts])["documents"]]


class HaystackTEI(Client):
    def embed(self, texts):
        from haystack import Document
        from haystack.utils import Secret
        from haystack_integrations.components.embedders.huggingface_api import HuggingFaceAPIDocumentEmbedder
        embedder = HuggingFaceAPIDocumentEmbedder(api_type="text_embeddings_inference", api_params={"url": self.url}, normalize=True,
                                                  truncate=not self.whole, token=Secret.from_token(self.key), progress_bar=False)
        return [document.embedding for document in embedder.run([Document(content=text) for text in texts])["documents"]]

    def rerank(self, query, documents):
        from haystack import Document
        from haystack.utils import Secret
        from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker
        ranker = HuggingFaceTEIRanker(url=self.url, top_k=len(documents), token=Secret.from_token(self.key))
        found = ranker.run(query=query, documents=[Document(content=text, meta={"at": at}) for at, text in enumerate(documents)])
        return [[document.meta["at"], document.score] for document in found["documents"]]


class HuggingFaceHub(Client):
    def embed(self, texts):
        import huggingface_hub
        client = huggingface_hub.InferenceClient(self.url, api_key=self.key)
        return client.feature_extraction(texts, **({"truncate": False} if self.whole else {}))


class Ollama(Client):
    def embed(self, texts):
        import ollama
        client = ollama.Client(host=self.url, headers=self.bearer())
        return client.embed(model=self.model, input=texts, **({"truncate": False} if self.whole else {})).embeddings


class Cohere(Client):
    def client(self):
        import cohere
        return cohere.ClientV2(self.key, base_url=self.url)

    def embed(self, texts):
        extra = {"truncate": "NONE"} if self.whole else {}
        return self.client().embed(texts=texts, model=self.model, input_type="search_document", **extra).embeddings.float_

    def rerank(self, query, documents):
        return [[row.index, row.relevance_score] for row in self.client().rerank(model=self.model, query=query, documents=documents).results]


class CohereV1(Cohere):
    def client(self):
        import cohere
        return cohere.Client(self.key, base_url=self.url)

    def embed(self, texts):
        extra = {"truncate": "NONE"} if self.whole else {}
        return self.client().embed(texts=texts, model=self.model, input_type="search_document", **extra).embeddings


class HaystackCohere(Client):
    def embed(self, texts):
        from haystack import Document
        from haystack.utils import Secret
        from haystack_integrations.components.embedders.cohere import CohereDocumentEmbedder
        embedder = CohereDocumentEmbedder(api_base_url=self.url, model=self.model, api_key=Secret.from_token(self.key), progress_bar=False,
                                          truncate="NONE" if self.whole else "END")
        return [document.embedding for document in embedder.run([Document(content=text) for text in texts])["documents"]]


class LangChainNVIDIA(Client):
    def embed(self, texts):
        from langchain_nvidia_ai_endpoints import NVIDIAEmbeddings
        truncate = "NONE" if self.whole else "END"
        return NVIDIAEmbeddings(model=self.model, base_url=self.url + "/v1", api_key=self.key, truncate=truncate).embed_documents(texts)


class Mem0OpenAI(Client):
    def embed(self, texts):
        from mem0.configs.embeddings.base import BaseEmbedderConfig
        from mem0.embeddings.openai import OpenAIEmbedding
        settings = BaseEmbedderConfig(model=self.model, openai_base_url=self.url + "/v1", api_key=self.key)
        return OpenAIEmbedding(settings).embed_batch(texts)


class Mem0Ollama(Client):
    def embed(self, texts):
        from mem0.configs.embeddings.base import BaseEmbedderConfig
        from mem0.embeddings.ollama import OllamaEmbedding
        return OllamaEmbedding(BaseEmbedderConfig(model=self.model, ollama_base_url=self.url)).embed_batch(texts)


class Voyage(Client):
    def client(self):
        import voyageai
        return voyageai.Client(api_key=self.key, base_url=self.url + "/v1", max_retries=3)

    def embed(self, texts):
        return self.client().embed(texts, model=self.model, truncation=not self.whole).embeddings

    def rerank(self, query, documents):
        return [[row.index, row.relevance_score] for row in self.client().rerank(query, documents, model=self.model).results]


# LiteLLM's routes: what the addresses of embedding and rerank have behind the server's (None: the route cannot rank), and what else each
# call needs.
LITELLM = {
    "openai": ("/v1", None, {}, {}),
    "hosted_vllm": ("/v1", "/v1", {}, {}),
    "ollama": ("", None, {}, {}),
    "huggingface": ("/embed", "/rerank", {"input_type": "embed"}, {}),
    "cohere": ("/v2/embed", "/v2/rerank", {}, {}),
    "jina_ai": ("/v1", "/v1/rerank", {}, {}),
    "voyage": ("/v1/embeddings", "/v1/rerank", {}, {"top_n": 2048}),
    "infinity": ("/v1", "/v1/rerank", {}, {"return_documents": False}),
}


def litellm_route(route, path, rerank_path, embeds, ranks):
    """A class for a row of LITELLM."""
    class Route(Client):
        def embed(self, texts):
            import litellm
            found = litellm.embedding(model=f"{route}/{self.model}", api_base=self.url + path, api_key=self.key, input=texts, **embeds)
            return [item["embedding"] for item in found.data]

    def rerank(self, query, documents):
        import litellm
        found = litellm.rerank(model=f"{route}/{self.model}", api_base=self.url + rerank_path, api_key=self.key, query=query,
                               documents=documents, **ranks)
        return [[row["index"], row["relevance_score"]] for row in found.results]

    if rerank_path is not None:
        Route.rerank = rerank
    return Route


class ChromaOpenAI(Client):
    def embed(self, texts):
        from chromadb.utils.embedding_functions import OpenAIEmbeddingFunction
        return OpenAIEmbeddingFunction(api_key=self.key, api_base=self.url + "/v1", model_name=self.model)(texts)


class ChromaOllama(Client):
    def embed(self, texts):
        from chromadb.utils.embedding_functions.ollama_embedding_function import OllamaEmbeddingFunction
        return OllamaEmbeddingFunction(url=self.url, model_name=self.model)(texts)


class ChromaHuggingFace(Client):
    def embed(self, texts):
        from chromadb.utils.embedding_functions import HuggingFaceEmbeddingServer
        os.environ["CHROMA_HUGGINGFACE_API_KEY"] = self.key
        function = HuggingFaceEmbeddingServer(url=self.url + "/embed", api_key_env_var="CHROMA_HUGGINGFACE_API_KEY")
        function._session.timeout = None  # 5 s, and no argument for it
        return function(texts)


class TritonHTTP(Client):
    def client(self):
        import tritonclient.http as library
        secure = self.url.startswith("https://")
        return library, library.InferenceServerClient(self.url.partition("://")[2], ssl=secure, network_timeout=600, connection_timeout=600)

    def embed(self, texts):
        library, client = self.client()
        with client:
            tensor = library.InferInput("text", [len(texts)], "BYTES")
            tensor.set_data_from_numpy(numpy.array([text.encode() for text in texts], dtype=object))
            extra = {"parameters": {"truncate": False}} if self.whole else {}
            return client.infer(self.model, [tensor], headers={"authorization": f"Bearer {self.key}"}, **extra).as_numpy("embedding")


class TritonGRPC(TritonHTTP):
    def client(self):
        import tritonclient.grpc as library
        secure = self.url.startswith("https://")
        return library, library.InferenceServerClient(self.url.partition("://")[2], ssl=secure,
                                                      root_certificates=os.environ["SSL_CERT_FILE"] if secure else None)


CLIENTS = {
    "openai": OpenAI, "openai, Azure": Azure, "langchain-openai": LangChainOpenAI, "langchain-huggingface": LangChainHuggingFace,
    "langchain-ollama": LangChainOllama, "LlamaIndex, OpenAI": LlamaIndexOpenAI, "LlamaIndex, TEI": LlamaIndexTEI,
    "LlamaIndex, Ollama": LlamaIndexOllama, "Haystack, OpenAI": HaystackOpenAI, "Haystack, TEI": HaystackTEI,
    "huggingface_hub": HuggingFaceHub, "ollama": Ollama, "cohere": Cohere, "cohere, version 1": CohereV1, "voyageai": Voyage,
    "chromadb, OpenAI": ChromaOpenAI, "chromadb, Ollama": ChromaOllama, "chromadb, TEI": ChromaHuggingFace,
    "langchain-nvidia-ai-endpoints": LangChainNVIDIA, "Haystack, Cohere": HaystackCohere, "mem0, OpenAI": Mem0OpenAI, "mem0, Ollama": Mem0Ollama,
    "tritonclient, HTTP": TritonHTTP, "tritonclient, gRPC": TritonGRPC,
} | {f"litellm, {name}/": litellm_route(name, *row) for name, row in LITELLM.items()}


def vectors_of(ask):
    """By a client, or by lines of Python that leave them under that name."""
    if "lines" not in ask:
        return CLIENTS[ask["client"]](ask).embed(ask["texts"])
    names = {}
    exec(compile(ask["lines"], "docs/CLIENTS.md", "exec"), names)
    return names["vectors"]


def answer(ask):
    if "query" in ask:
        return {"scores": [[index, float(score)] for index, score in CLIENTS[ask["client"]](ask).rerank(ask["query"], ask["documents"])]}
    vectors = vectors_of(ask)
    return {"count": len(vectors), "vectors": base64.b64encode(numpy.asarray(vectors, dtype="<f8").tobytes()).decode()}


def status_of(error):
    """The reply's status as the client tells it: of the error or of one that it came from, under one of the names that libraries use."""
    while error is not None:
        for holder in (error, getattr(error, "response", None)):
            for name in ("status_code", "http_status", "code", "status"):
                value = getattr(holder, name, None)
                value = value() if callable(value) else value
                text = str(value).removeprefix("StatusCode.")
                if text.isdigit() and 400 <= int(text) < 600:
                    return int(text)
                if text.isupper():  # gRPC's
                    return text
        error = error.__cause__ or error.__context__
    return None


def main():
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": type(error).__name__, "status": status_of(error), "message": str(error)}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
