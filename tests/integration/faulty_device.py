"""A server whose passes go to a device that fails as a test tells it to: tests/plugins/fault_device.c, which says what it can be told."""
import os
import pathlib
import shutil

from prometheus_client.parser import text_string_to_metric_families as parse_text

from embed_server import EMBED, PROGRAM, Server, wait_until

PLUGINS = pathlib.Path(os.environ.get("AKIDB_BUILD", PROGRAM.parent)) / "tests" / "plugins"
# Nothing but what a test asks for reaches the device, and it has all the time that a slow build needs.
ALONE = ("--probe-interval", "none", "--request-timeout", "120s", "--inference-timeout", "none", "--max-queue-wait", "none")


class FaultyDevice:
    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "fault"
        self.plugin = self.copy("fault_device")
        self.be("ok")

    def copy(self, name, mode=0o755):
        """A plugin of this build that nobody but this user may write, whatever the build's umask was."""
        path = self.folder / f"{name}.so"
        shutil.copyfile(PLUGINS / f"{name}.so", path)
        path.chmod(mode)
        return path

    def be(self, line):
        """From the next call on."""
        new = self.folder / "fault.new"
        new.write_text(line)
        new.replace(self.file)

    def calls(self):
        """How often the device was called so far."""
        path = self.folder / "fault.calls"
        return int(path.read_text()) if path.exists() else 0

    def serve(self, *arguments, timeout="100s", **keywords):
        environment = {"AKIDB_FAULT_FILE": str(self.file)} | dict(keywords.pop("environment", {}))
        return DeviceServer("--device-plugin", self.plugin, "--device-timeout", timeout, *ALONE, *arguments,
                            environment=environment, **keywords)


class DeviceServer(Server):
    """With what tests ask about devices."""

    def embed(self, *texts, **fields):
        with self.client() as client:
            return client.post(EMBED, json={"texts": list(texts), **fields})

    def health(self):
        """Status code and details of readiness."""
        with self.client() as client:
            reply = client.get("/health/ready")
        return reply.status_code, reply.json()["details"]

    def breaker(self):
        return self.health()[1]["circuit_breaker_state"]

    def wait_for_breaker(self, state):
        wait_until(lambda: self.breaker() == state, f"the circuit breaker is {state}", self)

    def metrics(self):
        with self.client() as client:
            text = client.get("/metrics").text
        return {(sample.name, *sorted(sample.labels.values())): sample.value
                for family in parse_text(text) for sample in family.samples}

    def transitions(self, before, after):
        with self.client() as client:
            text = client.get("/metrics").text
        return sum(sample.value for family in parse_text(text) for sample in family.samples
                   if sample.name == "akidb_embed_circuit_breaker_transitions_total" and
                   (sample.labels["device"], sample.labels["from"], sample.labels["to"]) == ("gpu", before, after))


def served_by(reply):
    assert reply.status_code == 200, reply.text
    return reply.headers["x-akidb-served-by"]
