"""Edits by hand: found again, counted for themselves in a ledger that still balances, never in a row as they were."""

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import pytest

from core.data.edits import (
    LONGEST_TEXT,
    EditedWords,
    correction,
    edited_words,
    left_out,
    of_this_row_alone,
    unplaced,
)
from core.data.ledger import Outcome
from core.data.log_choices import LogChoices
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.messages import Message, Turn
from core.text import Text

START = datetime(2025, 4, 18, 10)


class Letters:
    """Counts a token a letter."""

    prefix_tokens = 0

    def turn(self, turn: Turn) -> int:
        return sum(map(len, turn.messages))


def log_of(talks: int = 12) -> Log:
    """Ann asks and Ben answers, a talk a day."""
    messages = [
        Message(who, f"{words} {day}", 2 * day + k + 1, time=START + timedelta(days=day, minutes=k))
        for day in range(talks)
        for k, (who, words) in enumerate((("Ann", "where are you"), ("Ben", "at home")))
    ]
    return Log(Format("line", Text("LINE", "LINE")), messages, LineCount(0, 0), file_name="talk.txt")


LOG = log_of()


def made(edits: EditedWords, **recipe: object) -> Prepared:
    return prepare(LOG, "Ben", counter=Letters(), budget=500, recipe=replace(Recipe(), **recipe), edits=edits)


def texts(prepared: Prepared) -> list[str]:
    rows = (*prepared.train, *prepared.validation, *prepared.test)
    return [text for row in rows for turn in row.turns for text in turn.messages]


@pytest.mark.parametrize("shape", ["conversation", "window", "pair"])
@pytest.mark.parametrize("position", [1, 23])  # learned, and kept to measure with
def test_a_corrected_message_is_learned_in_its_new_words_and_counted(shape: str, position: int) -> None:
    prepared = made({position: "on my way"}, shape=shape)
    assert "on my way" in texts(prepared) and LOG.messages[position].text not in texts(prepared)
    counts = prepared.ledger.counts
    assert counts[Outcome.CORRECTED] == 1 and prepared.ledger.missing == 0
    plain = made({}, shape=shape).ledger.counts
    assert Outcome.CORRECTED not in plain and sum(plain.values()) == sum(counts.values()) == 24


@pytest.mark.parametrize("shape", ["conversation", "window", "pair"])
def test_what_is_left_out_is_in_no_row_and_counted(shape: str) -> None:
    prepared = made({1: None, 4: None}, shape=shape)
    assert not {"at home 0", "where are you 2"} & set(texts(prepared))
    assert prepared.ledger.counts[Outcome.LEFT_OUT] == 2 and prepared.ledger.missing == 0
    assert prepared.ledger.counts[Outcome.NO_PERSONA] == 1  # the question of the first day


def test_edits_find_their_messages_again_and_the_later_counts() -> None:
    first, out = correction(LOG.messages[3], " not yet "), left_out(LOG.messages, (3, 5))
    assert edited_words((first,), LOG.messages) == {3: "not yet"}
    assert edited_words((first, out), LOG.messages) == {3: None, 5: None}
    grown = [Message("Ann", "earlier", 1, part=1), *LOG.messages]
    assert edited_words((first,), grown) == {4: "not yet"}
    changed = [replace(message, text=message.text + "!") for message in LOG.messages]
    assert edited_words((first, out), changed) == {} and unplaced((first, out), {}) == 2


def test_a_row_that_goes_takes_no_words_of_other_rows_along() -> None:
    windows = made({}, shape="window", gap_minutes=10**6, validation_share=0.0).train
    alone = of_this_row_alone(windows[3], windows)
    assert alone == (7,)  # what it learns; its context is that of others, too
    left = made(dict.fromkeys(alone), shape="window", gap_minutes=10**6, validation_share=0.0)
    assert len(left.train) == len(windows) - 1 and left.ledger.missing == 0
    talks = made({}, validation_share=0.0).train
    assert of_this_row_alone(talks[0], talks) == (0, 1)
    assert len(made(dict.fromkeys((0, 1)), validation_share=0.0).train) == len(talks) - 1


def test_edits_are_kept_with_the_choices_about_a_log() -> None:
    choices = LogChoices("a", "talk.txt", edits=(correction(LOG.messages[3], "no"), left_out(LOG.messages, (1, 2))))
    assert LogChoices.from_json(json.loads(json.dumps(asdict(choices)))) == choices
    with pytest.raises(ValueError, match="text"):
        LogChoices.from_json({"file": "a", "name": "b", "edits": [{"places": [], "text": 3}]})


@pytest.mark.parametrize(("text", "words"), [("  ", "no words"), ("a" * (LONGEST_TEXT + 1), "10,001 letters")])
def test_a_correction_has_words(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        correction(LOG.messages[1], text)
