"""`pull`, `models` and `doctor`: against a hub on this machine, an empty and a filled cache, sound and damaged models."""
import fcntl
import json
import os
import re
import shutil

import pytest

from cli_program import MODEL, json_lines, run, start
from embed_server import Server
from fake_hub import FakeHub, body

ID = "sentence-transformers/all-MiniLM-L6-v2"


def model_files():
    return {str(path.relative_to(MODEL)): path.read_bytes() for path in MODEL.rglob("*")
            if path.is_file() and path.suffix in (".json", ".txt", ".safetensors")}


class Hub:
    """A hub with the real model's files, and the variables that point the program to it and to an empty cache."""

    def __init__(self, fake, cache):
        self.fake, self.cache = fake, cache
        self.variables = {"HF_HUB_CACHE": str(cache), "HF_ENDPOINT": fake.endpoint, "NO_PROXY": "*",
                          "AKIDB_HUB_RETRY_DELAY_MS": "1"}

    def run(self, *arguments, code=0, **variables):
        return run(*arguments, code=code, variables=self.variables | {"AKIDB_MODEL": ID} | variables)


@pytest.fixture
def hub(tmp_path):
    with FakeHub(ID, model_files()) as fake:
        yield Hub(fake, tmp_path / "cache")


def test_pull_then_everything_works_offline(hub):
    done = hub.run("pull", ID)
    folder = done.stdout.decode().rstrip("\n")
    assert folder.startswith(str(hub.cache)) and os.path.samefile(os.path.dirname(folder), hub.cache / (
        "models--" + ID.replace("/", "--")) / "snapshots")
    assert "\r" not in done.stderr  # no progress bar on a pipe
    hub.fake.__exit__(None, None, None)
    try:
        assert json_lines(run("embed", "--offline", stdin=b"a\n", variables=hub.variables | {"AKIDB_MODEL": ID}).stdout)
        table = hub.run("models").stdout.decode()
        assert re.search(rf"^{ID} +\w+ +\d+\.\d MB +complete, default$", table, re.M)
        listed = json.loads(hub.run("models", "--json").stdout)
        assert listed["cache"] == str(hub.cache)
        assert [(m["id"], m["complete"], m["default"], m["folder"]) for m in listed["models"]] == [(ID, True, True, folder)]
        assert listed["models"][0]["bytes"] > 1 << 20
        report = hub.run("doctor").stdout.decode()
        assert f"{ID} is in {folder}" in report and "All is well." in report
        damaged = os.path.realpath(os.path.join(folder, "model.safetensors"))
        os.chmod(damaged, 0o644)
        with open(damaged, "r+b") as file:
            file.seek(-1000, os.SEEK_END)
            file.write(b"\x00" * 100)
        report = hub.run("doctor", code=1).stdout.decode()
        assert re.search(r"^fail +files +model.safetensors is damaged: its sha256 is", report, re.M)
    finally:
        hub.fake.__enter__()


def test_embed_downloads_what_is_missing(hub):
    assert json_lines(run("embed", stdin=b"a\n", variables=hub.variables | {"AKIDB_MODEL": ID}).stdout)
    assert hub.fake.of("GET", "model.safetensors")


def test_failed_download_says_so(hub):
    hub.fake.fault("GET", "model.safetensors", body(b"not the model"), forever=True)
    done = hub.run("pull", ID, code=1)
    assert done.stdout == b"" and "error[model_download_failed]: " in done.stderr and "hint: " in done.stderr
    assert "incomplete: run `akidb-embed pull` again" in hub.run("models").stdout.decode()


def test_unknown_model(hub):
    assert "no-such/model" in hub.run("pull", "no-such/model", code=1).stderr
    assert "error[invalid_argument]" in hub.run("pull", "not a name", code=2).stderr


def test_offline_says_how_to_get_the_model(hub):
    for arguments, variables in ((["--offline"], {}), ([], {"HF_HUB_OFFLINE": "1"}), ([], {"AKIDB_OFFLINE": "true"})):
        error = hub.run("embed", *arguments, code=1, **variables).stderr
        assert "error[model_not_found]: " in error and f"akidb-embed pull {ID}" in error
    assert not hub.cache.exists()


def test_models_of_an_empty_cache(tmp_path):
    variables = {"HF_HUB_CACHE": str(tmp_path / "none")}
    text = run("models", variables=variables).stdout.decode()
    assert f"No models in {tmp_path / 'none'}." in text and f"akidb-embed pull {ID}" in text
    assert json.loads(run("models", "--json", variables=variables).stdout) == {"cache": str(tmp_path / "none"), "models": []}
    assert f"No models in {tmp_path / 'other'}." in run("models", "--cache-folder", tmp_path / "other").stdout.decode()


# ---- doctor ------------------------------------------------------------------------------------------------------


def findings(done):
    report = json.loads(done.stdout)
    return report["ok"], {check["name"]: check for check in report["checks"]}


def test_doctor_of_a_sound_machine():
    text = run("doctor").stdout.decode()
    for name in ("program", "CPU", "threads", "memory", "model", "files", "loading", "computing", "embedding", "vector"):
        assert re.search(rf"^ok +{name} +\S", text, re.M), name
    assert re.search(r"cosine to sentence-transformers (0\.999\d*|1\.0+) ", text) and text.endswith("All is well.\n")
    fine, checks = findings(run("doctor", "--json", "--precision", "fp32", "--threads", "1"))
    assert fine and ", precision fp32, 1 thread, " in checks["computing"]["detail"]
    assert re.search(r"cosine to sentence-transformers (0\.999999\d*|1\.0+) \(at least 0\.999999 ", checks["vector"]["detail"])


def test_doctor_measures_bf16_by_its_gate():
    """Plain C has it on every CPU."""
    fine, checks = findings(run("doctor", "--json", "--precision", "bf16", "--cpu-tier", "reference", "--threads", "1"))
    assert fine and checks["computing"]["detail"].startswith("CPU tier reference, precision bf16, 1 thread, ")
    assert re.search(r"cosine to sentence-transformers 0\.9999\d* \(at least 0\.999 asked for\)", checks["vector"]["detail"])


def test_doctor_tries_every_tier():
    done = run("doctor", "--json")
    _, checks = findings(done)
    tiers = json.loads(done.stdout)["tiers"]
    assert checks["CPU"]["detail"].split("best first: ")[1].split(", ") == [tier["name"] for tier in tiers]
    for tier in tiers:
        assert "fp32" in tier["precisions"] and tier["default_precision"] in tier["precisions"]
        fine, checks = findings(run("doctor", "--json", "--cpu-tier", tier["name"]))
        assert fine and f"CPU tier {tier['name']}, precision {tier['default_precision']}," in checks["computing"]["detail"]


def copy_of_model(folder):
    shutil.copytree(MODEL, folder, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("*.md", ".cache"))
    return folder


def test_doctor_sees_other_weights_under_the_same_name(tmp_path):
    folder = copy_of_model(tmp_path / "all-MiniLM-L6-v2")
    with open(folder / "model.safetensors", "r+b") as file:  # some values of the last tensor's bytes
        size = file.seek(0, os.SEEK_END)
        file.seek(size - 1_000_000)
        file.write(b"\x00\x00\x80\x3f" * 200_000)
    fine, checks = findings(run("doctor", "--json", "--model", folder, code=1))
    assert not fine and checks["vector"]["status"] == "fail" and "cosine" in checks["vector"]["detail"]
    assert "remedy" in checks["vector"]


def test_doctor_has_no_reference_for_other_models(tmp_path):
    folder = copy_of_model(tmp_path / "my-model")
    with open(folder / "model.safetensors", "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - 4000)
        file.write(b"\x00" * 1000)
    fine, checks = findings(run("doctor", "--json", "--model", folder))
    assert fine and checks["vector"]["status"] == "note" and "no stored reference" in checks["vector"]["detail"]


@pytest.mark.parametrize("name, finding", [("model.safetensors", "files"), ("config.json", "loading"),
                                           ("tokenizer.json", "loading")])
def test_doctor_names_what_is_missing(tmp_path, name, finding):
    folder = copy_of_model(tmp_path / "m")
    (folder / name).unlink()
    if name == "tokenizer.json":
        (folder / "vocab.txt").unlink()
    fine, checks = findings(run("doctor", "--json", "--model", folder, code=1))
    assert not fine and checks[finding]["status"] == "fail" and checks[finding]["remedy"]
    assert "vector" not in checks


def test_doctor_does_not_download(hub):
    done = hub.run("doctor", code=1)
    assert re.search(rf"^fail +model +{ID} is neither a folder nor complete in the cache$", done.stdout.decode(), re.M)
    assert f"akidb-embed pull {ID}" in done.stdout.decode() and "Something failed" in done.stdout.decode()
    assert not hub.fake.requests


# ---- Deleting, and what is served -----------------------------------------------------------------------------------


def test_a_model_is_deleted_from_the_cache_and_nothing_else(hub, tmp_path):
    hub.run("pull", ID)
    repo = hub.cache / ("models--" + ID.replace("/", "--"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (repo / "snapshots" / "strange").symlink_to(outside)
    other = hub.cache / "models--other--one"
    other.mkdir()
    done = hub.run("models", "remove", ID)
    assert re.fullmatch(rf"{ID} deleted from {hub.cache}: \d+\.\d MB\n", done.stdout.decode())
    assert not repo.exists() and other.is_dir() and (outside / "kept").read_text() == "kept"
    assert sorted(path.name for path in hub.cache.iterdir() if path.name.startswith(("models", ".removed"))) == ["models--other--one"]
    assert "error[model_not_found]" in hub.run("models", "remove", ID, code=1).stderr
    assert hub.run("pull", ID).stdout  # and it can be had again


@pytest.mark.parametrize("name", ["../outside", "a/b/c", "/etc", "", "."])
def test_what_is_no_model_of_the_cache_is_not_deleted(tmp_path, name):
    cache = tmp_path / "cache"
    (cache / "models--a--b").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    run("models", "remove", name, code=1, variables={"HF_HUB_CACHE": str(cache)})
    assert (cache / "models--a--b").is_dir() and (tmp_path / "outside").is_dir()


def test_a_link_in_the_place_of_a_model_is_not_followed(tmp_path):
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    cache.mkdir()
    (elsewhere / "snapshots").mkdir(parents=True)
    (cache / "models--a--b").symlink_to(elsewhere)
    run("models", "remove", "a/b", code=1, variables={"HF_HUB_CACHE": str(cache)})
    assert (elsewhere / "snapshots").is_dir()


def test_deleting_waits_for_a_download_of_the_model(hub):
    """Another process holds the lock of one of its files, as huggingface_hub does while it writes."""
    hub.run("pull", ID)
    locks = hub.cache / ".locks" / ("models--" + ID.replace("/", "--"))
    lock = next(locks.iterdir())
    with open(lock, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        removing = start("models", "remove", ID, variables=hub.variables)
        assert b"waiting for another process" in removing.stderr.readline()
        assert (hub.cache / ("models--" + ID.replace("/", "--"))).is_dir()
        removing.terminate()
        assert removing.wait(60) != 0
    assert (hub.cache / ("models--" + ID.replace("/", "--"))).is_dir()
    hub.run("models", "remove", ID)


@pytest.mark.parametrize("arguments, message", [(["remove"], "models remove needs <id>"), (["remove", "a", "b"], "unexpected argument 'b'"),
                                                (["drop", "a"], "unexpected argument 'a'"), (["drop"], "unexpected argument 'drop'")])
def test_other_words_are_refused(arguments, message):
    assert message in run("models", *arguments, code=2).stderr


def test_served_models_are_listed_beside_the_cached_ones(tmp_path):
    variables = {"HF_HUB_CACHE": str(tmp_path)}
    with Server(model=f"{MODEL},name=mini", until="ready") as server:
        text = run("models", "--server", server.url, variables=variables).stdout.decode()
        assert re.search(r"^mini +ready +\d+\.\d MB +\w+ +0  default$", text, re.M), text
        listed = json.loads(run("models", "--json", "--server", server.url + "/", variables=variables).stdout)
        assert listed["models"] == [] and [model["name"] for model in listed["served"]] == ["mini"]
    gone = run("models", "--server", server.url, code=1, variables=variables)
    assert "did not list its models" in gone.stderr
