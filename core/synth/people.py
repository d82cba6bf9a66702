"""Who talks with the persona, and about what: simulated users and opening questions, from a file of either language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.data.io.record_files import Unreadable, records
from core.errors import InputError
from core.settings import ROOT

TraitValue = str | int | float | bool
TRAITS = ("mood", "length", "disagreement", "bursts", "typos", "goal")
BUILT_IN_LANGUAGES = ("ja", "en")


@dataclass(frozen=True)
class SimulatedUser:
    """Somebody whom a model plays."""

    id: str
    name: str
    description: str
    kind: str = "ordinary"
    """In the built-in files ordinary, historical, or a follower of a historical figure's thought."""
    traits: Mapping[str, TraitValue] = field(default_factory=dict)
    """How they talk, of `TRAITS`: in words, as a degree from 0 to 1, or yes and no."""


@dataclass(frozen=True)
class OpeningQuestion:
    """What a dialogue begins with, word for word."""

    id: str
    text: str
    topic: str = ""


def built_in_file(name: Literal["simulated_users", "openings"], language: str) -> Path:
    """Where the project's own are."""
    return ROOT / "datasets" / f"{name}.{language}.jsonl"


def read_users(path: Path, columns: Mapping[str, str] | None = None) -> tuple[SimulatedUser, ...]:
    """The simulated users of a file of records (JSONL, JSON, CSV, Parquet).

    `columns` names the file's column for a field where it is called otherwise; traits may be columns of their own.
    Raises InputError that names the record which lacks a name or a description.
    """
    users: list[SimulatedUser] = []
    for number, record in _records(path):
        given = _mapped(record, columns or {})
        traits = given.get("traits")
        named = traits if isinstance(traits, Mapping) else given
        kept = {name: said for name in TRAITS if isinstance(said := named.get(name), TraitValue) and said != ""}
        users.append(
            SimulatedUser(
                str(given.get("id") or number), _text(path, number, given, "name"),
                _text(path, number, given, "description"), str(given.get("kind") or "ordinary"), kept,
            )
        )  # fmt: skip
    return tuple(users)


def read_openings(path: Path, columns: Mapping[str, str] | None = None) -> tuple[OpeningQuestion, ...]:
    """The opening questions of a file; as `read_users`."""
    openings: list[OpeningQuestion] = []
    for number, record in _records(path):
        given = _mapped(record, columns or {})
        text = _text(path, number, given, "text")
        openings.append(OpeningQuestion(str(given.get("id") or number), text, str(given.get("topic") or "")))
    return tuple(openings)


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """(number from 1, record). Raises InputError for a file that holds none, or one that cannot be read."""
    number = 0
    try:
        for number, record in enumerate(records(path, path.name), start=1):
            if isinstance(record, Unreadable) or not isinstance(record, Mapping):
                raise _wrong(path, number, "cannot be read", "読めません")
            yield number, record
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", f"{path} を読めません: {error.strerror}"
        ) from error
    if not number:
        raise InputError(f"{path} holds no records.", f"{path} には 1 件も入っていません。")


def _mapped(record: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    renamed = {field: record.get(column) for field, column in columns.items()}
    return {**record, **renamed}


def _text(path: Path, number: int, record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, number, f"has no “{name}”", f"に「{name}」がありません")
    return value.strip()


def _wrong(path: Path, number: int, en: str, ja: str) -> InputError:
    return InputError(
        f"Record {number} of {path.name} {en}. Mend it, or name its column under “columns”.",
        f"{path.name} の {number} 件目{ja}。直すか、「columns」で列の名前を指定してください。",
    )
