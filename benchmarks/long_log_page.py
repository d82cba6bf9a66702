"""A long LINE talk through the page itself: how long until its speakers stand there, and until the rows of one do;
how long the server and the page are silent meanwhile, and how much memory the server takes.

    python benchmarks/long_log_page.py [--messages 1000000]

The app in a process of its own, with the bundled model, and Chromium. The server is asked for its first page every
tenth of a second, and the page counts the time between its own ticks of 50 ms. Written to results/long_log_page.json.
"""

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results" / "long_log_page.json"
sys.path.insert(0, str(ROOT))

from benchmarks.logs import write_line  # noqa: E402

PATIENCE_MS = 900_000
TICKS = """() => {
    window.longest = 0
    let last = performance.now()
    setInterval(() => {
        const now = performance.now()
        window.longest = Math.max(window.longest, now - last)
        last = now
    }, 50)
}"""


@dataclass(frozen=True)
class PageReading:
    """Seconds from the upload on, the longest silences in seconds, memory in megabytes."""

    messages: int
    file_megabytes: float
    seconds_to_speakers: float
    seconds_to_rows: float
    longest_answer_of_server: float
    longest_pause_of_page: float
    memory_before: float
    memory_peak: float
    memory_after: float
    steps_shown: int
    load_average: float
    """Of the machine at the end: what else it was doing."""
    measured: str
    python: str
    system: str


class Watch:
    """Asks the server for its page and for its memory until it is stopped."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self._url, self._process = url, process
        self.slowest = self.peak = 0.0
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._ask, self._weigh)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stopped.wait(0.1):
            begun = time.perf_counter()
            with suppress(OSError), urllib.request.urlopen(self._url, timeout=60) as answer:
                answer.read()
            self.slowest = max(self.slowest, time.perf_counter() - begun)

    def _weigh(self) -> None:
        while not self._stopped.wait(0.05):
            self.peak = max(self.peak, self._process.memory_info().rss / 1e6)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def measure(messages: int) -> PageReading:
    """One reading in a fresh app with a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "[LINE] 花子とのトーク.txt"
        write_line(log, messages)
        port = _free_port()
        environment = os.environ | {"OMOKAGE_HOME": str(Path(folder) / "home"), "HF_HUB_OFFLINE": "1"}
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return _through_the_page(f"http://127.0.0.1:{port}/", psutil.Process(app.pid), log, messages)
        finally:
            app.kill()
            app.wait()


def _through_the_page(url: str, process: psutil.Process, log: Path, messages: int) -> PageReading:
    _wait_for(url)
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=found)
        page = browser.new_page(locale="en-US")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.goto(url)
        expect(page.locator("#model-state")).to_contain_text(re.compile(r"omokage-\w+"))
        page.get_by_role("tab", name=re.compile("^(Data|記録)$")).click()
        page.evaluate(TICKS)
        before = process.memory_info().rss / 1e6
        watch = Watch(url, process)
        begun = time.perf_counter()
        page.locator("#data-file input[type=file]").set_input_files(log)
        steps = _until(page, f"{messages:,}")
        speakers = time.perf_counter() - begun
        begun = time.perf_counter()
        page.locator("#data-persona input").last.check()
        expect(page.locator("#data-row .said.learned").first).to_be_visible()
        rows = time.perf_counter() - begun
        watch.stop()
        pause = page.evaluate("window.longest") / 1000
        browser.close()
    return PageReading(
        messages, round(log.stat().st_size / 1e6, 1), round(speakers, 2), round(rows, 2), round(watch.slowest, 2),
        round(pause, 2), round(before), round(watch.peak), round(process.memory_info().rss / 1e6), steps,
        round(os.getloadavg()[0], 1),
        datetime.now(timezone.utc).date().isoformat(), platform.python_version(),
        f"{platform.system()} {platform.machine()}",
    )  # fmt: skip


def _until(page: Page, count: str) -> int:
    """Wait until the page names the number of messages; how many different sentences it showed until then."""
    shown: set[str] = set()
    busy, about = page.locator("p.num[role=status]").first, page.locator("#data-about")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        with suppress(Exception):
            shown.add(busy.inner_text(timeout=200))
        if about.is_visible() and count in about.inner_text():
            return len(shown - {""})
        time.sleep(0.05)
    raise TimeoutError(f"the page did not show {count} messages")


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise TimeoutError("no page within 120 s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    result = asdict(measure(parser.parse_args().messages))
    RESULTS.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
