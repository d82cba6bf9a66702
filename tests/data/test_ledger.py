"""The ledger under random logs and every recipe: each message has one outcome, and the rows say the same."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.ledger import Outcome
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.messages import Kind, Message
from tests.data.test_rows import NOON, Letters, log_of, say, talk
from tests.helpers.typed import present

LONG = "これは何度も貼り付けられる、とても長いお知らせの文章です。明日の集合は駅前に九時です。"
WORDS = st.sampled_from(
    ("", "  ", "うん", "うん", "りょうかい", "hi", "a\nb", LONG, LONG + "！", "[スタンプ]", "090-1234-5678だよ",
     "花子に", "x" * 70)
)  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> tuple[Message, ...]:
    messages, clock = talk("AP"), 0
    for _ in range(draw(st.integers(0, 40))):
        clock += draw(st.sampled_from((0, 0, 1, 5, 61, 1500, -2)))
        kind = draw(st.sampled_from((Kind.TEXT, Kind.TEXT, Kind.TEXT, *Kind)))
        sender = None if kind in (Kind.SYSTEM, Kind.UNKNOWN) else draw(st.sampled_from("PPAAB"))
        time = draw(st.sampled_from((clock, clock, None)))
        message = say(sender, draw(WORDS), time, kind, part=draw(st.sampled_from((0, 0, 0, 1))))
        messages.append(replace(message, reply_to=draw(st.one_of(st.none(), st.none(), st.integers(-1, 45)))))
    return tuple(messages)


RECIPES = st.builds(
    Recipe,
    gap_minutes=st.sampled_from((1.0, 60.0, 10000.0)),
    shape=st.sampled_from(("conversation", "window", "pair")),
    turns=st.sampled_from((0, 2, 3, 7)),
    context=st.sampled_from((0, 1, 4)),
    burst=st.sampled_from(("newline", "separator", "each")),
    validation_share=st.sampled_from((0.0, 0.1, 0.5)),
    test_share=st.sampled_from((0.0, 0.2, 0.5)),
    clean=st.booleans(),
    private=st.booleans(),
    names=st.sampled_from(((), ("花子",))),
)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=logs(), recipe=RECIPES, budget=st.sampled_from((6, 20, 45, 60, 500)))
def test_every_message_has_one_outcome_and_the_rows_agree(messages, recipe, budget):
    prepared = prepare(log_of(*messages), "P", counter=Letters(), budget=budget, recipe=recipe)
    ledger = prepared.ledger
    assert len(ledger.outcomes) == ledger.messages == len(messages)
    assert ledger.missing == 0 and sum(ledger.counts.values()) == len(messages)
    assert dict(learned(prepared)) == {i: f for i, f in enumerate(ledger.outcomes) if f in SPLITS}
    shown = {i for row in every_row(prepared) for positions in row.positions for i in positions}
    assert shown - learned(prepared).keys() == {
        i for i, outcome in enumerate(ledger.outcomes) if outcome is Outcome.CONTEXT
    }
    for row in every_row(prepared):
        assert row.trained_messages and row.is_trained(len(row.turns) - 1)
        assert sum(row.tokens) + Letters.prefix_tokens <= budget
        assert len({messages[i].part for positions in row.positions for i in positions}) == 1
        assert all(messages[i].sender == "P" for k, at in enumerate(row.positions) if row.is_trained(k) for i in at)


SPLITS = (Outcome.LEARNED, Outcome.VALIDATION, Outcome.TEST)


def every_row(prepared: Prepared) -> tuple:
    return (*prepared.train, *prepared.validation, *prepared.test)


def learned(prepared: Prepared) -> dict[int, Outcome]:
    """Messages that rows learn, by the split of the row; that none is learned twice is asserted here."""
    found: dict[int, Outcome] = {}
    for rows, outcome in zip((prepared.train, prepared.validation, prepared.test), SPLITS, strict=True):
        for row in rows:
            for k, positions in enumerate(row.positions):
                for i in positions if row.is_trained(k) else ():
                    assert i not in found
                    found[i] = outcome
    return found


@settings(max_examples=100, deadline=None, database=None)
@given(messages=logs(), test_share=st.sampled_from((0.1, 0.3)))
def test_what_is_validation_comes_later(messages, test_share):
    timed = [replace(m, time=m.time or NOON + timedelta(minutes=i)) for i, m in enumerate(messages)]
    recipe = Recipe(validation_share=0.2, test_share=test_share)
    prepared = prepare(log_of(*timed), "P", counter=Letters(), budget=500, recipe=recipe)
    begins = [[present(row.start) for row in rows] for rows in (prepared.train, prepared.validation, prepared.test)]
    for earlier, later in ((0, 1), (1, 2), (0, 2)):
        if begins[earlier] and begins[later] and {m.part for m in timed} == {0}:
            assert max(begins[earlier]) <= min(begins[later])


def test_examples_are_the_first_of_each_outcome():
    prepared = prepare(
        log_of(*talk("APAPAPAA")), "P", counter=Letters(), budget=500, recipe=Recipe(validation_share=0.0)
    )
    assert prepared.ledger.examples(2) == {Outcome.LEARNED: (1, 3), Outcome.CONTEXT: (0, 2), Outcome.UNANSWERED: (6, 7)}
