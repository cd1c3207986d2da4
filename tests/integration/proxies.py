"""The proxies of deploy/ in front of two instances, with the shipped configuration on free ports."""
import contextlib
import pathlib
import re
import shutil
import socket
import subprocess

from embed_server import ROOT, wait_until

FRONT, ONE, TWO = 8000, 8081, 8082  # in the shipped files


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def program(name):
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, f"{name} is missing: scripts/install-packages test"
    return found


class Proxy:
    """A running proxy; `url` is its front, `ports` those that its two instances must listen on."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        front, *self.ports = free_ports(3)
        self.url = f"http://127.0.0.1:{front}"
        self.mapping = dict(zip((FRONT, ONE, TWO), (front, *self.ports)))
        self.output = folder / "proxy.log"

    def configuration(self, name):
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        return re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{self.mapping[int(found[1])]}", text)

    def start(self, command):
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def __enter__(self):
        wait_until(self.answers, "the proxy listens")
        return self

    def answers(self):
        assert self.process.poll() is None, self.output.read_text()
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.mapping[FRONT]), timeout=5):
            return True
        return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class HAProxy(Proxy):
    def __init__(self, folder):
        super().__init__(folder)
        self.control = folder / "control"
        file = folder / "haproxy.cfg"
        file.write_text(self.configuration("haproxy.cfg").replace("global\n", f"global\n    stats socket {self.control}\n", 1))
        self.start([program("haproxy"), "-f", file, "-db"])

    def knows_up(self, index):
        """Whether the proxy's own health checks have found that instance ready."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.control))
            asking.sendall(b"show stat\n")
            lines = b"".join(iter(lambda: asking.recv(65536), b"")).decode().splitlines()
        rows = {fields[1]: fields[17] for fields in (line.split(",") for line in lines if line.startswith("instances,"))}
        return rows["one" if index == 0 else "two"].startswith("UP")


class Nginx(Proxy):
    def __init__(self, folder):
        super().__init__(folder)
        file = folder / "nginx.conf"
        text = self.configuration("nginx.conf")
        temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        file.write_text(f"pid {folder}/pid;\ndaemon off;\nuser root;\nerror_log stderr;\n" +
                        text.replace("http {\n", f"http {{\n    access_log off;\n{temporary}", 1))
        self.start([program("nginx"), "-p", folder, "-c", file])

    def knows_up(self, index):
        """It does not ask: it tries."""
        return True

    def __exit__(self, *_):
        self.process.terminate()  # it ends its workers
        self.process.wait()
