"""The pages for people, without a browser: who gets them, their headers, valid HTML, and that all they call is there."""
import base64
import contextlib
import gzip
import hashlib
import json
import re
import pathlib
import subprocess
import sys
import types

import html5lib
import httpx
import numpy
import pytest

import grpc_client
from embed_server import DEADLINE_S, EMBED, MODEL, PATIENT, ROOT, Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from rerank_models import write_reranker  # noqa: E402

SOURCES = ROOT / "src" / "server" / "pages"
PATHS = ("/", "/docs", "/ui", "/ui/live")
FIRST = "first-secret-key"
HTML = {"accept": "text/html"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
TEXTS = ["a cat sits on the mat", "ein Satz auf Deutsch"]
NAME = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """With API keys, an admin port, and HTTP/2."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("one:" + hashlib.sha256(FIRST.encode()).hexdigest() + "\n")
    keys.chmod(0o600)
    with Server("--api-keys", keys, "--admin-port", "0", "--h2c", *PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def pages(client):
    return {path: client.get(path, headers=HTML).text for path in PATHS}


def parsed(page):
    """As elements without namespaces; any fault of the HTML fails."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def calls(page, language, attribute="data-dialect"):
    """Dialect -> the call to copy; with "data-call" those of other things than vectors in JSON."""
    return {details.get(attribute): "".join(pre.itertext()) for details in parsed(page).iter("details") if details.get(attribute)
            for pre in details.iter("pre") if pre.get("data-language") == language}


# ---- Who gets them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept, html", [
    (None, False), ("*/*", False), ("application/json", False), ("text/plain", False), ("text/*", False), ("", False),
    ("text/html", True), (BROWSER, True), ("TEXT/HTML;q=0.1", True), ("text/html;q=0", False), ("text/html, application/json", False),
    ("application/json;q=0.9, text/html", True), ("text/html;q=0.5, application/json;q=0.6", False)])
def test_the_accept_header_chooses(client, accept, html):
    request = client.build_request("GET", "/")
    del request.headers["accept"]
    if accept is not None:
        request.headers["accept"] = accept
    reply = client.send(request)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == ("text/html; charset=utf-8" if html else "application/json")
    if not html:
        assert {"name", "version", "model", "routes"} == set(reply.json()) and reply.json()["name"] == "akidb-embed"


def test_several_accept_headers_are_one_list(client):
    reply = client.get("/", headers=[("accept", "application/json;q=0.5"), ("accept", "text/html")])
    assert reply.headers["content-type"].startswith("text/html")


def test_no_ui_switches_them_off():
    with Server("--no-ui", *PATIENT) as server, server.client(headers={"accept": BROWSER}) as client:
        for path in PATHS[1:]:
            assert client.get(path).status_code == 404 and client.post(path).status_code == 404
        assert client.get("/").headers["content-type"] == "application/json"
        assert not {route["path"] for route in client.get("/").json()["routes"]} & set(PATHS[1:])
        document = client.get("/openapi.json").json()
        assert not set(document["paths"]) & set(PATHS[1:]) and "text/html" not in json.dumps(document["paths"]["/"])


def test_the_admin_port_has_none(guarded):
    port = re.search(r"port (\d+)", guarded.says("administration on port"))[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"accept": BROWSER}) as client:
        assert [client.get(path).status_code for path in PATHS[1:]] == [404] * 3
        assert client.get("/").headers["content-type"] == "application/json"


def test_keys_are_not_needed_and_nothing_is_told_without(guarded):
    with guarded.client(headers={"accept": BROWSER}) as client:
        assert client.get("/", headers={"accept": "*/*"}).status_code == 401
        version = client.get("/", headers={"accept": "*/*", "x-api-key": FIRST}).json()["version"]
        for path in PATHS:
            reply = client.get(path)
            assert reply.status_code == 200 and 'data-keys="yes"' in reply.text
            assert NAME not in reply.text and version not in reply.text and "/admin/" not in reply.text
        assert client.post("/ui").status_code == 401


# ---- Headers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_the_policy_lets_run_what_is_in_the_page_and_nothing_else(client, pages, path):
    reply = client.get(path, headers=HTML)
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    for element in ("script", "style"):
        texts = re.findall(f"<{element}>(.*?)</{element}>", pages[path], re.S)
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}
        assert hashes and set(policy.pop(f"{element}-src").split()) == hashes
    assert policy == {"default-src": "'none'", "connect-src": "'self'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
                      "frame-ancestors": "'none'"}
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin" and {"accept", "accept-encoding"} <= set(reply.headers["vary"].lower().split(", "))


@pytest.mark.parametrize("path", PATHS)
def test_replies_are_compressed_and_small(client, pages, path):
    packed = client.get(path, headers={**HTML, "accept-encoding": "gzip"})
    plain = client.get(path, headers={**HTML, "accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < 16000 and len(plain.content) < 64000
    if path != "/":  # which has the time of running in it
        assert packed.text == plain.text
    head = client.head(path, headers={**HTML, "accept-encoding": "identity"})
    assert head.status_code == 200 and head.content == b"" and head.headers["content-type"] == plain.headers["content-type"]


@pytest.mark.parametrize("path", PATHS[1:])
def test_a_page_that_is_known_is_not_sent_again(client, guarded, path):
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache" and first.headers["etag"].startswith('W/"')
    for known in (first.headers["etag"], '"other", ' + first.headers["etag"].removeprefix("W/"), "*"):
        again = client.get(path, headers={"if-none-match": known})
        assert again.status_code == 304 and again.content == b"" and "content-length" not in again.headers
        assert again.headers["etag"] == first.headers["etag"] and again.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    with guarded.client() as one:
        assert one.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 200, "with keys it is another page"


def test_the_first_page_is_not_kept(client):
    reply = client.get("/", headers={**HTML, "if-none-match": "*"})
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-store" and "etag" not in reply.headers


def test_a_page_that_is_known_over_http2(guarded):
    """Without a length, which would have to be that of the page."""
    tag = httpx.get(guarded.url + "/ui").headers["etag"]
    done = subprocess.run(["curl", "-s", "-i", "--noproxy", "*", "--http2-prior-knowledge", "-H", f"if-none-match: {tag}", guarded.url + "/ui"],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("HTTP/2 304") and "content-length" not in done.stdout


# ---- What is in them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_the_html_is_valid_and_can_be_read_aloud(pages, path):
    tree = parsed(pages[path])
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    named = {name for element in tree.iter() for attribute in ("aria-labelledby", "aria-describedby", "for")
             for name in (element.get(attribute) or "").split()}
    assert named <= set(ids)
    labels = {label.get("for") for label in tree.iter("label")}
    for tag in ("input", "select", "textarea"):
        assert {element.get("id") for element in tree.iter(tag)} <= labels
    assert tree.get("lang") == "en" and tree.find("head/title").text and len(list(tree.iter("main"))) == 1 == len(list(tree.iter("h1")))
    assert "{{" not in pages[path] and "<!-- include" not in pages[path]
    if path != "/":
        assert list(tree.iter("noscript")), "says what to do without a script"


@pytest.mark.parametrize("path", PATHS)
def test_all_that_a_page_refers_to_is_a_route(client, pages, path):
    """The routes that it links or calls, and no other host."""
    routes = {(route["method"], route["path"]) for route in client.get("/").json()["routes"]}
    links = {element.get("href") for element in parsed(pages[path]).iter("a")} - {"#main"}
    assert links and {("GET", link) for link in links} <= routes
    called = set(re.findall(r'\bask\("(\w+)", "([^"]+)"', pages[path]))
    assert called <= routes | {("POST", "/rerank")}
    own = {str(client.base_url).rstrip("/"), "http://www.w3.org/2000/svg"}
    assert all(any(url.startswith(start) for start in own) for url in re.findall(r"https?://[^\s\"'<)]+", pages[path]))
    assert not re.search(r"<(link|img|script|iframe)[^>]*\b(src|href)=[\"'](?!data:)", pages[path])


def test_every_source_is_part_of_a_page(pages):
    """And none is missing: what a page includes is in it."""
    for part in SOURCES.iterdir():
        if part.suffix in (".css", ".js"):
            assert all(part.read_text(encoding="utf-8") in page for page in pages.values()), part.name
        elif part.name in ("head.html", "nav.html"):
            assert all(part.read_text(encoding="utf-8") in page for page in pages.values()), part.name
    assert {part.name for part in SOURCES.glob("*.html")} == {"head.html", "nav.html", "index.html", "docs.html", "ui.html", "live.html"}


def test_the_live_page_reads_metrics_that_exist(client, pages):
    exposed = set(re.findall(r"^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{| )", client.get("/metrics").text, re.M))
    read = set(re.findall(r'"((?:candle|akidb_embed|process)_\w+)"', pages["/ui/live"]))
    assert len(read) >= 12 and read <= exposed


def test_the_first_page_says_what_is_served(client, pages):
    tree, info = parsed(pages["/"]), client.get("/info").json()
    model = client.get("/api/tags").json()["models"][0]["details"]
    table = next(table for table in tree.iter("table") if table.get("id") == "models")
    cells = ["".join(cell.itertext()) for cell in table.find("tbody/tr")]
    assert cells[:4] == [NAME, "ready", "embedding", "bert"] and cells[4:6] == [str(model["embedding_length"]), str(model["context_length"])]
    text = "".join(tree.itertext())
    assert f"{info['max_client_batch_size']} texts" in text and info["version"] in text
    assert next(element for element in tree.iter() if element.get("id") == "state").text == "ready"
    routes = [route["path"] for route in client.get("/").json()["routes"]]
    listed = next(body for body in tree.iter("tbody") if body.get("id") == "routes")
    assert [code.text for code in listed.iter("code")] == routes


def test_a_host_that_is_no_plain_name_is_not_repeated(client):
    page = client.get("/", headers={**HTML, "host": "a'$(id)'&amp;x"}).text
    assert "$(id)" not in page and f"curl {client.base_url}" in page.replace(str(client.base_url).rstrip("/") + "/", str(client.base_url))


# ---- The calls to copy --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(client):
    return numpy.float32(client.post(EMBED, json={"texts": TEXTS}).json()["embeddings"])


def vectors_of(dialect, reply):
    return {"native": lambda: reply["embeddings"], "openai": lambda: [item["embedding"] for item in reply["data"]], "tei": lambda: reply,
            "ollama": lambda: reply["embeddings"], "cohere": lambda: reply["embeddings"]["float"], "weaviate": lambda: [reply["vector"]],
            "llamacpp": lambda: [item["embedding"][0] for item in reply], "kserve": lambda: reply["outputs"][0]["data"]}[dialect]()


def run_shell(call, key=None):
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, timeout=60, check=True,
                          env={"PATH": "/usr/bin:/bin", "no_proxy": "127.0.0.1", **({"AKIDB_API_KEY": key} if key else {})})
    return json.loads(done.stdout)


def run_python(call, result="vectors"):
    names = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        exec(compile(call, "the call", "exec"), names)
    return names[result]


def same(vectors, expected):
    return numpy.array_equal(numpy.float32(vectors), expected[:len(vectors)])


def test_each_dialect_has_a_call_in_each_language(pages):
    dialects = {"native", "openai", "tei", "ollama", "cohere", "kserve", "weaviate", "llamacpp"}
    assert all(set(calls(pages["/"], language)) == dialects for language in ("curl", "python", "javascript"))


def test_the_calls_with_curl_work(pages, expected):
    for dialect, call in calls(pages["/"], "curl").items():
        assert same(vectors_of(dialect, run_shell(call)), expected), call


def test_the_calls_with_python_work(pages, expected, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for call in calls(pages["/"], "python").values():
        assert same(run_python(call), expected), call


def test_the_calls_work_with_keys(guarded, expected, monkeypatch):
    """The page's script puts the model's name into them, once it has a key."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AKIDB_API_KEY", FIRST)
    with guarded.client() as client:
        page = client.get("/", headers=HTML).text.replace("MODEL", NAME)
    for dialect, call in calls(page, "curl").items():
        assert "$AKIDB_API_KEY" in call and same(vectors_of(dialect, run_shell(call, FIRST)), expected), call
    for call in calls(page, "python").values():
        assert same(run_python(call), expected), call
    assert all("process.env.AKIDB_API_KEY" in call for call in calls(page, "javascript").values())


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A server whose first model is a reranker, with one beside it that is not loaded."""
    root = tmp_path_factory.mktemp("several")
    folder = write_reranker(root / "tiny-reranker", "bert-identity")
    models = root / "models"
    models.write_text(f"[ranks]\nsource = {folder}\n[embeds]\nsource = {MODEL}\n")
    with Server("--h2c", "--models", models, *PATIENT, model=None) as server, server.client() as client:
        yield client


def test_the_first_page_lists_every_model(several):
    table = next(table for table in parsed(several.get("/", headers=HTML).text).iter("table") if table.get("id") == "models")
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows[0][:4] == ["Model", "State", "Kind", "Family"]
    assert rows[1][:5] == ["ranks", "ready", "reranker", "bert", "1"] and rows[2] == ["embeds", "known", "is not loaded"]


def test_the_calls_of_a_reranker_work(several, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    page = several.get("/", headers=HTML).text
    assert all(set(calls(page, language, "data-call")) == names for language, names in
               {"curl": {"rerank"}, "javascript": {"rerank"}, "python": {"rerank", "grpc"}, "grpcurl": {"grpc"}}.items())
    found = run_shell(calls(page, "curl", "data-call")["rerank"])["results"]
    wanted = several.post("/rerank", json={"query": "where does the cat sit", "texts": TEXTS}).json()
    assert [(rank["index"], rank["relevance_score"]) for rank in found] == [(rank["index"], rank["score"]) for rank in wanted]
    assert run_python(calls(page, "python", "data-call")["rerank"], "ranks") == [(rank["index"], rank["score"]) for rank in wanted]


def grpc_modules(target):
    """The module that grpc_tools.protoc makes of proto/tei.proto, as far as the call of the page needs it; and the target that it must name."""
    class Stub:
        def __init__(self, channel):
            self.channel = channel

        def Embed(self, request, metadata=()):
            with grpc_client.Calls(target, metadata=metadata) as made:
                return made.stub(grpc_client.EMBED)(request, metadata=metadata, timeout=DEADLINE_S)
    return {"tei_pb2": types.SimpleNamespace(EmbedRequest=lambda **fields: grpc_client.asks(grpc_client.EMBED, **fields)),
            "tei_pb2_grpc": types.SimpleNamespace(EmbedStub=Stub)}


@pytest.mark.parametrize("key", [None, FIRST])
def test_the_call_with_grpc_works(guarded, expected, monkeypatch, key):
    monkeypatch.setenv("AKIDB_API_KEY", FIRST)
    with contextlib.ExitStack() as stack:
        server = guarded if key else stack.enter_context(Server("--h2c", *PATIENT))
        page = stack.enter_context(server.client()).get("/", headers=HTML).text
        target = "%s:%d" % server.address
        for name, module in grpc_modules(target).items():
            monkeypatch.setitem(sys.modules, name, module)
        call = calls(page, "python", "data-call")["grpc"]
        assert f'grpc.insecure_channel("{target}")' in call
        assert same([run_python(call, "vector")], expected)
        shell = calls(page, "grpcurl", "data-call")["grpc"]
        assert shell.startswith("grpcurl -plaintext -") and shell.endswith(f" {target} tei.v1.Embed/Embed") and ("$AKIDB_API_KEY" in shell) == (key is not None)


def test_a_model_of_any_name_is_quoted():
    name = """a'b "c" <d>&\\"""
    with Server("--model-name", name, *PATIENT) as server, server.client() as client:
        page = client.get("/", headers=HTML).text
        assert "<d>" not in page
        expected = numpy.float32(client.post(EMBED, json={"texts": TEXTS}).json()["embeddings"])
        for dialect, call in calls(page, "curl").items():
            assert same(vectors_of(dialect, run_shell(call)), expected), call
        for call in (call for dialect, call in calls(page, "python").items() if dialect in ("openai", "kserve")):
            assert same(run_python(call), expected), call


# ---- Putting them into the program --------------------------------------------------------------------------------------


@pytest.mark.parametrize("markup", ['<p onclick="x()">', '<p style="color: red">', '<script src="/x.js"></script>', '<style media="print"></style>',
                                    '<a href="javascript:x()">', "<script>{{keys}}</script>"])
def test_what_the_policy_would_refuse_is_not_built(tmp_path, markup):
    page = tmp_path / "ui.html"
    for text, code in ((f"<style></style><script></script>{markup}", 1), ("<style></style><script></script><p>", 0)):
        page.write_text(text)
        done = subprocess.run([ROOT / "scripts" / "embed-pages", tmp_path / "out.c", page], capture_output=True, text=True, timeout=60)
        assert done.returncode == code and ("embed-pages: " in done.stderr) == (code == 1)
