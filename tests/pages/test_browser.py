"""The pages for people in a headless Chromium: what they show is what the service says, with the keyboard alone, with keys and without, by
light and by dark, and axe-core finds nothing wrong. No page logs an error or asks another host: the fixture `watched` sees to it.
"""
import csv
import io
import itertools
import json
import re
import threading

import numpy
import pytest
from playwright.sync_api import expect

from conftest import KEY, METRICS_KEY, axe_findings
from embed_server import EMBED

NAME = "all-MiniLM-L6-v2"
TEXTS = ["a cat sits on the mat", "a kitten rests on a rug", "the stock market fell today", "shares lost value on Monday"]
DIALECTS = {"native", "openai", "tei", "ollama", "cohere", "kserve", "weaviate", "llamacpp"}


def compare(page, texts):
    page.get_by_label("Texts, one on each line").fill("\n".join(texts))
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#status")).to_contain_text(f"{len(texts)} texts embedded in")


def vectors(client, texts):
    return numpy.float32(client.post(EMBED, json={"texts": texts}).json()["embeddings"])


def cells(page, selector):
    return [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in page.locator(f"{selector} tbody tr").all()]


# ---- For everybody ------------------------------------------------------------------------------------------------------


def used(page, path):
    """Brings a page into the state in which it has most to show."""
    if path == "/":
        page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    elif path == "/docs":
        page.locator("#post_api_v1_embed summary").click()
        page.locator("#post_api_v1_embed").get_by_role("button", name="Send").click()
        expect(page.locator("#post_api_v1_embed .good")).to_be_visible()
    elif path == "/ui":
        compare(page, [*TEXTS, "word " * 300])
        page.locator("#picture summary").click()
        page.get_by_text("Options").click()
    else:
        expect(page.locator("#plot-memory polyline")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/docs", "/ui", "/ui/live"])
def test_axe_finds_nothing_wrong(watched, server, path, scheme):
    page = watched(server, color_scheme=scheme).open(path)
    used(page, path)
    assert axe_findings(page) == []
    expect(page.locator("nav a[aria-current=page]")).to_have_count(1)


def test_axe_finds_nothing_wrong_with_the_form_for_the_key(watched, guarded):
    page = watched(guarded).open("/ui")
    expect(page.get_by_label("API key")).to_be_visible()
    assert axe_findings(page) == []


def test_a_narrow_page_does_not_scroll_sideways(watched, server):
    one = watched(server, viewport={"width": 360, "height": 640})
    for path in ("/", "/docs", "/ui", "/ui/live"):
        page = one.open(path)
        used(page, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_the_first_thing_that_tab_reaches_leads_to_the_content(watched, server):
    page = watched(server).open("/ui")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Texts, one on each line")).to_be_focused()


# ---- / ------------------------------------------------------------------------------------------------------------------


def test_the_first_page_needs_no_script(watched, server):
    page = watched(server, java_script_enabled=False).open("/")
    expect(page.locator("#state")).to_have_text("ready")
    assert cells(page, "#models")[0][:6] == [NAME, "ready", "embedding", "bert", "384", "256"]
    page.locator("[data-dialect=openai] summary").click()
    expect(page.locator("[data-dialect=openai] pre").first).to_be_visible()
    page.get_by_text("The list").click()
    expect(page.locator("#routes tr").first).to_be_visible()


def test_the_calls_in_javascript_work(watched, server, client):
    page = watched(server).open("/")
    blocks = page.locator("#calls details[data-dialect]")
    assert set(blocks.evaluate_all("all => all.map((details) => details.dataset.dialect)")) == DIALECTS
    expected = vectors(client, ["a cat sits on the mat", "ein Satz auf Deutsch"])
    for call in page.locator("[data-dialect] pre[data-language=javascript]").evaluate_all("all => all.map((pre) => pre.textContent)"):
        found = numpy.float32(page.evaluate(f"async () => {{ {call}\nreturn vectors; }}"))
        assert numpy.array_equal(found, expected[:len(found)]), call


def test_a_call_can_be_copied(watched, server):
    one = watched(server, permissions=["clipboard-read", "clipboard-write"])
    page = one.open("/")
    page.get_by_role("button", name="Copy the call: akidb-embed's own interface, with curl").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -s {server.url}/api/v1/embed") and copied == page.locator("pre").first.inner_text()


def test_the_calls_have_the_address_that_the_browser_has(watched, server):
    """Behind a proxy the service knows neither its scheme nor its name."""
    one = watched(server)
    one.context.route("**/", lambda route: route.fulfill(response=(reply := route.fetch()), body=reply.text().replace(server.url, "http://inside.example:80")))
    page = one.open("/")
    expect(page.locator("pre").first).to_contain_text(f"curl -s {server.url}/api/v1/embed")
    assert "inside.example" not in page.locator("main").inner_text()


# ---- Keys ---------------------------------------------------------------------------------------------------------------


def test_with_a_key_the_first_page_tells_its_model(watched, guarded):
    page = watched(guarded).open("/")
    expect(page.locator("#key-status")).to_have_text("This service asks for an API key.")
    assert NAME not in page.content()
    page.get_by_label("API key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#models tbody th")).to_have_text(NAME)
    page.locator("[data-dialect=openai] summary").click()
    call = page.locator("[data-dialect=openai] pre").first
    expect(call).to_contain_text(f'"model":"{NAME}"')
    expect(call).to_contain_text("Bearer $AKIDB_API_KEY")
    assert KEY not in page.content()


@pytest.mark.refusals(1)
def test_a_wrong_key_is_told_and_the_right_one_stays_with_the_tab(watched, guarded):
    one = watched(guarded)
    page = one.open("/docs")
    page.get_by_label("API key").fill("no key of this service")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#status")).to_contain_text("the API key is not one of this service's")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#post_api_v1_embed")).to_be_visible()
    page.goto("/ui")
    compare(page, TEXTS)
    assert len(cells(page, "#matrix")) == 4
    page.get_by_role("button", name="Forget it").click()
    page.reload()
    expect(page.locator("#key-status")).to_have_text("This service asks for an API key.")
    assert one.context.cookies() == [] and page.evaluate("localStorage.length") == 0


@pytest.mark.refusals(1)
def test_a_key_without_the_role_is_told(watched, guarded):
    page = watched(guarded).open("/ui/live")
    page.get_by_label("API key").fill(METRICS_KEY)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#ready")).to_have_text("ready")
    page.goto("/ui")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#status")).to_contain_text("has not the role embed")


# ---- /docs --------------------------------------------------------------------------------------------------------------


def test_every_route_is_shown_and_can_be_sought(watched, server, client):
    page = watched(server).open("/docs")
    document = client.get("/openapi.json").json()
    routes = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    expect(page.locator("#found")).to_have_text(f"{len(routes)} routes")
    assert set(page.locator("#routes details").evaluate_all("all => all.map((details) => details.id)")) == routes
    page.get_by_label("Show paths and descriptions with").fill("OLLAMA")
    expect(page.get_by_role("heading", name="Ollama")).to_be_visible()
    expect(page.get_by_role("heading", name="Cohere")).to_be_hidden()


@pytest.mark.refusals(1)
def test_a_route_can_be_tried(watched, server):
    page = watched(server).open("/docs")
    embed = page.locator("#post_api_v1_embed")
    embed.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(embed.get_by_role("row").filter(has_text="texts").first).to_contain_text("required")
    embed.get_by_role("button", name="Send").click()
    expect(embed.locator(".good")).to_contain_text("200 OK")
    expect(embed.locator("pre")).to_contain_text('"dimension": 384')
    embed.get_by_role("textbox", name="Body").fill('{"texts": []}')
    embed.get_by_role("button", name="Send").click()
    expect(embed.locator(".bad")).to_contain_text("400 Bad Request")
    model = page.locator("#get_v2_models__model_")
    model.locator("summary").click()
    model.get_by_role("button", name="Send").click()
    expect(model.locator("pre")).to_contain_text('"datatype": "FP32"')


# ---- /ui ----------------------------------------------------------------------------------------------------------------


def test_the_heat_map_shows_the_cosines(watched, server, client):
    page = watched(server).open("/ui")
    compare(page, TEXTS)
    expected = vectors(client, TEXTS)
    shown = numpy.float64([row[1:] for row in cells(page, "#matrix")])
    assert numpy.abs(shown - expected @ expected.T).max() < 0.00051
    assert [row[0] for row in cells(page, "#matrix")] == [f"{i + 1} {text}" for i, text in enumerate(TEXTS)]
    near = cells(page, "#near")
    assert [row[1].split(" ", 1)[1] for row in near] == [TEXTS[1], TEXTS[0], TEXTS[3], TEXTS[2]]
    colours = page.locator("#matrix td").evaluate_all("all => all.map((cell) => getComputedStyle(cell).backgroundColor)")
    assert colours[0] == "rgb(8, 48, 107)" and len(set(colours)) > 4


def test_the_heat_map_can_be_read_with_the_keyboard(watched, server):
    page = watched(server).open("/ui")
    compare(page, TEXTS)
    focused = "[document.activeElement.parentElement.sectionRowIndex, document.activeElement.cellIndex, document.activeElement.tagName]"
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Tab")
    for key, place in [(None, [0, 1]), ("ArrowRight", [0, 2]), ("ArrowDown", [1, 2]), ("End", [1, 4]), ("ArrowRight", [1, 4]), ("ArrowDown", [2, 4]),
                       ("ArrowDown", [3, 4]), ("ArrowDown", [3, 4]), ("Home", [3, 1]), ("ArrowLeft", [3, 1]), ("ArrowUp", [2, 1])]:
        if key is not None:
            page.keyboard.press(key)
        assert page.evaluate(focused) == [*place, "TD"], key
    assert page.locator("#matrix td[tabindex='0']").count() == 1


def test_the_picture_shows_the_principal_components(watched, server, client):
    page = watched(server).open("/ui")
    compare(page, TEXTS)
    rows = vectors(client, TEXTS).astype(numpy.float64)
    rows -= rows.mean(axis=0)
    expected = rows @ numpy.linalg.svd(rows, full_matrices=False)[2][:2].T
    page.locator("#picture summary").click()
    shown = numpy.float64([row[1:] for row in cells(page, "#picture")])
    assert numpy.abs(numpy.abs(shown) - numpy.abs(expected)).max() < 0.002, "directions have no sign"
    assert page.locator("#picture circle").count() == 4
    share = (expected ** 2).sum() / (rows ** 2).sum()
    expect(page.locator("#picture-text")).to_contain_text(f"{round(share * 100)} %")


def test_tokens_beyond_the_limit_are_struck_out(watched, server, client):
    page = watched(server).open("/ui")
    text = "word " * 300
    compare(page, ["embeddings", text])
    expect(page.locator("#status")).to_contain_text("Cut at the model's limit: 2.")
    short, long = page.locator("#tokens > div").all()
    assert short.locator(".token").all_inner_texts() == [token["text"] for token in client.post("/tokenize", json={"inputs": "embeddings"}).json()[0]]
    expect(long.locator("h3")).to_contain_text("302 tokens, of which the model reads 256")
    expect(long.locator("mark")).to_have_text("cut here: 46 tokens are not read")
    assert long.locator("del").count() == 46 and long.locator(".token").count() == 302
    assert long.evaluate("all => [...all.querySelectorAll('.tokens > *')].findIndex((item) => item.tagName === 'MARK')") == 255


def test_a_text_file_and_a_csv_file_can_be_read(watched, server):
    page = watched(server).open("/ui")
    texts = page.get_by_label("Texts, one on each line")
    page.get_by_label("Or a file").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": "eins\r\nzwei ü\r\n".encode()})
    expect(texts).to_have_value("eins\nzwei ü\n")
    table = 'id,"the ""text"""\r\n1,"a, b"\r\n2,"two\nlines"\r\n3,plain'
    page.get_by_label("Or a file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": table.encode()})
    expect(texts).to_have_value("1\n2\n3")
    page.get_by_label("Column with the texts").select_option('the "text"')
    expect(texts).to_have_value("a, b\ntwo lines\nplain")


def download(page, name):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    return waiting.value


def test_vectors_can_be_downloaded(watched, server, client):
    texts = ['with "quotes", and a comma', *TEXTS, *(f"text {i}" for i in range(70))]  # more than one request
    page = watched(server).open("/ui")
    compare(page, texts)
    expected = numpy.concatenate([vectors(client, texts)])
    npy = download(page, "Vectors as .npy")
    assert npy.suggested_filename == "vectors.npy" and numpy.array_equal(numpy.load(npy.path()), expected)
    lines = [json.loads(line) for line in download(page, "Vectors as JSON lines").path().read_text().splitlines()]
    assert [line["text"] for line in lines] == texts and numpy.array_equal(numpy.float32([line["embedding"] for line in lines]), expected)
    rows = list(csv.reader(io.StringIO(download(page, "Vectors as CSV").path().read_text(), newline="")))
    assert [row[0] for row in rows[1:]] == texts and numpy.array_equal(numpy.float32([row[1:] for row in rows[1:]]), expected)
    assert len(cells(page, "#matrix")) == 40 and len(cells(page, "#near")) == 40


@pytest.mark.refusals(1)
def test_a_refusal_is_told_with_the_services_words(watched, server):
    page = watched(server).open("/ui")
    page.get_by_text("Options").click()
    page.get_by_label("Name of the prompt").fill("no such prompt")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#status")).to_contain_text("no such prompt")
    expect(page.get_by_role("button", name="Compare")).to_be_enabled()


def test_options_go_with_the_request(watched, server):
    page = watched(server).open("/ui")
    page.get_by_text("Options").click()
    page.get_by_label("Numbers to keep").fill("64")
    compare(page, TEXTS)
    expect(page.locator("#status")).to_contain_text("64 numbers each")


def rank(page, texts):
    page.get_by_label("Texts, one on each line").fill("\n".join(texts))
    page.get_by_label("Query, to which the texts are ordered").fill("pets")
    page.get_by_role("button", name="Rerank").click()
    expect(page.locator("#rerank-status")).to_have_text(f"{len(texts)} texts ranked.")
    return [int(row[0]) for row in cells(page, "#ranks")], [row[2] for row in cells(page, "#ranks")]


def ranked(server, texts, **more):
    with server.client() as client:
        reply = client.post("/api/v1/rerank", json={"query": "pets", "documents": texts, **more})
        return [texts[result["index"]] for result in reply.json()["results"]]


def tokens_of(server, text, name):
    with server.client() as client:
        return [token["text"] for token in client.post("/tokenize", json={"inputs": text}, headers={"x-model": name}).json()[0]]


def test_a_service_with_a_reranker_alone_shows_the_rerank_part_alone(watched, reranker):
    page = watched(reranker).open("/ui")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rerank texts")
    expect(page.locator("#rerank-part")).to_be_visible()
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()
    expect(page.get_by_text("Options")).to_be_hidden()
    assert rank(page, TEXTS) == (list(range(1, len(TEXTS) + 1)), ranked(reranker, TEXTS))
    expect(page.locator("#results")).to_be_hidden()
    assert not [finding for finding in axe_findings(page) if finding.startswith(("serious", "critical"))]


def test_a_service_with_models_of_both_kinds_uses_each_for_its_own(watched, several):
    page = watched(several).open("/ui")
    expect(page.locator("#rerank-part")).to_be_visible()
    assert page.get_by_label("Model that embeds").locator("option").all_text_contents() == ["embeds", "other"]
    expect(page.get_by_label("Model that ranks")).to_be_hidden()  # there is one
    page.get_by_text("Options").click()
    for name, numbers in (("embeds", 384), ("other", 64)):
        page.get_by_label("Model that embeds").select_option(name)
        compare(page, TEXTS)
        expect(page.locator("#status")).to_contain_text(f"{numbers} numbers each")
        assert page.locator("#tokens > div").first.locator(".token").all_inner_texts() == tokens_of(several, TEXTS[0], name)
    assert tokens_of(several, TEXTS[0], "embeds") != tokens_of(several, TEXTS[0], "other")
    assert rank(page, TEXTS)[1] == ranked(several, TEXTS, model="ranks")
    assert not [finding for finding in axe_findings(page) if finding.startswith(("serious", "critical"))]


def test_a_service_without_a_reranker_has_no_rerank_part(watched, server):
    page = watched(server).open("/ui")
    compare(page, TEXTS)
    expect(page.locator("#rerank-part")).to_be_hidden()
    expect(page.locator("#tokens-part")).to_be_visible()


# ---- /ui/live -----------------------------------------------------------------------------------------------------------


def test_the_plots_follow_the_load(watched, server, client):
    page = watched(server).open("/ui/live")
    page.get_by_label("A reading every").select_option("second")
    stop = threading.Event()

    def load():
        number = 0
        while not stop.is_set():
            client.post(EMBED, json={"texts": [f"text {number}", "the same each time"]})
            number += 1
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for shown in ("#requests-0", "#texts-0", "#tokens-0", "#latency-0", "#latency-2", "#cache-0", "#cpu-0"):
            expect(page.locator(shown)).to_have_text(re.compile(r"^[1-9.]|^0\.0*[1-9]"))
        expect(page.locator("#models tbody tr")).to_contain_text(NAME)
        expect(page.locator("#plot-texts polyline")).to_have_count(1)
    finally:
        stop.set()
        thread.join()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#status")).to_have_text("Paused.")
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")


def exposition(number):
    """Reading `number`: from one to the next 20 requests, of which half took less than 10 ms and all less than 100 ms; 30 of 30 lookups hit.
    The counter of texts begins anew after the first one, as with a restart."""
    return f"""# TYPE candle_requests_total counter
candle_circuit_breaker_state {2 if number else 0}
candle_request_duration_seconds_bucket{{status="success",le="0.01"}} {50 + 10 * number}
candle_request_duration_seconds_bucket{{status="success",le="0.1"}} {90 + 20 * number}
candle_request_duration_seconds_bucket{{status="success",le="+Inf"}} {90 + 20 * number}
candle_request_duration_seconds_bucket{{status="error",le="0.01"}} {1000 * number}
candle_request_duration_seconds_bucket{{status="error",le="+Inf"}} {1000 * number}
akidb_embed_ready {0 if number else 1}
akidb_embed_texts_total{{model="a \\"b\\""}} {40 * number if number else 1000}
akidb_embed_tokens_total{{model="a \\"b\\""}} 20000
akidb_embed_queue_requests{{class="interactive"}} 3
akidb_embed_queue_requests{{class="bulk"}} 4
candle_requests_in_flight 9
akidb_embed_cache_lookups_total{{result="hit"}} {10 + 30 * number}
akidb_embed_cache_lookups_total{{result="miss"}} 10
candle_memory_usage_bytes 123000000
akidb_embed_memory_limit_bytes 2048000000
"""


def test_the_sums_are_right(watched, server):
    one, numbers = watched(server), itertools.count()
    one.context.route("**/metrics", lambda route: route.fulfill(body=exposition(next(numbers)), content_type="text/plain"))
    page = one.open("/ui/live")
    for place, text in {"breaker": "open", "ready": "not ready", "breaker-state-0": "2", "cache-0": "100", "memory-0": "123", "memory-1": "2048",
                        "queue-0": "3", "queue-1": "4", "queue-2": "9", "latency-0": "10", "latency-1": "91", "latency-2": "98.2"}.items():
        expect(page.locator(f"#{place}")).to_have_text(text)
    expect(page.locator("#texts-0")).to_have_text(re.compile(r"^[1-9]"))
    assert cells(page, "#models")[0][0] == 'a "b"'


@pytest.mark.refusals(1)
def test_a_service_that_fails_once_is_asked_again(watched, server):
    one, first = watched(server), iter([True])
    one.context.route("**/metrics", lambda route: route.fulfill(status=503, json={"error": {"message": "for a moment"}}) if next(first, False) else route.continue_())
    page = one.open("/ui/live")
    expect(page.locator("#ready")).to_have_text("ready")
    expect(page.locator("#status")).to_have_text("")
