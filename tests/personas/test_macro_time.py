"""Macros of a card that somebody else wrote: nested ones work, and none of them can hold the server."""

import time

import pytest

from core.personas.macros import LONGEST_TEXT, expand


def expanded(text: str, char: str = "Mio") -> str:
    return expand(text, char=char, user="Ken", seed="s")


def test_nested_macros_are_replaced_from_the_inside() -> None:
    assert expanded("{{reverse:{{char}}}} {{// to {{user}} }}{{random:{{char}},{{char}}}} {{odd}} }} {{") == (
        "oiM Mio {{odd}} }} {{"
    )


def test_a_roll_of_very_many_digits_is_a_number() -> None:
    assert expanded("{{roll:" + "9" * 5000 + "}}").isdecimal()


@pytest.mark.parametrize("piece", ["{{", "}}", "{{char", "{{{{a}}", "{{char}}", "{{random:", "<user", "{{//"])
def test_the_time_of_a_hostile_card_is_linear(piece: str) -> None:
    started = time.process_time()
    expanded((piece * 400_000)[:400_000])
    assert time.process_time() - started < 5


def test_a_long_name_cannot_make_the_text_endless() -> None:
    assert len(expanded("{{char}}" * 5000, "x" * 10_000)) <= LONGEST_TEXT
    assert len(expanded("<bot>" * 5000, "x" * 10_000)) <= LONGEST_TEXT
