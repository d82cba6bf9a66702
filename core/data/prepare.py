"""From a log and a persona to rows and a ledger: the one entry for the page and for scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.ledger import OF_KIND, Book, Fate, Ledger
from core.data.rows import Meter, Row, clean, rows_of
from core.data.sessions import sessions
from core.data.split import hold_out
from core.errors import InputError
from core.logs.log import Log
from core.messages import Kind

DEFAULT_GAP_MINUTES = 60.0


@dataclass(frozen=True)
class Prepared:
    """Rows made of one log for one persona, and what became of every message."""

    persona: str
    train: tuple[Row, ...]
    heldout: tuple[Row, ...]
    ledger: Ledger
    sessions: int
    gap_minutes: float
    budget: int
    """Tokens a row may have in all."""
    source: str
    """Name of the log's file."""
    format: str
    """Id of the log's format."""


def prepare(log: Log, persona: str, *, meter: Meter, budget: int, gap_minutes: float = DEFAULT_GAP_MINUTES) -> Prepared:
    """Make rows of at most `budget` tokens from `log`, with `persona` as the side that is learned.

    Raises InputError when nobody speaks besides the persona, when the persona writes nothing, or when
    the gap or the budget leaves no room. A log that yields no row is no error: the ledger says why.
    """
    _check(log, persona, gap_minutes)
    room = budget - meter.fixed
    if room < 1:
        raise InputError(
            f"A row of {budget} tokens has no room for a turn: the prompt around it takes {meter.fixed}. "
            "Choose a longer row or a shorter persona text.",
            f"1 行 {budget} トークンでは会話が入りません（前置きだけで {meter.fixed} トークン）。"
            "行を長くするか、人格の説明を短くしてください。",
        )
    messages = log.messages
    book = Book(len(messages))
    for i, message in enumerate(messages):
        fate = OF_KIND.get(message.kind) or (None if clean(message.text) else Fate.EMPTY)
        if fate:
            book.enter((i,), fate)
    named = sum(speaker.texts > 0 for speaker in log.speakers()) > 2
    parts = sessions(messages, gap_minutes)
    made = [rows_of(part, messages, persona, book, meter=meter, room=room, named=named) for part in parts]
    train, heldout = hold_out([row for rows in made for row in rows])
    _enter(book, train, Fate.LEARNED)
    _enter(book, heldout, Fate.HELD_OUT)
    ledger = book.close(len(log.messages))
    return Prepared(
        persona=persona,
        train=train,
        heldout=heldout,
        ledger=ledger,
        sessions=len(parts),
        gap_minutes=gap_minutes,
        budget=budget,
        source=log.file_name,
        format=log.format.id,
    )


def _enter(book: Book, rows: Sequence[Row], learned: Fate) -> None:
    for row in rows:
        for turn, positions in zip(row.turns, row.positions, strict=True):
            book.enter(positions, learned if turn.role == "assistant" else Fate.CONTEXT)


def _check(log: Log, persona: str, gap_minutes: float) -> None:
    if not (math.isfinite(gap_minutes) and gap_minutes > 0):
        raise InputError(
            f"The gap between talks must be more than 0 minutes, not {gap_minutes}.",
            f"会話の区切りは 0 分より長くしてください（{gap_minutes}）。",
        )
    writers = {m.sender for m in log.messages if m.sender is not None and m.kind is Kind.TEXT}
    shown = [speaker.name for speaker in log.speakers()][:10]
    if len(writers) < 2:
        only = next(iter(writers), "")
        raise InputError(
            f"Only “{only}” writes in this log, so there is nobody to answer. Load a talk between two or more people, "
            "or correct the names that were read.",
            f"このログで話しているのは「{only}」だけで、返事の相手がいません。"
            "2 人以上のトークを読み込むか、読み取った名前を直してください。",
        )
    if persona not in writers:
        raise InputError(
            f"“{persona}” writes nothing in this log. Those who do: {', '.join(shown)}.",
            f"「{persona}」の発言がこのログにはありません。話している人：{'、'.join(shown)}。",
        )
