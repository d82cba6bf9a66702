"""Every setting does something: a run with another value is another run."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256

import pytest

from core.train.config.train_config import TrainConfig
from core.train.events import Done, Step, read
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, another, run_folder, talks, tiny_base, write_dataset

PLAIN = replace(CONFIG, max_length=128, eval_every=2, save_every=2)
# What else has to be so for a setting to show itself.
WHEN = {"patience": {"learning_rate": 0.5}, "sample_every": {"samples": 1}}
TIMED = ("time", "seconds", "seconds_left", "tokens_per_second", "peak_memory_bytes", "metrics")


@dataclass(frozen=True)
class Trace:
    """What a run leaves, without its times."""

    weights: str
    told: tuple[str, ...]
    passes: int
    """How often the layer's MLP was gone through: recomputed ones and smaller batches make more."""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TrainConfig], Trace]:
    import torch
    from transformers.models.llama.modeling_llama import LlamaMLP

    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("options")
    base, dataset = tiny_base(home / "base"), write_dataset(home / "talks", talks(24), talks(6))
    known: dict[TrainConfig, Trace] = {}

    def run(config: TrainConfig, again: bool = False) -> Trace:
        if config not in known or again:
            spec = JobSpec(str(base), dataset, PROMPT_CONFIG, config, adapter_name="mika")
            folder = run_folder(home / f"{len(list(home.iterdir()))}", spec)
            passes, real = [], LlamaMLP.forward

            def counted(self, x):
                passes.append(1)
                return real(self, x)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(LlamaMLP, "forward", counted)
                assert worker.run(folder) == 0, folder.events.read_text()
            known[config] = Trace(_digest(folder), _told(folder), len(passes))
        return known[config]

    return run


def _digest(folder: RunFolder) -> str:
    return sha256((folder.adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


def _told(folder: RunFolder) -> tuple[str, ...]:
    events = read(folder.events)[0]
    plain = [(type(e).__name__, {k: v for k, v in asdict(e).items() if k not in TIMED}) for e in events]
    assert {Step, Done} <= {type(e) for e in events}
    return tuple(map(repr, plain))


def test_the_same_settings_leave_the_same(traced: Callable[..., Trace]) -> None:
    assert traced(PLAIN) == traced(PLAIN, again=True)


@pytest.mark.parametrize("name", [field.name for field in fields(TrainConfig)])
def test_another_value_makes_another_run(traced: Callable[..., Trace], name: str) -> None:
    if name == "quantization":
        pytest.importorskip("bitsandbytes")
    plain = replace(PLAIN, **WHEN.get(name, {}))
    if name in ("gradient_checkpointing", "tokens_per_micro_batch"):  # the same result in another way
        assert traced(replace(plain, **{name: another(name)})).passes > traced(plain).passes
        return
    changed, was = traced(replace(plain, **{name: another(name)})), traced(plain)
    assert (changed.weights, changed.told) != (was.weights, was.told)


@pytest.mark.parametrize("scheduler", ["cosine", "cosine_with_min_lr", "warmup_stable_decay", "constant", "linear"])
def test_each_schedule_goes_its_own_way(traced: Callable[..., Trace], scheduler: str) -> None:
    others = {"cosine", "cosine_with_min_lr", "warmup_stable_decay", "constant", "linear"} - {scheduler}
    assert all(traced(replace(PLAIN, scheduler=s)).weights != traced(replace(PLAIN, scheduler=scheduler)).weights
               for s in others)  # fmt: skip
