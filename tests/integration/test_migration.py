"""What docs/MIGRATION.md says of the new service. Its commands are run by test_documented_commands.py."""
import re
import subprocess

from embed_server import EMBED, MODEL, PROGRAM, ROOT

PAGE = (ROOT / "docs" / "MIGRATION.md").read_text(encoding="utf-8")
OPTIONS = (ROOT / "docs" / "OPTIONS.md").read_text(encoding="utf-8")
TRACING = (ROOT / "docs" / "TRACING.md").read_text(encoding="utf-8")


def settings():
    """{old: now} of the second table."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.partition("Settings:")[2].partition("An old variable")[0], re.M)
    return {old: now for old, now in rows if old not in ("old", "---")}


def test_old_health_paths(client):
    for old, now, status in (("/health", "/health/live", 200), ("/ready", "/health/ready", 404)):
        assert client.get(old).status_code == status and client.get(now).status_code == 200
        assert f"`{old}`" in PAGE and f"`{now}`" in PAGE


def test_requests_of_old_clients(client):
    texts = [f"text {number}" for number in range(33)]
    reply = client.post(EMBED, json={"texts": texts, "pooling": "mean", "normalize": True})
    assert reply.status_code == 200
    assert set(reply.json()) == {"embeddings", "model", "dimension", "usage"}
    assert set(reply.json()["usage"]) == {"total_tokens", "duration_ms"}
    assert client.post(EMBED, json={"texts": texts, "model": "qwen3-0.6b-4bit"}).json()["error"]["code"] == "model_not_found"
    assert client.post(EMBED, json={"texts": [""]}).json()["error"]["code"] == "empty_text"
    other = client.post(EMBED, json={"texts": texts[:1], "pooling": "cls"}).json()["embeddings"]
    assert other != reply.json()["embeddings"][:1]


def test_settings_that_are_named_exist():
    named = {name for now in settings().values() for name in re.findall(r"`(AKIDB_\w+|OTEL_\w+)", now)}
    assert len(named) >= 8
    for name in named:
        assert f"`{name}`" in OPTIONS + TRACING, name


def test_old_settings_are_ignored_or_keep_their_meaning():
    environment = {name: "1" for old in settings() for name in re.findall(r"`(AKIDB_\w+)`", old)} | {"AKIDB_HOST": "127.0.0.2"}
    assert len(environment) >= 9
    done = subprocess.run([PROGRAM, "serve", "--model", MODEL, "--print-config"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"# from (AKIDB_\w+)", done.stdout) == ["AKIDB_HOST"]


def test_old_variables_are_warned_of():
    old = {name: now for cell, now in settings().items() for name in re.findall(r"`(AKIDB_\w+)`", cell)}
    gone = {name: now for name, now in old.items() if f"`{name}`" not in OPTIONS}
    assert len(gone) == 9
    run = subprocess.run([PROGRAM, "models", "--cache-folder", "/nonexistent"], env=dict.fromkeys(gone, "1"), capture_output=True,
                         text=True, timeout=60)
    for name, now in gone.items():
        new = re.search(r"`(AKIDB_\w+)`", now)
        rest = f"; {new[1]} is" if new else ", and nothing takes its place"
        assert f"warning: {name} is not a variable of this program{rest}\n" in run.stderr
