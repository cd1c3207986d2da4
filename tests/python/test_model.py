"""Model: its vectors, its arguments, its errors, threads, processes and Ctrl-C."""
import os
import pathlib
import pickle
import signal
import threading

import akidb_embed
import numpy as np
import pyarrow as pa
import pytest
from akidb_embed import CancelledError, EmbedError, InvalidInputError, Model, ModelError, _interrupt
from akidb_embed.model import room_for_vectors
from conftest import INSTRUCTED, MODEL, TEXTS


def test_one_text_is_a_vector_and_a_list_is_a_matrix(model):
    together = model.encode(TEXTS)
    assert together.shape == (len(TEXTS), 384) and together.dtype == np.float32 and together.flags.c_contiguous
    for text, row in zip(TEXTS, together):
        alone = model.encode(text)
        assert alone.shape == (384,)
        assert alone.tobytes() == row.tobytes()
    assert model.encode([]).shape == (0, 384)


@pytest.mark.parametrize("kind", [tuple, np.array, lambda texts: (text for text in texts), pa.array,
                                  lambda texts: pa.array(texts, pa.large_string()),
                                  lambda texts: pa.chunked_array([texts[:3], texts[3:]]),
                                  lambda texts: pa.array(["left out", *texts, "and this"]).slice(1, len(texts)),
                                  lambda texts: pa.array(texts).dictionary_encode()])
def test_texts_come_in_any_list(model, kind):
    assert model.encode(kind(TEXTS)).tobytes() == model.encode(TEXTS).tobytes()


def test_the_empty_string_is_a_text(model):
    assert model.encode("").tobytes() == model.encode(" ").tobytes()
    assert model.encode(pa.array(["a", "", "b"]))[1].tobytes() == model.encode("").tobytes()
    assert model.encode(pa.array([""])).tobytes() == model.encode("").tobytes()


def test_vectors_are_cut_as_in_sentence_transformers(model):
    whole = model.encode(TEXTS)
    assert model.encode(TEXTS, truncate_dim=32).tobytes() == whole[:, :32].tobytes()
    cut = model.encode(TEXTS, truncate_dim=32, normalize_embeddings=True)
    np.testing.assert_allclose(cut, whole[:, :32] / np.linalg.norm(whole[:, :32], axis=1, keepdims=True), atol=1e-6)
    assert cut.tobytes() == model.embed(TEXTS, dimensions=32).tobytes()
    assert model.encode(TEXTS[0], truncate_dim=32).shape == (32,)


def test_vectors_of_tokens(model, monkeypatch):
    """Their mean, of length 1, is the vector of the text: so the model pools."""
    rows = model.encode(TEXTS, output_value="token_embeddings")
    assert [row.shape for row in rows] == [(len(model.tokenize(text)), 384) for text in TEXTS]
    means = np.stack([row.astype(np.float64).mean(axis=0) for row in rows])
    np.testing.assert_allclose(means / np.linalg.norm(means, axis=1, keepdims=True), model.encode(TEXTS), atol=1e-6)
    monkeypatch.setattr(akidb_embed.model, "_TOKEN_TEXTS", 3)
    for row, again in zip(rows, model.encode(TEXTS, output_value="token_embeddings"), strict=True):
        assert row.dtype == np.float32 and row.tobytes() == again.tobytes()
    assert model.encode(TEXTS[0], output_value="token_embeddings").tobytes() == rows[0].tobytes()
    prompted = model.encode("cat", output_value="token_embeddings", prompt="query: ")
    assert prompted.tobytes() == model.encode("query: cat", output_value="token_embeddings").tobytes()
    assert model.encode([], output_value="token_embeddings") == []
    with pytest.raises(InvalidInputError) as caught:
        model.encode(["good"] * 5 + ["half a pair \ud800"], output_value="token_embeddings")
    assert caught.value.text_index == 5


def test_output_types(model):
    whole = model.encode(TEXTS)
    assert (model.encode(TEXTS, precision="int8") == np.rint(whole * np.float32(127))).all()
    bits = model.encode(TEXTS, precision="ubinary")
    assert (np.unpackbits(bits, axis=1) == (whole > 0)).all()
    assert (model.encode(TEXTS, precision="binary").astype(int) + 128 == bits).all()
    assert (model.encode(TEXTS, precision="uint8").astype(int) - 128 == model.encode(TEXTS, precision="int8")).all()
    rows = model.encode(TEXTS, convert_to_numpy=False)
    assert isinstance(rows, list) and rows[1].tobytes() == whole[1].tobytes()


def test_the_callers_array_is_filled(model):
    out = np.full((len(TEXTS), 384), np.nan, dtype=np.float32)
    assert model.embed(TEXTS, out=out) is out
    assert out.tobytes() == model.encode(TEXTS).tobytes()
    for wrong in (out[:3], out.astype(np.float64), np.asfortranarray(out), out[:, ::2]):
        with pytest.raises(InvalidInputError):
            model.embed(TEXTS, out=wrong)


def test_prompts_stand_before_texts(model):
    assert model.encode("cat", prompt="query: ").tobytes() == model.encode("query: cat").tobytes()
    assert model.encode("cat", prompt="").tobytes() == model.encode("cat").tobytes()
    assert model.encode_query("cat").tobytes() == model.encode("cat").tobytes()
    assert model.encode_document(["cat"]).tobytes() == model.encode(["cat"]).tobytes()
    with pytest.raises(InvalidInputError, match="no prompt of the name"):
        model.encode("cat", prompt_name="nonsense")


def test_many_texts_are_several_calls(model, monkeypatch):
    expected = model.encode(TEXTS)
    monkeypatch.setattr(akidb_embed._handle, "CALL_TEXTS", 3)
    assert model.encode(TEXTS).tobytes() == expected.tobytes()
    with pytest.raises(InvalidInputError) as caught:
        model.encode(["good"] * 5 + ["half a pair \ud800"])
    assert (caught.value.text_index, caught.value.code) == (5, "invalid_utf8")


def test_progress_counts_texts(model, capfd):
    model.encode(TEXTS, show_progress_bar=True)
    assert f"{len(TEXTS)} of {len(TEXTS)} texts" in capfd.readouterr().err


def test_a_stream_is_embedded_in_chunks(model):
    parts = list(model.encode_stream(iter(TEXTS), chunk_size=3))
    assert [len(part) for part in parts] == [3, 3, 2]
    assert np.concatenate(parts).tobytes() == model.encode(TEXTS).tobytes()


def test_a_stream_is_computed_ahead_of_its_reader(model):
    """While the reader has a chunk, the next one is computed; of the source no more is taken than that."""
    taken, computed = [], threading.Semaphore(0)

    class Noting(type(model)):
        def __init__(self):
            pass

        def encode(self, chunk):
            computed.release()
            return chunk

    stream = Noting().encode_stream((taken.append(number) or number for number in range(5)), chunk_size=1)
    for number in range(5):
        assert next(stream) == [number]
        assert len(taken) <= number + 2
        if number < 4:
            assert computed.acquire(timeout=60)
    assert next(stream, None) is None and taken == list(range(5))


def test_a_stream_that_fails_says_so_in_its_place(model):
    stream = model.encode_stream(["good", "half a pair \ud800", "good"], chunk_size=1)
    assert next(stream).shape == (1, 384)
    with pytest.raises(InvalidInputError):
        next(stream)


@pytest.mark.parametrize("arguments, code", [
    (dict(sentences=["a", 7]), "invalid_argument"),
    (dict(sentences="a", output_value="nonsense"), "invalid_argument"),
    (dict(sentences="a", precision="int7"), "invalid_argument"),
    (dict(sentences="a", device="cuda"), "invalid_argument"),
    (dict(sentences="a", prompt="x", prompt_name="y"), "invalid_argument"),
    (dict(sentences="a", normalize_embeddings=True, truncate_dim=400), "invalid_argument"),
    (dict(sentences=pa.array(["a", None])), "invalid_argument"),
])
def test_errors_say_what_to_do(model, arguments, code):
    with pytest.raises(InvalidInputError) as caught:
        model.encode(**arguments)
    assert caught.value.code == code and caught.value.hint and caught.value.message in str(caught.value)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.hint, again.text_index) == (caught.value.message, caught.value.hint, caught.value.text_index)


def test_a_text_at_fault_is_named(model):
    with pytest.raises(InvalidInputError) as caught:
        model.encode(["a", pa.scalar("b")])
    assert caught.value.text_index == 1
    with pytest.raises(InvalidInputError, match="tokens") as caught:
        model.embed(["a", "b", "word " * 400], truncate=False)
    assert (caught.value.text_index, caught.value.code) == (2, "text_too_long")


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ModelError) as caught:
        Model(tmp_path)
    assert caught.value.code == "model_not_found"
    with pytest.raises(ModelError) as caught:
        Model("some-org/not-in-the-cache", local_files_only=True)
    assert caught.value.code == "model_not_found" and caught.value.hint
    for wrong in ({"precision": "fp64"}, {"prefix_cache_mb": -1}, {"prefix_cache_mb": 1_000_001}):
        with pytest.raises(InvalidInputError):
            Model(MODEL, **wrong)


def test_tokens(model):
    ids = model.tokenize("a cat")
    assert ids.dtype == np.int32 and [model.token_text(int(token)) for token in ids] == ["[CLS]", "a", "cat", "[SEP]"]
    rows = model.tokenize(["a cat", "word " * 400])
    assert [len(row) for row in rows] == [4, 256]
    assert len(model.tokenize("word " * 400, max_length=0)) == 402
    assert model.token_text(-1) is None
    with pytest.raises(InvalidInputError) as caught:
        model.tokenize(["a", "\ud800"])
    assert caught.value.text_index == 1


def test_similarity(model):
    a, b = model.encode(TEXTS[:3]), model.encode(TEXTS[3:5])
    assert model.similarity(a, b).shape == (3, 2)
    np.testing.assert_allclose(model.similarity(a, b), a @ b.T, atol=1e-6)
    np.testing.assert_allclose(model.similarity_pairwise(a, a), np.ones(3), atol=1e-6)


def test_the_description(model):
    assert (model.dimension, model.max_seq_length, model.architecture) == (384, 256, "bert")
    assert model.get_sentence_embedding_dimension() == 384 and model.get_max_seq_length() == 256
    assert model.cpu_tier == akidb_embed.cpu_tiers()[0] and model.precision in ("fp32", "bf16") and model.threads >= 1
    assert akidb_embed.SentenceTransformer is Model


def test_eight_threads_at_once(model):
    expected = model.encode(TEXTS).tobytes()
    got = []

    def work():
        for _ in range(5):
            got.append(model.encode(TEXTS).tobytes() == expected)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 40


def test_other_threads_run_during_a_call(model):
    """The lock of the interpreter is free while the library computes: another thread counts as long as the call lasts."""
    ended, counted = threading.Event(), 0

    def work():
        model.encode(TEXTS * 50)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not ended.is_set():
        counted += model._calls > 0
    thread.join()
    assert counted > 0


@pytest.mark.parametrize("work", [lambda model: model.encode(["word " * 200] * 100_000),
                                  lambda model: list(model.encode_stream(["word " * 200] * 100_000, chunk_size=20_000))])
def test_ctrl_c_ends_a_call(model, work):
    """A signal in the middle of minutes of work; the model works afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = threading.Event()

    def press():
        while model._calls == 0 and not stop.is_set():
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work(model)
    finally:
        stop.set()
        presser.join()
        signal.signal(signal.SIGINT, before)
    assert model.encode("a cat").shape == (384,)


def test_ctrl_c_while_the_thread_starts_ends_the_call(monkeypatch):
    class Interrupted(threading.Thread):
        def start(self):
            super().start()
            raise KeyboardInterrupt

    seen = threading.Event()

    def work(flag):
        while flag.contents.value == 0:
            pass
        seen.set()
        return 0

    monkeypatch.setattr(_interrupt.threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        _interrupt.call(work, is_short=False)
    assert seen.wait(60)


def test_a_closed_model_says_so():
    model = Model(MODEL, threads=1)
    model.close()
    model.close()
    with pytest.raises(EmbedError, match="closed"):
        model.encode("a cat")


def test_another_process_opens_its_own(model):
    again = pickle.loads(pickle.dumps(model))
    assert again.encode("a cat").tobytes() == model.encode("a cat").tobytes()
    again.close()
    child = os.fork()
    if child == 0:
        try:
            model.encode("a cat")
        except EmbedError as error:
            os._exit(0 if error.code == "forked" and "child" in error.hint else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_precisions(model):
    with Model(MODEL, precision="fp32", threads=1) as exact, Model(MODEL, precision="int8", threads=1) as coarse:
        assert exact.precision == "fp32" and coarse.precision == "int8"
        assert exact.similarity_pairwise(exact.encode(TEXTS[:4]), coarse.encode(TEXTS[:4])).min() > 0.95


def test_instructions_are_kept_or_not(scorers):
    """In a causal model, bit for bit as without."""
    documents = [f"Document number {number} says something else." for number in range(20)]
    found = {}
    for megabytes, size in ((None, 128_000_000), (0, 0), (1, 1_000_000)):
        with Model(scorers[INSTRUCTED], precision="fp32", threads=2, prefix_cache_mb=megabytes) as opened:
            assert opened.prefix_cache_bytes == size
            found[megabytes] = [opened.predict([("which one?", document) for document in documents]).tobytes() for _ in range(2)]
            again = pickle.loads(pickle.dumps(opened))
            assert again.prefix_cache_bytes == size
            again.close()
    assert len({scores for rounds in found.values() for scores in rounds}) == 1
    with Model(MODEL, threads=1) as opened:
        assert opened.prefix_cache_bytes == 0  # not causal


def test_the_exceptions_have_a_common_base():
    assert issubclass(CancelledError, EmbedError) and issubclass(EmbedError, RuntimeError)


def test_room_for_many_vectors_goes_back_to_the_system():
    """Each call of a stream runs on a thread of its own, whose heap would keep the room."""
    def is_mapped(address):
        ranges = [line.split()[0].split("-") for line in pathlib.Path("/proc/self/maps").read_text(encoding="ascii").splitlines()]
        return any(int(first, 16) <= address < int(end, 16) for first, end in ranges)

    vectors = room_for_vectors(20_000, 384)
    assert vectors.shape == (20_000, 384) and vectors.dtype == np.float32 and vectors.flags.c_contiguous and vectors.flags.writeable
    address = vectors.ctypes.data
    assert is_mapped(address)
    row = vectors[0]
    del vectors
    assert is_mapped(address), "a row keeps it"
    del row
    assert not is_mapped(address)
