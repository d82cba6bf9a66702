"""Prose becomes a script whose speakers are proposed, reviewed by a person, and then rows."""

import re
from collections.abc import Mapping

import pytest

from core.data.log_rows import LARGEST_BUDGET
from core.data.prepare import prepare
from core.data.recipe import Recipe
from core.errors import InputError
from core.prompt import PromptConfig, token_counter
from core.settings import ROOT
from core.synth.novel import propose, read_script, script, script_log
from core.synth.prose import clean_prose, quoted_lines
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


def test_part_of_a_chapter_of_a_public_domain_novel_becomes_reviewed_rows() -> None:
    """Who says what was written down by hand, line by line from the book."""
    prose = (ROOT / "datasets" / "sample_novel_tea_party.txt").read_text(encoding="utf-8")
    lines = propose(prose, ["Alice", "March Hare", "Hatter", "Dormouse"])
    names = {"A": "Alice", "M": "March Hare", "H": "Hatter", "D": "Dormouse"}
    said = [names[letter] for letter in "AMAMAMAMAHAHAAMAMAHHMDHHAHHMHMAAHHAHAHDHAHMAHAHHAHH"]
    assert [line.speaker for line in lines if line.sure] == said[:1] + said[2:]
    assert [(line.speaker, line.words) for line in lines if not line.sure] == [("Alice", "No room! No room!")]
    assert lines[0].words == "Very uncomfortable for the Dormouse, only, as it’s asleep, I suppose it doesn’t mind."
    assert not any(line.opens_scene for line in lines)
    reviewed = read_script(script(lines).replace("？Alice", "March Hare"))
    assert [line.speaker for line in reviewed] == said and all(line.sure for line in reviewed)
    counter = token_counter(PromptConfig("Hatter"), bundled_tokenizer())
    made = prepare(script_log(reviewed), "Hatter", counter=counter, budget=LARGEST_BUDGET,
                   recipe=Recipe(shape="pair", validation_share=0))  # fmt: skip
    replies = [row.turns[-1].messages for row in made.train]
    assert ("Your hair wants cutting.",) in replies
    assert ("Two days wrong!", "I told you butter wouldn’t suit the works!") in replies


@pytest.mark.parametrize(
    ("prose", "people", "said"),
    [
        ("'T was late.\n\n\"Come in,\" said Ada. \"Sit down.\"\n\n\"Thank you,\" Ben replied.\n", ["Ada", "Ben"],
         [("Ada", "Come in."), ("Ada", "Sit down."), ("Ben", "Thank you.")]),
        ("‘Come in,’ said Ada. ‘Don’t stand there.’\n\n‘I won’t,’ said Ben.\n", ["Ada", "Ben"],
         [("Ada", "Come in."), ("Ada", "Don’t stand there."), ("Ben", "I won’t.")]),
        ("「来た。」と凪子は言った。「見て。」\n\n「どこ？」と灯台守が聞いた。\n\n「そこ。」と凪子。\n",
         ["凪子", "灯台守"],
         [("凪子", "来た。"), ("凪子", "見て。"), ("灯台守", "どこ？"), ("凪子", "そこ。")]),
    ],
    ids=["straight marks", "single marks", "Japanese with empty lines"],
)  # fmt: skip
def test_marks_and_paragraphs_of_other_editions(prose: str, people: list[str], said: list[tuple[str, str]]) -> None:
    lines = propose(prose, people)
    assert [(line.speaker, line.words) for line in lines] == said
    assert all(line.sure for line in lines) and not any(line.opens_scene for line in lines)


def test_what_an_edition_added_is_taken_out() -> None:
    line = "-" * 55
    legend = "【テキスト中に現れる記号について】\n\n《》：ルビ\n（例）灯台守《とうだいもり》"
    head = f"灯台\n作者\n\n{line}\n{legend}\n{line}\n\n"
    body = "［＃３字下げ］一［＃「一」は中見出し］\n\n「｜遠い《とおい》ね。」と灯台守《とうだいもり》は言った。\n\n"
    aozora = f"{head}{body}底本：「灯台」ある社\n"
    assert clean_prose(aozora) == "一\n\n「遠いね。」と灯台守は言った。"
    assert clean_prose("『《本の名》を読む』") == "『《本の名》を読む』"
