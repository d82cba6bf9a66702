"""Plain text: which prefixes are people, wrapped lines, plays with prefaces."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes(text.encode())
        log = read_log(path, **answers)
        assert log.format.id == "plain" and log.lines.missing == 0
        return log

    return read


def said(log: Log) -> list[tuple[str | None, str]]:
    return [(m.sender, m.text) for m in log.messages if m.kind is Kind.TEXT]


def names(log: Log) -> set[str]:
    return {speaker.name for speaker in log.speakers()}


def test_both_colons_and_continuation_lines(read):
    log = read("花子：やあ\n太郎: どうも\n続きの行\n\n花子 ： 10:30に駅\n太郎:はい\n")
    assert said(log) == [("花子", "やあ"), ("太郎", "どうも\n続きの行"), ("花子", "10:30に駅"), ("太郎", "はい")]
    assert [m.line for m in log.messages] == [1, 2, 5, 6]


def test_two_lines_are_enough(read):
    assert said(read("A: hi\nB: hello")) == [("A", "hi"), ("B", "hello")]


def test_prefixes_inside_messages_are_no_people(read):
    text = (
        "A: see\nhttps://example.com/a\nNote: bring it\nNote: really\n12:30 at noon\n"
        "B: ok\nC:\\dir is full\nA: P.S.: yes\nB: 例：こう\n"
    )
    log = read(text * 3)
    assert names(log) == {"A", "B"}
    assert said(log)[0] == ("A", "see\nhttps://example.com/a\nNote: bring it\nNote: really\n12:30 at noon")


def test_names_can_be_chosen(read):
    text = "A: a\nB: b\nMemo x: c\nB: d\nMemo x: e\nA: f\n"
    assert names(read(text)) == {"A", "B", "Memo x"}
    log = read(text, names=("A", "B"))
    assert names(log) == {"A", "B"} and said(log)[1] == ("B", "b\nMemo x: c")
    assert "Memo x" in log.guesses[0].choices and log.guesses[0].certain


WRAPPED = """The Project Gutenberg eBook of A Play

Title: A Play

*** START OF THE PROJECT GUTENBERG EBOOK A PLAY ***

INTRODUCTION

Here the two are introduced in the words of an earlier piece:

MERCHANT: What have you there?

SAILOR: A parrot.

MERCHANT: And does it speak?

SAILOR: Never.

{filler}
PERSONS OF THE PLAY: Anna, Bruno.

ANNA: I have been walking along the river since the early morning, and I
have seen nobody but the heron, who does not say much to people like you
or me.

BRUNO: The heron said to me, and it said so more than once in the course
of an evening that I spent with it last year:

'Two lines of verse
are not one.'

And that was all.

{talk}*** END OF THE PROJECT GUTENBERG EBOOK A PLAY ***

Updated editions: will replace the previous one.
Updated editions: again.
"""


def play() -> str:
    filler = "A long stretch of prose follows, which holds no dialogue at all.\n" * 25
    talk = "".join(
        f"{name}: {words} and this goes on for a while so that the line has to be broken\nbefore it ends.\n\n"
        for i in range(6)
        for name, words in (("ANNA", f"Question {i},"), ("BRUNO", f"Answer {i},"))
    )
    return WRAPPED.format(filler=filler, talk=talk)


def test_play_with_preface_and_licence(read):
    log = read(play())
    assert names(log) == {"ANNA", "BRUNO"}
    assert said(log)[0][1].endswith(
        "early morning, and I have seen nobody but the heron, who does not say much to people like you or me."
    )
    assert "course of an evening" in said(log)[1][1]
    assert "'Two lines of verse\nare not one.'\n\nAnd that was all." in said(log)[1][1]
    before, after = log.unread()
    assert before.line == 1 and "MERCHANT" in before.text and after.text.startswith("*** END OF")


def test_early_names_of_an_introduction_are_left_out_without_any_marks(read):
    text = re.sub(r"PERSONS OF THE PLAY.*|\*\*\*.*\*\*\*", "", play())
    assert names(read(text)) == {"ANNA", "BRUNO"}


def test_somebody_who_stops_writing_early_is_kept(read):
    talk = "Carl: hi\nAnn: hello\nCarl: I have to go\nAnn: bye\n" + "Ann: so\nBen: yes\n" * 30
    assert names(read(talk)) == {"Ann", "Ben", "Carl"}


def test_short_lines_are_not_joined(read):
    text = "".join(f"A: first line {i}\nsecond line\nB: yes\n" for i in range(10))
    assert said(read(text))[0] == ("A", "first line 0\nsecond line")


PLAYS = {
    "Cratylus": (383, 295, 93), "Crito": (48, 47), "Euthyphro": (116, 116), "Ion": (86, 85),
    "Meno": (283, 208, 52, 24), "Phaedrus": (186, 185), "Philebus": (569, 558, 17),
}  # fmt: skip


@pytest.mark.parametrize("play", PLAYS)
def test_dialogues_of_plato(shared, play):
    """Speakers and counts as a plain search for "NAME:" at the start of a line finds them."""
    path = shared / "corpora" / "plato" / f"{play}.txt"
    log = read_log(path)
    assert log.encoding == "utf-8-sig" and log.lines.missing == 0
    assert tuple(speaker.texts for speaker in log.speakers()) == PLAYS[play]
    text = path.read_text(encoding="utf-8-sig")
    for speaker in log.speakers():
        assert len(re.findall(rf"(?m)^{speaker.name}:", text)) == speaker.texts
    last = [m for m in log.messages if m.sender][-1]
    assert "GUTENBERG" not in last.text and len(log.unread()) == 2
    wrapped = [m for m in log.messages if m.sender and re.search(r"[a-z,]\n[a-z]", m.text)]
    assert len(wrapped) < 0.01 * len(log.messages)


FORMS = {
    "half-width colon": "花子: {0}\n太郎: {1}\n花子: {2}\n",
    "full-width colon": "花子：{0}\n太郎：{1}\n花子：{2}\n",
    "lenticular brackets": "【花子】{0}\n【太郎】{1}\n【花子】{2}\n",
    "quotation brackets": "花子「{0}」\n太郎「{1}」\n花子「{2}」\n",
    "arrow": "花子＞{0}\n太郎＞{1}\n花子＞{2}\n",
    "half-width arrow": "花子> {0}\n太郎> {1}\n花子> {2}\n",
    "bold": "**花子:** {0}\n\n**太郎:** {1}\n\n**花子:** {2}\n",
    "bold, colon outside": "**花子**: {0}\n**太郎**： {1}\n**花子**: {2}\n",
    "name alone": "花子\n{0}\n\n太郎\n{1}\n\n花子\n{2}\n\n太郎\n{1}\n",
    "name and colon alone": "花子:\n{0}\n\n太郎:\n\n{1}\n\n花子:\n{2}\n\n太郎:\n{0}\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_dialogue(read, form):
    words = ("おはよう、\n今日はいい天気", "10:30に駅で。URL: https://example.com", "例：こうする")
    log = read(FORMS[form].format(*words))
    assert said(log)[:3] == [("花子", words[0]), ("太郎", words[1]), ("花子", words[2])]
    assert log.messages[0].line == 1 and not log.unread()


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("2025/04/18 14:13 {0}：{1}", datetime(2025, 4, 18, 14, 13)),
        ("2025-04-18 14:13:05 {0}: {1}", datetime(2025, 4, 18, 14, 13, 5)),
        ("2025年4月18日(金) 午後2:13 {0}：{1}", datetime(2025, 4, 18, 14, 13)),
        ("18/04/2025 2:13 pm {0}：{1}", datetime(2025, 4, 18, 14, 13)),
        ("【{0}】{1}", None),
    ],
)
def test_stamps_in_front_of_names(read, line, moment):
    log = read("\n".join(line.format(*pair) for pair in (("花子", "見て\nNote: x"), ("太郎", "うん"), ("花子", "ね"))))
    assert said(log) == [("花子", "見て\nNote: x"), ("太郎", "うん"), ("花子", "ね")]
    assert log.messages[0].time == moment


@pytest.mark.parametrize("line", ["[14:20] {0}: {1}", "14:20 {0}: {1}", "14:20\u3000{0}：{1}"])
@pytest.mark.parametrize("header", ["2025/04/18", "2025年4月18日(金)", "--- 2025-04-18 ---"])
def test_clocks_get_their_day_from_a_date_line(read, line, header):
    log = read(f"{header}\n" + "\n".join(line.format(*pair) for pair in (("花子", "a"), ("太郎", "b"), ("花子", "c"))))
    assert said(log) == [("花子", "a"), ("太郎", "b"), ("花子", "c")]
    assert log.messages[2].time == datetime(2025, 4, 18, 14, 20) and log.lines.marks == 1


def test_clocks_without_any_day_have_no_time(read):
    log = read("14:20 花子: a\n14:21 太郎: b\n14:22 花子: 14:30に\n")
    assert said(log)[2] == ("花子", "14:30に") and log.messages[0].time is None


def test_script_keeps_what_nobody_says_apart(read):
    log = read("花子「やあ「太郎」くん。\n元気？」\n（間）\n太郎「うん」「はい」\n花子「そう\n\n太郎「おわり」\n")
    assert said(log) == [
        ("花子", "やあ「太郎」くん。\n元気？"), ("太郎", "「うん」「はい」"), ("花子", "「そう"), ("太郎", "おわり")
    ]  # fmt: skip
    assert [(m.text, m.line) for m in log.unread()] == [("（間）", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "A letter.\n\nIt goes on\nfor some time.\n\nYours\nAnn\n",
        "<p>one</p>\n<p>two</p>\n<li>three\n",
        "今日は「雨」だ。\n明日は「晴れ」だろう。\nきっと。\n",
        "> quoted mail\n> more of it\nreply\n",
    ],
)
def test_prose_is_no_dialogue(read, tmp_path, text):
    with pytest.raises(InputError):
        read(text)
