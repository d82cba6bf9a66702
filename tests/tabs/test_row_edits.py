"""Correcting and leaving out rows on the Data page: the same row stays on show, and the changes outlive a reload."""

# ruff: noqa: F401, F811 - the fixtures come from the other file
from pathlib import Path

import gradio as gr
import pytest

from core.data.ledger import Outcome
from core.workspace import Split
from tabs.data.outputs import View
from tabs.data.rows.row_edits import RowEditHandlers
from tests.tabs.test_data import CHAT, Tab, base, services, tab

AFTER = "22:00\t湊\tまだ起きてる？\n22:01\t葵\tうん\n"


def edits(tab: Tab) -> RowEditHandlers:
    return RowEditHandlers(tab.context)


def of_the_persona(tab: Tab, split: str = "train", number: int = 1) -> int:
    """The first message in a row that the persona said."""
    shown = edits(tab).show(tab.key, tab.log, split, number, (), tab.request)
    return shown[1].value


def show(tab: Tab, seen: tuple = ()) -> tuple:
    """The second row to train on."""
    return edits(tab).show(tab.key, tab.log, "train", 2, seen, tab.request)


def correct(tab: Tab, text: str, split: Split = "train", number: int = 1) -> Tab:
    place = of_the_persona(tab, split, number)
    return tab.draw(edits(tab).correct(tab.key, tab.log, split, number, place, text, tab.request))


def learned(tab: Tab, split: Split = "train") -> list[str]:
    return [text for row in tab.opened.rows(split) for turn in row.turns for text in turn.messages]


@pytest.fixture
def opened(tab: Tab) -> Tab:
    tab.upload(CHAT)
    return tab.choose(gap=10)


def test_a_correction_is_learned_counted_and_shown_in_its_row(opened: Tab) -> None:
    card, message, words, undo, changes, seen = show(opened)
    assert card.visible and not undo.visible and changes == ""
    assert edits(opened).show(opened.key, opened.log, None, None, (), opened.request)[0].visible  # just filled
    assert words and f"葵: {words}" in [label for label, _ in message.choices]
    assert show(opened, seen) == (gr.skip(),) * 6  # what somebody is writing already stays
    correct(opened, "<i>直した</i>", number=2)
    assert "<i>直した</i>" in learned(opened) and "&lt;i&gt;直した" in opened.shown["row"]
    assert opened.shown["number"].value == 2 and "手で直して使う" in opened.shown["ledger"]
    ledger = opened.prepared.ledger
    assert ledger.counts[Outcome.CORRECTED] == 1 and ledger.missing == 0
    card, message, words, undo, changes, _ = show(opened, seen)
    assert words == "<i>直した</i>" and undo.visible and "&lt;i&gt;" in changes and "<i>" not in changes


def test_changes_outlive_a_reload_a_newer_file_and_go_into_the_saved_set(opened: Tab) -> None:
    correct(opened, "直した")
    opened = Tab(opened.services, shown=opened.shown).arrive()  # the server was started again
    assert "直した" in learned(opened)
    opened.add(CHAT + AFTER)
    assert "直した" in learned(opened)
    opened.choose(persona="湊")
    assert any("直した" in text for text in learned(opened))  # as what 湊 hears
    opened.choose(persona="葵")
    name = opened.rows.save(opened.key, opened.log, "set", opened.request)[0]
    rows = opened.services.datasets.read_rows(opened.owner, name, "train")
    assert any("直した" in turn.messages for row in rows for turn in row.turns)
    assert opened.services.datasets.get(opened.owner, name).info.counts["corrected"] == 1


def test_a_row_and_a_message_are_left_out_and_brought_back(opened: Tab) -> None:
    before, count = learned(opened), len(opened.opened.rows("train"))
    opened.draw(edits(opened).leave_row(opened.key, opened.log, "train", 1, opened.request))
    assert len(opened.opened.rows("train")) == count - 1 and "手で除いた" in opened.shown["ledger"]
    assert opened.prepared.ledger.missing == 0
    place = of_the_persona(opened)
    opened.draw(edits(opened).leave_message(opened.key, opened.log, "train", 1, place, opened.request))
    assert opened.prepared.ledger.counts[Outcome.LEFT_OUT] == 3
    for _ in range(2):
        opened.draw(edits(opened).undo(opened.key, opened.log, "train", 1, opened.request))
    assert learned(opened) == before and opened.opened.choices.edits == ()


def test_a_validation_row_stays_on_show(opened: Tab) -> None:
    correct(opened, "直した", "validation")
    assert opened.shown["split"].value == "validation" and "直した" in opened.shown["row"]


def test_what_cannot_be_corrected_says_why(opened: Tab) -> None:
    with pytest.raises(gr.Error, match="言葉がありません"):
        correct(opened, "  ")
    with pytest.raises(gr.Error, match="発言を選んで"):
        list(edits(opened).leave_message(opened.key, opened.log, "train", 1, None, opened.request))
    unchanged: list[View] = list(
        edits(opened).correct(
            opened.key, opened.log, "train", 1, of_the_persona(opened), learned(opened)[1], opened.request
        )
    )
    assert len(unchanged) == 1 and opened.opened.choices.edits == ()
    assert Path(opened.context.logs.place(opened.owner, opened.log)).read_text(encoding="utf-8") == CHAT
