"""Anything on disk may be damaged: it is left out, named with its path, and never hides the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chat.conversation import Conversation
from core.data.preferences import Pair
from core.files import read_json, write_json
from core.memory.documents import Documents
from core.memory.notes import Notes
from core.memory.turns import Turns
from core.messages import Turn
from core.personas import built_in
from core.prompt import PromptConfig
from core.stored import DamagedError
from core.train.config.train_config import TrainConfig
from core.train.spec import JobSpec
from tabs.memory.tab import MemoryHandlers
from tabs.ui.heartbeat import changes
from tabs.ui.page_load import PageLoad
from tabs.ui.services import Services
from tabs.ui.status_bar import StatusBarHandlers
from tests.helpers.tab_tiny import KEY, keep_dataset, owner, services_on, visit

DAMAGE: dict[str, bytes] = {
    "empty": b"", "cut": b'{"persona": "socr', "a list": b"[]", "a number": b"5", "null": b"null",
    "wrong types": b'{"persona": 5, "name": [], "nodes": {}, "id": {}, "owner": 3, "base": 5}',
    "NULs": b"\0" * 100, "not UTF-8": b"\xff\xfe{{{", "deep": b"[" * 100_000, "an empty object": b"{}",
}  # fmt: skip
KINDS = {
    "conversation": "owners/*/chats/*.json", "persona": "owners/*/personas/*.json",
    "data set": "owners/*/datasets/*/dataset.json", "rows": "owners/*/datasets/*/train.jsonl",
    "adapter": "owners/*/adapters/*/adapter_config.json", "training of an adapter": "owners/*/adapters/*/training.json",
    "prompt config": "owners/*/adapters/*/prompt_config.json", "memory": "owners/*/memory/*",
    "a run's owner": "jobs/*/meta.json", "a run's order": "jobs/*/spec.json",
}  # fmt: skip
BESIDE = {
    "prompts": "owners/*/chats/*.prompts", "preferences": "owners/*/preferences/*", "events": "jobs/*/events.jsonl",
    "open log": "owners/*/uploads/open.json", "picture": "owners/*/personas/*.png",
}  # fmt: skip
"""What no list depends on: a damaged one is read as far as it goes."""


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    made = services_on(home, home / "base", object())
    yield made
    made.jobs.close()


def fill(services: Services) -> None:
    """One thing of every kind on the shelves of KEY's owner."""
    me = owner(services)
    talk = services.chat.open_conversation(me, "en", persona="socrates").said("user", "hello")
    services.conversations.save(me, talk)
    services.conversations.keep_prompt(me, talk, {"text": "x"})
    stored = services.personas.save(me, built_in("en")[0])
    services.personas.save_picture(me, stored.id, b"no picture")
    name = keep_dataset(services)
    services.preferences.add(me, Pair((Turn("user", ("a",)),), ("b",), ("c",), adapter="mine"))
    write_json(services.workspace.folder(me, "uploads") / "open.json", {"file": "x.txt", "name": "x.txt"})
    config = PromptConfig("Mika")
    adapter = services.workspace.place(me, "adapters", "mine")
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"x")
    write_json(adapter / "adapter_config.json", {"base_model_name_or_path": "b"})
    write_json(adapter / "training.json", {"base": "b"})
    write_json(adapter / "prompt_config.json", config.to_json())
    store = services.memory.store(me)
    Turns(store).keep("socrates", talk.id, talk.turns, 1.0)
    spec = JobSpec("b", services.datasets.get(me, name).folder, config, TrainConfig(), "mine")
    job = services.jobs.submit(me, spec)
    job.folder.events.write_text('{"event": "launched", "time": 1, "tries": 0}\n')


def seen(services: Services) -> dict[str, int]:
    """How much of each kind the page lists; everything that draws a page is asked."""
    me = owner(services)
    talk = PageLoad(services).arrive(KEY, "", visit())
    StatusBarHandlers(services).refresh(KEY, talk, [], visit())
    changes(services, me)
    for conversation in services.conversations.list_all(me):
        services.conversations.prompt_of(me, conversation.id, 0)
    memory = MemoryHandlers(services)
    memory.follow(KEY, talk, visit())
    return {
        "personas": len(services.personas.entries(me, "en")),
        "datasets": len(services.datasets.list_all(me)),
        "adapters": len(services.adapters.list_all(me)),
        "runs": len(services.jobs.list_all(me)),
        "preferences": len(services.preferences.list_all(me)),
        "options": services.memory.options(me, "socrates").samples,
    }


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_is_left_out_and_named(services: Services, kind: str, damage: str) -> None:
    fill(services)
    whole = seen(services)
    files = sorted(services.workspace.home.glob(KINDS[kind]))
    assert files
    for file in files:
        file.write_bytes(DAMAGE[damage])
    left = seen(services)
    assert sum(whole.values()) - sum(left.values()) <= 1
    named = [*services.own_files.damaged(owner(services)), *services.jobs.damaged_by_nobody()]
    harmless = damage == "an empty object" and kind in ("adapter", "training of an adapter")
    harmless |= kind == "adapter" and damage == "wrong types"  # what it was trained on is in training.json
    harmless |= (kind, damage) in (
        ("rows", "empty"),
        ("memory", "empty"),
        ("memory", "a number"),
    )  # no rows; SQLite takes it for a new file
    assert bool(named) != harmless, [error.en for error in named]
    for error in named:
        assert "damaged" in error.en and "壊れて" in error.ja and error.path.exists() and error.path.name in error.en


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", BESIDE)
def test_what_no_list_depends_on_is_read_as_far_as_it_goes(services: Services, kind: str, damage: str) -> None:
    fill(services)
    whole = seen(services)
    files = sorted(services.workspace.home.glob(BESIDE[kind]))
    assert files
    for file in files:
        file.write_bytes(DAMAGE[damage])
    left = seen(services)
    assert left | {"preferences": 0} == whole | {"preferences": 0} and services.own_files.damaged(owner(services)) == []


def test_what_is_set_aside_is_kept_with_what_lies_beside_it(services: Services) -> None:
    fill(services)
    me = owner(services)
    chats = services.workspace.folder(me, "chats")
    broken = next(chats.glob("*.json"))
    prompts = broken.with_suffix(".prompts").read_bytes()
    broken.write_bytes(b"{")
    with pytest.raises(DamagedError, match=broken.name):
        services.conversations.get(me, broken.stem)
    (error,) = services.own_files.damaged(me)
    kept = services.own_files.set_aside(me, str(error.path))
    assert kept.read_bytes() == b"{" and kept.parent == services.workspace.folder(me, "damaged")
    assert prompts in [path.read_bytes() for path in kept.parent.iterdir()]
    assert services.own_files.damaged(me) == [] and not list(chats.glob(f"{broken.stem}*"))
    with pytest.raises(Exception, match="gone already"):
        services.own_files.set_aside(me, str(error.path))


@pytest.mark.parametrize(
    "nodes",
    [
        [{"id": 0, "parent": 0, "role": "user", "messages": ["x"]}],
        [{"id": n, "parent": 1 - n, "role": "user", "messages": ["x"]} for n in range(2)],
        [{"id": 0, "parent": -1, "role": "user", "messages": ["x"]}] * 2,
        [{"id": 0, "parent": -1, "role": "user", "messages": []}],
        [{"id": 0, "parent": -1, "role": "narrator", "messages": ["x"]}],
        [{"id": 0, "parent": -1, "role": "user", "messages": "x"}],
        [{"id": -1, "parent": -1, "role": "user", "messages": ["x"]}],
    ],
    ids=["itself", "cycle", "twice", "silent", "role", "text", "nowhere"],
)  # fmt: skip
def test_nodes_that_make_no_tree_are_refused(nodes: list) -> None:
    with pytest.raises(ValueError, match="nodes"):
        Conversation.from_json("1", {"persona": "p", "nodes": nodes, "leaf": nodes[0]["id"]})


def test_one_persons_broken_run_is_not_anothers(services: Services) -> None:
    fill(services)
    me, broken = owner(services), services.workspace.jobs() / "20260101T000000-0123456789abcdef"
    broken.mkdir()
    (broken / "meta.json").write_text("{")
    assert len(services.jobs.list_all(me)) == 1 and len(services.jobs.queue(me)) == 1
    services.jobs.look()
    assert [error.path for error in services.jobs.damaged_by_nobody()] == [broken]
    assert services.own_files.damaged(me) == []


def test_deleting_everything_leaves_no_trace(services: Services) -> None:
    fill(services)
    me, home = owner(services), services.workspace.home
    canary = "QZXCANARY"
    other = services.personas.save("key-other", built_in("en")[0])
    talk = services.chat.open_conversation(me, "en").said("user", canary)
    services.conversations.save(me, talk)
    store = services.memory.store(me)
    Turns(store).keep("socrates", talk.id, talk.turns, 1.0)
    Notes(store, "socrates").begin_round(talk.id, parse_method="grammar", tries=1, samples=1, model=canary, now=1.0)
    document = home / "d.txt"
    document.write_text(f"{canary} lives here. " * 9)
    Documents(store, "socrates").add(document, "d.txt", 1.0)
    document.unlink()
    with services.workspace.download_folder(me) as folder:
        (folder / f"{canary}.txt").write_text(canary)
        assert services.workspace.hand_out(me, folder / f"{canary}.txt").read_text() == canary
    adapter = services.workspace.place(me, "adapters", canary)
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(canary)
    assert sum(use.files for use in services.own_files.used(me)) > 9
    services.own_files.delete_all(me)
    left = list(home.rglob("*"))
    assert not [path for path in left if canary in path.name]
    assert not [path for path in left if path.is_file() and canary.encode() in path.read_bytes()]
    assert services.own_files.used(me) == [] and services.jobs.list_all(me) == []
    assert services.personas.get("key-other", other.id, "en").name == other.name
    assert read_json(services.workspace.place("key-other", "personas", f"{other.id}.json"))["name"]
