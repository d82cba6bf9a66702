"""The records of a file of any kind: JSON lines, a JSON list (also a damaged one), CSV, TSV, Parquet.

One record that cannot be read never takes the others with it: it is handed on as `Unreadable`, and counted.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from core.errors import InputError
from core.files import parse_json
from core.logs.parsing.decode import decode

KINDS = (".jsonl", ".json", ".parquet", ".csv", ".tsv", ".ndjson")
LISTS = ("data", "rows", "train", "items", "examples", "conversations", "messages")
REPEATED_HEADING = "the heading again"
DELIMITERS = ",\t;|"
NEXT_ITEM = re.compile(r"\n[ \t]{0,8}\{")  # of a list that is written an item a line
HEAD = 64_000  # characters that decide what the delimiter is
MAX_BYTES = 500_000_000
LARGEST_RATIO, RATIO_FROM = 40, 20_000_000  # no chat that was looked at shrank to less than a twelfth


@dataclass(frozen=True)
class Unreadable:
    """What stands where a record should."""

    line: int
    """From 1; 0 where there are no lines."""
    why: str


def records(path: Path, called: str) -> Iterator[object]:
    """The records of a file, by what it begins with. Raises InputError for any other file."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == b"PAR1":
        yield from _of_parquet(path, called)
        return
    text = decode(path.read_bytes()).text.lstrip("\ufeff")
    first = text.lstrip()[:1]
    if first == "[":
        yield from _of_list(text)
    elif first == "{":
        yield from _of_lines(text)
    elif path.suffix.lower() in (".csv", ".tsv") or _looks_like_a_table(text):
        yield from _of_table(text)
    elif not first:
        return
    else:
        raise InputError(
            f"“{called}” is no file of rows: it begins with {text.strip()[:40]!r}. Rows are JSONL, JSON, CSV, Parquet.",
            f"「{called}」は行のファイルとして読めません（先頭: {text.strip()[:40]!r}）。"
            "JSONL・JSON・CSV・Parquet にしてください。",
        )


def _of_lines(text: str) -> Iterator[object]:
    """JSON lines; also one object over several lines, as of a file with one record or with a list inside."""
    try:
        whole = parse_json(text)
    except ValueError:
        for number, line in enumerate(text.split("\n"), start=1):  # not splitlines(): U+2028 stands inside of texts
            if line.strip():
                yield _value(line, number)
        return
    inside = next((whole[name] for name in LISTS if _is_list_of_records(whole.get(name))), None)
    yield from inside if inside is not None else (whole,)


def _is_list_of_records(value: object) -> bool:
    """Whether it is a list of records, and not the messages of one."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(one, dict) and not {"role", "from", "content", "value"} & one.keys() for one in value[:3]
    )  # fmt: skip


def _value(line: str, number: int) -> object:
    try:
        return parse_json(line.strip().rstrip(","))
    except ValueError as error:
        return Unreadable(number, str(error))


def _of_list(text: str) -> Iterator[object]:
    """The items of a JSON list one by one, so that a comma too many or a cut end costs no more than itself."""
    try:
        yield from parse_json(text)
        return
    except ValueError:
        pass
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
            yield value
        except (ValueError, RecursionError) as error:
            yield Unreadable(text.count("\n", 0, at) + 1, str(error))
            begins = NEXT_ITEM.search(text, at + 1)
            if begins is None:
                return
            at = begins.end() - 1


def _looks_like_a_table(text: str) -> bool:
    head = text[:HEAD].split("\n", 1)[0]
    return any(delimiter in head for delimiter in DELIMITERS) and len(text.strip().split("\n", 2)) > 1


def _of_table(text: str) -> Iterator[object]:
    """The rows of a table under its first line; a first line that comes again, as in files joined, is no row."""
    if text[:4].lower() == "sep=":  # Excel's own line for the delimiter
        text = text.partition("\n")[2]
    head = text[:HEAD]
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(head.split("\n", 1)[0], DELIMITERS)
    except csv.Error:
        dialect = csv.excel_tab if "\t" in head.split("\n", 1)[0] else csv.excel
    dialect.doublequote = True
    reader = csv.reader(StringIO(text, newline=""), dialect)
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip() for cell in cells]
            elif [cell.strip() for cell in cells] == names:
                yield Unreadable(reader.line_num, REPEATED_HEADING)
            else:
                yield dict(zip(names, cells, strict=False))
    except csv.Error as error:
        yield Unreadable(reader.line_num, str(error))


def _of_parquet(path: Path, called: str) -> Iterator[object]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            size = 0
            for batch in file.iter_batches(batch_size=1000):
                size += batch.nbytes
                check_swelling(called, path.stat().st_size, size)
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"“{called}” is a damaged Parquet file: {str(error)[:120]}.",
            f"「{called}」は壊れた Parquet ファイルです: {str(error)[:120]}。",
        ) from error


def check_swelling(called: str, packed: int, size: int) -> None:
    """Raises InputError where `packed` bytes unpack to `size` and that is too many, or more than words ever do."""
    if size > MAX_BYTES or size > max(RATIO_FROM, LARGEST_RATIO * packed):
        raise InputError(
            f"“{called}” has {packed:,} bytes and unpacks to {size:,} or more, which no chat does. "
            "Take out repeated rows.",
            f"「{called}」は {packed:,} バイトですが、展開すると {size:,} バイト以上になります。"
            "会話ではありえない大きさなので、くり返しの行を除いてください。",
        )
