"""Which rows are kept aside to measure with: the latest, by whole sessions where that is fair."""

from collections.abc import Sequence

from core.data.rows import Row

SHARE = 0.1
LEAST, MOST = 0.05, 0.25  # of the learned messages


def hold_out(rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(rows to train on, rows held out): the last tenth of the sessions.

    They hold at least one row and a twentieth of what is learned. Where whole sessions would take
    more than a quarter (a play is one session) the last tenth of the persona's messages is held out
    instead, and a row is divided if need be. A single exchange is never held out.
    """
    if not rows:
        return (), ()
    by_session = _last_sessions(rows)
    total = sum(row.learned for row in rows)
    if by_session and sum(row.learned for row in rows[by_session:]) <= MOST * total:
        return tuple(rows[:by_session]), tuple(rows[by_session:])
    return _last_messages(rows, max(1, round(SHARE * total)))


def _last_sessions(rows: Sequence[Row]) -> int:
    """Where the held-out rows begin when whole sessions are taken; 0 when that leaves none."""
    numbers = list(dict.fromkeys(row.session for row in rows))
    total = sum(row.learned for row in rows)
    wanted = max(1, round(SHARE * len(numbers)))
    while wanted < len(numbers):
        first = numbers[-wanted]
        begin = next(i for i, row in enumerate(rows) if row.session == first)
        if sum(row.learned for row in rows[begin:]) >= LEAST * total:
            return begin
        wanted += 1
    return 0


def _last_messages(rows: Sequence[Row], wanted: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The last rows with `wanted` messages of the persona; the first of them is divided to fit."""
    train, held = list(rows), []
    while wanted > 0 and len(train) > 1 and train[-1].learned <= wanted:
        held.insert(0, train.pop())
        wanted -= held[0].learned
    turn = _divide(train[-1], wanted) if wanted > 0 else 0
    if turn:
        keep, give = train.pop().split(turn)
        train.append(keep)
        held.insert(0, give)
    elif not held and len(train) > 1:
        held.insert(0, train.pop())
    return tuple(train), tuple(held)


def _divide(row: Row, wanted: int) -> int:
    """The turn behind which the end of `row` holds `wanted` messages of the persona, as nearly as
    whole exchanges allow (but at least one exchange on each side); 0 when there is only one.
    """
    borders = [k + 1 for k, turn in enumerate(row.turns[:-1]) if turn.role == "assistant"]
    sizes = {k: sum(len(t.messages) for t in row.turns[k:] if t.role == "assistant") for k in borders}
    return min(borders, key=lambda k: (abs(sizes[k] - wanted), -k), default=0)
