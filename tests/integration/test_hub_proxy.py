"""Downloads through a proxy that the environment names."""
import http.client
import http.server
import threading
import urllib.parse

import pytest

from hub_cache import MODEL, assert_complete

ELSEWHERE = "http://hub.invalid"  # only the proxy knows where that is
DIRECT = {"NO_PROXY": ""}  # an empty variable counts as unset


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_CONNECT(self):
        self.server.tunnels.append(self.path)
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.server.urls.append(self.path)
        url = urllib.parse.urlsplit(self.path.replace(ELSEWHERE, self.server.hub.endpoint))
        connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.request(self.command, url.path + (f"?{url.query}" if url.query else ""))
        answer = connection.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET


@pytest.fixture
def proxy(hub):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.hub, server.urls, server.tunnels = hub, [], []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_of_http_addresses(cache, proxy, name):
    assert_complete(cache.pull(**DIRECT, HF_ENDPOINT=ELSEWHERE, **{name: proxy.address}))
    assert any(url.startswith(f"{ELSEWHERE}/{MODEL}/resolve/main/") for url in proxy.urls)
    assert any(url.startswith(proxy.hub.storage) for url in proxy.urls)  # where the hub redirects to, too


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_proxy_of_https_addresses(cache, proxy, name):
    _, message, _ = cache.fail(**DIRECT, HF_ENDPOINT="https://hub.invalid", AKIDB_HUB_ATTEMPTS="1", **{name: proxy.address})
    assert set(proxy.tunnels) == {"hub.invalid:443"}, message
    assert proxy.urls == []


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "", "NO_PROXY": ""},
        {"HTTP_PROXY": "", "NO_PROXY": "127.0.0.1,localhost"},
        {"http_proxy": "", "no_proxy": "127.0.0.1,localhost", "NO_PROXY": ""},
        {"HTTP_PROXY": "", "ALL_PROXY": "", "NO_PROXY": "*"},
        {"HTTP_PROXY": "", "NO_PROXY": "", "REQUEST_METHOD": "GET"},  # CGI: a header of the caller
    ],
    ids=lambda variables: "+".join(variables),
)
def test_no_proxy(cache, proxy, variables):
    """Each variable with PROXY at its end, but for those of exceptions, names the proxy."""
    named = {name: value or proxy.address for name, value in variables.items() if not name.lower().startswith("no_")}
    assert_complete(cache.pull(**variables | named))
    assert proxy.urls == proxy.tunnels == []


@pytest.mark.parametrize("better, worse", [("http_proxy", "HTTP_PROXY"), ("HTTP_PROXY", "ALL_PROXY")])
def test_order_of_the_names(cache, proxy, better, worse):
    named = {better: proxy.address, worse: "http://127.0.0.1:1"}
    assert_complete(cache.pull(**DIRECT, HF_ENDPOINT=ELSEWHERE, **named))
