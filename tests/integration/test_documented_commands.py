"""The commands in README.md and docs/*.md are run as they stand, so that none of them is out of date.

Each shell block runs in one shell, in a folder of its own that has the files that docs speak of. Its server is the real one:
`akidb-embed serve` goes on when the server is ready and is ended after the block. Addresses, ports and process ids in the text are
replaced by those of servers that run here. What this machine need not have (systemd, Kubernetes, containers, a tracing backend)
is a shell function that checks names: units, manifests and files must exist in deploy/. `make` checks that the target exists,
and benchmarks and tests that are named are looked for and not run.
"""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from embed_server import DEADLINE_S, EMBED, MODEL, PROGRAM, ROOT, Server
from test_tls import Authority

sys.path.insert(0, str(ROOT / "tests" / "parity"))
from rerank_models import write_reranker  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
INLINE = "curl", "systemctl", "kubectl", "kill", "jq"
# Pages for whoever runs the service; others name commands in passing.
OPERATORS = {"README.md", "OPERATIONS-RUNBOOK.md", "OPERATIONS.md", "KUBERNETES.md", "OBSERVABILITY.md", "SECURITY.md"}
SHELL = r"""
set -euo pipefail
refuse() { echo "refused: $*" >&2; exit 99; }
akidb-embed() {
    case "$1 $*" in
    serve*--print-config*) "$PROGRAM" "$@" ;;
    serve*)
        "$PROGRAM" "$@" > serve.log 2>&1 &
        echo $! >> pids
        disown
        until grep -q "ready: model" serve.log; do kill -0 "$(tail -1 pids)" || { cat serve.log >&2; exit 1; }; sleep 0.02; done ;;
    *) "$PROGRAM" "$@" ;;
    esac
}
end() {
    wait
    for pid in $(cat pids 2>/dev/null); do
        kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    done
}
trap end EXIT
make() {
    for word; do
        case "$word" in
        *=*) grep -q "\$(.*\b${word%%=*}\b.*)" "$ROOT/Makefile" || refuse "make has no variable ${word%%=*}" ;;
        *) grep -q "^$word:" "$ROOT/Makefile" || refuse "make has no target $word" ;;
        esac
    done
}
systemctl() {
    case "$1" in enable | start | stop | status | restart | reload) ;; *) refuse "systemctl $1" ;; esac
    for unit in "${@:2}"; do
        case "$unit" in --now) continue ;; *.*) ;; *) unit=$unit.service ;; esac
        [ -f "$ROOT/deploy/$unit" ] || refuse "no unit $unit"
    done
}
kubectl() {
    case "$*" in
    logs*) cat "$LOG" ;;
    "get pods" | "delete pod POD") ;;
    apply\ -k*) [ -f "$ROOT/$3/kustomization.yaml" ] || refuse "no kustomization in $3" ;;
    esac
    case "$*" in *deployment/*) grep -q "name: akidb-embed$" "$ROOT/deploy/kubernetes/base/deployment.yaml" || refuse "$@" ;; esac
}
apt-get() {
    for word in "${@:2}"; do
        case "$word" in ./*_*.deb) word=${word#./}; grep -qx "Package: ${word%%_*}" "$ROOT/deploy/debian/control" || refuse "no package $word" ;; esac
    done
}
gpg() { [ "$1" = --verify ] || refuse "gpg $*"; }
journalctl() { cat "$LOG"; echo "akidb-embed.service: Main process exited"; }
docker() { [ "$1 $2" = "compose -f" ] && [ -f "$ROOT/$3" ] || refuse "docker $*"; }
jaeger-all-in-one() { :; }
helm() { [ "$1" = install ] && [ -f "$ROOT/$3/Chart.yaml" ] || refuse "helm $*"; }
python() { [ "$1 ${2-}" = "-m akidb_embed" ] || [ -f "$ROOT/$1" ] || refuse "no $1"; }
pytest() { [ -f "$ROOT/$1" ] || refuse "no $1"; }
meson() { [ "$1" = test ] || refuse "meson $*"; }
bench-program() { [ -f "$ROOT/bench/$1.c" ] || refuse "no benchmark $1"; }
program-with-cuda() { "$PROGRAM" "$1" --help > /dev/null; }
prometheus() { (cd "$ROOT" && promtool check config "${1#--config.file=}" > /dev/null); }
"""


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks():
    """(page, number of the block in it, its text) of the shell blocks."""
    return [pytest.param(block, id=f"{page.name}-{number}") for page in PAGES
            for number, block in enumerate(re.findall(r"^```sh\n(.*?)^```", text_of(page), re.S | re.M), 1)]


def inline(page):
    """The commands that stand in a sentence."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text_of(page), flags=re.S))]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server with an admin port, one with TLS, one with a reranker, and a folder with the files that the docs name."""
    folder = tmp_path_factory.mktemp("docs")
    certificate, key = Authority(folder, "ca").issue("server")
    assert (certificate.name, key.name) == ("server.pem", "server.key")
    (folder / "akidb-embed.conf").write_text("[serve]\nmax_texts = 100\n")
    (folder / "SHA256SUMS").write_text(hashlib.sha256((folder / "akidb-embed.conf").read_bytes()).hexdigest() + "  akidb-embed.conf\n")
    (folder / "models.ini").write_text(f"[minilm]\nsource = {MODEL}\n")
    (folder / "run").mkdir()
    with Server("--threads", "1", "--admin-port", "0") as plain, \
            Server("--threads", "1", "--tls-certificate", certificate, "--tls-key", key) as secure, \
            Server("--threads", "1", model=write_reranker(folder.with_name("reranker"), "bert-identity")) as reranker:
        with plain.client() as client:
            assert client.post(EMBED, json={"texts": ["a line for the log"]}).status_code == 200
        (folder / "server.log").write_text(plain.log())
        yield {"folder": folder, "plain": plain, "secure": secure, "reranker": reranker, "admin": re.search(r"administration on port (\d+)", plain.log())[1]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def run(world, folder, command):
    """A command in a shell of its own, in a copy of the folder; what it printed."""
    shutil.copytree(world["folder"], folder)
    own = bool(re.search(r"^[^#\n]*akidb-embed serve(?!.*--print-config)", command, re.M))
    port = world["plain"].address[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AKIDB_", "HF_", "OTEL_"))}
    environment |= {"PROGRAM": str(PROGRAM), "ROOT": str(ROOT), "AKIDB_MODEL": str(MODEL), "AKIDB_THREADS": "1", "AKIDB_SECONDS": "1",
                    "AKIDB_LENGTH": "16", "LOG": str(world["folder"] / "server.log"), "AKIDB_LOG_FORMAT": "json", "OTEL_TRACES_EXPORTER": "none"}
    if own:
        environment["AKIDB_PORT"] = str(port := free_port())
    plain = world["plain"].address[1]
    if "/api/v1/rerank" in command:
        port = world["reranker"].address[1]
    for old, new in ((r"\b(127\.0\.0\.1|localhost|HOST):8080", f"127.0.0.1:{port}"),
                     (r"\bOLD:8080", f"127.0.0.1:{plain}"),
                     (r"HOST:(?=ADMIN_PORT)", "127.0.0.1:"),
                     (r"/admin/models/NAME/", f"/admin/models/{MODEL.name}/"),
                     (r"HOST:8443", f"127.0.0.1:{world['secure'].address[1]}"),
                     (r"--port 8080", f"--port {port}"),
                     (r"sport = :8080", f"sport = :{port}"),
                     (r"\bADMIN_PORT\b|(?<=localhost:)PORT\b", world["admin"]),
                     (r"\bPID\b", str(world["plain"].pid)),
                     (r"--host 0\.0\.0\.0", "--host 127.0.0.1"),
                     (r"/run/akidb/", "run/"),
                     (r"/etc/akidb-embed.conf", "akidb-embed.conf"),
                     (r"/etc/akidb-embed/models.ini", "models.ini"),
                     (r"intfloat/e5-small-v2,(.*),prompt=query", rf"{MODEL},\1"),
                     (r"//collector:4317", "//127.0.0.1:9"),
                     (r"build/cuda/akidb-embed(?= )", "program-with-cuda"),
                     (r"build/bench/(?=bench_)", "bench-program ")):
        command = re.sub(old, new, command)
    command = re.sub(r"\bcurl\b", "curl --fail-with-body", command)
    done = subprocess.run(["bash", "-c", SHELL + command], cwd=folder, env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_S)
    assert done.returncode == 0, f"{command}\nexit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("block", blocks())
def test_shell_block(world, tmp_path, block):
    run(world, tmp_path / "here", block)


def test_no_commands_stand_outside_of_shell_blocks():
    for page in PAGES:
        blocks_without_language = [block for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.S | re.M) if not language]
        for block in blocks_without_language + re.findall(r"^    (.*)", text_of(page), re.M):
            assert not re.match(r"(curl|jq|make|akidb-embed|docker|kubectl|helm|systemctl|python|pytest|meson) ", block), (page.name, block)


def test_commands_in_sentences(world, tmp_path):
    """Those of the operators' pages; a command without its argument is named, not meant to be run."""
    found = {code for page in PAGES if page.name in OPERATORS for code in inline(page)
             if code.split()[0] in INLINE and len(code.split()) > 2 and "…" not in code}
    assert len(found) > 10
    run(world, tmp_path / "here", "\n".join(sorted(found)))


def test_make_targets_exist(world, tmp_path):
    """Of every page."""
    found = {re.sub(r'"[^"]*"', "x", code) for page in PAGES for code in inline(page) if re.match(r"make [a-z]", code)}
    assert len(found) > 30
    run(world, tmp_path / "here", "\n".join(sorted(code.removeprefix("time ") for code in found)))


def test_commands_of_the_program_exist(world):
    """Each `akidb-embed COMMAND --option` in a sentence: the command's help has the option."""
    commands = re.findall(r"^  ([a-z-]+) ", subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout, re.M)
    checked = 0
    for page in PAGES:
        for code in inline(page):
            words = code.split()
            if words[0] != "akidb-embed" or len(words) < 2 or words[1] in ("help", "device-process") or words[1].startswith("-"):
                continue
            assert words[1] in commands, (page.name, code)
            text = subprocess.run([PROGRAM, words[1], "--help"], capture_output=True, text=True, check=True).stdout
            for option in re.findall(r"--[a-z-]+", code):
                assert re.search(rf"{option}\b|--\[no-\]{option[2:]}\b", text), (page.name, code, option)
            checked += 1
    assert checked > 10
