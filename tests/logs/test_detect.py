"""Bytes to text, detection, the sentences for files that are no logs, and that no line is ever lost."""

import random
import time
from pathlib import Path

import pytest

from core.errors import InputError
from core.logs.detect import FALLBACK, FORMATS, READERS, read_log
from core.logs.parsing.decode import count_lines, decode

TALK = "2024/01/01(月)\n10:00\t花子\tこんにちは、元気ですか？\n10:01\t太郎\t元気です\n10:02\t花子\tよかった\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp932"])
def test_encodings_that_a_saved_file_may_have(tmp_path, encoding):
    path = tmp_path / "talk.txt"
    path.write_bytes(TALK.encode(encoding))
    log = read_log(path)
    assert log.messages[0].text == "こんにちは、元気ですか？" and log.messages[0].line == 2
    assert bool(log.notes) == (encoding == "cp932")


def test_one_damaged_byte_leaves_the_rest_and_warns():
    decoded = decode(TALK.encode()[:60] + b"\xff" + TALK.encode()[60:])
    assert decoded.encoding == "utf-8" and decoded.warning and "太郎" in decoded.text


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"), (b" \n\n", "empty"), (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "no text file"),
        (b"%PDF-1.7\n", "no text"),
        (b"Dear diary,\ntoday it rained.\nI stayed in.\n", "Dear diary"), (b"a,b\n1,2\n", "No chat format"),
    ],
)  # fmt: skip
def test_files_that_are_no_logs(tmp_path, data, words):
    with pytest.raises(InputError, match=words) as caught:
        read_log(write(tmp_path / "x.txt", data))
    assert caught.value.ja != caught.value.en


def test_too_large(tmp_path):
    with pytest.raises(InputError, match=r"“big.txt” is larger than 1 MB"):
        read_log(write(tmp_path / "x", b"x" * 1_000_001), file_name="big.txt", max_bytes=1_000_000)


def test_format_can_be_forced(tmp_path):
    path = write(tmp_path / "x.txt", TALK.encode())
    assert {f.id for f in FORMATS} >= {"line", "line-desktop", "whatsapp", "plain", "json", "telegram"}
    with pytest.raises(InputError, match="when read as WhatsApp"):
        read_log(path, format="whatsapp")
    with pytest.raises(InputError, match="Known: json"):
        read_log(path, format="fax")


@pytest.mark.parametrize("line", [b"a", b"no chat here, only words\n", b"QUJDREVGR0hJ\n", b'"{[:\n'])
def test_fifty_megabytes_of_junk_are_refused_at_once(tmp_path, line):
    path = write(tmp_path / "x.txt", line * (50_000_000 // len(line)))
    began = time.process_time()
    with pytest.raises(InputError):
        read_log(path)
    assert time.process_time() - began < 2


PIECES = (
    "2024/01/01(月)", "2024/01/02(月)", "2024.03.31 日曜日", "10:00\tA\thi", '10:01\tB\t"open', '"', 'a""b', "続き",
    "", " ", "\t", "A: hi", "B： yo", "Note: x", "25/07/2026, 13:32 - A: x", "[25/07/2026, 13:32:05] B: \u200ey",
    '{"sender": "A", "text": "x"}', "[", "18:04 H V x", "[LINE] Aとのトーク履歴", "保存日時：2026/08/21 11:59",
    "*** END OF THE PROJECT GUTENBERG", "\u2028", "\ufeff", "\x0c",
)  # fmt: skip


@pytest.mark.parametrize("format", [reader.FORMAT.id for reader in (*READERS, FALLBACK)])
def test_no_line_is_lost_whatever_the_file_holds(tmp_path, format):
    """Random mixtures: every reader answers with a log or with the clear error, and counts each line once."""
    chance = random.Random(format)
    for _ in range(150):
        lines = chance.choices(PIECES, k=chance.randint(1, 25))
        ends = chance.choice((("\n",), ("\r\n",), ("\r",), ("\n", "\n", "\r\n"), ("\n", "\r")))
        text = "".join(line + chance.choice(ends) for line in lines)
        data = bytearray(text.encode())
        if chance.random() < 0.3:
            data[chance.randrange(len(data))] = chance.randrange(32, 256)
        path = write(tmp_path / "x.txt", bytes(data))
        try:
            log = read_log(path, format=format)
        except InputError:
            continue
        assert log.lines.missing == 0
        assert log.lines.total == count_lines(decode(bytes(data)).text)
        assert all(1 <= m.line <= log.lines.total for m in log.messages)
        numbers = [m.line for m in log.messages]
        assert numbers == sorted(numbers)
