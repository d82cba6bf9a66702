"""Curves for other programs, fed from a run's event log: `python -m core.train.queue.monitors RUN_FOLDER [--to wandb]`.

It runs beside the training, not in it: whatever becomes of a monitor, the training does not notice. What was
told already is remembered in the run's folder, so it goes on after a restart and can be started by hand later.

- tensorboard: files in RUN_FOLDER/tensorboard; `tensorboard --logdir` of the run, or of the folder with all runs
- trackio, wandb: a run in the project "omokage", named like the adapter; they read their own settings
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from core.errors import InputError
from core.files import read_json, write_json
from core.stored import UNREADABLE, parse
from core.train.events import Step, ValidationLoss, read_timed
from core.train.queue.process import Process
from core.train.spec import RunFolder

PROJECT = "omokage"
EVERY = 1.0  # seconds between two looks at the log
Values = dict[str, float]
FIGURES = (Step, ValidationLoss)  # the events that have some to draw


class Monitor(Protocol):
    """Takes named values of a step."""

    def add(self, values: Values, *, step: int, at: float) -> None:
        """`at`: seconds since 1970."""

    def close(self) -> None:
        """Write out what is held back."""


class TensorBoard:
    """Event files as TensorBoard reads them, without TensorFlow or torch."""

    def __init__(self, folder: RunFolder) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder.path / "tensorboard"))

    def add(self, values: Values, *, step: int, at: float) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2

        # Their classes are made when they are imported, which a type checker does not see.
        make: Any = event_pb2.Event  # pyright: ignore[reportAttributeAccessIssue]
        summary: Any = summary_pb2.Summary  # pyright: ignore[reportAttributeAccessIssue]
        shown = [summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._writer.add_event(make(wall_time=at, step=step, summary=summary(value=shown)))

    def close(self) -> None:
        self._writer.close()


class Trackio:
    """A run in trackio's local store, or in the Space that TRACKIO_SPACE_ID names."""

    def __init__(self, folder: RunFolder) -> None:
        import trackio

        spec = folder.read_spec()
        name = f"{spec.adapter_name} {folder.path.name}"
        self._run = trackio.init(PROJECT, name=name, config=spec.config.to_json(), resume="allow", embed=False)

    def add(self, values: Values, *, step: int, at: float) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()


class Wandb:
    """A run on Weights & Biases; with WANDB_MODE=offline, in the run's folder."""

    def __init__(self, folder: RunFolder) -> None:
        import wandb

        spec = folder.read_spec()
        self._run = wandb.init(
            project=PROJECT, id=folder.path.name, name=spec.adapter_name, config=spec.config.to_json(),
            resume="allow", dir=folder.path, settings=wandb.Settings(console="off"),
        )  # fmt: skip

    def add(self, values: Values, *, step: int, at: float) -> None:
        self._run.log(values | {"time": at}, step=step)

    def close(self) -> None:
        self._run.finish()


MONITORS: dict[str, Callable[[RunFolder], Monitor]] = {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb}


def usable(wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The monitors to feed: those that are wanted; without a wish, TensorBoard where it is installed.

    Raises InputError for one that is not known or not installed.
    """
    if wanted is None:
        return ("tensorboard",) if find_spec("tensorboard") else ()
    for name in wanted:
        if name not in MONITORS:
            raise InputError(
                f"There is no monitor “{name}”. There are {', '.join(MONITORS)}.",
                f"「{name}」というモニターはありません。使えるのは {'、'.join(MONITORS)} です。",
            )
        if not find_spec(name):
            raise InputError(
                f"The monitor {name} is not installed: pip install {name}",
                f"モニター {name} がインストールされていません: pip install {name}",
            )
    return tuple(wanted)


def values_of(event: Step | ValidationLoss) -> Values:
    """What is drawn of an event."""
    if isinstance(event, ValidationLoss):
        return {"validation/loss": event.loss, "validation/bits_per_byte": event.bpb}
    return {
        "train/loss": event.loss, "train/learning_rate": event.learning_rate, "train/epoch": event.epoch,
        "train/tokens": event.tokens, "train/tokens_per_second": event.tokens_per_second,
    }  # fmt: skip


def _told(place: Path) -> dict[str, int]:
    """The last step reported of each kind of event; where the file is damaged, all is reported again."""
    with suppress(FileNotFoundError, *UNREADABLE):
        return parse(dict[str, int], read_json(place))
    return {}


class Feed:
    """One monitor that follows one run. Made again, it goes on where it was; a repeated step is reported once."""

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self._place = folder.path / f".reported-{name}.json"
        self._told = _told(self._place)
        self._offset = 0
        self._monitor: Monitor | None = None

    def catch_up(self) -> None:
        """Tell what is new in the log. The monitor is opened when there is something to tell."""
        timed, self._offset = read_timed(self._folder.events, self._offset)
        before = dict(self._told)
        for at, event in timed:
            if not isinstance(event, FIGURES):
                continue
            kind, values = type(event).__name__, values_of(event)
            if event.step > self._told.get(kind, -1):
                self._monitor = self._monitor or MONITORS[self._name](self._folder)
                self._monitor.add(values, step=event.step, at=at)
                self._told[kind] = event.step
        if self._told != before:
            write_json(self._place, self._told)

    def close(self) -> None:
        """Write out what is held back."""
        if self._monitor:
            self._monitor.close()


def main(arguments: list[str]) -> int:
    """Feed until the training process ends; without one, what is there. 0: done; 1: a sentence says why not."""
    parser = argparse.ArgumentParser(prog="python -m core.train.queue.monitors", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", choices=sorted(MONITORS), default="tensorboard")
    parser.add_argument("--process", nargs=2, type=float, metavar=("PID", "STARTED"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    folder = RunFolder(given.folder.resolve())
    if not folder.events.is_file():
        print(f"There is no events.jsonl in {folder.path}.", file=sys.stderr)
        return 1
    usable([given.to])
    training = Process(int(given.process[0]), given.process[1]) if given.process else None
    with FileLock(folder.path / f".reported-{given.to}.lock"):  # one of an earlier process ends in a moment
        feed = Feed(folder, given.to)
        while training and training.alive():
            feed.catch_up()
            time.sleep(EVERY)
        feed.catch_up()
        feed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
