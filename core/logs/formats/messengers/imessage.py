"""iMessage as text (imessage-exporter): a line with date and time, a line with the sender, the words.

A reply stands twice, indented under the message it answers and again at its own time. It is read once,
with a link to what it answers; the other copy is counted with the marks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from core.logs.log import Format, Hints, LineCount, Log
from core.logs.parsing.decode import split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("imessage", Text("iMessage (text of imessage-exporter)", "iMessage（imessage-exporter のテキスト）"))
HEAD = re.compile(
    r"(?P<indent> *)(?P<when>[A-Z][a-z]{2} \d{2}, \d{4} +\d{1,2}:\d{2}:\d{2} [AP]M)(?P<read> \([^)\n]*\))?"
    r"(?:(?P<notice> \S.*)|\s*)"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BLOCK = re.compile(r"(?:Tapbacks|Reactions|Edits?):\s*")
ANSWER = "This message responded to an earlier message."
PATH = re.compile(r"(?:~?/|attachments/|[A-Z]:\\)[^\n]*\.\w{2,5}|Attachment missing!?|Unable to locate attachment.*")
STICKER = re.compile(r"Sticker from .{1,60}: .*")
UNSENT = re.compile(r".{1,60} unsent (?:a message|this message part).*")
CALL = re.compile(r".{0,40}(?:SharePlay|FaceTime|Missed call).{0,60}")
# What other phones get for a tapback: a sentence that quotes the message.
TAPBACK = re.compile(
    r"(?:(?:Loved|Liked|Disliked|Laughed at|Emphasi[sz]ed|Questioned|Reacted [^\n]{1,20} to)"
    r"|Removed (?:an? [^\n]{1,30}|[^\n]{1,8}) from)"
    r" (?:[“\"].{0,4000}[”\"]|an? (?:image|movie|attachment|video|sticker))",
    re.DOTALL,
)
EXPRESSIVE = re.compile(r"Sent with .{1,30}")


@dataclass(frozen=True, slots=True)
class _Block:
    """One head and the lines below it; `indent` is 0 at the top level."""

    indent: int
    message: Message
    lines: int
    answers: bool


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines."""
    return sum(bool(HEAD.fullmatch(line)) for line in lines)


def read(text: str, hints: Hints) -> Log:
    """Every message once, with replies linked."""
    records = split_records(text, HEAD.fullmatch)
    lines = records.texts
    heads = [i for i, line in enumerate(lines) if HEAD.fullmatch(line)]
    blank = sum(not line.strip() for line in lines)
    above = [i for i in range(heads[0] if heads else len(lines)) if lines[i].strip()]
    messages = [Message(None, lines[i], records.starts[i], Kind.UNKNOWN) for i in above]
    blocks = [_block(lines, records.starts, a, b) for a, b in pairwise([*heads, len(lines)])]
    twice, used = 0, 0
    copies = {(b.message.time, b.message.sender, b.message.text) for b in blocks if b.indent == 0 and b.answers}
    waiting: dict[tuple[datetime | None, str | None, str], int] = {}
    parent = None
    for block in blocks:
        key = (block.message.time, block.message.sender, block.message.text)
        if block.indent and key in copies:
            if parent is not None:
                waiting[key] = parent
            twice += block.lines
            continue
        own = waiting.get(key) if block.answers else parent if block.indent else None
        if block.indent == 0:
            parent = len(messages)
        messages.append(replace(block.message, reply_to=own))
        used += block.lines
    inner = sum(line.count("\n") for line in lines)
    count = LineCount(records.total, used + inner, twice, blank, len(above))
    return Log(FORMAT, tuple(messages), count, notes=(_note(twice),) if twice else ())


def _block(lines: Sequence[str], starts: Sequence[int], first: int, end: int) -> _Block:
    """The block of lines[first:end]; its written lines are counted, blank ones apart."""
    head = HEAD.fullmatch(lines[first])
    assert head is not None, "every block begins with its head"
    indent, time, number = len(head["indent"]), _moment(head["when"]), starts[first]
    written = sum(bool(line.strip()) for line in lines[first:end])
    if head["notice"]:
        words = head["notice"].strip()
        kind = Kind.UNSENT if UNSENT.fullmatch(words) else Kind.SYSTEM
        return _Block(indent, Message(None, words, number, kind, time), written, False)
    body = [line[indent:] if line[:indent].isspace() else line for line in lines[first + 1 : end]]
    sender = body[0].strip() if body else ""
    words, answers = _words(body[1:])
    message = Message(sender or None, words, number, _kind(words, sender), time)
    return _Block(indent, message, written, answers)


def _words(body: Sequence[str]) -> tuple[str, bool]:
    """The typed lines, and whether they answer a message; tapbacks are left out."""
    kept: list[str] = []
    skipping = False
    for line in body:
        if BLOCK.fullmatch(line):
            skipping = True
        elif skipping and (line.startswith("    ") or re.match(r"\s*\S+ by ", line)):
            continue
        else:
            skipping = skipping and not line.strip()
            kept.append(line)
    answers = ANSWER in kept
    words = "\n".join(line for line in kept if line != ANSWER and not EXPRESSIVE.fullmatch(line))
    return words.strip("\n"), answers


def _kind(words: str, sender: str) -> Kind:
    lines = [line for line in words.split("\n") if line.strip()]
    if not sender:
        return Kind.SYSTEM
    if not lines or all(map(PATH.fullmatch, lines)):
        return Kind.MEDIA
    if all(map(STICKER.fullmatch, lines)):
        return Kind.STICKER
    if UNSENT.fullmatch(words):
        return Kind.UNSENT
    if TAPBACK.fullmatch(words):
        return Kind.SYSTEM
    return Kind.CALL if CALL.fullmatch(words) and words.startswith(("SharePlay", "FaceTime", "Missed")) else Kind.TEXT


def _moment(when: str) -> datetime | None:
    match = re.fullmatch(r"([A-Z][a-z]{2}) (\d{2}), (\d{4}) +(\d{1,2}):(\d{2}):(\d{2}) ([AP])M", when)
    if match is None:
        return None
    try:
        hour = int(match[4]) % 12 + 12 * (match[7] == "P")
        return datetime(int(match[3]), MONTHS.index(match[1]) + 1, int(match[2]), hour, int(match[5]), int(match[6]))
    except ValueError:
        return None


def _note(lines: int) -> Text:
    return Text(
        f"Replies stand twice in this export; {lines} lines of second copies were counted but not read again.",
        f"この形式では返信が 2 か所に出ます。重複した {lines} 行は数えるだけにしました。",
    )
