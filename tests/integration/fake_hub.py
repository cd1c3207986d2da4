"""A Hugging Face hub on 127.0.0.1 that misbehaves on demand.

It serves the routes that akidb-embed and huggingface_hub use, with the headers of the real one: small files directly
(ETag: git blob id), large ones (`*.safetensors`) by a redirect to a storage server on another host name and port
(X-Linked-Etag: sha256, X-Linked-Size). Every request is recorded. Faults are functions that change one Reply; they are
put in line per method and file and used up one per request:

    hub.fault("GET", "model.safetensors", cut_after(1000), status(503))
"""

import dataclasses
import hashlib
import http.server
import json
import re
import socket
import ssl
import threading
import urllib.parse


def git_blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name):
    return name.endswith(".safetensors")


def etag_of(name, content):
    return hashlib.sha256(content).hexdigest() if is_large(name) else git_blob_id(content)


@dataclasses.dataclass
class Request:
    method: str
    path: str
    file: str  # path inside the repository, or ""
    headers: dict
    on_storage: bool


@dataclasses.dataclass
class Reply:
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    range_start: int = 0  # what the caller asked for
    cut_after: int = -1  # body bytes, then the connection ends
    stall_after: int = -1  # body bytes, then nothing until the hub closes
    raw: bytes = b""  # sent instead of everything
    pause: threading.Event = None  # sent when the event is set


# ---- Faults -------------------------------------------------------------------------------------------------------


def status(code, **headers):
    def change(reply):
        reply.status, reply.body = code, b"<html>an error page</html>"
        reply.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        reply.headers["Content-Length"] = str(len(reply.body))

    return change


def cut_after(count):
    return lambda reply: setattr(reply, "cut_after", count)


def stall_after(count):
    return lambda reply: setattr(reply, "stall_after", count)


def raw(data):
    return lambda reply: setattr(reply, "raw", data)


def header(name, value):
    return lambda reply: reply.headers.__setitem__(name, value)


def without(name):
    return lambda reply: reply.headers.pop(name, None)


def body(data):
    def change(reply):
        reply.body = data
        reply.headers["Content-Length"] = str(len(data))

    return change


def redirect(location):
    def change(reply):
        reply.status, reply.body = 302, b""
        reply.headers.update({"Location": location, "Content-Length": "0"})

    return change


def fine(reply):
    """No fault: keeps a place in the line."""


def ignore_range(content):
    def change(reply):
        reply.status, reply.body = 200, content
        reply.headers.pop("Content-Range", None)
        reply.headers["Content-Length"] = str(len(content))

    return change


def pause_until(event):
    return lambda reply: setattr(reply, "pause", event)


# ---- The servers --------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body would wait for the acknowledgement of its headers

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer()

    do_HEAD = do_GET

    def answer(self):
        hub, on_storage = self.server.hub, self.server.on_storage
        path, _, query = self.path.partition("?")
        file, reply = hub.storage_reply(path) if on_storage else hub.reply(path, query)
        request = Request(self.command, self.path, file, dict(self.headers), on_storage)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and reply.status == 200 and self.command == "GET":
            start, length = int(wanted[1]), len(reply.body)
            if start >= length:
                status(416, Content_Range=f"bytes */{length}")(reply)
            else:
                reply.status, reply.range_start, reply.body = 206, start, reply.body[start:]
                reply.headers["Content-Range"] = f"bytes {start}-{length - 1}/{length}"
                reply.headers["Content-Length"] = str(len(reply.body))
        for change in hub.record(request, reply):
            change(reply)
        self.send(reply)

    def send(self, reply):
        hub = self.server.hub
        if reply.pause is not None:
            reply.pause.wait()
        try:
            if reply.raw:
                self.wfile.write(reply.raw)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if reply.stall_after >= 0:
                self.wfile.write(reply.body[: reply.stall_after])
                self.wfile.flush()
                hub.closing.wait()
                self.close_connection = True
            elif reply.cut_after >= 0:
                self.wfile.write(reply.body[: reply.cut_after])
                self.close_connection = True
            else:
                self.wfile.write(reply.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass  # clients that vanish are part of the tests

    def server_bind(self):
        # HTTPServer would look up the host's full name, which may take long where there is no DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]


class FakeHub:
    """`files` of one commit, served as `model_id`, branch main. Use as a context manager."""

    def __init__(self, model_id, files, host="127.0.0.1"):
        self.model_id = model_id
        self.host = host
        self.commits = {}
        self.refs = {}
        self.requests = []
        self.large_on_storage = True
        self.certificate = None  # a file with key and certificate: then the hub (not its storage) speaks TLS
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.faults = {}
        self.push(files)

    def push(self, files, ref="main"):
        digest = hashlib.sha1()
        for name in sorted(files):
            digest.update(name.encode() + b"\0" + files[name])
        commit = digest.hexdigest()
        self.commits[commit] = dict(files)
        self.refs[ref] = commit
        return commit

    def __enter__(self):
        self.servers = []
        for on_storage in (False, True):
            server = Server((self.host, 0), Handler)
            server.hub, server.on_storage = self, on_storage
            if self.certificate and not on_storage:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certificate)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()
            self.servers.append(server)
        scheme = "https" if self.certificate else "http"
        self.endpoint = f"{scheme}://{self.host}:{self.servers[0].server_port}"
        storage_host = "localhost" if self.host == "127.0.0.1" else self.host
        self.storage = f"http://{storage_host}:{self.servers[1].server_port}"
        return self

    def __exit__(self, *exception):
        self.closing.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    @property
    def commit(self):
        return self.refs["main"]

    # -- behaviour

    def fault(self, method, file, *changes, forever=False):
        """Each change is for one request; `forever` repeats the last one."""
        with self.lock:
            self.faults[method, file] = (list(changes), forever)

    def record(self, request, reply):
        with self.lock:
            self.requests.append(request)
            # A large file's GET that is only redirected is no place for a fault: it waits for the bytes.
            if request.method == "GET" and reply.status == 302:
                return []
            changes, forever = self.faults.get((request.method, request.file), ([], False))
            if not changes:
                return []
            return [changes[0] if forever and len(changes) == 1 else changes.pop(0)]

    def of(self, method, file):
        """The recorded requests that asked for the file; without the redirects to storage."""
        with self.lock:
            return [
                request
                for request in self.requests
                if request.method == method
                and request.file == file
                and (method == "HEAD" or not is_large(file) or request.on_storage == self.large_on_storage)
            ]

    # -- routes

    def reply(self, path, query):
        match = re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path)
        if match:
            return self.resolve(match[1], urllib.parse.unquote(match[2]), urllib.parse.unquote(match[3]))
        match = re.fullmatch(r"/api/models/(.+?)(?:/(revision|tree)/([^/]+))?", path)
        if match:
            return "", self.api(match[1], match[2], urllib.parse.unquote(match[3] or "main"))
        return "", self.error("RepoNotFound")

    def error(self, code, commit=None):
        reply = Reply()
        status(401 if code == "RepoNotFound" else 404)(reply)
        reply.headers["X-Error-Code"] = code
        reply.headers["X-Error-Message"] = "not here"
        if commit:
            reply.headers["X-Repo-Commit"] = commit
        return reply

    def resolve(self, model_id, revision, file):
        if model_id != self.model_id:
            return file, self.error("RepoNotFound")
        commit = self.refs.get(revision, revision)
        if commit not in self.commits:
            return file, self.error("RevisionNotFound")
        content = self.commits[commit].get(file)
        if content is None:
            return file, self.error("EntryNotFound", commit)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag_of(file, content)}"', "Accept-Ranges": "bytes"}
        if is_large(file) and self.large_on_storage:
            headers |= {
                "Location": f"{self.storage}/{commit}/{file}?signature=secret",
                "X-Linked-Etag": headers["ETag"],
                "X-Linked-Size": str(len(content)),
                "ETag": '"of-the-redirect"',
                "Content-Length": "0",
            }
            return file, Reply(302, headers)
        headers["Content-Length"] = str(len(content))
        return file, Reply(200, headers, content)

    def storage_reply(self, path):
        _, commit, file = path.split("/", 2)
        content = self.commits[commit][file]
        return file, Reply(200, {"Content-Length": str(len(content)), "ETag": '"of-the-storage"'}, content)

    def api(self, model_id, kind, revision):
        if model_id != self.model_id:
            return self.error("RepoNotFound")
        commit = self.refs.get(revision, revision)
        if commit not in self.commits:
            return self.error("RevisionNotFound")
        files = self.commits[commit]
        if kind == "tree":
            answer = []
            for name, content in files.items():
                entry = {"type": "file", "path": name, "size": len(content), "oid": git_blob_id(content)}
                if is_large(name):
                    entry["lfs"] = {"oid": etag_of(name, content), "size": len(content), "pointerSize": 130}
                answer.append(entry)
        else:
            answer = {"id": model_id, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
        data = json.dumps(answer).encode()
        return Reply(200, {"Content-Type": "application/json", "Content-Length": str(len(data))}, data)
