"""`pull` from a local hub with each call failing in turn: the cache ends complete, or a second pull completes it."""
import errno
import shutil

import pytest

from fake_hub import FakeHub
from fault_control import EXHAUSTIVE, Fault, check_sane, collected, left_behind, plan, run
from hub_cache import FILES, MODEL, WEIGHTS, assert_complete

MOST, MORE = 1, {"library-alloc": 600}  # libcurl and OpenSSL check many of theirs late or not at all
ARGUMENTS = ["pull", MODEL]
NOT_NOTED = "will not be found offline"  # which commit the revision means: a later pull finds it out again


@pytest.fixture
def hub():
    with FakeHub(MODEL, FILES) as fake:
        yield fake


def environment(folder, hub):
    return {"HF_HUB_CACHE": str(folder), "HF_ENDPOINT": hub.endpoint, "AKIDB_HUB_RETRY_DELAY_MS": "1", "NO_PROXY": "*"}


def check_one(faults, fault, folder, variables, seen):
    code, _, stderr = run(faults, fault, ARGUMENTS, variables)
    check_sane(fault, code, stderr)
    end = code, NOT_NOTED in stderr, left_behind(folder)
    if end not in seen:
        check_end(faults, fault, folder, variables, code, stderr)
        seen.add(end)


def check_end(faults, fault, folder, variables, code, stderr):
    if code != 0:
        code, _, stderr = run(faults, None, ARGUMENTS, variables)
        assert code == 0, f"pull again after {fault}:\n{stderr}"
    assert_complete(next(folder.glob("models--*/snapshots/*")), FILES)
    if NOT_NOTED in stderr:
        return
    code, _, stderr = run(faults, None, [*ARGUMENTS, "--offline"], variables)
    assert code == 0, f"offline after {fault}:\n{stderr}"


def check_each(faults, folder, hub, begin):
    variables = environment(folder, hub)
    begin()
    code, _, stderr = run(faults, None, ARGUMENTS, variables)
    assert code == 0, stderr
    counts = faults.counts()
    assert counts["alloc"] > 50 and counts["library-alloc"] > 50, counts
    failures, seen = [], set()
    for fault in plan(counts, MOST, MORE):
        begin()
        with collected(failures):
            check_one(faults, fault, folder, variables, seen)
    assert not failures, "\n\n".join(failures)


def test_each_call_fails_in_turn(tmp_path, faults, hub):
    folder = tmp_path / "cache"
    check_each(faults, folder, hub, lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.mark.skipif(not EXHAUSTIVE, reason="long: make test-faults")
def test_each_call_of_a_continued_pull_fails_in_turn(tmp_path, faults, hub):
    folder, saved = tmp_path / "cache", tmp_path / "saved"
    fault = Fault("write", 3, True, errno.ENOSPC)
    code, _, stderr = run(faults, fault, ARGUMENTS, environment(folder, hub))
    assert code == 1 and not list(folder.glob(f"models--*/snapshots/*/{WEIGHTS}")), stderr
    folder.rename(saved)

    def begin():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(saved, folder, symlinks=True)

    check_each(faults, folder, hub, begin)
