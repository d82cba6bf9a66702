"""Recipes: the shapes of rows, splits in three, reply links, and what each choice makes of a log."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from core.data.io.store import DataSets
from core.data.ledger import Outcome
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.data.rows import Row
from core.errors import InputError
from core.messages import Message
from core.workspace import Split, Workspace
from tests.data.test_rows import Letters, log_of, say, talk


def make(*messages: Message, budget: int = 1000, **choices: object) -> Prepared:
    recipe = replace(Recipe(validation_share=0.0), **choices)
    prepared = prepare(log_of(*messages), "P", counter=Letters(), budget=budget, recipe=recipe)
    assert prepared.ledger.missing == 0
    return prepared


def text(row: Row) -> str:
    """Turns as text: messages joined by /, the learned turns in brackets."""
    said = ["/".join(turn.messages) for turn in row.turns]
    return " ".join(f"[{words}]" if row.is_trained(k) else words for k, words in enumerate(said))


def texts(prepared: Prepared) -> list[str]:
    return [text(row) for row in (*prepared.train, *prepared.validation, *prepared.test)]


def answer(sender: str, words: str, to: int, minute: float = 0) -> Message:
    return replace(say(sender, words, minute), reply_to=to)


def test_a_conversation_is_learned_whole():
    assert texts(make(*talk("AAPPAP"))) == ["A0/A1 [P2/P3] A4 [P5]"]


def test_a_row_has_no_more_turns_than_asked_for():
    assert texts(make(*talk("APAPAPBBAP"), turns=4)) == ["A0 [P1] A2 [P3]", "A4 [P5]", "B6/B7 A8 [P9]"]
    crowd = make(*talk("APABABP"), turns=2)
    assert texts(crowd) == ["A0 [P1]", "B5 [P6]"]
    assert crowd.ledger.counts == {Outcome.LEARNED: 2, Outcome.CONTEXT: 2, Outcome.OUTSIDE: 3}


def test_earlier_context_is_shown_and_not_learned_again():
    prepared = make(*talk("APAPAP"), turns=2, context=3)
    assert texts(prepared) == ["A0 [P1]", "A0 P1 A2 [P3]", "P1 A2 P3 A4 [P5]"]
    assert prepared.ledger.counts == {Outcome.LEARNED: 3, Outcome.CONTEXT: 3}


def test_earlier_context_fits_the_budget_and_crosses_no_border():
    prepared = make(*talk("APAP"), *talk("AP", minute=999), turns=2, context=9, budget=5 + 6)
    assert texts(prepared) == ["A0 [P1]", "P1 A2 [P3]", "A0 [P1]"]


def test_earlier_context_hides_no_hole():
    prepared = make(*talk("AP"), say("A", "q"), say("P", "x" * 99), say("A", "r"), say("P", "s"), context=9, budget=50)
    assert texts(prepared) == ["A0 [P1]", "r [s]"]


def test_a_window_learns_its_last_turn_only():
    prepared = make(*talk("APAPAP"), shape="window", turns=4)
    assert texts(prepared) == ["A0 [P1]", "A0 P1 A2 [P3]", "A2 P3 A4 [P5]"]
    assert prepared.ledger.counts == {Outcome.LEARNED: 3, Outcome.CONTEXT: 3}


def test_what_a_window_does_not_reach_is_named():
    prepared = make(*talk("APABABP"), shape="window", turns=3)
    assert texts(prepared) == ["A0 [P1]", "A4 B5 [P6]"]
    assert [prepared.ledger.outcomes[i] for i in (2, 3)] == [Outcome.OUTSIDE] * 2


def test_a_window_that_does_not_fit_is_trimmed_from_the_left():
    long = "x" * 30
    prepared = make(say("A", long), say("B", "b"), say("P", "p"), say("A", long), say("P", long), say("A", "c"),
                    say("P", "d"), shape="window", turns=9, budget=5 + 29)  # fmt: skip
    assert texts(prepared) == ["b [p]", "c [d]"]
    outcomes = prepared.ledger.outcomes
    assert (outcomes[0], outcomes[3], outcomes[4]) == (Outcome.TOO_LONG, Outcome.UNANSWERED, Outcome.TOO_LONG)


def test_pairs_hold_what_was_said_since_the_persona_last_spoke():
    prepared = make(*talk("PABPAAPPPA"), shape="pair")
    assert texts(prepared) == ["[P0]", "A1 B2 [P3]", "A4/A5 [P6/P7/P8]"]
    assert prepared.ledger.outcomes[9] is Outcome.UNANSWERED


def test_each_message_of_a_burst_can_be_a_row_of_its_own():
    assert texts(make(*talk("AAPPPAP"), burst="each")) == [
        "A0/A1 [P2]", "A0/A1 P2 [P3]", "A0/A1 P2/P3 [P4]", "A0/A1 P2/P3/P4 A5 [P6]",
    ]  # fmt: skip
    assert texts(make(*talk("APPAP"), burst="each", shape="pair")) == ["A0 [P1]", "A0 P1 [P2]", "A3 [P4]"]
    with_long = make(say("A", "a"), say("P", "x" * 99), say("P", "p"), burst="each", budget=50)
    assert with_long.ledger.outcomes[1] is Outcome.TOO_LONG


def test_a_burst_can_be_written_as_one_message():
    prepared = make(*talk("AAPPP"), burst="separator", separator=" ／ ")
    assert [turn.messages for turn in prepared.train[0].turns] == [("A0 ／ A1",), ("P2 ／ P3 ／ P4",)]
    assert prepared.ledger.counts == {Outcome.LEARNED: 3, Outcome.CONTEXT: 2}
    assert prepared.train[0].trained_messages == 3


def test_train_dev_and_test_follow_each_other_in_time():
    messages = [m for day in range(20) for m in talk("APAP", minute=day * 1440)]
    prepared = make(*messages, validation_share=0.1, test_share=0.2)
    days = [[row.session for row in rows] for rows in (prepared.train, prepared.validation, prepared.test)]
    assert days == [list(range(14)), [14, 15], [16, 17, 18, 19]]
    counts = prepared.ledger.counts
    assert (counts[Outcome.LEARNED], counts[Outcome.VALIDATION], counts[Outcome.TEST]) == (28, 4, 8)


def test_nothing_is_validation_where_nothing_is_asked_for():
    prepared = make(*[m for day in range(20) for m in talk("AP", minute=day * 1440)])
    assert len(prepared.train) == 20 and prepared.validation == prepared.test == ()


def test_several_talks_are_split_by_time_and_not_by_contact():
    first = [m for day in range(10) for m in talk("AP", minute=day * 1440)]
    second = [m for day in range(10) for m in talk("BP", minute=day * 1440 + 600, part=1)]
    prepared = make(*first, *second, validation_share=0.2)
    assert [row.turns[0].messages for row in prepared.validation] == [("A0",), ("B0",)] * 2


def test_a_log_without_times_is_split_by_its_conversations():
    parts = [m for part in range(10) for m in talk("APAP", minute=None, part=part)]
    assert {row.session for row in make(*parts, validation_share=0.2).validation} == {8, 9}


def test_names_are_kept_in_groups_only():
    prepared = make(*talk("ABP"), *talk("AP", minute=9, part=1))
    assert [[turn.name for turn in row.turns] for row in prepared.train] == [["A", "B", None], [None, None]]


def test_a_reply_is_given_the_message_it_answers():
    prepared = make(say("A", "when?"), *talk("AP", minute=600), say("A", "hi", 1200), answer("P", "at nine", 0, 1200))
    assert texts(prepared) == ["A0 [P1]", "when? hi [at nine]"]
    assert prepared.ledger.outcomes[0] is Outcome.CONTEXT


def test_a_reply_to_what_the_row_holds_adds_nothing():
    assert texts(make(say("A", "when?"), say("A", "hi"), answer("P", "at nine", 0))) == ["when?/hi [at nine]"]


@pytest.mark.parametrize("link", [99, -1, 3, 1, 4])
def test_a_link_that_leads_nowhere_is_left_aside(link):
    """Beyond the log, to itself, to the persona, to another talk."""
    messages = [say("A", "a", 600), say("P", "p", 600), say("A", "b", 1200), answer("P", "q", link, 1200)]
    assert texts(make(*messages, say("A", "other", part=1))) == ["a [p]", "b [q]"]


def test_an_answered_message_that_does_not_fit_is_not_put_before():
    messages = [say("A", "x" * 30), say("A", "b", 600), answer("P", "q", 0, 600)]
    prepared = make(*messages, budget=5 + 20)
    assert texts(prepared) == ["b [q]"] and prepared.ledger.outcomes[0] is Outcome.NO_PERSONA


@pytest.mark.parametrize(
    "wrong",
    [
        {"gap_minutes": 0}, {"gap_minutes": float("nan")}, {"shape": "talk"}, {"burst": ""}, {"turns": 1},
        {"turns": -1}, {"context": 2.5}, {"validation_share": 0.6}, {"test_share": -0.1}, {"separator": ""},
        {"seed": -1}, {"names": "花子"},
    ],
)  # fmt: skip
def test_choices_that_make_no_sense_are_told(wrong):
    with pytest.raises(InputError):
        Recipe.from_json(wrong)


def test_a_recipe_survives_json():
    recipe = Recipe(90.0, "window", 5, 0, "each", "、", 0.05, 0.2, True, True, ("花子", "太郎=次郎"), 7)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json() | {"of a later version": 1}))) == recipe


def test_a_set_keeps_its_test_rows_its_recipe_and_what_is_only_context(tmp_path):
    messages = [m for day in range(20) for m in talk("APAP", minute=day * 1440)]
    prepared = make(*messages, validation_share=0.1, test_share=0.2, shape="window", private=True, names=("花子",))
    store = DataSets(Workspace(tmp_path))
    saved = store.save("key-test", "set", prepared, description="", model="tiny")
    again = store.get("key-test", "set")
    assert again == saved and again.info.test_rows == len(prepared.test) == 8
    assert Recipe.from_json(again.info.recipe) == replace(prepared.recipe, names=())
    assert "花子" not in (saved.folder / "dataset.json").read_text(encoding="utf-8")
    for split in get_args(Split):
        rows = getattr(prepared, split)
        assert [text(row) for row in store.read_rows("key-test", "set", split)] == [text(row) for row in rows]


def test_a_set_of_an_earlier_version_is_read(tmp_path):
    store = DataSets(Workspace(tmp_path))
    saved = store.save("key-test", "set", make(*talk("AP")), description="", model="tiny")
    info = json.loads((saved.folder / "dataset.json").read_text(encoding="utf-8"))
    del info["test_rows"], info["recipe"]
    (saved.folder / "dataset.json").write_text(json.dumps(info | {"of a later one": 1}), encoding="utf-8")
    assert store.get("key-test", "set").info.test_rows == 0
    assert store.read_rows("key-test", "set", "test") == () and len(store.read_rows("key-test", "set", "train")) == 1
