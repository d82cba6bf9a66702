"""Talks as logs to learn from: what is learned of them, what is context, and that every message has its outcome."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.conversation import Conversation, ReplyMetadata
from core.chat.learning import ChatLines, WhoseWords, chat_lines
from core.data.edits import AS_CONTEXT, edited_words, unplaced
from core.data.ledger import Outcome
from core.data.prepare import Prepared, prepare
from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Turn

MADE = ReplyMetadata("mini")


class Letters:
    """Counts a token a letter."""

    prefix_tokens = 0

    def turn(self, turn: Turn) -> int:
        return sum(map(len, turn.messages))


def talk(number: str = "a") -> Conversation:
    """A greeting, and four replies: plain, liked, disliked and corrected."""
    said = Conversation(f"66f-{number}", "mika").opened("hello")
    for n, time in enumerate((1_700_000_000.0, 0.0, 0.0, 0.0)):
        said = said.said("user", f"question {n}", time=time).said("assistant", f"reply {n}", made=MADE)
    return said.rated(4, "up").rated(6, "down").edited(8, "better 3")


def names(_: Conversation) -> tuple[str, str]:
    return "Mika", "Taro"


def learned(folder: Path, whose: WhoseWords, *talks: Conversation) -> tuple[ChatLines, Log, Prepared]:
    found = chat_lines(talks or (talk(),), names, whose)
    path = folder / "chat.jsonl"
    path.write_bytes(found.file())
    log = read_log(path)
    edits = found.edits(log)
    edited = edited_words(edits, log.messages)
    assert not unplaced(edits, edited)
    made = prepare(log, found.persona, counter=Letters(), budget=500, edits=edited)
    assert made.ledger.missing == 0
    return found, log, made


def trained(made: Prepared) -> list[str]:
    rows = (*made.train, *made.validation)
    return [text for row in rows for turn in row.turns if turn.role == "assistant" and turn.trained
            for text in turn.messages]  # fmt: skip


def context(made: Prepared) -> list[str]:
    return [text for row in made.train for turn in row.turns if turn.role == "assistant" and not turn.trained
            for text in turn.messages]  # fmt: skip


def test_only_what_was_corrected_or_liked_is_learned_and_the_rest_is_context(tmp_path: Path) -> None:
    _, log, made = learned(tmp_path, "approved")
    assert log.format.id == "omokage" and log.messages[1].time
    assert trained(made) == ["reply 1", "better 3"]
    assert context(made) == ["hello", "reply 0"]
    assert made.ledger.counts[Outcome.LEFT_OUT] == 1 and made.ledger.counts[Outcome.CORRECTED] == 1


def test_of_all_replies_the_disliked_one_is_left_out(tmp_path: Path) -> None:
    _, log, made = learned(tmp_path, "replies")
    assert trained(made) == ["reply 0", "reply 1", "better 3"]
    assert context(made) == ["hello"]
    (note,) = log.notes
    assert "4 of these messages" in note.en and "Mika" in note.ja


def test_ones_own_words_are_learned(tmp_path: Path) -> None:
    found, _, made = learned(tmp_path, "mine")
    assert found.persona == "Taro"
    assert trained(made) == [f"question {n}" for n in range(4)]


def test_several_talks_are_never_joined(tmp_path: Path) -> None:
    _, log, made = learned(tmp_path, "replies", talk("a"), talk("b"))
    assert {message.part for message in log.messages} == {1, 2} and made.sessions >= 2


def test_a_reply_at_the_end_that_is_not_learned_has_its_reason(tmp_path: Path) -> None:
    said = talk().said("user", "and?").said("assistant", "nobody liked this", made=MADE)
    _, _, made = learned(tmp_path, "approved", said)
    assert made.ledger.counts[Outcome.UNAPPROVED] == 1


def test_what_cannot_be_learned_says_why() -> None:
    with pytest.raises(InputError, match="Nothing was said"):
        chat_lines([Conversation("66f-c", "mika").opened("hello")], names, "replies")
    liked = replace(talk(), nodes=tuple(replace(node, thumb="", original=()) for node in talk().nodes))
    with pytest.raises(InputError, match="No reply was corrected or liked"):
        chat_lines([liked], names, "approved")


def test_a_user_with_the_personas_name_is_told_apart() -> None:
    found = chat_lines([talk()], lambda _: ("Mika", "Mika"), "mine")
    assert found.persona == "Mika (2)" and {line.sender for line in found.lines} == {"Mika", "Mika (2)"}


def test_no_words_can_be_typed_that_mean_context_only() -> None:
    assert AS_CONTEXT.strip() == ""
