"""Plain text: which prefixes are people, wrapped lines, plays with prefaces."""

import re
from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, **answers: object) -> Log:
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
