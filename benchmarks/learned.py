"""What two real small models learn from the sample logs, with the settings that are advised, and how they speak then.

    python -m benchmarks.learned [--only smollm2|gemma3] [--models .real-models] [SETTING=VALUE ...]

SmolLM2-135M-Instruct learns Wren of `datasets/sample_whatsapp_wren.txt`, Gemma 3 270M learns Aoi of
`datasets/sample_line_aoi.txt`: rows as `python -m core.data` makes them, a training as `python -m core.train` advises
it, in a process of its own. Bits per byte of validation replies at each measurement, ten replies beside the real ones,
and the processor time and memory that it took beside the estimate. Writes results/learned.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from core.data.__main__ import main as make_rows
from core.settings import ROOT
from core.train.events import Sample, Started, ValidationLoss, read

RESULTS = Path(__file__).resolve().parent / "results" / "learned.json"
SHOWN = 10  # replies beside the real ones
CASES = {
    "smollm2": ("SmolLM2-135M-Instruct", "sample_whatsapp_wren.txt", "Wren"),
    "gemma3": ("gemma-3-270m", "sample_line_aoi.txt", "葵"),
}


def learn(base: Path, log: Path, persona: str, work: Path, settings: list[str]) -> dict[str, object]:
    """One training from the log to its last measurement."""
    rows, output = work / "rows", work / "run"
    if make_rows([str(log), "--persona", persona, "--out", str(rows), "--model", str(base)]) != 0:
        raise SystemExit(f"{log.name} made no rows")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "core.train", "--base", str(base), "--dataset", str(rows), "--output", str(output)]
    subprocess.run([*command, f"samples={SHOWN}", *settings], cwd=ROOT, check=True)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    events, _ = read(output / "events.jsonl")
    started = next(event for event in events if isinstance(event, Started))
    said = [event for event in events if isinstance(event, Sample)]
    last = max(event.step for event in said)
    return {
        "rows": started.rows, "validation_rows": started.validation_rows, "learned_tokens": started.loss_tokens,
        "steps": started.steps, "trainable": started.trainable, "precision": started.precision,
        "bits_per_byte": {event.step: round(event.bpb, 3) for event in events if isinstance(event, ValidationLoss)},
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
        "wall_seconds": round(seconds),
        "peak_mb": round(after.ru_maxrss / 1024),
        "replies": [{"asked": event.asked, "said": event.said, "real": event.real} for event in said
                    if event.step == last],
        "metrics": json.loads((output / "metrics.json").read_text(encoding="utf-8")),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(CASES))
    parser.add_argument("--models", type=Path, default=ROOT / ".real-models")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE", help="instead of what is advised")
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for name, (model, log, persona) in CASES.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as work:
                base = options.models / model
                result = learn(base, ROOT / "datasets" / log, persona, Path(work), options.settings)
            found[name] = {"model": model, "log": log, "settings": options.settings, **result}
            found["machine"] = {"system": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
            found["measured"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
            RESULTS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
