"""Tables with one message a record: put together by their column, in the order of another."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from core.data.io.columns import ColumnMapping
from core.data.io.load import UnknownShapeError, load_set
from core.data.io.mappings import suggested
from core.data.io.message_records import conversations
from core.data.io.record_files import Unreadable

MAPPING = ColumnMapping(
    who="Who", said="Text", group="Conv", order="At", roles=(("ann", "user"), ("ben", "assistant"))
)  # fmt: skip
ROWS = [
    {"Conv": "7", "Who": "Ben", "Text": "fine", "At": "10"}, {"Conv": "8", "Who": "Ann", "Text": "hey", "At": "1"},
    {"Conv": "7", "Who": "Ann", "Text": "how are you?", "At": "9"}, {"Conv": "", "Who": "Ann", "Text": "x", "At": "1"},
    {"Conv": "8", "Who": "Ben", "Text": "ho", "At": "2"}, {"Conv": "7", "Who": "Ben", "Text": "and you?", "At": ""},
]  # fmt: skip


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
    return path


@pytest.mark.parametrize("name", ["talks.csv", "talks.jsonl", "talks.parquet"])
def test_records_become_conversations(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, ROWS)
    with pytest.raises(UnknownShapeError):
        load_set(path)
    found = load_set(path, mapping=MAPPING)
    rows = [row for split in found.rows.values() for row in split]
    assert [[turn.messages for turn in row.turns] for row in rows] == [
        [("how are you?",), ("and you?", "fine")], [("hey",), ("ho",)]
    ]  # fmt: skip
    assert found.left_out == {"unreadable": 1} and "record 4 has nothing in its column “Conv”" in found.examples[0]


def order(*values: object) -> list[str]:
    rows = [{"who": "a", "said": str(n), "at": value} for n, value in enumerate(values)]
    (talk,) = conversations(rows, ColumnMapping(who="who", said="said", order="at"))
    return [one["said"] for one in talk["messages"]]  # type: ignore[index]


def test_the_order_is_that_of_numbers_times_or_letters() -> None:
    assert order(10, 9, "8") == ["2", "1", "0"]
    assert order("2024-05-02 10:00", "2024/05/01 9:00", "2024-05-01 10:00") == ["1", "2", "0"]
    assert order(datetime(2024, 5, 2), datetime(2024, 5, 1)) == ["1", "0"]
    assert order("13/5/2024 9:00 PM", "2/5/2024 10:00 AM") == ["1", "0"]
    assert order("b", "a") == ["1", "0"]
    assert order(2, None, 1) == ["2", "0", "1"]
    assert order(None, None) == ["0", "1"]


def test_what_is_no_record_is_handed_on() -> None:
    broken = Unreadable(3, "cut")
    first, second, talk = conversations(["x", broken, {"who": "a", "said": "b"}], ColumnMapping(who="who", said="said"))
    assert isinstance(first, Unreadable) and second is broken
    assert talk == {"messages": [{"who": "a", "said": "b"}]}


def test_known_names_are_guessed() -> None:
    rows = [
        {"conversation_id": 1, "Role": role, "text": "x", "turn": n} for n, role in enumerate(("user", "assistant"))
    ]
    assert suggested(rows) == ColumnMapping(
        who="Role", said="text", group="conversation_id", order="turn",
        roles=(("user", "user"), ("assistant", "assistant")),
    )  # fmt: skip
