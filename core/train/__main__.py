"""Train without the page: `python -m core.train CONFIG.yaml`, or the same as options.

    python -m core.train --dataset path/to/dataset --output path/to/run learning_rate=0.001 rank=8

The keys of the file are the names of the options; settings stand behind them as name=value. What stands on the
command line counts, then the file, then what is advised. The output holds adapter/ (with prompt_config.json),
config.yaml (all settings as they were), events.jsonl and metrics.json. Ctrl-C or SIGTERM saves and ends; the same
command goes on. `--accelerate FILE` trains on several GPUs, as that config of accelerate says (core/train/launch/).
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.errors import AppError, InputError
from core.files import read_json, write_json
from core.settings import Settings
from core.train.config.run_file import KEYS, RunRequest, checked_settings, read_yaml, run_request, to_yaml
from core.train.queue.devices import devices
from core.train.queue.monitors import usable
from core.train.queue.process import Process, launch, launch_monitor, launch_together
from core.train.queue.progress import EventFollower, Progress
from core.train.spec import RunFolder
from core.workspace import RUN_FILE, TRAINING_FILE


def main(arguments: Sequence[str]) -> int:
    """0: done; 1: it failed, or the order cannot be used (a sentence says why); 3: stopped before the end."""
    several = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    several.add_argument("--accelerate", type=Path)
    given, rest = several.parse_known_args(arguments)
    try:
        order, count = read_order(rest), processes_of(given.accelerate) if given.accelerate else 1
        monitors = usable(Settings.from_env().monitors)
        folder = prepare(order)
    except AppError as error:
        print(error.en, file=sys.stderr)
        return 1

    def start() -> Process:
        if given.accelerate:
            return launch_together(folder, given.accelerate.resolve(), count)
        return launch(folder, devices()[0])

    ending = follow(folder, start, monitors)
    if ending.state == "failed" and ending.error:
        print(ending.error.en, file=sys.stderr)
    if folder.adapter.is_dir():
        write_json(folder.path / "metrics.json", read_json(folder.adapter / TRAINING_FILE)["metrics"])
        print(f"The adapter is in {folder.adapter}")
    return {"done": 0, "stopped": 3}.get(ending.state, 1)


def read_order(arguments: Sequence[str]) -> RunRequest:
    """The order of a command line. Raises InputError that names what is wrong in it."""
    parser = argparse.ArgumentParser(
        prog="python -m core.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("given", nargs="*", metavar="CONFIG.yaml | name=value")
    for key in KEYS:
        if key != "settings":
            parser.add_argument(f"--{key.replace('_', '-')}")
    options = vars(parser.parse_args(arguments))
    given: list[str] = options.pop("given")
    files = [Path(word) for word in given if "=" not in word]
    if len(files) > 1:
        names = ", ".join(map(str, files))
        raise InputError(f"One CONFIG.yaml at most, not {names}.", f"CONFIG.yaml は 1 つまでです（{names}）。")
    here, value = (files[0].resolve().parent, _read(files[0])) if files else (Path.cwd(), {})
    settings = value.get("settings") or {}
    if isinstance(settings, Mapping):
        named = dict(word.split("=", 1) for word in given if "=" in word)
        value["settings"] = {**settings, **checked_settings(named)}
    for key, said in options.items():
        if said is not None:
            value[key] = str(Path.cwd() / said) if key in ("dataset", "output", "start_from") else said
    return run_request(value, here)


def processes_of(accelerate: Path) -> int:
    """How many processes a config of accelerate starts. Raises InputError when it does not say."""
    count = _read(accelerate).get("num_processes")
    if not isinstance(count, int) or count < 1:
        raise InputError(
            f"{accelerate} has num_processes = {count!r}; it has to be the number of GPUs to train on.",
            f"{accelerate} の num_processes が {count!r} です。学習に使う GPU の数にしてください。",
        )
    return count


def _read(path: Path) -> dict:
    try:
        return read_yaml(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", f"{path} を読めません: {error}") from error


def prepare(order: RunRequest) -> RunFolder:
    """The run's folder, new or to go on with. Raises InputError when it holds a run of another order."""
    folder = RunFolder(order.output)
    folder.path.mkdir(parents=True, exist_ok=True)
    if (folder.path / "spec.json").is_file():
        if folder.read_spec() != order.spec:
            raise InputError(
                f"{folder.path} holds a run with other settings. Choose another output, or remove it.",
                f"{folder.path} には別の設定の学習があります。別の出力先を選ぶか、消してください。",
            )
    else:
        folder.take_rows(order.spec.dataset)
        if order.start:
            folder.take_start(order.start)
        folder.write_spec(order.spec)
    folder.stop.unlink(missing_ok=True)
    (folder.path / RUN_FILE).write_text(to_yaml(order), encoding="utf-8")
    return folder


def follow(
    folder: RunFolder, start: Callable[[], Process], monitors: Sequence[str] = (), *, every: float = 0.5
) -> Progress:
    """Start the training and what feeds the monitors, and print how it goes, until it ends."""

    def stop(*_: object) -> None:
        folder.stop.touch()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    follower = EventFollower(folder)
    follower.follow()
    follower.ending = None  # of an earlier launch
    printed: set[object] = set()
    process = start()
    for name in monitors:
        launch_monitor(folder, name, process)
    while True:
        alive = process.alive()
        follower.follow()
        shown = follower.show(follower.ending or ("running" if alive else "killed"))
        _tell(shown, printed)
        if not alive:
            return shown
        time.sleep(every)


def _tell(shown: Progress, printed: set[object]) -> None:
    """Print what was not printed yet: notes, measures, and a line for every step that was reported."""
    for english in (note.en for note in shown.notes):
        if english not in printed:
            print(english, flush=True)
    if shown.losses and shown.losses[-1] not in printed:
        step, loss = shown.losses[-1]
        left = f", {shown.seconds_left:.0f} s left" if shown.seconds_left is not None else ""
        print(f"step {step} of {shown.steps}: loss {loss:.4f}{left}", flush=True)
    for measure in shown.validation:
        if measure not in printed:
            print(f"step {measure[0]}: validation {measure[1]:.4f} bits per byte", flush=True)
    printed |= {note.en for note in shown.notes} | set(shown.losses) | set(shown.validation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
