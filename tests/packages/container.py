"""A bare Debian 12 with systemd in a container of systemd-nspawn. Needs root, mmdebstrap and systemd-container."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import time

DEADLINE_S = 300
BASE = "systemd,systemd-sysv,dbus"  # a minbase has no init
MODEL_PLACE = "/srv/model"


def run(*command, timeout=DEADLINE_S, **settings):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, **settings)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def package_sources():
    """Where this machine's apt has Debian from, as lines of a sources.list."""
    lines = run("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
    assert "bookworm" in lines, "apt knows no package lists of Debian 12: run apt-get update"
    return lines


class Container:
    def __init__(self, folder, model):
        """Unpacks the system into folder/root."""
        self.root = pathlib.Path(folder) / "root"
        self.model, self.manager, self.init = model, None, None
        sources = pathlib.Path(folder) / "sources.list"
        sources.write_text(package_sources())
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE}", "--skip=cleanup/apt/lists", "bookworm", self.root, sources, timeout=1200)
        (self.root / MODEL_PLACE[1:]).mkdir()

    def copy(self, *files):
        """Their paths in the container."""
        place = self.root / "root" / "packages"
        place.mkdir(exist_ok=True)
        return ["/root/packages/" + pathlib.Path(shutil.copy(file, place)).name for file in files]

    def install(self, *packages):
        """By apt, with the dependencies, before the container is started: once it runs it has no network."""
        proxies = [f"{name}={os.environ[name]}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
        run("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", f"--directory={self.root}", "env", "DEBIAN_FRONTEND=noninteractive",
            *proxies, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages, timeout=1200)

    @contextlib.contextmanager
    def booted(self):
        """Runs its init, with a loopback interface only and the model in MODEL_PLACE."""
        with open(self.root.parent / "boot.log", "wb") as log:
            self.manager = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe", "--private-network", f"--directory={self.root}",
                 f"--bind-ro={self.model}:{MODEL_PLACE}", "--boot"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.init = self.wait(self._find_init, "the container's init runs")
            self.wait(lambda: self.state("is-system-running", "--wait") in ("running", "degraded"), "the container has booted")
            yield self
        finally:
            self.manager.terminate()  # nspawn shuts the container down
            self.manager.wait(timeout=DEADLINE_S)

    def _find_init(self):
        children = pathlib.Path(f"/proc/{self.manager.pid}/task/{self.manager.pid}/children").read_text().split()
        return next((int(child) for child in children if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd"), None)

    def wait(self, condition, what):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            assert self.manager.poll() is None, (self.root.parent / "boot.log").read_text()
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {DEADLINE_S} s")

    def enter(self, *command):
        """The command line that runs a command in the container."""
        return ["nsenter", f"--target={self.init}", "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wd", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *map(str, command)]

    def run(self, *command):
        return run(*self.enter(*command))

    def state(self, *question):
        """What systemctl prints, whatever its exit code."""
        return subprocess.run(self.enter("systemctl", *question), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=DEADLINE_S).stdout.strip()

    def show(self, unit, what):
        return self.run("systemctl", "show", "--value", f"--property={what}", unit).strip()
