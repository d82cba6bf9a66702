"""The leaderboard: measured candidates ranked, with what else is known of each, and their settings side by side.

First those that loop too often, or let out what was private, are barred; then bits per byte decide, as far as the
conversations can tell; of those within one standard error of the leader the simplest is recommended.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.evaluate.bits import common
from core.evaluate.degeneration import Degeneration, LearnedText, degeneration, equal_size
from core.evaluate.habits import Gap, gaps
from core.evaluate.measure import EvaluationSet, Measured
from core.evaluate.ranking import FEWEST, RankedScores, Ranking, Scores, rank
from core.evaluate.replies import real_replies
from core.evaluate.style import LEAST, StyleClassifier, StyledText, cross_validated_auc, length_matched

LOOPS_ALLOWED = 0.05  # share of the replies
MOST_CONVERSATIONS = 100_000  # more than this many to tell two apart is "never"


@dataclass(frozen=True)
class StyleFigures:
    """How like the persona the generated replies read. NaN where there are too few to tell."""

    likeness: float
    """Mean probability that they are the persona's, by the classifier of persona against others."""
    detection: float
    """AUC of real against generated replies: 0.5 where nobody can tell, 1 where all can."""


@dataclass(frozen=True)
class BoardLine:
    """One candidate on the leaderboard."""

    measured: Measured
    ranked: RankedScores | None
    """None where its model gives no bits."""
    control: float
    """Bits a byte of the other side's words; NaN where they are not known."""
    style: StyleFigures
    degeneration: Degeneration
    gaps: tuple[Gap, ...]
    barred: str
    """ "loops" or "leaks", where one of them keeps it from winning."""

    @property
    def specificity(self) -> float:
        """How many bits a byte more the other side's words cost: what it learned of this voice alone."""
        return self.control - self.ranked.value if self.ranked else math.nan


@dataclass(frozen=True)
class Leaderboard:
    """All candidates, the best first, those that may not win behind them, those without bits last."""

    lines: tuple[BoardLine, ...]
    ranking: Ranking
    occasions: int
    real_auc: float
    """How well the persona's real replies are told from the others' in this data set; NaN where that is not known."""
    real_likeness: float
    """What the classifier says of the persona's own validation replies."""

    @property
    def more_conversations(self) -> int | None:
        """How many conversations more it would take, at the same difference, to name a winner.

        0 where there is one, None where no number would do.
        """
        return 0 if self.ranking.winner else conversations_needed(self.ranking)

    def line(self, name: str) -> BoardLine | None:
        """The line of a candidate."""
        return next((one for one in self.lines if one.measured.name == name), None)


def leaderboard(
    data: EvaluationSet, measured: Sequence[Measured], leaks: Mapping[str, int] | None = None
) -> Leaderboard:
    """Rank what was measured on `data`; `leaks` are what leak checks found, by a candidate's digest.

    Raises InputError where they share no conversation, as their windows are too different.
    """
    learned, size = LearnedText(data.learned_replies), equal_size([one.replies for one in measured])
    wrong = {one.digest: degeneration(one.replies, data.occasions, learned, size) for one in measured}
    barred = {one.digest: _barred(wrong[one.digest], (leaks or {}).get(one.digest, 0)) for one in measured}
    held = {one.digest: one.bits for one in measured if one.bits}
    amounts, sizes = common(held)
    by_digest = {one.digest: one for one in measured}
    candidates = [
        Scores(digest, amounts[digest], by_digest[digest].complexity, barred[digest]) for digest in amounts
    ]  # fmt: skip
    ranking = rank(candidates, sizes) if candidates else Ranking((), 0, "", "")
    named = {one.scores.name: one for one in ranking.standings}
    order = [*named, *(one.digest for one in measured if one.digest not in named)]
    real, whose = real_replies(data.occasions), _Voices(data)
    lines = []
    for digest in order:
        one = by_digest[digest]
        control = one.control.bits_per_byte if one.control else math.nan
        style = StyleFigures(whose.likeness([reply.text for reply in one.replies]), _detection(data, one))
        lines.append(BoardLine(one, named.get(digest), control, style, wrong[digest], gaps(one.replies, real),
                               barred[digest]))  # fmt: skip
    return Leaderboard(tuple(lines), ranking, len(data.occasions), whose.auc,
                       whose.likeness([reply.text for reply in real]))  # fmt: skip


def conversations_needed(ranking: Ranking) -> int | None:
    """How many conversations more would tell the leader from the next; None where no number would."""
    rivals = [one.behind for one in ranking.standings[1:] if one.behind and not one.scores.barred]
    nearest = min(rivals, key=lambda one: one.difference, default=None)
    if nearest is None or nearest.difference <= 0:
        return None
    half = nearest.high - nearest.difference
    needed = max(FEWEST, math.ceil(ranking.conversations * (half / nearest.difference) ** 2))
    return max(1, needed - ranking.conversations) if needed <= MOST_CONVERSATIONS else None


def _barred(wrong: Degeneration, leaks: int) -> str:
    return "loops" if wrong.loops > LOOPS_ALLOWED else "leaks" if leaks else ""


def _detection(data: EvaluationSet, one: Measured) -> float:
    """AUC of real against generated replies, on conversations that were not learned."""
    texts = []
    for occasion, reply in zip(data.occasions, one.replies, strict=True):
        texts.append(StyledText("\n".join(occasion.real), occasion.conversation, own=True))
        if reply.messages:
            texts.append(StyledText(reply.text, occasion.conversation, own=False))
    return cross_validated_auc(texts, (data.info.persona, data.info.user))


class _Voices:
    """The persona against who it talks with, by the training conversations."""

    def __init__(self, data: EvaluationSet) -> None:
        self._names = (data.info.persona, data.info.user)
        found: dict[tuple[int, str, bool], StyledText] = {}
        for row in data.train:
            for turn in row.turns:
                text, own = "\n".join(turn.messages), turn.role == "assistant"
                found.setdefault((row.session, text, own), StyledText(text, row.session, own))
        matched = length_matched(list(found.values()))
        self.auc = cross_validated_auc(matched, self._names)
        enough = min(sum(one.own is own for one in matched) for own in (True, False)) >= LEAST
        self._classifier = StyleClassifier(matched, self._names) if enough else None

    def likeness(self, texts: Sequence[str]) -> float:
        """The mean probability that texts are the persona's."""
        said = [text for text in texts if text]
        return float(self._classifier.probabilities(said).mean()) if self._classifier and said else math.nan


def differences(measured: Sequence[Measured]) -> list[tuple[str, list[str]]]:
    """The settings in which candidates differ: (name, what each has, "" where that is not known)."""
    keys = dict.fromkeys(key for one in measured for key in one.settings)
    rows = [(key, [one.settings.get(key, "") for one in measured]) for key in keys]
    return [(key, values) for key, values in rows if len({value for value in values if value}) > 1]


COLUMNS = (
    "name", "base", "rank", "bits_per_byte", "low", "high", "p_best", "behind", "behind_low", "behind_high", "p_holm",
    "specificity", "likeness", "detection_auc", "loops", "copied", "ended", "distinct_1", "distinct_2", "compression",
    "barred",
)  # fmt: skip


def to_csv(board: Leaderboard, base_name: str) -> str:
    """The leaderboard for a spreadsheet: full precision, and no cell that would be run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in board.lines:
        one, ranked, wrong = line.measured, line.ranked, line.degeneration
        behind = ranked.behind if ranked else None
        figures = [
            *((ranked.value, ranked.low, ranked.high, ranked.best) if ranked else [math.nan] * 4),
            *((behind.difference, behind.low, behind.high, behind.p) if behind else [math.nan] * 4),
            line.specificity, line.style.likeness, line.style.detection, wrong.loops, wrong.copied, wrong.ended,
            wrong.distinct_1, wrong.distinct_2, wrong.compression,
        ]  # fmt: skip
        name = base_name if one.is_base else one.name
        cells = [harmless(name), harmless(one.base), str(one.complexity), *map(_number, figures), line.barred]
        writer.writerow(cells)
    return out.getvalue()


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").

    >>> harmless("=1+1"), harmless("aoi-01")
    ("'=1+1", 'aoi-01')
    """
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")) else text


def _number(value: float) -> str:
    return "" if not math.isfinite(value) else f"{value:.6g}"
