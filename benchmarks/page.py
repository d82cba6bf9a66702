"""What the page costs: its start, an idle page, and a key that is typed beside a training with three pages open.

    python benchmarks/page.py [--app app.py] [--repeats 5] [--keys 60]

Start: processor seconds of the server until its first page, beside an empty gr.Blocks app, in turn; what the page's
description weighs; how long a browser takes until something can be written. Idle: processor time of the browser's main
thread over ten seconds. Typing: from a key to the frame that shows it. Written to results/page.json.
"""

import argparse
import gzip
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil
from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # started as a script
    sys.path.insert(0, str(ROOT))

from benchmarks.startup import EMPTY_APP, free_port, served  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "page.json"
SPAN = 10.0  # seconds of the idle measurement
SETTLED = 12.0  # seconds after which a page has drawn everything
PATIENCE_MS = 240_000
BETWEEN_KEYS_MS = 150
LISTEN = """() => {
  window.shown = [];
  document.querySelector("#talk-box textarea").addEventListener("keydown", (event) => {
    const pressed = event.timeStamp;
    requestAnimationFrame(() => {
      const after = new MessageChannel();  // its message comes when the frame has been painted
      after.port1.onmessage = () => window.shown.push(performance.now() - pressed);
      after.port2.postMessage(null);
    });
  });
}"""


@dataclass(frozen=True)
class PageCost:
    """Medians, and what they were measured on."""

    start_empty: float
    """Processor seconds until the first page of an empty app."""
    start_app: float
    start_ratio: float
    description_kb: int
    """Of /config, which holds every component and event."""
    description_gzip_kb: int
    components: int
    events: int
    usable_seconds: float
    """From opening the address until the message box can be written in and the first talk stands."""
    usable_processor_seconds: float
    """Of the main thread, until then."""
    idle_share: float
    """Of one core, of the main thread."""
    key_median_ms: float
    key_p90_ms: float
    key_worst_ms: float
    load_average: float
    """Of the machine at the end: what else it was doing."""
    measured: str
    python: str
    system: str
    cores: int | None


@contextmanager
def running(script: Path, home: Path) -> Iterator[tuple[str, float]]:
    """The app until its end: (address, processor seconds until its first page)."""
    port = free_port()
    environment = os.environ | {"OMOKAGE_HOME": str(home), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", str(port)], cwd=script.parent if script.name == "app.py" else ROOT,
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not served(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{script} served no page")
            time.sleep(0.005)
        spent = psutil.Process(process.pid).cpu_times()
        yield f"http://127.0.0.1:{port}/", spent.user + spent.system + spent.children_user + spent.children_system
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait(timeout=30)


def start_costs(app: Path, folder: Path, repeats: int) -> tuple[float, float]:
    """Median processor seconds of (an empty app, this one), in turn, after one uncounted start of each."""
    empty = folder / "empty.py"
    empty.write_text(EMPTY_APP, encoding="utf-8")
    spent: dict[Path, list[float]] = {empty: [], app: []}
    for _ in range(repeats + 1):
        for script, costs in spent.items():
            with running(script, folder / "home") as (_, seconds):
                costs.append(seconds)
    return statistics.median(spent[empty][1:]), statistics.median(spent[app][1:])


def processor_seconds(session: CDPSession) -> float:
    """Of the page's main thread so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def open_page(browser: Browser, url: str) -> tuple[Page, CDPSession, float]:
    """A new visitor's page: (it, its metrics, seconds until something can be written)."""
    page = browser.new_context(locale="en-US").new_page()
    page.set_default_timeout(PATIENCE_MS)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    begun = time.perf_counter()
    page.goto(url)
    expect(page.locator("#talk-box textarea")).to_be_editable()
    expect(page.locator("#chat .message").first).to_be_visible()
    return page, session, time.perf_counter() - begun


def start_training(page: Page) -> None:
    """The sample, for far longer than is measured."""
    page.get_by_role("tab", name="Data").click()
    page.locator("#data-sample").click()
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-details").click()
    page.locator("#set-epochs input").fill("1000")
    page.locator("#set-epochs input").blur()
    page.locator("#train-start").click()
    expect(page.locator("#train-picture .run-head")).to_contain_text(re.compile("Step [1-9]"))


def key_times(page: Page, keys: int) -> list[float]:
    """Milliseconds from each of so many keys to the frame that shows it."""
    page.locator("[role=tab][data-tab-id=talk]").click()
    box = page.locator("#talk-box textarea")
    box.click()
    page.evaluate(LISTEN)
    for n in range(keys):
        page.keyboard.press("abcdefghij"[n % 10])
        page.wait_for_timeout(BETWEEN_KEYS_MS)
    page.wait_for_function(f"window.shown.length >= {keys}")
    return page.evaluate("window.shown")


def measure(app: Path, repeats: int, keys: int) -> PageCost:
    """Everything, of one app."""
    expect.set_options(timeout=PATIENCE_MS)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        empty, own = start_costs(app, folder, repeats)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running(app, folder / "home") as (url, _):
            with urllib.request.urlopen(f"{url}config", timeout=60) as answer:
                described = answer.read()
            page, session, seconds = open_page(browser, url)
            busy = processor_seconds(session)
            page.wait_for_timeout(1000 * SETTLED)
            before, begun = processor_seconds(session), time.monotonic()
            page.wait_for_timeout(1000 * SPAN)
            idle = (processor_seconds(session) - before) / (time.monotonic() - begun)
            start_training(page)
            for _ in range(2):
                open_page(browser, url)
            page.bring_to_front()
            shown = sorted(key_times(page, keys))
        browser.close()
    config = json.loads(described)
    return PageCost(
        round(empty, 2), round(own, 2), round(own / empty, 3),
        round(len(described) / 1000), round(len(gzip.compress(described)) / 1000),
        len(config["components"]), len(config["dependencies"]),
        round(seconds, 2), round(busy, 2), round(idle, 3),
        round(statistics.median(shown), 1), round(shown[int(0.9 * len(shown))], 1), round(shown[-1], 1),
        round(os.getloadavg()[0], 1), datetime.now(timezone.utc).date().isoformat(), platform.python_version(),
        f"{platform.system()} {platform.machine()}", os.cpu_count(),
    )  # fmt: skip


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", type=Path, default=ROOT / "app.py", help="the app's script, of any checkout")
    parser.add_argument("--repeats", type=int, default=5, help="counted starts of each (default: 5)")
    parser.add_argument("--keys", type=int, default=60, help="keys that are typed (default: 60)")
    parser.add_argument("--to", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args()
    result = asdict(measure(options.app.resolve(), options.repeats, options.keys))
    options.to.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
