"""Two processes that train together on a CPU, as on two GPUs: the same losses as one, in mid-epoch resumes too."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.settings import ROOT, worker_environment
from core.train.__main__ import processes_of
from core.train.events import Done, Event, Failed, Started, Step, Stopped, ValidationLoss, read
from core.train.spec import JobSpec, RunFolder
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder, talks, tiny_base, write_dataset

# 25 rows of 4 a step: the last step of an epoch has one row, and one of two processes none. Nothing is drawn by
# chance that each process would draw anew.
TOGETHER = replace(CONFIG, batch_size=4, dropout=0.0, epochs=5, save_every=5, eval_every=5)
EPOCH, STEPS = 7, 35


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    dataset = write_dataset(tmp_path / "talks", talks(25), talks(5))
    return JobSpec(str(tiny_base(tmp_path / "base")), dataset, PROMPT_CONFIG, TOGETHER, "mika")


def events(folder: RunFolder, kind: type[Event]) -> list:
    return [event for event in read(folder.events)[0] if isinstance(event, kind)]


def alone(folder: RunFolder, *more: str) -> int:
    command = [sys.executable, "-m", "core.train.worker", str(folder.path), *more]
    return subprocess.run(command, cwd=ROOT, env=environment(), timeout=300).returncode


def together(folder: RunFolder, *, until: int | None = None) -> None:
    """Train with two processes; asked to stop after the step `until`."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    asked = ["-m", "core.train.worker", str(folder.path), "--processes", "2"]
    process = subprocess.Popen([*command, *asked], cwd=ROOT, env=environment())
    try:
        while until and process.poll() is None and len(events(folder, Step)) < until:
            time.sleep(0.005)
        if until:
            folder.stop.touch()
        assert process.wait(timeout=300) == 0
    finally:
        process.kill()


def environment() -> dict[str, str]:
    return worker_environment() | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def losses(folder: RunFolder) -> list[float]:
    return [loss for _, loss in sorted({event.step: event.loss for event in events(folder, Step)}.items())]


def measures(folder: RunFolder) -> dict[int, float]:
    return {event.step: event.bpb for event in events(folder, ValidationLoss)}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_learn_what_one_learns_and_go_on_in_the_middle_of_an_epoch(spec: JobSpec, tmp_path: Path) -> None:
    one, two = (run_folder(tmp_path / name, spec) for name in ("one", "two"))
    assert alone(one) == 0
    for steps in (9, 18):
        together(two, until=steps)
        two.stop.unlink()
    stopped = [event.step for event in events(two, Stopped)]
    assert any(step % EPOCH for step in stopped)  # in the middle of an epoch
    assert len(list((two.checkpoints / f"checkpoint-{stopped[-1]}").glob("rng_state_*.pth"))) == 2  # two there were
    together(two)
    assert [event.step for event in events(two, Started)] == [0, *stopped]
    assert len(losses(two)) == STEPS and losses(two) == pytest.approx(losses(one), abs=1e-5)
    assert measures(two) == pytest.approx(measures(one), abs=1e-5)
    done = [events(folder, Done)[0].metrics for folder in (one, two)]
    assert done[0]["steps"] == done[1]["steps"] == STEPS
    from safetensors.torch import load_file

    weights = [load_file(folder.adapter / "adapter_model.safetensors") for folder in (one, two)]
    assert all((weights[0][name] - weights[1][name]).abs().max() < 1e-4 for name in weights[0])
    assert (two.path / "events-1.jsonl").exists() and not list(two.path.glob(".adapter*"))


def test_a_config_of_accelerate_says_how_many(tmp_path: Path) -> None:
    assert {processes_of(path) for path in (ROOT / "core" / "train" / "launch").glob("*.yaml")} == {2}
    (tmp_path / "c.yaml").write_text("num_processes: many\n")
    with pytest.raises(InputError, match="'many'"):
        processes_of(tmp_path / "c.yaml")


@pytest.mark.slow
def test_fewer_processes_than_were_asked_for_are_told(spec: JobSpec, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", spec)
    assert alone(folder, "--processes", "2") == 1
    assert "2 processes were asked for, but 1 came" in events(folder, Failed)[0].en
