"""How long from starting the process until the page is served, beside an empty gr.Blocks app.

    python benchmarks/startup.py [--app app.py] [--repeats 5]

Each start is a fresh process, the two apps in turn, after one uncounted start of each. Timed is from
just before the process is made to the first GET / answered with 200. Written to results/startup.json.
"""

import argparse
import http.client
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results" / "startup.json"
TARGET = 1.15
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.005

# Launched with app.py's options, but for those that are its own content (theme, styles, words).
EMPTY_APP = """
import sys

import gradio as gr

with gr.Blocks() as demo:
    pass
demo.launch(
    server_name="127.0.0.1", server_port=int(sys.argv[2]), share=False, max_file_size="200mb",
    run_history=False, enable_monitoring=False, ssr_mode=False, mcp_server=False, show_error=False,
    footer_links=[], prevent_thread_lock=True, quiet=True,
    app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
)
demo.block_thread()
"""


@dataclass(frozen=True)
class Result:
    """Seconds of every counted start, and what they were measured on."""

    empty: list[float]
    app: list[float]
    empty_median: float
    app_median: float
    ratio: float
    target: float
    measured: str
    python: str
    gradio: str
    torch: str
    system: str
    cpu: str
    cores: int | None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def served(port: int) -> bool:
    """Whether GET / is answered with 200 now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def seconds_to_page(script: Path, env: dict[str, str]) -> float:
    """Start `script --port N` and wait for its page. Raises RuntimeError when it ends or hangs before."""
    port = free_port()
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, str(script), "--port", str(port)], cwd=ROOT, env=env, stdout=output, stderr=output
        )
        try:
            while not served(port):
                if process.poll() is not None or time.perf_counter() - start > PATIENCE_SECONDS:
                    output.seek(0)
                    raise RuntimeError(f"{script} served no page:\n{output.read()[-2000:].decode(errors='replace')}")
                time.sleep(POLL_SECONDS)
            return time.perf_counter() - start
        finally:
            process.kill()
            process.wait(timeout=30)


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def measure(app: Path, repeats: int) -> Result:
    """Start both apps `repeats` times in turn, in a home that lasts for the whole measurement."""
    times: dict[str, list[float]] = {"empty": [], "app": []}
    with tempfile.TemporaryDirectory(prefix="omokage-startup-", ignore_cleanup_errors=True) as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_APP, encoding="utf-8")
        env = {**os.environ, "OMOKAGE_HOME": f"{folder}/home", "GRADIO_ANALYTICS_ENABLED": "False"}
        for n in range(repeats + 1):
            for name, script in (("empty", empty), ("app", app)):
                seconds = seconds_to_page(script, env)
                times[name] += [seconds] if n else []
                print(f"{n or 'warm-up':>7}  {name:<5}  {seconds:.3f} s", flush=True)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return Result(
        empty=[round(t, 3) for t in times["empty"]],
        app=[round(t, 3) for t in times["app"]],
        empty_median=round(medians["empty"], 3),
        app_median=round(medians["app"], 3),
        ratio=round(medians["app"] / medians["empty"], 3),
        target=TARGET,
        measured=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        python=platform.python_version(),
        gradio=version("gradio"),
        torch=version("torch"),
        system=f"{platform.system()} {platform.machine()}",
        cpu=cpu_model(),
        cores=os.cpu_count(),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--app", type=Path, default=ROOT / "app.py", help="the app's script (default: app.py)")
    parser.add_argument("--repeats", type=int, default=5, help="counted starts of each (default: 5)")
    options = parser.parse_args(arguments)
    if not options.app.is_file() or options.repeats < 1:
        parser.error(f"needs an app and at least one repeat, not {options.app} and {options.repeats}")
    result = measure(options.app.resolve(), options.repeats)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    print(f"median: empty {result.empty_median:.3f} s, app {result.app_median:.3f} s")
    print(f"ratio {result.ratio:.3f} (target: at most {TARGET}), written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
