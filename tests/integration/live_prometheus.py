"""The real Prometheus (Debian's `prometheus`) as a child process, on a free port of 127.0.0.1, for the tests."""
import json
import pathlib
import subprocess

import httpx

from embed_server import DEADLINE_S, wait_until


class Prometheus:
    """Runs with a configuration, a dictionary, and keeps its files in a folder."""

    def __init__(self, config, folder, *arguments):
        folder = pathlib.Path(folder)
        self.log = folder / "prometheus.log"
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 "--web.listen-address=127.0.0.1:0", "--log.level=debug", *arguments], stdout=log, stderr=log)
        try:
            self.client = httpx.Client(base_url=wait_until(self._address, "Prometheus listens"), timeout=DEADLINE_S)
            wait_until(self._ready, "Prometheus is ready")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.stop()

    def _address(self):
        text = self.log.read_text(errors="replace")
        assert self.process.poll() is None, text
        for line in text.splitlines():
            if "Listening on" in line and "address=" in line:
                return "http://" + line.rpartition("address=")[2].strip()
        return None

    def _ready(self):
        """False while it listens already and still opens its files: then each request is answered 503."""
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return self.client.get("/-/ready").status_code == 200

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE_S)

    def get(self, path, **parameters):
        """The decoded reply of the HTTP API, errors included."""
        return self.client.get(path, params=parameters).json()

    def ask(self, query):
        """The samples that answer a query now; none where it is refused."""
        reply = self.get("/api/v1/query", query=query)
        return reply["data"]["result"] if reply["status"] == "success" else []
