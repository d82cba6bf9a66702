"""LINE in the languages of its phones: date lines, banners, clocks and marks whose words no list holds."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


@pytest.fixture
def read(tmp_path: Path):
    def read(*lines: str, **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes("\n".join(lines).encode())
        log = read_log(path, **answers)
        assert log.format.id == "line" and log.lines.missing == 0
        return log

    return read


@pytest.mark.parametrize(
    ("title", "saved", "day"),
    [
        ("Riwayat obrolan dengan Ana", "Disimpan pada: 05/03/2025 21:00", "Sel, 04/03/2025"),
        ("Historial de chat con Ana", "Guardado el: 05/03/2025, 21:00", "mar., 04/03/2025"),
        ("Histórico da conversa com Ana", "Salvo em: 05/03/2025 21.00", "ter., 04/03/2025"),
        ("Historique de discussion avec Ana", "Enregistré le : 05/03/2025 21:00", "mardi 04/03/2025"),
        ("Chatverlauf mit Ana", "Gespeichert am: 05.03.2025 21:00", "Di., 04.03.2025"),
        ("Cronologia chat con Ana", "Salvato il: 05/03/2025 21:00", "mar, 04/03/2025"),
        ("История чата с Ana", "Сохранено: 05.03.2025, 21:00", "вт, 04.03.2025"),
        ("Ana sohbet geçmişi", "Kaydedildi: 05.03.2025 21:00", "Salı, 04/03/2025"),
        ("Sejarah sembang dengan Ana", "Disimpan pada: 05/03/2025 9:00 PTG", "Sel, 04/03/2025"),
        ("Lịch sử trò chuyện với Ana", "Đã lưu vào: 05/03/2025 21:00", "Th 3, 04/03/2025"),
        ("سجل الدردشة مع Ana", "تم الحفظ في: 05/03/2025 21:00", "الثلاثاء, 04/03/2025"),
    ],
)
def test_exports_of_every_language_have_days_a_partner_and_no_marks_among_the_words(read, title, saved, day):
    log = read(f"[LINE] {title}", saved, "", day, "10:00\tAna\thola", "10:01\tBea\t[Xyzw]", "10:02\tBea\t[x] y")
    assert [(m.kind, m.text) for m in log.messages] == [
        (Kind.TEXT, "hola"), (Kind.PRESUMED, "[Xyzw]"), (Kind.TEXT, "[x] y"),
    ]  # fmt: skip
    assert log.messages[0].time == datetime(2025, 3, 4, 10) and log.partner == "Ana"


def test_marks_of_an_unknown_language_can_be_taken_back(read):
    lines = (
        "[LINE] Chatverlauf mit Ana",
        "Gespeichert am: 05.03.2025 21:00",
        "",
        "Di., 04.03.2025",
        "10:00\tAna\t[Foto]",
    )
    assert read(*lines).messages[0].kind is Kind.PRESUMED
    assert read(*lines, presumed=[]).messages[0].kind is Kind.TEXT


def test_brackets_are_words_where_the_marks_are_known(read):
    log = read(
        "[LINE] みどりとのトーク履歴", "保存日時：2025/03/05 21:00", "", "2025/03/04(火)", "10:00\tみどり\t[爆笑]"
    )
    assert log.messages[0].kind is Kind.TEXT and not log.guesses


def test_clocks_of_every_language(read):
    log = read(
        "2025/03/04(火)", *(f"{clock}\tA\tx" for clock in ("1:05 PTG", "1:05 μ.μ.", "1:05 CH", "오후 1:05", "下午1:05"))
    )
    assert {m.time for m in log.messages} == {datetime(2025, 3, 4, 13, 5)}


def test_a_date_line_above_other_words_is_part_of_the_message(read):
    log = read(
        "2025/03/04(火)", "10:00\tみどり\t候補日", "2025/03/08(土)", "", "どう？",
        "10:03\tそら\t去年は", "2024/03/05(火)", "10:05\tそら\tだった", "", "2025/03/05(水)", "10:06\tそら\tはい",
    )  # fmt: skip
    assert [m.text for m in log.messages] == [
        "候補日\n2025/03/08(土)\n\nどう？",
        "去年は\n2024/03/05(火)",
        "だった",
        "はい",
    ]
    assert [m.time.day for m in log.messages] == [4, 4, 4, 5]


def test_a_log_without_dates_says_so(read):
    log = read("10:00\tA\tx", "10:01\tB\ty", "10:02\tA\tz")
    assert [note.en[:46] for note in log.notes] == ["3 of 3 messages have no date, so that silences"]
    assert not read("2025/03/04(火)", "10:00\tA\tx").notes
