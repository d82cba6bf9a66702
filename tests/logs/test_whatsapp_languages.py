"""WhatsApp in many languages: its own sentences, heads in every script, and sentences that no table knows."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.data.ledger import Outcome
from core.data.prepare import prepare
from core.logs.detect import read_log
from core.logs.formats.whatsapp import phrases
from core.logs.log import Log
from core.messages import Kind
from tests.data.test_rows import Letters
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


DOCS = Path(__file__).resolve().parents[2] / "docs" / "whatsapp_phrases.md"
ROWS = [line.split("\t") for line in phrases.TABLE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def read(tmp_path: Path):
    def read(*lines: str, **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes("\n".join(lines).encode())
        log = read_log(path, **answers)
        assert log.format.id == "whatsapp" and log.lines.missing == 0
        return log

    return read


def texts(log: Log) -> list[tuple[str | None, str]]:
    return [(m.sender, m.text) for m in log.messages if m.kind is Kind.TEXT]


def of(kind: str) -> list[str]:
    return [phrase for _, is_kind, _, cell in ROWS if is_kind == kind for phrase in cell.split("|")]


def test_every_line_of_the_table_is_whole_and_every_language_is_documented():
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert {row[1] for row in ROWS} == {*phrases.KINDS, "attached", "file", "edited"}
    assert all(f"(`{language}`)" in DOCS.read_text(encoding="utf-8") for language, *_ in ROWS)


@pytest.mark.parametrize(
    ("kind", "form"), [("deleted", "{}"), ("deleted", "{}."), ("media", "<{}>"), ("sticker", "\u200e{}")]
)
def test_sentences_of_every_language_are_nobodys_words(read, kind, form):
    said = [form.format(phrase.removesuffix("*").replace("%", "Midori")) for phrase in of(kind)]
    lines = [f"04/03/2025, 10:{i % 60:02} - Hana: {one}" for i, one in enumerate((*said, *map(str.upper, said), "ok"))]
    assert texts(read(*lines)) == [("Hana", "ok")]


@pytest.mark.parametrize("word", [word.removesuffix("*") for word in of("attached")])
def test_attachments_in_every_language(read, word):
    log = read(
        f"[04.03.25, 10:00:00] Hana: \u200e<{word}: photo.jpg>",
        f"[04.03.25, 10:00:00] Hana: der Strand \u200e<{word}: photo.jpg>",
        "[04.03.25, 10:00:01] Sora: ok",
    )
    assert texts(log) == [("Hana", "der Strand"), ("Sora", "ok")]


@pytest.mark.parametrize("words", [word.removesuffix("*") for word in of("file")])
def test_files_with_a_caption_in_every_language(read, words):
    log = read(
        f"04/03/2025, 10:00 - Hana: holiday.jpg ({words})",
        f"04/03/2025, 10:01 - Hana: holiday.jpg ({words})",
        "the beach",
        "04/03/2025, 10:02 - Sora: ok (then)",
    )
    assert texts(log) == [("Hana", "the beach"), ("Sora", "ok (then)")]


@pytest.mark.parametrize("note", of("edited"))
def test_the_note_of_an_edited_message_is_no_part_of_it(read, note):
    log = read(
        f"04/03/2025, 10:00 - Hana: later <{note}>",
        f"04/03/2025, 10:00 - Sora: never <{note}.>",
        "04/03/2025, 10:02 - Sora: <3 you",
    )
    assert texts(log) == [("Hana", "later"), ("Sora", "never"), ("Sora", "<3 you")] and not log.guesses[1:]


def test_a_word_that_people_write_too_counts_only_behind_the_mark(read):
    log = read("[04.03.25, 10:00:00] Hana: Standort", "[04.03.25, 10:00:01] Hana: \u200eStandort")
    assert [m.kind for m in log.messages] == [Kind.TEXT, Kind.MEDIA]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("٤\u200f/٣\u200f/٢٠٢٥، ١٠:٠٠ ص - ", "\u200f١٣\u200f/٣\u200f/٢٠٢٥، ١٠:٠٥ م - "),
        ("[\u200f4\u200f/3\u200f/2025، 10:00:00 ص] ", "\u200f[13\u200f/3\u200f/2025، 10:05:00 م] "),
        ("۱۴۰۳/۱۲/۱۴،\u200f ۱۰:۰۰ - ", "۱۴۰۳/۱۲/۲۳،\u200f ۲۲:۰۵ - "),
        ("०४/०३/२०२५, १०:०० पूर्वाह्न - ", "१३/०३/२०२५, १०:०५ अपराह्न - "),
        ("04/03/2568 10:00 - ", "13/03/2568 22:05 - "),
        ("[4 mars 2025 à 10:00:00] ", "[13 mars 2025 à 22:05:00] "),
        ("4 de mar. de 2025 10:00 - ", "13 de mar. de 2025 22:05 - "),
        ("Tuesday, March 4, 2025 at 10:00 AM - ", "Thursday, March 13, 2025 at 10:05 PM - "),
        ("4 марта 2025 г., 10:00 - ", "13 марта 2025 г., 22:05 - "),
        ("4-Mar-25, 10:00 - ", "13-Mar-25, 22:05 - "),
        ("2025年3月4日 上午10:00 - ", "2025年3月13日 晚上10:05 - "),
        ("2025년 3월 4일 오전 10:00 - ", "2025년 3월 13일 오후 10:05 - "),
        ("4/3/25, 10:00 π.μ. - ", "13/3/25, 10:05 μ.μ. - "),
        ("04/03/2025, 10:00 SA - ", "13/03/2025, 10:05 CH - "),
        ("4.3.2025 klo 10.00 - ", "13.3.2025 klo 22.05 - "),
    ],
)
def test_dates_of_every_script_calendar_and_language(read, first, second):
    log = read(f"{first}Hana: hi", f"{second}Sora: yo", "on two lines")
    assert texts(log) == [("Hana", "hi"), ("Sora", "yo\non two lines")]
    assert [m.time for m in log.messages] == [datetime(2025, 3, 4, 10), datetime(2025, 3, 13, 22, 5)]


def test_one_name_of_a_month_is_read_in_the_language_of_the_file(read):
    polish = read("4 listopada 2025, 10:00 - A: x", "4 grudnia 2025, 10:00 - B: y")
    croatian = read("4 listopada 2025, 10:00 - A: x", "4 prosinca 2025, 10:00 - B: y")
    assert [log.messages[0].time.month for log in (polish, croatian)] == [11, 10]


@pytest.mark.parametrize(
    "notice",
    [
        "Hana hat den Betreff von „A: B“ zu „C: D“ geändert.", "Hana a changé « A: B » en « C: D »",
        "Hana ændrede emnet fra »A: B« til »C: D«", "花子がグループ名を「A: B」に変更しました", "花子改了名称『A: B』",
        'Hana changed the subject from "A" to "B: C"', "Hana changed the subject to “B: C”",
    ],
)  # fmt: skip
def test_a_colon_in_quotes_makes_no_sender(read, notice):
    log = read(f"25.03.25, 10:01 - {notice}", "25.03.25, 10:02 - Sora: „Ruhe: bitte“", "25.03.25, 10:03 - Hana: ok")
    assert [m.sender for m in log.messages] == [None, "Sora", "Hana"]


def test_names_without_a_space_behind_the_colon(read):
    log = read("25.03.25, 10:00 - Hana:hey", "25.03.25, 10:01 - Sora: yo:du", "25.03.25, 10:02 - Hana:https://x.org")
    assert texts(log) == [("Hana", "hey"), ("Sora", "yo:du"), ("Hana", "https://x.org")]
    notice = read("25.03.25, 10:00 - Group created:now", "25.03.25, 10:01 - Sora: yo", "25.03.25, 10:02 - Sora: du")
    assert notice.messages[0].sender is None


HAUSA = (
    "05/03/2025, 10:00 - Saƙonni da kira an kulle su daga ƙarshe zuwa ƙarshe. Ba wanda zai iya karantawa.",
    "05/03/2025, 10:01 - Hana: Sannu da zuwa gida",
    "05/03/2025, 10:02 - Sora: <An cire kafofin watsa labarai>",
    "05/03/2025, 10:02 - Sora: An goge wannan saƙon",
    "05/03/2025, 10:03 - Hana: An goge wannan saƙon",
    "05/03/2025, 10:04 - Hana: gobe <An gyara wannan saƙon>",
    "05/03/2025, 10:05 - Sora: to",
)


def test_sentences_of_a_language_without_a_table_are_presumed_and_can_be_taken_back(read):
    log = read(*HAUSA)
    assert texts(log) == [("Hana", "Sannu da zuwa gida"), ("Hana", "gobe"), ("Sora", "to")]
    guess = next(guess for guess in log.guesses if guess.about == "presumed")
    assert not guess.certain and "4 messages" in guess.note.en
    assert set(guess.value) == {"<An cire kafofin watsa labarai>", "<An gyara wannan saƙon>", "An goge wannan saƙon"}
    again = read(*HAUSA, presumed=["<An cire kafofin watsa labarai>"])
    assert [text for _, text in texts(again)] == [
        "Sannu da zuwa gida", "An goge wannan saƙon", "An goge wannan saƙon", "gobe <An gyara wannan saƙon>", "to",
    ]  # fmt: skip
    assert len(texts(read(*HAUSA, presumed=[]))) == 6


def test_what_a_rule_decided_has_its_own_line_in_the_ledger(read):
    prepared = prepare(read(*HAUSA), "Hana", counter=Letters(), budget=500)
    assert prepared.ledger.counts[Outcome.PRESUMED] == 3 and prepared.ledger.missing == 0


def test_greetings_that_two_people_write_are_theirs_where_the_language_is_known(read):
    log = read(
        "05/03/2025, 10:00 - Messages and calls are end-to-end encrypted. Only people in this chat can read them.",
        "05/03/2025, 10:01 - Hana: Good morning everyone",
        "05/03/2025, 10:02 - Sora: Good morning everyone",
        "05/03/2025, 10:03 - Sora: type <your name> or <b>bold</b>",
        "05/03/2025, 10:04 - Hana: </div>",
    )
    assert len(texts(log)) == 4 and all(guess.about != "presumed" for guess in log.guesses)


@pytest.mark.parametrize(
    "sentence",
    [
        "Jij hebt dit bericht verwijderd",
        "Vous avez supprimé le message",
        "此条消息已删除",
        "Wiadomość została usunięta",
        "Bu mesajı sildin",
    ],
)
def test_a_known_sentence_in_other_wording_is_presumed_too(read, sentence):
    lines = ("05/03/2025, 10:01 - Hana: hi", f"05/03/2025, 10:02 - Sora: {sentence}", "05/03/2025, 10:03 - Hana: ok")
    assert read(*lines).messages[1].kind is Kind.PRESUMED
    assert texts(read(*lines, presumed=()))[1] == ("Sora", sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "I deleted this message",
        "Ich habe diese Nachricht gelesen",
        "Diese Nachricht wurde gelöscht?",
        "このメッセージは削除しました",
        "J'ai vu ce message hier soir",
        "我删除了消息吗",
    ],
)
def test_what_people_say_about_messages_is_theirs(read, sentence):
    log = read("05/03/2025, 10:01 - Hana: hi", f"05/03/2025, 10:02 - Sora: {sentence}", "05/03/2025, 10:03 - Hana: ok")
    assert texts(log)[1] == ("Sora", sentence)
