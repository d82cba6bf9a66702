"""Plans on a server: kept with all that decides them, run in a process of their own, and found again after a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError, JobError
from core.limits import Limits
from core.personas.store import built_in
from core.synth.progress import progress_of
from core.synth.records import SynthFolder
from core.synth.store import PlanStore
from core.train import events
from core.workspace import Workspace
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.synth_tiny import process_of, until

OWNER = "local-me"
SOCRATES = next(one for one in built_in("ja") if one.id == "socrates")
SETTINGS = {"language": "ja", "dialogues": 4, "exchanges": 2, "first": "user"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PlanStore]:
    store = PlanStore(Workspace(tmp_path))
    yield store
    store.stop_all(OWNER)


def test_plan_keeps_its_persona_and_its_people(store: PlanStore, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("名前,description\n漁師,海で働く。\n農夫,畑で働く。\n", encoding="utf-8")
    settings = {**SETTINGS, "users": {"columns": {"name": "名前"}}}
    stored = store.save(OWNER, "ソクラテス", settings, SOCRATES, {"users": people})
    people.unlink()
    assert [user.name for user in stored.plan.users] == ["漁師", "農夫"]
    assert stored.plan.persona.description == SOCRATES.description
    assert store.save(OWNER, "ソクラテス", SETTINGS, SOCRATES).name == "ソクラテス-2"
    assert progress_of(stored).state == "new" and progress_of(stored).of == 4
    store.delete(OWNER, "ソクラテス")
    assert [one.name for one in store.list_all(OWNER)] == ["ソクラテス-2"]


def test_plan_that_cannot_be_used_leaves_nothing(store: PlanStore) -> None:
    with pytest.raises(InputError, match="exchanges"):
        store.save(OWNER, "a", {**SETTINGS, "exchanges": 0}, SOCRATES)
    assert store.list_all(OWNER) == []


def test_strangers_may_make_so_many(tmp_path: Path) -> None:
    store = PlanStore(Workspace(tmp_path, Limits(dialogues=3)))
    with pytest.raises(InputError, match="3 dialogues"):
        store.save(OWNER, "a", SETTINGS, SOCRATES)
    store.save(OWNER, "a", {**SETTINGS, "dialogues": 3}, SOCRATES)


@pytest.mark.slow
def test_run_by_a_server_is_stopped_goes_on_and_is_judged(store: PlanStore) -> None:
    api = FakeServer()
    api.words = ['{"comment": "a", ', '"tone": 3, "coherence": 2}']
    serve(api)
    side = {"kind": "remote", "model": "big", "url": api.url, "key_file": "-", "window": 2048, "at_once": 1}
    backends = dict.fromkeys(("persona_backend", "user_backend", "judge_backend"), side)
    stored = store.save(OWNER, "a", {**SETTINGS, **backends}, SOCRATES)
    try:
        store.start(OWNER, "a", "run", first=2, key="secret")
        with pytest.raises(JobError, match="still at work"):
            store.start(OWNER, "a", "run")
        assert until(stored, lambda one: one.state == "done").dialogues == 2
        assert set(api.keys) == {"Bearer secret"} and "secret" not in stored.folder.plan.read_text(encoding="utf-8")
        store.start(OWNER, "a", "run", key="secret")
        until(stored, lambda one: one.state == "done")
        assert len(stored.folder.read_dialogues()) == 4
        store.start(OWNER, "a", "judge", key="secret")
        assert until(stored, lambda one: one.state == "done").verdicts == 4
    finally:
        api.shutdown()
        api.server_close()


def test_what_goes_wrong_is_told(store: PlanStore) -> None:
    side = {"kind": "remote", "model": "big", "url": "http://127.0.0.1:1/v1", "window": 2048}
    stored = store.save(OWNER, "a", {**SETTINGS, "persona_backend": side, "user_backend": side}, SOCRATES)
    store.start(OWNER, "a", "run")
    progress = until(stored, lambda one: one.state == "failed")
    assert progress.error and "127.0.0.1" in progress.error.en


def test_killed_run_is_known_as_such(store: PlanStore) -> None:
    stored = store.save(OWNER, "a", {**SETTINGS, "dialogues": 40}, SOCRATES)
    store.start(OWNER, "a", "run")
    progress = until(stored, lambda one: one.turns >= 2)
    assert progress.state == "running" and progress.saying
    process_of(stored).kill()
    assert progress_of(stored).state == "killed"
    kinds = {type(event).__name__ for event in events.read(stored.folder.events)[0]}
    assert kinds == {"Launched"}


def test_stop_is_heard_between_two_turns(store: PlanStore) -> None:
    stored = store.save(OWNER, "a", {**SETTINGS, "dialogues": 40}, SOCRATES)
    store.start(OWNER, "a", "run")
    until(stored, lambda one: one.turns >= 1)
    store.stop(OWNER, "a")
    assert until(stored, lambda one: one.state == "stopped").turns >= 1
    assert SynthFolder(stored.folder.path).read_dialogues().keys() < {cell.id for cell in stored.plan.cells}
