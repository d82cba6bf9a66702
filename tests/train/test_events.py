"""The event log's schema: what is written down is what the events are, and a line that is wrong is seen."""

import json
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import jsonschema
import pytest

from core.settings import ROOT
from core.train.events import Event, Saved, append, event_schema, read

KINDS = get_args(Event)
PLAIN = {bool: True, int: 3, float: 0.5, str: "静か\u2028\n", dict: {"steps": 3}}


def example(kind: type[Event]) -> Event:
    return kind(*(PLAIN[get_type_hints(kind)[f.name]] for f in fields(kind)))


def test_the_schema_in_the_documentation_is_that_of_the_code() -> None:
    written = json.loads((ROOT / "docs" / "events.schema.json").read_text(encoding="utf-8"))
    assert written == event_schema(), "python -m core.train.events > docs/events.schema.json"


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_one_line_that_validates_and_reads_back(kind: type[Event], tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append(log, example(kind))
    append(log, Saved(1))
    lines = log.read_bytes().splitlines()
    assert len(lines) == 2 and read(log)[0] == [example(kind), Saved(1)]
    jsonschema.validate(json.loads(lines[0]), event_schema())


def test_what_is_no_event_does_not_validate(tmp_path: Path) -> None:
    append(tmp_path / "log", Saved(1))
    line = json.loads((tmp_path / "log").read_text())
    for wrong in (line | {"step": "1"}, line | {"event": "save"}, {k: v for k, v in line.items() if k != "time"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, event_schema())
