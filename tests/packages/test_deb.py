"""The Debian packages on a bare Debian 12 with systemd: installed, started, upgraded under load, rolled back, removed, purged.

The tests of this file are one story and run in their order. AKIDB_PACKAGES is the folder of `make deb`, AKIDB_TEST_MODEL the model.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from container import MODEL_PLACE, Container, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = pathlib.Path(os.environ.get("AKIDB_PACKAGES", ROOT / "build" / "packages"))
ARCHITECTURE = run("dpkg", "--print-architecture").strip()
VERSION = run(ROOT / "scripts" / "version", "debian").strip()
UPSTREAM = run(ROOT / "scripts" / "version", "upstream").strip()
NAMES = ["akidb-embed", "libakidb-embed2", "libakidb-embed-dev"]
FILES = [PACKAGES / f"{name}_{VERSION}_{ARCHITECTURE}.deb" for name in NAMES]
NEXT_VERSION = VERSION + "+next"
UNITS = ["akidb-embed.socket", "akidb-embed.service"]
URL = "http://127.0.0.1:8080"
DYNAMIC_USERS = range(61184, 65520)  # which systemd gives out for DynamicUser=
# A Debian bug to close is for the archive only.
LINTIAN = ["--allow-root", "--suppress-tags", "initial-upload-closes-no-bugs", "--fail-on", "warning,error"]


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    made = Container(tmp_path_factory.mktemp("debian"), os.environ["AKIDB_TEST_MODEL"])
    made.accounts = accounts(made)
    made.install(*made.copy(*FILES))
    with made.booted():
        yield made
    shutil.rmtree(made.root)


def accounts(container):
    return {name: (container.root / "etc" / name).read_text() for name in ("passwd", "group")}


def next_version(folder):
    """The packages anew, with a higher version."""
    made = []
    for file in FILES:
        unpacked = folder / file.stem
        run("dpkg-deb", "--raw-extract", file, unpacked)
        control = unpacked / "DEBIAN" / "control"
        control.write_text(control.read_text().replace(VERSION, NEXT_VERSION))
        made.append(folder / file.name.replace(VERSION, NEXT_VERSION))
        run("dpkg-deb", "--root-owner-group", "--build", unpacked, made[-1])
    return made


def ask(container, path, *arguments):
    """By curl of this machine with the container's network; the reply's status."""
    return run("nsenter", f"--target={container.init}", "--net", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", URL + path,
               *arguments)


class Load:
    """Requests from several clients, from the beginning of the block to its end."""

    def __init__(self, container):
        self.command = ["nsenter", f"--target={container.init}", "--net", sys.executable, pathlib.Path(__file__).parent / "load.py", URL]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait_for(20)
        return self

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def wait_for(self, more):
        """Until so many further requests are served."""
        wanted = self.count()["served"] + more
        while (now := self.count())["served"] < wanted:
            assert not now["failures"], now["failures"]

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        last = json.loads(self.process.stdout.read().splitlines()[-1])
        self.process.wait()
        if kind is None:
            assert not last["failures"], last["failures"]
            print(f"{last['served']} requests served, 0 failed")


def test_lintian_finds_nothing():
    run("lintian", *LINTIAN, *FILES)


def test_the_header_and_the_library_build_a_program(tmp_path):
    """As pkg-config says, against the unpacked packages."""
    for file in FILES[1:]:
        run("dpkg-deb", "--extract", file, tmp_path)
    library = next(tmp_path.glob("usr/lib/*/libakidb_embed.so")).parent
    flags = run("pkg-config", "--cflags", "--libs", "akidb-embed",
                env=os.environ | {"PKG_CONFIG_LIBDIR": f"{library}/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": str(tmp_path)}).split()
    example = tmp_path / "usr/share/doc/libakidb-embed-dev/examples/embed_example.c"
    run("cc", "-D_GNU_SOURCE", "-o", tmp_path / "example", example, *flags, "-lm")
    run(tmp_path / "example", os.environ["AKIDB_TEST_MODEL"], "a cat", "a dog", env=os.environ | {"LD_LIBRARY_PATH": str(library)})


def test_the_tarball_runs_where_it_lies_and_builds_a_program(tmp_path):
    """Of the same packages: its sums hold, the program and the library are found beside each other."""
    for file in [*FILES, PACKAGES / f"akidb-embed-{UPSTREAM}.tar.gz"]:
        (tmp_path / file.name).symlink_to(file)
    tarball = run(ROOT / "scripts" / "make-binary-tarball", tmp_path, ARCHITECTURE).splitlines()[-1]
    run("tar", "--extract", "--directory", tmp_path, "--file", tarball)
    top = pathlib.Path(tarball.removesuffix(".tar.gz"))
    run("sha256sum", "--quiet", "--check", "SHA256SUMS", cwd=top)
    assert run(top / "bin" / "akidb-embed", "--version").split()[-1] == UPSTREAM
    library = next(top.glob("lib/*/libakidb_embed.so")).parent
    flags = run("pkg-config", "--cflags", "--libs", "akidb-embed", env=os.environ | {"PKG_CONFIG_LIBDIR": f"{library}/pkgconfig"}).split()
    run("cc", "-D_GNU_SOURCE", "-o", tmp_path / "example", ROOT / "examples" / "embed_example.c", *flags, "-lm")
    run(tmp_path / "example", os.environ["AKIDB_TEST_MODEL"], "a cat", "a dog", env=os.environ | {"LD_LIBRARY_PATH": str(library)})


def test_an_installation_starts_nothing(container):
    assert container.run("dpkg-query", "--show", "--showformat", "${Version}\n", *NAMES).split() == [VERSION] * 3
    for unit in UNITS:
        assert container.state("is-enabled", unit) == "disabled"
        assert container.state("is-active", unit) == "inactive"
    assert container.run("akidb-embed", "--version").split()[-1] == UPSTREAM
    assert container.run("dpkg", "--verify", *NAMES) == ""


def test_the_units_are_valid_and_hardened(container):
    assert container.run("systemd-analyze", "verify", "--man=no", *UNITS) == ""
    container.run("systemd-analyze", "security", "--threshold=20", "akidb-embed.service")  # exposure at most 2.0


def test_the_plugin_for_gpus_has_a_place(container):
    """In the library folder, which docs/CUDA.md names; and the unit takes the example that lets it at the GPU."""
    place = container.root / "usr/lib" / run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip() / "akidb-embed" / "akidb-embed-cuda.so"
    place.parent.mkdir()
    place.write_bytes(b"no library")
    command = "akidb-embed doctor --model " + MODEL_PLACE + " --device cuda 2>&1 || true"
    assert f"../lib/{place.parent.parent.name}/akidb-embed/akidb-embed-cuda.so" in container.run("sh", "-c", command)
    shutil.rmtree(place.parent)
    assert "akidb-embed-cuda.so" not in container.run("sh", "-c", command)
    drop_in = container.root / "etc/systemd/system/akidb-embed.service.d/cuda.conf"
    drop_in.parent.mkdir()
    shutil.copy(container.root / "usr/share/doc/akidb-embed/examples/akidb-embed-cuda.conf", drop_in)
    assert container.run("systemd-analyze", "verify", "--man=no", "akidb-embed.service") == ""
    container.run("systemctl", "daemon-reload")
    assert container.show("akidb-embed.service", "PrivateDevices") == "no"
    shutil.rmtree(drop_in.parent)
    container.run("systemctl", "daemon-reload")
    assert container.show("akidb-embed.service", "PrivateDevices") == "yes"


def test_a_connection_to_the_socket_starts_the_service(container):
    """The socket alone is started: it takes the connection, and systemd starts the program, which answers it."""
    config = container.root / "etc" / "akidb-embed.conf"
    config.write_text(config.read_text() + f"model = {MODEL_PLACE}\nmodel_name = sentence-transformers/all-MiniLM-L6-v2\noffline = true\n")
    container.run("systemctl", "start", "akidb-embed.socket")
    assert container.state("is-active", "akidb-embed.service") == "inactive"
    assert ask(container, "/health/live") == "200"
    container.run("systemctl", "start", "akidb-embed.service")  # returns when the service says that it is ready
    assert ask(container, "/health/ready") == "200"
    user = container.run("stat", "--format=%u", f"/proc/{container.show('akidb-embed.service', 'MainPID')}")
    assert int(user) in DYNAMIC_USERS
    container.run("systemctl", "stop", *UNITS)


def test_the_service_starts_and_serves(container):
    container.run("systemctl", "enable", "--now", *UNITS)  # returns when the service says that it is ready
    assert ask(container, "/health/ready") == "200"
    assert ask(container, "/api/v1/embed", "-H", "content-type: application/json", "-d", '{"texts": ["hello"]}') == "200"
    assert "fail" not in container.run("akidb-embed", "doctor", "--model", MODEL_PLACE)
    log = container.run("journalctl", "--unit=akidb-embed.service", "--output=cat")
    assert any(json.loads(line)["fields"]["message"].startswith("ready: model") for line in log.splitlines() if line.startswith("{"))


def test_a_reload_goes_to_the_program(container):
    """systemctl fails when ExecReload= does, and waits for the program's answer."""
    before = container.show("akidb-embed.service", "MainPID")
    container.run("systemctl", "reload", "akidb-embed.service")
    assert container.show("akidb-embed.service", "MainPID") == before
    assert ask(container, "/health/ready") == "200"


def replace_under_load(container, packages):
    before = container.show("akidb-embed.service", "MainPID")
    with Load(container) as load:
        container.run("dpkg", "--install", "--force-confold", *packages)
        load.wait_for(20)
    assert container.show("akidb-embed.service", "MainPID") not in (before, "0")
    log = container.run("journalctl", "--unit=akidb-embed.service", "--output=cat", f"_PID={before}")
    assert "stopped; all requests were finished" in log


def test_an_upgrade_under_load_loses_no_request(container, tmp_path):
    replace_under_load(container, container.copy(*next_version(tmp_path)))
    assert container.run("dpkg-query", "--show", "--showformat", "${Version}", "akidb-embed") == NEXT_VERSION
    assert f"model = {MODEL_PLACE}" in (container.root / "etc" / "akidb-embed.conf").read_text()


def test_the_former_version_is_back_without_a_lost_request(container):
    replace_under_load(container, container.copy(*FILES))
    assert container.run("dpkg-query", "--show", "--showformat", "${Version}", "akidb-embed") == VERSION


def test_removal_stops_the_service_and_keeps_the_configuration(container):
    container.run("dpkg", "--remove", *NAMES)
    for unit in UNITS:
        assert container.state("is-active", unit) == "inactive"
    assert (container.root / "etc" / "akidb-embed.conf").exists()
    assert not (container.root / "usr" / "bin" / "akidb-embed").exists()


def test_purging_leaves_nothing(container):
    container.run("dpkg", "--purge", *NAMES)
    left = container.run("find", "/etc", "/usr", "/var", "/lib/systemd", "/run/systemd/system", "-name", "*akidb*", "-not", "-path", "/var/log/*")
    assert left == ""
    assert accounts(container) == container.accounts, "the service's user and group exist only while it runs"
