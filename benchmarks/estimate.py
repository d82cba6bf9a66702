"""How far the estimate of memory and time is from what trainings take on this machine.

    python -m benchmarks.estimate

Trains the embedded model, and random Qwen3-shaped ones, for a few steps on rows of one length, with and without
gradient checkpointing. The estimate is `core.train.config.estimate`; the measured memory is the peak of the training
process, the measured time that of the steps after the first. Writes results/estimate.json.
"""

import itertools
import json
import platform
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from core.catalogue.bundled import FOLDER
from core.data.rows import read_turns
from core.messages import Turn, to_chat_messages
from core.models.tokenizers.check import load_tokenizer
from core.prompt.config import PromptConfig
from core.settings import ROOT
from core.train.config.estimate import RowLengths, matmul_rate, operations, this_device, training_memory
from core.train.config.train_config import TrainConfig
from core.train.events import Done, Step, read
from core.train.spec import JobSpec, RunFolder
from core.train.worker.base import base_dims
from core.train.worker.rows import encode
from core.workspace import read_json

RESULTS = Path(__file__).parent / "results" / "estimate.json"
PROMPT_CONFIG = PromptConfig("A", "You are A.", context_window=1024)
STEPS, ROWS = 3, 8
PLAIN = TrainConfig(epochs=STEPS, batch_size=ROWS, max_length=512, samples=0, eval_every=10**6, save_every=10**6)


@dataclass(frozen=True)
class Trial:
    """One training and what is to be held against the estimate."""

    name: str
    base: Path
    config: TrainConfig


def random_model(folder: Path, *, width: int, layers: int, inner: int, vocabulary: int) -> Path:
    """A random Qwen3 with the embedded model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, intermediate_size=inner, head_dim=64,
        num_attention_heads=width // 64, num_key_value_heads=width // 128, max_position_embeddings=2048,
        tie_word_embeddings=True, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(FOLDER).save_pretrained(folder)
    return folder


def write_rows(folder: Path) -> Path:
    """Talks of about 500 tokens, half of them the persona's."""
    folder.mkdir()
    chance = random.Random(0)
    words = "今日は朝から雨が降っていて駅まで歩いたけど友だちに会えてうれしかった"

    def said(count: int) -> str:
        return "".join(chance.choices(words, k=count))

    lines = []
    for _ in range(ROWS):
        turns = [Turn(role, (said(42),)) for _ in range(6) for role in ("user", "assistant")]
        lines.append(json.dumps({"messages": to_chat_messages(turns)}, ensure_ascii=False))
    (folder / "train.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return folder


def measure(trial: Trial, rows: Path, folder: Path) -> dict[str, object]:
    """Train in a process of its own, and compare."""
    run = RunFolder(folder)
    folder.mkdir()
    run.write_spec(JobSpec(str(trial.base), rows, PROMPT_CONFIG, trial.config, "estimate"))
    subprocess.run([sys.executable, "-m", "core.train.worker", str(folder)], cwd=ROOT, check=True)
    events = read(run.events)[0]
    metrics = next(event.metrics for event in events if isinstance(event, Done))
    steps = [event for event in events if isinstance(event, Step)][1:]
    taken = min((s.tokens - before.tokens) / s.tokens_per_second for before, s in itertools.pairwise(steps))
    about = read_json(run.adapter / "training.json")
    started = next(event for event in events if type(event).__name__ == "Started")
    shape = base_dims(str(trial.base))
    examples = encode(read_turns(rows / "train.jsonl"), PROMPT_CONFIG, load_tokenizer(str(trial.base)),
                      max_length=trial.config.max_length).examples  # fmt: skip
    sizes = RowLengths.of(examples, len(examples))
    device, once = this_device(), replace(trial.config, epochs=1)
    rate = matmul_rate(shape.width, shape.inner, 32 if started.precision == "fp32" else 16)
    return {
        "trial": trial.name,
        "parameters": started.parameters,
        "precision": started.precision,
        "memory_estimated": training_memory(shape, trial.config, device),
        "memory_measured": metrics["peak_memory_bytes"],
        "matmul_gflops": round(rate / 1e9),
        "step_seconds": round(taken, 3),
        "reached_gflops": round(operations(shape, once, sizes) / taken / 1e9),
        "tokens_a_step": round(sizes.mean * sizes.count),
        "torch": about["versions"]["torch"],
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        rows = write_rows(place / "rows")
        middle = random_model(place / "90m", width=640, layers=10, inner=1920, vocabulary=65_536)
        large = random_model(place / "300m", width=1024, layers=18, inner=3072, vocabulary=65_536)
        saved = replace(PLAIN, gradient_checkpointing=True)
        trials = [
            Trial("embedded", FOLDER, PLAIN),
            Trial("embedded, 4096 at once", FOLDER, replace(PLAIN, tokens_per_micro_batch=4096)),
            Trial("90 M", middle, PLAIN),
            Trial("90 M, 4096 at once", middle, replace(PLAIN, tokens_per_micro_batch=4096)),
            Trial("90 M, gradient checkpointing, 4096 at once", middle, replace(saved, tokens_per_micro_batch=4096)),
            Trial("300 M, gradient checkpointing", large, saved),
        ]
        found = []
        for number, trial in enumerate(trials):
            found.append(measure(trial, rows, place / f"run-{number}"))
            print(json.dumps(found[-1], ensure_ascii=False), flush=True)
    RESULTS.write_text(json.dumps({"machine": platform.processor() or platform.machine(), "trials": found}, indent=1))


if __name__ == "__main__":
    main()
