"""How far the estimate of memory is from what talking and training take on this machine's processor.

    python -m benchmarks.estimate [--only PART_OF_A_NAME]

Random models with vocabularies of 8 to 262 thousand tokens, in float32 and bfloat16. A training is the real worker
process on rows of one length, a step of two rows of 512 tokens or one of 2,048; the measured
memory is the peak it reports. A talk is a process that loads the model as the app does, reads a prompt that leaves
room for 16 tokens in the window, and generates those. The estimate is `core.models.sizing.estimate`. One process at
a time. Writes results/estimate.json.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from core.catalogue.bundled import FOLDER
from core.messages import Turn, to_chat_messages
from core.models.precision import processor
from core.models.sizing.dims import ModelDims, model_dims
from core.models.sizing.estimate import TrainingLoad, talking_memory, training_memory
from core.prompt.config import PromptConfig
from core.settings import ROOT
from core.train.config.train_config import Precision, TrainConfig
from core.train.events import Done, read
from core.train.spec import JobSpec, RunFolder

RESULTS = Path(__file__).parent / "results" / "estimate.json"
PROMPT_CONFIG = PromptConfig("A", "You are A.", context_window=4096)
ROWS = {512: 2, 2048: 1}  # of each length, a step: what goes through at once where the trainer decides
SPOKEN = 16  # tokens a talk generates
LENGTHS = tuple(ROWS)
COMMON = {"max_position_embeddings": 4096, "tie_word_embeddings": True, "eos_token_id": 0, "pad_token_id": 0,
          "bos_token_id": 0}  # fmt: skip
# As small models of each vocabulary are built: SmolLM2 135M, Qwen3 with ten layers, Gemma 3 270M.
MODELS: dict[str, dict] = {
    "llama 8k": {"model_type": "llama", "vocab_size": 8192, "hidden_size": 512, "num_hidden_layers": 8,
                 "intermediate_size": 1408, "num_attention_heads": 8, "num_key_value_heads": 4},
    "llama 49k": {"model_type": "llama", "vocab_size": 49_152, "hidden_size": 576, "num_hidden_layers": 30,
                  "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3},
    "qwen3 151k": {"model_type": "qwen3", "vocab_size": 151_936, "hidden_size": 640, "num_hidden_layers": 10,
                   "intermediate_size": 1920, "num_attention_heads": 10, "num_key_value_heads": 5, "head_dim": 64},
    "gemma3 262k": {"model_type": "gemma3_text", "vocab_size": 262_144, "hidden_size": 640, "num_hidden_layers": 18,
                    "intermediate_size": 2048, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One process to measure."""

    model: str
    use: str
    """talking or training."""
    precision: Precision
    """fp32 or bf16."""
    length: int
    """Tokens of a row, or of the window."""
    gradient_checkpointing: bool = False

    @property
    def name(self) -> str:
        extra = ", gradient checkpointing" if self.gradient_checkpointing else ""
        return f"{self.model}, {self.use}, {self.precision}, {self.length}{extra}"


def cases() -> list[Case]:
    """Every model, dtype and length; gradient checkpointing where rows are long."""
    found = [
        Case(model, use, precision, length)
        for length, precision, model, use in itertools.product(
            LENGTHS, ("bf16", "fp32"), reversed(MODELS), ("training", "talking")
        )
    ]
    saving = itertools.product(("llama 49k", "gemma3 262k"), ("bf16", "fp32"))
    return found + [
        Case(model, "training", precision, 2048, gradient_checkpointing=True) for model, precision in saving
    ]


def random_model(folder: Path, values: dict) -> Path:
    """A model of this configuration in bfloat16, as models are published, with the bundled model's tokenizer."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer

    values = values | COMMON
    config = CONFIG_MAPPING[values.pop("model_type")](**values)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(FOLDER).save_pretrained(folder)
    return folder


def write_rows(folder: Path, length: int) -> Path:
    """Talks of about `length` tokens, a sixth of them the persona's."""
    folder.mkdir()
    chance = random.Random(0)
    words = "今日は朝から雨が降っていて駅まで歩いたけど友だちに会えてうれしかった"
    lines = []
    for _ in range(ROWS[length]):
        turns = [
            turn
            for _ in range(length // 54)
            for turn in (
                Turn("user", ("".join(chance.choices(words, k=42)),)),
                Turn("assistant", ("".join(chance.choices(words, k=8)),)),
            )
        ]
        lines.append(json.dumps({"messages": to_chat_messages(turns)}, ensure_ascii=False))
    (folder / "train.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return folder


def config_of(case: Case) -> TrainConfig:
    """As advised for few rows, but for the steps."""
    return TrainConfig(
        epochs=1, batch_size=ROWS[case.length], max_length=case.length, samples=0, eval_every=10**6, save_every=10**6,
        precision=case.precision, gradient_checkpointing=case.gradient_checkpointing,
    )  # fmt: skip


def measure_training(case: Case, base: Path, rows: Path, folder: Path) -> dict[str, int]:
    """Peak bytes of a training process."""
    run = RunFolder(folder)
    folder.mkdir()
    run.write_spec(JobSpec(str(base), rows, PROMPT_CONFIG, config_of(case), "estimate"))
    subprocess.run([sys.executable, "-m", "core.train.worker", str(folder)], cwd=ROOT, check=True)
    events = read(run.events)[0]
    metrics = next(event.metrics for event in events if isinstance(event, Done))
    return {
        "measured": metrics["peak_memory_bytes"],
        "tokens": metrics["tokens"],
    }


TALK = """
import sys, torch
from pathlib import Path
from core.models import weights
from core.models.options import DEFAULT_LOAD
from core.models.precision import PrecisionChoice
from core.train.worker.run import _peak_memory
folder, precision, length, spoken = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
choice = PrecisionChoice(precision, ("", ""))
weights.choose_precision = lambda *_: choice
model = weights.read_model("random", Path(folder), DEFAULT_LOAD)
assert model.dtype == choice.dtype
prompt = torch.randint(10, 8000, (1, length - spoken))
with torch.inference_mode():
    model.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=spoken,
                   min_new_tokens=spoken, do_sample=False)
print(_peak_memory())
"""


def measure_talk(case: Case, base: Path) -> dict[str, int]:
    """Peak bytes of a process that loads, reads and generates."""
    arguments = [str(base), case.precision, str(case.length), str(SPOKEN)]
    done = subprocess.run(
        [sys.executable, "-c", TALK, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return {"measured": int(done.stdout.split()[-1])}


def estimated(case: Case, dims: ModelDims, measured: dict[str, int]) -> dict[str, object]:
    """The case with what was measured and what the estimate says."""
    bits = {"fp32": 32, "bf16": 16}[case.precision]
    found: dict[str, object] = {"name": case.name, **asdict(case), **measured}
    if case.use == "talking":
        return found | {"estimated": talking_memory(dims, bits=bits, context=case.length)}
    load = TrainingLoad(
        tokens=measured["tokens"], length=case.length, held_bits=bits, compute_bits=bits,
        gradient_checkpointing=case.gradient_checkpointing,
    )  # fmt: skip
    return found | {"load": asdict(load), "estimated": training_memory(dims, load)}


def dims_of(model: str) -> ModelDims:
    """Of one of MODELS, from its configuration."""
    from transformers import CONFIG_MAPPING

    values = MODELS[model] | COMMON
    return model_dims(CONFIG_MAPPING[values.pop("model_type")](**values))


def write(found: list[dict[str, object]]) -> None:
    """The results with the hardware and the versions."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    models = {name: asdict(dims_of(name)) for name in MODELS}
    machine = {"processor": processor(), "cores": os.cpu_count(), "threads_of_a_process": torch_threads()}
    RESULTS.write_text(
        json.dumps({"machine": machine, "versions": versions, "models": models, "cases": found}, indent=1) + "\n",
        encoding="utf-8",
    )


def torch_threads() -> int:
    """How many threads the measured processes compute with."""
    import torch

    return torch.get_num_threads()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="measure only the cases whose name contains this")
    only = parser.parse_args().only
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        rows = {length: write_rows(place / f"rows-{length}", length) for length in LENGTHS}
        bases: dict[str, Path] = {}
        for number, case in enumerate(cases()):
            if only not in case.name:
                continue
            base = bases.get(case.model) or random_model(place / case.model, MODELS[case.model])
            bases[case.model] = base
            found = (
                measure_training(case, base, rows[case.length], place / f"run-{number}")
                if case.use == "training"
                else measure_talk(case, base)
            )
            results.append(estimated(case, dims_of(case.model), found))
            print(json.dumps(results[-1]), flush=True)
    if not only:
        write(results)


if __name__ == "__main__":
    main()
