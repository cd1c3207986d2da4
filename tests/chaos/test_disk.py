"""Disks that are full, and model files that are cut or replaced under a running server."""
import contextlib
import os
import shutil
import subprocess
import tempfile

from chaos import DEADLINE_S, EMBED, MODEL as REAL_MODEL, PATIENT, PROGRAM, Server, Vectors, alive, small_disk
from fake_hub import FakeHub
from hub_cache import FILES, MODEL, WEIGHTS, Cache, assert_complete


def pull(environment, *prefix):
    return subprocess.run([*prefix, PROGRAM, "pull", MODEL], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE_S, text=True)


def test_disk_full_during_pull(tmp_path):
    """A clear error, no wrong file; with room again the pull completes."""
    files = FILES | {WEIGHTS: FILES[WEIGHTS] * 16}
    with FakeHub(MODEL, files) as hub, small_disk(tmp_path / "disk", "256k") as disk:
        cache = Cache(disk / "cache", hub.endpoint)
        done = pull(cache.environment)
        assert done.returncode == 1 and "io_error" in done.stderr and "bytes more, but the disk" in done.stderr, done.stderr
        assert not cache.blob(WEIGHTS, files[WEIGHTS]).exists()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        done = pull(cache.environment)
        assert done.returncode == 0, done.stderr
        assert_complete(cache.pull(), files)
        assert not cache.incomplete()


def test_file_size_limit_during_pull(hub, cache):
    """A write that fails in the middle: files may have 8 KiB."""
    done = pull(cache.environment, "prlimit", "--fsize=8192")
    assert done.returncode == 1 and "io_error" in done.stderr, done.stderr
    assert not cache.blob(WEIGHTS).exists()
    assert_complete(cache.pull())
    assert not cache.incomplete()


def copy_of_model(folder):
    shutil.copytree(os.path.realpath(REAL_MODEL), folder)
    return folder


def test_model_file_replaced_while_mapped(tmp_path):
    """By rename, as it should be: the running server keeps what it has."""
    folder = copy_of_model(tmp_path / "model")
    with Server(*PATIENT, model=folder) as server, server.client() as client:
        vectors = Vectors(client)
        (folder / "new").write_bytes(b"not a model")
        (folder / "new").rename(folder / "model.safetensors")
        vectors.check(client)
        alive(server)


def test_model_file_cut_while_mapped(tmp_path):
    """In place: a clear model_changed, the right vectors, or a refusal when too many passes failed; never a crash, never other
    vectors."""
    folder = copy_of_model(tmp_path / "model")
    with Server(*PATIENT, model=folder) as server, server.client() as client:
        vectors = Vectors(client)
        os.truncate(folder / "model.safetensors", 4096)
        reply = client.post(EMBED, json={"texts": ["words whose embeddings have not been read so far: zebra quartz"]})
        assert (reply.status_code, reply.json().get("error", {}).get("code")) == (500, "model_changed")
        for index in range(12):
            reply = vectors.ask(client, index)
            assert reply.status_code == 200 or reply.json()["error"]["code"] in ("model_changed", "service_unavailable"), reply.text
            assert reply.status_code != 503 or reply.headers["retry-after"].isdecimal()
        alive(server)


def test_log_on_a_full_disk(tmp_path, monkeypatch):
    """Lines that cannot be written are lost; requests are not."""
    with small_disk(tmp_path / "disk", "128k") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))  # where Server keeps the program's output
        with Server(*PATIENT, "--log-level", "debug") as server, server.client() as client:
            vectors = Vectors(client)
            with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"x" * 4096):
                    pass
            assert os.statvfs(disk).f_bavail == 0
            for _ in range(40):
                vectors.check(client)
            alive(server)
            assert os.statvfs(disk).f_bavail == 0
