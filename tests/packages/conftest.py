"""Shows the story's printed figures, and needs what only root may do."""
import os


def pytest_configure(config):
    if os.geteuid() != 0:
        raise SystemExit("the tests of packages need root: a container is unpacked and booted\nhint: run `sudo make test-deb`")
