"""How long a data set of 100,000 rows takes to become tokens on disk, how much memory, and what opening it again costs.

    python -m benchmarks.encoding [--rows 100000]

Rows of one to three exchanges of small talk in Japanese, through the embedded model's tokenizer and the one prompt
function, as a training run does it. Beside it the same rows held in memory. Writes results/encoding.json.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.startup import cpu_model
from core.catalogue.bundled import FOLDER
from core.prompt.config import PromptConfig

RESULTS = Path(__file__).parent / "results" / "encoding.json"
WORDS = (
    "今日は",
    "とても",
    "いい天気",
    "ですね。",
    "何を",
    "していますか？",
    "お茶を",
    "飲んで",
    "います",
    "ありがとう",
)


def write_rows(path: Path, count: int) -> None:
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            messages = [
                {"role": role, "content": "".join(draw.choices(WORDS, k=draw.randrange(2, 12)))}
                for _ in range(draw.randrange(1, 4))
                for role in ("user", "assistant")
            ]
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")


def measure(path: Path, folder: Path, how: str) -> dict[str, float]:
    """One process: `disk` makes the files or finds them, then reads 2,000 rows; `memory` holds all rows."""
    from core.data.rows import read_rows
    from core.models.tokenizers.check import load_tokenizer
    from core.train.worker.encoded import encode_file
    from core.train.worker.rows import RowEncoder, encode

    prompt_config = PromptConfig(
        persona="Mika", description="A calm friend who likes tea.", user="Ken", context_window=512
    )
    tokenizer = load_tokenizer(str(FOLDER))
    before, wall, began = _resident(), time.perf_counter(), time.process_time()
    if how == "memory":
        found = encode(read_rows(path), prompt_config, tokenizer, max_length=512)
    else:
        found = encode_file(path, RowEncoder(prompt_config, tokenizer, max_length=512), folder, lambda rows, of: None)
    result = {
        "seconds": round(time.perf_counter() - wall, 1),
        "processor_seconds": round(time.process_time() - began, 1),
        "tokens": sum(found.examples.lengths),
    }
    if how == "disk":
        draw, began = random.Random(1), time.perf_counter()
        for _ in range(2000):
            found.examples[draw.randrange(len(found.examples))]
        result["microseconds_a_row_read"] = round((time.perf_counter() - began) / 2000 * 1e6, 1)
    return result | {"memory_mb": round((_resident() - before) / 1e6, 1)}


def _resident() -> int:
    """Peak memory of this process so far, in bytes."""
    kept = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kept if sys.platform == "darwin" else 1024 * kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        path, folder, how = options.one
        print(json.dumps(measure(Path(path), Path(folder), how)))
        return
    result: dict[str, object] = {
        "rows": options.rows, "device": f"{cpu_model()}, {os.cpu_count()} cores",
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "train.jsonl"
        write_rows(path, options.rows)
        result["file_mb"] = round(path.stat().st_size / 1e6, 1)
        for name, how in (("first_time", "disk"), ("again", "disk"), ("in_memory", "memory")):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.encoding", "--one", str(path), f"{home}/encoded", how],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            result[name] = json.loads(done.stdout.splitlines()[-1])
            print(name, result[name], flush=True)
        result["stored_mb"] = round(sum(f.stat().st_size for f in Path(home).rglob("encoded/*/*")) / 1e6, 1)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
