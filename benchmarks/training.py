"""How fast training is, and how much memory it takes, beside TRL and transformers' own Trainer.

    python -m benchmarks.training [--models mini90 embedded] [--contenders ...] [--rows 64] [--repeats 2]

Every contender trains a LoRA adapter on the same rows of chat-like lengths, two epochs in a process of its own,
the contenders in turn. The second epoch is counted: real tokens (no padding) a second, of the clock and of the
processor (which is what counts where other work is about), and the peak memory of the process. Before that, each
takes one step on the same eight rows in float32; its loss is held against single rows without padding through
transformers' plain loss. On a GPU the device is picked by itself. The share of the ceiling is of what plain matrix
products reach. Writes results/training.json.
"""

import argparse
import importlib.util
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.startup import cpu_model
from core.catalogue.bundled import FOLDER
from core.train.worker.rows import IGNORED, EncodedRows, Example, Examples

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, Trainer

RESULTS = Path(__file__).parent / "results" / "training.json"
ROWS_A_STEP = 8
RANK, ALPHA, RATE = 16, 32, 1e-4
CONTENDERS = ("omokage", "trl", "trl_packing", "trl_padding_free", "group_by_length", "unsloth")
TARGETS = {"trl": 5.0, "trl_packing": 2.0}


@dataclass(frozen=True)
class Asked:
    """What one process measures."""

    contender: str
    model: str
    """Folder of the base."""
    words: int
    rows: int
    check: bool
    """One step in float32 on eight rows, for its loss; else two epochs, for speed and memory."""


def rows_of(count: int, words: int, seed: int = 0) -> list[Example]:
    """Random rows with the lengths of chats: log-normal, 80 tokens on average, 8 to 500; half of them learned."""
    draw, found = random.Random(seed), []
    for _ in range(count):
        length = int(min(500, max(8, draw.lognormvariate(math.log(80) - 0.32, 0.8))))
        ids = [draw.randrange(3, words) for _ in range(length)]
        turns = [(at // 14 % 2 == 1 or at >= length - 4) and at > 0 for at in range(length)]
        labels = [token if learned else IGNORED for token, learned in zip(ids, turns, strict=True)]
        found.append(Example(array("i", ids), array("i", labels), words=2 * length))
    return found


def make_base(folder: Path) -> None:
    """A random Qwen3 of 90 M parameters, 42 of them the embedding of 65,536 words, and a tokenizer of that size."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=65_536, hidden_size=640, intermediate_size=1920, num_hidden_layers=10, num_attention_heads=10,
        num_key_value_heads=5, head_dim=64, tie_word_embeddings=True, max_position_embeddings=2048,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({f"w{n}": n for n in range(65_536)}, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w1", pad_token="w2", unk_token="w0").save_pretrained(
        folder
    )


# What runs in a contender's own process


def measure(asked: Asked) -> dict[str, float]:
    """Loss of the first step, or real tokens a second and bytes."""
    import torch
    from transformers import TrainerCallback

    rows = rows_of(ROWS_A_STEP if asked.check else asked.rows, asked.words)
    epochs: list[tuple[float, float]] = []  # when each began, in (wall, processor) seconds
    ended = (0.0, 0.0)  # the last step, before anything is saved

    class Clock(TrainerCallback):
        def on_epoch_begin(self, args: object, state: object, control: object, **_: object) -> None:
            epochs.append((time.perf_counter(), time.process_time()))

        def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
            nonlocal ended
            ended = (time.perf_counter(), time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        if asked.contender == "plain":
            return {"loss": _plain_loss(asked, rows)}
        trainer = MAKERS[asked.contender](asked, rows, Path(folder))
        trainer.add_callback(Clock())
        trainer.train()
    if asked.check:
        return {"loss": next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)}
    tokens = sum(len(row.ids) for row in rows)
    memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else _peak_resident()
    seconds, busy = (end - start for start, end in zip(epochs[1], ended, strict=True))
    model: Any = trainer.model
    return {
        "tokens_per_second": tokens / seconds,
        "tokens_per_processor_second": tokens / busy,
        "peak_memory": memory,
        "ceiling": _ceiling(model, rows, seconds),
    }


def _omokage(asked: Asked, rows: list[Example], folder: Path) -> "Trainer":
    """The product's way, from the loaded base to the trainer with its report."""
    from core.prompt.config import PromptConfig
    from core.train.config.train_config import TrainConfig
    from core.train.spec import JobSpec, RunFolder
    from core.train.worker.base import load_base, with_adapter
    from core.train.worker.prepare import TrainingSetup, trainer_for
    from core.train.worker.report import Stop

    config = TrainConfig(
        learning_rate=RATE, epochs=1 if asked.check else 2, rank=RANK, alpha=ALPHA, dropout=0.0, weight_decay=0.0,
        batch_size=ROWS_A_STEP, precision="fp32" if asked.check else "auto", warmup_ratio=0.0, scheduler="constant",
        save_every=10**9,
    )  # fmt: skip
    prompt_config = PromptConfig(persona="P", description="", user="U", context_window=1024)
    spec = JobSpec(asked.model, folder, prompt_config, config, adapter_name="p")
    run = RunFolder(folder)
    base = load_base(spec)
    work = TrainingSetup(
        spec, prompt_config, base, with_adapter(base, config), EncodedRows(Examples(rows)), EncodedRows(Examples())
    )
    return trainer_for(run, work, Stop(run))[0]


def _trl(asked: Asked, rows: list[Example], folder: Path, **changes: Any) -> "Trainer":
    """SFTTrainer as it comes; `changes` are SFTConfig's. What differs from the defaults is the same for all."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    tuned = bool(changes)
    model = _base(asked, tuned=tuned)
    batch = changes.pop("per_device_train_batch_size", ROWS_A_STEP)
    settings = _common(asked, folder)
    settings["per_device_train_batch_size"] = batch
    config = SFTConfig(
        **settings,
        completion_only_loss=True,
        **({"gradient_checkpointing": False} if tuned else {}),
        **({"bf16": False} if asked.check else {}),
        **changes,
    )
    data = Dataset.from_list([
        {"input_ids": list(row.ids), "completion_mask": [int(label != IGNORED) for label in row.labels]}
        for row in rows
    ])  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    return SFTTrainer(model, config, train_dataset=data, processing_class=tokenizer, peft_config=_lora())


def _trl_packing(asked: Asked, rows: list[Example], folder: Path) -> "Trainer":
    """Packs of 1,024 tokens, which hold a little more than eight rows."""
    return _trl(asked, rows, folder, packing=True, max_length=1024, per_device_train_batch_size=1)


def _trl_padding_free(asked: Asked, rows: list[Example], folder: Path) -> "Trainer":
    return _trl(asked, rows, folder, padding_free=True, max_length=None)


def _group_by_length(asked: Asked, rows: list[Example], folder: Path) -> "Trainer":
    """transformers' Trainer with the model's own loss."""
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    from core.train.worker.batches import Collate

    model = get_peft_model(_base(asked, tuned=True), _lora())
    data: Any = [{"input_ids": row.ids, "row": row} for row in rows]
    collate = Collate(2)
    return Trainer(
        model,
        TrainingArguments(**_common(asked, folder), train_sampling_strategy="group_by_length"),
        train_dataset=data,
        data_collator=lambda batch: collate([entry["row"] for entry in batch]),
    )


def _unsloth(asked: Asked, rows: list[Example], folder: Path) -> "Trainer":
    """Unsloth's model in TRL's trainer, as its documentation shows; on a GPU only."""
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer
    from unsloth import FastLanguageModel  # pyright: ignore[reportMissingImports]  # needs a GPU

    model, tokenizer = FastLanguageModel.from_pretrained(asked.model, max_seq_length=1024, load_in_4bit=False)
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = FastLanguageModel.get_peft_model(
        model, r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=names, bias="none"
    )
    data = Dataset.from_list([{"input_ids": list(row.ids), "labels": list(row.labels)} for row in rows])
    config = SFTConfig(**_common(asked, folder), max_length=1024)
    return SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer)


MAKERS: dict[str, Callable[[Asked, list[Example], Path], "Trainer"]] = {
    "omokage": _omokage,
    "trl": _trl,
    "trl_packing": _trl_packing,
    "trl_padding_free": _trl_padding_free,
    "group_by_length": _group_by_length,
    "unsloth": _unsloth,
}


def _common(asked: Asked, folder: Path) -> dict[str, Any]:
    import torch

    return {
        "output_dir": str(folder), "num_train_epochs": 1 if asked.check else 2, "learning_rate": RATE,
        "per_device_train_batch_size": ROWS_A_STEP, "lr_scheduler_type": "constant", "logging_steps": 1,
        "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "remove_unused_columns": False,
        "use_cpu": not torch.cuda.is_available(), "seed": 0,
    }  # fmt: skip


def _lora() -> Any:
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def _base(asked: Asked, *, tuned: bool) -> "PreTrainedModel":
    """The base in bfloat16 for those that were tuned for speed, in float32 (TRL's way) for the others."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if tuned and not asked.check else torch.float32
    return AutoModelForCausalLM.from_pretrained(asked.model, dtype=dtype)


def _plain_loss(asked: Asked, rows: list[Example]) -> float:
    """Mean loss of a learned token, by the model's own loss of single rows in float32."""
    import torch

    model, total = _base(asked, tuned=False), 0.0
    with torch.no_grad():
        for row in rows:
            ids, labels = torch.tensor([list(row.ids)]), torch.tensor([list(row.labels)])
            total += model(input_ids=ids, labels=labels).loss.item() * row.loss_tokens
    return total / sum(row.loss_tokens for row in rows)


def _peak_resident() -> int:
    import resource

    kept = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kept if sys.platform == "darwin" else 1024 * kept


def _ceiling(model: "torch.nn.Module", rows: list[Example], seconds: float) -> float:
    """Share of what large bfloat16 matrix products reach here: 1 were LoRA's own products alone, without padding.

    Forward and backward through the body for every token, through the output layer for learned ones; no gradient
    of frozen weights; three products a LoRA weight.
    """
    import torch

    language: Any = model
    head = language.get_output_embeddings().weight.numel()
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tied = language.get_input_embeddings().weight.data_ptr() == language.get_output_embeddings().weight.data_ptr()
    body = sum(p.numel() for p in model.parameters()) - trained - head * (1 if tied else 2)
    tokens, learned = sum(len(row.ids) for row in rows), sum(row.loss_tokens for row in rows)
    needed = 4 * body * tokens + 4 * head * learned + 6 * trained * tokens
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 8192 if device == "cuda" else 2048
    one = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        (one @ one).sum().item()
        times.append(time.perf_counter() - began)
    return needed / seconds / (2 * size**3 / min(times))


# What starts the processes


def ask(asked: Asked, nice: int) -> dict[str, float]:
    """Measure in a fresh process. Raises RuntimeError with its last words."""
    command = [sys.executable, "-m", "benchmarks.training", "--one", json.dumps(asdict(asked))]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        preexec_fn=(lambda: os.nice(nice)) if nice else None, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{asked.contender}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(model: str, folder: str, words: int, options: argparse.Namespace) -> dict[str, object]:
    """The table of one model."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.contenders}
    plain = ask(Asked("plain", folder, words, 0, check=True), options.nice)["loss"]
    losses = {name: ask(Asked(name, folder, words, 0, check=True), options.nice)["loss"] for name in found}
    for repeat in range(options.repeats):
        for name in found:
            found[name].append(ask(Asked(name, folder, words, options.rows, check=False), options.nice))
            print(f"{model} {repeat + 1} {name:<18}{found[name][-1]['tokens_per_second']:8.0f} tokens/s", flush=True)
    table: dict[str, dict[str, Any]] = {}
    for name, runs in found.items():
        table[name] = {
            "tokens_per_second": round(statistics.median(run["tokens_per_second"] for run in runs), 1),
            "tokens_per_processor_second": round(
                statistics.median(run["tokens_per_processor_second"] for run in runs), 1
            ),
            "all_tokens_per_second": [round(run["tokens_per_second"], 1) for run in runs],
            "peak_memory_mb": round(statistics.median(run["peak_memory"] for run in runs) / 1e6),
            "share_of_ceiling": round(statistics.median(run["ceiling"] for run in runs), 3),
            "loss": losses[name],
            "loss_off_plain": round(abs(losses[name] - plain), 6),
        }
    if "omokage" in table:
        ours = table["omokage"]
        for row in table.values():
            row["omokage_is_faster"] = round(ours["tokens_per_second"] / row["tokens_per_second"], 2)
            row["omokage_is_faster_by_processor_time"] = round(
                ours["tokens_per_processor_second"] / row["tokens_per_processor_second"], 2
            )
            row["omokage_takes_memory"] = round(ours["peak_memory_mb"] / row["peak_memory_mb"], 2)
    return {
        "rows": options.rows, "repeats": options.repeats, "note": options.note, **_machine(),
        "plain_loss": plain, "contenders": table,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--models", nargs="+", choices=("mini90", "embedded"), default=["mini90", "embedded"])
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=None)
    parser.add_argument("--rows", type=int, default=64, help="rows an epoch (default: 64)")
    parser.add_argument("--repeats", type=int, default=2, help="processes of each contender (default: 2)")
    parser.add_argument("--nice", type=int, default=0, help="priority of the processes; below 0 needs root")
    parser.add_argument("--note", default="", help="kept with the results: what else ran on the machine, say")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Asked(**json.loads(options.one)))))
        return
    if not options.contenders:
        options.contenders = [name for name in CONTENDERS if name != "unsloth" or importlib.util.find_spec("unsloth")]
    result: dict[str, object] = {"targets_times_faster": TARGETS}
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            if model == "mini90":
                make_base(Path(folder))
            where, words = (folder, 65_536) if model == "mini90" else (str(FOLDER), 8192)
            result[model] = compare(model, where, words, options)
            print(json.dumps(result[model], indent=1), flush=True)
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(kept | result, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, object]:
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{cpu_model()}, {os.cpu_count()} cores"
    return {
        "device": device,
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "trl")},
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    main()
