"""Sixty dialogues, killed twice: each is there once in the end, whoever spoke."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.personas.store import built_in
from core.synth.plan import Plan
from core.synth.progress import progress_of
from core.synth.store import PlanStore, StoredPlan
from core.workspace import Workspace
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.synth_tiny import process_of, until, words_by

OWNER, KEY = "local-me", "secret"
SOCRATES = next(one for one in built_in("ja") if one.id == "socrates")
SETTINGS = {"language": "ja", "dialogues": 60, "exchanges": 2, "first": "user"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Talker(FakeServer):
    """A good big model: it thinks, and never says the same twice."""

    numbers = itertools.count()

    @property
    def words(self) -> list[str]:
        return ["<think>…</think>", words_by(next(self.numbers))]

    @words.setter
    def words(self, value: list[str]) -> None:
        """What it says is its own."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PlanStore]:
    store = PlanStore(Workspace(tmp_path))
    yield store
    store.stop_all(OWNER)


def run_with_two_kills(store: PlanStore, stored: StoredPlan) -> None:
    for share in (0.2, 0.5):
        store.start(OWNER, stored.name, "run", key=KEY)
        until(stored, lambda one, share=share: one.dialogues >= share * one.of, 300)
        process_of(stored).kill()
        assert progress_of(stored).state == "killed"
    store.start(OWNER, stored.name, "run", key=KEY)
    until(stored, lambda one: one.state == "done", 300)


def expect_each_cell_once(stored: StoredPlan, plan: Plan) -> None:
    lines = [line for line in stored.folder.dialogues.read_bytes().splitlines() if line.endswith(b"}")]
    assert sorted(json.loads(line)["cell"] for line in lines) == sorted(cell.id for cell in plan.cells)
    turns = [line for line in stored.folder.turns.read_bytes().splitlines() if line.endswith(b"}")]
    said = [(record["cell"], record["turn"]) for record in map(json.loads, turns)]
    assert len(said) == len(set(said))
    assert all(record.end for record in stored.folder.read_dialogues().values())


def test_bundled_model_is_killed_twice(store: PlanStore) -> None:
    stored = store.save(OWNER, "mini", SETTINGS, SOCRATES)
    run_with_two_kills(store, stored)
    expect_each_cell_once(stored, stored.plan)


def test_server_s_dialogues_are_killed_twice(store: PlanStore) -> None:
    api = Talker()
    serve(api)
    side = {"kind": "remote", "model": "big", "url": api.url, "key_file": "-", "at_once": 4}
    stored = store.save(OWNER, "big", SETTINGS | {"persona_backend": side, "user_backend": side}, SOCRATES)
    try:
        run_with_two_kills(store, stored)
    finally:
        api.shutdown()
        api.server_close()
    expect_each_cell_once(stored, stored.plan)
    records = stored.folder.read_dialogues().values()
    assert {record.end for record in records} == {"complete"}
    assert not any("think" in text for record in records for text in record.said_by("persona"))
