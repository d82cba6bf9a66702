"""A persona from a log, without training."""

from pathlib import Path

import pytest

from core.data.profile import profile
from core.logs.detect import read_log
from core.messages import Kind, Turn
from core.personas.from_log import described, persona_of

SAMPLES = Path(__file__).parents[2] / "datasets"


def rows_of(log, name: str) -> list[list[Turn]]:
    said = [m for m in log.messages if m.kind is Kind.TEXT and m.sender]
    return [[Turn("assistant" if m.sender == name else "user", (m.text,)) for m in said]]


@pytest.mark.parametrize(("file", "name", "other", "language", "habits"), [
    ("sample_line_aoi.txt", "葵", "湊", "ja", ("「うち」", "「。」をつけません", "続けて")),
    ("sample_whatsapp_wren.txt", "Wren", "Otis", "en", ("You are Wren", "leave the full stop out", "in a row")),
])  # fmt: skip
def test_the_samples_become_personas(file: str, name: str, other: str, language: str, habits: tuple[str, ...]) -> None:
    log = read_log(SAMPLES / file)
    made = persona_of(profile(log, name), rows_of(log, name), other=other, language=language, room=300, size=len)
    assert made.name == name and made.user == other
    assert all(habit in made.description for habit in habits), made.description
    assert [turn.role for turn in made.examples] == ["user", "assistant"] * (len(made.examples) // 2)
    assert len(made.examples) >= 2 and sum(len(t) + 4 for turn in made.examples for t in turn.messages) <= 300
    texts = {m.text for m in log.messages}
    assert all(text in texts for turn in made.examples for text in turn.messages)


def test_the_one_with_full_stops_is_told_apart() -> None:
    log = read_log(SAMPLES / "sample_line_aoi.txt")
    careful = described(profile(log, "湊"), other="葵", language="ja")
    assert "つけません" not in careful and "「。」" in careful


def test_words_that_were_replaced_in_the_rows_are_not_told() -> None:
    log = read_log(SAMPLES / "sample_line_aoi.txt")
    masked = [
        [Turn(t.role, tuple(m.replace("うち", "＊") for m in t.messages)) for t in row] for row in rows_of(log, "葵")
    ]
    assert (
        "うち" not in persona_of(profile(log, "葵"), masked, other="湊", language="ja", room=50, size=len).description
    )


def test_nothing_to_show_makes_a_plain_persona() -> None:
    log = read_log(SAMPLES / "sample_line_aoi.txt")
    made = persona_of(profile(log, "nobody"), [], other="x", language="en", room=100, size=len)
    assert (
        made.examples == () and made.description == "You are nobody, chatting with x. You answer as nobody always does."
    )
