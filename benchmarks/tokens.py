"""What counting a log of 50 MB takes, beside the bare `encode_batch_fast` on the same lines, and how much memory.

    python -m benchmarks.tokens [--mb 50] [--repeats 3]

Lines of small talk in Japanese and English, by the bundled model's tokenizer. Each way runs in a process of its own, in
turn: `count_texts` as the Tokens tab uses it, and one call of the library with all lines at once. Processor time is
compared, so that other work on the machine weighs little. Writes results/tokens.json.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import tokenizers

from benchmarks.encoding import WORDS, _resident
from benchmarks.startup import cpu_model
from core.catalogue.bundled import FOLDER

RESULTS = Path(__file__).parent / "results" / "tokens.json"
ENGLISH = (
    "see you",
    " tomorrow",
    " at the station",
    ", shall we?",
    " I had",
    " tea and toast",
    " lol",
    "!",
    " :)",
    " ok",
)
WAYS = ("counting", "bare")


def write_lines(path: Path, size: int) -> int:
    """Lines of two to sixteen phrases, `size` bytes in all; returns how many."""
    draw, written, lines = random.Random(0), 0, 0
    with path.open("wb") as file:
        while written < size:
            words = WORDS if draw.random() < 0.8 else ENGLISH
            line = "".join(draw.choices(words, k=draw.randrange(2, 17))).encode() + b"\n"
            written += file.write(line)
            lines += 1
    return lines


def measure(path: Path, way: str) -> dict[str, float]:
    """One process: both hold the lines and the tokenizer before the clock starts."""
    from core.models.tokenizers.check import load_tokenizer
    from core.tokens.counting import bare_tokenizer, count_texts

    tokenizer = load_tokenizer(str(FOLDER))
    bare = bare_tokenizer(tokenizer)
    assert bare is not None, "the bundled tokenizer is a fast one"
    lines = path.read_text(encoding="utf-8").splitlines()
    bare.encode_batch_fast(lines[:2000], add_special_tokens=False)
    before, wall, began = _resident(), time.perf_counter(), time.process_time()
    if way == "counting":
        tokens = sum(count_texts(lines, tokenizer))
    else:
        tokens = sum(map(len, bare.encode_batch_fast(lines, add_special_tokens=False)))
    return {
        "seconds": round(time.perf_counter() - wall, 2), "processor_seconds": round(time.process_time() - began, 2),
        "tokens": tokens, "memory_mb": round((_resident() - before) / 1e6, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1])))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        lines = write_lines(path, int(options.mb * 1e6))
        for _ in range(options.repeats):
            for way in WAYS:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.tokens", "--one", str(path), way],
                    check=True, capture_output=True, text=True, env=os.environ | {"TOKENIZERS_PARALLELISM": "true"},
                )  # fmt: skip
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
                print(way, found[way][-1], flush=True)
    middle = {way: {name: median(run[name] for run in runs) for name in runs[0]} for way, runs in found.items()}
    assert middle["counting"]["tokens"] == middle["bare"]["tokens"]
    result = {
        "mb": options.mb, "lines": lines, "repeats": options.repeats, **middle,
        "ratio": round(middle["counting"]["processor_seconds"] / middle["bare"]["processor_seconds"], 3),
        "tokenizers": tokenizers.__version__, "device": f"{cpu_model()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{result['ratio']} times the processor time of the bare call")


if __name__ == "__main__":
    main()
