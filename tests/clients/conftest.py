"""The servers that the clients are tried against, a relay, and one driver for each language, for the whole run."""
import contextlib
import hashlib
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "parity"), str(ROOT / "bench")]

from driver import Driver  # noqa: E402
from embed_server import PATIENT, Server, post, wait_until  # noqa: E402
from faulty_device import FaultyDevice  # noqa: E402
from relay import Relay  # noqa: E402
from rerank_models import write_reranker  # noqa: E402
from test_tls import Authority  # noqa: E402

KEY = "k" * 32
# The file that tiktoken fetches for any unknown model: the cache's file is named by the SHA-1 of the address.
CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


@pytest.fixture(scope="session")
def vocabulary():
    script = [sys.executable, ROOT / "scripts" / "get-cl100k"]
    return pathlib.Path(subprocess.run(script, capture_output=True, text=True, check=True).stdout.strip())


@pytest.fixture(scope="session")
def settings(vocabulary):
    """langchain-openai sends token ids unless told otherwise; tritonclient's gRPC has no TLS unless told otherwise."""
    return ("--h2c", "--token-ids", "cl100k", "--cl100k-file", vocabulary)


@pytest.fixture(scope="session")
def server(settings):
    with Server(*settings, *PATIENT) as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "ca")


@pytest.fixture(scope="session")
def guarded(settings, authority, tmp_path_factory):
    """With TLS and one key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"one:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    keys.chmod(0o600)
    certificate, key = authority.issue("served")
    with Server("--tls-certificate", certificate, "--tls-key", key, "--api-keys", keys, *settings[1:], *PATIENT) as running:
        yield running


@pytest.fixture(scope="session")
def reranker(tmp_path_factory):
    folder = write_reranker(tmp_path_factory.mktemp("reranker") / "tiny-reranker", "bert")
    with Server(*PATIENT, model=folder) as running:
        yield running


@pytest.fixture(scope="session")
def overloaded(settings, tmp_path_factory):
    """A context that gives a server whose one worker is in a pass and whose queue is full, until it is left."""
    faulty = FaultyDevice(tmp_path_factory.mktemp("device"))
    with faulty.serve("--threads", "1", "--max-queue-requests", "1", *settings) as running:
        @contextlib.contextmanager
        def full():
            faulty.be("hang")
            calls = faulty.calls()
            with running.connect() as held, running.connect() as waiting:
                held.send(post({"texts": ["holds the worker"]}))
                wait_until(lambda: faulty.calls() == calls + 1, "the device is held", running)
                waiting.send(post({"texts": ["fills the queue"]}))
                wait_until(lambda: running.metrics()[("akidb_embed_queue_requests", "interactive")] == 1, "the queue is full", running)
                try:
                    yield running
                finally:
                    faulty.be("ok")
                assert (held.reply().status, waiting.reply().status) == (200, 200)
        yield full


@pytest.fixture(scope="session")
def without_model(settings, tmp_path_factory):
    """Its only model cannot be loaded."""
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "models.ini").write_text(f"[all-MiniLM-L6-v2]\nsource = {folder / 'nowhere'}\n")
    with Server("--models", folder / "models.ini", *settings, *PATIENT, model=None, until="listening") as running:
        yield running


@pytest.fixture(scope="session")
def relay():
    one = Relay()
    yield one
    one.close()


def trust(certificate, store):
    """The options of a Java machine that trusts that certificate alone; it reads no PEM, so they name a store of its own kind."""
    command = ["keytool", "-importcert", "-noprompt", "-file", certificate, "-keystore", store, "-storepass", "trusted"]
    subprocess.run(command, check=True, capture_output=True)
    return f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=trusted"


@pytest.fixture(scope="session")
def drivers(authority, vocabulary, tmp_path_factory):
    """By language, started when first asked for; all of them trust the authority."""
    folder = tmp_path_factory.mktemp("drivers")
    (folder / CL100K).symlink_to(vocabulary)
    environment = {name: str(authority.path) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")}
    environment |= {"TIKTOKEN_CACHE_DIR": str(folder), "HOME": str(folder), "ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False",
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1"}
    started = {}

    def driver(language):
        if language == "Java" and language not in started:
            environment["JAVA_TOOL_OPTIONS"] = trust(authority.path, folder / "trusted")
        if language not in started:
            started[language] = Driver(language, environment)
        return started[language]

    yield driver
    for one in started.values():
        one.close()
