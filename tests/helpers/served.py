"""The real app in a process of its own, and what tests of its page have in common."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
Visit = Callable[..., Page]
MODEL = re.compile(r"(omokage|SmolLM2|gemma)-\w+")


@dataclass
class Server:
    """`python app.py` on a free port; can be killed as the power cord would do it, and started again."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> "Server":
        """Start, on the same port as before if there was one, and wait for the first page."""
        self.port = self.port or _free_port()
        env = os.environ | {"OMOKAGE_HOME": str(self.home)} | self.environment
        log = (self.home.parent / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(self.port)], cwd=ROOT, env=env, stdout=log, stderr=log,
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the app ended at once:\n{self.log()[-3000:]}")
            with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(self.url, timeout=5):
                return self
            time.sleep(0.2)
        raise TimeoutError(f"no page within 90 s:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """kill -9 of the server only: what it started lives on."""
        assert self.process, "it has not been started"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def workers(self) -> list[psutil.Process]:
        """Training processes of this server's home."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            command = " ".join(process.info["cmdline"] or ())
            if "core.train.worker" in command and str(self.home) in command:
                found.append(process)
        return found

    def close(self) -> None:
        """End the server and all it started."""
        if self.process and self.process.poll() is None:
            self.kill()
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()

    def log(self) -> str:
        return (self.home.parent / "server.log").read_text(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(page: Page) -> None:
    """The model is loaded, and the page knows its conversation; the Chat tab, where that is open, shows both."""
    expect(page.locator("#strip")).to_contain_text(MODEL)
    expect(page.locator("#place i")).to_have_attribute("data-talk", re.compile("."))
    if "#" in page.url and "#talk" not in page.url:
        return
    expect(page.locator("#model-state")).to_contain_text(MODEL)
    expect(page.locator("#model-state")).to_contain_text("cpu")
    expect(page.locator("#seen table")).to_be_visible()


def key_of(page: Page) -> str:
    """The key that the page's browser holds, as it tells the server every few seconds."""
    asked = page.wait_for_event("request", lambda request: request.url.endswith("/omokage/changes"))
    return asked.headers["x-omokage-key"]


def open_tab(page: Page, name: str) -> None:
    """Go to a tab by its name in either language."""
    page.get_by_role("tab", name=re.compile(f"^({name})$")).click()


def pick(page: Page, field: str, option: str | re.Pattern[str]) -> None:
    """Choose an option of the list `field`, a selector; a list that was left may still be fading beside it."""
    page.locator(f"{field} input").click()
    page.locator(field).get_by_role("option", name=option, exact=True).click()
