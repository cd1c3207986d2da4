"""Vectors of the GPU: how far from the CPU's in fp32, and what they depend on."""
import concurrent.futures
import json
import subprocess

import numpy
import pytest

from cuda_device import DRIVE, PLUGIN, TEXTS, cosines, cuda_server, private_copy, vectors_of
from embed_server import MODEL, PATIENT, Server
from synthetic_model import make_model

LEAST_MEAN = {"auto": 0.9999, "fp32": 0.9999995}
LEAST = {"auto": 0.999, "fp32": 0.999999}


@pytest.fixture(scope="module")
def reference():
    """{pooling: vectors} of TEXTS, by the CPU in fp32."""
    with Server(*PATIENT, "--device", "cpu", "--precision", "fp32") as server:
        return {pooling: vectors_of(server, TEXTS, pooling=pooling) for pooling in ("mean", "cls", "max")}


@pytest.mark.parametrize("precision", LEAST)
def test_vectors_are_those_of_the_cpu(tmp_path, reference, precision, capsys):
    with cuda_server(tmp_path, "--precision", precision) as server:
        for pooling, expected in reference.items():
            found = cosines(vectors_of(server, TEXTS, pooling=pooling), expected)
            with capsys.disabled():
                print(f"\n{precision}, {pooling}: mean cosine {found.mean():.9f}, least {found.min():.9f}")
            assert found.min() >= LEAST[precision] and found.mean() >= LEAST_MEAN[precision]
        server.says("precision fp32" if precision == "fp32" else "precision bf16")


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_a_vector_depends_on_its_text_alone(tmp_path, precision):
    """Whatever the batch, the order, the state and the thread: thousands of vectors compared bit by bit."""
    done = subprocess.run([DRIVE, "check", MODEL, private_copy(PLUGIN, tmp_path), precision], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    assert found["different"] == 0 and found["compared"] > 1000


def test_requests_of_any_size_and_order_get_the_same_vectors(tmp_path):
    with cuda_server(tmp_path) as server:
        expected = vectors_of(server, TEXTS, size=1)
        for size in (2, 3, 17, 64, 128):
            assert (vectors_of(server, TEXTS, size=size) == expected).all(), size
        order = numpy.random.default_rng(1).permutation(len(TEXTS))
        assert (vectors_of(server, [TEXTS[i] for i in order], size=50) == expected[order]).all()
        twice = [text for text in TEXTS for _ in range(2)]
        assert (vectors_of(server, twice, size=256) == expected.repeat(2, 0)).all()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for found in pool.map(lambda size: vectors_of(server, TEXTS, size=size), [1, 5, 16, 31, 40, 64, 100, 128] * 2):
                assert (found == expected).all()


# Architectures unlike the published model's: heads with and without a kernel of their own, other activations, long texts.
@pytest.mark.parametrize("shape", [
    {"hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 72, "hidden_act": "relu"},
    {"hidden_size": 256, "num_attention_heads": 2, "intermediate_size": 512, "hidden_act": "gelu_new"},
    {"hidden_size": 72, "num_attention_heads": 3, "intermediate_size": 136, "hidden_act": "gelu"},
    {"hidden_size": 512, "num_attention_heads": 2, "intermediate_size": 64, "hidden_act": "gelu"},
    {"hidden_size": 1280, "num_attention_heads": 40, "intermediate_size": 320, "hidden_act": "gelu", "num_hidden_layers": 1},
    {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 64, "hidden_act": "gelu", "max_position_embeddings": 2048},
], ids=lambda shape: "-".join(str(value) for value in shape.values()))
def test_other_architectures(tmp_path, shape):
    folder = make_model(tmp_path / "model", **shape)
    texts = TEXTS[:64] + [" ".join(TEXTS[:32])]
    with Server(*PATIENT, "--device", "cpu", "--precision", "fp32", model=folder) as server:
        expected = vectors_of(server, texts)
    for precision in ("fp32", "auto"):
        with cuda_server(tmp_path, "--precision", precision, model=folder) as server:
            assert cosines(vectors_of(server, texts), expected).min() >= LEAST[precision], precision


@pytest.mark.parametrize("shape, said", [
    ({"hidden_size": 300, "num_attention_heads": 3, "intermediate_size": 64}, "must be multiples of 8"),
    ({"hidden_size": 512, "num_attention_heads": 1, "intermediate_size": 64}, "heads have size 512, at most 256"),
])
def test_refuses_an_architecture_that_it_has_not(tmp_path, shape, said):
    folder = make_model(tmp_path / "model", **shape)
    server = cuda_server(tmp_path, model=folder, until=None)
    try:
        assert server.wait() == 1
        assert said in server.log()
    finally:
        server.kill()
