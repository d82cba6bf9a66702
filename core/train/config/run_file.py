"""A training as a person writes it down: config.yaml, or a command line. Both say the same.

    base: omokage-mini          # a folder, a Hub id, or the model that comes with the app
    dataset: path/to/dataset    # train.jsonl, validation.jsonl (may be absent), dataset.json (may be absent)
    output: path/to/run         # new, or a run to go on with
    start_from: path/to/adapter # an adapter of the same base to go on from; left out, a new one begins
    persona: 葵                 # name and description: by default as dataset.json says
    description: …
    settings:                   # core.train.config.train_config.TrainConfig; what is left out is advised
      learning_rate: 0.001

Paths are taken from where the file stands, or from where the command is given.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as EMBEDDED
from core.data.io.store import prompt_config_for, read_info
from core.errors import InputError
from core.files import read_json
from core.prompt.template_names import AUTO
from core.train.config.train_config import TrainConfig
from core.train.spec import JobSpec
from core.workspace import ADAPTER_CONFIG, SPLIT_FILES

KEYS = (
    "base",
    "revision",
    "dataset",
    "output",
    "start_from",
    "persona",
    "description",
    "user",
    "template",
    "window",
    "settings",
)
LONGEST_FILE = 100_000  # characters


@dataclass(frozen=True)
class RunRequest:
    """What is asked for."""

    spec: JobSpec
    output: Path
    start: Path | None = None
    """Folder of the adapter to go on from."""


def run_request(value: Mapping[str, object], here: Path) -> RunRequest:
    """The order in the keys of a file. Raises InputError that names what is wrong in it."""
    missing = [key for key in ("dataset", "output") if not isinstance(value.get(key), str)]
    unknown = [str(key) for key in value if key not in KEYS]
    if missing or unknown:
        wrong = [f"{key} is missing" for key in missing] + [f"{key} is not known" for key in unknown]
        raise InputError(
            f"This training cannot be started: {'; '.join(wrong)}. There may be {', '.join(KEYS)}.",
            f"この学習は始められません（{'; '.join(wrong)}）。書けるのは {'、'.join(KEYS)} です。",
        )
    dataset, output = _path(value["dataset"], here), _path(value["output"], here)
    if not (dataset / SPLIT_FILES["train"]).is_file():
        raise InputError(f"There is no train.jsonl in {dataset}.", f"{dataset} に train.jsonl がありません。")
    start = _path(value["start_from"], here) if value.get("start_from") else None
    base, revision = _base(value, here), str(value["revision"]) if value.get("revision") else None
    config = with_advice(base, dataset, checked_settings(value.get("settings") or {}))
    window = _window(value.get("window") or config.max_length)
    prompt_config = prompt_config_for(
        read_info(dataset), context_window=window, persona=str(value.get("persona") or ""),
        description=None if value.get("description") is None else str(value["description"]),
        user=str(value.get("user") or ""), template=str(value.get("template") or AUTO),
    )  # fmt: skip
    if start is not None:
        config = going_on(config, start, base)
    return RunRequest(JobSpec(base, dataset, prompt_config, config, output.name, revision), output, start)


def _window(value: object) -> int:
    """Raises InputError for an invalid number of tokens."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InputError(
            f"window is {value!r:.60}; it has to be a number of tokens, such as 2048.",
            f"window が {value!r:.60} になっています。2048 のようなトークン数にしてください。",
        )
    return int(text)


def going_on(config: TrainConfig, adapter: Path, base: str) -> TrainConfig:
    """`config` with the shape of the adapter in `adapter`, which a training on `base` goes on from.

    Raises InputError when that adapter was trained on another model, or ModelError when there is none.
    """
    from core.adapters.store import Adapter
    from core.catalogue.catalogue import model_name

    held, shape = Adapter.read(adapter), read_json(adapter / ADAPTER_CONFIG)
    if held.base and model_name(held.base).lower() != model_name(base).lower():
        raise InputError(
            f"“{held.name}” was trained on {held.base}, not on {base}. Choose that model, or another adapter.",
            f"「{held.name}」は {held.base} で学習したもので、{base} とは違います。"
            "そのモデルを選ぶか、別のアダプターを選んでください。",
        )
    target = shape.get("target_modules") or config.target
    return replace(
        config, rank=shape.get("r", config.rank), alpha=int(shape.get("lora_alpha", config.alpha)),
        target=target if isinstance(target, str) else ", ".join(sorted(target)),
        rslora=bool(shape.get("use_rslora")), dora=bool(shape.get("use_dora")),
    )  # fmt: skip


def with_advice(base: str, dataset: Path, given: Mapping[str, Any]) -> TrainConfig:
    """The settings advised for a base and a data set on this machine, with those that are given."""
    from core.train.config.advice import fit, recommend
    from core.train.config.estimate import this_device
    from core.train.worker.base import base_dims

    with (dataset / SPLIT_FILES["train"]).open(encoding="utf-8") as lines:
        rows = sum(1 for line in lines if line.strip())
    shape = base_dims(base)
    advised = fit(recommend(shape.parameters, rows), shape, this_device()).config.to_json()
    return TrainConfig.from_json({**advised, **given})


def checked_settings(given: object) -> dict[str, Any]:
    """Settings by name; numbers may be text, as YAML reads 1e-4. Raises InputError for an unknown setting."""
    known = {field.name: field.default for field in fields(TrainConfig)}
    if not isinstance(given, Mapping) or any(key not in known for key in given):
        odd = ", ".join(str(key) for key in given if key not in known) if isinstance(given, Mapping) else repr(given)
        raise InputError(
            f"settings has unknown entries: {odd[:200]}. There are {', '.join(known)}.",
            f"settings に知らない項目があります: {odd[:200]}。使えるのは {'、'.join(known)} です。",
        )
    return {name: _as(known[name], value) for name, value in given.items()}


def settings_in(text: str) -> dict[str, Any]:
    """The settings of a config.yaml, or of a file that holds nothing else. Raises InputError."""
    value = read_yaml(text)
    return checked_settings(value.get("settings", value))


def read_yaml(text: str, name: str = "config.yaml") -> dict:
    """The keys of a YAML file. Raises InputError when there are none."""
    import yaml

    try:
        value = yaml.safe_load(text) if len(text) <= LONGEST_FILE else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be read: {error}", f"{name} を読めません: {error}") from error
    if not isinstance(value, dict):
        raise InputError(
            f"{name} holds no settings. It needs lines such as “learning_rate: 0.0002”.",
            f"{name} に設定がありません。「learning_rate: 0.0002」のような行が要ります。",
        )
    return value


def to_yaml(order: RunRequest, settings: Mapping[str, object] | None = None) -> str:
    """The config.yaml of an order, with all settings or only the given ones."""
    import yaml

    value = {**_written(order), "settings": _given(order, settings)}
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False)


def to_command(order: RunRequest, settings: Mapping[str, object]) -> str:
    """The command that does the same; of the settings, those that differ from what is advised are enough."""
    value, given = _written(order), _given(order, settings)
    words = ["python", "-m", "core.train"]
    for key, said in value.items():
        words += [f"--{key.replace('_', '-')}", str(said)]
    words += [f"{name}={said}" for name, said in given.items()]
    return shlex.join(words)


def _given(order: RunRequest, settings: Mapping[str, object] | None) -> dict[str, object]:
    return dict(order.spec.config.to_json() if settings is None else settings)


def _written(order: RunRequest) -> dict[str, object]:
    """Everything but the settings."""
    spec = order.spec
    value = {
        "base": EMBEDDED if spec.base == str(FOLDER) else spec.base,
        "revision": spec.base_revision,
        "dataset": str(spec.dataset),
        "output": str(order.output),
        "start_from": str(order.start) if order.start else None,
        "persona": spec.prompt_config.persona,
        "description": spec.prompt_config.description,
        "user": spec.prompt_config.user,
        "template": None if spec.prompt_config.template == AUTO else spec.prompt_config.template,
        "window": spec.prompt_config.context_window,
    }
    return {key: said for key, said in value.items() if said is not None}


def _path(value: object, here: Path) -> Path:
    return here / Path(str(value)).expanduser()


def _base(value: Mapping[str, object], here: Path) -> str:
    base = str(value.get("base") or EMBEDDED)
    local = _path(base, here)
    return str(FOLDER) if base == EMBEDDED else str(local) if (local / "config.json").is_file() else base


def _as(default: object, value: object) -> object:
    """Text as the type of value that a setting has; anything else stays, for TrainConfig to name it."""
    if not isinstance(value, str) or isinstance(default, str):
        return value
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if isinstance(default, int) and number.is_integer() else number
