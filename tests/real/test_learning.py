"""A real model learns: what is measured gets better, the adapter is attached as trained, merged and exported."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.adapters.combine import Mixture, combine
from core.adapters.store import Adapter
from core.data.__main__ import main as make_rows
from core.data.preferences import Pair, write_pairs
from core.export.folder import export
from core.messages import Turn, to_chat_messages
from core.prompt import PromptConfig, render
from core.settings import ROOT
from core.train.config.train_config import TrainConfig
from core.train.events import Done, PreferenceEval, ValidationLoss, read
from core.train.preference.config import PreferenceConfig
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from tests.helpers.adapter_tiny import greedy
from tests.helpers.train_tiny import run_folder

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
WREN = PromptConfig("Wren", "Wren is Sam's old friend.", user="Sam", context_window=128, reply_reserve=32,
                    template="model")  # fmt: skip
FEW = TrainConfig(learning_rate=1e-3, epochs=1, rank=8, alpha=16, dropout=0.0, batch_size=4, max_length=128, samples=0,
                  save_every=1000, eval_every=1000)  # fmt: skip
ASKED = (Turn("user", ("are you coming tonight?",)),)


@dataclass(frozen=True)
class Trained:
    base: Path
    folder: RunFolder


@pytest.fixture(scope="module")
def trained(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One short epoch on a part of a sample log."""
    work = tmp_path_factory.mktemp("real")
    log = ROOT / "datasets" / "sample_whatsapp_wren.txt"
    rows = work / "wren"
    given = [str(log), "--persona", "Wren", "--out", str(rows), "--model", str(smollm2), "--budget", "128"]
    assert make_rows(given) == 0
    for name, most in (("train", 24), ("validation", 4)):
        file = rows / f"{name}.jsonl"
        file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:most]), encoding="utf-8")
    folder = run_folder(work / "run", JobSpec(str(smollm2), rows, WREN, FEW, adapter_name="wren"))
    folder.take_rows(rows)
    assert worker.run(folder) == 0
    return Trained(smollm2, folder)


def test_the_validation_measure_gets_better(trained: Trained) -> None:
    events, _ = read(trained.folder.events)
    measured = [event.bpb for event in events if isinstance(event, ValidationLoss)]
    assert measured[0] > measured[-1] > 0
    metrics = next(event for event in events if isinstance(event, Done)).metrics
    assert metrics["validation_bpb_before"] == pytest.approx(measured[0])


def test_merged_and_exported_it_says_the_same_by_its_own_template(trained: Trained, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = Adapter.read(trained.folder.adapter)
    export(adapter, str(trained.base), tmp_path / "out")
    folder = tmp_path / "out" / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert adapter.prompt_config is not None
    prompt = render(adapter.prompt_config, ASKED, tokenizer)
    asked = tokenizer.apply_chat_template(to_chat_messages(ASKED), add_generation_prompt=True, return_dict=False)
    assert asked == list(prompt.ids)
    plain = AutoModelForCausalLM.from_pretrained(trained.base, dtype="float32")
    before = greedy(plain, asked, 8)
    attached = greedy(PeftModel.from_pretrained(plain, adapter.folder), asked, 8)
    assert greedy(AutoModelForCausalLM.from_pretrained(folder, dtype="float32"), asked, 8) == attached != before


def test_half_and_half_of_one_adapter_is_the_adapter(trained: Trained, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    adapter = Adapter.read(trained.folder.adapter)
    twin = Adapter.read(Path(shutil.copytree(adapter.folder, tmp_path / "twin")))
    combine([adapter, twin], Mixture((0.5, 0.5)), tmp_path / "both")
    one, both = (load_file(folder / "adapter_model.safetensors") for folder in (adapter.folder, tmp_path / "both"))
    down = next(name for name in one if name.endswith("q_proj.lora_A.weight"))
    up = down.replace("lora_A", "lora_B")
    scales = [json.loads((f / "adapter_config.json").read_text()) for f in (adapter.folder, tmp_path / "both")]
    made = [s["lora_alpha"] / s["r"] * (w[up] @ w[down]) for s, w in zip(scales, (one, both), strict=True)]
    assert torch.allclose(*made, atol=1e-5)


def test_a_correction_is_preferred_afterwards(trained: Trained, tmp_path: Path) -> None:
    preferred = Pair(ASKED, ("on my way!",), ("I am an artificial intelligence and cannot attend.",))
    spec = replace(
        trained.folder.read_spec(),
        config=replace(FEW, learning_rate=1e-4, epochs=2),
        preference=PreferenceConfig(own_replies=0),
    )
    folder = run_folder(tmp_path / "prefer", spec)
    folder.take_rows(spec.dataset)
    folder.take_start(trained.folder.adapter)
    write_pairs(folder.corrections, [preferred] * 2)
    assert worker.run(folder) == 0
    events, _ = read(folder.events)
    margins = [event.margin for event in events if isinstance(event, PreferenceEval)]
    assert margins and margins[-1] > 0
