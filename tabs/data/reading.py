"""Reading the files of a visitor's log: one, or several of which each adds what the ones before it do not hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from core.data.merge import merge
from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Message
from tabs.data.open_log import Added, LogChoices, OpenLogs

EXAMPLES = 8  # new messages of a file that are shown


@dataclass(frozen=True)
class ReadLog:
    """A log, and what each further file added to it."""

    log: Log
    added: tuple[Added, ...] = ()


def read(logs: OpenLogs, owner: str, choices: LogChoices, report: Callable[[str], None]) -> ReadLog:
    """The log in the files; `report` gets the name of each further file before it is read.

    Raises InputError when one cannot be read, or was put away meanwhile.
    """
    log = _read(logs, owner, choices, choices.file, choices.name)
    added: list[Added] = []
    for file, name in choices.more:
        report(name)
        with _naming(name):
            newer = _read(logs, owner, choices, file, name)
        merged = merge(log, newer)
        # What is new is told apart from the notes, which are warnings.
        notes = dict.fromkeys((*log.notes, *newer.notes))
        log = replace(merged.log, notes=tuple(notes))
        new = tuple(_words(log, merged.added))
        added.append(Added(name, len(merged.added), merged.known, new))
    return ReadLog(log, tuple(added))


def _read(logs: OpenLogs, owner: str, choices: LogChoices, file: str, name: str) -> Log:
    try:
        return read_log(
            logs.place(owner, file), file_name=name, format=choices.format or None,
            names=choices.names or None, date_order=choices.date_order or None, columns=choices.columns or None,
            conversations=choices.conversations or None,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise gone() from error


def _words(log: Log, places: tuple[int, ...]) -> Iterator[Message]:
    """The first new messages."""
    yield from (log.messages[place] for place in places[:EXAMPLES])


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which of several files it was."""
    try:
        yield
    except InputError as error:
        raise InputError(f"“{name}”: {error.en}", f"「{name}」: {error.ja}") from error


def gone() -> InputError:
    """For a page that shows a log which is no longer the open one."""
    return InputError(
        "This log was put away or replaced in another window. Reload the page to see what is open now.",
        "この記録は、別の画面で片づけられたか置きかえられました。ページを読み込み直してください。",
    )
