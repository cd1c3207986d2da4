"""A relay in front of a server: notes each request, passes it on, and can answer the next ones itself with a reply that it is given."""
import collections
import http.client
import http.server
import threading
import time

from embed_server import DEADLINE_S

Asked = collections.namedtuple("Asked", "method path headers body")
HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings"}


class Relay:
    """address: of the server, changed by tests. refusals: replies, as (status, headers, body), that answer the next requests, in turn.
    arrivals: when each request came, in seconds."""

    def __init__(self):
        self.address, self.asked, self.arrivals, self.refusals = None, [], [], collections.deque()
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self):
                asked = Asked(self.command, self.path, list(self.headers.items()), body_of(self.headers, self.rfile))
                relay.asked.append(asked)
                relay.arrivals.append(time.monotonic())
                status, headers, content = relay.refusals.popleft() if relay.refusals else passed_on(relay.address, asked)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in HOP | {"content-length"}:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def body_of(headers, stream):
    """Read from the stream, by its length or in chunks."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return stream.read(int(headers.get("content-length", 0)))
    body = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        body += stream.read(size)
        stream.readline()  # the chunk's end
    while stream.readline().strip():  # trailers
        pass
    return body


def passed_on(address, asked):
    """Status, headers and body of the reply of the server at that address."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE_S)
    try:
        headers = {name: value for name, value in asked.headers if name.lower() not in HOP | {"host", "content-length"}}
        connection.request(asked.method, asked.path, asked.body if asked.method == "POST" else None, headers)
        reply = connection.getresponse()
        return reply.status, reply.getheaders(), reply.read()
    finally:
        connection.close()
