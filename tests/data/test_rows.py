"""Sessions, rows, the split and the ledger: what is learned, what is not, and that nothing is lost."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.data.ledger import LABELS, LedgerBuilder, Outcome
from core.data.prepare import Prepared, prepare
from core.data.sessions import gaps_minutes, sessions
from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.messages import Kind, Message, Turn
from core.text import Text
from tests.helpers.typed import present

NOON = datetime(2024, 1, 1, 12, 0)


class Letters:
    """A counter that counts letters, and five for the prompt."""

    prefix_tokens = 5

    def turn(self, turn: Turn) -> int:
        return sum(map(len, turn.messages))


def log_of(*messages: Message) -> Log:
    numbered = tuple(replace(m, line=n) for n, m in enumerate(messages, start=1))
    return Log(
        Format("test", Text("test", "test")), numbered, LineCount(len(numbered), len(numbered)), file_name="talk.txt"
    )


def say(sender: str | None, text: str, minute: float | None = 0, kind: Kind = Kind.TEXT, part: int = 0) -> Message:
    return Message(sender, text, 1, kind, None if minute is None else NOON + timedelta(minutes=minute), part)


def talk(script: str, minute: float | None = 0, part: int = 0) -> list[Message]:
    """Messages of one letter a word: "ABP" is A, B and P speaking in turn."""
    return [say(letter, f"{letter}{n}", minute, part=part) for n, letter in enumerate(script)]


def make(*messages: Message, budget: int = 1000, gap_minutes: float | None = None) -> Prepared:
    prepared = prepare(log_of(*messages), "P", counter=Letters(), budget=budget, gap_minutes=gap_minutes)
    check(prepared, messages)
    return prepared


def check(prepared: Prepared, messages: tuple[Message, ...]) -> None:
    """The ledger and the rows tell the same story, each counted on its own side."""
    ledger = prepared.ledger
    assert ledger.missing == 0 and len(ledger.outcomes) == len(messages) == sum(ledger.counts.values())
    for rows, outcome in ((prepared.train, Outcome.LEARNED), (prepared.validation, Outcome.VALIDATION)):
        assert sum(row.trained_messages for row in rows) == ledger.counts.get(outcome, 0)
    rows = prepared.train + prepared.validation
    context = sum(len(turn.messages) for row in rows for turn in row.turns if turn.role == "user")
    assert context == ledger.counts.get(Outcome.CONTEXT, 0)
    for row in rows:
        assert row.turns[-1].role == "assistant"
        assert sum(row.tokens) + Letters.prefix_tokens <= prepared.budget
        assert all(len(turn.messages) == len(at) for turn, at in zip(row.turns, row.positions, strict=True))


def shape(prepared: Prepared) -> list[list[tuple[str, tuple[str, ...]]]]:
    return [[(turn.role, turn.messages) for turn in row.turns] for row in prepared.train + prepared.validation]


def test_a_silence_longer_than_the_gap_parts_sessions():
    messages = [say("A", "a", 0), say("P", "b", 60), say("A", "c", 120.5), say("P", "d", 24 * 60 + 120.5)]
    assert [s.positions for s in sessions(messages, 60)] == [(0, 1), (2,), (3,)]
    assert gaps_minutes(messages) == [60, 60.5, 1440]


def test_a_notice_does_not_bridge_a_silence():
    messages = [say("A", "a", 0), say(None, "joined", 50, Kind.SYSTEM), say("P", "b", 90)]
    assert [s.positions for s in sessions(messages, 60)] == [(0, 1), (2,)]


def test_without_times_there_is_one_session_a_conversation():
    messages = [say("A", "a", None), say("P", "b", None), say("A", "c", None, part=1)]
    assert [s.positions for s in sessions(messages, 60)] == [(0, 1), (2,)]
    assert gaps_minutes(messages) == []


def test_messages_out_of_order_are_sorted_and_ties_keep_their_place():
    messages = [say("A", "a", 5), say("P", "b", 5), say("A", "c", 4), say("P", "no time", None)]
    assert sessions(messages, 60)[0].positions == (2, 3, 0, 1)


def test_bursts_become_turns():
    prepared = make(*talk("AAABBAB".replace("B", "P")), *talk("AP", minute=600))
    assert shape(prepared)[0] == [
        ("user", ("A0", "A1", "A2")), ("assistant", ("P3", "P4")), ("user", ("A5",)), ("assistant", ("P6",))
    ]  # fmt: skip


def test_the_persona_may_open_and_what_it_does_not_answer_is_left_out():
    prepared = make(*talk("PAPA"), *talk("AP", minute=600), *talk("A", minute=1200))
    assert shape(prepared)[0][0] == ("assistant", ("P0",))
    assert prepared.ledger.outcomes[3] is Outcome.UNANSWERED and prepared.ledger.outcomes[6] is Outcome.NO_PERSONA


def test_groups_keep_names_and_pairs_do_not():
    group = make(*talk("ABP"), *talk("AP", minute=600))
    assert [turn.name for turn in group.train[0].turns] == ["A", "B", None]
    assert [turn.name for turn in make(*talk("AAPAP"), *talk("AP", minute=600)).train[0].turns][:2] == [None, None]


def test_rows_are_cut_by_whole_turns_to_the_budget_and_go_on_where_the_last_ended():
    prepared = make(*talk("APAPAPAP"), budget=5 + 8)
    words = [[message for _, messages in row for message in messages] for row in shape(prepared)]
    assert words == [["A0", "P1", "A2", "P3"], ["A4", "P5"], ["A6", "P7"]]  # the last row is divided to hold some out
    assert prepared.ledger.counts == {Outcome.LEARNED: 3, Outcome.VALIDATION: 1, Outcome.CONTEXT: 4}


def test_what_fits_no_row_is_named_and_makes_no_hole_inside_a_row():
    long = "x" * 30
    prepared = make(
        *talk("AP"),
        say("A", "q"),
        say("P", long),
        say("A", "r"),
        say("P", "s"),
        say("A", long),
        say("P", "t"),
        budget=25,
    )
    outcomes = prepared.ledger.outcomes
    assert outcomes[3] is Outcome.TOO_LONG and outcomes[2] is Outcome.UNANSWERED and outcomes[6] is Outcome.TOO_LONG
    assert shape(prepared) == [
        [("user", ("A0",)), ("assistant", ("P1",))], [("user", ("r",)), ("assistant", ("s",))], [("assistant", ("t",))]
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TEXT])
def test_what_is_no_text_is_left_out_by_its_kind(kind):
    prepared = make(*talk("AP"), say("P", "[x]", kind=kind), *talk("AP", minute=600))
    assert prepared.ledger.outcomes[2] is Outcome(kind.value)


def test_words_are_composed_and_empty_ones_named():
    prepared = make(say("A", "か\u3099 \u200e"), say("P", " ｗ！ "), say("P", "\u200e \n"), *talk("AP", minute=600))
    assert shape(prepared)[0] == [("user", ("が",)), ("assistant", ("ｗ！",))]
    assert prepared.ledger.outcomes[2] is Outcome.EMPTY


def test_the_last_tenth_of_the_sessions_is_validation():
    messages = [m for day in range(20) for m in talk("APAP", minute=day * 1440)]
    prepared = make(*messages)
    assert [row.session for row in prepared.validation] == [18, 19]
    assert max(present(row.start) for row in prepared.train) < min(present(row.start) for row in prepared.validation)
    assert prepared == make(*messages)


def test_a_tiny_last_session_is_not_enough_to_measure_with():
    messages = [m for day in range(10) for m in talk("AP" * 20, minute=day * 1440)] + talk("AP", minute=99999)
    assert len({row.session for row in make(*messages).validation}) == 2


def test_one_session_is_validation_by_its_end():
    prepared = make(*talk("AP" * 50, minute=None))
    assert prepared.ledger.counts == {Outcome.LEARNED: 45, Outcome.VALIDATION: 5, Outcome.CONTEXT: 50}
    assert prepared.validation[0].turns[0].messages == ("A90",)


def test_a_huge_last_session_is_divided():
    prepared = make(*talk("AP" * 3), *talk("AP" * 50, minute=600))
    assert prepared.ledger.counts[Outcome.VALIDATION] == 5


def test_a_single_exchange_is_learned():
    prepared = make(*talk("AP"))
    assert len(prepared.train) == 1 and prepared.validation == ()


def test_errors_say_what_to_do():
    with pytest.raises(InputError, match="nobody to answer"):
        make(*talk("PPP"))
    with pytest.raises(InputError, match="nobody to answer"):
        make(*talk("PPP"), say("A", "[sticker]", kind=Kind.STICKER))
    with pytest.raises(InputError, match=r"“P” writes nothing in this log\. Those who do: A, B"):
        make(*talk("ABA"))
    with pytest.raises(InputError, match="no room"):
        make(*talk("AP"), budget=5)
    with pytest.raises(InputError, match="gap"):
        make(*talk("AP"), gap_minutes=0)


def test_a_log_that_fits_nowhere_gives_no_rows_and_says_why():
    prepared = make(say("A", "hello"), say("P", "x" * 99), budget=20)
    assert prepared.train == () and prepared.ledger.counts == {Outcome.UNANSWERED: 1, Outcome.TOO_LONG: 1}


def test_a_second_outcome_is_refused():
    book = LedgerBuilder(2)
    book.enter((0,), Outcome.LEARNED)
    with pytest.raises(ValueError, match="cannot be"):
        book.enter((0,), Outcome.EMPTY)
    assert book.close(2).missing == 1


def test_every_outcome_has_words_for_people():
    assert set(LABELS) == set(Outcome)
    assert len({label.en for label in LABELS.values()}) == len({label.ja for label in LABELS.values()}) == len(Outcome)


def test_the_ledger_balances_whatever_the_log_holds():
    chance = random.Random(7)
    kinds = [*Kind, *[Kind.TEXT] * 8]
    for _ in range(300):
        clock, messages = 0.0, talk("AP")
        for _ in range(chance.randint(0, 40)):
            clock += chance.choice((0, 1, 5, 59, 61, 1500, -2))
            kind = chance.choice(kinds)
            sender = None if kind in (Kind.SYSTEM, Kind.UNKNOWN) else chance.choice("PPAAB")
            text = chance.choice(("", "a", "words " * chance.randint(1, 9)))
            time = chance.choice((clock, clock, clock, None))
            messages.append(say(sender, text, time, kind, part=chance.choice((0, 0, 0, 1))))
        prepared = make(*messages, budget=chance.choice((6, 20, 60, 500)), gap_minutes=chance.choice((1, 60)))
        learned = [m for row in prepared.train + prepared.validation for at in row.positions for m in at]
        assert max(Counter(learned).values(), default=1) == 1
