"""Which column is who: what there is to choose from in records of no known shape, a guess, a preview, and a memory.

A mapping is remembered for each owner by the set of columns it was made for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.data.io.columns import ROLES, SAID, WHO, ColumnMapping, RecordValues, SpeakerRole
from core.data.io.message_records import conversations, within
from core.data.io.records import columns_of, read_record
from core.data.rows import Row
from core.files import parse_json, read_json, write_json
from core.stored import UNREADABLE, parse
from core.workspace import Workspace

REMEMBERED = ".mappings.json"  # hidden: whatever else lies among the data sets is one
MOST_REMEMBERED = 100
# How tables name the column that tells conversations apart, and the one that orders them.
GROUP = ("conversation_id", "conversationid", "conv_id", "conversation", "dialogue_id", "dialog_id", "dialogue",
         "dialog", "chat_id", "chat", "thread_id", "thread_ts", "thread", "session_id", "session", "message_tree_id",
         "tree_id", "channel_id", "channel", "room", "会話id", "会話")  # fmt: skip
ORDER = ("turn_id", "turn_index", "turn", "message_index", "message_idx", "position", "index", "idx", "order", "seq",
         "sequence", "step", "timestamp", "time", "datetime", "created_at", "created_date", "create_time", "sent_at",
         "date", "ts", "順番", "日時", "時刻")  # fmt: skip
SPEAKERS = 40  # that can be told apart; a column with more holds no names


@dataclass(frozen=True)
class MappingPreview:
    """What a mapping makes of some records."""

    rows: tuple[Row, ...]
    """The first ones."""
    read: int
    """Records that became rows; conversations, where a record is one message."""
    all: int
    why: str
    """What is wrong with the first record that did not; "" for nothing."""


def preview(records: Sequence[object], mapping: ColumnMapping, most: int = 3) -> MappingPreview:
    """Read `records` by `mapping`, as loading will; its first `most` rows."""
    rows: list[Row] = []
    why = ""
    if mapping.one_message_a_record:
        records, mapping = list(conversations(records, mapping)), within(mapping)
    for number, record in enumerate(records):
        try:
            read = read_record(record, number, mapping)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = why or str(error)
            continue
        rows += [read.row] if read.row else []
    return MappingPreview(tuple(rows[:most]), len(rows), len(records), why)


def message_columns(records: Sequence[object]) -> list[str]:
    """The columns that hold lists of messages, also as JSON text."""
    return [name for name in columns_of(records) if _messages(records, name)]


def message_keys(records: Sequence[object], column: str) -> list[str]:
    """The keys of the messages in `column`, in their order."""
    return columns_of(_messages(records, column))


def speakers_of(records: Sequence[object], mapping: ColumnMapping) -> list[str]:
    """Who speaks in the messages that `mapping` names, in the order they appear."""
    messages = _said_in(records, mapping)
    key = mapping.who or next((name for name in WHO if any(name in message for message in messages)), "")
    found = dict.fromkeys(str(message[key]).strip() for message in messages if message.get(key) is not None)
    return list(found)[:SPEAKERS]


def suggested(records: Sequence[object]) -> ColumnMapping:
    """A first guess: a column of messages where there is one, else one message a record where the columns are named
    so, else the two columns with the longest texts."""
    lists = message_columns(records)
    if lists:
        return suggested_speakers(records, suggested_keys(records, lists[0]))
    flat = suggested_flat(records)
    if flat.who and flat.said and (flat.group or flat.order):
        return suggested_speakers(records, flat)
    longest = {name for name, _ in _lengths(records).most_common(2)}
    user, assistant, *_ = [name for name in columns_of(records) if name in longest] + ["", ""]
    return ColumnMapping(user=user, assistant=assistant)


def longest_column(records: Sequence[object]) -> str:
    """The column with the longest texts; "" where there are none."""
    return next((name for name, _ in _lengths(records).most_common(1)), "")


def _lengths(records: Sequence[object]) -> "Counter[str]":
    lengths: Counter[str] = Counter()
    for record in records:
        if isinstance(record, Mapping):
            lengths.update({str(name): len(value) for name, value in record.items() if isinstance(value, str)})
    return lengths


def suggested_flat(records: Sequence[object]) -> ColumnMapping:
    """Which columns of records with one message each hold what, by their names; "" where none is named so."""
    names = {name.strip().lower(): name for name in columns_of(records)}
    said = next((names[name] for name in SAID if name in names), "")
    who = next((names[name] for name in WHO if name in names and names[name] != said), "")
    group = next((names[name] for name in GROUP if name in names and names[name] not in (who, said)), "")
    order = next((names[name] for name in ORDER if name in names and names[name] not in (who, said, group)), "")
    return ColumnMapping(who=who, said=said, group=group, order=order)


def suggested_speakers(records: Sequence[object], mapping: ColumnMapping) -> ColumnMapping:
    """`mapping` with who is who among the speakers: by known names; of the others the first asks, the rest answer."""
    roles: list[tuple[str, SpeakerRole]] = []
    strangers = 0
    for name in speakers_of(records, mapping):
        role: SpeakerRole | None = ROLES.get(name.lower())
        if role is None:
            role = "user" if strangers == 0 else "assistant"
            strangers += 1
        roles.append((name, role))
    return replace(mapping, roles=tuple(roles))


def suggested_keys(records: Sequence[object], column: str) -> ColumnMapping:
    """Who speaks and what is said in the messages of `column`: by known names, or by how often a value comes again."""
    messages = _messages(records, column)
    keys = [key for key in columns_of(messages) if any(isinstance(message.get(key), str) for message in messages)]
    lengths = {key: sum(len(str(message.get(key) or "")) for message in messages) for key in keys}
    kinds = {key: len({str(message.get(key)) for message in messages}) for key in keys}
    who = next((key for key in keys if key.lower() in WHO), "")
    said = next((key for key in keys if key.lower() in SAID and key != who), "")
    rest = [key for key in keys if key not in (who, said)]
    said = said or max(rest, key=lambda key: lengths[key], default="")
    who = who or min((key for key in rest if key != said), key=lambda key: kinds[key], default="")
    return ColumnMapping(messages=column, who=who, said=said)


def _said_in(records: Sequence[object], mapping: ColumnMapping) -> list[RecordValues]:
    """All messages that `mapping` names."""
    if mapping.one_message_a_record:
        return [one for one in records if isinstance(one, Mapping)]
    return _messages(records, mapping.messages)


def _messages(records: Sequence[object], column: str) -> list[RecordValues]:
    """All messages in `column` that have keys."""
    found: list[RecordValues] = []
    for record in records:
        value = record.get(column) if isinstance(record, Mapping) else None
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            try:
                value = parse_json(value)
            except ValueError:
                value = None
        found += [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    return found


@dataclass(frozen=True)
class Mappings:
    """What every owner chose, by the set of columns."""

    workspace: Workspace

    def get(self, owner: str, columns: Sequence[str]) -> ColumnMapping | None:
        """What was chosen for these columns, in whichever order; None for nothing."""
        return next((mapping for known, mapping in self._read(owner) if known == _key(columns)), None)

    def keep(self, owner: str, columns: Sequence[str], mapping: ColumnMapping) -> None:
        """Remember `mapping` for these columns. Raises InputError when the disk is full."""
        others = [(known, other) for known, other in self._read(owner) if known != _key(columns)]
        kept = [(_key(columns), mapping), *others][:MOST_REMEMBERED]
        write_json(self._file(owner), [{"columns": list(known), "mapping": asdict(one)} for known, one in kept])

    def forget(self, owner: str, columns: Sequence[str]) -> None:
        """Ask again for these columns."""
        others = [(known, other) for known, other in self._read(owner) if known != _key(columns)]
        write_json(self._file(owner), [{"columns": list(known), "mapping": asdict(one)} for known, one in others])

    def _read(self, owner: str) -> list[tuple[tuple[str, ...], ColumnMapping]]:
        """What is remembered, the newest first; a damaged file is as good as none: one is asked again."""
        try:
            entries = read_json(self._file(owner))
            return [(_key(entry["columns"]), parse(ColumnMapping, entry["mapping"])) for entry in entries]
        except (FileNotFoundError, *UNREADABLE):
            return []

    def _file(self, owner: str) -> Path:
        return self.workspace.folder(owner, "datasets") / REMEMBERED


def _key(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({str(name).strip().lower() for name in columns}))
