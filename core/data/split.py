"""Which rows are kept aside to measure with: the latest, by whole sessions where that is fair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.data.rows import Row

SHARE = 0.1
LEAST, MOST = 0.5, 2.5  # times the share: how much of what is learned whole sessions may hold out


@dataclass(frozen=True)
class Splits:
    """Rows to train on, to measure with while training, and for one last test: earlier, later, latest."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]


def divide(
    rows: Sequence[Row], starts: Mapping[int, datetime | None], *, validation_share: float, test_share: float
) -> Splits:
    """Rows by time: the latest sessions are for the test, those before them for dev.

    `starts` tells when each session began. Where that is not known of every one, the order of the log
    counts: its last conversations or, of a single one, its end.
    """
    began = {row.session: starts.get(row.session) for row in rows}
    if all(began.values()):
        rows = sorted(rows, key=lambda row: (began[row.session], row.session))
    rest, test = split_validation(rows, test_share)
    train, validation = split_validation(rest, validation_share / (1 - test_share))
    return Splits(train, validation, test)


def split_validation(rows: Sequence[Row], share: float = SHARE) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(rows to train on, rows held out): the last `share` of the sessions.

    They hold at least one row and half the share of what is learned. Where whole sessions would take
    more than two and a half times the share (a play is one session) the last `share` of the persona's
    messages is held out instead, and a row is divided if need be. A single exchange is never held out,
    and nothing is where the share is 0.
    """
    if not rows or share <= 0:
        return tuple(rows), ()
    by_session = _last_sessions(rows, share)
    total = sum(row.trained_messages for row in rows)
    kept_aside = sum(row.trained_messages for row in rows[by_session:])
    if by_session and kept_aside <= min(MOST * share, 1 - share / 2) * total:
        return tuple(rows[:by_session]), tuple(rows[by_session:])
    return _last_messages(rows, max(1, round(share * total)))


def _last_sessions(rows: Sequence[Row], share: float) -> int:
    """Where the validation rows begin when whole sessions are taken; 0 when that leaves none."""
    begins: dict[int, int] = {}
    for i, row in enumerate(rows):
        begins.setdefault(row.session, i)
    firsts = list(begins.values())
    total = sum(row.trained_messages for row in rows)
    wanted = max(1, round(share * len(firsts)))
    while wanted < len(firsts):
        begin = firsts[-wanted]
        if sum(row.trained_messages for row in rows[begin:]) >= LEAST * share * total:
            return begin
        wanted += 1
    return 0


def _last_messages(rows: Sequence[Row], wanted: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The last rows with `wanted` messages of the persona; the first of them is divided to fit."""
    train, held = list(rows), []
    while wanted > 0 and len(train) > 1 and train[-1].trained_messages <= wanted:
        held.append(train.pop())
        wanted -= held[-1].trained_messages
    turn = _divide(train[-1], wanted) if wanted > 0 else 0
    if turn:
        keep, give = train.pop().split(turn)
        train.append(keep)
        held.append(give)
    elif not held and len(train) > 1:
        held.append(train.pop())
    return tuple(train), tuple(reversed(held))


def _divide(row: Row, wanted: int) -> int:
    """The turn behind which the end of `row` holds `wanted` messages of the persona, as nearly as
    whole exchanges allow (but at least one exchange on each side); 0 when there is only one.
    """
    borders = [k + 1 for k in range(len(row.turns) - 1) if row.is_trained(k)]
    sizes = {k: row.trained_messages_in(range(k, len(row.turns))) for k in borders}
    return min(borders, key=lambda k: (abs(sizes[k] - wanted), -k), default=0)
