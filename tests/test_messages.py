"""Turns to chat messages and back: a burst stays a burst."""

import pytest

from core.messages import Turn, from_chat_messages, to_chat_messages


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [Turn("user", ("hi", "you there?")), Turn("assistant", ("うん",)), Turn("user", ("a\nb", ""))],
        [Turn("user", ("x",), "Bo"), Turn("user", ("y", "z"), "Al"), Turn("user", ("w",)), Turn("assistant", ("ok",))],
    ],
)
def test_there_and_back(turns: list[Turn]) -> None:
    assert from_chat_messages(to_chat_messages(turns)) == turns


def test_neighbours_of_one_side_become_one_turn() -> None:
    turns = [Turn("user", ("a",)), Turn("user", ("b",))]
    assert from_chat_messages(to_chat_messages(turns)) == [Turn("user", ("a", "b"))]


def test_names_are_written_only_where_there_are_any() -> None:
    assert to_chat_messages([Turn("user", ("x",), "Bo"), Turn("assistant", ("y",))]) == [
        {"role": "user", "content": "x", "name": "Bo"},
        {"role": "assistant", "content": "y"},
    ]


def test_a_turn_says_something() -> None:
    with pytest.raises(ValueError, match="at least one message"):
        Turn("user", ())
