"""Streams of JSON: what is put right on the fly, what damage leaves, and that nothing grows without bounds."""

import io
import json
import tracemalloc

import pytest

from core.logs.parsing.clock import Clock, utc, written
from core.logs.parsing.json_source import JsonSource
from core.logs.parsing.json_text import CHUNK
from tests.helpers.typed import present, untyped


def source(data: bytes) -> JsonSource:
    return JsonSource(lambda: io.BytesIO(data), "x.json")


def values(data: bytes, path: str = "item") -> list[object]:
    return [item.value for item in source(data).items(path)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding):
    assert values('["あ😀", 1]'.encode(encoding)) == ["あ😀", 1]


def test_other_encodings_are_read_and_said():
    one = source('["こんにちは"]'.encode("cp932"))
    assert [item.value for item in one.items("item")] == ["こんにちは"] and "cp932" in one.notes[0].en


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r'["a\x1Fb"]', "a\x1fb"),
        (r'["a\\x1F"]', r"a\x1F"),
        (r'["a\\\x1F"]', "a\\\x1f"),
        (r'["\ud83d\ude00"]', "😀"),
        (r'["a\ud83d"]', "a\ufffd"),
        (r'["\ude00a"]', "\ufffda"),
        ('["a\x01b"]', "a\x01b"),
    ],
)
def test_escapes_that_no_parser_takes(raw, text):
    assert values(raw.encode()) == [text]
    far = json.dumps(["x" * (CHUNK - 12)])[:-1] + "," + raw[1:]  # the escape stands where two pieces meet
    assert values(far.encode())[-1] == text


def test_assignment_of_a_script():
    assert values(b"window.YTD.direct_messages.part0 = [ 1, 2 ] ;\n") == [1, 2]


def test_what_stands_before_the_damage_is_read_and_the_rest_is_noted():
    one = source(json.dumps([{"n": n} for n in range(1000)]).encode()[:-40])
    read = [untyped(item.value)["n"] for item in one.items("item")]
    assert read == list(range(len(read))) and 990 < len(read) < 1000
    assert "damaged or cut off" in one.notes[0].en and "x.json" in one.notes[0].ja
    whole = source(b"[1]")
    assert list(whole.items("item")) and whole.notes == ()


def test_lists_in_lists_without_end_take_no_memory():
    deep = b'{"messages": ' + b"[" * 200_000
    tracemalloc.start()
    one = source(deep)
    assert not one.top.has("messages.item.text") and list(one.items("messages.item")) == []
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert "deeper than 100" in one.notes[0].en


def test_brackets_in_texts_are_no_lists():
    texts = ["[" * 5000, ':{ "[', "\\", '\\"[' * 500]
    assert values(json.dumps(texts).encode()) == texts


def test_top_shows_paths_with_their_first_values():
    top = source(b'{"name": "n", "list": [{"a": null}, {"a": 2, "b": {"c": "d"}}], "end": 1}').top
    assert top.paths["name"] == "n" and top.paths["list.item.a"] == 2 and top.paths["list.item.b.c"] == "d"
    assert top.has("list", "end") and not top.has("list", "nothing") and not top.lines
    assert source(b"no json").top.paths == {}


def test_top_of_a_large_file_reads_its_beginning_only():
    data = b'{"messages": [' + b'{"text": "x"},' * 1_000_000 + b'{}], "behind": 1}'
    read = []
    one = JsonSource(lambda: Spy(data, read), "x")
    assert one.top.has("messages.item.text") and not one.top.has("behind")
    assert sum(read) < 4_000_000


class Spy(io.BytesIO):
    def __init__(self, data: bytes, read: list[int]) -> None:
        super().__init__(data)
        self._read = read

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._read.append(len(data))
        return data


def test_json_lines_have_true_line_numbers_and_keep_broken_lines():
    one = source(b'\xef\xbb\xbf{"a": 1}\n\n{"a": \r\n{"a": 3}')
    assert one.top.lines and one.top.has("item.a")
    assert [tuple(item) for item in one.records()] == [(1, {"a": 1}, None), (3, None, '{"a":'), (4, {"a": 3}, None)]


def test_records_of_an_array_and_of_one_object():
    assert [item[:2] for item in source(b'[{"a": 1}, {"a": 2}]').records()] == [(1, {"a": 1}), (2, {"a": 2})]
    assert [item.value for item in source(b'{\n"a": 1\n}').records()] == [{"a": 1}]
    assert source(b'{\n"a": 1\n}').top.records_have("a") and source(b'[{"a": 1}]').top.records_have("a")


def test_grouped_streams_bring_the_fields_around_them():
    chats = [
        {"name": "one", "tags": ["t", {"u": 1}], "messages": [1, {"x": [2]}], "behind": {"y": None}},
        {"name": "none", "messages": []},
        {"name": "two", "in": {"messages": [9]}, "messages": ["z"]},
    ]
    found = list(source(json.dumps({"list": chats}).encode()).grouped("list.item", "messages.item"))
    assert [(group, head["name"], *item) for group, head, item in found] == [
        (1, "one", 1, 1, None), (1, "one", 2, {"x": [2]}, None), (3, "two", 3, "z", None),
    ]  # fmt: skip
    assert found[0][1] == {"name": "one", "tags": ["t", {"u": 1}], "behind": {"y": None}}
    assert found[2][1]["in"] == {"messages": [9]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T10:30:05.6870000+09:00", "2024-01-15T10:30:05"), ("2024-01-15 10:30", "2024-01-15T10:30:00"),
        ("2024-01-15T10:30:05.68Z", "2024-01-15T10:30:05"), ("2024-13-15T10:30:05", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_times_as_they_are_written(text, expected):
    found = written(text)
    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize("count", [1705314605, "1705314605.250000", 1705314605250, 1705314605250000, "1705314605250"])
def test_counts_of_seconds_and_finer(count):
    assert present(utc(count)).isoformat().startswith("2024-01-15T10:30:05")


@pytest.mark.parametrize("count", [True, None, "x", float("inf"), float("nan"), 10**40, "NaN", "-", []])
def test_numbers_that_are_no_times(count):
    assert utc(count) is None


def test_clock_puts_zones_together():
    clock = Clock()
    times = [clock.read(t) for t in ("2024-01-01T12:00:00+09:00", "2024-01-01T03:30:00Z", 1704078000, "2024/01/02")]
    assert [present(t).isoformat() for t in times] == [
        "2024-01-01T12:00:00", "2024-01-01T12:30:00", "2024-01-01T12:00:00", "2024-01-02T00:00:00",
    ]  # fmt: skip
