"""What a training run tells: one JSON object a line, only ever appended, so that any reader can follow.

    {"event": "step", "time": 1760000000.0, "step": 12, "loss": 2.31, …}

The process that trains writes; the page reads. A line that a kill cut short is skipped by the reader,
and the next writer starts on a line of its own. `python -m core.train.events` prints a line's JSON Schema,
which is docs/events.schema.json.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_args, get_type_hints

from core.files import append_json, parse_json_lines
from core.stored import UNREADABLE


@dataclass(frozen=True, slots=True)
class Launched:
    """A process was started for the run: the first, or another one that goes on from a checkpoint."""

    tries: int
    """Starts in a row by the app itself, without a new checkpoint between them; 0 when a person asked."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Rows are turned into tokens. Told only where it takes a while."""

    rows: int
    """Done so far."""
    of: int


@dataclass(frozen=True, slots=True)
class Started:
    """The model is loaded and the first step begins."""

    step: int
    """0, or the checkpoint's step when it goes on from one."""
    steps: int
    rows: int
    validation_rows: int
    loss_tokens: int
    """Tokens with loss in one epoch."""
    parameters: int
    trainable: int
    device: str
    precision: str
    loss_bytes: int
    """UTF-8 bytes of the words that these tokens stand for."""


@dataclass(frozen=True, slots=True)
class Step:
    """Progress. A step that is run again after a resume is reported again and replaces the earlier one."""

    step: int
    steps: int
    epoch: float
    loss: float
    """Mean over the learned tokens since the last such event, in nats per token."""
    learning_rate: float
    tokens: int
    """Real tokens (no padding) so far."""
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class ValidationLoss:
    """The validation rows, measured with the weights of this step."""

    step: int
    loss: float
    """Nats a learned token."""
    bpb: float
    """Bits a UTF-8 byte of the persona's words: comparable between tokenizers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model with the weights of this step answers to the opening of a validation row."""

    step: int
    number: int
    """Which opening, from 0 on; the same ones throughout the run."""
    asked: str
    said: str
    real: str
    """What the persona really answered."""


@dataclass(frozen=True, slots=True)
class Generating:
    """Before preference tuning, the adapter writes its own replies: how many of how many are there."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class PreferenceEval:
    """How clearly the better replies are preferred with the weights of this step."""

    step: int
    validation: bool
    """Over all pairs that were held out, or over those learned from since the last such event."""
    accuracy: float
    """Share of the pairs whose better reply gained more than the worse one since the start."""
    margin: float
    """Mean of β times what the better reply gained more, in nats."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; training goes on."""

    en: str
    ja: str


@dataclass(frozen=True, slots=True)
class MicroBatchShrunk:
    """Memory ran out: less goes through the model at once from here on. A step learns from the same rows as before."""

    step: int
    tokens_per_micro_batch: int
    """Padded tokens at once, now and after every resume."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is complete on disk."""

    step: int


@dataclass(frozen=True, slots=True)
class Done:
    """The run came to its end; the adapter is in place."""

    metrics: dict


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run was asked to stop. With step 0 there was nothing to keep yet."""

    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The run cannot go on, and why."""

    en: str
    ja: str


Event = (
    Launched | Encoding | Started | Step | ValidationLoss | Sample | Generating | PreferenceEval
    | Notice | MicroBatchShrunk | Saved | Done | Stopped | Failed
)  # fmt: skip
KINDS = {kind.__name__.lower(): kind for kind in get_args(Event)}


JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


def event_schema() -> dict[str, object]:
    """The JSON Schema of a line. A later version may have more kinds and fields: readers leave those aside."""

    def of(name: str, kind: type) -> dict[str, object]:
        hints = get_type_hints(kind)
        own = {f.name: {"type": JSON_TYPES[hints[f.name]]} for f in fields(kind)}
        properties = {"event": {"const": name}, "time": {"type": "number", "description": "Seconds since 1970."}} | own
        return {"description": kind.__doc__, "type": "object", "properties": properties, "required": list(properties)}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of events.jsonl",
        "oneOf": [of(name, kind) for name, kind in KINDS.items()],
    }


def append(path: Path, event: Event) -> None:
    """Add `event` to the log as a whole line. Raises OSError when it cannot be written."""
    value = {"event": type(event).__name__.lower(), "time": round(time.time(), 3)} | asdict(event)
    append_json(path, value)


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The whole lines from byte `offset` on, and the offset to go on from. No file is an empty log."""
    timed, offset = read_timed(path, offset)
    return [event for _, event in timed], offset


def read_timed(path: Path, offset: int = 0) -> tuple[list[tuple[float, Event]], int]:
    """The same, each event with its time in seconds since 1970."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], 0
    whole = data[: data.rfind(b"\n") + 1]
    return list(_parsed(whole)), offset + len(whole)


def _parsed(lines: bytes) -> Iterator[tuple[float, Event]]:
    for value in parse_json_lines(lines):
        try:
            kind = KINDS[value["event"]]
            make: Callable[..., Event] = kind
            yield value["time"], make(**{f.name: value[f.name] for f in fields(kind)})
        except UNREADABLE:
            continue  # of a later version


if __name__ == "__main__":
    print(json.dumps(event_schema(), indent=1, ensure_ascii=False))
