"""The dialects by the clients that people have: each library as published, against the shared server, with its defaults."""
import base64

import cohere
import huggingface_hub
import numpy
import ollama
import openai
import pytest

from embed_server import EMBED

TEXTS = ["a cat sits on the mat", "ein Satz auf Deutsch", "ünïcödé 漢字 🙂"]
NAME = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def vectors(client):
    """Of the service's own dialect, by text."""
    texts = [*TEXTS, " "]
    reply = client.post(EMBED, json={"texts": texts, "encoding_format": "base64"})
    return {text: numpy.frombuffer(base64.b64decode(vector), "<f4") for text, vector in zip(texts, reply.json()["embeddings"])}


def same(found, expected):
    """Equal bit for bit: numbers are written so that they read back as the same float32."""
    return numpy.array_equal(numpy.asarray(found, dtype="<f4"), expected)


@pytest.fixture(scope="module")
def openai_client(server):
    with openai.OpenAI(base_url=server.url + "/v1", api_key="-", max_retries=0) as client:
        yield client


def test_openai(openai_client, vectors):
    """Asks for base64 unless told otherwise."""
    reply = openai_client.embeddings.create(model=NAME, input=TEXTS)
    assert [item.index for item in reply.data] == [0, 1, 2]
    assert all(same(item.embedding, vectors[text]) for item, text in zip(reply.data, TEXTS))
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > len(TEXTS)
    floats = openai_client.embeddings.create(model=NAME, input=TEXTS[0], encoding_format="float")
    assert same(floats.data[0].embedding, vectors[TEXTS[0]])
    assert floats.model.endswith(NAME)


def test_openai_many_and_none(openai_client, vectors):
    reply = openai_client.embeddings.create(model=NAME, input=["a", *TEXTS, ""] + ["b"] * 2043)
    assert len(reply.data) == 2048
    assert same(reply.data[4].embedding, vectors[" "])  # an empty text has the tokens that any text has
    with pytest.raises(openai.BadRequestError):
        openai_client.embeddings.create(model=NAME, input=[])


def test_openai_dimensions(openai_client, vectors):
    reply = openai_client.embeddings.create(model=NAME, input=TEXTS[0], dimensions=128)
    cut = vectors[TEXTS[0]][:128].astype(float)
    assert numpy.allclose(reply.data[0].embedding, cut / numpy.linalg.norm(cut), atol=1e-7)
    with pytest.raises(openai.BadRequestError, match="384"):
        openai_client.embeddings.create(model=NAME, input=TEXTS[0], dimensions=385)


def test_openai_models(openai_client):
    [model] = openai_client.models.list().data
    assert model.id.endswith(NAME) and model.object == "model" and model.created > 1_600_000_000
    assert openai_client.models.retrieve(model.id).id == model.id
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("somebody/else")


def test_openai_errors(openai_client):
    with pytest.raises(openai.NotFoundError) as raised:
        openai_client.embeddings.create(model="text-embedding-3-small", input="x")
    assert raised.value.code == "model_not_found" and raised.value.request_id
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        openai_client.embeddings.create(model=NAME, input=[[9906, 1917]])
    with pytest.raises(openai.BadRequestError, match=r"maximum context length is 256 tokens.*Please reduce your prompt") as raised:
        openai_client.embeddings.create(model=NAME, input=["x", "word " * 400], extra_body={"truncate": False})
    assert raised.value.code == "context_length_exceeded" and raised.value.param == "input[1]"


def test_openai_azure(server, vectors):
    with openai.AzureOpenAI(azure_endpoint=server.url, api_version="2024-10-21", api_key="-", max_retries=0) as client:
        for deployment in (NAME, "sentence-transformers/" + NAME):
            try:
                reply = client.embeddings.create(model=deployment, input=TEXTS[1])
            except openai.NotFoundError as error:  # the folder of the test's model may be all of its name
                assert deployment != NAME, error
                continue
            assert same(reply.data[0].embedding, vectors[TEXTS[1]])
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="other", input="x")


@pytest.fixture(scope="module")
def hub_client(server):
    return huggingface_hub.InferenceClient(server.url)


def test_huggingface_hub(hub_client, vectors, monkeypatch):
    """Sends to the bare URL."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # another test module may have asked for no network
    assert same(hub_client.feature_extraction(TEXTS[0]), vectors[TEXTS[0]][None])
    assert same(hub_client.feature_extraction(TEXTS), numpy.stack([vectors[text] for text in TEXTS]))
    plain = numpy.asarray(hub_client.feature_extraction(TEXTS[0], normalize=False, truncate=True, truncation_direction="right"))
    assert numpy.allclose(plain[0] / numpy.linalg.norm(plain[0]), vectors[TEXTS[0]], atol=1e-6)
    assert len(hub_client.feature_extraction(["x"] * 2048)) == 2048
    scores = hub_client.sentence_similarity(TEXTS[0], other_sentences=TEXTS)
    assert numpy.allclose(scores, [vectors[TEXTS[0]] @ vectors[text] for text in TEXTS], atol=1e-6) and scores[0] > 0.999999
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError) as raised:
        hub_client.feature_extraction("word " * 400, truncate=False)
    assert raised.value.response.status_code == 422
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError):
        hub_client.feature_extraction("x", prompt_name="passage")  # query and document always exist


@pytest.fixture(scope="module")
def ollama_client(server):
    return ollama.Client(host=server.url)


def test_ollama(ollama_client, vectors):
    reply = ollama_client.embed(model=NAME, input=TEXTS, keep_alive="10m", options={"num_ctx": 2048, "temperature": 0})
    assert all(same(vector, vectors[text]) for vector, text in zip(reply.embeddings, TEXTS))
    assert reply["prompt_eval_count"] > len(TEXTS) and reply.total_duration > 0
    assert len(ollama_client.embed(model=NAME + ":latest", input=["x"] * 2048).embeddings) == 2048
    assert ollama_client.embed(model=NAME, input="").embeddings == ollama_client.embed(model=NAME, input=[]).embeddings == []
    assert same(ollama_client.embed(model=NAME, input=[""]).embeddings[0], vectors[" "])
    assert len(ollama_client.embed(model=NAME, input="x", dimensions=64).embeddings[0]) == 64
    assert len(ollama_client.embed(model=NAME, input="x", dimensions=4096).embeddings[0]) == 384
    assert same(ollama_client.embeddings(model=NAME, prompt=TEXTS[0]).embedding, vectors[TEXTS[0]])
    assert list(ollama_client.embeddings(model=NAME, prompt="").embedding) == []


def test_ollama_models(ollama_client):
    [model] = ollama_client.list().models
    assert model.model.endswith(NAME + ":latest") and model.modified_at and model.size > 1_000_000
    shown = ollama_client.show(model.model)
    assert shown.capabilities == ["embedding"] and shown.details.family == "bert"
    assert shown.modelinfo[shown.modelinfo["general.architecture"] + ".context_length"] == 256
    [loaded] = ollama_client.ps().models
    assert loaded.context_length == 256 and loaded.expires_at > model.modified_at


def test_ollama_errors(ollama_client):
    for call in (lambda: ollama_client.embed(model="llama3", input="x"), lambda: ollama_client.show("llama3")):
        with pytest.raises(ollama.ResponseError) as raised:
            call()
        assert raised.value.status_code == 404 and raised.value.error == "model 'llama3' not found"
    with pytest.raises(ollama.ResponseError, match="the input length exceeds the context length") as raised:
        ollama_client.embed(model=NAME, input="word " * 400, truncate=False)
    assert raised.value.status_code == 400


def test_cohere(server, vectors):
    """The client of version 1 sends batches of 96, several at once, and joins their ids."""
    with cohere.Client("-", base_url=server.url) as client:
        reply = client.embed(texts=TEXTS * 67, model=NAME, input_type="search_document")
        assert len(reply.embeddings) == 201 and reply.response_type == "embeddings_floats"
        assert all(same(vector, vectors[text]) for vector, text in zip(reply.embeddings, TEXTS * 67))
        assert reply.texts == TEXTS * 67 and reply.id
        typed = client.embed(texts=TEXTS, model=NAME, input_type="search_query", embedding_types=["float", "int8"])
        assert same(typed.embeddings.float_, numpy.stack([vectors[text] for text in TEXTS])) and len(typed.embeddings.int8) == 3


def test_cohere_types(server, vectors):
    """The quantised types are functions of the float vector, the ones that docs/API.md describes."""
    types = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    expected = numpy.stack([vectors[text] for text in TEXTS])
    whole = numpy.rint(expected * numpy.float32(127)).astype(int)
    bits = numpy.packbits(expected > 0, axis=1).astype(int)
    with cohere.ClientV2("-", base_url=server.url) as client:
        found = client.embed(texts=TEXTS, model=NAME, input_type="classification", embedding_types=types).embeddings
        assert same(found.float_, expected)
        assert numpy.array_equal(found.int8, whole) and numpy.array_equal(found.uint8, whole + 128)
        assert numpy.array_equal(found.ubinary, bits) and numpy.array_equal(found.binary, bits - 128)
        assert [base64.b64decode(vector) for vector in found.base64] == [vector.tobytes() for vector in expected]
        plain = client.embed(texts=TEXTS[:1], model=NAME, input_type="search_query")
        assert same(plain.embeddings.float_, expected[:1]) and plain.meta.api_version.version == "2"
        inputs = [{"content": [{"type": "text", "text": text}]} for text in TEXTS]
        mixed = client.embed(inputs=inputs, model=NAME, input_type="search_document", embedding_types=["float"])
        assert same(mixed.embeddings.float_, expected)


def test_cohere_errors(server):
    with cohere.ClientV2("-", base_url=server.url) as client:
        with pytest.raises(cohere.NotFoundError) as raised:
            client.embed(texts=["x"], model="embed-v4.0", input_type="search_query")
        assert set(raised.value.body) == {"id", "message"}
        with pytest.raises(cohere.BadRequestError):
            client.embed(texts=["word " * 400], model=NAME, input_type="search_query", truncate="NONE")
        with pytest.raises(cohere.BadRequestError):
            client.embed(texts=[], model=NAME, input_type="search_query")
