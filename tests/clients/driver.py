"""Clients in processes of their own, one for each language, which take questions and give answers as lines of JSON.

A question has client, url, model, key and texts (embed them), or query and documents (rank them). An answer has vectors, or scores as
pairs of index and score in the client's order, or error (the class), status and message. Vectors are numbers of 64 bits, so that nothing
is rounded here.
"""
import base64
import json
import os
import pathlib
import subprocess
import threading

import numpy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILT = pathlib.Path(os.environ.get("AKIDB_CLIENTS", ROOT / "build" / "clients"))
PYTHON = pathlib.Path(os.environ.get("AKIDB_CLIENTS_ENV", ROOT / "build" / "clients-env")) / "bin" / "python"
# Longer than any client needs: a process that says nothing for so long hangs.
DEADLINE_S = 900
COMMANDS = {
    "Python": [PYTHON, HERE / "python_driver.py"],
    "Node": ["node", BUILT / "node" / "driver.mjs"],
    "Go": [BUILT / "go" / "driver"],
    "Java": ["java", "-cp", f"{BUILT / 'java'}:{BUILT / 'java' / 'lib'}/*", "Driver"],
}


class Failed(Exception):
    """A client raised an error: its class, the reply's status as the client tells it (or None), and the message."""

    def __init__(self, told):
        super().__init__(told)
        self.name, self.status, self.message = told["error"], told.get("status"), told.get("message", "")


class Driver:
    """The process of one language. environment: beside the test's own, such as the certificates that it trusts."""

    def __init__(self, language, environment=()):
        command = list(map(str, COMMANDS[language]))
        proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
        kept = {name: value for name, value in os.environ.items() if name not in proxies and not name.startswith(("HF_", "OPENAI_", "OLLAMA_", "CO_"))}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                                        env=kept | dict(environment))

    def close(self):
        """It may still be at a question that nobody waits for, and has nothing to lose."""
        self.process.kill()
        self.process.communicate()

    def ask(self, client, url, model, key="-", **question):
        watchdog = threading.Timer(DEADLINE_S, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(json.dumps({"client": client, "url": url, "model": model, "key": key, **question}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, f"the driver has ended with {self.process.wait(DEADLINE_S)}"
        told = json.loads(line)
        if told.get("error"):
            raise Failed(told)
        if "vectors" not in told:
            return told["scores"]
        return numpy.frombuffer(base64.b64decode(told["vectors"]), "<f8").reshape(told["count"], -1)
