"""Train without the page: `python -m core.train CONFIG.yaml`.

    base: omokage-mini          # a folder, a Hub id, or the model that comes with the app
    dataset: path/to/dataset    # train.jsonl, heldout.jsonl (may be absent), dataset.json (may be absent)
    output: path/to/run         # new, or a run to go on with
    persona: 葵                 # name and description: by default as dataset.json says
    description: …
    settings:                   # core.train.config.TrainConfig; what is left out is advised
      learning_rate: 0.001

Paths are taken from where the file stands. The output holds adapter/ (with contract.json), config.yaml (all
settings as they were), events.jsonl and metrics.json. Ctrl-C or SIGTERM saves and ends; the same command goes on.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.contract import PromptContract
from core.errors import AppError, InputError
from core.models.embedded import FOLDER
from core.models.embedded import NAME as EMBEDDED
from core.settings import Settings
from core.train.config import TrainConfig
from core.train.devices import devices
from core.train.monitors import usable
from core.train.process import launch, launch_monitor
from core.train.progress import EventFollower, Progress
from core.train.spec import JobSpec, RunFolder
from core.workspace import read_json, write_json

KEYS = ("base", "dataset", "output", "persona", "description", "user", "window", "settings")


@dataclass(frozen=True)
class Order:
    """What a config file asks for."""

    spec: JobSpec
    output: Path


def main(arguments: list[str]) -> int:
    """0: done; 1: it failed, or the file cannot be used (a sentence says why); 3: stopped before the end."""
    parser = argparse.ArgumentParser(
        prog="python -m core.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    try:
        order = read_order(parser.parse_args(arguments).config)
        folder = prepare(order)
        monitors = usable(Settings.from_env().monitors)
    except AppError as error:
        print(error.en, file=sys.stderr)
        return 1
    ending = follow(folder, monitors)
    if ending.state == "failed" and ending.error:
        print(ending.error[0], file=sys.stderr)
    if folder.adapter.is_dir():
        write_json(folder.path / "metrics.json", read_json(folder.adapter / "training.json")["metrics"])
        print(f"The adapter is in {folder.adapter}")
    return {"done": 0, "stopped": 3}.get(ending.state, 1)


def read_order(path: Path) -> Order:
    """The order in a YAML file. Raises InputError that names what is wrong in it."""
    value = _yaml(path)
    here = path.resolve().parent
    missing = [key for key in ("dataset", "output") if not isinstance(value.get(key), str)]
    unknown = [str(key) for key in value if key not in KEYS]
    if missing or unknown:
        wrong = [f"{key} is missing" for key in missing] + [f"{key} is not known" for key in unknown]
        raise InputError(
            f"{path.name} cannot be used: {'; '.join(wrong)}. It may hold {', '.join(KEYS)}.",
            f"{path.name} は使えません（{'; '.join(wrong)}）。書けるのは {'、'.join(KEYS)} です。",
        )
    dataset, output = here / Path(value["dataset"]).expanduser(), here / Path(value["output"]).expanduser()
    if not (dataset / "train.jsonl").is_file():
        raise InputError(f"There is no train.jsonl in {dataset}.", f"{dataset} に train.jsonl がありません。")
    base = str(value.get("base") or EMBEDDED)
    local = here / Path(base).expanduser()
    base = str(FOLDER) if base == EMBEDDED else str(local) if (local / "config.json").is_file() else base
    about = read_json(dataset / "dataset.json") if (dataset / "dataset.json").is_file() else {}
    config = _settings(value.get("settings") or {}, base, dataset)
    contract = PromptContract(
        persona=str(value.get("persona") or about.get("persona") or "Persona"),
        description=str(value.get("description", about.get("description", ""))),
        user=str(value.get("user") or "User"),
        context_window=int(value.get("window") or config.max_length),
    )
    return Order(JobSpec(base, dataset, contract, config, adapter_name=output.name), output)


def prepare(order: Order) -> RunFolder:
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
        folder.write_spec(order.spec)
    folder.stop.unlink(missing_ok=True)
    _write_yaml(folder.path / "config.yaml", order)
    return folder


def follow(folder: RunFolder, monitors: Sequence[str] = (), *, every: float = 0.5) -> Progress:
    """Start the training process and what feeds the monitors, and print how it goes, until it ends."""

    def stop(*_: object) -> None:
        folder.stop.touch()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    follower = EventFollower(folder)
    follower.follow()
    follower.ending = None  # of an earlier launch
    told: set[object] = set()
    process = launch(folder, devices()[0])
    for name in monitors:
        launch_monitor(folder, name, process)
    while True:
        alive = process.alive()
        follower.follow()
        shown = follower.show(follower.ending or ("running" if alive else "killed"))
        _tell(shown, told)
        if not alive:
            return shown
        time.sleep(every)


def _tell(shown: Progress, told: set[object]) -> None:
    """Print what was not printed yet: notes, measures, and a line for every step that was told of."""
    for english, _ in shown.notes:
        if english not in told:
            print(english, flush=True)
    if shown.losses and shown.losses[-1] not in told:
        step, loss = shown.losses[-1]
        left = f", {shown.seconds_left:.0f} s left" if shown.seconds_left is not None else ""
        print(f"step {step} of {shown.steps}: loss {loss:.4f}{left}", flush=True)
    for measure in shown.heldout:
        if measure not in told:
            print(f"step {measure[0]}: held out {measure[1]:.4f} bits a byte", flush=True)
    told |= {english for english, _ in shown.notes} | set(shown.losses) | set(shown.heldout)


def _settings(given: object, base: str, dataset: Path) -> TrainConfig:
    """The advised settings with those that were given. Raises InputError for unknown or unusable ones."""
    from core.train.advice import recommend
    from core.train.base import parameters_of

    known = TrainConfig.__dataclass_fields__
    if not isinstance(given, dict) or any(key not in known for key in given):
        odd = ", ".join(str(key) for key in given if key not in known) if isinstance(given, dict) else repr(given)
        raise InputError(
            f"settings holds what is no setting: {odd}. There are {', '.join(known)}.",
            f"settings に知らない項目があります: {odd}。使えるのは {'、'.join(known)} です。",
        )
    with (dataset / "train.jsonl").open(encoding="utf-8") as lines:
        rows = sum(1 for line in lines if line.strip())
    return TrainConfig.from_json(recommend(parameters_of(base), rows).config.to_json() | given)


def _yaml(path: Path) -> dict:
    import yaml

    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}", f"{path} を読めません: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no settings.", f"{path} に設定がありません。")
    return value


def _write_yaml(path: Path, order: Order) -> None:
    import yaml

    spec = order.spec
    value = {
        "base": spec.base, "dataset": str(spec.dataset), "output": str(order.output),
        "persona": spec.contract.persona, "description": spec.contract.description, "user": spec.contract.user,
        "window": spec.contract.context_window, "settings": spec.config.to_json(),
    }  # fmt: skip
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
