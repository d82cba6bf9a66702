"""Large logs and data sets are read in a process that is ended in time; what comes back is as if read in place."""

import base64
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.data.io import reading
from core.data.io.load import UnknownShapeError, load_set
from core.data.io.reading import Reading
from core.errors import InputError
from core.limits import LOCAL, PUBLIC
from core.logs.detect import read_log
from tests.security.conftest import ROOT

LINES = "".join(
    f"[2024/01/{1 + n // 1440:02d} {n // 60 % 24:02d}:{n % 60:02d}:00] {'Ann' if n % 2 else 'Bob'}: hello {n}\n"
    for n in range(4_000)
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "chat.txt"
    path.write_text(LINES, encoding="utf-8")
    assert path.stat().st_size > reading.SMALL
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the other process is asked for."""
    orders, ask = [], reading._process.ask

    def noting(order: list, **limits: int) -> object:
        orders.append(order[0])
        return ask(order, **limits)

    monkeypatch.setattr(reading._process, "ask", noting)
    return orders


def test_a_large_log_comes_back_as_it_is(log: Path, asked: list[str]) -> None:
    assert Reading().log(log, file_name="c.txt") == read_log(log, file_name="c.txt")
    assert asked == ["log"]


def test_a_small_log_is_read_in_place(tmp_path: Path, asked: list[str]) -> None:
    path = tmp_path / "c.txt"
    path.write_text(LINES[:9_000], encoding="utf-8")
    assert len(Reading().log(path).messages) > 100 and not asked


def test_a_packed_file_is_never_small(tmp_path: Path, asked: list[str]) -> None:
    from tests.security.test_small_files import zipped

    assert len(Reading().log(zipped(tmp_path / "c.zip", "c.txt", LINES.encode())).messages) == 4_000
    assert asked == ["log"]


def test_a_data_set_comes_back_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    monkeypatch.setattr(reading, "SMALL", 0)
    path, odd = tmp_path / "d.jsonl", tmp_path / "o.jsonl"
    path.write_text('{"instruction": "a", "output": "b"}\n{"prompt": "a", "chosen": "b", "rejected": "c"}\n' * 20)
    here, there = load_set(path, name="d", persona="P"), Reading().data_set(path, name="d", persona="P")
    assert replace(here, info=there.info) == there and len(there.pairs) == 20
    odd.write_text('{"x": "a", "y": "b"}\n' * 20)
    with pytest.raises(UnknownShapeError) as told:
        Reading().data_set(odd, name="o", persona="")
    assert told.value.found.columns == ("x", "y") and "“o”" in told.value.en
    assert asked == ["data set", "data set"]


def test_a_refusal_is_the_same_and_a_file_that_is_gone_too(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SMALL", 0)
    log.write_text("nothing here")
    with pytest.raises(InputError) as here:
        read_log(log)
    with pytest.raises(InputError) as there:
        Reading().log(log)
    assert (there.value.en, there.value.ja) == (here.value.en, here.value.ja)
    with pytest.raises(FileNotFoundError):
        Reading().log(log.with_name("gone.txt"))


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"reading_seconds": 1}, "more than 1 seconds"), ({"reading_mb": 60}, "MB of memory")],
)
def test_what_takes_too_much_is_given_up_and_the_next_is_read(log: Path, limits: dict[str, int], said: str) -> None:
    heavy = log.with_name("heavy.txt")
    heavy.write_text("A: b\nB: c\n" * 1_000_000)
    with pytest.raises(InputError, match=said):
        Reading(replace(LOCAL, **limits)).log(heavy)
    assert len(Reading().log(log).messages) == 4_000


def test_in_public_a_log_has_only_so_many_messages(log: Path) -> None:
    with pytest.raises(InputError, match="4,000 messages; 3,999 are allowed"):
        Reading(replace(PUBLIC, messages=3_999)).log(log)
    Reading(replace(PUBLIC, messages=4_000)).log(log)


def test_nothing_but_plain_values_comes_back() -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return print, ("ran",)

    for sent in (pickle.dumps(Evil()), b"cos\nsystem\n(S'true'\ntR.", b"ccore.isolated\nIsolatedProcess\n(S'x'\ntR."):
        with pytest.raises(pickle.UnpicklingError):
            reading.unpacked(base64.b64encode(sent).decode())


def test_the_process_is_light() -> None:
    code = "import sys, core.data.io.reading_process; print({'torch', 'transformers', 'gradio'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == "set()", ended.stderr
