"""Prose becomes a script whose speakers are proposed, reviewed by a person, and then rows."""

import re
from collections.abc import Mapping

import pytest

from core.data.log_rows import LARGEST_BUDGET
from core.data.prepare import prepare
from core.data.recipe import Recipe
from core.errors import InputError
from core.prompt import PromptConfig, token_counter
from core.synth.novel import propose, quoted_lines, read_script, script, script_log
from core.synth.voices import bundled_tokenizer

PROSE = """　雨の朝、灯台守は階段を下りてきた。
「船が来るよ。」
と灯台守は言った。彼は「希望」という言葉をきらっていた。
　凪子は窓に寄った。
「どこに？ 何も見えない。」
「霧の向こうだ。」
「聞こえるだけでしょう。」

　夕方、凪子が『航海日誌』を開いて、
「ここに『五時に発つ』とあるわ。」
「ずいぶん早いね」
"""
PEOPLE = ("灯台守", "凪子")


def test_what_is_said_is_told_from_what_is_quoted() -> None:
    assert [line.words for line in quoted_lines(PROSE)] == [
        "船が来るよ。", "どこに？ 何も見えない。", "霧の向こうだ。", "聞こえるだけでしょう。",
        "ここに『五時に発つ』とあるわ。", "ずいぶん早いね",
    ]  # fmt: skip
    assert [line.words for line in quoted_lines("“Come in,” said Ada. The word “hope” was new.")] == ["Come in,"]


def test_rules_come_first_then_turns_then_the_model() -> None:
    asked: list[str] = []

    def ask(system: str, question: str, schema: Mapping[str, object]) -> str:
        asked.append(question)
        return '{"speaker": "灯台守"}'

    lines = propose(PROSE, PEOPLE, ask)
    assert [line.speaker for line in lines] == ["灯台守", "凪子", "灯台守", "凪子", "凪子", "灯台守"]
    assert [line.sure for line in lines] == [True, True, False, False, True, False]
    assert [line.opens_scene for line in lines] == [False, False, False, False, True, False]
    assert len(asked) == 1 and "【ずいぶん早いね】" in asked[0]


def test_answer_that_names_nobody_leaves_a_guess() -> None:
    assert propose(PROSE, PEOPLE, lambda *_: "…")[-1].sure is False
    with pytest.raises(InputError, match="two names"):
        propose(PROSE, ["凪子"])


def test_reviewed_script_becomes_rows() -> None:
    text = script(propose(PROSE, PEOPLE))
    assert text.splitlines()[1:3] == ["凪子「どこに？ 何も見えない。」", "？灯台守「霧の向こうだ。」"]
    reviewed = read_script(re.sub("(?m)^？", "", text))
    assert all(line.sure for line in reviewed) and len(reviewed) == 6
    counter = token_counter(PromptConfig("凪子"), bundled_tokenizer())
    made = prepare(script_log(reviewed), "凪子", counter=counter, budget=LARGEST_BUDGET,
                   recipe=Recipe(shape="pair", validation_share=0))  # fmt: skip
    said = [row.turns[-1].messages for row in made.train]
    assert said == [("どこに？ 何も見えない。",), ("聞こえるだけでしょう。",), ("ここに『五時に発つ』とあるわ。",)]


def test_line_without_a_speaker_is_named() -> None:
    with pytest.raises(InputError, match="Line 2"):
        read_script("凪子「やあ」\nむかしむかし")
