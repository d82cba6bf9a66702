"""Conversations: what was said, kept on disk, and taken back."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.chat.conversation import Conversation, Node, ReplyMetadata
from core.chat.store import Conversations
from core.errors import InputError
from core.messages import Role, Turn
from core.workspace import Workspace
from tests.helpers.typed import present

ME, OTHER = "key-me", "key-other"


@pytest.fixture
def conversations(tmp_path: Path) -> Conversations:
    return Conversations(Workspace(tmp_path))


def talk(*said: tuple[Any, ...]) -> Conversation:
    conversation = Conversation("id", "p")
    for role, *texts in said:
        conversation = conversation.said(role, *texts)
    return conversation


A: Role = "assistant"
B: Role = "user"


def test_what_is_said_in_a_row_is_one_turn() -> None:
    found = talk((B, "a", " "), (B, " b\n"), (A, "c", "d"), (A,), (A, " "), (B, "e"))
    assert found.turns == (Turn(B, ("a", "b")), Turn(A, ("c", "d")), Turn(B, ("e",)))


def test_taking_back() -> None:
    whole = talk((A, "hello"), (B, "x"), (A, "y", "z"))
    assert whole.without_reply().turns == whole.turns[:2] == whole.without_reply().without_reply().turns
    assert whole.without_exchange().turns == whole.without_reply().without_exchange().turns == whole.turns[:1]
    assert whole.without_exchange().without_exchange().turns == ()
    assert talk().without_reply().without_exchange().turns == ()


def test_editing_ones_own_words_begins_a_branch_and_loses_nothing() -> None:
    whole = talk((A, "hello"), (B, "x", "y"), (A, "z"), (B, "w"))
    edited = whole.edited(2, " Y ")
    assert edited.turns == (Turn(A, ("hello",)), Turn(B, ("x", "Y")))
    assert edited.versions(1) == edited.versions(2) == (2, 2) and edited.versions(0) == (1, 1)
    assert edited.switch_version(1, -1).turns == edited.switch_version(1, 1).turns == whole.turns
    assert whole.edited(1, "X").turns == (Turn(A, ("hello",)), Turn(B, ("X",)))


def test_correcting_the_personas_words_keeps_the_rest_and_the_original() -> None:
    whole = talk((B, "x"), (A, "y", "z"), (B, "w"))
    once = whole.edited(1, "Y")
    assert once.turns == (Turn(B, ("x",)), Turn(A, ("Y", "z")), Turn(B, ("w",)))
    twice = once.edited(2, "Z")
    assert twice.path[1].messages == ("Y", "Z") and twice.path[1].original == ("y", "z")
    assert twice.edited(1, "y").edited(2, "z").path[1].original == ()  # as it was


def test_another_reply_is_a_version() -> None:
    first = talk((B, "x"), (A, "one"), (B, "on"), (A, "and on"))
    second = first.without_exchange().without_reply().said(A, "two")
    third = second.without_reply().said(A, "three", "3")
    assert third.versions(1) == third.versions(2) == (3, 3)
    assert third.switch_version(1, 1).turns == first.turns  # round, and with all that followed
    assert third.switch_version(1, -1).turns == second.turns
    assert third.switch_version(1, 1).versions(1) == (1, 3)


def test_words_after_undo_do_not_touch_what_went_on_from_there() -> None:
    whole = talk((B, "x"), (A, "y"))
    more = whole.without_reply().said(B, "more")
    assert more.turns == (Turn(B, ("x", "more")),) and more.versions(0) == (2, 2)
    assert more.switch_version(0, 1).turns == whole.turns


def test_greetings_are_versions_of_the_beginning() -> None:
    opened = talk().opened("hi", " ", "hello", "hey")
    assert opened.turns == (Turn(A, ("hi",)),) and opened.versions(0) == (1, 3)
    assert opened.switch_version(0, -1).turns == (Turn(A, ("hey",)),)
    assert talk().opened("", " ").turns == ()


def test_a_reply_is_continued_in_its_place() -> None:
    whole = talk((B, "x"), (A, "y", "zed"))
    longer = whole.with_continuation(["y", "zed", "on"], ReplyMetadata(seed=3))
    assert longer.turns[1].messages == ("y", "zed", "on") and present(longer.path[1].metadata).seed == 3
    assert longer.versions(1) == (1, 1)


def test_a_message_is_taken_out_and_the_rest_closes_up() -> None:
    whole = talk((B, "a"), (A, "b", "c"), (B, "d"), (A, "e"))
    assert whole.without_message(1).turns[1].messages == ("c",)
    gone = whole.without_message(3)
    assert gone.turns == (Turn(B, ("a",)), Turn(A, ("b", "c", "e")))
    assert gone.said(B, "f").turns[-1] == Turn(B, ("f",))
    assert whole.without_message(4).turns == whole.turns[:3]
    assert whole.without_message(0).turns[0].role == A
    assert talk((B, "a")).without_message(0).turns == ()


def test_a_thumb_is_for_the_persona_only() -> None:
    whole = talk((B, "a"), (A, "b"))
    assert whole.rated(1, "up").path[1].thumb == "up" and whole.rated(0, "up") == whole
    assert whole.rated(1, "up").rated(1, "").path == whole.path


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_a_message_that_is_not_there_cannot_be_edited(index: int) -> None:
    with pytest.raises(InputError, match="no longer there"):
        talk((B, "x", "y"), (A, "z")).edited(index, "!")


def test_titles() -> None:
    assert talk().title == ""
    assert talk((A, "hello there")).title == "hello there"
    assert talk((A, "hello"), (B, "x" * 50 + "\nmore")).title == "x" * 24


def test_a_conversation_is_kept(conversations: Conversations) -> None:
    new = conversations.new("p", "mine").opened("やあ\n元気?").said("user", "うん🎉", "a\nb")
    saved = conversations.save(ME, new)
    assert saved.turns == new.turns and saved.changed > 0
    assert conversations.get(ME, new.id) == saved == conversations.list_all(ME)[0]
    conversations.delete(ME, new.id)
    conversations.delete(ME, new.id)
    assert conversations.get(ME, new.id) is None and conversations.list_all(ME) == []


def test_everything_about_a_reply_is_kept(conversations: Conversations) -> None:
    made = ReplyMetadata("mini", "mine", 7, {"temperature": 0.5}, "loop", finished=False)
    new = conversations.new("p").opened("a", "b").said(B, "x").said(A, "y", made=made).edited(2, "Y").rated(2, "down")
    new = new.without_reply().said(A, "z")
    saved = conversations.save(ME, new)
    assert conversations.get(ME, new.id) == saved
    assert saved.switch_version(2, 1).path[-1] == Node(3, 2, A, ("Y",), made, "down", ("y",))


def test_the_prompts_of_replies_are_kept_beside(conversations: Conversations) -> None:
    talked = conversations.new("p").said(B, "x").said(A, "y")
    for text in ("first", "again"):
        conversations.keep_prompt(ME, talked, {"text": text})
    assert conversations.prompt_of(ME, talked.id, talked.leaf) == {"node": 1, "text": "again"}
    assert conversations.prompt_of(ME, talked.id, 0) is None
    branch = conversations.branch(ME, talked.said(B, "z"), 1)
    assert branch.turns == talked.turns and branch.id != talked.id
    assert present(conversations.prompt_of(ME, branch.id, branch.leaf))["text"] == "again"
    conversations.delete(ME, talked.id)
    assert conversations.prompt_of(ME, talked.id, 1) is None


def test_a_branch_leaves_the_other_one_alone(conversations: Conversations) -> None:
    whole = conversations.save(ME, conversations.new("p").opened("g").said(B, "a", "b").said(A, "c"))
    branch = conversations.branch(ME, whole, 1)
    assert branch.turns == (Turn(A, ("g",)), Turn(B, ("a",)))
    conversations.save(ME, branch.said(B, "other").said(A, "d"))
    assert conversations.get(ME, whole.id) == whole


def test_owners_do_not_see_each_other(conversations: Conversations) -> None:
    mine = conversations.save(ME, conversations.new("p"))
    assert conversations.get(OTHER, mine.id) is None and conversations.list_all(OTHER) == []
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

    made = [conversations.save(ME, conversations.new("p").opened(str(n))) for n in range(4)]
    for n, one in enumerate(made):
        os.utime(conversations.workspace.place(ME, "chats", f"{one.id}.json"), (n, n))
    assert [c.title for c in conversations.list_all(ME)] == ["3", "2", "1", "0"]
    assert [c.title for c in conversations.list_all(ME, most=2)] == ["3", "2"]


def test_listing_while_others_are_deleted(conversations: Conversations) -> None:
    made = [conversations.save(ME, conversations.new("p").opened("x")) for _ in range(60)]
    with ThreadPoolExecutor(2) as pool:
        gone = pool.submit(lambda: [conversations.delete(ME, one.id) for one in made])
        while not gone.done():
            conversations.list_all(ME)
    assert conversations.list_all(ME) == []


def test_the_list_of_talks_follows_what_is_on_disk(conversations: Conversations, tmp_path: Path) -> None:
    kept = conversations.save(ME, conversations.new("p").said(B, "first"))
    assert [(one.id, one.title) for one in conversations.entries(ME)] == [(kept.id, "first")]
    Conversations(Workspace(tmp_path)).save(ME, kept.truncated_at(0).edited(0, "second words"))  # another process
    assert [(one.id, one.title) for one in conversations.entries(ME)] == [(kept.id, "second words")]
    assert present(conversations.get(ME, kept.id)).title == "second words"
    conversations.delete(ME, kept.id)
    assert conversations.entries(ME) == [] and conversations.get(ME, kept.id) is None


def test_a_title_of_its_own_keeps_the_date_and_the_place(conversations: Conversations) -> None:
    first, second = (conversations.save(ME, conversations.new("p").said(B, text)) for text in ("one", "two"))
    for n, one in enumerate((first, second)):
        os.utime(conversations._path(ME, one.id), (1000 + n, 1000 + n))
    conversations.rename(ME, first.id, "  about\n the sea ")
    assert [entry.title for entry in conversations.entries(ME)] == ["two", "about the sea"]
    renamed = present(conversations.get(ME, first.id))
    assert renamed.own_title == "about the sea" and renamed.changed == first.changed
    assert present(Conversations(conversations.workspace).get(ME, first.id)) == renamed
    conversations.rename(ME, first.id, "")
    assert [entry.title for entry in conversations.entries(ME)] == ["two", "one"]


def test_pinned_talks_are_found_behind_any_number_of_others(conversations: Conversations) -> None:
    kept = conversations.save(ME, conversations.new("p").said(B, "kept"))
    os.utime(conversations._path(ME, kept.id), (1000, 1000))
    conversations.pin(ME, kept.id, True)
    for n in range(3):
        conversations.save(ME, conversations.new("p").said(B, str(n)))
    assert kept.id not in [entry.id for entry in conversations.entries(ME, most=3)]
    assert [entry.id for entry in conversations.pinned(ME)] == [kept.id] and conversations.pinned(OTHER) == []
    conversations.pin(ME, kept.id, False)
    assert conversations.pinned(ME) == []


def test_a_removed_talk_is_put_back_until_it_is_purged(conversations: Conversations) -> None:
    talk = conversations.save(ME, conversations.new("p").said(B, "x"))
    conversations.keep_prompt(ME, talk, {"text": "asked"})
    conversations.pin(ME, talk.id, True)
    conversations.remove(ME, talk.id)
    assert conversations.get(ME, talk.id) is None and conversations.entries(ME) == [] == conversations.pinned(ME)
    assert conversations.search(ME, "x") == []
    assert conversations.put_back(ME, talk.id) == talk and conversations.prompt_of(ME, talk.id, talk.leaf)
    assert [entry.id for entry in conversations.pinned(ME)] == [talk.id]
    conversations.remove(ME, talk.id)
    assert conversations.removed(ME, time.time() - 60) == [] and conversations.removed(ME, time.time() + 60) == [
        talk.id
    ]
    conversations.delete(ME, talk.id)
    assert conversations.put_back(ME, talk.id) is None
    assert list(conversations.workspace.folder(ME, "chats").iterdir()) == []


def test_two_characters_are_enough_to_find_a_talk(conversations: Conversations) -> None:
    sea = conversations.save(ME, conversations.new("p").said(B, "週末、海へ行こう").said(A, "いいね！ 電車で ﾈｺ も"))
    conversations.save(ME, conversations.new("p").said(B, "山の話"))
    for wanted, message in (("海へ", 0), ("電車", 1), ("ねこ", 1), ("週末 ネコ", 0)):
        (hit,) = conversations.search(ME, wanted)
        assert hit.id == sea.id and hit.message == message, wanted
    assert "海へ" in conversations.search(ME, "海へ")[0].excerpt
    assert (
        conversations.search(ME, "海へ 山") == [] == conversations.search(ME, " ") == conversations.search(OTHER, "海")
    )
    conversations.rename(ME, sea.id, "江の島")
    (hit,) = conversations.search(ME, "江の島")
    assert (hit.message, hit.excerpt) == (-1, "")


def test_what_was_said_in_another_version_is_not_found(conversations: Conversations) -> None:
    talk = conversations.new("p").said(B, "x").said(A, "old words")
    conversations.save(ME, talk.without_reply().said(A, "new words"))
    assert conversations.search(ME, "old words") == [] and len(conversations.search(ME, "NEW  ｗｏｒｄｓ")) == 1
