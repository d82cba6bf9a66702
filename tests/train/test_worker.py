"""The run itself, in this process on a tiny model: it learns, ends well, and survives what goes wrong."""

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.adapters import write
from core.files import read_json, recover_folder
from core.prompt import PromptConfig
from core.train.config.train_config import TrainConfig
from core.train.events import (
    Done,
    Encoding,
    Event,
    Failed,
    MicroBatchShrunk,
    Notice,
    Saved,
    Started,
    Step,
    Stopped,
    ValidationLoss,
    event_schema,
    read,
)
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from core.train.worker.checkpoints import last_checkpoint
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, QUICK_STEPS, run_folder, talks, tiny_base, write_dataset
from tests.helpers.typed import present

HELDOUT = 6  # rows


@dataclass(frozen=True)
class Place:
    """A base, a data set, and room for runs."""

    base: Path
    dataset: Path
    runs: Path

    def run(self, name: str, config: TrainConfig = CONFIG, **changes: object) -> RunFolder:
        spec = JobSpec(str(self.base), self.dataset, PROMPT_CONFIG, config, adapter_name="mika")
        return run_folder(self.runs / name, replace(spec, **changes))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    import torch

    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("train")
    return Place(tiny_base(home / "base"), write_dataset(home / "talks", talks(24), talks(HELDOUT)), home / "runs")


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    return replace(made, runs=tmp_path / "runs")


def events(folder: RunFolder, kind: type = object) -> list:
    return [event for event in read(folder.events)[0] if isinstance(event, kind)]


def weights(folder: RunFolder) -> dict:
    from safetensors.torch import load_file

    return load_file(folder.adapter / "adapter_model.safetensors")


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def after_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Call `act` as soon as the run tells of `step`."""
    from core.train.worker import report

    def telling(path: Path, event: Event) -> None:
        real(path, event)
        if isinstance(event, Step) and event.step == step:
            act()

    real = report.append
    monkeypatch.setattr(report, "append", telling)


def no_rest(folder: RunFolder) -> bool:
    """Whether nothing half-written is left."""
    return not [path for path in folder.path.iterdir() if path.name.startswith(".adapter")]


def test_a_run_lowers_validation_loss_and_leaves_a_whole_adapter(place: Place) -> None:
    folder = place.run("a")
    assert worker.run(folder) == 0
    (done,) = events(folder, Done)
    assert done.metrics["validation_bpb_after"] < done.metrics["validation_bpb_before"] - 0.05
    assert done.metrics["validation_loss_after"] < done.metrics["validation_loss_before"]
    assert done.metrics["steps"] == QUICK_STEPS == len(events(folder, Step))
    assert done.metrics["tokens"] == events(folder, Step)[-1].tokens > events(folder, Started)[0].loss_tokens
    names = {path.name for path in folder.adapter.iterdir()}
    assert names == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "prompt_config.json",
        "training.json",
        "config.yaml",
    }
    training = read_json(folder.adapter / "training.json")
    assert training["base"] == str(place.base) and training["dataset"]["rows"] == 24
    assert training["config"] == CONFIG.to_json() and set(training["versions"]) == {"torch", "transformers", "peft"}
    assert training["metrics"] == json.loads(json.dumps(done.metrics))
    assert training["stops"] == []  # the base's own end token says it all
    prompt_config = PromptConfig.from_json(read_json(folder.adapter / "prompt_config.json"))
    assert prompt_config == replace(PROMPT_CONFIG, template="model")
    assert no_rest(folder)
    for line in folder.events.read_bytes().splitlines():
        jsonschema.validate(json.loads(line), event_schema())


def test_what_ends_a_turn_is_told_to_other_programs(place: Place) -> None:
    prompt_config = replace(PROMPT_CONFIG, template="dialogue")
    folder = place.run("words", replace(CONFIG, epochs=1), prompt_config=prompt_config)
    assert worker.run(folder) == 0
    assert read_json(folder.adapter / "training.json")["stops"] == ["\n\n", "\nKen:", "\nKen："]


def test_the_adapter_loads_and_changes_what_the_base_says(place: Place) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = place.run("a")
    worker.run(folder)
    base = AutoModelForCausalLM.from_pretrained(place.base)
    ids = torch.tensor([[5, 6, 7]])
    before = base(ids).logits.detach().clone()
    tuned = PeftModel.from_pretrained(base, folder.adapter)
    assert not torch.allclose(tuned(ids).logits, before, atol=1e-3)
    names = set(weights(folder))
    assert any("mlp" in name for name in names) and any("attn" in name for name in names)
    assert not any("embed" in name or "lm_head" in name for name in names)


def test_two_checkpoints_are_kept_and_validation_rows_are_measured_on_the_way(place: Place) -> None:
    folder = place.run("a")
    worker.run(folder)
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-12"]
    assert [event.step for event in events(folder, Saved)] == [2, 4, 6, 8, 10, 12]
    assert [event.step for event in events(folder, ValidationLoss)] == [0, 3, 6, 9, 12]


def test_same_seed_same_weights(place: Place) -> None:
    runs = [place.run(name, replace(CONFIG, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert [worker.run(run) for run in runs] == [0, 0, 0]
    one, two, three = map(weights, runs)
    assert same(one, two) and not same(one, three)


@pytest.mark.parametrize("step", [1, 8])
def test_stop_keeps_a_usable_adapter_and_resume_ends_as_if_never_stopped(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole, cut = place.run("whole"), place.run("cut")
    worker.run(whole)
    with monkeypatch.context() as patch:
        after_step(patch, step, cut.stop.touch)
        assert worker.run(cut) == 0
    stopped = events(cut, Stopped)[-1].step
    assert stopped == step + 1 and not events(cut, Done)
    assert read_json(cut.adapter / "training.json")["metrics"]["steps"] == stopped
    assert not same(weights(cut), weights(whole))
    cut.stop.unlink()
    assert worker.run(cut) == 0
    assert events(cut, Started)[-1].step == stopped
    assert events(cut, Done) and same(weights(cut), weights(whole))


def test_stop_before_the_first_step_keeps_nothing(place: Place) -> None:
    folder = place.run("a")
    folder.stop.touch()
    assert worker.run(folder) == 0
    assert events(folder)[-1] == Stopped(0) and not folder.adapter.exists()


def test_stop_in_the_middle_of_a_measure(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.train.worker.loss import SummedLoss

    folder = place.run("a", replace(CONFIG, save_every=100, tokens_per_micro_batch=16))  # one row at once
    real, calls = SummedLoss.__call__, []

    def counted(self, model, inputs):
        calls.append(model.training)
        if calls.count(False) == HELDOUT + 1:  # a measure at the start, then the first row of that at step 3
            folder.stop.touch()
        return real(self, model, inputs)

    monkeypatch.setattr(SummedLoss, "__call__", counted)
    assert worker.run(folder) == 0
    assert events(folder)[-1] == Stopped(3) and (folder.adapter / "adapter_config.json").exists()
    assert [event.step for event in events(folder, ValidationLoss)] == [0]


def test_a_torn_checkpoint_is_skipped_and_the_run_ends_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = place.run("whole"), place.run("cut")
    worker.run(whole)
    with monkeypatch.context() as patch:
        after_step(patch, 8, cut.stop.touch)
        worker.run(cut)
    cut.stop.unlink()
    newest = cut.checkpoints / f"checkpoint-{events(cut, Stopped)[0].step}"
    (newest / "complete.json").unlink()
    (newest / "optimizer.pt").write_bytes(b"torn")
    assert worker.run(cut) == 0
    assert events(cut, Started)[-1].step == 8 and same(weights(cut), weights(whole))


def test_loss_that_is_no_number_ends_with_a_sentence_and_a_good_checkpoint(place: Place) -> None:
    folder = place.run("a", replace(CONFIG, learning_rate=1.0, alpha=4096, rank=1, warmup_ratio=0.0, save_every=1,
                                    weight_decay=1.0, epochs=200))  # fmt: skip
    from core.train.worker.loss import SummedLoss

    real, calls = SummedLoss.__call__, []

    def diverging(self, model, inputs):
        calls.append(model.training)
        return real(self, model, inputs) * (float("nan") if calls.count(True) > 3 else 1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SummedLoss, "__call__", diverging)
        assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert isinstance(failed, Failed) and "no longer a number" in failed.en and "学習率" in failed.ja
    assert present(last_checkpoint(folder.checkpoints)).step == 3
    assert not folder.adapter.exists()


def test_weights_that_are_no_numbers_are_never_saved(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from core.train.worker.trainer import PersonaTrainer

    folder, real = place.run("a"), PersonaTrainer._save_checkpoint

    def poisoned(self: PersonaTrainer, model: torch.nn.Module, trial: None) -> None:
        if self.state.global_step == 4:
            next(p for p in model.parameters() if p.requires_grad).data.fill_(float("inf"))
        real(self, model, trial)

    monkeypatch.setattr(PersonaTrainer, "_save_checkpoint", poisoned)
    assert worker.run(folder) == 1
    assert "no longer a number" in events(folder)[-1].en
    assert present(last_checkpoint(folder.checkpoints)).step == 2


def remember_at_most(monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    """A computer that runs out of memory when more than this many padded tokens go through the model at once."""
    import torch

    from core.train.worker.loss import SummedLoss

    real = SummedLoss.__call__

    def limited(self: SummedLoss, model: torch.nn.Module, inputs: dict) -> torch.Tensor:
        if inputs["input_ids"].numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, model, inputs)

    monkeypatch.setattr(SummedLoss, "__call__", limited)


def longest_row(folder: RunFolder) -> int:
    from core.train.worker.prepare import load

    work = load(folder)
    return max(len(example.ids) for example in (*work.rows.examples, *work.validation.examples))


def test_out_of_memory_halves_what_goes_at_once_for_good(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, folder = (place.run(name, replace(CONFIG, dropout=0.0)) for name in ("whole", "folder"))
    worker.run(whole)
    limit = longest_row(folder)
    remember_at_most(monkeypatch, limit)
    with monkeypatch.context() as patch:
        after_step(patch, 5, folder.stop.touch)
        assert worker.run(folder) == 0
    halved = events(folder, MicroBatchShrunk)
    assert halved[0].step == 0 and halved[-1].tokens_per_micro_batch <= limit < 2 * halved[-1].tokens_per_micro_batch
    assert any(f"{halved[-1].tokens_per_micro_batch} tokens go through" in note.en for note in events(folder, Notice))
    folder.stop.unlink()
    assert worker.run(folder) == 0
    assert len(events(folder, MicroBatchShrunk)) == len(
        halved
    )  # the second process began with what the first had found
    losses = [[event.loss for event in events(run, Step)] for run in (whole, folder)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)  # the same rows a step
    measured = [events(run, ValidationLoss)[-1].loss for run in (whole, folder)]
    assert measured[1] == pytest.approx(measured[0], rel=1e-4)


def test_a_row_that_does_not_fit_alone_ends_with_what_can_be_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place.run("a")
    remember_at_most(monkeypatch, longest_row(folder) - 1)
    assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert "Memory ran out" in failed.en and "max_length" in failed.en and "4 ビット" in failed.ja


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"),
                                   RuntimeError("I/O error: No space left on device (os error 28)")])  # fmt: skip
def test_a_full_disk_leaves_no_half_adapter(place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def full(path: Path, value: object) -> None:
        raise error

    folder = place.run("a")
    monkeypatch.setattr(write, "write_json", full)
    assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert isinstance(failed, Failed) and "disk is full" in failed.en and "ディスク" in failed.ja
    assert not folder.adapter.exists() and no_rest(folder)
    monkeypatch.undo()
    assert worker.run(folder) == 0  # with room again, it goes on from the last checkpoint
    assert events(folder, Started)[-1].step == QUICK_STEPS and folder.adapter.exists()


def test_a_full_disk_in_a_checkpoint_keeps_the_one_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    folder, real = place.run("a"), torch.save

    def full(value: object, path: Path, **options: Any) -> None:
        if "checkpoint-6" in str(path):
            raise RuntimeError("[enforce fail] PytorchStreamWriter failed writing file: No space left on device")
        real(value, path, **options)

    monkeypatch.setattr(torch, "save", full)
    assert worker.run(folder) == 1
    assert "disk is full" in events(folder)[-1].en
    assert present(last_checkpoint(folder.checkpoints)).step == 4 and not (folder.checkpoints / "checkpoint-6").exists()


def test_a_save_that_does_not_fit_is_not_begun(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    from types import SimpleNamespace

    folder, real = place.run("a"), shutil.disk_usage

    def nearly_full(path: Path) -> object:
        return SimpleNamespace(free=500_000) if (folder.checkpoints / "checkpoint-4").exists() else real(path)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert "500.0 kB free, 1.0 MB needed" in failed.en and "必要 1.0 MB" in failed.ja
    assert [path.name for path in folder.checkpoints.iterdir()] == ["checkpoint-4"]  # the spare one made room


def test_an_adapter_that_was_cut_short_leaves_the_one_before(place: Place) -> None:
    folder = place.run("a")
    tmp, old = folder.path / f".adapter.{'0' * 32}", folder.path / ".adapter.old"
    for path in (tmp, old):
        path.mkdir()
        (path / "adapter_config.json").write_text(path.name)
    recover_folder(folder.adapter)  # killed after the old one was moved away, before the new one was moved in
    assert (folder.adapter / "adapter_config.json").read_text() == ".adapter.old"
    assert no_rest(folder)


def test_an_unexpected_error_is_a_sentence_without_a_traceback(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.train.worker.loss import SummedLoss

    def broken(self, model, inputs):
        raise IndexError("index 7 is out of bounds\nmore lines")

    monkeypatch.setattr(SummedLoss, "__call__", broken)
    folder = place.run("a")
    assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert "IndexError: index 7 is out of bounds" in failed.en and "Traceback" not in failed.en + failed.ja


def test_a_data_set_without_the_persona_is_a_clear_error(place: Place, tmp_path: Path) -> None:
    silent = [[turn for turn in row if turn.role == "user"] for row in talks(4)]
    folder = place.run("a", dataset=write_dataset(tmp_path / "silent", silent, []))
    assert worker.run(folder) == 1
    assert "nothing to learn" in events(folder)[-1].en


def test_a_folder_that_is_no_model_is_a_clear_error(place: Place, tmp_path: Path) -> None:
    folder = place.run("a", base=str(tmp_path))
    assert worker.run(folder) == 1
    failed = events(folder)[-1]
    assert "could not be loaded" in failed.en and str(tmp_path) in failed.en and "読み込めません" in failed.ja


def test_layers_that_the_model_does_not_have_are_named(place: Place) -> None:
    folder = place.run("a", replace(CONFIG, target="c_attn"))
    assert worker.run(folder) == 1
    assert "c_attn" in events(folder)[-1].en and "all-linear" in events(folder)[-1].en


def test_named_layers_alone_are_trained(place: Place) -> None:
    folder = place.run("a", replace(CONFIG, target="q_proj, v_proj", epochs=1))
    assert worker.run(folder) == 0
    assert all("q_proj" in name or "v_proj" in name for name in weights(folder))


def test_without_validation_rows_it_trains_and_says_nothing_of_them(place: Place, tmp_path: Path) -> None:
    folder = place.run(
        "a", replace(CONFIG, patience=2, save_every=3), dataset=write_dataset(tmp_path / "d", talks(6), [])
    )
    assert worker.run(folder) == 0
    (done,) = events(folder, Done)
    assert done.metrics["validation_bpb_after"] is None and not events(folder, ValidationLoss)


def test_patience_ends_early_and_keeps_the_best(place: Place) -> None:
    folder = place.run("a", replace(CONFIG, learning_rate=0.5, epochs=20, patience=2, eval_every=1, save_every=1))
    assert worker.run(folder) == 0
    (done,) = events(folder, Done)
    measured = {event.step: event.loss for event in events(folder, ValidationLoss) if event.step}
    assert done.metrics["steps"] < 120
    assert done.metrics["validation_loss_after"] == pytest.approx(min(measured.values()))
    assert any("is kept" in note.en for note in events(folder, Notice))
    best = min(measured, key=lambda step: measured[step])
    assert done.metrics["kept_step"] == best < done.metrics["steps"]


@pytest.mark.parametrize("at_measure", [False, True])
def test_the_measure_that_is_told_is_that_of_the_adapter_that_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch, at_measure: bool
) -> None:
    import torch
    from peft import PeftModel

    from core.train.worker.base import load_base
    from core.train.worker.batches import Collate
    from core.train.worker.loss import measure
    from core.train.worker.prepare import load

    # Far too fast: the best step is an early one.
    config = replace(CONFIG, learning_rate=0.5, epochs=9, patience=50, eval_every=5, save_every=5)
    folder = place.run("a", config)
    after_step(monkeypatch, 29 if at_measure else 31, folder.stop.touch)
    assert worker.run(folder) == 0
    metrics = read_json(folder.adapter / "training.json")["metrics"]
    tuned = PeftModel.from_pretrained(load_base(folder.read_spec()).model, folder.adapter)
    found = measure(tuned, load(folder).validation.examples, Collate(0), tokens=256, device=torch.device("cpu"))
    told = {step: loss for step, loss, _ in metrics["history"]["validation"]}
    if at_measure:  # asked in step 30's own measure: the weights are those of step 30, not measured yet
        assert metrics["kept_step"] == metrics["steps"] == 30 and 30 not in told
    else:
        assert metrics["kept_step"] < metrics["steps"] == 32
        assert (
            found.loss == pytest.approx(metrics["validation_loss_after"]) == pytest.approx(told[metrics["kept_step"]])
        )


def test_rows_longer_than_the_model_reads_are_cut_and_told(place: Place, tmp_path: Path) -> None:
    long = [[turn for row in talks(40) for turn in row]]
    folder = place.run("a", replace(CONFIG, max_length=4096, epochs=1), dataset=write_dataset(tmp_path / "d", long, []))
    assert worker.run(folder) == 0
    told = " ".join(note.en for note in events(folder, Notice))
    assert "256 tokens" in told and "1 rows exceeded" in told
    assert events(folder, Started)[0].rows > 5


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
def test_quantised_bases_load_and_learn_on_a_cpu(place: Place, tmp_path: Path, quantization: str) -> None:
    wide = tiny_base(tmp_path / "base", hidden=128)  # 4-bit blocks hold 64 weights of one row
    folder = place.run("a", replace(CONFIG, quantization=quantization), base=str(wide))
    assert worker.run(folder) == 0, events(folder)[-1]
    (done,) = events(folder, Done)
    assert done.metrics["validation_bpb_after"] < done.metrics["validation_bpb_before"]


@pytest.mark.slow
def test_a_measure_leaves_the_gradients_of_a_4_bit_base_as_they_were(place: Place, tmp_path: Path) -> None:
    import torch

    from core.train.worker.base import load_base, with_adapter
    from core.train.worker.batches import Collate
    from core.train.worker.loss import SummedLoss, measure
    from core.train.worker.rows import encode

    config = replace(CONFIG, quantization="4bit", dropout=0.0)
    spec = JobSpec(str(tiny_base(tmp_path / "base", hidden=128)), place.dataset, PROMPT_CONFIG, config, "mika")
    base = load_base(spec)
    model = with_adapter(base, config).train()
    examples = encode(talks(4), PROMPT_CONFIG, base.tokenizer, max_length=256).examples
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        SummedLoss(model)(model, Collate(pad=0)(examples)).backward()
        return [present(weight.grad).clone() for weight in model.parameters() if weight.requires_grad]

    before = gradients()
    measure(model, examples, Collate(pad=0), tokens=200, device=torch.device("cpu"))
    after = gradients()
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(before, after, strict=True))
    assert all(gradient.abs().max() > 0 for gradient in before)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"gradient_checkpointing": True}])
def test_other_ways_to_hold_the_base_learn_too(place: Place, change: dict) -> None:
    folder = place.run("a", replace(CONFIG, **change))
    assert worker.run(folder) == 0, events(folder)[-1]
    (done,) = events(folder, Done)
    assert done.metrics["validation_bpb_after"] < done.metrics["validation_bpb_before"]


def test_a_run_goes_on_from_an_adapter_as_it_was(place: Place) -> None:
    first = place.run("first")
    assert worker.run(first) == 0
    second = place.run("second", replace(CONFIG, rank=8, epochs=1))
    second.take_start(first.adapter)
    assert worker.run(second) == 0
    (before,), (after,) = events(first, Done), events(second, Done)
    assert after.metrics["validation_bpb_before"] == pytest.approx(before.metrics["validation_bpb_after"], rel=1e-5)
    config = read_json(second.adapter / "adapter_config.json")
    assert config["r"] == CONFIG.rank and not same(weights(first), weights(second))


def test_an_adapter_of_another_base_is_no_start(place: Place, tmp_path: Path) -> None:
    other = replace(place, base=tiny_base(tmp_path / "other", hidden=48)).run("other", replace(CONFIG, epochs=1))
    assert worker.run(other) == 0
    folder = place.run("second")
    folder.take_start(other.adapter)
    assert worker.run(folder) == 1
    assert "does not fit this model" in events(folder, Failed)[0].en


def test_reading_rows_is_told_and_heard_when_asked_to_stop(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.train.queue.progress import EventFollower
    from core.train.worker import prepare

    monkeypatch.setattr(prepare, "TELL_SECONDS", -1.0)
    folder = place.run("a")
    folder.stop.touch()
    assert worker.run(folder) == 0
    assert not list(folder.encoded.iterdir()) and events(folder)[-1] == Stopped(0)
    folder.stop.unlink()
    assert worker.run(folder) == 0
    assert events(folder, Encoding) == [Encoding(0, 24), Encoding(0, HELDOUT)]
    follower = EventFollower(folder)
    follower._take(Encoding(500, 2000))
    assert follower.show("running").encoding == (500, 2000)
    follower.follow()  # to the end
    assert follower.show("done").encoding is None
