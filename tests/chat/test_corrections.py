"""Corrections in chats: which become rows, which become pairs, and that nothing else does."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.conversation import Conversation, ReplyMetadata
from core.chat.corrections import add_rows, corrections, keep_pairs
from core.data.io.store import DataSets
from core.data.preferences import Preferences
from core.errors import InputError
from core.messages import Turn
from core.workspace import Workspace

ME, MADE = "key-me", ReplyMetadata("mini", "mine")


def talk() -> Conversation:
    return Conversation("id", "p").opened("hey").said("user", "hi")


def replies(*texts: str) -> Conversation:
    """A talk with versions of one reply, the last of them shown (its message is number 2)."""
    talked = talk()
    for text in texts:
        talked = talked.without_reply().said("assistant", text, made=MADE)
    return talked


def pairs(conversation: Conversation) -> list[tuple]:
    return [(one.chosen, one.rejected, one.rewritten) for one in corrections([conversation])]


def test_a_rewritten_reply_is_preferred_to_what_it_was() -> None:
    (one,) = corrections([replies("I am fine").edited(2, "fine!").said("user", "ok")])
    assert (one.chosen, one.rejected, one.rewritten, one.adapter) == (("fine!",), ("I am fine",), True, "mine")
    assert one.context == (Turn("assistant", ("hey",)), Turn("user", ("hi",)))


def test_only_the_corrected_words_are_learned() -> None:
    (one,) = corrections([replies("a").edited(2, "b")])
    weights = [message.get("weight") for message in one.row().to_json()["messages"]]
    assert weights == [0, None, None] and one.row().trained_messages == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda talked: talked, []),  # of two versions nobody said anything
        (lambda talked: talked.rated(2, "up"), [(("two",), ("one",), False)]),
        (lambda talked: talked.rated(2, "down"), []),  # what else there is was not preferred
        (lambda talked: talked.rated(2, "down").switch_version(2, 1), [(("one",), ("two",), False)]),
        (lambda talked: talked.said("user", "go on"), [(("two",), ("one",), False)]),
        (lambda talked: talked.switch_version(2, 1).said("user", "x").without_exchange().switch_version(0, 1), None),
        (lambda talked: talked.said("user", "x").switch_version(2, 1).said("user", "y"), []),  # both were gone on from
    ],
)
def test_versions_are_preferred_by_thumbs_and_by_going_on(change, expected: list | None) -> None:
    found = pairs(change(replies("one", "two")))
    assert expected is None or found == expected


def test_the_same_words_twice_are_no_pair() -> None:
    assert pairs(replies("one", "one").rated(2, "up")) == []


def test_greetings_and_old_talks_teach_nothing() -> None:
    opened = Conversation("id", "p").opened("hi", "hello").edited(0, "hi!").said("user", "x").said("assistant", "y")
    assert pairs(opened.edited(2, "z")) == []


def test_pairs_are_handed_over_once(tmp_path: Path) -> None:
    preferences = Preferences(Workspace(tmp_path))
    lessons = [one.pair("Mika") for one in corrections([replies("one", "two").rated(2, "up").edited(2, "three")])]
    assert len(lessons) == 2
    assert keep_pairs(preferences, ME, lessons[:1]) == 1
    assert keep_pairs(preferences, ME, lessons) == 1
    assert {(p.chosen, p.rejected) for p in preferences.list_all(ME)} == {
        (("three",), ("two",)),
        (("three",), ("one",)),
    }


def test_rewritten_replies_become_a_data_set_or_join_one(tmp_path: Path) -> None:
    datasets = DataSets(Workspace(tmp_path))
    lessons = corrections(replace(replies("a").edited(2, f"b{n}"), id=str(n)) for n in range(10))
    new = add_rows(datasets, ME, lessons, to="", persona="Mika", description="You are Mika.")
    assert (new.info.train_rows, new.info.validation_rows, new.info.persona) == (9, 1, "Mika")
    joined = add_rows(datasets, ME, lessons[:1], to=new.folder.name, persona="x", description="x")
    assert joined.folder.name != new.folder.name and joined.info.train_rows == 10
    rows = datasets.read_rows(ME, joined.folder.name, "train")
    assert rows[-1].turns[-1] == Turn("assistant", ("b0",))
    assert [turn.trained for turn in rows[-1].turns] == [False, True, True]
    assert len({row.session for row in rows}) == 10 and joined.info.persona == "Mika"
    with pytest.raises(InputError, match="No reply has been rewritten"):
        add_rows(datasets, ME, [], to="", persona="Mika", description="")
