"""Every architecture of the catalogue, as a tiny random stand-in, from the Hub to a persona and back.

Loaded from a Hub, it talks in the format of its models, learns a LoRA adapter in the training's own worker, and says
the same to the last digit once all is saved and loaded again from a folder. The published weights were never at hand:
see `core.catalogue.catalogue.Entry.tried`.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.adapters.attach import activate_adapter
from core.adapters.store import Adapter
from core.catalogue.catalogue import entry_of
from core.chat.engine import Engine
from core.messages import Turn
from core.models.loading import LoadedModel, ModelStore
from core.models.options import LoadOptions, Quantization, Trust
from core.models.sampling import Sampling
from core.prompt import render, stop_criteria
from core.prompt.chat_template import resolve_template
from core.train.config.train_config import TrainConfig
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from tests.helpers import train_tiny
from tests.helpers.architectures_tiny import STAND_INS, on_hub, write
from tests.helpers.fake_hub import FakeHub
from tests.helpers.train_tiny import CONFIG, run_folder, talks, write_dataset
from tests.helpers.typed import present

PROBE = (5, 60, 61, 62, 300, 7)
if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from core.train.worker.prepare import TrainingSetup

PROMPT_CONFIG = replace(train_tiny.PROMPT_CONFIG, context_window=512)
QUICK = "llama"
FEW_STEPS = replace(CONFIG, epochs=1, batch_size=4, save_every=0, eval_every=0, dropout=0.0)


@pytest.fixture
def hub(hub_online: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    from huggingface_hub.utils import close_session

    with FakeHub() as hub:
        hub.plug_in(monkeypatch, tmp_path / "cache")
        yield hub
        close_session()


def options_for(architecture: str, quantization: Quantization = "none") -> LoadOptions:
    return LoadOptions(trust=Trust(pickles=STAND_INS[architecture].pickled), quantization=quantization)


def loaded_from(store: ModelStore, name: str, options: LoadOptions) -> LoadedModel:
    store.start(name, options)
    status = store.wait(120)
    assert (status.state, status.error) == ("ready", None)
    return store.current()


def logits(model: "torch.nn.Module") -> "torch.Tensor":
    import torch

    was = model.training
    model.eval()
    with torch.no_grad():
        found = model(input_ids=torch.tensor([PROBE])).logits[0].float()
    model.train(was)
    return found


def same(one: "torch.Tensor", other: "torch.Tensor", *, within: float = 1e-5) -> bool:
    return bool((one - other).abs().max() <= within)


def said(store: ModelStore, adapter: Adapter | None) -> str:
    """A greedy reply to a question in the model's own format."""
    loaded = store.current()
    prompt_config = present(adapter.prompt_config) if adapter else PROMPT_CONFIG
    prompt = render(prompt_config, [Turn("user", ("こんにちは",))], loaded.tokenizer)
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=8)
    ends = stop_criteria(prompt_config, loaded.tokenizer)
    replies = list(Engine(store).stream(loaded, prompt.ids, sampling, ends, adapter=adapter, stop=threading.Event()))
    assert replies[-1].tokens
    return replies[-1].text


def trained(
    architecture: str, folder: Path, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> "tuple[Adapter, torch.Tensor]":
    """An adapter from the training's worker, and what the model said at its end, before anything was written."""
    spec = JobSpec(
        STAND_INS[architecture].model,
        write_dataset(folder / "talks", talks(12), talks(2)),
        PROMPT_CONFIG,
        config,
        "mika",
        trust=options_for(architecture).trust,
    )
    at_the_end: list[torch.Tensor] = []
    write_result = worker._write

    def watched(run: RunFolder, work: "TrainingSetup", model: "PeftModel", metrics: dict) -> None:
        at_the_end.append(logits(model))
        write_result(run, work, model, metrics)

    monkeypatch.setattr(worker, "_write", watched)
    run = run_folder(folder / "run", spec)
    assert worker.run(run) == 0, run.events.read_text(encoding="utf-8")
    return Adapter.read(run.adapter), at_the_end[0]


def test_every_architecture_of_the_catalogue_has_a_stand_in() -> None:
    from core.catalogue.catalogue import catalogue

    assert {e.architecture for e in catalogue() if e.loading != "remote"} <= set(STAND_INS)


@pytest.mark.parametrize(
    "architecture", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in STAND_INS]
)
def test_from_the_hub_to_a_persona_and_back(
    architecture: str, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, options = STAND_INS[architecture].model, options_for(architecture)
    folder = write(tmp_path / "hub" / model, architecture)
    for repo, files in on_hub(folder).items():
        hub.add_repo(repo, files)
    store = ModelStore()
    loaded = loaded_from(store, model, options)
    assert (
        loaded.pretrained.config.model_type == architecture and type(loaded.model).__module__ != "transformers_modules"
    )
    assert loaded.tokenizer_check.verdict in ("right", "rebuilt", "no sentencepiece")
    assert store.status.reads_anew == (architecture in ("qwen3_5_text", "lfm2", "mamba2"))
    if entry := entry_of(model):
        assert resolve_template(loaded.tokenizer).name in (
            entry.format,
            "model" if loaded.tokenizer.chat_template else "",
        )
    plain, before = said(store, None), logits(loaded.pretrained)

    adapter, at_the_end = trained(architecture, tmp_path, FEW_STEPS, monkeypatch)
    activate_adapter(loaded, adapter)
    assert same(logits(loaded.pretrained), at_the_end)
    assert not same(at_the_end, before, within=1e-3)  # it has learned
    reply = said(store, adapter)
    assert said(store, None) == plain and same(
        logits(loaded.pretrained), before, within=0
    )  # switched off, nothing is left of it

    copy = tmp_path / "copy" / folder.name  # saved as transformers does, and loaded as somebody's folder
    fresh = loaded_from(ModelStore(), str(folder) if (folder / "tokenizer.json").is_file() else model, options)
    fresh.pretrained.save_pretrained(copy)
    fresh.tokenizer.save_pretrained(copy)
    again = loaded_from(store, str(copy), LoadOptions())
    assert same(logits(again.pretrained), before)
    activate_adapter(again, adapter)
    assert same(logits(again.pretrained), at_the_end)
    assert said(store, adapter) == reply


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "gpt_neox", "japanese-stablelm-alpha"])
@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_so_it_goes_in_fewer_bits(
    architecture: str, quantization: Quantization, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, options = STAND_INS[architecture].model, options_for(architecture, quantization=quantization)
    for repo, files in on_hub(write(tmp_path / "hub" / model, architecture)).items():
        hub.add_repo(repo, files)
    store = ModelStore()
    whole = logits(loaded_from(store, model, options_for(architecture)).pretrained)
    loaded = loaded_from(store, model, options)
    assert store.status.quantization == loaded.quantization == quantization
    before = logits(loaded.pretrained)
    # Of random weights: 0.02 in int8 and 0.2 in NF4 is what rounding costs; 0 would be a model that is not quantised.
    assert 0 < (before - whole).norm() / whole.norm() < {"8bit": 0.1, "4bit": 0.4}[quantization]
    plain = said(store, None)

    config = replace(FEW_STEPS, quantization=quantization)
    adapter, at_the_end = trained(architecture, tmp_path, config, monkeypatch)
    activate_adapter(loaded, adapter)
    learned = (logits(loaded.pretrained) - before).norm()
    assert learned > 0.1 and (logits(loaded.pretrained) - at_the_end).norm() < 0.1 * learned
    assert said(store, None) == plain
    again = loaded_from(store, model, options)  # the model, then the adapter, from the files once more
    activate_adapter(again, adapter)
    assert same(logits(again.pretrained), at_the_end, within=0.1 * float(learned))
