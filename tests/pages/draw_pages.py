"""Draws the pages for people as a browser shows them: docs/pictures/page-*.png.

    make page-pictures

A headless Chromium opens the pages of a server on this machine, uses them, and keeps what it sees. Each picture says in itself, in a text
chunk "Headings", which headings the page had: a test compares these with today's pages.
"""
import pathlib
import struct
import sys
import threading
import zlib

import httpx
from playwright.sync_api import expect, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from embed_server import EMBED, PATIENT, Server  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
WIDTH_PX = 1000
TEXTS = """a cat sits on the mat
a kitten rests on a rug
a dog sleeps in its basket
the stock market fell today
shares lost value on Monday
the central bank raised its rate
rain is expected in the north
clouds and wind from the sea
embeddings turn texts into vectors"""
READINGS = 60


def png_with_text(image, name, text):
    """The PNG with a tEXt chunk behind its head."""
    data = name.encode("latin-1") + b"\0" + text.encode("latin-1")
    chunk = struct.pack(">I", len(data)) + b"tEXt" + data + struct.pack(">I", zlib.crc32(b"tEXt" + data))
    head = 8 + 25  # signature and IHDR
    return image[:head] + chunk + image[head:]


def keep(page, name, height_px):
    headings = "\n".join(heading.strip() for heading in page.locator("h1, h2").all_inner_texts())
    image = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDTH_PX, "height": height_px})
    (PICTURES / f"page-{name}.png").write_bytes(png_with_text(image, "Headings", headings))


def compare(page):
    page.get_by_label("Texts, one on each line").fill(TEXTS)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#status")).to_contain_text("9 texts embedded in")


def load(url, stop):
    number = 0
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        while not stop.wait(0.02 + 0.02 * ((number // 100) % 3)):
            client.post(EMBED, json={"texts": [f"text {number % 50 if number % 2 else number} of those that come"] * (1 + number % 4)})
            number += 1


def draw_live(page, url):
    stop = threading.Event()
    threads = [threading.Thread(target=load, args=(url, stop)) for _ in range(2)]
    for thread in threads:
        thread.start()
    page.get_by_label("A reading every").select_option("second")
    expect(page.locator("#readings")).to_have_text(str(READINGS), timeout=120000)
    keep(page, "live", 1000)
    stop.set()
    for thread in threads:
        thread.join()


def main():
    expect.set_options(timeout=120000)
    name = "sentence-transformers/all-MiniLM-L6-v2"
    with Server(*PATIENT, "--cache-mb", "10", "--model-name", name) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)

        def opened(path, scheme):
            return browser.new_context(base_url=server.url, color_scheme=scheme, viewport={"width": WIDTH_PX, "height": 900}).new_page(), path
        for scheme, path, draw in (
                ("light", "/", lambda page: keep(page, "index", 900)),
                ("dark", "/docs", lambda page: (page.locator("#post_api_v1_embed summary").click(), page.locator("#post_api_v1_embed button").click(),
                                                expect(page.locator("#post_api_v1_embed .good")).to_be_visible(), keep(page, "docs", 1000))),
                ("light", "/ui", lambda page: (compare(page), keep(page, "ui", 1700))),
                ("dark", "/ui/live", lambda page: draw_live(page, server.url))):
            page, path = opened(path, scheme)
            page.goto(path)
            draw(page)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
