"""The seeds of the dialects' fuzz target begin with a path: every operation of src/api/route_list.h has one, and no seed names a path that is gone."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTES = re.findall(r'(?:EMBEDS|TELLS|MANAGES)\("([^"]+)"[^()]*?(\w+)\)', (ROOT / "src/api/route_list.h").read_text(encoding="utf-8").partition("#define API_ROUTES")[2])
SEEDS = {seed.name: seed.read_bytes().partition(b"\n")[0].decode() for seed in (ROOT / "tests/fuzz/corpus/dialects").iterdir()}


def operation_at(path):
    """As the server finds it: the first row that matches, where {model} is one or more characters."""
    for pattern, operation in ROUTES:
        if re.fullmatch(".+".join(re.escape(part) for part in pattern.split("{model}")), path):
            return operation
    return None


def test_every_operation_has_a_seed():
    assert len({operation for _, operation in ROUTES}) > 35
    seeded = {operation_at(line[1:]) for line in SEEDS.values()}
    assert {operation for _, operation in ROUTES} - seeded == set()


def test_every_seed_names_a_route():
    lost = {name: line for name, line in SEEDS.items() if line[:1] not in ("0", "1", "2", "3") or operation_at(line[1:]) is None}
    assert lost == {}
