"""Monitors get what the event log tells, once, whatever ends in between."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.errors import InputError
from core.settings import ROOT, worker_environment
from core.train.events import Notice, Saved, Started, Step, ValidationLoss, append
from core.train.queue.monitors import Feed, main, usable
from core.train.queue.process import Process, launch_monitor
from core.train.spec import JobSpec, RunFolder
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder


def step(number: int, loss: float) -> Step:
    return Step(number, 10, number / 5, loss, 1e-3, 100 * number, 50.0, 1.0)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = run_folder(tmp_path / "run", JobSpec("base", tmp_path, PROMPT_CONFIG, CONFIG, "mika"))
    for event in (
        Started(0, 10, 4, 2, 9, 99, 9, "cpu", "fp32", 27),
        ValidationLoss(0, 5.0, 2.5),
        step(1, 4.0),
        step(2, 3.0),
        Notice("n", "ノ"),
        Saved(2),
    ):
        append(folder.events, event)
    return folder


def shown(folder: RunFolder, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder.path / "tensorboard"))
    found.Reload()
    return [(value.step, value.value) for value in found.Scalars(tag)]


def test_tensorboard_shows_the_log_and_steps_that_are_run_again_once(folder: RunFolder) -> None:
    assert main([str(folder.path)]) == 0
    assert shown(folder, "train/loss") == [(1, 4.0), (2, 3.0)] and shown(folder, "validation/loss") == [(0, 5.0)]
    assert shown(folder, "validation/bits_per_byte") == [(0, 2.5)]
    for event in (
        Started(1, 10, 4, 2, 9, 99, 9, "cpu", "fp32", 27),
        step(2, 3.0),
        step(3, 2.0),
        ValidationLoss(3, 4.5, 2.25),
    ):
        append(folder.events, event)
    time.sleep(1.1)  # its files are named by the second
    feed = Feed(folder, "tensorboard")
    feed.catch_up()
    append(folder.events, step(4, 1.0))
    feed.catch_up()
    feed.close()
    assert shown(folder, "train/loss") == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]
    assert shown(folder, "validation/loss") == [(0, 5.0), (3, 4.5)]


def test_a_monitor_follows_the_training_to_its_end(folder: RunFolder) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    training = Process(child.pid, psutil.Process(child.pid).create_time())
    monitor = launch_monitor(folder, "tensorboard", training)
    end = time.monotonic() + 60
    while not (folder.path / ".reported-tensorboard.json").exists():
        assert time.monotonic() < end and monitor.alive(), (folder.path / "tensorboard.log").read_text()
        time.sleep(0.05)
    append(folder.events, step(3, 2.0))
    child.kill()
    child.wait()
    while monitor.alive():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert shown(folder, "train/loss") == [(1, 4.0), (2, 3.0), (3, 2.0)]


def feed_by_hand(folder: RunFolder, name: str, **environment: str) -> None:
    command = [sys.executable, "-m", "core.train.queue.monitors", str(folder.path), "--to", name]
    subprocess.run(command, cwd=ROOT, env=worker_environment() | environment, check=True, timeout=120)


def test_trackio_keeps_a_run(folder: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed")
    feed_by_hand(folder, "trackio", TRACKIO_DIR=str(tmp_path / "trackio"))
    with sqlite3.connect(tmp_path / "trackio" / "omokage.db") as store:
        told = store.execute("select step, metrics from metrics order by id").fetchall()
    assert [step for step, _ in told] == [0, 1, 2] and "4.0" in str(told[1][1])


def test_wandb_keeps_a_run_without_a_network(folder: RunFolder) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    feed_by_hand(folder, "wandb", WANDB_MODE="offline")
    assert list((folder.path / "wandb").glob("offline-run-*/run-run.wandb"))


def test_only_what_is_there_can_be_wanted() -> None:
    assert usable(()) == () and usable(None) == ("tensorboard",) == usable(["tensorboard"])
    with pytest.raises(InputError, match="no monitor “grafana”"):
        usable(["grafana"])


def test_what_is_not_installed_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.train.queue import monitors

    monkeypatch.setattr(monitors, "find_spec", lambda name: None)
    assert usable(None) == ()
    with pytest.raises(InputError, match="pip install wandb"):
        usable(["wandb"])


def test_a_folder_without_a_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(tmp_path)]) == 1 and "no events.jsonl" in capsys.readouterr().err
