"""A table with one message a record: its records put together to conversations, each in its order."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from core.data.io.columns import ColumnMapping
from core.data.io.record_files import Unreadable
from core.logs.parsing.clock import Clock
from core.logs.parsing.stamps import clocks

MessageRecord = Mapping[str, Any]
PLACE = "messages"  # where a conversation made here holds its messages


def within(mapping: ColumnMapping) -> ColumnMapping:
    """How a conversation made by `conversations` is read."""
    return ColumnMapping(messages=PLACE, who=mapping.who, said=mapping.said, roles=mapping.roles)


def conversations(records: Iterable[object], mapping: ColumnMapping) -> Iterator[object]:
    """The conversations of `records`, {"messages": […], "start": …} each, in the order in which they begin.

    What belongs to none is handed on as Unreadable: no record, or nothing in the column that tells them apart. Without
    such a column all records are one conversation.
    """
    groups: dict[Hashable, list[MessageRecord]] = {}
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            yield record if isinstance(record, Unreadable) else Unreadable(0, f"record {number} is no object")
            continue
        key = _value(record, mapping.group) if mapping.group else "all"
        if key in (None, ""):
            yield Unreadable(0, f"record {number} has nothing in its column “{mapping.group}”")
        else:
            groups.setdefault(str(key), []).append(record)
    for members in groups.values():
        yield _conversation(members, mapping)


def _conversation(members: Sequence[MessageRecord], mapping: ColumnMapping) -> dict[str, object]:
    keys = _order_keys([_value(record, mapping.order) for record in members]) if mapping.order else []
    if keys:
        members = [members[at] for at in sorted(range(len(members)), key=lambda at: keys[at])]
    start = min(keys) if keys and isinstance(keys[0], datetime) else None
    plain = [{name: _plain(value) for name, value in record.items()} for record in members]
    talk: dict[str, object] = {PLACE: plain}
    return talk | ({"start": start.isoformat()} if isinstance(start, datetime) else {})


def _order_keys(values: Sequence[object]) -> list[Any]:
    """Something to sort by for each value: numbers, else times, else the texts; [] where nothing can be compared.

    A record without a value stands with the one before it.
    """
    written = clocks([value for value in values if isinstance(value, str)], None)
    as_people_write = lambda value: written.moment(value, None) if isinstance(value, str) else None  # noqa: E731
    for read in (_number, Clock().read, as_people_write, str):
        keys = [read(_plain(value)) if value not in (None, "") else None for value in values]
        if any(key is not None for key in keys) and not any(
            key is None and value not in (None, "") for key, value in zip(keys, values, strict=True)
        ):
            return _filled(keys)
    return []


def _filled(keys: list[Any]) -> list[Any]:
    first = next(key for key in keys if key is not None)
    filled = [first if keys[0] is None else keys[0]]
    for _, key in pairwise(keys):
        filled.append(filled[-1] if key is None else key)
    return filled


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _plain(value: object) -> object:
    """What Parquet holds as a time, as text."""
    return value.isoformat() if isinstance(value, datetime | date) else value


def _value(record: MessageRecord, column: str) -> Any:
    """What stands in a column, whichever case its name is written in."""
    if column in record:
        return record[column]
    wanted = column.strip().lower()
    return next((value for name, value in record.items() if str(name).strip().lower() == wanted), None)
