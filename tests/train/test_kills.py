"""Kill −9 at ten moments that nobody chose, one of them while a checkpoint is written: the weights end the same."""

import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from core.train.events import Done, Event, Saved, Started, Step, read
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from core.train.worker.checkpoints import COMPLETE
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder, talks, tiny_base, write_dataset

KILLS = 10
CHUNK = 30  # most steps between two kills
LONG = replace(CONFIG, epochs=60, save_every=4, eval_every=40)
STEPS = 360


class Launcher:
    """Starts real training processes that need not import torch each: they are forked from one that has."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["torch", "peft", "core.train.worker.trainer", "core.train.worker.base"])
        self.started: list[BaseProcess] = []

    def __call__(self, folder: RunFolder) -> BaseProcess:
        process = self._context.Process(target=worker.main, args=([str(folder.path)],))
        process.start()
        self.started.append(process)
        return process


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums depend on how they are divided between threads
    launcher = Launcher()
    yield launcher
    for process in launcher.started:
        process.kill()


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    dataset = write_dataset(tmp_path / "talks", talks(24), talks(4))
    return JobSpec(str(tiny_base(tmp_path / "base")), dataset, PROMPT_CONFIG, LONG, "mika")


def events(folder: RunFolder, kind: type[Event]) -> list:
    return [event for event in read(folder.events)[0] if isinstance(event, kind)]


def wait(process: BaseProcess, reached: Callable[[], object], *, every: float = 0.02, seconds: float = 300) -> None:
    """Until `reached` or the process' end."""
    end = time.monotonic() + seconds
    while process.is_alive() and not reached():
        assert time.monotonic() < end, "it took too long"
        time.sleep(every)


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def torn(folder: RunFolder) -> list[Path]:
    """Checkpoints that are being written, or never were to their end."""
    found = folder.checkpoints.glob("checkpoint-*")
    return [path for path in found if not (path / COMPLETE).exists()]


def kill_at(launch: Launcher, folder: RunFolder, chance: random.Random) -> None:
    """Let it run for some steps, then kill it wherever it stands."""
    step = max((event.step for event in events(folder, Step)), default=0) + chance.randint(1, CHUNK)
    process = launch(folder)
    wait(process, lambda: events(folder, Step) and events(folder, Step)[-1].step >= step)
    time.sleep(chance.uniform(0, 0.05))
    kill(process)


def kill_while_saving(launch: Launcher, folder: RunFolder) -> None:
    """Kill it as soon as a checkpoint appears; again, should the checkpoint have been whole by then."""
    for _ in range(5):
        starts, process = len(events(folder, Started)), launch(folder)
        wait(process, lambda starts=starts: len(events(folder, Started)) > starts)  # what was torn before is gone
        wait(process, lambda: torn(folder), every=0.0005)
        kill(process)
        if torn(folder):
            return
    raise AssertionError("no kill hit a save")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_kills_end_in_the_weights_of_an_uninterrupted_run(spec: JobSpec, tmp_path: Path, launch: Launcher) -> None:
    from safetensors.torch import load_file

    whole, killed = run_folder(tmp_path / "whole", spec), run_folder(tmp_path / "killed", spec)
    wait(launch(whole), lambda: False)
    chance = random.Random(20)
    saving = chance.randrange(KILLS)
    for number in range(KILLS):
        kill_while_saving(launch, killed) if number == saving else kill_at(launch, killed, chance)
        assert not events(killed, Done)
    wait(launch(killed), lambda: False)
    assert len(events(killed, Started)) > KILLS and len(events(whole, Started)) == 1
    assert events(killed, Done)[0].metrics["steps"] == events(whole, Done)[0].metrics["steps"] == STEPS
    one, other = (load_file(folder.adapter / "adapter_model.safetensors") for folder in (whole, killed))
    assert one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)
    # A step that was run again lost what it had lost before, and nothing half-written is left.
    losses = [{event.step: event.loss for event in events(folder, Step)} for folder in (whole, killed)]
    assert losses[0] == losses[1]
    assert not torn(killed) and not list(killed.path.glob(".adapter*"))
    assert len(list(killed.checkpoints.iterdir())) == len(list(whole.checkpoints.iterdir())) <= 3
    assert events(killed, Saved)[-1].step == STEPS
