"""Chat logs for scripts: every message as one JSON object a line, and where every line of the file went.

    python -m core.logs FILE… [--persona NAME] > messages.jsonl 2> ledger.json

Standard output has a message a line, in the order of the file: `time` (ISO 8601, a clock on the wall, or
null), `sender` (null for what nobody said), `kind`, `text`, `reply_to` (which message of this file it
answers, counted from 0, or null), `line` (from 1; the record of a JSON file), and `file` when several are
given. Standard error has the ledger, one JSON object. A file that cannot be read is one sentence on
standard error and exit status 2, with nothing on standard output.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from core.errors import InputError
from core.logs.detect import FORMATS, read_log
from core.logs.log import Log
from core.messages import Kind, Message
from core.text import speak_utf8

LARGEST_BYTES = 4_000_000_000  # one's own files may be larger than what a page takes
SHOWN = 200  # characters of a block that was not understood, in the ledger


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, write and return the exit status."""
    speak_utf8(sys.stdout, sys.stderr)
    options = _options(arguments)
    try:
        logs = [_read(path, options) for path in options.files]
        persona = _persona(logs, options.persona) if options.persona is not None else None
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        for path, log in zip(options.files, logs, strict=True):
            _write(log, path if len(logs) > 1 else None, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    ledger: dict[str, object] = {"files": [_ledger(path, log) for path, log in zip(options.files, logs, strict=True)]}
    if persona:
        ledger["persona"] = persona
    print(json.dumps(ledger, ensure_ascii=False, indent=1), file=sys.stderr)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.logs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="an export of a messenger, or a zip of it")
    parser.add_argument("--persona", metavar="NAME", help="somebody in the log: adds their figures to the ledger")
    parser.add_argument("--format", choices=[one.id for one in FORMATS], help="the format, instead of detection")
    answers = parser.add_argument_group("answers to the guesses that a ledger shows")
    answers.add_argument("--names", nargs="+", metavar="NAME", help="which prefixes are people")
    answers.add_argument("--date-order", choices=("dmy", "mdy"), help="day or month first")
    answers.add_argument(
        "--columns", nargs=3, metavar=("SENDER", "TEXT", "TIME"), help='columns of a table; "" for none'
    )
    answers.add_argument("--presumed", nargs="*", metavar="TEXT", help="which sentences are the app's own")
    answers.add_argument("--zone", metavar="PLACE", help="where people were, for files in UTC, as Asia/Tokyo")
    answers.add_argument("--conversations", nargs="+", metavar="NAME", help="which of several conversations")
    return parser.parse_intermixed_args(arguments)


def _read(path: str, options: argparse.Namespace) -> Log:
    try:
        return read_log(
            Path(path),
            format=options.format,
            names=options.names,
            date_order=options.date_order,
            columns=options.columns,
            conversations=options.conversations,
            presumed=options.presumed,
            zone=options.zone,
            max_bytes=LARGEST_BYTES,
        )
    except InputError as error:
        raise InputError(f"{path}: {error.en}", f"{path}：{error.ja}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}.", f"{path}：開けません（{error.strerror}）。") from error


def _write(log: Log, file: str | None, out: TextIO) -> None:
    for message in log.messages:
        out.write(json.dumps(_record(message, file), ensure_ascii=False))
        out.write("\n")


def _record(message: Message, file: str | None) -> dict[str, object]:
    record: dict[str, object] = {
        "time": message.time.isoformat() if message.time else None,
        "sender": message.sender,
        "kind": message.kind.value,
        "text": message.text,
        "reply_to": message.reply_to,
        "line": message.line,
    }
    return record if file is None else record | {"file": file}


def _ledger(path: str, log: Log) -> dict[str, object]:
    """Where the lines of one file went, what was guessed, and who writes."""
    kinds = Counter(message.kind.value for message in log.messages)
    return {
        "file": path,
        "format": log.format.id,
        "encoding": log.encoding,
        "lines": asdict(log.lines),
        "messages": len(log.messages),
        "kinds": {kind.value: kinds[kind.value] for kind in Kind if kinds[kind.value]},
        "unread": [
            {"line": block.line, "lines": block.text.count("\n") + 1, "text": block.text[:SHOWN]}
            for block in log.unread()
        ],
        "speakers": [asdict(speaker) for speaker in log.speakers()],
        "partner": log.partner,
        "conversations": list(log.parts),
        "guesses": [
            {"about": guess.about, "value": list(guess.value), "choices": list(guess.choices), "certain": guess.certain}
            for guess in log.guesses
        ],
        "notes": [note.en for note in log.notes],
    }


def _persona(logs: Sequence[Log], name: str) -> dict[str, object]:
    """The figures of one person over all files. Raises InputError when nobody of that name writes."""
    own = Counter(m.kind.value for log in logs for m in log.messages if m.sender == name)
    if not own:
        known = list(dict.fromkeys(speaker.name for log in logs for speaker in log.speakers()))
        shown = ", ".join(known[:12])
        raise InputError(
            f"Nobody named “{name}” writes here. The names are: {shown}.",
            f"「{name}」という人の発言はありません。いるのは {shown} です。",
        )
    others = sum(m.sender not in (name, None) and m.kind is Kind.TEXT for log in logs for m in log.messages)
    return {"name": name, "messages": own.total(), "kinds": dict(own), "texts_of_others": others}


if __name__ == "__main__":
    sys.exit(main())
