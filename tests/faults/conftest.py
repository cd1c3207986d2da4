"""Where the helpers of the integration tests are, and the small model that every run loads in no time."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from fault_control import PROGRAM  # noqa: E402
from small_model import write_model  # noqa: E402


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """The folder of a model with 2 layers of 32, and vectors of its own."""
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    return folder


@pytest.fixture(autouse=True)
def _need_the_program():
    if not PROGRAM.exists():
        pytest.skip("built without failing calls: with ThreadSanitizer, to count lines, or for another CPU")
