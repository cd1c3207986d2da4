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


class Voyage(Client):
    def client(self):
        import voyageai
        return voyageai.Client(api_key=self.key, base_url=self.url + "/v1", max_retries=3)

    def embed(self, texts):
        return self.client().embed(texts, model=self.model, truncation=not self.whole).embeddings

    def rerank(self, query, documents):
        return [[row.index, row.relevance_score] for row in self.client().rerank(query, documents, model=self.model).results]


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
    "langchain-ollama": LangChainOllama, "LlamaIndex, OpenAI": LlamaIndexOpenAI, "LlamaIndex, Ollama": LlamaIndexOllama,
    "Haystack, OpenAI": HaystackOpenAI, "huggingface_hub": HuggingFaceHub, "ollama": Ollama, "cohere": Cohere, "cohere, version 1": CohereV1,
    "voyageai": Voyage, "tritonclient, HTTP": TritonHTTP, "tritonclient, gRPC": TritonGRPC,
}


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
