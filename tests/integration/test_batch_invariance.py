"""A text's vector is the same, bit for bit, whatever else is computed with it: batch mates, their order, the number of
threads, the output format, the command line or HTTP."""
import base64
import concurrent.futures
import random
import sys

import numpy
import pytest

from embed_server import EMBED, ROOT, Server

sys.path.insert(0, str(ROOT / "tests" / "parity"))
import parity  # noqa: E402

DIMENSION = 384
# Plain C is slow and takes the short texts only, which are as good at showing a dependence on batch mates.
REFERENCE_TIER = "reference"


@pytest.fixture(scope="module")
def texts(sanitized):
    """60 texts (12 for a sanitizer build, which is slow), from 2 to more than 256 tokens, the short ones first and more
    of them."""
    rows = parity.read_corpus()
    counts = numpy.load(parity.HERE / "reference.npz")["token_counts"].astype(int)
    chosen = []
    for wanted in [*(2 + 298 * numpy.linspace(0, 1, 59) ** 3), 600]:
        chosen.append(min(set(range(len(rows))) - set(chosen), key=lambda index: (abs(counts[index] - wanted), index)))
    return [rows[index]["text"] for index in chosen][:: 5 if sanitized else 1]


@pytest.fixture(scope="module")
def computations():
    """(CPU tier, precision): all that this machine can do by different kernels."""
    tiers = parity.cpu_tiers()
    return [(tier, precision) for precision in ("fp32", "bf16", "int8", "int4") for tier in parity.tiers_with_kernels_of_their_own(precision, tiers)]


def bits(vectors):
    """Rows as bytes, so that a comparison is of bits: -0.0 is not 0.0."""
    return [row.tobytes() for row in numpy.ascontiguousarray(vectors, numpy.float32)]


def shuffled(texts, seed):
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    return order


@pytest.mark.parametrize("threads", [1, 2])
def test_vector_does_not_depend_on_batch_mates(tmp_path, texts, computations, threads):
    for tier, precision in computations:
        chosen = texts[: len(texts) // 4] if tier == REFERENCE_TIER else texts
        options = ["--cpu-tier", tier, "--precision", precision, "--threads", threads]
        alone = bits(parity.embed(chosen, tmp_path, *options, "--batch-texts", 1))
        assert len(set(alone)) > len(chosen) // 2, "the texts are different, so must be most vectors"
        for size in (2, 3, 32, 256):
            assert bits(parity.embed(chosen, tmp_path, *options, "--batch-texts", size)) == alone, f"{tier}, {precision}, batches of {size}"
        for seed, size in ((1, 256), (2, 3)):
            order = shuffled(chosen, seed)
            mixed = bits(parity.embed([chosen[index] for index in order], tmp_path, *options, "--batch-texts", size))
            assert mixed == [alone[index] for index in order], f"{tier}, {precision}, shuffled, batches of {size}"


def test_vector_does_not_depend_on_the_number_of_threads(tmp_path, texts, computations):
    for tier, precision in computations:
        chosen = texts[: len(texts) // 4] if tier == REFERENCE_TIER else texts
        options = ["--cpu-tier", tier, "--precision", precision]
        one, many = (bits(parity.embed(chosen, tmp_path, *options, "--threads", threads)) for threads in (1, 5))
        assert one == many, f"{tier}, {precision}"


def test_vector_does_not_depend_on_the_process(tmp_path, texts):
    together = bits(parity.embed(texts, tmp_path))
    for index in (0, len(texts) // 2, len(texts) - 1):
        assert bits(parity.embed([texts[index]], tmp_path)) == [together[index]]


def test_formats_hold_the_same_bits(tmp_path, texts):
    vectors = parity.embed(texts, tmp_path)
    target = tmp_path / "vectors.fvecs"
    parity.run_program("embed", "--model", parity.model_folder(), "--input", tmp_path / "texts.jsonl", "--output", target)
    rows = numpy.fromfile(target, numpy.dtype([("dimension", "<i4"), ("vector", "<f4", DIMENSION)]))
    assert (rows["dimension"] == DIMENSION).all()
    assert bits(rows["vector"]) == bits(vectors)


@pytest.fixture(scope="module")
def client():
    """A server of its own that never gives up on a request, however slow machine and build are."""
    with Server("--request-timeout", "30m", "--inference-timeout", "30m", "--max-queue-wait", "none") as server, server.client() as session:
        yield session


def served(client, texts):
    """Bytes of the vectors that the server answers for one request."""
    reply = client.post(EMBED, json={"texts": texts, "encoding_format": "base64"})
    assert reply.status_code == 200, reply.text
    return [base64.b64decode(text, validate=True) for text in reply.json()["embeddings"]]


def test_http_answers_the_bits_of_the_command_line(tmp_path, texts, client):
    expected = bits(parity.embed(texts, tmp_path))
    for size in (1, 2, 3, 32, 256):
        batches = (texts[start:start + size] for start in range(0, len(texts), size))
        assert [vector for batch in batches for vector in served(client, batch)] == expected, f"requests of {size} texts"


def test_http_answers_the_same_bits_under_load(tmp_path, texts, client):
    """Requests of many sizes at once, so that texts of different requests are computed together."""
    expected = bits(parity.embed(texts, tmp_path))
    generator = random.Random(3)
    requests = []
    for size in (1, 1, 2, 3, 5, 8, 13, 32) * 4:
        requests.append([generator.randrange(len(texts)) for _ in range(size)])
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda chosen: served(client, [texts[index] for index in chosen]), requests))
    for chosen, answer in zip(requests, answers):
        assert answer == [expected[index] for index in chosen]
