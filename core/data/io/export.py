"""Rows in the formats that other tools train on: the seed formats with ### marks, Alpaca, ShareGPT, OpenAI messages.

A row becomes one sample. Its exchanges are what the other side said and what the persona answered; where the
persona opens, the first has no words of the other side. Which of the persona's words are context only is told
where a format has a place for it (`weight` 0 and 1 in messages and ShareGPT, where a row has such words).
As JSONL, JSON or Parquet, each of which `datasets.load_dataset` reads.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.text import is_japanese

if TYPE_CHECKING:
    import pyarrow as pa

ExportFormat = Literal["instruction", "instruction_input", "alpaca", "sharegpt", "messages"]
FileType = Literal["jsonl", "json", "parquet"]
PreambleKind = Literal["none", "address", "statement"]
TextSample = dict[str, str | list[list[str]] | list[dict[str, str | int]]]

EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
FILE_TYPES: tuple[FileType, ...] = get_args(FileType)
SENTENCE_END = re.compile(r"[。．.!！?？」』）)]\s*\Z")
PARQUET_ROWS = 4096  # rows written at a time


@dataclass(frozen=True)
class Export:
    """How samples are written. Raises InputError for a format that there is none of."""

    format: ExportFormat = "instruction"
    """instruction: one text, `### 指示:` and `### 回答:`; instruction_input: the preamble is the 指示, and the
    other side's words are the `### 入力:` between them (without a preamble there is nothing to part)."""
    preamble: str = ""
    """Said before the other side's first words: "" for nothing; `preamble_text` makes one."""
    newline: str = "<NL>"
    """What a line break is written as in the texts with ### marks: "<NL>" as for rinna's models, or "\\n"."""
    separator: str = "\n"
    """Between the messages of one turn."""

    def __post_init__(self) -> None:
        if self.format not in EXPORT_FORMATS:
            raise InputError(
                f"There is no format “{self.format}”. Choose one of: {', '.join(EXPORT_FORMATS)}.",
                f"「{self.format}」という形式はありません。使えるもの：{'、'.join(EXPORT_FORMATS)}。",
            )


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said to the persona, with names in groups, and its answer."""

    asked: str
    answer: str
    learned: bool


def preamble_text(kind: PreambleKind, name: str, text: str = "", *, language: str | None = None) -> str:
    """The preamble before the other side's words: none, an address, or a statement of who is asked.

    `text` says who the persona is ("古代ギリシャの哲学者ソクラテス"); a whole sentence is taken unchanged.
    Without a `language` ("ja" or "en") the letters of the name or the text decide.

    >>> preamble_text("address", "ソクラテス")
    'ソクラテスさん。'
    >>> preamble_text("statement", "ソクラテス", "古代ギリシャの哲学者ソクラテス")
    'あなたは古代ギリシャの哲学者ソクラテスです。'
    """
    who = " ".join(text.split()) or name
    if kind == "none" or not who:
        return ""
    if kind == "address":
        return f"{name}さん。" if _is_japanese(name, language) else f"{name},"
    if SENTENCE_END.search(who):
        return who
    return f"あなたは{who}です。" if _is_japanese(who, language) else f"You are {who}."


def _is_japanese(text: str, language: str | None) -> bool:
    return is_japanese(text) if language is None else language == "ja"


def samples(rows: Sequence[Row], export: Export) -> Iterator[TextSample]:
    """Each row as one sample of the format; all of them have the same fields."""
    weighted = any(not turn.trained for row in rows for turn in row.turns)
    return (sample_of(row, export, weighted=weighted) for row in rows)


def sample_of(row: Row, export: Export, *, weighted: bool = False) -> TextSample:
    """One row as a sample; `weighted`: with the weights of the persona's messages, where the format has them."""
    said = exchanges(row, export)
    if export.format in ("instruction", "instruction_input"):
        return {"text": marked_text(said, export)}
    if export.format == "alpaca":
        *history, last = said
        asked = [_joined(export.preamble, said[0].asked), *(one.asked for one in said[1:])]
        return {
            "instruction": asked[-1], "input": "", "output": last.answer,
            "history": [[a, one.answer] for a, one in zip(asked, history, strict=False)],
        }  # fmt: skip
    own, other, role, content, top = (
        ("gpt", "human", "from", "value", "conversations")
        if export.format == "sharegpt"
        else ("assistant", "user", "role", "content", "messages")
    )
    messages: list[dict[str, str | int]] = []
    for number, one in enumerate(said):
        asked = one.asked if number else _joined(export.preamble, one.asked)
        if asked:
            messages.append({role: other, content: asked})
        messages.append({role: own, content: one.answer} | ({"weight": int(one.learned)} if weighted else {}))
    return {top: messages}


def exchanges(row: Row, export: Export) -> list[Exchange]:
    """The turns of a row by twos. A row never ends with words that nobody answers."""
    said: list[Exchange] = []
    asked: list[str] = []
    for k, turn in enumerate(row.turns):
        text = _words(turn, export.separator)
        if turn.role == "user":
            asked.append(text)
        elif not asked and said and row.is_trained(k) == said[-1].learned:  # a burst of which a part is a row's end
            before = said.pop()
            said.append(Exchange(before.asked, f"{before.answer}{export.separator}{text}", before.learned))
        else:
            said.append(Exchange(export.separator.join(asked), text, row.is_trained(k)))
            asked = []
    return said


def _words(turn: Turn, separator: str) -> str:
    text = separator.join(turn.messages)
    return f"{turn.name}: {text}" if turn.name else text


def _joined(preamble: str, asked: str) -> str:
    """The preamble and what is asked. Japanese needs no space between them."""
    space = "" if not preamble or not asked or is_japanese(preamble) else " "
    return f"{preamble}{space}{asked}"


def marked_text(said: Sequence[Exchange], export: Export) -> str:
    """The exchanges as one text with ### marks, one block behind the other."""
    with_input = export.format == "instruction_input" and export.preamble
    blocks = []
    for number, one in enumerate(said):
        preamble = "" if number else export.preamble
        if not with_input:
            parts = [("指示", _joined(preamble, one.asked))]
        else:
            parts = [("指示", preamble)] * (not number) + [("入力", one.asked)] * bool(one.asked or number)
        blocks += [f"### {mark}:\n{words}" for mark, words in (*parts, ("回答", one.answer))]
    return "\n\n".join(blocks).replace("\n", export.newline)


def write_samples(path: Path, rows: Sequence[Row], export: Export, file_type: FileType = "jsonl") -> int:
    """Write the rows to `path`; returns how many. Raises InputError when there are none: such a file loads nowhere."""
    made = samples(rows, export)
    first = next(made, None)
    if first is None:
        raise InputError("There are no rows to write.", "書き出す行がありません。")
    if file_type == "parquet":
        return _write_parquet(path, first, made)
    count = 1
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[\n" if file_type == "json" else "")
        file.write(json.dumps(first, ensure_ascii=False))
        for sample in made:
            file.write((",\n" if file_type == "json" else "\n") + json.dumps(sample, ensure_ascii=False))
            count += 1
        file.write("\n]\n" if file_type == "json" else "\n")
    return count


def _write_parquet(path: Path, first: TextSample, rest: Iterator[TextSample]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count, block = _schema(first), 0, [first]
    with pq.ParquetWriter(path, schema) as writer:
        while block:
            writer.write_table(pa.Table.from_pylist(block, schema=schema))
            count += len(block)
            block = [sample for _, sample in zip(range(PARQUET_ROWS), rest, strict=False)]
    return count


def _schema(sample: TextSample) -> "pa.Schema":
    """The columns of a format; the same for every sample, whatever the first one lacks."""
    import pyarrow as pa

    messages = {"messages": ("role", "content"), "conversations": ("from", "value")}
    columns = []
    for name in sample:
        if name in messages:
            fields = [(field, pa.string()) for field in messages[name]]
            weight = [("weight", pa.int64())] if any("weight" in message for message in sample[name]) else []
            columns.append((name, pa.list_(pa.struct(fields + weight))))
        else:
            columns.append((name, pa.list_(pa.list_(pa.string())) if name == "history" else pa.string()))
    return pa.schema(columns)
