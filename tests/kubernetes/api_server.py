"""A real API server of Kubernetes with Debian's etcd, on free ports of 127.0.0.1. No kubelet and no controller take part: objects are
checked and stored, and nothing runs."""
import pathlib
import re
import socket
import ssl
import subprocess
import time

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DEADLINE_S = 300
TOKEN = "of-the-tests"
APPLY = {"content-type": "application/apply-patch+yaml"}
# An unknown or doubled field is an error, as with kubectl apply --server-side --validate=strict.
STRICT = {"fieldManager": "tests", "fieldValidation": "Strict", "force": "true"}
DRY_RUN = {**STRICT, "dryRun": "All"}


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def write_account_keys(folder):
    """The keys by which a server signs tokens of service accounts: it does not start without."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "accounts.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                                            serialization.NoEncryption()))
    (folder / "accounts.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


class ApiServer:
    """program: kube-apiserver. Its files and etcd's are in the folder."""

    def __init__(self, program, folder):
        self.folder, self.processes, self.paths = pathlib.Path(folder), [], {}
        etcd, etcd_peers, port = free_ports(3)
        write_account_keys(self.folder)
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
        try:
            self._start("etcd", "etcd", f"--data-dir={folder}/etcd", f"--listen-client-urls=http://127.0.0.1:{etcd}",
                        f"--advertise-client-urls=http://127.0.0.1:{etcd}", f"--listen-peer-urls=http://127.0.0.1:{etcd_peers}",
                        f"--initial-advertise-peer-urls=http://127.0.0.1:{etcd_peers}", f"--initial-cluster=default=http://127.0.0.1:{etcd_peers}")
            self._start("kube-apiserver", program, f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}",
                        "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", f"--cert-dir={folder}/certificates",
                        "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", f"--token-auth-file={folder}/tokens.csv",
                        "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={folder}/accounts.pub",
                        f"--service-account-signing-key-file={folder}/accounts.key", "--profiling=false")
            certificate = self.folder / "certificates" / "apiserver.crt"
            self.wait(certificate.exists, "the API server has a certificate")
            self.client = httpx.Client(base_url=f"https://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}, timeout=DEADLINE_S, trust_env=False,
                                       verify=ssl.create_default_context(cafile=certificate))
            self.wait(self._is_ready, "the API server is ready")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.stop()

    def _start(self, name, *command):
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(DEADLINE_S)

    def _is_ready(self):
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def wait(self, condition, what):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            for process in self.processes:
                assert process.poll() is None, "".join(path.read_text(errors="replace")[-3000:] for path in self.folder.glob("*.log"))
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {DEADLINE_S} s")

    def path_of(self, document):
        """Where an object is, as the server's own discovery says."""
        version, kind = document["apiVersion"], document["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self.paths:
            reply = self.client.get(root)
            assert reply.status_code == 200, f"the server does not know {version}: {reply.text}"
            found = [resource for resource in reply.json()["resources"] if resource["kind"] == kind and "/" not in resource["name"]]
            assert found, f"the server does not know {kind} of {version}"
            self.paths[version, kind] = found[0]["name"], found[0]["namespaced"]
        name, namespaced = self.paths[version, kind]
        inside = f"/namespaces/{document['metadata'].get('namespace', 'default')}" if namespaced else ""
        return f"{root}{inside}/{name}/{document['metadata']['name']}"

    def apply(self, document, parameters=DRY_RUN):
        """Applies an object server-side, by default as a dry run: it goes through validation, defaults and admission and is not stored."""
        return self.client.patch(self.path_of(document), params=parameters, headers=APPLY, content=yaml.safe_dump(document))

    def create(self, document):
        """Applies an object for good."""
        reply = self.apply(document, STRICT)
        assert reply.status_code in (200, 201), reply.text

    def define(self, path):
        """A kind of object from a file with its CustomResourceDefinition; returns when it is served."""
        definition = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        self.create(definition)
        spec = definition["spec"]
        root = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
        self.wait(lambda: self.client.get(root).status_code == 200, f"{root} is served")


def warnings(reply):
    """Warnings of the server: deprecated versions, pods that a security profile would refuse."""
    return [re.sub(r'^299 \S+ "(.*)"$', r"\1", value) for value in reply.headers.get_list("warning")]
