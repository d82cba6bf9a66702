"""Small files that would cost gigabytes or hours are refused in words, soon."""

import base64
import json
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.io.load import load_set
from core.errors import InputError
from core.logs.detect import read_log
from core.memory import documents
from core.personas.card import read_card
from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_edit import joined
from core.personas.lorebook_file import read_book
from core.personas.picture import portrait
from tests.security.conftest import ROOT


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < 10


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A black picture of one bit a pixel."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * (1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", head), *more, chunk(b"IDAT", rows), chunk(b"IEND", b"")])


def zipped(path: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return path


def test_a_picture_of_very_many_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="13,000"):
        portrait(png(13_000, 13_000))
    assert portrait(png(800, 600)) is not None


def test_a_text_in_a_picture_that_swells_is_refused() -> None:
    with pytest.raises(InputError, match="a text of more than"):
        read_card(png(8, 8, chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"A" * 100_000_000))))


def test_a_card_in_a_packed_text_is_read() -> None:
    text = zlib.compress(base64.b64encode(b'{"data": {"name": "Mio"}}'))
    assert read_card(png(8, 8, chunk(b"zTXt", b"chara\0\0" + text))).persona.name == "Mio"
    assert read_card(png(8, 8, chunk(b"iTXt", b"chara\0\1\0\0\0" + text))).persona.name == "Mio"


def test_a_log_that_swells_is_refused(tmp_path: Path) -> None:
    line = b"[2024/01/02 10:00:00] Ann: hello\n[2024/01/02 10:01:00] Bob: hello\n"
    with pytest.raises(InputError, match="times"):
        read_log(zipped(tmp_path / "a.zip", "a.txt", line * 500_000))


def test_rows_that_swell_are_refused(tmp_path: Path) -> None:
    row = json.dumps({"text": "a" * 50_000_000}).encode()
    with pytest.raises(InputError, match="unpacks to"):
        load_set(zipped(tmp_path / "d.zip", "train.jsonl", row))
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pa.table({"text": ["### Instruction:\nhi\n### Response:\n" + "a" * 1000] * 100_000}),
        tmp_path / "d.parquet",
        compression="zstd",
    )
    with pytest.raises(InputError, match="unpacks to"):
        load_set(tmp_path / "d.parquet")


def test_a_long_document_is_cut_in_linear_time() -> None:
    passages = documents.cut([(0, "word " * 2_000_000)])
    assert len(passages) == documents.MOST_PASSAGES and all(len(text) <= 800 for _, text in passages)


def test_a_pdf_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
    ]
    stream = zlib.compress(b"BT /F 1 Tf (word) Tj ET " * 300_000, 9)
    parts.append(b"<</Length %d/Filter/FlateDecode>>\nstream\n" % len(stream) + stream + b"\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + part + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(out)
    (tmp_path / "d.pdf").write_bytes(out + b"xref\n0 5\n0000000000 65535 f \n" + table + end)
    monkeypatch.setattr(documents, "PDF_SECONDS", 0.3)
    with pytest.raises(InputError, match="given up on"):
        documents.read(tmp_path / "d.pdf", "d.pdf")


def test_a_card_of_very_many_packed_texts_unpacks_only_its_own() -> None:
    text = zlib.compress(b"A" * 15_000_000, 9)
    swelling = [chunk(b"zTXt", b"k%d\0\0" % n + text) for n in range(400)]
    card = chunk(b"tEXt", b"chara\0" + base64.b64encode(b'{"data": {"name": "Mio"}}'))
    file = png(8, 8, *swelling, card)
    tracemalloc.start()
    try:
        assert read_card(file).persona.name == "Mio"
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('"character_book": {"entries": [' + ",".join(['{"keys": ["a"], "content": "b"}'] * 100_000) + "]}", "100,000"),
        ('"alternate_greetings": [' + ",".join(['"a"'] * 450_000) + "]", "450,000"),
        ('"mes_example": "' + "x: a\\n{{user}}: b\\n" * 100_000 + '"', "300,000 are allowed"),
    ],
    ids=["entries", "greetings", "examples"],
)
def test_a_card_of_very_many_parts_is_refused_before_they_are_made(
    field: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*parts: object, **fields: object) -> None:
        raise AssertionError("a part was made before they were counted")

    monkeypatch.setattr("core.personas.lorebook_file.LorebookEntry", made)
    monkeypatch.setattr("core.personas.card.Turn", made)
    with pytest.raises(InputError, match=said):
        read_card(f'{{"data": {{"name": "x", {field}}}}}'.encode())


@pytest.mark.parametrize("place", ['{"data": {"name": "x", "a": %s}}', '{"entries": [{"keys": %s}]}'])
@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, "[" + "[]," * 2_000_000 + "1]"], ids=["deep", "many"])
def test_a_card_or_book_that_could_not_be_kept_is_refused(place: str, value: str) -> None:
    """Seven megabytes of brackets were read in a second, and took 36 s and 500 MB to keep."""
    read = read_card if "data" in place else read_book
    with pytest.raises(InputError, match=r"nested too deep|parts"):
        read(place.replace("%s", value).encode())


@pytest.mark.parametrize(
    "number", ["9" * 5_000, "-" + "9" * 300_000, "1e" + "9" * 30, "1e-" + "9" * 30, "9" * 5_000 + ".5"]
)
@pytest.mark.parametrize("lines", [False, True], ids=["JSON", "JSON Lines"])
def test_a_number_that_nothing_can_hold_is_damage(tmp_path: Path, number: str, lines: bool) -> None:
    """A whole number of 4,301 digits ended the server: the parser crashes where Python refuses it."""
    said = [f'{{"sender": "{"AB"[n % 2]}", "text": "hello {n}", "timestamp": {1_700_000_000 + n}}}' for n in range(8)]
    said.insert(4, f'{{"sender": "A", "text": "odd", "timestamp": {number}}}')
    path = tmp_path / "x.json"
    path.write_text("\n".join(said) if lines else f"[{','.join(said)}]")
    code = (
        "import sys; from pathlib import Path; from core.logs.detect import read_log; log = read_log(Path(sys.argv[1]))"
    )
    asked = [sys.executable, "-c", f"{code}; print(len(log.messages))", str(path)]
    ended = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and int(ended.stdout) >= 4, ended.stderr[-600:]


def test_books_of_very_many_entries_are_joined_in_linear_time() -> None:
    books = [Lorebook(tuple(LorebookEntry((f"{n} {k}",), "c") for k in range(5_000))) for n in range(2)]
    assert len(joined(*books).entries) == 10_000
