"""Conversations: what was said, kept on disk, and taken back."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.chat.conversations import Conversation, Conversations
from core.errors import InputError
from core.messages import Turn
from core.workspace import Workspace

ME, OTHER = "key-me", "key-other"


@pytest.fixture
def conversations(tmp_path: Path) -> Conversations:
    return Conversations(Workspace(tmp_path))


def talk(*said: tuple[str, ...]) -> Conversation:
    conversation = Conversation("id", "p")
    for role, *texts in said:
        conversation = conversation.said(role, *texts)
    return conversation


A, B = "assistant", "user"


def test_what_is_said_in_a_row_is_one_turn() -> None:
    found = talk((B, "a", " "), (B, " b\n"), (A, "c", "d"), (A,), (A, " "), (B, "e"))
    assert found.turns == (Turn(B, ("a", "b")), Turn(A, ("c", "d")), Turn(B, ("e",)))


def test_taking_back() -> None:
    whole = talk((A, "hello"), (B, "x"), (A, "y", "z"))
    assert whole.without_reply().turns == whole.turns[:2] == whole.without_reply().without_reply().turns
    assert whole.without_exchange().turns == whole.without_reply().without_exchange().turns == whole.turns[:1]
    assert whole.without_exchange().without_exchange().turns == ()
    assert talk().without_reply().without_exchange().turns == ()


def test_editing_ones_own_words_forgets_what_followed() -> None:
    whole = talk((A, "hello"), (B, "x", "y"), (A, "z"), (B, "w"))
    assert whole.edited(2, " Y ").turns == (Turn(A, ("hello",)), Turn(B, ("x", "Y")))
    assert whole.edited(1, "X").turns == (Turn(A, ("hello",)), Turn(B, ("X",)))


def test_editing_the_personas_words_keeps_the_rest() -> None:
    whole = talk((B, "x"), (A, "y", "z"), (B, "w"))
    assert whole.edited(1, "Y").turns == (Turn(B, ("x",)), Turn(A, ("Y", "z")), Turn(B, ("w",)))


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_a_message_that_is_not_there_cannot_be_edited(index: int) -> None:
    with pytest.raises(InputError, match="no longer there"):
        talk((B, "x", "y"), (A, "z")).edited(index, "!")


def test_titles() -> None:
    assert talk().title == ""
    assert talk((A, "hello there")).title == "hello there"
    assert talk((A, "hello"), (B, "x" * 50 + "\nmore")).title == "x" * 24


def test_a_conversation_is_kept(conversations: Conversations) -> None:
    new = conversations.new("p", "mine", "やあ\n元気?").said("user", "うん🎉", "a\nb")
    saved = conversations.save(ME, new)
    assert saved.turns == new.turns and saved.changed > 0
    assert conversations.get(ME, new.id) == saved == conversations.list(ME)[0]
    conversations.delete(ME, new.id)
    conversations.delete(ME, new.id)
    assert conversations.get(ME, new.id) is None and conversations.list(ME) == []


def test_owners_do_not_see_each_other(conversations: Conversations) -> None:
    mine = conversations.save(ME, conversations.new("p"))
    assert conversations.get(OTHER, mine.id) is None and conversations.list(OTHER) == []
    conversations.delete(OTHER, mine.id)
    assert conversations.get(ME, mine.id) == mine


@pytest.mark.parametrize(
    "name", ["", "x", "../x", "012345-0123456789a", "012345-0123456789ab/..", "012345-0123456789ab\n"]
)
def test_forged_ids_are_refused(conversations: Conversations, name: str) -> None:
    for act in (conversations.get, conversations.delete):
        with pytest.raises(InputError, match="no such conversation"):
            act(ME, name)


def test_the_last_one_talked_in_leads(conversations: Conversations) -> None:
    import os

    made = [conversations.save(ME, conversations.new("p", greeting=str(n))) for n in range(4)]
    for n, one in enumerate(made):
        os.utime(conversations.workspace.place(ME, "chats", f"{one.id}.json"), (n, n))
    assert [c.title for c in conversations.list(ME)] == ["3", "2", "1", "0"]
    assert [c.title for c in conversations.list(ME, most=2)] == ["3", "2"]


def test_listing_while_others_are_deleted(conversations: Conversations) -> None:
    made = [conversations.save(ME, conversations.new("p", greeting="x")) for _ in range(60)]
    with ThreadPoolExecutor(2) as pool:
        gone = pool.submit(lambda: [conversations.delete(ME, one.id) for one in made])
        while not gone.done():
            conversations.list(ME)
    assert conversations.list(ME) == []
