"""What all tests share: a scratch home, no network beyond this machine, nobody's token.

The environment is set when this file is imported, before any test imports gradio or
huggingface_hub, because both read it once. With CI=true a missing browser or missing samples
fail the tests that need them; elsewhere those are skipped with the reason.
"""

import atexit
import ipaddress
import os
import shutil
import socket
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from core.models import precision
from core.settings import pin_environment
from tests.helpers.missing import missing

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = Path(tempfile.mkdtemp(prefix="omokage-tests-"))
FROM_THE_MACHINE = ("HF_", "HUGGING_FACE_", "TRANSFORMERS_", "OMOKAGE_", "SPACE_", "OAUTH_", "GRADIO_")  # prefixes
FOR_THE_TESTS = "OMOKAGE_SHARED"  # the one variable of that name that tests read, and the app never
LONGEST_FILES = ("test_train_page.py", "test_whole_path.py")
QUICK = ("tests/test_layers.py", "tests/prompt/", "tests/data/", "tests/train/test_trainer.py")
QUICK_IN_THE_BROWSER = "test_a_log_becomes_a_persona_without_training"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(FROM_THE_MACHINE) and name != FOR_THE_TESTS]:
    del os.environ[_name]
os.environ.update(
    OMOKAGE_HOME=str(SCRATCH / "home"),
    HF_HOME=str(SCRATCH / "huggingface"),
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
    TOKENIZERS_PARALLELISM="false",
)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # what torch reads: tiny models are fastest on one thread
pin_environment(SCRATCH / "home")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the browser, so that `-m "not browser"` leaves it out, and what is quick; the longest files first.

    Several processes take whole files in this order: the long ones are shared out before the many short ones.
    """
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        slow = item.get_closest_marker("slow")
        if not slow and (item.nodeid.startswith(QUICK) or item.name == QUICK_IN_THE_BROWSER):
            item.add_marker(pytest.mark.quick)
    items.sort(key=lambda item: (item.path.name not in LONGEST_FILES, item.get_closest_marker("browser") is None))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The OMOKAGE_HOME of this test alone."""
    folder = tmp_path / "omokage"
    monkeypatch.setenv("OMOKAGE_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def cpu_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor is not measured: it is twice as fast in bfloat16, so the same is chosen on every machine."""
    speeds = precision.CpuSpeeds({"fp32": 1e11, "bf16": 2e11}, {"fp32": 1e10, "bf16": 2e10})
    monkeypatch.setattr(precision, "cpu_speeds", lru_cache(lambda: speeds))


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections beyond loopback fail as on a machine without network."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _loopback_only(getattr(socket.socket, name)))


def _loopback_only(connect):
    def guarded(self: socket.socket, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(str(address[0])):
            raise OSError(f"a test may connect to this machine only, not to {address[0]!r}")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def hub_online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Hub's client connect in this test: to a fake Hub on loopback, the rest stays closed."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real exports and texts beside the repository; OMOKAGE_SHARED may name another."""
    folder = Path(os.environ.get(FOR_THE_TESTS) or ROOT.parent / "shared")
    if not (folder / "samples").is_dir():
        missing(f"no samples at {folder}; OMOKAGE_SHARED can name their folder")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's executable: the system's Chromium or Chrome, else Playwright's own."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(installed) if installed else _playwrights_own()


def _playwrights_own() -> Path:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        executable = Path(playwright.chromium.executable_path)
    if not executable.is_file():
        missing("no Chromium: install the package chromium, or run `playwright install chromium`")
    return executable
