"""Mixing saved data sets on the page: the counts as the shares stand, and the set that comes of it."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from tabs.data.sets.mix_sets import MixForm, MixHandlers
from tabs.data.sets.saved_sets import SavedHandlers
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, owner, services_on, visit


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_on(tmp_path / "home", tmp_path, None)  # nothing here counts tokens
    keep_dataset(made, "mika", rows=40)
    keep_dataset(made, "general", rows=60, validation=0)
    return made


def form(**given: object) -> MixForm:
    usual = MixForm(main="mika", others=["general"], share_0=20, share_1=20, share_2=20, share_3=20, name="")
    return replace(usual, **given)


def test_the_counts_follow_the_shares(services: Services) -> None:
    handlers = MixHandlers(services)

    def plan(**given: object) -> str:
        return handlers.plan(KEY, *form(**given).values(), visit("en"))

    assert "10 of 60 rows · 20%" in plan() and ">50<" in plan()
    assert "40 of 60 rows · 50%" in plan(share_0=50)
    assert "makes up 60% and not 80%" in plan(share_0=80)
    assert "What goes in" in plan(others=[]) == plan(main=None)
    assert "add up to" in plan(share_0=0)


def test_sets_are_chosen_from_ones_own(services: Services) -> None:
    handlers = MixHandlers(services)
    empty = form(main=None, others=None).values()
    card, main, others, first, second, *_ = handlers.refresh(KEY, *empty, "mika", visit("en"))
    assert card.visible and main.value == "mika" and [name for name, _ in others.choices] == ["general"]
    assert not first.visible and not second.visible
    others, first, second, *_ = handlers.choose(KEY, *form().values(), visit("en"))
    assert first.visible and first.label == "general" and not second.visible
    assert not handlers.refresh(OTHER, *empty, None, visit("en"))[0].visible
    keep_dataset(services, "alone", key=OTHER)
    assert "Nothing to mix with yet" in handlers.refresh(OTHER, *empty, "alone", visit("en"))[-1]


def test_the_mix_is_a_new_set_that_says_what_it_is_of(services: Services) -> None:
    handlers = MixHandlers(services)
    *_, (state, saved, card) = handlers.mix(KEY, *form().values(), visit("en"))
    assert "mika-mix" in state and saved.value == "mika-mix" and card.visible
    info = services.datasets.get(owner(services), "mika-mix").info
    assert info.train_rows + info.validation_rows > 46  # all of the main one, and more
    facts = SavedHandlers(services).show(KEY, "mika-mix", visit("en"))[0]
    assert "Mixed from mika" in facts and "Mixed from general" in facts
    assert "Mixed from" not in SavedHandlers(services).show(KEY, "mika", visit("en"))[0]


@pytest.mark.parametrize(("given", "words"), [({"others": []}, "at least one other"), ({"share_0": 0}, "add up to")])
def test_what_cannot_be_mixed_says_why(services: Services, given: dict, words: str) -> None:
    with pytest.raises(gr.Error, match=words):
        list(MixHandlers(services).mix(KEY, *form(**given).values(), visit("en")))
    assert len(services.datasets.list_all(owner(services))) == 2
