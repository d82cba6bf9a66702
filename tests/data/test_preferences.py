"""Pairs of replies: kept line by line, taken out and brought back, read as they were written."""

import json
from pathlib import Path

import pytest

from core.data.preferences import Pair, Preferences, read_pairs, write_pairs
from core.errors import InputError
from core.messages import Turn
from core.workspace import Workspace

CONTEXT = (Turn("user", ("hi", "いる？")), Turn("assistant", ("うん",)), Turn("user", ("何してる？",), "Ken"))
PAIR = Pair(CONTEXT, ("寝てた", "ごめん"), ("私は AI です。",), adapter="mika", persona="Mika")


@pytest.fixture
def store(tmp_path: Path) -> Preferences:
    return Preferences(Workspace(tmp_path))


def test_pairs_come_back_newest_first_and_of_one_adapter(store: Preferences) -> None:
    first = store.add("local-a", PAIR)
    second = store.add("local-a", Pair((), ("a\u2028a",), ("b",)))
    assert first.id != second.id and first.created
    assert store.list_all("local-a") == (second, first)
    assert store.list_all("local-a", adapter="mika") == (first,)
    assert store.list_all("local-b") == ()
    assert first.context == CONTEXT and first.chosen == ("寝てた", "ごめん")


def test_what_was_deleted_can_be_brought_back(store: Preferences) -> None:
    kept = store.add("local-a", PAIR)
    store.delete("local-a", kept.id)
    assert store.list_all("local-a") == ()
    with pytest.raises(InputError):
        store.delete("local-a", kept.id)
    store.restore("local-a", kept.id)
    assert store.list_all("local-a") == (kept,)


def test_a_line_that_was_cut_short_loses_no_other(store: Preferences, tmp_path: Path) -> None:
    first = store.add("local-a", PAIR)
    (file,) = tmp_path.glob("owners/local-a/preferences/*.jsonl")
    with file.open("ab") as opened:
        opened.write(b'{"id": "x", "mess')
    second = store.add("local-a", PAIR)
    assert store.list_all("local-a") == (second, first)


def test_the_export_is_what_preference_trainers_read(store: Preferences, tmp_path: Path) -> None:
    store.add("local-a", PAIR)
    file = store.export("local-a", tmp_path)
    (row,) = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert row["messages"][-1] == {"role": "user", "content": "何してる？", "name": "Ken"}
    assert row["chosen"] == [{"role": "assistant", "content": "寝てた"}, {"role": "assistant", "content": "ごめん"}]
    assert row["rejected"] == [{"role": "assistant", "content": "私は AI です。"}]
    write_pairs(file, [PAIR, Pair((), ("a\u2028a",), ("b",))])
    assert [pair.chosen for pair in read_pairs(file)] == [PAIR.chosen, ("a\u2028a",)]


@pytest.mark.parametrize(("chosen", "rejected"), [(("",), ("a",)), (("a",), (" ",)), (("a ", ""), ("a",))])
def test_a_pair_without_a_better_reply_is_refused(chosen: tuple[str, ...], rejected: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        Pair((), chosen, rejected)


def test_a_file_that_holds_something_else_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    write_pairs(file, [PAIR])
    with file.open("a", encoding="utf-8") as opened:
        opened.write('{"messages": [], "chosen": "yes", "rejected": []}\n')
    with pytest.raises(InputError, match=r"Line 2 of pairs\.jsonl"):
        read_pairs(file)
